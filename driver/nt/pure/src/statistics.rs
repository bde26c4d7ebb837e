//! Counters of the Ethernet side, and the answer of OID_GEN_STATISTICS: `MP-STAT-01` to `MP-STAT-06`.

use core::sync::atomic::{AtomicU64, Ordering};

use crate::bytes::Writer;
use crate::ether::Class;

/// One direction: frames and octets by class.
#[derive(Debug, Default)]
pub struct Direction {
    frames: [AtomicU64; 3],
    octets: [AtomicU64; 3],
}

impl Direction {
    const fn new() -> Self {
        Self { frames: [const { AtomicU64::new(0) }; 3], octets: [const { AtomicU64::new(0) }; 3] }
    }

    /// Counts one frame of `octets` bytes, MAC header included.
    pub fn count(&self, class: Class, octets: u32) {
        let place = match class {
            Class::Directed => 0,
            Class::Multicast => 1,
            Class::Broadcast => 2,
        };
        if let (Some(frames), Some(total)) = (self.frames.get(place), self.octets.get(place)) {
            frames.fetch_add(1, Ordering::Relaxed);
            total.fetch_add(u64::from(octets), Ordering::Relaxed);
        }
    }

    fn snapshot(&self) -> Totals {
        Totals {
            frames: self.frames.each_ref().map(|counter| counter.load(Ordering::Relaxed)),
            octets: self.octets.each_ref().map(|counter| counter.load(Ordering::Relaxed)),
        }
    }
}

/// All counters of an adapter; 64 bits, never reset while it is initialised (`MP-STAT-04`).
#[derive(Debug, Default)]
pub struct Counters {
    /// Frames received.
    pub received: Direction,
    /// Frames sent.
    pub sent: Direction,
    /// Frames that were too long to receive, or broken.
    pub receive_errors: AtomicU64,
    /// Frames dropped for want of a receive buffer.
    pub no_buffer: AtomicU64,
    /// Frames that could not be sent as they were.
    pub send_errors: AtomicU64,
    /// Frames not sent because of the adapter's state.
    pub send_discards: AtomicU64,
}

/// Frames and octets by class: directed, multicast, broadcast.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Totals {
    /// Frames.
    pub frames: [u64; 3],
    /// Octets.
    pub octets: [u64; 3],
}

impl Totals {
    /// Adds RDMA traffic, which is directed (`MP-STAT-05`, `OID-22`).
    const fn add_directed(mut self, frames: u64, octets: u64) -> Self {
        let [directed, ..] = &mut self.frames;
        *directed = directed.wrapping_add(frames);
        let [directed, ..] = &mut self.octets;
        *directed = directed.wrapping_add(octets);
        self
    }

    /// All frames.
    #[must_use]
    pub fn all_frames(&self) -> u64 {
        self.frames.iter().fold(0, |sum, frames| sum.wrapping_add(*frames))
    }

    /// All octets.
    #[must_use]
    pub fn all_octets(&self) -> u64 {
        self.octets.iter().fold(0, |sum, octets| sum.wrapping_add(*octets))
    }
}

/// RDMA traffic as frames on the wire: what the NDK counters say.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RdmaTraffic {
    /// Octets received, layer-2 overhead included.
    pub in_octets: u64,
    /// Octets sent.
    pub out_octets: u64,
    /// Frames received.
    pub in_frames: u64,
    /// Frames sent.
    pub out_frames: u64,
}

/// All counters at one moment.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Snapshot {
    /// Received, RDMA included.
    pub received: Totals,
    /// Sent, RDMA included.
    pub sent: Totals,
    /// ifInErrors.
    pub receive_errors: u64,
    /// Frames dropped for want of a buffer.
    pub no_buffer: u64,
    /// ifOutErrors.
    pub send_errors: u64,
    /// ifOutDiscards.
    pub send_discards: u64,
}

/// Bytes of NDIS_STATISTICS_INFO.
pub const ANSWER: usize = 152;
/// All the NDIS_STATISTICS_FLAGS_VALID_* bits: each counter of the structure is kept.
const VALID: u32 = 0x003f_87ff;

impl Counters {
    /// Nothing counted yet.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            received: Direction::new(),
            sent: Direction::new(),
            receive_errors: AtomicU64::new(0),
            no_buffer: AtomicU64::new(0),
            send_errors: AtomicU64::new(0),
            send_discards: AtomicU64::new(0),
        }
    }

    /// The counters now, with the RDMA traffic of the same adapter.
    #[must_use]
    pub fn snapshot(&self, rdma: RdmaTraffic) -> Snapshot {
        Snapshot {
            received: self.received.snapshot().add_directed(rdma.in_frames, rdma.in_octets),
            sent: self.sent.snapshot().add_directed(rdma.out_frames, rdma.out_octets),
            receive_errors: self.receive_errors.load(Ordering::Relaxed),
            no_buffer: self.no_buffer.load(Ordering::Relaxed),
            send_errors: self.send_errors.load(Ordering::Relaxed),
            send_discards: self.send_discards.load(Ordering::Relaxed),
        }
    }
}

impl Snapshot {
    /// NDIS_STATISTICS_INFO, revision 1.
    #[must_use]
    pub fn answer(&self) -> [u8; ANSWER] {
        let mut answer = [0; ANSWER];
        let mut out = Writer::new(&mut answer);
        out.header(ANSWER as u16);
        out.u32(VALID);
        out.u64(self.receive_errors.wrapping_add(self.no_buffer));
        out.u64(self.receive_errors);
        out.u64(self.received.all_octets());
        out.u64s(&self.received.frames);
        out.u64(self.sent.all_octets());
        out.u64s(&self.sent.frames);
        out.u64(self.send_errors);
        out.u64(self.send_discards);
        out.u64s(&self.received.octets);
        out.u64s(&self.sent.octets);
        answer
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(answer: &[u8], index: usize) -> u64 {
        u64::from_le_bytes(answer[8 + index * 8..][..8].try_into().unwrap())
    }

    #[test]
    fn mp_stat_01_layout() {
        let counters = Counters::new();
        counters.received.count(Class::Directed, 100);
        counters.received.count(Class::Multicast, 10);
        counters.received.count(Class::Broadcast, 1);
        counters.sent.count(Class::Broadcast, 60);
        counters.receive_errors.store(5, Ordering::Relaxed);
        counters.no_buffer.store(7, Ordering::Relaxed);
        counters.send_errors.store(8, Ordering::Relaxed);
        counters.send_discards.store(9, Ordering::Relaxed);
        let answer = counters.snapshot(RdmaTraffic::default()).answer();
        assert_eq!(answer[..4], [0x80, 1, 152, 0]);
        let expected = [12, 5, 111, 1, 1, 1, 60, 0, 0, 1, 8, 9, 100, 10, 1, 0, 0, 60];
        for (index, value) in expected.into_iter().enumerate() {
            assert_eq!(at(&answer, index), value, "counter {index}");
        }
    }

    #[test]
    fn oid_22_rdma_counts_too() {
        let counters = Counters::new();
        counters.sent.count(Class::Directed, 100);
        let rdma = RdmaTraffic { in_octets: 1000, out_octets: 2000, in_frames: 3, out_frames: 4 };
        let snapshot = counters.snapshot(rdma);
        assert_eq!(snapshot.sent.frames, [5, 0, 0]);
        assert_eq!(snapshot.sent.octets, [2100, 0, 0]);
        assert_eq!(snapshot.received.all_octets(), 1000);
        assert_eq!(snapshot.received.all_frames(), 3);
    }
}
