"""The package: its names, their documentation, and what the core may not know."""

import doctest
import inspect
import pathlib
import shutil
import subprocess

import pytest

import rillet as rl
from rillet import _core

ROOT = pathlib.Path(__file__).resolve().parent.parent

PUBLIC = {name: value for name, value in vars(rl).items() if not name.startswith("_") and not inspect.ismodule(value)}


def test_all_is_complete_and_sorted():
    assert sorted(rl.__all__) == list(rl.__all__)
    assert {name for name in rl.__all__ if not name.startswith("_")} == set(PUBLIC)


@pytest.mark.parametrize(
    "name",
    [
        "read_csv",
        "from_batches",
        "from_rows",
        "from_arrow",
        "tumbling",
        "hopping",
        "count",
        "sum",
        "mean",
        "min",
        "max",
        "first",
        "last",
        "var",
        "std",
        "col",
        "lit",
        "Stream",
        "BatchIterator",
        "Batch",
        "Error",
    ],
)
def test_the_face_is_there(name):
    assert name in rl.__all__


@pytest.mark.parametrize("name", sorted(PUBLIC))
def test_every_public_name_is_documented(name):
    value = PUBLIC[name]
    assert inspect.getdoc(value), name
    if inspect.isclass(value) and value.__module__.startswith("rillet"):
        for method, function in vars(value).items():
            if not method.startswith("_") and (callable(function) or isinstance(function, property)):
                assert inspect.getdoc(getattr(value, method)), f"{name}.{method}"


@pytest.mark.parametrize("name", ["read_csv", "from_batches", "from_rows", "from_arrow", "tumbling", "hopping"])
def test_options_are_keyword_only_and_examples_are_given(name):
    function = getattr(rl, name)
    kinds = {p.name: p.kind for p in inspect.signature(function).parameters.values()}
    assert inspect.Parameter.KEYWORD_ONLY in kinds.values()
    assert inspect.Parameter.VAR_KEYWORD not in kinds.values()
    assert ">>>" in inspect.getdoc(function)


def test_public_names_say_where_they_live():
    for name in ("Batch", "BatchIterator", "Stream", "Error"):
        assert getattr(rl, name).__module__.startswith("rillet")


def test_the_package_is_typed():
    assert (pathlib.Path(rl.__file__).parent / "py.typed").is_file()


def test_importing_needs_numpy_alone(run):
    done = run("import sys, rillet; print(*sys.modules)")
    assert done.stderr == ""
    loaded = {name.split(".")[0] for name in done.stdout.split()}
    assert "rillet" in loaded and not loaded & {"pyarrow", "polars", "pandas", "duckdb"}


@pytest.mark.skipif(shutil.which("cargo") is None, reason="needs cargo")
def test_the_core_knows_nothing_of_python():
    command = ["cargo", "tree", "-p", "rillet-core", "-e", "normal", "--offline", "--locked"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.startswith("rillet-core")
    assert "pyo3" not in done.stdout and "numpy" not in done.stdout


def test_tests_speak_to_the_public_face_only():
    for file in sorted((ROOT / "tests").glob("*.py")):
        if file != pathlib.Path(__file__):
            assert "rillet._" not in file.read_text(), file.name


def test_the_examples_of_the_native_classes_run():
    stub = pathlib.Path(rl.__file__).with_name("_core.pyi").read_text()
    stub = stub.replace('"""', "\n").replace("\\\\", "\\")
    native = [vars(_core)[name].__doc__ or "" for name in _core.__all__ if name != "__version__"]
    runner = doctest.DocTestRunner()
    for text in [stub, *native]:
        runner.run(doctest.DocTestParser().get_doctest(text, {}, "_core", None, 0))
    assert runner.tries > 15 and runner.failures == 0
