//! What there is, and what a call does to it.

use crate::{Bind, Flags, List, Request, Step};
use crate::{DEPTH, LENGTH, LINKS, LOCAL_WRITE, MEMORIES, Malformed, Place, REGIONS, REMOTE_WRITE, WINDOWS};
use arrayvec::ArrayVec;

/// How a request ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// STATUS_SUCCESS.
    Success,
    /// STATUS_CANCELLED.
    Cancelled,
    /// STATUS_ACCESS_VIOLATION.
    Access,
    /// STATUS_INVALID_DEVICE_REQUEST.
    Invalid,
    /// STATUS_BUFFER_OVERFLOW.
    Overflow,
    /// STATUS_REMOTE_RESOURCES.
    Remote,
    /// Anything but success: more than one thing is wrong.
    Failed,
    /// STATUS_REMOTE_RESOURCES or STATUS_CANCELLED (SND-04, SINV-03).
    RemoteOrCancelled,
}

/// What a call returns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Inline {
    /// STATUS_SUCCESS.
    Taken,
    /// STATUS_CONNECTION_INVALID, or success and a completion that is cancelled (WR-13 to WR-15).
    Dead,
    /// STATUS_CONNECTION_INVALID.
    NotConnected,
    /// STATUS_NO_MORE_ENTRIES.
    Full,
    /// STATUS_INVALID_PARAMETER.
    Parameter,
    /// STATUS_INVALID_DEVICE_REQUEST.
    Request,
    /// STATUS_ACCESS_VIOLATION.
    Access,
    /// STATUS_DEVICE_BUSY.
    Busy,
    /// STATUS_DATA_OVERRUN.
    Overrun,
    /// STATUS_BUFFER_OVERFLOW.
    Overflow,
}

/// A completion that follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Completion {
    /// Context of the request.
    pub context: usize,
    /// Its status.
    pub status: Status,
    /// Bytes of a message, if it was received.
    pub bytes: Option<usize>,
}

/// A piece of memory.
#[derive(Clone, Copy, Debug)]
pub struct Memory {
    /// Rights, while it is registered.
    pub rights: Option<u32>,
    /// Rights of the latest registration that was posted.
    pub(crate) view: Option<u32>,
    /// What it holds; none where that is not said.
    pub bytes: [Option<u8>; LENGTH],
}

/// A window.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bound {
    pub(crate) link: usize,
    pub(crate) bind: Bind,
    /// Context of the request that bound it.
    pub(crate) context: usize,
}

#[derive(Clone, Debug)]
pub(crate) struct End {
    pub(crate) windows: [Option<Bound>; WINDOWS],
}

/// A request in its queue.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Posted {
    pub(crate) context: usize,
    pub(crate) request: Request,
    pub(crate) flags: Flags,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// No QPs.
    Absent,
    /// Connected.
    Up,
    /// The connection has failed; the QPs are still there.
    Broken,
}

/// The queues of one end of one link, and the completions that are due.
#[derive(Clone, Debug)]
pub(crate) struct Queues {
    pub(crate) sends: ArrayVec<Posted, DEPTH>,
    /// How many of them are not deferred any more.
    pub(crate) published: usize,
    pub(crate) receives: ArrayVec<(usize, List), DEPTH>,
    pub(crate) sent: ArrayVec<Completion, 16>,
    pub(crate) received: ArrayVec<Completion, 16>,
}

impl Queues {
    const EMPTY: Self = Self {
        sends: ArrayVec::new_const(),
        published: 0,
        receives: ArrayVec::new_const(),
        sent: ArrayVec::new_const(),
        received: ArrayVec::new_const(),
    };
}

/// All that there is.
#[derive(Clone, Debug)]
pub struct Oracle {
    pub(crate) states: [State; LINKS],
    pub(crate) queues: [[Queues; 2]; LINKS],
    pub(crate) memories: [[Memory; MEMORIES]; 2],
    pub(crate) ends: [End; 2],
}

impl Oracle {
    /// Nothing is registered, bound or connected, and nobody says what memory holds: for [`Oracle::fill`].
    ///
    /// A constant, because an oracle is larger than a kernel's stack bears.
    pub const EMPTY: Self = Self {
        states: [State::Absent; LINKS],
        queues: [const { [const { Queues::EMPTY }; 2] }; LINKS],
        memories: [[Memory { rights: None, view: None, bytes: [None; LENGTH] }; MEMORIES]; 2],
        ends: [const { End { windows: [None; WINDOWS] } }; 2],
    };

    /// Memory holds what [`Oracle::initial`] says.
    pub fn fill(&mut self) {
        for (end, memories) in self.memories.iter_mut().enumerate() {
            for (number, memory) in memories.iter_mut().enumerate() {
                for (at, byte) in memory.bytes.iter_mut().enumerate() {
                    *byte = Some(Self::initial(end, number, at));
                }
            }
        }
    }

    /// The first content of a byte: no two pieces of memory are alike.
    #[must_use]
    pub fn initial(end: usize, memory: usize, at: usize) -> u8 {
        let mixed = (end * MEMORIES + memory + 1).wrapping_mul(0x9E37_79B9).wrapping_add(at.wrapping_mul(0x85EB_CA6B));
        mixed.to_le_bytes().get(2).copied().unwrap_or(0)
    }

    /// A piece of memory.
    #[must_use]
    pub fn memory(&self, end: usize, memory: usize) -> Option<&Memory> {
        self.memories.get(end)?.get(memory)
    }

    /// Whether the link has QPs.
    #[must_use]
    pub fn exists(&self, link: usize) -> bool {
        self.states.get(link).is_some_and(|state| *state != State::Absent)
    }

    /// Whether the link is connected.
    #[must_use]
    pub fn is_up(&self, link: usize) -> bool {
        self.states.get(link) == Some(&State::Up)
    }

    /// The link over which a window is bound.
    #[must_use]
    pub fn bound(&self, end: usize, window: usize) -> Option<usize> {
        self.ends.get(end)?.windows.get(window)?.map(|bound| bound.link)
    }

    /// Context of the bind that a window's token comes from.
    #[must_use]
    pub fn bound_by(&self, end: usize, window: usize) -> Option<usize> {
        self.ends.get(end)?.windows.get(window)?.map(|bound| bound.context)
    }

    /// The memory that a window is a view of.
    #[must_use]
    pub fn view(&self, end: usize, window: usize) -> Option<usize> {
        self.ends.get(end)?.windows.get(window)?.map(|bound| bound.bind.memory)
    }

    /// Whether an end's initiator queue has nothing waiting.
    #[must_use]
    pub fn is_idle(&self, place: Place) -> bool {
        self.queue(place).is_none_or(|queue| queue.sends.is_empty())
    }

    /// Takes the oldest completion that is due in the CQ of the initiator queue.
    pub fn take_sent(&mut self, place: Place) -> Option<Completion> {
        self.queue_mut(place)?.sent.pop_at(0)
    }

    /// Takes the oldest completion that is due in the CQ of the receive queue.
    pub fn take_received(&mut self, place: Place) -> Option<Completion> {
        self.queue_mut(place)?.received.pop_at(0)
    }

    pub(crate) fn queue(&self, place: Place) -> Option<&Queues> {
        self.queues.get(place.link)?.get(place.end)
    }

    pub(crate) fn queue_mut(&mut self, place: Place) -> Option<&mut Queues> {
        self.queues.get_mut(place.link)?.get_mut(place.end)
    }

    /// Applies a step whose requests have this context; says what the call returns.
    pub fn apply(&mut self, step: Step, context: usize) -> Inline {
        match step {
            Step::Connect(link) => {
                if let Some(state) = self.states.get_mut(link).filter(|state| **state == State::Absent) {
                    *state = State::Up;
                }
                Inline::Taken
            }
            Step::Part(link, _) => {
                self.part(link);
                Inline::Taken
            }
            Step::Register(end, memory, rights) => self.register(end, memory, rights),
            Step::Deregister(end, memory) => self.deregister(end, memory),
            Step::Receive(place, list) => self.receive(place, list, context),
            Step::Post(place, request, flags) => self.post(place, Posted { context, request, flags }),
            Step::Flush(place) => {
                self.cancel(place);
                Inline::Taken
            }
            Step::Malformed(place, how) => {
                let inline = match how {
                    _ if !self.is_up(place.link) => Inline::NotConnected,
                    Malformed::Flag => Inline::Parameter,
                    Malformed::Entries => Inline::Overrun,
                    // Both are wrong; room is looked for before the entries are read.
                    Malformed::Sum if self.queue_mut(place).is_some_and(|queue| queue.sends.is_full()) => Inline::Full,
                    Malformed::Sum => Inline::Overflow,
                };
                self.publish(place);
                inline
            }
        }
    }

    fn part(&mut self, link: usize) {
        for end in 0..2 {
            self.cancel(Place { link, end });
            for window in self.ends.get_mut(end).into_iter().flat_map(|end| end.windows.iter_mut()) {
                if window.is_some_and(|bound| bound.link == link) {
                    *window = None;
                }
            }
        }
        if let Some(state) = self.states.get_mut(link) {
            *state = State::Absent;
        }
    }

    fn register(&mut self, end: usize, memory: usize, rights: u32) -> Inline {
        let Some(memory) = self.memories.get_mut(end).and_then(|all| all.get_mut(memory)) else {
            return Inline::Parameter;
        };
        if memory.rights.is_some() {
            return Inline::Request;
        }
        (memory.rights, memory.view) = (Some(rights), Some(rights));
        Inline::Taken
    }

    fn deregister(&mut self, end: usize, memory: usize) -> Inline {
        let busy = self.has_windows(end, memory);
        let slot = self.memories.get_mut(end).and_then(|all| all.get_mut(memory));
        match slot.filter(|slot| memory < REGIONS && slot.rights.is_some()) {
            None => Inline::Request,
            Some(_) if busy => Inline::Busy,
            Some(slot) => {
                slot.rights = None;
                Inline::Taken
            }
        }
    }

    pub(crate) fn has_windows(&self, end: usize, memory: usize) -> bool {
        let windows = self.ends.get(end).map_or(&[][..], |end| &end.windows[..]);
        windows.iter().flatten().any(|bound| bound.bind.memory == memory)
    }

    fn receive(&mut self, place: Place, list: List, context: usize) -> Inline {
        match self.states.get(place.link) {
            Some(State::Up) => {}
            Some(State::Broken) => return Inline::Dead,
            _ => return Inline::NotConnected,
        }
        let Some(queue) = self.queue_mut(place) else { return Inline::NotConnected };
        if queue.receives.try_push((context, list)).is_err() {
            return Inline::Full;
        }
        self.pump(place.peer());
        Inline::Taken
    }

    fn post(&mut self, place: Place, posted: Posted) -> Inline {
        match self.states.get(place.link) {
            Some(State::Up) => {}
            Some(State::Broken) => return Inline::Dead,
            _ => return Inline::NotConnected,
        }
        let refusal = self.refusal(place.end, &posted.request);
        let Some(queue) = self.queue_mut(place) else { return Inline::NotConnected };
        let inline = match refusal {
            Some(refusal) => refusal,
            None if queue.sends.try_push(posted).is_err() => Inline::Full,
            None => Inline::Taken,
        };
        if inline == Inline::Taken
            && let Request::FastRegister(memory, rights) = posted.request
            && let Some(slot) = self.memories.get_mut(place.end).and_then(|all| all.get_mut(memory))
        {
            slot.view = Some(rights);
        }
        if inline != Inline::Taken || !posted.flags.defer {
            self.publish(place);
        }
        inline
    }

    /// What is refused whatever the queue is like.
    fn refusal(&self, end: usize, request: &Request) -> Option<Inline> {
        match request {
            Request::Invalidate(memory) if *memory < REGIONS => Some(Inline::Request),
            Request::Bind(bind) => {
                let view = self.memory(end, bind.memory).and_then(|memory| memory.view);
                let Some(view) = view.filter(|_| bind.length != 0 && bind.offset + bind.length <= LENGTH) else {
                    return Some(Inline::Parameter);
                };
                let writes = bind.rights & REMOTE_WRITE == REMOTE_WRITE;
                (writes && view & LOCAL_WRITE == 0).then_some(Inline::Access)
            }
            _ => None,
        }
    }

    fn publish(&mut self, place: Place) {
        if let Some(queue) = self.queue_mut(place) {
            queue.published = queue.sends.len();
        }
        self.pump(place);
    }

    /// Everything in both queues is cancelled.
    pub(crate) fn cancel(&mut self, place: Place) {
        let Some(queue) = self.queue_mut(place) else { return };
        queue.published = 0;
        for posted in queue.sends.drain(..) {
            let due = Completion { context: posted.context, status: Status::Cancelled, bytes: None };
            queue.sent.push(due);
        }
        for (context, _) in queue.receives.drain(..) {
            queue.received.push(Completion { context, status: Status::Cancelled, bytes: None });
        }
    }
}
