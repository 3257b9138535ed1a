"""Read anything in chunks, and aggregate it over windows while it arrives.

>>> import rillet as rl
>>> data = b"ts,price\\n2024-01-01T09:00:01,5\\n2024-01-01T09:00:59,7\\n2024-01-01T09:01:00,6\\n"
>>> ticks = rl.read_csv(data, time="ts")
>>> bars = ticks.window(rl.tumbling("1m")).agg(high=rl.max("price"), trades=rl.count())
>>> for batch in bars:
...     print(batch["high"], batch["trades"])
[7] [2]
[6] [1]
"""

from collections.abc import Mapping as _Mapping
from types import FunctionType as _FunctionType

from rillet._aggregates import (
    count,
    cumulate,
    first,
    hopping,
    last,
    max,
    mean,
    min,
    session,
    std,
    sum,
    tumbling,
    var,
)
from rillet._core import (
    Aggregate,
    Batch,
    BatchIterator,
    Expr,
    Operator,
    Schema,
    Windows,
    __version__,
    categorical,
    col,
    lit,
)
from rillet._errors import (
    AheadRowError,
    ArgumentError,
    ArgumentTypeError,
    BadRowError,
    ColumnNotFoundError,
    DataError,
    Error,
    ForkError,
    InternalError,
    KeptRowsError,
    LateRowError,
    LimitError,
    NullValueError,
    ReentrantError,
    ResultOverflowError,
    SchemaError,
    SourceError,
    SourceIsDirectoryError,
    SourceNotFoundError,
    SourcePermissionError,
    StateLimitError,
    StreamConsumedError,
)
from rillet._merge import merge
from rillet._sources import from_arrow, from_batches, from_push, from_rows, read_csv
from rillet._stats import Stats
from rillet._stream import Grouped, Stream

_Mapping.register(Schema)

__all__ = [
    "Aggregate",
    "AheadRowError",
    "ArgumentError",
    "ArgumentTypeError",
    "BadRowError",
    "Batch",
    "BatchIterator",
    "ColumnNotFoundError",
    "DataError",
    "Error",
    "Expr",
    "ForkError",
    "Grouped",
    "InternalError",
    "KeptRowsError",
    "LateRowError",
    "LimitError",
    "NullValueError",
    "Operator",
    "ReentrantError",
    "ResultOverflowError",
    "Schema",
    "SchemaError",
    "SourceError",
    "SourceIsDirectoryError",
    "SourceNotFoundError",
    "SourcePermissionError",
    "StateLimitError",
    "Stats",
    "Stream",
    "StreamConsumedError",
    "Windows",
    "__version__",
    "categorical",
    "col",
    "count",
    "cumulate",
    "first",
    "from_arrow",
    "from_batches",
    "from_push",
    "from_rows",
    "hopping",
    "last",
    "lit",
    "max",
    "mean",
    "merge",
    "min",
    "read_csv",
    "session",
    "std",
    "sum",
    "tumbling",
    "var",
]

# What users see is `rillet.X`, whichever file it lives in.
for _name in __all__:
    _public = globals()[_name]
    for _item in (_public, *vars(_public).values()) if isinstance(_public, type) else (_public,):
        if isinstance(_item, (type, _FunctionType)):
            _item.__module__ = "rillet"
