//! Panes that are windows of their own go out as they are, those with many keys piece by piece.

use super::{PIECE, Window};
use crate::window::panes::Pane;

/// A pane whose window closes, as far as it has not gone out.
pub(super) struct Leaving {
    pane: Pane,
    /// How many of its keys have.
    gone: usize,
    edges: (i64, i64),
    /// How far event time had come before.
    before: i64,
}

impl Leaving {
    /// Roughly how much memory it takes.
    pub(super) fn memory(&self) -> usize {
        self.pane.memory()
    }
}

impl Window {
    /// Lets the oldest pane go out as it is: its window has no other.
    pub(super) fn close_pane(&mut self, edges: (i64, i64), before: i64) {
        let Some(mut pane) = self.panes.pop() else { return };
        pane.sort(&self.views[0].places);
        self.leaving = Some(Leaving { pane, gone: 0, edges, before });
        self.leave();
    }

    /// Lets some more results of the pane that leaves go out.
    pub(super) fn leave(&mut self) {
        let Some(mut leaving) = self.leaving.take() else { return };
        let pane = &leaving.pane;
        let piece = leaving.gone..pane.keys.len().min(leaving.gone + PIECE);
        self.outlet.emission.keys.extend_from_slice(&pane.keys[piece.clone()]);
        self.outlet.emission.slots.extend_from_slice(&pane.slots[piece.clone()]);
        self.outlet.emission.close(leaving.edges, leaving.before);
        if piece.end == pane.keys.len() {
            self.views[0].places.release(&pane.keys);
            self.panes.reuse(leaving.pane);
        } else {
            leaving.gone = piece.end;
            self.leaving = Some(leaving);
        }
    }
}
