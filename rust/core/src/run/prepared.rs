//! [`Prepared`]: a plan that has been checked against the schemas of its sources.

use std::collections::{HashSet, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use super::build::{Carries, EventTimeOf, Maker, make, mapped};
use super::merge::merge;
use super::{Node as RunNode, Run, Work};
use crate::batch::Batch;
use crate::error::{Error, Result};
use crate::expr::Expr;
use crate::plan::{CsvInput, Node, Plan, ReadCsv};
use crate::pool::Pool;
use crate::source::{Beginning, Csv, CsvHead, HostBatches, Opened, rows_at_a_time};
use crate::stage::Ledger;
use crate::threads::cores;
use crate::time;
use crate::types::Schema;
use crate::window::Late;

/// What the host knows of one of its objects before it is read.
pub enum Offer {
    /// An object that gives batches of this schema.
    Schema(Schema),
    /// An object that has these columns, and gives those that it is asked for: [`Prepared::wanted`].
    Columns(Schema),
    /// A file of which this has been read.
    Beginning(Beginning),
}

/// A leaf of the plan, before it is read.
enum Leaf {
    /// Taken by the run; files can be opened anew for another, but not what is read only once.
    Csv(Box<Mutex<Option<CsvHead>>>, Arc<Opened>),
    /// What an object of the host has, and what is asked of it.
    Host { has: Arc<Schema>, wanted: Arc<Schema> },
}

/// The nodes of a run, as far as they are made.
struct Nodes {
    made: Vec<RunNode>,
    /// How many leaves are among them.
    leaves: usize,
    /// What the leaves that are CSV have taken, until it is their turn to be made.
    heads: Vec<Option<CsvHead>>,
    /// Whose threads they work on.
    pool: Pool,
}

/// A plan that has been checked against the schemas of its sources.
///
/// What can be read only once is held open in it, so that nothing is lost between looking at the schema
/// and reading.
pub struct Prepared {
    plan: Arc<Plan>,
    leaves: Vec<Leaf>,
    carries: Option<Carries>,
    needed: Option<HashSet<String>>,
}

impl Prepared {
    /// Opens the sources, looks at their columns and checks the plan. The host offers what it knows of its
    /// objects, by number.
    ///
    /// # Errors
    /// What is found wrong with the sources or the plan.
    pub fn new(plan: Arc<Plan>, mut offer: impl FnMut(usize) -> Result<Offer>) -> Result<Self> {
        let opened: Vec<Arc<Opened>> = plan.leaves().iter().map(|_| Arc::default()).collect();
        loop {
            if let Some(prepared) = Self::open(&plan, &mut offer, &opened)? {
                return Ok(prepared);
            }
        }
    }

    /// The same, where there may be others that are made of the sources, which share what has been opened of each; `None`
    /// if a pipe has not brought enough yet to know its columns. What it has brought is kept.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn open(
        plan: &Arc<Plan>,
        mut offer: impl FnMut(usize) -> Result<Offer>,
        opened: &[Arc<Opened>],
    ) -> Result<Option<Self>> {
        let plan = plan.guarded()?;
        let needed = needed(&plan);
        let mut leaves = Vec::new();
        for (node, opened) in plan.leaves().into_iter().zip(opened) {
            leaves.push(match node {
                Node::ReadCsv(read) => match csv_leaf(read, &mut offer, opened)? {
                    Some(leaf) => leaf,
                    None => return Ok(None),
                },
                Node::Host(host) => match offer(host.id)? {
                    Offer::Schema(schema) => {
                        let has = Arc::new(schema);
                        Leaf::Host { wanted: Arc::clone(&has), has }
                    }
                    Offer::Columns(schema) => {
                        let time = host.time.as_deref().and_then(|time| schema.find(time));
                        let has = Arc::new(schema);
                        let wanted = needed.as_ref().map(|needed| Arc::new(has.narrowed(needed, time).1));
                        Leaf::Host { wanted: wanted.unwrap_or_else(|| Arc::clone(&has)), has }
                    }
                    Offer::Beginning(_) => {
                        return Err(Error::Internal("a source of batches was offered bytes".into()));
                    }
                },
                other => return Err(Error::Internal(format!("{other} is not a source"))),
            });
        }
        let mut prepared = Self { plan, leaves, carries: None, needed };
        let plan = Arc::clone(&prepared.plan);
        prepared.carries = prepared.check(&plan, &mut 0)?;
        Ok(Some(prepared))
    }

    /// The columns that come out.
    ///
    /// # Errors
    /// [`Error::Argument`] if a function of the host did not declare what it gives.
    pub fn schema(&self) -> Result<Arc<Schema>> {
        self.carries.as_ref().map(|carries| Arc::clone(&carries.schema)).ok_or_else(|| {
            Error::argument(
                "what map_batches gives is known only when it runs; declare it with map_batches(fn, schema=…)",
            )
        })
    }

    /// The columns that are asked of an object of the host that is a source.
    pub fn wanted(&self, id: usize) -> Option<&Arc<Schema>> {
        self.plan.leaves().into_iter().zip(&self.leaves).find_map(|leaf| match leaf {
            (Node::Host(host), Leaf::Host { wanted, .. }) if host.id == id => Some(wanted),
            _ => None,
        })
    }

    /// The columns of the only source, and which of them is the event time.
    ///
    /// # Errors
    /// [`Error::Internal`] if there is another number of sources, or it is being read.
    pub fn source(&self) -> Result<(Arc<Schema>, Option<usize>)> {
        let [leaf] = self.plan.leaves()[..] else {
            return Err(Error::Internal("the plan has several sources".into()));
        };
        let Carries { schema, time } = self.leaf(leaf, 0)?;
        let time = time.and_then(|time| schema.find(time.column.as_deref()?));
        Ok((schema, time))
    }

    /// Starts a run to which the host pushes rows as they come, so that no step may take the longer the more
    /// rows a window has.
    ///
    /// # Errors
    /// As [`run`](Self::run).
    pub fn run_steady(&self) -> Result<Run> {
        let mut run = self.run()?;
        run.be_steady(&self.source()?.0);
        Ok(run)
    }

    /// Starts a run, which takes its sources: all, or none if it cannot.
    ///
    /// # Errors
    /// [`Error::Consumed`] if a source can be read only once and has been; [`Error::Io`].
    pub fn run(&self) -> Result<Run> {
        let pool = Pool::new(threads(&self.plan));
        let mut nodes = Nodes { made: Vec::new(), leaves: 0, heads: self.take()?, pool };
        self.build(&self.plan, true, &mut nodes)?;
        Ok(Run::new(nodes.made))
    }

    /// Takes the sources that are CSV, all or none.
    fn take(&self) -> Result<Vec<Option<CsvHead>>> {
        let mut heads = Vec::new();
        let taken = self.plan.leaves().into_iter().zip(&self.leaves).try_for_each(|(node, leaf)| {
            heads.push(taken(node, leaf)?);
            Ok(())
        });
        taken.inspect_err(|_| heads.iter_mut().flatten().for_each(CsvHead::give_back))?;
        Ok(heads)
    }

    fn check(&self, plan: &Plan, leaf: &mut usize) -> Result<Option<Carries>> {
        if plan.inputs.is_empty() {
            *leaf += 1;
            return self.leaf(&plan.node, *leaf - 1).map(Some);
        }
        let inputs = plan.inputs.iter().map(|input| self.check(input, leaf)).collect::<Result<Vec<_>>>()?;
        match (&plan.node, &inputs[0]) {
            (Node::Merge(spec), _) => Ok(Some(merge(spec, &inputs)?.1)),
            (Node::Map(map), input) => Ok(mapped(map, input.as_ref())),
            (_, None) => Ok(None),
            (node, Some(input)) => Ok(Some(make(node, input, &Pool::new(1), true)?.1)),
        }
    }

    /// What a leaf carries.
    fn leaf(&self, node: &Node, at: usize) -> Result<Carries> {
        let (schema, column) = match (node, &self.leaves[at]) {
            (Node::ReadCsv(read), Leaf::Csv(head, _)) => {
                let head = head.lock().unwrap_or_else(PoisonError::into_inner);
                let head = head.as_ref().ok_or_else(|| Error::Internal("a source was taken too early".into()))?;
                (Arc::clone(&head.schema), read.time.as_deref())
            }
            (Node::Host(host), Leaf::Host { has, .. }) => (Arc::clone(has), host.time.as_deref()),
            _ => return Err(Error::Internal("a source is not what it was".into())),
        };
        let time = column
            .map(|column| {
                let dtype = schema.fields()[schema.index(column)?].dtype.clone();
                time::check(column, &dtype)?;
                Ok::<_, Error>(EventTimeOf { column: Some(column.into()), dtype })
            })
            .transpose()?;
        Ok(Carries { schema, time })
    }

    /// Makes the nodes of the plan; gives what comes out of the last. `seen` says that somebody sees the
    /// batches, so that they must be of the size that was asked for.
    fn build(&self, plan: &Plan, seen: bool, nodes: &mut Nodes) -> Result<Option<Carries>> {
        if plan.inputs.is_empty() {
            nodes.leaves += 1;
            let head = nodes.heads[nodes.leaves - 1].take();
            let (work, carries) = self.start(&plan.node, nodes.leaves - 1, head, seen)?;
            nodes.made.push(RunNode::new(work, Vec::new()));
            return Ok(Some(carries));
        }
        let inputs_seen = match plan.node {
            Node::Map(_) => true,
            Node::Window(_) | Node::GroupBy(_) | Node::Rebatch(_) | Node::Merge(_) => false,
            _ => seen,
        };
        let (mut inputs, mut carried) = (Vec::new(), Vec::new());
        for input in &plan.inputs {
            carried.push(self.build(input, inputs_seen, nodes)?);
            inputs.push(nodes.made.len() - 1);
        }
        let (work, carries) = match &plan.node {
            Node::Merge(spec) => {
                let (stage, carries) = merge(spec, &carried)?;
                (Work::Stage(stage), Some(carries))
            }
            node => stage(node, carried.swap_remove(0), &nodes.pool, seen)?,
        };
        nodes.made.push(RunNode::new(work, inputs));
        Ok(carries)
    }

    fn start(&self, node: &Node, at: usize, head: Option<CsvHead>, seen: bool) -> Result<(Work, Carries)> {
        match (node, &self.leaves[at], head) {
            (Node::ReadCsv(read), Leaf::Csv(..), Some(mut head)) => {
                head.narrow(self.needed.as_ref());
                let host = match read.input {
                    CsvInput::Host { id } => Some(id),
                    _ => None,
                };
                let carries = Carries {
                    schema: Arc::clone(&head.schema),
                    time: head.time.map(|at| {
                        let field = &head.schema.fields()[at];
                        EventTimeOf { column: Some(Arc::clone(&field.name)), dtype: field.dtype.clone() }
                    }),
                };
                let source = Box::new(Csv::start(read, head, seen, self.plan.idle_timeout().is_some())?);
                Ok((Work::Source { source, host }, carries))
            }
            (Node::Host(host), Leaf::Host { wanted, .. }, None) => {
                let source = Box::new(HostBatches::start(host, Arc::clone(wanted), seen)?);
                let carries = Carries { schema: Arc::clone(wanted), ..self.leaf(node, at)? };
                Ok((Work::Source { source, host: Some(host.id) }, carries))
            }
            _ => Err(Error::Internal("a source is not what it was".into())),
        }
    }
}

/// The work of a node that has an input, works on the threads of a pool, and whose batches somebody sees or nobody; and
/// what comes out of it.
fn stage(node: &Node, input: Option<Carries>, pool: &Pool, seen: bool) -> Result<(Work, Option<Carries>)> {
    Ok(match (node, input) {
        (Node::Map(map), input) => {
            let time = input.as_ref().and_then(|input| input.time.as_ref()?.column.clone());
            let schema = map.schema.clone().map(Arc::new);
            let ledger = Ledger::new(node.to_string());
            let work = Work::Map {
                id: map.id,
                answers: VecDeque::new(),
                most: rows_at_a_time(usize::MAX, seen),
                schema,
                categories: None,
                calls: 0,
                time,
                ledger,
            };
            (work, mapped(map, input.as_ref()))
        }
        (node, Some(input)) => {
            let (stage, carries) = make(node, &input, pool, seen)?;
            (Work::Stage(stage), Some(carries))
        }
        (node, None) => (Work::Unmade(Box::new(Maker::new(node.clone(), pool.clone(), seen))), None),
    })
}

/// What is known of a leaf that is CSV, which takes what has been opened of it.
fn taken(node: &Node, leaf: &Leaf) -> Result<Option<CsvHead>> {
    let (Node::ReadCsv(read), Leaf::Csv(head, opened)) = (node, leaf) else { return Ok(None) };
    let known = head.lock().unwrap_or_else(PoisonError::into_inner).take();
    let head = known.map_or_else(|| CsvHead::open(read, opened), |head| Ok(Some(head)))?;
    let mut head = head.ok_or_else(|| Error::Internal("a source has forgotten its columns".into()))?;
    head.take()?;
    Ok(Some(head))
}

/// On how many threads stages work: as many as there are cores, or fewer if a source has been told so.
fn threads(plan: &Plan) -> usize {
    let told = |node: &Node| match node {
        Node::ReadCsv(read) => read.threads,
        _ => None,
    };
    plan.leaves().into_iter().filter_map(told).min().unwrap_or_else(cores)
}

/// Gives a batch from the host's function the event time of its rows, if it has the column, up to the first row that
/// has none; gives the error of that one too.
pub(super) fn retimed(batch: Batch, column: Option<&str>) -> (Batch, Option<Error>) {
    let at = column.and_then(|column| batch.schema().find(column));
    let Some(at) = at.filter(|&at| time::check("", &batch.schema().fields()[at].dtype).is_ok()) else {
        return (batch.with_time(None), None);
    };
    time::timed(&batch, at)
}

fn csv_leaf(
    read: &ReadCsv,
    offer: &mut impl FnMut(usize) -> Result<Offer>,
    opened: &Arc<Opened>,
) -> Result<Option<Leaf>> {
    read.check()?;
    let head = match read.input {
        CsvInput::Host { id } => match offer(id)? {
            Offer::Schema(_) | Offer::Columns(_) => {
                return Err(Error::Internal("a file was offered a schema".into()));
            }
            Offer::Beginning(beginning) => Some(CsvHead::hosted(read, beginning)?),
        },
        _ => CsvHead::open(read, opened)?,
    };
    Ok(head.map(|head| Leaf::Csv(Box::new(Mutex::new(Some(head))), Arc::clone(opened))))
}

/// The columns that the plan uses of its sources; `None` for all.
fn needed(plan: &Plan) -> Option<HashSet<String>> {
    let of = |exprs: &mut dyn Iterator<Item = &Expr>| -> HashSet<String> {
        exprs.flat_map(Expr::columns).map(str::to_owned).collect()
    };
    let aggregated = |aggregates: &[(String, crate::aggregate::Aggregate)]| -> HashSet<String> {
        let parts = aggregates.iter().flat_map(|(_, a)| [&a.column, &a.weight, &a.filter].into_iter().flatten());
        of(&mut { parts })
    };
    if let Node::Merge(_) = plan.node {
        // All columns come out of it.
        return plan.inputs.iter().map(|input| needed(input)).reduce(both).flatten();
    }
    let input = plan.inputs.first()?;
    let below = match &plan.node {
        Node::Select(columns) => Some(of(&mut columns.iter().map(|(_, expr)| expr))),
        Node::Window(spec) if spec.late != Late::Keep => {
            let mut names = aggregated(&spec.aggregates);
            let keys = spec.by.iter().map(|(_, expr)| expr);
            names.extend(of(&mut keys.chain(&spec.time).chain(spec.windows.expressions())));
            Some(names)
        }
        Node::GroupBy(spec) => {
            let mut names = aggregated(&spec.aggregates);
            names.extend(of(&mut spec.by.iter().map(|(_, expr)| expr)));
            Some(names)
        }
        _ => None,
    };
    narrowed(input, below)
}

/// What is needed of the sources of two streams.
fn both(one: Option<HashSet<String>>, other: Option<HashSet<String>>) -> Option<HashSet<String>> {
    one.zip(other).map(|(one, other)| &one | &other)
}

/// What is needed of the sources when `wanted` is needed of this stream.
fn narrowed(plan: &Plan, wanted: Option<HashSet<String>>) -> Option<HashSet<String>> {
    let Some(input) = plan.inputs.first() else { return wanted };
    let Some(mut wanted) = wanted else { return needed(plan) };
    match &plan.node {
        Node::Filter(condition) => {
            wanted.extend(condition.columns().map(str::to_owned));
            narrowed(input, Some(wanted))
        }
        Node::WithColumns(columns) => {
            wanted.extend(columns.iter().flat_map(|(_, expr)| expr.columns()).map(str::to_owned));
            narrowed(input, Some(wanted))
        }
        Node::Guard(guard) if guard.ahead.further != Late::Keep => {
            wanted.extend(guard.time.iter().flat_map(Expr::columns).map(str::to_owned));
            narrowed(input, Some(wanted))
        }
        Node::Limit(_) | Node::Rebatch(_) => narrowed(input, Some(wanted)),
        _ => needed(plan),
    }
}
