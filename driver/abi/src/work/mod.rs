//! The send and receive queues: a ring of WQEs with one producer and one consumer, no lock.
//!
//! ```text
//!   memory:  | producer | doorbell | consumer | slot 0 | slot 1 | ...      (each group on lines of its own)
//!                                                 ^head          ^published       ^written
//!            head .. published: the device may take them        published .. written: deferred
//! ```
//!
//! Indices run freely; the number of slots is the depth rounded up to a power of two, and the depth itself is
//! exact (WR-16). The producer keeps a copy of the consumer's index and the consumer one of the producer's, so
//! neither reads the other's line per request. A deferred WQE (FLAG-19) is written but not published; a drain
//! reaches it all the same (FLAG-24).
//!
//! Lines touched per request: the slot's first line (header and two SGEs or 32 inline bytes), the producer's
//! line, the doorbell line at a publish; consumer: the slot's line, its own line, the doorbell line when its
//! copy is used up.
//!
//! Carries: WR-03, WR-16, WR-17, FLAG-19 to FLAG-24. `unsafe` here: the ring is raw memory.

mod wqe;

use core::marker::PhantomData;
use core::mem::size_of;
use core::ptr::NonNull;

use crate::sync::{AtomicBool, AtomicU32, Gap, Ordering, Tracker};
use crate::{Access, Opcode, Sge, Token, WqeFlags};

pub use wqe::{ObjectWork, Publish, WqeHeader};
use wqe::{RawArguments, RawWqe};

/// Shape of a ring; sizes in bytes follow from it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct WorkLayout {
    /// Requests that fit, exactly; 0 is legal and takes nothing (QP-07).
    pub depth: u32,
    /// SGEs per request.
    pub max_sge: u32,
    /// Inline bytes per request.
    pub inline: u32,
}

impl WorkLayout {
    const LINE: usize = 64;
    const HEADER: usize = size_of::<RawWqe>();
    /// Room that the arguments of Bind, FastRegister and Invalidate need behind the header.
    const ARGUMENTS: usize = size_of::<RawArguments>();

    /// Bytes of one slot: a multiple of 64. Up to two SGEs or 32 inline bytes make one line.
    pub const fn stride(&self) -> usize {
        let mut room = Self::ARGUMENTS;
        let sges = (self.max_sge as usize).saturating_mul(size_of::<Sge>());
        if sges > room {
            room = sges;
        }
        if self.inline as usize > room {
            room = self.inline as usize;
        }
        (room.saturating_add(Self::HEADER + Self::LINE - 1) / Self::LINE) * Self::LINE
    }

    /// Slots of the ring: the depth rounded up to a power of two, at least 1, at most 2^31.
    pub const fn slots(&self) -> u32 {
        match self.depth {
            0 => 1,
            depth if depth > 1 << 31 => 1 << 31,
            depth => depth.next_power_of_two(),
        }
    }

    /// Bytes of memory that [`WorkQueue::new`] wants; `usize::MAX` for shapes that no machine holds.
    pub const fn bytes(&self) -> usize {
        (self.slots() as usize)
            .saturating_mul(self.stride().saturating_add(size_of::<Tracker>()))
            .saturating_add(CONTROL)
    }
}

struct Producer {
    written: AtomicU32,
    cached_head: AtomicU32,
    reserved: AtomicBool,
}

struct Consumer {
    head: AtomicU32,
    cached_bound: AtomicU32,
}

/// Index words at the start of the ring memory, each group on lines of its own.
#[repr(C)]
struct Control {
    producer: Producer,
    _gap: Gap,
    published: AtomicU32,
    _gap2: Gap,
    consumer: Consumer,
    _gap3: Gap,
}

/// Bytes of `Control`, rounded up to lines.
const CONTROL: usize = size_of::<Control>().next_multiple_of(64);

/// A ring of WQEs between one producer and one consumer at a time.
///
/// # Invariants
/// `memory` holds a `Control`, then `mask + 1` slots of `stride` bytes, then as many trackers, all initialised
/// by `new` and not moved since. Slots `head..written` belong to the consumer side, the others to the producer.
#[derive(Debug)]
pub struct WorkQueue {
    memory: NonNull<u8>,
    mask: u32,
    depth: u32,
    stride: usize,
    max_sge: u32,
    inline: u32,
}

// SAFETY: the ring is shared through atomic indices that hand each slot from one side to the other; that each
// side has one caller at a time is promised to `new`.
unsafe impl Send for WorkQueue {}
// SAFETY: as above.
unsafe impl Sync for WorkQueue {}

impl WorkQueue {
    /// A ring in `memory`.
    ///
    /// # Safety
    /// `memory` is `layout.bytes()` long, 64-byte aligned, zeroed, used for nothing else, and outlives the ring.
    /// At any time at most one thread is in a producer-side method or holds a [`Slot`] (NDK's promise of
    /// serialised posts, WR-06), and at most one is in a consumer-side method or uses a [`Wqe`] (whoever holds
    /// the gate), which is not used after [`WorkQueue::complete`].
    pub unsafe fn new(memory: NonNull<u8>, layout: WorkLayout) -> Self {
        let queue = Self {
            memory,
            mask: layout.slots().wrapping_sub(1),
            depth: layout.depth.min(layout.slots()),
            stride: layout.stride(),
            max_sge: layout.max_sge,
            inline: layout.inline,
        };
        let control = Control {
            producer: Producer {
                written: AtomicU32::new(0),
                cached_head: AtomicU32::new(0),
                reserved: AtomicBool::new(false),
            },
            _gap: Gap::new(),
            published: AtomicU32::new(0),
            _gap2: Gap::new(),
            consumer: Consumer { head: AtomicU32::new(0), cached_bound: AtomicU32::new(0) },
            _gap3: Gap::new(),
        };
        // SAFETY: the memory starts with room for `Control`, aligned, and is ours alone (see above).
        unsafe { memory.cast::<Control>().write(control) };
        if size_of::<Tracker>() != 0 {
            for index in 0..layout.slots() {
                // SAFETY: `bytes()` counts a tracker per slot behind the slots; nobody reads it yet.
                unsafe { queue.tracker(index).write(Tracker::new()) };
            }
        }
        queue
    }

    /// Requests that fit.
    pub fn depth(&self) -> u32 {
        self.depth
    }

    /// SGEs that fit into one request.
    pub fn max_sge(&self) -> u32 {
        self.max_sge
    }

    /// Inline bytes that fit into one request.
    pub fn inline_capacity(&self) -> u32 {
        self.inline
    }

    /// Producer: a free slot, or `None` when the depth is reached (WR-16) or a [`Slot`] is still out.
    #[inline]
    pub fn reserve(&self) -> Option<Slot<'_>> {
        let producer = &self.control().producer;
        let written = producer.written.load(Ordering::Relaxed);
        if written.wrapping_sub(producer.cached_head.load(Ordering::Relaxed)) >= self.depth {
            // Acquire: the consumer has read the slot out before it moved its index.
            let head = self.control().consumer.head.load(Ordering::Acquire);
            producer.cached_head.store(head, Ordering::Relaxed);
            if written.wrapping_sub(head) >= self.depth {
                return None;
            }
        }
        if producer.reserved.load(Ordering::Relaxed) {
            return None;
        }
        producer.reserved.store(true, Ordering::Relaxed);
        let slot = Slot { queue: self, raw: self.slot(written), next: written.wrapping_add(1) };
        self.track_write(written);
        // A slot committed without a header must not repeat what stood there a lap ago: code 0 is no opcode.
        // SAFETY: a slot starts with a `RawWqe`, so the byte lies in it.
        let opcode = unsafe { slot.raw.add(core::mem::offset_of!(RawWqe, opcode)) };
        // SAFETY: the slot is free, so it is the producer's.
        unsafe { opcode.write(0) };
        Some(slot)
    }

    /// Producer: shows deferred WQEs to the device; `true` when there were any, so that the doorbell is due (FLAG-21).
    ///
    /// After a drain has taken them it may be `true` once too often; a doorbell without a request does no harm.
    #[inline]
    pub fn publish(&self) -> bool {
        let control = self.control();
        let written = control.producer.written.load(Ordering::Relaxed);
        let due = control.published.load(Ordering::Relaxed) != written;
        if due {
            // Release: the slots' contents before the index.
            control.published.store(written, Ordering::Release);
        }
        due
    }

    /// Consumer: the oldest published WQE.
    #[inline]
    pub fn front(&self) -> Option<Wqe<'_>> {
        self.oldest(&self.control().published)
    }

    /// Consumer: the oldest WQE, deferred ones included; for drains (FLAG-24).
    #[inline]
    pub fn front_written(&self) -> Option<Wqe<'_>> {
        self.oldest(&self.control().producer.written)
    }

    /// Consumer: frees the front slot, which the producer may use again (WR-17). Without a front WQE it does nothing.
    #[inline]
    pub fn complete(&self) {
        let consumer = &self.control().consumer;
        let head = consumer.head.load(Ordering::Relaxed);
        if head != consumer.cached_bound.load(Ordering::Relaxed) {
            // Release: our reads of the slot before the producer's next use of it.
            consumer.head.store(head.wrapping_add(1), Ordering::Release);
        }
    }

    /// WQEs published and not completed; a snapshot.
    pub fn len(&self) -> u32 {
        self.pending(&self.control().published)
    }

    /// Whether [`WorkQueue::len`] is 0.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// WQEs written and not completed, deferred ones included; a snapshot.
    pub fn queued(&self) -> u32 {
        self.pending(&self.control().producer.written)
    }

    fn pending(&self, bound: &AtomicU32) -> u32 {
        let head = self.control().consumer.head.load(Ordering::Acquire);
        let count = bound.load(Ordering::Acquire).wrapping_sub(head);
        // A drain runs ahead of `published`, and the two loads are not one: more than the depth means none.
        if count > self.depth { 0 } else { count }
    }

    #[inline]
    fn oldest(&self, bound: &AtomicU32) -> Option<Wqe<'_>> {
        let consumer = &self.control().consumer;
        let head = consumer.head.load(Ordering::Relaxed);
        if consumer.cached_bound.load(Ordering::Relaxed) == head {
            // Acquire: the slot's contents after the index that shows it.
            let fresh = bound.load(Ordering::Acquire);
            // After a drain of deferred WQEs `published` may lie behind `head`.
            if fresh == head || fresh.wrapping_sub(head) > self.depth {
                return None;
            }
            consumer.cached_bound.store(fresh, Ordering::Relaxed);
        }
        self.track_read(head);
        Some(Wqe { raw: self.slot(head), max_sge: self.max_sge, queue: PhantomData })
    }

    #[inline]
    fn control(&self) -> &Control {
        // SAFETY: written by `new`, never moved or written as a whole again; its fields are atomics.
        unsafe { self.memory.cast::<Control>().as_ref() }
    }

    #[inline]
    fn slot(&self, index: u32) -> NonNull<u8> {
        let offset = CONTROL + (index & self.mask) as usize * self.stride;
        // SAFETY: masked index times stride is within the slots, `bytes()` long (type invariant).
        unsafe { self.memory.add(offset) }
    }

    fn tracker(&self, index: u32) -> NonNull<Tracker> {
        let slots = (self.mask as usize).wrapping_add(1);
        let offset = CONTROL + slots * self.stride + (index & self.mask) as usize * size_of::<Tracker>();
        // SAFETY: as `slot`: the trackers follow the slots.
        unsafe { self.memory.add(offset) }.cast()
    }

    #[inline(always)]
    fn track_read(&self, index: u32) {
        // SAFETY: initialised by `new` (and without size when not under loom).
        unsafe { self.tracker(index).as_ref() }.read();
    }

    #[inline(always)]
    fn track_write(&self, index: u32) {
        // SAFETY: initialised by `new` (and without size when not under loom).
        unsafe { self.tracker(index).as_ref() }.write();
    }
}

/// A reserved slot on its way to a WQE. Dropped without a commit it goes back unused (WR-03).
#[derive(Debug)]
pub struct Slot<'q> {
    queue: &'q WorkQueue,
    raw: NonNull<u8>,
    next: u32,
}

impl Slot<'_> {
    /// Writes the header.
    #[inline]
    pub fn header(&mut self, header: &WqeHeader) {
        let raw = RawWqe {
            request_context: header.request_context,
            opcode: header.opcode as u8,
            reserved: 0,
            flags: header.flags.bits(),
            sge_count: header.sge_count,
            rights: 0,
            length: header.length,
            remote_token: header.remote_token.0,
            remote_address: header.remote_address,
        };
        // SAFETY: the slot is the producer's until the commit, aligned, and longer than a header.
        unsafe { self.raw.cast::<RawWqe>().write(raw) };
    }

    /// Writes header and arguments of a Bind, FastRegister or Invalidate.
    #[inline]
    pub fn object_work(&mut self, request_context: u64, opcode: Opcode, flags: WqeFlags, work: &ObjectWork) {
        let bind = matches!(opcode, Opcode::Bind);
        let raw = RawWqe {
            request_context,
            opcode: opcode as u8,
            reserved: 0,
            flags: flags.bits(),
            sge_count: 0,
            rights: work.rights.bits(),
            length: if bind { work.second } else { work.token.0 },
            remote_token: work.object,
            remote_address: work.base,
        };
        let arguments = RawArguments {
            span: work.span,
            pages: work.pages,
            run_base: work.run_base,
            offset_or_token: if bind { work.token.0 } else { work.first_byte_offset },
            page_count: work.page_count,
        };
        // SAFETY: the slot is the producer's until the commit, aligned, and longer than a header.
        unsafe { self.raw.cast::<RawWqe>().write(raw) };
        // SAFETY: every stride has room for the arguments behind the header (`WorkLayout::stride`).
        unsafe { self.payload().cast::<RawArguments>().write(arguments) };
    }

    /// Writes SGE number `index`; `false`, and nothing done, when the queue has no room for that many (WR-18).
    #[inline]
    #[must_use]
    pub fn sge(&mut self, index: u32, sge: Sge) -> bool {
        if index >= self.queue.max_sge {
            return false;
        }
        // SAFETY: below `max_sge`, for which the stride has room behind the header.
        let place = unsafe { self.payload().cast::<Sge>().add(index as usize) };
        // SAFETY: the slot is the producer's until the commit, and aligned.
        unsafe { place.write(sge) };
        true
    }

    /// The first `length` bytes of the inline area, for the payload (FLAG-10), or `None` when the queue has fewer (FLAG-13).
    #[inline]
    pub fn inline_area(&mut self, length: u32) -> Option<&mut [u8]> {
        if length > self.queue.inline {
            return None;
        }
        // SAFETY: the stride has room for `inline` bytes behind the header; the memory was zeroed at the start,
        // so it is initialised; the slot is the producer's, and this borrow is the only one of it.
        Some(unsafe { core::slice::from_raw_parts_mut(self.payload().as_ptr(), length as usize) })
    }

    /// Hands the WQE over.
    #[inline]
    pub fn commit(self, publish: Publish) {
        let control = self.queue.control();
        // Release: a drain takes deferred slots by this index.
        control.producer.written.store(self.next, Ordering::Release);
        if matches!(publish, Publish::Now) {
            control.published.store(self.next, Ordering::Release);
        }
    }

    #[inline(always)]
    fn payload(&self) -> NonNull<u8> {
        // SAFETY: a slot is at least a header and its arguments long.
        unsafe { self.raw.add(WorkLayout::HEADER) }
    }
}

impl Drop for Slot<'_> {
    #[inline]
    fn drop(&mut self) {
        self.queue.control().producer.reserved.store(false, Ordering::Relaxed);
    }
}

/// The front WQE; readable until [`WorkQueue::complete`].
#[derive(Clone, Copy, Debug)]
pub struct Wqe<'q> {
    raw: NonNull<u8>,
    max_sge: u32,
    queue: PhantomData<&'q WorkQueue>,
}

impl<'q> Wqe<'q> {
    /// The header. A slot without a valid opcode reads as a Receive, which no send queue executes.
    #[inline]
    pub fn header(&self) -> WqeHeader {
        let raw = self.raw();
        WqeHeader {
            request_context: raw.request_context,
            opcode: Opcode::from_code(raw.opcode).unwrap_or(Opcode::Receive),
            flags: WqeFlags::from_bits_truncate(raw.flags),
            sge_count: raw.sge_count,
            length: raw.length,
            remote_address: raw.remote_address,
            remote_token: Token(raw.remote_token),
        }
    }

    /// The arguments of a Bind, FastRegister or Invalidate.
    pub fn object_work(&self) -> ObjectWork {
        let raw = self.raw();
        // SAFETY: every slot has room for the arguments; the memory is initialised, any bits are valid.
        let arguments = unsafe { self.payload().cast::<RawArguments>().read() };
        let bind = raw.opcode == Opcode::Bind as u8;
        ObjectWork {
            object: raw.remote_token,
            second: if bind { raw.length } else { 0 },
            base: raw.remote_address,
            span: arguments.span,
            rights: Access::from_bits_truncate(raw.rights),
            first_byte_offset: if bind { 0 } else { arguments.offset_or_token },
            pages: arguments.pages,
            page_count: arguments.page_count,
            run_base: arguments.run_base,
            token: Token(if bind { arguments.offset_or_token } else { raw.length }),
        }
    }

    /// SGE number `index`, or `None` past the last of this WQE.
    #[inline]
    pub fn sge(&self, index: u32) -> Option<Sge> {
        if index >= self.max_sge || index >= u32::from(self.raw().sge_count) {
            return None;
        }
        // SAFETY: below `max_sge`, for which the slot has room.
        let place = unsafe { self.payload().cast::<Sge>().add(index as usize) };
        // SAFETY: initialised memory of ours until `complete`; any bits are a valid SGE.
        Some(unsafe { place.read() })
    }

    /// The SGEs in order, copied out of the slot.
    pub fn sges(&self) -> impl Iterator<Item = Sge> + 'q {
        let wqe = *self;
        let mut next = 0;
        core::iter::from_fn(move || {
            let sge = wqe.sge(next)?;
            next += 1;
            Some(sge)
        })
    }

    /// Where the inline payload stands; `header().length` bytes with `INLINE` set.
    #[inline]
    pub fn inline(&self) -> *const u8 {
        self.payload().as_ptr()
    }

    #[inline(always)]
    fn raw(&self) -> RawWqe {
        // SAFETY: a slot starts with a header; it is the consumer's until `complete`; any bits are valid.
        unsafe { self.raw.cast::<RawWqe>().read() }
    }

    #[inline(always)]
    fn payload(&self) -> NonNull<u8> {
        // SAFETY: a slot is at least a header and its arguments long.
        unsafe { self.raw.add(WorkLayout::HEADER) }
    }
}

#[cfg(all(test, not(loom)))]
mod tests;
