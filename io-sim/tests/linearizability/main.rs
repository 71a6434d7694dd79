//! The checker against verdicts of others, and against one that tries everything.

mod data;
mod naive;
mod random;
