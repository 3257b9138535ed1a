"""One content in every form that a reader takes, and file objects that misbehave."""

import io
import os
import threading
from itertools import pairwise

from reference_csv import split

SQUARES = b"t,x\n" + b"".join(b"%d,%d\n" % (n, n * n) for n in range(1000))
"""A CSV file of a thousand rows."""


class Trickle:
    """A file object over a generator that gives at most `size` bytes a read."""

    def __init__(self, data, size=7):
        self.pieces = (data[at : at + size] for at in range(0, len(data), size))

    def read(self, size=-1):
        return next(self.pieces, b"")


class Cuts:
    """A file object that ends its reads exactly at the given offsets."""

    def __init__(self, data, *offsets):
        edges = [0, *sorted(offsets), len(data)]
        self.pieces = [data[a:b] for a, b in pairwise(edges) if a < b]

    def read(self, size=-1):
        return self.pieces.pop(0) if self.pieces else b""


class Watched(io.BytesIO):
    """A file object that counts its reads."""

    reads = 0

    def read(self, *size):
        self.reads += 1
        return super().read(*size)


class Failing:
    """A file object whose read raises `error` once `data` has been read."""

    def __init__(self, data, error):
        self.data, self.error = [data], error

    def read(self, size=-1):
        if self.data:
            return self.data.pop()
        raise self.error


def path(data, folder):
    """The path of a file that holds `data`."""
    target = folder / "one.csv"
    target.write_bytes(data)
    return target


def paths(data, folder):
    """Two files that together hold the rows of `data`, each with its header."""
    records, _ = split(data)
    middle = records[len(records) // 2].byte if len(records) > 2 else len(data)
    header = data[: records[1].byte] if len(records) > 1 else data
    one, two = folder / "1.csv", folder / "2.csv"
    one.write_bytes(data[:middle])
    two.write_bytes(header + data[middle:])
    return [one, str(two)]


def binary_file(data, folder):
    """An open binary file."""
    return path(data, folder).open("rb")


def pipe(data, folder):
    """The reading end of a pipe that another thread fills."""
    reading, writing = os.pipe()
    _fill(lambda: os.fdopen(writing, "wb"), data)
    return os.fdopen(reading, "rb")


def fifo(data, folder):
    """The path of a named pipe that another thread fills."""
    target = folder / "fifo"
    os.mkfifo(target)
    _fill(lambda: target.open("wb"), data)
    return target


def close(source):
    """Closes a source that is an open file."""
    if hasattr(source, "close"):
        source.close()


def _fill(open_, data):
    def write():
        try:
            with open_() as file:
                file.write(data)
        except BrokenPipeError:
            pass  # the reader had enough

    threading.Thread(target=write, daemon=True).start()


FORMS = {
    "path": path,
    "str": lambda data, folder: str(path(data, folder)),
    "paths": paths,
    "bytes": lambda data, folder: data,
    "file": binary_file,
    "memory": lambda data, folder: io.BytesIO(data),
    "pipe": pipe,
    "fifo": fifo,
    "generator": lambda data, folder: Trickle(data),
}
"""Every form of a source by name: functions of the content and a fresh folder."""
