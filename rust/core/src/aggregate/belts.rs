//! [`Belts`]: the results of windows of the last so many rows, as long as no value needs care.
//!
//! Nulls, filters, infinities, NaNs and sums that might leave the range of a double need care, and are left to
//! [`super::sweep`]. Both make the same results, to the bit, so that one can take over from the other: it
//! starts from the last rows as they are.

use std::ops::Range;
use std::sync::Arc;
use std::thread;

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
use crate::types::DataType;

/// One result, whatever its type.
trait Moving: Send {
    /// See [`Belt`].
    fn takes(&self, values: &Values<'_>) -> bool;
    fn roll(&mut self, at: usize, values: &Values<'_>, room: usize) -> Numbers;
    /// One like it that has seen but these rows, which are a block.
    fn after(&self, block: &Values<'_>) -> Box<dyn Moving>;
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

    fn after(&self, block: &Values<'_>) -> Box<dyn Moving> {
        Box::new(self.after(of(block)))
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

/// What a belt has to do: it is a task for one thread.
struct Turn<'a> {
    belt: &'a mut dyn Moving,
    at: usize,
    values: Values<'a>,
    /// For how many results there is to be room.
    room: usize,
    /// What has come of it.
    made: Option<Numbers>,
}

impl Turn<'_> {
    fn take(&mut self) {
        self.made = Some(self.belt.roll(self.at, &self.values, self.room));
    }
}

/// Has all belts do what they have to, which concerns so many rows, on up to so many threads.
fn take_turns(turns: &mut [Turn<'_>], rows: usize, threads: usize) {
    if threads > 1 && rows >= WORTH_A_THREAD {
        thread::scope(|scope| {
            let (ours, others) = turns.split_at_mut(turns.len().div_ceil(threads));
            for share in others.chunks_mut(ours.len()) {
                let helper = thread::Builder::new().name("rillet-rolling".into());
                // Without a thread it is done below.
                let _ = helper.spawn_scoped(scope, || share.iter_mut().for_each(Turn::take));
            }
            ours.iter_mut().for_each(Turn::take);
        });
    }
    turns.iter_mut().filter(|turn| turn.made.is_none()).for_each(Turn::take);
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

/// The results of windows of the last so many rows.
pub(crate) struct Belts {
    /// How many rows are in a window.
    rows: usize,
    /// How many values a result needs.
    least: u64,
    outputs: Vec<Output>,
    /// For each output that is not a count: the part whose values it reads, and what makes it.
    belts: Vec<(usize, Box<dyn Moving>)>,
    /// The form of the values of each part.
    forms: Vec<Form>,
    selections: usize,
    threads: usize,
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
    /// No rows, of windows of so many, on up to so many threads; `None` if there are results that it does not know.
    pub(crate) fn new(recipe: &Recipe, rows: i64, least: u64, threads: usize) -> Option<Self> {
        let rows = usize::try_from(rows).ok().filter(|_| !recipe.parts.is_empty())?;
        let forms: Vec<Form> = recipe.parts.iter().map(|part| part.form).collect();
        let outputs = recipe.outputs().to_vec();
        let belt = |output: &Output| output.part.map(|part| Some((part, belt(output, forms[part], rows)?)));
        let belts = outputs.iter().filter_map(belt).collect::<Option<_>>()?;
        let selections = recipe.selections();
        Some(Self {
            rows,
            least,
            outputs,
            belts,
            forms,
            selections,
            threads,
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
            && self.belts.iter().all(|(part, belt)| belt.takes(&values(&inputs.values[*part], rows.clone())))
    }

    /// Takes in rows, none of which needs care; gives the columns of their results.
    pub(crate) fn roll(&mut self, inputs: &Inputs, rows: Range<usize>) -> Vec<ArrayRef> {
        let (first, at, cut) = (self.next, self.at(), rows.start + self.half(rows.len()));
        self.pass(rows.len());
        self.led = true;
        let read = |part: usize, rows: Range<usize>| values(&inputs.values[part], rows);
        let mut others: Vec<(usize, Box<dyn Moving>)> = Vec::new();
        if cut < rows.end {
            let other =
                |(part, belt): &(usize, Box<dyn Moving>)| (*part, belt.after(&read(*part, cut - self.rows..cut)));
            others.extend(self.belts.iter().map(other));
        }
        let end = rows.end;
        let turn = |part: usize, belt, at, rows: Range<usize>| Turn {
            belt,
            at,
            room: end - rows.start,
            values: read(part, rows),
            made: None,
        };
        let before = self.belts.iter_mut().map(|(part, belt)| turn(*part, &mut **belt, at, rows.start..cut));
        let behind = others.iter_mut().map(|(part, belt)| turn(*part, &mut **belt, 0, cut..rows.end));
        let mut turns: Vec<Turn<'_>> = before.chain(behind).collect();
        take_turns(&mut turns, rows.len(), self.threads);
        let mut made: Vec<Numbers> = turns.into_iter().map(|turn| turn.made.expect("it had its turn")).collect();
        if cut < rows.end {
            let behind = made.split_off(others.len());
            made.iter_mut().zip(behind).for_each(|(made, behind)| made.append(behind));
            self.belts = others;
        }
        self.columns(Counts { first, len: rows.len(), most: self.rows as u64 }, made)
    }

    /// About half of so many rows, up to the beginning of a block, if that is worth a thread; all if not.
    fn half(&self, rows: usize) -> usize {
        if self.threads == 1 || rows < WORTH_A_THREAD || rows / self.rows < 2 * FEW {
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
            self.belts.iter().find(|(of, _)| *of == part).expect("each part has an output").1.values()
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
        for (part, belt) in &mut self.belts {
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
            self.belts.iter_mut().for_each(|(_, belt)| belt.catch_up());
        }
    }

    /// How many keys have rows here.
    pub(crate) fn live_keys(&self) -> u64 {
        u64::from(self.led)
    }

    /// Roughly how much memory they take.
    pub(crate) fn bytes(&self) -> usize {
        self.belts.iter().map(|(_, belt)| belt.bytes()).sum()
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
