//! Runs sequences of calls beside an oracle (`tests/consumer/sequence`): each call's status, each completion, each byte.
//!
//! The workload `sequence` takes its bytes from the request, for whoever makes them up; sequences that once showed a bug
//! are tests, `SEQ-*`.

use super::sequence_world::World;
use crate::{
    kernel::pool,
    ndk::Cq,
    run::{Failure, Result},
    workload::Job,
};
use core::ptr::{self, NonNull};
use ndkpi_sys::*;
use ndktest_sequence::{
    Bind, Completion, Flags, Inline, LINKS, LOCAL_WRITE, Malformed, Oracle, Place, REGIONS, REMOTE_READ, REMOTE_WRITE,
    Request, STEP_BYTES, Status, Step, WINDOWS, decode,
};

contract! {
    "SEQ-01" seq_01, "a window whose second bind was flushed can still be invalidated";
    "SEQ-02" seq_02, "a window whose second bind failed over another link can still be used and invalidated";
    "SEQ-03" seq_03, "an entry that a message reaches is judged as a whole, one that it does not reach is not";
    "sequence" sequence, "calls that the bytes behind the request spell, beside an oracle";
}

fn sequence(job: &Job) -> Result {
    spelled(job, job.path)
}

/// Connects link 0, binds window 0 of end 0, and binds it again behind a message that waits; then a flush.
const SECOND_BIND_FLUSHED: &str = "00000000 04000000 19001000 0d000000 19001000 1c000000 1b000000 19001000";

fn seq_01(job: &Job) -> Result {
    written(job, SECOND_BIND_FLUSHED)
}

/// Two links; window 0 of end 0 is bound over link 0, then over link 1 in vain; the peer reads through it.
const SECOND_BIND_FAILED: &str = "00000000 00010000 04000000 04020000 19001000 19011000 12021005 1b000000 19001000";

fn seq_02(job: &Job) -> Result {
    written(job, SECOND_BIND_FAILED)
}

/// A byte into an entry that is too long for its region, and one into a good entry before such a one.
const LONG_ENTRIES: &str = "00000000 04000000 04020000 08027800 0d000800 08023800 0d000800";

fn seq_03(job: &Job) -> Result {
    written(job, LONG_ENTRIES)
}

/// Runs a sequence that is written in hexadecimal digits.
fn written(job: &Job, text: &str) -> Result {
    let mut bytes = [0u8; 128];
    let mut digits = text.chars().filter_map(|digit| digit.to_digit(16)).peekable();
    let mut count = 0;
    for byte in &mut bytes {
        let (Some(high), Some(low)) = (digits.next(), digits.next()) else { break };
        *byte = (high << 4 | low) as u8;
        count += 1;
    }
    job.run.check(digits.peek().is_none() && count % STEP_BYTES == 0, "SEQ whole steps")?;
    spelled(job, bytes.get(..count).unwrap_or(&[]))
}

/// An oracle in pool: it is larger than a stack frame should be.
struct Known(NonNull<Oracle>);

static EMPTY: Oracle = Oracle::EMPTY;

impl Known {
    fn new() -> Result<Self> {
        const { assert!(align_of::<Oracle>() <= 16, "pool gives no more") };
        let memory = pool::allocate(size_of::<Oracle>())?.cast::<Oracle>();
        // SAFETY: the memory is large and aligned enough; an oracle is plain data without a drop, so that its bytes
        // are as good as itself.
        unsafe { memory.copy_from_nonoverlapping(NonNull::from(&EMPTY), 1) };
        let mut known = Self(memory);
        known.get().fill();
        Ok(known)
    }

    fn get(&mut self) -> &mut Oracle {
        // SAFETY: allocated and written in `new`, and borrowed through `self` only.
        unsafe { self.0.as_mut() }
    }
}

impl Drop for Known {
    fn drop(&mut self) {
        // SAFETY: allocated in `new`; nobody borrows it any more.
        unsafe { pool::free(self.0.cast()) };
    }
}

/// Runs the sequence that bytes spell. What is left over at the end is taken down by drops.
pub fn spelled(job: &Job, bytes: &[u8]) -> Result {
    let mut known = Known::new()?;
    let mut world = World::new(job)?;
    let mut steps = bytes.chunks_exact(STEP_BYTES).filter_map(|step| step.try_into().ok()).map(decode).peekable();
    let mut number = 0;
    while let Some(step) = steps.next() {
        job.run.go_on()?;
        number += 1;
        let next = steps.peek().copied();
        let step = settled(known.get(), step, next);
        perform(&mut world, known.get(), step, number)?;
    }
    for link in 0..LINKS {
        perform(&mut world, known.get(), Step::Part(link, link as u8), number + 1 + link)?;
    }
    job.run.check(true, "SEQ nothing is left over")
}

/// Takes flags away whose effects a sequence cannot wait for: a deferred request needs its successor, a silent one an
/// empty queue, behind which a request that is not silent tells of its end.
fn settled(oracle: &Oracle, step: Step, next: Option<Step>) -> Step {
    let Step::Post(place, request, flags) = step else { return step };
    let defer = flags.defer && matches!(next, Some(Step::Post(other, ..)) if other == place);
    let silent = flags.silent && !defer && oracle.is_idle(place);
    Step::Post(place, request, Flags { silent, defer, ..flags })
}

/// Makes one call, and expects what the oracle says of it and what follows.
fn perform(world: &mut World, oracle: &mut Oracle, step: Step, context: usize) -> Result {
    match step {
        Step::Connect(link) => {
            if !oracle.exists(link) {
                world.connect(link)?;
            }
            oracle.apply(step, context);
            Ok(())
        }
        Step::Part(link, how) => {
            if oracle.exists(link) {
                part(world, oracle, (link, how), context)?;
            }
            Ok(())
        }
        Step::Register(..) | Step::Deregister(..) => {
            let status = registration(world, step)?;
            let wanted = oracle.apply(step, context);
            returned(world, status, wanted)
        }
        Step::Receive(place, _) | Step::Post(place, ..) | Step::Flush(place) | Step::Malformed(place, _) => {
            if !oracle.exists(place.link) {
                return Ok(());
            }
            request(world, oracle, step, place, context)
        }
    }
}

fn part(world: &mut World, oracle: &mut Oracle, (link, how): (usize, u8), context: usize) -> Result {
    world.part(link, how, oracle.is_up(link))?;
    let bound =
        [0, 1].map(|end| core::array::from_fn::<_, WINDOWS, _>(|window| oracle.bound(end, window) == Some(link)));
    oracle.apply(Step::Part(link, how), context);
    completions(world, oracle, link)?;
    if let Some(place) = world.links.get_mut(link) {
        *place = None;
    }
    for (end, windows) in bound.into_iter().enumerate() {
        for (window, bound) in windows.into_iter().enumerate() {
            if bound {
                world.renew_window(end, window)?;
            }
        }
    }
    world.compare(oracle)
}

/// NdkRegisterMr or NdkDeregisterMr; the final status.
fn registration(world: &mut World, step: Step) -> Result<NTSTATUS> {
    let answer = match step {
        Step::Register(end, memory, rights) => {
            let side = world.end(end)?;
            let buffer = side.buffer(memory)?;
            // SAFETY: the buffer stays as long as its region: they are one field.
            unsafe { side.region(memory)?.register(buffer.mdl(), buffer.len(), rights) }?.wait()?
        }
        Step::Deregister(end, memory) => world.end(end)?.region(memory)?.deregister()?.wait()?,
        _ => return Ok(STATUS_INVALID_PARAMETER),
    };
    if let Step::Register(end, memory, _) = step
        && answer.status == STATUS_SUCCESS
        && let Some(side) = world.ends.get_mut(end)
    {
        let token = side.region(memory)?.local_token();
        if let Some(slot) = side.tokens.get_mut(memory) {
            world.run.check(token != 0 && token != *slot, "MR-36 a stale token does not come alive again")?;
            *slot = token;
        }
    }
    Ok(answer.status)
}

fn request(world: &mut World, oracle: &mut Oracle, step: Step, place: Place, context: usize) -> Result {
    let silent = matches!(step, Step::Post(_, _, Flags { silent: true, .. }));
    let status = call(world, oracle, step, context)?;
    if let (STATUS_SUCCESS, Step::Post(_, Request::Bind(bind), _)) = (status, step) {
        world.planned(place.end, bind.window, context)?;
    }
    let was_up = oracle.is_up(place.link);
    let wanted = oracle.apply(step, context);
    match wanted {
        Inline::Dead if status == STATUS_SUCCESS => {
            let link = world.link(place.link, place.end)?;
            let cq = if matches!(step, Step::Receive(..)) { &link.received } else { &link.sent };
            cq.expect(context, STATUS_CANCELLED, "WR-13 to WR-15 cancelled, if taken")?;
        }
        _ => returned(world, status, wanted)?,
    }
    completions(world, oracle, place.link)?;
    if was_up && !oracle.is_up(place.link) {
        for end in 0..2 {
            world.link(place.link, end)?.connector.wait_for_disconnect()?;
        }
    }
    if silent && wanted == Inline::Taken {
        world.mark(place, true);
    }
    for place in [place, place.peer()] {
        if world.mark(place, false) {
            synchronise(world, oracle, place)?;
        }
    }
    world.bound(oracle);
    world.compare(oracle)
}

/// Waits for a request behind a silent one, whose buffers are free then (WR-33). One that waits for its receive keeps
/// its mark.
fn synchronise(world: &mut World, oracle: &Oracle, place: Place) -> Result {
    const MARK: usize = 0x5E0;
    if !oracle.is_up(place.link) {
        return Ok(());
    }
    if !oracle.is_idle(place) {
        world.mark(place, true);
        return Ok(());
    }
    let link = world.link(place.link, place.end)?;
    world.run.ok(link.qp.write(MARK, &[], 0, 0, 0), "WRT-03 a write of no bytes")?;
    link.sent.expect(MARK, STATUS_SUCCESS, "WRT-03 succeeds").map(drop)
}

/// Expects a status in line.
#[track_caller]
fn returned(world: &World, status: NTSTATUS, wanted: Inline) -> Result {
    let wanted = match wanted {
        Inline::Taken => STATUS_SUCCESS,
        Inline::Dead | Inline::NotConnected => STATUS_CONNECTION_INVALID,
        Inline::Full => STATUS_NO_MORE_ENTRIES,
        Inline::Parameter => STATUS_INVALID_PARAMETER,
        Inline::Request => STATUS_INVALID_DEVICE_REQUEST,
        Inline::Access => STATUS_ACCESS_VIOLATION,
        Inline::Busy => STATUS_DEVICE_BUSY,
        Inline::Overrun => STATUS_DATA_OVERRUN,
        Inline::Overflow => STATUS_BUFFER_OVERFLOW,
    };
    world.run.status(status, wanted, "SEQ the call returns what the oracle says")
}

/// Expects all completions that are due on a link, and no others.
fn completions(world: &World, oracle: &mut Oracle, link: usize) -> Result {
    for end in 0..2 {
        let (place, queues) = (Place { link, end }, world.link(link, end)?);
        while let Some(due) = oracle.take_sent(place) {
            completion(world, &queues.sent, &due)?;
        }
        while let Some(due) = oracle.take_received(place) {
            completion(world, &queues.received, &due)?;
        }
        for cq in [&queues.sent, &queues.received] {
            let mut result = [NDK_RESULT_EX::default()];
            world.run.equal(cq.poll_ex(&mut result), 0usize, "WR-02 each request completes once")?;
        }
    }
    Ok(())
}

fn completion(world: &World, cq: &Cq, due: &Completion) -> Result {
    let run = world.run;
    let result = cq.next()?;
    run.equal(result.RequestContext.addr(), due.context, "WR-05 completions come in posting order")?;
    let what = "SEQ the completion has the status that the oracle says";
    match due.status {
        Status::Success => run.ok(result.Status, what)?,
        Status::Cancelled => run.status(result.Status, STATUS_CANCELLED, what)?,
        Status::Access => run.status(result.Status, STATUS_ACCESS_VIOLATION, what)?,
        Status::Invalid => run.status(result.Status, STATUS_INVALID_DEVICE_REQUEST, what)?,
        Status::Overflow => run.status(result.Status, STATUS_BUFFER_OVERFLOW, what)?,
        Status::Remote => run.status(result.Status, STATUS_REMOTE_RESOURCES, what)?,
        Status::Failed if result.Status == STATUS_SUCCESS => return Err(Failure::new(what, result.Status)),
        Status::RemoteOrCancelled if result.Status == STATUS_CANCELLED => {}
        Status::RemoteOrCancelled => run.status(result.Status, STATUS_REMOTE_RESOURCES, what)?,
        Status::Failed => {}
    }
    match due.bytes {
        Some(bytes) => run.equal(result.BytesTransferred, bytes, "RCV-02 BytesTransferred is the message length"),
        None => Ok(()),
    }
}

/// Makes the call of a step that needs a QP; the status in line.
fn call(world: &World, oracle: &Oracle, step: Step, context: usize) -> Result<NTSTATUS> {
    match step {
        Step::Receive(place, list) => {
            let mut entries = [NDK_SGE::default(); 4];
            let count = world.end(place.end)?.entries(&list, &mut entries)?;
            Ok(world.link(place.link, place.end)?.qp.receive(context, entries.get(..count).unwrap_or(&[])))
        }
        Step::Post(place, request, flags) => post(world, oracle, place, (request, flags), context),
        Step::Flush(place) => {
            world.link(place.link, place.end)?.qp.flush();
            Ok(STATUS_SUCCESS)
        }
        Step::Malformed(place, how) => {
            let qp = &world.link(place.link, place.end)?.qp;
            let entry = crate::ndk::sge(0x1000, 0x8000_0000, 1);
            Ok(match how {
                Malformed::Flag => qp.write(context, &[], 0, 0, 0x8000_0000),
                Malformed::Entries => qp.send(context, &[NDK_SGE::default(); 5], 0),
                Malformed::Sum => qp.send(context, &[entry, entry], 0),
            })
        }
        _ => Ok(STATUS_INVALID_PARAMETER),
    }
}

fn post(
    world: &World,
    oracle: &Oracle,
    place: Place,
    (request, flags): (Request, Flags),
    context: usize,
) -> Result<NTSTATUS> {
    let mut bits = 0;
    for (set, bit) in [
        (flags.fence, NDK_OP_FLAG_READ_FENCE),
        (flags.silent, NDK_OP_FLAG_SILENT_SUCCESS),
        (flags.defer, NDK_OP_FLAG_DEFER),
    ] {
        bits |= if set { bit } else { 0 };
    }
    let (own, peer) = (world.end(place.end)?, world.end(1 - place.end)?);
    let link = world.link(place.link, place.end)?;
    let qp = &link.qp;
    let mut entries = [NDK_SGE::default(); 4];
    let count = match &request {
        Request::Send(list)
        | Request::SendAndInvalidate(list, _)
        | Request::Read(list, _)
        | Request::Write(list, _) => own.entries(list, &mut entries)?,
        _ => 0,
    };
    let list = entries.get(..count).unwrap_or(&[]);
    let far = |remote: &ndktest_sequence::Remote| {
        let behind = match remote.target {
            ndktest_sequence::Target::Window(window) => oracle.view(1 - place.end, window),
            _ => None,
        };
        peer.address(remote, behind).map(|address| (address, peer.token(remote.target)))
    };
    Ok(match request {
        Request::Send(_) => qp.send(context, list, bits),
        Request::SendAndInvalidate(_, target) => qp.send_and_invalidate(context, list, bits, peer.token(target)),
        Request::Read(_, remote) => {
            let (address, token) = far(&remote)?;
            qp.read(context, list, address, token, bits)
        }
        Request::Write(_, remote) => {
            let (address, token) = far(&remote)?;
            qp.write(context, list, address, token, bits)
        }
        Request::FastRegister(memory, rights) => match memory.checked_sub(REGIONS).and_then(|at| own.fast.get(at)) {
            Some(fast) => fast.mapped.fast_register(qp, context, &fast.mr, bits | operation(rights)),
            None => STATUS_INVALID_PARAMETER,
        },
        Request::Invalidate(memory) => super::mapped::invalidate(qp, context, own.region(memory)?, bits),
        Request::InvalidateWindow(window) => match (own.windows.get(window), qp.dispatch().NdkInvalidate) {
            (Some(window), Some(invalidate)) => {
                let context = ptr::without_provenance_mut(context);
                // SAFETY: QP and window are open.
                unsafe { invalidate(qp.raw(), context, window.header(), bits) }
            }
            _ => STATUS_INVALID_PARAMETER,
        },
        Request::Bind(bind) => bind_window(world, place, &bind, bits, context)?,
    })
}

fn bind_window(world: &World, place: Place, bind: &Bind, bits: ULONG, context: usize) -> Result<NTSTATUS> {
    let own = world.end(place.end)?;
    let Some(window) = own.windows.get(bind.window) else { return Ok(STATUS_INVALID_PARAMETER) };
    let (qp, region) = (&world.link(place.link, place.end)?.qp, own.region(bind.memory)?);
    let address = own.base(bind.memory)? + bind.offset;
    Ok(window.bind(qp, context, region, address, bind.length, bits | operation(bind.rights)))
}

/// The rights of a region as flags of a request.
fn operation(rights: u32) -> ULONG {
    let mut flags = 0;
    for (right, flag) in [
        (LOCAL_WRITE, NDK_OP_FLAG_ALLOW_LOCAL_WRITE),
        (REMOTE_READ, NDK_OP_FLAG_ALLOW_REMOTE_READ),
        (REMOTE_WRITE, NDK_OP_FLAG_ALLOW_REMOTE_WRITE),
    ] {
        flags |= if rights & right == right { flag } else { 0 };
    }
    flags
}
