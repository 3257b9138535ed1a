//! Rows of one key, in order, whose windows have one pane each and close with the first row that is past them.
//!
//! At most one pane is open then, and results follow one another, so that nothing has to be looked up or noted.

use super::{Window, shows_panes};
use crate::window::gallop::before;
use crate::window::parts::Rows;

/// How many rows a round has: more than where rows are looked at one by one.
const ROUND: usize = 4 * super::ROUND;

/// The pane that is open.
#[derive(Clone, Copy)]
struct Open {
    pane: i64,
    slot: u32,
    /// The time that closes it.
    end: i64,
}

impl Window {
    /// Whether the rows are such.
    pub(super) fn is_alone(&self, current: &Rows) -> bool {
        self.sorted
            && current.keys == 1
            && shows_panes(&self.views)
            && self.outlet.parts.lateness == 0
            && current.time.before.is_none()
            && self.panes.iter().count() <= 1
    }

    /// Goes through such rows.
    pub(super) fn walk_alone(&mut self, current: &mut Rows) {
        let ticks = current.time.ticks.clone();
        let end = current.end.min(current.row + ROUND);
        let found = self.panes.take_only();
        let mut open = found.map(|(pane, slot)| Open { pane, slot, end: self.ruler.closes_at(pane) });
        while current.row < end {
            let (row, tick) = (current.row, ticks[current.row]);
            if let Some(open) = open.take_if(|open| open.end <= tick) {
                self.outlet.emission.push(0, open.slot, self.ruler.edges(open.pane), open.end - 1);
            }
            let limit = match self.near.pane(tick, &self.ruler) {
                None => self.ruler.next_start(tick),
                Some(pane) => open.get_or_insert_with(|| self.open_only(pane)).end,
            };
            current.row += before(&ticks[row..end], limit);
            match open {
                None => self.skip(current.row - row),
                Some(open) => self.slots.put(open.slot, current.row - row),
            }
        }
        self.clock.reach(ticks[end - 1]);
        self.leave_open(found.is_some(), open);
    }

    fn open_only(&mut self, pane: i64) -> Open {
        Open { pane, slot: self.panes.free_slot(), end: self.ruler.closes_at(pane) }
    }

    /// Puts the pane that is open where all can see it, and lets the key have its place if there is one.
    fn leave_open(&mut self, was_open: bool, open: Option<Open>) {
        if let Some(Open { pane, slot, .. }) = open {
            self.panes.put_only(pane, slot);
        }
        match (was_open, open.is_some()) {
            (false, true) => self.views[0].places.hold(&[0]),
            (true, false) => self.views[0].places.release(&[0]),
            _ => {}
        }
    }
}
