//! FRMRs, windows, invalidation, logical addresses.

use core::ptr::NonNull;
use std::vec::Vec;

use softndk_abi::work::ObjectWork;
use softndk_abi::{Access, CompletionStatus as S, Opcode, Sge, Token, WqeFlags};

use super::harness::{A, B, Block, DOMAIN, End, Event, LOCAL, Memory, PD, REMOTE, Request, Rig, brief};
use crate::memory::Backing;
use crate::token::{Drained, Kind, RegionDesc, SlotIndex, StateError};

const PAGE: usize = 4096;

/// Whole pages with a LAM.
struct Pages {
    block: Block,
    logical: u64,
    index: SlotIndex,
}

impl Pages {
    fn new(rig: &Rig, count: usize) -> Self {
        let mut block = Block::new(count * PAGE);
        let index = rig.slot(Kind::Mapping);
        let backing = Backing::Contiguous(block.pointer());
        let region = RegionDesc { base: 0, length: (count * PAGE) as u64, pd: DOMAIN, rights: LOCAL, backing };
        // SAFETY: tests keep the pages while they use them.
        unsafe { rig.table.register(index, &region) }.expect("fresh");
        let logical = rig.table.logical_address(index).expect("registered");
        Self { block, logical, index }
    }

    fn bytes(&mut self, at: usize, length: usize) -> Vec<u8> {
        let start = self.block.pointer().as_ptr().wrapping_add(at);
        // SAFETY: within the block.
        unsafe { core::slice::from_raw_parts(start, length) }.to_vec()
    }

    fn fill(&mut self, at: usize, data: &[u8]) {
        let start = self.block.pointer().as_ptr().wrapping_add(at);
        // SAFETY: within the block.
        unsafe { core::slice::from_raw_parts_mut(start, data.len()) }.copy_from_slice(data);
    }
}

/// An FRMR of at most four pages.
struct Fast {
    _list: Block,
    index: SlotIndex,
    token: Token,
}

impl Fast {
    fn new(rig: &Rig, remote: bool) -> Self {
        let mut list = Block::new(4 * 8);
        let index = rig.slot(Kind::Fast);
        // SAFETY: tests keep the list while they use it.
        let token = unsafe { rig.table.initialise_fast(index, PD, DOMAIN, remote, list.pointer().cast(), 4) };
        Self { _list: list, index, token: token.expect("fresh") }
    }

    fn work(&self, run_base: u64, page_count: u32, span: u64, rights: Access) -> ObjectWork {
        let (object, token) = (self.index.0, self.token);
        ObjectWork { object, token, base: 0x5000_0000, span, rights, page_count, run_base, ..ObjectWork::EMPTY }
    }

    fn invalidate(&self) -> ObjectWork {
        ObjectWork { object: self.index.0, token: self.token, ..ObjectWork::EMPTY }
    }
}

fn one(rig: &Rig, end: End) -> S {
    let cqes = rig.sent(end);
    assert_eq!(cqes.len(), 1);
    cqes[0].status
}

/// B reads from or writes to A's memory by token, `length` bytes at `address`.
fn peer_access(rig: &Rig, own: &Memory, opcode: Opcode, token: Token, address: u64, length: u32) -> S {
    let sges = [own.sge(0, length)];
    rig.submit(B, &Request { remote: (address, token), ..Request::new(opcode, 1, &sges) });
    one(rig, B)
}

#[test]
fn frg_01_and_frg_02_pages_become_a_region() {
    let rig = Rig::new();
    let mut pages = Pages::new(&rig, 3);
    let fast = Fast::new(&rig, true);
    let theirs = rig.memory(B, 9000, REMOTE);
    let work = ObjectWork { first_byte_offset: 100, ..fast.work(pages.logical, 3, 9000, REMOTE) };
    rig.object(A, 1, Opcode::FastRegister, &work);
    assert_eq!(one(&rig, A), S::Success);
    assert_eq!(peer_access(&rig, &theirs, Opcode::Write, fast.token, 0x5000_0000, 9000), S::Success);
    assert_eq!(pages.bytes(100, 9000), theirs.bytes);
    assert_eq!(pages.bytes(0, 100), [0; 100]);
    // INV-01, MR-46, MR-47: dead, then registered again under the same token.
    rig.object(A, 2, Opcode::Invalidate, &fast.invalidate());
    assert_eq!(one(&rig, A), S::Success);
    assert!(rig.table.pin_remote(fast.token, 0x5000_0000, 1, Access::REMOTE_READ, PD, 100, &rig.log).is_err());
    rig.object(A, 3, Opcode::FastRegister, &work);
    assert_eq!(one(&rig, A), S::Success);
    assert_eq!(rig.table.token(fast.index), fast.token);
    assert_eq!(peer_access(&rig, &theirs, Opcode::Read, fast.token, 0x5000_0000 + 8999, 1), S::Success);
    assert_eq!(peer_access(&rig, &theirs, Opcode::Read, fast.token, 0x5000_0000 + 8999, 2), S::RemoteError);
}

#[test]
fn frg_09_a_page_list_is_taken_over_and_given_back() {
    let rig = Rig::new();
    let (mut one_page, mut two) = (Pages::new(&rig, 1), Pages::new(&rig, 2));
    let fast = Fast::new(&rig, true);
    // Out of order, so that no run can stand for them.
    let mut staged = [two.logical + PAGE as u64, one_page.logical, two.logical];
    let address = staged.as_ptr() as u64;
    let work = ObjectWork { pages: address, first_byte_offset: 4000, ..fast.work(0, 3, 8000, REMOTE) };
    rig.object(A, 1, Opcode::FastRegister, &work);
    assert_eq!(one(&rig, A), S::Success);
    assert_eq!(rig.log.count(Event::Unstage(address)), 1);
    staged.fill(0);
    let theirs = rig.memory(B, 8000, REMOTE);
    assert_eq!(peer_access(&rig, &theirs, Opcode::Write, fast.token, 0x5000_0000, 8000), S::Success);
    let mut landed = two.bytes(PAGE + 4000, 96);
    landed.extend(one_page.bytes(0, PAGE));
    landed.extend(two.bytes(0, 8000 - 96 - PAGE));
    assert_eq!(landed, theirs.bytes);
    // The mapping is gone: found out at use, not a memory access.
    assert_eq!(rig.table.invalidate(one_page.index, &rig.log), Ok(Drained::Now));
    assert_eq!(peer_access(&rig, &theirs, Opcode::Read, fast.token, 0x5000_0000, 200), S::RemoteError);
}

#[test]
fn frg_03_to_frg_12_refusals() {
    type Change = fn(ObjectWork) -> ObjectWork;
    let cases: [(Change, S); 10] = [
        (|w| ObjectWork { span: 0, ..w }, S::InvalidRequest),
        (|w| ObjectWork { span: 2 * 4096 - 9, ..w }, S::InvalidRequest),
        (|w| ObjectWork { span: u64::MAX, ..w }, S::InvalidRequest),
        (|w| ObjectWork { first_byte_offset: 4096, ..w }, S::InvalidRequest),
        (|w| ObjectWork { page_count: 0, ..w }, S::InvalidRequest),
        (|w| ObjectWork { page_count: 5, ..w }, S::InvalidRequest),
        (|w| ObjectWork { page_count: 3, ..w }, S::AccessViolation),
        (|w| ObjectWork { run_base: w.run_base + 1, ..w }, S::InvalidRequest),
        (|w| ObjectWork { run_base: w.run_base ^ 1 << 40, ..w }, S::AccessViolation),
        (|w| ObjectWork { token: Token(w.token.0 ^ 1), ..w }, S::InvalidRequest),
    ];
    for (number, (change, status)) in cases.into_iter().enumerate() {
        let rig = Rig::new();
        let pages = Pages::new(&rig, 2);
        let fast = Fast::new(&rig, true);
        let good = ObjectWork { first_byte_offset: 10, ..fast.work(pages.logical, 2, 8182, REMOTE) };
        rig.object(A, 1, Opcode::FastRegister, &change(good));
        assert_eq!(one(&rig, A), status, "case {number}");
        assert!(rig.qps[A].in_error());
    }
    // FRG-12: still valid. FRG-06: remote rights on an MR without.
    let rig = Rig::new();
    let pages = Pages::new(&rig, 2);
    let fast = Fast::new(&rig, false);
    rig.object(A, 1, Opcode::FastRegister, &fast.work(pages.logical, 2, 10, LOCAL));
    assert_eq!(one(&rig, A), S::Success);
    rig.object(A, 2, Opcode::FastRegister, &fast.work(pages.logical, 2, 10, LOCAL));
    assert_eq!(one(&rig, A), S::InvalidRequest);
    let rig = Rig::new();
    let pages = Pages::new(&rig, 2);
    let fast = Fast::new(&rig, false);
    rig.object(A, 1, Opcode::FastRegister, &fast.work(pages.logical, 2, 10, REMOTE));
    assert_eq!(one(&rig, A), S::AccessViolation);
}

#[test]
fn inv_06_invalidating_what_is_not_valid_ends_the_connection() {
    let rig = Rig::new();
    let fast = Fast::new(&rig, true);
    rig.object(A, 1, Opcode::Invalidate, &fast.invalidate());
    assert_eq!(one(&rig, A), S::InvalidRequest);
    assert!(rig.qps[B].in_error());
}

#[test]
fn sinv_01_the_token_dies_before_the_receive_completes() {
    let rig = Rig::new();
    let pages = Pages::new(&rig, 1);
    let fast = Fast::new(&rig, true);
    rig.object(A, 1, Opcode::FastRegister, &fast.work(pages.logical, 1, 4096, REMOTE));
    rig.receive(A, 5, &[]);
    let request = Request { remote: (0, fast.token), ..Request::new(Opcode::SendAndInvalidate, 2, &[]) };
    rig.submit(B, &request);
    assert_eq!(rig.sent(B).iter().map(|c| (c.opcode, c.status)).collect::<Vec<_>>(), [(Opcode::Send, S::Success)]);
    let got = rig.received(A);
    assert_eq!((got.len(), got[0].invalidated, got[0].status), (1, Some(fast.token), S::Success));
    assert!(rig.table.pin_remote(fast.token, 0x5000_0000, 1, Access::REMOTE_READ, PD, 100, &rig.log).is_err());
    // INV-06: for the local side it is invalid already.
    rig.sent(A);
    rig.object(A, 3, Opcode::Invalidate, &fast.invalidate());
    assert_eq!(one(&rig, A), S::InvalidRequest);
}

#[test]
fn sinv_03_other_tokens_end_the_connection() {
    type Choose = fn(&Rig) -> (Token, Option<Memory>);
    let cases: [Choose; 4] = [
        |rig| {
            let memory = rig.memory(A, 64, REMOTE);
            (memory.token, Some(memory))
        },
        |rig| (rig.privileged, None),
        |rig| (Fast::new(rig, true).token, None),
        |_| (Token(0xdead_beef), None),
    ];
    for choose in cases {
        let rig = Rig::new();
        let (token, memory) = choose(&rig);
        rig.receive(A, 5, &[]);
        rig.submit(B, &Request { remote: (0, token), ..Request::new(Opcode::SendAndInvalidate, 2, &[]) });
        rig.pump();
        assert_eq!(one(&rig, B), S::RemoteError);
        assert_eq!(brief(&rig.received(A)), [(5, S::Cancelled)]);
        if let Some(memory) = memory {
            let pin = rig.table.pin_local(memory.token, memory.base, 1, LOCAL, PD, &rig.log);
            assert!(pin.is_ok(), "a regular region stays");
        }
    }
}

/// A window of A over bytes 10..50 of `region`.
fn bound(rig: &Rig, region: &Memory, rights: Access) -> (SlotIndex, ObjectWork) {
    let window = rig.slot(Kind::Window);
    rig.table.initialise_window(window, PD).expect("fresh");
    let token = rig.table.plan_window_token(window).expect("a window");
    let work = ObjectWork {
        object: window.0,
        second: region.token.0,
        base: region.base + 10,
        span: 40,
        rights,
        token,
        ..ObjectWork::EMPTY
    };
    rig.object(A, 1, Opcode::Bind, &work);
    (window, work)
}

#[test]
fn bnd_09_a_bind_that_fails_leaves_the_binding_to_be_invalidated() {
    let rig = Rig::new();
    let region = rig.memory(A, 100, LOCAL);
    let (window, work) = bound(&rig, &region, Access::REMOTE_READ);
    assert_eq!(one(&rig, A), S::Success);
    // Posted, and flushed before it ran: the window's latest token never came alive.
    let planned = rig.table.plan_window_token(window).expect("a window");
    let invalidate = ObjectWork { object: window.0, token: planned, ..ObjectWork::EMPTY };
    rig.object(A, 2, Opcode::Invalidate, &invalidate);
    assert_eq!(one(&rig, A), S::Success);
    assert!(rig.table.pin_remote(work.token, work.base, 1, Access::REMOTE_READ, PD, 100, &rig.log).is_err());
    // An Invalidate that is older than the binding is of a window that had the slot before.
    let (window, _) = bound(&rig, &region, Access::REMOTE_READ);
    assert_eq!(one(&rig, A), S::Success);
    let earlier = ObjectWork { object: window.0, token: Token(0), ..ObjectWork::EMPTY };
    rig.object(A, 3, Opcode::Invalidate, &earlier);
    assert_eq!(one(&rig, A), S::InvalidRequest);
}

#[test]
fn mw_06_a_window_gives_its_range_and_rights_to_its_peer_alone() {
    let rig = Rig::new();
    let region = rig.memory(A, 100, LOCAL);
    let own = rig.memory(B, 100, REMOTE);
    let (window, work) = bound(&rig, &region, Access::REMOTE_READ | Access::REMOTE_WRITE);
    assert_eq!(one(&rig, A), S::Success);
    assert_eq!(peer_access(&rig, &own, Opcode::Write, work.token, work.base, 40), S::Success);
    assert_eq!(region.bytes[10..50], own.bytes[..40]);
    let asks =
        |address, length, need, qp| rig.table.pin_remote(work.token, address, length, need, PD, qp, &rig.log).is_ok();
    let (read, both) = (Access::REMOTE_READ, Access::REMOTE_READ | Access::REMOTE_WRITE);
    assert!(asks(work.base, 40, both, 100));
    assert!(!asks(work.base, 41, read, 100) && !asks(work.base - 1, 1, read, 100));
    // MW-07: another QP's peer. Local use.
    assert!(!asks(work.base, 1, read, 101));
    assert!(rig.table.pin_local(work.token, work.base, 1, Access::LOCAL_READ, PD, &rig.log).is_err());
    // MR-25, then MW-09 and MW-10.
    assert_eq!(rig.table.invalidate(region.index, &rig.log), Err(StateError::Bound));
    rig.object(A, 2, Opcode::Invalidate, &ObjectWork { object: window.0, token: work.token, ..ObjectWork::EMPTY });
    assert_eq!(one(&rig, A), S::Success);
    assert!(!asks(work.base, 1, read, 100));
    let token = rig.table.plan_window_token(window).expect("a window");
    assert_ne!(token, work.token);
    rig.object(A, 3, Opcode::Bind, &ObjectWork { token, ..work });
    assert_eq!(one(&rig, A), S::Success);
    // BND-09: still bound.
    let token = rig.table.plan_window_token(window).expect("a window");
    rig.object(A, 4, Opcode::Bind, &ObjectWork { token, ..work });
    assert_eq!(one(&rig, A), S::InvalidRequest);
    assert_eq!(rig.table.retire(window, &rig.log), Drained::Now);
    assert_eq!(rig.table.invalidate(region.index, &rig.log), Ok(Drained::Now));
}

#[test]
fn bnd_02_bnd_04_bnd_10_binds_that_may_not_be() {
    type Change = fn(ObjectWork) -> ObjectWork;
    let cases: [Change; 4] = [
        |w| ObjectWork { span: 91, ..w },
        |w| ObjectWork { base: w.base - 11, ..w },
        |w| ObjectWork { span: u64::MAX, ..w },
        |w| ObjectWork { second: 900, ..w },
    ];
    for change in cases {
        let rig = Rig::new();
        let region = rig.memory(A, 100, LOCAL);
        let (window, work) = bound(&rig, &region, Access::REMOTE_READ);
        rig.object(A, 2, Opcode::Invalidate, &ObjectWork { object: window.0, token: work.token, ..ObjectWork::EMPTY });
        let token = rig.table.plan_window_token(window).expect("a window");
        rig.sent(A);
        rig.object(A, 3, Opcode::Bind, &change(ObjectWork { token, ..work }));
        assert_eq!(one(&rig, A), S::AccessViolation);
        // Nothing is left bound.
        assert_eq!(rig.table.invalidate(region.index, &rig.log), Ok(Drained::Now));
    }
    // BND-04: remote write over a region without local write.
    let rig = Rig::new();
    let region = rig.memory(A, 100, Access::empty());
    bound(&rig, &region, Access::REMOTE_WRITE);
    assert_eq!(one(&rig, A), S::AccessViolation);
}

#[test]
fn life_28_a_region_works_until_its_last_window_is_gone() {
    let rig = Rig::new();
    let region = rig.memory(A, 100, LOCAL);
    let own = rig.memory(B, 100, REMOTE);
    let (window, work) = bound(&rig, &region, Access::REMOTE_READ);
    rig.sent(A);
    assert_eq!(rig.table.retire(region.index, &rig.log), Drained::Later);
    assert_eq!(peer_access(&rig, &own, Opcode::Read, work.token, work.base, 40), S::Success);
    let pin = rig.table.pin_remote(work.token, work.base, 1, Access::REMOTE_READ, PD, 100, &rig.log);
    assert_eq!(rig.table.retire(window, &rig.log), Drained::Later);
    assert_eq!(rig.log.count(Event::Drained(region.index.0)), 0);
    drop(pin);
    assert_eq!(rig.log.count(Event::Drained(window.0)), 1);
    assert_eq!(rig.log.count(Event::Drained(region.index.0)), 1);
    assert!(rig.table.pin_local(region.token, region.base, 1, LOCAL, PD, &rig.log).is_err());
    assert_eq!(rig.table.release(window), Ok(()));
    assert_eq!(rig.table.release(region.index), Ok(()));
}

#[test]
fn pd_05_privileged_token_works_over_logical_addresses() {
    let rig = Rig::new();
    let mut source = Pages::new(&rig, 2);
    let mut target = Pages::new(&rig, 2);
    let data: Vec<u8> = (0..5000u32).map(|i| (i * 3) as u8).collect();
    source.fill(7, &data);
    let token = rig.privileged;
    // LAM-18: over a page boundary, from any offset.
    rig.receive(B, 1, &[Sge { address: target.logical + 1, length: 5000, token }]);
    rig.submit(A, &Request::new(Opcode::Send, 1, &[Sge { address: source.logical + 7, length: 5000, token }]));
    assert_eq!(one(&rig, A), S::Success);
    assert_eq!(target.bytes(1, 5000), data);
    // LAM-20.
    let _ = rig.table.invalidate(source.index, &rig.log);
    rig.submit(A, &Request::new(Opcode::Write, 2, &[Sge { address: source.logical + 7, length: 1, token }]));
    assert_eq!(one(&rig, A), S::AccessViolation);
}

#[test]
fn flag_16_a_read_can_leave_its_sink_invalid() {
    let rig = Rig::new();
    let mut pages = Pages::new(&rig, 1);
    let fast = Fast::new(&rig, true);
    let theirs = rig.memory(B, 64, REMOTE);
    rig.object(A, 1, Opcode::FastRegister, &fast.work(pages.logical, 1, 64, LOCAL));
    rig.sent(A);
    let sges = [Sge { address: 0x5000_0000, length: 64, token: fast.token }];
    let read = |flags| Request::new(Opcode::Read, 2, &sges).to(&theirs, 0).flags(flags);
    rig.submit(A, &read(WqeFlags::empty()));
    assert_eq!(one(&rig, A), S::Success);
    rig.submit(A, &read(WqeFlags::LOCAL_INVALIDATE));
    assert_eq!(one(&rig, A), S::Success);
    assert_eq!(pages.bytes(0, 64), theirs.bytes);
    assert!(rig.table.pin_local(fast.token, 0x5000_0000, 1, LOCAL, PD, &rig.log).is_err());
    // RD-14: only an FRMR.
    let plain = rig.memory(A, 64, LOCAL);
    let sges = [plain.sge(0, 64)];
    rig.submit(A, &Request::new(Opcode::Read, 3, &sges).to(&theirs, 0).flags(WqeFlags::LOCAL_INVALIDATE));
    assert_eq!(one(&rig, A), S::AccessViolation);
}

#[test]
fn inv_02_an_invalidate_completes_after_copies_in_progress() {
    let rig = Rig::new();
    let pages = Pages::new(&rig, 1);
    let fast = Fast::new(&rig, true);
    rig.object(A, 1, Opcode::FastRegister, &fast.work(pages.logical, 1, 64, REMOTE));
    rig.sent(A);
    let pin = rig.table.pin_remote(fast.token, 0x5000_0000, 64, Access::REMOTE_READ, PD, 100, &rig.log);
    let mut slot = rig.qps[A].send_queue().reserve().expect("room");
    slot.object_work(2, Opcode::Invalidate, WqeFlags::empty(), &fast.invalidate());
    slot.commit(softndk_abi::work::Publish::Now);
    assert_eq!(rig.qps[A].run_send(1000, &rig.log), crate::qp::Progress::More);
    assert!(rig.sent(A).is_empty());
    drop(pin);
    rig.after(A, crate::qp::Progress::More);
    assert_eq!(one(&rig, A), S::Success);
}

#[test]
fn wr_25_a_region_registered_before_in_the_same_chain_is_good() {
    let rig = Rig::new();
    let pages = Pages::new(&rig, 1);
    let fast = Fast::new(&rig, true);
    let into = rig.memory(B, 64, LOCAL);
    rig.receive(B, 7, &[into.sge(0, 64)]);
    let mut slot = rig.qps[A].send_queue().reserve().expect("room");
    let work = fast.work(pages.logical, 1, 64, REMOTE);
    slot.object_work(1, Opcode::FastRegister, WqeFlags::SILENT, &work);
    slot.commit(softndk_abi::work::Publish::Defer);
    rig.submit(A, &Request::new(Opcode::Send, 2, &[Sge { address: 0x5000_0000, length: 64, token: fast.token }]));
    assert_eq!(brief(&rig.sent(A)), [(2, S::Success)]);
    let _ = NonNull::from(&pages.logical);
}
