//! [`Timestamp`]: instants in text, of which neighbours mostly have their form and minute in common.

use std::sync::Arc;

use arrow_array::ArrayRef;
use arrow_buffer::NullBuffer;

use super::super::cells::Cells;
use super::super::moment;
use super::super::simd::{Isa, Seconds};
use super::parse::{Parse, array, one_by_one, plain};
use crate::types::{DataType, TimeUnit};

/// Timestamps with or without a zone.
pub(crate) struct Timestamp {
    unit: TimeUnit,
    zone: Option<Arc<str>>,
    form: Option<Form>,
    minute: Minute,
}

/// `YYYY-MM-DDTHH:MM`.
type Prefix = [u8; 16];

/// The last minute seen, and the ticks of its start.
#[derive(Clone, Copy, Default)]
struct Minute {
    prefix: Prefix,
    ticks: i64,
}

/// What texts of one length look like behind the minute.
struct Form {
    len: u32,
    seconds: Seconds,
    /// Ticks for each that `seconds` counts.
    scale: i64,
}

impl Timestamp {
    /// Timestamps in this unit.
    pub fn new(unit: TimeUnit, zone: Option<Arc<str>>) -> Self {
        Self { unit, zone, form: None, minute: Minute::default() }
    }

    /// Four timestamps, where they all have the form.
    #[inline(always)]
    fn four<I: Isa>(&mut self, isa: I, text: &[u8], starts: &[u32; 4], lens: &[u32; 4]) -> Option<[i64; 4]> {
        let form = self.form.as_ref()?;
        let other = lens.iter().fold(0, |other, len| other | (len ^ form.len));
        if other != 0 {
            return None;
        }
        let at = |start: u32, shift: usize| text[start as usize + shift..].first_chunk::<16>();
        let [Some(a), Some(b), Some(c), Some(d)] = starts.map(|start| at(start, 16)) else { return None };
        let (ticks, fine) = isa.seconds([a, b, c, d], &form.seconds);
        if !fine {
            return None;
        }
        let scale = form.scale;
        let [Some(a), Some(b), Some(c), Some(d)] = starts.map(|start| at(start, 0)) else { return None };
        let cached = u128::from_le_bytes(self.minute.prefix);
        let other = [a, b, c, d].iter().fold(0, |other, prefix| other | (u128::from_le_bytes(**prefix) ^ cached));
        if other == 0 {
            return Some(ticks.map(|ticks| self.minute.ticks + ticks * scale));
        }
        let mut made = [0; 4];
        for ((made, prefix), ticks) in made.iter_mut().zip([a, b, c, d]).zip(ticks) {
            *made = self.start_of(prefix)? + ticks * scale;
        }
        Some(made)
    }

    /// Four timestamps that do not all have the form.
    #[inline(never)]
    fn singly(&mut self, cells: &Cells<'_>, quad: usize, odd: &mut Vec<u32>) -> [i64; 4] {
        let (starts, lens) = cells.quads();
        let mut made = [0; 4];
        for (lane, made) in made.iter_mut().enumerate() {
            match plain(cells.text, starts[quad][lane], lens[quad][lane]).and_then(|text| self.one(text)) {
                Some(ticks) => *made = ticks,
                None => odd.push((4 * quad + lane) as u32),
            }
        }
        made
    }

    /// The ticks of the start of a minute.
    #[inline(always)]
    fn start_of(&mut self, prefix: &Prefix) -> Option<i64> {
        if *prefix != self.minute.prefix {
            let length = 60 * self.unit.per_second();
            let ticks = moment::minute(prefix)?.checked_mul(length)?;
            // A minute that does not fit as a whole is left to the exact way.
            ticks.checked_add(length)?;
            self.minute = Minute { prefix: *prefix, ticks };
        }
        Some(self.minute.ticks)
    }

    /// Learns the form of the first cell that has one.
    #[cold]
    fn learn(&mut self, cells: &Cells<'_>) {
        let lens = cells.spans().take(16).map(|(_, len)| len);
        self.form = lens.filter_map(|len| Form::new(len, self.unit, self.zone.is_some())).next();
        self.minute = Minute::default();
    }
}

impl Form {
    /// The form of texts of this length, if it is one that is done four at a time.
    fn new(len: u32, unit: TimeUnit, zoned: bool) -> Option<Self> {
        let digits = len.checked_sub(16 + u32::from(zoned))?;
        let places = match digits {
            3 => 0,
            5..=10 => digits as usize - 4,
            _ => return None,
        };
        // Nanoseconds are counted in microseconds here.
        let counted = (unit.per_second().ilog10() as usize).min(6);
        if places > counted {
            return None;
        }
        let (mut zero, mut limit, mut order) = ([0; 16], [u8::MAX; 16], [u8::MAX; 16]);
        let template = b":00.000000";
        let used = digits as usize;
        zero[..used].copy_from_slice(&template[..used]);
        limit[..used].fill(9);
        limit[0] = 0;
        if used > 3 {
            limit[3] = 0;
        }
        if zoned {
            (zero[used], limit[used]) = (b'Z', 0);
        }
        // Two digits of seconds, then those of the fraction; zeros for the rest.
        let first = 6 - counted;
        (order[first], order[first + 1]) = (1, 2);
        (0..places).for_each(|i| order[first + 2 + i] = 4 + i as u8);
        let scale = unit.per_second() / 10_i64.pow(counted as u32);
        let max = 60 * 10_i64.pow(counted as u32) - 1;
        Some(Self { len, seconds: Seconds { zero, limit, order, max }, scale })
    }
}

impl Parse for Timestamp {
    type Value = i64;

    fn null(&self) -> i64 {
        i64::MIN
    }

    #[inline]
    fn one(&mut self, text: &[u8]) -> Option<i64> {
        moment::timestamp(text, self.unit, self.zone.is_some())
    }

    #[inline(always)]
    fn many<I: Isa>(&mut self, isa: I, cells: &Cells<'_>, values: &mut Vec<i64>, odd: &mut Vec<u32>) {
        self.learn(cells);
        if !I::WIDE || self.form.is_none() {
            return one_by_one(self, cells, values, odd);
        }
        let (first, (starts, lens)) = (values.len(), cells.quads());
        values.resize(first + 4 * starts.len(), 0);
        let (out, _) = values[first..].as_chunks_mut::<4>();
        for (i, ((starts, lens), out)) in starts.iter().zip(lens).zip(out).enumerate() {
            *out = match self.four(isa, cells.text, starts, lens) {
                Some(four) => four,
                None => self.singly(cells, i, odd),
            };
        }
        values.truncate(first + cells.rows());
        odd.truncate(odd.partition_point(|&row| (row as usize) < cells.rows()));
    }

    fn array(&self, values: Vec<i64>, nulls: Option<NullBuffer>) -> ArrayRef {
        array(&DataType::Timestamp(self.unit, self.zone.clone()), values, nulls)
    }
}
