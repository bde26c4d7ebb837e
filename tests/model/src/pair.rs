//! Two QPs: a Send that finds no receive is woken by the post; a stop beside a Send leaves nothing behind.

use std::ptr::NonNull;

use loom::sync::Arc;
use loom::thread;
use softndk_abi::completion::CompletionQueue;
use softndk_abi::work::{Publish, WorkLayout, WorkQueue, WqeHeader};
use softndk_abi::{Opcode, Token, WqeFlags};
use softndk_nic::qp::{CqLink, Qp, QpParts, Receives};
use softndk_nic::token::Table;

use crate::harness::{Block, Log, explore};

struct Pair {
    qps: [Qp; 2],
    cqs: Box<[CompletionQueue; 2]>,
    _table: Box<Table>,
    log: Log,
    _blocks: Vec<Block>,
}

const LAYOUT: WorkLayout = WorkLayout { depth: 1, max_sge: 0, inline: 0 };

fn pair() -> Arc<Pair> {
    let mut blocks = Vec::new();
    let mut block = |bytes: usize| {
        let block = Block::new(bytes);
        let start = block.pointer();
        blocks.push(block);
        start
    };
    // SAFETY: all blocks are kept beside what stands in them; this holds for all of this function.
    let table = Box::new(unsafe { Table::new(block(Table::directory_bytes(1)), 1, [1, 2]) });
    // SAFETY: as above.
    let cqs = Box::new([(); 2].map(|()| unsafe { CompletionQueue::new(block(CompletionQueue::bytes(2)), 2) }));
    let mut end = 0;
    let qps = [(); 2].map(|()| {
        // SAFETY: as above.
        let mut queue = || unsafe { WorkQueue::new(block(LAYOUT.bytes()), LAYOUT) };
        let cq = CqLink { queue: NonNull::from(&cqs[end]), cookie: end };
        end += 1;
        let parts = QpParts {
            sq: queue(),
            receives: Receives::Own(queue()),
            table: NonNull::from(&*table),
            pd: 1,
            domain: 1,
            privileged: Token(1),
            id: 1,
            context: 0,
            cookie: end,
            initiator_cq: cq,
            receive_cq: cq,
        };
        // SAFETY: as above.
        unsafe { Qp::new(parts) }
    });
    let pair = Arc::new(Pair { qps, cqs, _table: table, log: Log::default(), _blocks: blocks });
    for end in [0, 1] {
        // SAFETY: both live in the pair.
        assert!(unsafe { pair.qps[end].connect(NonNull::from(&pair.qps[1 - end])) });
    }
    pair
}

fn post(queue: &WorkQueue, opcode: Opcode) {
    let mut slot = queue.reserve().expect("room");
    slot.header(&WqeHeader {
        request_context: 1,
        opcode,
        flags: WqeFlags::empty(),
        sge_count: 0,
        length: 0,
        remote_address: 0,
        remote_token: Token(0),
    });
    slot.commit(Publish::Now);
}

impl Pair {
    fn send(&self) {
        post(self.qps[0].send_queue(), Opcode::Send);
        let _ = self.qps[0].run_send(1000, &self.log);
    }

    fn receive(&self) {
        post(self.qps[1].receive_queue().expect("own"), Opcode::Receive);
        let _ = self.qps[1].receive_posted(1000, &self.log);
    }

    /// Runs what was kicked, and nothing else.
    fn settle(&self) {
        loop {
            let Some(qp) = self.log.kicks.lock().expect("log").pop() else { return };
            let _ = self.qps[qp - 1].run(1000, &self.log);
        }
    }
}

#[test]
fn rcv_08_a_post_wakes_the_send_that_waits_for_it() {
    explore(2, || {
        let pair = pair();
        let other = pair.clone();
        let thread = thread::spawn(move || other.receive());
        pair.send();
        thread.join().expect("receiver");
        pair.settle();
        assert!(pair.cqs[0].pop().is_some(), "the Send sleeps on");
        assert!(pair.cqs[1].pop().is_some());
    });
}

#[test]
fn wr_09_a_stop_beside_a_send_completes_it_once() {
    explore(2, || {
        let pair = pair();
        pair.receive();
        let other = pair.clone();
        let thread = thread::spawn(move || {
            let _ = other.qps[0].stop(1000, &other.log);
        });
        pair.send();
        thread.join().expect("stopper");
        pair.settle();
        assert!(pair.cqs[0].pop().is_some());
        assert!(pair.cqs[0].pop().is_none());
        assert_eq!(*pair.log.quiet.lock().expect("log"), [1]);
    });
}

#[test]
fn wr_15_a_receive_posted_beside_a_stop_is_cancelled() {
    explore(2, || {
        let pair = pair();
        let other = pair.clone();
        let thread = thread::spawn(move || {
            let _ = other.qps[1].stop(1000, &other.log);
        });
        pair.receive();
        thread.join().expect("stopper");
        pair.settle();
        let quiet = pair.log.quiet.lock().expect("log").clone();
        assert!(pair.cqs[1].pop().is_some(), "the receive waits for ever; quiet {quiet:?}");
    });
}
