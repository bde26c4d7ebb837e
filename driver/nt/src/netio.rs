//! The addresses of an interface, from the TCP/IP stack: told at first, and at every change.
//!
//! `unsafe` is here because the stack calls back with a bare pointer and lends its tables.

use core::ffi::c_void;
use core::marker::PhantomData;
use core::ptr::{self, NonNull};
use core::slice;

use ndkpi_sys as sys;

use crate::irql::{self, Cx, Passive};
use softndk_abi::cm::{Ip, LocalAddress};

/// Who is told of changes.
pub trait Listener {
    /// The addresses of some interface have changed; [`UnicastTable::read`] has them. Runs in a
    /// worker of the stack; several calls may overlap.
    fn addresses_changed(&self, cx: &mut Cx<Passive>);
}

/// A subscription; cancelled by [`Subscription::cancel`], which waits for calls in progress.
#[derive(Debug)]
pub struct Subscription<L: Listener> {
    handle: sys::HANDLE,
    listener: PhantomData<fn(&L)>,
}

// SAFETY: a handle is a name; cancelling works on any thread.
unsafe impl<L: Listener> Send for Subscription<L> {}
// SAFETY: a shared subscription can do nothing.
unsafe impl<L: Listener> Sync for Subscription<L> {}

impl<L: Listener> Subscription<L> {
    /// Subscribes; a first call comes soon, from a worker or from inside.
    ///
    /// # Safety
    /// `listener` lives until [`Subscription::cancel`] has returned.
    ///
    /// # Errors
    /// The stack's status.
    pub unsafe fn start(listener: NonNull<L>, _: &mut Cx<Passive>) -> Result<Self, i32> {
        let mut handle: sys::HANDLE = ptr::null_mut();
        // SAFETY: PASSIVE_LEVEL; the callback has the right signature and the listener stays.
        let status = unsafe {
            sys::NotifyUnicastIpAddressChange(
                sys::AF_UNSPEC,
                Some(changed::<L>),
                listener.as_ptr().cast(),
                1,
                &raw mut handle,
            )
        };
        if status < 0 { Err(status) } else { Ok(Self { handle, listener: PhantomData }) }
    }

    /// Ends the calls. Never from inside one.
    pub fn cancel(self, _: &mut Cx<Passive>) {
        // SAFETY: a handle of a successful subscription, used for the last time.
        let _ = unsafe { sys::CancelMibChangeNotify2(self.handle) };
    }
}

unsafe extern "system" fn changed<L: Listener>(
    context: *mut c_void,
    _row: *mut sys::MIB_UNICASTIPADDRESS_ROW,
    _kind: sys::MIB_NOTIFICATION_TYPE,
) {
    // SAFETY: the stack calls from a worker at PASSIVE_LEVEL.
    let mut cx = unsafe { irql::enter::<Passive>(c"address change") };
    // SAFETY: the listener lives until the subscription is cancelled.
    unsafe { &*context.cast::<L>() }.addresses_changed(&mut cx);
}

/// A copy of the stack's table of addresses; given back on drop.
#[derive(Debug)]
pub struct UnicastTable(NonNull<sys::MIB_UNICASTIPADDRESS_TABLE>);

impl UnicastTable {
    /// The table of both families as it is now.
    ///
    /// # Errors
    /// The stack's status. That there are no addresses at all (STATUS_NOT_FOUND) is one, too.
    pub fn read(_: &mut Cx<Passive>) -> Result<Self, i32> {
        let mut table: *mut sys::MIB_UNICASTIPADDRESS_TABLE = ptr::null_mut();
        // SAFETY: PASSIVE_LEVEL; the out-parameter lives across the call.
        let status = unsafe { sys::GetUnicastIpAddressTable(sys::AF_UNSPEC, &raw mut table) };
        match NonNull::new(table) {
            Some(table) if status >= 0 => Ok(Self(table)),
            _ => Err(if status < 0 { status } else { sys::STATUS_UNSUCCESSFUL }),
        }
    }

    /// The usable addresses of one interface, with their links: preferred ones, and deprecated ones, which
    /// still serve (RFC 4862 section 5.5.4); not those that duplicate detection has not passed.
    pub fn of(&self, luid: u64) -> impl Iterator<Item = LocalAddress> + '_ {
        self.rows()
            .iter()
            // SAFETY: a LUID is 64 bits, all of them written by the stack.
            .filter(move |row| unsafe { row.InterfaceLuid.Value } == luid)
            .filter(|row| matches!(row.DadState, sys::IpDadStatePreferred | sys::IpDadStateDeprecated))
            .filter_map(|row| Some(LocalAddress { ip: address(&row.Address)?, prefix: row.OnLinkPrefixLength }))
    }

    fn rows(&self) -> &[sys::MIB_UNICASTIPADDRESS_ROW] {
        // SAFETY: the table is ours until it is given back; only the count is read.
        let count = unsafe { (*self.0.as_ptr()).NumEntries } as usize;
        // SAFETY: as above; only the place is computed.
        let first = unsafe { &raw const (*self.0.as_ptr()).Table }.cast();
        // SAFETY: the table has that many rows, which nobody changes.
        unsafe { slice::from_raw_parts(first, count) }
    }
}

impl Drop for UnicastTable {
    fn drop(&mut self) {
        // SAFETY: given by GetUnicastIpAddressTable, and given back once.
        unsafe { sys::FreeMibTable(self.0.as_ptr().cast()) };
    }
}

/// An address of either family.
fn address(inet: &sys::SOCKADDR_INET) -> Option<Ip> {
    // SAFETY: both families begin with the family.
    match unsafe { inet.si_family } {
        sys::AF_INET => {
            // SAFETY: the family says IPv4; the address is four bytes in network order.
            let octets = unsafe { inet.Ipv4.sin_addr.S_un.S_addr }.to_ne_bytes();
            Some(Ip::V4(octets))
        }
        sys::AF_INET6 => {
            // SAFETY: the family says IPv6.
            let octets = unsafe { inet.Ipv6.sin6_addr.u.Byte };
            // SAFETY: as above; both members of this union are the same 32 bits.
            let scope = unsafe { inet.Ipv6.__bindgen_anon_1.sin6_scope_id };
            Some(Ip::V6(octets, scope))
        }
        _ => None,
    }
}
