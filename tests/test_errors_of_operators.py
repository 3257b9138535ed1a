"""When the errors of operators come, to which rows are pushed."""

import pytest

import rillet as rl
from test_operators import SIMPLE, bars, tuples
from test_pushed import pushed


def overflowing():
    """An operator whose second window has no sum, and only ends with it."""
    op = bars(lateness=100).operator()
    for row in ((5, 1), (11, 2**62), (12, 2**62), (21, 3)):
        op.push_row(*row)
    return op


LAST_CALLS = {
    "finish": lambda op: op.finish(),
    "close": lambda op: op.close(),
    "with": lambda op: op.__exit__(None, None, None),
    "push": lambda op: op.push_row(50, 1),
}


def test_an_error_comes_after_the_results_of_the_rows_before_it():
    op = bars().operator()
    assert tuples(op.push({"t": [1, 12, 5, 40], "x": [1, 2, 3, 4]})) == [(0, 10, 1)]
    assert op.ended
    with pytest.raises(rl.LateRowError) as caught:
        op.push_row(50, 1)
    assert (caught.value.row, caught.value.source, caught.value.set_by_row) == (2, "push", 1)
    with pytest.raises(rl.StreamConsumedError) as consumed:
        op.push_row(50, 1)
    assert str(consumed.value) == (
        "this operator takes nothing more: it has ended, after an error "
        f"(LateRowError: {caught.value}); make a new one with stream.operator()"
    )
    assert list(op.finish()) == []
    op = bars().operator()
    op.push_row(12, 1)
    with pytest.raises(rl.LateRowError):
        op.push_row(5, 1)
    assert list(op.stats)[-1]["rows_in"] == 2


def test_a_late_row_names_the_advance_that_made_it_late():
    op = bars().operator()
    op.advance(30)
    with pytest.raises(rl.LateRowError, match=r"set by advance\(\)"):
        op.push_row(5, 1)


def test_an_overflow_names_the_row():
    op = pushed(SIMPLE).rolling(rows=2).agg(total=rl.sum("x")).operator()
    op.push_row(0, 2**62)
    with pytest.raises(rl.ResultOverflowError) as caught:
        op.push_row(1, 2**62)
    assert (caught.value.row, caught.value.source, caught.value.column) == (1, "push", "total")
    assert op.ended


def test_an_overflow_comes_after_the_results_of_rows_that_waited_too():
    op = pushed(SIMPLE).rolling(10).agg(total=rl.sum("x")).operator()
    for t, x in [(0, 1), (1, 2**62), (1, 2**62), (1, -(2**62))]:
        op.push_row(t, x)
    assert op.push_row(2, 2**62) == [(1, 2**62, 2**62 + 1), (1, 2**62, 2**62 + 1), (1, -(2**62), 2**62 + 1)]
    op.push_row(2, 2**62)
    with pytest.raises(rl.ResultOverflowError) as caught:
        op.push_row(3, 0)
    assert (caught.value.row, caught.value.source, caught.value.column) == (4, "push", "total")
    op = pushed(SIMPLE).rolling(10, by="x", lateness=3).agg(total=rl.sum("x")).operator()
    for t, x in [(0, 5), (1, 2**62), (1, 2**62), (2, 7)]:
        op.push_row(t, x)
    assert op.push_row(9, 1) == [(0, 5, 5)] and op.ended
    with pytest.raises(rl.ResultOverflowError) as caught:
        op.push_row(9, 1)
    assert caught.value.row == 1
    with pytest.raises(rl.StreamConsumedError):
        op.push_row(9, 1)


def test_the_error_of_finish_comes_behind_its_results():
    op, got = overflowing(), []
    with pytest.raises(rl.ResultOverflowError):
        for batch in op.finish():
            got += batch.rows()
    assert got == [(0, 10, 1)] and op.ended
    assert list(op.finish()) == [] and op.close() is None
    op = bars(lateness=100).operator()
    op.push({"t": [11, 12], "x": [2**62, 2**62]})
    with pytest.raises(rl.ResultOverflowError):
        op.finish()
    assert list(op.finish()) == []


@pytest.mark.parametrize("last", LAST_CALLS.values(), ids=LAST_CALLS)
@pytest.mark.parametrize("first", ["push", "finish"])
def test_an_error_behind_results_is_raised_by_the_next_call_whatever_it_is(first, last):
    op = overflowing()
    if first == "finish":
        op.finish()
    else:
        op = bars().operator()
        assert tuples(op.push({"t": [1, 12, 5], "x": [1, 2, 3]})) == [(0, 10, 1)]
    with pytest.raises(rl.ResultOverflowError if first == "finish" else rl.LateRowError):
        last(op)
    assert op.ended and op.close() is None


def test_an_exception_on_its_way_is_not_replaced():
    with pytest.raises(KeyError), bars().operator() as op:
        op.push({"t": [1, 12, 5], "x": [1, 2, 3]})
        raise KeyError
