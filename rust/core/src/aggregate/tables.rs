//! [`Tables`]: several tables of one plan, whose cells several threads work on.
//!
//! Each has the operations of a [`Table`](super::Table). Rows are counted at once; what happens to cells is
//! written down as tasks and carried out later, by [`Tables::finish`] at the latest.

use std::sync::Arc;

use arrow_buffer::ScalarBuffer;

use super::NO_SLOT;
use super::bank::{Bank, Folding, Streaks, Task};
use super::counts::Counts;
use super::crew::Crew;
use super::input::Inputs;
use super::piece::{Asked, Piece};
use super::recipe::{Output, Recipe};
use super::slots::{Slots, Streak};
use crate::error::Result;
use crate::pool::Pool;

/// About how many rows the tasks concern that are handed over at a time: few enough for what they touch to
/// stay in the second-level cache.
const LIST: usize = 8192;

/// Several tables of one plan, which go by number.
pub(crate) struct Tables {
    counts: Vec<Counts>,
    outputs: Vec<Output>,
    tasks: Vec<Task>,
    /// About how many rows they concern.
    rows: usize,
    crew: Crew,
    /// The results that are being made.
    asked: Vec<Asked>,
}

impl Tables {
    /// So many tables without slots, on the threads of a pool.
    pub(crate) fn new(recipe: &Recipe, tables: usize, pool: &Pool) -> Self {
        let banks = Bank::all(recipe, tables);
        Self::of(banks, recipe.selections(), recipe.outputs().to_vec(), tables, pool)
    }

    pub(super) fn of(
        banks: Vec<Bank>,
        selections: usize,
        outputs: Vec<Output>,
        tables: usize,
        pool: &Pool,
    ) -> Self {
        Self {
            counts: (0..tables).map(|_| Counts::new(selections)).collect(),
            outputs,
            tasks: Vec::new(),
            rows: 0,
            crew: Crew::new(banks, pool),
            asked: Vec::new(),
        }
    }

    /// How many slots a table has.
    pub(crate) fn len(&self, table: usize) -> usize {
        self.counts[table].len()
    }

    /// How many rows each slot has.
    pub(crate) fn rows(&self, table: usize) -> &[u64] {
        self.counts[table].rows()
    }

    /// Makes sure that a table has so many slots; new ones are empty.
    pub(crate) fn grow(&mut self, table: usize, len: usize) {
        if self.counts[table].grow(len) {
            self.add(Task::Grow { table, len }, 0);
        }
    }

    /// Folds rows of a batch, from `start` on, into their slots. In streaks they are in the order of their times.
    pub(crate) fn fold(
        &mut self,
        table: usize,
        inputs: &Arc<Inputs>,
        start: usize,
        slots: Slots,
        times: &ScalarBuffer<i64>,
    ) {
        let (inputs, times) = (Arc::clone(inputs), times.clone());
        match slots {
            Slots::Streaks(streaks) if takes_all(&inputs, &streaks) => {
                self.counts[table].add_streaks(&streaks);
                let len = streaks.iter().map(|streak| streak.rows as usize).sum();
                let rows = Streaks { inputs, rows: start..start + len, streaks, times };
                self.add(Task::FoldStreaks { table, rows }, len);
            }
            slots => {
                let slots = slots.into_each();
                self.fold_each(table, Folding { inputs, start, slots, times, picks: Vec::new() });
            }
        }
    }

    fn fold_each(&mut self, table: usize, mut rows: Folding) {
        let mut picks = Vec::new();
        for step in rows.steps() {
            let mut pick = Vec::new();
            step.pick(&rows.inputs, &mut pick);
            self.counts[table].add(step, &pick);
            picks.push(pick);
        }
        rows.picks = picks;
        let len = rows.slots.len();
        self.add(Task::Fold { table, rows }, len);
    }

    /// Combines slots of another table, as the newer, into slots of one.
    pub(crate) fn combine(&mut self, table: usize, to: Vec<u32>, newer: usize, from: Vec<u32>) {
        let [ours, others] = self.several([table, newer]);
        ours.combine(&to, others, &from);
        let rows = to.len();
        self.add(Task::Combine { table, to, newer, from }, rows);
    }

    /// Appends the combinations of slots of two tables, of which the second is the newer.
    pub(crate) fn append(&mut self, table: usize, older: usize, newer: usize, at: Vec<u32>) {
        let [ours, first, second] = self.several([table, older, newer]);
        ours.append(first, second, &at);
        let rows = at.len();
        self.add(Task::Append { table, older, newer, at }, rows);
    }

    /// Puts into slots, and into newer ones of another table, what they come to together.
    pub(crate) fn join(&mut self, table: usize, slots: Vec<u32>, newer: usize, at: Vec<u32>) {
        let [ours, others] = self.several([table, newer]);
        ours.join(&slots, others, &at);
        let rows = at.len();
        self.add(Task::Join { table, slots, newer, at }, rows);
    }

    /// Copies slots of another table into slots of one.
    pub(crate) fn copy(&mut self, table: usize, to: Vec<u32>, other: usize, from: Vec<u32>) {
        let [ours, theirs] = self.several([table, other]);
        ours.copy(&to, theirs, &from);
        let rows = to.len();
        self.add(Task::Copy { table, to, other, from }, rows);
    }

    /// Empties slots.
    pub(crate) fn clear(&mut self, table: usize, slots: Vec<u32>) {
        self.counts[table].clear(&slots);
        let rows = slots.len();
        self.add(Task::Clear { table, slots }, rows);
    }

    /// Keeps these slots, in this order, as the first ones.
    pub(crate) fn keep(&mut self, table: usize, slots: Vec<u32>) {
        self.counts[table].keep(&slots);
        let rows = slots.len();
        self.add(Task::Keep { table, slots }, rows);
    }

    /// Makes results of slots, which [`finish`](Self::finish) gives.
    pub(crate) fn lower(&mut self, table: usize, slots: Vec<u32>) {
        let counted = self.counts[table].of_each(&slots);
        self.asked.push(Asked::of(&self.outputs, &slots, &counted));
        let rows = slots.len();
        self.add(Task::Lower { table, slots, counted }, rows);
    }

    /// Carries out all that was written down; gives the results that were asked for, in that order.
    ///
    /// # Errors
    /// [`Error::Internal`](crate::error::Error::Internal) if a thread panicked.
    pub(crate) fn finish(&mut self) -> Result<Vec<Piece>> {
        self.hand_over();
        self.crew.finish()?;
        let mut lowered: Vec<_> = self.crew.banks().map(|mut bank| bank.take_lowered().into_iter()).collect();
        let asked = std::mem::take(&mut self.asked).into_iter();
        Ok(asked.map(|asked| asked.with(&self.outputs, &mut lowered)).collect())
    }

    /// Roughly how much memory they take, when all is finished.
    pub(crate) fn bytes(&self) -> usize {
        let cells: usize = self.crew.banks().map(|bank| bank.bytes(self.counts.iter().map(Counts::most))).sum();
        self.counts.iter().map(Counts::bytes).sum::<usize>() + cells
    }

    /// Puts one row, whose value is its time, into a slot.
    #[cfg(test)]
    pub(crate) fn put(&mut self, table: usize, slot: u32, time: i64) {
        let values = ScalarBuffer::from(vec![time]);
        let inputs = Inputs { values: vec![super::input::Typed::Int(values.clone())], selected: vec![None] };
        self.fold(table, &Arc::new(inputs), 0, Slots::Each(vec![slot]), &values);
    }

    /// What is in the cells of the first partial of a table, when all is finished.
    #[cfg(test)]
    pub(crate) fn look<T>(&self, table: usize, look: impl Fn(&dyn super::cells::Cells) -> T) -> T {
        look(self.crew.banks().next().expect("there is a partial").cells(table))
    }

    fn several<const N: usize>(&mut self, tables: [usize; N]) -> [&mut Counts; N] {
        self.counts.get_disjoint_mut(tables).expect("a task's tables are different ones")
    }

    fn add(&mut self, task: Task, rows: usize) {
        self.tasks.push(task);
        self.rows += rows;
        if self.rows >= LIST {
            self.hand_over();
        }
    }

    fn hand_over(&mut self) {
        let rows = std::mem::take(&mut self.rows);
        if !self.tasks.is_empty() {
            self.crew.take_on(std::mem::take(&mut self.tasks), rows);
        }
    }
}

/// Whether all selections take all rows.
fn takes_all(inputs: &Inputs, streaks: &[Streak]) -> bool {
    inputs.selected.iter().all(Option::is_none) && streaks.iter().all(|streak| streak.slot != NO_SLOT)
}

#[cfg(test)]
mod tests {
    use arrow_array::{ArrayRef, Float64Array, Int64Array};

    use super::super::testing::mixed;
    use super::super::{Aggregate, Fold, Function, Table};
    use super::*;
    use crate::batch::Batch;
    use crate::error::Error;
    use crate::expr::{Expr, UnaryOp};
    use crate::types::{DataType, Field, Schema};

    const SLOTS: u32 = 50;
    const ROWS: usize = 9000;

    fn schema() -> Arc<Schema> {
        let fields = vec![Field::new("x", DataType::Float64), Field::new("n", DataType::Int64)];
        Arc::new(Schema::new(fields).expect("two names"))
    }

    fn recipe() -> Recipe {
        let of = |function, column| Aggregate::new(function, Some(Expr::column(column)));
        let known = Some(Expr::column("x").unary(UnaryOp::IsNotNull));
        let all = [
            ("a", of(Function::Mean, "x")),
            ("b", of(Function::Std { ddof: 1 }, "x")),
            ("c", of(Function::Max, "x")),
            ("d", of(Function::Last { skip_nulls: true }, "n")),
            ("e", Aggregate { filter: known, ..of(Function::Sum, "n") }),
            ("f", Aggregate::new(Function::Count, None)),
            ("g", of(Function::Count, "x")),
        ];
        Recipe::bind(&all.map(|(name, aggregate)| (name.to_owned(), aggregate)), &schema()).expect("it binds")
    }

    /// Rows, of which every seventh has no `x` once `nulls` have begun.
    fn rows(nulls: bool, state: &mut u64) -> Batch {
        let x = (0..ROWS).map(|_| mixed(state) as u64).map(|n| (!nulls || n % 7 > 0).then_some(n as f64 / 3.0));
        let columns: Vec<ArrayRef> =
            vec![Arc::new(x.collect::<Float64Array>()), Arc::new((0..ROWS as i64).collect::<Int64Array>())];
        Batch::new(schema(), columns, ROWS)
    }

    fn slots(state: &mut u64) -> Vec<u32> {
        let slot = |n: u64| if n.is_multiple_of(100) { NO_SLOT } else { n as u32 % SLOTS };
        (0..ROWS).map(|_| slot(mixed(state) as u64)).collect()
    }

    /// What tables give of random rows, whose slots are combined in every way.
    fn made(threads: usize) -> Vec<Vec<ArrayRef>> {
        let recipe = recipe();
        let (mut tables, mut state, mut made) = (Tables::new(&recipe, 4, &Pool::new(threads)), 7, Vec::new());
        let all: Vec<u32> = (0..SLOTS).collect();
        (0..3).for_each(|table| tables.grow(table, SLOTS as usize));
        for round in 0..12 {
            let (inputs, _) = recipe.read(&rows(round > 5, &mut state));
            let times = (0..ROWS as i64).collect::<Vec<_>>().into();
            tables.fold(0, &Arc::new(inputs), 0, Slots::Each(slots(&mut state)), &times);
            tables.combine(1, all.clone(), 0, all.clone());
            tables.copy(2, all.clone(), 0, all.clone());
            tables.join(2, all.clone(), 1, all.clone());
            tables.append(3, 1, 2, all.clone());
            tables.copy(0, vec![3], 2, vec![4]);
            tables.clear(0, vec![round, 20]);
            tables.lower(3, all.clone());
            tables.keep(3, if round % 4 == 0 { vec![2, 1] } else { Vec::new() });
            tables.lower(0, all[..5].to_vec());
            if round % 3 == 0 {
                made.extend(
                    tables.finish().expect("no panic").into_iter().map(|piece| piece.columns.expect("all fit")),
                );
            }
        }
        made.extend(tables.finish().expect("no panic").into_iter().map(|piece| piece.columns.expect("all fit")));
        made
    }

    /// The same, one thing after the other.
    fn made_slowly() -> Vec<Vec<ArrayRef>> {
        let recipe = recipe();
        let mut table = Table::new(&recipe);
        let (mut one, mut two, mut three) = (table.fresh(), table.fresh(), table.fresh());
        let (all, mut state, mut made) = ((0..SLOTS).collect::<Vec<u32>>(), 7, Vec::new());
        [&mut table, &mut one, &mut two].into_iter().for_each(|table| table.grow(SLOTS as usize));
        for round in 0..12 {
            let (inputs, _) = recipe.read(&rows(round > 5, &mut state));
            let times: Vec<i64> = (0..ROWS as i64).collect();
            table.fold(Fold { inputs: &inputs, start: 0, slots: &slots(&mut state), times: Some(&times) });
            one.combine(&all, &table, &all);
            two.copy(&all, &table, &all);
            two.join(&all, &mut one, &all);
            three.append(&one, &two, &all);
            table.copy(&[3], &two, &[4]);
            table.clear(&[round, 20]);
            let kept: &[u32] = if round % 4 == 0 { &[2, 1] } else { &[] };
            made.extend(three.lower(recipe.outputs(), &all).ok());
            three.keep(kept);
            made.extend(table.lower(recipe.outputs(), &all[..5]).ok());
        }
        made
    }

    #[test]
    fn any_number_of_threads_gives_the_same_bits() {
        let slowly = made_slowly();
        assert_eq!(slowly.len(), 24);
        for threads in [1, 2, 3, 16] {
            assert!(made(threads) == slowly, "{threads} threads");
        }
    }

    #[test]
    fn nobody_holds_rows_when_all_is_finished() {
        let recipe = recipe();
        let (mut tables, mut state) = (Tables::new(&recipe, 1, &Pool::new(3)), 1);
        let (inputs, slots) = (Arc::new(recipe.read(&rows(false, &mut state)).0), slots(&mut state));
        tables.grow(0, SLOTS as usize);
        for round in 0..2000 {
            tables.fold(0, &inputs, 0, Slots::Each(slots.clone()), &vec![0; ROWS].into());
            tables.finish().expect("no panic");
            assert_eq!(Arc::strong_count(&inputs), 1, "round {round}");
        }
    }

    #[test]
    fn a_panic_on_a_thread_is_an_error() {
        let recipe = recipe();
        let mut tables = Tables::new(&recipe, 1, &Pool::new(3));
        tables.grow(0, SLOTS as usize);
        for _ in 0..12 {
            let (inputs, _) = recipe.read(&rows(false, &mut 1));
            tables.fold(0, &Arc::new(inputs), 0, Slots::Each(slots(&mut 1)), &vec![0; ROWS].into());
        }
        assert!(tables.finish().is_ok());
        // Cells that are not there: a bug, if it could happen.
        tables.add(Task::Clear { table: 0, slots: vec![SLOTS + 1; 2 * LIST] }, 2 * LIST);
        assert!(matches!(tables.finish(), Err(Error::Internal(_))));
    }
}
