//! Plans as people read them: as the chain of calls that makes them.

use std::fmt;

use super::csv::{Check, CsvInput, OnError, ReadCsv};
use super::merge::shown;
use super::{Ahead, BATCH_ROWS, Every, Host, Node, Plan, WindowSpec, Windows};
use crate::expr::{Expr, Part};
use crate::window::{Late, Length};

/// What Python does not take as the name of an argument.
const KEYWORDS: [&str; 35] = [
    "False", "None", "True", "and", "as", "assert", "async", "await", "break", "class", "continue", "def", "del",
    "elif", "else", "except", "finally", "for", "from", "global", "if", "import", "in", "is", "lambda",
    "nonlocal", "not", "or", "pass", "raise", "return", "try", "while", "with", "yield",
];

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Node::Merge(merge) = &self.node {
            return f.write_str(&shown(merge, &self.inputs));
        }
        for input in &self.inputs {
            write!(f, "{input}\n  .")?;
        }
        write!(f, "{}", self.node)
    }
}

impl fmt::Display for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ReadCsv(read) => write!(f, "{read}"),
            Self::Host(host) => write!(f, "{host}"),
            Self::Select(columns) => write!(f, "select({})", named(columns)),
            Self::WithColumns(columns) => write!(f, "with_columns({})", named(columns)),
            Self::Filter(condition) => write!(f, "filter({condition})"),
            Self::Map(map) => write!(f, "map_batches({})", map.name),
            Self::Rebatch(rows) => write!(f, "rebatch({rows})"),
            Self::Limit(rows) => write!(f, "limit({rows})"),
            Self::Window(spec) => write!(f, "{spec}"),
            Self::Rolling(spec) => write!(f, "{spec}"),
            Self::Merge(merge) => write!(f, "{merge}"),
            Self::Guard(guard) => write!(f, "{}", guard.ahead),
            Self::GroupBy(spec) => {
                let every = spec.every.map(|every| match every {
                    Every::Rows(rows) => format!("every={rows}"),
                    Every::Time(length) => format!("every={length}"),
                });
                let arguments: Vec<_> = spec.by.iter().map(|(_, key)| bare(key)).chain(every).collect();
                write!(f, "group_by({}).agg({})", arguments.join(", "), listed(&spec.aggregates))
            }
        }
    }
}

/// `name=what` for each.
pub(super) fn listed<T: fmt::Display>(items: &[(String, T)]) -> String {
    items.iter().map(|(name, item)| argument(name, item)).collect::<Vec<_>>().join(", ")
}

/// `name=what`, if the name can be that of an argument.
fn argument(name: &str, what: &impl fmt::Display) -> String {
    let mut characters = name.chars();
    let begins = characters.next().is_some_and(|first| first.is_alphabetic() || first == '_');
    match begins && characters.all(|other| other.is_alphanumeric() || other == '_') && !KEYWORDS.contains(&name) {
        true => format!("{name}={what}"),
        false => format!("**{{{name:?}: {what}}}"),
    }
}

/// `, by=...`, if there are keys.
pub(super) fn keys(by: &[(String, Expr)]) -> String {
    match by {
        [] => String::new(),
        [(_, key)] => format!(", by={}", bare(key)),
        _ => format!(", by=[{}]", by.iter().map(|(_, key)| bare(key)).collect::<Vec<_>>().join(", ")),
    }
}

/// Those that have a name of their own as they are, as far as no other comes before them; the others as `name=what`.
fn named(columns: &[(String, Expr)]) -> String {
    let own = columns.iter().take_while(|(name, expr)| expr.name() == Some(name)).count();
    let first = columns[..own].iter().map(|(_, expr)| bare(expr));
    first.chain(columns[own..].iter().map(|(name, expr)| argument(name, expr))).collect::<Vec<_>>().join(", ")
}

/// A plain column by its name alone.
fn bare(expr: &Expr) -> String {
    match expr.parts() {
        [Part::Column(name)] => format!("{name:?}"),
        _ => expr.to_string(),
    }
}

impl fmt::Display for ReadCsv {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut parts = vec![match &self.input {
            CsvInput::Paths(paths) if paths.len() == 1 => format!("{:?}", paths[0]),
            CsvInput::Paths(paths) => format!("{paths:?}"),
            CsvInput::Bytes(bytes) => format!("<{} bytes>", bytes.len()),
            CsvInput::Stdin => "\"-\"".into(),
            CsvInput::Host { .. } => "<file>".into(),
        }];
        let mut option = |differs: bool, shown: String| parts.extend(differs.then_some(shown));
        option(self.time.is_some(), format!("time={:?}", self.time.as_deref().unwrap_or_default()));
        option(self.columns.is_some(), format!("columns={:?}", self.columns.as_deref().unwrap_or_default()));
        option(self.names.is_some(), format!("names={:?}", self.names.as_deref().unwrap_or_default()));
        option(self.delimiter != b',', format!("delimiter={:?}", char::from(self.delimiter).to_string()));
        option(!self.schema.is_empty(), format!("schema={{{}}}", schema(self)));
        option(!self.null_values.is_empty(), format!("null_values={:?}", self.null_values));
        option(
            self.on_error != OnError::Error,
            format!("on_error={:?}", format!("{:?}", self.on_error).to_lowercase()),
        );
        option(self.check != Check::Used, "check=\"all\"".into());
        option(self.batch_rows != BATCH_ROWS, format!("batch_rows={}", self.batch_rows));
        option(self.threads.is_some(), format!("threads={}", self.threads.unwrap_or_default()));
        write!(f, "read_csv({})", parts.join(", "))
    }
}

fn schema(read: &ReadCsv) -> String {
    read.schema.iter().map(|(name, dtype)| format!("{name:?}: \"{dtype}\"")).collect::<Vec<_>>().join(", ")
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}(…", self.name)?;
        if let Some(time) = &self.time {
            write!(f, ", time={time:?}")?;
        }
        f.write_str(")")
    }
}

/// The event time of a stage, and what it does with rows that lag behind or are ahead, as far as they are not the
/// default.
pub(super) fn lagging(time: Option<&Expr>, lateness: Length, late: Late, ahead: Option<Ahead>) -> String {
    let mut parts = time.map(|time| format!(", time={time}")).unwrap_or_default();
    if lateness != Length::Ticks(0) {
        parts += &format!(", lateness={lateness}");
    }
    if late != Late::Error {
        parts += &format!(", late={:?}", format!("{late:?}").to_lowercase());
    }
    parts + &ahead.map(|ahead| format!(", {ahead}")).unwrap_or_default()
}

/// The time-out of a stage that is idle, if it has one.
pub(super) fn idle(timeout: Option<Length>) -> String {
    timeout.map(|timeout| format!(", idle_timeout={timeout}")).unwrap_or_default()
}

impl fmt::Display for WindowSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = if matches!(self.windows, Windows::Several(_)) { "windows" } else { "window" };
        write!(f, "{name}({}{}", self.windows, keys(&self.by))?;
        f.write_str(&lagging(self.time.as_ref(), self.lateness, self.late, self.ahead))?;
        if let Some(fill) = self.fill {
            write!(f, ", {fill}")?;
        }
        if let Some(revisions) = &self.revisions {
            write!(f, "{revisions}")?;
        }
        f.write_str(&idle(self.idle_timeout))?;
        write!(f, ").agg({})", listed(&self.aggregates))
    }
}

impl fmt::Display for Windows {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Hopping(hopping) => write!(f, "{hopping}"),
            Self::Cumulate { size, step, offset: Length::Ticks(0) } => write!(f, "cumulate({size}, {step})"),
            Self::Cumulate { size, step, offset } => write!(f, "cumulate({size}, {step}, offset={offset})"),
            Self::Session(session) => write!(f, "{session}"),
            Self::Count { size, every } if size == every => write!(f, "count({size})"),
            Self::Count { size, every } => write!(f, "count({size}, {every})"),
            Self::Several(all) => {
                let each = all.iter().map(|(name, windows)| format!("{name:?}: {windows}"));
                write!(f, "{{{}}}", each.collect::<Vec<_>>().join(", "))
            }
        }
    }
}
