//! Queries of the IP helper.

use std::alloc::{Layout, alloc_zeroed, dealloc};
use std::collections::HashMap;
use std::ffi::c_void;

use super::codes;
use super::table::{self, HANDED};
use crate::Kernel;
use crate::bugcheck::Violation;
use ndkpi_sys::*;

const STATUS_SUCCESS: i32 = 0;
const STATUS_NOT_FOUND: i32 = 0xC000_0225_u32 as i32;
const STATUS_INVALID_PARAMETER: i32 = 0xC000_000D_u32 as i32;
const STATUS_BUFFER_TOO_SMALL: i32 = 0xC000_0023_u32 as i32;
const STATUS_INSUFFICIENT_RESOURCES: i32 = 0xC000_009A_u32 as i32;

fn layout(bytes: usize) -> Layout {
    Layout::from_size_align(bytes, 16).unwrap_or(Layout::new::<MIB_UNICASTIPADDRESS_TABLE>())
}

unsafe fn get_table(family: u16, out: *mut *mut MIB_UNICASTIPADDRESS_TABLE) -> i32 {
    if ![AF_UNSPEC, AF_INET, AF_INET6].contains(&family) || out.is_null() {
        return STATUS_INVALID_PARAMETER;
    }
    let rows = table::rows(family);
    if rows.is_empty() {
        // SAFETY: the caller's out-parameter.
        unsafe { out.write(std::ptr::null_mut()) };
        return STATUS_NOT_FOUND;
    }
    let bytes =
        std::mem::offset_of!(MIB_UNICASTIPADDRESS_TABLE, Table) + rows.len() * size_of::<MIB_UNICASTIPADDRESS_ROW>();
    // SAFETY: not empty.
    let memory: *mut MIB_UNICASTIPADDRESS_TABLE = unsafe { alloc_zeroed(layout(bytes)) }.cast();
    if memory.is_null() {
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    HANDED.lock().get_or_insert_with(HashMap::new).insert(memory.expose_provenance(), bytes);
    Kernel::get().leaks.track("MIB table", memory.addr(), format!("{} rows", rows.len()));
    // SAFETY: fresh memory for that many rows; the caller's out-parameter.
    unsafe {
        (*memory).NumEntries = rows.len() as u32;
        let first: *mut MIB_UNICASTIPADDRESS_ROW = (&raw mut (*memory).Table).cast();
        for (at, row) in rows.iter().enumerate() {
            first.add(at).write(*row);
        }
        out.write(memory);
    }
    STATUS_SUCCESS
}

unsafe fn free_table(memory: *mut c_void) {
    let bytes = HANDED.lock().as_mut().and_then(|handed| handed.remove(&memory.addr()));
    let Some(bytes) = bytes else {
        Violation::new(&codes::NETIO_BAD_HANDLE)
            .params([memory.addr() as u64, 0, 0, 0])
            .text(format!(
                "FreeMibTable is called with {memory:p}, which is no table that is out: freed twice, or foreign"
            ))
            .raise()
    };
    Kernel::get().leaks.untrack("MIB table", memory.addr());
    // SAFETY: it was out, so it is from the allocation above; poison shows late use.
    unsafe {
        std::ptr::write_bytes(memory.cast::<u8>(), 0xDD, bytes);
        dealloc(memory.cast(), layout(bytes));
    }
}

unsafe fn get_entry(row: *mut MIB_UNICASTIPADDRESS_ROW) -> i32 {
    // SAFETY: the caller's row.
    let mut asked = unsafe { row.read() };
    // SAFETY: a plain number.
    if unsafe { asked.InterfaceLuid.Value } == 0 {
        let Some(interface) = table::find(|interface| interface.index == asked.InterfaceIndex) else {
            return STATUS_NOT_FOUND;
        };
        asked.InterfaceLuid.Value = interface.luid;
    }
    let found = table::rows(AF_UNSPEC).into_iter().find(|known| table::key(known) == table::key(&asked));
    match found {
        Some(found) => {
            // SAFETY: as above.
            unsafe { row.write(found) };
            STATUS_SUCCESS
        }
        None => STATUS_NOT_FOUND,
    }
}

unsafe fn luid_to_index(luid: *const NET_LUID, out: *mut u32) -> i32 {
    // SAFETY: the caller's parameters.
    match table::index_of_luid(unsafe { (*luid).Value }) {
        Some(index) => {
            // SAFETY: as above.
            unsafe { out.write(index) };
            STATUS_SUCCESS
        }
        None => STATUS_INVALID_PARAMETER,
    }
}

unsafe fn index_to_luid(index: u32, out: *mut NET_LUID) -> i32 {
    match table::find(|interface| interface.index == index) {
        Some(interface) => {
            // SAFETY: the caller's out-parameter.
            unsafe { (*out).Value = interface.luid };
            STATUS_SUCCESS
        }
        None => STATUS_NOT_FOUND,
    }
}

unsafe fn luid_to_alias(luid: *const NET_LUID, alias: *mut u16, length: usize) -> i32 {
    // SAFETY: the caller's parameters.
    let luid = unsafe { (*luid).Value };
    let Some(interface) = table::find(|interface| interface.luid == luid) else { return STATUS_INVALID_PARAMETER };
    let mut units: Vec<u16> = interface.alias.encode_utf16().collect();
    units.push(0);
    if units.len() > length {
        return STATUS_BUFFER_TOO_SMALL;
    }
    // SAFETY: the buffer has `length` units.
    unsafe { std::ptr::copy_nonoverlapping(units.as_ptr(), alias, units.len()) };
    STATUS_SUCCESS
}

unsafe fn luid_to_guid(luid: *const NET_LUID, out: *mut GUID) -> i32 {
    // SAFETY: the caller's parameters.
    let luid = unsafe { (*luid).Value };
    if table::index_of_luid(luid).is_none() {
        return STATUS_INVALID_PARAMETER;
    }
    // SAFETY: as above.
    unsafe { out.write(interface_guid(luid)) };
    STATUS_SUCCESS
}

/// A GUID that is the same for the same interface in every run.
fn interface_guid(luid: u64) -> GUID {
    GUID { Data1: 0x6E74_7369, Data2: 0x6D00, Data3: 0x4000, Data4: (luid | 0x8000_0000_0000_0000).to_be_bytes() }
}

unsafe fn get_if_entry(row: *mut MIB_IF_ROW2) -> i32 {
    // SAFETY: the caller's row; plain numbers.
    let (luid, index) = unsafe { ((*row).InterfaceLuid.Value, (*row).InterfaceIndex) };
    let wanted = table::find(|interface| if luid != 0 { interface.luid == luid } else { interface.index == index });
    let Some(interface) = wanted else { return STATUS_NOT_FOUND };
    let Some((link, general)) = crate::ndis::interface_facts(interface.index) else { return STATUS_NOT_FOUND };
    let mut answer = MIB_IF_ROW2 {
        InterfaceLuid: NET_LUID { Value: interface.luid },
        InterfaceIndex: interface.index,
        InterfaceGuid: interface_guid(interface.luid),
        PhysicalAddressLength: u32::from(general.MacAddressLength),
        PhysicalAddress: general.CurrentMacAddress,
        PermanentPhysicalAddress: general.PermanentMacAddress,
        Mtu: general.MtuSize,
        Type: u32::from(general.IfType),
        MediaType: general.MediaType,
        PhysicalMediumType: general.PhysicalMediumType,
        AccessType: general.AccessType,
        DirectionType: general.DirectionType,
        OperStatus: if link.connected == Some(true) { IfOperStatusUp } else { IfOperStatusDown },
        AdminStatus: NET_IF_ADMIN_STATUS_UP,
        MediaConnectState: match link.connected {
            Some(true) => MediaConnectStateConnected,
            Some(false) => MediaConnectStateDisconnected,
            None => MediaConnectStateUnknown,
        },
        ConnectionType: general.ConnectionType,
        TransmitLinkSpeed: link.transmit_speed.unwrap_or(u64::MAX),
        ReceiveLinkSpeed: link.receive_speed.unwrap_or(u64::MAX),
        ..Default::default()
    };
    for (to, unit) in answer.Alias.iter_mut().zip(interface.alias.encode_utf16().take(256)) {
        *to = unit;
    }
    for (to, unit) in answer.Description.iter_mut().zip(interface.alias.encode_utf16().take(256)) {
        *to = unit;
    }
    // SAFETY: the caller's row.
    unsafe { row.write(answer) };
    STATUS_SUCCESS
}

crate::routines! { "netio.sys";
    fn GetUnicastIpAddressTable(family: u16, out: *mut *mut MIB_UNICASTIPADDRESS_TABLE) -> i32
        = get_table: PASSIVE..=PASSIVE, fails(STATUS_INSUFFICIENT_RESOURCES, STATUS_NO_MEMORY);
    fn GetUnicastIpAddressEntry(row: *mut MIB_UNICASTIPADDRESS_ROW) -> i32 = get_entry: PASSIVE..=PASSIVE;
    fn FreeMibTable(memory: *mut c_void) = free_table: PASSIVE..=PASSIVE;
    fn ConvertInterfaceLuidToIndex(luid: *const NET_LUID, out: *mut u32) -> i32 = luid_to_index: PASSIVE..=PASSIVE;
    fn ConvertInterfaceIndexToLuid(index: u32, out: *mut NET_LUID) -> i32 = index_to_luid: PASSIVE..=PASSIVE;
    fn ConvertInterfaceLuidToGuid(luid: *const NET_LUID, out: *mut GUID) -> i32 = luid_to_guid: PASSIVE..=PASSIVE;
    fn ConvertInterfaceLuidToAlias(luid: *const NET_LUID, alias: *mut u16, length: usize) -> i32
        = luid_to_alias: PASSIVE..=PASSIVE;
    fn GetIfEntry2(row: *mut MIB_IF_ROW2) -> i32 = get_if_entry: PASSIVE..=PASSIVE;
}
