//! How much of a list is shown at once. Every list has a limit.

/// Entries of a page when nobody says.
pub const PAGE_DEFAULT: u32 = 50;

/// The most entries a page may have.
pub const PAGE_MAX: u32 = 1000;
