//! Aliases and records of the table, and the aliases that only hand-written files use.

use crate::*;

include!("generated/types.rs");

pub type CSHORT = ::core::ffi::c_short;
pub type DEVICE_OBJECT = _DEVICE_OBJECT;
pub type DEVICE_TYPE = ULONG;
pub type DISPATCHER_HEADER = _DISPATCHER_HEADER;
pub type DRIVER_OBJECT = _DRIVER_OBJECT;
pub type DWORD = ::core::ffi::c_ulong;
pub type ERESOURCE = _ERESOURCE;
pub type EVENT_DATA_DESCRIPTOR = _EVENT_DATA_DESCRIPTOR;
pub type EX_RUNDOWN_REF = _EX_RUNDOWN_REF;
pub type EX_SPIN_LOCK = LONG;
pub type FAST_MUTEX = _FAST_MUTEX;
pub type GROUP_AFFINITY = _GROUP_AFFINITY;
pub type INT = ::core::ffi::c_int;
pub type IO_STATUS_BLOCK = _IO_STATUS_BLOCK;
pub type KDPC = _KDPC;
pub type KEVENT = _KEVENT;
pub type KLOCK_QUEUE_HANDLE = _KLOCK_QUEUE_HANDLE;
pub type KMUTANT = _KMUTANT;
pub type KMUTEX = _KMUTANT;
pub type KSEMAPHORE = _KSEMAPHORE;
pub type KTIMER = _KTIMER;
pub type KWAIT_BLOCK = _KWAIT_BLOCK;
pub type LIST_ENTRY = _LIST_ENTRY;
pub type LOOKASIDE_LIST_EX = _LOOKASIDE_LIST_EX;
pub type LPGUID = *mut GUID;
pub type MDL = _MDL;
pub type NPAGED_LOOKASIDE_LIST = _NPAGED_LOOKASIDE_LIST;
pub type OSVERSIONINFOEXW = _OSVERSIONINFOEXW;
pub type OSVERSIONINFOW = _OSVERSIONINFOW;
pub type PBOOLEAN = *mut BOOLEAN;
pub type PCHAR = *mut CHAR;
pub type PDRIVER_CANCEL = DRIVER_CANCEL;
pub type PDRIVER_DISPATCH = DRIVER_DISPATCH;
pub type PDRIVER_INITIALIZE = DRIVER_INITIALIZE;
pub type PDRIVER_STARTIO = DRIVER_STARTIO;
pub type PDRIVER_UNLOAD = DRIVER_UNLOAD;
pub type PETHREAD = *mut _KTHREAD;
pub type PFAST_IO_DISPATCH = *mut _FAST_IO_DISPATCH;
pub type PFILE_OBJECT = *mut _FILE_OBJECT;
pub type PFN_NUMBER = ULONG_PTR;
pub type PGUID = *mut GUID;
pub type PIO_SECURITY_CONTEXT = *mut _IO_SECURITY_CONTEXT;
pub type PIO_STACK_LOCATION = *mut _IO_STACK_LOCATION;
pub type PIO_TIMER = *mut _IO_TIMER;
pub type PKEVENT = *mut _KEVENT;
pub type PKMUTEX = *mut _KMUTANT;
pub type PKSEMAPHORE = *mut _KSEMAPHORE;
pub type PLONG = *mut LONG;
pub type PLONGLONG = *mut LONGLONG;
pub type POWER_STATE = _POWER_STATE;
pub type PPFN_NUMBER = *mut ULONG_PTR;
pub type PPHYSICAL_ADDRESS = *mut LARGE_INTEGER;
pub type PPVOID = *mut PVOID;
pub type PROCESSOR_NUMBER = _PROCESSOR_NUMBER;
pub type PRTL_QUERY_REGISTRY_ROUTINE = RTL_QUERY_REGISTRY_ROUTINE;
pub type PSECURITY_DESCRIPTOR = PVOID;
pub type PSIZE_T = *mut ULONG_PTR;
pub type PULONGLONG = *mut ULONGLONG;
pub type PUSHORT = *mut USHORT;
pub type PVPB = *mut _VPB;
pub type PWCH = *mut WCHAR;
pub type PWCHAR = *mut WCHAR;
pub type PWSTR = *mut WCHAR;
pub type RTL_OSVERSIONINFOEXW = _OSVERSIONINFOEXW;
pub type RTL_OSVERSIONINFOW = _OSVERSIONINFOW;
pub type RTL_QUERY_REGISTRY_TABLE = _RTL_QUERY_REGISTRY_TABLE;
pub type SHORT = ::core::ffi::c_short;
pub type SINGLE_LIST_ENTRY = _SINGLE_LIST_ENTRY;
pub type SLIST_ENTRY = _SLIST_ENTRY;
pub type SLIST_HEADER = _SLIST_HEADER;
pub type ULARGE_INTEGER = _ULARGE_INTEGER;
pub type WORK_QUEUE_ITEM = _WORK_QUEUE_ITEM;
pub type XSTATE_SAVE = _XSTATE_SAVE;

pub type DRIVER_CANCEL =
    ::core::option::Option<unsafe extern "C" fn(DeviceObject: *mut _DEVICE_OBJECT, Irp: *mut _IRP)>;
pub type DRIVER_CONTROL = ::core::option::Option<
    unsafe extern "C" fn(
        DeviceObject: *mut _DEVICE_OBJECT,
        Irp: *mut _IRP,
        MapRegisterBase: PVOID,
        Context: PVOID,
    ) -> IO_ALLOCATION_ACTION,
>;
pub type DRIVER_DISPATCH =
    ::core::option::Option<unsafe extern "C" fn(DeviceObject: *mut _DEVICE_OBJECT, Irp: *mut _IRP) -> NTSTATUS>;
pub type DRIVER_ADD_DEVICE = ::core::option::Option<
    unsafe extern "C" fn(DriverObject: *mut _DRIVER_OBJECT, PhysicalDeviceObject: *mut _DEVICE_OBJECT) -> NTSTATUS,
>;
pub type PDRIVER_ADD_DEVICE = DRIVER_ADD_DEVICE;
pub type DRIVER_INITIALIZE = ::core::option::Option<
    unsafe extern "C" fn(DriverObject: *mut _DRIVER_OBJECT, RegistryPath: PUNICODE_STRING) -> NTSTATUS,
>;
pub type DRIVER_STARTIO =
    ::core::option::Option<unsafe extern "C" fn(DeviceObject: *mut _DEVICE_OBJECT, Irp: *mut _IRP)>;
pub type DRIVER_UNLOAD = ::core::option::Option<unsafe extern "C" fn(DriverObject: *mut _DRIVER_OBJECT)>;
pub type WORKER_THREAD_ROUTINE = ::core::option::Option<unsafe extern "C" fn(Parameter: PVOID)>;
pub type PWORKER_THREAD_ROUTINE = WORKER_THREAD_ROUTINE;
pub type RTL_QUERY_REGISTRY_ROUTINE = ::core::option::Option<
    unsafe extern "C" fn(
        ValueName: PWSTR,
        ValueType: ULONG,
        ValueData: PVOID,
        ValueLength: ULONG,
        Context: PVOID,
        EntryContext: PVOID,
    ) -> NTSTATUS,
>;
