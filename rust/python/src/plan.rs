//! `Plan` and `Prepared`: a stream as plain data, and one that has been checked against its sources.

use std::sync::Arc;

use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyString};
use rillet_core::plan::{
    Ahead, Check, CsvInput, Ends, Every, Fill, Filling, Frame, GroupSpec, Host, Map, Merge, Node, OnError, Plan,
    ReadCsv, Revisions, RollingSpec, WindowSpec,
};
use rillet_core::{DataType, Error, Late, Length, Offer, Opened, Prepared, Schema};

use crate::arrow::ArrowStream;
use crate::beginning::PyBeginning;
use crate::choice::choice;
use crate::errors::{enter, to_py, type_error, value_error};
use crate::expr::{PyAggregate, PyWindows, expression, length};
use crate::infer::type_name;
use crate::iterator::BatchIterator;
use crate::operator::Operator;
use crate::schema::Schema as PySchema;

/// The ends of a window of time that belong to it, by `closed=`.
const ENDS: [(&str, Ends); 4] =
    [("right", Ends::Right), ("left", Ends::Left), ("both", Ends::Both), ("neither", Ends::Neither)];

/// What a stream does, as plain data. Python objects in it are named by number.
#[pyclass(frozen, eq, module = "rillet._core", name = "Plan")]
#[derive(Clone, PartialEq)]
pub struct PyPlan(pub Arc<Plan>);

/// Named expressions: pairs of a name and an expression or the name of a column.
fn named(items: Vec<(String, Bound<'_, PyAny>)>) -> PyResult<Vec<(String, rillet_core::expr::Expr)>> {
    items.into_iter().map(|(name, value)| Ok((name, expression(&value)?))).collect()
}

fn aggregates(items: Vec<(String, Bound<'_, PyAny>)>) -> PyResult<Vec<(String, rillet_core::Aggregate)>> {
    let aggregate = |(name, value): (String, Bound<'_, PyAny>)| match value.cast::<PyAggregate>() {
        Ok(aggregate) => Ok((name, aggregate.get().0.clone())),
        Err(_) => Err(type_error(
            value.py(),
            &format!("{name}= must be an aggregate such as rl.mean(\"price\"), not {}", type_name(&value)),
        )),
    };
    items.into_iter().map(aggregate).collect()
}

impl PyPlan {
    fn then(&self, py: Python<'_>, node: Node) -> PyResult<Self> {
        self.0.then(node).map(Self).map_err(|error| to_py(py, &error))
    }
}

#[pymethods]
impl PyPlan {
    /// Reads CSV from paths, bytes, standard input or a file of the host.
    #[staticmethod]
    #[pyo3(signature = (*, paths=None, data=None, host=None, **options))]
    fn read_csv(
        py: Python<'_>,
        paths: Option<Vec<String>>,
        data: Option<&Bound<'_, PyBytes>>,
        host: Option<usize>,
        options: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<Self> {
        let input = match (paths, data, host) {
            (Some(paths), ..) => CsvInput::Paths(paths),
            (_, Some(data), _) => CsvInput::Bytes(data.as_bytes().into()),
            (_, _, Some(id)) => CsvInput::Host { id },
            _ => CsvInput::Stdin,
        };
        let mut read = ReadCsv::new(input);
        for (name, value) in options.into_iter().flatten() {
            set_option(&mut read, name.extract()?, &value)?;
        }
        read.check().map_err(|error| to_py(py, &error))?;
        Ok(Self(Plan::source(Node::ReadCsv(Box::new(read)))))
    }

    /// Takes batches from the object of this number, of which these columns are declared.
    #[staticmethod]
    #[pyo3(signature = (host, name, *, time=None, schema=None, batch_rows=None))]
    fn host(
        py: Python<'_>,
        host: usize,
        name: String,
        time: Option<String>,
        schema: Option<&Bound<'_, PySchema>>,
        batch_rows: Option<usize>,
    ) -> PyResult<Self> {
        let host = Host { id: host, name, time, batch_rows };
        host.check(schema.map(|schema| &*schema.get().0)).map_err(|error| to_py(py, &error))?;
        Ok(Self(Plan::source(Node::Host(host))))
    }

    /// Several streams as one; the objects of each come after those of the ones before it.
    #[staticmethod]
    fn merge(
        py: Python<'_>,
        streams: Vec<Bound<'_, PyPlan>>,
        idle_timeout: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Self> {
        let idle_timeout = on_the_wall(idle_timeout)?;
        let streams = streams.iter().map(|stream| Arc::clone(&stream.get().0)).collect();
        Plan::merge(streams, Merge { idle_timeout }).map(Self).map_err(|error| to_py(py, &error))
    }

    fn select(&self, py: Python<'_>, columns: Vec<(String, Bound<'_, PyAny>)>) -> PyResult<Self> {
        self.then(py, Node::Select(named(columns)?))
    }

    fn with_columns(&self, py: Python<'_>, columns: Vec<(String, Bound<'_, PyAny>)>) -> PyResult<Self> {
        self.then(py, Node::WithColumns(named(columns)?))
    }

    fn filter(&self, py: Python<'_>, condition: &Bound<'_, PyAny>) -> PyResult<Self> {
        self.then(py, Node::Filter(expression(condition)?))
    }

    fn map_batches(
        &self,
        py: Python<'_>,
        id: usize,
        name: String,
        schema: Option<&Bound<'_, PySchema>>,
    ) -> PyResult<Self> {
        let schema = schema.map(|schema| Schema::clone(&schema.get().0));
        self.then(py, Node::Map(Map { id, name, schema }))
    }

    fn rebatch(&self, py: Python<'_>, rows: usize) -> PyResult<Self> {
        self.then(py, Node::Rebatch(rows))
    }

    fn limit(&self, py: Python<'_>, rows: u64) -> PyResult<Self> {
        self.then(py, Node::Limit(rows))
    }

    #[expect(clippy::too_many_arguments, reason = "they are the arguments of Stream.window and of its agg")]
    fn window(
        &self,
        py: Python<'_>,
        windows: &Bound<'_, PyAny>,
        by: Vec<(String, Bound<'_, PyAny>)>,
        time: Option<&Bound<'_, PyAny>>,
        lateness: &Bound<'_, PyAny>,
        late: &Bound<'_, PyAny>,
        fill: Option<(Bound<'_, PyAny>, u64)>,
        revisions: (Option<Bound<'_, PyAny>>, Option<i64>, Bound<'_, PyAny>),
        ahead: (Option<Bound<'_, PyAny>>, Bound<'_, PyAny>),
        idle_timeout: Option<&Bound<'_, PyAny>>,
        max_kept: usize,
        max_state_bytes: Option<u64>,
        aggs: Vec<(String, Bound<'_, PyAny>)>,
    ) -> PyResult<Self> {
        let Ok(windows) = windows.cast::<PyWindows>() else {
            let several =
                if windows.is_instance_of::<PyDict>() { "; several kinds go to windows({…})" } else { "" };
            let message = format!(
                "window takes a kind of windows such as rl.tumbling(\"1m\"), not {}{several}",
                type_name(windows)
            );
            return Err(type_error(py, &message));
        };
        let spec = WindowSpec {
            windows: windows.get().0.clone(),
            by: named(by)?,
            time: time.map(expression).transpose()?,
            lateness: length(lateness, "lateness")?,
            late: set_aside("late", late)?,
            fill: fill.map(|(with, max)| Ok::<_, PyErr>(Fill { with: filling(&with)?, max })).transpose()?,
            revisions: revised(py, revisions)?,
            ahead: ahead_rows(py, ahead)?,
            idle_timeout: on_the_wall(idle_timeout)?,
            max_kept,
            max_state_bytes,
            aggregates: aggregates(aggs)?,
        };
        self.then(py, Node::Window(Box::new(spec)))
    }

    #[expect(clippy::too_many_arguments, reason = "they are the arguments of Stream.rolling and of its agg")]
    fn rolling(
        &self,
        py: Python<'_>,
        frame: (Option<Bound<'_, PyAny>>, Option<u64>, bool, Bound<'_, PyAny>),
        by: Vec<(String, Bound<'_, PyAny>)>,
        time: Option<&Bound<'_, PyAny>>,
        lateness: &Bound<'_, PyAny>,
        late: &Bound<'_, PyAny>,
        ahead: (Option<Bound<'_, PyAny>>, Bound<'_, PyAny>),
        idle_timeout: Option<&Bound<'_, PyAny>>,
        limits: (u64, usize, Option<u64>),
        aggs: Vec<(String, Bound<'_, PyAny>)>,
    ) -> PyResult<Self> {
        let (min_periods, max_kept, max_state_bytes) = limits;
        let frame = match frame {
            (Some(size), None, _, closed) => {
                Frame::Time { size: length(&size, "size")?, closed: choice("closed", &closed, &ENDS)? }
            }
            (None, Some(rows), center, _) => Frame::Rows { rows, center },
            _ => return Err(type_error(py, "rolling takes a size, such as \"1h\", or rows=")),
        };
        let spec = RollingSpec {
            frame,
            by: named(by)?,
            time: time.map(expression).transpose()?,
            lateness: length(lateness, "lateness")?,
            late: set_aside("late", late)?,
            ahead: ahead_rows(py, ahead)?,
            idle_timeout: on_the_wall(idle_timeout)?,
            min_periods,
            max_kept,
            max_state_bytes,
            aggregates: aggregates(aggs)?,
        };
        self.then(py, Node::Rolling(Box::new(spec)))
    }

    fn group_by(
        &self,
        py: Python<'_>,
        by: Vec<(String, Bound<'_, PyAny>)>,
        every: Option<&Bound<'_, PyAny>>,
        max_state_bytes: Option<u64>,
        aggs: Vec<(String, Bound<'_, PyAny>)>,
    ) -> PyResult<Self> {
        let every = every.map(|every| length(every, "every")).transpose()?.map(|length| match length {
            Length::Ticks(rows) => Every::Rows(rows),
            length => Every::Time(length),
        });
        let spec = GroupSpec { by: named(by)?, every, max_state_bytes, aggregates: aggregates(aggs)? };
        self.then(py, Node::GroupBy(Box::new(spec)))
    }

    /// How many sources it has.
    #[getter]
    fn sources(&self) -> usize {
        self.0.leaves().len()
    }

    /// The same stages over the object of this number, instead of their source.
    fn pushed(&self, py: Python<'_>, host: usize) -> PyResult<Self> {
        self.0.pushed(host).map(Self).map_err(|error| to_py(py, &error))
    }

    fn to_json(&self, py: Python<'_>) -> PyResult<String> {
        self.0.to_json().map_err(|error| to_py(py, &error))
    }

    #[staticmethod]
    fn from_json(py: Python<'_>, text: &str) -> PyResult<Self> {
        Plan::from_json(text).map(|plan| Self(Arc::new(plan))).map_err(|error| to_py(py, &error))
    }

    fn fingerprint(&self, py: Python<'_>) -> PyResult<u64> {
        self.0.fingerprint().map_err(|error| to_py(py, &error))
    }

    fn __repr__(&self) -> String {
        self.0.to_string()
    }
}

/// What becomes of rows, by the argument that says so.
fn set_aside(argument: &str, value: &Bound<'_, PyAny>) -> PyResult<Late> {
    choice(argument, value, &[("error", Late::Error), ("drop", Late::Drop), ("keep", Late::Keep)])
}

fn filling(fill: &Bound<'_, PyAny>) -> PyResult<Filling> {
    choice("fill", fill, &Filling::ALL.map(|filling| (filling.name(), filling)))
}

/// What `early`, `early_rows` and `refine_for` ask for.
fn revised(
    py: Python<'_>,
    (early, early_rows, refine_for): (Option<Bound<'_, PyAny>>, Option<i64>, Bound<'_, PyAny>),
) -> PyResult<Option<Revisions>> {
    let early = match (early, early_rows) {
        (Some(early), _) => Some(Every::Time(length(&early, "early")?)),
        (None, rows) => rows.map(Every::Rows),
    };
    Revisions::new(early, length(&refine_for, "refine_for")?).map_err(|error| to_py(py, &error))
}

/// `max_ahead=` and `ahead=`.
fn ahead_rows(
    py: Python<'_>,
    (most, further): (Option<Bound<'_, PyAny>>, Bound<'_, PyAny>),
) -> PyResult<Option<Ahead>> {
    let further = set_aside("ahead", &further)?;
    match most {
        Some(most) => Ok(Some(Ahead { most: length(&most, "max_ahead")?, further })),
        None if further == Late::Error => Ok(None),
        None => Err(value_error(py, "ahead= is for the rows that max_ahead= keeps out, and there is none")),
    }
}

/// `idle_timeout=`.
fn on_the_wall(timeout: Option<&Bound<'_, PyAny>>) -> PyResult<Option<Length>> {
    timeout.map(|timeout| length(timeout, "idle_timeout")).transpose()
}

fn set_option(read: &mut ReadCsv, name: &str, value: &Bound<'_, PyAny>) -> PyResult<()> {
    let py = value.py();
    match name {
        "time" => read.time = value.extract()?,
        "schema" => read.schema = schema_option(py, value.extract()?)?,
        "columns" => read.columns = value.extract()?,
        "names" => read.names = value.extract()?,
        "delimiter" => read.delimiter = character(name, value)?,
        "quote" => read.quote = if value.is_none() { None } else { Some(character(name, value)?) },
        "comment" => read.comment = if value.is_none() { None } else { Some(text(name, value)?) },
        "skip_rows" => read.skip_rows = value.extract()?,
        "null_values" => read.null_values = value.extract()?,
        "infer_rows" => read.infer_rows = value.extract()?,
        "on_error" => {
            let choices = [("error", OnError::Error), ("skip", OnError::Skip), ("keep", OnError::Keep)];
            read.on_error = choice(name, value, &choices)?;
        }
        "check" => read.check = choice(name, value, &[("used", Check::Used), ("all", Check::All)])?,
        "max_kept" => read.max_kept = value.extract()?,
        "batch_rows" => read.batch_rows = value.extract()?,
        "threads" => read.threads = value.extract()?,
        "prefetch" => read.prefetch = value.extract::<Option<usize>>()?.unwrap_or(read.prefetch),
        "max_line" => read.max_line = value.extract()?,
        "max_columns" => read.max_columns = value.extract()?,
        other => return Err(type_error(py, &format!("read_csv has no option {other:?}"))),
    }
    Ok(())
}

fn schema_option(py: Python<'_>, items: Vec<(String, String)>) -> PyResult<Vec<(String, DataType)>> {
    let typed = |(name, dtype): (String, String)| {
        dtype.parse().map(|dtype| (name, dtype)).map_err(|error| to_py(py, &error))
    };
    items.into_iter().map(typed).collect()
}

fn character(name: &str, value: &Bound<'_, PyAny>) -> PyResult<u8> {
    let text = text(name, value)?;
    match text.as_bytes() {
        [byte] => Ok(*byte),
        _ => Err(value_error(value.py(), &format!("{name} must be one ASCII character, not {text:?}"))),
    }
}

fn text(name: &str, value: &Bound<'_, PyAny>) -> PyResult<String> {
    match value.cast::<PyString>() {
        Ok(text) => Ok(text.to_str()?.to_owned()),
        Err(_) => {
            Err(type_error(value.py(), &format!("{name} must be one ASCII character, not {}", type_name(value))))
        }
    }
}

/// What has been opened of a source that can be read only once. All streams that are made of the source share it.
#[pyclass(frozen, module = "rillet._core", name = "Opened")]
pub struct PyOpened(Arc<Opened>);

#[pymethods]
impl PyOpened {
    #[new]
    fn new() -> Self {
        Self(Arc::default())
    }
}

/// A plan that has been checked against the schemas of its sources.
#[pyclass(frozen, module = "rillet._core", name = "Prepared")]
pub struct PyPrepared(Prepared);

#[pymethods]
impl PyPrepared {
    /// Opens the sources. `offers` has, for each Python object of the plan, its schema, Arrow data as it is, the
    /// beginning of a file, or `None` for a function; `opened` has what is open of each source.
    #[new]
    fn new(
        py: Python<'_>,
        plan: &Bound<'_, PyPlan>,
        offers: Vec<Bound<'_, PyAny>>,
        opened: Vec<Bound<'_, PyOpened>>,
    ) -> PyResult<Self> {
        let (plan, opened) = (&plan.get().0, opened.iter().map(|opened| Arc::clone(&opened.get().0)));
        let opened: Vec<_> = opened.collect();
        loop {
            let mut known = offers.iter().map(offer).collect::<PyResult<Vec<_>>>()?;
            let missing = || Error::Internal("an object of the plan is missing".into());
            let take = move |id: usize| known.get_mut(id).and_then(Option::take).ok_or_else(missing);
            if let Some(prepared) = enter(py, || Prepared::open(plan, take, &opened))? {
                return Ok(Self(prepared));
            }
            // What a pipe has brought is kept, also from Ctrl-C.
            py.check_signals()?;
        }
    }

    /// The columns that come out.
    #[getter]
    fn schema(&self, py: Python<'_>) -> PyResult<PySchema> {
        self.0.schema().map(PySchema).map_err(|error| to_py(py, &error))
    }

    /// Starts a run. `hosts` are the Python objects of the plan: sources have `next()` and `close()`.
    fn run(&self, py: Python<'_>, hosts: Vec<Py<PyAny>>) -> PyResult<BatchIterator> {
        let run = enter(py, || self.0.run())?;
        for (id, host) in hosts.iter().enumerate() {
            if let (Ok(stream), Some(wanted)) = (host.cast_bound::<ArrowStream>(py), self.0.wanted(id)) {
                stream.get().narrow(wanted);
            }
        }
        Ok(BatchIterator::new(run, hosts))
    }

    /// The columns of the only source.
    #[getter]
    fn source_schema(&self, py: Python<'_>) -> PyResult<PySchema> {
        self.0.source().map(|(schema, _)| PySchema(schema)).map_err(|error| to_py(py, &error))
    }

    /// Starts a run whose only source is what is pushed.
    fn operator(&self, py: Python<'_>, hosts: Vec<Py<PyAny>>) -> PyResult<Operator> {
        let source = self.0.source().map_err(|error| to_py(py, &error))?;
        let run = enter(py, || self.0.run_steady())?;
        let iterator = Py::new(py, BatchIterator::pushed(run, hosts))?;
        let operator = Operator::new(py, iterator, source, self.0.schema().ok());
        operator.settle(py)?;
        Ok(operator)
    }
}

fn offer(value: &Bound<'_, PyAny>) -> PyResult<Option<Offer>> {
    if value.is_none() {
        return Ok(None);
    }
    if let Ok(stream) = value.cast::<ArrowStream>() {
        return Ok(Some(Offer::Columns(Schema::clone(stream.get().columns()))));
    }
    if let Ok(schema) = value.cast::<PySchema>() {
        return Ok(Some(Offer::Schema(Schema::clone(&schema.get().0))));
    }
    value.cast::<PyBeginning>()?.get().read(value.py()).map(Offer::Beginning).map(Some)
}
