//! How texts become values of fixed size: a [`Parse`] for each kind of type.

use std::marker::PhantomData;
use std::sync::Arc;

use arrow_array::{ArrayRef, BooleanArray, make_array};
use arrow_buffer::{ArrowNativeType, BooleanBuffer, Buffer, NullBuffer};
use arrow_data::ArrayData;

use super::super::cells::{Cells, ODD};
use super::super::simd::Isa;
use super::super::{moment, number};
use crate::types::{DataType, TimeUnit};

/// How a text becomes a value.
pub(crate) trait Parse: Send {
    /// The value.
    type Value: ArrowNativeType + Send;

    /// The value of a text; `None` if it has none. Exact for every text.
    fn one(&mut self, text: &[u8]) -> Option<Self::Value>;

    /// Appends the values of all cells; for those it leaves in `odd`, rubbish.
    #[inline(always)]
    fn many<I: Isa>(&mut self, _isa: I, cells: &Cells<'_>, values: &mut Vec<Self::Value>, odd: &mut Vec<u32>) {
        one_by_one(self, cells, values, odd);
    }

    /// The column.
    fn array(&self, values: Vec<Self::Value>, nulls: Option<NullBuffer>) -> ArrayRef;
}

/// What every kernel must agree with.
#[inline(always)]
fn one_by_one<P: Parse + ?Sized>(
    parse: &mut P,
    cells: &Cells<'_>,
    values: &mut Vec<P::Value>,
    odd: &mut Vec<u32>,
) {
    for (row, (&start, &len)) in cells.starts.iter().zip(cells.lens).enumerate() {
        let text = if len == ODD { &[] } else { &cells.text[start as usize..][..len as usize] };
        let value = if text.is_empty() { None } else { parse.one(text) };
        if value.is_none() {
            odd.push(row as u32);
        }
        values.push(value.unwrap_or_default());
    }
}

/// An array of this type around the values, without a copy.
fn array<T: ArrowNativeType>(dtype: &DataType, values: Vec<T>, nulls: Option<NullBuffer>) -> ArrayRef {
    let data = ArrayData::builder(dtype.to_arrow())
        .len(values.len())
        .nulls(nulls)
        .add_buffer(Buffer::from_vec(values))
        .build();
    make_array(data.expect("the values have the type's width"))
}

/// Integers of any width, range-checked; durations too.
pub(crate) struct Int<T> {
    dtype: DataType,
    kind: PhantomData<T>,
}

impl<T> Int<T> {
    /// Integers for a column of this type.
    pub fn new(dtype: &DataType) -> Self {
        Self { dtype: dtype.clone(), kind: PhantomData }
    }
}

impl<T: ArrowNativeType + TryFrom<i128> + Send> Parse for Int<T> {
    type Value = T;

    #[inline]
    fn one(&mut self, text: &[u8]) -> Option<T> {
        T::try_from(number::integer(text)?).ok()
    }

    fn array(&self, values: Vec<T>, nulls: Option<NullBuffer>) -> ArrayRef {
        array(&self.dtype, values, nulls)
    }
}

/// Doubles.
pub(crate) struct Double;

impl Parse for Double {
    type Value = f64;

    #[inline]
    fn one(&mut self, text: &[u8]) -> Option<f64> {
        number::double(text)
    }

    fn array(&self, values: Vec<f64>, nulls: Option<NullBuffer>) -> ArrayRef {
        array(&DataType::Float64, values, nulls)
    }
}

/// Singles.
pub(crate) struct Single;

impl Parse for Single {
    type Value = f32;

    #[inline]
    fn one(&mut self, text: &[u8]) -> Option<f32> {
        number::single(text)
    }

    fn array(&self, values: Vec<f32>, nulls: Option<NullBuffer>) -> ArrayRef {
        array(&DataType::Float32, values, nulls)
    }
}

/// Exact decimals of a precision and a scale.
pub(crate) struct Fixed(pub u8, pub i8);

impl Parse for Fixed {
    type Value = i128;

    #[inline]
    fn one(&mut self, text: &[u8]) -> Option<i128> {
        number::fixed(text, self.0, self.1)
    }

    fn array(&self, values: Vec<i128>, nulls: Option<NullBuffer>) -> ArrayRef {
        array(&DataType::Decimal(self.0, self.1), values, nulls)
    }
}

/// Truth values, in three cases of letters.
pub(crate) struct Bool;

impl Parse for Bool {
    type Value = u8;

    #[inline]
    fn one(&mut self, text: &[u8]) -> Option<u8> {
        truth(text).map(u8::from)
    }

    fn array(&self, values: Vec<u8>, nulls: Option<NullBuffer>) -> ArrayRef {
        let bits = BooleanBuffer::collect_bool(values.len(), |row| values[row] != 0);
        Arc::new(BooleanArray::new(bits, nulls))
    }
}

/// `true` or `false`, `True` or `False`, `TRUE` or `FALSE`.
pub(crate) fn truth(text: &[u8]) -> Option<bool> {
    match text {
        b"true" | b"True" | b"TRUE" => Some(true),
        b"false" | b"False" | b"FALSE" => Some(false),
        _ => None,
    }
}

/// Days.
pub(crate) struct Date;

impl Parse for Date {
    type Value = i32;

    #[inline]
    fn one(&mut self, text: &[u8]) -> Option<i32> {
        moment::date(text)
    }

    fn array(&self, values: Vec<i32>, nulls: Option<NullBuffer>) -> ArrayRef {
        array(&DataType::Date, values, nulls)
    }
}

/// Times of day.
pub(crate) struct Time<T> {
    unit: TimeUnit,
    kind: PhantomData<T>,
}

impl<T> Time<T> {
    /// Times in this unit.
    pub fn new(unit: TimeUnit) -> Self {
        Self { unit, kind: PhantomData }
    }
}

impl<T: ArrowNativeType + TryFrom<i64> + Send> Parse for Time<T> {
    type Value = T;

    #[inline]
    fn one(&mut self, text: &[u8]) -> Option<T> {
        T::try_from(moment::time(text, self.unit)?).ok()
    }

    fn array(&self, values: Vec<T>, nulls: Option<NullBuffer>) -> ArrayRef {
        array(&DataType::Time(self.unit), values, nulls)
    }
}

/// Timestamps with or without a zone.
pub(crate) struct Timestamp {
    unit: TimeUnit,
    zone: Option<Arc<str>>,
}

impl Timestamp {
    /// Timestamps in this unit.
    pub fn new(unit: TimeUnit, zone: Option<Arc<str>>) -> Self {
        Self { unit, zone }
    }
}

impl Parse for Timestamp {
    type Value = i64;

    #[inline]
    fn one(&mut self, text: &[u8]) -> Option<i64> {
        moment::timestamp(text, self.unit, self.zone.is_some())
    }

    fn array(&self, values: Vec<i64>, nulls: Option<NullBuffer>) -> ArrayRef {
        array(&DataType::Timestamp(self.unit, self.zone.clone()), values, nulls)
    }
}
