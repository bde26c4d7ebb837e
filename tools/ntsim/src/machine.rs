//! The simulated machine: what host tools and tests use.
