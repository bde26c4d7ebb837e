//! The shared receive queue.

use std::thread;
use std::vec::Vec;

use softndk_abi::{CompletionStatus as S, Opcode, Sge};

use super::harness::{A, B, BUDGET, Block, Event, LOCAL, Log, Request, Rig, Shape, brief};
use crate::srq::{DepthRefused, PostError, Srq};

fn rig() -> Rig {
    Rig::shaped(&Shape { srq: Some(8), ..Shape::default() })
}

#[test]
fn srq_11_receives_are_taken_in_order_by_whoever_comes() {
    let rig = rig();
    let memory = rig.memory(A, 100, LOCAL);
    let srq = rig.srq.as_ref().expect("shared");
    for context in 0..4 {
        srq.post(context, &[memory.sge(context * 10, 10)], &rig.log).expect("room");
    }
    rig.submit(A, &Request::new(Opcode::Send, 1, &[memory.sge(50, 10)]));
    rig.submit(B, &Request::new(Opcode::Send, 2, &[memory.sge(60, 10)]));
    rig.submit(A, &Request::new(Opcode::Send, 3, &[memory.sge(70, 10)]));
    // SRQ-12: in the CQ of the QP that took it.
    assert_eq!(brief(&rig.received(B)), [(0, S::Success), (2, S::Success)]);
    assert_eq!(brief(&rig.received(A)), [(1, S::Success)]);
    assert_eq!(memory.bytes[10..20], memory.bytes[60..70]);
}

#[test]
fn srq_15_a_failing_qp_leaves_the_waiting_receives() {
    let rig = rig();
    let srq = rig.srq.as_ref().expect("shared");
    for context in 0..3 {
        srq.post(context, &[], &rig.log).expect("room");
    }
    // Overflows the first one; FLUSH-05.
    let memory = rig.memory(A, 100, LOCAL);
    rig.submit(A, &Request::new(Opcode::Send, 1, &[memory.sge(0, 1)]));
    rig.pump();
    assert_eq!(brief(&rig.received(B)), [(0, S::BufferOverflow)]);
    assert_eq!(srq.len(), 2);
}

#[test]
fn srq_17_an_empty_queue_holds_the_sender_back() {
    let rig = rig();
    let srq = rig.srq.as_ref().expect("shared");
    rig.submit(A, &Request::new(Opcode::Send, 1, &[]));
    assert!(rig.sent(A).is_empty());
    srq.post(5, &[], &rig.log).expect("room");
    assert_eq!(rig.log.count(Event::SrqFed(50)), 1);
    rig.log.kicks.lock().expect("log").push_back(1);
    rig.pump();
    assert_eq!(brief(&rig.sent(A)), [(1, S::Success)]);
    srq.post(6, &[], &rig.log).expect("room");
    assert_eq!(rig.log.count(Event::SrqFed(50)), 1);
}

#[test]
fn srq_13_exact_depth_and_sges() {
    let rig = rig();
    let srq = rig.srq.as_ref().expect("shared");
    for context in 0..8 {
        srq.post(context, &[], &rig.log).expect("room");
    }
    assert_eq!(srq.post(8, &[], &rig.log), Err(PostError::Full));
    let many = [Sge::default(); 9];
    assert_eq!(srq.post(8, &many, &rig.log), Err(PostError::TooManySges));
    let long = [Sge { length: u32::MAX, ..Sge::default() }; 2];
    assert_eq!(srq.post(8, &long, &rig.log), Err(PostError::TooLong));
    assert_eq!(srq.set_depth(7), Err(DepthRefused));
    assert_eq!(srq.set_depth(9), Err(DepthRefused));
}

/// A queue of its own, with threshold 4 at creation.
fn alone(threshold: u32) -> (Block, Srq) {
    let mut block = Block::new(Srq::bytes(16, 1));
    // SAFETY: returned together; the block's memory does not move.
    let srq = unsafe { Srq::new(block.pointer(), 16, 1, threshold, 50) };
    (block, srq)
}

fn take(srq: &Srq, log: &Log) -> Option<u64> {
    let mut sge = [Sge::default()];
    // SAFETY: room for one, as the queue demands.
    unsafe { srq.take(core::ptr::NonNull::from(&mut sge).cast(), log) }.map(|t| t.context)
}

#[test]
fn srq_08_and_srq_28_the_threshold_notifies_once_when_passed_downwards() {
    let log = Log::default();
    let (_block, srq) = alone(4);
    let low = || log.count(Event::SrqLow(50));
    for context in 0..3 {
        srq.post(context, &[], &log).expect("room");
    }
    // Never reached yet: falling from 3 to 2 says nothing.
    take(&srq, &log);
    assert_eq!(low(), 0);
    for context in 3..6 {
        srq.post(context, &[], &log).expect("room");
    }
    take(&srq, &log);
    assert_eq!(low(), 0);
    take(&srq, &log);
    assert_eq!(low(), 1);
    // SRQ-27.
    take(&srq, &log);
    assert_eq!(low(), 1);
    // SRQ-25.
    srq.arm(4, &log);
    assert_eq!(low(), 2);
    let (_block, srq) = alone(0);
    srq.post(0, &[], &log).expect("room");
    take(&srq, &log);
    assert_eq!(low(), 2);
}

#[test]
fn many_takers_take_each_receive_once() {
    const COUNT: u64 = 40_000;
    let log = Log::default();
    let (_block, srq) = alone(0);
    let taken: Vec<Vec<u64>> = thread::scope(|scope| {
        scope.spawn(|| {
            for context in 0..COUNT {
                let sge = Sge { address: context, length: 1, token: softndk_abi::Token(context as u32) };
                while srq.post(context, &[sge], &log).is_err() {
                    thread::yield_now();
                }
            }
        });
        let takers: Vec<_> = (0..2)
            .map(|_| {
                scope.spawn(|| {
                    let mut mine = Vec::new();
                    while mine.last() != Some(&(COUNT - 1)) && srq.len() < u32::MAX {
                        let mut sge = [Sge::default()];
                        // SAFETY: room for one.
                        let got = unsafe { srq.take(core::ptr::NonNull::from(&mut sge).cast(), &log) };
                        match got {
                            Some(taken) => {
                                assert_eq!((sge[0].address, taken.length), (taken.context, 1), "torn");
                                mine.push(taken.context);
                            }
                            None if DONE.load(std::sync::atomic::Ordering::Acquire) => break,
                            None => thread::yield_now(),
                        }
                        if mine.last() == Some(&(COUNT - 1)) {
                            DONE.store(true, std::sync::atomic::Ordering::Release);
                        }
                    }
                    mine
                })
            })
            .collect();
        takers.into_iter().map(|t| t.join().expect("taker")).collect()
    });
    assert!(taken.iter().all(|mine| mine.is_sorted()));
    let mut all = taken.concat();
    all.sort_unstable();
    assert!(all.into_iter().eq(0..COUNT));
    let _ = BUDGET;
}

static DONE: std::sync::atomic::AtomicBool = std::sync::atomic::AtomicBool::new(false);
