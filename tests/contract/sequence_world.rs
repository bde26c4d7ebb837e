//! What a sequence of calls works on: two ends with memory and windows, and links between them.

use super::mapped::{Mapped, Window, fast_region};
use crate::{
    kernel::{Buffer, List},
    ndk::{
        Adapter, Address, Connector, Cq, Family, Limits, Listener, Mr, Pd, Place as Where, Qp, QpOptions, sge, targets,
    },
    run::{Failure, Result, Run},
    workload::Job,
};
use ndkpi_sys::{NDK_SGE, STATUS_INVALID_PARAMETER, UINT32, UINT64};
use ndktest_sequence::{
    DEPTH, LENGTH, LINKS, List as Entries, MEMORIES, Oracle, Place, REGIONS, Remote, Target, WINDOWS,
};

/// A token that nobody gave out.
const FORGED: UINT32 = 0x0BAD_0BAD;

/// A regular region and its memory.
pub struct Plain {
    // Fields drop in this order.
    pub mr: Mr,
    pub buffer: Buffer,
}

/// A fast-register region and its memory.
pub struct Fast {
    pub mr: Mr,
    pub mapped: Mapped,
}

/// One end.
pub struct End {
    // Fields drop in this order: a region closes after its windows (LIFE-28).
    pub windows: [Window; WINDOWS],
    pub plain: [Plain; REGIONS],
    pub fast: [Fast; MEMORIES - REGIONS],
    /// Latest token of each memory; stale ones stay.
    pub tokens: [UINT32; MEMORIES],
    /// Latest token of each window that was bound.
    pub window_tokens: [UINT32; WINDOWS],
    // Contexts of binds, and the tokens that they planned.
    planned: List<(usize, UINT32)>,
    privileged: UINT32,
    pub pd: Pd,
    pub adapter: Adapter,
    pub address: Address,
}

fn none() -> Failure {
    Failure::new("an adapter with an IPv4 address", STATUS_INVALID_PARAMETER)
}

impl End {
    #[inline(never)]
    #[track_caller]
    fn new(adapter: Adapter, end: usize) -> Result<Self> {
        let pd = adapter.pd()?;
        let plain = || Ok::<_, Failure>(Plain { mr: pd.mr()?, buffer: Buffer::new(LENGTH)? });
        let fast = || Ok::<_, Failure>(Fast { mr: fast_region(&pd, 2)?, mapped: Mapped::new(&adapter, LENGTH)? });
        let mut new = Self {
            plain: [plain()?, plain()?, plain()?],
            fast: [fast()?, fast()?],
            windows: [Window::new(&pd)?, Window::new(&pd)?],
            tokens: [FORGED; MEMORIES],
            window_tokens: [FORGED; WINDOWS],
            planned: List::new(),
            privileged: pd.privileged_token(),
            address: adapter.address(Family::V4, 0).ok_or_else(none)?,
            pd,
            adapter,
        };
        for memory in 0..MEMORIES {
            for at in 0..LENGTH {
                new.buffer(memory)?.write(at, &[Oracle::initial(end, memory, at)]);
            }
        }
        for (index, fast) in new.fast.iter().enumerate() {
            if let Some(token) = new.tokens.get_mut(REGIONS + index) {
                *token = fast.mr.remote_token();
            }
        }
        Ok(new)
    }

    /// The bytes of a memory.
    #[track_caller]
    pub fn buffer(&self, memory: usize) -> Result<&Buffer> {
        let plain = self.plain.get(memory).map(|plain| &plain.buffer);
        let fast = memory.checked_sub(REGIONS).and_then(|index| self.fast.get(index)).map(|fast| &fast.mapped.buffer);
        plain.or(fast).ok_or_else(|| Failure::new("a memory of the sequence", 0))
    }

    /// The region object of a memory.
    #[track_caller]
    pub fn region(&self, memory: usize) -> Result<&Mr> {
        let plain = self.plain.get(memory).map(|plain| &plain.mr);
        let fast = memory.checked_sub(REGIONS).and_then(|index| self.fast.get(index)).map(|fast| &fast.mr);
        plain.or(fast).ok_or_else(|| Failure::new("a memory of the sequence", 0))
    }

    /// Address of a memory's first byte, as peers and entries name it.
    #[track_caller]
    pub fn base(&self, memory: usize) -> Result<usize> {
        Ok(self.buffer(memory)?.address().addr().get())
    }

    /// The entries of a list; how many there are.
    #[track_caller]
    pub fn entries(&self, list: &Entries, entries: &mut [NDK_SGE; 4]) -> Result<usize> {
        if list.length == 0 && list.pieces == 1 {
            return Ok(0);
        }
        for (index, entry) in entries.iter_mut().enumerate().take(list.pieces) {
            let (offset, length) = list.piece(index);
            *entry = match list.memory.checked_sub(MEMORIES).and_then(|index| self.fast.get(index)) {
                Some(fast) => fast.mapped.sge(offset, length, self.privileged),
                None => {
                    let token = self.tokens.get(list.memory).copied().unwrap_or(FORGED);
                    sge(self.base(list.memory)? + offset, length, token)
                }
            };
        }
        Ok(list.pieces.min(entries.len()))
    }

    /// The token of a target.
    pub fn token(&self, target: Target) -> UINT32 {
        let token = match target {
            Target::Memory(memory) => self.tokens.get(memory),
            Target::Window(window) => self.window_tokens.get(window),
            Target::Forged => None,
        };
        token.copied().unwrap_or(FORGED)
    }

    /// The address that a request of the peer's names; a window has those of the memory behind it.
    #[track_caller]
    pub fn address(&self, remote: &Remote, behind: Option<usize>) -> Result<UINT64> {
        let memory = match remote.target {
            Target::Memory(memory) => memory,
            _ => behind.unwrap_or(0),
        };
        Ok((self.base(memory)? as u64).wrapping_add_signed(remote.offset))
    }
}

/// One end of a link.
pub struct LinkEnd {
    // Fields drop in this order.
    pub connector: Connector,
    pub qp: Qp,
    pub received: Cq,
    pub sent: Cq,
}

/// A connection: active end, passive end.
pub type Link = [LinkEnd; 2];

/// Everything.
pub struct World<'a> {
    // Fields drop in this order.
    pub links: [Option<Link>; LINKS],
    pub ends: [End; 2],
    listener: Listener,
    destination: Address,
    // Places with silent requests that nothing has told of.
    silent: [[bool; 2]; LINKS],
    pub run: &'a Run,
}

impl<'a> World<'a> {
    /// Two opens on one adapter, or one on each of two; nothing registered or connected.
    #[track_caller]
    pub fn new(job: &Job<'a>) -> Result<Self> {
        let [_, second] = &job.run.request.adapters;
        let place = if second.interface == 0 { Where::Same } else { Where::Across };
        let (passive, active) = targets(job.run, place).ok_or_else(none)?;
        let ends = [
            End::new(Adapter::open(job.run, job.provider, &active)?, 0)?,
            End::new(Adapter::open(job.run, job.provider, &passive)?, 1)?,
        ];
        let [_, far] = &ends;
        let (listener, destination) = super::ends::listening(&far.adapter, &far.address)?;
        Ok(Self {
            links: [const { None }; LINKS],
            ends,
            listener,
            destination,
            silent: [[false; 2]; LINKS],
            run: job.run,
        })
    }

    /// An end.
    #[track_caller]
    pub fn end(&self, end: usize) -> Result<&End> {
        self.ends.get(end).ok_or_else(|| Failure::new("an end of the sequence", 0))
    }

    /// One end of a link that exists.
    #[track_caller]
    pub fn link(&self, link: usize, end: usize) -> Result<&LinkEnd> {
        let link = self.links.get(link).and_then(Option::as_ref);
        link.and_then(|link| link.get(end)).ok_or_else(|| Failure::new("a link of the sequence", 0))
    }

    /// Sets the mark of a place with silent requests; returns what it was.
    pub fn mark(&mut self, place: Place, silent: bool) -> bool {
        let slot = self.silent.get_mut(place.link).and_then(|link| link.get_mut(place.end));
        slot.is_some_and(|slot| core::mem::replace(slot, silent))
    }

    /// Remembers the token that a bind has planned; no other bind has had it (MW-09).
    #[track_caller]
    pub fn planned(&mut self, end: usize, window: usize, context: usize) -> Result {
        let run = self.run;
        let Some(side) = self.ends.get_mut(end) else { return Ok(()) };
        let token = side.windows.get(window).map_or(0, Window::remote_token);
        run.check(token != 0, "MW-04 a window has a token as soon as its bind is posted")?;
        Ok(side.planned.try_push((context, token))?)
    }

    /// Takes note of the tokens of the windows that are bound now.
    pub fn bound(&mut self, oracle: &Oracle) {
        for (number, end) in self.ends.iter_mut().enumerate() {
            for (window, token) in end.window_tokens.iter_mut().enumerate() {
                let by = oracle.bound_by(number, window);
                let planned = by.and_then(|context| end.planned.iter().find(|planned| planned.0 == context));
                *token = planned.map_or(*token, |slot| slot.1);
            }
        }
    }

    /// Makes two QPs and connects them.
    #[track_caller]
    pub fn connect(&mut self, link: usize) -> Result {
        let [near, far] = &self.ends;
        let (one, two) = (Parts::new(near)?, Parts::new(far)?);
        let connector = near.adapter.connector()?;
        let limits = Limits::default();
        let connecting = connector.connect(&one.qp, &near.address, &self.destination, limits, &[])?;
        let delivered = self.listener.next()?;
        let accepting = delivered.accept(&two.qp, limits, &[])?;
        connecting.ok("CONN-04 NdkConnect")?;
        connector.complete_connect()?.ok("CONN-21 NdkCompleteConnect")?;
        accepting.ok("CONN-32 NdkAccept")?;
        if let Some(place) = self.links.get_mut(link) {
            *place = Some([one.with(connector), two.with(delivered)]);
        }
        Ok(())
    }

    /// Ends a link in one of six ways; its QPs and CQs stay.
    #[track_caller]
    pub fn part(&self, link: usize, how: u8, up: bool) -> Result {
        let (one, two) = (self.link(link, 0)?, self.link(link, 1)?);
        let (first, second) = if how.is_multiple_of(2) { (one, two) } else { (two, one) };
        let mut closing = None;
        match how / 2 {
            0 if up => {
                let leaving = first.connector.disconnect()?;
                second.connector.wait_for_disconnect()?;
                second.connector.disconnect()?.ok("CONN-68 NdkDisconnect")?;
                leaving.ok("CONN-61 NdkDisconnect")?;
            }
            1 => {
                closing = Some(first.qp.start_close()?);
                second.qp.flush();
            }
            _ => {}
        }
        first.connector.start_close()?.ok("LIFE-35 closing the connector")?;
        if up && how / 2 != 0 {
            second.connector.wait_for_disconnect()?;
        }
        second.connector.start_close()?.ok("LIFE-35 closing the connector")?;
        if let Some(closing) = closing {
            closing.ok("LIFE-25 the QP closes after its connector")?;
        }
        Ok(())
    }

    /// Gives a window that was bound over a link a successor: only its close ends the binding now (INV-07).
    #[track_caller]
    pub fn renew_window(&mut self, end: usize, window: usize) -> Result {
        if let Some(end) = self.ends.get_mut(end)
            && let Some(slot) = end.windows.get_mut(window)
        {
            *slot = Window::new(&end.pd)?;
        }
        Ok(())
    }

    /// Expects every byte to be what the oracle knows of it.
    #[track_caller]
    pub fn compare(&self, oracle: &Oracle) -> Result {
        for (number, end) in self.ends.iter().enumerate() {
            for memory in 0..MEMORIES {
                let Some(known) = oracle.memory(number, memory) else { continue };
                let (mut wrong, mut at) = (0u64, 0);
                end.buffer(memory)?.for_each(0, LENGTH, |bytes| {
                    for byte in bytes {
                        let wanted = known.bytes.get(at).copied().flatten();
                        wrong += u64::from(wanted.is_some_and(|wanted| wanted != *byte));
                        at += 1;
                    }
                });
                self.run.equal(wrong, 0u64, "SEQ memory holds what the oracle says")?;
            }
        }
        Ok(())
    }
}

/// One end before its connector.
struct Parts {
    qp: Qp,
    received: Cq,
    sent: Cq,
}

impl Parts {
    #[track_caller]
    fn new(end: &End) -> Result<Self> {
        let (received, sent) = (end.adapter.cq(32)?, end.adapter.cq(32)?);
        let depth = DEPTH as u32;
        let options = QpOptions { receive_depth: depth, initiator_depth: depth, ..QpOptions::default() };
        Ok(Self { qp: end.pd.create_qp(&received, &sent, &options)?.ok("QP-01 NdkCreateQp")?, received, sent })
    }

    fn with(self, connector: Connector) -> LinkEnd {
        let Self { qp, received, sent } = self;
        LinkEnd { connector, qp, received, sent }
    }
}
