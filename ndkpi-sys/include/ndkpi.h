/*
 * The kernel network direct interface: objects, dispatch tables, requests and results up to version 2.1.
 *
 * An object is a header and a pointer to the table of its type. Functions without another note may be
 * called at IRQL <= DISPATCH_LEVEL; "may pend" means that STATUS_PENDING is followed by exactly one call of
 * the completion callback, and that no other status is. Callbacks are called at IRQL <= DISPATCH_LEVEL.
 */
#pragma once
#include "base.h"
#include "ndkinfo.h"
#include "socket.h"

typedef enum NDK_OBJECT_TYPE {
    NdkObjectTypeUndefined = 0,
    NdkObjectTypeAdapter = 1,
    NdkObjectTypeQp = 2,
    NdkObjectTypeCq = 3,
    NdkObjectTypeMr = 4,
    NdkObjectTypeMw = 5,
    NdkObjectTypePd = 6,
    NdkObjectTypeSharedEndpoint = 7,
    NdkObjectTypeConnector = 8,
    NdkObjectTypeListener = 9,
    NdkObjectTypeSrq = 10,
    NdkObjectTypeMax = 11
} NDK_OBJECT_TYPE;

/** What a wide result tells about; a receive that carried an invalidation has a type of its own. */
typedef enum NDK_OPERATION_TYPE {
    NdkOperationTypeReceive = 1,
    NdkOperationTypeReceiveAndInvalidate = 0x8001,
    NdkOperationTypeSend = 2,
    NdkOperationTypeFastRegister = 4,
    NdkOperationTypeBind = 8,
    NdkOperationTypeInvalidate = 0x10,
    NdkOperationTypeRead = 0x20,
    NdkOperationTypeWrite = 0x40
} NDK_OPERATION_TYPE;

/** Room of the system in every object: zero when the provider hands it out, then not its business. */
typedef struct NDK_OBJECT_HEADER_RESERVED_BLOCK {
    PVOID rf[4];
} NDK_OBJECT_HEADER_RESERVED_BLOCK;

typedef struct NDK_OBJECT_HEADER {
    NDK_VERSION Version;
    NDK_OBJECT_TYPE ObjectType;
    NDK_OBJECT_HEADER_RESERVED_BLOCK NdkReserved;
} NDK_OBJECT_HEADER;

/** Result of a work request; the byte count means something for receives only. */
typedef struct NDK_RESULT {
    NTSTATUS Status;
    ULONG BytesTransferred;
    PVOID QPContext;
    PVOID RequestContext;
} NDK_RESULT;

/** Result with type and detail (1.2; the provider's error code since 2.1, padding before). */
typedef struct NDK_RESULT_EX {
    NTSTATUS Status;
    ULONG BytesTransferred;
    PVOID QPContext;
    PVOID RequestContext;
    NDK_OPERATION_TYPE Type;
    ULONG ProviderErrorCode;
    ULONG_PTR TypeSpecificCompletionOutput;
} NDK_RESULT_EX;

/** Address of a page or buffer as the adapter sees it. */
typedef PHYSICAL_ADDRESS NDK_LOGICAL_ADDRESS;

/** Page list of a buffer; `AdapterPageArray` has `AdapterPageCount` entries. */
typedef struct NDK_LOGICAL_ADDRESS_MAPPING {
    PVOID AdapterContext;
    ULONG AdapterPageCount;
    NDK_LOGICAL_ADDRESS AdapterPageArray[1];
} NDK_LOGICAL_ADDRESS_MAPPING;

/** One piece of local memory: by logical address with the privileged token, else by region address. */
typedef struct NDK_SGE {
    union {
        PVOID VirtualAddress;
        NDK_LOGICAL_ADDRESS LogicalAddress;
    };
    ULONG Length;
    UINT32 MemoryRegionToken;
} NDK_SGE;

typedef struct NDK_EXTENSION_INTERFACE {
    const VOID *Dispatch;
} NDK_EXTENSION_INTERFACE;

/* Kinds of arming. */
CONST_U32(NDK_CQ_NOTIFY_ERRORS, 0);
CONST_U32(NDK_CQ_NOTIFY_ANY, 1);
CONST_U32(NDK_CQ_NOTIFY_SOLICITED, 2);

/* Rights of a registered region; remote write includes local write. */
CONST_U32(NDK_MR_FLAG_ALLOW_LOCAL_READ, 0x0);
CONST_U32(NDK_MR_FLAG_ALLOW_LOCAL_WRITE, 0x1);
CONST_U32(NDK_MR_FLAG_ALLOW_REMOTE_READ, 0x2);
CONST_U32(NDK_MR_FLAG_ALLOW_REMOTE_WRITE, 0x5);
CONST_U32(NDK_MR_FLAG_RDMA_READ_SINK, 0x8);

/* Flags of work requests. */
CONST_U32(NDK_OP_FLAG_SILENT_SUCCESS, 0x001);
CONST_U32(NDK_OP_FLAG_READ_FENCE, 0x002);
CONST_U32(NDK_OP_FLAG_SEND_AND_SOLICIT_EVENT, 0x004);
CONST_U32(NDK_OP_FLAG_ALLOW_REMOTE_READ, 0x008);
CONST_U32(NDK_OP_FLAG_ALLOW_LOCAL_WRITE, 0x010);
CONST_U32(NDK_OP_FLAG_ALLOW_REMOTE_WRITE, 0x030);
CONST_U32(NDK_OP_FLAG_INLINE, 0x040);
CONST_U32(NDK_OP_FLAG_RDMA_READ_SINK, 0x080);
CONST_U32(NDK_OP_FLAG_RDMA_READ_LOCAL_INVALIDATE, 0x100);
CONST_U32(NDK_OP_FLAG_DEFER, 0x200);

typedef struct NDK_CQ NDK_CQ;
typedef struct NDK_MR NDK_MR;
typedef struct NDK_MW NDK_MW;
typedef struct NDK_SRQ NDK_SRQ;
typedef struct NDK_QP NDK_QP;
typedef struct NDK_PD NDK_PD;
typedef struct NDK_SHARED_ENDPOINT NDK_SHARED_ENDPOINT;
typedef struct NDK_CONNECTOR NDK_CONNECTOR;
typedef struct NDK_LISTENER NDK_LISTENER;
typedef struct NDK_ADAPTER NDK_ADAPTER;

/* ---- Completions and the two functions that every object has ---- */

/** Consumer callback: a pended close is complete and the object is gone. */
typedef VOID (*NDK_FN_CLOSE_COMPLETION)(PVOID Context);
/** Consumer callback: a pended request has this status. */
typedef VOID (*NDK_FN_REQUEST_COMPLETION)(PVOID Context, NTSTATUS Status);
/** Consumer callback: a pended create has this status; the object is valid on success. */
typedef VOID (*NDK_FN_CREATE_COMPLETION)(PVOID Context, NTSTATUS Status, NDK_OBJECT_HEADER *pNdkObject);
/** Closes an object of any type; may pend. */
typedef NTSTATUS (*NDK_FN_CLOSE_OBJECT)(
    NDK_OBJECT_HEADER *pNdkObject, NDK_FN_CLOSE_COMPLETION CloseCompletion, PVOID RequestContext);
/** Asks any object for an interface beyond the standard table. */
typedef NTSTATUS (*NDK_FN_QUERY_EXTENSION_INTERFACE)(
    NDK_OBJECT_HEADER *pNdkObject, GUID *ExtensionInterfaceID, NDK_VERSION ExtensionInterfaceVersion,
    NDK_EXTENSION_INTERFACE *pExtensionInterface);

/* ---- Completion queue ---- */

/** Changes the depth of a completion queue; may pend. */
typedef NTSTATUS (*NDK_FN_RESIZE_CQ)(
    NDK_CQ *pNdkCq, ULONG CqDepth, NDK_FN_REQUEST_COMPLETION RequestCompletion, PVOID RequestContext);
/** Consumer callback: an armed completion queue has something, or failed. */
typedef VOID (*NDK_FN_CQ_NOTIFICATION_CALLBACK)(PVOID CqNotificationContext, NTSTATUS CqStatus);
/** Asks for one notification; `Type` is one of NDK_CQ_NOTIFY_*. */
typedef VOID (*NDK_FN_ARM_CQ)(NDK_CQ *pNdkCq, ULONG Type);
/** Takes up to `nResults` results and returns how many were taken. */
typedef ULONG (*NDK_FN_GET_CQ_RESULTS)(NDK_CQ *pNdkCq, NDK_RESULT *Results, ULONG nResults);
/** Holds notifications back by microseconds or by a count of results. */
typedef NTSTATUS (*NDK_FN_CONTROL_CQ_INTERRUPT_MODERATION)(
    NDK_CQ *pNdkCq, ULONG ModerationInterval, ULONG ModerationCount);
/** The same with the wider result (1.2 and later). */
typedef ULONG (*NDK_FN_GET_CQ_RESULTS_EX)(NDK_CQ *pNdkCq, NDK_RESULT_EX *Results, ULONG nResults);

/** Functions of a completion queue. */
typedef struct NDK_CQ_DISPATCH {
    NDK_FN_CLOSE_OBJECT NdkCloseCq;
    NDK_FN_QUERY_EXTENSION_INTERFACE NdkQueryExtension;
    NDK_FN_RESIZE_CQ NdkResizeCq;
    NDK_FN_ARM_CQ NdkArmCq;
    NDK_FN_GET_CQ_RESULTS NdkGetCqResults;
    NDK_FN_CONTROL_CQ_INTERRUPT_MODERATION NdkControlCqInterruptModeration;
    NDK_FN_GET_CQ_RESULTS_EX NdkGetCqResultsEx;
} NDK_CQ_DISPATCH;

struct NDK_CQ {
    NDK_OBJECT_HEADER Header;
    const NDK_CQ_DISPATCH *Dispatch;
};

/* ---- Memory region ---- */

/** Registers locked pages with a region; may pend. */
typedef NTSTATUS (*NDK_FN_REGISTER_MR)(
    NDK_MR *pNdkMr, MDL *Mdl, SIZE_T Length, ULONG Flags, NDK_FN_REQUEST_COMPLETION RequestCompletion,
    PVOID RequestContext);
/** Ends a registration; may pend. */
typedef NTSTATUS (*NDK_FN_DEREGISTER_MR)(
    NDK_MR *pNdkMr, NDK_FN_REQUEST_COMPLETION RequestCompletion, PVOID RequestContext);
/** Prepares a region for fast registration of so many pages; may pend. */
typedef NTSTATUS (*NDK_FN_INITIALIZE_FAST_REGISTER_MR)(
    NDK_MR *pNdkMr, ULONG AdapterPageCount, BOOLEAN RemoteAccess, NDK_FN_REQUEST_COMPLETION RequestCompletion,
    PVOID RequestContext);
/** Token for the peer, in the byte order that goes to the wire. */
typedef UINT32 (*NDK_FN_GET_REMOTE_TOKEN_FROM_MR)(NDK_MR *pNdkMr);
/** Token for local scatter-gather entries. */
typedef UINT32 (*NDK_FN_GET_LOCAL_TOKEN_FROM_MR)(NDK_MR *pNdkMr);

/** Functions of a memory region. */
typedef struct NDK_MR_DISPATCH {
    NDK_FN_CLOSE_OBJECT NdkCloseMr;
    NDK_FN_QUERY_EXTENSION_INTERFACE NdkQueryExtension;
    NDK_FN_REGISTER_MR NdkRegisterMr;
    NDK_FN_DEREGISTER_MR NdkDeregisterMr;
    NDK_FN_INITIALIZE_FAST_REGISTER_MR NdkInitializeFastRegisterMr;
    NDK_FN_GET_REMOTE_TOKEN_FROM_MR NdkGetRemoteTokenFromMr;
    NDK_FN_GET_LOCAL_TOKEN_FROM_MR NdkGetLocalTokenFromMr;
} NDK_MR_DISPATCH;

struct NDK_MR {
    NDK_OBJECT_HEADER Header;
    const NDK_MR_DISPATCH *Dispatch;
};

/* ---- Memory window ---- */

/** Token of a bound window for the peer. */
typedef UINT32 (*NDK_FN_GET_REMOTE_TOKEN_FROM_MW)(NDK_MW *pNdkMw);

/** Functions of a memory window. */
typedef struct NDK_MW_DISPATCH {
    NDK_FN_CLOSE_OBJECT NdkCloseMw;
    NDK_FN_QUERY_EXTENSION_INTERFACE NdkQueryExtension;
    NDK_FN_GET_REMOTE_TOKEN_FROM_MW NdkGetRemoteTokenFromMw;
} NDK_MW_DISPATCH;

struct NDK_MW {
    NDK_OBJECT_HEADER Header;
    const NDK_MW_DISPATCH *Dispatch;
};

/* ---- Shared receive queue ---- */

/** Changes depth and threshold of a shared receive queue; may pend. */
typedef NTSTATUS (*NDK_FN_MODIFY_SRQ)(
    NDK_SRQ *pNdkSrq, ULONG SrqDepth, ULONG NotifyThreshold, NDK_FN_REQUEST_COMPLETION RequestCompletion,
    PVOID RequestContext);
/** Consumer callback: the shared receive queue fell below its threshold, or failed. */
typedef VOID (*NDK_FN_SRQ_NOTIFICATION_CALLBACK)(PVOID SrqNotificationContext, NTSTATUS SrqStatus);
/** Posts a receive to a shared receive queue. */
typedef NTSTATUS (*NDK_FN_SRQ_RECEIVE)(
    NDK_SRQ *pNdkSrq, PVOID RequestContext, const NDK_SGE *pSgl, ULONG nSge);

/** Functions of a shared receive queue. */
typedef struct NDK_SRQ_DISPATCH {
    NDK_FN_CLOSE_OBJECT NdkCloseSrq;
    NDK_FN_QUERY_EXTENSION_INTERFACE NdkQueryExtension;
    NDK_FN_MODIFY_SRQ NdkModifySrq;
    NDK_FN_SRQ_RECEIVE NdkSrqReceive;
} NDK_SRQ_DISPATCH;

struct NDK_SRQ {
    NDK_OBJECT_HEADER Header;
    const NDK_SRQ_DISPATCH *Dispatch;
};

/* ---- Queue pair ---- */

/** Cancels what waits in both queues of a QP. */
typedef VOID (*NDK_FN_FLUSH)(NDK_QP *pNdkQp);
/** Posts a send. */
typedef NTSTATUS (*NDK_FN_SEND)(
    NDK_QP *pNdkQp, PVOID RequestContext, const NDK_SGE *pSgl, ULONG nSge, ULONG Flags);
/** Posts a receive. */
typedef NTSTATUS (*NDK_FN_RECEIVE)(NDK_QP *pNdkQp, PVOID RequestContext, const NDK_SGE *pSgl, ULONG nSge);
/** Posts the binding of a window to a part of a region. */
typedef NTSTATUS (*NDK_FN_BIND)(
    NDK_QP *pNdkQp, PVOID RequestContext, NDK_MR *pMr, NDK_MW *pMw, PVOID VirtualAddress, SIZE_T Length,
    ULONG Flags);
/** Posts the mapping of pages into a fast-register region. */
typedef NTSTATUS (*NDK_FN_FAST_REGISTER)(
    NDK_QP *pNdkQp, PVOID RequestContext, NDK_MR *pMr, ULONG AdapterPageCount,
    const NDK_LOGICAL_ADDRESS *AdapterPageArray, ULONG FBO, SIZE_T Length, PVOID BaseVirtualAddress,
    ULONG Flags);
/** Posts the end of a fast registration or of a window. */
typedef NTSTATUS (*NDK_FN_INVALIDATE)(
    NDK_QP *pNdkQp, PVOID RequestContext, NDK_OBJECT_HEADER *pNdkMrOrMw, ULONG Flags);
/** Posts an RDMA read. */
typedef NTSTATUS (*NDK_FN_READ)(
    NDK_QP *pNdkQp, PVOID RequestContext, const NDK_SGE *pSgl, ULONG nSge, UINT64 RemoteAddress,
    UINT32 RemoteToken, ULONG Flags);
/** Posts an RDMA write. */
typedef NTSTATUS (*NDK_FN_WRITE)(
    NDK_QP *pNdkQp, PVOID RequestContext, const NDK_SGE *pSgl, ULONG nSge, UINT64 RemoteAddress,
    UINT32 RemoteToken, ULONG Flags);
/** Posts a send that also invalidates a token of the peer (1.2 and later). */
typedef NTSTATUS (*NDK_FN_SEND_AND_INVALIDATE)(
    NDK_QP *pNdkQp, PVOID RequestContext, const NDK_SGE *pSgl, ULONG nSge, ULONG Flags, UINT32 RemoteToken);

/** Functions of a queue pair. */
typedef struct NDK_QP_DISPATCH {
    NDK_FN_CLOSE_OBJECT NdkCloseQp;
    NDK_FN_QUERY_EXTENSION_INTERFACE NdkQueryExtension;
    NDK_FN_FLUSH NdkFlush;
    NDK_FN_SEND NdkSend;
    NDK_FN_RECEIVE NdkReceive;
    NDK_FN_BIND NdkBind;
    NDK_FN_FAST_REGISTER NdkFastRegister;
    NDK_FN_INVALIDATE NdkInvalidate;
    NDK_FN_READ NdkRead;
    NDK_FN_WRITE NdkWrite;
    NDK_FN_SEND_AND_INVALIDATE NdkSendAndInvalidate;
} NDK_QP_DISPATCH;

struct NDK_QP {
    NDK_OBJECT_HEADER Header;
    const NDK_QP_DISPATCH *Dispatch;
};

/* ---- Protection domain ---- */

/** Creates a memory region object; may pend. */
typedef NTSTATUS (*NDK_FN_CREATE_MR)(
    NDK_PD *pNdkPd, BOOLEAN FastRegister, NDK_FN_CREATE_COMPLETION CreateCompletion, PVOID RequestContext,
    NDK_MR **ppNdkMr);
/** Creates a memory window; may pend. */
typedef NTSTATUS (*NDK_FN_CREATE_MW)(
    NDK_PD *pNdkPd, NDK_FN_CREATE_COMPLETION CreateCompletion, PVOID RequestContext, NDK_MW **ppNdkMw);
/** Creates a shared receive queue; may pend. */
typedef NTSTATUS (*NDK_FN_CREATE_SRQ)(
    NDK_PD *pNdkPd, ULONG SrqDepth, ULONG MaxReceiveRequestSge, ULONG NotifyThreshold,
    NDK_FN_SRQ_NOTIFICATION_CALLBACK SrqNotification, PVOID SrqNotificationContext, GROUP_AFFINITY *Affinity,
    NDK_FN_CREATE_COMPLETION CreateCompletion, PVOID RequestContext, NDK_SRQ **ppNdkSrq);
/** Creates a queue pair; may pend. */
typedef NTSTATUS (*NDK_FN_CREATE_QP)(
    NDK_PD *pNdkPd, NDK_CQ *pReceiveCq, NDK_CQ *pInitiatorCq, PVOID QPContext, ULONG ReceiveQueueDepth,
    ULONG InitiatorQueueDepth, ULONG MaxReceiveRequestSge, ULONG MaxInitiatorRequestSge, ULONG InlineDataSize,
    NDK_FN_CREATE_COMPLETION CreateCompletion, PVOID RequestContext, NDK_QP **ppNdkQp);
/** Creates a queue pair that receives from a shared queue; may pend. */
typedef NTSTATUS (*NDK_FN_CREATE_QP_WITH_SRQ)(
    NDK_PD *pNdkPd, NDK_CQ *pReceiveCq, NDK_CQ *pInitiatorCq, NDK_SRQ *pSrq, PVOID QPContext,
    ULONG InitiatorQueueDepth, ULONG MaxInitiatorRequestSge, ULONG InlineDataSize,
    NDK_FN_CREATE_COMPLETION CreateCompletion, PVOID RequestContext, NDK_QP **ppNdkQp);
/** Token with which local entries name logical addresses. */
typedef VOID (*NDK_FN_GET_PRIVILEGED_MEMORY_REGION_TOKEN)(NDK_PD *pNdkPd, UINT32 *pToken);

/** Functions of a protection domain. */
typedef struct NDK_PD_DISPATCH {
    NDK_FN_CLOSE_OBJECT NdkClosePd;
    NDK_FN_QUERY_EXTENSION_INTERFACE NdkQueryExtension;
    NDK_FN_CREATE_MR NdkCreateMr;
    NDK_FN_CREATE_MW NdkCreateMw;
    NDK_FN_CREATE_SRQ NdkCreateSrq;
    NDK_FN_CREATE_QP NdkCreateQp;
    NDK_FN_CREATE_QP_WITH_SRQ NdkCreateQpWithSrq;
    NDK_FN_GET_PRIVILEGED_MEMORY_REGION_TOKEN NdkGetPrivilegedMemoryRegionToken;
} NDK_PD_DISPATCH;

struct NDK_PD {
    NDK_OBJECT_HEADER Header;
    const NDK_PD_DISPATCH *Dispatch;
};

/* ---- Shared endpoint ---- */

/** Local address of a shared endpoint. */
typedef NTSTATUS (*NDK_FN_GET_SHARED_ENDPOINT_LOCAL_ADDRESS)(
    NDK_SHARED_ENDPOINT *pNdkSharedEndpoint, PSOCKADDR pAddress, ULONG *pAddressLength);

/** Functions of a shared endpoint. */
typedef struct NDK_SHARED_ENDPOINT_DISPATCH {
    NDK_FN_CLOSE_OBJECT NdkCloseSharedEndpoint;
    NDK_FN_QUERY_EXTENSION_INTERFACE NdkQueryExtension;
    NDK_FN_GET_SHARED_ENDPOINT_LOCAL_ADDRESS NdkGetLocalAddress;
} NDK_SHARED_ENDPOINT_DISPATCH;

struct NDK_SHARED_ENDPOINT {
    NDK_OBJECT_HEADER Header;
    const NDK_SHARED_ENDPOINT_DISPATCH *Dispatch;
};

/* ---- Connector ---- */

/** Connects a QP to a listener; pends until the peer answers. */
typedef NTSTATUS (*NDK_FN_CONNECT)(
    NDK_CONNECTOR *pNdkConnector, NDK_QP *pNdkQp, const PSOCKADDR pSrcAddress, ULONG SrcAddressLength,
    const PSOCKADDR pDestAddress, ULONG DestAddressLength, ULONG InboundReadLimit, ULONG OutboundReadLimit,
    const PVOID pPrivateData, ULONG PrivateDataLength, NDK_FN_REQUEST_COMPLETION RequestCompletion,
    PVOID RequestContext);
/** The same from a shared endpoint's address. */
typedef NTSTATUS (*NDK_FN_CONNECT_WITH_SHARED_ENDPOINT)(
    NDK_CONNECTOR *pNdkConnector, NDK_QP *pNdkQp, NDK_SHARED_ENDPOINT *pNdkSharedEndpoint,
    const PSOCKADDR pDestAddress, ULONG DestAddressLength, ULONG InboundReadLimit, ULONG OutboundReadLimit,
    const PVOID pPrivateData, ULONG PrivateDataLength, NDK_FN_REQUEST_COMPLETION RequestCompletion,
    PVOID RequestContext);
/** Consumer callback: the peer ended the connection. */
typedef VOID (*NDK_FN_DISCONNECT_EVENT_CALLBACK)(PVOID DisconnectEventContext);
/** The same with a reason of the provider's (2.1 and later). */
typedef VOID (*NDK_FN_DISCONNECT_EVENT_CALLBACK_EX)(
    PVOID DisconnectEventContext, ULONG ProviderDisconnectReason);
/** Active side: confirms the connection after the peer accepted; may pend. */
typedef NTSTATUS (*NDK_FN_COMPLETE_CONNECT)(
    NDK_CONNECTOR *pNdkConnector, NDK_FN_DISCONNECT_EVENT_CALLBACK DisconnectEvent,
    PVOID DisconnectEventContext, NDK_FN_REQUEST_COMPLETION RequestCompletion, PVOID RequestContext);
/** The same with the wider event (2.1 and later). */
typedef NTSTATUS (*NDK_FN_COMPLETE_CONNECT_EX)(
    NDK_CONNECTOR *pNdkConnector, NDK_FN_DISCONNECT_EVENT_CALLBACK_EX DisconnectEvent,
    PVOID DisconnectEventContext, NDK_FN_REQUEST_COMPLETION RequestCompletion, PVOID RequestContext);
/** Passive side: accepts a request; may pend. */
typedef NTSTATUS (*NDK_FN_ACCEPT)(
    NDK_CONNECTOR *pNdkConnector, NDK_QP *pNdkQp, ULONG InboundReadLimit, ULONG OutboundReadLimit,
    const PVOID pPrivateData, ULONG PrivateDataLength, NDK_FN_DISCONNECT_EVENT_CALLBACK DisconnectEvent,
    PVOID DisconnectEventContext, NDK_FN_REQUEST_COMPLETION RequestCompletion, PVOID RequestContext);
/** The same with the wider event (2.1 and later). */
typedef NTSTATUS (*NDK_FN_ACCEPT_EX)(
    NDK_CONNECTOR *pNdkConnector, NDK_QP *pNdkQp, ULONG InboundReadLimit, ULONG OutboundReadLimit,
    const PVOID pPrivateData, ULONG PrivateDataLength, NDK_FN_DISCONNECT_EVENT_CALLBACK_EX DisconnectEvent,
    PVOID DisconnectEventContext, NDK_FN_REQUEST_COMPLETION RequestCompletion, PVOID RequestContext);
/** Refuses the peer, on either side. */
typedef NTSTATUS (*NDK_FN_REJECT)(
    NDK_CONNECTOR *pNdkConnector, const PVOID pPrivateData, ULONG PrivateDataLength);
/** Read limits and private data that the peer sent. */
typedef NTSTATUS (*NDK_FN_GET_CONNECTION_DATA)(
    NDK_CONNECTOR *pNdkConnector, ULONG *pInboundReadLimit, ULONG *pOutboundReadLimit, PVOID pPrivateData,
    ULONG *pPrivateDataLength);
/** Local address of a connector. */
typedef NTSTATUS (*NDK_FN_GET_LOCAL_ADDRESS)(
    NDK_CONNECTOR *pNdkConnector, PSOCKADDR pAddress, ULONG *pAddressLength);
/** Peer's address of a connector. */
typedef NTSTATUS (*NDK_FN_GET_PEER_ADDRESS)(
    NDK_CONNECTOR *pNdkConnector, PSOCKADDR pAddress, ULONG *pAddressLength);
/** Ends a connection; may pend. */
typedef NTSTATUS (*NDK_FN_DISCONNECT)(
    NDK_CONNECTOR *pNdkConnector, NDK_FN_REQUEST_COMPLETION RequestCompletion, PVOID RequestContext);

#define NDK_CONNECTOR_DISPATCH_MEMBERS \
    NDK_FN_CLOSE_OBJECT NdkCloseConnector; \
    NDK_FN_QUERY_EXTENSION_INTERFACE NdkQueryExtension; \
    NDK_FN_CONNECT NdkConnect; \
    NDK_FN_CONNECT_WITH_SHARED_ENDPOINT NdkConnectWithSharedEndpoint; \
    NDK_FN_COMPLETE_CONNECT NdkCompleteConnect; \
    NDK_FN_ACCEPT NdkAccept; \
    NDK_FN_REJECT NdkReject; \
    NDK_FN_GET_CONNECTION_DATA NdkGetConnectionData; \
    NDK_FN_GET_LOCAL_ADDRESS NdkGetLocalAddress; \
    NDK_FN_GET_PEER_ADDRESS NdkGetPeerAddress; \
    NDK_FN_DISCONNECT NdkDisconnect;

/** Functions of a connector since 2.1 (104 bytes). */
typedef struct NDK_CONNECTOR_DISPATCH {
    NDK_CONNECTOR_DISPATCH_MEMBERS
    NDK_FN_COMPLETE_CONNECT_EX NdkCompleteConnectEx;
    NDK_FN_ACCEPT_EX NdkAcceptEx;
} NDK_CONNECTOR_DISPATCH;

/** Functions of a connector before 2.1 (88 bytes). */
typedef struct NDK_CONNECTOR_DISPATCH_V1 {
    NDK_CONNECTOR_DISPATCH_MEMBERS
} NDK_CONNECTOR_DISPATCH_V1;

struct NDK_CONNECTOR {
    NDK_OBJECT_HEADER Header;
    const NDK_CONNECTOR_DISPATCH *Dispatch;
};

/* ---- Listener ---- */

/** Consumer callback: a peer wants to connect; the connector now belongs to the consumer. */
typedef VOID (*NDK_FN_CONNECT_EVENT_CALLBACK)(PVOID ConnectEventContext, NDK_CONNECTOR *pNdkConnector);
/** Holds connection events back or lets them go on. */
typedef VOID (*NDK_FN_CONTROL_CONNECT_EVENTS)(NDK_LISTENER *pNdkListener, BOOLEAN Pause);
/** Starts listening on a local address; may pend. */
typedef NTSTATUS (*NDK_FN_LISTEN)(
    NDK_LISTENER *pNdkListener, const PSOCKADDR pAddress, ULONG AddressLength,
    NDK_FN_REQUEST_COMPLETION RequestCompletion, PVOID RequestContext);
/** Local address of a listener. */
typedef NTSTATUS (*NDK_FN_GET_LISTENER_LOCAL_ADDRESS)(
    NDK_LISTENER *pNdkListener, PSOCKADDR pAddress, ULONG *pAddressLength);

/** Functions of a listener. */
typedef struct NDK_LISTENER_DISPATCH {
    NDK_FN_CLOSE_OBJECT NdkCloseListener;
    NDK_FN_QUERY_EXTENSION_INTERFACE NdkQueryExtension;
    NDK_FN_LISTEN NdkListen;
    NDK_FN_GET_LISTENER_LOCAL_ADDRESS NdkGetLocalAddress;
    NDK_FN_CONTROL_CONNECT_EVENTS NdkControlConnectEvents;
} NDK_LISTENER_DISPATCH;

struct NDK_LISTENER {
    NDK_OBJECT_HEADER Header;
    const NDK_LISTENER_DISPATCH *Dispatch;
};

/* ---- Adapter ---- */

/** Copies the limits; PASSIVE_LEVEL only. */
typedef NTSTATUS (*NDK_FN_QUERY_ADAPTER_INFO)(
    NDK_ADAPTER *pNdkAdapter, NDK_ADAPTER_INFO *pInfo, ULONG *pBufferSize);
/** Creates a completion queue; may pend. */
typedef NTSTATUS (*NDK_FN_CREATE_CQ)(
    NDK_ADAPTER *pNdkAdapter, ULONG CqDepth, NDK_FN_CQ_NOTIFICATION_CALLBACK CqNotification,
    PVOID CqNotificationContext, GROUP_AFFINITY *Affinity, NDK_FN_CREATE_COMPLETION CreateCompletion,
    PVOID RequestContext, NDK_CQ **ppNdkCq);
/** Creates a protection domain; may pend. */
typedef NTSTATUS (*NDK_FN_CREATE_PD)(
    NDK_ADAPTER *pNdkAdapter, NDK_FN_CREATE_COMPLETION CreateCompletion, PVOID RequestContext,
    NDK_PD **ppNdkPd);
/** Creates a local address for several connectors; may pend. */
typedef NTSTATUS (*NDK_FN_CREATE_SHARED_ENDPOINT)(
    NDK_ADAPTER *pNdkAdapter, const PSOCKADDR pAddress, ULONG AddressLength,
    NDK_FN_CREATE_COMPLETION CreateCompletion, PVOID RequestContext,
    NDK_SHARED_ENDPOINT **ppNdkSharedEndpoint);
/** Creates a connector; may pend. */
typedef NTSTATUS (*NDK_FN_CREATE_CONNECTOR)(
    NDK_ADAPTER *pNdkAdapter, NDK_FN_CREATE_COMPLETION CreateCompletion, PVOID RequestContext,
    NDK_CONNECTOR **ppNdkConnector);
/** Creates a listener; may pend. */
typedef NTSTATUS (*NDK_FN_CREATE_LISTENER)(
    NDK_ADAPTER *pNdkAdapter, NDK_FN_CONNECT_EVENT_CALLBACK ConnectEvent, PVOID ConnectEventContext,
    NDK_FN_CREATE_COMPLETION CreateCompletion, PVOID RequestContext, NDK_LISTENER **ppNdkListener);
/** Builds the logical page list of a buffer; may pend, or tell the size needed. */
typedef NTSTATUS (*NDK_FN_BUILD_LAM)(
    NDK_ADAPTER *pNdkAdapter, MDL *Mdl, SIZE_T Length, NDK_FN_REQUEST_COMPLETION RequestCompletion,
    PVOID RequestContext, NDK_LOGICAL_ADDRESS_MAPPING *pNdkLAM, ULONG *pLAMSize, ULONG *pFBO);
/** Gives a logical page list back. */
typedef VOID (*NDK_FN_RELEASE_LAM)(NDK_ADAPTER *pNdkAdapter, NDK_LOGICAL_ADDRESS_MAPPING *pNdkLAM);

/** Functions of an adapter. */
typedef struct NDK_ADAPTER_DISPATCH {
    NDK_FN_QUERY_EXTENSION_INTERFACE NdkQueryExtension;
    NDK_FN_QUERY_ADAPTER_INFO NdkQueryAdapterInfo;
    NDK_FN_CREATE_CQ NdkCreateCq;
    NDK_FN_CREATE_PD NdkCreatePd;
    NDK_FN_CREATE_SHARED_ENDPOINT NdkCreateSharedEndpoint;
    NDK_FN_CREATE_CONNECTOR NdkCreateConnector;
    NDK_FN_CREATE_LISTENER NdkCreateListener;
    NDK_FN_BUILD_LAM NdkBuildLAM;
    NDK_FN_RELEASE_LAM NdkReleaseLAM;
} NDK_ADAPTER_DISPATCH;

struct NDK_ADAPTER {
    NDK_OBJECT_HEADER Header;
    const NDK_ADAPTER_DISPATCH *Dispatch;
};
