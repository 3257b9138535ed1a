//! Missing values: what stands for null among Python objects, besides `None`.

use std::borrow::Cow;

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::numpy::numpy;

/// The values with `None` in place of the `NaT` and `NA` of pandas and the `NaT` of numpy.
///
/// # Errors
/// If numpy is not what it was.
pub fn with_none<'a, 'py>(
    py: Python<'py>,
    values: &'a [Bound<'py, PyAny>],
) -> PyResult<Cow<'a, [Bound<'py, PyAny>]>> {
    let pandas = of_pandas(py)?;
    let moments = [numpy!(py, "datetime64")?, numpy!(py, "timedelta64")?];
    let mut cleaned = Cow::Borrowed(values);
    for (at, value) in values.iter().enumerate() {
        let class = value.get_type();
        let is_moment = moments.iter().any(|moment| class.is(*moment));
        if pandas.iter().any(|missing| value.is(missing))
            || is_moment && numpy!(py, "isnat")?.call1((value,))?.is_truthy()?
        {
            cleaned.to_mut()[at] = py.None().into_bound(py);
        }
    }
    Ok(cleaned)
}

/// The missing values of pandas, which nobody has if it has not been imported.
fn of_pandas(py: Python<'_>) -> PyResult<Vec<Bound<'_, PyAny>>> {
    let modules = py.import(intern!(py, "sys"))?.getattr(intern!(py, "modules"))?;
    let Some(pandas) = modules.cast::<PyDict>()?.get_item(intern!(py, "pandas"))? else { return Ok(Vec::new()) };
    let names = [intern!(py, "NaT"), intern!(py, "NA")];
    names.into_iter().filter_map(|name| pandas.getattr_opt(name).transpose()).collect()
}
