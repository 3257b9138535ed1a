//! Arrow data in and out through PyCapsules.
// The C data interface is made of raw pointers.
#![allow(unsafe_code)]

use std::ffi::{CStr, c_void};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr::NonNull;
use std::sync::Arc;

use arrow_array::ffi::{FFI_ArrowArray, FFI_ArrowSchema, from_ffi_and_data_type, to_ffi};
use arrow_array::ffi_stream::FFI_ArrowArrayStream;
use arrow_array::{ArrayRef, RecordBatch, RecordBatchOptions, RecordBatchReader, StructArray, make_array};
use arrow_schema::{ArrowError, DataType as Arrow, Field, SchemaRef};
use pyo3::exceptions::PyKeyboardInterrupt;
use pyo3::prelude::*;
use pyo3::types::{PyCapsule, PyTuple};
use rillet_core::types::MAX_DEPTH;
use rillet_core::{Error, Result, plain_text};

use crate::errors::{enter, type_error, value_error};
use crate::nulls;
use crate::valid;

const SCHEMA: &CStr = c"arrow_schema";
const ARRAY: &CStr = c"arrow_array";
const STREAM: &CStr = c"arrow_array_stream";

/// Arrays that another library hands out one after the other.
pub enum Arrays {
    /// A stream, and the type of its arrays.
    Stream(FFI_ArrowArrayStream, Arrow),
    /// One array, until it is taken.
    One(Option<FFI_ArrowArray>, Arrow),
}

impl Arrays {
    /// Takes the arrays of an object that has `__arrow_c_stream__` or `__arrow_c_array__`; `None` if it
    /// has neither.
    ///
    /// # Errors
    /// If the data was taken before, or breaks the rules of Arrow.
    pub fn import(obj: &Bound<'_, PyAny>) -> PyResult<Option<Self>> {
        if obj.hasattr("__arrow_c_stream__")? {
            return import_stream(&obj.call_method0("__arrow_c_stream__")?).map(Some);
        }
        if obj.hasattr("__arrow_c_array__")? {
            return import_array(&obj.call_method0("__arrow_c_array__")?).map(Some);
        }
        Ok(None)
    }

    /// The type of the arrays.
    pub fn dtype(&self) -> &Arrow {
        let (Self::Stream(_, dtype) | Self::One(_, dtype)) = self;
        dtype
    }

    /// The next array, of which these columns are wanted, if not all are; call it detached.
    ///
    /// # Errors
    /// If the other library fails, or its data breaks the rules of Arrow.
    pub fn next(&mut self, wanted: Option<&[usize]>) -> Result<Option<ArrayRef>> {
        let (array, dtype) = match self {
            Self::One(array, dtype) => (array.take(), dtype),
            Self::Stream(stream, dtype) => {
                let mut array = FFI_ArrowArray::empty();
                match stream.get_next() {
                    None => return Err(malformed("the stream has no get_next")),
                    // SAFETY: the stream is not released, as `import_stream` made sure, and both pointers
                    // are valid for the call.
                    Some(get_next) => check(unsafe { get_next(stream, &raw mut array) }, stream)?,
                }
                (Some(array).filter(|array| !array.is_released()), dtype)
            }
        };
        array.map(|array| checked(array, dtype, wanted)).transpose()
    }
}

fn malformed(what: impl std::fmt::Display) -> Error {
    Error::argument(format!("malformed Arrow data: {what}"))
}

/// The error of a stream's call, if it failed.
fn check(code: i32, stream: &mut FFI_ArrowArrayStream) -> Result<()> {
    if code == 0 {
        return Ok(());
    }
    // SAFETY: the stream is not released, and its last call failed, so that it may be asked why.
    let text = stream.get_last_error().map(|get| unsafe { get(stream) }).filter(|text| !text.is_null());
    // SAFETY: the text is not null, ends in NUL and lives until the next call on the stream.
    let text = text.map(|text| unsafe { CStr::from_ptr(text) }.to_string_lossy().into_owned());
    let message = text.unwrap_or_else(|| "the producer does not say why".into());
    Err(Error::Io { errno: Some(code), message, path: "<arrow stream>".into() })
}

/// The array, or these columns of it, if they hold what their types promise.
fn checked(array: FFI_ArrowArray, dtype: &Arrow, wanted: Option<&[usize]>) -> Result<ArrayRef> {
    let imported = nulls::importable(&array, dtype);
    // SAFETY: the array comes from a capsule of the name that the C data interface gives to such data, so
    // that its buffers are as long as its type and length say. What they hold is validated below.
    let data = unsafe { from_ffi_and_data_type(array, imported) }.map_err(malformed)?;
    let data = nulls::restored(data, dtype).map_err(malformed)?;
    if let Some(wanted) = wanted {
        return Ok(Arc::new(valid::columns(&data, wanted).map_err(malformed)?));
    }
    valid::check(&data).map_err(malformed)?;
    Ok(make_array(data))
}

/// The type that a schema describes.
fn dtype(schema: &FFI_ArrowSchema) -> Result<Arrow> {
    if depth(schema, 0) > MAX_DEPTH {
        return Err(malformed(format!("types nest deeper than {MAX_DEPTH} levels")));
    }
    Ok(Field::try_from(schema).map_err(malformed)?.data_type().clone())
}

fn depth(schema: &FFI_ArrowSchema, above: usize) -> usize {
    if above > MAX_DEPTH {
        return above;
    }
    let below = schema.children().chain(schema.dictionary());
    below.map(|child| depth(child, above + 1)).max().unwrap_or(above)
}

/// What a capsule of this name holds.
fn pointer(capsule: &Bound<'_, PyAny>, name: &CStr) -> PyResult<NonNull<c_void>> {
    let pointer = capsule.cast::<PyCapsule>().ok().and_then(|capsule| capsule.pointer_checked(Some(name)).ok());
    pointer.ok_or_else(|| type_error(capsule.py(), &format!("Arrow data comes in a capsule named {name:?}")))
}

fn import_stream(capsule: &Bound<'_, PyAny>) -> PyResult<Arrays> {
    let py = capsule.py();
    let pointer = pointer(capsule, STREAM)?;
    // SAFETY: a capsule of this name holds such a struct, and nobody else touches it while we are attached;
    // what is left in the capsule is marked as released.
    let mut stream = unsafe { FFI_ArrowArrayStream::from_raw(pointer.as_ptr().cast()) };
    if stream.release().is_none() {
        return Err(value_error(py, "this Arrow stream has been read already; make it anew"));
    }
    enter(py, move || {
        let mut schema = FFI_ArrowSchema::empty();
        match stream.get_schema() {
            None => return Err(malformed("the stream has no get_schema")),
            // SAFETY: the stream is not released, and both pointers are valid for the call.
            Some(get_schema) => check(unsafe { get_schema(&raw mut stream, &raw mut schema) }, &mut stream)?,
        }
        let dtype = dtype(&schema)?;
        Ok(Arrays::Stream(stream, dtype))
    })
}

fn import_array(capsules: &Bound<'_, PyAny>) -> PyResult<Arrays> {
    let py = capsules.py();
    let (schema, array) = (capsules.get_item(0)?, capsules.get_item(1)?);
    let (schema, array) = (pointer(&schema, SCHEMA)?, pointer(&array, ARRAY)?);
    // SAFETY: as for streams, in `import_stream`.
    let schema = unsafe { FFI_ArrowSchema::from_raw(schema.as_ptr().cast()) };
    // SAFETY: as above.
    let array = unsafe { FFI_ArrowArray::from_raw(array.as_ptr().cast()) };
    if schema.release().is_none() || array.is_released() {
        return Err(value_error(py, "this Arrow array has been taken already; make it anew"));
    }
    enter(py, move || {
        let dtype = dtype(&schema)?;
        Ok(Arrays::One(Some(array), dtype))
    })
}

/// The schema as an `arrow_schema` capsule.
///
/// # Errors
/// If a name holds a NUL.
pub fn export_schema<'py>(py: Python<'py>, schema: &rillet_core::Schema) -> PyResult<Bound<'py, PyCapsule>> {
    let schema =
        FFI_ArrowSchema::try_from(schema.to_arrow()).map_err(|error| value_error(py, &error.to_string()))?;
    PyCapsule::new_with_value(py, schema, SCHEMA)
}

/// The batch as a pair of capsules, `arrow_schema` and `arrow_array`.
///
/// # Errors
/// If a name holds a NUL, or a column's text does not fit 32-bit offsets.
pub fn export_array<'py>(py: Python<'py>, batch: &rillet_core::Batch) -> PyResult<Bound<'py, PyTuple>> {
    let (array, _) = enter(py, || {
        let rows = StructArray::from(record_batch(batch)?);
        to_ffi(&arrow_array::Array::to_data(&rows)).map_err(|error| Error::argument(error.to_string()))
    })?;
    let schema = export_schema(py, batch.schema())?;
    PyTuple::new(py, [schema, PyCapsule::new_with_value(py, array, ARRAY)?])
}

/// The batch in the types in which batches leave rillet.
fn record_batch(batch: &rillet_core::Batch) -> Result<RecordBatch> {
    let schema = Arc::new(batch.schema().to_arrow());
    let leaving = |(column, field): (&ArrayRef, &Arc<Field>)| match field.data_type() {
        Arrow::Utf8 => plain_text(column),
        _ => Arc::clone(column),
    };
    let columns = batch.columns().iter().zip(schema.fields()).map(leaving).collect();
    let options = RecordBatchOptions::new().with_row_count(Some(batch.rows()));
    RecordBatch::try_new_with_options(schema, columns, &options)
        .map_err(|error| Error::Internal(error.to_string()))
}

/// What makes the batches of a stream that is handed out.
pub type Maker = Box<dyn FnMut() -> PyResult<Option<rillet_core::Batch>> + Send>;

/// The batches that `next` makes as an `arrow_array_stream` capsule. Whoever reads it calls `next` on any
/// thread, attached or not.
pub fn export_stream<'py>(
    py: Python<'py>,
    schema: &rillet_core::Schema,
    next: Maker,
) -> PyResult<Bound<'py, PyCapsule>> {
    let reader = Reader { schema: Arc::new(schema.to_arrow()), next: Some(next) };
    PyCapsule::new_with_value(py, FFI_ArrowArrayStream::new(Box::new(reader)), STREAM)
}

/// The batches of a stream that is handed out; over after the end or an error.
struct Reader {
    schema: SchemaRef,
    next: Option<Maker>,
}

impl Reader {
    fn make(&mut self) -> std::result::Result<Option<RecordBatch>, String> {
        let Some(next) = &mut self.next else { return Ok(None) };
        let made = next().map_err(|error| Python::attach(|py| told(py, &error)))?;
        made.map(|batch| record_batch(&batch)).transpose().map_err(|error| error.to_string())
    }
}

/// What an exception says to the reader of a stream, which takes a text only. An interrupt is raised once more, for
/// Python to see it when the reader is back there.
fn told(py: Python<'_>, error: &PyErr) -> String {
    let class = error.get_type(py).name().map_or_else(|_| "an exception".into(), |name| name.to_string());
    let message = error.value(py).to_string();
    if error.is_instance_of::<PyKeyboardInterrupt>(py) {
        // Where that fails, the text says what has happened.
        let _ = py.import("_thread").and_then(|thread| thread.call_method0("interrupt_main"));
    }
    if message.is_empty() { class } else { format!("{class}: {message}") }
}

impl Iterator for Reader {
    type Item = std::result::Result<RecordBatch, ArrowError>;

    fn next(&mut self) -> Option<Self::Item> {
        // A panic must not cross the C interface.
        let made = catch_unwind(AssertUnwindSafe(|| self.make()))
            .unwrap_or_else(|_| Err("a bug in rillet: a panic".into()));
        if !matches!(made, Ok(Some(_))) {
            self.next = None;
        }
        // The text becomes a C string.
        made.map_err(|text| ArrowError::ComputeError(text.replace('\0', "\u{fffd}"))).transpose()
    }
}

impl RecordBatchReader for Reader {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }
}
