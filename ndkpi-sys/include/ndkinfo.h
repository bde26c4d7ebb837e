/* What an NDK adapter can do: versions, limits, flags. */
#pragma once
#include "base.h"

/** Interface version, negotiated when an adapter is opened. */
typedef struct NDK_VERSION {
    USHORT Major;
    USHORT Minor;
} NDK_VERSION;

/** Wire technology; the values 1 to 4 are those of the *NetworkDirectTechnology keyword. */
typedef enum NDK_RDMA_TECHNOLOGY {
    NdkUndefined = 0,
    NdkiWarp = 1,
    NdkInfiniBand = 2,
    NdkRoCE = 3,
    NdkRoCEv2 = 4,
    NdkMaxTechnology = 5
} NDK_RDMA_TECHNOLOGY;

/* The members that every version has. */
#define NDK_ADAPTER_INFO_MEMBERS(size_type) \
    NDK_VERSION Version;                    \
    UINT32 VendorId;                        \
    UINT32 DeviceId;                        \
    size_type MaxRegistrationSize;          \
    size_type MaxWindowSize;                \
    ULONG FRMRPageCount;                    \
    ULONG MaxInitiatorRequestSge;           \
    ULONG MaxReceiveRequestSge;             \
    ULONG MaxReadRequestSge;                \
    ULONG MaxTransferLength;                \
    ULONG MaxInlineDataSize;                \
    ULONG MaxInboundReadLimit;              \
    ULONG MaxOutboundReadLimit;             \
    ULONG MaxReceiveQueueDepth;             \
    ULONG MaxInitiatorQueueDepth;           \
    ULONG MaxSrqDepth;                      \
    ULONG MaxCqDepth;                       \
    ULONG LargeRequestThreshold;            \
    ULONG MaxCallerData;                    \
    ULONG MaxCalleeData;                    \
    ULONG AdapterFlags;

/** Limits of an adapter opened at 2.0 or later (104 bytes). */
typedef struct NDK_ADAPTER_INFO {
    NDK_ADAPTER_INFO_MEMBERS(SIZE_T)
    NDK_RDMA_TECHNOLOGY RdmaTechnology;
} NDK_ADAPTER_INFO;

/** Limits of an adapter opened at 1.x (96 bytes): the same without the technology. */
typedef struct NDK_ADAPTER_INFO_V1 {
    NDK_ADAPTER_INFO_MEMBERS(SIZE_T)
} NDK_ADAPTER_INFO_V1;

/** The limits as WMI shows them: sizes are 64 bits wide on every system. */
typedef struct NDK_WMI_ADAPTER_INFO {
    NDK_ADAPTER_INFO_MEMBERS(ULONGLONG)
} NDK_WMI_ADAPTER_INFO;

CONST_U32(NDK_ADAPTER_FLAG_IN_ORDER_DMA_SUPPORTED, 0x00000001);
CONST_U32(NDK_ADAPTER_FLAG_RDMA_READ_SINK_NOT_REQUIRED, 0x00000002);
CONST_U32(NDK_ADAPTER_FLAG_CQ_INTERRUPT_MODERATION_SUPPORTED, 0x00000004);
CONST_U32(NDK_ADAPTER_FLAG_MULTI_ENGINE_SUPPORTED, 0x00000008);
CONST_U32(NDK_ADAPTER_FLAG_RDMA_READ_LOCAL_INVALIDATE_SUPPORTED, 0x00000010);
CONST_U32(NDK_ADAPTER_FLAG_CQ_RESIZE_SUPPORTED, 0x00000100);
CONST_U32(NDK_ADAPTER_FLAG_LOOPBACK_CONNECTIONS_SUPPORTED, 0x00010000);
