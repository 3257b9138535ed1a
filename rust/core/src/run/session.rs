//! Sessions bound to a schema: by one gap, or by whatever else ends them.

use super::build::{Carries, in_range};
use crate::error::{Error, Result};
use crate::expr::{Bound, Expr};
use crate::plan::{Gap, Session};
use crate::pool::Pool;
use crate::stage::Stage;
use crate::types::DataType;
use crate::window::{self, ChainWindow, Parts, Reach, SessionWindow};

/// The operator of sessions over an input, which works on the threads of a pool.
///
/// # Errors
/// [`Error::Argument`] if a length does not fit the type of event time, and what is wrong with the expressions.
pub(super) fn sessions(session: &Session, input: &Carries, pool: &Pool, parts: Parts) -> Result<Box<dyn Stage>> {
    let time = parts.shape.time.clone();
    let max_length = session.max_length.map(|length| in_range(length, "max_length", &time)).transpose()?;
    let until = session.until.as_ref().map(|until| until.bind_condition(&input.schema)).transpose()?;
    let gap = match &session.gap {
        Gap::Fixed(gap) => window::Gap::Fixed(in_range(*gap, "gap", &time)?),
        Gap::Own(expr) => window::Gap::Own(ticks(expr, input, &time)?, expr.to_string()),
    };
    Ok(match gap {
        window::Gap::Fixed(gap) if max_length.is_none() && until.is_none() => {
            Box::new(SessionWindow::new(gap + i64::from(session.gap_closed), parts, pool))
        }
        gap => Box::new(ChainWindow::new(Reach::new(gap, session.gap_closed, max_length, until), parts)),
    })
}

/// The gaps that rows have, in ticks of event time.
fn ticks(expr: &Expr, input: &Carries, time: &DataType) -> Result<Bound> {
    let bound = expr.bind(&input.schema)?;
    let hint = match (bound.dtype(), time) {
        (dtype, _) if dtype.is_integer() => None,
        (DataType::Duration(own), DataType::Timestamp(unit, _)) if own.per_second() <= unit.per_second() => {
            let same_unit = expr.clone().cast(DataType::Duration(*unit));
            return same_unit.cast(DataType::Int64).bind(&input.schema);
        }
        (DataType::Duration(_), DataType::Timestamp(unit, _)) => Some(format!(
            "it is finer than the time column; cast it to \"{}\", which rounds down",
            DataType::Duration(*unit)
        )),
        (DataType::Duration(_), _) => Some(format!("the time column is a {time}; give its ticks as an integer")),
        _ => Some("it must be a duration, or an integer that counts ticks of the time column".to_owned()),
    };
    match hint {
        None => expr.clone().cast(DataType::Int64).bind(&input.schema),
        Some(hint) => Err(Error::schema(expr.to_string(), bound.dtype(), format!("it cannot be a gap: {hint}"))),
    }
}
