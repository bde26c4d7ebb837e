//! Two connected QPs with memory, as a consumer would have them.

use std::alloc::{Layout, alloc_zeroed};
use std::hint::spin_loop;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Instant;

use softndk_abi::completion::{Alarm, CompletionQueue};
use softndk_abi::work::{Publish, WorkLayout, WorkQueue, WqeHeader};
use softndk_abi::{Access, CompletionStatus, Opcode, Sge, Token, WqeFlags};
use softndk_nic::memory::Backing;
use softndk_nic::qp::{CqLink, Progress, Qp, QpParts, Receives};
use softndk_nic::sink::{Loss, Sink};
use softndk_nic::token::{Kind, RegionDesc, Table};

/// Inline bytes of the send queues.
pub const INLINE: u32 = 256;
const DEPTH: u32 = 64;
const BUDGET: u32 = u32::MAX;

/// Remembers kicks; all else would be a failure here.
#[derive(Default)]
struct Bell {
    kicked: [AtomicBool; 2],
}

impl Sink for Bell {
    fn alarm(&self, _: usize, _: Alarm) {}
    fn cq_overflow(&self, _: usize) {
        panic!("a CQ overflowed");
    }
    fn lost(&self, _: usize, loss: Loss) {
        panic!("connection lost: {loss:?}");
    }
    fn starved(&self, _: usize) {}
    fn kick(&self, qp: usize) {
        self.kicked[qp].store(true, Ordering::Release);
    }
    fn unlinked(&self, _: usize, _: usize) {}
    fn quiet(&self, _: usize) {}
    fn drained(&self, _: usize, _: u32) {}
    fn srq_low(&self, _: usize) {}
    fn srq_fed(&self, _: usize) {}
    fn unstage(&self, _: usize, _: u64) {}
}

/// Two QPs on one token table, each with a registered buffer. Memory is never freed: the program is short.
pub struct Pair {
    qps: [Qp; 2],
    cqs: &'static [[CompletionQueue; 2]; 2],
    buffers: [Sge; 2],
    bell: Bell,
}

fn block(bytes: usize) -> NonNull<u8> {
    let layout = Layout::from_size_align(bytes.max(1), 4096).expect("small enough");
    // SAFETY: not of size 0.
    NonNull::new(unsafe { alloc_zeroed(layout) }).expect("memory")
}

impl Pair {
    /// Buffers of `size` bytes.
    pub fn new(size: u32) -> &'static Self {
        // SAFETY: here and below: blocks of the size asked for, zeroed, never freed, used for one thing.
        let table = unsafe { Table::new(block(Table::directory_bytes(1)), 1, [0x1234_5678, 0x9abc_def0]) };
        let table: &'static Table = Box::leak(Box::new(table));
        // SAFETY: as above.
        assert!(unsafe { table.add_chunk(block(Table::chunk_bytes())) });
        let buffers = [1, 2].map(|end: u64| {
            let memory = block(size as usize);
            let index = table.allocate(Kind::Region).expect("room");
            let rights = Access::LOCAL_WRITE | Access::REMOTE_READ | Access::REMOTE_WRITE;
            let backing = Backing::Contiguous(memory);
            let base = end << 40;
            let region = RegionDesc { base, length: u64::from(size), pd: 1, rights, backing };
            // SAFETY: as above.
            let token = unsafe { table.register(index, &region) }.expect("fresh");
            Sge { address: base, length: size, token }
        });
        let depth = 2 * DEPTH;
        // SAFETY: as above.
        let cq = |()| unsafe { CompletionQueue::new(block(CompletionQueue::bytes(depth)), depth) };
        let cqs: &'static [[CompletionQueue; 2]; 2] = Box::leak(Box::new([(); 2].map(|()| [(); 2].map(cq))));
        let mut end = 0;
        let qps = [(); 2].map(|()| {
            let queue = |inline| {
                let layout = WorkLayout { depth: DEPTH, max_sge: 4, inline };
                // SAFETY: as above; each end is used by one thread.
                unsafe { WorkQueue::new(block(layout.bytes()), layout) }
            };
            let link = |queue| CqLink { queue: NonNull::from(queue), cookie: 0 };
            let parts = QpParts {
                sq: queue(INLINE),
                receives: Receives::Own(queue(0)),
                table: NonNull::from(table),
                pd: 1,
                domain: 1,
                privileged: Token(0),
                id: 1,
                context: 0,
                cookie: end,
                initiator_cq: link(&cqs[end][0]),
                receive_cq: link(&cqs[end][1]),
            };
            end += 1;
            // SAFETY: all of it lives as long as the program.
            unsafe { Qp::new(parts) }
        });
        let pair: &'static Self = Box::leak(Box::new(Self { qps, cqs, buffers, bell: Bell::default() }));
        for end in [0, 1] {
            // SAFETY: as above.
            assert!(unsafe { pair.qps[end].connect(NonNull::from(&pair.qps[1 - end])) });
        }
        pair
    }

    fn post(&self, end: usize, opcode: Opcode, size: u32, inline: bool, publish: Publish) {
        let mut slot = self.qps[end].send_queue().reserve().expect("room");
        let target = self.buffers[1 - end];
        slot.header(&WqeHeader {
            request_context: 1,
            opcode,
            flags: if inline { WqeFlags::INLINE } else { WqeFlags::empty() },
            sge_count: u16::from(!inline),
            length: size,
            remote_address: target.address,
            remote_token: target.token,
        });
        if inline {
            slot.inline_area(size).expect("room").fill(7);
        } else {
            assert!(slot.sge(0, self.buffers[end]));
        }
        slot.commit(publish);
    }

    fn receive(&self, end: usize, size: u32) {
        let queue = self.qps[end].receive_queue().expect("own");
        let mut slot = queue.reserve().expect("room");
        slot.header(&WqeHeader {
            request_context: 2,
            opcode: Opcode::Receive,
            flags: WqeFlags::empty(),
            sge_count: 1,
            length: size,
            remote_address: 0,
            remote_token: Token(0),
        });
        assert!(slot.sge(0, self.buffers[end]));
        slot.commit(Publish::Now);
        let _ = self.qps[end].receive_posted(BUDGET, &self.bell);
    }

    fn ring(&self, end: usize) {
        while self.qps[end].run_send(BUDGET, &self.bell) == Progress::More {}
    }

    /// Posts `batch` requests of A with one doorbell, and polls their completions (for Sends the receives' too).
    pub fn round(&self, opcode: Opcode, size: u32, batch: u32, inline: bool) {
        for number in 1..=batch {
            if opcode == Opcode::Send {
                self.receive(1, size);
            }
            self.post(0, opcode, size, inline, if number == batch { Publish::Now } else { Publish::Defer });
        }
        self.ring(0);
        for _ in 0..batch {
            let done = self.cqs[0][0].pop().expect("complete");
            assert_eq!(done.status, CompletionStatus::Success);
            if opcode == Opcode::Send {
                self.cqs[1][1].pop().expect("received");
            }
        }
    }

    /// One end of a ping-pong of Sends, each run by its own poster.
    fn answer(&self, end: usize, size: u32, rounds: u32, first: bool) {
        for round in 0..rounds {
            if !first || round != 0 {
                // Posted ahead: one receive is always there.
                while self.cqs[end][1].pop().is_none() {
                    if self.bell.kicked[end].swap(false, Ordering::AcqRel) {
                        self.ring(end);
                    }
                    spin_loop();
                }
                self.receive(end, size);
            }
            self.post(end, Opcode::Send, size, true, Publish::Now);
            self.ring(end);
            while self.cqs[end][0].pop().is_none() {
                if self.bell.kicked[end].swap(false, Ordering::AcqRel) {
                    self.ring(end);
                }
                spin_loop();
            }
        }
    }
}

/// Nanoseconds of half a round trip of Sends between two threads.
pub fn ping_pong(size: u32, rounds: u32) -> f64 {
    let pair = Pair::new(size);
    for end in [0, 1] {
        for _ in 0..4 {
            pair.receive(end, size);
        }
    }
    thread::scope(|scope| {
        scope.spawn(|| pair.answer(1, size, rounds, false));
        let start = Instant::now();
        pair.answer(0, size, rounds, true);
        start.elapsed().as_nanos() as f64 / f64::from(2 * rounds)
    })
}
