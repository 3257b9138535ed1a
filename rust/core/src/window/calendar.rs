//! [`Calendar`]: keys by the time at which they are to be looked at.

use std::collections::BTreeMap;

/// Keys in buckets of event time. A key may stand in several: only the one that it is armed for counts.
pub(crate) struct Calendar {
    /// How much time a bucket covers.
    width: i64,
    buckets: BTreeMap<i64, Vec<u32>>,
    /// The bucket that was last put into, which is not among the others: mostly it is the next one too.
    latest: (i64, Vec<u32>),
    /// Per key: the bucket that it is armed for.
    armed: Vec<i64>,
}

/// Armed for no bucket.
const NEVER: i64 = i64::MAX;

impl Calendar {
    /// Nothing to look at.
    pub(crate) fn new(width: i64) -> Self {
        Self { width: width.max(1), buckets: BTreeMap::new(), latest: (0, Vec::new()), armed: Vec::new() }
    }

    /// Makes room for keys of these numbers.
    pub(crate) fn prepare(&mut self, keys: usize) {
        self.armed.resize(keys.max(self.armed.len()), NEVER);
    }

    /// Has a key looked at once event time is past `due`, if not before.
    pub(crate) fn arm(&mut self, key: u32, due: i64) {
        let bucket = due.div_euclid(self.width);
        if bucket < self.armed[key as usize] {
            self.armed[key as usize] = bucket;
            self.turn_to(bucket);
            self.latest.1.push(key);
        }
    }

    /// Makes this bucket the latest.
    fn turn_to(&mut self, bucket: i64) {
        if self.latest.0 == bucket {
            return;
        }
        let keys = self.buckets.remove(&bucket).unwrap_or_default();
        let (other, keys) = std::mem::replace(&mut self.latest, (bucket, keys));
        if !keys.is_empty() {
            self.buckets.insert(other, keys);
        }
    }

    /// Takes out the keys of one bucket that has begun at this time; none are left when it gives `None`.
    /// They are armed for nothing then.
    pub(crate) fn begun(&mut self, time: i64) -> Option<Vec<u32>> {
        let begun = time.div_euclid(self.width);
        let others = self.buckets.first_key_value().map_or(NEVER, |(&bucket, _)| bucket);
        let bucket = if self.latest.1.is_empty() { others } else { others.min(self.latest.0) };
        if bucket > begun || bucket == NEVER {
            return None;
        }
        self.turn_to(bucket);
        let mut keys = std::mem::take(&mut self.latest.1);
        keys.retain(|&key| {
            let armed = &mut self.armed[key as usize];
            let counts = *armed == bucket;
            *armed = if counts { NEVER } else { *armed };
            counts
        });
        Some(keys)
    }

    /// Roughly how much memory it takes.
    pub(crate) fn memory(&self) -> usize {
        let keys: usize = self.buckets.values().map(Vec::capacity).sum();
        (keys + self.latest.1.capacity()) * 4 + size_of_val(&self.armed[..])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_come_once_when_they_are_due() {
        let mut calendar = Calendar::new(10);
        calendar.prepare(3);
        calendar.arm(0, 25);
        calendar.arm(1, 47);
        calendar.arm(1, 12); // Earlier: the first entry does not count any more.
        calendar.arm(2, 31);
        calendar.arm(2, 90); // Later: it is looked at before that anyway.
        assert_eq!(calendar.begun(9), None);
        assert_eq!(calendar.begun(15), Some(vec![1]));
        assert_eq!(calendar.begun(15), None);
        calendar.arm(1, 48);
        assert_eq!(calendar.begun(40), Some(vec![0]));
        assert_eq!(calendar.begun(40), Some(vec![2]));
        assert_eq!(calendar.begun(40), Some(vec![1]));
        assert_eq!(calendar.begun(i64::MAX), None);
    }

    #[test]
    fn times_before_the_epoch_have_buckets_too() {
        let mut calendar = Calendar::new(10);
        calendar.prepare(1);
        calendar.arm(0, -1);
        assert_eq!(calendar.begun(-11), None);
        assert_eq!(calendar.begun(-10), Some(vec![0]));
    }
}
