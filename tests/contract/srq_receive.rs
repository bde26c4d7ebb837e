//! `SRQ-10` to `SRQ-17`: receives of a shared receive queue, and who takes them.

use super::{
    ends::once,
    lines::{Line, Queue},
    work_help::nothing_in,
};
use crate::{
    kernel::{
        Shared,
        thread::{Main, Thread},
        time,
    },
    ndk::{Cq, Qp, QpOptions, SrqOptions, sge},
    run::{Failure, Result, Run},
    workload::Job,
};
use core::sync::atomic::{AtomicU32, Ordering};
use ndkpi_sys::{STATUS_DATA_OVERRUN, STATUS_NO_MORE_ENTRIES, STATUS_SUCCESS};

contract! {
    "SRQ-10" srq_10, "receives are taken before any QP exists or is connected";
    "SRQ-11" srq_11, "receives go in posting order to whichever QP gets a message";
    "SRQ-12" srq_12, "a completion goes to the CQ of the QP that took the receive";
    "SRQ-13" srq_13, "a full SRQ and too many entries refuse the receive";
    "SRQ-14" srq_14, "one poster serves QPs that take at the same time";
    "SRQ-15" srq_15, "the end of a QP leaves the receives to the others";
    "SRQ-16" srq_16, "a close drops what waits without completions";
    "SRQ-17" srq_17, "an empty SRQ makes the sender wait";
}

fn srq_10(job: &Job) -> Result {
    once(job, |ends| {
        let queue = Queue::new(ends, 8)?;
        queue.post(0..2)?;
        let (received, initiated) = (ends.passive.cq(16)?, ends.passive.cq(16)?);
        let idle = queue.pd.create_qp_with_srq((&received, &initiated), &queue.srq, &QpOptions::default())?;
        let _idle = idle.ok("QP-10 NdkCreateQpWithSrq")?;
        queue.post(2..4)?;
        let line = queue.line(ends, 0)?;
        queue.post(4..6)?;
        line.takes(0..6, "SRQ-10 what was posted before is used")?;
        nothing_in(&received, "SRQ-10 an idle QP takes nothing")
    })
}

fn srq_11(job: &Job) -> Result {
    once(job, |ends| {
        let queue = Queue::new(ends, 16)?;
        let lines = [queue.line(ends, 1)?, queue.line(ends, 2)?, queue.line(ends, 3)?];
        let turns = [0usize, 1, 2, 2, 1, 0, 0, 0, 1, 2, 1, 1];
        for round in 0..3usize {
            queue.post(0..turns.len())?;
            for (context, turn) in turns.into_iter().enumerate() {
                let turn = (turn + round) % 3;
                let line = lines.get(turn).ok_or_else(|| Failure::new("a line", 0))?;
                line.takes([context], "SRQ-11 in posting order")?;
            }
        }
        for line in &lines {
            line.silent("SRQ-11 one receive serves one message")?;
        }
        Ok(())
    })
}

fn srq_12(job: &Job) -> Result {
    once(job, |ends| {
        let queue = Queue::new(ends, 8)?;
        let lines = [queue.line(ends, 0xA1)?, queue.line(ends, 0xB2)?];
        let [first, second] = &lines;
        queue.post(10..14)?;
        let cases = [(second, first, 0xB2usize, 10usize), (first, second, 0xA1, 11), (second, first, 0xB2, 12)];
        for (taker, other, context, receive) in cases {
            let result = taker.message(&[])?;
            ends.run.equal(result.QPContext.addr(), context, "SRQ-12 the taker's QPContext")?;
            ends.run.equal(result.RequestContext.addr(), receive, "SRQ-12 the receive's context")?;
            other.silent("SRQ-12 in the taker's CQ only")?;
            nothing_in(&taker.initiated, "SRQ-12 in its receive CQ")?;
        }
        Ok(())
    })
}

fn srq_13(job: &Job) -> Result {
    once(job, |ends| {
        let queue = Queue::with(ends, &SrqOptions { depth: 3, sge: 2, ..SrqOptions::default() })?;
        let line = queue.line(ends, 0)?;
        let list = [sge(0x1000, 1, 0); 3];
        let overrun = "SRQ-13 too many entries";
        ends.run.status(queue.srq.receive(9, &list), STATUS_DATA_OVERRUN, overrun)?;
        queue.post(0..3)?;
        let full = "SRQ-13 a full SRQ";
        ends.run.status(queue.srq.receive(9, &[]), STATUS_NO_MORE_ENTRIES, full)?;
        line.takes(0..1, "SRQ-11 the oldest")?;
        queue.post(3..4)?;
        ends.run.status(queue.srq.receive(9, &[]), STATUS_NO_MORE_ENTRIES, full)?;
        line.takes(1..4, "SRQ-13 what was refused left nothing behind")?;
        super::work_shared::depth(job)?;
        super::work_shared::entries(job)
    })
}

/// Messages that each sender sends.
const MESSAGES: u32 = 300;

/// Sends messages of no bytes as fast as its queue takes them.
struct Sender {
    qp: Qp,
    cq: Cq,
    sent: AtomicU32,
    done: AtomicU32,
}

impl Sender {
    fn step(&self, run: &Run) -> Result {
        while self.sent.load(Ordering::Relaxed) < MESSAGES {
            match self.qp.send(0x5E, &[], 0) {
                STATUS_SUCCESS => self.sent.fetch_add(1, Ordering::Relaxed),
                STATUS_NO_MORE_ENTRIES => break,
                status => return Err(Failure::new("SND-01 NdkSend", status)),
            };
        }
        self.cq.expect(0x5E, STATUS_SUCCESS, "SRQ-14 each message is taken")?;
        self.done.fetch_add(1, Ordering::Relaxed);
        run.go_on()
    }
}

impl Main for Sender {
    fn main(&self) {
        while self.done.load(Ordering::Relaxed) < MESSAGES {
            if let Err(failure) = self.step(self.qp.run()) {
                self.qp.run().set_aside(failure);
                return;
            }
        }
    }
}

fn srq_14(job: &Job) -> Result {
    once(job, |ends| {
        let queue = Queue::new(ends, 4)?;
        let lines = [queue.line(ends, 0)?, queue.line(ends, 1)?];
        let [first, second] = &lines;
        let start = |line: &Line| -> Result<Thread> {
            let (qp, cq) = (line.peer.qp.clone(), line.peer.cq.clone());
            let sender = Shared::try_new(Sender { qp, cq, sent: AtomicU32::new(0), done: AtomicU32::new(0) })?;
            Thread::start(sender).map_err(|status| Failure::new("a thread starts", status))
        };
        let _threads = [start(first)?, start(second)?];
        let total = 2 * MESSAGES as usize;
        let (mut posted, mut taken) = (0, [0usize; 2]);
        let mut last = [None, None];
        while taken.iter().sum::<usize>() < total {
            ends.run.go_on()?;
            while posted < total {
                match queue.srq.receive(posted, &[]) {
                    STATUS_SUCCESS => posted += 1,
                    STATUS_NO_MORE_ENTRIES => break,
                    status => return Err(Failure::new("SRQ-10 NdkSrqReceive", status)),
                }
            }
            for ((line, last), taken) in lines.iter().zip(&mut last).zip(&mut taken) {
                let mut result = [ndkpi_sys::NDK_RESULT_EX::default()];
                while line.received.poll_ex(&mut result) == 1 {
                    let [result] = &result;
                    let context = result.RequestContext.addr();
                    ends.run.ok(result.Status, "RCV-01 the receive succeeds")?;
                    ends.run.check(*last < Some(context) && context < posted, "SRQ-14 each receive once, in order")?;
                    *last = Some(context);
                    *taken += 1;
                }
            }
            if ends.run.aside().is_some() {
                break;
            }
            time::sleep(1);
        }
        ends.run.equal(taken.iter().sum::<usize>(), total, "SRQ-14 one receive for each message")
    })
}

fn srq_15(job: &Job) -> Result {
    once(job, |ends| {
        let queue = Queue::new(ends, 8)?;
        let lines = [queue.line(ends, 0)?, queue.line(ends, 1)?, queue.line(ends, 2)?, queue.line(ends, 3)?];
        let [failing, leaving, closing, staying] = lines;
        queue.post(0..8)?;
        failing.takes(0..1, "SRQ-11 the oldest")?;
        // There is no such memory.
        let into = failing.peer.region(8)?;
        ends.run.ok(failing.peer.qp.receive(2, &[into.sge(0, 8)]), "WR-12 NdkReceive")?;
        ends.run.ok(failing.qp.send(1, &[sge(0x1000, 8, 0xBAD)], 0), "SND-01 NdkSend")?;
        let result = failing.initiated.next()?;
        ends.run.check(result.Status != STATUS_SUCCESS, "WR-26 the QP has failed")?;
        failing.active.wait_for_disconnect()?;
        leaving.takes(1..2, "SRQ-15 after a failure the others go on")?;
        let away = leaving.passive.disconnect()?;
        leaving.active.disconnect()?.ok("CONN-68 NdkDisconnect")?;
        away.ok("CONN-61 NdkDisconnect")?;
        closing.takes(2..3, "SRQ-15 after a disconnect, too")?;
        for line in [&failing, &leaving] {
            line.silent("SRQ-15 none of the receives was cancelled")?;
        }
        drop(failing);
        drop(leaving);
        drop(closing);
        staying.takes(3..8, "SRQ-15 after the close of the QPs, too")
    })
}

fn srq_16(job: &Job) -> Result {
    once(job, |ends| {
        let queue = Queue::new(ends, 8)?;
        let line = queue.line(ends, 0)?;
        queue.post(0..5)?;
        line.takes(0..2, "SRQ-11 the oldest")?;
        let received = line.received.clone();
        let initiated = line.initiated.clone();
        drop(line);
        let Queue { srq, pd: _pd } = queue;
        let closing = srq.start_close()?;
        closing.ok("SRQ-16 the close ends")?;
        nothing_in(&received, "SRQ-16 no completions")?;
        nothing_in(&initiated, "SRQ-16 nowhere")
    })
}

fn srq_17(job: &Job) -> Result {
    once(job, |ends| {
        let queue = Queue::new(ends, 8)?;
        let lines = [queue.line(ends, 0)?, queue.line(ends, 1)?];
        for line in &lines {
            ends.run.ok(line.peer.qp.send(7, &[], 0), "SND-01 NdkSend")?;
        }
        for line in &lines {
            nothing_in(&line.peer.cq, "SRQ-17 the sender waits")?;
            line.silent("SRQ-17 nothing arrives")?;
        }
        queue.post(0..2)?;
        for line in &lines {
            line.peer.cq.expect(7, STATUS_SUCCESS, "SRQ-17 until there is a receive")?;
            line.received.next()?;
        }
        queue.post(2..3)?;
        lines.first().map_or(Ok(()), |line| line.takes(2..3, "SRQ-17 the connection goes on"))
    })
}
