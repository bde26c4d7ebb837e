//! The client: reads the file, offers it piece by piece, and checks what comes back.

use crate::{
    kernel::{List, file::File, time},
    ndk::{Address, Family, Limits, Place, Region, targets},
    run::{Failure, Result},
    workload::transfer::{
        Stage,
        channel::{Channel, Endpoint},
        message::{
            Begin, Descriptor, Done, Finish, KIND_BEGIN, KIND_DONE, KIND_END, KIND_FINISH, KIND_OFFER,
            NegotiateRequest, NegotiateResponse, Offer, ROOM, ReadDepths, VERSION,
        },
    },
};
use ndkpi_sys::{
    NDK_MR_FLAG_ALLOW_REMOTE_READ, NDK_MR_FLAG_ALLOW_REMOTE_WRITE, STATUS_DATA_ERROR, STATUS_INVALID_PARAMETER,
    STATUS_OBJECT_NAME_INVALID,
};
use ndktest_api::{self as api, Phase};
use sha2::{Digest, Sha256};
use zerocopy::{FromBytes, IntoBytes};

/// Two windows: while the server works on one, the client reads and checks the other.
const WINDOWS: usize = 2;

pub fn run(stage: &Stage, path: &[u8], outcome: &mut api::Outcome) -> Result {
    let run = &stage.run;
    let file = open(path)?;
    let bytes = file.size().map_err(|status| Failure::new("the size of the source file", status))?;

    let began = time::now();
    run.wait(&stage.ready, "the server listens")?;
    let Some(destination) = stage.address.with(|address| *address) else {
        return Err(Failure::new("the server listens", ndkpi_sys::STATUS_CANCELLED));
    };
    let place =
        if run.request.adapters.iter().all(|target| target.interface != 0) { Place::Across } else { Place::Same };
    let (_, target) = targets(run, place).ok_or_else(|| Failure::new("an adapter", STATUS_INVALID_PARAMETER))?;
    let own = Family::ALL.into_iter().find_map(|family| Address::of(&target, family, 0));
    let own = own.ok_or_else(|| Failure::new("an adapter with an address", STATUS_INVALID_PARAMETER))?;
    let end = Endpoint::new(run, &stage.provider, &target, &stage.plan)?;
    let version = end.adapter.version();
    (outcome.major, outcome.minor) = (version.Major, version.Minor);
    let connector = end.adapter.connector()?;
    let mut channel = Channel::new(run, &end, &stage.plan)?;
    let limits = Limits::default();
    let depths = ReadDepths { initiator: limits.outbound.into(), responder: limits.inbound.into() };
    connector.connect(&end.qp, &own, &destination, limits, depths.as_bytes())?.ok("CONN-04 NdkConnect")?;
    connector.complete_connect()?.ok("CONN-21 NdkCompleteConnect")?;
    negotiate(stage, &mut channel)?;
    stage.spend(Phase::Setup, began);

    let mut transfer = Transfer::new(stage, &end, &file, bytes)?;
    transfer.carry(&mut channel)?;
    outcome.source = transfer.read.finalize().into();
    outcome.pushed = transfer.returned.finalize().into();
    outcome.bytes = bytes;
    let message = channel.message()?;
    run.equal(message.split()?.0.kind.get(), KIND_FINISH, "the server finishes")?;
    let finish: Finish = message.body()?;
    run.check(finish.sha256 == outcome.source, "the server pulled what the client read")?;
    channel.end(&connector, true)
}

// The path comes as the bytes of UTF-16.
fn open(path: &[u8]) -> Result<File> {
    let mut units = List::new();
    for unit in path.chunks_exact(2) {
        if let [low, high] = unit {
            units.try_push(u16::from_le_bytes([*low, *high]))?;
        }
    }
    if units.is_empty() {
        return Err(Failure::new("the path of a source file after the request", STATUS_OBJECT_NAME_INVALID));
    }
    File::open(&units).map_err(|status| Failure::new("a source file that can be opened", status))
}

fn negotiate(stage: &Stage, channel: &mut Channel) -> Result {
    let room = u32::try_from(ROOM).unwrap_or(0);
    channel.send_plain(&NegotiateRequest {
        lowest: VERSION.into(),
        highest: VERSION.into(),
        reserved: 0.into(),
        credits_requested: u16::try_from(stage.plan.credits()).unwrap_or(u16::MAX).into(),
        preferred_send: room.into(),
        largest_receive: room.into(),
        largest_fragmented: room.into(),
    })?;
    let message = channel.message()?;
    let (response, _) = NegotiateResponse::read_from_prefix(message.bytes())
        .map_err(|_| Failure::new("a negotiate response", STATUS_DATA_ERROR))?;
    stage.run.equal(response.chosen.get(), VERSION, "a version that both sides speak")?;
    stage.run.equal(response.status.get(), 0u32, "the server agrees")?;
    stage.run.check(response.credits_granted.get() >= 2, "credits to begin with")?;
    stage.run.check(response.largest_read_write.get() as usize >= stage.plan.piece, "pieces that the server takes")?;
    channel.negotiated(response.credits_granted.get());
    Ok(())
}

/// Memory of a piece: where the server pulls from, and where it pushes to.
struct Slot {
    source: Region,
    sink: Region,
}

struct Transfer<'a> {
    stage: &'a Stage,
    file: &'a File,
    bytes: u64,
    slots: List<Slot>,
    read: Sha256,
    returned: Sha256,
}

impl<'a> Transfer<'a> {
    fn new(stage: &'a Stage, end: &Endpoint, file: &'a File, bytes: u64) -> Result<Self> {
        let mut slots = List::new();
        let wanted = stage.plan.pieces(bytes).min((WINDOWS * stage.plan.window) as u64);
        for _ in 0..wanted {
            slots.try_push(Slot {
                source: Region::new(&end.pd, stage.plan.piece, NDK_MR_FLAG_ALLOW_REMOTE_READ)?,
                sink: Region::new(&end.pd, stage.plan.piece, NDK_MR_FLAG_ALLOW_REMOTE_WRITE)?,
            })?;
        }
        Ok(Self { stage, file, bytes, slots, read: Sha256::new(), returned: Sha256::new() })
    }

    /// Offers a window ahead of the one that is awaited.
    fn carry(&mut self, channel: &mut Channel) -> Result {
        let plan = self.stage.plan;
        let pieces = plan.pieces(self.bytes);
        let window = plan.window as u64;
        channel.send(
            KIND_BEGIN,
            &Begin {
                bytes: self.bytes.into(),
                piece: u32::try_from(plan.piece).unwrap_or(u32::MAX).into(),
                window: u32::try_from(plan.window).unwrap_or(u32::MAX).into(),
            },
        )?;
        let mut offered = 0;
        let mut returned = 0;
        while returned < pieces {
            // Windows begin at multiples of the window; two of them have memory.
            while offered < pieces && offered < returned + WINDOWS as u64 * window {
                self.stage.run.go_on()?;
                let end = (offered + window).min(pieces);
                for number in offered..end {
                    self.offer(channel, number, number + 1 == end)?;
                }
                offered = end;
            }
            let end = (returned + window).min(offered);
            for number in returned..end {
                self.take_back(channel, number)?;
            }
            returned = end;
        }
        channel.send(KIND_END, &[0u8; 0])
    }

    fn offer(&mut self, channel: &mut Channel, number: u64, last: bool) -> Result {
        let length = self.length(number);
        let slot = slot(&self.slots, number)?;
        let buffer = slot.source.buffer();
        let since = time::now();
        let at = number * self.stage.plan.piece as u64;
        // SAFETY: the buffer is as long as a piece, which `length` never exceeds; the server reads it only
        // after the offer.
        let read = unsafe { self.file.read(at, buffer.address().as_ptr(), length) };
        self.stage.spend(Phase::Source, since);
        let read = read.map_err(|status| Failure::new("the source file can be read", status))?;
        self.stage.run.equal(read, length, "the source file keeps its size")?;
        self.stage.hash(&mut self.read, buffer, length as usize);
        let describe = |region: &Region| Descriptor {
            address: region.remote(0).into(),
            token: region.remote_token().into(),
            length: length.into(),
        };
        let (source, sink) = (describe(&slot.source), describe(&slot.sink));
        channel.send(
            KIND_OFFER,
            &Offer { number: number.into(), source, sink, last: u32::from(last).into(), reserved: 0.into() },
        )
    }

    fn take_back(&mut self, channel: &mut Channel, number: u64) -> Result {
        let message = channel.message()?;
        self.stage.run.equal(message.split()?.0.kind.get(), KIND_DONE, "pieces come back")?;
        let done: Done = message.body()?;
        self.stage.run.equal(done.number.get(), number, "pieces come back in order")?;
        let length = self.length(number);
        let buffer = slot(&self.slots, number)?.sink.buffer();
        self.stage.hash(&mut self.returned, buffer, length as usize);
        self.stage.run.advance(u64::from(length));
        Ok(())
    }

    /// Bytes of a piece: the last one may be short.
    fn length(&self, number: u64) -> u32 {
        let piece = self.stage.plan.piece as u64;
        let left = self.bytes.saturating_sub(number.saturating_mul(piece));
        // A piece is at most 16 MiB.
        left.min(piece) as u32
    }
}

fn slot(slots: &[Slot], number: u64) -> Result<&Slot> {
    let index = number.checked_rem(slots.len() as u64).unwrap_or(0);
    slots.get(index as usize).ok_or_else(|| Failure::new("memory for a piece", ndkpi_sys::STATUS_INTERNAL_ERROR))
}
