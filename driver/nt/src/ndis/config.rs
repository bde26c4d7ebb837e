//! Keywords of an adapter: `MP-CFG-*`.

use core::ptr;
use core::slice;

use ndkpi_sys as sys;

use super::{AdapterHandle, Status, header};
use crate::irql::{Cx, Passive};

/// The open configuration of an adapter; closed on drop, with all that was read from it (`MP-CFG-02`).
/// One thread reads it at a time (`MP-CFG-04`), which `&mut` and the token see to.
#[derive(Debug)]
pub struct Configuration<'a> {
    handle: sys::NDIS_HANDLE,
    /// Closing needs PASSIVE_LEVEL as well.
    cx: &'a mut Cx<Passive>,
}

impl<'a> Configuration<'a> {
    /// Opens the key of the adapter, not of the service (`MP-CFG-01`).
    ///
    /// # Errors
    /// What NDIS says: no memory, mostly.
    pub fn open(adapter: AdapterHandle, cx: &'a mut Cx<Passive>) -> Result<Self, Status> {
        let mut object = sys::NDIS_CONFIGURATION_OBJECT {
            Header: header(
                sys::NDIS_OBJECT_TYPE_CONFIGURATION_OBJECT,
                sys::NDIS_CONFIGURATION_OBJECT_REVISION_1,
                sys::NDIS_SIZEOF_CONFIGURATION_OBJECT_REVISION_1,
            ),
            NdisHandle: adapter.raw(),
            Flags: 0,
        };
        let mut handle: sys::NDIS_HANDLE = ptr::null_mut();
        // SAFETY: both structures live across the call, at PASSIVE_LEVEL.
        let status = unsafe { sys::NdisOpenConfigurationEx(&raw mut object, &raw mut handle) };
        if status == sys::NDIS_STATUS_SUCCESS { Ok(Self { handle, cx }) } else { Err(status) }
    }

    /// The number in a keyword (a literal of [`crate::wide`]). None: it is absent or not a number;
    /// the caller has a default and checks the range (`MP-CFG-03`, `MP-CFG-05`).
    pub fn number(&mut self, keyword: &'static [u16]) -> Option<u32> {
        let _ = &mut *self.cx;
        let name = crate::string::unicode(keyword);
        let mut name =
            sys::UNICODE_STRING { Length: name.Length, MaximumLength: name.MaximumLength, Buffer: name.Buffer };
        let mut status = sys::NDIS_STATUS_FAILURE;
        let mut parameter: *mut sys::NDIS_CONFIGURATION_PARAMETER = ptr::null_mut();
        // SAFETY: the handle is open; the out-parameters and the name live across the call.
        unsafe {
            sys::NdisReadConfiguration(
                &raw mut status,
                &raw mut parameter,
                self.handle,
                &raw mut name,
                sys::NdisParameterInteger,
            );
        }
        if status != sys::NDIS_STATUS_SUCCESS || parameter.is_null() {
            return None;
        }
        // SAFETY: on success NDIS gives a parameter that lives until the handle is closed.
        let parameter = unsafe { &*parameter };
        match parameter.ParameterType {
            sys::NdisParameterInteger | sys::NdisParameterHexInteger => {
                // SAFETY: the type says which member of the union it is.
                Some(unsafe { parameter.ParameterData.IntegerData })
            }
            _ => None,
        }
    }

    /// The address that an administrator typed, copied out: up to 8 bytes (an Ethernet address has 6).
    /// None: there is none, or it is longer.
    pub fn network_address(&mut self) -> Option<([u8; 8], usize)> {
        let mut status = sys::NDIS_STATUS_FAILURE;
        let mut address: sys::PVOID = ptr::null_mut();
        let mut length = 0;
        // SAFETY: the handle is open; the out-parameters live across the call.
        unsafe {
            sys::NdisReadNetworkAddress(&raw mut status, &raw mut address, &raw mut length, self.handle);
        }
        if status != sys::NDIS_STATUS_SUCCESS || address.is_null() {
            return None;
        }
        let length = length as usize;
        let mut copy = [0; 8];
        let place = copy.get_mut(..length)?;
        // SAFETY: NDIS gives `length` bytes that live until the handle is closed.
        place.copy_from_slice(unsafe { slice::from_raw_parts(address.cast::<u8>(), length) });
        Some((copy, length))
    }
}

impl Drop for Configuration<'_> {
    fn drop(&mut self) {
        // SAFETY: open, and closed once; the token that the value holds proves PASSIVE_LEVEL.
        unsafe { sys::NdisCloseConfiguration(self.handle) };
    }
}
