//! A failed request ends the connection, with the right status at the right end.

use softndk_abi::{Access, CompletionStatus as S, Opcode, Sge, Token, WqeFlags};

use super::harness::{A, B, Event, LOCAL, Memory, PD, REMOTE, Request, Rig, Shape, brief};
use crate::sink::Loss;

/// A fails request 1 of four with `own`; all else is cancelled; both ends are told once and come to rest.
fn expect_failure(rig: &Rig, own: S, receives: &[(u64, S)]) {
    rig.pump();
    assert_eq!(brief(&rig.sent(A)), [(1, own), (2, S::Cancelled), (3, S::Cancelled)]);
    assert_eq!(brief(&rig.received(B)), receives);
    let events = rig.log.take();
    let lost = |cookie| events.iter().filter(|e| matches!(e, Event::Lost(c, _) if *c == cookie)).count();
    assert_eq!((lost(1), lost(2)), (1, 1), "{events:?}");
    for event in [Event::Unlinked(1, 2), Event::Unlinked(2, 1), Event::Quiet(1), Event::Quiet(2)] {
        assert_eq!(events.iter().filter(|e| **e == event).count(), 1, "{event:?} in {events:?}");
    }
    // WR-15: what is posted now is cancelled, not kept.
    rig.submit(A, &Request::new(Opcode::Send, 9, &[]));
    rig.receive(B, 9, &[]);
    assert_eq!(brief(&rig.sent(A)), [(9, S::Cancelled)]);
    assert_eq!(brief(&rig.received(B)), [(9, S::Cancelled)]);
}

/// Posts `request` as number 1 and two Sends behind it, then rings.
fn run_failing(rig: &Rig, request: &Request<'_>) {
    rig.post(A, request).expect("room");
    rig.post(A, &Request::new(Opcode::Send, 2, &[]).flags(WqeFlags::SILENT)).expect("room");
    rig.post(A, &Request::new(Opcode::Send, 3, &[])).expect("room");
    rig.log.kicks.lock().expect("log").push_back(1);
}

#[test]
fn wr_26_local_violation_ends_the_connection() {
    let bad: [fn(&Memory) -> Sge; 5] = [
        |m| Sge { token: Token(m.token.0 ^ 1), ..m.sge(0, 8) },
        |m| m.sge(93, 8),
        |m| Sge { address: m.base - 1, ..m.sge(0, 8) },
        |m| Sge { address: u64::MAX - 3, ..m.sge(0, 8) },
        |m| Sge { token: Token(0), ..m.sge(0, 8) },
    ];
    for sge in bad {
        let rig = Rig::new();
        let own = rig.memory(A, 100, LOCAL);
        let into = rig.memory(B, 100, LOCAL);
        rig.receive(B, 4, &[into.sge(0, 100)]);
        rig.receive(B, 5, &[into.sge(0, 100)]);
        run_failing(&rig, &Request::new(Opcode::Send, 1, &[own.sge(0, 10), sge(&own)]));
        expect_failure(&rig, S::AccessViolation, &[(4, S::Cancelled), (5, S::Cancelled)]);
    }
}

#[test]
fn wr_27_sinks_need_local_write() {
    let rig = Rig::new();
    let own = rig.memory(A, 100, Access::empty());
    let theirs = rig.memory(B, 100, REMOTE);
    let before = own.bytes.clone();
    run_failing(&rig, &Request::new(Opcode::Read, 1, &[own.sge(0, 10)]).to(&theirs, 0));
    expect_failure(&rig, S::AccessViolation, &[]);
    assert_eq!(own.bytes, before);
    // As a source it is good.
    let rig = Rig::new();
    let own = rig.memory(A, 100, Access::empty());
    let theirs = rig.memory(B, 100, REMOTE);
    rig.submit(A, &Request::new(Opcode::Write, 1, &[own.sge(0, 10)]).to(&theirs, 0));
    assert_eq!(brief(&rig.sent(A)), [(1, S::Success)]);
}

#[test]
fn wr_28_region_of_another_pd_is_a_violation() {
    let rig = Rig::new();
    let own = rig.memory_in(PD + 1, 100, REMOTE);
    let theirs = rig.memory(B, 100, REMOTE);
    run_failing(&rig, &Request::new(Opcode::Write, 1, &[own.sge(0, 10)]).to(&theirs, 0));
    expect_failure(&rig, S::AccessViolation, &[]);
}

#[test]
fn rd_08_and_wrt_06_refuse_what_the_peer_may_not() {
    type Bad = fn(&Rig) -> (Memory, u64);
    let bad: [Bad; 5] = [
        // Rights.
        |rig| (rig.memory(B, 100, LOCAL), 0),
        // Protection domain.
        |rig| (rig.memory_in(PD + 1, 100, REMOTE), 0),
        // One byte outside, at either end, and a wrap.
        |rig| (rig.memory(B, 100, REMOTE), 91),
        |rig| (rig.memory(B, 100, REMOTE), u64::MAX),
        |rig| (rig.memory(B, 100, REMOTE), u64::MAX - 0x7000_0000_0123 - 2),
    ];
    for bad in bad {
        for opcode in [Opcode::Read, Opcode::Write] {
            let rig = Rig::new();
            let own = rig.memory(A, 100, LOCAL);
            let (theirs, offset) = bad(&rig);
            let before = (own.bytes.clone(), theirs.bytes.clone());
            run_failing(&rig, &Request::new(opcode, 1, &[own.sge(0, 10)]).to(&theirs, offset));
            expect_failure(&rig, S::RemoteError, &[]);
            assert_eq!((own.bytes, theirs.bytes), before);
        }
    }
}

#[test]
fn pd_06_the_privileged_token_opens_nothing_to_the_peer() {
    for address in [0, 0x7000_0000_0123, u64::MAX] {
        let rig = Rig::new();
        let own = rig.memory(A, 100, LOCAL);
        let mut request = Request::new(Opcode::Write, 1, &[]);
        let sges = [own.sge(0, 10)];
        request.sges = &sges;
        request.remote = (address, rig.privileged);
        run_failing(&rig, &request);
        expect_failure(&rig, S::RemoteError, &[]);
    }
}

#[test]
fn snd_04_message_longer_than_the_receive() {
    let rig = Rig::new();
    let own = rig.memory(A, 100, LOCAL);
    let into = rig.memory(B, 100, LOCAL);
    let before = into.bytes.clone();
    rig.receive(B, 4, &[into.sge(0, 9)]);
    rig.receive(B, 5, &[into.sge(0, 100)]);
    run_failing(&rig, &Request::new(Opcode::Send, 1, &[own.sge(0, 10)]));
    expect_failure(&rig, S::RemoteError, &[(4, S::BufferOverflow), (5, S::Cancelled)]);
    assert_eq!(into.bytes, before);
}

#[test]
fn rcv_07_invalid_receive_fails_when_its_message_comes() {
    let rig = Rig::new();
    let own = rig.memory(A, 100, LOCAL);
    let into = rig.memory(B, 100, Access::empty());
    rig.receive(B, 4, &[into.sge(0, 100)]);
    assert!(rig.received(B).is_empty());
    run_failing(&rig, &Request::new(Opcode::Send, 1, &[own.sge(0, 10)]));
    expect_failure(&rig, S::RemoteError, &[(4, S::AccessViolation)]);
}

#[test]
fn a_zero_byte_message_does_not_look_at_the_receive() {
    let rig = Rig::new();
    let into = rig.memory(B, 100, Access::empty());
    rig.receive(B, 4, &[into.sge(0, 100)]);
    rig.submit(A, &Request::new(Opcode::Send, 1, &[]));
    assert_eq!(brief(&rig.sent(A)), [(1, S::Success)]);
}

#[test]
fn mr_16_every_right_alone() {
    for bits in 0..16u16 {
        let rights = Access::from_bits_truncate(bits);
        for (opcode, need) in [(Opcode::Read, Access::REMOTE_READ), (Opcode::Write, Access::REMOTE_WRITE)] {
            let rig = Rig::new();
            let own = rig.memory(A, 16, LOCAL);
            let theirs = rig.memory(B, 16, rights);
            rig.submit(A, &Request::new(opcode, 1, &[own.sge(0, 16)]).to(&theirs, 0));
            let wanted = if rights.contains(need) { S::Success } else { S::RemoteError };
            assert_eq!(brief(&rig.sent(A)), [(1, wanted)], "{rights:?} {opcode:?}");
        }
        let rig = Rig::new();
        let theirs = rig.memory(B, 16, REMOTE);
        let sink = rig.memory(A, 16, rights);
        rig.submit(A, &Request::new(Opcode::Read, 1, &[sink.sge(0, 16)]).to(&theirs, 0));
        let wanted = if rights.contains(LOCAL) { S::Success } else { S::AccessViolation };
        assert_eq!(brief(&rig.sent(A)), [(1, wanted)], "{rights:?} as sink");
    }
}

#[test]
fn wr_30_one_true_status_per_side() {
    // Both ends fail at once: A's Send overflows B's receive while B's own request has failed already.
    let rig = Rig::new();
    let own = rig.memory(A, 100, LOCAL);
    let into = rig.memory(B, 100, LOCAL);
    rig.receive(B, 4, &[into.sge(0, 1)]);
    rig.post(A, &Request::new(Opcode::Send, 1, &[own.sge(0, 10)])).expect("room");
    rig.post(B, &Request::new(Opcode::Write, 2, &[into.sge(99, 9)])).expect("room");
    let _ = rig.qps[B].run_send(1 << 20, &rig.log);
    let _ = rig.qps[A].run_send(1 << 20, &rig.log);
    rig.pump();
    assert_eq!(brief(&rig.sent(B)), [(2, S::AccessViolation)]);
    assert_eq!(brief(&rig.received(B)), [(4, S::Cancelled)]);
    assert_eq!(brief(&rig.sent(A)), [(1, S::Cancelled)]);
    assert_eq!(rig.log.count(Event::Lost(2, Loss::Local)), 1);
    assert_eq!(rig.log.count(Event::Lost(1, Loss::Remote)), 1);
}

#[test]
fn cq_33_a_full_cq_fails_and_says_so_once() {
    let rig = Rig::shaped(&Shape { cq_depth: 2, ..Shape::default() });
    for context in 0..4 {
        rig.submit(A, &Request::new(Opcode::Write, context, &[]));
    }
    assert_eq!(rig.log.count(Event::Overflow(10)), 1);
    assert!(rig.sent(A).is_empty());
    assert!(rig.cqs[0].failed().is_some());
}

#[test]
fn flag_04_silent_successes_need_no_cq_space() {
    let rig = Rig::shaped(&Shape { cq_depth: 1, ..Shape::default() });
    for context in 0..100 {
        rig.submit(A, &Request::new(Opcode::Write, context, &[]).flags(WqeFlags::SILENT));
    }
    assert!(rig.cqs[0].failed().is_none());
}
