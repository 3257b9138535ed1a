//! Runs to which rows are pushed one by one.
//!
//! A row is taken straight to where it has its result, where it has one of its own; it is put aside for the time
//! being, where nothing can come of it yet; else the run has to take [`Run::step`]s, which begin with the rows that
//! were put aside.

use std::ops::Range;

use super::{Run, Work};
use crate::error::{Error, Result};
use crate::row::{Gathered, Lone, Scalar, Told};
use crate::value::Value;

/// What a run to which rows are pushed has beside its nodes.
pub(super) struct Inlet {
    /// Rows that were put aside; `None` if rows have values that are no [`Scalar`]s.
    pub(super) rows: Option<Gathered>,
    /// The times of rows of which nothing comes, once they were asked for.
    pub(super) quiet: Option<Range<i64>>,
}

/// What became of a row that was pushed.
pub enum Pushed {
    /// It has these results, behind its own values.
    Own(Vec<Value>),
    /// It has brought about these rows of results, one after the other, and the error behind them.
    Rows(Vec<Value>, Option<Error>),
    /// Nothing has come of it.
    Quiet,
    /// It has been taken, and steps will tell what comes of it.
    Loud,
    /// It has not been taken: it must be supplied as a batch.
    Refused,
}

impl Run {
    /// Takes a row, with a value for each column of the only source. Does a bounded amount of work. In a forked child
    /// it goes on as far as it takes no steps: asking for the process at each row would take a tenth of its time.
    ///
    /// # Errors
    /// As [`step`](Self::step).
    pub fn push_row(&mut self, row: &[Scalar<'_>]) -> Result<Pushed> {
        if self.over || self.mapping.is_some() {
            return Ok(Pushed::Refused);
        }
        let Some(time) = self.time_of(row) else { return Ok(Pushed::Refused) };
        if let Some(told) = self.straight(row, time) {
            if matches!(&told, Told::Own(Err(_)) | Told::Rows(_, Some(_))) {
                self.observe();
                self.close();
            }
            return match told {
                Told::Own(results) => results.map(Pushed::Own),
                Told::Rows(values, Some(error)) if values.is_empty() => Err(error),
                Told::Rows(values, error) => Ok(Pushed::Rows(values, error)),
            };
        }
        let quiet = self.quiet();
        let Some(rows) = self.inlet.as_mut().and_then(|inlet| inlet.rows.as_mut()) else {
            return Ok(Pushed::Refused);
        };
        rows.push(row);
        Ok(if quiet.contains(&time) && !rows.is_full() { Pushed::Quiet } else { Pushed::Loud })
    }

    /// The event time of a row, or any where there is none; `None` if it lacks one.
    fn time_of(&self, row: &[Scalar<'_>]) -> Option<i64> {
        let Work::Source { source, .. } = &self.nodes[0].work else { return None };
        match source.time().map(|at| row[at]) {
            None => Some(0),
            Some(Scalar::Int(tick)) => Some(tick),
            Some(_) => None,
        }
    }

    /// Takes a row to the only stage, if it takes rows one by one.
    fn straight(&mut self, values: &[Scalar<'_>], time: i64) -> Option<Told> {
        if self.inlet.as_ref()?.rows.as_ref().is_some_and(|rows| !rows.is_empty()) {
            return None; // those come first
        }
        let [source, stage] = &mut self.nodes[..] else { return None };
        let (Work::Source { source, .. }, Work::Stage(stage)) = (&mut source.work, &mut stage.work) else {
            return None;
        };
        let (name, number) = source.next_row()?;
        let told = stage.push_row(Lone { values, time, source: name, number })?;
        source.pass_row();
        Some(told)
    }

    /// The times of rows of which nothing comes now.
    fn quiet(&mut self) -> Range<i64> {
        if let Some(quiet) = self.inlet.as_ref().and_then(|inlet| inlet.quiet.clone()) {
            return quiet;
        }
        let quiet = self.find_quiet().unwrap_or(0..0);
        if let Some(inlet) = &mut self.inlet {
            inlet.quiet = Some(quiet.clone());
        }
        quiet
    }

    fn find_quiet(&self) -> Option<Range<i64>> {
        let [_, first, rest @ ..] = &self.nodes[..] else { return None };
        let Work::Stage(first) = &first.work else { return None };
        let passes = |work: &Work| matches!(work, Work::Stage(stage) if stage.is_stateless());
        rest.iter().all(|node| passes(&node.work)).then(|| first.quiet())?
    }
}
