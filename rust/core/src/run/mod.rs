//! [`Run`]: a plan at work, as a state machine.
//!
//! [`Run::step`] does at most one input batch of work and says what came of it. It never calls the host
//! language: where a plan needs the host, the step says so, and the host answers with [`Run::supply`] or
//! [`Run::mapped`]. Whoever drives it can stop between any two steps.

mod build;
#[cfg(test)]
mod idle_tests;
mod merge;
mod prepared;
mod pushed;
mod rejects;
mod ruler;
mod session;

use std::collections::VecDeque;
use std::sync::Arc;

use crate::batch::{Batch, Origin};
use crate::error::{BadRow, Error, Place, Result};
use crate::row::Gathered;
use crate::source::{Categories, Fetch, Source, Supply};
use crate::stage::{Ledger, Stage};
use crate::types::{DataType, Schema};
use build::Maker;

use pushed::Inlet;

pub use prepared::{Offer, Prepared};
pub use pushed::Pushed;

/// What came of a step.
pub enum Step {
    /// A batch.
    Batch(Batch),
    /// Nothing yet.
    Idle,
    /// The host must [`supply`](Run::supply) bytes or a batch to its object of this number.
    Supply(usize),
    /// The host must call a function, and give the result to [`mapped`](Run::mapped).
    Map(Call),
    /// There is no more.
    End,
}

/// A function of the host that is to be called.
pub struct Call {
    /// The number of the function.
    pub id: usize,
    /// What to call it with.
    pub batch: Batch,
    /// The columns that it must give, if that is known.
    pub schema: Option<Arc<Schema>>,
    /// What users call the result.
    pub result: String,
}

/// A node of a running plan.
struct Node {
    work: Work,
    inputs: Vec<usize>,
    /// How many of its inputs have ended.
    ended: usize,
}

impl Node {
    fn new(work: Work, inputs: Vec<usize>) -> Self {
        Self { work, inputs, ended: 0 }
    }

    fn has_ended(&self) -> bool {
        self.ended == self.inputs.len()
    }
}

/// What may be done in a step.
#[derive(Clone, Copy)]
struct Turn {
    /// Whether a source may still be asked.
    fresh: bool,
    /// Whether it may wait a little for others.
    wait: bool,
}

enum Work {
    Source {
        source: Box<dyn Source>,
        host: Option<usize>,
    },
    Stage(Box<dyn Stage>),
    /// A stage that is made when the first batch shows what its input looks like.
    Unmade(Box<Maker>),
    Map {
        id: usize,
        /// What it has given, in pieces, and the error of the row behind it, if one is in error.
        answers: VecDeque<Result<Batch>>,
        /// How many rows a piece has at most.
        most: usize,
        /// What it has been declared to give, or what it has given first.
        schema: Option<Arc<Schema>>,
        categories: Option<Categories>,
        calls: u64,
        time: Option<Arc<str>>,
        ledger: Ledger,
    },
    /// It has ended and let go of everything.
    Gone(Ledger),
}

/// What a node has to say when asked for a batch.
enum Flow {
    Batch(Batch),
    /// Nothing for now: its source has nothing.
    Idle,
    /// Nothing in this step.
    Later,
    Supply(usize),
    Map(Call),
    End,
}

/// A plan at work.
pub struct Run {
    /// Inputs stand before those that read them; the last one is the root.
    nodes: Vec<Node>,
    over: bool,
    /// Which source the host was last asked to supply.
    asked: Option<usize>,
    mapping: Option<usize>,
    rejects: Vec<BadRow>,
    late: Vec<Batch>,
    watermark: Option<(i64, DataType)>,
    process: u32,
    /// Where rows come in, if they are pushed one by one.
    inlet: Option<Inlet>,
}

impl Run {
    fn new(nodes: Vec<Node>) -> Self {
        Self {
            nodes,
            over: false,
            asked: None,
            mapping: None,
            rejects: Vec::new(),
            late: Vec::new(),
            watermark: None,
            process: std::process::id(),
            inlet: None,
        }
    }

    /// Lets rows of this schema be pushed: has every stage take them one by one without pauses.
    fn be_steady(&mut self, schema: &Arc<Schema>) {
        self.inlet = Some(Inlet { rows: Gathered::new(schema), quiet: None });
        for node in &mut self.nodes {
            if let Work::Stage(stage) = &mut node.work {
                stage.be_steady();
            }
        }
    }

    /// Does at most one input batch of work.
    ///
    /// # Errors
    /// The earliest error of the stream, after all results of the rows before it. After that the run has
    /// ended.
    pub fn step(&mut self) -> Result<Step> {
        if self.process != std::process::id() {
            return Err(Error::Forked);
        }
        if self.over {
            return Ok(Step::End);
        }
        if let Some(inlet) = &mut self.inlet {
            inlet.quiet = None;
        }
        let mut turn = Turn { fresh: true, wait: true };
        let flow = self.pull(self.nodes.len() - 1, &mut turn);
        self.observe();
        Ok(match flow {
            Ok(Flow::Batch(batch)) if batch.rows() == 0 => Step::Idle,
            Ok(Flow::Batch(batch)) => Step::Batch(batch),
            Ok(Flow::Idle | Flow::Later) => Step::Idle,
            Ok(Flow::Supply(id)) => Step::Supply(id),
            Ok(Flow::Map(call)) => Step::Map(call),
            Ok(Flow::End) => {
                self.close();
                Step::End
            }
            Err(error) => {
                self.close();
                self.forget_after(&error);
                return Err(error);
            }
        })
    }

    /// Does at most so many steps, as long as nothing is asked for, and gives the last. Batches go to `out`.
    ///
    /// # Errors
    /// As [`step`](Self::step).
    pub fn steps(&mut self, most: usize, out: &mut Vec<Batch>) -> Result<Step> {
        for _ in 0..most {
            match self.step()? {
                Step::Batch(batch) => out.push(batch),
                Step::Idle => {}
                asked => return Ok(asked),
            }
        }
        Ok(Step::Idle)
    }

    /// Forgets bad rows that come after the one at which the stream ends: they were only read ahead.
    fn forget_after(&mut self, error: &Error) {
        let Some(end) = error.place().filter(|place| place.row.is_some()) else { return };
        self.rejects.retain(|bad| bad.place.source != end.source || bad.place.row <= end.row);
    }

    /// Supplies what the last step has asked for.
    ///
    /// # Errors
    /// If it is not what was asked for.
    pub fn supply(&mut self, supply: Supply) -> Result<()> {
        match self.asked.take().map(|at| &mut self.nodes[at].work) {
            Some(Work::Source { source, .. }) => source.supply(supply),
            _ => Ok(()), // closed meanwhile
        }
    }

    /// Gives the result of the function that the last step has asked for, and the error in which it ends, if it does.
    pub fn mapped(&mut self, batch: Option<Batch>, error: Option<Error>) {
        let Some(at) = self.mapping.take() else { return }; // closed meanwhile
        let failed = batch.map_or(Ok(()), |batch| self.take_mapped(at, batch)).err();
        if let Work::Map { answers, .. } = &mut self.nodes[at].work {
            answers.extend(failed.or(error).map(Err));
        }
    }

    /// Takes the result of the function of a node, up to the first row in error.
    ///
    /// # Errors
    /// If it does not look as declared.
    fn take_mapped(&mut self, at: usize, batch: Batch) -> Result<()> {
        match &mut self.nodes[at].work {
            Work::Map { answers, most, schema, categories, calls, time, ledger, .. } => {
                let name = result_of(ledger, *calls - 1);
                let known = schema.get_or_insert_with(|| Arc::clone(batch.schema()));
                known.check(batch.schema()).map_err(|error| error.within(&name))?;
                let categories = categories.get_or_insert_with(|| Categories::new(known));
                let (batch, full) = categories.adopt(named(batch, &name), known);
                let good = batch.slice(0, full.map_or(batch.rows(), |full| full.row));
                let (good, untimed) = prepared::retimed(good, time.as_deref());
                let place = |row| Place { source: Some(name), row: Some(row as u64), ..Place::default() };
                let failure = untimed.or(full.map(|full| categories.too_many(full, place(full.row))));
                answers.extend(good.pieces(*most).map(Ok));
                failure.map_or(Ok(()), Err)
            }
            _ => Ok(()), // closed meanwhile
        }
    }

    /// Ends the run and lets go of its files and threads. What has been set aside stays readable.
    pub fn close(&mut self) {
        self.over = true;
        self.observe();
        for node in &mut self.nodes {
            let ledger = ledger_of(&node.work);
            node.work = Work::Gone(ledger);
        }
    }

    /// What became of the rows, stage by stage, from the sources on.
    pub fn ledgers(&self) -> Vec<Ledger> {
        self.nodes.iter().map(|node| ledger_of(&node.work)).collect()
    }

    /// How far event time has come, less the lateness, for the last stage that has windows: ticks and
    /// type.
    pub fn watermark(&self) -> Option<(i64, DataType)> {
        self.watermark.clone()
    }

    /// Takes out the bad rows that were set aside, as a batch of `source`, `line`, `byte`, `column`,
    /// `reason` and `text`; `None` if there are none.
    pub fn take_rejects(&mut self) -> Option<Batch> {
        for node in &mut self.nodes {
            if let Work::Source { source, .. } = &mut node.work {
                self.rejects.append(&mut source.take_rejects());
            }
        }
        let rejects = std::mem::take(&mut self.rejects);
        (!rejects.is_empty()).then(|| rejects::batch(&rejects))
    }

    /// Takes out the late rows that were set aside.
    pub fn take_late(&mut self) -> Vec<Batch> {
        for node in &mut self.nodes {
            if let Work::Stage(stage) = &mut node.work {
                self.late.append(&mut stage.take_late());
            }
        }
        std::mem::take(&mut self.late)
    }

    /// Notes what is asked for after the stages have gone.
    fn observe(&mut self) {
        for node in &mut self.nodes {
            match &mut node.work {
                Work::Source { source, .. } if self.over => self.rejects.append(&mut source.take_rejects()),
                Work::Stage(stage) => {
                    self.watermark = stage.watermark().or(self.watermark.take());
                    if self.over {
                        self.late.append(&mut stage.take_late());
                    }
                }
                _ => {}
            }
        }
    }

    /// The next batch of a node.
    fn pull(&mut self, at: usize, turn: &mut Turn) -> Result<Flow> {
        match &mut self.nodes[at].work {
            Work::Gone(_) => Ok(Flow::End),
            Work::Source { .. } => self.pull_source(at, turn),
            Work::Map { .. } => self.pull_map(at, turn),
            Work::Stage(_) | Work::Unmade(_) => self.pull_stage(at, turn),
        }
    }

    fn pull_source(&mut self, at: usize, turn: &mut Turn) -> Result<Flow> {
        if !std::mem::take(&mut turn.fresh) {
            return Ok(Flow::Later);
        }
        let Work::Source { source, host } = &mut self.nodes[at].work else { return Ok(Flow::End) };
        let host = *host;
        let mut fetched = source.fetch(turn.wait)?;
        if let (Fetch::Ask, Some(inlet)) = (&fetched, &mut self.inlet)
            && let Some(batch) = inlet.rows.as_mut().and_then(Gathered::take)
        {
            source.supply(Supply::Batch(batch))?;
            fetched = source.fetch(turn.wait)?;
        }
        Ok(match fetched {
            Fetch::Batch(batch) => Flow::Batch(batch),
            Fetch::NotYet => Flow::Idle,
            Fetch::End => Flow::End,
            Fetch::Ask => {
                self.asked = Some(at);
                Flow::Supply(host.unwrap_or_default())
            }
        })
    }

    fn pull_map(&mut self, at: usize, turn: &mut Turn) -> Result<Flow> {
        if let Work::Map { answers, ledger, .. } = &mut self.nodes[at].work {
            // A piece counts as a batch of a source does.
            if !answers.is_empty() && !std::mem::take(&mut turn.fresh) {
                return Ok(Flow::Later);
            }
            if let Some(answer) = answers.pop_front() {
                let batch = answer?;
                ledger.rows_out += batch.rows() as u64;
                return Ok(Flow::Batch(batch));
            }
        }
        let input = self.nodes[at].inputs[0];
        loop {
            let batch = match self.pull(input, turn)? {
                Flow::Batch(batch) if batch.rows() == 0 => continue,
                Flow::Batch(batch) => batch,
                other => return Ok(other),
            };
            let Work::Map { id, schema, calls, ledger, .. } = &mut self.nodes[at].work else {
                return Ok(Flow::End);
            };
            let call = Call { id: *id, schema: schema.clone(), result: result_of(ledger, *calls), batch };
            ledger.rows_in += call.batch.rows() as u64;
            *calls += 1;
            self.mapping = Some(at);
            return Ok(Flow::Map(call));
        }
    }

    fn pull_stage(&mut self, at: usize, turn: &mut Turn) -> Result<Flow> {
        loop {
            if let Some(flow) = self.ask(at)? {
                return Ok(flow);
            }
            let (input, waits) = match &self.nodes[at].work {
                Work::Stage(stage) => (stage.wants(), stage.waits()),
                _ => (0, true),
            };
            let wait = turn.wait;
            turn.wait &= waits;
            let flow = self.pull(self.nodes[at].inputs[input], turn);
            turn.wait = wait;
            let fed = match (flow, &mut self.nodes[at].work) {
                (Ok(flow), _) => self.feed(at, input, flow)?,
                (Err(error), Work::Stage(stage)) => stage.end_in(error).map(|()| None)?,
                (Err(error), _) => return Err(error),
            };
            if let Some(flow) = fed {
                return Ok(flow);
            }
        }
    }

    /// What the stage of a node has to give without more input, if there is something.
    fn ask(&mut self, at: usize) -> Result<Option<Flow>> {
        let node = &mut self.nodes[at];
        let Work::Stage(stage) = &mut node.work else { return Ok(None) };
        if let Some(batch) = stage.pull()? {
            return Ok(Some(Flow::Batch(batch)));
        }
        let is_done = stage.is_done();
        let is_over = is_done || node.has_ended();
        if is_done && !node.has_ended() {
            self.let_go(at);
        }
        Ok(is_over.then_some(Flow::End))
    }

    /// Gives the stage of a node what an input gave; gives back what is not for the stage.
    fn feed(&mut self, at: usize, input: usize, flow: Flow) -> Result<Option<Flow>> {
        match flow {
            Flow::Batch(batch) => {
                self.make(at, Some(&batch))?;
                if let Work::Stage(stage) = &mut self.nodes[at].work {
                    stage.push(input, batch);
                }
            }
            Flow::End => {
                self.make(at, None)?;
                self.nodes[at].ended += 1;
                match &mut self.nodes[at].work {
                    Work::Stage(stage) => stage.end(input),
                    _ => return Ok(Some(Flow::End)),
                }
            }
            Flow::Idle => {
                let Work::Stage(stage) = &mut self.nodes[at].work else { return Ok(Some(Flow::Idle)) };
                stage.idle(input);
                return stage.pull().map(|batch| Some(batch.map_or(Flow::Idle, Flow::Batch)));
            }
            other => return Ok(Some(other)),
        }
        Ok(None)
    }

    /// Makes a stage that was waiting to see its input.
    fn make(&mut self, at: usize, batch: Option<&Batch>) -> Result<()> {
        if let Work::Unmade(maker) = &self.nodes[at].work
            && let Some(batch) = batch
        {
            let mut stage = maker.make(batch)?;
            if self.inlet.is_some() {
                stage.be_steady();
            }
            self.nodes[at].work = Work::Stage(stage);
        }
        Ok(())
    }

    /// Lets go of all that the node has read: it wants nothing more.
    fn let_go(&mut self, at: usize) {
        for input in self.nodes[at].inputs.clone() {
            self.let_go(input);
            let node = &mut self.nodes[input];
            if let Work::Source { source, .. } = &mut node.work {
                self.rejects.append(&mut source.take_rejects());
            }
            if let Work::Stage(stage) = &mut node.work {
                self.late.append(&mut stage.take_late());
            }
            node.work = Work::Gone(ledger_of(&node.work));
        }
    }
}

/// A batch that a function has made, of which nothing but that says where it is from.
fn named(batch: Batch, result: &str) -> Batch {
    match batch.origin().source {
        Some(_) => batch,
        None => batch.with_origin(Origin { source: Some(result.into()), ..Origin::default() }),
    }
}

/// What users call the result of one call of a function.
fn result_of(ledger: &Ledger, call: u64) -> String {
    format!("batch {call} of {}", ledger.name)
}

fn ledger_of(work: &Work) -> Ledger {
    match work {
        Work::Source { source, .. } => source.ledger(),
        Work::Stage(stage) => stage.ledger(),
        Work::Unmade(maker) => maker.ledger(),
        Work::Map { ledger, .. } | Work::Gone(ledger) => ledger.clone(),
    }
}

impl Iterator for Run {
    type Item = Result<Batch>;

    /// The next batch of a plan that needs nothing of the host.
    fn next(&mut self) -> Option<Self::Item> {
        loop {
            return match self.step() {
                Ok(Step::Batch(batch)) => Some(Ok(batch)),
                Ok(Step::Idle) => continue,
                Ok(Step::End) => None,
                Ok(Step::Supply(_) | Step::Map(..)) => {
                    self.close();
                    Some(Err(Error::Internal("the plan needs a host that is not there".into())))
                }
                Err(error) => Some(Err(error)),
            };
        }
    }
}
