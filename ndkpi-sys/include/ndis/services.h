/* Configuration, timers, work items, locks, events and control devices. */
#pragma once
#include "object.h"

/** Names the key that NdisOpenConfigurationEx opens. */
typedef struct NDIS_CONFIGURATION_OBJECT {
    NDIS_OBJECT_HEADER Header;
    NDIS_HANDLE NdisHandle;
    ULONG Flags;
} NDIS_CONFIGURATION_OBJECT, *PNDIS_CONFIGURATION_OBJECT;

CONST_U8(NDIS_CONFIGURATION_OBJECT_REVISION_1, 1);
CONST_U16(NDIS_SIZEOF_CONFIGURATION_OBJECT_REVISION_1, 20);

typedef enum NDIS_PARAMETER_TYPE {
    NdisParameterInteger = 0,
    NdisParameterHexInteger = 1,
    NdisParameterString = 2,
    NdisParameterMultiString = 3,
    NdisParameterBinary = 4
} NDIS_PARAMETER_TYPE;

typedef struct BINARY_DATA {
    USHORT Length;
    PVOID Buffer;
} BINARY_DATA;

/** A value read from the configuration; the memory belongs to the configuration handle. */
typedef struct NDIS_CONFIGURATION_PARAMETER {
    NDIS_PARAMETER_TYPE ParameterType;
    union {
        ULONG IntegerData;
        NDIS_STRING StringData;
        BINARY_DATA BinaryData;
    } ParameterData;
} NDIS_CONFIGURATION_PARAMETER, *PNDIS_CONFIGURATION_PARAMETER;

/** DISPATCH. */
typedef VOID (*NDIS_TIMER_FUNCTION)(PVOID SystemSpecific1, PVOID FunctionContext, PVOID SystemSpecific2,
    PVOID SystemSpecific3);

typedef struct NDIS_TIMER_CHARACTERISTICS {
    NDIS_OBJECT_HEADER Header;
    ULONG AllocationTag;
    NDIS_TIMER_FUNCTION TimerFunction;
    PVOID FunctionContext;
} NDIS_TIMER_CHARACTERISTICS, *PNDIS_TIMER_CHARACTERISTICS;

CONST_U8(NDIS_TIMER_CHARACTERISTICS_REVISION_1, 1);
CONST_U16(NDIS_SIZEOF_TIMER_CHARACTERISTICS_REVISION_1, sizeof(NDIS_TIMER_CHARACTERISTICS));

/** PASSIVE. May free its own item. */
typedef VOID (*NDIS_IO_WORKITEM_ROUTINE)(PVOID WorkItemContext, NDIS_HANDLE NdisIoWorkItemHandle);

/** A spin lock with the level to go back to. */
typedef struct NDIS_SPIN_LOCK {
    KSPIN_LOCK SpinLock;
    KIRQL OldIrql;
} NDIS_SPIN_LOCK, *PNDIS_SPIN_LOCK;

typedef struct NDIS_RW_LOCK_EX NDIS_RW_LOCK_EX, *PNDIS_RW_LOCK_EX;

typedef struct LOCK_STATE_EX {
    KIRQL OldIrql;
    UCHAR LockState;
    UCHAR Flags;
} LOCK_STATE_EX, *PLOCK_STATE_EX;

CONST_U8(NDIS_RWL_AT_DISPATCH_LEVEL, 1);

/** A kernel event object of 24 bytes. */
typedef struct NDIS_EVENT {
    ULONG_PTR Event[3];
} NDIS_EVENT, *PNDIS_EVENT;

typedef NTSTATUS (*PDRIVER_DISPATCH)(PDEVICE_OBJECT DeviceObject, PIRP Irp);

/** A control device of a miniport driver. */
typedef struct NDIS_DEVICE_OBJECT_ATTRIBUTES {
    NDIS_OBJECT_HEADER Header;
    PNDIS_STRING DeviceName;
    PNDIS_STRING SymbolicName;
    PDRIVER_DISPATCH *MajorFunctions;
    ULONG ExtensionSize;
    const UNICODE_STRING *DefaultSDDLString;
    const GUID *DeviceClassGuid;
} NDIS_DEVICE_OBJECT_ATTRIBUTES, *PNDIS_DEVICE_OBJECT_ATTRIBUTES;

CONST_U8(NDIS_DEVICE_OBJECT_ATTRIBUTES_REVISION_1, 1);
CONST_U16(NDIS_SIZEOF_DEVICE_OBJECT_ATTRIBUTES_REVISION_1, sizeof(NDIS_DEVICE_OBJECT_ATTRIBUTES));

typedef struct NDIS_GENERIC_OBJECT {
    NDIS_OBJECT_HEADER Header;
    PVOID Caller;
    PVOID CallersCaller;
    PDRIVER_OBJECT DriverObject;
} NDIS_GENERIC_OBJECT, *PNDIS_GENERIC_OBJECT;

typedef enum NDIS_HYPERVISOR_PARTITION_TYPE {
    NdisHypervisorPartitionTypeUnknown = 0,
    NdisHypervisorPartitionTypeMsHvParent = 1,
    NdisHypervisorPartitionMsHvChild = 2
} NDIS_HYPERVISOR_PARTITION_TYPE;

typedef struct NDIS_HYPERVISOR_INFO {
    NDIS_OBJECT_HEADER Header;
    ULONG Flags;
    NDIS_HYPERVISOR_PARTITION_TYPE PartitionType;
} NDIS_HYPERVISOR_INFO, *PNDIS_HYPERVISOR_INFO;

typedef ULONG NDIS_ERROR_CODE;
CONST_U32(NDIS_ERROR_CODE_RESOURCE_CONFLICT, 0xC0001388);
CONST_U32(NDIS_ERROR_CODE_OUT_OF_RESOURCES, 0xC0001389);
CONST_U32(NDIS_ERROR_CODE_HARDWARE_FAILURE, 0xC000138A);
CONST_U32(NDIS_ERROR_CODE_ADAPTER_NOT_FOUND, 0xC000138B);
CONST_U32(NDIS_ERROR_CODE_DRIVER_FAILURE, 0xC000138D);
CONST_U32(NDIS_ERROR_CODE_UNSUPPORTED_CONFIGURATION, 0xC0001391);
CONST_U32(NDIS_ERROR_CODE_INVALID_VALUE_FROM_ADAPTER, 0xC0001392);
CONST_U32(NDIS_ERROR_CODE_MISSING_CONFIGURATION_PARAMETER, 0xC0001393);
