//! One end of the connection: messages with credits, and the results of everything else.

use crate::{
    kernel::Queue,
    ndk::{Adapter, Connector, Cq, Pd, Qp, QpOptions, Region},
    run::{Failure, Result, Run},
    workload::transfer::{
        Plan,
        message::{Header, KIND_CREDITS, ROOM},
    },
    wsk::Provider,
};
use core::sync::atomic::Ordering::Relaxed;
use ndkpi_sys::{
    NDK_MR_FLAG_ALLOW_LOCAL_WRITE, NDK_RESULT_EX, STATUS_CANCELLED, STATUS_DATA_ERROR, STATUS_INTERNAL_ERROR,
    STATUS_SUCCESS,
};
use ndktest_api::Target;
use zerocopy::{FromBytes, Immutable, IntoBytes};

/// Objects of one end. One CQ serves both queues, so that one wait sees everything.
pub struct Endpoint {
    // Fields drop in this order.
    pub qp: Qp,
    pub cq: Cq,
    pub pd: Pd,
    pub adapter: Adapter,
}

impl Endpoint {
    pub fn new(run: &Run, provider: &Provider, target: &Target, plan: &Plan) -> Result<Self> {
        let adapter = Adapter::open(run, provider, target)?;
        let pd = adapter.pd()?;
        // A window has at most 32 pieces: all fits in 32 bits many times over.
        let receives = plan.credits() as u32;
        let initiates = (plan.credits() + 2 * plan.window + 2) as u32;
        let cq = adapter.cq(receives + initiates)?;
        let options = QpOptions { receive_depth: receives, initiator_depth: initiates, ..QpOptions::default() };
        let qp = pd.create_qp(&cq, &cq, &options)?.ok("QP-01 NdkCreateQp")?;
        Ok(Self { qp, cq, pd, adapter })
    }
}

/// A message: its bytes, header included if there is one.
#[derive(Clone, Copy)]
pub struct Message {
    bytes: [u8; ROOM],
    length: usize,
}

impl Message {
    /// The bytes.
    pub fn bytes(&self) -> &[u8] {
        self.bytes.get(..self.length).unwrap_or(&[])
    }

    /// Header and body of a message after the negotiation.
    pub fn split(&self) -> Result<(Header, &[u8])> {
        Header::read_from_prefix(self.bytes()).map_err(|_| Failure::new("a message with a header", STATUS_DATA_ERROR))
    }

    /// A body of a certain type.
    pub fn body<T: FromBytes>(&self) -> Result<T> {
        let (_, body) = self.split()?;
        let body =
            T::read_from_prefix(body).map_err(|_| Failure::new("a message that is long enough", STATUS_DATA_ERROR))?;
        Ok(body.0)
    }
}

/// What has happened at an end.
pub enum Event {
    /// A message came; its credits are counted already.
    Message(Message),
    /// A read or write that the owner posted under this number is complete.
    Work(usize),
}

// Request contexts: what it was in the upper half, which one in the lower.
const RECEIVE: usize = 1 << 32;
const SEND: usize = 2 << 32;
const WORK: usize = 3 << 32;
const KIND: usize = !0 << 32;

/// Context of a read or write with a number.
pub fn work(number: usize) -> usize {
    WORK | (number & !KIND)
}

/// Messages over an endpoint.
pub struct Channel<'a> {
    run: &'a Run,
    end: &'a Endpoint,
    inbox: Region,
    outbox: Region,
    slots: usize,
    /// Free rooms of the outbox, one bit each.
    free: u64,
    /// Messages that this side may still send.
    credits: usize,
    /// Receives that were posted but not granted yet.
    owed: usize,
    /// Receives that are posted.
    posted: usize,
    /// What came while a send waited for credits.
    held: Queue<Event>,
    /// Messages of the negotiation have no header.
    negotiating: bool,
}

impl<'a> Channel<'a> {
    /// Posts all receives. The first credits for the other side are told by the negotiation.
    pub fn new(run: &'a Run, end: &'a Endpoint, plan: &Plan) -> Result<Self> {
        let slots = plan.credits();
        let inbox = Region::new(&end.pd, slots * ROOM, NDK_MR_FLAG_ALLOW_LOCAL_WRITE)?;
        let outbox = Region::new(&end.pd, slots * ROOM, 0)?;
        let free = u64::MAX >> (64 - slots);
        let mut this = Self {
            run,
            end,
            inbox,
            outbox,
            slots,
            free,
            credits: 0,
            owed: 0,
            posted: 0,
            held: Queue::new(),
            negotiating: true,
        };
        for slot in 0..slots {
            this.post(slot)?;
        }
        Ok(this)
    }

    /// Ends the negotiation with the credits that it gave to this side: from now on messages have headers.
    pub fn negotiated(&mut self, credits: u16) {
        self.credits += usize::from(credits);
        self.negotiating = false;
    }

    /// The credits to grant now.
    pub fn grant(&mut self) -> u16 {
        u16::try_from(core::mem::take(&mut self.owed)).unwrap_or(0)
    }

    /// Sends a message of the negotiation: without a header, without using a credit.
    pub fn send_plain(&mut self, body: &(impl IntoBytes + Immutable)) -> Result {
        let slot = self.room()?;
        self.outbox.buffer().write(slot * ROOM, body.as_bytes());
        self.post_send(slot, size_of_val(body))
    }

    /// Sends a message once there is a credit for it. The last credit is kept for granting credits, so
    /// that two sides without credits cannot wait for each other.
    pub fn send(&mut self, kind: u16, body: &(impl IntoBytes + Immutable)) -> Result {
        if self.credits < 2 {
            self.run.counts.credit_stalls.fetch_add(1, Relaxed);
            while self.credits < 2 {
                let event = self.happen()?;
                self.hold(event)?;
            }
        }
        self.send_now(kind, body.as_bytes())
    }

    /// The next thing that happens; waits at PASSIVE_LEVEL.
    pub fn next(&mut self) -> Result<Event> {
        loop {
            if let Some(event) = self.held.pop() {
                return Ok(event);
            }
            if let Some(event) = self.happen()? {
                return Ok(event);
            }
        }
    }

    /// The next message, when no read or write is out.
    pub fn message(&mut self) -> Result<Message> {
        match self.next()? {
            Event::Message(message) => Ok(message),
            Event::Work(_) => Err(Failure::new("no result of work that is not out", STATUS_INTERNAL_ERROR)),
        }
    }

    /// The number of the next read or write that is complete; messages that come before it are kept.
    pub fn work(&mut self) -> Result<usize> {
        loop {
            match self.happen()? {
                Some(Event::Work(number)) => return Ok(number),
                message => self.hold(message)?,
            }
        }
    }

    /// Ends the connection in good order: disconnects, and takes back every receive.
    ///
    /// The side that has nothing more to say begins; the other one waits for its disconnect event.
    pub fn end(mut self, connector: &Connector, begin: bool) -> Result {
        if !begin {
            connector.wait_for_disconnect()?;
        }
        connector.disconnect()?.ok("CONN-61 NdkDisconnect")?;
        while self.posted != 0 || self.free.count_ones() as usize != self.slots {
            let result = self.end.cq.next()?;
            match result.RequestContext.addr() & KIND {
                RECEIVE => {
                    self.run.status(result.Status, STATUS_CANCELLED, "RCV-06 a disconnect cancels receives")?;
                    self.posted -= 1;
                }
                SEND => self.sent(&result),
                _ => {
                    return Err(Failure::new("no result of work that is not out", STATUS_INTERNAL_ERROR));
                }
            }
        }
        Ok(())
    }

    // One result at a time; sends and credits stay inside.
    fn happen(&mut self) -> Result<Option<Event>> {
        let result = self.end.cq.next()?;
        let context = result.RequestContext.addr();
        self.run.ok(result.Status, "a request of a healthy connection succeeds")?;
        let number = context & !KIND;
        match context & KIND {
            RECEIVE => self.received(number, &result).map(|message| message.map(Event::Message)),
            SEND => {
                self.sent(&result);
                Ok(None)
            }
            WORK => Ok(Some(Event::Work(number))),
            _ => Err(Failure::new("WR-04 a result carries its request's context", STATUS_INTERNAL_ERROR)),
        }
    }

    fn received(&mut self, slot: usize, result: &NDK_RESULT_EX) -> Result<Option<Message>> {
        let mut message = Message { bytes: [0; ROOM], length: (result.BytesTransferred as usize).min(ROOM) };
        if let Some(bytes) = message.bytes.get_mut(..message.length) {
            self.inbox.buffer().read(slot * ROOM, bytes);
        }
        self.posted -= 1;
        self.post(slot)?;
        if self.negotiating {
            return Ok(Some(message));
        }
        let (header, _) = message.split()?;
        self.credits += usize::from(header.credits_granted.get());
        if self.owed > self.slots / 2 && self.credits > 0 {
            self.send_now(KIND_CREDITS, &[])?;
        }
        Ok((header.kind.get() != KIND_CREDITS).then_some(message))
    }

    fn sent(&mut self, result: &NDK_RESULT_EX) {
        let slot = result.RequestContext.addr() & !KIND;
        self.free |= 1 << (slot % 64);
    }

    fn send_now(&mut self, kind: u16, body: &[u8]) -> Result {
        let slot = self.room()?;
        let header = Header {
            credits_requested: u16::try_from(self.slots).unwrap_or(u16::MAX).into(),
            credits_granted: self.grant().into(),
            kind: kind.into(),
            reserved: 0.into(),
        };
        let at = slot * ROOM;
        self.outbox.buffer().write(at, header.as_bytes());
        self.outbox.buffer().write(at + size_of::<Header>(), body);
        self.credits = self.credits.saturating_sub(1);
        self.post_send(slot, size_of::<Header>() + body.len())
    }

    // A free room of the outbox. Credits bound the sends that are out, so there is one soon.
    fn room(&mut self) -> Result<usize> {
        while self.free == 0 {
            let event = self.happen()?;
            self.hold(event)?;
        }
        let slot = self.free.trailing_zeros();
        self.free &= !(1 << slot);
        Ok(slot as usize)
    }

    fn post(&mut self, slot: usize) -> Result {
        let status = self.end.qp.receive(RECEIVE | slot, &[self.inbox.sge(slot * ROOM, ROOM)]);
        self.run.ok(status, "WR-12 receives may be posted at any time")?;
        self.posted += 1;
        self.owed += 1;
        Ok(())
    }

    fn post_send(&mut self, slot: usize, length: usize) -> Result {
        let status = self.end.qp.send(SEND | slot, &[self.outbox.sge(slot * ROOM, length)], 0);
        self.run.status(status, STATUS_SUCCESS, "WR-01 NdkSend")
    }

    fn hold(&mut self, event: Option<Event>) -> Result {
        match event {
            Some(event) => Ok(self.held.try_push(event)?),
            None => Ok(()),
        }
    }
}
