//! Batches as people read them.

use std::fmt::Write;

use pyo3::prelude::*;
use pyo3::types::PyString;
use rillet_core::Batch;

use crate::value;

/// How many rows are shown.
const ROWS: usize = 10;

/// How wide a table may be, in characters.
const WIDTH: usize = 100;

/// How wide a cell may be, in characters.
const CELL: usize = 32;

/// A column of cells: its name, its type, its values.
type Cells = Vec<String>;

/// The batch as an aligned table of its first rows.
pub fn text(py: Python<'_>, batch: &Batch) -> PyResult<String> {
    let mut lines = vec![String::new(); 2 + batch.rows().min(ROWS)];
    let mut wide = 0;
    for at in 0..batch.columns().len() {
        let cells = cells(py, batch, at)?;
        let width = cells.iter().map(|cell| cell.chars().count()).max().unwrap_or(0);
        if wide + width + 2 > WIDTH && at > 0 {
            lines.iter_mut().for_each(|line| line.push_str("  …"));
            break;
        }
        wide += width + 2;
        let left = batch.schema().fields()[at].dtype.is_text();
        for (line, cell) in lines.iter_mut().zip(cells) {
            let _ = if left { write!(line, "  {cell:<width$}") } else { write!(line, "  {cell:>width$}") };
        }
    }
    let mut text = format!("Batch: {}\n", size(batch));
    text.extend(lines.iter().map(|line| format!("{}\n", line.trim_end())).filter(|_| !batch.columns().is_empty()));
    text.push_str(if batch.rows() > ROWS { "  …" } else { "" });
    Ok(text.trim_end().to_owned())
}

/// The batch as an HTML table of its first rows.
pub fn html(py: Python<'_>, batch: &Batch) -> PyResult<String> {
    // No more columns than a page can show.
    let columns =
        (0..batch.columns().len().min(50)).map(|at| cells(py, batch, at)).collect::<PyResult<Vec<_>>>()?;
    let row = |at: usize, tag: &str| {
        let cells = columns.iter().map(|cells| format!("<{tag}>{}</{tag}>", escaped(&cells[at])));
        format!("<tr>{}</tr>", cells.collect::<String>())
    };
    let head = [row(0, "th"), row(1, "th")].concat();
    let body: String = (2..2 + batch.rows().min(ROWS)).map(|at| row(at, "td")).collect();
    Ok(format!("<div><table><thead>{head}</thead><tbody>{body}</tbody></table><p>{}</p></div>", size(batch)))
}

fn size(batch: &Batch) -> String {
    let counted = |n: usize, what: &str| format!("{n} {what}{}", if n == 1 { "" } else { "s" });
    format!("{} × {}", counted(batch.rows(), "row"), counted(batch.columns().len(), "column"))
}

fn cells(py: Python<'_>, batch: &Batch, at: usize) -> PyResult<Cells> {
    let field = &batch.schema().fields()[at];
    let values = value::list(py, &batch.columns()[at].slice(0, batch.rows().min(ROWS)))?;
    let mut cells = vec![printable(&field.name), printable(&field.dtype.to_string())];
    for value in values {
        cells.push(match value.cast::<PyString>() {
            Ok(text) => printable(&text.to_cow()?),
            Err(_) if value.is_none() => "null".into(),
            Err(_) => printable(&value.str()?.to_cow()?),
        });
    }
    Ok(cells)
}

/// The text on one line, cut to the width of a cell.
fn printable(text: &str) -> String {
    let escape = |c: char| if c.is_control() { c.escape_default().to_string() } else { c.to_string() };
    let mut short: String = text.chars().take(CELL).map(escape).collect();
    if text.chars().nth(CELL).is_some() {
        short.push('…');
    }
    short
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
