//! Memory that is asked for before it is needed.
#![allow(unsafe_code)]

/// How many rows ahead to ask: of so many what they wait for comes at once.
pub(crate) const AHEAD: usize = 32;

/// Values of fewer bytes are in the second-level cache as it is, if they are in use.
const FAR: usize = 1 << 19;

/// The places that will be needed [`AHEAD`] of each row, of those where rows find values, if these may be far away.
#[inline(always)]
pub(crate) fn ahead<'a, T>(values: &[T], places: &'a [u32]) -> &'a [u32] {
    if size_of_val(values) > FAR { places.get(AHEAD..).unwrap_or_default() } else { &[] }
}

/// Asks for the values at these places.
#[inline(always)]
pub(crate) fn ask<'a, T>(values: &[T], places: impl IntoIterator<Item = &'a u32>) {
    for &place in places {
        prefetch(values, place as usize);
    }
}

/// Has the processor bring a value to the first-level cache while the program goes on. There need not be one.
#[inline(always)]
pub(crate) fn prefetch<T>(values: &[T], at: usize) {
    let address = values.as_ptr().wrapping_add(at);
    // SAFETY: it is a hint, which neither reads nor writes anything, and does nothing where no memory is.
    #[cfg(target_arch = "x86_64")]
    unsafe {
        std::arch::x86_64::_mm_prefetch::<{ std::arch::x86_64::_MM_HINT_T0 }>(address.cast());
    }
    // SAFETY: as above.
    #[cfg(target_arch = "aarch64")]
    unsafe {
        std::arch::asm!("prfm pldl1keep, [{}]", in(reg) address, options(nostack, preserves_flags, readonly));
    }
    #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
    let _ = address;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn asking_changes_nothing_wherever_it_is_asked() {
        let values = [1u64, 2, 3];
        [0, 2, 3, 1 << 20, usize::MAX / 8, usize::MAX].iter().for_each(|&at| prefetch(&values, at));
        ask(&[0u8; 0], &[0, u32::MAX]);
        let many = vec![7u8; FAR + 1];
        let rows: Vec<u32> = (0..AHEAD as u32 + 2).collect();
        assert_eq!(ahead(&many, &rows), &rows[AHEAD..]);
        assert!(ahead(&many, &rows[2..]).is_empty() && ahead(&many[1..], &rows).is_empty());
        assert_eq!(values, [1, 2, 3]);
    }
}
