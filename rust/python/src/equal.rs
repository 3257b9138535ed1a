//! Whether batches are equal.

use arrow_array::cast::AsArray;
use arrow_array::types::{Float32Type, Float64Type};
use arrow_array::{Array, ArrayRef, BooleanArray};
use arrow_schema::DataType as Arrow;
use rillet_core::{Batch, plain_text};

/// Whether both have the same schema and the same values: NaN equals NaN, null equals null, 0.0 equals -0.0,
/// and text equals text whatever its representation.
pub fn batches(a: &Batch, b: &Batch) -> bool {
    a.schema() == b.schema()
        && a.rows() == b.rows()
        && a.columns().iter().zip(b.columns()).all(|(a, b)| arrays(a, b))
}

fn arrays(a: &ArrayRef, b: &ArrayRef) -> bool {
    let valid = |array: &ArrayRef| -> BooleanArray {
        let nulls = array.logical_nulls();
        nulls.map_or_else(|| vec![true; array.len()].into(), |nulls| nulls.into_inner().into())
    };
    let (kept, other) = (valid(a), valid(b));
    if kept != other {
        return false;
    }
    let keep = |array| arrow_select::filter::filter(array, &kept);
    match kept.true_count() == kept.len() {
        true => values(a, b),
        false => keep(a).ok().zip(keep(b).ok()).is_some_and(|(a, b)| values(&a, &b)),
    }
}

/// Whether two arrays of the same length and without nulls are equal.
fn values(a: &ArrayRef, b: &ArrayRef) -> bool {
    match a.data_type() {
        Arrow::Utf8 | Arrow::LargeUtf8 | Arrow::Utf8View | Arrow::Dictionary(..) => {
            plain_text(a).as_string::<i32>().iter().eq(plain_text(b).as_string::<i32>())
        }
        Arrow::Float32 => {
            let [a, b] = [a, b].map(|array| array.as_primitive::<Float32Type>().values().iter());
            a.zip(b).all(|(a, b)| a == b || (a.is_nan() && b.is_nan()))
        }
        Arrow::Float64 => {
            let [a, b] = [a, b].map(|array| array.as_primitive::<Float64Type>().values().iter());
            a.zip(b).all(|(a, b)| a == b || (a.is_nan() && b.is_nan()))
        }
        Arrow::List(_) => lists(a, b),
        Arrow::FixedSizeList(..) => arrays(a.as_fixed_size_list().values(), b.as_fixed_size_list().values()),
        Arrow::Struct(_) => a.as_struct().columns().iter().zip(b.as_struct().columns()).all(|(a, b)| arrays(a, b)),
        _ => a.to_data() == b.to_data(),
    }
}

fn lists(a: &ArrayRef, b: &ArrayRef) -> bool {
    let (a, b) = (a.as_list::<i32>(), b.as_list::<i32>());
    let items = |list: &arrow_array::ListArray| {
        let (first, last) = (list.value_offsets()[0] as usize, list.value_offsets()[list.len()] as usize);
        list.values().slice(first, last - first)
    };
    let lengths = |list: &arrow_array::ListArray| list.offsets().lengths().collect::<Vec<_>>();
    lengths(a) == lengths(b) && arrays(&items(a), &items(b))
}
