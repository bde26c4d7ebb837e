//! The virtual wire: every frame is offered to every other adapter of this driver, whose filter
//! decides (`MP-RX-11`), so promiscuous stations see all of it.
//!
//! A frame is copied without a lock: a pass through the port's door keeps the port alive, and a port
//! that leaves closes its door first (`MP-HALT-07`).

use core::ptr::NonNull;

use softndk_nt::irql::{AtMostDispatch, Cx, Passive};
use softndk_nt::lock::{Adapter, Spin};
use softndk_nt::ndis::frame::Frame;
use softndk_nt::pool::NoMemory;
use softndk_nt::pure::ether::Mac;
use softndk_nt::rundown::Pass;

use super::port::Port;

/// Most adapters on the wire.
const MOST: usize = 128;

/// The one wire of the machine.
pub static SWITCH: Switch = Switch { ports: Spin::new(Ports { places: [None; MOST], used: 0 }) };

/// The wire.
pub struct Switch {
    ports: Spin<Ports, Adapter>,
}

struct Ports {
    places: [Option<NonNull<Port>>; MOST],
    /// Places from here on are empty.
    used: usize,
}

// SAFETY: the pointers are of ports, which may be used from any thread while they are listed.
unsafe impl Send for Ports {}

impl Switch {
    /// Adds a port.
    ///
    /// # Safety
    /// The port stays where it is until [`Switch::remove`] and then its door have let it go.
    ///
    /// # Errors
    /// [`NoMemory`]: all places are taken.
    pub unsafe fn add(&self, port: NonNull<Port>, cx: &mut Cx<Passive>) -> Result<(), NoMemory> {
        let mut ports = self.ports.lock(cx);
        let place = ports.places.iter().position(Option::is_none).ok_or(NoMemory)?;
        let slot = ports.places.get_mut(place).ok_or(NoMemory)?;
        *slot = Some(port);
        ports.used = ports.used.max(place.saturating_add(1));
        Ok(())
    }

    /// Takes a port out; no new copies into it begin.
    pub fn remove(&self, port: &Port, cx: &mut Cx<Passive>) {
        let mut ports = self.ports.lock(cx);
        for place in &mut ports.places {
            if *place == Some(NonNull::from(port)) {
                *place = None;
            }
        }
        ports.used = ports.places.iter().rposition(Option::is_some).map_or(0, |last| last.saturating_add(1));
    }

    /// Offers a frame of `from` to all others. A sender never hears itself (`MP-TX-11`).
    pub fn forward(&self, from: &Port, frame: &Frame<'_>, destination: Mac, cx: &mut Cx<AtMostDispatch>) {
        let mut place = 0;
        while let Some((next, found)) = self.next(place, from, cx) {
            place = next;
            found.port().deliver(frame, destination, cx);
        }
    }

    /// The first port at or behind `place` other than `from`, kept alive, and the place behind it.
    fn next(&self, place: usize, from: &Port, cx: &mut Cx<AtMostDispatch>) -> Option<(usize, Visit)> {
        let ports = self.ports.lock(cx);
        let own = NonNull::from(from);
        let places = ports.places.get(place..ports.used)?;
        places.iter().zip(place..).find_map(|(port, index)| {
            let port = port.filter(|port| *port != own)?;
            // SAFETY: a listed port is alive.
            let pass = unsafe { port.as_ref() }.door.enter()?;
            Some((index.saturating_add(1), Visit { port, _pass: pass }))
        })
    }
}

/// A port that cannot go while this lives.
struct Visit {
    port: NonNull<Port>,
    /// Borrows from the port, which the pass itself keeps alive.
    _pass: Pass<'static>,
}

impl Visit {
    const fn port(&self) -> &Port {
        // SAFETY: the pass keeps the port.
        unsafe { self.port.as_ref() }
    }
}
