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
    let (mut wide, mut shown) = (0, 0);
    for at in 0..batch.columns().len() {
        let cells = cells(py, batch, at)?;
        let width = cells.iter().map(|cell| cell.chars().count()).max().unwrap_or(0);
        if wide + width + 2 > WIDTH && at > 0 {
            lines.iter_mut().for_each(|line| line.push_str("  …"));
            break;
        }
        (wide, shown) = (wide + width + 2, at + 1);
        let left = batch.schema().fields()[at].dtype.is_text();
        for (line, cell) in lines.iter_mut().zip(cells) {
            let _ = if left { write!(line, "  {cell:<width$}") } else { write!(line, "  {cell:>width$}") };
        }
    }
    let mut text = format!("Batch: {}\n", size(batch));
    text.extend(lines.iter().map(|line| format!("{}\n", line.trim_end())).filter(|_| !batch.columns().is_empty()));
    text.push_str(if batch.rows() > ROWS { "  …\n" } else { "" });
    text.extend(more(batch, shown).map(|more| format!("  {more}")));
    Ok(text.trim_end().to_owned())
}

/// What is said of the columns that are not shown: how many there are, and the first of their names.
fn more(batch: &Batch, shown: usize) -> Option<String> {
    let left = &batch.schema().fields()[shown..];
    let mut text = format!("… {}: ", counted(left.len(), "more column"));
    for (at, field) in left.iter().enumerate() {
        let name = printable(&field.name);
        if text.chars().count() + name.chars().count() + 3 > WIDTH {
            text.push('…');
            break;
        }
        text.push_str(&name);
        text.push_str(if at + 1 < left.len() { ", " } else { "" });
    }
    (!left.is_empty()).then_some(text)
}

/// The batch as an HTML table of its first rows.
pub fn html(py: Python<'_>, batch: &Batch) -> PyResult<String> {
    // No more columns than a page can show.
    let shown = batch.columns().len().min(50);
    let columns = (0..shown).map(|at| cells(py, batch, at)).collect::<PyResult<Vec<_>>>()?;
    let row = |at: usize, tag: &str| {
        let cells = columns.iter().map(|cells| format!("<{tag}>{}</{tag}>", escaped(&cells[at])));
        format!("<tr>{}</tr>", cells.collect::<String>())
    };
    let head = [row(0, "th"), row(1, "th")].concat();
    let body: String = (2..2 + batch.rows().min(ROWS)).map(|at| row(at, "td")).collect();
    let foot = [Some(size(batch)), more(batch, shown)].into_iter().flatten();
    let foot: String = foot.map(|line| format!("<p>{}</p>", escaped(&line))).collect();
    Ok(format!("<div><table><thead>{head}</thead><tbody>{body}</tbody></table>{foot}</div>"))
}

fn counted(n: usize, what: &str) -> String {
    format!("{n} {what}{}", if n == 1 { "" } else { "s" })
}

fn size(batch: &Batch) -> String {
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
