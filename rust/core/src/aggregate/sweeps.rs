//! [`Sweeps`]: many rows at once swept through the cells of a table, on several threads.
//!
//! What is done to cells is the same for each partial and needs none of the others: each has a [`Turn`] of its own.
//! While it is their turn, whoever wants rows swept finds out about those that come next.

use std::ops::Range;
use std::sync::Arc;

use arrow_buffer::{BooleanBuffer, ScalarBuffer};

use super::cells::{Cells, Values};
use super::counts::Counts;
use super::input::{Chosen, Inputs, Scratch};
use super::lower::{Counted, Lowered, Lowering};
use super::piece::{Asked, Piece};
use super::recipe::Output;
use super::sweep::{Reaches, Step, Sweep};
use super::table::Table;
use crate::error::Result;
use crate::helpers::{Helpers, Job};
use crate::pool::Pool;

/// So many rows at a time are worth a thread.
const WORTH_A_THREAD: usize = 1 << 12;

/// Rows of a batch that are swept together, and what is done to the cells.
pub(crate) struct Swept {
    /// What the aggregates read of the batch.
    pub(crate) inputs: Arc<Inputs>,
    /// The rows.
    pub(crate) rows: Range<usize>,
    /// Their order in the sweep, if it is another.
    pub(crate) order: Option<Vec<u32>>,
    /// The event times, in that order.
    pub(crate) times: ScalarBuffer<i64>,
    /// Of each row, as they came: its place in that order.
    pub(crate) places: Vec<u32>,
    /// What is done, in order.
    pub(crate) steps: Vec<Step>,
    /// The windows, if they are not of rows.
    pub(crate) windows: Option<Reaches>,
    /// How many cells there are.
    pub(crate) cells: usize,
}

impl Swept {
    fn chosen(&self) -> Chosen<'_> {
        match &self.order {
            Some(order) => Chosen::List(order),
            None => Chosen::Run(self.rows.start, self.rows.len()),
        }
    }

    /// What is the same for all partials of a selection.
    fn sweep<'a>(&'a self, chosen: Option<&'a [bool]>) -> Sweep<'a> {
        Sweep { times: &self.times, chosen, windows: self.windows.as_ref() }
    }
}

/// Rows that are being swept.
struct Known {
    swept: Swept,
    /// By selection: whether each row is selected, if not all are, and how many values windows have.
    chosen: Vec<Option<Vec<bool>>>,
    counted: Vec<Counted>,
}

/// What is to be done to the cells of one partial.
struct Turn {
    part: usize,
    selection: usize,
    /// The results that are made of it, and how many values each needs.
    outputs: Vec<Output>,
    least: u64,
    /// The cells, which the table lends.
    cells: Box<dyn Cells>,
    /// What the windows of the rows come to.
    results: Box<dyn Cells>,
    scratch: Scratch,
    /// The rows, while there are some.
    rows: Option<Arc<Known>>,
    /// What has come of them.
    made: Vec<Lowered>,
}

impl Turn {
    /// That of a partial with cells like these, which has nothing to do yet.
    fn new(part: usize, selection: usize, cells: &dyn Cells, outputs: Vec<Output>, least: u64) -> Self {
        Self {
            part,
            selection,
            outputs,
            least,
            cells: cells.fresh(),
            results: cells.fresh(),
            scratch: Scratch::default(),
            rows: None,
            made: Vec::new(),
        }
    }
}

impl Job for Turn {
    fn carry_out(&mut self) {
        let Some(Known { swept, chosen, counted }) = self.rows.as_deref() else { return };
        self.cells.grow(swept.cells);
        self.results.grow(swept.times.len());
        let values: Values<'_> = self.scratch.pick(&swept.inputs.values[self.part], swept.chosen());
        let sweep = swept.sweep(chosen[self.selection].as_deref());
        self.cells.sweep(&swept.steps, &sweep, &values, &mut *self.results);
        let (cells, slots) = (Some(&*self.results), &swept.places[..]);
        let lowered = self.outputs.iter().map(|output| {
            Lowering { cells, output, slots, counted: &counted[output.selection] }.of_least(self.least)
        });
        self.made = lowered.collect();
    }
}

/// What it takes to sweep rows through the cells of a table.
pub(crate) struct Sweeps {
    outputs: Vec<Output>,
    /// How many values windows have.
    counts: Counts,
    /// One for each partial, unless helpers have them.
    turns: Vec<Turn>,
    /// The results of the rows that are being swept.
    begun: Option<Asked>,
    /// Those that take turns.
    helpers: Helpers<Turn>,
}

impl Sweeps {
    /// Through the cells of such a table, on the threads of a pool. Each of these results needs so many values.
    pub(crate) fn new(table: &Table, outputs: &[Output], least: u64, pool: &Pool) -> Self {
        let parts = table.parts.iter().zip(&table.part_selections).enumerate();
        let turns = parts.map(|(part, (cells, &selection))| {
            let outputs = outputs.iter().filter(|output| output.part == Some(part)).cloned().collect();
            Turn::new(part, selection, &**cells, outputs, least)
        });
        Self {
            outputs: outputs.to_vec(),
            counts: Counts::new(table.selections()),
            turns: turns.collect(),
            begun: None,
            helpers: Helpers::new(pool),
        }
    }

    /// Begins with rows, after it has ended with those before them, whose results it gives.
    ///
    /// # Errors
    /// As [`end`](Self::end).
    pub(crate) fn begin(&mut self, swept: Swept, table: &mut Table) -> Result<Option<Piece>> {
        let known = self.count(swept, &mut table.counts);
        let begun = Asked::of(&self.outputs, &known.swept.places, &known.counted);
        let made = self.end(table)?;
        self.hand_over(Arc::new(known), &mut table.parts);
        self.begun = Some(begun);
        Ok(made)
    }

    /// Finds out how many values windows have.
    fn count(&mut self, swept: Swept, counts: &mut Counts) -> Known {
        let of = |mask: &BooleanBuffer| swept.chosen().numbers().map(|row| mask.value(row as usize)).collect();
        let chosen: Vec<Option<Vec<bool>>> =
            swept.inputs.selected.iter().map(|mask| mask.as_ref().map(of)).collect();
        counts.grow(swept.cells);
        self.counts.grow(swept.rows.len());
        counts.sweep(&swept.steps, &swept.sweep(None), &chosen, &mut self.counts);
        Known { counted: self.counts.of_each(&swept.places), chosen, swept }
    }

    /// Lets each partial have its turn, for which the table lends the cells.
    fn hand_over(&mut self, rows: Arc<Known>, parts: &mut [Box<dyn Cells>]) {
        for (turn, cells) in self.turns.iter_mut().zip(parts) {
            std::mem::swap(&mut turn.cells, cells);
            turn.rows = Some(Arc::clone(&rows));
        }
        self.helpers.begin(std::mem::take(&mut self.turns), rows.swept.rows.len() >= WORTH_A_THREAD);
    }

    /// Ends with the rows that were begun with, if there are any; gives their results.
    ///
    /// # Errors
    /// [`Error::Internal`](crate::Error::Internal) if a thread panicked.
    pub(crate) fn end(&mut self, table: &mut Table) -> Result<Option<Piece>> {
        let Some(begun) = self.begun.take() else { return Ok(None) };
        self.turns = self.helpers.finish()?;
        for (turn, cells) in self.turns.iter_mut().zip(&mut table.parts) {
            std::mem::swap(&mut turn.cells, cells);
            turn.rows = None;
        }
        let mut made: Vec<_> = self.turns.iter_mut().map(|turn| turn.made.drain(..)).collect();
        Ok(Some(begun.with(&self.outputs, &mut made)))
    }

    /// Roughly how much memory it takes, when nothing is under way.
    pub(crate) fn bytes(&self) -> usize {
        let slots = self.counts.most();
        self.counts.bytes() + self.turns.iter().map(|turn| turn.results.bytes(slots)).sum::<usize>()
    }

    /// What the windows of the rows that were swept last came to, in the cells of the first partial.
    #[cfg(test)]
    pub(crate) fn results(&self) -> &dyn Cells {
        &*self.turns[0].results
    }
}

#[cfg(test)]
mod tests {
    use arrow_array::Float64Array;

    use super::super::function::{Aggregate, Function};
    use super::super::recipe::Recipe;
    use super::super::sweep::Run;
    use super::super::testing::mixed;
    use super::*;
    use crate::batch::Batch;
    use crate::error::Error;
    use crate::expr::Expr;
    use crate::types::{DataType, Field, Schema};

    const ROWS: usize = 3 * WORTH_A_THREAD;

    fn recipe() -> Recipe {
        let schema = Schema::new(vec![Field::new("x", DataType::Float64)]).expect("one name");
        let functions = [Function::Mean, Function::Max, Function::Count, Function::Std { ddof: 1 }];
        let of = |function| (format!("{function:?}"), Aggregate::new(function, Some(Expr::column("x"))));
        Recipe::bind(&functions.map(of), &schema).expect("it binds")
    }

    /// Inputs of rows of which every seventh has no value.
    fn inputs(recipe: &Recipe, state: &mut u64) -> Arc<Inputs> {
        let schema = Arc::new(Schema::new(vec![Field::new("x", DataType::Float64)]).expect("one name"));
        let x: Float64Array =
            (0..ROWS).map(|_| mixed(state)).map(|n| (n % 7 > 0).then_some(n as f64 / 3.0)).collect();
        Arc::new(recipe.read(&Batch::new(schema, vec![Arc::new(x)], ROWS)).0)
    }

    /// The next rows of a key, all of which are in the window of each.
    fn swept(inputs: &Arc<Inputs>, fresh: bool) -> Swept {
        let run = Run { row: 0, len: ROWS as u32, to: 2, total: 1, fresh, older: 0, reach: 0 };
        Swept {
            inputs: Arc::clone(inputs),
            rows: 0..ROWS,
            order: None,
            times: (0..ROWS as i64).collect(),
            places: (0..ROWS as u32).rev().collect(),
            steps: vec![Step::Run(run)],
            windows: None,
            cells: ROWS + 2,
        }
    }

    #[test]
    fn any_number_of_threads_gives_the_same_bits_and_nobody_holds_rows_at_the_end() {
        let recipe = recipe();
        let made = |threads| {
            let (mut table, mut state) = (Table::new(&recipe), 3);
            let mut sweeps = Sweeps::new(&table, recipe.outputs(), 2, &Pool::new(threads));
            let inputs: Vec<_> = (0..40).map(|_| inputs(&recipe, &mut state)).collect();
            let mut pieces = Vec::new();
            for (round, inputs) in inputs.iter().enumerate() {
                pieces.extend(sweeps.begin(swept(inputs, round == 0), &mut table).expect("no panic"));
            }
            pieces.extend(sweeps.end(&mut table).expect("no panic"));
            assert!(sweeps.end(&mut table).expect("no panic").is_none());
            assert!(inputs.iter().all(|inputs| Arc::strong_count(inputs) == 1), "{threads} threads");
            pieces.into_iter().map(|piece| piece.columns.expect("all fit")).collect::<Vec<_>>()
        };
        let one = made(1);
        assert_eq!(one.len(), 40);
        for threads in [2, 3, 16] {
            assert!(made(threads) == one, "{threads} threads");
        }
    }

    #[test]
    fn a_panic_on_a_thread_is_an_error() {
        let recipe = recipe();
        let mut table = Table::new(&recipe);
        let mut sweeps = Sweeps::new(&table, recipe.outputs(), 1, &Pool::new(2));
        // There are no values for the cells to take in.
        let inputs = Arc::new(Inputs { values: Vec::new(), selected: vec![None; recipe.selections()] });
        assert!(sweeps.begin(swept(&inputs, true), &mut table).expect("nothing before it").is_none());
        assert!(matches!(sweeps.end(&mut table), Err(Error::Internal(_))));
        assert_eq!(Arc::strong_count(&inputs), 1);
    }
}
