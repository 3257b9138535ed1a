//! [`Daba`]: a queue that knows at any time what all that lies in it combines to, without pauses.
//!
//! This is DABA Lite of Tangwongsan, Hirzel and Schneider ("In-order sliding-window aggregation in worst-case
//! constant time", VLDB Journal 2021). Two stacks end to end would do, if the front one were not to be filled
//! anew, all at once, whenever it is empty; here that work is done ahead, a step with each item that comes or
//! goes. Five places divide the queue, `head ≤ l ≤ r ≤ a ≤ b ≤ end`, and what lies at place `i` of item `v(i)` is
//!
//! | where | what |
//! |---|---|
//! | `head..l`, `a..b` | `v(i) … v(b-1)` combined |
//! | `l..r` | `v(i) … v(r-1)` combined |
//! | `r..a`, `b..end` | `v(i)` |
//!
//! Beside them stand the combinations of `r..b`, while `l < r`, and of `b..end`. The whole is then what lies at
//! `head` with the latter. `l..r` is as long as `r..a`, and `head..b` by `b - l + 1` longer than `b..end`.

/// What can be combined, in order: `(a, b), c` comes to the same as `a, (b, c)`.
pub trait Monoid: Clone {
    /// Takes in what comes after it.
    fn combine(&mut self, newer: &Self);
}

/// How the items of a [`Daba`] are combined, where they do not know themselves.
pub trait Combiner<T> {
    /// Has `older` become the combination of both.
    fn combine(&mut self, older: &mut T, newer: &T);
    /// Another of the same.
    fn copy(&mut self, item: &T) -> T;
    /// Lets go of one.
    fn leave(&mut self, _: &T) {}
}

/// Items that know themselves how they are combined.
#[derive(Clone, Copy, Debug, Default)]
pub struct Themselves;

impl<M: Monoid> Combiner<M> for Themselves {
    #[inline(always)]
    fn combine(&mut self, older: &mut M, newer: &M) {
        older.combine(newer);
    }

    #[inline(always)]
    fn copy(&mut self, item: &M) -> M {
        item.clone()
    }
}

/// A queue that knows at any time what all that lies in it combines to.
///
/// An item that comes costs at most three combinations, one that goes two, and the whole one, however many items
/// there are: no step takes the longer the longer the queue is (but for its memory, which doubles when there is no room
/// left, unless it has been made with a capacity).
///
/// # Examples
/// ```
/// use rillet_core::{Daba, Monoid, Themselves};
///
/// #[derive(Clone)]
/// struct Text(String);
///
/// impl Monoid for Text {
///     fn combine(&mut self, newer: &Self) {
///         self.0.push_str(&newer.0);
///     }
/// }
///
/// let mut last_three = Daba::new();
/// for letter in ["a", "b", "c", "d"] {
///     if last_three.len() == 3 {
///         last_three.pop(&mut Themselves);
///     }
///     last_three.push(Text(letter.into()), &mut Themselves);
/// }
/// assert_eq!(last_three.whole().expect("it is not empty").0, "bcd");
/// ```
#[derive(Clone, Debug)]
pub struct Daba<T> {
    /// A ring: the item at a place lies where the last bits of the place say. What has gone stays until it is
    /// overwritten.
    items: Vec<T>,
    /// Those bits.
    mask: usize,
    /// The places, counted from one that has been.
    head: usize,
    l: usize,
    r: usize,
    a: usize,
    b: usize,
    end: usize,
    /// What `r..b` combines to, while `l < r`.
    middle: Option<T>,
    /// What `b..end` combines to.
    back: Option<T>,
}

impl<T> Default for Daba<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> Daba<T> {
    /// An empty queue.
    pub fn new() -> Self {
        Self::with_capacity(1)
    }

    /// An empty queue with room for so many items.
    pub fn with_capacity(items: usize) -> Self {
        let room = items.next_power_of_two();
        let items = if room > 1 { Vec::with_capacity(room) } else { Vec::new() };
        Self { items, mask: room - 1, head: 0, l: 0, r: 0, a: 0, b: 0, end: 0, middle: None, back: None }
    }

    /// How many items there are.
    pub fn len(&self) -> usize {
        self.end - self.head
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.head == self.end
    }

    /// The next item to go, or what it and the items after it combine to.
    #[inline]
    pub fn front(&self) -> Option<&T> {
        if self.is_empty() { None } else { Some(&self.items[self.head & self.mask]) }
    }

    /// What all items combine to, in two parts of which either may be missing.
    #[inline]
    pub fn parts(&self) -> (Option<&T>, Option<&T>) {
        (if self.head < self.b { Some(&self.items[self.head & self.mask]) } else { None }, self.back.as_ref())
    }

    /// An item comes, behind all others.
    #[inline(always)]
    pub fn push(&mut self, item: T, by: &mut impl Combiner<T>) {
        match &mut self.back {
            Some(back) => by.combine(back, &item),
            None => self.back = Some(by.copy(&item)),
        }
        if self.len() > self.mask {
            self.grow();
        }
        match self.items.get_mut(self.end & self.mask) {
            Some(gone) => *gone = item,
            None => self.items.push(item),
        }
        self.end += 1;
        self.step(by);
    }

    /// The oldest item goes, if there is one; tells whether there was.
    #[inline(always)]
    pub fn pop(&mut self, by: &mut impl Combiner<T>) -> bool {
        if self.is_empty() {
            return false;
        }
        by.leave(&self.items[self.head & self.mask]);
        self.head += 1;
        self.step(by);
        true
    }

    /// All items go.
    pub fn clear(&mut self, by: &mut impl Combiner<T>) {
        (self.head..self.end).for_each(|place| by.leave(&self.items[place & self.mask]));
        (self.head, self.l, self.r, self.b) = (self.end, self.end, self.end, self.end);
        self.step(by);
    }

    /// Makes room for twice as many items, where there is none left; counts places from the first item on.
    #[cold]
    fn grow(&mut self) {
        let first = self.head;
        self.items.rotate_left(first & self.mask);
        self.mask = 2 * self.mask + 1;
        for place in [&mut self.head, &mut self.l, &mut self.r, &mut self.a, &mut self.b, &mut self.end] {
            *place -= first;
        }
    }

    /// A part of the work that makes the next front, after an item has come or gone.
    #[inline(always)]
    fn step(&mut self, by: &mut impl Combiner<T>) {
        if self.l == self.r {
            if self.l < self.b {
                (self.l, self.r, self.a) = (self.l + 1, self.r + 1, self.a + 1);
                return;
            }
            self.turn(by);
            if self.l == self.r {
                return;
            }
        }
        if let Some(middle) = &self.middle {
            by.combine(&mut self.items[self.l & self.mask], middle);
        }
        let pair = [(self.a - 1) & self.mask, self.a & self.mask];
        if self.a < self.b
            && let Ok([older, newer]) = self.items.get_disjoint_mut(pair)
        {
            by.combine(older, newer);
        }
        (self.l, self.a) = (self.l + 1, self.a - 1);
    }

    /// Where nothing is left to be combined before the back, the two become the front together; of one item, or none,
    /// all is front.
    #[inline(never)]
    fn turn(&mut self, by: &mut impl Combiner<T>) {
        let gone = if self.head == self.b {
            (self.l, self.r) = (self.end, self.end);
            [self.middle.take(), self.back.take()]
        } else {
            (self.l, self.r) = (self.head, self.b);
            [std::mem::replace(&mut self.middle, self.back.take()), None]
        };
        (self.a, self.b) = (self.end, self.end);
        gone.iter().flatten().for_each(|item| by.leave(item));
    }
}

impl<M: Monoid> Daba<M> {
    /// What all items combine to; `None` if there is none.
    #[inline]
    pub fn whole(&self) -> Option<M> {
        match self.parts() {
            (Some(older), Some(newer)) => {
                let mut whole = older.clone();
                whole.combine(newer);
                Some(whole)
            }
            (older, newer) => older.or(newer).cloned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use proptest::prelude::*;

    use super::*;

    /// The free monoid: nothing is lost in it, neither members nor their order.
    #[derive(Clone, Debug, PartialEq)]
    struct Word(Vec<u32>);

    impl Monoid for Word {
        fn combine(&mut self, newer: &Self) {
            self.0.extend(&newer.0);
        }
    }

    /// Counts what is done in one step.
    #[derive(Default)]
    struct Counted {
        combinations: usize,
        copies: usize,
        alive: isize,
    }

    impl Combiner<Word> for Counted {
        fn combine(&mut self, older: &mut Word, newer: &Word) {
            self.combinations += 1;
            older.combine(newer);
        }

        fn copy(&mut self, item: &Word) -> Word {
            self.copies += 1;
            self.alive += 1;
            item.clone()
        }

        fn leave(&mut self, _: &Word) {
            self.alive -= 1;
        }
    }

    impl Daba<Word> {
        /// What the table above says of every place.
        fn check(&self, words: &VecDeque<u32>) {
            let end = self.end;
            let word = |from: usize, to: usize| Word((from..to).map(|at| words[at - self.head]).collect());
            for i in self.head..end {
                let item = &self.items[i & self.mask];
                let to = match i {
                    _ if i < self.l || (self.a..self.b).contains(&i) => self.b,
                    _ if i < self.r => self.r,
                    _ => i + 1,
                };
                assert_eq!(*item, word(i, to), "{i} of {self:?}");
            }
            if self.l < self.r {
                assert_eq!(self.middle, Some(word(self.r, self.b)));
            }
            assert_eq!(self.back, (self.b < end).then(|| word(self.b, end)));
            assert_eq!(self.r - self.l, self.a - self.r);
            assert!(words.is_empty() || self.b - self.l + 1 == (self.b - self.head) - (end - self.b));
            assert_eq!(self.whole(), (!words.is_empty()).then(|| word(self.head, end)));
        }
    }

    /// P16 of this container, and the free monoid: whatever comes and goes, all is in place and in order, an item
    /// that comes costs at most three combinations, one that goes two, the whole one.
    fn hold(steps: impl IntoIterator<Item = u8>) {
        let (mut daba, mut words, mut next) = (Daba::new(), VecDeque::new(), 0);
        let mut alive = 0;
        for step in steps {
            let mut by = Counted { alive, ..Counted::default() };
            let most = match step {
                0 => {
                    assert_eq!(daba.pop(&mut by), words.pop_front().is_some());
                    2
                }
                1 => {
                    daba.clear(&mut by);
                    words.clear();
                    0
                }
                _ => {
                    by.alive += 1;
                    daba.push(Word(vec![next]), &mut by);
                    words.push_back(next);
                    next += 1;
                    3
                }
            };
            assert!(by.combinations <= most && by.copies <= 1, "{} combinations", by.combinations);
            let beside = [&daba.middle, &daba.back].into_iter().flatten().count();
            assert_eq!(by.alive, (daba.len() + beside) as isize, "nothing is forgotten");
            alive = by.alive;
            daba.check(&words);
        }
    }

    proptest! {
        #[test]
        fn any_steps_keep_all_in_place(steps in proptest::collection::vec(0..5_u8, 0..200)) {
            // Mostly pushes; a clear is rare.
            hold(steps.into_iter().map(|step| if step == 1 { 2 } else { step }));
        }

        #[test]
        fn clears_come_in_between(steps in proptest::collection::vec(0..4_u8, 0..60)) {
            hold(steps);
        }
    }

    #[test]
    fn long_queues_fill_slide_and_empty() {
        for length in [1, 2, 3, 4, 7, 64, 100] {
            let slide = std::iter::repeat_n([0, 2], 3 * length).flatten();
            hold(std::iter::repeat_n(2, length).chain(slide).chain(std::iter::repeat_n(0, length + 1)));
        }
    }
}
