//! The allocator of the Python package.
#![allow(unsafe_code)]

use libmimalloc_sys::{mi_option_set_default, mi_option_t};

/// Batches are made and dropped all the time: this allocator gives their memory to the next ones, where the
/// system's gives it back and fetches it anew, page by page.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// After how many milliseconds memory that nobody uses goes back to the system; its C header calls it
/// `mi_option_purge_delay`. `MIMALLOC_PURGE_DELAY`, where the user has set it, comes first.
const PURGE_DELAY: (mi_option_t, std::ffi::c_long) = (15, 100);

/// Has memory given back after a tenth of a second rather than a whole one: what two threads leave to each other
/// unused would be a sixth of a stream's memory otherwise.
pub(crate) fn give_back_sooner() {
    let (option, milliseconds) = PURGE_DELAY;
    // SAFETY: it writes one number of a static array, whose bounds it checks; no thread of ours runs yet, and
    // one that reads it meanwhile finds the one number or the other.
    unsafe { mi_option_set_default(option, milliseconds) }
}
