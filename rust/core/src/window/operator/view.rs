//! [`View`]: one kind of windows over panes, which other kinds may see too.

use crate::aggregate::Tables;
use crate::window::emission::Emission;
use crate::window::fifo::{Fifo, PANES, RESULTS};
use crate::window::panes::Panes;
use crate::window::places::Places;
use crate::window::ruler::Ruler;

/// One kind of windows.
pub(super) struct View {
    /// The number that it goes by.
    pub(super) kind: i32,
    pub(super) ruler: Ruler,
    /// The order of the keys that its panes hold.
    pub(super) places: Places,
    /// The combined panes, if a window has several.
    pub(super) fifo: Option<Fifo>,
    /// The first pane that its windows have not left.
    pub(super) first: i64,
}

impl View {
    /// A kind that goes by this number, the `at`-th over the same panes, and has seen none of them.
    pub(super) fn new(at: usize, (kind, ruler): (i32, Ruler), keeps_panes: bool) -> Self {
        let fifo = (ruler.grid().panes() > 1).then(|| Fifo::new(ruler.grid(), at, keeps_panes));
        Self { kind, ruler, places: Places::default(), fifo, first: i64::MIN }
    }

    /// The last pane of the next window that has rows, of those that close after the watermark `closed`.
    pub(super) fn next_window(&self, panes: &Panes, closed: i64) -> Option<i64> {
        let oldest = panes.oldest_from(self.first)?.id;
        Some(self.fifo.as_ref().map_or(oldest, |fifo| fifo.next_window(oldest, self.ruler.number(closed))))
    }

    /// Where the results of a window stand in the order of those of all kinds.
    pub(super) fn order(&self, last: i64) -> (i64, i64, i32) {
        let (start, end) = self.ruler.edges(last);
        (end, start, self.kind)
    }

    /// Closes the window that ends with the pane `last`: its results, unless it has no times, and their keys go out.
    pub(super) fn close(&mut self, last: i64, panes: &mut Panes, tables: &mut Tables, emission: &mut Emission) {
        let (edges, from) = (self.ruler.edges(last), emission.slots.len());
        emission.turn_to(self.kind);
        match &mut self.fifo {
            Some(fifo) => {
                fifo.advance(last, panes, tables, &self.places);
                // A day that the zone skipped has no window, even if its edges are closed.
                if edges.0 < edges.1 {
                    fifo.results(&self.places, tables, &mut emission.keys);
                }
                self.first = fifo.leave(last, self.first, panes, tables, &mut self.places);
            }
            None => self.copy_pane(last, panes, tables, &mut emission.keys),
        }
        emission.slots.extend(from as u32..tables.len(RESULTS) as u32);
        emission.close(edges, self.ruler.closes_at(last) - 1);
    }

    /// Closes the gaps between places if they are many.
    pub(super) fn close_gaps(&mut self, tables: &mut Tables) {
        if let Some(old) = self.places.close_gaps()
            && let Some(fifo) = &mut self.fifo
        {
            fifo.follow_places(old, tables);
        }
    }

    /// How many panes its windows have yet to leave.
    pub(super) fn open(&self, panes: &Panes) -> usize {
        panes.range(self.first..i64::MAX).count()
    }

    /// Roughly how much memory it takes, but for tables.
    pub(super) fn memory(&self) -> usize {
        self.places.memory() + self.fifo.as_ref().map_or(0, Fifo::memory)
    }

    /// Lets the pane that is a window be its results.
    fn copy_pane(&mut self, last: i64, panes: &mut Panes, tables: &mut Tables, keys: &mut Vec<u32>) {
        if let Some(pane) = panes.find(last) {
            pane.sort(&self.places);
            let from = tables.len(RESULTS);
            let to = from..from + pane.keys.len();
            keys.extend_from_slice(&pane.keys);
            tables.grow(RESULTS, to.end);
            tables.copy(RESULTS, (to.start as u32..to.end as u32).collect(), PANES, pane.slots.clone());
        }
        let left = self.first..last + 1;
        panes.range(left).for_each(|pane| self.places.release(&pane.keys));
        self.first = last + 1;
    }
}
