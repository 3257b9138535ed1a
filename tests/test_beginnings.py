"""The beginnings of files, which tell their columns: read in linear time and bounded memory, however they are cut."""

import io
import time

import pytest

import rillet as rl
from compare import rows
from sources import Trickle


def seconds(work):
    """How long it takes, by the clock of the process."""
    start = time.process_time()
    work()
    return time.process_time() - start


@pytest.mark.parametrize(
    ("data", "options"),
    [
        (b"a,b\n" + b"1,2.5\n" * 300_000, {"infer_rows": 250_000}),
        (b"a,b\n" + b'1,"x"\r\n' * 200_000, {"infer_rows": 150_000}),
        (b"\n" * 1_500_000 + b"a\n1\n", {}),
        (b"#c\n" * 500_000 + b"a\n1\n", {"comment": "#"}),
        (b"x\n" * 700_000 + b"a\n1\n", {"skip_rows": 700_000}),
        (b"x" * 1_500_000 + b"\na\n1\n", {"skip_rows": 1}),
        (b'"' + b"x\n" * 700_000 + b'"\n1\n', {}),
        (b"a\n" + b'"' + b"x\n" * 700_000 + b'"\n', {}),
    ],
    ids=["rows", "quotes", "blanks", "comments", "skipped", "long", "header", "field"],
)
def test_a_file_that_is_read_in_little_pieces_takes_linear_time(data, options):
    # Starting over with each piece would take minutes.
    whole = rl.read_csv(data, **options).schema
    assert seconds(lambda: rl.read_csv(Trickle(data, 200), **options).schema) < 10
    assert rl.read_csv(Trickle(data, 1 << 17), **options).schema == whole


@pytest.mark.parametrize(
    ("line", "comment", "form"),
    [(b"\r\n", None, "file"), (b"#" * 1000 + b"\n", "#", "file"), (b"#" * 1000 + b"\n", "#", "path")],
    ids=["blanks", "comments", "path"],
)
def test_what_comes_before_the_header_is_bounded(line, comment, form, tmp_path):
    class Endless:
        given = 0

        def read(self, size=-1):
            self.given += 1 << 18
            return line * ((1 << 18) // len(line))

    source = Endless()
    if form == "path":
        source = tmp_path / "one.csv"
        source.write_bytes(line * ((70 << 20) // len(line)))
    with pytest.raises(rl.LimitError, match=r"within the first 67108864 bytes.*max_line=") as caught:
        iter(rl.read_csv(source, comment=comment))
    assert caught.value.argument == "max_line" and getattr(source, "given", 0) < 70 << 20


def test_a_header_far_down_is_read_if_that_is_asked_for():
    data = (b"#" * 1023 + b"\n") * (65 << 10) + b"a\n1\n"
    with pytest.raises(rl.LimitError):
        rl.read_csv(io.BytesIO(data), comment="#").schema  # noqa: B018
    assert rows(rl.read_csv(io.BytesIO(data), comment="#", max_line=66 << 20)) == [(1,)]


def test_a_live_file_is_not_read_further_than_it_must():
    pieces = iter([b"a,", b"b,", b"c\n", b"1,2,3\n"])

    class Live:
        def read1(self, size=-1):
            return next(pieces)

        read = read1

    stream = rl.read_csv(Live(), schema={"a": "int64", "b": "int64", "c": "int64"}, batch_rows=1)
    assert list(stream.schema) == ["a", "b", "c"]
    assert rows([next(iter(stream))]) == [(1, 2, 3)]


def test_an_error_of_the_beginning_comes_again():
    stream = rl.read_csv(Trickle(b"a,a\nb,c\n1,2\n", 4))
    for _ in range(2):
        with pytest.raises(rl.ArgumentError, match="two columns named"):
            stream.schema  # noqa: B018


X = b"x" * 51
LONG = {
    "header": (X + b"\n1\n2\n", {}),
    "returned": (X[1:] + b"\r\n1\n2\n", {}),
    "unended": (X, {}),
    "quoted": (b'"' + b"x\n" * 25 + b'"\n1\n', {}),
    "comment": (b"#" + X[1:] + b"\na\n1\n", {"comment": "#"}),
    "second comment": (b"#\n\n#" + X[1:] + b"\na\n1\n", {"comment": "#"}),
    "skipped": (b"x\n" + X + b"\na\n1\n", {"skip_rows": 2}),
    "last skipped": (b"x\n" + X, {"skip_rows": 2, "names": ["a"]}),
    "skipped, then names": (X + b"\n1\n", {"skip_rows": 1, "names": ["a"]}),
}


@pytest.mark.parametrize(("data", "options"), LONG.values(), ids=LONG)
@pytest.mark.parametrize("size", [1, 40, 51, 52, 60, 1000])
def test_a_long_line_before_the_rows_is_a_limit_however_the_file_is_cut(data, options, size):
    messages = set()
    for source in (data, Trickle(data, size)):
        with pytest.raises(rl.LimitError) as caught:
            iter(rl.read_csv(source, max_line=50, **options))
        error = caught.value
        messages.add((error.argument, error.limit, error.line, error.byte, str(error).split(": ", 1)[1]))
    ((argument, limit, *_),) = messages
    assert (argument, limit) == ("max_line", 50)
    rest = Trickle(data, size)
    assert list(rl.read_csv(rest, max_line=53, **options)) == list(rl.read_csv(data, max_line=53, **options))


def test_no_line_is_too_long_for_the_highest_limit():
    most = 2**63 - 1
    assert rows(rl.read_csv(b"x\na\n1\n", skip_rows=1, max_line=most, infer_rows=most)) == [(1,)]


def test_a_long_line_of_a_later_file_is_a_limit(tmp_path):
    for name, header in (("1.csv", b"a"), ("2.csv", b"\n" * 60 + b'"a"' + b" " * 50)):
        (tmp_path / name).write_bytes(header + b"\n1\n")
    with pytest.raises(rl.LimitError, match="max_line=50"):
        list(rl.read_csv(tmp_path / "*.csv", max_line=50))


@pytest.mark.parametrize("size", [1, 10, 100])
def test_rows_behind_a_long_line_have_no_say_in_the_types(size):
    data = b"a\n1\n" + b"1" * 60 + b"\nx\n"
    whole = rl.read_csv(data, max_line=50)
    stream = rl.read_csv(Trickle(data, size), max_line=50)
    assert stream.schema == whole.schema == rl.Schema({"a": "int64"})
    for read in (whole, stream):
        it = iter(read)
        with pytest.raises(rl.LimitError, match="line 3"):
            list(it)
