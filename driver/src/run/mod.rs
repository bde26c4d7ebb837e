//! What runs beneath the dispatch tables: objects and their ends, the device of one miniport, its
//! workers and DPCs, and the connections between devices.
//!
//! | file | what it is |
//! |---|---|
//! | [`object`] | the block behind every `NDK_*` pointer: header, life, close |
//! | [`upcall`] | the DPC that finishes closed objects |
//! | [`device`] | one miniport's NDK side: limits, tokens, lists, counters |
//! | [`control`] | the one lock of connection state, and what it guards |
//! | [`list`] | lists under that lock |
//! | [`cm`], [`request`], [`effects`] | the connection worker, incoming requests, wishes carried out |
//! | [`engine`] | doorbells: who runs the NIC's engine, the workers that carry on, the RNR timer |
//! | [`chore`] | what the engine leaves to the workers |
//! | [`notify`] | CQ notifications and their moderation |
//! | [`tokens`] | the token table and its memory |
//! | [`counters`] | NDK performance counters |
//! | [`memory`] | MDL chains as memory of the device |
//!
//! # Lock order
//! `Control` (connection state, driver-wide) before `Leaf` (queues of work). The data path takes
//! neither: posts, polls and the engine run on rings, gates and atomics. No lock is held across a
//! consumer callback: the token types see to it.

pub mod chore;
pub mod cm;
pub mod control;
pub mod counters;
pub mod device;
pub mod effects;
pub mod engine;
pub mod list;
pub mod memory;
pub mod notify;
pub mod object;
pub mod request;
pub mod tokens;
pub mod upcall;
