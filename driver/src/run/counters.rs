//! The NDK performance counters of one miniport (`OID-13` to `OID-21`).

use core::sync::atomic::{AtomicU64, Ordering};

use softndk_provider::effects::Counter;

/// What the counters showed at one moment.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Snapshot {
    /// Connections established from this side.
    pub connect: u64,
    /// Connections established from the other side.
    pub accept: u64,
    /// Failed attempts of both directions.
    pub connect_failure: u64,
    /// Established connections that failed.
    pub connection_error: u64,
    /// Connections now.
    pub active_connection: u64,
    /// Failed CQs.
    pub cq_error: u64,
    /// Bytes of RDMA traffic taken in.
    pub in_octets: u64,
    /// Bytes of RDMA traffic sent out.
    pub out_octets: u64,
    /// Frames taken in.
    pub in_frames: u64,
    /// Frames sent out.
    pub out_frames: u64,
}

/// The counters.
#[derive(Debug)]
pub struct Counters {
    connect: AtomicU64,
    accept: AtomicU64,
    connect_failure: AtomicU64,
    connection_error: AtomicU64,
    active_connection: AtomicU64,
    cq_error: AtomicU64,
    in_octets: AtomicU64,
    out_octets: AtomicU64,
    in_frames: AtomicU64,
    out_frames: AtomicU64,
}

impl Counters {
    /// All zero.
    pub const fn new() -> Self {
        Self {
            connect: AtomicU64::new(0),
            accept: AtomicU64::new(0),
            connect_failure: AtomicU64::new(0),
            connection_error: AtomicU64::new(0),
            active_connection: AtomicU64::new(0),
            cq_error: AtomicU64::new(0),
            in_octets: AtomicU64::new(0),
            out_octets: AtomicU64::new(0),
            in_frames: AtomicU64::new(0),
            out_frames: AtomicU64::new(0),
        }
    }

    /// Counts what a connection's state machine wished.
    pub fn connection(&self, counter: Counter) {
        match counter {
            Counter::Connect => {
                add(&self.connect, 1);
                add(&self.active_connection, 1);
            }
            Counter::Accept => {
                add(&self.accept, 1);
                add(&self.active_connection, 1);
            }
            Counter::ConnectFailure => add(&self.connect_failure, 1),
            Counter::ConnectionError => add(&self.connection_error, 1),
            Counter::Ended => {
                self.active_connection.fetch_sub(1, Ordering::Relaxed);
            }
        }
    }

    /// Counts a failed CQ (`CQ-37`).
    pub fn cq_failed(&self) {
        add(&self.cq_error, 1);
    }

    /// Counts traffic sent.
    pub fn sent(&self, octets: u64, frames: u64) {
        add(&self.out_octets, octets);
        add(&self.out_frames, frames);
    }

    /// Counts traffic taken in.
    pub fn received(&self, octets: u64, frames: u64) {
        add(&self.in_octets, octets);
        add(&self.in_frames, frames);
    }

    /// What they show now.
    pub fn snapshot(&self) -> Snapshot {
        Snapshot {
            connect: get(&self.connect),
            accept: get(&self.accept),
            connect_failure: get(&self.connect_failure),
            connection_error: get(&self.connection_error),
            active_connection: get(&self.active_connection),
            cq_error: get(&self.cq_error),
            in_octets: get(&self.in_octets),
            out_octets: get(&self.out_octets),
            in_frames: get(&self.in_frames),
            out_frames: get(&self.out_frames),
        }
    }
}

fn add(counter: &AtomicU64, by: u64) {
    counter.fetch_add(by, Ordering::Relaxed);
}

fn get(counter: &AtomicU64) -> u64 {
    counter.load(Ordering::Relaxed)
}
