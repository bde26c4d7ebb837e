//! Bytes arrive, whatever their number and pieces.

use std::vec;
use std::vec::Vec;

use proptest::prelude::*;
use softndk_abi::work::Publish;
use softndk_abi::{Access, CompletionStatus, Opcode, Sge, WqeFlags};

use super::harness::{A, B, BUDGET, Event, LOCAL, REMOTE, Request, Rig, Shape, brief};
use crate::qp::{CHUNK, Progress};

const SIZES: [u32; 9] = [0, 1, 3, 511, 512, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK + 17];
const OK: CompletionStatus = CompletionStatus::Success;

#[test]
fn snd_01_send_delivers_every_size_complete() {
    for size in SIZES {
        let rig = Rig::new();
        let from = rig.memory(A, size as usize + 8, LOCAL);
        let into = rig.memory(B, size as usize + 64, LOCAL);
        let before = into.bytes.clone();
        rig.receive(B, 5, &[into.sge(3, size + 20)]);
        rig.submit(A, &Request::new(Opcode::Send, 9, &[from.sge(1, size)]));
        let [sent] = rig.sent(A)[..] else { panic!("one completion") };
        assert_eq!((sent.request_context, sent.status, sent.opcode, sent.qp_context), (9, OK, Opcode::Send, 0xc000));
        let [got] = rig.received(B)[..] else { panic!("one completion") };
        assert_eq!((got.request_context, got.status, got.bytes, got.qp_context), (5, OK, size, 0xc001));
        let n = size as usize;
        assert_eq!(into.bytes[3..3 + n], from.bytes[1..1 + n]);
        // RCV-02: nothing beyond the message.
        assert_eq!(into.bytes[3 + n..], before[3 + n..]);
        assert_eq!(into.bytes[..3], before[..3]);
    }
}

#[test]
fn wrt_01_and_rd_01_move_every_size() {
    for size in SIZES {
        let rig = Rig::new();
        let n = size as usize;
        let own = rig.memory(A, n + 9, LOCAL);
        let theirs = rig.memory(B, n + 9, REMOTE);
        let back = rig.memory(A, n + 9, LOCAL);
        let silent = WqeFlags::SILENT;
        rig.submit(A, &Request::new(Opcode::Write, 1, &[own.sge(5, size)]).to(&theirs, 2).flags(silent));
        assert_eq!(theirs.bytes[2..2 + n], own.bytes[5..5 + n]);
        rig.submit(A, &Request::new(Opcode::Read, 2, &[back.sge(0, size)]).to(&theirs, 2));
        assert_eq!(back.bytes[..n], own.bytes[5..5 + n]);
        // FLAG-02: the silent Write left no entry. RD-09, WRT-04: nothing at the target.
        assert_eq!(brief(&rig.sent(A)), [(2, OK)]);
        assert!(rig.received(B).is_empty());
    }
}

/// OID-19: the pieces that are told of follow each other and come to the whole message; an empty one is told of once.
#[test]
fn oid_19_every_message_is_told_of_as_a_whole() {
    let [active, passive] = super::harness::COOKIES;
    for size in SIZES {
        for opcode in [Opcode::Send, Opcode::Write, Opcode::Read] {
            let rig = Rig::new();
            let own = rig.memory(A, size as usize + 8, LOCAL);
            let theirs = rig.memory(B, size as usize + 8, REMOTE);
            rig.receive(B, 5, &[theirs.sge(0, size)]);
            rig.submit(A, &Request::new(opcode, 1, &[own.sge(0, size)]).to(&theirs, 0));
            assert_eq!(brief(&rig.sent(A)), [(1, OK)]);
            let read = opcode == Opcode::Read;
            let ends = if read { (passive, active) } else { (active, passive) };
            let moves = core::mem::take(&mut *rig.log.moves.lock().expect("log"));
            let mut done = 0;
            for step in &moves {
                assert_eq!(((step.from, step.to), step.done), (ends, done), "{opcode:?} of {size}");
                done += step.bytes;
            }
            assert_eq!(done, u64::from(size));
            assert!(if size == 0 { moves.len() == 1 } else { moves.iter().all(|step| step.bytes > 0) });
            let asked = core::mem::take(&mut *rig.log.asked.lock().expect("log"));
            assert_eq!(asked, if read { vec![(active, passive)] } else { vec![] });
        }
    }
}

#[test]
fn rd_03_zero_bytes_need_no_valid_token() {
    let rig = Rig::new();
    rig.submit(A, &Request::new(Opcode::Read, 1, &[]));
    rig.submit(A, &Request::new(Opcode::Write, 2, &[]));
    let stale = Sge { address: 77, length: 0, token: softndk_abi::Token(12345) };
    rig.submit(A, &Request::new(Opcode::Write, 3, &[stale]));
    assert_eq!(brief(&rig.sent(A)), [(1, OK), (2, OK), (3, OK)]);
}

#[test]
fn flag_10_inline_payload_is_read_at_post() {
    let rig = Rig::new();
    let into = rig.memory(B, 256, REMOTE);
    rig.receive(B, 1, &[into.sge(0, 128)]);
    let mut data: Vec<u8> = (0..128).collect();
    let send = Request { inline: Some(&data), ..Request::new(Opcode::Send, 1, &[]) };
    rig.post(A, &send).expect("room");
    let copy = data.clone();
    data.fill(0xee);
    let _ = rig.qps[A].run_send(BUDGET, &rig.log);
    assert_eq!(into.bytes[..128], copy[..]);
    let write = Request { inline: Some(&copy[..7]), ..Request::new(Opcode::Write, 2, &[]) }.to(&into, 200);
    rig.submit(A, &write);
    assert_eq!(into.bytes[200..207], copy[..7]);
}

#[test]
fn wr_05_and_flag_20_deferred_chain_completes_in_order() {
    let rig = Rig::new();
    let own = rig.memory(A, 64, LOCAL);
    let theirs = rig.memory(B, 64, REMOTE);
    let sges = [own.sge(0, 4)];
    for context in 0..5 {
        let request = Request { publish: Publish::Defer, ..Request::new(Opcode::Write, context, &sges) };
        rig.post(A, &request.to(&theirs, 0)).expect("room");
    }
    let _ = rig.qps[A].run_send(BUDGET, &rig.log);
    assert!(rig.sent(A).is_empty());
    rig.submit(A, &Request::new(Opcode::Write, 5, &sges).to(&theirs, 0));
    let contexts: Vec<u64> = rig.sent(A).iter().map(|c| c.request_context).collect();
    assert_eq!(contexts, [0, 1, 2, 3, 4, 5]);
}

#[test]
fn flag_07_solicited_marks_the_receive() {
    let rig = Rig::new();
    let into = rig.memory(B, 8, LOCAL);
    rig.receive(B, 1, &[into.sge(0, 8)]);
    rig.receive(B, 2, &[into.sge(0, 8)]);
    rig.submit(A, &Request::new(Opcode::Send, 1, &[]).flags(WqeFlags::SOLICIT));
    rig.submit(A, &Request::new(Opcode::Send, 2, &[]));
    let solicited: Vec<bool> = rig.received(B).iter().map(|c| c.solicited).collect();
    assert_eq!(solicited, [true, false]);
}

#[test]
fn rcv_08_message_without_receive_waits_for_one() {
    let rig = Rig::new();
    let from = rig.memory(A, 100, LOCAL);
    let into = rig.memory(B, 100, LOCAL);
    let sges = [from.sge(0, 100)];
    rig.submit(A, &Request::new(Opcode::Send, 1, &sges));
    rig.submit(A, &Request::new(Opcode::Send, 2, &[]));
    assert!(rig.sent(A).is_empty());
    assert!(rig.log.take().contains(&Event::Starved(1)));
    // The post kicks the sender.
    rig.receive(B, 7, &[into.sge(0, 100)]);
    rig.pump();
    assert_eq!(brief(&rig.sent(A)), [(1, OK)]);
    assert_eq!(into.bytes[..], from.bytes[..]);
    rig.receive(B, 8, &[]);
    rig.pump();
    assert_eq!(brief(&rig.sent(A)), [(2, OK)]);
    assert_eq!(rig.received(B).len(), 2);
}

#[test]
fn a_small_budget_hands_over_and_goes_on_where_it_stopped() {
    let rig = Rig::new();
    let size = 5 * CHUNK + 3;
    let from = rig.memory(A, size as usize, LOCAL);
    let into = rig.memory(B, size as usize, LOCAL);
    rig.receive(B, 1, &[into.sge(0, size)]);
    rig.post(A, &Request::new(Opcode::Send, 1, &[from.sge(0, size)])).expect("room");
    let mut runs = 0;
    while rig.qps[A].run(CHUNK / 2, &rig.log) == Progress::More {
        runs += 1;
        assert!(runs < 100);
    }
    assert!(runs >= 9, "{runs}");
    assert_eq!(into.bytes[..], from.bytes[..]);
    assert_eq!(brief(&rig.sent(A)), [(1, OK)]);
}

#[test]
fn wr_16_exactly_the_depth_fits() {
    let rig = Rig::shaped(&Shape { depth: 5, ..Shape::default() });
    for context in 0..5 {
        rig.post(A, &Request::new(Opcode::Send, context, &[])).expect("room");
        rig.try_receive(B, context, &[]).expect("room");
    }
    assert!(rig.post(A, &Request::new(Opcode::Send, 9, &[])).is_none());
    assert!(rig.try_receive(B, 9, &[]).is_none());
    let _ = rig.qps[A].run_send(BUDGET, &rig.log);
    assert_eq!(rig.sent(A).len(), 5);
    rig.post(A, &Request::new(Opcode::Send, 9, &[])).expect("free again");
}

#[test]
fn both_directions_run_together() {
    let rig = Rig::new();
    let a = rig.memory(A, 1000, REMOTE);
    let b = rig.memory(B, 1000, REMOTE);
    for (end, own, other) in [(A, &a, &b), (B, &b, &a)] {
        rig.receive(1 - end, 3, &[other.sge(500, 100)]);
        rig.submit(end, &Request::new(Opcode::Write, 1, &[own.sge(0, 10)]).to(other, 900));
        rig.submit(end, &Request::new(Opcode::Send, 2, &[own.sge(0, 100)]));
        assert_eq!(rig.sent(end).len(), 2);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn scatter_and_gather_keep_every_byte_in_order(
        gather in prop::collection::vec(0u32..9000, 0..8),
        extra in 0u32..50,
        cuts in prop::collection::vec(0u32..9000, 0..7),
        budget in 1u32..20_000,
    ) {
        let rig = Rig::new();
        let total: u32 = gather.iter().sum();
        let from = rig.memory(A, total as usize + 1, LOCAL);
        let into = rig.memory(B, total as usize + 100, LOCAL);
        let mut sges = Vec::new();
        let mut expected = vec![];
        // Pieces in reverse order of memory, so that order matters.
        let mut end = total;
        for length in &gather {
            end -= length;
            sges.push(from.sge(u64::from(end), *length));
            expected.extend_from_slice(&from.bytes[end as usize..(end + length) as usize]);
        }
        let mut scatter = Vec::new();
        let mut at = 0;
        for cut in &cuts {
            let length = (*cut).min(total - at);
            scatter.push(into.sge(u64::from(at), length));
            at += length;
        }
        scatter.push(into.sge(u64::from(at), total - at + extra));
        rig.receive(B, 1, &scatter);
        rig.post(A, &Request::new(Opcode::Send, 1, &sges)).expect("room");
        while rig.qps[A].run(budget, &rig.log) == Progress::More {}
        prop_assert_eq!(brief(&rig.sent(A)), [(1, OK)]);
        prop_assert_eq!(&into.bytes[..total as usize], &expected[..]);
        prop_assert_eq!(rig.received(B)[0].bytes, total);
    }
}

#[test]
fn segmented_regions_read_across_their_pieces() {
    use crate::memory::{Backing, Segment};
    use crate::token::{Kind, RegionDesc};
    use core::ptr::NonNull;

    let rig = Rig::new();
    let mut pieces: Vec<Vec<u8>> = [100usize, 1, 4096, 77].iter().map(|n| vec![*n as u8; *n]).collect();
    let mut offset = 0;
    let segments: Vec<Segment> = pieces
        .iter_mut()
        .map(|piece| {
            let pointer = NonNull::new(piece.as_mut_ptr()).expect("vec");
            let segment = Segment { offset, pointer, length: piece.len() as u64 };
            offset += piece.len() as u64;
            segment
        })
        .collect();
    let list = NonNull::new(segments.as_ptr().cast_mut()).expect("vec");
    let index = rig.slot(Kind::Region);
    let backing = Backing::Segments { list, count: 4 };
    let region = RegionDesc { base: 0x1000, length: offset, pd: super::harness::PD, rights: Access::empty(), backing };
    // SAFETY: the pieces outlive the test's transfers.
    let token = unsafe { rig.table.register(index, &region) }.expect("fresh");
    let theirs = rig.memory(B, offset as usize, REMOTE);
    let whole = Sge { address: 0x1000, length: offset as u32, token };
    rig.submit(A, &Request::new(Opcode::Write, 1, &[whole]).to(&theirs, 0));
    assert_eq!(brief(&rig.sent(A)), [(1, OK)]);
    assert_eq!(theirs.bytes[..], pieces.concat()[..]);
}

#[test]
fn copy_is_exact_at_every_length_and_alignment() {
    let source: Vec<u8> = (0..3000).map(|i| (i % 251) as u8).collect();
    for length in (0..100).chain([255, 256, 257, 511, 512, 513, 527, 528, 529, 1024, 2047]) {
        for shift in 0..17 {
            let mut target = vec![0xaa; 3000];
            // SAFETY: within both vectors.
            unsafe { crate::memory::copy(source[shift..].as_ptr(), target[33 - shift..].as_mut_ptr(), length) };
            assert_eq!(target[33 - shift..33 - shift + length], source[shift..shift + length], "{length} {shift}");
            assert!(target[..33 - shift].iter().all(|b| *b == 0xaa));
            assert!(target[33 - shift + length..].iter().all(|b| *b == 0xaa), "{length} {shift}");
        }
    }
}
