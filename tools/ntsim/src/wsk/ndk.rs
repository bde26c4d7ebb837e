//! How a kernel consumer opens and closes NDK adapters.

use super::{client, codes};
use crate::Kernel;
use crate::bugcheck::Violation;
use crate::ndis::{NdkInterface, ndk_interface};
use ndkpi_sys::*;

const STATUS_INVALID_PARAMETER: i32 = 0xC000_000D_u32 as i32;

/// The two functions that WskControlClient hands out.
pub(super) fn dispatch() -> WSK_PROVIDER_NDK_DISPATCH {
    // SAFETY: each row's function has the parameters of the entry that it fills.
    unsafe {
        WSK_PROVIDER_NDK_DISPATCH {
            WskOpenNdkAdapter: std::mem::transmute::<usize, PFN_WSK_OPEN_NDK_ADAPTER>(
                WskOpenNdkAdapter::ROW.target.address(),
            ),
            WskCloseNdkAdapter: std::mem::transmute::<usize, PFN_WSK_CLOSE_NDK_ADAPTER>(
                WskCloseNdkAdapter::ROW.target.address(),
            ),
        }
    }
}

unsafe fn open(client_object: PWSK_CLIENT, version: NDK_VERSION, index: u32, out: *mut *mut NDK_ADAPTER) -> i32 {
    let client = client::of_object(client_object, "WskOpenNdkAdapter");
    if out.is_null() {
        return STATUS_INVALID_PARAMETER;
    }
    // SAFETY: the caller's out-parameter.
    unsafe { out.write(std::ptr::null_mut()) };
    let (provider, opening) = match ndk_interface(index) {
        NdkInterface::None => return NDIS_STATUS_INTERFACE_NOT_FOUND,
        NdkInterface::NotReady => return NDIS_STATUS_ADAPTER_NOT_READY,
        NdkInterface::Ready(provider, opening) => (provider, opening),
    };
    let parameters = NDIS_OPEN_NDK_ADAPTER_PARAMETERS { Version: version, ..Default::default() };
    let (status, adapter) = crate::ndk::open_adapter(provider, client.code, client.image, parameters);
    drop(opening);
    if !adapter.is_null() && crate::ndk::checks() == crate::ndk::Checks::Off {
        Kernel::get().leaks.track("NDK_ADAPTER", adapter.addr(), format!("on interface {index}"));
    }
    // SAFETY: as above.
    unsafe { out.write(adapter) };
    status
}

unsafe fn close(client_object: PWSK_CLIENT, adapter: *mut NDK_ADAPTER) {
    let client = client::of_object(client_object, "WskCloseNdkAdapter");
    if !crate::ndk::close_adapter(adapter, client.code) {
        Violation::new(&codes::WSK_BAD_NDK_ADAPTER)
            .params([adapter.addr() as u64, 0, 0, 0])
            .text(format!("WskCloseNdkAdapter is called with {adapter:p}, which is no open NDK adapter of this client: closed twice, or foreign"))
            .raise();
    }
    Kernel::get().leaks.untrack("NDK_ADAPTER", adapter.addr());
}

crate::routines! { "tcpip.sys";
    fn WskOpenNdkAdapter(client: PWSK_CLIENT, version: NDK_VERSION, index: u32, out: *mut *mut NDK_ADAPTER) -> i32
        = open: PASSIVE..=PASSIVE, blocks, fails(unsafe { crate::ndk::no_object(out, STATUS_INSUFFICIENT_RESOURCES) });
    fn WskCloseNdkAdapter(client: PWSK_CLIENT, adapter: *mut NDK_ADAPTER) = close: PASSIVE..=PASSIVE, blocks;
}
