//! `Operator`: the stages of a stream for those who own the loop: rows are pushed, results come back.
//!
//! A run is driven as a [`BatchIterator`] drives it, but for its source, which is what has been pushed.

use std::sync::{Arc, Mutex};

use pyo3::PyTraverseError;
use pyo3::exceptions::PyException;
use pyo3::gc::PyVisit;
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyDict, PyInt, PyList, PyString, PyTuple};
use rillet_core::error::{BadRow, Place};
use rillet_core::types::Field;
use rillet_core::{Batch, DataType, Error, Pushed, Schema, Supply, Value};

use crate::batch::Batch as PyBatch;
use crate::errors::{briefly, exception, to_py, type_error, value_error, within};
use crate::good::Good;
use crate::infer::type_name;
use crate::iterator::{BatchIterator, Polled, SetAside, lock};
use crate::mapping::batch_from_any;
use crate::moment;
use crate::reason::Reason;
use crate::rows::batch_from_rows;
use crate::scalar::Plain;
use crate::value;

/// How many steps a run takes before signals are looked at.
const STEPS: usize = 8;

/// The stages of a stream, to which rows are pushed, made by ``stream.operator()``.
///
/// Each call gives what its rows brought about, in the order in which the stream itself would. An error comes
/// after the results of the rows before it: if there are some, they are given, and the next call raises, which may be
/// ``close()`` or the end of a ``with``; what ``finish()`` gives raises it itself, behind them. After an error,
/// ``finish()`` or ``close()`` it takes nothing more, and calls raise a ``StreamConsumedError``; what does not fit the
/// schema, or lacks its event time, is refused, and changes nothing. It can be shared by threads.
///
/// Examples
/// --------
/// >>> import rillet as rl
/// >>> ticks = rl.from_push({"t": "int64", "x": "float64"}, time="t")
/// >>> op = ticks.window(rl.tumbling(10)).agg(high=rl.max("x")).operator()
/// >>> [op.push_row(1, 5.0), op.push_row(12, 7.0)]
/// [[], [(0, 10, 5.0)]]
/// >>> [row for batch in op.finish() for row in batch.rows()]
/// [(10, 20, 7.0)]
#[pyclass(frozen, module = "rillet", name = "Operator", weakref)]
pub struct Operator {
    iterator: Py<BatchIterator>,
    schema: Arc<Schema>,
    /// The columns that come out; `None` if that is not known yet.
    results: Option<Arc<Schema>>,
    names: Vec<Py<PyString>>,
    /// The column that is the event time.
    time: Option<usize>,
    state: Mutex<State>,
}

/// What has yet to be handed out, and what has been pushed.
#[derive(Default)]
struct State {
    ready: Vec<PyBatch>,
    failure: Option<PyErr>,
    batches: u64,
    rows: u64,
    /// Why it has ended, where that was not ``limit(n)``.
    ended: Option<String>,
}

#[pymethods]
impl Operator {
    /// Takes a batch: a mapping of names to arrays, Arrow data, or a ``Batch``. Gives the batches of results.
    ///
    /// Raises
    /// ------
    /// ArgumentError, BadRowError
    ///     If it has other columns than the schema, values that do not fit, or a row without event time.
    /// LateRowError, ResultOverflowError, StateLimitError…
    ///     As iterating the stream would.
    /// StreamConsumedError
    ///     If the operator has ended.
    fn push(&self, batch: &Bound<'_, PyAny>) -> PyResult<Vec<PyBatch>> {
        let py = batch.py();
        self.iterator.get().drive(py, || {
            self.check_open(py)?;
            let number = lock(&self.state).batches;
            let taken = batch_from_any(batch, Some(&self.schema)).and_then(Good::all);
            let name = format!("batch {number} of push");
            let taken = taken.map_err(|error| within(py, error, &name))?;
            self.take(py, taken, Place { source: Some(name), row: Some(0), ..Place::default() })
        })
    }

    /// Takes one row: its values in the order of the columns, or by name (a column left out is null), or a dict, tuple,
    /// namedtuple or dataclass. Gives the rows of results as tuples, as ``Batch.rows()`` does.
    ///
    /// Raises
    /// ------
    /// BadRowError
    ///     If the row has other fields than the schema, values that do not fit, or no event time.
    /// LateRowError, ResultOverflowError, StateLimitError…
    ///     As iterating the stream would.
    /// StreamConsumedError
    ///     If the operator has ended.
    #[pyo3(signature = (*values, **named))]
    fn push_row<'py>(
        &self,
        values: &Bound<'py, PyTuple>,
        named: Option<&Bound<'py, PyDict>>,
    ) -> PyResult<Bound<'py, PyList>> {
        let py = values.py();
        let row = row(values, named)?;
        if let Some(values) = self.values_of(&row)?
            && let Some(rows) = self.push_plain(py, &values)?
        {
            return Ok(rows);
        }
        let made = self.iterator.get().drive(py, || {
            self.check_open(py)?;
            let place =
                Place { source: Some("push_row".into()), row: Some(lock(&self.state).rows), ..Place::default() };
            let taken = batch_from_rows(py, &[row], &place, Some(&self.schema), None)?.all()?;
            self.take(py, taken, place)
        })?;
        rows(py, &made)
    }

    /// Moves event time on without a row, as if one of this time had come and been filtered out: windows close as
    /// far as that, less their lateness. Gives the batches of results.
    ///
    /// ``time`` is a value of the time column (``datetime``, ``date``, numpy's ``datetime64``, an integer) or its
    /// ticks as an integer. One that event time has reached already changes nothing, and none is too far ahead for
    /// ``max_ahead=``: the rows that come next are judged by it.
    ///
    /// Raises
    /// ------
    /// ArgumentError, ArgumentTypeError
    ///     If the source has no event time, or ``time`` is none.
    /// StreamConsumedError
    ///     If the operator has ended.
    fn advance(&self, time: &Bound<'_, PyAny>) -> PyResult<Vec<PyBatch>> {
        let py = time.py();
        let ticks = self.ticks(time)?;
        self.iterator.get().drive(py, || {
            self.check_open(py)?;
            self.iterator.get().feed(Supply::Mark(ticks));
            self.work(py)
        })
    }

    /// Closes every open window, as the end of the input does, and ends. Gives an iterator over the batches of results
    /// that are left, of which there are none if it had ended; it raises the error that comes behind them, if one does.
    ///
    /// Raises
    /// ------
    /// LateRowError, ResultOverflowError, StateLimitError…
    ///     As iterating the stream would, where no results come before it.
    fn finish(slf: &Bound<'_, Self>) -> PyResult<Results> {
        let (py, operator) = (slf.py(), slf.get());
        let batches = operator.iterator.get().drive(py, || {
            operator.raise_put_off()?;
            if operator.ended() {
                return Ok(std::mem::take(&mut lock(&operator.state).ready));
            }
            operator.iterator.get().feed(Supply::End);
            lock(&operator.state).ended = Some("finish()".into());
            operator.work(py)
        })?;
        Ok(Results { batches: Mutex::new(batches.into_iter()), operator: slf.clone().unbind() })
    }

    /// Ends, and lets go of memory. No window that is open is closed. Raises the error that the results of the last call
    /// came before, if there is one.
    fn close(&self, py: Python<'_>) -> PyResult<()> {
        self.end(py)?;
        self.raise_put_off()
    }

    fn __enter__(slf: Py<Self>) -> Py<Self> {
        slf
    }

    /// As ``close()``, but that an exception which is on its way is not replaced.
    #[pyo3(signature = (exception, *_more))]
    fn __exit__(&self, exception: &Bound<'_, PyAny>, _more: &Bound<'_, PyTuple>) -> PyResult<()> {
        self.end(exception.py())?;
        if exception.is_none() { self.raise_put_off() } else { Ok(()) }
    }

    /// Whether it takes nothing more: after an error, ``finish()`` or ``close()``, and when ``limit(n)`` has its rows.
    #[getter]
    fn ended(&self) -> bool {
        self.iterator.get().is_closed()
    }

    /// What became of the rows so far, stage by stage.
    #[getter]
    fn stats(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        self.settle(py)?;
        self.iterator.get().stats(py)
    }

    /// How far event time has come, less the lateness: a numpy `datetime64`, or an integer where the time
    /// column is one. `None` before the first row, and for streams without windows.
    #[getter]
    fn watermark(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        self.settle(py)?;
        self.iterator.get().watermark(py)
    }

    /// The late rows set aside with `late="keep"`: iterating gives batches of those not read yet.
    #[getter]
    fn late(&self, py: Python<'_>) -> SetAside {
        BatchIterator::late(self.iterator.clone_ref(py))
    }

    fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
        self.settle(py)?;
        Ok(self.iterator.get().shown(py, "Operator"))
    }

    fn __reduce__(&self, py: Python<'_>) -> PyResult<()> {
        Err(type_error(py, "a running operator cannot be pickled; pickle the stream"))
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.iterator)
    }
}

impl Operator {
    /// Of a run that is supplied rows of this schema.
    pub fn new(
        py: Python<'_>,
        iterator: Py<BatchIterator>,
        (schema, time): (Arc<Schema>, Option<usize>),
        results: Option<Arc<Schema>>,
    ) -> Self {
        let names = schema.fields().iter().map(|field| PyString::intern(py, &field.name).unbind()).collect();
        Self { iterator, schema, results, names, time, state: Mutex::default() }
    }

    /// The columns of results that have been made.
    fn results(&self) -> &Schema {
        self.results.as_ref().unwrap_or(&self.schema)
    }

    /// Rows of results, whose values lie one after the other, as tuples.
    fn made<'py>(&self, py: Python<'py>, values: &[Value]) -> PyResult<Bound<'py, PyList>> {
        let fields = self.results().fields();
        let mut rows = Vec::with_capacity(values.len() / fields.len().max(1));
        for row in values.chunks(fields.len().max(1)) {
            let mut made = Vec::with_capacity(row.len());
            for (value, field) in row.iter().zip(fields) {
                made.push(value::one(py, value, &field.dtype)?);
            }
            rows.push(PyTuple::new(py, made)?);
        }
        PyList::new(py, rows)
    }

    /// Ends, and keeps an error for whoever asks next.
    fn end(&self, py: Python<'_>) -> PyResult<()> {
        self.settle(py)?;
        if !self.ended() {
            lock(&self.state).ended = Some("close()".into());
        }
        self.iterator.get().close(py)
    }

    /// Raises the error that the results of the last call came before, once.
    fn raise_put_off(&self) -> PyResult<()> {
        lock(&self.state).failure.take().map_or(Ok(()), Err)
    }

    fn check_open(&self, py: Python<'_>) -> PyResult<()> {
        self.raise_put_off()?;
        if !self.ended() {
            return Ok(());
        }
        let ended = lock(&self.state).ended.clone();
        let why = ended.map_or("limit(n) has its rows".into(), |why| format!("it has ended, after {why}"));
        let message = format!("this operator takes nothing more: {why}; make a new one with stream.operator()");
        Err(exception(py, "StreamConsumedError", &message, &PyDict::new(py))?)
    }

    /// Notes an error after which nothing more is taken.
    fn note(&self, py: Python<'_>, error: &PyErr) {
        if self.ended() {
            let said = error.value(py).str().map_or(String::new(), |said| said.to_string());
            let name = error.get_type(py).name().map_or(String::new(), |name| name.to_string());
            lock(&self.state).ended.get_or_insert(format!("an error ({name}: {said})"));
        }
    }

    /// Takes the rows of a batch, the first of which has this place.
    fn take(&self, py: Python<'_>, batch: Batch, first: Place) -> PyResult<Vec<PyBatch>> {
        self.check_times(py, &batch, first)?;
        let mut state = lock(&self.state);
        state.batches += 1;
        state.rows += batch.rows() as u64;
        drop(state);
        self.iterator.get().feed(Supply::Batch(batch));
        self.work(py)
    }

    /// Refuses rows of which one has no event time.
    fn check_times(&self, py: Python<'_>, batch: &Batch, first: Place) -> PyResult<()> {
        let Some(at) = self.time else { return Ok(()) };
        let nulls = batch.columns()[at].logical_nulls();
        let missing = nulls.and_then(|nulls| (0..batch.rows()).find(|&row| nulls.is_null(row)));
        missing.map_or(Ok(()), |row| {
            let bad = BadRow {
                place: Place { row: first.row.map(|first| first + row as u64), ..first },
                column: Some(self.schema.fields()[at].name.to_string()),
                value: "null".into(),
                reason: "not an event time, and each row must have one".into(),
            };
            Err(to_py(py, &Error::BadRow(Box::new(bad))))
        })
    }

    /// The values of a row in the order of the columns, if it is a tuple or a dict without other keys.
    fn values_of<'py>(&self, row: &Bound<'py, PyAny>) -> PyResult<Option<Vec<Bound<'py, PyAny>>>> {
        if let Ok(tuple) = row.cast_exact::<PyTuple>() {
            return Ok(Some(tuple.iter().collect()));
        }
        let Ok(dict) = row.cast_exact::<PyDict>() else { return Ok(None) };
        let found = self.names.iter().map(|name| dict.get_item(name)).collect::<PyResult<Vec<_>>>()?;
        let whole = found.iter().flatten().count() == dict.len();
        let null = || row.py().None().into_bound(row.py());
        Ok(whole.then(|| found.into_iter().map(|value| value.unwrap_or_else(null)).collect()))
    }

    /// Takes a row of plain values, if nothing more is needed to do so; gives the rows of results.
    fn push_plain<'py>(
        &self,
        py: Python<'py>,
        values: &[Bound<'py, PyAny>],
    ) -> PyResult<Option<Bound<'py, PyList>>> {
        let Some(row) = Plain::of(values, &self.schema)? else { return Ok(None) };
        let iterator = self.iterator.get();
        let pushed = {
            let mut state = lock(&self.state);
            let Some(mut run) = iterator.idle().filter(|_| state.failure.is_none() && state.ready.is_empty())
            else {
                return Ok(None);
            };
            let pushed = briefly(py, || run.push_row(&row.scalars));
            state.rows += u64::from(!matches!(pushed, Ok(Pushed::Refused)));
            pushed
        };
        match self.noted(py, pushed)? {
            Pushed::Refused => Ok(None),
            Pushed::Quiet => Ok(Some(PyList::empty(py))),
            Pushed::Own(results) => PyList::new(py, [row.with(py, self.results(), &results)?]).map(Some),
            Pushed::Rows(values, error) => {
                if let Some(error) = error {
                    let failed = self.noted(py, Err(to_py(py, &error)));
                    failed.or_else(|error| self.put_off(py, error))?;
                }
                self.made(py, &values).map(Some)
            }
            Pushed::Loud => rows(py, &iterator.drive(py, || self.work(py))?).map(Some),
        }
    }

    /// What came of a row; after an error nothing more is taken.
    fn noted<T>(&self, py: Python<'_>, outcome: PyResult<T>) -> PyResult<T> {
        outcome.inspect_err(|error| {
            self.iterator.get().mark_closed();
            self.note(py, error);
        })
    }

    /// Has rows that were put aside do what they do, and ends where none is wanted, if nothing else is under way.
    pub fn settle(&self, py: Python<'_>) -> PyResult<()> {
        if self.iterator.get().idle().is_none() {
            return Ok(());
        }
        self.iterator.get().drive(py, || {
            let outcome = self.gather(py);
            outcome.or_else(|error| self.put_off(py, error))
        })
    }

    /// Keeps an error for the next call, but one that does not come of the rows.
    fn put_off(&self, py: Python<'_>, error: PyErr) -> PyResult<()> {
        if !error.is_instance_of::<PyException>(py) {
            return Err(error);
        }
        lock(&self.state).failure = Some(error);
        Ok(())
    }

    /// Has the run work, and gives what comes of it.
    fn work(&self, py: Python<'_>) -> PyResult<Vec<PyBatch>> {
        let outcome = self.gather(py);
        if let Err(error) = outcome {
            if lock(&self.state).ready.is_empty() {
                return Err(error);
            }
            self.put_off(py, error)?;
        }
        Ok(std::mem::take(&mut lock(&self.state).ready))
    }

    /// Has the run work until it needs more. What it gives is kept, so that Ctrl-C loses nothing.
    fn gather(&self, py: Python<'_>) -> PyResult<()> {
        loop {
            let mut made = Vec::new();
            let polled = self.iterator.get().poll_steps(py, STEPS, &mut made);
            lock(&self.state).ready.extend(made.into_iter().map(PyBatch::from));
            match polled.inspect_err(|error| self.note(py, error))? {
                Polled::Starved | Polled::End => return py.check_signals(),
                Polled::Batch(_) | Polled::Nothing => py.check_signals()?,
            }
        }
    }

    /// The ticks of an event time.
    fn ticks(&self, time: &Bound<'_, PyAny>) -> PyResult<i64> {
        let py = time.py();
        let Some(Field { name, dtype, .. }) = self.time.map(|at| &self.schema.fields()[at]) else {
            let message = "advance: there is no event time; name its column with time=, at the source";
            return Err(value_error(py, message));
        };
        if time.is_instance_of::<PyInt>() && !time.is_instance_of::<PyBool>() {
            let (ticks, bits) = match dtype {
                DataType::Date => (time.extract().map(|days: i32| days.into()), 32),
                _ => (time.extract(), 64),
            };
            return ticks.map_err(|_| value_error(py, &format!("advance: a time must fit in {bits} bits")));
        }
        let ticks = match dtype {
            _ if time.is_instance_of::<PyBool>() => Err("not a time".into()),
            DataType::Timestamp(..) => moment::ticks(time, dtype),
            DataType::Date => moment::date(time).map(i64::from),
            _ => time.extract().map_err(|error: PyErr| Reason::of(py, error)),
        };
        ticks.map_err(|reason| match reason {
            Reason::Raised(error) => error,
            Reason::Wrong(reason) if moment::is_of_kind(&reason) => {
                value_error(py, &format!("advance: the time is {reason}, which is the type of column {name:?}"))
            }
            Reason::Wrong(reason) => {
                let takes = format!("advance takes a time of column {name:?}, which is {dtype}, or its ticks");
                let why = if reason.starts_with("a time") { format!(": {reason}") } else { String::new() };
                type_error(py, &format!("{takes}, not {}{why}", type_name(time)))
            }
        })
    }
}

/// The batches of results that ``finish()`` gives, and behind them the error, if there is one.
#[pyclass(frozen, module = "rillet", name = "Results")]
pub struct Results {
    batches: Mutex<std::vec::IntoIter<PyBatch>>,
    operator: Py<Operator>,
}

#[pymethods]
impl Results {
    fn __iter__(slf: Py<Self>) -> Py<Self> {
        slf
    }

    fn __next__(&self) -> PyResult<Option<PyBatch>> {
        match lock(&self.batches).next() {
            Some(batch) => Ok(Some(batch)),
            None => self.operator.get().raise_put_off().map(|()| None),
        }
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.operator)
    }
}

/// The rows of batches, as tuples.
fn rows<'py>(py: Python<'py>, batches: &[PyBatch]) -> PyResult<Bound<'py, PyList>> {
    let rows = PyList::empty(py);
    for batch in batches {
        batch.rows(py)?.try_for_each(|row| rows.append(row?))?;
    }
    Ok(rows)
}

/// The one row that the arguments of a call are.
fn row<'py>(values: &Bound<'py, PyTuple>, named: Option<&Bound<'py, PyDict>>) -> PyResult<Bound<'py, PyAny>> {
    match (named.filter(|named| !named.is_empty()), values.len()) {
        (Some(named), 0) => Ok(named.clone().into_any()),
        (Some(_), _) => {
            Err(type_error(values.py(), "push_row takes values in the order of the columns or by name, not both"))
        }
        (None, 1) => {
            let only = values.get_item(0)?;
            let is_row = crate::rows::is_row(&only)?;
            Ok(if is_row { only } else { values.clone().into_any() })
        }
        (None, _) => Ok(values.clone().into_any()),
    }
}
