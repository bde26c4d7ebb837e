//! The interface's IP addresses: read from the stack whenever it says that some changed, and handed
//! to the device, which accepts connections on them (`PNP-09`).

use core::pin::Pin;

use ndkpi_sys as sys;
use softndk_abi::cm::{Ip, LocalAddress};
use softndk_nt::event::{Event, Kind};
use softndk_nt::irql::{Cx, Passive};
use softndk_nt::log::{self, Level};
use softndk_nt::ndis::Status;
use softndk_nt::netio::{Listener, Subscription, UnicastTable};
use softndk_nt::pool::{KBox, NoMemory};
use softndk_nt::time::Span;

use super::{Miniport, TAG};
use crate::run::device::MAX_ADDRESSES;

/// How often a table is asked for that cannot be had, and the time between.
const READ_TRIES: u32 = 8;
const READ_PAUSE: Span = Span::from_millis(10);

/// One reader at a time, so that an older table never replaces a newer one.
pub struct Addresses {
    turn: Pin<KBox<Event>>,
}

impl Addresses {
    /// Nobody reads.
    ///
    /// # Errors
    /// [`NoMemory`].
    pub fn try_new() -> Result<Self, NoMemory> {
        Ok(Self { turn: Event::try_new(TAG, Kind::Synchronization, true)? })
    }
}

impl Miniport {
    /// Begins to listen; the first call comes of itself.
    ///
    /// # Safety
    /// The adapter is in its final place and cancels the subscription before it goes.
    pub(super) unsafe fn subscribe(&self, cx: &mut Cx<Passive>) -> Result<(), Status> {
        // SAFETY: the caller's promise.
        match unsafe { Subscription::start(self.here(), cx) } {
            Ok(subscription) => {
                *self.subscription.lock(cx) = Some(subscription);
                Ok(())
            }
            Err(status) => {
                log::say_with(Level::Error, c"no notice of IP addresses", u64::from(status.cast_unsigned()), 0);
                // The stack has two words for it, NDIS has one.
                let no_memory = matches!(status, sys::STATUS_INSUFFICIENT_RESOURCES | sys::STATUS_NO_MEMORY);
                Err(if no_memory { sys::NDIS_STATUS_RESOURCES } else { sys::NDIS_STATUS_FAILURE })
            }
        }
    }
}

impl Listener for Miniport {
    fn addresses_changed(&self, cx: &mut Cx<Passive>) {
        self.addresses.turn.wait(cx);
        let mut found = [LocalAddress { ip: Ip::V4([0; 4]), prefix: 32 }; MAX_ADDRESSES];
        let mut count = 0;
        match self.read_table(cx) {
            Ok(table) => {
                for (place, address) in
                    found.iter_mut().zip(table.iter().flat_map(|table| table.of(self.device().luid())))
                {
                    *place = address;
                    count += 1;
                }
                self.device().set_addresses(found.get(..count).unwrap_or(&[]), cx.lend());
            }
            // What was known stays: connections must not break because the stack has no memory to tell.
            Err(status) => {
                log::say_with(Level::Warning, c"no table of IP addresses", u64::from(status.cast_unsigned()), 0);
            }
        }
        self.addresses.turn.signal();
    }
}

impl Miniport {
    /// The stack's table, none if it has no addresses at all. No second notice comes for a table that could not
    /// be read, so a lack of memory is waited out for a moment; the turn is the caller's.
    fn read_table(&self, cx: &mut Cx<Passive>) -> Result<Option<UnicastTable>, i32> {
        let mut last = sys::STATUS_UNSUCCESSFUL;
        for _ in 0..READ_TRIES {
            match UnicastTable::read(cx) {
                Ok(table) => return Ok(Some(table)),
                Err(sys::STATUS_NOT_FOUND) => return Ok(None),
                Err(status) => last = status,
            }
            // Nobody signals the turn while it is ours: this only waits.
            let _ = self.addresses.turn.wait_for(READ_PAUSE, cx);
        }
        Err(last)
    }
}
