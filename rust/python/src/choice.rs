//! [`choice`]: arguments that are one of a few texts.

use pyo3::prelude::*;
use pyo3::types::PyString;

use crate::errors::{type_error, value_error};
use crate::infer::type_name;

/// What the value of an argument stands for, of these texts.
///
/// # Errors
/// If it is none of them: they are listed as they would be written.
pub fn choice<T: Copy>(argument: &str, value: &Bound<'_, PyAny>, choices: &[(&str, T)]) -> PyResult<T> {
    let must = |given: &str| format!("{argument} must be {}, not {given}", listed(choices));
    let Ok(text) = value.cast::<PyString>() else {
        return Err(type_error(value.py(), &must(&type_name(value))));
    };
    let text = text.to_string_lossy();
    let chosen = choices.iter().find(|(name, _)| *name == text);
    chosen.map(|&(_, choice)| choice).ok_or_else(|| value_error(value.py(), &must(&format!("{text:?}"))))
}

fn listed<T>(choices: &[(&str, T)]) -> String {
    let quoted: Vec<String> = choices.iter().map(|(name, _)| format!("{name:?}")).collect();
    match quoted.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} or {last}", rest.join(", ")),
        _ => quoted.concat(),
    }
}
