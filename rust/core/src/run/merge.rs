//! The stage that merges streams, and what comes out of it.

use super::build::{Carries, EventTimeOf, Made, patience};
use crate::error::{Error, Result};
use crate::plan::{self, BATCH_ROWS, Node};
use crate::stage::Merge;

/// The stage that merges streams.
///
/// # Errors
/// [`Error::Argument`] if they are not alike.
pub(super) fn merge(spec: &plan::Merge, inputs: &[Option<Carries>]) -> Result<Made> {
    let known = inputs.iter().enumerate().map(|(at, input)| known(at, input)).collect::<Result<Vec<_>>>()?;
    let (first, time) = known[0];
    for (at, (other, other_time)) in known.iter().enumerate().skip(1) {
        first.schema.check(&other.schema).map_err(|error| error.within(stream(at)))?;
        if time.dtype != other_time.dtype {
            return Err(Error::argument(format!(
                "{}: its event time is of type {}, and that of stream 0 of type {}",
                stream(at),
                other_time.dtype,
                time.dtype
            )));
        }
    }
    let of_one_name = known.iter().all(|(_, other)| other.column == time.column);
    let time = EventTimeOf { column: time.column.clone().filter(|_| of_one_name), dtype: time.dtype.clone() };
    let (schema, name) = (first.schema.clone(), Node::Merge(*spec).to_string());
    let patience = patience(spec.idle_timeout)?;
    let stage = Merge::new(schema.clone(), inputs.len(), patience, BATCH_ROWS, name);
    Ok((Box::new(stage), Carries { schema, time: Some(time) }))
}

/// What a stream carries, which must be known.
fn known(at: usize, input: &Option<Carries>) -> Result<(&Carries, &EventTimeOf)> {
    let Some(input) = input else {
        return Err(Error::argument(format!(
            "{}: what map_batches gives is known only when it runs; declare it with map_batches(fn, schema=…)",
            stream(at)
        )));
    };
    let missing = || Error::argument(format!("{}: it has no event time; name its column with time=", stream(at)));
    Ok((input, input.time.as_ref().ok_or_else(missing)?))
}

fn stream(at: usize) -> String {
    format!("stream {at} of merge")
}
