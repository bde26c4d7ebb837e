//! The completion queue: nothing lost, doubled or torn; one callback for one arm, and never none.

use loom::sync::Arc;
use loom::thread;
use softndk_abi::completion::{Alarm, ArmKind, CompletionQueue, NotifyReason};
use softndk_abi::{CompletionStatus, Cqe, Opcode};

use crate::harness::{Block, explore};

fn cqe(context: u64, solicited: bool) -> Cqe {
    Cqe {
        qp_context: !context,
        request_context: context,
        opcode: Opcode::Receive,
        invalidated: None,
        status: CompletionStatus::Success,
        bytes: 0,
        error_code: 0,
        solicited,
    }
}

fn queue(depth: u32) -> Arc<(CompletionQueue, Block)> {
    let block = Block::new(CompletionQueue::bytes(depth));
    // SAFETY: the block is kept beside the queue; the models keep the other promises.
    Arc::new((unsafe { CompletionQueue::new(block.pointer(), depth) }, block))
}

fn drain(queue: &CompletionQueue, into: &mut Vec<u64>) {
    while let Some(cqe) = queue.pop() {
        assert_eq!(cqe.qp_context, !cqe.request_context, "torn");
        into.push(cqe.request_context);
    }
}

#[test]
fn two_producers_and_a_consumer() {
    explore(3, || {
        let shared = queue(2);
        let threads: Vec<_> = (0..2)
            .map(|context| {
                let producer = shared.clone();
                thread::spawn(move || assert!(!producer.0.push(&cqe(context, false)).overflow))
            })
            .collect();
        let mut got = Vec::new();
        drain(&shared.0, &mut got);
        for thread in threads {
            thread.join().expect("producer");
        }
        drain(&shared.0, &mut got);
        got.sort_unstable();
        assert_eq!(got, [0, 1]);
    });
}

#[test]
fn a_slot_is_not_reused_before_it_was_read() {
    explore(3, || {
        let shared = queue(1);
        let producer = shared.clone();
        let thread = thread::spawn(move || {
            let _ = producer.0.push(&cqe(0, false));
            // Full until the consumer has taken the first: then the push would fail the queue, so look before.
            if producer.0.is_empty() {
                assert!(!producer.0.push(&cqe(1, false)).overflow);
            }
        });
        let mut got = Vec::new();
        drain(&shared.0, &mut got);
        thread.join().expect("producer");
        drain(&shared.0, &mut got);
        assert!(got == [0] || got == [0, 1]);
    });
}

#[test]
fn cq_21_no_wake_up_is_lost() {
    explore(3, || {
        let shared = queue(2);
        let producer = shared.clone();
        let thread = thread::spawn(move || producer.0.push(&cqe(0, false)).alarm);
        let fetched = shared.0.pop().is_some();
        let armed = shared.0.arm(ArmKind::Any);
        let pushed = thread.join().expect("producer");
        let raised = usize::from(armed == Alarm::Raise) + usize::from(pushed == Alarm::Raise);
        // One that was fetched before the arm says nothing to it, however late its producer looks (CQ-22).
        assert_eq!(raised, usize::from(!fetched), "fetched {fetched}");
    });
}

#[test]
fn cq_22_a_producer_that_judged_by_an_earlier_arm_does_not_satisfy_the_next() {
    explore(3, || {
        let shared = queue(2);
        let producer = shared.clone();
        let thread = thread::spawn(move || {
            let _ = producer.0.push(&cqe(0, false));
        });
        let _ = shared.0.arm(ArmKind::Any);
        let told = shared.0.take_notification().is_some();
        if told {
            assert!(shared.0.pop().is_some(), "a callback with nothing to fetch");
            let _ = shared.0.arm(ArmKind::Any);
        }
        thread.join().expect("producer");
        assert_eq!(shared.0.take_notification().is_some(), !told, "told {told}");
    });
}

/// Whoever is told to raise makes the callback here, and finds a completion (CQ-22).
fn answer(queue: &CompletionQueue, alarm: Alarm) -> usize {
    if alarm != Alarm::Raise {
        return 0;
    }
    assert_eq!(queue.take_notification(), Some(NotifyReason::Completion));
    assert!(queue.pop().is_some(), "a callback with nothing to fetch");
    1
}

#[test]
fn cq_22_a_callback_finds_a_completion_also_behind_a_slow_producer() {
    for kind in [ArmKind::Any, ArmKind::Solicited] {
        explore(2, move || {
            let shared = queue(2);
            let threads: Vec<_> = [false, true]
                .into_iter()
                .map(|solicited| {
                    let producer = shared.clone();
                    thread::spawn(move || {
                        let alarm = producer.0.push(&cqe(0, solicited)).alarm;
                        answer(&producer.0, alarm)
                    })
                })
                .collect();
            let alarm = shared.0.arm(kind);
            let mut raised = answer(&shared.0, alarm);
            for thread in threads {
                raised += thread.join().expect("producer");
            }
            // One arm, one callback.
            assert_eq!(raised, 1);
        });
    }
}

#[test]
fn cq_24_an_arm_beside_a_callback_is_kept() {
    explore(3, || {
        let shared = queue(2);
        assert_eq!(shared.0.arm(ArmKind::Any), Alarm::None);
        assert_eq!(shared.0.push(&cqe(0, false)).alarm, Alarm::Raise);
        let producer = shared.clone();
        let thread = thread::spawn(move || producer.0.push(&cqe(1, false)).alarm);
        // The callback: taken, polled dry, armed again.
        assert!(shared.0.take_notification().is_some());
        let mut got = Vec::new();
        drain(&shared.0, &mut got);
        let armed = shared.0.arm(ArmKind::Any);
        let pushed = thread.join().expect("producer");
        let raised = usize::from(armed == Alarm::Raise) + usize::from(pushed == Alarm::Raise);
        // What the poll did not get is told of.
        assert!(raised == 1 || (got.len() == 2 && raised == 0), "{raised} after {got:?}");
    });
}

#[test]
fn cq_65_the_count_is_noticed_whoever_completes_it() {
    explore(3, || {
        let shared = queue(4);
        shared.0.moderate(2, u32::MAX).map(|_| ()).expect("a count");
        assert_eq!(shared.0.arm(ArmKind::Any), Alarm::None);
        let producer = shared.clone();
        let thread = thread::spawn(move || producer.0.push(&cqe(1, false)).alarm);
        let own = shared.0.push(&cqe(0, false)).alarm;
        let other = thread.join().expect("producer");
        assert_eq!(usize::from(own == Alarm::Raise) + usize::from(other == Alarm::Raise), 1);
    });
}

#[test]
fn cq_70_switching_moderation_off_beside_a_push_frees_the_notification() {
    explore(3, || {
        let shared = queue(4);
        shared.0.moderate(3, u32::MAX).map(|_| ()).expect("a count");
        assert_eq!(shared.0.arm(ArmKind::Any), Alarm::None);
        let producer = shared.clone();
        let thread = thread::spawn(move || producer.0.push(&cqe(1, false)).alarm);
        let off = shared.0.moderate(0, 0).expect("off");
        let pushed = thread.join().expect("producer");
        assert_eq!(usize::from(off == Alarm::Raise) + usize::from(pushed == Alarm::Raise), 1);
    });
}

#[test]
fn cq_56_a_resize_beside_a_push_loses_nothing() {
    explore(3, || {
        let shared = queue(2);
        let larger = Block::new(CompletionQueue::bytes(3));
        let producer = shared.clone();
        let thread = thread::spawn(move || {
            assert!(!producer.0.push(&cqe(0, false)).overflow);
            assert!(!producer.0.push(&cqe(1, false)).overflow);
        });
        // SAFETY: kept to the end of the model.
        unsafe { shared.0.replace(larger.pointer(), 3, 3) }.expect("larger");
        let mut got = Vec::new();
        drain(&shared.0, &mut got);
        let early = shared.0.reclaim();
        thread.join().expect("producer");
        drain(&shared.0, &mut got);
        assert_eq!(got, [0, 1]);
        assert!(early.is_some() || shared.0.reclaim().is_some());
    });
}
