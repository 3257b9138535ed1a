//! [`Recipe`]: the aggregates of one plan, bound to the schema of what they read.

use std::collections::HashMap;

use arrow_array::{Array, ArrayRef};
use arrow_buffer::BooleanBuffer;

use super::cells::{Cells, Store};
use super::decimal::DecimalSum;
use super::function::{Aggregate, Function};
use super::input::{Form, Inputs, Typed};
use super::moments::Moments;
use super::owned::{Choice, Chosen, OneRow};
use super::partial::{First, FloatSum, IntSum, Last, Max, Min};
use super::weighted::WeightedSum;
use super::widening::Widening;
use crate::batch::Batch;
use crate::error::{Error, Result};
use crate::expr::{Bound, Expr, Fault, evaluate_all};
use crate::types::{DataType, Field, Schema};

/// The rows that a partial is made of: those where the filter holds and the columns are not null.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Selection {
    pub(super) columns: Vec<usize>,
    pub(super) filter: Option<usize>,
}

/// A partial that is kept for every slot.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Part {
    kind: Kind,
    pub(super) form: Form,
    pub(super) column: usize,
    weight: Option<usize>,
    pub(super) selection: usize,
}

/// The kinds of partials.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Kind {
    Sum,
    Moments,
    Choice(Choice),
}

/// How one result is made of a slot.
#[derive(Clone)]
pub(crate) struct Output {
    /// What is computed.
    pub(crate) function: Function,
    /// The type of the values it is computed of.
    pub(crate) input: DataType,
    /// The type of the result.
    pub(crate) dtype: DataType,
    /// The name of the result.
    pub(crate) name: std::sync::Arc<str>,
    /// The part that it reads; counts read none.
    pub(crate) part: Option<usize>,
    /// The rows that it is of.
    pub(crate) selection: usize,
}

/// The aggregates of one plan: the columns they read, the rows they select, the partials they share.
#[derive(Clone, Default)]
pub(crate) struct Recipe {
    pub(super) columns: Vec<(Expr, Bound)>,
    pub(super) selections: Vec<Selection>,
    pub(super) parts: Vec<Part>,
    outputs: Vec<Output>,
}

impl Recipe {
    /// Binds named aggregates to the schema of the batches they will read.
    ///
    /// # Errors
    /// [`Error::ColumnNotFound`] and [`Error::Schema`], as the expressions and functions find them.
    pub(crate) fn bind(aggregates: &[(String, Aggregate)], schema: &Schema) -> Result<Self> {
        let mut binder = Binder::default();
        binder.selection(Selection { columns: Vec::new(), filter: None });
        for (name, aggregate) in aggregates {
            binder.add(name, aggregate, schema)?;
        }
        Ok(binder.recipe)
    }
}

/// Makes a recipe, in which equal things are there once.
#[derive(Default)]
struct Binder {
    recipe: Recipe,
    /// By how they are written: expressions have no order and no hash.
    columns: HashMap<String, usize>,
    selections: HashMap<Selection, usize>,
    parts: HashMap<Part, usize>,
}

impl Binder {
    fn add(&mut self, name: &str, aggregate: &Aggregate, schema: &Schema) -> Result<()> {
        let column = aggregate.column.as_ref().map(|expr| self.column(expr, schema)).transpose()?;
        let weight = aggregate.weight.as_ref().map(|expr| self.column(expr, schema)).transpose()?;
        let filter = aggregate.filter.as_ref().map(|expr| self.filter(expr, schema)).transpose()?;
        let input = column.map_or(DataType::Null, |at| self.recipe.columns[at].1.dtype().clone());
        let function = aggregate.function;
        let of = aggregate.column.as_ref().map(shown).unwrap_or_default();
        let dtype = function.output(&of, &input)?;
        if let Some(at) = weight {
            let (expr, bound) = &self.recipe.columns[at];
            Function::Mean.output(&shown(expr), bound.dtype())?;
        }
        let keeps_nulls =
            matches!(function, Function::First { skip_nulls: false } | Function::Last { skip_nulls: false });
        let not_null = if keeps_nulls { Vec::new() } else { column.into_iter().chain(weight).collect() };
        let selection = self.selection(Selection { columns: not_null, filter });
        let part = match (function, column) {
            (Function::Count, _) => None,
            (_, Some(column)) => Some(self.part(part_of(function, &input, column, weight, selection))),
            (_, None) => return Err(Error::argument(format!("{} needs a column", function.name()))),
        };
        self.recipe.outputs.push(Output { function, input, dtype, name: name.into(), part, selection });
        Ok(())
    }

    fn column(&mut self, expr: &Expr, schema: &Schema) -> Result<usize> {
        let written = format!("{expr:?}");
        if let Some(&at) = self.columns.get(&written) {
            return Ok(at);
        }
        self.recipe.columns.push((expr.clone(), expr.bind(schema)?));
        self.columns.insert(written, self.recipe.columns.len() - 1);
        Ok(self.recipe.columns.len() - 1)
    }

    fn filter(&mut self, expr: &Expr, schema: &Schema) -> Result<usize> {
        let at = self.column(expr, schema)?;
        match self.recipe.columns[at].1.dtype() {
            DataType::Bool | DataType::Null => Ok(at),
            other => {
                let message = "where= needs a condition, which is a bool; compare it with something, as in … > 0";
                Err(Error::schema(shown(expr), other, message))
            }
        }
    }

    fn selection(&mut self, selection: Selection) -> usize {
        *self.selections.entry(selection).or_insert_with_key(|selection| {
            self.recipe.selections.push(selection.clone());
            self.recipe.selections.len() - 1
        })
    }

    fn part(&mut self, part: Part) -> usize {
        *self.parts.entry(part).or_insert_with(|| {
            self.recipe.parts.push(part);
            self.recipe.parts.len() - 1
        })
    }
}

impl Recipe {
    /// The fields of the results.
    pub(crate) fn fields(&self) -> impl Iterator<Item = Field> {
        self.outputs.iter().map(|output| Field::new(output.name.clone(), output.dtype.clone()))
    }

    /// How the results are made.
    pub(crate) fn outputs(&self) -> &[Output] {
        &self.outputs
    }

    /// How many selections there are; the first is of all rows.
    pub(crate) fn selections(&self) -> usize {
        self.selections.len()
    }

    /// The selection of each part.
    pub(crate) fn part_selections(&self) -> impl Iterator<Item = usize> {
        self.parts.iter().map(|part| part.selection)
    }

    /// No cells, of each part's kind.
    pub(crate) fn cells(&self) -> Vec<Box<dyn Cells>> {
        self.parts.iter().map(Part::cells).collect()
    }

    /// Reads a batch: the inputs, and the earliest row of which an expression could not be computed.
    pub(crate) fn read(&self, batch: &Batch) -> (Inputs, Option<Fault>) {
        let mut fault = None;
        let columns = evaluate_all(self.columns.iter().map(|(_, bound)| bound), batch, &mut fault);
        let typed =
            |part: &Part| Typed::new(part.form, &columns[part.column], part.weight.map(|weight| &columns[weight]));
        let selected = self.selections.iter().map(|selection| selection.rows(&columns)).collect();
        (Inputs { values: self.parts.iter().map(typed).collect(), selected }, fault)
    }
}

impl Selection {
    fn rows(&self, columns: &[ArrayRef]) -> Option<BooleanBuffer> {
        let valid = |&at: &usize| {
            columns[at].logical_nulls().filter(|nulls| nulls.null_count() > 0).map(|nulls| nulls.into_inner())
        };
        let holds = self.filter.map(|at| condition(&columns[at]));
        let masks = self.columns.iter().filter_map(valid).chain(holds);
        masks.reduce(|a, b| &a & &b)
    }
}

/// The rows in which a condition holds.
fn condition(column: &ArrayRef) -> BooleanBuffer {
    use arrow_array::cast::AsArray;
    match column.as_boolean_opt() {
        None => BooleanBuffer::new_unset(column.len()), // of type null
        Some(mask) => match mask.nulls() {
            Some(nulls) => mask.values() & nulls.inner(),
            None => mask.values().clone(),
        },
    }
}

/// A plain column by its name, anything else as it was written.
fn shown(expr: &Expr) -> String {
    expr.name().map_or_else(|| expr.to_string(), str::to_owned)
}

fn part_of(function: Function, input: &DataType, column: usize, weight: Option<usize>, selection: usize) -> Part {
    let choice = match function {
        Function::First { .. } => Some(Choice::First),
        Function::Last { .. } => Some(Choice::Last),
        Function::Min => Some(Choice::Min),
        Function::Max => Some(Choice::Max),
        _ => None,
    };
    let kind = match (choice, function) {
        (Some(choice), _) => Kind::Choice(choice),
        (None, Function::Sum | Function::Mean) => Kind::Sum,
        _ => Kind::Moments,
    };
    let form = match form_of(input) {
        _ if weight.is_some() => Form::Weighted,
        // The bits of a double are a value to keep, not a number to compare.
        Form::Float if matches!(choice, Some(Choice::First | Choice::Last)) => Form::Int,
        Form::Float if choice == Some(Choice::Min) => Form::Lowest,
        Form::Float if choice == Some(Choice::Max) => Form::Highest,
        form => form,
    };
    let keeps_nulls =
        matches!(function, Function::First { skip_nulls: false } | Function::Last { skip_nulls: false });
    let form = match form {
        Form::Int | Form::UInt if keeps_nulls => Form::Nullable,
        Form::UInt if matches!(choice, Some(Choice::First | Choice::Last)) => Form::Int,
        Form::Decimal | Form::Text if keeps_nulls => Form::Any,
        form => form,
    };
    Part { kind, form, column, weight, selection }
}

/// The natural form of values of a type.
fn form_of(dtype: &DataType) -> Form {
    match dtype {
        DataType::UInt64 => Form::UInt,
        DataType::Float32 | DataType::Float64 => Form::Float,
        DataType::Decimal(..) => Form::Decimal,
        DataType::Bool | DataType::Date | DataType::Time(_) | DataType::Timestamp(..) | DataType::Duration(_) => {
            Form::Int
        }
        _ if dtype.is_integer() => Form::Int,
        _ if dtype.is_text() => Form::Text,
        _ => Form::Any,
    }
}

impl Part {
    fn cells(&self) -> Box<dyn Cells> {
        match (self.kind, self.form) {
            (Kind::Sum, Form::Int) => Store::<IntSum, i64>::boxed(),
            (Kind::Sum, Form::UInt) => Store::<IntSum, u64>::boxed(),
            (Kind::Sum, Form::Decimal) => Store::<DecimalSum, i128>::boxed(),
            (Kind::Sum, Form::Weighted) => Widening::<WeightedSum, (f64, f64)>::boxed(),
            (Kind::Sum, _) => Store::<FloatSum, f64>::boxed(),
            (Kind::Moments, Form::Int) => Store::<Moments<i64>, i64>::boxed(),
            (Kind::Moments, Form::UInt) => Store::<Moments<u64>, u64>::boxed(),
            (Kind::Moments, Form::Decimal) => Store::<Moments<i128>, i128>::boxed(),
            (Kind::Moments, _) => Widening::<Moments<f64>, f64>::boxed(),
            (Kind::Choice(choice), form) => choice_cells(choice, form),
        }
    }
}

fn choice_cells(choice: Choice, form: Form) -> Box<dyn Cells> {
    match (choice, form) {
        (Choice::Min, Form::Int | Form::Lowest) => Store::<Min<i64>, i64>::boxed(),
        (Choice::Min, Form::UInt) => Store::<Min<i64>, u64>::boxed(),
        (Choice::Min, Form::Decimal) => Store::<Min<i128>, i128>::boxed(),
        (Choice::Max, Form::Int | Form::Highest) => Store::<Max<i64>, i64>::boxed(),
        (Choice::Max, Form::UInt) => Store::<Max<i64>, u64>::boxed(),
        (Choice::Max, Form::Decimal) => Store::<Max<i128>, i128>::boxed(),
        (Choice::First, Form::Int) => Store::<First<i64>, i64>::boxed(),
        (Choice::First, Form::Decimal) => Store::<First<i128>, i128>::boxed(),
        (Choice::First, Form::Nullable) => Store::<First<Option<i64>>, Option<i64>>::boxed(),
        (Choice::Last, Form::Int) => Store::<Last<i64>, i64>::boxed(),
        (Choice::Last, Form::Decimal) => Store::<Last<i128>, i128>::boxed(),
        (Choice::Last, Form::Nullable) => Store::<Last<Option<i64>>, Option<i64>>::boxed(),
        (_, Form::Text) => Chosen::<Box<str>>::boxed(choice),
        _ => Chosen::<OneRow>::boxed(choice),
    }
}
