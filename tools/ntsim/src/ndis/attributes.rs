//! `NdisMSetMiniportAttributes`: order and fields (ndis.md section 2).
#![expect(non_upper_case_globals, reason = "enumerators carry the names of the C headers")]

use std::sync::atomic::Ordering;

use super::adapter::{Adapter, LinkState, State};
use super::view::{AttributesCall, NdkAttributes};
use super::{codes, handles};
use ndkpi_sys::*;

unsafe fn set_attributes(handle: NDIS_HANDLE, given: *mut NDIS_MINIPORT_ADAPTER_ATTRIBUTES) -> NDIS_STATUS {
    // SAFETY: the driver's structure.
    let status = unsafe { set(handle, given) };
    let adapter = handles::adapter(handle, "NdisMSetMiniportAttributes");
    // SAFETY: every attribute structure begins with the header.
    let kind = unsafe { (*given).Header.Type };
    adapter.attributes.lock().calls.push(AttributesCall { kind, status });
    status
}

/// # Safety
/// `given` must be readable as far as its header says.
unsafe fn set(handle: NDIS_HANDLE, given: *mut NDIS_MINIPORT_ADAPTER_ATTRIBUTES) -> NDIS_STATUS {
    let adapter = handles::adapter(handle, "NdisMSetMiniportAttributes");
    if adapter.state() != State::Initializing {
        adapter.violation(
            &codes::NDIS_ATTRIBUTES_ORDER,
            "NdisMSetMiniportAttributes is called outside MiniportInitializeEx",
        );
    }
    // SAFETY: every attribute structure begins with the header.
    let header = unsafe { (*given).Header };
    let registered = adapter.attributes.lock().registered;
    match header.Type {
        // SAFETY: the type says what it is; each function checks the size before it reads on.
        NDIS_OBJECT_TYPE_MINIPORT_ADAPTER_REGISTRATION_ATTRIBUTES => unsafe {
            registration(&adapter, header, &raw const (*given).RegistrationAttributes)
        },
        _ if !registered => adapter.violation(
            &codes::NDIS_ATTRIBUTES_ORDER,
            format!("the first attributes must be the registration attributes, not type {:#x}", header.Type),
        ),
        // SAFETY: as above.
        NDIS_OBJECT_TYPE_MINIPORT_ADAPTER_GENERAL_ATTRIBUTES => unsafe {
            general(&adapter, header, &raw const (*given).GeneralAttributes)
        },
        // SAFETY: as above.
        NDIS_OBJECT_TYPE_MINIPORT_ADAPTER_NDK_ATTRIBUTES => unsafe {
            ndk(&adapter, header, &raw const (*given).NDKAttributes)
        },
        NDIS_OBJECT_TYPE_MINIPORT_ADAPTER_OFFLOAD_ATTRIBUTES
        | NDIS_OBJECT_TYPE_MINIPORT_ADAPTER_HARDWARE_ASSIST_ATTRIBUTES
        | NDIS_OBJECT_TYPE_MINIPORT_ADD_DEVICE_REGISTRATION_ATTRIBUTES => {
            if adapter.attributes.lock().general.is_none() {
                adapter
                    .violation(&codes::NDIS_ATTRIBUTES_ORDER, "general attributes come before this kind of attributes");
            }
            // Known and not simulated: a driver that needs them must hear it.
            NDIS_STATUS_NOT_SUPPORTED
        }
        _ => NDIS_STATUS_BAD_VERSION,
    }
}

/// # Safety
/// `given` must be readable as far as `header.Size` says.
unsafe fn registration(
    adapter: &Adapter,
    header: NDIS_OBJECT_HEADER,
    given: *const NDIS_MINIPORT_ADAPTER_REGISTRATION_ATTRIBUTES,
) -> NDIS_STATUS {
    let revision = if adapter.driver.minor >= 30 { 1..=2 } else { 1..=1 };
    if !revision.contains(&header.Revision)
        || header.Size < NDIS_SIZEOF_MINIPORT_ADAPTER_REGISTRATION_ATTRIBUTES_REVISION_1
    {
        return NDIS_STATUS_BAD_VERSION;
    }
    // SAFETY: 28 bytes are all members.
    let (context, flags, hang) =
        unsafe { ((*given).MiniportAdapterContext, (*given).AttributeFlags, (*given).CheckForHangTimeInSeconds) };
    if adapter.attributes.lock().registered {
        adapter.violation(&codes::NDIS_ATTRIBUTES_ORDER, "registration attributes are set twice");
    }
    if context.is_null() {
        adapter.violation(&codes::NDIS_BAD_ATTRIBUTES, "MiniportAdapterContext is NULL (MP-RATTR-01)");
    }
    if flags & (NDIS_MINIPORT_ATTRIBUTES_HARDWARE_DEVICE | NDIS_MINIPORT_ATTRIBUTES_BUS_MASTER) != 0 {
        let text = format!("AttributeFlags {flags:#x} claims hardware for a device that has none (MP-RATTR-02)");
        adapter.violation(&codes::NDIS_BAD_ATTRIBUTES, text);
    }
    if hang != 0 && adapter.driver.handlers.CheckForHangHandlerEx.is_none() {
        adapter.violation(
            &codes::NDIS_BAD_ATTRIBUTES,
            "CheckForHangTimeInSeconds is set and there is no CheckForHang handler (MP-RATTR-01)",
        );
    }
    adapter.context.store(context.expose_provenance(), Ordering::Release);
    adapter.attributes.lock().registered = true;
    NDIS_STATUS_SUCCESS
}

/// # Safety
/// As for [`registration`].
unsafe fn general(
    adapter: &Adapter,
    header: NDIS_OBJECT_HEADER,
    given: *const NDIS_MINIPORT_ADAPTER_GENERAL_ATTRIBUTES,
) -> NDIS_STATUS {
    let needed = if adapter.driver.minor >= 20 { (2, 224) } else { (1, 216) };
    if header.Revision < needed.0 || header.Size < needed.1 {
        return NDIS_STATUS_BAD_VERSION;
    }
    let mut general = NDIS_MINIPORT_ADAPTER_GENERAL_ATTRIBUTES::default();
    let length = usize::from(header.Size).min(size_of_val(&general));
    // SAFETY: readable as far as the header says.
    unsafe { std::ptr::copy_nonoverlapping(given.cast::<u8>(), (&raw mut general).cast::<u8>(), length) };
    let mut problems: Vec<&str> = Vec::new();
    let mut rule = |holds: bool, text: &'static str| {
        if !holds {
            problems.push(text);
        }
    };
    rule(general.Flags == 0, "Flags is 0 (MP-GEN-01)");
    rule(general.MediaType == NdisMedium802_3, "MediaType is NdisMedium802_3 (MP-GEN-02)");
    rule(general.MtuSize != 0, "MtuSize is the payload size, not 0 (MP-GEN-03)");
    rule(
        general.PowerManagementCapabilities.is_null() || adapter.driver.minor < 20,
        "PowerManagementCapabilities is NULL since 6.20 (MP-GEN-06)",
    );
    rule(general.MacAddressLength == 6, "MacAddressLength is 6 (MP-GEN-11)");
    rule(general.CurrentMacAddress[0] & 1 == 0, "CurrentMacAddress has the group bit clear (MP-GEN-11)");
    rule(general.PermanentMacAddress[0] & 1 == 0, "PermanentMacAddress has the group bit clear (MP-GEN-11)");
    rule(general.CurrentMacAddress[..6] != [0; 6], "CurrentMacAddress is not zero (MP-GEN-11)");
    rule(general.AccessType == NET_IF_ACCESS_BROADCAST, "AccessType is BROADCAST (MP-GEN-13)");
    rule(general.DirectionType == NET_IF_DIRECTION_SENDRECEIVE, "DirectionType is SENDRECEIVE (MP-GEN-13)");
    rule(general.ConnectionType == NET_IF_CONNECTION_DEDICATED, "ConnectionType is DEDICATED (MP-GEN-13)");
    rule(general.IfType == IF_TYPE_ETHERNET_CSMACD, "IfType is 6, as the INF says (MP-GEN-13)");
    rule(general.SupportedOidListLength % 4 == 0, "SupportedOidListLength is in bytes (MP-GEN-17)");
    rule(
        !general.SupportedOidList.is_null() && general.SupportedOidListLength >= 4,
        "SupportedOidList is there (MP-GEN-17)",
    );
    if let Some(problem) = problems.first() {
        adapter.violation(&codes::NDIS_BAD_ATTRIBUTES, format!("general attributes break a rule: {problem}"));
    }
    let count = general.SupportedOidListLength as usize / 4;
    // SAFETY: the list has as many bytes as the length says.
    let oids = (0..count).map(|at| unsafe { general.SupportedOidList.add(at).read_unaligned() }).collect();
    *adapter.link.lock() = LinkState {
        connected: connected(general.MediaConnectState),
        transmit_speed: speed(general.XmitLinkSpeed),
        receive_speed: speed(general.RcvLinkSpeed),
    };
    let mut attributes = adapter.attributes.lock();
    attributes.general = Some(general);
    attributes.supported_oids = oids;
    NDIS_STATUS_SUCCESS
}

pub(super) fn connected(state: NDIS_MEDIA_CONNECT_STATE) -> Option<bool> {
    match state {
        MediaConnectStateConnected => Some(true),
        MediaConnectStateDisconnected => Some(false),
        _ => None,
    }
}

pub(super) fn speed(speed: u64) -> Option<u64> {
    (speed != NDIS_LINK_SPEED_UNKNOWN).then_some(speed)
}

/// # Safety
/// As for [`registration`].
unsafe fn ndk(
    adapter: &Adapter,
    header: NDIS_OBJECT_HEADER,
    given: *const NDIS_MINIPORT_ADAPTER_NDK_ATTRIBUTES,
) -> NDIS_STATUS {
    if header.Revision < 1 || usize::from(header.Size) < size_of::<NDIS_MINIPORT_ADAPTER_NDK_ATTRIBUTES>() {
        return NDIS_STATUS_BAD_VERSION;
    }
    if adapter.attributes.lock().general.is_none() {
        adapter.violation(
            &codes::NDIS_ATTRIBUTES_ORDER,
            "NDK attributes are set before the general attributes (MP-NATTR-01)",
        );
    }
    if adapter.driver.ndk.lock().is_none() {
        adapter.violation(
            &codes::NDIS_BAD_ATTRIBUTES,
            "NDK attributes are set by a driver without NDK provider handlers (REG-03)",
        );
    }
    // SAFETY: 16 bytes are all members.
    let attributes = unsafe { given.read() };
    let (enabled, capabilities) = (attributes.Enabled, attributes.NdkCapabilities);
    if capabilities.is_null() {
        adapter.violation(&codes::NDIS_BAD_ATTRIBUTES, "NdkCapabilities is NULL (MP-NATTR-02)");
    }
    // SAFETY: not null; the driver's structure.
    let capabilities = unsafe { capabilities.read() };
    let header = capabilities.Header;
    if header.Type != NDIS_OBJECT_TYPE_DEFAULT
        || header.Revision < 1
        || header.Size < NDIS_SIZEOF_NDK_CAPABILITIES_REVISION_1
    {
        adapter.violation(
            &codes::NDIS_BAD_ATTRIBUTES,
            "NDIS_NDK_CAPABILITIES has a wrong header: type 0x80, revision 1, size 56 (CAP-04)",
        );
    }
    if capabilities.Flags != 0 || capabilities.NdkInfo.is_null() {
        adapter.violation(
            &codes::NDIS_BAD_ATTRIBUTES,
            "NDIS_NDK_CAPABILITIES: Flags is 0 and NdkInfo is not NULL (CAP-04, CAP-08)",
        );
    }
    adapter.ndk_enabled.store(enabled != 0, Ordering::Release);
    // SAFETY: not null; the driver's structure of the newest version (CAP-08).
    let info = unsafe { capabilities.NdkInfo.read() };
    adapter.attributes.lock().ndk = Some(NdkAttributes { attributes, capabilities, info });
    NDIS_STATUS_SUCCESS
}

crate::routines! { "ndis.sys";
    fn NdisMSetMiniportAttributes(handle: NDIS_HANDLE, attributes: *mut NDIS_MINIPORT_ADAPTER_ATTRIBUTES) -> NDIS_STATUS
        = set_attributes: PASSIVE..=PASSIVE, fails(NDIS_STATUS_RESOURCES);
}
