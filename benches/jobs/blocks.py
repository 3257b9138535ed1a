"""A CSV file as blocks of whole lines, parsed by a pool of two threads: the fast form for pyarrow and pandas."""

from __future__ import annotations

from collections import deque
from concurrent.futures import ThreadPoolExecutor

BLOCK = 1 << 20


def blocks(path: str, header: bool = True):
    """The bytes of the file without its header, cut after line ends (no quoted field holds one)."""
    with open(path, "rb") as file:
        if header:
            file.readline()
        rest = b""
        while chunk := file.read(BLOCK):
            cut = chunk.rfind(b"\n") + 1
            if cut:
                yield rest + chunk[:cut]
                rest = chunk[cut:]
            else:
                rest += chunk
        if rest:
            yield rest


def parsed(path: str, parse, header: bool = True, ahead: int = 4):
    """`parse(block)` for each block, in order, at most `ahead` of them in flight."""
    with ThreadPoolExecutor(2) as pool:
        waiting = deque()
        for block in blocks(path, header):
            waiting.append(pool.submit(parse, block))
            if len(waiting) >= ahead:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
