//! The server: pulls every piece from the client's memory and pushes it back.

use crate::{
    kernel::{List, Shared, thread::Main, time},
    ndk::{Address, Family, Limits, Region, port},
    run::{Failure, Result},
    workload::transfer::{
        Stage,
        channel::{Channel, Endpoint, work},
        message::{
            Begin, Done, Finish, KIND_BEGIN, KIND_DONE, KIND_END, KIND_FINISH, KIND_OFFER, NegotiateRequest,
            NegotiateResponse, Offer, ROOM, ReadDepths, VERSION,
        },
    },
};
use core::sync::atomic::Ordering::Relaxed;
use ndkpi_sys::{
    NDK_MR_FLAG_ALLOW_LOCAL_WRITE, STATUS_CANCELLED, STATUS_DATA_ERROR, STATUS_INSUFFICIENT_RESOURCES,
    STATUS_INTERNAL_ERROR, STATUS_INVALID_PARAMETER, STATUS_SUCCESS,
};
use ndktest_api::Phase;
use sha2::{Digest, Sha256};
use zerocopy::FromBytes;

/// The server's thread.
pub struct Server(pub Shared<Stage>);

impl Main for Server {
    fn main(&self) {
        let stage = &*self.0;
        if let Err(failure) = serve(stage) {
            // What fails after a cancel is its consequence: the client's memory is gone, for instance. Not so a lack
            // of memory, after which the client hears of the end before the failure is noted.
            let cancelled = stage.run.cancel.is_set() && failure.status != STATUS_INSUFFICIENT_RESOURCES;
            let failure = if cancelled { Failure::new("the run was cancelled", STATUS_CANCELLED) } else { failure };
            stage.failure.with(|place| *place = Some(failure));
            // The client may be waiting for a message that does not come.
            stage.run.cancel.set();
        }
        stage.ready.set();
    }
}

fn serve(stage: &Stage) -> Result {
    let run = &stage.run;
    let [target, _] = &run.request.adapters;
    let address = Family::ALL.into_iter().find_map(|family| Address::of(target, family, 0));
    let address = address.ok_or_else(|| Failure::new("an adapter with an address", STATUS_INVALID_PARAMETER))?;
    let end = Endpoint::new(run, &stage.provider, target, &stage.plan)?;
    let listener = end.adapter.listener()?;
    listener.listen(&address.with_port(port(run)?))?.ok("LSN-03 NdkListen")?;
    let (status, listening) = listener.local_address();
    run.ok(status, "ADR-01 address of a listener")?;
    stage.address.with(|place| *place = Some(listening));
    stage.ready.set();

    let connector = listener.next()?;
    let mut depths = [0u8; size_of::<ReadDepths>()];
    let data = connector.connection_data(&mut depths);
    // Real adapters report more than was sent, and fill what there is room for (CONN-58).
    run.check(data.length as usize >= depths.len(), "OBS-05 read depths in the private data")?;
    let depths = ReadDepths::read_from_bytes(&depths).map_err(|_| Failure::new("read depths", STATUS_DATA_ERROR))?;
    run.check(depths.initiator.get() > 0 && depths.responder.get() > 0, "OBS-05 depths above 0")?;
    // Receives first, so that nothing the client sends has to wait.
    let mut channel = Channel::new(run, &end, &stage.plan)?;
    connector.accept(&end.qp, Limits::default(), &[])?.ok("CONN-32 NdkAccept")?;
    negotiate(stage, &mut channel)?;
    let sha256 = carry(stage, &end, &mut channel)?;
    stage.pulled.with(|pulled| *pulled = Some(sha256));
    channel.send(KIND_FINISH, &Finish { sha256 })?;
    channel.end(&connector, false)
}

fn negotiate(stage: &Stage, channel: &mut Channel) -> Result {
    let message = channel.message()?;
    let (request, _) = NegotiateRequest::read_from_prefix(message.bytes())
        .map_err(|_| Failure::new("a negotiate request", STATUS_DATA_ERROR))?;
    let versions = request.lowest.get()..=request.highest.get();
    stage.run.check(versions.contains(&VERSION), "a version that both sides speak")?;
    let room = u32::try_from(ROOM).unwrap_or(0);
    let granted = channel.grant();
    channel.send_plain(&NegotiateResponse {
        lowest: VERSION.into(),
        highest: VERSION.into(),
        chosen: VERSION.into(),
        reserved: 0.into(),
        credits_requested: request.credits_requested,
        credits_granted: granted.into(),
        status: 0.into(),
        largest_read_write: u32::try_from(stage.plan.piece).unwrap_or(u32::MAX).into(),
        preferred_send: room.into(),
        largest_receive: room.into(),
        largest_fragmented: room.into(),
    })?;
    // The client's first message brings the first credits for this side.
    channel.negotiated(0);
    Ok(())
}

/// Pulls and pushes window after window; the hash of everything in order.
fn carry(stage: &Stage, end: &Endpoint, channel: &mut Channel) -> Result<[u8; 32]> {
    let run = &stage.run;
    let message = channel.message()?;
    run.equal(message.split()?.0.kind.get(), KIND_BEGIN, "the client begins")?;
    let begin: Begin = message.body()?;
    run.equal(begin.piece.get(), stage.plan.piece, "the piece that was agreed on")?;
    run.check(begin.window.get() as usize <= stage.plan.window, "a window that was agreed on")?;
    run.counts.total.store(begin.bytes.get(), Relaxed);

    let mut slots = List::new();
    for _ in 0..stage.plan.window.min(stage.plan.pieces(begin.bytes.get()) as usize) {
        slots.try_push(Region::new(&end.pd, stage.plan.piece, NDK_MR_FLAG_ALLOW_LOCAL_WRITE)?)?;
    }
    let mut offers = List::new();
    let mut hash = Sha256::new();
    let mut bytes = 0u64;
    let mut next = 0u64;
    loop {
        offers.clear();
        if !collect(channel, &mut offers, slots.len())? {
            break;
        }
        for offer in offers.iter() {
            run.equal(offer.number.get(), next, "pieces are offered in order")?;
            next += 1;
        }
        pull(stage, end, channel, &offers, &slots)?;
        for (offer, slot) in offers.iter().zip(slots.iter()) {
            let length = offer.source.length.get();
            stage.hash(&mut hash, slot.buffer(), length as usize);
            bytes += u64::from(length);
        }
        push(stage, end, channel, &offers, &slots)?;
    }
    run.equal(bytes, begin.bytes.get(), "all of the file was offered")?;
    Ok(hash.finalize().into())
}

/// Takes offers up to the last one of a window; false when the client has no more.
fn collect(channel: &mut Channel, offers: &mut List<Offer>, room: usize) -> Result<bool> {
    loop {
        let message = channel.message()?;
        match message.split()?.0.kind.get() {
            KIND_END if offers.is_empty() => return Ok(false),
            KIND_OFFER if offers.len() < room => {
                let offer: Offer = message.body()?;
                offers.try_push(offer)?;
                if offer.last.get() != 0 {
                    return Ok(true);
                }
            }
            _ => return Err(Failure::new("an offer, or the end", STATUS_DATA_ERROR)),
        }
    }
}

fn pull(stage: &Stage, end: &Endpoint, channel: &mut Channel, offers: &[Offer], slots: &[Region]) -> Result {
    let since = time::now();
    for (number, (offer, slot)) in offers.iter().zip(slots).enumerate() {
        let (source, entry) = (&offer.source, [slot.sge(0, offer.source.length.get() as usize)]);
        let status = end.qp.read(work(number), &entry, source.address.get(), source.token.get(), 0);
        stage.run.status(status, STATUS_SUCCESS, "WR-01 NdkRead")?;
    }
    outstanding(stage, offers.len());
    complete(channel, offers.len())?;
    stage.spend(Phase::Pull, since);
    Ok(())
}

fn push(stage: &Stage, end: &Endpoint, channel: &mut Channel, offers: &[Offer], slots: &[Region]) -> Result {
    let since = time::now();
    for (number, (offer, slot)) in offers.iter().zip(slots).enumerate() {
        let (sink, entry) = (&offer.sink, [slot.sge(0, offer.sink.length.get() as usize)]);
        let status = end.qp.write(work(number), &entry, sink.address.get(), sink.token.get(), 0);
        stage.run.status(status, STATUS_SUCCESS, "WR-01 NdkWrite")?;
    }
    outstanding(stage, offers.len());
    complete(channel, offers.len())?;
    stage.spend(Phase::Push, since);
    // A send that follows a write arrives after the bytes of the write (WR-31).
    for offer in offers {
        channel.send(KIND_DONE, &Done { number: offer.number })?;
    }
    Ok(())
}

fn outstanding(stage: &Stage, count: usize) {
    stage.run.counts.peak_outstanding.fetch_max(count as u64, Relaxed);
}

/// Takes the results of so many reads or writes, which come in the order of posting (WR-05).
fn complete(channel: &mut Channel, count: usize) -> Result {
    for number in 0..count {
        // Offers of the next window may come in between; the channel keeps them.
        if channel.work()? != number {
            return Err(Failure::new("WR-05 results in the order of posting", STATUS_INTERNAL_ERROR));
        }
    }
    Ok(())
}
