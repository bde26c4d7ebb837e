//! Depth, wrap-around, deferring, and that what goes in comes out.

use std::collections::VecDeque;
use std::vec;
use std::vec::Vec;

use proptest::prelude::*;

use super::*;

#[derive(Clone, Copy)]
#[repr(align(64))]
struct Line(#[expect(dead_code, reason = "memory")] [u8; 64]);

/// A queue and its memory.
fn queue(layout: WorkLayout) -> (Vec<Line>, WorkQueue) {
    let mut memory = vec![Line([0; 64]); layout.bytes().div_ceil(64)];
    let start = NonNull::new(memory.as_mut_ptr().cast()).expect("vector");
    // SAFETY: as long as `bytes` wants, aligned, zeroed, kept beside the queue; each test is one thread per side.
    (memory, unsafe { WorkQueue::new(start, layout) })
}

fn header(context: u64) -> WqeHeader {
    WqeHeader {
        request_context: context,
        opcode: Opcode::Write,
        flags: WqeFlags::SILENT | WqeFlags::FENCE,
        sge_count: 0,
        length: 0,
        remote_address: !context,
        remote_token: Token(context as u32),
    }
}

fn post(queue: &WorkQueue, context: u64, publish: Publish) -> bool {
    let Some(mut slot) = queue.reserve() else { return false };
    slot.header(&header(context));
    slot.commit(publish);
    true
}

#[test]
fn shapes() {
    let stride = |max_sge, inline| WorkLayout { depth: 1, max_sge, inline }.stride();
    assert_eq!((stride(0, 0), stride(2, 32), stride(3, 0), stride(0, 33), stride(6, 96)), (64, 64, 128, 128, 128));
    let slots = |depth| WorkLayout { depth, max_sge: 0, inline: 0 }.slots();
    assert_eq!(
        (slots(0), slots(1), slots(3), slots(1024), slots(1025), slots(u32::MAX)),
        (1, 1, 4, 1024, 2048, 1 << 31)
    );
    let absurd = WorkLayout { depth: u32::MAX, max_sge: u32::MAX, inline: u32::MAX };
    assert_eq!(absurd.bytes(), usize::MAX);
}

#[test]
fn qp_07_depth_zero_takes_nothing() {
    let (_memory, queue) = queue(WorkLayout { depth: 0, max_sge: 0, inline: 0 });
    assert!(queue.reserve().is_none() && queue.front().is_none());
}

#[test]
fn wr_03_a_dropped_slot_goes_back() {
    let (_memory, queue) = queue(WorkLayout { depth: 1, max_sge: 1, inline: 0 });
    let slot = queue.reserve().expect("room");
    assert!(queue.reserve().is_none(), "one at a time");
    drop(slot);
    assert!(post(&queue, 1, Publish::Now));
    assert!(!post(&queue, 2, Publish::Now));
    queue.front().expect("one");
    queue.complete();
    queue.complete();
    assert!(post(&queue, 3, Publish::Now));
    assert_eq!(queue.front().expect("one").header(), header(3));
}

#[test]
fn flag_21_publish_shows_what_was_deferred() {
    let (_memory, queue) = queue(WorkLayout { depth: 4, max_sge: 0, inline: 0 });
    assert!(!queue.publish());
    assert!(post(&queue, 1, Publish::Defer) && post(&queue, 2, Publish::Defer));
    assert!(queue.front().is_none());
    assert_eq!((queue.len(), queue.queued()), (0, 2));
    assert!(queue.publish());
    assert!(!queue.publish());
    assert_eq!((queue.len(), queue.queued()), (2, 2));
    assert_eq!(queue.front().expect("shown").header().request_context, 1);
}

#[test]
fn flag_24_a_drain_reaches_deferred_requests_and_the_ring_goes_on() {
    let (_memory, queue) = queue(WorkLayout { depth: 4, max_sge: 0, inline: 0 });
    for context in 0..10 {
        assert!(post(&queue, context, Publish::Defer));
        assert_eq!(queue.front_written().expect("written").header().request_context, context);
        queue.complete();
        assert!(queue.front().is_none());
        assert_eq!((queue.len(), queue.queued()), (0, 0));
    }
    assert!(post(&queue, 77, Publish::Now));
    assert_eq!(queue.front().expect("shown").header().request_context, 77);
}

#[test]
fn sges_and_inline_bytes_come_back() {
    let (_memory, queue) = queue(WorkLayout { depth: 2, max_sge: 5, inline: 100 });
    for round in 0..7u32 {
        let mut slot = queue.reserve().expect("room");
        slot.header(&WqeHeader { sge_count: 5, ..header(1) });
        for index in 0..5 {
            assert!(slot.sge(index, Sge { address: u64::from(index), length: round, token: Token(9) }));
        }
        assert!(!slot.sge(5, Sge::default()));
        slot.commit(Publish::Now);
        let wqe = queue.front().expect("one");
        let sges: Vec<u64> = wqe.sges().map(|s| s.address).collect();
        assert_eq!(sges, [0, 1, 2, 3, 4]);
        assert_eq!(wqe.sge(0).map(|s| (s.length, s.token)), Some((round, Token(9))));
        queue.complete();
        let mut slot = queue.reserve().expect("room");
        slot.header(&WqeHeader { length: 100, ..header(2) });
        assert!(slot.inline_area(101).is_none());
        slot.inline_area(100).expect("fits").fill(round as u8);
        slot.commit(Publish::Now);
        let wqe = queue.front().expect("one");
        assert!(wqe.sge(0).is_none());
        // SAFETY: the inline area is 100 bytes, until `complete`.
        let bytes = unsafe { core::slice::from_raw_parts(wqe.inline(), 100) };
        assert!(bytes.iter().all(|b| *b == round as u8));
        queue.complete();
    }
}

#[test]
fn object_work_comes_back() {
    let (_memory, queue) = queue(WorkLayout { depth: 2, max_sge: 0, inline: 0 });
    let all = ObjectWork {
        object: 1,
        second: 2,
        base: 3,
        span: 4,
        rights: Access::REMOTE_READ,
        first_byte_offset: 5,
        pages: 6,
        page_count: 7,
        run_base: 8,
        token: Token(9),
    };
    for (opcode, seen) in [
        (Opcode::Bind, ObjectWork { first_byte_offset: 0, ..all }),
        (Opcode::FastRegister, ObjectWork { second: 0, ..all }),
        (Opcode::Invalidate, ObjectWork { second: 0, ..all }),
    ] {
        let mut slot = queue.reserve().expect("room");
        slot.object_work(11, opcode, WqeFlags::SILENT, &all);
        slot.commit(Publish::Now);
        let wqe = queue.front().expect("one");
        assert_eq!(wqe.object_work(), seen);
        let header = wqe.header();
        assert_eq!((header.request_context, header.opcode, header.flags), (11, opcode, WqeFlags::SILENT));
        queue.complete();
    }
}

#[test]
fn a_slot_without_a_header_does_not_repeat_an_old_request() {
    let (_memory, queue) = queue(WorkLayout { depth: 1, max_sge: 0, inline: 0 });
    assert!(post(&queue, 1, Publish::Now));
    queue.front().expect("one");
    queue.complete();
    queue.reserve().expect("room").commit(Publish::Now);
    assert_eq!(queue.front().expect("one").header().opcode, Opcode::Receive);
}

#[derive(Clone, Debug)]
enum Act {
    Post,
    Defer,
    Publish,
    Take,
    Drain,
}

proptest! {
    #[test]
    fn wr_16_behaves_as_a_bounded_queue(
        depth in 1u32..9,
        start in prop_oneof![Just(0u32), (u32::MAX - 20)..=u32::MAX],
        acts in prop::collection::vec(
            prop_oneof![Just(Act::Post), Just(Act::Defer), Just(Act::Publish), Just(Act::Take), Just(Act::Drain)], 0..200),
    ) {
        let (_memory, queue) = queue(WorkLayout { depth, max_sge: 0, inline: 0 });
        // Begin anywhere, so that the indices wrap.
        let control = queue.control();
        for index in [
            &control.producer.written, &control.producer.cached_head, &control.published,
            &control.consumer.head, &control.consumer.cached_bound,
        ] {
            index.store(start, Ordering::Relaxed);
        }
        let mut model: VecDeque<u64> = VecDeque::new();
        let mut shown = 0;
        let mut next = 0;
        for act in acts {
            match act {
                Act::Post | Act::Defer => {
                    let now = matches!(act, Act::Post);
                    let fits = model.len() < depth as usize;
                    prop_assert_eq!(post(&queue, next, if now { Publish::Now } else { Publish::Defer }), fits);
                    if fits {
                        model.push_back(next);
                        next += 1;
                        if now { shown = model.len(); }
                    }
                }
                Act::Publish => {
                    // After a drain it may ask for a doorbell too many, never for one too few.
                    let due = queue.publish();
                    prop_assert!(due || shown == model.len());
                    shown = model.len();
                }
                Act::Take => {
                    let front = queue.front().map(|w| w.header().request_context);
                    // The consumer may know of deferred ones from a drain; it never invents or reorders.
                    if shown > 0 { prop_assert_eq!(front, model.front().copied()); }
                    if front.is_some() {
                        prop_assert_eq!(front, model.pop_front());
                        shown = shown.saturating_sub(1);
                        queue.complete();
                    }
                }
                Act::Drain => {
                    while let Some(wqe) = queue.front_written() {
                        prop_assert_eq!(Some(wqe.header().request_context), model.pop_front());
                        queue.complete();
                    }
                    prop_assert!(model.is_empty());
                    shown = 0;
                }
            }
            prop_assert_eq!(queue.queued() as usize, model.len());
        }
    }
}

#[test]
fn two_threads_hand_over_every_request() {
    const COUNT: u64 = 100_000;
    let (_memory, queue) = queue(WorkLayout { depth: 7, max_sge: 2, inline: 0 });
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for context in 0..COUNT {
                while !post(
                    &queue,
                    context,
                    if context % 5 == 4 || context + 1 == COUNT { Publish::Now } else { Publish::Defer },
                ) {
                    queue.publish();
                    std::thread::yield_now();
                }
            }
        });
        for context in 0..COUNT {
            let wqe = loop {
                match queue.front() {
                    Some(wqe) => break wqe,
                    None => std::thread::yield_now(),
                }
            };
            assert_eq!(wqe.header(), header(context));
            queue.complete();
        }
    });
}
