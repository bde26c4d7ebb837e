// @generated from docs/contract/wdk-sys-api.tsv by `cargo xtask standin`; do not edit.

pub type ACCESS_MASK = ULONG;
pub type ALLOCATE_FUNCTION = ::core::option::Option<
    unsafe extern "C" fn(PoolType: POOL_TYPE, NumberOfBytes: SIZE_T, Tag: ULONG) -> PVOID,
>;
pub type ALLOCATE_FUNCTION_EX = ::core::option::Option<
    unsafe extern "C" fn(
        PoolType: POOL_TYPE,
        NumberOfBytes: SIZE_T,
        Tag: ULONG,
        Lookaside: PLOOKASIDE_LIST_EX,
    ) -> PVOID,
>;
pub type BOOLEAN = UCHAR;
pub type CCHAR = ::core::ffi::c_char;
pub type CHAR = ::core::ffi::c_char;
pub type CLIENT_ID = _CLIENT_ID;
pub type DEVPROPKEY = _DEVPROPKEY;
pub type EVENT_DESCRIPTOR = _EVENT_DESCRIPTOR;
pub type EXT_CALLBACK = ::core::option::Option<
    unsafe extern "C" fn(Timer: PEX_TIMER, Context: PVOID),
>;
pub type FREE_FUNCTION = ::core::option::Option<unsafe extern "C" fn(Buffer: PVOID)>;
pub type FREE_FUNCTION_EX = ::core::option::Option<
    unsafe extern "C" fn(Buffer: PVOID, Lookaside: PLOOKASIDE_LIST_EX),
>;
pub type GUID = _GUID;
pub type HANDLE = *mut ::core::ffi::c_void;
pub type IO_COMPLETION_ROUTINE = ::core::option::Option<
    unsafe extern "C" fn(
        DeviceObject: PDEVICE_OBJECT,
        Irp: PIRP,
        Context: PVOID,
    ) -> NTSTATUS,
>;
pub type IO_WORKITEM_ROUTINE = ::core::option::Option<
    unsafe extern "C" fn(DeviceObject: PDEVICE_OBJECT, Context: PVOID),
>;
pub type IO_WORKITEM_ROUTINE_EX = ::core::option::Option<
    unsafe extern "C" fn(IoObject: PVOID, Context: PVOID, IoWorkItem: PIO_WORKITEM),
>;
pub type IRP = _IRP;
pub type KAFFINITY = ULONG_PTR;
pub type KBUGCHECK_REASON_CALLBACK_ROUTINE = ::core::option::Option<
    unsafe extern "C" fn(
        Reason: KBUGCHECK_CALLBACK_REASON,
        Record: *mut _KBUGCHECK_REASON_CALLBACK_RECORD,
        ReasonSpecificData: PVOID,
        ReasonSpecificDataLength: ULONG,
    ),
>;
pub type KDEFERRED_ROUTINE = ::core::option::Option<
    unsafe extern "C" fn(
        Dpc: *mut _KDPC,
        DeferredContext: PVOID,
        SystemArgument1: PVOID,
        SystemArgument2: PVOID,
    ),
>;
pub type KIRQL = UCHAR;
pub type KPRIORITY = LONG;
pub type KPROCESSOR_MODE = CCHAR;
pub type KSPIN_LOCK = ULONG_PTR;
pub type KSTART_ROUTINE = ::core::option::Option<
    unsafe extern "C" fn(StartContext: PVOID),
>;
pub type LARGE_INTEGER = _LARGE_INTEGER;
pub type LCID = ULONG;
pub type LOGICAL = ULONG;
pub type LONG = ::core::ffi::c_long;
pub type LONGLONG = ::core::ffi::c_longlong;
pub type LONG_PTR = ::core::ffi::c_longlong;
pub type LPCGUID = *const GUID;
pub type NODE_REQUIREMENT = ULONG;
pub type NTSTATUS = LONG;
pub type OBJECT_ATTRIBUTES = _OBJECT_ATTRIBUTES;
pub type PALLOCATE_FUNCTION = ALLOCATE_FUNCTION;
pub type PALLOCATE_FUNCTION_EX = ALLOCATE_FUNCTION_EX;
pub type PANSI_STRING = PSTRING;
pub type PCCH = *const CHAR;
pub type PCEVENT_DESCRIPTOR = *const EVENT_DESCRIPTOR;
pub type PCLIENT_ID = *mut CLIENT_ID;
pub type PCSTR = *const CHAR;
pub type PCUNICODE_STRING = *const UNICODE_STRING;
pub type PCWSTR = *const WCHAR;
pub type PDEVICE_OBJECT = *mut _DEVICE_OBJECT;
pub type PDEVPROPTYPE = *mut ULONG;
pub type PDRIVER_OBJECT = *mut _DRIVER_OBJECT;
pub type PEPROCESS = *mut _KPROCESS;
pub type PERESOURCE = *mut _ERESOURCE;
pub type PETWENABLECALLBACK = ::core::option::Option<
    unsafe extern "C" fn(
        SourceId: LPCGUID,
        ControlCode: ULONG,
        Level: UCHAR,
        MatchAnyKeyword: ULONGLONG,
        MatchAllKeyword: ULONGLONG,
        FilterData: PEVENT_FILTER_DESCRIPTOR,
        CallbackContext: PVOID,
    ),
>;
pub type PEVENT_DATA_DESCRIPTOR = *mut _EVENT_DATA_DESCRIPTOR;
pub type PEVENT_FILTER_DESCRIPTOR = *mut _EVENT_FILTER_DESCRIPTOR;
pub type PEXPAND_STACK_CALLOUT = ::core::option::Option<
    unsafe extern "C" fn(arg1: PVOID),
>;
pub type PEXT_CALLBACK = EXT_CALLBACK;
pub type PEXT_CANCEL_PARAMETERS = PVOID;
pub type PEXT_DELETE_PARAMETERS = *mut _EXT_DELETE_PARAMETERS;
pub type PEXT_SET_PARAMETERS = *mut _EXT_SET_PARAMETERS_V0;
pub type PEX_RUNDOWN_REF = *mut _EX_RUNDOWN_REF;
pub type PEX_RUNDOWN_REF_CACHE_AWARE = *mut _EX_RUNDOWN_REF_CACHE_AWARE;
pub type PEX_SPIN_LOCK = *mut LONG;
pub type PEX_TIMER = *mut _EX_TIMER;
pub type PFAST_MUTEX = *mut _FAST_MUTEX;
pub type PFREE_FUNCTION = FREE_FUNCTION;
pub type PFREE_FUNCTION_EX = FREE_FUNCTION_EX;
pub type PGROUP_AFFINITY = *mut _GROUP_AFFINITY;
pub type PHANDLE = *mut HANDLE;
pub type PHYSICAL_ADDRESS = LARGE_INTEGER;
pub type PIO_APC_ROUTINE = ::core::option::Option<
    unsafe extern "C" fn(
        ApcContext: PVOID,
        IoStatusBlock: PIO_STATUS_BLOCK,
        Reserved: ULONG,
    ),
>;
pub type PIO_COMPLETION_ROUTINE = IO_COMPLETION_ROUTINE;
pub type PIO_STATUS_BLOCK = *mut _IO_STATUS_BLOCK;
pub type PIO_WORKITEM = *mut _IO_WORKITEM;
pub type PIO_WORKITEM_ROUTINE = IO_WORKITEM_ROUTINE;
pub type PIO_WORKITEM_ROUTINE_EX = IO_WORKITEM_ROUTINE_EX;
pub type PIRP = *mut IRP;
pub type PKBUGCHECK_REASON_CALLBACK_RECORD = *mut _KBUGCHECK_REASON_CALLBACK_RECORD;
pub type PKBUGCHECK_REASON_CALLBACK_ROUTINE = KBUGCHECK_REASON_CALLBACK_ROUTINE;
pub type PKDEFERRED_ROUTINE = KDEFERRED_ROUTINE;
pub type PKDPC = *mut _KDPC;
pub type PKDPC_WATCHDOG_INFORMATION = *mut _KDPC_WATCHDOG_INFORMATION;
pub type PKE_PROCESSOR_CHANGE_NOTIFY_CONTEXT = *mut _KE_PROCESSOR_CHANGE_NOTIFY_CONTEXT;
pub type PKIRQL = *mut KIRQL;
pub type PKLOCK_QUEUE_HANDLE = *mut _KLOCK_QUEUE_HANDLE;
pub type PKSPIN_LOCK = *mut KSPIN_LOCK;
pub type PKSTART_ROUTINE = KSTART_ROUTINE;
pub type PKTHREAD = *mut _KTHREAD;
pub type PKTIMER = *mut _KTIMER;
pub type PKWAIT_BLOCK = *mut _KWAIT_BLOCK;
pub type PLARGE_INTEGER = *mut LARGE_INTEGER;
pub type PLIST_ENTRY = *mut _LIST_ENTRY;
pub type PLOOKASIDE_LIST_EX = *mut _LOOKASIDE_LIST_EX;
pub type PMDL = *mut _MDL;
pub type PNPAGED_LOOKASIDE_LIST = *mut _NPAGED_LOOKASIDE_LIST;
pub type PNTSTATUS = *mut NTSTATUS;
pub type POBJECT_ATTRIBUTES = *mut OBJECT_ATTRIBUTES;
pub type POBJECT_HANDLE_INFORMATION = *mut _OBJECT_HANDLE_INFORMATION;
pub type POBJECT_TYPE = *mut _OBJECT_TYPE;
pub type POOL_FLAGS = ULONG64;
pub type PPCW_REGISTRATION = *mut _PCW_REGISTRATION;
pub type PPCW_REGISTRATION_INFORMATION = *mut _PCW_REGISTRATION_INFORMATION;
pub type PPROCESSOR_CALLBACK_FUNCTION = PROCESSOR_CALLBACK_FUNCTION;
pub type PPROCESSOR_NUMBER = *mut _PROCESSOR_NUMBER;
pub type PREGHANDLE = *mut ULONGLONG;
pub type PRKDPC = *mut _KDPC;
pub type PRKEVENT = *mut _KEVENT;
pub type PRKMUTEX = *mut _KMUTANT;
pub type PRKSEMAPHORE = *mut _KSEMAPHORE;
pub type PROCESSOR_CALLBACK_FUNCTION = ::core::option::Option<
    unsafe extern "C" fn(
        CallbackContext: PVOID,
        ChangeContext: PKE_PROCESSOR_CHANGE_NOTIFY_CONTEXT,
        OperationStatus: PNTSTATUS,
    ),
>;
pub type PRTL_OSVERSIONINFOEXW = *mut _OSVERSIONINFOEXW;
pub type PRTL_OSVERSIONINFOW = *mut _OSVERSIONINFOW;
pub type PRTL_QUERY_REGISTRY_TABLE = *mut _RTL_QUERY_REGISTRY_TABLE;
pub type PSLIST_ENTRY = *mut _SLIST_ENTRY;
pub type PSLIST_HEADER = *mut _SLIST_HEADER;
pub type PSTRING = *mut STRING;
pub type PUCHAR = *mut UCHAR;
pub type PULONG = *mut ULONG;
pub type PULONG64 = *mut ::core::ffi::c_ulonglong;
pub type PULONG_PTR = *mut ::core::ffi::c_ulonglong;
pub type PUNICODE_STRING = *mut UNICODE_STRING;
pub type PVOID = *mut ::core::ffi::c_void;
pub type PWORK_QUEUE_ITEM = *mut _WORK_QUEUE_ITEM;
pub type PXSTATE_SAVE = *mut _XSTATE_SAVE;
pub type REGHANDLE = ULONGLONG;
pub type SIZE_T = ULONG_PTR;
pub type STRING = _STRING;
pub type UCHAR = ::core::ffi::c_uchar;
pub type ULONG = ::core::ffi::c_ulong;
pub type ULONG64 = ::core::ffi::c_ulonglong;
pub type ULONGLONG = ::core::ffi::c_ulonglong;
pub type ULONG_PTR = ::core::ffi::c_ulonglong;
pub type UNICODE_STRING = _UNICODE_STRING;
pub type USHORT = ::core::ffi::c_ushort;
pub type UUID = GUID;
pub type WCHAR = wchar_t;
pub type va_list = *mut ::core::ffi::c_char;
pub type wchar_t = ::core::ffi::c_ushort;
#[repr(C)]
#[derive(Copy, Clone)]
pub struct _CLIENT_ID {
    pub UniqueProcess: HANDLE,
    pub UniqueThread: HANDLE,
}
impl Default for _CLIENT_ID {
    fn default() -> Self {
        // SAFETY: a C record of integers, pointers and optional function pointers: zero is valid.
        unsafe { ::core::mem::zeroed() }
    }
}
#[repr(C, align(16))]
#[derive(Copy, Clone)]
pub struct _CONTEXT {
    _opaque: [u8; 1232],
}
impl Default for _CONTEXT {
    fn default() -> Self {
        // SAFETY: a C record of integers, pointers and optional function pointers: zero is valid.
        unsafe { ::core::mem::zeroed() }
    }
}
#[repr(C, align(16))]
#[derive(Copy, Clone)]
pub struct _DEVICE_OBJECT {
    pub Type: CSHORT,
    pub Size: USHORT,
    pub ReferenceCount: LONG,
    pub DriverObject: *mut _DRIVER_OBJECT,
    pub NextDevice: *mut _DEVICE_OBJECT,
    pub AttachedDevice: *mut _DEVICE_OBJECT,
    pub CurrentIrp: *mut _IRP,
    pub Timer: PIO_TIMER,
    pub Flags: ULONG,
    pub Characteristics: ULONG,
    pub Vpb: PVPB,
    pub DeviceExtension: PVOID,
    pub DeviceType: ULONG,
    pub StackSize: CCHAR,
    pub Queue: _DEVICE_OBJECT__bindgen_ty_1,
    pub AlignmentRequirement: ULONG,
    pub DeviceQueue: KDEVICE_QUEUE,
    pub Dpc: KDPC,
    pub ActiveThreadCount: ULONG,
    pub SecurityDescriptor: PSECURITY_DESCRIPTOR,
    pub DeviceLock: KEVENT,
    pub SectorSize: USHORT,
    pub Spare1: USHORT,
    pub DeviceObjectExtension: *mut _DEVOBJ_EXTENSION,
    pub Reserved: PVOID,
}
impl Default for _DEVICE_OBJECT {
    fn default() -> Self {
        // SAFETY: a C record of integers, pointers and optional function pointers: zero is valid.
        unsafe { ::core::mem::zeroed() }
    }
}
#[repr(C)]
#[derive(Debug, Copy, Clone)]
pub struct _DISPATCHER_CONTEXT {
    _unused: [u8; 0],
}
#[repr(C)]
#[derive(Copy, Clone)]
pub struct _DISPATCHER_HEADER {
    pub __bindgen_anon_1: _DISPATCHER_HEADER__bindgen_ty_1,
    pub SignalState: LONG,
    pub WaitListHead: LIST_ENTRY,
}
impl Default for _DISPATCHER_HEADER {
    fn default() -> Self {
        // SAFETY: a C record of integers, pointers and optional function pointers: zero is valid.
        unsafe { ::core::mem::zeroed() }
    }
}
#[repr(C)]
#[derive(Copy, Clone)]
pub struct _DRIVER_OBJECT {
    pub Type: CSHORT,
    pub Size: CSHORT,
    pub DeviceObject: PDEVICE_OBJECT,
    pub Flags: ULONG,
    pub DriverStart: PVOID,
    pub DriverSize: ULONG,
    pub DriverSection: PVOID,
    pub DriverExtension: PDRIVER_EXTENSION,
    pub DriverName: UNICODE_STRING,
    pub HardwareDatabase: PUNICODE_STRING,
    pub FastIoDispatch: PFAST_IO_DISPATCH,
    pub DriverInit: PDRIVER_INITIALIZE,
    pub DriverStartIo: PDRIVER_STARTIO,
    pub DriverUnload: PDRIVER_UNLOAD,
    pub MajorFunction: [PDRIVER_DISPATCH; 28usize],
}
impl Default for _DRIVER_OBJECT {
    fn default() -> Self {
        // SAFETY: a C record of integers, pointers and optional function pointers: zero is valid.
        unsafe { ::core::mem::zeroed() }
    }
}
#[repr(C, align(8))]
#[derive(Copy, Clone)]
pub struct _ERESOURCE {
    _opaque: [u8; 104],
}
impl Default for _ERESOURCE {
    fn default() -> Self {
        // SAFETY: a C record of integers, pointers and optional function pointers: zero is valid.
        unsafe { ::core::mem::zeroed() }
    }
}
#[repr(C, align(8))]
#[derive(Copy, Clone)]
pub struct _EXCEPTION_RECORD {
    _opaque: [u8; 152],
}
impl Default for _EXCEPTION_RECORD {
    fn default() -> Self {
        // SAFETY: a C record of integers, pointers and optional function pointers: zero is valid.
        unsafe { ::core::mem::zeroed() }
    }
}
#[repr(C, align(8))]
#[derive(Copy, Clone)]
pub struct _EXT_DELETE_PARAMETERS {
    _opaque: [u8; 24],
}
impl Default for _EXT_DELETE_PARAMETERS {
    fn default() -> Self {
        // SAFETY: a C record of integers, pointers and optional function pointers: zero is valid.
        unsafe { ::core::mem::zeroed() }
    }
}
#[repr(C, align(8))]
#[derive(Copy, Clone)]
pub struct _EXT_SET_PARAMETERS_V0 {
    _opaque: [u8; 16],
}
impl Default for _EXT_SET_PARAMETERS_V0 {
    fn default() -> Self {
        // SAFETY: a C record of integers, pointers and optional function pointers: zero is valid.
        unsafe { ::core::mem::zeroed() }
    }
}
#[repr(C)]
#[derive(Copy, Clone)]
pub struct _EX_RUNDOWN_REF {
    pub __bindgen_anon_1: _EX_RUNDOWN_REF__bindgen_ty_1,
}
impl Default for _EX_RUNDOWN_REF {
    fn default() -> Self {
        // SAFETY: a C record of integers, pointers and optional function pointers: zero is valid.
        unsafe { ::core::mem::zeroed() }
    }
}
#[repr(C)]
#[derive(Debug, Copy, Clone)]
pub struct _EX_RUNDOWN_REF_CACHE_AWARE {
    _unused: [u8; 0],
}
#[repr(C)]
#[derive(Debug, Copy, Clone)]
pub struct _EX_TIMER {
    _unused: [u8; 0],
}
#[repr(C)]
#[derive(Copy, Clone)]
pub struct _FAST_MUTEX {
    pub Count: LONG,
    pub Owner: PVOID,
    pub Contention: ULONG,
    pub Event: KEVENT,
    pub OldIrql: ULONG,
}
impl Default for _FAST_MUTEX {
    fn default() -> Self {
        // SAFETY: a C record of integers, pointers and optional function pointers: zero is valid.
        unsafe { ::core::mem::zeroed() }
    }
}
#[repr(C)]
#[derive(Copy, Clone)]
pub struct _GROUP_AFFINITY {
    pub Mask: KAFFINITY,
    pub Group: USHORT,
    pub Reserved: [USHORT; 3usize],
}
impl Default for _GROUP_AFFINITY {
    fn default() -> Self {
        // SAFETY: a C record of integers, pointers and optional function pointers: zero is valid.
        unsafe { ::core::mem::zeroed() }
    }
}
#[repr(C)]
#[derive(Copy, Clone)]
pub struct _GUID {
    pub Data1: ::core::ffi::c_ulong,
    pub Data2: ::core::ffi::c_ushort,
    pub Data3: ::core::ffi::c_ushort,
    pub Data4: [::core::ffi::c_uchar; 8usize],
}
impl Default for _GUID {
    fn default() -> Self {
        // SAFETY: a C record of integers, pointers and optional function pointers: zero is valid.
        unsafe { ::core::mem::zeroed() }
    }
}
#[repr(C)]
#[derive(Copy, Clone)]
pub struct _IO_STACK_LOCATION {
    pub MajorFunction: UCHAR,
    pub MinorFunction: UCHAR,
    pub Flags: UCHAR,
    pub Control: UCHAR,
    pub Parameters: _IO_STACK_LOCATION__bindgen_ty_1,
    pub DeviceObject: PDEVICE_OBJECT,
    pub FileObject: PFILE_OBJECT,
    pub CompletionRoutine: PIO_COMPLETION_ROUTINE,
    pub Context: PVOID,
}
impl Default for _IO_STACK_LOCATION {
    fn default() -> Self {
        // SAFETY: a C record of integers, pointers and optional function pointers: zero is valid.
        unsafe { ::core::mem::zeroed() }
    }
}
#[repr(C)]
#[derive(Copy, Clone)]
pub struct _IO_STATUS_BLOCK {
    pub __bindgen_anon_1: _IO_STATUS_BLOCK__bindgen_ty_1,
    pub Information: ULONG_PTR,
}
impl Default for _IO_STATUS_BLOCK {
    fn default() -> Self {
        // SAFETY: a C record of integers, pointers and optional function pointers: zero is valid.
        unsafe { ::core::mem::zeroed() }
    }
}
#[repr(C)]
#[derive(Debug, Copy, Clone)]
pub struct _IO_WORKITEM {
    _unused: [u8; 0],
}
#[repr(C, align(16))]
#[derive(Copy, Clone)]
pub struct _IRP {
    pub Type: CSHORT,
    pub Size: USHORT,
    pub MdlAddress: PMDL,
    pub Flags: ULONG,
    pub AssociatedIrp: _IRP__bindgen_ty_1,
    pub ThreadListEntry: LIST_ENTRY,
    pub IoStatus: IO_STATUS_BLOCK,
    pub RequestorMode: KPROCESSOR_MODE,
    pub PendingReturned: BOOLEAN,
    pub StackCount: CHAR,
    pub CurrentLocation: CHAR,
    pub Cancel: BOOLEAN,
    pub CancelIrql: KIRQL,
    pub ApcEnvironment: CCHAR,
    pub AllocationFlags: UCHAR,
    pub UserIosb: PIO_STATUS_BLOCK,
    pub UserEvent: PKEVENT,
    pub Overlay: _IRP__bindgen_ty_2,
    pub CancelRoutine: PDRIVER_CANCEL,
    pub UserBuffer: PVOID,
    pub Tail: _IRP__bindgen_ty_3,
}
impl Default for _IRP {
    fn default() -> Self {
        // SAFETY: a C record of integers, pointers and optional function pointers: zero is valid.
        unsafe { ::core::mem::zeroed() }
    }
}
#[repr(C)]
#[derive(Copy, Clone)]
pub struct _KDPC {
    pub __bindgen_anon_1: _KDPC__bindgen_ty_1,
    pub DpcListEntry: SINGLE_LIST_ENTRY,
    pub ProcessorHistory: KAFFINITY,
    pub DeferredRoutine: PKDEFERRED_ROUTINE,
    pub DeferredContext: PVOID,
    pub SystemArgument1: PVOID,
    pub SystemArgument2: PVOID,
    pub DpcData: PVOID,
}
impl Default for _KDPC {
    fn default() -> Self {
        // SAFETY: a C record of integers, pointers and optional function pointers: zero is valid.
        unsafe { ::core::mem::zeroed() }
    }
}
#[repr(C)]
#[derive(Copy, Clone)]
pub struct _KEVENT {
    pub Header: DISPATCHER_HEADER,
}
impl Default for _KEVENT {
    fn default() -> Self {
        // SAFETY: a C record of integers, pointers and optional function pointers: zero is valid.
        unsafe { ::core::mem::zeroed() }
    }
}
#[repr(C)]
#[derive(Copy, Clone)]
pub struct _KLOCK_QUEUE_HANDLE {
    pub LockQueue: KSPIN_LOCK_QUEUE,
    pub OldIrql: KIRQL,
}
impl Default for _KLOCK_QUEUE_HANDLE {
    fn default() -> Self {
        // SAFETY: a C record of integers, pointers and optional function pointers: zero is valid.
        unsafe { ::core::mem::zeroed() }
    }
}
#[repr(C)]
#[derive(Debug, Copy, Clone)]
pub struct _KPROCESS {
    _unused: [u8; 0],
}
#[repr(C)]
#[derive(Copy, Clone)]
pub struct _KSEMAPHORE {
    pub Header: DISPATCHER_HEADER,
    pub Limit: LONG,
}
impl Default for _KSEMAPHORE {
    fn default() -> Self {
        // SAFETY: a C record of integers, pointers and optional function pointers: zero is valid.
        unsafe { ::core::mem::zeroed() }
    }
}
#[repr(C)]
#[derive(Debug, Copy, Clone)]
pub struct _KTHREAD {
    _unused: [u8; 0],
}
#[repr(C)]
#[derive(Copy, Clone)]
pub struct _KTIMER {
    pub Header: DISPATCHER_HEADER,
    pub DueTime: ULARGE_INTEGER,
    pub TimerListEntry: LIST_ENTRY,
    pub Dpc: *mut _KDPC,
    pub Processor: ULONG,
    pub Period: ULONG,
}
impl Default for _KTIMER {
    fn default() -> Self {
        // SAFETY: a C record of integers, pointers and optional function pointers: zero is valid.
        unsafe { ::core::mem::zeroed() }
    }
}
#[repr(C)]
#[derive(Copy, Clone)]
pub struct _KWAIT_BLOCK {
    pub WaitListEntry: LIST_ENTRY,
    pub WaitType: UCHAR,
    pub BlockState: UCHAR,
    pub WaitKey: USHORT,
    pub SpareLong: LONG,
    pub __bindgen_anon_1: _KWAIT_BLOCK__bindgen_ty_1,
    pub Object: PVOID,
    pub SparePtr: PVOID,
}
impl Default for _KWAIT_BLOCK {
    fn default() -> Self {
        // SAFETY: a C record of integers, pointers and optional function pointers: zero is valid.
        unsafe { ::core::mem::zeroed() }
    }
}
#[repr(C)]
#[derive(Copy, Clone)]
pub union _LARGE_INTEGER {
    pub __bindgen_anon_1: _LARGE_INTEGER__bindgen_ty_1,
    pub u: _LARGE_INTEGER__bindgen_ty_2,
    pub QuadPart: LONGLONG,
}
impl Default for _LARGE_INTEGER {
    fn default() -> Self {
        // SAFETY: a C record of integers, pointers and optional function pointers: zero is valid.
        unsafe { ::core::mem::zeroed() }
    }
}
#[repr(C)]
#[derive(Copy, Clone)]
pub struct _LIST_ENTRY {
    pub Flink: *mut _LIST_ENTRY,
    pub Blink: *mut _LIST_ENTRY,
}
impl Default for _LIST_ENTRY {
    fn default() -> Self {
        // SAFETY: a C record of integers, pointers and optional function pointers: zero is valid.
        unsafe { ::core::mem::zeroed() }
    }
}
#[repr(C, align(16))]
#[derive(Copy, Clone)]
pub struct _LOOKASIDE_LIST_EX {
    _opaque: [u8; 96],
}
impl Default for _LOOKASIDE_LIST_EX {
    fn default() -> Self {
        // SAFETY: a C record of integers, pointers and optional function pointers: zero is valid.
        unsafe { ::core::mem::zeroed() }
    }
}
#[repr(C)]
#[derive(Copy, Clone)]
pub struct _MDL {
    pub Next: *mut _MDL,
    pub Size: CSHORT,
    pub MdlFlags: CSHORT,
    pub Process: *mut _EPROCESS,
    pub MappedSystemVa: PVOID,
    pub StartVa: PVOID,
    pub ByteCount: ULONG,
    pub ByteOffset: ULONG,
}
impl Default for _MDL {
    fn default() -> Self {
        // SAFETY: a C record of integers, pointers and optional function pointers: zero is valid.
        unsafe { ::core::mem::zeroed() }
    }
}
#[repr(C, align(64))]
#[derive(Copy, Clone)]
pub struct _NPAGED_LOOKASIDE_LIST {
    _opaque: [u8; 128],
}
impl Default for _NPAGED_LOOKASIDE_LIST {
    fn default() -> Self {
        // SAFETY: a C record of integers, pointers and optional function pointers: zero is valid.
        unsafe { ::core::mem::zeroed() }
    }
}
#[repr(C)]
#[derive(Copy, Clone)]
pub struct _OBJECT_ATTRIBUTES {
    pub Length: ULONG,
    pub RootDirectory: HANDLE,
    pub ObjectName: PUNICODE_STRING,
    pub Attributes: ULONG,
    pub SecurityDescriptor: PVOID,
    pub SecurityQualityOfService: PVOID,
}
impl Default for _OBJECT_ATTRIBUTES {
    fn default() -> Self {
        // SAFETY: a C record of integers, pointers and optional function pointers: zero is valid.
        unsafe { ::core::mem::zeroed() }
    }
}
#[repr(C)]
#[derive(Debug, Copy, Clone)]
pub struct _OBJECT_TYPE {
    _unused: [u8; 0],
}
#[repr(C)]
#[derive(Debug, Copy, Clone)]
pub struct _PCW_REGISTRATION {
    _unused: [u8; 0],
}
#[repr(C, align(8))]
#[derive(Copy, Clone)]
pub struct _PCW_REGISTRATION_INFORMATION {
    _opaque: [u8; 48],
}
impl Default for _PCW_REGISTRATION_INFORMATION {
    fn default() -> Self {
        // SAFETY: a C record of integers, pointers and optional function pointers: zero is valid.
        unsafe { ::core::mem::zeroed() }
    }
}
#[repr(C)]
#[derive(Copy, Clone)]
pub struct _PROCESSOR_NUMBER {
    pub Group: USHORT,
    pub Number: UCHAR,
    pub Reserved: UCHAR,
}
impl Default for _PROCESSOR_NUMBER {
    fn default() -> Self {
        // SAFETY: a C record of integers, pointers and optional function pointers: zero is valid.
        unsafe { ::core::mem::zeroed() }
    }
}
#[repr(C)]
#[derive(Copy, Clone)]
pub struct _SINGLE_LIST_ENTRY {
    pub Next: *mut _SINGLE_LIST_ENTRY,
}
impl Default for _SINGLE_LIST_ENTRY {
    fn default() -> Self {
        // SAFETY: a C record of integers, pointers and optional function pointers: zero is valid.
        unsafe { ::core::mem::zeroed() }
    }
}
#[repr(C, align(16))]
#[derive(Copy, Clone)]
pub union _SLIST_HEADER {
    pub __bindgen_anon_1: _SLIST_HEADER__bindgen_ty_1,
    pub HeaderX64: _SLIST_HEADER__bindgen_ty_2,
}
impl Default for _SLIST_HEADER {
    fn default() -> Self {
        // SAFETY: a C record of integers, pointers and optional function pointers: zero is valid.
        unsafe { ::core::mem::zeroed() }
    }
}
#[repr(C)]
#[derive(Copy, Clone)]
pub struct _STRING {
    pub Length: USHORT,
    pub MaximumLength: USHORT,
    pub Buffer: PCHAR,
}
impl Default for _STRING {
    fn default() -> Self {
        // SAFETY: a C record of integers, pointers and optional function pointers: zero is valid.
        unsafe { ::core::mem::zeroed() }
    }
}
#[repr(C)]
#[derive(Copy, Clone)]
pub struct _UNICODE_STRING {
    pub Length: USHORT,
    pub MaximumLength: USHORT,
    pub Buffer: PWCH,
}
impl Default for _UNICODE_STRING {
    fn default() -> Self {
        // SAFETY: a C record of integers, pointers and optional function pointers: zero is valid.
        unsafe { ::core::mem::zeroed() }
    }
}
#[repr(C, align(8))]
#[derive(Copy, Clone)]
pub struct _XSTATE_SAVE {
    _opaque: [u8; 56],
}
impl Default for _XSTATE_SAVE {
    fn default() -> Self {
        // SAFETY: a C record of integers, pointers and optional function pointers: zero is valid.
        unsafe { ::core::mem::zeroed() }
    }
}
