"""Pipes and standard input: read once, whoever asks first, and never waited for in vain."""

import copy
import os
import signal
import threading
import time

import pytest

import rillet as rl
from compare import rows

ROWS = 200_000
TOTAL = {"n": rl.count(), "first": rl.first("a"), "total": rl.sum("a")}
WANT = [(ROWS, 0, ROWS * (ROWS - 1) // 2)]


@pytest.fixture
def written(tmp_path):
    """Pipes into which somebody writes numbers."""
    writers = []

    def make(header="a"):
        path = tmp_path / f"pipe {len(writers)}"
        os.mkfifo(path)
        text = f"{header}\n" * bool(header) + "".join(f"{n}\n" for n in range(ROWS))
        writers.append(threading.Thread(target=path.write_text, args=[text]))
        writers[-1].start()
        return path

    yield make
    for writer in writers:
        writer.join(10)


@pytest.mark.parametrize("header", ["a", ""])
def test_looking_at_columns_takes_no_rows(written, header):
    stream = rl.read_csv(written(header), names=None if header else ["a"])
    assert dict(stream.schema) == dict(stream.filter(rl.col("a") >= 0).schema) == {"a": "int64"}
    total = stream.group_by().agg(**TOTAL)
    assert list(total.schema) == ["n", "first", "total"]
    assert rows(total) == WANT


def test_looking_at_columns_robs_no_run(written):
    stream = rl.read_csv(written(), batch_rows=1000)
    it = iter(stream)
    got = len(next(it))
    assert dict(stream.select("a").schema) == dict(stream.schema) == {"a": "int64"}
    assert got + sum(len(batch) for batch in it) == ROWS


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy])
def test_a_copy_shares_what_has_been_opened(written, copied):
    stream = rl.read_csv(written())
    assert dict(stream.schema) == {"a": "int64"}
    other = copied(stream)
    assert other == stream and rows(other.group_by().agg(**TOTAL)) == WANT
    with pytest.raises(rl.StreamConsumedError):
        iter(stream)


def test_a_second_run_is_an_error(written):
    stream = rl.read_csv(written(), batch_rows=1000)
    it = iter(stream)
    got = len(next(it))
    for other in (stream, stream.group_by().agg(**TOTAL)):
        with pytest.raises(rl.StreamConsumedError, match="a pipe can be read only once"):
            iter(other)
    assert got + sum(len(batch) for batch in it) == ROWS
    with pytest.raises(rl.StreamConsumedError):
        iter(stream)


def test_a_pipe_among_files_is_read_once(written, tmp_path):
    (tmp_path / "file").write_text("a\n1\n")
    stream = rl.read_csv([tmp_path / "file", written()])
    assert rows(stream.group_by().agg(n=rl.count())) == [(ROWS + 1,)]
    with pytest.raises(rl.StreamConsumedError):
        rows(stream)


def test_several_pipes_are_read_side_by_side(written):
    one, other = (rl.read_csv(written(), time="a") for _ in range(2))
    both = rl.merge(one, other)
    assert list(both.schema) == ["a"]
    assert rows(both.group_by().agg(**TOTAL)) == [(2 * ROWS, 0, 2 * WANT[0][2])]


STDIN = """
import rillet as rl
stream = rl.read_csv("-", names=["a"])
assert dict(stream.schema) == dict(rl.read_csv("-", names=["a"]).schema) == {"a": "int64"}
it = iter(stream.group_by().agg(n=rl.count(), first=rl.first("a"), total=rl.sum("a")))
print(dict(stream.schema))
print([row for batch in it for row in batch.rows()])
try:
    iter(rl.read_csv("-", names=["a"]))
except rl.StreamConsumedError as error:
    print(error)
"""


def test_standard_input_is_one_whoever_reads_it(start, tmp_path):
    target = tmp_path / "numbers"
    target.write_text("".join(f"{n}\n" for n in range(ROWS)))
    with target.open("rb") as file:
        child = start(STDIN, stdin=file)
        output, errors = child.communicate(timeout=60)
    assert not errors
    columns, total, message = output.splitlines()
    assert columns == "{'a': 'int64'}" and total == str(WANT) and "can be read only once" in message


OPENING = """
import sys, rillet as rl
stream = rl.read_csv({source})
print("ready", flush=True)
try:
    stream.schema
except KeyboardInterrupt:
    print("interrupted", flush=True)
print(dict(stream.schema))
"""


def test_ctrl_c_is_answered_while_a_pipe_is_opened_and_loses_nothing(start):
    reading, writing = os.pipe()
    try:
        child = start(OPENING.format(source="'-'"), stdin=reading)
        os.close(reading)
        assert child.stdout.readline() == "ready\n"
        os.write(writing, b"name\n")
        time.sleep(0.3)
        sent = time.monotonic()
        child.send_signal(signal.SIGINT)
        assert child.stdout.readline() == "interrupted\n"
        assert time.monotonic() - sent < 1
        os.write(writing, b"1\n2\n")
    finally:
        os.close(writing)
    assert child.communicate(timeout=10) == ("{'name': 'int64'}\n", "")


def test_rows_of_a_pipe_do_not_wait_for_others(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with os.fdopen(os.open(tmp_path / "pipe", os.O_RDWR), "wb", buffering=0) as file:
        file.write(b"t\n0\n5\n9\n10\n1")
        stream = rl.read_csv(tmp_path / "pipe", time="t", schema={"t": "int64"})
        with iter(stream.window(rl.tumbling(10)).agg(n=rl.count())) as it:
            assert list(next(it).rows()) == [(0, 10, 3)]
            assert it.poll() is None
            file.write(b"1\n12\n20\n")
            assert list(next(it).rows()) == [(10, 20, 3)]


def test_batches_of_a_reader_are_of_one_size_though_rows_come_one_by_one(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    file = os.fdopen(os.open(tmp_path / "pipe", os.O_RDWR), "wb", buffering=0)
    file.write(b"x\n1\n")
    it = iter(rl.read_csv(tmp_path / "pipe", schema={"x": "int64"}, batch_rows=2))
    assert it.poll() is None
    file.write(b"2\n3\n")
    assert next(it)["x"].tolist() == [1, 2]
    file.close()
    assert [batch["x"].tolist() for batch in it] == [[3]]
