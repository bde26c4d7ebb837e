//! `SND-*`, `SINV-*`, `RCV-*`: messages, and the receives that they fill.

use super::work_help::{
    Fast, Window, disconnect, done, drain, each, each_with, ended, holds, invalidate, nothing_in, only, receive,
    received, send, shared, sink, source,
};
use crate::{
    ndk::{End, Pair, PairOptions, QpOptions, Region, sge},
    run::{Result, Run},
    workload::Job,
};
use ndkpi_sys::{
    NDK_OP_FLAG_ALLOW_REMOTE_READ, NDK_OP_FLAG_DEFER, NDK_OP_FLAG_INLINE, NDK_OP_FLAG_READ_FENCE,
    NDK_OP_FLAG_SEND_AND_SOLICIT_EVENT, NDK_OP_FLAG_SILENT_SUCCESS, NDK_RESULT, NdkOperationTypeReceive,
    NdkOperationTypeReceiveAndInvalidate, NdkOperationTypeSend, STATUS_ACCESS_VIOLATION, STATUS_BUFFER_OVERFLOW,
    STATUS_CANCELLED, STATUS_CONNECTION_INVALID, STATUS_INVALID_DEVICE_REQUEST, STATUS_REMOTE_RESOURCES,
    STATUS_SUCCESS, UINT32, ULONG,
};

contract! {
    "SND-01" snd_01, "messages arrive whole, in order, one for each receive";
    "SND-02" snd_02, "any length from 0 on arrives";
    "SND-03" snd_03, "after the completion the buffers may be used again";
    "SND-04" snd_04, "a message longer than its receive ends the connection";
    "SND-05" snd_05, "the completion has type Send";
    "SND-06" snd_06, "every flag of a send and all of them together are taken";
    "SINV-01" sinv_01, "the token is dead before the peer's receive completes";
    "SINV-02" sinv_02, "its own completion has type Send";
    "SINV-03" sinv_03, "FRMR and window tokens are taken, any other token ends the connection";
    "SINV-04" sinv_04, "no receive succeeds when the token is refused";
    "SINV-05" sinv_05, "every flag of a send and all of them together are taken";
    "SINV-06" sinv_06, "it is taken by a consumer that fetches plain results";
    "RCV-01" rcv_01, "a message fills the entries in order";
    "RCV-02" rcv_02, "BytesTransferred tells the length, and no byte beyond it changes";
    "RCV-03" rcv_03, "receives are used in posting order, one for each message";
    "RCV-04" rcv_04, "a receive of zero bytes takes a message of zero bytes only";
    "RCV-05" rcv_05, "reads and writes of the peer use no receive and complete nothing";
    "RCV-06" rcv_06, "receives that wait at a disconnect or flush are cancelled";
    "RCV-07" rcv_07, "a bad entry fails when a message arrives, not earlier";
    "RCV-08" rcv_08, "a message without a receive waits for one";
}

const ALL_FLAGS: ULONG = NDK_OP_FLAG_READ_FENCE | NDK_OP_FLAG_SEND_AND_SOLICIT_EVENT;

fn inline_options() -> PairOptions<'static> {
    PairOptions { qp: QpOptions { inline: 64, ..QpOptions::default() }, ..PairOptions::default() }
}

fn snd_01(job: &Job) -> Result {
    each(job, |run, pair| {
        let from = source(&pair.active.pd, 4096, 1)?;
        let into = sink(&pair.passive.pd, 8192)?;
        for index in 0..8 {
            receive(&pair.passive, index, &[into.sge(index * 1024, 1024)])?;
        }
        for index in 0..8 {
            let pieces = [from.sge(index, 10), from.sge(index + 10, 100 + index)];
            send(&pair.active, index, &pieces, 0)?;
        }
        for index in 0..8 {
            done(&pair.active, index)?;
            received(&pair.passive, index, 110 + index)?;
            let what = "SND-01 the entries arrive in order";
            holds(run, into.buffer(), index * 1024, 110 + index, (1, index), what)?;
        }
        nothing_in(&pair.passive.received, "SND-01 no message is split")
    })
}

fn snd_02(job: &Job) -> Result {
    const MOST: usize = 4 << 20;
    each(job, |run, pair| {
        let from = source(&pair.active.pd, MOST, 2)?;
        let into = sink(&pair.passive.pd, MOST)?;
        for length in [0, 1, 2, 4095, 4096, 4097, 65_535, 65_536, 1_000_003, MOST] {
            into.buffer().fill(0, length, 0);
            receive(&pair.passive, length, &[into.sge(0, MOST)])?;
            send(&pair.active, length, &[from.sge(0, length)], 0)?;
            done(&pair.active, length)?;
            received(&pair.passive, length, length)?;
            holds(run, into.buffer(), 0, length, (2, 0), "SND-02 all bytes arrive")?;
        }
        Ok(())
    })
}

fn snd_03(job: &Job) -> Result {
    each(job, |run, pair| {
        let from = source(&pair.active.pd, 100_000, 3)?;
        let into = sink(&pair.passive.pd, 100_000)?;
        receive(&pair.passive, 1, &[into.sge(0, 100_000)])?;
        send(&pair.active, 1, &[from.sge(0, 100_000)], 0)?;
        done(&pair.active, 1)?;
        from.buffer().fill(0, 100_000, 0xAA);
        received(&pair.passive, 1, 100_000)?;
        holds(run, into.buffer(), 0, 100_000, (3, 0), "SND-03 the old bytes arrive")
    })
}

fn snd_04(job: &Job) -> Result {
    each(job, |run, pair| {
        let from = source(&pair.active.pd, 101, 4)?;
        let into = sink(&pair.passive.pd, 200)?;
        receive(&pair.passive, 1, &[into.sge(0, 60), into.sge(60, 40)])?;
        send(&pair.active, 1, &[from.sge(0, 101)], 0)?;
        let what = "SND-04 the receive that is too short";
        pair.passive.received.expect(1, STATUS_BUFFER_OVERFLOW, what)?;
        let result = pair.active.initiated.next()?;
        run.check(
            [STATUS_REMOTE_RESOURCES, STATUS_CANCELLED].contains(&result.Status),
            "SND-04 the send fails or is cancelled",
        )?;
        only(run, into.buffer(), 100, 100, 0, "SND-04 no byte beyond the receive")?;
        ended(&pair.active)?;
        ended(&pair.passive)
    })
}

fn snd_05(job: &Job) -> Result {
    each(job, |run, pair| {
        receive(&pair.passive, 1, &[])?;
        send(&pair.active, 1, &[], 0)?;
        let kind = done(&pair.active, 1)?.Type;
        run.check(kind == NdkOperationTypeSend, "SND-05 the type is Send")?;
        let kind = received(&pair.passive, 1, 0)?.Type;
        run.check(kind == NdkOperationTypeReceive, "CQ-45 the peer's is Receive")
    })
}

fn snd_06(job: &Job) -> Result {
    each_with(job, &inline_options(), |run, pair| {
        let from = source(&pair.active.pd, 64, 6)?;
        flags_of_sends(run, &pair, |context, flags| pair.active.qp.send(context, &[from.sge(0, 64)], flags))
    })
}

/// Each flag alone, then all; the last one has no DEFER and is not silent, so that all complete.
fn flags_of_sends(run: &Run, pair: &Pair, mut post: impl FnMut(usize, ULONG) -> i32) -> Result {
    let into = sink(&pair.passive.pd, 64)?;
    let all = [
        NDK_OP_FLAG_SILENT_SUCCESS,
        NDK_OP_FLAG_READ_FENCE,
        NDK_OP_FLAG_SEND_AND_SOLICIT_EVENT,
        NDK_OP_FLAG_INLINE,
        NDK_OP_FLAG_DEFER,
        ALL_FLAGS | NDK_OP_FLAG_INLINE | NDK_OP_FLAG_DEFER | NDK_OP_FLAG_SILENT_SUCCESS,
        ALL_FLAGS | NDK_OP_FLAG_INLINE,
    ];
    for (context, flags) in all.into_iter().enumerate() {
        receive(&pair.passive, context, &[into.sge(0, 64)])?;
        run.ok(post(context, flags), "SND-06, SINV-05 the flag is taken")?;
    }
    for context in 0..all.len() {
        received(&pair.passive, context, 64)?;
    }
    for (context, flags) in all.into_iter().enumerate() {
        if flags & NDK_OP_FLAG_SILENT_SUCCESS == 0 {
            done(&pair.active, context)?;
        }
    }
    nothing_in(&pair.active.initiated, "SND-06, SINV-05 silent ones tell nothing")
}

/// Registers a region of the passive side's for the active side to read.
fn fast(end: &End) -> Result<Fast> {
    let fast = Fast::new(&end.pd, 4096)?;
    fast.ready(end, NDK_OP_FLAG_ALLOW_REMOTE_READ)?;
    Ok(fast)
}

fn sinv_01(job: &Job) -> Result {
    each(job, |run, pair| {
        let fast = fast(&pair.passive)?;
        let from = source(&pair.active.pd, 64, 1)?;
        let into = sink(&pair.passive.pd, 64)?;
        receive(&pair.passive, 1, &[into.sge(0, 64)])?;
        let entries = [from.sge(0, 64)];
        let status = pair.active.qp.send_and_invalidate(1, &entries, 0, fast.remote_token());
        run.ok(status, "SINV-01 NdkSendAndInvalidate")?;
        let result = received(&pair.passive, 1, 64)?;
        run.check(result.Type == NdkOperationTypeReceiveAndInvalidate, "CQ-46 the type of the receive")?;
        holds(run, into.buffer(), 0, 64, (1, 0), "SINV-01 the message arrives")?;
        done(&pair.active, 1)?;
        // What is dead cannot be invalidated once more (INV-06).
        run.ok(fast.invalidate(&pair.passive.qp, 2, 0), "INV-01 NdkInvalidate")?;
        let what = "SINV-01 the token was dead already";
        pair.passive.initiated.expect(2, STATUS_INVALID_DEVICE_REQUEST, what)?;
        let lone = pair.passive.pd.qp(&pair.passive.initiated)?;
        let status = lone.send_and_invalidate(3, &[], 0, fast.remote_token());
        run.status(status, STATUS_CONNECTION_INVALID, "SINV-01 not connected")
    })
}

fn sinv_02(job: &Job) -> Result {
    each(job, |run, pair| {
        let fast = fast(&pair.passive)?;
        receive(&pair.passive, 1, &[])?;
        let status = pair.active.qp.send_and_invalidate(1, &[], 0, fast.remote_token());
        run.ok(status, "SINV-01 NdkSendAndInvalidate")?;
        let kind = done(&pair.active, 1)?.Type;
        run.check(kind == NdkOperationTypeSend, "SINV-02 the type is Send")
    })
}

/// A token that the passive side does not let its peer invalidate.
#[derive(Clone, Copy)]
enum Bad {
    Unknown,
    Stale,
    Regular,
    Privileged,
    OtherDomain,
}

const BAD: [Bad; 5] = [Bad::Unknown, Bad::Stale, Bad::Regular, Bad::Privileged, Bad::OtherDomain];

/// Sends with a bad token. The receive with context 1 is posted, and the objects stay until the look is over.
fn with_bad_token(pair: &Pair, bad: Bad, look: impl FnOnce() -> Result) -> Result {
    let run = pair.passive.qp.run();
    let region = shared(&pair.passive.pd, 64, 1)?;
    let fast = fast(&pair.passive)?;
    // An FRMR of the active side's domain is no token of the passive side's.
    let other = Fast::new(&pair.active.pd, 64)?;
    other.ready(&pair.active, NDK_OP_FLAG_ALLOW_REMOTE_READ)?;
    let token: UINT32 = match bad {
        Bad::Unknown => fast.remote_token() ^ 0x0100_0000,
        Bad::Stale => {
            let status = fast.invalidate(&pair.passive.qp, 9, 0);
            run.ok(status, "INV-01 NdkInvalidate")?;
            done(&pair.passive, 9)?;
            fast.remote_token()
        }
        Bad::Regular => region.remote_token(),
        Bad::Privileged => pair.passive.pd.privileged_token(),
        Bad::OtherDomain => other.remote_token(),
    };
    receive(&pair.passive, 1, &[])?;
    receive(&pair.passive, 2, &[])?;
    let status = pair.active.qp.send_and_invalidate(1, &[], 0, token);
    run.ok(status, "SINV-03 the token is looked at by the receiver")?;
    look()
}

fn sinv_03(job: &Job) -> Result {
    each(job, |run, pair| {
        let fast = fast(&pair.passive)?;
        let region = shared(&pair.passive.pd, 64, 1)?;
        let window = Window::new(&pair.passive.pd)?;
        let status = window.bind(&pair.passive.qp, 7, &region, NDK_OP_FLAG_ALLOW_REMOTE_READ);
        run.ok(status, "BND-01 NdkBind")?;
        done(&pair.passive, 7)?;
        for (context, token) in [(1, fast.remote_token()), (2, window.remote_token())] {
            receive(&pair.passive, context, &[])?;
            let status = pair.active.qp.send_and_invalidate(context, &[], 0, token);
            run.ok(status, "SINV-01 NdkSendAndInvalidate")?;
            received(&pair.passive, context, 0)?;
            done(&pair.active, context)?;
        }
        // A window that the peer has invalidated can be bound again, so it is really gone.
        run.ok(window.bind(&pair.passive.qp, 8, &region, NDK_OP_FLAG_ALLOW_REMOTE_READ), "BND-01 NdkBind")?;
        done(&pair.passive, 8)?;
        run.ok(invalidate(&pair.passive.qp, 9, window.header(), 0), "INV-01 NdkInvalidate")?;
        done(&pair.passive, 9)?;
        Ok(())
    })?;
    for bad in BAD {
        each(job, |run, pair| {
            with_bad_token(&pair, bad, || {
                let result = pair.active.initiated.next()?;
                run.check(result.Status != STATUS_SUCCESS, "SINV-03 the send fails")?;
                ended(&pair.active)?;
                ended(&pair.passive)
            })
        })?;
    }
    Ok(())
}

fn sinv_04(job: &Job) -> Result {
    for bad in BAD {
        each(job, |run, pair| {
            with_bad_token(&pair, bad, || {
                drain(&pair.passive.received, 2, |_, result| {
                    run.check(result.Status != STATUS_SUCCESS, "SINV-04 no receive succeeds")
                })
            })
        })?;
    }
    Ok(())
}

fn sinv_05(job: &Job) -> Result {
    each_with(job, &inline_options(), |run, pair| {
        let from = source(&pair.active.pd, 64, 6)?;
        let mut fasts: [Option<Fast>; 7] = [const { None }; 7];
        for place in &mut fasts {
            *place = Some(fast(&pair.passive)?);
        }
        let token = |context: usize| {
            let fast = fasts.get(context).and_then(Option::as_ref);
            fast.map_or(0, Fast::remote_token)
        };
        flags_of_sends(run, &pair, |context, flags| {
            let qp = &pair.active.qp;
            qp.send_and_invalidate(context, &[from.sge(0, 64)], flags, token(context))
        })
    })
}

fn sinv_06(job: &Job) -> Result {
    each(job, |run, pair| {
        let fast = fast(&pair.passive)?;
        receive(&pair.passive, 1, &[])?;
        let status = pair.active.qp.send_and_invalidate(1, &[], 0, fast.remote_token());
        run.ok(status, "SINV-01 NdkSendAndInvalidate")?;
        done(&pair.active, 1)?;
        let mut results = [NDK_RESULT {
            Status: -1,
            BytesTransferred: 77,
            QPContext: core::ptr::null_mut(),
            RequestContext: core::ptr::null_mut(),
        }; 2];
        // The send is complete, hence the receive is (WR-31 has the stronger rule for the peer's fetch).
        let mut count = pair.passive.received.poll(&mut results);
        if count == 0 {
            pair.passive.received.arm(ndkpi_sys::NDK_CQ_NOTIFY_ANY);
            pair.passive.received.wait_for_notification()?;
            count = pair.passive.received.poll(&mut results);
        }
        run.equal(count, 1usize, "SINV-06 one plain result")?;
        let [result, _] = results;
        run.ok(result.Status, "SINV-06 the receive succeeds")?;
        run.equal(result.RequestContext.addr(), 1usize, "WR-04 its context")?;
        run.equal(result.BytesTransferred, 0u32, "RCV-02 its length")
    })
}

fn rcv_01(job: &Job) -> Result {
    each(job, |run, pair| {
        let from = source(&pair.active.pd, 1000, 1)?;
        let into = sink(&pair.passive.pd, 4096)?;
        // Out of address order, of odd lengths, one of them empty.
        let pieces = [(3000, 7), (1, 500), (2000, 0), (600, 493)];
        let entries = pieces.map(|(offset, length)| into.sge(offset, length));
        receive(&pair.passive, 1, &entries)?;
        send(&pair.active, 1, &[from.sge(0, 1000)], 0)?;
        received(&pair.passive, 1, 1000)?;
        let mut at = 0;
        for (offset, length) in pieces {
            holds(run, into.buffer(), offset, length, (1, at), "RCV-01 entries in order")?;
            at += length;
        }
        Ok(())
    })
}

fn rcv_02(job: &Job) -> Result {
    each(job, |run, pair| {
        let from = source(&pair.active.pd, 4096, 1)?;
        let into = sink(&pair.passive.pd, 8192)?;
        for length in [0, 1, 99, 100, 101, 4096] {
            into.buffer().fill(0, 8192, 0xEE);
            receive(&pair.passive, 1, &[into.sge(0, 100), into.sge(4096, 4096)])?;
            send(&pair.active, 1, &[from.sge(0, length)], 0)?;
            received(&pair.passive, 1, length)?;
            done(&pair.active, 1)?;
            let (first, second) = (length.min(100), length.saturating_sub(100));
            let what = "RCV-02 no byte beyond the message changes";
            only(run, into.buffer(), first, 4096 - first, 0xEE, what)?;
            only(run, into.buffer(), 4096 + second, 4096 - second, 0xEE, what)?;
        }
        Ok(())
    })
}

fn rcv_03(job: &Job) -> Result {
    each(job, |_, pair| {
        let into = sink(&pair.passive.pd, 64)?;
        let from = source(&pair.active.pd, 64, 1)?;
        for index in 0..64 {
            receive(&pair.passive, index, &[into.sge(0, 64)])?;
        }
        for index in 0..64 {
            send(&pair.active, index, &[from.sge(0, index)], 0)?;
        }
        for index in 0..64 {
            // The length tells which message it was.
            received(&pair.passive, index, index)?;
        }
        nothing_in(&pair.passive.received, "RCV-03 one for each message")
    })
}

fn rcv_04(job: &Job) -> Result {
    each(job, |_, pair| {
        receive(&pair.passive, 1, &[])?;
        receive(&pair.passive, 2, &[])?;
        let from = source(&pair.active.pd, 1, 1)?;
        send(&pair.active, 1, &[], 0)?;
        send(&pair.active, 2, &[from.sge(0, 1)], 0)?;
        received(&pair.passive, 1, 0)?;
        let what = "RCV-04 one byte is too much";
        pair.passive.received.expect(2, STATUS_BUFFER_OVERFLOW, what)?;
        ended(&pair.active)
    })
}

fn rcv_05(job: &Job) -> Result {
    each(job, |run, pair| {
        let local = sink(&pair.active.pd, 64)?;
        let remote = shared(&pair.passive.pd, 64, 1)?;
        receive(&pair.passive, 1, &[])?;
        let (entry, token) = ([local.sge(0, 64)], remote.remote_token());
        let (at, qp) = (remote.remote(0), &pair.active.qp);
        run.ok(qp.read(1, &entry, at, token, 0), "RD-01 NdkRead")?;
        run.ok(qp.write(2, &entry, at, token, 0), "WRT-01 NdkWrite")?;
        done(&pair.active, 1)?;
        done(&pair.active, 2)?;
        nothing_in(&pair.passive.received, "RCV-05 no receive is used")?;
        nothing_in(&pair.passive.initiated, "RCV-05 nothing completes at the target")?;
        send(&pair.active, 3, &[], 0)?;
        received(&pair.passive, 1, 0)?;
        Ok(())
    })
}

fn rcv_06(job: &Job) -> Result {
    let cancelled = |end: &End| {
        for context in 0..4 {
            let what = "RCV-06 a receive that waited is cancelled";
            end.received.expect(context, STATUS_CANCELLED, what)?;
        }
        nothing_in(&end.received, "RCV-06 each once")
    };
    let post = |end: &End| (0..4).try_for_each(|context| receive(end, context, &[]));
    each(job, |_, pair| {
        post(&pair.passive)?;
        pair.passive.qp.flush();
        cancelled(&pair.passive)?;
        post(&pair.active)?;
        disconnect(&pair.active, &pair.passive, || cancelled(&pair.active))
    })
}

fn rcv_07(job: &Job) -> Result {
    let bad = |region: &Region, number: usize| match number {
        0 => region.sge(1, 64),
        1 => sge(0x1000, 64, region.local_token()),
        _ => sge(0x1000, 64, region.local_token() ^ 0x0100_0000),
    };
    for number in 0..3 {
        each(job, |_, pair| {
            let into = sink(&pair.passive.pd, 64)?;
            receive(&pair.passive, 1, &[bad(&into, number)])?;
            nothing_in(&pair.passive.received, "RCV-07 nobody looks before a message")?;
            let from = source(&pair.active.pd, 64, 1)?;
            send(&pair.active, 1, &[from.sge(0, 64)], 0)?;
            let what = "RCV-07 the receive fails";
            pair.passive.received.expect(1, STATUS_ACCESS_VIOLATION, what)?;
            ended(&pair.passive)
        })?;
    }
    Ok(())
}

fn rcv_08(job: &Job) -> Result {
    each(job, |run, pair| {
        let from = source(&pair.active.pd, 64, 1)?;
        let into = sink(&pair.passive.pd, 64)?;
        send(&pair.active, 1, &[from.sge(0, 64)], 0)?;
        nothing_in(&pair.active.initiated, "RCV-08 the sender is held back")?;
        let events = pair.active.connector.disconnects() + pair.passive.connector.disconnects();
        run.equal(events, 0u32, "RCV-08 the connection stays")?;
        receive(&pair.passive, 1, &[into.sge(0, 64)])?;
        received(&pair.passive, 1, 64)?;
        done(&pair.active, 1)?;
        holds(run, into.buffer(), 0, 64, (1, 0), "RCV-08 the message is not lost")
    })
}
