"""Pipes that somebody writes into while they are read."""

import os
import time

import rillet as rl


class Pipe:
    """A named pipe with columns `t` and `x`, and who writes into it."""

    def __init__(self, folder, name, **options):
        self.path = folder / name
        self.options = options
        os.mkfifo(self.path)
        self.file = os.fdopen(os.open(self.path, os.O_RDWR), "wb", buffering=0)
        self.write("t,x\n")

    def write(self, text):
        """Writes lines of text."""
        self.file.write(text.encode())

    def stream(self, **options):
        """The stream of what is written."""
        schema = {"t": "int64", "x": "string"}
        return rl.read_csv(self.path, time="t", schema=schema, **self.options, **options)


def polled(it, seconds):
    """The last column of what polling gives for so long."""
    until, got = time.monotonic() + seconds, []
    while time.monotonic() < until:
        batch = it.poll()
        got += [row[-1] for row in batch.rows()] if batch is not None else []
    return got
