/*
 * Functions of ndis.sys that a driver imports, with the highest IRQL of each. Macros of the real headers
 * are not here, nor what has to be looked up at run time (the poll functions) or must not be called.
 */
#pragma once
#include "miniport.h"
#include "protocol.h"
#include "services.h"


/* IRQL: PASSIVE */
NDIS_STATUS NdisMRegisterMiniportDriver(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath,
    NDIS_HANDLE MiniportDriverContext, PNDIS_MINIPORT_DRIVER_CHARACTERISTICS MiniportDriverCharacteristics,
    PNDIS_HANDLE NdisMiniportDriverHandle);
VOID NdisMDeregisterMiniportDriver(NDIS_HANDLE NdisMiniportDriverHandle);
NDIS_STATUS NdisSetOptionalHandlers(NDIS_HANDLE Handle,
    PNDIS_DRIVER_OPTIONAL_HANDLERS DriverOptionalHandlers);
NDIS_STATUS NdisMSetMiniportAttributes(NDIS_HANDLE Handle,
    PNDIS_MINIPORT_ADAPTER_ATTRIBUTES MiniportAdapterAttributes);
VOID NdisMGetDeviceProperty(NDIS_HANDLE MiniportAdapterHandle, PDEVICE_OBJECT *PhysicalDeviceObject,
    PDEVICE_OBJECT *FunctionalDeviceObject, PDEVICE_OBJECT *NextDeviceObject,
    PCM_RESOURCE_LIST *AllocatedResources, PCM_RESOURCE_LIST *AllocatedResourcesTranslated);
NDIS_STATUS NdisMQueryAdapterInstanceName(PNDIS_STRING Name, NDIS_HANDLE Handle);

/* IRQL: <=DISPATCH */
VOID NdisMSendNetBufferListsComplete(NDIS_HANDLE MiniportAdapterHandle, PNET_BUFFER_LIST NetBufferList,
    ULONG SendCompleteFlags);
VOID NdisMIndicateReceiveNetBufferLists(NDIS_HANDLE MiniportAdapterHandle, PNET_BUFFER_LIST NetBufferList,
    NDIS_PORT_NUMBER PortNumber, ULONG NumberOfNetBufferLists, ULONG ReceiveFlags);
VOID NdisMIndicateStatusEx(NDIS_HANDLE Handle, PNDIS_STATUS_INDICATION StatusIndication);
VOID NdisMOidRequestComplete(NDIS_HANDLE MiniportAdapterHandle, PNDIS_OID_REQUEST OidRequest,
    NDIS_STATUS Status);
VOID NdisMDirectOidRequestComplete(NDIS_HANDLE MiniportAdapterHandle, PNDIS_OID_REQUEST OidRequest,
    NDIS_STATUS Status);
VOID NdisMPauseComplete(NDIS_HANDLE Handle);
VOID NdisMRestartComplete(NDIS_HANDLE Handle, NDIS_STATUS Status);
VOID NdisMResetComplete(NDIS_HANDLE MiniportAdapterHandle, NDIS_STATUS Status, BOOLEAN AddressingReset);
VOID NdisMResetMiniport(NDIS_HANDLE Handle);
NDIS_STATUS NdisMRemoveMiniport(NDIS_HANDLE Handle);

/* IRQL: PASSIVE */
NDIS_STATUS NdisMNetPnPEvent(NDIS_HANDLE Handle, PNET_PNP_EVENT_NOTIFICATION PnpEventNotification);

/* IRQL: <DISPATCH */
VOID NdisMSleep(ULONG MicrosecondsToSleep);

/* IRQL: PASSIVE */
NDIS_STATUS NdisOpenConfigurationEx(PNDIS_CONFIGURATION_OBJECT ConfigObject,
    PNDIS_HANDLE ConfigurationHandle);
VOID NdisCloseConfiguration(NDIS_HANDLE Handle);
VOID NdisReadConfiguration(PNDIS_STATUS Status, PNDIS_CONFIGURATION_PARAMETER *ParameterValue,
    NDIS_HANDLE ConfigurationHandle, PNDIS_STRING Keyword, NDIS_PARAMETER_TYPE ParameterType);
VOID NdisWriteConfiguration(PNDIS_STATUS Status, NDIS_HANDLE ConfigurationHandle, PNDIS_STRING Keyword,
    PNDIS_CONFIGURATION_PARAMETER ParameterValue);
VOID NdisReadNetworkAddress(PNDIS_STATUS Status, PVOID *NetworkAddress, PUINT NetworkAddressLength,
    NDIS_HANDLE ConfigurationHandle);

/* IRQL: <DISPATCH */
VOID NdisOpenConfigurationKeyByName(PNDIS_STATUS Status, NDIS_HANDLE ConfigurationHandle,
    PNDIS_STRING SubKeyName, PNDIS_HANDLE SubKeyHandle);

/* IRQL: <=DISPATCH */
NDIS_HANDLE NdisAllocateNetBufferListPool(NDIS_HANDLE Handle,
    PNET_BUFFER_LIST_POOL_PARAMETERS BufferListPoolParameters);
VOID NdisFreeNetBufferListPool(NDIS_HANDLE Handle);
NDIS_HANDLE NdisAllocateNetBufferPool(NDIS_HANDLE Handle, PNET_BUFFER_POOL_PARAMETERS BufferPoolParameters);
VOID NdisFreeNetBufferPool(NDIS_HANDLE Handle);
PNET_BUFFER_LIST NdisAllocateNetBufferAndNetBufferList(NDIS_HANDLE PoolHandle, USHORT ContextSize,
    USHORT ContextBackFill, PMDL MdlChain, ULONG DataOffset, SIZE_T DataLength);
PNET_BUFFER_LIST NdisAllocateNetBufferList(NDIS_HANDLE PoolHandle, USHORT ContextSize,
    USHORT ContextBackFill);
VOID NdisFreeNetBufferList(PNET_BUFFER_LIST NetBufferList);
PNET_BUFFER NdisAllocateNetBuffer(NDIS_HANDLE PoolHandle, PMDL MdlChain, ULONG DataOffset, SIZE_T DataLength);
VOID NdisFreeNetBuffer(PNET_BUFFER NetBuffer);
PNET_BUFFER NdisAllocateNetBufferMdlAndData(NDIS_HANDLE Handle);
PMDL NdisAllocateMdl(NDIS_HANDLE NdisHandle, PVOID VirtualAddress, UINT Length);
VOID NdisFreeMdl(PMDL Mdl);
PVOID NdisGetDataBuffer(PNET_BUFFER NetBuffer, ULONG BytesNeeded, PVOID Storage, UINT AlignMultiple,
    UINT AlignOffset);
VOID NdisAdvanceNetBufferDataStart(PNET_BUFFER NetBuffer, ULONG DataOffsetDelta, BOOLEAN FreeMdl,
    NET_BUFFER_FREE_MDL_HANDLER FreeMdlHandler);
NDIS_STATUS NdisRetreatNetBufferDataStart(PNET_BUFFER NetBuffer, ULONG DataOffsetDelta, ULONG DataBackFill,
    NET_BUFFER_ALLOCATE_MDL_HANDLER AllocateMdlHandler);
VOID NdisAdvanceNetBufferListDataStart(PNET_BUFFER_LIST NetBufferList, ULONG DataOffsetDelta, BOOLEAN FreeMdl,
    NET_BUFFER_FREE_MDL_HANDLER FreeMdlHandler);
NDIS_STATUS NdisRetreatNetBufferListDataStart(PNET_BUFFER_LIST NetBufferList, ULONG DataOffsetDelta,
    ULONG DataBackFill, NET_BUFFER_ALLOCATE_MDL_HANDLER AllocateMdlHandler,
    NET_BUFFER_FREE_MDL_HANDLER FreeMdlHandler);
NDIS_STATUS NdisCopyFromNetBufferToNetBuffer(PNET_BUFFER Destination, ULONG DestinationOffset,
    ULONG BytesToCopy, PNET_BUFFER Source, ULONG SourceOffset, PULONG BytesCopied);
PNET_BUFFER_LIST NdisAllocateCloneNetBufferList(PNET_BUFFER_LIST OriginalNetBufferList,
    NDIS_HANDLE NetBufferListPoolHandle, NDIS_HANDLE NetBufferPoolHandle, ULONG AllocateCloneFlags);
VOID NdisFreeCloneNetBufferList(PNET_BUFFER_LIST CloneNetBufferList, ULONG FreeCloneFlags);
NDIS_STATUS NdisAllocateNetBufferListContext(PNET_BUFFER_LIST NetBufferList, USHORT ContextSize,
    USHORT ContextBackFill, ULONG PoolTag);
VOID NdisFreeNetBufferListContext(PNET_BUFFER_LIST NetBufferList, USHORT ContextSize);
PVOID NdisAllocateMemoryWithTagPriority(NDIS_HANDLE NdisHandle, UINT Length, ULONG Tag,
    EX_POOL_PRIORITY Priority);
NDIS_STATUS NdisAllocateMemoryWithTag(PVOID *VirtualAddress, UINT Length, ULONG Tag);

/* IRQL: <=DISPATCH (pool memory) */
VOID NdisFreeMemory(PVOID VirtualAddress, UINT Length, UINT MemoryFlags);
VOID NdisFreeMemoryWithTagPriority(NDIS_HANDLE NdisHandle, PVOID VirtualAddress, ULONG Tag);

/* IRQL: <=DISPATCH */
PNDIS_RW_LOCK_EX NdisAllocateRWLock(NDIS_HANDLE Handle);
VOID NdisFreeRWLock(PNDIS_RW_LOCK_EX RwLockEx);
VOID NdisAcquireRWLockRead(PNDIS_RW_LOCK_EX RwLockEx, PLOCK_STATE_EX LockStateEx, UCHAR Flags);
VOID NdisAcquireRWLockWrite(PNDIS_RW_LOCK_EX RwLockEx, PLOCK_STATE_EX LockStateEx, UCHAR Flags);

/* IRQL: =DISPATCH */
VOID NdisReleaseRWLock(PNDIS_RW_LOCK_EX RwLockEx, PLOCK_STATE_EX LockStateEx);

/* IRQL: <=DISPATCH */
NDIS_STATUS NdisAllocateTimerObject(NDIS_HANDLE NdisHandle, PNDIS_TIMER_CHARACTERISTICS TimerCharacteristics,
    PNDIS_HANDLE TimerObject);
VOID NdisFreeTimerObject(NDIS_HANDLE Handle);
BOOLEAN NdisSetTimerObject(NDIS_HANDLE TimerObject, LARGE_INTEGER DueTime, LONG MillisecondsPeriod,
    PVOID FunctionContext);
BOOLEAN NdisSetCoalescableTimerObject(NDIS_HANDLE TimerObject, LARGE_INTEGER DueTime, LONG MillisecondsPeriod,
    PVOID FunctionContext, ULONG TolerableDelay);

/* IRQL: PASSIVE if periodic, else <=DISPATCH */
BOOLEAN NdisCancelTimerObject(NDIS_HANDLE Handle);

/* IRQL: <=DISPATCH */
NDIS_HANDLE NdisAllocateIoWorkItem(NDIS_HANDLE Handle);
VOID NdisQueueIoWorkItem(NDIS_HANDLE NdisIoWorkItemHandle, NDIS_IO_WORKITEM_ROUTINE Routine,
    PVOID WorkItemContext);
VOID NdisFreeIoWorkItem(NDIS_HANDLE Handle);

/* IRQL: any */
VOID NdisInitializeEvent(PNDIS_EVENT Event);

/* IRQL: <=DISPATCH */
VOID NdisSetEvent(PNDIS_EVENT Event);
VOID NdisResetEvent(PNDIS_EVENT Event);

/* IRQL: PASSIVE */
BOOLEAN NdisWaitEvent(PNDIS_EVENT Event, UINT MillisecondsToWait);

/* IRQL: <=DISPATCH */
VOID NdisWriteErrorLogEntry(NDIS_HANDLE NdisAdapterHandle, NDIS_ERROR_CODE ErrorCode,
    ULONG NumberOfErrorValues, ...);
NDIS_STATUS NdisWriteEventLogEntry(PVOID LogHandle, NDIS_STATUS EventCode, ULONG UniqueEventValue,
    USHORT NumStrings, PVOID StringsList, ULONG DataSize, PVOID Data);
UINT NdisGetVersion(VOID);

/* IRQL: any */
VOID NdisGetSystemUpTimeEx(PLARGE_INTEGER LargeInteger);

/* IRQL: <=DISPATCH */
NDIS_STATUS NdisGetRssProcessorInformation(NDIS_HANDLE Handle, PNDIS_RSS_PROCESSOR_INFO RssProcessorInfo,
    PSIZE_T SizeT);
NDIS_STATUS NdisGetProcessorInformationEx(NDIS_HANDLE Handle,
    PNDIS_SYSTEM_PROCESSOR_INFO_EX SystemProcessorInfoEx, PSIZE_T SizeT);
NDIS_STATUS NdisGetHypervisorInfo(PNDIS_HYPERVISOR_INFO HypervisorInfo);

/* IRQL: PASSIVE */
NDIS_STATUS NdisRegisterDeviceEx(NDIS_HANDLE NdisHandle,
    PNDIS_DEVICE_OBJECT_ATTRIBUTES DeviceObjectAttributes, PDEVICE_OBJECT *DeviceObject,
    PNDIS_HANDLE NdisDeviceHandle);
VOID NdisDeregisterDeviceEx(NDIS_HANDLE Handle);

/* IRQL: any */
PVOID NdisGetDeviceReservedExtension(PDEVICE_OBJECT DeviceObject);

/* IRQL: <=DISPATCH */
ULONG NdisGetSharedDataAlignment(VOID);

/* IRQL: PASSIVE */
PVOID NdisGetRoutineAddress(PNDIS_STRING Name);

/* IRQL: any */
ULONG NdisGroupActiveProcessorCount(USHORT Group);
ULONG NdisSystemActiveProcessorCount(PKAFFINITY Kaffinity);

/* IRQL: =DISPATCH */
ULONG NdisCurrentProcessorIndex(VOID);

/* IRQL: <=DISPATCH */
PNDIS_GENERIC_OBJECT NdisAllocateGenericObject(PDRIVER_OBJECT DriverObject, ULONG Tag, USHORT Size);
VOID NdisFreeGenericObject(PNDIS_GENERIC_OBJECT GenericObject);

/* IRQL: PASSIVE */
NDIS_STATUS NdisIfGetInterfaceIndexFromNetLuid(NET_LUID Luid, PNET_IFINDEX Ifindex);
NDIS_STATUS NdisRegisterProtocolDriver(NDIS_HANDLE ProtocolDriverContext,
    PNDIS_PROTOCOL_DRIVER_CHARACTERISTICS ProtocolCharacteristics, PNDIS_HANDLE NdisProtocolHandle);
VOID NdisDeregisterProtocolDriver(NDIS_HANDLE Handle);
NDIS_STATUS NdisOpenAdapterEx(NDIS_HANDLE NdisProtocolHandle, NDIS_HANDLE ProtocolBindingContext,
    PNDIS_OPEN_PARAMETERS OpenParameters, NDIS_HANDLE BindContext, PNDIS_HANDLE NdisBindingHandle);
NDIS_STATUS NdisCloseAdapterEx(NDIS_HANDLE Handle);

/* IRQL: <=DISPATCH */
NDIS_STATUS NdisOidRequest(NDIS_HANDLE Handle, PNDIS_OID_REQUEST OidRequest);
VOID NdisSendNetBufferLists(NDIS_HANDLE NdisBindingHandle, PNET_BUFFER_LIST NetBufferLists,
    NDIS_PORT_NUMBER PortNumber, ULONG SendFlags);
VOID NdisReturnNetBufferLists(NDIS_HANDLE NdisBindingHandle, PNET_BUFFER_LIST NetBufferLists,
    ULONG ReturnFlags);
