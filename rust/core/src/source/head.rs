//! [`CsvHead`]: what is known of a CSV source before it is read: its columns and where its rows start.

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;

use super::beginning::Beginning;
use super::look::Look;
use super::opened::Opened;
use super::unread::Unread;
use crate::csv::{self, Dialect, Head, Layout};
use crate::error::{Error, Result};
use crate::plan::{Check, OnError, ReadCsv};
use crate::types::{DataType, Field, Schema};

/// What is known of a CSV source before it is read.
pub(crate) struct CsvHead {
    /// All columns of the file.
    pub(crate) names: Vec<String>,
    /// The columns that are read.
    pub(crate) schema: Arc<Schema>,
    /// How they are decoded.
    pub(crate) layout: Layout,
    /// Where the event time stands among them.
    pub(crate) time: Option<usize>,
    /// Whether columns that are not used are checked too.
    check_all: bool,
    /// The files, in order.
    pub(crate) files: VecDeque<Unread>,
}

impl CsvHead {
    /// Opens the source, of which these pipes have been, and reads samples, up to that of the first file with rows; `None`
    /// if not enough has come yet.
    ///
    /// # Errors
    /// [`Error::Io`]; [`Error::Argument`] and others for what is not CSV or does not fit the arguments.
    pub(crate) fn open(read: &ReadCsv, opened: &Arc<Opened>) -> Result<Option<Self>> {
        let files = Unread::all(&read.input, opened)?;
        let (mut fields, mut reasons) = (Vec::new(), Vec::new());
        for file in &files {
            let source = file.name().to_owned();
            let mut look = Look::new(read, &source)?;
            let Some(inferred) = file.look(|sample| look.at(sample))? else { return Ok(None) };
            let same = inferred.header.check(&names(&fields), "those of the first file");
            same.map_err(|error| locate(error, &source))?;
            if !inferred.fields.is_empty() {
                (fields, reasons) = (inferred.fields, inferred.reasons);
            }
            if inferred.settled {
                break;
            }
        }
        Self::new(read, (fields, reasons), files).map(Some)
    }

    /// Takes what has been opened of its files, all or none.
    ///
    /// # Errors
    /// [`Error::Consumed`] if somebody else has taken one.
    pub(crate) fn take(&mut self) -> Result<()> {
        let taken = self.files.iter_mut().try_for_each(Unread::take);
        taken.inspect_err(|_| self.give_back())
    }

    /// Gives back what it has taken.
    pub(crate) fn give_back(&mut self) {
        self.files.iter_mut().for_each(Unread::give_back);
    }

    /// What is known of a file of the host by the beginning that it has read.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub(crate) fn hosted(read: &ReadCsv, beginning: Beginning) -> Result<Self> {
        let (sample, inferred) = beginning.told()?;
        Self::new(read, (inferred.fields, inferred.reasons), [Unread::hosted(sample)].into())
    }

    /// Files of these columns, some of which are text for a reason.
    fn new(read: &ReadCsv, (fields, reasons): Inference, files: VecDeque<Unread>) -> Result<Self> {
        if fields.is_empty() {
            return Err(locate(csv::no_header(), &all_of(&files)));
        }
        let names = names(&fields);
        if let Some(name) = &read.time {
            check_inferred(name, &fields, &reasons, read)?;
        }
        let all = with_declared(&Schema::new(fields)?, read)?;
        let picked = pick(&all, read)?;
        let all = all.fields();
        let schema = Schema::new(picked.iter().map(|&at| all[at].clone()).collect())?;
        let time = read.time.as_deref().map(|name| event_time(&schema, name)).transpose()?;
        let layout = layout(read, &head_options(read)?.dialect, all, &picked, time);
        let check_all = read.check == Check::All;
        Ok(Self { names, schema: Arc::new(schema), layout, time, check_all, files })
    }
}

/// The columns of a file, and of each that is text why it is.
type Inference = (Vec<Field>, Vec<Option<String>>);

/// The texts that mean null.
pub(crate) fn nulls(read: &ReadCsv) -> Vec<Vec<u8>> {
    read.null_values.iter().map(|null| null.clone().into_bytes()).collect()
}

fn names(fields: &[Field]) -> Vec<String> {
    fields.iter().map(|field| field.name.to_string()).collect()
}

/// What users call the files together.
fn all_of(files: &VecDeque<Unread>) -> String {
    let first = files.front().map_or("", Unread::name);
    match files.len() {
        0 | 1 => first.to_owned(),
        n => format!("{first} and {} more", n - 1),
    }
}

impl CsvHead {
    /// Reads only these columns, and the event time; all if `None`.
    pub(crate) fn narrow(&mut self, needed: Option<&HashSet<String>>) {
        let Some(needed) = needed else { return };
        let (kept, schema) = self.schema.narrowed(needed, self.time);
        self.time = self.time.and_then(|time| kept.iter().position(|&at| at == time));
        let columns = kept.iter().map(|&at| self.layout.columns[at].clone());
        self.layout.columns = match self.check_all {
            true => {
                let wanted: HashSet<usize> = kept.iter().copied().collect();
                let rest = self.layout.columns.iter().enumerate().filter(|(at, _)| !wanted.contains(at));
                columns.chain(rest.map(|(_, column)| csv::Column { wanted: false, ..column.clone() })).collect()
            }
            false => columns.collect(),
        };
        self.schema = Arc::new(schema);
    }
}

/// How the beginning of each file is read.
pub(crate) fn head_options(read: &ReadCsv) -> Result<Head> {
    Ok(Head {
        dialect: Dialect::new(read.delimiter, read.quote, read.comment_byte()?)?,
        names: read.names.clone(),
        skip_rows: read.skip_rows as u64,
        max_columns: read.max_columns,
        max_line: read.max_line,
    })
}

/// Names the source in an error that has none.
pub(crate) fn locate(mut error: Error, source: &str) -> Error {
    match &mut error {
        Error::BadRow(bad) => bad.place.source = Some(source.to_owned()),
        Error::Overflow(overflow) => overflow.place.source = Some(source.to_owned()),
        Error::Limit { place, .. } => place.source = Some(source.to_owned()),
        Error::Argument(message) => return Error::Argument(format!("{source}: {message}")),
        _ => {}
    }
    error
}

fn with_declared(inferred: &Schema, read: &ReadCsv) -> Result<Schema> {
    let mut fields = inferred.fields().to_vec();
    for (name, dtype) in &read.schema {
        fields[inferred.index(name)?].dtype = dtype.clone();
    }
    Schema::new(fields)
}

/// The places of the columns to read, in the order asked for.
fn pick(all: &Schema, read: &ReadCsv) -> Result<Vec<usize>> {
    match &read.columns {
        None => Ok((0..all.len()).collect()),
        Some(columns) => columns.iter().map(|name| all.index(name)).collect(),
    }
}

/// Refuses an event time that only the sample says to be text.
fn check_inferred(name: &str, fields: &[Field], reasons: &[Option<String>], read: &ReadCsv) -> Result<()> {
    let is_declared = read.schema.iter().any(|(declared, _)| declared == name);
    let at = fields.iter().position(|field| &*field.name == name).filter(|_| !is_declared);
    match at.and_then(|at| reasons[at].as_ref()) {
        Some(reason) => {
            let what = format!("declare what it is, as in schema={{{name:?}: \"timestamp[us]\"}}");
            let message = format!("it cannot be the event time: it is text {reason}; {what}");
            Err(Error::schema(name, &DataType::Text, message))
        }
        None => Ok(()),
    }
}

fn event_time(schema: &Schema, name: &str) -> Result<usize> {
    let at = schema.index(name)?;
    crate::time::check(name, &schema.fields()[at].dtype)?;
    Ok(at)
}

fn layout(read: &ReadCsv, dialect: &Dialect, all: &[Field], picked: &[usize], time: Option<usize>) -> Layout {
    let nulls = nulls(read);
    let column = |index: usize, wanted: bool, required: bool| csv::Column {
        nulls: nulls.clone(),
        wanted,
        required,
        ..csv::Column::new(index, all[index].name.to_string(), decoded(&all[index].dtype))
    };
    let mut columns: Vec<csv::Column> =
        picked.iter().enumerate().map(|(at, &index)| column(index, true, time == Some(at))).collect();
    if read.check == Check::All {
        let wanted: HashSet<usize> = picked.iter().copied().collect();
        let rest = (0..all.len()).filter(|index| !wanted.contains(index));
        columns.extend(rest.map(|index| column(index, false, false)));
    }
    let on_error = match read.on_error {
        OnError::Error => csv::OnError::Error,
        OnError::Skip => csv::OnError::Skip,
        OnError::Keep => csv::OnError::Keep,
    };
    Layout { dialect: *dialect, fields: all.len(), columns, on_error }
}

/// The type that a column is decoded as.
fn decoded(dtype: &DataType) -> DataType {
    match dtype {
        DataType::Categorical(_) => DataType::Text,
        dtype => dtype.clone(),
    }
}
