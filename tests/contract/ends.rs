//! Set-up that the tests of connections share: two ends, half-made and whole connections.

use crate::{
    kernel::time,
    ndk::{Adapter, Address, Connector, Cq, Family, Limits, Listener, Pd, Place, Qp, Region, Submitted, targets},
    run::{Failure, Result, Run},
    workload::Job,
};
use ndkpi_sys::{
    NDK_MR_FLAG_ALLOW_LOCAL_WRITE, NTSTATUS, PVOID, SOCKADDR, STATUS_INVALID_PARAMETER, STATUS_NOT_SUPPORTED,
    STATUS_SUCCESS, ULONG,
};

/// The ports that a provider picks from.
pub const DYNAMIC: core::ops::RangeInclusive<u16> = 49_152..=65_535;
/// A port that the tests ask for by number.
pub const PORT: u16 = 5_445;

/// How long a test watches to see that something does not happen, in milliseconds.
pub const WHILE: u32 = 30;
/// Time after which a message that no callback tells of has come to the other end, in milliseconds.
pub const CARRIED: u32 = 60;

/// Bytes that tell their place.
pub const fn numbered<const N: usize>(first: u8) -> [u8; N] {
    let mut bytes = [0; N];
    let mut index = 0;
    while index < N {
        bytes[index] = first.wrapping_add(index as u8);
        index += 1;
    }
    bytes
}

/// Two adapters, each with an open of its own, and their addresses without a port.
pub struct Ends<'a> {
    pub run: &'a Run,
    pub active: Adapter,
    pub passive: Adapter,
    pub from: Address,
    pub to: Address,
    pub place: Place,
    pub family: Family,
}

/// Both ends on one adapter, or one on each if there are two.
pub fn place(run: &Run) -> Place {
    match run.request.adapters {
        [_, second] if second.interface != 0 => Place::Across,
        _ => Place::Same,
    }
}

/// Runs a test for each address family that the adapters have.
#[track_caller]
pub fn each(job: &Job, test: impl Fn(&Ends) -> Result) -> Result {
    let mut ran = 0;
    for family in Family::ALL {
        if let Some(ends) = Ends::of(job, family)? {
            apart(|| test(&ends))?;
            ran += 1;
        }
    }
    job.run.check(ran != 0, "an adapter with an address")
}

/// Keeps the frame of a test out of that of the loop around it: a kernel stack has 12 KiB.
#[inline(never)]
fn apart(test: impl FnOnce() -> Result) -> Result {
    test()
}

/// Runs a test for the first address family that the adapters have.
#[track_caller]
pub fn once(job: &Job, test: impl Fn(&Ends) -> Result) -> Result {
    for family in Family::ALL {
        if let Some(ends) = Ends::of(job, family)? {
            return test(&ends);
        }
    }
    Err(Failure::new("an adapter with an address", STATUS_INVALID_PARAMETER))
}

impl<'a> Ends<'a> {
    #[track_caller]
    pub fn of(job: &Job<'a>, family: Family) -> Result<Option<Self>> {
        let place = place(job.run);
        let Some((passive, active)) = targets(job.run, place) else {
            return Ok(None);
        };
        let (Some(from), Some(to)) = (Address::of(&active, family, 0), Address::of(&passive, family, 0)) else {
            return Ok(None);
        };
        let active = Adapter::open(job.run, job.provider, &active)?;
        let passive = Adapter::open(job.run, job.provider, &passive)?;
        Ok(Some(Self { run: job.run, active, passive, from, to, place, family }))
    }

    /// A listener of the passive adapter on a port (0: any), and the address it has.
    #[track_caller]
    pub fn listen(&self, port: u16) -> Result<(Listener, Address)> {
        listening(&self.passive, &self.to.with_port(port))
    }

    /// A connector and its connect to an address, from a port that the provider picks.
    #[track_caller]
    pub fn connect(&self, side: &Side, to: &Address) -> Result<(Connector, Submitted)> {
        let connector = self.active.connector()?;
        let connecting = connector.connect(&side.qp, &self.from, to, Limits::default(), &[])?;
        Ok((connector, connecting))
    }

    /// Expects how a fresh connect from one address to another ends.
    #[track_caller]
    pub fn connect_gives(&self, from: &Address, to: &Address, wanted: NTSTATUS, what: &'static str) -> Result {
        let side = Side::new(&self.active)?;
        let connector = self.active.connector()?;
        connector.connect(&side.qp, from, to, Limits::default(), &[])?.wait()?.is(self.run, wanted, what)
    }

    /// Expects whether a port of the active adapter can be listened on.
    #[track_caller]
    pub fn listen_gives(&self, address: &Address, wanted: NTSTATUS, what: &'static str) -> Result {
        self.active.listener()?.listen(address)?.wait()?.is(self.run, wanted, what)
    }

    /// A request that waits for its accept.
    #[track_caller]
    pub fn meet(&self) -> Result<Meeting<'a>> {
        self.meet_with(0, Limits::default(), &[])
    }

    /// The same from a port, with limits and data of the test's choice.
    #[track_caller]
    pub fn meet_with(&self, port: u16, limits: Limits, private: &[u8]) -> Result<Meeting<'a>> {
        let (listener, to) = self.listen(0)?;
        let (active_side, passive_side) = (Side::new(&self.active)?, Side::new(&self.passive)?);
        let active = self.active.connector()?;
        let connecting = active.connect(&active_side.qp, &self.from.with_port(port), &to, limits, private)?;
        let passive = listener.next()?;
        Ok(Meeting {
            active,
            passive,
            active_side,
            passive_side,
            connecting: Some(connecting),
            accepting: None,
            listener,
            to,
            run: self.run,
        })
    }

    /// A connection that stands.
    #[track_caller]
    pub fn met(&self) -> Result<Meeting<'a>> {
        let mut meeting = self.meet()?;
        meeting.accept()?;
        meeting.complete()?;
        Ok(meeting)
    }
}

/// A listener of an adapter on an address, and the address it has.
#[track_caller]
pub fn listening(adapter: &Adapter, at: &Address) -> Result<(Listener, Address)> {
    let listener = adapter.listener()?;
    listener.listen(at)?.ok("LSN-03 NdkListen")?;
    let (status, address) = listener.local_address();
    adapter.run().ok(status, "ADR-01 address of a listener")?;
    Ok((listener, address))
}

/// The QP of one side with all that it stands on.
pub struct Side {
    pub qp: Qp,
    pub cq: Cq,
    pub pd: Pd,
}

impl Side {
    #[track_caller]
    pub fn new(adapter: &Adapter) -> Result<Self> {
        let pd = adapter.pd()?;
        let cq = adapter.cq(128)?;
        Ok(Self { qp: pd.qp(&cq)?, cq, pd })
    }

    /// A buffer that this side can send from and receive to.
    #[track_caller]
    pub fn region(&self, length: usize) -> Result<Region> {
        Region::new(&self.pd, length, NDK_MR_FLAG_ALLOW_LOCAL_WRITE)
    }
}

/// Two connectors on their way to a connection.
pub struct Meeting<'a> {
    // Fields drop in this order.
    pub active: Connector,
    pub passive: Connector,
    pub active_side: Side,
    pub passive_side: Side,
    pub connecting: Option<Submitted>,
    pub accepting: Option<Submitted>,
    pub listener: Listener,
    pub to: Address,
    pub run: &'a Run,
}

impl Meeting<'_> {
    /// Accepts, and waits until the connect has succeeded.
    #[track_caller]
    pub fn accept(&mut self) -> Result {
        self.accepting = Some(self.passive.accept(&self.passive_side.qp, Limits::default(), &[])?);
        self.connected()
    }

    /// Waits until the connect has succeeded.
    #[track_caller]
    pub fn connected(&mut self) -> Result {
        connecting(&mut self.connecting)?.ok("CONN-31 an accept lets the connect complete").map(drop)
    }

    /// Expects how the connect ends.
    #[track_caller]
    pub fn connect_ends(&mut self, wanted: NTSTATUS, what: &'static str) -> Result {
        connecting(&mut self.connecting)?.wait()?.is(self.run, wanted, what)
    }

    /// Completes the connect; waits until the connection stands on both sides.
    #[track_caller]
    pub fn complete(&mut self) -> Result {
        self.active.complete_connect()?.ok("CONN-21 NdkCompleteConnect")?;
        self.accepted()
    }

    /// Waits until the accept has succeeded.
    #[track_caller]
    pub fn accepted(&mut self) -> Result {
        self.accept_ends(STATUS_SUCCESS, "CONN-32 NdkAccept")
    }

    /// Expects how the accept ends.
    #[track_caller]
    pub fn accept_ends(&mut self, wanted: NTSTATUS, what: &'static str) -> Result {
        connecting(&mut self.accepting)?.wait()?.is(self.run, wanted, what)
    }

    /// Expects that both sides can send.
    #[track_caller]
    pub fn works(&self) -> Result {
        message(self.run, &self.active_side, &self.passive_side)?;
        message(self.run, &self.passive_side, &self.active_side)
    }

    /// Ends the connection from both sides.
    #[track_caller]
    pub fn disconnect(&self) -> Result {
        let leaving = self.active.disconnect()?;
        self.passive.disconnect()?.ok("CONN-61 NdkDisconnect")?;
        leaving.ok("CONN-61 NdkDisconnect").map(drop)
    }
}

fn connecting(request: &mut Option<Submitted>) -> Result<Submitted> {
    request.take().ok_or_else(|| Failure::new("the test waits for a request once", 0))
}

/// Sends one message from one side to the other, and expects its bytes there.
#[track_caller]
pub fn message(run: &Run, from: &Side, to: &Side) -> Result {
    let (source, target) = (from.region(64)?, to.region(64)?);
    let sent: [u8; 64] = numbered(9);
    source.buffer().write(0, &sent);
    run.ok(to.qp.receive(71, &[target.sge(0, 64)]), "WR-12 NdkReceive")?;
    run.ok(from.qp.send(72, &[source.sge(0, 64)], 0), "CONN-21 the QP may send")?;
    to.cq.expect(71, STATUS_SUCCESS, "RCV-01 the message arrives")?;
    from.cq.expect(72, STATUS_SUCCESS, "SND-01 the message is sent")?;
    let mut seen = [0; 64];
    target.buffer().read(0, &mut seen);
    run.check(seen == sent, "RCV-01 the bytes of the message")
}

/// Waits a while and expects that nothing has ended a request.
#[track_caller]
pub fn stays_pending(run: &Run, request: &Submitted, what: &'static str) -> Result {
    time::sleep(WHILE);
    run.check(!request.is_complete(), what)
}

/// A socket address as bytes and length, both of the test's choice.
#[derive(Clone, Copy)]
#[repr(C, align(8))]
pub struct Bytes {
    pub socket: [u8; 128],
    pub length: ULONG,
}

impl Bytes {
    /// The bytes of an address, with its own length.
    pub fn of(address: &Address) -> Self {
        let mut address = *address;
        let mut socket = [0; 128];
        let length = address.length();
        // SAFETY: the address has that many bytes, all initialised, and is no longer than the array.
        unsafe {
            core::ptr::copy_nonoverlapping(
                address.as_ptr().cast::<u8>(),
                socket.as_mut_ptr(),
                (length as usize).min(28),
            )
        };
        Self { socket, length }
    }

    /// The same with another length.
    pub fn with_length(self, length: ULONG) -> Self {
        Self { length, ..self }
    }

    /// The same with another family.
    pub fn with_family(mut self, family: u16) -> Self {
        let [low, high] = family.to_ne_bytes();
        self.socket[0] = low;
        self.socket[1] = high;
        self
    }

    /// For a call that reads.
    pub fn as_ptr(&mut self) -> *mut SOCKADDR {
        self.socket.as_mut_ptr().cast()
    }
}

/// `NdkConnect` with addresses and private data as they are.
#[track_caller]
pub fn connect_raw(
    connector: &Connector,
    qp: &Qp,
    from: &Bytes,
    to: &Bytes,
    (data, length): (PVOID, ULONG),
) -> Result<Submitted> {
    let (mut from, mut to) = (*from, *to);
    crate::ndk::request::submit(connector.run(), |context| {
        let Some(connect) = connector.dispatch().NdkConnect else {
            return STATUS_NOT_SUPPORTED;
        };
        // SAFETY: the objects are open; no length is above that of its array; the data is null or the caller's.
        unsafe {
            connect(
                connector.raw(),
                qp.raw(),
                from.as_ptr(),
                from.length,
                to.as_ptr(),
                to.length,
                1,
                1,
                data,
                length,
                Some(crate::ndk::request::on_request),
                context,
            )
        }
    })
}
