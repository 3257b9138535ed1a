//! The Python door of rillet-core.
