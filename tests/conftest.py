"""Fixtures: one content in every source form; profiles of the property tests."""

import os
import signal
import subprocess
import sys

import pytest
from hypothesis import HealthCheck, settings

pytest.register_assert_rewrite("compare")

from sources import FORMS, close  # noqa: E402

settings.register_profile(
    "ci",
    derandomize=True,
    max_examples=60,
    deadline=None,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.register_profile("deep", settings.get_profile("ci"), derandomize=False, max_examples=2_000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))


@pytest.fixture(params=FORMS)
def source(request, tmp_path):
    """A function that puts bytes into one of the forms that a reader takes."""
    made = []

    def source(data):
        made.append(FORMS[request.param](data, tmp_path))
        return made[-1]

    yield source
    for one in made:
        close(one)


# A shell that runs a command in the background lets it ignore Ctrl-C, and so its children.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture
def run():
    """Runs a Python script in a child; gives the finished process with its output as text."""

    def run(script, *args, timeout=20, **options):
        command = [sys.executable, "-c", script, *map(str, args)]
        return subprocess.run(command, capture_output=True, text=True, timeout=timeout, **options)

    return run


@pytest.fixture
def start():
    """Starts a Python script in a child that is ended with the test."""
    children = []

    def start(script, *args, **options):
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        children.append(subprocess.Popen([sys.executable, "-c", script, *map(str, args)], **pipes | options))
        return children[-1]

    yield start
    for child in children:
        child.kill()
        child.communicate()
