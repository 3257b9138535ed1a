"""The aggregates of rillet in plain Python: arithmetic is done in exact fractions and rounded once, at the end."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction

ULP = Fraction(1, 2**53)
"""Half a unit in the last place of 1.0: the u of the error bounds."""


class Near(float):
    """A float result, and the distance (`slack`) at which another is right too."""

    slack: Fraction

    def __new__(cls, value, slack):
        near = super().__new__(cls, value)
        near.slack = Fraction(slack) + Fraction(1, 2**1072)
        return near


@dataclass(frozen=True)
class Agg:
    """An aggregate: a function of the rows (time, arrival, row) of a window and key."""

    kind: str
    column: str | None = None
    where: Callable | None = None
    weight: str | None = None
    skip_nulls: bool = True
    ddof: int = 1

    def __call__(self, entries):
        entries = sorted(entries, key=lambda entry: entry[:2])
        rows = [row for _, _, row in entries if self.where is None or self.where(row) is True]
        if self.column is None:
            return len(rows)
        if self.weight:
            return weighted_mean([(row[self.column], row[self.weight]) for row in rows])
        values = self._values(rows)
        if self.kind == "count":
            return len(values)
        if not values:
            return None
        if self.kind in ("var", "std"):
            return SPREADS[self.kind](values, self.ddof)
        return FOLDS[self.kind](values)

    def values_of(self, entries):
        """How many values it has in these rows."""
        rows = [row for _, _, row in entries if self.where is None or self.where(row) is True]
        if self.weight:
            rows = [row for row in rows if row[self.weight] is not None]
        return len(self._values(rows))

    def _values(self, rows):
        values = [row[self.column] for row in rows]
        return [value for value in values if value is not None] if self.skip_nulls else values


def total(values):
    """The sum: int64 for integers (or OverflowError), the nearest float for floats."""
    if not isinstance(values[0], float):
        exact = sum(int(value) for value in values)
        if not -(2**63) <= exact < 2**63:
            raise OverflowError(exact)
        return exact
    odd = {value for value in values if not math.isfinite(value)}
    if odd:
        return sum(odd)  # both infinities make NaN, and NaN stays
    exact = [Fraction(value) for value in values]
    return Near(rounded(sum(exact)), 4 * ULP * sum(map(abs, exact)))


def mean(values):
    """The mean as a float, exact before its one rounding for integers."""
    floats = isinstance(values[0], float)
    if floats and not all(map(math.isfinite, values)):
        return total(values)
    exact = [Fraction(value) for value in values]
    nearest = rounded(sum(exact) / len(exact))
    return Near(nearest, 5 * ULP * sum(map(abs, exact)) / len(exact)) if floats else nearest


def weighted_mean(pairs):
    """sum(w*x) / sum(w) over the rows that have both; None where the weights sum to 0."""
    pairs = [(Fraction(x), Fraction(w)) for x, w in pairs if x is not None and w is not None]
    weights = sum(w for _, w in pairs)
    if weights == 0:
        return None
    magnitude = sum(abs(w * x) for x, w in pairs) / abs(weights)
    noise = 1 + sum(abs(w) for _, w in pairs) / abs(weights)
    return Near(rounded(sum(w * x for x, w in pairs) / weights), 8 * ULP * magnitude * noise)


def spread(finish, relative):
    """A result of the variance; None if n <= ddof, NaN if a value is infinite or NaN."""

    def of(values, ddof):
        if len(values) <= ddof:
            return None
        if not all(math.isfinite(value) for value in values):
            return math.nan
        exact = [Fraction(value) for value in values]
        middle = sum(exact) / len(exact)
        result = finish(sum((value - middle) ** 2 for value in exact) / (len(exact) - ddof))
        return Near(rounded(result), result * relative(isinstance(values[0], float)))

    return of


def root(exact):
    """The square root of a fraction, to 200 bits: the variance may be out of the range of a float, and it not."""
    shift = max(0, 400 - exact.numerator.bit_length() + exact.denominator.bit_length()) // 2
    return Fraction(math.isqrt((exact.numerator << 2 * shift) // exact.denominator), 1 << shift)


def rounded(exact):
    """The float nearest to a fraction; infinite beyond the greatest one."""
    try:
        return float(exact)
    except OverflowError:
        return math.inf if exact > 0 else -math.inf


def least(values):
    """The minimum: NaN if there is one, and -0.0 is less than 0.0."""
    return _nan_of(values) or min(values, key=_order)


def greatest(values):
    """The maximum: NaN if there is one, and 0.0 is more than -0.0."""
    return _nan_of(values) or max(values, key=_order)


def _nan_of(values):
    return next((value for value in values if value != value), None)


def _order(value):
    return (value, math.copysign(1, value)) if isinstance(value, float) else value


FOLDS = {
    "sum": total,
    "mean": mean,
    "min": least,
    "max": greatest,
    "first": lambda values: values[0],
    "last": lambda values: values[-1],
}
SPREADS = {
    "var": spread(lambda squares: squares, lambda floats: Fraction(2, 10**14) * floats),
    "std": spread(root, lambda floats: Fraction(1, 10**14) if floats else 2 * ULP),
}
