//! Comparisons of text, by code point: that is the order of UTF-8 bytes.

use arrow_array::{Array, ArrayRef};
use arrow_buffer::{BooleanBuffer, NullBuffer};

use super::eval::Value;
use super::literal::Literal;
use super::operator::Comparison;
use crate::column::Texts;

/// Compares a column with another or with a literal.
pub(super) fn compare(
    op: Comparison,
    left: &ArrayRef,
    right: &Value<'_>,
    nulls: Option<&NullBuffer>,
) -> BooleanBuffer {
    match right {
        Value::Literal(Literal::Text(text)) => with_literal(op, left, text, nulls),
        other => {
            let right = other.clone().into_column(left.len());
            let (a, b) = (Texts::of(left), Texts::of(&right));
            of_valid(left.len(), nulls, |row| op.holds(Some(a.get(row).cmp(b.get(row)))))
        }
    }
}

fn with_literal(op: Comparison, array: &ArrayRef, literal: &str, nulls: Option<&NullBuffer>) -> BooleanBuffer {
    // Three of the operators are the others negated, as there is no NaN among texts.
    match op {
        Comparison::Equal => matching(array, nulls, |text| text == literal),
        Comparison::NotEqual => !&matching(array, nulls, |text| text == literal),
        Comparison::Less => matching(array, nulls, |text| text < literal),
        Comparison::GreaterEqual => !&matching(array, nulls, |text| text < literal),
        Comparison::LessEqual => matching(array, nulls, |text| text <= literal),
        Comparison::Greater => !&matching(array, nulls, |text| text <= literal),
    }
}

fn matching(array: &ArrayRef, nulls: Option<&NullBuffer>, test: impl Fn(&str) -> bool) -> BooleanBuffer {
    let texts = Texts::of(array);
    match &texts {
        Texts::Plain(plain) => BooleanBuffer::collect_bool(array.len(), |row| test(plain.value(row))),
        // A slice may share a dictionary that is much longer than itself.
        Texts::Coded { codes, values } if values.len() <= codes.len() => {
            let hits: Vec<bool> = (0..values.len()).map(|entry| test(values.value(entry))).collect();
            let hit = |code: i32| hits.get(code as usize).is_some_and(|&hit| hit);
            BooleanBuffer::collect_bool(codes.len(), |row| hit(codes[row]))
        }
        _ => of_valid(array.len(), nulls, |row| test(texts.get(row))),
    }
}

/// Tests the rows that are not null; what views and codes have under a null need not be readable.
fn of_valid(rows: usize, nulls: Option<&NullBuffer>, test: impl Fn(usize) -> bool) -> BooleanBuffer {
    BooleanBuffer::collect_bool(rows, |row| nulls.is_none_or(|nulls| nulls.is_valid(row)) && test(row))
}
