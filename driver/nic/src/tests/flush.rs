//! Flush, stop, and the peer's leaving.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::vec::Vec;

use softndk_abi::work::Publish;
use softndk_abi::{CompletionStatus as S, Opcode};

use super::harness::{A, B, BUDGET, Event, LOCAL, REMOTE, Request, Rig, brief};
use crate::qp::{CHUNK, Progress};
use crate::sink::Loss;

#[test]
fn flush_06_unconnected_or_idle_receives_are_cancelled_in_order() {
    let rig = Rig::new();
    rig.receive(B, 1, &[]);
    rig.receive(B, 2, &[]);
    let _ = rig.qps[B].flush(BUDGET, &rig.log);
    assert_eq!(brief(&rig.received(B)), [(1, S::Cancelled), (2, S::Cancelled)]);
    // FLUSH-07.
    let _ = rig.qps[B].flush(BUDGET, &rig.log);
    assert!(rig.received(B).is_empty());
    // FLUSH-09: nothing was cut short, traffic goes on.
    rig.receive(B, 3, &[]);
    rig.submit(A, &Request::new(Opcode::Send, 1, &[]));
    assert_eq!(brief(&rig.received(B)), [(3, S::Success)]);
}

#[test]
fn flag_24_flush_reaches_deferred_requests() {
    let rig = Rig::new();
    for context in 0..3 {
        let request = Request { publish: Publish::Defer, ..Request::new(Opcode::Send, context, &[]) };
        rig.post(A, &request).expect("room");
    }
    let _ = rig.qps[A].flush(BUDGET, &rig.log);
    assert_eq!(brief(&rig.sent(A)), [(0, S::Cancelled), (1, S::Cancelled), (2, S::Cancelled)]);
    assert!(!rig.qps[A].in_error());
    rig.receive(B, 3, &[]);
    rig.submit(A, &Request::new(Opcode::Send, 7, &[]));
    assert_eq!(brief(&rig.sent(A)), [(7, S::Success)]);
}

#[test]
fn flush_01_a_starving_send_is_cancelled_and_the_qp_stays_fit() {
    let rig = Rig::new();
    rig.submit(A, &Request::new(Opcode::Send, 1, &[]));
    let _ = rig.qps[A].flush(BUDGET, &rig.log);
    assert_eq!(brief(&rig.sent(A)), [(1, S::Cancelled)]);
    assert!(rig.qps[A].can_send());
}

/// A Send of several chunks that stands in the middle.
fn half_sent(rig: &Rig) -> [super::harness::Memory; 2] {
    let size = 4 * CHUNK;
    let from = rig.memory(A, size as usize, LOCAL);
    let into = rig.memory(B, size as usize, LOCAL);
    rig.receive(B, 4, &[into.sge(0, size)]);
    rig.receive(B, 5, &[]);
    rig.post(A, &Request::new(Opcode::Send, 1, &[from.sge(0, size)])).expect("room");
    rig.post(A, &Request::new(Opcode::Send, 2, &[])).expect("room");
    assert_eq!(rig.qps[A].run_send(CHUNK, &rig.log), Progress::More);
    [from, into]
}

#[test]
fn flush_09_a_cut_message_ends_the_connection() {
    for flusher in [A, B] {
        let rig = Rig::new();
        let _memory = half_sent(&rig);
        let progress = rig.qps[flusher].flush(BUDGET, &rig.log);
        rig.after(flusher, progress);
        // The handed-over runner of A.
        rig.after(A, Progress::More);
        assert_eq!(brief(&rig.sent(A)), [(1, S::Cancelled), (2, S::Cancelled)], "{flusher}");
        assert_eq!(brief(&rig.received(B)), [(4, S::Cancelled), (5, S::Cancelled)], "{flusher}");
        assert!(rig.qps[A].in_error() && rig.qps[B].in_error());
        assert_eq!(rig.log.count(Event::Lost(1, Loss::Cut)), 1);
        assert_eq!(rig.log.count(Event::Lost(2, Loss::Cut)), 1);
    }
}

#[test]
fn life_33_stop_in_the_middle_cancels_both_queues_and_tells_when_quiet() {
    let rig = Rig::new();
    let _memory = half_sent(&rig);
    rig.receive(A, 8, &[]);
    let progress = rig.qps[A].stop(BUDGET, &rig.log);
    rig.after(A, progress);
    assert_eq!(brief(&rig.sent(A)), [(1, S::Cancelled), (2, S::Cancelled)]);
    assert_eq!(brief(&rig.received(A)), [(8, S::Cancelled)]);
    assert_eq!(rig.log.count(Event::Quiet(1)), 1);
    assert_eq!(rig.log.count(Event::Unlinked(1, 2)), 1);
    // The local end asked for it; the peer lost its connection in the middle of a message.
    assert_eq!(rig.log.count(Event::Lost(2, Loss::Cut)), 1);
    assert!(!rig.log.take().iter().any(|e| matches!(e, Event::Lost(1, _))));
}

#[test]
fn conn_76_receives_wait_when_the_peer_leaves() {
    let rig = Rig::new();
    rig.receive(B, 4, &[]);
    rig.submit(B, &Request::new(Opcode::Send, 1, &[]));
    let progress = rig.qps[A].stop(BUDGET, &rig.log);
    rig.after(A, progress);
    let progress = rig.qps[B].peer_left(BUDGET, &rig.log);
    rig.after(B, progress);
    // WR-14: the Send does not hang. The receive waits for the local consumer.
    assert_eq!(brief(&rig.sent(B)), [(1, S::Cancelled)]);
    assert!(rig.received(B).is_empty());
    assert_eq!(rig.log.count(Event::Unlinked(2, 1)), 1);
    assert_eq!(rig.log.count(Event::Quiet(2)), 0);
    rig.submit(B, &Request::new(Opcode::Write, 2, &[]));
    assert_eq!(brief(&rig.sent(B)), [(2, S::Cancelled)]);
    let progress = rig.qps[B].stop(BUDGET, &rig.log);
    rig.after(B, progress);
    assert_eq!(brief(&rig.received(B)), [(4, S::Cancelled)]);
    assert_eq!(rig.log.count(Event::Quiet(2)), 1);
}

#[test]
fn stopping_a_qp_that_was_never_used_makes_it_quiet() {
    let rig = Rig::new();
    let _ = rig.qps[A].stop(BUDGET, &rig.log);
    let _ = rig.qps[A].stop(BUDGET, &rig.log);
    assert_eq!(rig.log.count(Event::Quiet(1)), 1);
}

#[test]
fn flush_03_every_request_completes_once_against_traffic() {
    const COUNT: u64 = 20_000;
    let rig = Rig::new();
    let own = rig.memory(A, 64, LOCAL);
    let theirs = rig.memory(B, 64, REMOTE);
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        // Flushes from another processor; the poster retries when the queue is full.
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                let _ = rig.qps[A].flush(BUDGET, &rig.log);
                for _ in 0..200 {
                    core::hint::spin_loop();
                }
            }
        });
        let mut seen: Vec<u64> = Vec::new();
        for context in 0..COUNT {
            let sges = [own.sge(0, 64)];
            let request = Request::new(Opcode::Write, context, &sges).to(&theirs, 0);
            while rig.post(A, &request).is_none() {
                let _ = rig.qps[A].run_send(BUDGET, &rig.log);
                seen.extend(rig.sent(A).iter().map(|c| c.request_context));
            }
            let _ = rig.qps[A].run_send(BUDGET, &rig.log);
            seen.extend(rig.sent(A).iter().map(|c| c.request_context));
        }
        done.store(true, Ordering::Relaxed);
        while (seen.len() as u64) < COUNT {
            let _ = rig.qps[A].run(BUDGET, &rig.log);
            seen.extend(rig.sent(A).iter().map(|c| c.request_context));
        }
        assert!(seen.iter().copied().eq(0..COUNT), "each once, in order");
    });
}

#[test]
fn two_processors_send_and_receive_without_losing_a_message() {
    const COUNT: u64 = 30_000;
    let rig = Rig::new();
    let from = rig.memory(A, 64, LOCAL);
    let into = rig.memory(B, 64, LOCAL);
    thread::scope(|scope| {
        scope.spawn(|| {
            let sges = [from.sge(0, 64)];
            let (mut posted, mut done) = (0, 0);
            while done < COUNT {
                if posted < COUNT && rig.post(A, &Request::new(Opcode::Send, posted, &sges)).is_some() {
                    posted += 1;
                }
                let _ = rig.qps[A].run_send(BUDGET, &rig.log);
                for cqe in rig.sent(A) {
                    assert_eq!((cqe.request_context, cqe.status), (done, S::Success));
                    done += 1;
                }
            }
        });
        scope.spawn(|| {
            let sges = [into.sge(0, 64)];
            let (mut posted, mut done) = (0, 0);
            while done < COUNT {
                if posted < COUNT && rig.try_receive(B, posted, &sges).is_some() {
                    posted += 1;
                    let _ = rig.qps[B].receive_posted(BUDGET, &rig.log);
                }
                for cqe in rig.received(B) {
                    assert_eq!((cqe.request_context, cqe.status), (done, S::Success));
                    done += 1;
                }
            }
        });
    });
}
