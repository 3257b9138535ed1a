//! `BatchIterator`: a run as a native Python iterator.
//!
//! Two things guard it. `run` is held for one step at a time and only while detached, so that `stats`,
//! `close()` and signals are answered between any two steps. `turn` says which thread is inside
//! `__next__`: others wait for theirs, and the same one, coming back from a callback, is refused. No lock
//! is held while Python code is called.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use pyo3::PyTraverseError;
use pyo3::exceptions::{PyException, PyStopIteration};
use pyo3::gc::PyVisit;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyList};
use rillet_core::{Batch, Call, Error, Ledger, Run, Step, Supply};

use crate::batch::Batch as PyBatch;
use crate::errors::{enter, moment, to_py, within};
use crate::good::Good;
use crate::mapping::batch_from_any;
use crate::raised::Raised;
use crate::reader::FileReader;
use crate::turn::Turn;

/// An iterator over the batches of a running stream, made by `iter(stream)`.
///
/// `next()` gives the next batch and `poll()` does a bounded amount of work. It is its own iterator, can be
/// shared by threads, and is closed by `close()`, by `with`, and when it is dropped.
///
/// >>> import rillet as rl
/// >>> with iter(rl.read_csv(b"t,x\n1,5\n12,7\n", time="t").window(rl.tumbling(10)).agg(n=rl.count())) as batches:
/// ...     [row for batch in batches for row in batch.rows()]
/// [(0, 10, 1), (10, 20, 1)]
#[pyclass(frozen, module = "rillet", name = "BatchIterator", weakref)]
pub struct BatchIterator {
    run: Arc<Mutex<Run>>,
    /// The process that runs it.
    process: u32,
    /// Whose it is to be inside.
    turn: Turn,
    closed: AtomicBool,
    hosts: Mutex<Vec<Py<PyAny>>>,
    /// What they raised.
    raised: Raised,
    /// A batch that was ready when Ctrl-C came.
    kept: Mutex<Option<PyBatch>>,
    /// What its source is supplied, if rows are pushed.
    pushed: Option<Mutex<VecDeque<Supply>>>,
}

/// What one poll came to.
pub enum Polled {
    Batch(PyBatch),
    Nothing,
    /// Nothing until more is pushed.
    Starved,
    End,
}

/// Locks a mutex that is held for a few instructions only, or while detached.
pub fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[pymethods]
impl BatchIterator {
    fn __iter__(slf: Py<Self>) -> Py<Self> {
        slf
    }

    fn __next__(&self, py: Python<'_>) -> PyResult<Option<PyBatch>> {
        self.drive(py, || {
            loop {
                match self.poll_once(py)? {
                    Polled::Batch(batch) => return self.hand_out(py, batch).map(Some),
                    Polled::End => return Ok(None),
                    Polled::Nothing | Polled::Starved => py.check_signals()?,
                }
            }
        })
    }

    /// Does at most one input batch of work and gives a batch, or `None` if there is none yet.
    ///
    /// Raises `StopIteration` at the end.
    ///
    /// >>> import rillet as rl
    /// >>> it = iter(rl.from_rows([{"x": n} for n in range(3)], batch_rows=2).filter(rl.col("x") > 1))
    /// >>> while (batch := it.poll()) is None:
    /// ...     pass  # here is time for something else
    /// >>> batch["x"]
    /// array([2])
    fn poll(&self, py: Python<'_>) -> PyResult<Option<PyBatch>> {
        self.drive(py, || match self.poll_once(py)? {
            Polled::Batch(batch) => self.hand_out(py, batch).map(Some),
            Polled::Nothing | Polled::Starved => Ok(None),
            Polled::End => Err(PyStopIteration::new_err(())),
        })
    }

    /// Ends the iteration and lets go of files, threads and memory. No window that is open is closed.
    pub fn close(&self, py: Python<'_>) -> PyResult<()> {
        let driven = py.detach(|| {
            let _ = self.close_run();
            *lock(&self.kept) = None;
            self.mark_closed();
            self.turn.is_taken()
        });
        // A thread that is inside next() closes the sources itself when it comes out.
        if driven { Ok(()) } else { self.close_hosts(py) }
    }

    fn __enter__(slf: Py<Self>) -> Py<Self> {
        slf
    }

    #[pyo3(signature = (*_exception))]
    fn __exit__(&self, py: Python<'_>, _exception: &Bound<'_, pyo3::types::PyTuple>) -> PyResult<()> {
        self.close(py)
    }

    /// What became of the rows so far, stage by stage, as `Stats` says it.
    ///
    /// >>> import rillet as rl
    /// >>> it = iter(rl.from_rows([{"x": n} for n in range(3)]).filter(rl.col("x") > 1))
    /// >>> [len(batch) for batch in it], it.stats[1]["rows_in"], it.stats[1]["filtered"]
    /// ([1], 3, 2)
    #[getter]
    pub fn stats(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        let ledgers = enter(py, || Ok(self.run()?.ledgers()))?;
        let stages = PyList::empty(py);
        for ledger in &ledgers {
            stages.append(ledger_dict(py, ledger)?)?;
        }
        Ok(py.import("rillet._stats")?.getattr("Stats")?.call1((stages,))?.unbind())
    }

    /// How far event time has come, less the lateness: a numpy `datetime64`, or an integer where the time
    /// column is one. `None` before the first row, and for streams without windows.
    #[getter]
    pub fn watermark(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        match enter(py, || Ok(self.run()?.watermark()))? {
            None => Ok(py.None()),
            Some((ticks, dtype)) => moment(py, ticks, &dtype).map(Bound::unbind),
        }
    }

    /// The late rows set aside with `late="keep"`: iterating gives batches of those not read yet, and does
    /// not advance the run.
    ///
    /// >>> import rillet as rl
    /// >>> rows = rl.from_rows([{"t": 1}, {"t": 15}, {"t": 2}], time="t")
    /// >>> it = iter(rows.window(rl.tumbling(10), late="keep").agg(n=rl.count()))
    /// >>> len(list(it)), [row for batch in it.late for row in batch.rows()]
    /// (2, [(2, 'late', 1)])
    #[getter]
    pub fn late(slf: Py<Self>) -> SetAside {
        SetAside { iterator: slf, kind: Kind::Late }
    }

    /// The bad rows set aside with `on_error="keep"`: iterating gives batches of those not read yet, and
    /// does not advance the run.
    #[getter]
    fn rejects(slf: Py<Self>) -> SetAside {
        SetAside { iterator: slf, kind: Kind::Rejects }
    }

    fn __repr__(&self, py: Python<'_>) -> String {
        self.shown(py, "BatchIterator")
    }

    fn __reduce__(&self, py: Python<'_>) -> PyResult<()> {
        Err(crate::errors::type_error(py, "a running iterator cannot be pickled; pickle the stream"))
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        // Not locked while attached by anybody else for longer than a few instructions.
        if let Ok(hosts) = self.hosts.try_lock() {
            hosts.iter().try_for_each(|host| visit.call(host))?;
        }
        self.raised.traverse(&visit)
    }

    fn __clear__(&self) {
        // Dropping them may run Python code, which must not find the lock taken.
        let hosts = self.hosts.try_lock().map(|mut hosts| std::mem::take(&mut *hosts));
        drop(hosts);
        self.raised.clear();
    }
}

impl BatchIterator {
    /// Over a run and the Python objects of its plan.
    pub fn new(run: Run, hosts: Vec<Py<PyAny>>) -> Self {
        Self {
            run: Arc::new(Mutex::new(run)),
            process: std::process::id(),
            turn: Turn::default(),
            closed: AtomicBool::new(false),
            hosts: Mutex::new(hosts),
            raised: Raised::default(),
            kept: Mutex::default(),
            pushed: None,
        }
    }

    /// Over a run whose source is supplied by [`feed`](Self::feed).
    pub fn pushed(run: Run, hosts: Vec<Py<PyAny>>) -> Self {
        let mut made = Self::new(run, hosts);
        made.pushed = Some(Mutex::default());
        made
    }

    /// Supplies the source.
    pub fn feed(&self, supply: Supply) {
        if let Some(pushed) = &self.pushed {
            lock(pushed).push_back(supply);
        }
    }

    /// The run, if nothing is under way, for work that takes no time and runs no Python code.
    pub fn idle(&self) -> Option<MutexGuard<'_, Run>> {
        let fed = self.pushed.as_ref().is_some_and(|pushed| !lock(pushed).is_empty());
        if self.turn.is_taken() || self.is_closed() || fed { None } else { self.run.try_lock().ok() }
    }

    /// The run, to work on or ask while detached. In a forked child it stays locked if another thread was at it.
    fn run(&self) -> Result<MutexGuard<'_, Run>, Error> {
        if self.is_here() { Ok(lock(&self.run)) } else { self.run.try_lock().map_err(|_| Error::Forked) }
    }

    /// Ends the run, if it can be worked on.
    fn close_run(&self) -> Result<(), Error> {
        self.run().map(|mut run| run.close())
    }

    /// Whether this is the process that runs it, and no forked child.
    fn is_here(&self) -> bool {
        self.process == std::process::id()
    }

    /// Whether it has ended.
    pub fn is_closed(&self) -> bool {
        self.closed.load(Ordering::SeqCst)
    }

    /// How it is shown, under this name.
    pub fn shown(&self, py: Python<'_>, name: &str) -> String {
        let Ok(ledgers) = py.detach(|| Ok::<_, Error>(self.run()?.ledgers())) else {
            return format!("<{name} of another process>");
        };
        let stages: Vec<String> =
            ledgers.iter().map(|ledger| format!("{} -> {}", ledger.name, ledger.rows_out)).collect();
        let state = if self.is_closed() { " closed" } else { "" };
        format!("<{name}{state}: {}>", stages.join(", "))
    }

    /// Runs `work` as the only thread inside. An error of a callback closes the iterator.
    pub fn drive<T>(&self, py: Python<'_>, work: impl FnOnce() -> PyResult<T>) -> PyResult<T> {
        self.take_turn(py)?;
        let result = work();
        // Not detached: another thread, which might be let in, could send Ctrl-C before the result is handed out.
        self.turn.give_up();
        if self.is_closed() {
            self.close_hosts(py)?;
        }
        result
    }

    fn take_turn(&self, py: Python<'_>) -> PyResult<()> {
        if !self.is_here() {
            return Err(to_py(py, &Error::Forked));
        }
        let reentered = match &self.pushed {
            None => "this iterator is already running: next() was called from inside its own source or function",
            Some(_) => "this operator is already running: it was called from inside its own function",
        };
        self.turn.take(py, reentered)
    }

    /// Gives a batch, unless Ctrl-C came while it was made: Python raises that before the caller has it, and drops it.
    fn hand_out(&self, py: Python<'_>, batch: PyBatch) -> PyResult<PyBatch> {
        match py.check_signals() {
            Ok(()) => Ok(batch),
            Err(interrupt) => {
                *lock(&self.kept) = Some(batch);
                Err(interrupt)
            }
        }
    }

    /// One step of the run, and what it asks of Python.
    fn poll_once(&self, py: Python<'_>) -> PyResult<Polled> {
        if let Some(batch) = lock(&self.kept).take() {
            return Ok(Polled::Batch(batch));
        }
        let mut batches = Vec::new();
        let polled = self.poll_steps(py, 1, &mut batches)?;
        Ok(batches.pop().map_or(polled, |batch| Polled::Batch(PyBatch::from(batch))))
    }

    /// At most so many steps of the run, and what they ask of Python. The batches go to `out`.
    pub fn poll_steps(&self, py: Python<'_>, most: usize, out: &mut Vec<Batch>) -> PyResult<Polled> {
        loop {
            match self.steps(py, most, out).inspect_err(|_| self.mark_closed())? {
                Step::Batch(_) | Step::Idle => return Ok(Polled::Nothing),
                Step::End => {
                    self.mark_closed();
                    return Ok(Polled::End);
                }
                Step::Supply(_) if let Some(pushed) = &self.pushed => {
                    let Some(supply) = lock(pushed).pop_front() else { return Ok(Polled::Starved) };
                    enter(py, || self.run()?.supply(supply)).inspect_err(|_| self.mark_closed())?;
                }
                Step::Supply(id) => match self.ask(py, id) {
                    Err(interrupt) if self.has_kept_all(py, id, &interrupt) => return Err(interrupt),
                    supply => self.answer(py, |py| {
                        let supply = supply?;
                        enter(py, || self.run()?.supply(supply))
                    })?,
                },
                Step::Map(call) => self.answer(py, |py| {
                    let (made, error) = self.map(py, call)?;
                    enter(py, || self.run().map(|mut run| run.mapped(made, error)))
                })?,
            }
        }
    }

    /// Steps of the run, which may come to what Python raised before.
    fn steps(&self, py: Python<'_>, most: usize, out: &mut Vec<Batch>) -> PyResult<Step> {
        let step = enter(py, || Ok(self.run()?.steps(most, out)))?;
        step.map_err(|error| self.raised.exception(py, &error))
    }

    /// Calls Python; what is no error of the stream passes through at once and closes the iterator.
    fn answer(&self, py: Python<'_>, call: impl FnOnce(Python<'_>) -> PyResult<()>) -> PyResult<()> {
        call(py).inspect_err(|_| {
            let _ = enter(py, || self.close_run());
            self.mark_closed();
        })
    }

    fn ask(&self, py: Python<'_>, id: usize) -> PyResult<Supply> {
        let given = match self.host(py, id)?.call_method0(py, "next") {
            Ok(given) => given.into_bound(py),
            Err(raised) => return self.raised.keep(py, id, raised).map(Supply::Error),
        };
        if given.is_none() {
            return Ok(Supply::End);
        }
        match given.cast::<PyBytes>() {
            Ok(bytes) if bytes.as_bytes().is_empty() => Ok(Supply::End),
            Ok(bytes) => Ok(Supply::Bytes(bytes.as_bytes().to_vec())),
            Err(_) => Ok(Supply::Batch(batch_from_any(&given, None)?.all()?)),
        }
    }

    /// Whether a source is a file that lost no bytes when it was interrupted: no code of Python was left in the midst.
    fn has_kept_all(&self, py: Python<'_>, id: usize, interrupt: &PyErr) -> bool {
        let is_file = self.host(py, id).is_ok_and(|host| host.bind(py).is_instance_of::<FileReader>());
        is_file && interrupt.traceback(py).is_none() && !interrupt.is_instance_of::<PyException>(py)
    }

    /// What a function gives, and the error in which that ends, if it does.
    fn map(&self, py: Python<'_>, call: Call) -> PyResult<(Option<Batch>, Option<Error>)> {
        let Call { id, batch, schema, result } = call;
        let keep = |raised| self.raised.keep(py, id, raised);
        let made = match self.host(py, id)?.call1(py, (PyBatch::from(batch),)) {
            Ok(made) => made,
            Err(raised) => return Ok((None, Some(keep(raised)?))),
        };
        Ok(match batch_from_any(made.bind(py), schema.as_ref()) {
            Ok(Good { batch, bad }) => (Some(batch), bad.map(|bad| keep(within(py, bad, &result))).transpose()?),
            Err(raised) => (None, Some(keep(within(py, raised, &result))?)),
        })
    }

    fn host(&self, py: Python<'_>, id: usize) -> PyResult<Py<PyAny>> {
        let host = lock(&self.hosts).get(id).map(|host| host.clone_ref(py));
        host.ok_or_else(|| to_py(py, &Error::Internal(format!("object {id} is missing"))))
    }

    pub fn mark_closed(&self) {
        self.closed.store(true, Ordering::SeqCst);
    }

    /// Closes the sources: generators run their `finally`.
    fn close_hosts(&self, py: Python<'_>) -> PyResult<()> {
        self.raised.clear();
        let hosts = std::mem::take(&mut *lock(&self.hosts));
        for host in hosts {
            if host.bind(py).hasattr("close_host")? {
                host.call_method0(py, "close_host")?;
            }
        }
        Ok(())
    }
}

impl Drop for BatchIterator {
    /// Threads are waited for while detached: one may be letting go of what Python gave, for which it attaches.
    fn drop(&mut self) {
        let _ = Python::try_attach(|py| {
            py.detach(|| {
                if self.close_run().is_err() {
                    // Nobody knows in the middle of what it was.
                    std::mem::forget(Arc::clone(&self.run));
                }
            });
        });
    }
}

fn ledger_dict<'py>(py: Python<'py>, ledger: &Ledger) -> PyResult<Bound<'py, PyDict>> {
    let row = PyDict::new(py);
    row.set_item("name", &ledger.name)?;
    let counts = [
        ("rows_in", ledger.rows_in),
        ("rows_out", ledger.rows_out),
        ("passed", ledger.passed),
        ("aggregated", ledger.aggregated),
        ("held", ledger.held),
        ("late", ledger.late),
        ("partly_late", ledger.partly_late),
        ("ahead", ledger.ahead),
        ("rejected", ledger.rejected),
        ("filtered", ledger.filtered),
        ("windowless", ledger.windowless),
        ("cut", ledger.cut),
        ("skipped_lines", ledger.skipped_lines),
        ("open_windows", ledger.open_windows),
        ("live_keys", ledger.live_keys),
        ("state_bytes", ledger.state_bytes),
        ("bytes_read", ledger.bytes_read),
    ];
    for (name, count) in counts {
        row.set_item(name, count)?;
    }
    row.set_item("bytes_total", ledger.bytes_total)?;
    Ok(row)
}

/// Which rows were set aside.
#[derive(Clone, Copy)]
enum Kind {
    Late,
    Rejects,
}

/// Rows that an iterator has set aside. Iterating gives those not read yet.
#[pyclass(frozen, module = "rillet", name = "SetAside")]
pub struct SetAside {
    iterator: Py<BatchIterator>,
    kind: Kind,
}

#[pymethods]
impl SetAside {
    fn __iter__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let (iterator, kind) = (self.iterator.get(), self.kind);
        let batches = enter(py, || {
            let mut run = iterator.run()?;
            Ok(match kind {
                Kind::Late => run.take_late(),
                Kind::Rejects => run.take_rejects().into_iter().collect(),
            })
        })?;
        let batches = batches.into_iter().map(PyBatch::from).map(|batch| Py::new(py, batch));
        PyList::new(py, batches.collect::<PyResult<Vec<_>>>()?)?.into_any().try_iter().map(Bound::into_any)
    }

    fn __repr__(&self) -> &'static str {
        match self.kind {
            Kind::Late => "<late rows: iterate to read those set aside since the last time>",
            Kind::Rejects => "<bad rows: iterate to read those set aside since the last time>",
        }
    }
}
