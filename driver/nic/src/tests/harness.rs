//! Two QPs, four CQs, one token table.

use core::ptr::NonNull;
use std::boxed::Box;
use std::collections::VecDeque;
use std::sync::Mutex;
use std::vec;
use std::vec::Vec;

use softndk_abi::completion::{Alarm, CompletionQueue};
use softndk_abi::work::{ObjectWork, Publish, WorkLayout, WorkQueue, WqeHeader};
use softndk_abi::{Access, CompletionStatus, Cqe, Opcode, Sge, Token, WqeFlags};

use crate::memory::Backing;
use crate::qp::{CqLink, Progress, Qp, QpParts, Receives};
use crate::sink::{Loss, Sink};
use crate::srq::Srq;
use crate::token::{AllocateError, Kind, RegionDesc, SlotIndex, Table};

#[derive(Clone, Copy)]
#[repr(align(64))]
struct Line(#[expect(dead_code, reason = "memory")] [u8; 64]);

/// Zeroed memory on line boundaries.
pub struct Block(Vec<Line>);

impl Block {
    pub fn new(bytes: usize) -> Self {
        Self(vec![Line([0; 64]); bytes.div_ceil(64).max(1)])
    }

    pub fn pointer(&mut self) -> NonNull<u8> {
        NonNull::new(self.0.as_mut_ptr().cast()).expect("a vector")
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Event {
    Alarm(usize),
    Overflow(usize),
    Lost(usize, Loss),
    Starved(usize),
    Unlinked(usize, usize),
    Quiet(usize),
    Drained(u32),
    SrqLow(usize),
    SrqFed(usize),
    Unstage(u64),
}

#[derive(Default)]
pub struct Log {
    pub events: Mutex<Vec<Event>>,
    pub kicks: Mutex<VecDeque<usize>>,
    pub moves: Mutex<Vec<Move>>,
    pub asked: Mutex<Vec<(usize, usize)>>,
}

impl Log {
    fn note(&self, event: Event) {
        self.events.lock().expect("log").push(event);
    }

    pub fn take(&self) -> Vec<Event> {
        core::mem::take(&mut *self.events.lock().expect("log"))
    }

    pub fn count(&self, event: Event) -> usize {
        self.events.lock().expect("log").iter().filter(|e| **e == event).count()
    }
}

impl Sink for Log {
    fn alarm(&self, cq: usize, _: Alarm) {
        self.note(Event::Alarm(cq));
    }
    fn cq_overflow(&self, cq: usize) {
        self.note(Event::Overflow(cq));
    }
    fn lost(&self, qp: usize, loss: Loss) {
        self.note(Event::Lost(qp, loss));
    }
    fn starved(&self, qp: usize) {
        self.note(Event::Starved(qp));
    }
    fn kick(&self, qp: usize) {
        self.kicks.lock().expect("log").push_back(qp);
    }
    fn unlinked(&self, qp: usize, peer: usize) {
        self.note(Event::Unlinked(qp, peer));
    }
    fn quiet(&self, qp: usize) {
        self.note(Event::Quiet(qp));
    }
    fn drained(&self, _owner: usize, object: u32) {
        self.note(Event::Drained(object));
    }
    fn srq_low(&self, srq: usize) {
        self.note(Event::SrqLow(srq));
    }
    fn srq_fed(&self, srq: usize) {
        self.note(Event::SrqFed(srq));
    }
    fn unstage(&self, _: usize, pages: u64) {
        self.note(Event::Unstage(pages));
    }
    fn moved(&self, from: usize, to: usize, done: u64, bytes: u64) {
        self.moves.lock().expect("log").push(Move { from, to, done, bytes });
    }
    fn asked(&self, from: usize, to: usize) {
        self.asked.lock().expect("log").push((from, to));
    }
}

/// A piece of a message on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Move {
    pub from: usize,
    pub to: usize,
    pub done: u64,
    pub bytes: u64,
}

/// Memory of a consumer, registered.
pub struct Memory {
    pub index: SlotIndex,
    pub token: Token,
    pub base: u64,
    pub bytes: Vec<u8>,
}

impl Memory {
    pub fn sge(&self, offset: u64, length: u32) -> Sge {
        Sge { address: self.base + offset, length, token: self.token }
    }
}

/// One end: 0 is A, 1 is B.
pub type End = usize;
pub const A: End = 0;
pub const B: End = 1;
pub const COOKIES: [usize; 2] = [1, 2];
pub const PD: u32 = 7;
pub const DOMAIN: u32 = 70;
pub const BUDGET: u32 = 1 << 20;

pub struct Shape {
    pub depth: u32,
    pub max_sge: u32,
    pub inline: u32,
    pub cq_depth: u32,
    pub pds: [u32; 2],
    pub srq: Option<u32>,
}

impl Default for Shape {
    fn default() -> Self {
        Self { depth: 16, max_sge: 8, inline: 128, cq_depth: 64, pds: [PD, PD], srq: None }
    }
}

pub struct Rig {
    // Declared before the memory that they stand in: dropped first.
    pub qps: [Box<Qp>; 2],
    pub cqs: [Box<CompletionQueue>; 4],
    pub srq: Option<Box<Srq>>,
    pub table: Box<Table>,
    pub privileged: Token,
    pub log: Log,
    pub pds: [u32; 2],
    _blocks: Vec<Block>,
}

impl Rig {
    pub fn new() -> Self {
        Self::shaped(&Shape::default())
    }

    pub fn shaped(shape: &Shape) -> Self {
        let mut blocks = Vec::new();
        let mut block = |bytes: usize| {
            let mut block = Block::new(bytes);
            let pointer = block.pointer();
            blocks.push(block);
            pointer
        };
        // SAFETY: the blocks have the sizes asked for and live as long as the rig, behind what stands in them.
        let table = unsafe { Box::new(Table::new(block(Table::directory_bytes(8)), 8, [0x1357, 0x2468_ace0])) };
        // SAFETY: as above.
        assert!(unsafe { table.add_chunk(block(Table::chunk_bytes())) });
        let privileged = table.allocate(Kind::Privileged).expect("slot");
        let nothing = RegionDesc {
            base: 0,
            length: 0,
            pd: 0,
            rights: Access::empty(),
            backing: Backing::Contiguous(NonNull::dangling()),
        };
        // SAFETY: no bytes.
        let privileged = unsafe { table.register(privileged, &nothing) }.expect("fresh");
        let cqs: [Box<CompletionQueue>; 4] = core::array::from_fn(|_| {
            let memory = block(CompletionQueue::bytes(shape.cq_depth));
            // SAFETY: as above.
            Box::new(unsafe { CompletionQueue::new(memory, shape.cq_depth) })
        });
        let srq = shape.srq.map(|depth| {
            let memory = block(Srq::bytes(depth, shape.max_sge));
            // SAFETY: as above.
            Box::new(unsafe { Srq::new(memory, depth, shape.max_sge, 0, 50) })
        });
        let layout = WorkLayout { depth: shape.depth, max_sge: shape.max_sge, inline: shape.inline };
        let mut queue = |layout: WorkLayout| {
            let memory = block(layout.bytes());
            // SAFETY: as above.
            unsafe { WorkQueue::new(memory, layout) }
        };
        let queues: [[WorkQueue; 2]; 2] =
            core::array::from_fn(|_| [queue(layout), queue(WorkLayout { inline: 0, ..layout })]);
        let link = |index: usize| CqLink { queue: NonNull::from(&*cqs[index]), cookie: 10 + index };
        let mut end = 0;
        let qps = queues.map(|[sq, rq]| {
            let receives = match &srq {
                None => Receives::Own(rq),
                Some(srq) => {
                    Receives::Shared { srq: NonNull::from(&**srq), taken: block(16 * shape.max_sge as usize).cast() }
                }
            };
            let parts = QpParts {
                sq,
                receives,
                table: NonNull::from(&*table),
                pd: shape.pds[end],
                domain: DOMAIN,
                privileged,
                id: 100 + end as u32,
                context: 0xc000 + end as u64,
                cookie: COOKIES[end],
                initiator_cq: link(2 * end),
                receive_cq: link(2 * end + 1),
            };
            end += 1;
            // SAFETY: all parts live as long as the rig.
            Box::new(unsafe { Qp::new(parts) })
        });
        let pds = shape.pds;
        let rig = Self { qps, cqs, srq, table, privileged, log: Log::default(), pds, _blocks: blocks };
        for end in [A, B] {
            // SAFETY: both live as long as the rig.
            assert!(unsafe { rig.qps[end].connect(NonNull::from(&*rig.qps[1 - end])) });
        }
        rig
    }

    /// Memory of `length` patterned bytes at an odd virtual base, registered at `end` with `rights`.
    pub fn memory(&self, end: End, length: usize, rights: Access) -> Memory {
        self.memory_in(self.pds[end], length, rights)
    }

    pub fn memory_in(&self, pd: u32, length: usize, rights: Access) -> Memory {
        let mut bytes: Vec<u8> = (0..length).map(|i| (i * 7 + i / 251) as u8).collect();
        let index = self.slot(Kind::Region);
        let base = 0x7000_0000_0123 + u64::from(index.0) * 0x1_0000_0000;
        let backing = Backing::Contiguous(NonNull::new(bytes.as_mut_ptr()).expect("vector"));
        let region = RegionDesc { base, length: length as u64, pd, rights, backing };
        // SAFETY: tests keep `Memory` while they use it.
        let token = unsafe { self.table.register(index, &region) }.expect("fresh slot");
        Memory { index, token, base, bytes }
    }

    pub fn slot(&self, kind: Kind) -> SlotIndex {
        match self.table.allocate(kind) {
            Ok(index) => index,
            Err(AllocateError::NeedChunk | AllocateError::Full) => panic!("rig's table is full"),
        }
    }

    pub fn receive(&self, end: End, context: u64, sges: &[Sge]) {
        self.try_receive(end, context, sges).expect("room");
        let progress = self.qps[end].receive_posted(BUDGET, &self.log);
        self.after(end, progress);
    }

    pub fn try_receive(&self, end: End, context: u64, sges: &[Sge]) -> Option<()> {
        let queue = self.qps[end].receive_queue().expect("own queue");
        let mut slot = queue.reserve()?;
        slot.header(&WqeHeader {
            request_context: context,
            opcode: Opcode::Receive,
            flags: WqeFlags::empty(),
            sge_count: sges.len() as u16,
            length: sges.iter().map(|s| s.length).sum(),
            remote_address: 0,
            remote_token: Token(0),
        });
        for (index, sge) in sges.iter().enumerate() {
            assert!(slot.sge(index as u32, *sge));
        }
        slot.commit(Publish::Now);
        Some(())
    }

    /// Posts without a doorbell.
    pub fn post(&self, end: End, request: &Request<'_>) -> Option<()> {
        let mut slot = self.qps[end].send_queue().reserve()?;
        let inline = request.inline.is_some();
        let length = request.inline.map_or_else(|| request.sges.iter().map(|s| s.length).sum(), |d| d.len() as u32);
        slot.header(&WqeHeader {
            request_context: request.context,
            opcode: request.opcode,
            flags: if inline { request.flags | WqeFlags::INLINE } else { request.flags },
            sge_count: request.sges.len() as u16,
            length,
            remote_address: request.remote.0,
            remote_token: request.remote.1,
        });
        if let Some(data) = request.inline {
            slot.inline_area(data.len() as u32).expect("room").copy_from_slice(data);
        }
        for (index, sge) in request.sges.iter().enumerate() {
            assert!(slot.sge(index as u32, *sge));
        }
        slot.commit(request.publish);
        Some(())
    }

    pub fn submit(&self, end: End, request: &Request<'_>) {
        self.post(end, request).expect("room");
        let progress = self.qps[end].run_send(BUDGET, &self.log);
        self.after(end, progress);
    }

    pub fn object(&self, end: End, context: u64, opcode: Opcode, work: &ObjectWork) {
        let mut slot = self.qps[end].send_queue().reserve().expect("room");
        slot.object_work(context, opcode, WqeFlags::empty(), work);
        slot.commit(Publish::Now);
        let progress = self.qps[end].run_send(BUDGET, &self.log);
        self.after(end, progress);
    }

    /// What the shell does with the answer of a run.
    pub fn after(&self, end: End, progress: Progress) {
        if progress == Progress::More {
            self.log.kick(COOKIES[end]);
        }
        self.pump();
    }

    /// Runs what was kicked, to the end.
    pub fn pump(&self) {
        for _ in 0..100_000 {
            let Some(cookie) = self.log.kicks.lock().expect("log").pop_front() else { return };
            let end = cookie - 1;
            if self.qps[end].run(BUDGET, &self.log) == Progress::More {
                self.log.kick(cookie);
            }
        }
        panic!("the device does not come to rest");
    }

    pub fn sent(&self, end: End) -> Vec<Cqe> {
        drain(&self.cqs[2 * end])
    }

    pub fn received(&self, end: End) -> Vec<Cqe> {
        drain(&self.cqs[2 * end + 1])
    }
}

fn drain(cq: &CompletionQueue) -> Vec<Cqe> {
    core::iter::from_fn(|| cq.pop()).collect()
}

pub struct Request<'a> {
    pub context: u64,
    pub opcode: Opcode,
    pub flags: WqeFlags,
    pub sges: &'a [Sge],
    pub inline: Option<&'a [u8]>,
    pub remote: (u64, Token),
    pub publish: Publish,
}

impl<'a> Request<'a> {
    pub fn new(opcode: Opcode, context: u64, sges: &'a [Sge]) -> Self {
        let remote = (0, Token(0));
        Self { context, opcode, flags: WqeFlags::empty(), sges, inline: None, remote, publish: Publish::Now }
    }

    pub fn to(self, memory: &Memory, offset: u64) -> Self {
        Self { remote: (memory.base.wrapping_add(offset), memory.token), ..self }
    }

    pub fn flags(self, flags: WqeFlags) -> Self {
        Self { flags, ..self }
    }
}

/// Context and status of each completion.
pub fn brief(cqes: &[Cqe]) -> Vec<(u64, CompletionStatus)> {
    cqes.iter().map(|c| (c.request_context, c.status)).collect()
}

pub const LOCAL: Access = Access::LOCAL_WRITE;
pub const REMOTE: Access = Access::LOCAL_WRITE.union(Access::REMOTE_READ).union(Access::REMOTE_WRITE);
