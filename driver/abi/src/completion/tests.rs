//! Order, overflow, arms, failure, moderation, resizing.

use std::vec;
use std::vec::Vec;

use proptest::prelude::*;

use super::*;
use crate::{CompletionStatus, Opcode, Token};

#[derive(Clone, Copy)]
#[repr(align(64))]
struct Line(#[expect(dead_code, reason = "memory")] [u8; 64]);

fn memory(depth: u32) -> (Vec<Line>, NonNull<u8>) {
    let mut memory = vec![Line([0; 64]); CompletionQueue::bytes(depth) / 64];
    let start = NonNull::new(memory.as_mut_ptr().cast()).expect("vector");
    (memory, start)
}

/// A queue and its memory.
fn queue(depth: u32) -> (Vec<Line>, CompletionQueue) {
    let (memory, start) = memory(depth);
    // SAFETY: as long as `bytes` wants, aligned, zeroed, kept beside the queue.
    (memory, unsafe { CompletionQueue::new(start, depth) })
}

fn cqe(context: u64) -> Cqe {
    Cqe {
        qp_context: !context,
        request_context: context,
        opcode: Opcode::Receive,
        invalidated: None,
        status: CompletionStatus::Success,
        bytes: 3,
        error_code: 0,
        solicited: false,
    }
}

const fn plain() -> (CompletionStatus, bool) {
    (CompletionStatus::Success, false)
}

fn push(queue: &CompletionQueue, (status, solicited): (CompletionStatus, bool)) -> Alarm {
    let pushed = queue.push(&Cqe { status, solicited, ..cqe(0) });
    assert!(!pushed.overflow);
    pushed.alarm
}

const SOLICITED: (CompletionStatus, bool) = (CompletionStatus::Success, true);
const ERROR: (CompletionStatus, bool) = (CompletionStatus::Cancelled, false);

/// The callback: taken, and the consumer fetches everything.
fn call_back(queue: &CompletionQueue) {
    assert_eq!(queue.take_notification(), Some(NotifyReason::Completion));
    while queue.pop().is_some() {}
}

#[test]
fn cq_40_first_in_first_out_with_every_field() {
    let (_memory, queue) = queue(4);
    for lap in 0..10u64 {
        let full = Cqe {
            invalidated: Some(Token(0)),
            status: CompletionStatus::RemoteError,
            error_code: 0xabcd,
            opcode: Opcode::FastRegister,
            solicited: true,
            ..cqe(lap)
        };
        let _ = queue.push(&full);
        let _ = queue.push(&cqe(lap + 100));
        assert_eq!(queue.len(), 2);
        assert_eq!(queue.pop(), Some(full));
        assert_eq!(queue.pop(), Some(cqe(lap + 100)));
        assert_eq!(queue.pop(), None);
    }
}

#[test]
fn cq_01_and_cq_33_exactly_the_depth_fits_then_it_fails_once() {
    for depth in [1, 2, 3, 5, 8] {
        let (_memory, queue) = queue(depth);
        for context in 0..u64::from(depth) {
            assert!(!queue.push(&cqe(context)).overflow);
        }
        assert_eq!(queue.failed(), None);
        assert_eq!(queue.push(&cqe(99)), Pushed { overflow: true, alarm: Alarm::None });
        assert_eq!(queue.push(&cqe(99)), Pushed { overflow: false, alarm: Alarm::None });
        assert_eq!(queue.failed(), Some(Failed::Overflow));
        assert_eq!(queue.pop(), None);
        // told at the next arm, once.
        assert_eq!(queue.arm(ArmKind::Errors), Alarm::Raise);
        assert_eq!(queue.arm(ArmKind::Any), Alarm::None);
        assert_eq!(queue.take_notification(), Some(NotifyReason::Failed(Failed::Overflow)));
        assert_eq!(queue.take_notification(), None);
        assert_eq!(queue.arm(ArmKind::Any), Alarm::None);
    }
}

#[test]
fn cq_15_failure_satisfies_an_arm_of_any_kind() {
    for kind in [ArmKind::Errors, ArmKind::Any, ArmKind::Solicited] {
        let (_memory, queue) = queue(1);
        assert_eq!(queue.arm(kind), Alarm::None);
        assert_eq!(queue.fail(Failed::Internal), Alarm::Raise);
        assert_eq!(queue.fail(Failed::Overflow), Alarm::None);
        assert_eq!(queue.take_notification(), Some(NotifyReason::Failed(Failed::Internal)));
    }
}

#[test]
fn cq_11_cq_12_cq_13_cq_14_what_satisfies_which_arm() {
    let table = [
        (ArmKind::Any, [true, true, true]),
        (ArmKind::Solicited, [false, true, true]),
        (ArmKind::Errors, [false, false, true]),
    ];
    for (kind, fires) in table {
        for (what, fire) in [plain(), SOLICITED, ERROR].into_iter().zip(fires) {
            let (_memory, queue) = queue(8);
            assert_eq!(push(&queue, what), Alarm::None, "CQ-17");
            while queue.pop().is_some() {}
            assert_eq!(queue.arm(kind), Alarm::None);
            let wanted = if fire { Alarm::Raise } else { Alarm::None };
            assert_eq!(push(&queue, what), wanted, "{kind:?} {what:?}");
            // CQ-16: one arm, one callback.
            assert_eq!(push(&queue, what), Alarm::None);
            assert_eq!(queue.take_notification().is_some(), fire);
            assert_eq!(queue.take_notification(), None);
        }
    }
}

#[test]
fn cq_25_arms_merge() {
    use ArmKind::{Any, Errors, Solicited};
    let table = [
        ([Any, Errors], Any),
        ([Errors, Any], Any),
        ([Any, Solicited], Any),
        ([Solicited, Any], Any),
        ([Errors, Solicited], Solicited),
        ([Solicited, Errors], Solicited),
        ([Solicited, Solicited], Solicited),
        ([Errors, Errors], Errors),
        ([Any, Any], Any),
    ];
    for (arms, result) in table {
        for (what, least) in [(plain(), 2), (SOLICITED, 1), (ERROR, 0)] {
            let (_memory, queue) = queue(8);
            for arm in arms {
                assert_eq!(queue.arm(arm), Alarm::None);
            }
            let strength = match result {
                Errors => 0,
                Solicited => 1,
                Any => 2,
            };
            let fires = push(&queue, what) == Alarm::Raise;
            assert_eq!(fires, strength >= least, "{arms:?} {what:?}");
        }
    }
}

#[test]
fn cq_19_and_cq_20_an_arm_looks_at_what_came_since_the_last_callback() {
    for (kind, what) in [(ArmKind::Any, plain()), (ArmKind::Solicited, SOLICITED), (ArmKind::Errors, ERROR)] {
        let (_memory, queue) = queue(8);
        let _ = push(&queue, what);
        assert_eq!(queue.arm(kind), Alarm::Raise);
        // Told, but not fetched: CQ-20.
        assert!(queue.take_notification().is_some());
        assert_eq!(queue.arm(kind), Alarm::None);
        assert_eq!(push(&queue, what), Alarm::Raise);
        assert!(queue.take_notification().is_some());
        // New since then, but fetched again: nothing there.
        let _ = push(&queue, what);
        while queue.pop().is_some() {}
        assert_eq!(queue.arm(kind), Alarm::None);
        // CQ-24: re-armed while a callback is due gives another one after it.
        assert_eq!(push(&queue, what), Alarm::Raise);
        while queue.pop().is_some() {}
        assert_eq!(queue.arm(kind), Alarm::None);
        assert!(queue.take_notification().is_some());
        assert_eq!(push(&queue, what), Alarm::Raise);
    }
}

#[test]
fn cq_19_an_arm_is_not_satisfied_by_what_does_not_match() {
    let (_memory, queue) = queue(8);
    let _ = push(&queue, plain());
    assert_eq!(queue.arm(ArmKind::Solicited), Alarm::None);
    assert_eq!(queue.arm(ArmKind::Any), Alarm::Raise);
}

#[test]
fn cq_36_a_spent_notification_is_gone() {
    let (_memory, queue) = queue(8);
    assert_eq!(queue.take_notification(), None);
    assert_eq!(queue.arm(ArmKind::Any), Alarm::None);
    assert_eq!(push(&queue, plain()), Alarm::Raise);
    assert!(queue.notification_due());
    call_back(&queue);
    assert!(!queue.notification_due());
}

#[test]
fn cq_63_to_cq_67_which_settings_hold() {
    let (_memory, queue) = queue(8);
    let max = u32::MAX;
    for (count, interval) in [(0, 50), (1, max), (9, 0), (max, 0), (0, 0)] {
        assert_eq!(queue.moderate(count, interval), Ok(Alarm::None));
        assert_eq!(queue.arm(ArmKind::Any), Alarm::None);
        assert_eq!(push(&queue, plain()), Alarm::Raise, "{count} {interval}: off");
        call_back(&queue);
    }
    assert_eq!(queue.moderate(max, max), Err(MixRefused));
    assert_eq!(queue.moderate(9, max), Err(MixRefused), "above the depth");
}

#[test]
fn cq_68_the_earlier_of_count_and_interval() {
    let (_memory, queue) = queue(8);
    assert_eq!(queue.moderate(3, 20), Ok(Alarm::None));
    assert_eq!(queue.arm(ArmKind::Any), Alarm::None);
    assert_eq!(push(&queue, plain()), Alarm::Hold { microseconds: 20 });
    assert_eq!(queue.take_notification(), None);
    assert_eq!(push(&queue, plain()), Alarm::None);
    assert_eq!(push(&queue, plain()), Alarm::Raise);
    // The timer comes too late, and does no harm.
    assert_eq!(queue.due(), Alarm::None);
    call_back(&queue);
    assert_eq!(queue.arm(ArmKind::Any), Alarm::None);
    assert_eq!(push(&queue, plain()), Alarm::Hold { microseconds: 20 });
    assert_eq!(queue.due(), Alarm::Raise);
    assert_eq!(queue.due(), Alarm::None);
    // CQ-69: fetched at once; CQ-11: the callback comes all the same.
    call_back(&queue);
}

#[test]
fn cq_65_and_cq_66_one_of_both_governs() {
    let (_memory, queue) = queue(8);
    assert_eq!(queue.moderate(2, u32::MAX), Ok(Alarm::None));
    assert_eq!(queue.arm(ArmKind::Any), Alarm::None);
    assert_eq!(push(&queue, plain()), Alarm::None);
    assert_eq!(queue.due(), Alarm::None, "no timer has a say");
    assert_eq!(push(&queue, plain()), Alarm::Raise);
    call_back(&queue);
    assert_eq!(queue.moderate(u32::MAX, 7), Ok(Alarm::None));
    assert_eq!(queue.arm(ArmKind::Any), Alarm::None);
    assert_eq!(push(&queue, plain()), Alarm::Hold { microseconds: 7 });
    for _ in 0..7 {
        assert_eq!(push(&queue, plain()), Alarm::None);
    }
    assert_eq!(queue.due(), Alarm::Raise);
}

#[test]
fn cq_70_new_settings_govern_a_waiting_arm() {
    let (_memory, queue) = queue(8);
    let hold = |count, interval| {
        let _ = queue.moderate(0, 0);
        while queue.pop().is_some() {}
        let _ = queue.take_notification();
        assert_eq!(queue.moderate(count, interval), Ok(Alarm::None));
        assert_eq!(queue.arm(ArmKind::Any), Alarm::None);
        let _ = push(&queue, plain());
    };
    hold(5, 100);
    assert_eq!(queue.moderate(0, 0), Ok(Alarm::Raise));
    hold(5, 100);
    assert_eq!(queue.moderate(5, 10), Ok(Alarm::Hold { microseconds: 10 }));
    let _ = push(&queue, plain());
    assert_eq!(queue.moderate(2, 10), Ok(Alarm::Raise));
    hold(5, 100);
    // CQ-72.
    assert_eq!(queue.fail(Failed::Internal), Alarm::Raise);
}

#[test]
fn cq_56_a_resize_keeps_order_and_arm() {
    let (_first, queue) = queue(2);
    let (_second, larger) = memory(5);
    let _ = queue.push(&cqe(0));
    let _ = queue.push(&cqe(1));
    // SAFETY: good memory, kept to the end.
    unsafe { queue.replace(larger, 5, 5) }.expect("larger");
    assert_eq!((queue.depth(), queue.len()), (5, 2));
    for context in 2..5 {
        assert!(!queue.push(&cqe(context)).overflow);
    }
    assert!(queue.reclaim().is_none());
    for context in 0..5 {
        assert_eq!(queue.pop(), Some(cqe(context)));
    }
    assert_eq!(queue.arm(ArmKind::Any), Alarm::None);
    assert!(queue.reclaim().is_some());
    assert!(queue.reclaim().is_none());
    let _ = queue.push(&cqe(5));
    let _ = queue.push(&cqe(6));
    // CQ-55.
    let (_third, third) = memory(1);
    // SAFETY: refused.
    assert_eq!(unsafe { queue.replace(third, 1, 1) }, Err(ReplaceError::TooSmall));
    assert_eq!((queue.pop(), queue.pop()), (Some(cqe(5)), Some(cqe(6))));
    // SAFETY: good memory, kept to the end.
    unsafe { queue.replace(third, 1, 1) }.expect("large enough");
    assert!(!queue.push(&cqe(7)).overflow);
    assert!(queue.notification_due(), "the arm survived");
    assert_eq!(queue.pop(), Some(cqe(7)));
    assert_eq!(queue.pop(), None);
}

/// Resizes as the driver does; the memory is kept in `kept`.
fn resize(queue: &CompletionQueue, depth: u32, kept: &mut Vec<Vec<Line>>) -> Result<(), ReplaceError> {
    while queue.reclaim().is_some() {}
    match queue.plan_resize(depth, 4096)? {
        Plan::Done => Ok(()),
        Plan::Memory { capacity } => {
            let (block, start) = memory(capacity);
            kept.push(block);
            // SAFETY: good memory, kept by the caller.
            unsafe { queue.replace(start, capacity, depth) }
        }
    }
}

#[test]
fn cq_56_resizes_without_a_fetch_between_them_always_succeed() {
    let (_first, queue) = queue(2);
    let mut kept = Vec::new();
    let (mut pushed, mut popped) = (0, 0);
    let depths = [2, 16, 3, 200, 4, 4096, 8, 8, 4096, 64, 1000, 65, 100];
    for round in 0..40 {
        for depth in depths {
            if queue.len() > depth {
                assert_eq!(resize(&queue, depth, &mut kept), Err(ReplaceError::TooSmall));
                continue;
            }
            assert_eq!(resize(&queue, depth, &mut kept), Ok(()));
            assert_eq!(queue.depth(), depth);
            while queue.len() < depth.min(2 + round % 2) {
                assert!(!queue.push(&cqe(pushed)).overflow);
                pushed += 1;
            }
            if round % 3 == 2 {
                assert_eq!(queue.pop(), Some(cqe(popped)));
                popped += 1;
            }
            if queue.len() > 1 {
                assert_eq!(resize(&queue, queue.len() - 1, &mut kept), Err(ReplaceError::TooSmall));
            }
        }
    }
    while let Some(result) = queue.pop() {
        assert_eq!(result, cqe(popped));
        popped += 1;
    }
    assert_eq!(popped, pushed);
    let most = queue.memory().iter().flatten().count();
    while queue.reclaim().is_some() {}
    assert!(most <= RINGS && queue.memory().iter().flatten().count() == 1);
    // The depth is exact in a ring that is larger than it.
    for context in 0..100 {
        assert!(!queue.push(&cqe(context)).overflow);
    }
    assert!(queue.push(&cqe(100)).overflow);
}

#[test]
fn many_producers_lose_and_double_nothing_even_while_resized() {
    const EACH: u64 = 30_000;
    let (_first, queue) = queue(64);
    let alive = std::sync::atomic::AtomicU32::new(2);
    std::thread::scope(|scope| {
        for producer in 0..2u64 {
            let (queue, alive) = (&queue, &alive);
            scope.spawn(move || {
                for number in 0..EACH {
                    while queue.len() >= 30 {
                        std::thread::yield_now();
                    }
                    assert!(!queue.push(&cqe(producer << 32 | number)).overflow);
                }
                alive.fetch_sub(1, std::sync::atomic::Ordering::Release);
            });
        }
        scope.spawn(|| {
            let mut rings: Vec<Vec<Line>> = Vec::new();
            let mut resizes = 0;
            while alive.load(std::sync::atomic::Ordering::Acquire) != 0 {
                // Bursts of resizes, then time for the consumer to follow.
                if resize(&queue, 40 + resizes * 7 % 300, &mut rings).is_ok() {
                    resizes += 1;
                }
                if resizes % 5 == 0 {
                    std::thread::yield_now();
                }
            }
            std::mem::forget(rings);
        });
        let mut next = [0u64; 2];
        while next != [EACH; 2] {
            let Some(cqe) = queue.pop() else {
                std::thread::yield_now();
                continue;
            };
            let (producer, number) = ((cqe.request_context >> 32) as usize, cqe.request_context & 0xffff_ffff);
            assert_eq!(number, next[producer]);
            assert_eq!(cqe.qp_context, !cqe.request_context);
            next[producer] += 1;
        }
    });
}

#[test]
fn cq_21_no_wake_up_is_lost_between_threads() {
    const COUNT: u64 = 100_000;
    let (_memory, queue) = queue(256);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for context in 0..COUNT {
                while queue.len() >= 200 {
                    std::thread::yield_now();
                }
                let _ = queue.push(&cqe(context));
            }
        });
        // Polls to empty, arms, and then waits for the notification and for nothing else.
        let mut next = 0;
        while next < COUNT {
            while let Some(got) = queue.pop() {
                assert_eq!(got.request_context, next);
                next += 1;
            }
            if next == COUNT {
                break;
            }
            let _ = queue.arm(ArmKind::Any);
            let mut spins = 0u64;
            while queue.take_notification().is_none() {
                std::thread::yield_now();
                spins += 1;
                assert!(spins < 50_000_000, "asleep at {next}");
            }
            // CQ-22.
            assert!(!queue.is_empty());
        }
    });
}

proptest! {
    #[test]
    fn behaves_as_a_bounded_queue(depth in 1u32..10, acts in prop::collection::vec(any::<bool>(), 0..200)) {
        let (_memory, queue) = queue(depth);
        let mut model = std::collections::VecDeque::new();
        let mut next = 0;
        for push in acts {
            if push {
                if model.len() == depth as usize {
                    continue;
                }
                let _ = queue.push(&cqe(next));
                model.push_back(next);
                next += 1;
            } else {
                prop_assert_eq!(queue.pop().map(|c| c.request_context), model.pop_front());
            }
            prop_assert_eq!(queue.len() as usize, model.len());
        }
    }
}
