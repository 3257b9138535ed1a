//! The allocator of the Python package.
#![allow(unsafe_code)]

use std::alloc::{GlobalAlloc, Layout, System};

use libmimalloc_sys::{mi_option_set_default, mi_option_t};
use mimalloc::MiMalloc;

/// Batches are made and dropped all the time: mimalloc gives their memory to the next ones, where the system's
/// allocator gives it back and fetches it anew, page by page. State is what grows large: of that the system moves
/// pages to where there is more room, where mimalloc copies what they hold to new ones.
struct Allocator;

#[global_allocator]
static ALLOCATOR: Allocator = Allocator;

/// From how many bytes on memory is the system's: more than a part of a batch usually has, and so many that glibc
/// always maps such a block by itself, which it moves as it grows and gives back when nobody uses it.
const LARGE: usize = 32 << 20;

fn is_large(bytes: usize) -> bool {
    bytes >= LARGE
}

// SAFETY: both allocators keep the contract, and each block has one of them from its beginning to its end, which the
// size in its layout tells. Who lets go of a block or resizes it must give the layout that it has.
unsafe impl GlobalAlloc for Allocator {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's promises are those that are asked for.
        unsafe { if is_large(layout.size()) { System.alloc(layout) } else { MiMalloc.alloc(layout) } }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as above.
        unsafe {
            if is_large(layout.size()) { System.alloc_zeroed(layout) } else { MiMalloc.alloc_zeroed(layout) }
        }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: as above; the block came from this allocator.
        unsafe {
            if is_large(layout.size()) { System.dealloc(block, layout) } else { MiMalloc.dealloc(block, layout) }
        }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: as above; what is copied is in both blocks, which are different ones.
        unsafe {
            match (is_large(layout.size()), is_large(size)) {
                (true, true) => System.realloc(block, layout, size),
                (false, false) => MiMalloc.realloc(block, layout, size),
                _ => {
                    let moved = self.alloc(Layout::from_size_align_unchecked(size, layout.align()));
                    if !moved.is_null() {
                        block.copy_to_nonoverlapping(moved, size.min(layout.size()));
                        self.dealloc(block, layout);
                    }
                    moved
                }
            }
        }
    }
}

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
