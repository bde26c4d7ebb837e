/* Media, link state and power states. */
#pragma once
#include "object.h"

typedef enum NDIS_MEDIUM {
    NdisMedium802_3 = 0,
    NdisMedium802_5 = 1,
    NdisMediumFddi = 2,
    NdisMediumWan = 3,
    NdisMediumLocalTalk = 4,
    NdisMediumDix = 5,
    NdisMediumArcnetRaw = 6,
    NdisMediumArcnet878_2 = 7,
    NdisMediumAtm = 8,
    NdisMediumWirelessWan = 9,
    NdisMediumIrda = 10,
    NdisMediumBpc = 11,
    NdisMediumCoWan = 12,
    NdisMedium1394 = 13,
    NdisMediumInfiniBand = 14,
    NdisMediumTunnel = 15,
    NdisMediumNative802_11 = 16,
    NdisMediumLoopback = 17,
    NdisMediumWiMAX = 18,
    NdisMediumIP = 19,
    NdisMediumMax = 20
} NDIS_MEDIUM, *PNDIS_MEDIUM;

typedef enum NDIS_PHYSICAL_MEDIUM {
    NdisPhysicalMediumUnspecified = 0,
    NdisPhysicalMediumInfiniband = 11,
    NdisPhysicalMedium802_3 = 14,
    NdisPhysicalMediumOther = 19
} NDIS_PHYSICAL_MEDIUM;

typedef enum NET_IF_MEDIA_CONNECT_STATE {
    MediaConnectStateUnknown = 0,
    MediaConnectStateConnected = 1,
    MediaConnectStateDisconnected = 2
} NET_IF_MEDIA_CONNECT_STATE;
typedef NET_IF_MEDIA_CONNECT_STATE NDIS_MEDIA_CONNECT_STATE;

typedef enum NET_IF_MEDIA_DUPLEX_STATE {
    MediaDuplexStateUnknown = 0,
    MediaDuplexStateHalf = 1,
    MediaDuplexStateFull = 2
} NET_IF_MEDIA_DUPLEX_STATE;

typedef enum NET_IF_ACCESS_TYPE {
    NET_IF_ACCESS_LOOPBACK = 1,
    NET_IF_ACCESS_BROADCAST = 2,
    NET_IF_ACCESS_POINT_TO_POINT = 3,
    NET_IF_ACCESS_POINT_TO_MULTI_POINT = 4,
    NET_IF_ACCESS_MAXIMUM = 5
} NET_IF_ACCESS_TYPE;

typedef enum NET_IF_DIRECTION_TYPE {
    NET_IF_DIRECTION_SENDRECEIVE = 0,
    NET_IF_DIRECTION_SENDONLY = 1,
    NET_IF_DIRECTION_RECEIVEONLY = 2,
    NET_IF_DIRECTION_MAXIMUM = 3
} NET_IF_DIRECTION_TYPE;

typedef enum NET_IF_CONNECTION_TYPE {
    NET_IF_CONNECTION_DEDICATED = 1,
    NET_IF_CONNECTION_PASSIVE = 2,
    NET_IF_CONNECTION_DEMAND = 3,
    NET_IF_CONNECTION_MAXIMUM = 4
} NET_IF_CONNECTION_TYPE;

CONST_U16(IF_TYPE_ETHERNET_CSMACD, 6);
CONST_U16(IF_TYPE_PROP_VIRTUAL, 53);

typedef enum NDIS_SUPPORTED_PAUSE_FUNCTIONS {
    NdisPauseFunctionsUnsupported = 0,
    NdisPauseFunctionsSendOnly = 1,
    NdisPauseFunctionsReceiveOnly = 2,
    NdisPauseFunctionsSendAndReceive = 3,
    NdisPauseFunctionsUnknown = 4
} NDIS_SUPPORTED_PAUSE_FUNCTIONS;

CONST_U64(NDIS_LINK_SPEED_UNKNOWN, 0xFFFFFFFFFFFFFFFFULL);
CONST_U32(NDIS_LINK_STATE_XMIT_LINK_SPEED_AUTO_NEGOTIATED, 0x1);
CONST_U32(NDIS_LINK_STATE_RCV_LINK_SPEED_AUTO_NEGOTIATED, 0x2);
CONST_U32(NDIS_LINK_STATE_DUPLEX_AUTO_NEGOTIATED, 0x4);
CONST_U32(NDIS_LINK_STATE_PAUSE_FUNCTIONS_AUTO_NEGOTIATED, 0x8);

/** Buffer of NDIS_STATUS_LINK_STATE; speeds are bits per second. */
typedef struct NDIS_LINK_STATE {
    NDIS_OBJECT_HEADER Header;
    NDIS_MEDIA_CONNECT_STATE MediaConnectState;
    NET_IF_MEDIA_DUPLEX_STATE MediaDuplexState;
    ULONG64 XmitLinkSpeed;
    ULONG64 RcvLinkSpeed;
    NDIS_SUPPORTED_PAUSE_FUNCTIONS PauseFunctions;
    ULONG AutoNegotiationFlags;
} NDIS_LINK_STATE, *PNDIS_LINK_STATE;

CONST_U8(NDIS_LINK_STATE_REVISION_1, 1);
CONST_U16(NDIS_SIZEOF_LINK_STATE_REVISION_1, sizeof(NDIS_LINK_STATE));

/** Buffer of OID_GEN_LINK_PARAMETERS. */
typedef struct NDIS_LINK_PARAMETERS {
    NDIS_OBJECT_HEADER Header;
    NET_IF_MEDIA_DUPLEX_STATE MediaDuplexState;
    ULONG64 XmitLinkSpeed;
    ULONG64 RcvLinkSpeed;
    NDIS_SUPPORTED_PAUSE_FUNCTIONS PauseFunctions;
    ULONG AutoNegotiationFlags;
} NDIS_LINK_PARAMETERS, *PNDIS_LINK_PARAMETERS;

CONST_U8(NDIS_LINK_PARAMETERS_REVISION_1, 1);
CONST_U16(NDIS_SIZEOF_LINK_PARAMETERS_REVISION_1, sizeof(NDIS_LINK_PARAMETERS));

typedef enum NDIS_DEVICE_POWER_STATE {
    NdisDeviceStateUnspecified = 0,
    NdisDeviceStateD0 = 1,
    NdisDeviceStateD1 = 2,
    NdisDeviceStateD2 = 3,
    NdisDeviceStateD3 = 4,
    NdisDeviceStateMaximum = 5
} NDIS_DEVICE_POWER_STATE;

#define NDIS_PM_CAPABILITIES_MEMBERS              \
    NDIS_OBJECT_HEADER Header;                    \
    ULONG Flags;                                  \
    ULONG SupportedWoLPacketPatterns;             \
    ULONG NumTotalWoLPatterns;                    \
    ULONG MaxWoLPatternSize;                      \
    ULONG MaxWoLPatternOffset;                    \
    ULONG MaxWoLPacketSaveBuffer;                 \
    ULONG SupportedProtocolOffloads;              \
    ULONG NumArpOffloadIPv4Addresses;             \
    ULONG NumNSOffloadIPv6Addresses;              \
    NDIS_DEVICE_POWER_STATE MinMagicPacketWakeUp; \
    NDIS_DEVICE_POWER_STATE MinPatternWakeUp;     \
    NDIS_DEVICE_POWER_STATE MinLinkChangeWakeUp;

/** Power management capabilities, revision 2 (60 bytes). */
typedef struct NDIS_PM_CAPABILITIES {
    NDIS_PM_CAPABILITIES_MEMBERS
    ULONG SupportedWakeUpEvents;
    ULONG MediaSpecificWakeUpEvents;
} NDIS_PM_CAPABILITIES, *PNDIS_PM_CAPABILITIES;

/** Revision 1 (52 bytes). */
typedef struct NDIS_PM_CAPABILITIES_V1 {
    NDIS_PM_CAPABILITIES_MEMBERS
} NDIS_PM_CAPABILITIES_V1;

CONST_U8(NDIS_PM_CAPABILITIES_REVISION_1, 1);
CONST_U8(NDIS_PM_CAPABILITIES_REVISION_2, 2);
CONST_U16(NDIS_SIZEOF_NDIS_PM_CAPABILITIES_REVISION_1, sizeof(NDIS_PM_CAPABILITIES_V1));
CONST_U16(NDIS_SIZEOF_NDIS_PM_CAPABILITIES_REVISION_2, sizeof(NDIS_PM_CAPABILITIES));

/** Buffer of OID_PM_PARAMETERS, revision 2. */
typedef struct NDIS_PM_PARAMETERS {
    NDIS_OBJECT_HEADER Header;
    ULONG EnabledWoLPacketPatterns;
    ULONG EnabledProtocolOffloads;
    ULONG WakeUpFlags;
    ULONG MediaSpecificWakeUpEvents;
} NDIS_PM_PARAMETERS, *PNDIS_PM_PARAMETERS;

CONST_U8(NDIS_PM_PARAMETERS_REVISION_1, 1);
CONST_U8(NDIS_PM_PARAMETERS_REVISION_2, 2);
