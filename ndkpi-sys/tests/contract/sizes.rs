//! Sizes, header values and offsets that section 0 of `docs/contract/ndis.md` gives for NDIS structures,
//! and those of WSK and the IP helper on x64.

use ndkpi_sys::*;
use std::mem::offset_of;

macro_rules! layout {
    ($($type:ident $size:literal $( $($field:ident).+ $offset:literal )*;)+) => {$(
        assert_eq!(size_of::<$type>(), $size, stringify!($type));
        $(assert_eq!(offset_of!($type, $($field).+), $offset, stringify!($type $($field).+));)*
    )+};
}

#[test]
fn ndis_structures() {
    layout! {
        NDIS_MINIPORT_DRIVER_CHARACTERISTICS 160 MajorNdisVersion 4 MinorNdisVersion 5 Flags 8 SetOptionsHandler 16
            InitializeHandlerEx 24 CancelOidRequestHandler 128 DirectOidRequestHandler 136
            CancelDirectOidRequestHandler 144 SynchronousOidRequestHandler 152;
        NDIS_MINIPORT_DRIVER_CHARACTERISTICS_V1 136;
        NDIS_MINIPORT_DRIVER_CHARACTERISTICS_V2 152;
        NDIS_MINIPORT_ADAPTER_REGISTRATION_ATTRIBUTES 32 MiniportAdapterContext 8 AttributeFlags 16
            CheckForHangTimeInSeconds 20 InterfaceType 24;
        NDIS_MINIPORT_ADAPTER_GENERAL_ATTRIBUTES 224 PermanentMacAddress 94 CurrentMacAddress 126 IfType 180
            PowerManagementCapabilitiesEx 216;
        NDIS_STATISTICS_INFO 152 SupportedStatistics 4 ifInDiscards 8 ifHCOutBroadcastOctets 144;
        NDIS_LINK_STATE 40 MediaConnectState 4 MediaDuplexState 8 XmitLinkSpeed 16 RcvLinkSpeed 24 PauseFunctions 32
            AutoNegotiationFlags 36;
        NDIS_PM_CAPABILITIES 60;
        NDIS_PM_CAPABILITIES_V1 52;
        NDIS_STATUS_INDICATION 112 SourceHandle 8 PortNumber 16 StatusCode 20 Flags 24 DestinationHandle 32
            RequestId 40 StatusBuffer 48 StatusBufferSize 56 Guid 60;
        NDIS_OID_REQUEST 240 RequestType 4 DATA 32 DATA.QUERY_INFORMATION.InformationBuffer 40
            DATA.QUERY_INFORMATION.InformationBufferLength 48 DATA.QUERY_INFORMATION.BytesWritten 52
            DATA.SET_INFORMATION.BytesRead 52 DATA.QUERY_INFORMATION.BytesNeeded 56 Reserved2 234;
        NDIS_OID_REQUEST_V2 248;
        NDIS_CONFIGURATION_OBJECT 24 NdisHandle 8 Flags 16;
        NDIS_TIMER_CHARACTERISTICS 24 AllocationTag 4 TimerFunction 8 FunctionContext 16;
        NET_BUFFER_LIST_POOL_PARAMETERS 16 ProtocolId 4 fAllocateNetBuffer 5 ContextSize 6 PoolTag 8 DataSize 12;
        NET_PNP_EVENT_NOTIFICATION 168 PortNumber 4 NetPnPEvent.NetEvent 8 NetPnPEvent.Buffer 16
            NetPnPEvent.BufferLength 24;
        NDIS_MINIPORT_INIT_PARAMETERS 64 AllocatedResources 8 IfIndex 32 NetLuid 40;
        NDIS_MINIPORT_PAUSE_PARAMETERS 12;
        NDIS_MINIPORT_RESTART_PARAMETERS 24;
        NDIS_CONFIGURATION_PARAMETER 24 ParameterData 8;
    }
}

#[test]
fn frames() {
    layout! {
        NET_BUFFER_LIST 368 Context 16 ParentNetBufferList 24 NdisPoolHandle 32 NdisReserved 48 ProtocolReserved 64
            MiniportReserved 96 Scratch 112 SourceHandle 120 NblFlags 128 ChildRefCount 132 Flags 136 Status 140
            NetBufferListInfo 144;
        NET_BUFFER 176 NetBufferHeader.NetBufferData.CurrentMdl 8 NetBufferHeader.NetBufferData.CurrentMdlOffset 16
            NetBufferHeader.NetBufferData.NbDataLength 24 NetBufferHeader.NetBufferData.MdlChain 32
            NetBufferHeader.NetBufferData.DataOffset 40 ChecksumBias 48 NdisPoolHandle 56 NdisReserved 64
            ProtocolReserved 80 MiniportReserved 128 DataPhysicalAddress 160;
    }
    assert_eq!(align_of::<NET_BUFFER_LIST>(), 16);
    assert_eq!(align_of::<NET_BUFFER>(), 16);
}

#[test]
fn winsock_kernel_and_ip_helper() {
    layout! {
        WSK_REGISTRATION 24;
        WSK_BUF 24 Offset 8 Length 16;
        WSK_CLIENT_DISPATCH 16 WskClientEvent 8;
        WSK_PROVIDER_DISPATCH 56 WskSocket 8 WskSocketConnect 16 WskControlClient 24 WskGetAddressInfo 32;
        WSK_PROVIDER_LISTEN_DISPATCH 48 WskBind 16;
        WSK_PROVIDER_CONNECTION_DISPATCH 104 WskSend 48 WskReceive 56 WskDisconnect 64 WskRelease 72 WskConnectEx 80;
        WSK_PROVIDER_DATAGRAM_DISPATCH 64 WskSendTo 24;
        MIB_UNICASTIPADDRESS_ROW 80 InterfaceLuid 32 InterfaceIndex 40 PrefixOrigin 44 SuffixOrigin 48
            ValidLifetime 52 PreferredLifetime 56 OnLinkPrefixLength 60 SkipAsSource 61 DadState 64 ScopeId 68
            CreationTimeStamp 72;
        MIB_UNICASTIPADDRESS_TABLE 88 Table 8;
        MIB_IF_ROW2 1352;
        MIB_IPINTERFACE_ROW 168;
        MIB_IPFORWARD_ROW2 104;
    }
}

/// The size in a header stops before the tail padding of C where NDIS defines it so.
#[test]
fn header_sizes() {
    assert_eq!(NDIS_SIZEOF_MINIPORT_DRIVER_CHARACTERISTICS_REVISION_1, 136);
    assert_eq!(NDIS_SIZEOF_MINIPORT_DRIVER_CHARACTERISTICS_REVISION_2, 152);
    assert_eq!(NDIS_SIZEOF_MINIPORT_DRIVER_CHARACTERISTICS_REVISION_3, 160);
    assert_eq!(NDIS_SIZEOF_MINIPORT_ADAPTER_REGISTRATION_ATTRIBUTES_REVISION_2, 28);
    assert_eq!(NDIS_SIZEOF_MINIPORT_ADAPTER_GENERAL_ATTRIBUTES_REVISION_2, 224);
    assert_eq!(NDIS_SIZEOF_OID_REQUEST_REVISION_1, 236);
    assert_eq!(NDIS_SIZEOF_CONFIGURATION_OBJECT_REVISION_1, 20);
    assert_eq!(NDIS_SIZEOF_NET_PNP_EVENT_NOTIFICATION_REVISION_1, 164);
    assert_eq!(NDIS_SIZEOF_STATUS_INDICATION_REVISION_1, 112);
    assert_eq!(NDIS_SIZEOF_LINK_STATE_REVISION_1, 40);
    assert_eq!(NDIS_SIZEOF_NDIS_PM_CAPABILITIES_REVISION_2, 60);
}
