//! Values that C declares as initialised objects, which bindgen does not carry over.

use crate::{GUID, NDIS_NDK_CONNECTION_ENTRY, NDIS_NDK_CONNECTIONS};
use crate::{NDIS_NDK_LOCAL_ENDPOINT_ENTRY, NDIS_NDK_LOCAL_ENDPOINTS};
use core::mem::offset_of;

/// WMI: capabilities of an NDK adapter; served by NDIS.
pub const GUID_NDIS_NDK_CAPABILITIES: GUID = guid(0x7969_ba4d, 0xdd80, 0x4bc7, 0xb3e6_6804_3997_e519);
/// WMI: whether NDK is enabled on an adapter; served by NDIS.
pub const GUID_NDIS_NDK_STATE: GUID = guid(0x530c_69c9, 0x2f51, 0x49de, 0xa1af_088d_54ff_a474);
/// The WSK interface, for static event callbacks.
pub const NPI_WSK_INTERFACE_ID: GUID = guid(0x2227_e803, 0x8d8b, 0x11d4, 0xabad_0090_2771_9e09);

/// Keyword of an adapter's configuration: non-zero enables NDK.
pub const NETWORK_DIRECT_KEYWORD: [u16; 14] = utf16("*NetworkDirect");
/// Keyword of an adapter's configuration: `NETWORK_DIRECT_GLOBAL_FLAGS_*`.
pub const NETWORK_DIRECT_GLOBAL_FLAGS_KEYWORD: [u16; 25] = utf16("*NetworkDirectGlobalFlags");

/// Bytes of [`NDIS_NDK_CONNECTIONS`] with so many entries.
#[expect(non_snake_case, reason = "the name of the macro in C")]
pub const fn NDIS_SIZEOF_NDK_CONNECTIONS_REVISION_1(entries: usize) -> usize {
    offset_of!(NDIS_NDK_CONNECTIONS, Connections) + entries * size_of::<NDIS_NDK_CONNECTION_ENTRY>()
}

/// Bytes of [`NDIS_NDK_LOCAL_ENDPOINTS`] with so many entries.
#[expect(non_snake_case, reason = "the name of the macro in C")]
pub const fn NDIS_SIZEOF_NDK_LOCAL_ENDPOINTS_REVISION_1(entries: usize) -> usize {
    offset_of!(NDIS_NDK_LOCAL_ENDPOINTS, LocalEndpoints) + entries * size_of::<NDIS_NDK_LOCAL_ENDPOINT_ENTRY>()
}

/// UTF-16 of an ASCII text, without a terminator; the lengths have to agree.
pub const fn utf16<const N: usize>(ascii: &str) -> [u16; N] {
    let bytes = ascii.as_bytes();
    assert!(bytes.len() == N, "the array has another length than the text");
    let mut units = [0; N];
    let mut index = 0;
    while index < N {
        assert!(bytes[index].is_ascii(), "the text is not ASCII");
        units[index] = bytes[index] as u16;
        index += 1;
    }
    units
}

const fn guid(data1: u32, data2: u16, data3: u16, data4: u64) -> GUID {
    GUID { Data1: data1, Data2: data2, Data3: data3, Data4: data4.to_be_bytes() }
}
