//! Records of the public headers that the table lists by size alone, or not at all.
//!
//! Drivers read or fill their fields, so they are written out. Sizes, offsets and the names that
//! bindgen gives to unnamed members are facts of the headers; `layout.rs` proves what the table has.

use crate::*;

/// Declares C records the way bindgen does: C layout, `Copy`, an all-zero default.
macro_rules! c_records {
    ($($(#[$attribute:meta])* pub $kind:ident $name:ident { $(pub $field:ident: $type:ty,)* })*) => {$(
        #[repr(C)]
        $(#[$attribute])*
        #[derive(Copy, Clone)]
        pub $kind $name { $(pub $field: $type,)* }

        impl Default for $name {
            fn default() -> Self {
                // SAFETY: a C record of integers, pointers and optional function pointers: zero is valid.
                unsafe { ::core::mem::zeroed() }
            }
        }
    )*};
}
pub(crate) use c_records;

/// Declares types whose definition the public headers keep to themselves.
macro_rules! incomplete {
    ($($name:ident)*) => {$(
        #[repr(C)]
        #[derive(Debug, Copy, Clone)]
        pub struct $name { _unused: [u8; 0] }
    )*};
}

// `_EPROCESS` and `_KTHREAD` among them stay opaque to every driver.
incomplete! { _EPROCESS _ETHREAD _IO_TIMER _KQUEUE _FAST_IO_DISPATCH _DEVOBJ_EXTENSION _IO_SECURITY_CONTEXT _IO_CLIENT_EXTENSION _SECTION_OBJECT_POINTERS _VPB }

// Dispatcher objects and locks.
c_records! {
    pub union _DISPATCHER_HEADER__bindgen_ty_1 {
        pub __bindgen_anon_1: _DISPATCHER_HEADER__bindgen_ty_1__bindgen_ty_1,
        pub __bindgen_anon_2: _DISPATCHER_HEADER__bindgen_ty_1__bindgen_ty_2,
    }
    pub union _DISPATCHER_HEADER__bindgen_ty_1__bindgen_ty_1 {
        pub Lock: LONG,
        pub LockNV: LONG,
    }
    pub struct _DISPATCHER_HEADER__bindgen_ty_1__bindgen_ty_2 {
        pub Type: UCHAR,
        pub Signalling: UCHAR,
        pub Size: UCHAR,
        pub Reserved1: UCHAR,
    }
    pub union _KDPC__bindgen_ty_1 {
        pub TargetInfoAsUlong: ULONG,
        pub __bindgen_anon_1: _KDPC__bindgen_ty_1__bindgen_ty_1,
    }
    pub struct _KDPC__bindgen_ty_1__bindgen_ty_1 {
        pub Type: UCHAR,
        pub Importance: UCHAR,
        pub Number: USHORT,
    }
    pub union _KWAIT_BLOCK__bindgen_ty_1 {
        pub Thread: *mut _KTHREAD,
        pub NotificationQueue: *mut _KQUEUE,
        pub Dpc: *mut _KDPC,
    }
    pub struct _KMUTANT {
        pub Header: DISPATCHER_HEADER,
        pub MutantListEntry: LIST_ENTRY,
        pub OwnerThread: *mut _KTHREAD,
        pub __bindgen_anon_1: _KMUTANT__bindgen_ty_1,
        pub ApcDisable: UCHAR,
    }
    pub union _KMUTANT__bindgen_ty_1 {
        pub MutantFlags: UCHAR,
        pub __bindgen_anon_1: _KMUTANT__bindgen_ty_1__bindgen_ty_1,
    }
    pub struct _KMUTANT__bindgen_ty_1__bindgen_ty_1 {
        pub _bitfield_1: [u8; 1],
    }
    pub struct _KSPIN_LOCK_QUEUE {
        pub Next: *mut _KSPIN_LOCK_QUEUE,
        pub Lock: PKSPIN_LOCK,
    }
    pub union _EX_RUNDOWN_REF__bindgen_ty_1 {
        pub Count: ULONG_PTR,
        pub Ptr: PVOID,
    }
    pub struct _KDEVICE_QUEUE {
        pub Type: CSHORT,
        pub Size: CSHORT,
        pub DeviceListHead: LIST_ENTRY,
        pub Lock: KSPIN_LOCK,
        pub __bindgen_anon_1: _KDEVICE_QUEUE__bindgen_ty_1,
    }
    pub union _KDEVICE_QUEUE__bindgen_ty_1 {
        pub Busy: BOOLEAN,
        pub __bindgen_anon_1: ULONGLONG,
    }
    pub struct _KDEVICE_QUEUE_ENTRY {
        pub DeviceListEntry: LIST_ENTRY,
        pub SortKey: ULONG,
        pub Inserted: BOOLEAN,
    }
    pub struct _KAPC {
        pub Type: UCHAR,
        pub AllFlags: UCHAR,
        pub Size: UCHAR,
        pub SpareByte1: UCHAR,
        pub SpareLong0: ULONG,
        pub Thread: *mut _KTHREAD,
        pub ApcListEntry: LIST_ENTRY,
        pub Reserved: [PVOID; 3],
        pub NormalContext: PVOID,
        pub SystemArgument1: PVOID,
        pub SystemArgument2: PVOID,
        pub ApcStateIndex: CCHAR,
        pub ApcMode: KPROCESSOR_MODE,
        pub Inserted: BOOLEAN,
    }
    pub struct _KBUGCHECK_REASON_CALLBACK_RECORD {
        pub Entry: LIST_ENTRY,
        pub CallbackRoutine: PKBUGCHECK_REASON_CALLBACK_ROUTINE,
        pub Component: PUCHAR,
        pub Checksum: ULONG_PTR,
        pub Reason: KBUGCHECK_CALLBACK_REASON,
        pub State: UCHAR,
    }
}
pub type KSPIN_LOCK_QUEUE = _KSPIN_LOCK_QUEUE;
pub type KDEVICE_QUEUE = _KDEVICE_QUEUE;
pub type KDEVICE_QUEUE_ENTRY = _KDEVICE_QUEUE_ENTRY;
pub type KAPC = _KAPC;
pub type KBUGCHECK_REASON_CALLBACK_RECORD = _KBUGCHECK_REASON_CALLBACK_RECORD;

// Integers in pieces, lists, strings.
c_records! {
    pub struct _LARGE_INTEGER__bindgen_ty_1 {
        pub LowPart: ULONG,
        pub HighPart: LONG,
    }
    pub struct _LARGE_INTEGER__bindgen_ty_2 {
        pub LowPart: ULONG,
        pub HighPart: LONG,
    }
    pub union _ULARGE_INTEGER {
        pub __bindgen_anon_1: _ULARGE_INTEGER__bindgen_ty_1,
        pub u: _ULARGE_INTEGER__bindgen_ty_2,
        pub QuadPart: ULONGLONG,
    }
    pub struct _ULARGE_INTEGER__bindgen_ty_1 {
        pub LowPart: ULONG,
        pub HighPart: ULONG,
    }
    pub struct _ULARGE_INTEGER__bindgen_ty_2 {
        pub LowPart: ULONG,
        pub HighPart: ULONG,
    }
    #[repr(align(16))]
    pub struct _SLIST_ENTRY {
        pub Next: *mut _SLIST_ENTRY,
    }
    pub struct _SLIST_HEADER__bindgen_ty_1 {
        pub Alignment: ULONGLONG,
        pub Region: ULONGLONG,
    }
    pub struct _SLIST_HEADER__bindgen_ty_2 {
        pub _bitfield_1: [u64; 2],
    }
    pub struct _WORK_QUEUE_ITEM {
        pub List: LIST_ENTRY,
        pub WorkerRoutine: PWORKER_THREAD_ROUTINE,
        pub Parameter: PVOID,
    }
}

// Versions, registry, events, processors, files.
c_records! {
    pub struct _OSVERSIONINFOW {
        pub dwOSVersionInfoSize: ULONG,
        pub dwMajorVersion: ULONG,
        pub dwMinorVersion: ULONG,
        pub dwBuildNumber: ULONG,
        pub dwPlatformId: ULONG,
        pub szCSDVersion: [WCHAR; 128],
    }
    pub struct _OSVERSIONINFOEXW {
        pub dwOSVersionInfoSize: ULONG,
        pub dwMajorVersion: ULONG,
        pub dwMinorVersion: ULONG,
        pub dwBuildNumber: ULONG,
        pub dwPlatformId: ULONG,
        pub szCSDVersion: [WCHAR; 128],
        pub wServicePackMajor: USHORT,
        pub wServicePackMinor: USHORT,
        pub wSuiteMask: USHORT,
        pub wProductType: UCHAR,
        pub wReserved: UCHAR,
    }
    pub struct _RTL_QUERY_REGISTRY_TABLE {
        pub QueryRoutine: PRTL_QUERY_REGISTRY_ROUTINE,
        pub Flags: ULONG,
        pub Name: PWSTR,
        pub EntryContext: PVOID,
        pub DefaultType: ULONG,
        pub DefaultData: PVOID,
        pub DefaultLength: ULONG,
    }
    pub struct _EVENT_DESCRIPTOR {
        pub Id: USHORT,
        pub Version: UCHAR,
        pub Channel: UCHAR,
        pub Level: UCHAR,
        pub Opcode: UCHAR,
        pub Task: USHORT,
        pub Keyword: ULONGLONG,
    }
    pub struct _EVENT_DATA_DESCRIPTOR {
        pub Ptr: ULONGLONG,
        pub Size: ULONG,
        pub __bindgen_anon_1: _EVENT_DATA_DESCRIPTOR__bindgen_ty_1,
    }
    pub union _EVENT_DATA_DESCRIPTOR__bindgen_ty_1 {
        pub Reserved: ULONG,
        pub __bindgen_anon_1: _EVENT_DATA_DESCRIPTOR__bindgen_ty_1__bindgen_ty_1,
    }
    pub struct _EVENT_DATA_DESCRIPTOR__bindgen_ty_1__bindgen_ty_1 {
        pub Type: UCHAR,
        pub Reserved1: UCHAR,
        pub Reserved2: USHORT,
    }
    pub struct _EVENT_FILTER_DESCRIPTOR {
        pub Ptr: ULONGLONG,
        pub Size: ULONG,
        pub Type: ULONG,
    }
    pub struct _KE_PROCESSOR_CHANGE_NOTIFY_CONTEXT {
        pub State: KE_PROCESSOR_CHANGE_NOTIFY_STATE::Type,
        pub NtNumber: ULONG,
        pub Status: NTSTATUS,
        pub ProcNumber: PROCESSOR_NUMBER,
    }
    pub struct _KDPC_WATCHDOG_INFORMATION {
        pub DpcTimeLimit: ULONG,
        pub DpcTimeCount: ULONG,
        pub DpcWatchdogLimit: ULONG,
        pub DpcWatchdogCount: ULONG,
        pub Reserved: ULONG,
    }
    pub struct _OBJECT_HANDLE_INFORMATION {
        pub HandleAttributes: ULONG,
        pub GrantedAccess: ACCESS_MASK,
    }
    pub struct _DEVPROPKEY {
        pub fmtid: GUID,
        pub pid: ULONG,
    }
    pub struct _KEY_VALUE_PARTIAL_INFORMATION {
        pub TitleIndex: ULONG,
        pub Type: ULONG,
        pub DataLength: ULONG,
        pub Data: [UCHAR; 1],
    }
    pub struct _FILE_STANDARD_INFORMATION {
        pub AllocationSize: LARGE_INTEGER,
        pub EndOfFile: LARGE_INTEGER,
        pub NumberOfLinks: ULONG,
        pub DeletePending: BOOLEAN,
        pub Directory: BOOLEAN,
    }
    pub struct _FILE_END_OF_FILE_INFORMATION {
        pub EndOfFile: LARGE_INTEGER,
    }
    pub struct _FILE_POSITION_INFORMATION {
        pub CurrentByteOffset: LARGE_INTEGER,
    }
}
pub type EVENT_FILTER_DESCRIPTOR = _EVENT_FILTER_DESCRIPTOR;
pub type KE_PROCESSOR_CHANGE_NOTIFY_CONTEXT = _KE_PROCESSOR_CHANGE_NOTIFY_CONTEXT;
pub type KDPC_WATCHDOG_INFORMATION = _KDPC_WATCHDOG_INFORMATION;
pub type OBJECT_HANDLE_INFORMATION = _OBJECT_HANDLE_INFORMATION;
pub type KEY_VALUE_PARTIAL_INFORMATION = _KEY_VALUE_PARTIAL_INFORMATION;
pub type PKEY_VALUE_PARTIAL_INFORMATION = *mut _KEY_VALUE_PARTIAL_INFORMATION;
pub type FILE_STANDARD_INFORMATION = _FILE_STANDARD_INFORMATION;
pub type PFILE_STANDARD_INFORMATION = *mut _FILE_STANDARD_INFORMATION;
pub type FILE_END_OF_FILE_INFORMATION = _FILE_END_OF_FILE_INFORMATION;
pub type FILE_POSITION_INFORMATION = _FILE_POSITION_INFORMATION;
