//! [`Merge`]: several streams as one, in the order of their times.
//!
//! A row goes out when no other stream can have one that comes before it: each has a row that waits, has come as
//! far, has ended, or is not waited for. Each stream keeps its order, so that a row behind the latest before it
//! goes out where that stream is, at its mark; rows of one mark go in the order of the streams. So one batch of
//! each stream is all that is held, and how streams are cut into batches shows nowhere.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::Arc;

use super::branch::Branch;
use super::watch::Patience;
use super::{Ledger, Stage, concat};
use crate::batch::{Batch, EventTime, High};
use crate::error::{Error, Place, Result};
use crate::source::Categories;
use crate::types::Schema;

/// How many rows of one stream are worth a batch of their own, which is a slice of theirs.
const LONG: usize = 1024;

/// Rows of one stream that go out together.
#[derive(Clone, Copy)]
struct Run {
    branch: usize,
    start: usize,
    rows: usize,
}

/// Several streams as one, in the order of their times.
pub(crate) struct Merge {
    schema: Arc<Schema>,
    categories: Categories,
    branches: Vec<Branch>,
    /// What comes next of each stream that is waited for: its key, or the least that it can have.
    order: BinaryHeap<Reverse<(i64, usize)>>,
    /// How far event time has come with the rows that have gone out.
    mark: i64,
    /// Whether that is more than the rows show, and whether they leave it alone.
    told: bool,
    passive: bool,
    patience: Option<Patience>,
    /// The stream that is not waited for and may be asked next; whether it is another one's turn.
    turn: usize,
    others: bool,
    batch_rows: usize,
    failure: Option<Error>,
    ledger: Ledger,
}

impl Merge {
    /// Streams of this schema, so many.
    pub(crate) fn new(
        schema: Arc<Schema>,
        streams: usize,
        patience: Option<Patience>,
        batch_rows: usize,
        name: String,
    ) -> Self {
        Self {
            categories: Categories::new(&schema),
            schema,
            branches: (0..streams).map(|_| Branch::new()).collect(),
            order: (0..streams).map(|at| Reverse((i64::MIN, at))).collect(),
            mark: i64::MIN,
            told: false,
            passive: false,
            patience,
            turn: 0,
            others: false,
            batch_rows,
            failure: None,
            ledger: Ledger::new(name),
        }
    }

    /// Takes the runs that go out next: a long one, or all up to the next long one.
    fn runs(&mut self) -> Vec<Run> {
        let (mut runs, mut taken) = (Vec::new(), 0);
        while taken < self.batch_rows {
            let Some(&Reverse((key, at))) = self.order.peek() else { break };
            if self.branches[at].waiting() == 0 {
                break;
            }
            self.order.pop();
            let next = self.order.peek().map(|&Reverse(next)| next);
            let branch = &mut self.branches[at];
            let all = branch.run(|key| next.is_none_or(|next| (key, at) < next));
            let rows = all.min(self.batch_rows - taken);
            if rows >= LONG && taken > 0 {
                self.order.push(Reverse((key, at)));
                break;
            }
            runs.push(Run { branch: at, start: branch.row, rows });
            taken += rows;
            branch.row += rows;
            self.order.push(Reverse((branch.next_key(), at)));
            if rows >= LONG {
                break;
            }
        }
        runs
    }

    /// The rows of these runs, in their order.
    fn gather(&mut self, runs: &[Run]) -> Batch {
        let batch = match runs {
            [one] => self.batch(one.branch).slice(one.start, one.rows),
            _ => self.mix(runs),
        };
        let time = self.time(runs);
        batch.with_time(Some(time))
    }

    /// The rows of several runs: those of each stream are put together, and then brought into their order.
    fn mix(&self, runs: &[Run]) -> Batch {
        let mut firsts = vec![None; self.branches.len()];
        runs.iter().for_each(|run| _ = firsts[run.branch].get_or_insert(run.start));
        let (mut pieces, mut at, mut offsets) = (Vec::new(), 0, vec![0; self.branches.len()]);
        for (branch, first) in firsts.iter().enumerate() {
            let Some(first) = *first else { continue };
            let rows = self.branches[branch].row - first;
            pieces.push(self.batch(branch).slice(first, rows).with_time(None));
            offsets[branch] = at as u32;
            at += rows;
        }
        let mut order = Vec::with_capacity(at);
        for run in runs {
            let start = offsets[run.branch];
            order.extend(start..start + run.rows as u32);
            offsets[run.branch] += run.rows as u32;
        }
        concat(&pieces).pick(&order)
    }

    /// The event time of the rows of these runs, which moves on with them.
    fn time(&mut self, runs: &[Run]) -> EventTime {
        let rows: usize = runs.iter().map(|run| run.rows).sum();
        let (mut ticks, mut marks) = (Vec::with_capacity(rows), Vec::new());
        let mut mark = self.mark;
        for &Run { branch: at, start, rows } in runs {
            let branch = &self.branches[at];
            let Some(time) = branch.batch.as_ref().and_then(Batch::time) else { continue };
            ticks.extend_from_slice(&time.ticks[start..start + rows]);
            if !self.told {
                mark = mark.max(branch.key(start + rows - 1));
                continue;
            }
            for row in start..start + rows {
                mark = mark.max(branch.before(row));
                marks.push(mark);
                mark = if time.passive { mark } else { mark.max(time.ticks[row]) };
            }
        }
        self.mark = mark;
        let before = self.told.then(|| marks.into());
        let dtype = self.batch(runs[0].branch).time().expect("the plan checked it").dtype.clone();
        EventTime { before, high: self.high(), passive: self.passive, ..EventTime::new(dtype, ticks.into()) }
    }

    /// How far event time has come after the rows that have gone out, if they do not show it.
    fn high(&mut self) -> Option<High> {
        let waited_for = self.branches.iter().filter(|branch| !branch.ended && !branch.idle);
        let least = waited_for.map(Branch::mark).min().filter(|_| self.told);
        let further = least.is_some_and(|least| least > self.mark);
        self.mark = self.mark.max(least.unwrap_or(i64::MIN));
        let seen = (self.passive || further) && self.mark > i64::MIN;
        seen.then(|| High { time: self.mark, place: Place::default() })
    }

    /// A batch without rows, if event time has moved on without any.
    fn blank(&mut self) -> Option<Batch> {
        let before = self.mark;
        let high = self.high().filter(|high| high.time > before)?;
        let batch = self.branches.iter().find_map(|branch| branch.batch.as_ref())?.slice(0, 0);
        let time = batch.time().cloned().map(|time| EventTime { high: Some(high), passive: self.passive, ..time });
        Some(batch.with_time(time))
    }

    fn batch(&self, branch: usize) -> &Batch {
        self.branches[branch].batch.as_ref().expect("it has rows")
    }

    /// The batch with codes that hold for all streams, up to the first row that is in error.
    fn adopt(&mut self, batch: Batch) -> Batch {
        let (batch, full) = self.categories.adopt(batch, &self.schema);
        let Some(full) = full else { return batch };
        self.failure = Some(self.categories.too_many(full, batch.origin().place(full.row)));
        batch.slice(0, full.row)
    }

    /// Puts a stream into the order anew, or out of it.
    fn line_up(&mut self, at: usize, next: Option<i64>) {
        self.order.retain(|Reverse((_, other))| *other != at);
        self.order.extend(next.map(|key| Reverse((key, at))));
    }

    /// The stream that is not waited for and is to be asked next.
    fn idle_one(&self) -> Option<usize> {
        let streams = self.branches.len();
        (self.turn..self.turn + streams).map(|at| at % streams).find(|&at| self.branches[at].idle)
    }

    /// Whether a stream that is not waited for is to be asked.
    fn asks_idle_one(&self) -> bool {
        self.order.is_empty() || !self.others && self.idle_one().is_some()
    }

    /// Notes that a stream has answered: those that are waited for and the others take turns.
    fn answered(&mut self, at: usize, was_idle: bool) {
        self.others = was_idle;
        self.turn = if was_idle { at + 1 } else { self.turn };
    }
}

impl Stage for Merge {
    fn push(&mut self, input: usize, batch: Batch) {
        self.ledger.rows_in += batch.rows() as u64;
        let branch = &mut self.branches[input];
        let was_idle = branch.idle;
        branch.take(batch);
        self.told |= branch.is_told();
        self.passive |= branch.is_passive();
        let next = branch.next_key();
        self.line_up(input, Some(next));
        self.answered(input, was_idle);
    }

    fn end(&mut self, input: usize) {
        let branch = &mut self.branches[input];
        let was_idle = std::mem::take(&mut branch.idle);
        branch.ended = true;
        self.line_up(input, None);
        self.answered(input, was_idle);
    }

    fn idle(&mut self, input: usize) {
        let Some(patience) = &self.patience else { return };
        let branch = &mut self.branches[input];
        let was_idle = branch.idle;
        if !was_idle && patience.is_over(&mut branch.quiet) {
            branch.idle = true;
            self.line_up(input, None);
        }
        self.answered(input, was_idle);
    }

    fn pull(&mut self) -> Result<Option<Batch>> {
        if let Some(error) = self.failure.take() {
            return Err(error);
        }
        let runs = self.runs();
        if !runs.is_empty() {
            let batch = self.gather(&runs);
            let batch = self.adopt(batch);
            self.ledger.passed += batch.rows() as u64;
            return Ok(Some(batch));
        }
        Ok(self.blank())
    }

    fn wants(&self) -> usize {
        let first = self.order.peek().map(|Reverse((_, at))| *at);
        let idle = self.idle_one().filter(|_| self.asks_idle_one());
        idle.or(first).unwrap_or_default()
    }

    fn waits(&self) -> bool {
        self.order.is_empty() || !self.asks_idle_one()
    }

    fn ledger(&self) -> Ledger {
        let Ledger { rows_in, passed, .. } = self.ledger;
        Ledger { rows_out: passed, held: rows_in - passed, ..self.ledger.clone() }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use arrow_array::Int64Array;

    use super::*;
    use crate::stage::watch::hand::Hand;
    use crate::types::{DataType, Field};

    fn schema() -> Arc<Schema> {
        Arc::new(Schema::new(vec![Field::new("t", DataType::Int64)]).expect("one name"))
    }

    fn batch(times: &[i64]) -> Batch {
        let time = EventTime::new(DataType::Int64, times.to_vec().into());
        let column = Arc::new(Int64Array::from(times.to_vec()));
        Batch::new(schema(), vec![column], times.len()).with_time(Some(time))
    }

    /// A merge of so many streams that waits five seconds for each, and its watch.
    fn merge(streams: usize) -> (Merge, Hand) {
        let watch = Hand::of_this_thread();
        watch.set(0);
        let patience = Patience::new(Duration::from_secs(5));
        (Merge::new(schema(), streams, Some(patience), 100, "merge".into()), watch)
    }

    fn times(merge: &mut Merge) -> Vec<i64> {
        let mut all = Vec::new();
        while let Some(batch) = merge.pull().expect("no error") {
            all.extend(batch.time().expect("it has").ticks.iter());
        }
        all
    }

    #[test]
    fn a_stream_is_idle_once_it_has_had_nothing_for_so_long() {
        let (mut merge, watch) = merge(2);
        merge.push(0, batch(&[1, 2]));
        for (now, told) in [(0, vec![]), (4, vec![]), (5, vec![1, 2])] {
            watch.set(now);
            assert_eq!(merge.wants(), 1);
            merge.idle(1);
            assert_eq!(times(&mut merge), told, "{now} s");
        }
    }

    #[test]
    fn whoever_was_not_asked_is_not_idle() {
        let (mut merge, watch) = merge(2);
        merge.push(0, batch(&[1]));
        watch.set(60);
        merge.idle(1);
        assert_eq!(times(&mut merge), [0; 0]);
        merge.push(1, batch(&[3]));
        watch.set(120);
        assert_eq!(times(&mut merge), [1]);
    }

    #[test]
    fn an_idle_stream_is_asked_in_turns_without_waiting_and_comes_back() {
        let (mut merge, watch) = merge(3);
        (0..3).for_each(|at| merge.idle(at));
        watch.set(5);
        merge.push(0, batch(&[4]));
        (1..3).for_each(|at| merge.idle(at));
        assert_eq!(times(&mut merge), [4]);
        let mut asked = Vec::new();
        for _ in 0..4 {
            asked.push((merge.wants(), merge.waits()));
            merge.idle(merge.wants());
        }
        assert_eq!(asked, [(1, false), (0, true), (2, false), (0, true)]);
        merge.push(1, batch(&[2, 9]));
        assert_eq!(times(&mut merge), [2]);
        merge.end(0);
        assert_eq!(times(&mut merge), [9]);
    }

    #[test]
    fn when_all_are_idle_each_is_waited_for_in_turn() {
        let (mut merge, watch) = merge(2);
        (0..2).for_each(|at| merge.idle(at));
        watch.set(5);
        (0..2).for_each(|at| merge.idle(at));
        let asked: Vec<_> = (0..3)
            .map(|_| {
                let asked = (merge.wants(), merge.waits());
                merge.idle(asked.0);
                asked
            })
            .collect();
        assert_eq!(asked, [(0, true), (1, true), (0, true)]);
        merge.push(1, batch(&[7]));
        assert_eq!(times(&mut merge), [7]);
    }

    #[test]
    fn event_time_is_that_of_the_stream_that_is_behind() {
        let (mut merge, _) = merge(2);
        merge.push(0, batch(&[]).with_high(Some(50)));
        merge.push(1, batch(&[]).with_high(Some(20)));
        let high = |merge: &mut Merge| merge.pull().ok().flatten()?.time()?.high.as_ref().map(|high| high.time);
        assert_eq!((high(&mut merge), high(&mut merge)), (Some(20), None));
        merge.push(1, batch(&[30]));
        assert_eq!(times(&mut merge), [30]);
        merge.end(1);
        assert_eq!(high(&mut merge), Some(50));
    }
}
