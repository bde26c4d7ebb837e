//! What a device does with its queues.

use crate::access::Range;
use crate::oracle::{Bound, Completion, Oracle, Posted, State, Status};
use crate::{Bind, LOCAL_WRITE, List, Place, REGIONS, REMOTE_READ, REMOTE_WRITE, Remote, Request, Target};

/// How the front request went.
enum Ran {
    /// It is complete.
    Done,
    /// It waits for a receive of the peer's.
    Waits,
    /// It failed; and so did the peer's front receive, if a message was under way.
    Failed(Status, Option<Status>),
}

impl Oracle {
    /// Runs what is published at a place, as far as it goes.
    pub(crate) fn pump(&mut self, place: Place) {
        while self.states.get(place.link) == Some(&State::Up) {
            let Some(queue) = self.queue(place) else { return };
            let Some(posted) = queue.sends.first().copied().filter(|_| queue.published != 0) else { return };
            match self.run(place, &posted) {
                Ran::Waits => return,
                Ran::Done => self.finish(place, &posted, Status::Success),
                Ran::Failed(own, peers) => return self.fail(place, &posted, own, peers),
            }
        }
    }

    fn finish(&mut self, place: Place, posted: &Posted, status: Status) {
        let Some(queue) = self.queue_mut(place) else { return };
        queue.sends.pop_at(0);
        queue.published = queue.published.saturating_sub(1);
        if status != Status::Success || !posted.flags.silent {
            queue.sent.push(Completion { context: posted.context, status, bytes: None });
        }
    }

    /// One failed request ends both QPs (WR-29).
    fn fail(&mut self, place: Place, posted: &Posted, own: Status, peers: Option<Status>) {
        self.finish(place, posted, own);
        if let Some(status) = peers {
            self.arrive(place.peer(), status, None);
        }
        self.cancel(place);
        self.cancel(place.peer());
        if let Some(state) = self.states.get_mut(place.link) {
            *state = State::Broken;
        }
    }

    /// Completes the front receive.
    fn arrive(&mut self, place: Place, status: Status, bytes: Option<usize>) {
        let Some(queue) = self.queue_mut(place) else { return };
        if let Some((context, _)) = queue.receives.pop_at(0) {
            queue.received.push(Completion { context, status, bytes });
        }
    }

    fn run(&mut self, place: Place, posted: &Posted) -> Ran {
        match posted.request {
            Request::Send(list) => self.send(place, &list, None),
            Request::SendAndInvalidate(list, target) => self.send(place, &list, Some(target)),
            Request::Read(list, remote) => self.read(place, &list, &remote),
            Request::Write(list, remote) => self.write(place, &list, &remote),
            Request::FastRegister(memory, rights) => self.fast_register(place.end, memory, rights),
            Request::Invalidate(memory) => ended(self.invalidate(place.end, memory)),
            Request::InvalidateWindow(window) => ended(self.unbind(place.end, place.link, window)),
            Request::Bind(bind) => self.bind(place, &bind, posted.context),
        }
    }

    fn send(&mut self, place: Place, list: &List, target: Option<Target>) -> Ran {
        let peer = place.peer();
        let front = self.queue(peer).and_then(|queue| queue.receives.first().copied());
        let Some((_, into)) = front else { return Ran::Waits };
        if list.length > into.length {
            return Ran::Failed(Status::RemoteOrCancelled, Some(Status::Overflow));
        }
        let filled = List { length: list.length, ..into };
        let (from, to) = (self.local(place.end, list, 0), self.receive_range(peer.end, &into, list.length));
        let range = Range::clipped(peer.end, filled.place(), filled.offset, filled.length);
        match (from, to) {
            (Ok(from), Ok(to)) => self.copy(from, to),
            (Err(_), Ok(_)) => {
                self.forget(range);
                return Ran::Failed(Status::Access, Some(Status::Cancelled));
            }
            (Ok(_), Err(_)) => {
                self.forget(range);
                return Ran::Failed(Status::RemoteOrCancelled, Some(Status::Access));
            }
            (Err(_), Err(_)) => {
                self.forget(range);
                return Ran::Failed(Status::Failed, Some(Status::Failed));
            }
        }
        let killed = match target {
            None => true,
            Some(Target::Memory(memory)) => memory >= REGIONS && self.invalidate(peer.end, memory),
            Some(Target::Window(window)) => self.unbind(peer.end, place.link, window),
            Some(Target::Forged) => false,
        };
        if !killed {
            self.forget(range);
            return Ran::Failed(Status::RemoteOrCancelled, Some(Status::Failed));
        }
        self.arrive(peer, Status::Success, Some(list.length));
        Ran::Done
    }

    /// The bytes that a message fills: an entry that it reaches is judged as a whole, others are not looked at.
    fn receive_range(&self, end: usize, into: &List, length: usize) -> Result<Range, Range> {
        let mut left = length;
        for (offset, size) in (0..into.pieces).map(|index| into.piece(index)) {
            if left != 0 {
                self.local(end, &List { offset, length: size, pieces: 1, ..*into }, LOCAL_WRITE)?;
            }
            left = left.saturating_sub(size);
        }
        Ok(Range::clipped(end, into.place(), into.offset, length))
    }

    fn read(&mut self, place: Place, list: &List, remote: &Remote) -> Ran {
        let far = self.remote(place, remote, list.length, REMOTE_READ);
        match (far, self.local(place.end, list, LOCAL_WRITE)) {
            (Ok(from), Ok(to)) => {
                self.copy(from, to);
                Ran::Done
            }
            (Err(_), Ok(_)) => Ran::Failed(Status::Remote, None),
            (Ok(_), Err(to)) => {
                self.forget(to);
                Ran::Failed(Status::Access, None)
            }
            (Err(_), Err(_)) => Ran::Failed(Status::Failed, None),
        }
    }

    fn write(&mut self, place: Place, list: &List, remote: &Remote) -> Ran {
        let far = self.remote(place, remote, list.length, REMOTE_WRITE);
        match (self.local(place.end, list, 0), far) {
            (Ok(from), Ok(to)) => {
                self.copy(from, to);
                Ran::Done
            }
            // WRT-07: what lies before the end of the region may have been placed.
            (Ok(_), Err(to)) => {
                if self.touchable(place, remote) {
                    self.forget(to);
                }
                Ran::Failed(Status::Remote, None)
            }
            (Err(_), Ok(to)) => {
                self.forget(to);
                Ran::Failed(Status::Access, None)
            }
            (Err(_), Err(to)) => {
                if self.touchable(place, remote) {
                    self.forget(to);
                }
                Ran::Failed(Status::Failed, None)
            }
        }
    }

    /// Whether a write could have placed a first part: its first byte alone would be allowed.
    fn touchable(&self, place: Place, remote: &Remote) -> bool {
        self.remote(place, remote, 1, REMOTE_WRITE).is_ok()
    }

    fn fast_register(&mut self, end: usize, memory: usize, rights: u32) -> Ran {
        match self.memories.get_mut(end).and_then(|all| all.get_mut(memory)) {
            Some(slot) if slot.rights.is_none() => {
                slot.rights = Some(rights);
                Ran::Done
            }
            _ => Ran::Failed(Status::Invalid, None),
        }
    }

    /// False if the region is not valid, or has windows.
    fn invalidate(&mut self, end: usize, memory: usize) -> bool {
        if self.has_windows(end, memory) {
            return false;
        }
        let slot = self.memories.get_mut(end).and_then(|all| all.get_mut(memory));
        slot.is_some_and(|slot| slot.rights.take().is_some())
    }

    /// False if the window is not bound over this link.
    fn unbind(&mut self, end: usize, link: usize, window: usize) -> bool {
        let slot = self.ends.get_mut(end).and_then(|end| end.windows.get_mut(window));
        slot.is_some_and(|slot| slot.take_if(|bound| bound.link == link).is_some())
    }

    fn bind(&mut self, place: Place, bind: &Bind, context: usize) -> Ran {
        let rights = self.memory(place.end, bind.memory).and_then(|memory| memory.rights);
        let Some(slot) = self.ends.get_mut(place.end).and_then(|end| end.windows.get_mut(bind.window)) else {
            return Ran::Failed(Status::Invalid, None);
        };
        if slot.is_some() {
            return Ran::Failed(Status::Invalid, None);
        }
        let need = if bind.rights & REMOTE_WRITE == REMOTE_WRITE { LOCAL_WRITE } else { 0 };
        if rights.is_none_or(|has| has & need != need) {
            return Ran::Failed(Status::Access, None);
        }
        *slot = Some(Bound { link: place.link, bind: *bind, context });
        Ran::Done
    }
}

fn ended(ended: bool) -> Ran {
    if ended { Ran::Done } else { Ran::Failed(Status::Invalid, None) }
}
