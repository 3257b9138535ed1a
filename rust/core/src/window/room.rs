//! [`Room`]: rows that came by themselves, and wait.

use std::sync::Arc;

use crate::batch::{Batch, Origin};
use crate::error::Place;
use crate::memory;
use crate::row::{Gathered, Scalar};
use crate::types::{Field, Schema};
use crate::value::Value;

/// Rows that came by themselves, and wait for their turn to go out. No batch is made of them unless they are to go
/// out together with rows of batches.
pub(crate) struct Room {
    schema: Arc<Schema>,
    gathered: Gathered,
    /// The values of each row, row after row.
    values: Vec<Value>,
    /// Their numbers in their source.
    numbers: Vec<u64>,
    source: Option<Arc<str>>,
    /// Rows that are free.
    free: Vec<u32>,
    /// How much memory texts take.
    bytes: usize,
}

impl Room {
    /// What stands for the number of a batch where rows are in no batch.
    pub(crate) const BATCH: u32 = u32::MAX;

    /// For rows of these columns; `None` if some have values of which there are no scalars.
    pub(crate) fn new(columns: &[Field]) -> Option<Self> {
        let schema = Arc::new(Schema::new(columns.to_vec()).ok()?);
        let gathered = Gathered::new(&schema)?;
        let (values, numbers, free) = (Vec::new(), Vec::new(), Vec::new());
        Some(Self { schema, gathered, values, numbers, source: None, free, bytes: 0 })
    }

    /// Whether there is no row.
    pub(crate) fn is_empty(&self) -> bool {
        self.numbers.len() == self.free.len()
    }

    /// Takes in a row, and where it came from; tells its place here.
    pub(crate) fn enter<'a>(
        &mut self,
        values: impl Iterator<Item = Scalar<'a>>,
        source: Option<&Arc<str>>,
        number: u64,
    ) -> u32 {
        if self.source.is_none() {
            self.source = source.cloned();
        }
        let width = self.schema.len();
        let row = self.free.pop().unwrap_or(self.numbers.len() as u32);
        if row as usize == self.numbers.len() {
            self.numbers.push(number);
            self.values.resize(self.numbers.len() * width, Value::Null);
        }
        self.numbers[row as usize] = number;
        for (to, value) in self.values[row as usize * width..].iter_mut().zip(values) {
            *to = value.into();
            self.bytes += weight(to);
        }
        row
    }

    /// Lets a row go: appends its values, and tells its number.
    pub(crate) fn leave(&mut self, row: u32, out: &mut Vec<Value>) -> u64 {
        let width = self.schema.len();
        for value in &mut self.values[row as usize * width..][..width] {
            self.bytes -= weight(value);
            out.push(std::mem::replace(value, Value::Null));
        }
        self.free.push(row);
        self.numbers[row as usize]
    }

    /// Where the row of a number came from.
    pub(crate) fn place_of(&self, number: u64) -> Place {
        Place { source: self.source.as_deref().map(str::to_owned), row: Some(number), ..Place::default() }
    }

    /// Lets rows go, which are all there are, as a batch.
    pub(crate) fn take(&mut self, rows: &[u32]) -> Option<Batch> {
        let width = self.schema.len();
        for &row in rows {
            let scalars: Vec<_> = self.values[row as usize * width..][..width].iter().map(Value::scalar).collect();
            self.gathered.push(&scalars);
        }
        let numbers = rows.iter().map(|&row| self.numbers[row as usize]);
        let origin = Origin::of_numbers(self.source.clone(), numbers);
        (self.values, self.numbers, self.free, self.bytes) = (Vec::new(), Vec::new(), Vec::new(), 0);
        self.gathered.take().map(|batch| batch.with_origin(origin))
    }

    /// Roughly how much memory they take.
    pub(crate) fn memory(&self) -> usize {
        size_of_val(&self.values[..]) + size_of_val(&self.numbers[..]) + self.free.capacity() * 4 + self.bytes
    }
}

/// How much memory a value takes beside itself.
fn weight(value: &Value) -> usize {
    if let Value::Text(text) = value { memory::block(text.len()) } else { 0 }
}

#[cfg(test)]
mod tests {
    use arrow_array::cast::AsArray;
    use arrow_array::types::Int64Type;

    use super::*;
    use crate::types::DataType;

    #[test]
    fn rows_come_and_go_in_any_order() {
        let fields = [Field::new("x", DataType::Int64), Field::new("s", DataType::Text)];
        let (mut room, source) = (Room::new(&fields).expect("plain types"), Arc::from("push"));
        let mut out = Vec::new();
        for round in 0..3 {
            let rows: Vec<u32> = (0..4)
                .map(|i| {
                    let values = [Scalar::Int(round * 10 + i), Scalar::Text("some text")];
                    room.enter(values.into_iter(), Some(&source), (round * 100 + i) as u64)
                })
                .collect();
            assert_eq!(room.leave(rows[1], &mut out), round as u64 * 100 + 1);
            assert!(matches!(&out.split_off(0)[..], [Value::Int(x), Value::Text(_)] if *x == round * 10 + 1));
            assert_eq!(room.bytes, 3 * 16);
            let batch = room.take(&[rows[3], rows[0], rows[2]]).expect("rows");
            assert!(room.is_empty() && room.memory() == 0);
            assert_eq!(
                batch.columns()[0].as_primitive::<Int64Type>().values()[..],
                [3, 0, 2].map(|i| round * 10 + i)
            );
            assert_eq!(
                batch.origin().place(0).to_string(),
                Place { source: Some("push".into()), row: Some(round as u64 * 100 + 3), ..Place::default() }
                    .to_string()
            );
        }
        assert!(Room::new(&[Field::new("x", DataType::Binary)]).is_none());
    }
}
