//! The functions of a captured provider NPI. Sockets are not there yet: those entries stop loudly.

use std::ffi::c_void;
use std::sync::LazyLock;

use super::{client, codes, ndk};
use crate::bugcheck::Violation;
use ndkpi_sys::*;

const STATUS_INVALID_PARAMETER: i32 = 0xC000_000D_u32 as i32;
const STATUS_NOT_SUPPORTED: i32 = 0xC000_00BB_u32 as i32;

/// The table that every client gets.
#[derive(Debug)]
struct Table(WSK_PROVIDER_DISPATCH);

// SAFETY: constant after its making.
unsafe impl Send for Table {}
// SAFETY: constant after its making.
unsafe impl Sync for Table {}

static TABLE: LazyLock<Table> = LazyLock::new(|| {
    // SAFETY: each row's function has the parameters of the entry that it fills.
    unsafe {
        Table(WSK_PROVIDER_DISPATCH {
            Version: WSK_VERSION_1_0,
            Reserved: 0,
            WskSocket: std::mem::transmute::<usize, PFN_WSK_SOCKET>(WskSocket::ROW.target.address()),
            WskSocketConnect: std::mem::transmute::<usize, PFN_WSK_SOCKET_CONNECT>(
                WskSocketConnect::ROW.target.address(),
            ),
            WskControlClient: std::mem::transmute::<usize, PFN_WSK_CONTROL_CLIENT>(
                WskControlClient::ROW.target.address(),
            ),
            WskGetAddressInfo: std::mem::transmute::<usize, PFN_WSK_GET_ADDRESS_INFO>(
                WskGetAddressInfo::ROW.target.address(),
            ),
            WskFreeAddressInfo: std::mem::transmute::<usize, PFN_WSK_FREE_ADDRESS_INFO>(
                WskFreeAddressInfo::ROW.target.address(),
            ),
            WskGetNameInfo: std::mem::transmute::<usize, PFN_WSK_GET_NAME_INFO>(WskGetNameInfo::ROW.target.address()),
        })
    }
});

/// The provider's dispatch table.
pub(super) fn dispatch() -> *const WSK_PROVIDER_DISPATCH {
    &raw const TABLE.0
}

#[expect(clippy::too_many_arguments, reason = "the interface has them")]
unsafe fn control_client(
    client_object: PWSK_CLIENT,
    code: u32,
    _input_size: usize,
    _input: *mut c_void,
    output_size: usize,
    output: *mut c_void,
    returned: *mut usize,
    irp: *mut IRP,
) -> i32 {
    client::of_object(client_object, "WskControlClient");
    if code != WSKNDK_GET_WSK_PROVIDER_NDK_DISPATCH {
        unfinished(&format!("WskControlClient with code {code:#x}"));
    }
    if !irp.is_null() {
        return STATUS_NOT_SUPPORTED;
    }
    // The size of the two pointers; less is refused.
    if output.is_null() || output_size < size_of::<WSK_PROVIDER_NDK_DISPATCH>() {
        return STATUS_INVALID_PARAMETER;
    }
    // SAFETY: the caller's buffer of that size, and its optional out-parameter.
    unsafe {
        output.cast::<WSK_PROVIDER_NDK_DISPATCH>().write_unaligned(ndk::dispatch());
        if !returned.is_null() {
            returned.write(size_of::<WSK_PROVIDER_NDK_DISPATCH>());
        }
    }
    0
}

#[cold]
fn unfinished(what: &str) -> ! {
    Violation::new(&codes::WSK_UNFINISHED)
        .text(format!("{what} is not simulated: ntsim has no WSK sockets yet"))
        .raise()
}

unsafe fn socket() -> i32 {
    unfinished("WskSocket")
}

unsafe fn socket_connect() -> i32 {
    unfinished("WskSocketConnect")
}

unsafe fn get_address_info() -> i32 {
    unfinished("WskGetAddressInfo")
}

unsafe fn free_address_info() {
    unfinished("WskFreeAddressInfo")
}

unsafe fn get_name_info() -> i32 {
    unfinished("WskGetNameInfo")
}

crate::routines! { "afd.sys";
    fn WskControlClient(client: PWSK_CLIENT, code: u32, input_size: usize, input: *mut c_void, output_size: usize,
        output: *mut c_void, returned: *mut usize, irp: *mut IRP) -> i32 = control_client: PASSIVE..=PASSIVE, fails(STATUS_INSUFFICIENT_RESOURCES);
    fn WskSocket() -> i32 = socket: PASSIVE..=DISPATCH;
    fn WskSocketConnect() -> i32 = socket_connect: PASSIVE..=DISPATCH;
    fn WskGetAddressInfo() -> i32 = get_address_info: PASSIVE..=PASSIVE;
    fn WskFreeAddressInfo() = free_address_info: PASSIVE..=PASSIVE;
    fn WskGetNameInfo() -> i32 = get_name_info: PASSIVE..=PASSIVE;
}
