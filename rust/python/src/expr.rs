//! `Expr`, `Aggregate` and `Windows`: plain values that users write, and what Python values they are made of.

use std::sync::Arc;

use pyo3::prelude::*;
use pyo3::pyclass::CompareOp;
use pyo3::types::{PyBool, PyDate, PyDateTime, PyDelta, PyFloat, PyInt, PyString};
use rillet_core::expr::{Expr, Literal, UnaryOp};
use rillet_core::plan::{Gap, Hopping, Session, Windows};
use rillet_core::{Aggregate, Closed, DataType, Function, Label, Length, TimeUnit};

use crate::choice::choice;
use crate::errors::{to_py, type_error, value_error};
use crate::infer::type_name;
use crate::pickle::{Reduced, reduce};

/// An expression over the columns of a stream, computed row by row.
///
/// Made with `rl.col` and `rl.lit`, and combined with `+ - * / // %`, comparisons, `& | ~` and the methods
/// below. It computes nothing by itself.
///
/// >>> import rillet as rl
/// >>> rl.col("size") * rl.col("price") > 100
/// (col("size") * col("price")) > 100
#[pyclass(frozen, module = "rillet", name = "Expr")]
#[derive(Clone)]
pub struct PyExpr(pub Expr);

#[pymethods]
impl PyExpr {
    fn __repr__(&self) -> String {
        self.0.to_string()
    }

    fn __reduce__<'py>(&self, py: Python<'py>) -> PyResult<Reduced<'py>> {
        reduce(py, "Expr", &self.0)
    }

    fn __bool__(&self, py: Python<'_>) -> PyResult<bool> {
        Err(type_error(
            py,
            "an expression has no truth value until it is computed; combine conditions with &, | and ~, \
             and put parentheses around comparisons",
        ))
    }

    fn __richcmp__(&self, py: Python<'_>, other: &Bound<'_, PyAny>, op: CompareOp) -> PyResult<Self> {
        let symbol = match op {
            CompareOp::Eq => "==",
            CompareOp::Ne => "!=",
            CompareOp::Lt => "<",
            CompareOp::Le => "<=",
            CompareOp::Gt => ">",
            CompareOp::Ge => ">=",
        };
        self.with(py, symbol, other)
    }

    fn __add__(&self, py: Python<'_>, other: &Bound<'_, PyAny>) -> PyResult<Self> {
        self.with(py, "+", other)
    }

    fn __radd__(&self, py: Python<'_>, other: &Bound<'_, PyAny>) -> PyResult<Self> {
        self.under(py, "+", other)
    }

    fn __sub__(&self, py: Python<'_>, other: &Bound<'_, PyAny>) -> PyResult<Self> {
        self.with(py, "-", other)
    }

    fn __rsub__(&self, py: Python<'_>, other: &Bound<'_, PyAny>) -> PyResult<Self> {
        self.under(py, "-", other)
    }

    fn __mul__(&self, py: Python<'_>, other: &Bound<'_, PyAny>) -> PyResult<Self> {
        self.with(py, "*", other)
    }

    fn __rmul__(&self, py: Python<'_>, other: &Bound<'_, PyAny>) -> PyResult<Self> {
        self.under(py, "*", other)
    }

    fn __truediv__(&self, py: Python<'_>, other: &Bound<'_, PyAny>) -> PyResult<Self> {
        self.with(py, "/", other)
    }

    fn __rtruediv__(&self, py: Python<'_>, other: &Bound<'_, PyAny>) -> PyResult<Self> {
        self.under(py, "/", other)
    }

    fn __floordiv__(&self, py: Python<'_>, other: &Bound<'_, PyAny>) -> PyResult<Self> {
        self.with(py, "//", other)
    }

    fn __rfloordiv__(&self, py: Python<'_>, other: &Bound<'_, PyAny>) -> PyResult<Self> {
        self.under(py, "//", other)
    }

    fn __mod__(&self, py: Python<'_>, other: &Bound<'_, PyAny>) -> PyResult<Self> {
        self.with(py, "%", other)
    }

    fn __rmod__(&self, py: Python<'_>, other: &Bound<'_, PyAny>) -> PyResult<Self> {
        self.under(py, "%", other)
    }

    fn __and__(&self, py: Python<'_>, other: &Bound<'_, PyAny>) -> PyResult<Self> {
        self.with(py, "&", other)
    }

    fn __rand__(&self, py: Python<'_>, other: &Bound<'_, PyAny>) -> PyResult<Self> {
        self.under(py, "&", other)
    }

    fn __or__(&self, py: Python<'_>, other: &Bound<'_, PyAny>) -> PyResult<Self> {
        self.with(py, "|", other)
    }

    fn __ror__(&self, py: Python<'_>, other: &Bound<'_, PyAny>) -> PyResult<Self> {
        self.under(py, "|", other)
    }

    fn __neg__(&self) -> Self {
        Self(self.0.clone().unary(UnaryOp::Negate))
    }

    fn __invert__(&self) -> Self {
        Self(self.0.clone().unary(UnaryOp::Not))
    }

    /// Whether the value is null. Never null itself.
    ///
    /// >>> import rillet as rl
    /// >>> rows = rl.from_rows([{"x": 1}, {"x": None}])
    /// >>> [row for batch in rows.select(none=rl.col("x").is_null()) for row in batch.rows()]
    /// [(False,), (True,)]
    fn is_null(&self) -> Self {
        Self(self.0.clone().unary(UnaryOp::IsNull))
    }

    /// Whether the value is not null. Never null itself.
    ///
    /// >>> import rillet as rl
    /// >>> rows = rl.from_rows([{"x": 1}, {"x": None}])
    /// >>> [row for batch in rows.filter(rl.col("x").is_not_null()) for row in batch.rows()]
    /// [(1,)]
    fn is_not_null(&self) -> Self {
        Self(self.0.clone().unary(UnaryOp::IsNotNull))
    }

    /// The value as another type, such as `"float64"` or `"timestamp[ms]"`. A value that does not fit is an
    /// error at its row.
    ///
    /// >>> import rillet as rl
    /// >>> seconds = rl.from_rows([{"t": 1704186000}])
    /// >>> [row for batch in seconds.select(t=rl.col("t").cast("timestamp[s]")) for row in batch.rows()]
    /// [(datetime.datetime(2024, 1, 2, 9, 0),)]
    fn cast(&self, dtype: &Bound<'_, PyAny>) -> PyResult<Self> {
        let py = dtype.py();
        let Ok(name) = dtype.cast::<PyString>() else {
            let message = format!("cast takes a type such as \"float64\", not {}", type_name(dtype));
            return Err(type_error(py, &message));
        };
        let dtype: DataType = name.to_string_lossy().parse().map_err(|error| to_py(py, &error))?;
        Ok(Self(self.0.clone().cast(dtype)))
    }

    /// The value, or this one where it is null.
    ///
    /// >>> import rillet as rl
    /// >>> rows = rl.from_rows([{"x": 1}, {"x": None}])
    /// >>> [row for batch in rows.select(x=rl.col("x").fill_null(0)) for row in batch.rows()]
    /// [(1,), (0,)]
    fn fill_null(&self, value: &Bound<'_, PyAny>) -> PyResult<Self> {
        Ok(Self(self.0.clone().fill_null(literal(value)?)))
    }

    /// The name of the column that it becomes; `None` if it needs one.
    #[getter]
    fn name(&self) -> Option<&str> {
        self.0.name()
    }

    /// The same under a name, which is that of the column it becomes.
    ///
    /// >>> import rillet as rl
    /// >>> rl.from_rows([{"x": 1}]).select((rl.col("x") * 2).alias("y")).schema
    /// Schema({'y': 'int64'})
    fn alias(&self, name: &Bound<'_, PyAny>) -> PyResult<Self> {
        match name.cast::<PyString>() {
            Ok(name) => Ok(Self(self.0.clone().alias(name.to_str()?))),
            Err(_) => Err(type_error(name.py(), &format!("alias takes a name, not {}", type_name(name)))),
        }
    }
}

impl PyExpr {
    fn with(&self, py: Python<'_>, symbol: &str, other: &Bound<'_, PyAny>) -> PyResult<Self> {
        let other = operand(other)?;
        self.0.clone().binary(symbol, other).map(Self).map_err(|error| to_py(py, &error))
    }

    fn under(&self, py: Python<'_>, symbol: &str, other: &Bound<'_, PyAny>) -> PyResult<Self> {
        let other = operand(other)?;
        other.binary(symbol, self.0.clone()).map(Self).map_err(|error| to_py(py, &error))
    }
}

/// The type of a text column whose codes are stable over the whole stream.
///
/// `schema={"city": rl.categorical(max=1000)}`, in `read_csv`, `from_batches`, `from_rows` and `map_batches`. Codes
/// number the texts in the order in which they first appear. More than `max`, which is from 1 to 2**31 - 1, are a
/// `LimitError`. Keys and results of aggregates are plain text.
///
/// >>> import rillet as rl
/// >>> rows = rl.from_rows([{"city": "Rome"}, {"city": "Oslo"}], schema={"city": rl.categorical(max=1000)}, batch_rows=1)
/// >>> [(batch.codes("city").tolist(), list(batch.categories("city"))) for batch in rows]
/// [([0], ['Rome']), ([1], ['Rome', 'Oslo'])]
#[pyfunction]
#[pyo3(signature = (*, max))]
pub fn categorical(max: &Bound<'_, PyAny>) -> PyResult<String> {
    if !max.is_instance_of::<PyInt>() || max.is_instance_of::<PyBool>() {
        return Err(type_error(max.py(), &format!("max must be an integer, not {}", type_name(max))));
    }
    match max.extract() {
        Ok(max @ 1..=0x7fff_ffff) => Ok(DataType::Categorical(max).to_string()),
        _ => Err(value_error(max.py(), &format!("max must be from 1 to 2147483647, not {max}"))),
    }
}

/// The column of this name.
///
/// >>> import rillet as rl
/// >>> trades = rl.from_rows([{"price": 2.5, "size": 4}])
/// >>> [row for batch in trades.select(value=rl.col("price") * rl.col("size")) for row in batch.rows()]
/// [(10.0,)]
#[pyfunction]
pub fn col(name: &Bound<'_, PyAny>) -> PyResult<PyExpr> {
    match name.cast::<PyString>() {
        Ok(name) => Ok(PyExpr(Expr::column(name.to_str()?.to_owned()))),
        Err(_) => Err(type_error(name.py(), &format!("col takes the name of a column, not {}", type_name(name)))),
    }
}

/// The same value in every row.
///
/// >>> import rillet as rl
/// >>> [row for batch in rl.from_rows([{"x": 1}, {"x": 2}]).select("x", unit=rl.lit("ms")) for row in batch.rows()]
/// [(1, 'ms'), (2, 'ms')]
#[pyfunction]
pub fn lit(value: &Bound<'_, PyAny>) -> PyResult<PyExpr> {
    Ok(PyExpr(Expr::literal(literal(value)?)))
}

/// An expression as it is, anything else as a literal.
fn operand(value: &Bound<'_, PyAny>) -> PyResult<Expr> {
    match value.cast::<PyExpr>() {
        Ok(expr) => Ok(expr.get().0.clone()),
        Err(_) => Ok(Expr::literal(literal(value)?)),
    }
}

/// An expression as it is, a text as the column of that name.
pub fn expression(value: &Bound<'_, PyAny>) -> PyResult<Expr> {
    if let Ok(expr) = value.cast::<PyExpr>() {
        return Ok(expr.get().0.clone());
    }
    match value.cast::<PyString>() {
        Ok(name) => Ok(Expr::column(name.to_str()?.to_owned())),
        Err(_) => Err(type_error(
            value.py(),
            &format!("a column is given by its name or as an expression, not as {}", type_name(value)),
        )),
    }
}

/// The literal of a Python value.
fn literal(value: &Bound<'_, PyAny>) -> PyResult<Literal> {
    let py = value.py();
    if value.is_none() {
        return Ok(Literal::Null);
    }
    if let Ok(flag) = value.cast::<PyBool>() {
        return Ok(Literal::Bool(flag.is_true()));
    }
    if value.is_instance_of::<PyInt>() {
        let integer: i128 = value.extract().map_err(|_| value_error(py, "the integer does not fit in 64 bits"))?;
        return Literal::int(integer).map_err(|error| to_py(py, &error));
    }
    if value.is_instance_of::<PyFloat>() {
        return Ok(Literal::from(value.extract::<f64>()?));
    }
    if let Ok(text) = value.cast::<PyString>() {
        return Ok(Literal::from(text.to_str()?));
    }
    if value.is_instance_of::<PyDateTime>() {
        return timestamp(value);
    }
    if value.is_instance_of::<PyDate>() {
        let days = value.call_method0("toordinal")?.extract::<i32>()? - 719_163;
        return Ok(Literal::Date(days));
    }
    if value.is_instance_of::<PyDelta>() {
        return Ok(Literal::Duration { ticks: microseconds(value)?, unit: TimeUnit::Micro });
    }
    match item(value)? {
        Some(plain) => literal(&plain),
        None => Err(type_error(py, &format!("{} is not a value that a column can hold", type_name(value)))),
    }
}

/// The Python value of a scalar of numpy, if it is one that has another.
fn item<'py>(value: &Bound<'py, PyAny>) -> PyResult<Option<Bound<'py, PyAny>>> {
    if !value.hasattr("dtype")? || !value.hasattr("item")? || value.getattr("ndim")?.extract::<usize>()? > 0 {
        return Ok(None);
    }
    let kind: String = value.getattr("dtype")?.getattr("kind")?.extract()?;
    if kind != "M" && kind != "m" {
        let plain = value.call_method0("item")?;
        return Ok(Some(plain).filter(|plain| !plain.get_type().is(value.get_type())));
    }
    if value.ne(value)? {
        return Ok(Some(value.py().None().into_bound(value.py()))); // not a time
    }
    // `item()` of nanoseconds would be a bare integer.
    let micros = value.call_method1("astype", (format!("{kind}8[us]"),))?;
    if micros.ne(value)? {
        let message = format!("{value} is finer than a microsecond; write it as an integer and cast it");
        return Err(value_error(value.py(), &message));
    }
    micros.call_method0("item").map(Some)
}

/// A datetime as microseconds since 1970, in UTC if it has a zone.
fn timestamp(value: &Bound<'_, PyAny>) -> PyResult<Literal> {
    let py = value.py();
    let datetime = py.import("datetime")?;
    let zone = value.getattr("tzinfo")?;
    let utc = datetime.getattr("timezone")?.getattr("utc")?;
    let epoch = datetime.getattr("datetime")?.call1((1970, 1, 1))?;
    let (epoch, zone) = match zone.is_none() {
        true => (epoch, None),
        false => {
            let aware = pyo3::types::PyDict::new(py);
            aware.set_item("tzinfo", utc)?;
            (epoch.call_method("replace", (), Some(&aware))?, Some(Arc::from("UTC")))
        }
    };
    let ticks = microseconds(&value.sub(epoch)?)?;
    Ok(Literal::Timestamp { ticks, unit: TimeUnit::Micro, zone })
}

fn microseconds(delta: &Bound<'_, PyAny>) -> PyResult<i64> {
    let part = |name: &str| delta.getattr(name)?.extract::<i128>();
    let micros = (part("days")? * 86_400 + part("seconds")?) * 1_000_000 + part("microseconds")?;
    micros.try_into().map_err(|_| {
        value_error(delta.py(), &format!("{delta} is too long: it does not fit in 64 bits of microseconds"))
    })
}

/// A length of event time: text such as `"90s"`, a `timedelta`, or an integer number of ticks.
pub fn length(value: &Bound<'_, PyAny>, argument: &str) -> PyResult<Length> {
    let py = value.py();
    if let Ok(text) = value.cast::<PyString>() {
        return text
            .to_str()?
            .parse()
            .map_err(|error: rillet_core::Error| value_error(py, &format!("{argument}: {error}")));
    }
    if value.is_instance_of::<PyDelta>() {
        let micros = microseconds(value)?;
        let (seconds, rest) = (micros.div_euclid(1_000_000), micros.rem_euclid(1_000_000));
        return Ok(Length::Fixed { seconds, nanos: rest as u32 * 1_000 });
    }
    if value.is_instance_of::<PyInt>() && !value.is_instance_of::<PyBool>() {
        return value
            .extract()
            .map(Length::Ticks)
            .map_err(|_| value_error(py, &format!("{argument} does not fit in 64 bits")));
    }
    if let Some(plain) = item(value)? {
        return length(&plain, argument);
    }
    Err(type_error(
        py,
        &format!("{argument} must be a text such as \"5m\", a timedelta or an integer, not {}", type_name(value)),
    ))
}

/// An aggregate: what is computed of the rows of a window or group.
///
/// Made with `rl.count`, `rl.sum`, `rl.mean`, `rl.min`, `rl.max`, `rl.first`, `rl.last`, `rl.var` and `rl.std`.
#[pyclass(frozen, eq, module = "rillet", name = "Aggregate")]
#[derive(Clone, PartialEq)]
pub struct PyAggregate(pub Aggregate);

#[pymethods]
impl PyAggregate {
    #[new]
    #[pyo3(signature = (function, column=None, *, weight=None, filter=None, skip_nulls=true, ddof=1))]
    fn new(
        py: Python<'_>,
        function: &str,
        column: Option<&Bound<'_, PyAny>>,
        weight: Option<&Bound<'_, PyAny>>,
        filter: Option<&Bound<'_, PyAny>>,
        skip_nulls: bool,
        ddof: u32,
    ) -> PyResult<Self> {
        if column.is_none() && function != "count" {
            let message = format!("{function} takes a column, by its name or as an expression, not None");
            return Err(type_error(py, &message));
        }
        let function = match function {
            "count" => Function::Count,
            "sum" => Function::Sum,
            "mean" => Function::Mean,
            "min" => Function::Min,
            "max" => Function::Max,
            "first" => Function::First { skip_nulls },
            "last" => Function::Last { skip_nulls },
            "var" => Function::Var { ddof },
            "std" => Function::Std { ddof },
            other => return Err(value_error(py, &format!("there is no aggregate {other:?}"))),
        };
        Ok(Self(Aggregate {
            function,
            column: column.map(expression).transpose()?,
            weight: weight.map(expression).transpose()?,
            filter: filter.map(expression).transpose()?,
        }))
    }

    fn __repr__(&self) -> String {
        self.0.to_string()
    }

    fn __reduce__<'py>(&self, py: Python<'py>) -> PyResult<Reduced<'py>> {
        reduce(py, "Aggregate", &self.0)
    }
}

/// Windows over event time or of rows.
///
/// Made with `rl.tumbling`, `rl.hopping`, `rl.cumulate`, `rl.session` and `rl.count`.
#[pyclass(frozen, eq, module = "rillet", name = "Windows")]
#[derive(Clone, PartialEq)]
pub struct PyWindows(pub Windows);

#[pymethods]
impl PyWindows {
    #[new]
    fn new(
        py: Python<'_>,
        size: &Bound<'_, PyAny>,
        every: &Bound<'_, PyAny>,
        offset: &Bound<'_, PyAny>,
        tz: Option<&str>,
        closed: &Bound<'_, PyAny>,
        label: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Self> {
        // The step first: of tumbling windows, which have no size of their own, it is what the caller has set.
        let (every, size) = (length(every, "every")?, length(size, "size")?);
        let ends = [("left", Closed::Left), ("right", Closed::Right), ("both", Closed::Both)];
        let closed = choice("closed", closed, &ends)?;
        let edges = [("left", Label::Left), ("right", Label::Right)];
        let label = label.map_or(Ok(Label::Both), |label| choice("label", label, &edges))?;
        let (offset, tz) = (length(offset, "offset")?, tz.map(Arc::from));
        let hopping = Hopping { size, every, offset, tz, closed, label };
        hopping.check().map_err(|error| to_py(py, &error))?;
        Ok(Self(Windows::Hopping(hopping)))
    }

    /// Windows that start together and expand step by step to a size.
    #[staticmethod]
    fn cumulate(
        py: Python<'_>,
        size: &Bound<'_, PyAny>,
        step: &Bound<'_, PyAny>,
        offset: &Bound<'_, PyAny>,
    ) -> PyResult<Self> {
        let (size, step, offset) = (length(size, "size")?, length(step, "step")?, length(offset, "offset")?);
        Self::checked(py, Windows::Cumulate { size, step, offset })
    }

    /// Windows that last as long as no gap between rows is too long.
    #[staticmethod]
    fn session(
        py: Python<'_>,
        gap: &Bound<'_, PyAny>,
        gap_closed: bool,
        max_length: Option<&Bound<'_, PyAny>>,
        until: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Self> {
        let gap = match gap.cast::<PyExpr>() {
            Ok(expr) => Gap::Own(expr.get().0.clone()),
            Err(_) => Gap::Fixed(length(gap, "gap").map_err(|error| no_gap(gap, error))?),
        };
        let max_length = max_length.map(|max_length| length(max_length, "max_length")).transpose()?;
        let until = until.map(expression).transpose()?;
        Self::checked(py, Windows::Session(Session { gap, gap_closed, max_length, until }))
    }

    /// Windows of so many rows of a key.
    #[staticmethod]
    fn count(py: Python<'_>, size: i64, every: i64) -> PyResult<Self> {
        Self::checked(py, Windows::Count { size, every })
    }

    /// Windows of several kinds, by name.
    #[staticmethod]
    fn several(py: Python<'_>, windows: Vec<(String, Bound<'_, PyAny>)>) -> PyResult<Self> {
        let one = |(name, windows): (String, Bound<'_, PyAny>)| match windows.cast::<PyWindows>() {
            Ok(windows) => Ok((name, windows.get().0.clone())),
            Err(_) => {
                let message = format!(
                    "windows takes kinds of windows such as rl.tumbling(\"1m\"), not {}, which {name:?} is",
                    type_name(&windows)
                );
                Err(type_error(py, &message))
            }
        };
        Self::checked(py, Windows::Several(windows.into_iter().map(one).collect::<PyResult<_>>()?))
    }

    fn __repr__(&self) -> String {
        self.0.to_string()
    }

    fn __reduce__<'py>(&self, py: Python<'py>) -> PyResult<Reduced<'py>> {
        reduce(py, "Windows", &self.0)
    }
}

/// The error of a gap that is no length: a text may have been meant for a column.
fn no_gap(gap: &Bound<'_, PyAny>, error: PyErr) -> PyErr {
    match gap.cast::<PyString>() {
        Ok(text) => value_error(
            gap.py(),
            &format!("{}; a column of gaps is given as rl.col({text:?})", error.value(gap.py())),
        ),
        Err(_) => error,
    }
}

impl PyWindows {
    fn checked(py: Python<'_>, windows: Windows) -> PyResult<Self> {
        windows.check().map(|()| Self(windows)).map_err(|error| to_py(py, &error))
    }
}
