//! [`Bank`]: the cells of one partial in all tables of an operator, and [`Task`]: what is done to them.
//!
//! What is to be done is the same for each partial and needs none of the others. So tasks are written down
//! once, and each bank carries them out on its own, on whatever thread.

use arrow_buffer::ScalarBuffer;
use std::ops::Range;
use std::sync::Arc;

use super::cells::{Cells, Rows};
use super::input::{Chosen, Inputs, Scratch};
use super::lower::{Counted, Lowered, Lowering};
use super::pick::{Pick, STEP, Step};
use super::recipe::{Output, Recipe};
use super::slots::Streak;

/// Something that is done to the cells of each partial. Tables go by number.
pub(super) enum Task {
    /// See [`Tables::grow`](super::Tables::grow); and so on.
    Grow {
        table: usize,
        len: usize,
    },
    Fold {
        table: usize,
        rows: Folding,
    },
    FoldStreaks {
        table: usize,
        rows: Streaks,
    },
    Combine {
        table: usize,
        to: Vec<u32>,
        newer: usize,
        from: Vec<u32>,
    },
    Append {
        table: usize,
        older: usize,
        newer: usize,
        at: Vec<u32>,
    },
    Join {
        table: usize,
        slots: Vec<u32>,
        newer: usize,
        at: Vec<u32>,
    },
    Copy {
        table: usize,
        to: Vec<u32>,
        other: usize,
        from: Vec<u32>,
    },
    Clear {
        table: usize,
        slots: Vec<u32>,
    },
    Keep {
        table: usize,
        slots: Vec<u32>,
    },
    Lower {
        table: usize,
        slots: Vec<u32>,
        counted: Vec<Counted>,
    },
}

/// Rows on their way into cells.
pub(super) struct Folding {
    /// What the aggregates read of the batch.
    pub(super) inputs: Arc<Inputs>,
    /// The first row.
    pub(super) start: usize,
    /// The slot of each row.
    pub(super) slots: Vec<u32>,
    /// The times of all rows of the batch.
    pub(super) times: ScalarBuffer<i64>,
    /// What each selection takes, step by step.
    pub(super) picks: Vec<Vec<Pick>>,
}

impl Folding {
    /// The rows, step by step.
    pub(super) fn steps(&self) -> impl Iterator<Item = Step<'_>> {
        self.slots.chunks(STEP).enumerate().map(|(i, slots)| {
            let start = self.start + i * STEP;
            Step::new(start, slots, &self.times[start..start + slots.len()])
        })
    }
}

/// Streaks of rows on their way into cells, in the order of their times, of which every selection takes all.
pub(super) struct Streaks {
    /// What the aggregates read of the batch.
    pub(super) inputs: Arc<Inputs>,
    /// The rows.
    pub(super) rows: Range<usize>,
    /// Where they go.
    pub(super) streaks: Vec<Streak>,
    /// The times of all rows of the batch.
    pub(super) times: ScalarBuffer<i64>,
}

/// The cells of one partial, in each table.
pub(super) struct Bank {
    part: usize,
    selection: usize,
    tables: Vec<Box<dyn Cells>>,
    scratch: Scratch,
    /// The results that are made of it.
    outputs: Vec<Output>,
    /// The results made, in the order of the tasks and then of the outputs.
    lowered: Vec<Lowered>,
}

impl Bank {
    /// The banks of a plan's partials, with so many tables.
    pub(super) fn all(recipe: &Recipe, tables: usize) -> Vec<Self> {
        let of = |part| recipe.outputs().iter().filter(move |output| output.part == Some(part)).cloned();
        let parts = recipe.cells().into_iter().zip(recipe.part_selections()).enumerate();
        parts
            .map(|(part, (cells, selection))| Self::of(part, selection, &*cells, tables, of(part).collect()))
            .collect()
    }

    /// The bank of a partial, with so many tables of cells like these.
    pub(super) fn of(
        part: usize,
        selection: usize,
        cells: &dyn Cells,
        tables: usize,
        outputs: Vec<Output>,
    ) -> Self {
        let tables = (0..tables).map(|_| cells.fresh()).collect();
        Self { part, selection, tables, scratch: Scratch::default(), outputs, lowered: Vec::new() }
    }

    /// Carries out a task.
    pub(super) fn carry_out(&mut self, task: &Task) {
        match task {
            Task::Grow { table, len } => self.tables[*table].grow(*len),
            Task::Fold { table, rows } => self.fold(*table, rows),
            Task::FoldStreaks { table, rows } => self.fold_streaks(*table, rows),
            Task::Combine { table, to, newer, from } => {
                let [ours, newer] = self.several([*table, *newer]);
                ours.combine(to, &**newer, from);
            }
            Task::Append { table, older, newer, at } => {
                let [ours, older, newer] = self.several([*table, *older, *newer]);
                ours.append(&**older, &**newer, at);
            }
            Task::Join { table, slots, newer, at } => {
                let [ours, newer] = self.several([*table, *newer]);
                ours.join(slots, &mut **newer, at);
            }
            Task::Copy { table, to, other, from } => {
                let [ours, other] = self.several([*table, *other]);
                ours.copy(to, &**other, from);
            }
            Task::Clear { table, slots } => self.tables[*table].clear(slots),
            Task::Keep { table, slots } => self.tables[*table].keep(slots),
            Task::Lower { table, slots, counted } => self.lower(*table, slots, counted),
        }
    }

    fn several<const N: usize>(&mut self, tables: [usize; N]) -> [&mut Box<dyn Cells>; N] {
        self.tables.get_disjoint_mut(tables).expect("a task's tables are different ones")
    }

    fn fold(&mut self, table: usize, rows: &Folding) {
        let (cells, typed) = (&mut self.tables[table], &rows.inputs.values[self.part]);
        for (step, picks) in rows.steps().zip(&rows.picks) {
            let pick = &picks[self.selection];
            cells.fold(pick.of(step), &self.scratch.pick(typed, pick.chosen(step)));
        }
    }

    fn fold_streaks(&mut self, table: usize, Streaks { inputs, rows, streaks, times }: &Streaks) {
        let (cells, typed, times) = (&mut self.tables[table], &inputs.values[self.part], &times[rows.clone()]);
        match self.scratch.extremes(typed, rows.clone(), streaks) {
            // One value stands for all of its streak.
            Some(values) => {
                let slots: Vec<u32> = streaks.iter().map(|streak| streak.slot).collect();
                cells.fold(Rows { slots: &slots, times: &times[..slots.len()] }, &values);
            }
            None => {
                let values = self.scratch.pick(typed, Chosen::Run(rows.start, rows.len()));
                cells.fold_streaks(streaks, times, &values);
            }
        }
    }

    fn lower(&mut self, table: usize, slots: &[u32], counted: &[Counted]) {
        let cells = Some(&*self.tables[table]);
        let columns = self
            .outputs
            .iter()
            .map(|output| Lowering { cells, output, slots, counted: &counted[output.selection] }.column());
        self.lowered.extend(columns);
    }

    /// Takes out the columns made so far.
    pub(super) fn take_lowered(&mut self) -> Vec<Lowered> {
        std::mem::take(&mut self.lowered)
    }

    /// Roughly how much memory its cells take if each table has, or has had, so many.
    pub(super) fn bytes(&self, slots: impl Iterator<Item = usize>) -> usize {
        self.tables.iter().zip(slots).map(|(cells, slots)| cells.bytes(slots)).sum()
    }

    /// The cells of one table.
    #[cfg(test)]
    pub(super) fn cells(&self, table: usize) -> &dyn Cells {
        &*self.tables[table]
    }
}
