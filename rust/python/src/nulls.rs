//! Columns of nulls to which their producer gives a buffer, as polars does, although their type has none.
//!
//! Such a column is imported as rows without columns, which have just this buffer, and then made one of nulls again.

use std::sync::Arc;

use arrow_array::ffi::FFI_ArrowArray;
use arrow_data::ArrayData;
use arrow_schema::{ArrowError, DataType as Arrow, FieldRef, Fields};

/// The type by which an array of this type is imported.
pub fn importable(array: &FFI_ArrowArray, dtype: &Arrow) -> Arrow {
    let mut children = (0..array.num_children()).map(|at| array.child(at));
    let mut inner = |field: &FieldRef| match children.next() {
        Some(child) => Arc::new(field.as_ref().clone().with_data_type(importable(child, field.data_type()))),
        None => Arc::clone(field),
    };
    match dtype {
        Arrow::Null if array.num_buffers() == 1 && array.buffer(0).is_null() => Arrow::Struct(Fields::empty()),
        Arrow::List(item) => Arrow::List(inner(item)),
        Arrow::LargeList(item) => Arrow::LargeList(inner(item)),
        Arrow::FixedSizeList(item, width) => Arrow::FixedSizeList(inner(item), *width),
        Arrow::Struct(fields) => Arrow::Struct(fields.iter().map(inner).collect()),
        other => other.clone(),
    }
}

/// What was imported so, in its own type.
///
/// # Errors
/// If it breaks the rules of Arrow.
pub fn restored(data: ArrayData, dtype: &Arrow) -> Result<ArrayData, ArrowError> {
    if data.data_type() == dtype {
        return Ok(data);
    }
    if *dtype == Arrow::Null {
        return Ok(ArrayData::new_null(dtype, data.len()));
    }
    let children = data.child_data().iter().zip(inner(dtype));
    let children = children.map(|(child, dtype)| restored(child.clone(), dtype)).collect::<Result<_, _>>()?;
    data.into_builder().data_type(dtype.clone()).child_data(children).build()
}

/// The types within a type that [`importable`] looks into.
fn inner(dtype: &Arrow) -> Vec<&Arrow> {
    match dtype {
        Arrow::List(item) | Arrow::LargeList(item) | Arrow::FixedSizeList(item, _) => vec![item.data_type()],
        Arrow::Struct(fields) => fields.iter().map(|field| field.data_type()).collect(),
        _ => Vec::new(),
    }
}
