//! `Operator`: the stages of a stream for those who own the loop: rows are pushed, results come back.
//!
//! A run is driven as a [`BatchIterator`] drives it, but for its source, which is what has been pushed.

use std::sync::{Arc, Mutex};

use pyo3::PyTraverseError;
use pyo3::exceptions::PyException;
use pyo3::gc::PyVisit;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};
use rillet_core::error::Place;
use rillet_core::types::Field;
use rillet_core::{DataType, Schema, Supply};

use crate::batch::Batch as PyBatch;
use crate::errors::{exception, type_error, value_error, within};
use crate::infer::type_name;
use crate::iterator::{BatchIterator, Polled, SetAside, lock};
use crate::mapping::batch_from_any;
use crate::moment;
use crate::reason::Reason;
use crate::rows::batch_from_rows;

/// The stages of a stream, to which rows are pushed, made by ``stream.operator()``.
///
/// Each call gives what its rows brought about, in the order in which the stream itself would. An error comes
/// after the results of the rows before it: if there are some, they are given, and the next call raises. After an
/// error, ``finish()`` or ``close()`` it takes nothing more, and calls raise a ``StreamConsumedError``; what does
/// not fit the schema is refused, and changes nothing. It can be shared by threads.
#[pyclass(frozen, module = "rillet", name = "Operator", weakref)]
pub struct Operator {
    iterator: Py<BatchIterator>,
    schema: Arc<Schema>,
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
}

#[pymethods]
impl Operator {
    /// Takes a batch: a mapping of names to arrays, Arrow data, or a ``Batch``. Gives the batches of results.
    ///
    /// Raises
    /// ------
    /// ArgumentError, BadRowError
    ///     If it has other columns than the schema, or values that do not fit.
    /// LateRowError, ResultOverflowError, StateLimitError…
    ///     As iterating the stream would.
    /// StreamConsumedError
    ///     If the operator has ended.
    fn push(&self, batch: &Bound<'_, PyAny>) -> PyResult<Vec<PyBatch>> {
        let py = batch.py();
        self.iterator.get().drive(py, || {
            self.check_open(py)?;
            let number = lock(&self.state).batches;
            let taken = batch_from_any(batch, Some(&self.schema));
            let taken = taken.map_err(|error| within(py, error, &format!("batch {number} of push")))?;
            self.take(py, taken)
        })
    }

    /// Takes one row: its values in the order of the columns, or by name (a column left out is null), or a dict, tuple,
    /// namedtuple or dataclass. Gives the rows of results as tuples, as ``Batch.rows()`` does.
    ///
    /// Raises
    /// ------
    /// BadRowError
    ///     If the row has other fields than the schema, or values that do not fit.
    /// LateRowError, ResultOverflowError, StateLimitError…
    ///     As iterating the stream would.
    /// StreamConsumedError
    ///     If the operator has ended.
    #[pyo3(signature = (*values, **named))]
    fn push_row<'py>(
        &self,
        values: &Bound<'py, PyTuple>,
        named: Option<&Bound<'py, PyDict>>,
    ) -> PyResult<Vec<Bound<'py, PyAny>>> {
        let py = values.py();
        let row = row(values, named)?;
        let made = self.iterator.get().drive(py, || {
            self.check_open(py)?;
            let place = Place { source: Some("push_row".into()), row: Some(lock(&self.state).rows), ..Place::default() };
            let taken = batch_from_rows(py, &[row], &place, Some(&self.schema))?;
            self.take(py, taken)
        })?;
        let mut rows = Vec::new();
        for batch in &made {
            for row in batch.rows(py)? {
                rows.push(row?);
            }
        }
        Ok(rows)
    }

    /// Moves event time on without a row, as if one of this time had come and been filtered out: windows close as
    /// far as that, less their lateness. Gives the batches of results.
    ///
    /// ``time`` is a value of the time column (``datetime``, ``date``, numpy's ``datetime64``, an integer) or its
    /// ticks as an integer. One that event time has reached already changes nothing.
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
            self.feed(py, Supply::Mark(ticks))
        })
    }

    /// Closes every open window, as the end of the input does, and ends. Gives the batches of results that are left;
    /// none if it had ended.
    fn finish(&self, py: Python<'_>) -> PyResult<Vec<PyBatch>> {
        self.iterator.get().drive(py, || {
            if let Some(error) = lock(&self.state).failure.take() {
                return Err(error);
            }
            if self.ended() {
                return Ok(std::mem::take(&mut lock(&self.state).ready));
            }
            self.feed(py, Supply::End)
        })
    }

    /// Ends, and lets go of memory. No window that is open is closed.
    fn close(&self, py: Python<'_>) -> PyResult<()> {
        self.iterator.get().close(py)
    }

    fn __enter__(slf: Py<Self>) -> Py<Self> {
        slf
    }

    #[pyo3(signature = (*_exception))]
    fn __exit__(&self, py: Python<'_>, _exception: &Bound<'_, PyTuple>) -> PyResult<()> {
        self.close(py)
    }

    /// Whether it takes nothing more: after an error, ``finish()`` or ``close()``, and when ``limit(n)`` has its rows.
    #[getter]
    fn ended(&self) -> bool {
        self.iterator.get().is_closed()
    }

    /// What became of the rows so far, stage by stage.
    #[getter]
    fn stats(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        self.iterator.get().stats(py)
    }

    /// How far event time has come, less the lateness: a numpy `datetime64`, or an integer where the time
    /// column is one. `None` before the first row, and for streams without windows.
    #[getter]
    fn watermark(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        self.iterator.get().watermark(py)
    }

    /// The late rows set aside with `late="keep"`: iterating gives batches of those not read yet.
    #[getter]
    fn late(&self, py: Python<'_>) -> SetAside {
        BatchIterator::late(self.iterator.clone_ref(py))
    }

    fn __repr__(&self, py: Python<'_>) -> String {
        self.iterator.get().shown(py, "Operator")
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
    pub fn new(iterator: Py<BatchIterator>, schema: Arc<Schema>, time: Option<usize>) -> Self {
        Self { iterator, schema, time, state: Mutex::default() }
    }

    fn check_open(&self, py: Python<'_>) -> PyResult<()> {
        if let Some(error) = lock(&self.state).failure.take() {
            return Err(error);
        }
        if !self.ended() {
            return Ok(());
        }
        let message = "this operator has ended: after finish(), close(), an error, or when limit(n) has its rows; \
                       make a new one with stream.operator()";
        Err(exception(py, "StreamConsumedError", message, &PyDict::new(py))?)
    }

    /// Takes the rows of a batch.
    fn take(&self, py: Python<'_>, batch: rillet_core::Batch) -> PyResult<Vec<PyBatch>> {
        let mut state = lock(&self.state);
        state.batches += 1;
        state.rows += batch.rows() as u64;
        drop(state);
        self.feed(py, Supply::Batch(batch))
    }

    /// Supplies the run, and gives what comes of it.
    fn feed(&self, py: Python<'_>, supply: Supply) -> PyResult<Vec<PyBatch>> {
        self.iterator.get().feed(supply);
        let outcome = self.gather(py);
        let mut state = lock(&self.state);
        match outcome {
            Err(error) if !state.ready.is_empty() && error.is_instance_of::<PyException>(py) => {
                state.failure = Some(error);
            }
            Err(error) => return Err(error),
            Ok(()) => {}
        }
        Ok(std::mem::take(&mut state.ready))
    }

    /// Has the run work until it needs more. What it gives is kept, so that Ctrl-C loses nothing.
    fn gather(&self, py: Python<'_>) -> PyResult<()> {
        loop {
            match self.iterator.get().poll_once(py)? {
                Polled::Batch(batch) => lock(&self.state).ready.push(batch),
                Polled::Nothing => py.check_signals()?,
                Polled::Starved | Polled::End => return Ok(()),
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
        if time.is_instance_of::<pyo3::types::PyInt>() {
            return time.extract().map_err(|_| value_error(py, "advance: a time must fit in 64 bits"));
        }
        let ticks = match dtype {
            DataType::Timestamp(..) => moment::ticks(time, dtype),
            DataType::Date => moment::date(time).map(i64::from),
            _ => time.extract().map_err(|error: PyErr| Reason::of(py, error)),
        };
        ticks.map_err(|reason| match reason {
            Reason::Raised(error) => error,
            Reason::Wrong(_) => {
                let of = type_name(time);
                type_error(py, &format!("advance takes a time of column {name:?}, a {dtype}, or its ticks, not {of}"))
            }
        })
    }
}

/// The one row that the arguments of a call are.
fn row<'py>(values: &Bound<'py, PyTuple>, named: Option<&Bound<'py, PyDict>>) -> PyResult<Bound<'py, PyAny>> {
    match (named, values.len()) {
        (Some(named), 0) => Ok(named.clone().into_any()),
        (Some(_), _) => Err(type_error(values.py(), "push_row takes values in the order of the columns or by name, not both")),
        (None, 1) => {
            let only = values.get_item(0)?;
            let is_row = crate::rows::is_row(&only)?;
            Ok(if is_row { only } else { values.clone().into_any() })
        }
        (None, _) => Ok(values.clone().into_any()),
    }
}
