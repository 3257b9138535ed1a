//! How rows that come by themselves go through [`Rolling`], without batches.
//!
//! Where a row has its result at once it is not even kept; else its values wait in a [`Room`] until it has.

use std::iter::once;

use super::Rolling;
use crate::aggregate::Unfit;
use crate::error::{Place, Result};
use crate::expr::Bound;
use crate::row::{Lone, Scalar, Told};
use crate::value::Value;
use crate::window::queue::Waiting;
use crate::window::room::Room;

/// After how many rows that come by themselves the size of the state is looked at.
const CHECKED: u64 = 256;

impl Rolling {
    /// Gets ready for rows that come by themselves, if it can take such.
    pub(super) fn be_straight(&mut self) {
        if self.parts.by.iter().all(|by| by.as_column().is_some()) {
            let fields = self.parts.shape.schema.fields();
            self.room = Room::new(&fields[..fields.len() - self.parts.recipe.outputs().len()]);
            self.single = self.parts.recipe.single();
        }
    }

    /// Takes a row that comes by itself, if it needs nothing more and is not late.
    pub(super) fn straight(&mut self, row: Lone<'_>) -> Option<Told> {
        let busy = self.current.is_some() || self.queue.ready() > 0 || !self.out.is_empty();
        if self.single.is_none() || busy || self.failure.is_some() || self.ended {
            return None;
        }
        let tick = self.tick_of(row)?;
        let at_once = self.by_arrival && self.ahead() == 0;
        if !at_once {
            self.move_in()?;
        }
        let key = self.key_of(row.values)?;
        self.ledger.rows_in += 1;
        self.arrived += i64::from(self.by_arrival);
        self.trails.prepare(self.parts.keys.len());
        let slot = self.trails.slot();
        self.table.grow(self.trails.slots());
        self.table.lift(self.single.as_ref()?, slot, tick, row.values);
        let mut told = if at_once {
            Told::Own(self.result_of(key, slot, row))
        } else {
            self.let_wait(row, Waiting { tick, key, slot, batch: Room::BATCH, row: 0 })
        };
        let failed = matches!(&told, Told::Own(Err(_)) | Told::Rows(_, Some(_)));
        if !failed
            && self.ledger.rows_in.is_multiple_of(CHECKED)
            && let Err(error) = self.tidy()
        {
            match &mut told {
                Told::Own(own) => *own = Err(error),
                Told::Rows(_, failure) => *failure = Some(error),
            }
        }
        Some(told)
    }

    /// The time of a row; `None` if it has none, is late or has no window.
    fn tick_of(&self, row: Lone<'_>) -> Option<i64> {
        if self.by_arrival {
            return Some(self.arrived);
        }
        let tick = match &self.parts.time {
            None => row.time,
            Some(bound) => match row.values[bound.as_column()?] {
                Scalar::Int(tick) => tick,
                _ => return None,
            },
        };
        (self.holds(tick) && tick >= self.watermark_or_least()).then_some(tick)
    }

    /// The key of a row; `None` if it takes more than the row to tell.
    fn key_of(&mut self, row: &[Scalar<'_>]) -> Option<u32> {
        let of = |by: &Bound| Some(row[by.as_column()?]);
        match &self.parts.by[..] {
            [] if self.parts.keys.len() > 0 => Some(0),
            [by] => Some(self.parts.keys.number_one(&[of(by)?])),
            several => {
                let values = several.iter().map(of).collect::<Option<Vec<_>>>()?;
                Some(self.parts.keys.number_one(&values))
            }
        }
    }

    /// The results of a row in a slot, whose window ends with it.
    fn result_of(&mut self, key: u32, slot: u32, row: Lone<'_>) -> Result<Vec<Value>> {
        let number = self.trails.next(key);
        self.trails.push(key, slot, number);
        self.trails.result(key, (number + 1 - self.span.length(), number), 1);
        self.combine();
        let mut results = Vec::with_capacity(self.parts.recipe.outputs().len());
        let told = self.append(1, &mut results);
        self.clear();
        let place = || Place { source: Some(row.source.to_string()), row: Some(row.number), ..Place::default() };
        told.map_err(|unfit| self.unfit(&unfit, place()))?;
        self.ledger.passed += 1;
        Ok(results)
    }

    /// Appends the results of a slot.
    fn append(&self, slot: u32, values: &mut Vec<Value>) -> Result<(), Unfit> {
        for output in self.parts.recipe.outputs() {
            values.push(self.table.result(output, slot, self.min_periods)?);
        }
        Ok(())
    }

    /// Lets a row wait, and gives the results of those whose turn it now is.
    fn let_wait(&mut self, row: Lone<'_>, waiting: Waiting) -> Told {
        self.parts.quiet = None;
        self.make_lines();
        let Some(room) = &mut self.room else { unreachable!("there is room for rows to wait in") };
        let at = room.enter(row.values.iter().copied(), Some(row.source), row.number);
        self.queue.add(once(Waiting { row: at, ..waiting }));
        if self.mark.reach(waiting.tick) {
            self.highest = Some(row.number);
        }
        self.release();
        let mut values = Vec::with_capacity(self.queue.ready() * self.parts.shape.schema.len());
        while self.queue.ready() > 0 {
            self.give(&mut values);
        }
        Told::Rows(values, self.failure.take())
    }

    /// Appends the next rows that have their turn, with their results.
    fn give(&mut self, values: &mut Vec<Value>) {
        self.tell_some();
        for (at, slot) in (0..self.told.len()).zip(1..) {
            let whole = values.len();
            let Some(room) = &mut self.room else { unreachable!("they are in it") };
            let number = room.leave(self.told[at].row, values);
            if let Err(unfit) = self.append(slot, values) {
                values.truncate(whole);
                let place = self.room.as_ref().map(|room| room.place_of(number)).unwrap_or_default();
                return self.fail(self.unfit(&unfit, place));
            }
            self.ledger.passed += 1;
        }
        self.clear();
    }

    /// Has all rows that wait do so in a room; `None` if they cannot.
    fn move_in(&mut self) -> Option<()> {
        let room = self.room.as_mut()?;
        if self.passage.is_empty() {
            return Some(());
        }
        let waiting = self.queue.waiting().chain(self.lines.iter_mut().flatten());
        for row in waiting.filter(|row| row.batch != Room::BATCH) {
            let columns = self.passage.columns(row.batch).iter();
            let values = columns.map(|column| Scalar::at(column, row.row as usize)).collect::<Option<Vec<_>>>()?;
            let number = self.passage.place(row.batch, row.row).row?;
            let at = room.enter(values.into_iter(), self.passage.source(row.batch), number);
            self.passage.release(row.batch, 1);
            (row.batch, row.row) = (Room::BATCH, at);
        }
        Some(())
    }

    /// Has all rows that wait do so in batches, before one comes.
    pub(super) fn move_out(&mut self) {
        let Some(room) = &mut self.room else { return };
        if let Some(number) = self.highest.take() {
            self.mark.note_row(room.place_of(number));
        }
        if room.is_empty() {
            return;
        }
        let waiting = |row: &&mut Waiting| row.batch == Room::BATCH;
        let mut rows = Vec::new();
        for row in self.queue.waiting().chain(self.lines.iter_mut().flatten()).filter(waiting) {
            rows.push(std::mem::replace(&mut row.row, rows.len() as u32));
        }
        let Some(batch) = room.take(&rows) else { return };
        let number = self.passage.enter(batch);
        self.passage.hold(number, rows.len());
        self.passage.release(number, 1);
        for row in self.queue.waiting().chain(self.lines.iter_mut().flatten()).filter(waiting) {
            row.batch = number;
        }
    }
}
