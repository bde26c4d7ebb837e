//! Tests of the device: two QPs on the host, memory in vectors, a sink that writes down what it is told.

mod errors;
mod flush;
mod harness;
mod objects;
mod shared;
mod tokens;
mod transfer;
