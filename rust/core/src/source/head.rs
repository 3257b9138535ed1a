//! [`CsvHead`]: what is known of a CSV source before it is read: its columns and where its rows start.

use std::collections::HashSet;
use std::sync::Arc;

use super::input::{Got, Input};
use crate::csv::{self, Dialect, Head, Layout, Sampling, Start};
use crate::error::{Error, Result};
use crate::plan::{Check, CsvInput, OnError, ReadCsv};
use crate::types::{DataType, Field, Schema};

/// The first bytes of a source.
#[derive(Debug, Default)]
pub struct Sample {
    /// The bytes.
    pub bytes: Vec<u8>,
    /// Whether they are all there are.
    pub complete: bool,
}

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
    /// Where the first row of the first file starts.
    pub(crate) start: Start,
    /// Blank lines and comments before that.
    pub(crate) skipped: u64,
    /// The files, in order.
    pub(crate) paths: Vec<String>,
    /// The first input and what has been read of it, if it cannot be read again.
    pub(crate) opened: Option<(Input, Sample)>,
}

impl CsvHead {
    /// Opens the source and reads a sample.
    ///
    /// # Errors
    /// [`Error::Io`]; [`Error::Argument`] and others for what is not CSV or does not fit the arguments.
    pub(crate) fn open(read: &ReadCsv) -> Result<Self> {
        let paths = match &read.input {
            CsvInput::Paths(paths) => expand(paths)?,
            _ => Vec::new(),
        };
        let mut input = match &read.input {
            CsvInput::Paths(_) => Input::open(&paths[0])?,
            CsvInput::Bytes(bytes) => Input::Memory(Arc::clone(bytes), 0),
            CsvInput::Stdin => Input::Stdin,
            CsvInput::Host { .. } => return Err(Error::Internal("the host's sample is missing".into())),
        };
        let mut sample = Sample::default();
        loop {
            if let Some(mut head) = Self::of_sample(read, &sample, input.name())? {
                head.paths = paths;
                head.opened = input.is_one_shot().then_some((input, sample));
                return Ok(head);
            }
            extend(&mut input, &mut sample)?;
        }
    }

    /// Reads a sample; `None` if more of it is needed.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub(crate) fn of_sample(read: &ReadCsv, sample: &Sample, source: &str) -> Result<Option<Self>> {
        let head = head_options(read)?;
        let nulls: Vec<Vec<u8>> = read.null_values.iter().map(|null| null.clone().into_bytes()).collect();
        let sampling =
            Sampling { rows: rows_to_infer(read, sample, &head)?, max_bytes: 64 << 20, nulls: nulls.clone() };
        let located = |error| locate(error, source);
        let Some(inferred) = csv::infer(&sample.bytes, sample.complete, &head, &sampling).map_err(located)? else {
            return Ok(None);
        };
        let names = inferred.header.names.clone();
        let all = with_declared(inferred.fields, read)?;
        let picked = pick(&all, read)?;
        let schema = Schema::new(picked.iter().map(|&at| all[at].clone()).collect())?;
        let time = read.time.as_deref().map(|name| event_time(&schema, name, read)).transpose()?;
        let layout = layout(read, &head.dialect, &all, &picked, time, &nulls);
        Ok(Some(Self {
            names,
            schema: Arc::new(schema),
            layout,
            time,
            check_all: read.check == Check::All,
            start: inferred.header.end,
            skipped: inferred.header.skipped,
            paths: Vec::new(),
            opened: None,
        }))
    }
}

impl CsvHead {
    /// Reads only these columns, and the event time; all if `None`.
    pub(crate) fn narrow(&mut self, needed: Option<&HashSet<String>>) {
        let Some(needed) = needed else { return };
        let keep = |at: usize, field: &Field| self.time == Some(at) || needed.contains(&*field.name);
        let fields = self.schema.fields();
        let kept: Vec<usize> = (0..fields.len()).filter(|&at| keep(at, &fields[at])).collect();
        self.time = self.time.and_then(|time| kept.iter().position(|&at| at == time));
        let columns = kept.iter().map(|&at| self.layout.columns[at].clone());
        self.layout.columns = match self.check_all {
            true => {
                let rest = self.layout.columns.iter().enumerate().filter(|(at, _)| !kept.contains(at));
                columns.chain(rest.map(|(_, column)| csv::Column { wanted: false, ..column.clone() })).collect()
            }
            false => columns.collect(),
        };
        let fields = kept.iter().map(|&at| fields[at].clone()).collect();
        self.schema = Arc::new(Schema::new(fields).expect("names of one schema are unique"));
    }
}

/// How the beginning of each file is read.
pub(crate) fn head_options(read: &ReadCsv) -> Result<Head> {
    let comment = match read.comment.as_deref() {
        None => None,
        Some(text) => match text.as_bytes() {
            [byte] => Some(*byte),
            _ => return Err(Error::argument(format!("comment must be one ASCII character, not {text:?}"))),
        },
    };
    Ok(Head {
        dialect: Dialect::new(read.delimiter, read.quote, comment)?,
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

/// None, if all columns are declared.
fn rows_to_infer(read: &ReadCsv, sample: &Sample, head: &Head) -> Result<usize> {
    if read.schema.is_empty() {
        return Ok(read.infer_rows);
    }
    let names = csv::head(&sample.bytes, sample.complete, head)?.map(|header| header.names);
    let declared = |name: &String| read.schema.iter().any(|(known, _)| known == name);
    Ok(if names.is_some_and(|names| names.iter().all(declared)) { 0 } else { read.infer_rows })
}

/// Paths, globs expanded.
fn expand(paths: &[String]) -> Result<Vec<String>> {
    let mut expanded = Vec::new();
    for path in paths {
        if !path.contains(['*', '?', '[']) || std::path::Path::new(path).exists() {
            expanded.push(path.clone());
            continue;
        }
        let found =
            glob::glob(path).map_err(|error| Error::argument(format!("{path:?} is not a glob: {error}")))?;
        let mut found: Vec<String> = found.flatten().map(|path| path.to_string_lossy().into_owned()).collect();
        if found.is_empty() {
            let errno = rustix::io::Errno::NOENT.raw_os_error();
            return Err(Error::Io { errno: Some(errno), message: "No file matches".into(), path: path.clone() });
        }
        found.sort();
        expanded.append(&mut found);
    }
    match expanded.is_empty() {
        true => Err(Error::argument("there is no file to read: the list is empty")),
        false => Ok(expanded),
    }
}

/// How much is read at first: mostly enough to infer the columns from, which starts over with each more.
const SAMPLE: usize = 1 << 20;

/// Reads on, doubling the sample.
fn extend(input: &mut Input, sample: &mut Sample) -> Result<()> {
    let from = sample.bytes.len();
    sample.bytes.resize((2 * from).max(SAMPLE), 0);
    let got = input.read(&mut sample.bytes[from..]);
    let len = if let Ok(Got::Bytes(len)) = got { len } else { 0 };
    sample.bytes.truncate(from + len);
    if let Got::Bytes(0) = got? {
        sample.complete = true;
    }
    Ok(())
}

fn with_declared(mut fields: Vec<Field>, read: &ReadCsv) -> Result<Vec<Field>> {
    for (name, dtype) in &read.schema {
        match fields.iter_mut().find(|field| *field.name == **name) {
            Some(field) => field.dtype = dtype.clone(),
            None => {
                let known = fields.iter().map(|field| field.name.to_string()).collect();
                return Err(Error::ColumnNotFound { column: name.clone(), known });
            }
        }
    }
    Ok(fields)
}

/// The places of the columns to read, in the order asked for.
fn pick(all: &[Field], read: &ReadCsv) -> Result<Vec<usize>> {
    let schema = Schema::new(all.to_vec())?;
    match &read.columns {
        None => Ok((0..all.len()).collect()),
        Some(columns) => columns.iter().map(|name| schema.index(name)).collect(),
    }
}

fn event_time(schema: &Schema, name: &str, read: &ReadCsv) -> Result<usize> {
    let forgotten = read.columns.as_ref().is_some_and(|columns| !columns.iter().any(|column| column == name));
    if forgotten {
        return Err(Error::argument(format!("time={name:?} is not among columns=; add it there")));
    }
    let at = schema.index(name)?;
    crate::time::check(name, &schema.fields()[at].dtype)?;
    Ok(at)
}

fn layout(
    read: &ReadCsv,
    dialect: &Dialect,
    all: &[Field],
    picked: &[usize],
    time: Option<usize>,
    nulls: &[Vec<u8>],
) -> Layout {
    let column = |index: usize, wanted: bool, required: bool| csv::Column {
        nulls: nulls.to_vec(),
        wanted,
        required,
        ..csv::Column::new(index, all[index].name.to_string(), decoded(&all[index].dtype))
    };
    let mut columns: Vec<csv::Column> =
        picked.iter().enumerate().map(|(at, &index)| column(index, true, time == Some(at))).collect();
    if read.check == Check::All {
        columns.extend(
            (0..all.len()).filter(|index| !picked.contains(index)).map(|index| column(index, false, false)),
        );
    }
    let on_error = match read.on_error {
        OnError::Error => csv::OnError::Error,
        OnError::Skip => csv::OnError::Skip,
        OnError::Keep => csv::OnError::Keep,
    };
    Layout { dialect: *dialect, fields: all.len(), columns, on_error, starts: time.is_some() }
}

/// The type that a column is decoded as.
fn decoded(dtype: &DataType) -> DataType {
    match dtype {
        DataType::Categorical(_) => DataType::Text,
        dtype => dtype.clone(),
    }
}
