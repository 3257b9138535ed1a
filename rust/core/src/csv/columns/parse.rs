//! How texts become values of fixed size: a [`Parse`] for each kind of type.

use std::marker::PhantomData;
use std::sync::Arc;

use arrow_array::{ArrayRef, BooleanArray, make_array};
use arrow_buffer::{ArrowNativeType, BooleanBuffer, Buffer, NullBuffer};
use arrow_data::ArrayData;

use super::super::cells::{Cells, Four, ODD};
use super::super::simd::Isa;
use super::super::{moment, number};
use crate::types::{DataType, TimeUnit};

/// How a text becomes a value.
pub(crate) trait Parse: Send {
    /// The value.
    type Value: ArrowNativeType + Send;

    /// What stands where the column is null: what numpy takes for null, where it has such a value, so that
    /// the column can be shown without a copy.
    fn null(&self) -> Self::Value {
        Self::Value::default()
    }

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
pub(super) fn one_by_one<P: Parse + ?Sized>(
    parse: &mut P,
    cells: &Cells<'_>,
    values: &mut Vec<P::Value>,
    odd: &mut Vec<u32>,
) {
    for (row, (start, len)) in cells.spans().enumerate() {
        let value = plain(cells.text, start, len).and_then(|text| parse.one(text));
        if value.is_none() {
            odd.push(row as u32);
        }
        values.push(value.unwrap_or_default());
    }
}

/// Appends values four at a time: `four` makes them of the cells' first eight bytes and lengths,
/// and says which it could make; `one` makes more of the others.
#[inline(always)]
fn four_by_four<I: Isa, T: ArrowNativeType>(
    isa: I,
    cells: &Cells<'_>,
    values: &mut Vec<T>,
    odd: &mut Vec<u32>,
    four: impl Fn(&[u64; 4], &[u32; 4]) -> ([T; 4], u32),
    one: impl Fn(&[u8]) -> Option<T>,
) {
    if cells.may_have_quotes() {
        all_fours(cells, cells.fours::<I, true>(isa), values, odd, four, one);
    } else {
        all_fours(cells, cells.fours::<I, false>(isa), values, odd, four, one);
    }
}

#[inline(always)]
fn all_fours<T: ArrowNativeType>(
    cells: &Cells<'_>,
    fours: impl Iterator<Item = Four>,
    values: &mut Vec<T>,
    odd: &mut Vec<u32>,
    four: impl Fn(&[u64; 4], &[u32; 4]) -> ([T; 4], u32),
    one: impl Fn(&[u8]) -> Option<T>,
) {
    let first = values.len();
    let mut row = 0;
    // Not with `enumerate`, which the compiler would call for each four.
    for Four { starts, lens, words } in fours {
        let (mut made, good) = four(&words, &lens);
        let mut left = !good & 0b1111;
        while left != 0 {
            let lane = left.trailing_zeros() as usize;
            left &= left - 1;
            match plain(cells.text, starts[lane], lens[lane]).and_then(&one) {
                Some(value) => made[lane] = value,
                None => odd.push((row + lane) as u32),
            }
        }
        // Not to memory that was filled with something before: that would be a pass of its own.
        values.extend_from_slice(&made);
        row += 4;
    }
    values.truncate(first + cells.rows());
    odd.truncate(odd.partition_point(|&row| (row as usize) < cells.rows()));
}

/// The text of a cell that is neither empty nor odd.
#[inline(always)]
pub(super) fn plain(text: &[u8], start: u32, len: u32) -> Option<&[u8]> {
    if len.wrapping_sub(1) < ODD - 1 { text.get(start as usize..)?.get(..len as usize) } else { None }
}

/// An array of this type around the values, without a copy.
pub(super) fn array<T: ArrowNativeType>(dtype: &DataType, values: Vec<T>, nulls: Option<NullBuffer>) -> ArrayRef {
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

impl<T: ArrowNativeType + TryFrom<i64> + TryFrom<i128> + Send> Parse for Int<T> {
    type Value = T;

    #[inline(always)]
    fn many<I: Isa>(&mut self, isa: I, cells: &Cells<'_>, values: &mut Vec<T>, odd: &mut Vec<u32>) {
        if !I::WIDE {
            return one_by_one(self, cells, values, odd);
        }
        four_by_four(
            isa,
            cells,
            values,
            odd,
            |words, lens| {
                let (wide, mut good) = isa.integers(words, lens);
                let mut narrow = [T::default(); 4];
                for (i, (narrow, wide)) in narrow.iter_mut().zip(wide).enumerate() {
                    match T::try_from(wide) {
                        Ok(value) => *narrow = value,
                        Err(_) => good &= !(1 << i),
                    }
                }
                (narrow, good)
            },
            |text| T::try_from(number::integer(text)?).ok(),
        );
    }

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

    fn null(&self) -> f64 {
        f64::NAN
    }

    #[inline(always)]
    fn many<I: Isa>(&mut self, isa: I, cells: &Cells<'_>, values: &mut Vec<f64>, odd: &mut Vec<u32>) {
        if !I::WIDE {
            return one_by_one(self, cells, values, odd);
        }
        four_by_four(isa, cells, values, odd, |words, lens| isa.doubles(words, lens), number::double);
    }

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

    fn null(&self) -> f32 {
        f32::NAN
    }

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
