//! Building: the stage of each node of a plan, and what comes out of it.

use std::collections::HashMap;
use std::sync::Arc;

use super::ruler::ruler;
use super::session::sessions;
use crate::aggregate::Recipe;
use crate::batch::Batch;
use crate::error::{Error, Result};
use crate::expr::{Bound, Expr};
use crate::memory;
use crate::plan::{
    self, BATCH_ROWS, Ends, Every, Fill, Frame, GroupSpec, Map, Node, Revisions, RollingSpec, WindowSpec, Windows,
};
use crate::pool::Pool;
use crate::source::rows_at_a_time;
use crate::stage::{Filter, Ledger, Limit, Passing, Patience, Project, Rebatch, Stage};
use crate::time;
use crate::types::{DataType, Field, Schema};
use crate::window::{
    Aside, CountWindow, Filled, FilledShape, Grid, Group, Guard, Keys, Label, Length, MAX_LENGTH, Pace, Parts,
    Progress, RevisedWindow, Rolling, Ruler, SeveralWindows, Shape, Span, Window, results_schema,
};

/// What a stream carries.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Carries {
    /// Its columns.
    pub(crate) schema: Arc<Schema>,
    /// Its event time, if it has one.
    pub(crate) time: Option<EventTimeOf>,
}

/// The event time of a stream.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct EventTimeOf {
    /// The column that it was read from, where it was.
    pub(crate) column: Option<Arc<str>>,
    /// Its type.
    pub(crate) dtype: DataType,
}

/// A stage and what comes out of it.
pub(crate) type Made = (Box<dyn Stage>, Carries);

/// Makes a stage once its input is known.
pub(crate) struct Maker {
    node: Node,
    pool: Pool,
    seen: bool,
}

impl Maker {
    /// For this node, which works on the threads of a pool, and whose batches somebody sees or nobody.
    pub(crate) fn new(node: Node, pool: Pool, seen: bool) -> Self {
        Self { node, pool, seen }
    }

    /// The stage for an input that looks like this batch.
    ///
    /// # Errors
    /// As [`make`].
    pub(crate) fn make(&self, batch: &Batch) -> Result<Box<dyn Stage>> {
        let time = batch.time().map(|time| EventTimeOf { column: None, dtype: time.dtype.clone() });
        Ok(make(&self.node, &Carries { schema: Arc::clone(batch.schema()), time }, &self.pool, self.seen)?.0)
    }

    /// The ledger of a stage that has not seen anything.
    pub(crate) fn ledger(&self) -> Ledger {
        Ledger::new(self.node.to_string())
    }
}

/// The stage of a node over an input, which works on the threads of a pool, and whose batches somebody sees or nobody.
///
/// # Errors
/// What is found wrong with the plan: unknown columns, operations that a type does not know, names given
/// twice.
pub(crate) fn make(node: &Node, input: &Carries, pool: &Pool, seen: bool) -> Result<Made> {
    let name = node.to_string();
    match node {
        Node::Select(columns) => project(columns, input, name),
        Node::WithColumns(columns) => project(&with_columns(columns, &input.schema), input, name),
        Node::Filter(condition) => {
            let bound = condition.bind_condition(&input.schema)?;
            Ok((Box::new(Passing::new(Filter(bound), name)), input.clone()))
        }
        Node::Rebatch(rows) => Ok((Box::new(Rebatch::new(rows_at_a_time(*rows, seen), name)), input.clone())),
        Node::Limit(rows) => Ok((Box::new(Limit::new(*rows, name)), input.clone())),
        Node::Window(spec) => window(spec, input, pool, name),
        Node::Rolling(spec) => rolling(spec, input, pool, name),
        Node::GroupBy(spec) => group(spec, input, pool, name),
        Node::Guard(spec) => guard(spec, input, name),
        Node::ReadCsv(_) | Node::Host(_) | Node::Map(_) | Node::Merge(_) => {
            Err(Error::Internal(format!("{node} is not a stage")))
        }
    }
}

/// What comes out of a function of the host; `None` if only its first batch will tell.
pub(crate) fn mapped(map: &Map, input: Option<&Carries>) -> Option<Carries> {
    let schema = Arc::new(map.schema.clone()?);
    let time = input.and_then(|input| input.time.clone());
    let time = time.filter(|time| {
        let at = time.column.as_deref().and_then(|column| schema.find(column));
        at.is_some_and(|at| schema.fields()[at].dtype == time.dtype)
    });
    Some(Carries { schema, time })
}

fn project(columns: &[(String, Expr)], input: &Carries, name: String) -> Result<Made> {
    let bound: Vec<Bound> = columns.iter().map(|(_, expr)| expr.bind(&input.schema)).collect::<Result<_>>()?;
    let field = |((name, _), bound): (&(String, Expr), &Bound)| Field::new(name.as_str(), bound.dtype().clone());
    let schema = Arc::new(Schema::new(columns.iter().zip(&bound).map(field).collect())?);
    let carries = Carries { schema: Arc::clone(&schema), time: input.time.clone() };
    Ok((Box::new(Passing::new(Project::new(bound, schema), name)), carries))
}

/// All columns of the input, with new ones in the place of old ones of their name, or at the end.
fn with_columns(new: &[(String, Expr)], schema: &Schema) -> Vec<(String, Expr)> {
    let mut columns: Vec<(String, Expr)> = schema
        .fields()
        .iter()
        .map(|field| (field.name.to_string(), Expr::column(field.name.to_string())))
        .collect();
    let mut added = HashMap::new();
    for (name, expr) in new {
        let at = schema.find(name).unwrap_or_else(|| *added.entry(name).or_insert(columns.len()));
        match columns.get_mut(at) {
            Some(column) => column.1 = expr.clone(),
            None => columns.push((name.clone(), expr.clone())),
        }
    }
    columns
}

fn window(spec: &WindowSpec, input: &Carries, pool: &Pool, name: String) -> Result<Made> {
    let is_count = matches!(spec.windows, Windows::Count { .. });
    let timed = !is_count || spec.time.is_some() || input.time.is_some() || spec.lateness != Length::Ticks(0);
    // Rows are counted as they come where they have no event time.
    let (bound_time, time) = if timed { event_time(spec.time.as_ref(), input)? } else { (None, DataType::Int64) };
    let lateness = spec.lateness.ticks(&time, "lateness")?;
    let (by, fields) = keys(&spec.by, &input.schema)?;
    let recipe = Recipe::bind(&spec.aggregates, &input.schema)?;
    let results_time = time::computed(&time);
    let edges = if is_count { &DataType::Int64 } else { &results_time };
    let fill = spec.fill.map(|fill| fill_of(fill, spec, &results_time, &fields, &recipe)).transpose()?;
    let label = if fill.is_some() { Label::Both } else { spec.windows.label() };
    let schema = results_schema(edges, label, &fields, &recipe)?;
    let shape = Shape {
        schema,
        closed: spec.windows.has_end(),
        label,
        time: time.clone(),
        by: spec.by.iter().map(|(name, _)| name.clone()).collect(),
        numbered: false,
    };
    let parts = Parts {
        by,
        keys: Keys::new(&fields, pool)?,
        recipe,
        time: bound_time,
        lateness,
        late: spec.late,
        aside: Aside::new("late", &input.schema, spec.max_kept)?,
        shape,
        patience: patience(spec.idle_timeout)?,
        quiet: None,
        batch_rows: BATCH_ROWS,
        max_state: spec.max_state_bytes.unwrap_or_else(memory::default_limit),
        name,
    };
    let (mut stage, mut schema) = operator(spec, input, timed, pool, parts)?;
    if let Some((fill, shape)) = fill {
        schema = Arc::clone(&shape.schema);
        stage =
            Box::new(Filled::new(stage, grid_of(&spec.windows, &time)?, fill, shape, Keys::new(&fields, pool)?));
    }
    Ok((stage, Carries { schema, time: timed.then_some(EventTimeOf { column: None, dtype: results_time }) }))
}

/// How windows without rows are filled, and what comes out of that.
fn fill_of(
    fill: Fill,
    spec: &WindowSpec,
    time: &DataType,
    keys: &[Field],
    recipe: &Recipe,
) -> Result<(Fill, FilledShape)> {
    let shape = FilledShape {
        schema: results_schema(time, spec.windows.label(), keys, recipe)?,
        label: spec.windows.label(),
        time: time.clone(),
        keys: keys.len(),
        counts: spec.aggregates.iter().map(|(_, aggregate)| aggregate.function.is_count()).collect(),
        max_state: spec.max_state_bytes.unwrap_or_else(memory::default_limit),
    };
    Ok((fill, shape))
}

/// The operator of windows, and what its results look like.
fn operator(
    spec: &WindowSpec,
    input: &Carries,
    timed: bool,
    pool: &Pool,
    parts: Parts,
) -> Result<(Box<dyn Stage>, Arc<Schema>)> {
    let (time, schema) = (parts.shape.time.clone(), Arc::clone(&parts.shape.schema));
    let stage: Box<dyn Stage> = match &spec.windows {
        windows @ (Windows::Hopping(_) | Windows::Cumulate { .. }) => {
            return on_grid(grid_of(windows, &time)?, spec, pool, parts);
        }
        Windows::Session(session) => sessions(session, input, pool, parts)?,
        Windows::Count { size, every } => {
            let stage = CountWindow::new(Grid::new(*size, *every, 0), timed, parts)?;
            let schema = Arc::clone(stage.schema());
            return Ok((Box::new(stage), schema));
        }
        Windows::Several(windows) => {
            let named = |(name, windows): &(String, Windows)| {
                let ruler = grid_of(windows, &time).map_err(|error| error.within(format!("windows, {name:?}")))?;
                Ok((name.clone(), ruler))
            };
            let stage = SeveralWindows::new(windows.iter().map(named).collect::<Result<_>>()?, parts, pool)?;
            let schema = Arc::clone(stage.schema());
            return Ok((Box::new(stage), schema));
        }
    };
    Ok((stage, schema))
}

/// The ruler of windows on a grid.
fn grid_of(windows: &Windows, time: &DataType) -> Result<Ruler> {
    let ruler = match windows {
        Windows::Hopping(hopping) => ruler(hopping, time),
        Windows::Cumulate { size, step, offset } => expanding(*size, *step, *offset, time),
        other => Err(Error::Internal(format!("{other} is on no grid"))),
    };
    Ok(ruler?.within(&time::range(time)))
}

/// The operator of windows on a grid, and what its results look like.
fn on_grid(ruler: Ruler, spec: &WindowSpec, pool: &Pool, parts: Parts) -> Result<(Box<dyn Stage>, Arc<Schema>)> {
    let Some(Revisions { early, refine_for }) = spec.revisions else {
        let schema = Arc::clone(&parts.shape.schema);
        return Ok((Box::new(Window::new(ruler, parts, pool)), schema));
    };
    let time = &parts.shape.time;
    let pace = match early {
        Some(Every::Time(length)) => Some(multiples(length, "early", time)?),
        Some(Every::Rows(rows)) => Some(Pace::Rows(rows)),
        None => None,
    };
    let stage = RevisedWindow::new(ruler, pace, refine_for.ticks(time, "refine_for")?, parts)?;
    let schema = Arc::clone(stage.schema());
    Ok((Box::new(stage), schema))
}

fn rolling(spec: &RollingSpec, input: &Carries, pool: &Pool, name: String) -> Result<Made> {
    let by_arrival = spec.is_by_arrival();
    let (bound_time, time) =
        if by_arrival { (None, DataType::Int64) } else { event_time(spec.time.as_ref(), input)? };
    let (by, fields) = keys(&spec.by, &input.schema)?;
    let recipe = Recipe::bind(&spec.aggregates, &input.schema)?;
    let schema = Arc::new(Schema::new(input.schema.fields().iter().cloned().chain(recipe.fields()).collect())?);
    let shape = Shape {
        schema: Arc::clone(&schema),
        closed: false,
        label: Label::Both,
        time: time.clone(),
        by: spec.by.iter().map(|(name, _)| name.clone()).collect(),
        numbered: false,
    };
    let span = span(spec.frame, &time)?;
    let parts = Parts {
        by,
        keys: Keys::new(&fields, pool)?,
        recipe,
        time: bound_time,
        lateness: spec.lateness.ticks(&time, "lateness")?,
        late: spec.late,
        aside: Aside::new("late", &input.schema, spec.max_kept)?,
        shape,
        patience: patience(spec.idle_timeout)?,
        quiet: None,
        batch_rows: BATCH_ROWS,
        max_state: spec.max_state_bytes.unwrap_or_else(memory::default_limit),
        name,
    };
    let time = match (&spec.time, spec.frame) {
        (Some(_), _) => Some(EventTimeOf { column: None, dtype: time }),
        // Rows of different keys come out of their order.
        (None, Frame::Rows { center: true, .. }) => None,
        (None, _) => input.time.clone(),
    };
    Ok((Box::new(Rolling::new(span, by_arrival, spec.min_periods, parts, pool)), Carries { schema, time }))
}

fn guard(spec: &plan::Guard, input: &Carries, name: String) -> Result<Made> {
    let (time, dtype) = event_time(spec.time.as_ref(), input)?;
    let most = spec.ahead.most.ticks(&dtype, "max_ahead")?;
    let aside = Aside::new("ahead", &input.schema, spec.max_kept)?;
    let guard = Guard::new((time, dtype), (most, spec.ahead.further), aside);
    Ok((Box::new(Passing::new(guard, name)), input.clone()))
}

/// Which rows are in the window of a row, in ticks of this event time.
fn span(frame: Frame, time: &DataType) -> Result<Span> {
    let (size, closed) = match frame {
        Frame::Time { size, closed } => (in_range(size, "size", time)?, closed),
        Frame::Rows { rows, center } => {
            let ahead = if center { (rows as usize - 1) / 2 } else { 0 };
            return Ok(Span::Rows { rows: rows as i64, ahead });
        }
    };
    if size == 1 && closed == Ends::Neither {
        return Err(Error::argument("size=1: with closed=\"neither\" no row is in such a window"));
    }
    Ok(Span::Time { from: size - i64::from(!closed.has_start()), to: i64::from(!closed.has_end()) })
}

/// The patience of a stage that has some.
///
/// # Errors
/// If the time-out is not a length of time by the clock on the wall.
pub(super) fn patience(timeout: Option<Length>) -> Result<Option<Patience>> {
    timeout.map(|length| length.on_the_wall("idle_timeout").map(Patience::new)).transpose()
}

/// The event time of windows, where they have one of their own, and its type.
fn event_time(time: Option<&Expr>, input: &Carries) -> Result<(Option<Bound>, DataType)> {
    match (time, &input.time) {
        (Some(expr), _) => {
            let bound = expr.bind(&input.schema)?;
            time::check(&expr.to_string(), bound.dtype())?;
            let dtype = bound.dtype().clone();
            Ok((Some(bound), dtype))
        }
        (None, Some(time)) => Ok((None, time.dtype.clone())),
        (None, None) => Err(Error::argument(
            "there is no event time; name its column with time=, at the source or at the window",
        )),
    }
}

/// The ticks of a window's length.
pub(super) fn in_range(length: Length, argument: &str, time: &DataType) -> Result<i64> {
    let longest = MAX_LENGTH.min(time::range(time).end() / 4);
    match length.ticks(time, argument)? {
        ticks if (1..=longest).contains(&ticks) => Ok(ticks),
        _ => Err(Error::argument(format!("{argument}={length}: it is out of the range of a window"))),
    }
}

fn expanding(size: Length, step: Length, offset: Length, time: &DataType) -> Result<Ruler> {
    let (steps, span) = (in_range(step, "step", time)?, in_range(size, "size", time)?);
    if span % steps != 0 {
        return Err(Windows::uneven(size, step));
    }
    let origin = size.origin_ticks(time, "size")?;
    let offset = offset.ticks(time, "offset")?.rem_euclid(span);
    Ok(Ruler::expanding(span, steps, origin % span + offset))
}

fn group(spec: &GroupSpec, input: &Carries, pool: &Pool, name: String) -> Result<Made> {
    let (by, fields) = keys(&spec.by, &input.schema)?;
    let recipe = Recipe::bind(&spec.aggregates, &input.schema)?;
    let (until, progress) = spec.every.map(|every| pace(every, input)).transpose()?.unzip();
    let fields_out = until.into_iter().chain(fields.iter().cloned()).chain(recipe.fields());
    let schema = Arc::new(Schema::new(fields_out.collect())?);
    let limit = spec.max_state_bytes.unwrap_or_else(memory::default_limit);
    let stage = Group::new(by, Keys::new(&fields, pool)?, recipe, Arc::clone(&schema), BATCH_ROWS, limit, name);
    Ok((Box::new(stage.paced(progress)), Carries { schema, time: None }))
}

/// The column that says how far running results have come, and when they are due.
fn pace(every: Every, input: &Carries) -> Result<(Field, Progress)> {
    let (dtype, pace) = match (every, &input.time) {
        (Every::Rows(rows), _) => (DataType::Int64, Pace::Rows(rows)),
        (Every::Time(length), Some(time)) => (time.dtype.clone(), multiples(length, "every", &time.dtype)?),
        (Every::Time(length), None) => {
            return Err(Error::argument(format!(
                "every={length}: there is no event time; name its column with time=, at the source, or give a number \
                 of rows"
            )));
        }
    };
    Ok((Field::new("until", dtype), Progress::new(pace)))
}

/// The pace of something that is due at the multiples of a length.
fn multiples(length: Length, argument: &str, time: &DataType) -> Result<Pace> {
    let origin = length.origin_ticks(time, argument)?;
    Ok(Pace::Time { every: in_range(length, argument, time)?, origin })
}

fn keys(by: &[(String, Expr)], schema: &Schema) -> Result<(Vec<Bound>, Vec<Field>)> {
    let bound: Vec<Bound> = by.iter().map(|(_, expr)| expr.bind(schema)).collect::<Result<_>>()?;
    let dtype = |bound: &Bound| match bound.dtype() {
        DataType::Categorical(_) => DataType::Text,
        dtype => dtype.clone(),
    };
    let fields = by.iter().zip(&bound).map(|((name, _), bound)| Field::new(name.as_str(), dtype(bound))).collect();
    Ok((bound, fields))
}
