//! Statistical tests and distances: is one revision worse than another, have the data drifted, where does a trend lead.
//!
//! Pure functions over numbers. Each names its source, and is held against SciPy's, Evidently's and Fairlearn's answers by
//! its tests.

pub mod compare;
pub mod drift;
pub mod fairness;
pub mod quality;
pub mod special;
pub mod trend;
