//! Windows that are closed because nothing comes, by a clock that is set by hand.

use std::sync::Arc;

use arrow_array::{ArrayRef, Int64Array};
use proptest::prelude::*;

use super::build::{Carries, EventTimeOf, make};
use crate::aggregate::{Aggregate, Function};
use crate::batch::{Batch, EventTime};
use crate::plan::{Hopping, Node, Session, WindowSpec, Windows};
use crate::pool::Pool;
use crate::stage::{Stage, concat, hand};
use crate::types::{DataType, Field, Schema};
use crate::window::{Closed, Late, Length};

fn schema() -> Arc<Schema> {
    Arc::new(Schema::new(vec![Field::new("t", DataType::Int64)]).expect("one name"))
}

/// The operator of these windows, which is idle after five seconds.
fn operator(windows: &Windows, lateness: i64) -> Box<dyn Stage> {
    let spec = WindowSpec {
        lateness: Length::Ticks(lateness),
        late: Late::Drop,
        idle_timeout: Some(Length::Fixed { seconds: 5, nanos: 0 }),
        ..WindowSpec::new(windows.clone(), vec![("n".into(), Aggregate::new(Function::Count, None))])
    };
    let time = Some(EventTimeOf { column: None, dtype: DataType::Int64 });
    make(&Node::Window(Box::new(spec)), &Carries { schema: schema(), time }, &Pool::new(1), true)
        .expect("a good plan")
        .0
}

fn batch(times: &[i64]) -> Batch {
    let time = EventTime::new(DataType::Int64, times.to_vec().into());
    let column = Arc::new(Int64Array::from(times.to_vec()));
    Batch::new(schema(), vec![column], times.len()).with_time(Some(time))
}

/// All that comes out now.
fn out(stage: &mut dyn Stage) -> Vec<ArrayRef> {
    let pulled = std::iter::from_fn(|| stage.pull().expect("no error")).filter(|batch| batch.rows() > 0);
    let batches: Vec<Batch> = pulled.collect();
    if batches.is_empty() { Vec::new() } else { concat(&batches).columns().to_vec() }
}

fn windows() -> impl Strategy<Value = Windows> {
    let ticks = |range: std::ops::Range<i64>| range.prop_map(Length::Ticks);
    prop_oneof![
        (1..9i64, ticks(1..9)).prop_map(|(times, step)| {
            let Length::Ticks(ticks) = step else { unreachable!() };
            Windows::Cumulate { size: Length::Ticks(times * ticks), step, offset: Length::Ticks(1) }
        }),
        (ticks(1..30), ticks(1..9), any::<bool>()).prop_map(|(size, every, right)| {
            let closed = if right { Closed::Right } else { Closed::Left };
            Windows::Hopping(Hopping { closed, ..Hopping::new(size, every) })
        }),
        ticks(1..9).prop_map(|gap| Windows::Session(Session::new(gap))),
    ]
}

#[test]
fn rows_that_come_begin_the_wait_anew() {
    let watch = hand::Hand::of_this_thread();
    let ten = Length::Ticks(10);
    let cumulate = Windows::Cumulate { size: ten, step: Length::Ticks(5), offset: Length::Ticks(0) };
    for windows in [Windows::Hopping(Hopping::new(ten, ten)), cumulate, Windows::Session(Session::new(ten))] {
        let mut stage = operator(&windows, 0);
        for (now, times, closes) in [(0, &[1][..], false), (4, &[2], false), (8, &[], false), (9, &[], true)] {
            watch.set(now);
            if !times.is_empty() {
                stage.push(0, batch(times));
                assert!(out(&mut *stage).is_empty());
            }
            stage.idle(0);
            assert_eq!(!out(&mut *stage).is_empty(), closes, "{windows} at {now}");
        }
    }
}

proptest! {
    /// What has rows closes as it does at the end; nothing closes before, and rows that come after all are late.
    #[test]
    fn what_is_closed_for_idleness_is_what_would_be_at_the_end(
        windows in windows(),
        times in prop::collection::vec(-40..40i64, 1..20),
        lateness in 0..9i64,
    ) {
        let watch = hand::Hand::of_this_thread();
        watch.set(0);
        let (mut idle, mut ended) = (operator(&windows, lateness), operator(&windows, lateness));
        for stage in [&mut idle, &mut ended] {
            stage.push(0, batch(&times));
        }
        prop_assert_eq!(out(&mut *idle), out(&mut *ended));
        for now in [0, 4] {
            watch.set(now);
            idle.idle(0);
            prop_assert_eq!(out(&mut *idle), Vec::<ArrayRef>::new());
        }
        watch.set(5);
        idle.idle(0);
        ended.end(0);
        let closed = out(&mut *idle);
        prop_assert_eq!(&closed, &out(&mut *ended));
        prop_assert_eq!(idle.ledger().open_windows, 0);
        prop_assume!(!closed.is_empty());
        let missed = |stage: &dyn Stage| stage.ledger().late + stage.ledger().partly_late;
        let (before, watermark) = (missed(&*idle), idle.watermark().map_or(0, |(ticks, _)| ticks));
        idle.push(0, batch(&[watermark - 1]));
        out(&mut *idle);
        prop_assert_eq!(missed(&*idle), before + 1);
    }
}
