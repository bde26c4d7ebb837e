//! Enumerations, as modules of constants, which is the style that the real bindings choose.
//!
//! A tagged C enumeration `enum _X` becomes `mod _X` with `Type`, plus the alias `X`; one without a
//! tag becomes `mod X` alone. Values are facts of the public headers.

/// Declares one enumeration; values count up as in C unless given.
macro_rules! c_enum {
    ($module:ident $(as $alias:ident)? { $($name:ident = $value:literal,)* }) => {
        pub mod $module {
            pub type Type = ::core::ffi::c_int;
            $(pub const $name: Type = $value;)*
        }
        $(pub use self::$module::Type as $alias;)?
    };
}

c_enum! { _MODE as MODE { KernelMode = 0, UserMode = 1, MaximumMode = 2, } }
c_enum! { _EVENT_TYPE as EVENT_TYPE { NotificationEvent = 0, SynchronizationEvent = 1, } }
c_enum! { _TIMER_TYPE as TIMER_TYPE { NotificationTimer = 0, SynchronizationTimer = 1, } }
c_enum! { _WAIT_TYPE as WAIT_TYPE {
    WaitAll = 0, WaitAny = 1, WaitNotification = 2, WaitDequeue = 3, WaitDpc = 4,
} }
c_enum! { _KWAIT_REASON as KWAIT_REASON {
    Executive = 0, FreePage = 1, PageIn = 2, PoolAllocation = 3, DelayExecution = 4, Suspended = 5, UserRequest = 6,
    WrExecutive = 7, WrFreePage = 8, WrPageIn = 9, WrPoolAllocation = 10, WrDelayExecution = 11, WrSuspended = 12,
    WrUserRequest = 13, WrEventPair = 14, WrQueue = 15, WrLpcReceive = 16, WrLpcReply = 17, WrVirtualMemory = 18,
} }
c_enum! { _POOL_TYPE as POOL_TYPE {
    NonPagedPool = 0, NonPagedPoolExecute = 0, PagedPool = 1, NonPagedPoolMustSucceed = 2, DontUseThisType = 3,
    NonPagedPoolCacheAligned = 4, PagedPoolCacheAligned = 5, NonPagedPoolCacheAlignedMustS = 6, MaxPoolType = 7,
    NonPagedPoolBase = 0, NonPagedPoolBaseMustSucceed = 2, NonPagedPoolBaseCacheAligned = 4,
    NonPagedPoolBaseCacheAlignedMustS = 6, NonPagedPoolSession = 32, PagedPoolSession = 33, NonPagedPoolNx = 512,
    NonPagedPoolNxCacheAligned = 516, NonPagedPoolSessionNx = 544,
} }
c_enum! { _WORK_QUEUE_TYPE as WORK_QUEUE_TYPE {
    CriticalWorkQueue = 0, DelayedWorkQueue = 1, HyperCriticalWorkQueue = 2, NormalWorkQueue = 3,
    BackgroundWorkQueue = 4, RealTimeWorkQueue = 5, SuperCriticalWorkQueue = 6, MaximumWorkQueue = 7,
    CustomPriorityWorkQueue = 32,
} }
c_enum! { _KDPC_IMPORTANCE as KDPC_IMPORTANCE {
    LowImportance = 0, MediumImportance = 1, HighImportance = 2, MediumHighImportance = 3,
} }
c_enum! { _MEMORY_CACHING_TYPE as MEMORY_CACHING_TYPE {
    MmNonCached = 0, MmCached = 1, MmWriteCombined = 2, MmHardwareCoherentCached = 3, MmNonCachedUnordered = 4,
    MmUSWCCached = 5, MmMaximumCacheType = 6, MmNotMapped = -1,
} }
c_enum! { _MM_PAGE_PRIORITY as MM_PAGE_PRIORITY {
    LowPagePriority = 0, NormalPagePriority = 16, HighPagePriority = 32,
} }
c_enum! { _LOCK_OPERATION as LOCK_OPERATION { IoReadAccess = 0, IoWriteAccess = 1, IoModifyAccess = 2, } }
c_enum! { _IO_ALLOCATION_ACTION as IO_ALLOCATION_ACTION {
    KeepObject = 1, DeallocateObject = 2, DeallocateObjectKeepRegisters = 3,
} }
c_enum! { _KEY_VALUE_INFORMATION_CLASS as KEY_VALUE_INFORMATION_CLASS {
    KeyValueBasicInformation = 0, KeyValueFullInformation = 1, KeyValuePartialInformation = 2,
    KeyValueFullInformationAlign64 = 3, KeyValuePartialInformationAlign64 = 4, KeyValueLayerInformation = 5,
} }
c_enum! { _KEY_INFORMATION_CLASS as KEY_INFORMATION_CLASS {
    KeyBasicInformation = 0, KeyNodeInformation = 1, KeyFullInformation = 2, KeyNameInformation = 3,
} }
c_enum! { _FILE_INFORMATION_CLASS as FILE_INFORMATION_CLASS {
    FileDirectoryInformation = 1, FileFullDirectoryInformation = 2, FileBothDirectoryInformation = 3,
    FileBasicInformation = 4, FileStandardInformation = 5, FileInternalInformation = 6, FileEaInformation = 7,
    FileAccessInformation = 8, FileNameInformation = 9, FileRenameInformation = 10, FileLinkInformation = 11,
    FileNamesInformation = 12, FileDispositionInformation = 13, FilePositionInformation = 14,
    FileFullEaInformation = 15, FileModeInformation = 16, FileAlignmentInformation = 17, FileAllInformation = 18,
    FileAllocationInformation = 19, FileEndOfFileInformation = 20,
} }
c_enum! { _KBUGCHECK_CALLBACK_REASON as KBUGCHECK_CALLBACK_REASON {
    KbCallbackInvalid = 0, KbCallbackReserved1 = 1, KbCallbackSecondaryDumpData = 2, KbCallbackDumpIo = 3,
    KbCallbackAddPages = 4, KbCallbackSecondaryMultiPartDumpData = 5, KbCallbackRemovePages = 6,
    KbCallbackTriageDumpData = 7,
} }
c_enum! { _EXCEPTION_DISPOSITION as EXCEPTION_DISPOSITION {
    ExceptionContinueExecution = 0, ExceptionContinueSearch = 1, ExceptionNestedException = 2,
    ExceptionCollidedUnwind = 3,
} }
c_enum! { KE_PROCESSOR_CHANGE_NOTIFY_STATE {
    KeProcessorAddStartNotify = 0, KeProcessorAddCompleteNotify = 1, KeProcessorAddFailureNotify = 2,
} }
c_enum! { DEVICE_REGISTRY_PROPERTY {
    DevicePropertyDeviceDescription = 0, DevicePropertyHardwareID = 1, DevicePropertyCompatibleIDs = 2,
    DevicePropertyBootConfiguration = 3, DevicePropertyBootConfigurationTranslated = 4, DevicePropertyClassName = 5,
    DevicePropertyClassGuid = 6, DevicePropertyDriverKeyName = 7, DevicePropertyManufacturer = 8,
    DevicePropertyFriendlyName = 9, DevicePropertyLocationInformation = 10,
    DevicePropertyPhysicalDeviceObjectName = 11, DevicePropertyBusTypeGuid = 12, DevicePropertyLegacyBusType = 13,
    DevicePropertyBusNumber = 14, DevicePropertyEnumeratorName = 15, DevicePropertyAddress = 16,
    DevicePropertyUINumber = 17, DevicePropertyInstallState = 18, DevicePropertyRemovalPolicy = 19,
    DevicePropertyResourceRequirements = 20, DevicePropertyAllocatedResources = 21, DevicePropertyContainerID = 22,
} }
