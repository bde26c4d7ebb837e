//! The work queue: what is taken is whole, in order, and nothing beyond the depth.

use loom::sync::Arc;
use loom::thread;
use softndk_abi::work::{Publish, WorkLayout, WorkQueue, WqeHeader};
use softndk_abi::{Opcode, Token, WqeFlags};

use crate::harness::{Block, explore};

fn post(queue: &WorkQueue, context: u64, publish: Publish) -> bool {
    let Some(mut slot) = queue.reserve() else { return false };
    slot.header(&WqeHeader {
        request_context: context,
        opcode: Opcode::Send,
        flags: WqeFlags::empty(),
        sge_count: 0,
        length: 0,
        remote_address: 0,
        remote_token: Token(0),
    });
    slot.commit(publish);
    true
}

fn queue(depth: u32) -> Arc<(WorkQueue, Block)> {
    let layout = WorkLayout { depth, max_sge: 0, inline: 0 };
    let block = Block::new(layout.bytes());
    // SAFETY: the block is kept beside the queue; one producer, one consumer.
    Arc::new((unsafe { WorkQueue::new(block.pointer(), layout) }, block))
}

#[test]
fn requests_arrive_in_order_and_slots_are_reused() {
    explore(3, || {
        let shared = queue(1);
        let producer = shared.clone();
        let thread = thread::spawn(move || {
            let mut posted = 0;
            for context in 1..=2 {
                if post(&producer.0, context, Publish::Now) {
                    posted += 1;
                }
            }
            posted
        });
        let mut taken = Vec::new();
        for _ in 0..2 {
            if let Some(wqe) = shared.0.front() {
                taken.push(wqe.header().request_context);
                shared.0.complete();
            }
        }
        let posted = thread.join().expect("producer");
        while let Some(wqe) = shared.0.front() {
            taken.push(wqe.header().request_context);
            shared.0.complete();
        }
        assert_eq!(taken.len(), posted);
        assert!(taken.is_sorted());
    });
}

#[test]
fn a_drain_and_a_publish_take_deferred_requests_once() {
    explore(3, || {
        let shared = queue(2);
        let producer = shared.clone();
        let thread = thread::spawn(move || {
            assert!(post(&producer.0, 1, Publish::Defer));
            assert!(post(&producer.0, 2, Publish::Now));
        });
        let mut taken = Vec::new();
        let mut take = |wqe: Option<softndk_abi::work::Wqe<'_>>| {
            if let Some(wqe) = wqe {
                taken.push(wqe.header().request_context);
                shared.0.complete();
            }
        };
        take(shared.0.front_written());
        take(shared.0.front());
        thread.join().expect("producer");
        take(shared.0.front());
        take(shared.0.front());
        assert_eq!(taken, [1, 2]);
    });
}
