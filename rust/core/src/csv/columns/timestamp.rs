//! [`Timestamp`]: instants in text, of which neighbours mostly have their form and minute in common.

use std::sync::Arc;

use arrow_array::ArrayRef;
use arrow_buffer::NullBuffer;

use super::super::cells::{Cells, Four};
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
#[derive(Clone, Copy)]
struct Minute {
    prefix: Prefix,
    ticks: i64,
}

/// Right in every unit.
const EPOCH: Minute = Minute { prefix: *b"1970-01-01T00:00", ticks: 0 };

/// What texts of one length look like.
struct Form {
    len: u32,
    /// With any minute …
    any: Seconds,
    /// … and with the last minute seen.
    same: Seconds,
    /// Ticks for each that these count.
    scale: u32,
}

impl Timestamp {
    /// Timestamps in this unit.
    pub fn new(unit: TimeUnit, zone: Option<Arc<str>>) -> Self {
        Self { unit, zone, form: None, minute: EPOCH }
    }

    /// Appends timestamps four at a time.
    #[inline(always)]
    fn fours<I: Isa>(
        &mut self,
        isa: I,
        text: &[u8],
        fours: impl Iterator<Item = Four>,
        values: &mut Vec<i64>,
        odd: &mut Vec<u32>,
    ) {
        let mut row = 0;
        for Four { starts, lens, .. } in fours {
            let made = match self.four(isa, text, starts, lens) {
                Some(made) => made,
                None => self.singly(text, starts, lens, row, odd),
            };
            values.extend_from_slice(&made);
            row += 4;
        }
    }

    /// Four timestamps, where they all have the form.
    #[inline(always)]
    fn four<I: Isa>(&mut self, isa: I, text: &[u8], starts: [u32; 4], lens: [u32; 4]) -> Option<[i64; 4]> {
        let form = self.form.as_ref()?;
        let [a, b, c, d] = lens;
        if (a ^ form.len) | (b ^ form.len) | (c ^ form.len) | (d ^ form.len) != 0 {
            return None;
        }
        let at = |start: u32| text.get(start as usize..start as usize + 32)?.first_chunk();
        let [a, b, c, d] = starts;
        let rows = [at(a)?, at(b)?, at(c)?, at(d)?];
        let ([a, b, c, d], all) = isa.seconds(rows, &form.same);
        if !all {
            return self.each(isa, rows);
        }
        let scaled = |ticks: i64| self.minute.ticks + (ticks as u32 as u64 * u64::from(form.scale)) as i64;
        Some([scaled(a), scaled(b), scaled(c), scaled(d)])
    }

    /// Four timestamps that do not all have the last minute.
    #[inline(always)]
    fn each<I: Isa>(&mut self, isa: I, rows: [&[u8; 32]; 4]) -> Option<[i64; 4]> {
        let form = self.form.as_ref()?;
        let (mut made, all) = isa.seconds(rows, &form.any);
        if !all {
            return None;
        }
        let scale = i64::from(form.scale);
        let mut fits = true;
        for (made, row) in made.iter_mut().zip(rows) {
            let start = row.first_chunk().and_then(|prefix| self.start_of(prefix));
            fits &= start.is_some();
            *made = start.unwrap_or_default() + *made * scale;
        }
        // The last minute may be another even if not all of them fit.
        if let Some(form) = &mut self.form {
            form.same.zero[..16].copy_from_slice(&self.minute.prefix);
        }
        fits.then_some(made)
    }

    /// Four timestamps that do not all have the form.
    #[inline(never)]
    fn singly(
        &mut self,
        text: &[u8],
        starts: [u32; 4],
        lens: [u32; 4],
        row: usize,
        odd: &mut Vec<u32>,
    ) -> [i64; 4] {
        let mut made = [0; 4];
        for (lane, made) in made.iter_mut().enumerate() {
            match plain(text, starts[lane], lens[lane]).and_then(|text| self.one(text)) {
                Some(ticks) => *made = ticks,
                None => odd.push((row + lane) as u32),
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
        self.minute = EPOCH;
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
        let (mut zero, mut limit, mut order) = ([0; 32], [u8::MAX; 32], [u8::MAX; 16]);
        let template = b":00.000000";
        let used = 16 + digits as usize;
        zero[16..used].copy_from_slice(&template[..used - 16]);
        limit[16..used].fill(9);
        limit[16] = 0;
        if used > 19 {
            limit[19] = 0;
        }
        if zoned {
            (zero[used], limit[used]) = (b'Z', 0);
        }
        // Two digits of seconds, then those of the fraction; zeros for the rest.
        let first = 6 - counted;
        (order[first], order[first + 1]) = (1, 2);
        (0..places).for_each(|i| order[first + 2 + i] = 4 + i as u8);
        let scale = (unit.per_second() / 10_i64.pow(counted as u32)) as u32;
        let max = 60 * 10_i64.pow(counted as u32) - 1;
        let any = Seconds { zero, limit, order, max };
        let mut same = any.clone();
        same.zero[..16].copy_from_slice(&EPOCH.prefix);
        same.limit[..16].fill(0);
        Some(Self { len, any, same, scale })
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
        let first = values.len();
        if cells.may_have_quotes() {
            self.fours(isa, cells.text, cells.fours::<I, true>(isa), values, odd);
        } else {
            self.fours(isa, cells.text, cells.fours::<I, false>(isa), values, odd);
        }
        values.truncate(first + cells.rows());
        odd.truncate(odd.partition_point(|&row| (row as usize) < cells.rows()));
    }

    fn array(&self, values: Vec<i64>, nulls: Option<NullBuffer>) -> ArrayRef {
        array(&DataType::Timestamp(self.unit, self.zone.clone()), values, nulls)
    }
}
