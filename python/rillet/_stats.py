"""The ledger of a run, as a table."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, overload

_ALWAYS = ("name", "rows_in", "rows_out")


class Stats(Sequence[Mapping[str, Any]]):
    """What became of the rows of a run: one mapping per stage, from the source on.

    For each stage ``rows_in = passed + aggregated + held + late + ahead + rejected + filtered + windowless + cut``
    between any two polls. ``bytes_read`` of ``bytes_total`` tells how far a source is; ``open_windows``, ``live_keys``
    and ``state_bytes`` what a stage holds, or held at its end.

    ================ ======================================================================
    ``passed``       went on as they were
    ``aggregated``   count in a window or group; ``partly_late`` of them missed some windows
    ``held``         wait for others
    ``late``         missed all their windows
    ``ahead``        were further ahead than ``max_ahead=`` lets them be
    ``rejected``     were bad: did not split or convert
    ``filtered``     did not fit ``filter``
    ``windowless``   lie between windows, whose step is longer than their size
    ``cut``          came after ``limit``
    ================ ======================================================================

    >>> import rillet as rl
    >>> it = iter(rl.from_rows([{"x": n} for n in range(3)]).filter(rl.col("x") > 1))
    >>> rows = list(it)
    >>> it.stats
    name                  rows_in  rows_out  passed  filtered
    from_rows                   3         3       3         0
    filter(col("x") > 1)        3         1       1         2
    """

    def __init__(self, stages: list[dict[str, Any]]) -> None:
        self._stages = stages

    @overload
    def __getitem__(self, index: int) -> Mapping[str, Any]: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Mapping[str, Any]]: ...
    def __getitem__(self, index: int | slice) -> Any:
        return self._stages[index]

    def __len__(self) -> int:
        return len(self._stages)

    def __iter__(self) -> Iterator[Mapping[str, Any]]:
        return iter(self._stages)

    def __repr__(self) -> str:
        shown = [name for name in self._stages[0] if name in _ALWAYS or any(stage[name] for stage in self._stages)]
        cells = [shown] + [[_cell(stage[name]) for name in shown] for stage in self._stages]
        widths = [max(len(row[i]) for row in cells) for i in range(len(shown))]
        lines = ((_pad(cell, width, i) for i, (cell, width) in enumerate(zip(row, widths))) for row in cells)
        return "\n".join("  ".join(line).rstrip() for line in lines)


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, int):
        return f"{value:,}"
    text = str(value)
    return text if len(text) <= 48 else text[:47] + "…"


def _pad(cell: str, width: int, column: int) -> str:
    return cell.ljust(width) if column == 0 else cell.rjust(width)
