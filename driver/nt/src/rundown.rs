//! A door that can be closed once, and the wait until everybody is out.
//!
//! (EX_RUNDOWN_REF would do as well; this one has no limit on where its waiter runs, and its counting
//! is tested on every host.)

use core::pin::Pin;

use crate::event::{Event, Kind};
use crate::irql::{Cx, Passive};
use crate::pool::{KBox, NoMemory, Tag};
use crate::pure::rundown::{self, Inside};

/// The door with its waiter's event.
#[derive(Debug)]
pub struct Rundown {
    door: rundown::Rundown,
    empty: Pin<KBox<Event>>,
}

impl Rundown {
    /// An open door.
    ///
    /// # Errors
    /// [`NoMemory`].
    pub fn try_new(tag: Tag) -> Result<Self, NoMemory> {
        Ok(Self { door: rundown::Rundown::new(), empty: Event::try_new(tag, Kind::Notification, false)? })
    }

    /// Goes in; out again when the pass is dropped. IRQL: at most DISPATCH_LEVEL, also under locks.
    #[must_use]
    pub fn enter(&self) -> Option<Pass<'_>> {
        self.door.enter().then_some(Pass(self))
    }

    /// Closes and waits until nobody is inside. Once.
    pub fn close(&self, cx: &mut Cx<Passive>) {
        match self.door.close() {
            Inside::Nobody => {}
            Inside::Somebody => self.empty.wait(cx),
        }
    }
}

/// Somebody is inside.
#[derive(Debug)]
pub struct Pass<'a>(&'a Rundown);

impl Drop for Pass<'_> {
    fn drop(&mut self) {
        // The event is set by a last one out while the waiter, who frees it, waits for it.
        if self.0.door.leave() == Inside::Nobody {
            self.0.empty.signal();
        }
    }
}
