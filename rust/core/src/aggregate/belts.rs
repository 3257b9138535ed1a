//! [`Belts`]: the results of windows of the last so many rows, as long as no value needs care.
//!
//! Nulls, filters, infinities, NaNs and sums that might leave the range of a double need care, and are left to
//! [`super::sweep`]. Both make the same results, to the bit, so that one can take over from the other: it
//! starts from the last rows as they are.

use std::ops::Range;
use std::sync::Arc;

use arrow_array::ArrayRef;
use arrow_buffer::{BooleanBuffer, NullBuffer};

use super::belt::{Belt, FEW, Passing};
use super::cells::{Value, Values};
use super::flat::{Extremes, Finish, Flat, Mean, Numbers, Plain, Spread, Spreads, Sums, Total, Unkeyed};
use super::function::Function;
use super::fused;
use super::input::{Form, Inputs, Typed};
use super::lower::{bits_to, floats_to};
use super::recipe::{Output, Recipe};
use crate::error::Result;
use crate::helpers::{Helpers, Job};
use crate::pool::Pool;
use crate::types::DataType;

/// One result, whatever its type.
trait Moving: Send {
    /// See [`Belt`].
    fn takes(&self, values: &Values<'_>) -> bool;
    fn roll(&mut self, at: usize, values: &Values<'_>, room: usize) -> Numbers;
    fn follow(&mut self, block: &Values<'_>);
    fn watch(&mut self, at: usize, values: &Values<'_>);
    fn catch_up(&mut self);
    fn values(&self) -> Numbers;
    fn clear(&mut self);
    fn bytes(&self) -> usize;
}

fn of<'a, V: Value>(values: &Values<'a>) -> &'a [V] {
    V::of(values).expect("values of one plan are of one type")
}

impl<F: Flat, R: Finish<F>> Moving for Belt<F, R> {
    fn takes(&self, values: &Values<'_>) -> bool {
        Self::takes(of(values))
    }

    fn roll(&mut self, at: usize, values: &Values<'_>, room: usize) -> Numbers {
        R::Result::unnamed(fused::roll(self, Passing { at, values: of(values), room }))
    }

    fn follow(&mut self, block: &Values<'_>) {
        self.follow(of(block));
    }

    fn watch(&mut self, at: usize, values: &Values<'_>) {
        self.watch(at, of(values));
    }

    fn catch_up(&mut self) {
        self.catch_up();
    }

    fn values(&self) -> Numbers {
        F::Value::unnamed(self.values())
    }

    fn clear(&mut self) {
        self.clear();
    }

    fn bytes(&self) -> usize {
        self.bytes()
    }
}

/// So many rows are worth a thread.
const WORTH_A_THREAD: usize = 1 << 15;

/// What a belt has to do.
struct Turn {
    /// The part whose values it reads.
    part: usize,
    belt: Box<dyn Moving>,
    /// The place of the first row in its block.
    at: usize,
    inputs: Arc<Inputs>,
    rows: Range<usize>,
    /// For how many results there is to be room.
    room: usize,
    /// What has come of it.
    made: Option<Numbers>,
}

impl Job for Turn {
    fn carry_out(&mut self) {
        let values = values(&self.inputs.values[self.part], self.rows.clone());
        self.made = Some(self.belt.roll(self.at, &values, self.room));
    }
}

/// The belt of an output whose values are read in this form, if there is one.
fn belt(output: &Output, form: Form, rows: usize) -> Option<Box<dyn Moving>> {
    let of = |ddof: u32| f64::from(ddof);
    Some(match (output.function, form) {
        (Function::Sum, Form::Float) => Box::new(Belt::<Sums, _>::new(rows, Total)),
        (Function::Mean, Form::Float) => Box::new(Belt::<Sums, _>::new(rows, Mean)),
        (Function::Min, Form::Lowest) => Box::new(Belt::<Extremes<f64, true>, _>::new(rows, Unkeyed)),
        (Function::Max, Form::Highest) => Box::new(Belt::<Extremes<f64, false>, _>::new(rows, Unkeyed)),
        (Function::Min, Form::Int) => Box::new(Belt::<Extremes<i64, true>, _>::new(rows, Unkeyed)),
        (Function::Max, Form::Int) => Box::new(Belt::<Extremes<i64, false>, _>::new(rows, Unkeyed)),
        (Function::Var { ddof }, Form::Float) => {
            Box::new(Belt::<Spreads, _>::new(rows, Spread::<false> { ddof: of(ddof) }))
        }
        (Function::Std { ddof }, Form::Float) => {
            Box::new(Belt::<Spreads, _>::new(rows, Spread::<true> { ddof: of(ddof) }))
        }
        _ => return None,
    })
}

/// What makes one result.
struct Line {
    /// The part whose values it reads.
    part: usize,
    belt: Box<dyn Moving>,
    /// Another one, for rows that lie behind others and are taken in at the same time.
    other: Box<dyn Moving>,
}

/// The results of windows of the last so many rows.
pub(crate) struct Belts {
    /// How many rows are in a window.
    rows: usize,
    /// How many values a result needs.
    least: u64,
    outputs: Vec<Output>,
    /// For each output that is not a count: what makes it.
    lines: Vec<Line>,
    /// The form of the values of each part.
    forms: Vec<Form>,
    selections: usize,
    /// Those that take turns.
    helpers: Helpers<Turn>,
    /// The number of the next row.
    next: u64,
    /// How many rows there have been since the last one that needed care.
    plain: u64,
    /// Whether the results of the next rows can be made here, and whether some have been since it could.
    leads: bool,
    led: bool,
}

/// The last rows, as they were read.
pub(crate) struct LastRows {
    /// The number of the first.
    pub(crate) first: i64,
    /// How many.
    pub(crate) len: usize,
    /// What aggregates read of them.
    pub(crate) inputs: Arc<Inputs>,
}

impl Belts {
    /// No rows, of windows of so many, on the threads of a pool; `None` if there are results that it does not know.
    pub(crate) fn new(recipe: &Recipe, rows: i64, least: u64, pool: &Pool) -> Option<Self> {
        let rows = usize::try_from(rows).ok().filter(|_| !recipe.parts.is_empty())?;
        let forms: Vec<Form> = recipe.parts.iter().map(|part| part.form).collect();
        let outputs = recipe.outputs().to_vec();
        let line = |output: &Output| {
            let part = output.part?;
            let belt = || belt(output, forms[part], rows);
            Some(belt().zip(belt()).map(|(belt, other)| Line { part, belt, other }))
        };
        let lines = outputs.iter().filter_map(line).collect::<Option<_>>()?;
        let selections = recipe.selections();
        Some(Self {
            rows,
            least,
            outputs,
            lines,
            forms,
            selections,
            helpers: Helpers::new(pool),
            next: 0,
            plain: 0,
            leads: true,
            led: false,
        })
    }

    /// Whether the results of the next rows are made here, if they can be.
    pub(crate) fn leads(&self) -> bool {
        self.leads
    }

    /// Whether none of these rows needs care.
    pub(crate) fn takes(&self, inputs: &Inputs, rows: Range<usize>) -> bool {
        inputs.selected.iter().all(Option::is_none)
            && self.lines.iter().all(|line| line.belt.takes(&values(&inputs.values[line.part], rows.clone())))
    }

    /// Takes in rows, none of which needs care; gives the columns of their results.
    ///
    /// # Errors
    /// [`Error::Internal`](crate::Error::Internal) if a thread panicked.
    pub(crate) fn roll(&mut self, inputs: &Arc<Inputs>, rows: Range<usize>) -> Result<Vec<ArrayRef>> {
        let (first, at, cut) = (self.next, self.at(), rows.start + self.half(rows.len()));
        self.pass(rows.len());
        self.led = true;
        let turn = |part, belt, at, own: Range<usize>| Turn {
            room: rows.end - own.start,
            inputs: Arc::clone(inputs),
            rows: own,
            made: None,
            part,
            belt,
            at,
        };
        let lines = std::mem::take(&mut self.lines);
        let (before, behind): (Vec<Turn>, Vec<Turn>) = lines
            .into_iter()
            .map(|Line { part, belt, mut other }| {
                if cut < rows.end {
                    other.follow(&values(&inputs.values[part], cut - self.rows..cut));
                }
                (turn(part, belt, at, rows.start..cut), turn(part, other, 0, cut..rows.end))
            })
            .unzip();
        let made = self.take_turns(before, behind, rows.len())?;
        Ok(self.columns(Counts { first, len: rows.len(), most: self.rows as u64 }, made))
    }

    /// Has belts do what they have to with rows, of which there are so many, and with those behind them; gives what
    /// comes of both.
    fn take_turns(&mut self, mut turns: Vec<Turn>, behind: Vec<Turn>, rows: usize) -> Result<Vec<Numbers>> {
        let results = turns.len();
        turns.extend(behind);
        let mut turns = self.helpers.carry_out(turns, rows >= WORTH_A_THREAD)?;
        let behind = turns.split_off(results);
        let both = turns.into_iter().zip(behind).map(|(first, second)| {
            let (mut made, rest) = first.made.zip(second.made).expect("they had their turn");
            made.append(rest);
            // The one that was last goes on.
            let (belt, other) =
                if second.rows.is_empty() { (first.belt, second.belt) } else { (second.belt, first.belt) };
            self.lines.push(Line { part: first.part, belt, other });
            made
        });
        Ok(both.collect())
    }

    /// About half of so many rows, up to the beginning of a block, if that is worth a thread; all if not.
    fn half(&self, rows: usize) -> usize {
        if !self.helpers.are_there() || rows < WORTH_A_THREAD || rows / self.rows < 2 * FEW {
            return rows;
        }
        let half = rows / 2;
        half + (self.rows - (self.at() + half) % self.rows) % self.rows
    }

    /// The columns of results, of which those are made that are not counts.
    fn columns(&self, counts: Counts, made: Vec<Numbers>) -> Vec<ArrayRef> {
        let mut made = made.into_iter();
        let column = |output: &Output| match output.part {
            None => bits_to(&output.dtype, counts.each(), None),
            Some(_) => {
                let nulls = counts.at_least(self.least.max(needed(output.function)));
                column(&output.dtype, made.next().expect("one for each belt"), nulls)
            }
        };
        self.outputs.iter().map(column).collect()
    }

    /// Gives the lead away: gives the rows that may be in windows to come, if others have not seen them.
    pub(crate) fn stop(&mut self) -> Option<LastRows> {
        self.leads = false;
        if !std::mem::take(&mut self.led) {
            return None;
        }
        let mut len = 0;
        let of = |part: usize| {
            self.lines.iter().find(|line| line.part == part).expect("each part has an output").belt.values()
        };
        let values = self.forms.iter().enumerate().map(|(part, &form)| {
            let numbers = of(part);
            len = numbers.len();
            typed(form, numbers)
        });
        let inputs = Inputs { values: values.collect(), selected: vec![None; self.selections] };
        Some(LastRows { first: self.next as i64 - len as i64, len, inputs: Arc::new(inputs) })
    }

    /// Sees rows go by whose results are made elsewhere; takes the lead once it knows enough of them.
    pub(crate) fn watch(&mut self, inputs: &Inputs, rows: Range<usize>) {
        let (at, plain) = (self.at(), self.takes(inputs, rows.clone()));
        for Line { part, belt, .. } in &mut self.lines {
            if plain {
                belt.watch(at, &values(&inputs.values[*part], rows.clone()));
            } else {
                belt.clear();
            }
        }
        self.pass(rows.len());
        self.plain = if plain { self.plain } else { 0 };
        self.leads = self.plain >= 2 * self.rows as u64;
        if self.leads {
            self.lines.iter_mut().for_each(|line| line.belt.catch_up());
        }
    }

    /// How many keys have rows here.
    pub(crate) fn live_keys(&self) -> u64 {
        u64::from(self.led)
    }

    /// Roughly how much memory they take.
    pub(crate) fn bytes(&self) -> usize {
        self.lines.iter().map(|line| line.belt.bytes() + line.other.bytes()).sum()
    }

    /// The place of the next row in its block.
    fn at(&self) -> usize {
        (self.next % self.rows as u64) as usize
    }

    fn pass(&mut self, rows: usize) {
        self.next += rows as u64;
        self.plain += rows as u64;
    }
}

/// How many values windows have.
#[derive(Clone, Copy)]
struct Counts {
    /// The number of the first row.
    first: u64,
    /// How many rows.
    len: usize,
    /// How many rows a window has at most.
    most: u64,
}

impl Counts {
    fn of(self, row: usize) -> u64 {
        (self.first + row as u64 + 1).min(self.most)
    }

    fn each(self) -> impl ExactSizeIterator<Item = i64> {
        (0..self.len).map(move |row| self.of(row) as i64)
    }

    /// Which are at least so many, if not all are.
    fn at_least(self, least: u64) -> Option<NullBuffer> {
        (self.of(0) < least).then(|| BooleanBuffer::collect_bool(self.len, |row| self.of(row) >= least).into())
    }
}

/// How many values a result needs, for what it is.
fn needed(function: Function) -> u64 {
    match function {
        Function::Var { ddof } | Function::Std { ddof } => u64::from(ddof) + 1,
        _ => 1,
    }
}

/// The values of some rows.
fn values(typed: &Typed, rows: Range<usize>) -> Values<'_> {
    match typed {
        Typed::Float(values) | Typed::Lowest(values) | Typed::Highest(values) => Values::Float(&values[rows]),
        Typed::Int(values) => Values::Int(&values[rows]),
        _ => unreachable!("no belt reads others"),
    }
}

/// Values as they were read.
fn typed(form: Form, numbers: Numbers) -> Typed {
    match (form, numbers) {
        (Form::Lowest, Numbers::Floats(values)) => Typed::Lowest(values.into()),
        (Form::Highest, Numbers::Floats(values)) => Typed::Highest(values.into()),
        (_, Numbers::Floats(values)) => Typed::Float(values.into()),
        (_, Numbers::Ints(values)) => Typed::Int(values.into()),
    }
}

/// A column of results.
fn column(dtype: &DataType, numbers: Numbers, nulls: Option<NullBuffer>) -> ArrayRef {
    match numbers {
        Numbers::Floats(values) => floats_to(dtype, values.into_iter(), nulls),
        Numbers::Ints(values) => bits_to(dtype, values.into_iter(), nulls),
    }
}
