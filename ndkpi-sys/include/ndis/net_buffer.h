/*
 * Frames: a NET_BUFFER_LIST owns NET_BUFFERs, each of which is a window on a chain of MDLs.
 * NDIS allocates both kinds, so their ends are its own affair; what drivers read is fixed.
 */
#pragma once
#include "object.h"

typedef struct NET_BUFFER NET_BUFFER, *PNET_BUFFER;
typedef struct NET_BUFFER_LIST NET_BUFFER_LIST, *PNET_BUFFER_LIST;

typedef union NET_BUFFER_DATA_LENGTH_UNION {
    ULONG DataLength;
    SIZE_T stDataLength;
} NET_BUFFER_DATA_LENGTH_UNION;

typedef struct NET_BUFFER_DATA {
    PNET_BUFFER Next;
    PMDL CurrentMdl;
    ULONG CurrentMdlOffset;
    NET_BUFFER_DATA_LENGTH_UNION NbDataLength;
    PMDL MdlChain;
    ULONG DataOffset;
} NET_BUFFER_DATA;

typedef union NET_BUFFER_HEADER {
    NET_BUFFER_DATA NetBufferData;
    SLIST_HEADER Link;
} NET_BUFFER_HEADER;

/** One frame: `DataLength` bytes from `CurrentMdlOffset` of `CurrentMdl` on. */
struct NET_BUFFER {
    NET_BUFFER_HEADER NetBufferHeader;
    USHORT ChecksumBias;
    USHORT Reserved;
    NDIS_HANDLE NdisPoolHandle;
    __attribute__((aligned(16))) PVOID NdisReserved[2];
    __attribute__((aligned(16))) PVOID ProtocolReserved[6];
    __attribute__((aligned(16))) PVOID MiniportReserved[4];
    NDIS_PHYSICAL_ADDRESS DataPhysicalAddress;
    PVOID SharedMemoryInfo;
};

typedef struct NET_BUFFER_LIST_CONTEXT {
    struct NET_BUFFER_LIST_CONTEXT *Next;
    USHORT Size;
    USHORT Offset;
    __attribute__((aligned(16))) UCHAR ContextData[1];
} NET_BUFFER_LIST_CONTEXT, *PNET_BUFFER_LIST_CONTEXT;

typedef struct NET_BUFFER_LIST_DATA {
    PNET_BUFFER_LIST Next;
    PNET_BUFFER FirstNetBuffer;
} NET_BUFFER_LIST_DATA;

typedef union NET_BUFFER_LIST_HEADER {
    NET_BUFFER_LIST_DATA NetBufferListData;
    SLIST_HEADER Link;
} NET_BUFFER_LIST_HEADER;

/** Slots of `NetBufferListInfo`. */
typedef enum NDIS_NET_BUFFER_LIST_INFO {
    TcpIpChecksumNetBufferListInfo = 0,
    IPsecOffloadV1NetBufferListInfo = 1,
    TcpLargeSendNetBufferListInfo = 2,
    ClassificationHandleNetBufferListInfo = 3,
    Ieee8021QNetBufferListInfo = 4,
    NetBufferListCancelId = 5,
    MediaSpecificInformation = 6,
    NetBufferListFrameType = 7,
    NetBufferListHashValue = 8,
    NetBufferListHashInfo = 9,
    WfpNetBufferListInfo = 10,
    NetBufferListCorrelationId = 13,
    NetBufferListFilteringInfo = 14,
    MediaSpecificInformationEx = 15,
    NblOriginalInterfaceIfIndex = 16,
    TcpReceiveBytesTransferred = 17,
    SwitchForwardingReserved = 18,
    SwitchForwardingDetail = 19,
    VirtualSubnetInfo = 20,
    IMReserved = 21,
    TcpRecvSegCoalesceInfo = 22,
    RscTcpTimestampDelta = 23,
    GftOffloadInformation = 24,
    GftFlowEntryId = 25,
    NetBufferListInfoReserved3 = 26,
    MaxNetBufferListInfo = 27
} NDIS_NET_BUFFER_LIST_INFO;

/** One or more frames that travel and complete together. */
struct NET_BUFFER_LIST {
    NET_BUFFER_LIST_HEADER NetBufferListHeader;
    PNET_BUFFER_LIST_CONTEXT Context;
    PNET_BUFFER_LIST ParentNetBufferList;
    NDIS_HANDLE NdisPoolHandle;
    __attribute__((aligned(16))) PVOID NdisReserved[2];
    __attribute__((aligned(16))) PVOID ProtocolReserved[4];
    __attribute__((aligned(16))) PVOID MiniportReserved[2];
    PVOID Scratch;
    NDIS_HANDLE SourceHandle;
    ULONG NblFlags;
    LONG ChildRefCount;
    ULONG Flags;
    NDIS_STATUS Status;
    PVOID NetBufferListInfo[MaxNetBufferListInfo];
};

typedef struct NET_BUFFER_LIST_POOL_PARAMETERS {
    NDIS_OBJECT_HEADER Header;
    UCHAR ProtocolId;
    BOOLEAN fAllocateNetBuffer;
    USHORT ContextSize;
    ULONG PoolTag;
    ULONG DataSize;
} NET_BUFFER_LIST_POOL_PARAMETERS, *PNET_BUFFER_LIST_POOL_PARAMETERS;

typedef struct NET_BUFFER_POOL_PARAMETERS {
    NDIS_OBJECT_HEADER Header;
    ULONG PoolTag;
    ULONG DataSize;
} NET_BUFFER_POOL_PARAMETERS, *PNET_BUFFER_POOL_PARAMETERS;

CONST_U8(NET_BUFFER_LIST_POOL_PARAMETERS_REVISION_1, 1);
CONST_U16(NDIS_SIZEOF_NET_BUFFER_LIST_POOL_PARAMETERS_REVISION_1, sizeof(NET_BUFFER_LIST_POOL_PARAMETERS));
CONST_U8(NET_BUFFER_POOL_PARAMETERS_REVISION_1, 1);
CONST_U16(NDIS_SIZEOF_NET_BUFFER_POOL_PARAMETERS_REVISION_1, sizeof(NET_BUFFER_POOL_PARAMETERS));
CONST_U8(NDIS_PROTOCOL_ID_DEFAULT, 0);

CONST_U32(NDIS_SEND_FLAGS_DISPATCH_LEVEL, 0x00000001);
CONST_U32(NDIS_SEND_FLAGS_CHECK_FOR_LOOPBACK, 0x00000002);
CONST_U32(NDIS_SEND_COMPLETE_FLAGS_DISPATCH_LEVEL, 0x00000001);
CONST_U32(NDIS_RECEIVE_FLAGS_DISPATCH_LEVEL, 0x00000001);
CONST_U32(NDIS_RECEIVE_FLAGS_RESOURCES, 0x00000002);
CONST_U32(NDIS_RECEIVE_FLAGS_SINGLE_ETHER_TYPE, 0x00000100);
CONST_U32(NDIS_RECEIVE_FLAGS_SINGLE_VLAN, 0x00000200);
CONST_U32(NDIS_RECEIVE_FLAGS_PERFECT_FILTERED, 0x00000400);
CONST_U32(NDIS_RECEIVE_FLAGS_SINGLE_QUEUE, 0x00000800);
CONST_U32(NDIS_RETURN_FLAGS_DISPATCH_LEVEL, 0x00000001);
CONST_U32(NDIS_NBL_FLAGS_SEND_READ_ONLY, 0x00000001);
CONST_U32(NDIS_NBL_FLAGS_RECV_READ_ONLY, 0x00000002);
CONST_U32(NDIS_NBL_FLAGS_IS_IPV4, 0x00000200);
CONST_U32(NDIS_NBL_FLAGS_IS_IPV6, 0x00000400);
CONST_U32(NDIS_NBL_FLAGS_IS_TCP, 0x00000800);
CONST_U32(NDIS_NBL_FLAGS_IS_UDP, 0x00001000);
CONST_U32(NDIS_NBL_FLAGS_IS_LOOPBACK_PACKET, 0x00008000);

typedef VOID (*NET_BUFFER_FREE_MDL_HANDLER)(PMDL Mdl);
typedef PMDL (*NET_BUFFER_ALLOCATE_MDL_HANDLER)(PULONG BufferSize);
