"""``merge``: several streams as one."""

from typing import Any

from rillet import _core
from rillet._errors import ArgumentTypeError
from rillet._stream import Stream


def merge(*streams: Stream, idle_timeout: Any = None) -> Stream:
    """Several streams with the same columns as one, in the order of their event times.

    A row comes out as soon as no other stream can have one that comes before it; rows of one time come in the order
    of the streams. Each stream keeps its own order: a row that is behind the latest before it comes where its stream
    is. So event time has come as far as in the stream that is behind all others, and one batch of each is all that is
    held. A stream that has ended is not waited for.

    Parameters
    ----------
    streams
        The streams. Their columns are alike, and each has an event time.
    idle_timeout
        How long a stream that is live may have nothing before the others do not wait for it: a text such as ``"5s"``
        or a ``timedelta``, by the clock on the wall. When it has rows again, they may be late. Python iterables and
        file objects are never idle, since asking them waits for their answer; the paths of pipes, and standard input,
        are. By default all are waited for, and no clock is looked at.

    Raises
    ------
    ArgumentError, ArgumentTypeError
        At the call; at ``.schema`` or ``iter()`` if the streams are not alike.

    Examples
    --------
    >>> import rillet as rl
    >>> bids = rl.read_csv(b"t,x\\n1,10\\n4,11\\n", time="t")
    >>> asks = rl.read_csv(b"t,x\\n2,20\\n3,21\\n", time="t")
    >>> [row for batch in rl.merge(bids, asks) for row in batch.rows()]
    [(1, 10), (2, 20), (3, 21), (4, 11)]
    """
    for stream in streams:
        if not isinstance(stream, Stream):
            raise ArgumentTypeError(f"merge takes streams, not {type(stream).__name__}")
    plan = _core.Plan.merge([stream._plan for stream in streams], idle_timeout)
    hosts = tuple(host for stream in streams for host in stream._hosts)
    return Stream(plan, hosts, tuple(opened for stream in streams for opened in stream._opened))
