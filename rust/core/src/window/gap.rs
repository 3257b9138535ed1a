//! [`Gap`]: many windows in a row in which no key has rows, whose results wait together until they are known.

use super::line::Line;
use super::made::Made;
use super::ruler::Ruler;

/// Windows in a row without rows. Their results are made when they go out, a few at a time.
pub(crate) struct Gap {
    /// The next window whose results go out.
    window: i64,
    /// How many windows are left.
    left: u64,
    keys: Vec<Waiting>,
    /// The key whose result in the next window is the next to go out.
    at: usize,
    /// How many keys have results that are not known yet.
    unknown: usize,
}

/// The results of a key.
struct Waiting {
    key: u32,
    /// What they lie on, and which of its steps the next one is, once that is known.
    line: Option<(Line, u64)>,
}

impl Gap {
    /// So many windows from this one on, of these keys.
    pub(crate) fn new(window: i64, windows: u64, keys: impl Iterator<Item = u32>) -> Self {
        let keys: Vec<Waiting> = keys.map(|key| Waiting { key, line: None }).collect();
        Self { window, left: windows, unknown: keys.len(), keys, at: 0 }
    }

    /// How many windows are left.
    pub(crate) fn windows(&self) -> u64 {
        self.left
    }

    /// Whether all results are known.
    pub(crate) fn is_known(&self) -> bool {
        self.unknown == 0
    }

    /// Lets the results of one of the keys be known: from this step on they lie on a line.
    pub(crate) fn resolve(&mut self, key: u32, line: Line, step: u64) {
        self.keys[key as usize].line = Some((line, step));
        self.unknown -= 1;
    }

    /// The end of the next window.
    pub(crate) fn end(&self, ruler: &Ruler) -> i64 {
        ruler.edges(self.window).1
    }

    /// The next results, which are known: so many, or all that are left.
    pub(crate) fn send(&mut self, rows: usize, ruler: &Ruler) -> Made {
        let mut made = Made::default();
        while self.left > 0 && made.len() < rows {
            let edges = ruler.edges(self.window);
            let until = self.keys.len().min(self.at + rows - made.len());
            for Waiting { key, line } in &mut self.keys[self.at..until] {
                if let Some((line, step)) = line {
                    made.unknown.know(made.len() as u32, line, *step);
                    *step += 1;
                }
                made.push(edges, *key, 0, 0);
            }
            self.at = until % self.keys.len();
            if self.at == 0 {
                self.window += ruler.grid().stride();
                self.left -= 1;
            }
        }
        made
    }

    /// Roughly how much memory it takes.
    pub(crate) fn memory(&self) -> usize {
        let lines = self.keys.iter().filter_map(|waiting| waiting.line.as_ref());
        self.keys.capacity() * size_of::<Waiting>() + lines.map(|(line, _)| line.memory()).sum::<usize>()
    }
}
