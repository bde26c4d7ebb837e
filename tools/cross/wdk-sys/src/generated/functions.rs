// @generated from docs/contract/wdk-sys-api.tsv by `cargo xtask standin`; do not edit.

#[link(name = "hal.dll", kind = "raw-dylib", modifiers = "+verbatim")]
unsafe extern "C" {
    pub fn KeQueryPerformanceCounter(
        PerformanceFrequency: PLARGE_INTEGER,
    ) -> LARGE_INTEGER;
    pub fn KeStallExecutionProcessor(MicroSeconds: ULONG);
}
#[link(name = "ntoskrnl.exe", kind = "raw-dylib", modifiers = "+verbatim")]
unsafe extern "C" {
    pub fn DbgPrint(Format: PCSTR, ...) -> ULONG;
    pub fn DbgPrintEx(ComponentId: ULONG, Level: ULONG, Format: PCSTR, ...) -> ULONG;
    #[must_use]
    pub fn EtwRegister(
        ProviderId: LPCGUID,
        EnableCallback: PETWENABLECALLBACK,
        CallbackContext: PVOID,
        RegHandle: PREGHANDLE,
    ) -> NTSTATUS;
    #[must_use]
    pub fn EtwUnregister(RegHandle: REGHANDLE) -> NTSTATUS;
    #[must_use]
    pub fn EtwWrite(
        RegHandle: REGHANDLE,
        EventDescriptor: PCEVENT_DESCRIPTOR,
        ActivityId: LPCGUID,
        UserDataCount: ULONG,
        UserData: PEVENT_DATA_DESCRIPTOR,
    ) -> NTSTATUS;
    #[must_use]
    pub fn EtwWriteTransfer(
        RegHandle: REGHANDLE,
        EventDescriptor: PCEVENT_DESCRIPTOR,
        ActivityId: LPCGUID,
        RelatedActivityId: LPCGUID,
        UserDataCount: ULONG,
        UserData: PEVENT_DATA_DESCRIPTOR,
    ) -> NTSTATUS;
    pub fn ExAcquireFastMutex(FastMutex: PFAST_MUTEX);
    pub fn ExAcquireFastMutexUnsafe(FastMutex: PFAST_MUTEX);
    pub fn ExAcquireResourceExclusiveLite(
        Resource: PERESOURCE,
        Wait: BOOLEAN,
    ) -> BOOLEAN;
    pub fn ExAcquireRundownProtection(RunRef: PEX_RUNDOWN_REF) -> BOOLEAN;
    pub fn ExAcquireRundownProtectionCacheAware(
        RunRefCacheAware: PEX_RUNDOWN_REF_CACHE_AWARE,
    ) -> BOOLEAN;
    pub fn ExAcquireRundownProtectionEx(
        RunRef: PEX_RUNDOWN_REF,
        Count: ULONG,
    ) -> BOOLEAN;
    pub fn ExAcquireSpinLockExclusive(SpinLock: PEX_SPIN_LOCK) -> KIRQL;
    pub fn ExAcquireSpinLockExclusiveAtDpcLevel(SpinLock: PEX_SPIN_LOCK);
    pub fn ExAcquireSpinLockShared(SpinLock: PEX_SPIN_LOCK) -> KIRQL;
    pub fn ExAcquireSpinLockSharedAtDpcLevel(SpinLock: PEX_SPIN_LOCK);
    pub fn ExAllocateCacheAwareRundownProtection(
        PoolType: POOL_TYPE,
        PoolTag: ULONG,
    ) -> PEX_RUNDOWN_REF_CACHE_AWARE;
    pub fn ExAllocatePool2(
        Flags: POOL_FLAGS,
        NumberOfBytes: SIZE_T,
        Tag: ULONG,
    ) -> PVOID;
    pub fn ExAllocateTimer(
        Callback: PEXT_CALLBACK,
        CallbackContext: PVOID,
        Attributes: ULONG,
    ) -> PEX_TIMER;
    pub fn ExCancelTimer(
        Timer: PEX_TIMER,
        Parameters: PEXT_CANCEL_PARAMETERS,
    ) -> BOOLEAN;
    pub fn ExDeleteLookasideListEx(Lookaside: PLOOKASIDE_LIST_EX);
    pub fn ExDeleteNPagedLookasideList(Lookaside: PNPAGED_LOOKASIDE_LIST);
    #[must_use]
    pub fn ExDeleteResourceLite(Resource: PERESOURCE) -> NTSTATUS;
    pub fn ExDeleteTimer(
        Timer: PEX_TIMER,
        Cancel: BOOLEAN,
        Wait: BOOLEAN,
        Parameters: PEXT_DELETE_PARAMETERS,
    ) -> BOOLEAN;
    pub fn ExFlushLookasideListEx(Lookaside: PLOOKASIDE_LIST_EX);
    pub fn ExFreeCacheAwareRundownProtection(
        RunRefCacheAware: PEX_RUNDOWN_REF_CACHE_AWARE,
    );
    pub fn ExFreePool(P: PVOID);
    pub fn ExFreePoolWithTag(P: PVOID, Tag: ULONG);
    pub fn ExGetPreviousMode() -> KPROCESSOR_MODE;
    #[must_use]
    pub fn ExInitializeLookasideListEx(
        Lookaside: PLOOKASIDE_LIST_EX,
        Allocate: PALLOCATE_FUNCTION_EX,
        Free: PFREE_FUNCTION_EX,
        PoolType: POOL_TYPE,
        Flags: ULONG,
        Size: SIZE_T,
        Tag: ULONG,
        Depth: USHORT,
    ) -> NTSTATUS;
    pub fn ExInitializeNPagedLookasideList(
        Lookaside: PNPAGED_LOOKASIDE_LIST,
        Allocate: PALLOCATE_FUNCTION,
        Free: PFREE_FUNCTION,
        Flags: ULONG,
        Size: SIZE_T,
        Tag: ULONG,
        Depth: USHORT,
    );
    pub fn ExInitializePushLock(PushLock: PULONG_PTR);
    #[must_use]
    pub fn ExInitializeResourceLite(Resource: PERESOURCE) -> NTSTATUS;
    pub fn ExInitializeRundownProtection(RunRef: PEX_RUNDOWN_REF);
    pub fn ExInterlockedInsertTailList(
        ListHead: PLIST_ENTRY,
        ListEntry: PLIST_ENTRY,
        Lock: PKSPIN_LOCK,
    ) -> PLIST_ENTRY;
    pub fn ExInterlockedRemoveHeadList(
        ListHead: PLIST_ENTRY,
        Lock: PKSPIN_LOCK,
    ) -> PLIST_ENTRY;
    pub fn ExQueryDepthSList(SListHead: PSLIST_HEADER) -> USHORT;
    pub fn ExQueryTimerResolution(
        MaximumTime: PULONG,
        MinimumTime: PULONG,
        CurrentTime: PULONG,
    );
    pub fn ExQueueWorkItem(WorkItem: PWORK_QUEUE_ITEM, QueueType: WORK_QUEUE_TYPE);
    pub fn ExRaiseStatus(Status: NTSTATUS) -> !;
    pub fn ExReInitializeRundownProtection(RunRef: PEX_RUNDOWN_REF);
    pub fn ExReleaseFastMutex(FastMutex: PFAST_MUTEX);
    pub fn ExReleaseFastMutexUnsafe(FastMutex: PFAST_MUTEX);
    pub fn ExReleaseResourceLite(Resource: PERESOURCE);
    pub fn ExReleaseRundownProtection(RunRef: PEX_RUNDOWN_REF);
    pub fn ExReleaseRundownProtectionCacheAware(
        RunRefCacheAware: PEX_RUNDOWN_REF_CACHE_AWARE,
    );
    pub fn ExReleaseRundownProtectionEx(RunRef: PEX_RUNDOWN_REF, Count: ULONG);
    pub fn ExReleaseSpinLockExclusive(SpinLock: PEX_SPIN_LOCK, OldIrql: KIRQL);
    pub fn ExReleaseSpinLockExclusiveFromDpcLevel(SpinLock: PEX_SPIN_LOCK);
    pub fn ExReleaseSpinLockShared(SpinLock: PEX_SPIN_LOCK, OldIrql: KIRQL);
    pub fn ExReleaseSpinLockSharedFromDpcLevel(SpinLock: PEX_SPIN_LOCK);
    pub fn ExRundownCompleted(RunRef: PEX_RUNDOWN_REF);
    pub fn ExSetTimer(
        Timer: PEX_TIMER,
        DueTime: LONGLONG,
        Period: LONGLONG,
        Parameters: PEXT_SET_PARAMETERS,
    ) -> BOOLEAN;
    pub fn ExTryToAcquireFastMutex(FastMutex: PFAST_MUTEX) -> BOOLEAN;
    #[must_use]
    pub fn ExUuidCreate(Uuid: *mut UUID) -> NTSTATUS;
    pub fn ExWaitForRundownProtectionRelease(RunRef: PEX_RUNDOWN_REF);
    pub fn ExWaitForRundownProtectionReleaseCacheAware(
        RunRef: PEX_RUNDOWN_REF_CACHE_AWARE,
    );
    pub fn ExpInterlockedFlushSList(ListHead: PSLIST_HEADER) -> PSLIST_ENTRY;
    pub fn ExpInterlockedPopEntrySList(ListHead: PSLIST_HEADER) -> PSLIST_ENTRY;
    pub fn ExpInterlockedPushEntrySList(
        ListHead: PSLIST_HEADER,
        ListEntry: PSLIST_ENTRY,
    ) -> PSLIST_ENTRY;
    pub fn InitializeSListHead(SListHead: PSLIST_HEADER);
    pub fn IoAcquireCancelSpinLock(Irql: PKIRQL);
    pub fn IoAllocateErrorLogEntry(IoObject: PVOID, EntrySize: UCHAR) -> PVOID;
    pub fn IoAllocateIrp(StackSize: CCHAR, ChargeQuota: BOOLEAN) -> PIRP;
    pub fn IoAllocateMdl(
        VirtualAddress: PVOID,
        Length: ULONG,
        SecondaryBuffer: BOOLEAN,
        ChargeQuota: BOOLEAN,
        Irp: PIRP,
    ) -> PMDL;
    pub fn IoAllocateWorkItem(DeviceObject: PDEVICE_OBJECT) -> PIO_WORKITEM;
    pub fn IoBuildPartialMdl(
        SourceMdl: PMDL,
        TargetMdl: PMDL,
        VirtualAddress: PVOID,
        Length: ULONG,
    );
    pub fn IoCancelIrp(Irp: PIRP) -> BOOLEAN;
    #[must_use]
    pub fn IoCreateDevice(
        DriverObject: PDRIVER_OBJECT,
        DeviceExtensionSize: ULONG,
        DeviceName: PUNICODE_STRING,
        DeviceType: ULONG,
        DeviceCharacteristics: ULONG,
        Exclusive: BOOLEAN,
        DeviceObject: *mut PDEVICE_OBJECT,
    ) -> NTSTATUS;
    #[must_use]
    pub fn IoCreateSymbolicLink(
        SymbolicLinkName: PUNICODE_STRING,
        DeviceName: PUNICODE_STRING,
    ) -> NTSTATUS;
    pub fn IoDeleteDevice(DeviceObject: PDEVICE_OBJECT);
    #[must_use]
    pub fn IoDeleteSymbolicLink(SymbolicLinkName: PUNICODE_STRING) -> NTSTATUS;
    pub fn IoFreeIrp(Irp: PIRP);
    pub fn IoFreeMdl(Mdl: PMDL);
    pub fn IoFreeWorkItem(IoWorkItem: PIO_WORKITEM);
    pub fn IoGetCurrentProcess() -> PEPROCESS;
    #[must_use]
    pub fn IoGetDeviceProperty(
        DeviceObject: PDEVICE_OBJECT,
        DeviceProperty: DEVICE_REGISTRY_PROPERTY::Type,
        BufferLength: ULONG,
        PropertyBuffer: PVOID,
        ResultLength: PULONG,
    ) -> NTSTATUS;
    #[must_use]
    pub fn IoGetDevicePropertyData(
        Pdo: PDEVICE_OBJECT,
        PropertyKey: *const DEVPROPKEY,
        Lcid: LCID,
        Flags: ULONG,
        Size: ULONG,
        Data: PVOID,
        RequiredSize: PULONG,
        Type: PDEVPROPTYPE,
    ) -> NTSTATUS;
    pub fn IoGetStackLimits(LowLimit: PULONG_PTR, HighLimit: PULONG_PTR);
    pub fn IoInitializeWorkItem(IoObject: PVOID, IoWorkItem: PIO_WORKITEM);
    #[must_use]
    pub fn IoOpenDeviceRegistryKey(
        DeviceObject: PDEVICE_OBJECT,
        DevInstKeyType: ULONG,
        DesiredAccess: ACCESS_MASK,
        DevInstRegKey: PHANDLE,
    ) -> NTSTATUS;
    pub fn IoQueueWorkItem(
        IoWorkItem: PIO_WORKITEM,
        WorkerRoutine: PIO_WORKITEM_ROUTINE,
        QueueType: WORK_QUEUE_TYPE,
        Context: PVOID,
    );
    pub fn IoQueueWorkItemEx(
        IoWorkItem: PIO_WORKITEM,
        WorkerRoutine: PIO_WORKITEM_ROUTINE_EX,
        QueueType: WORK_QUEUE_TYPE,
        Context: PVOID,
    );
    #[must_use]
    pub fn IoRegisterDeviceInterface(
        PhysicalDeviceObject: PDEVICE_OBJECT,
        InterfaceClassGuid: *const GUID,
        ReferenceString: PUNICODE_STRING,
        SymbolicLinkName: PUNICODE_STRING,
    ) -> NTSTATUS;
    pub fn IoReleaseCancelSpinLock(Irql: KIRQL);
    pub fn IoReuseIrp(Irp: PIRP, Iostatus: NTSTATUS);
    #[must_use]
    pub fn IoSetCompletionRoutineEx(
        DeviceObject: PDEVICE_OBJECT,
        Irp: PIRP,
        CompletionRoutine: PIO_COMPLETION_ROUTINE,
        Context: PVOID,
        InvokeOnSuccess: BOOLEAN,
        InvokeOnError: BOOLEAN,
        InvokeOnCancel: BOOLEAN,
    ) -> NTSTATUS;
    #[must_use]
    pub fn IoSetDeviceInterfaceState(
        SymbolicLinkName: PUNICODE_STRING,
        Enable: BOOLEAN,
    ) -> NTSTATUS;
    pub fn IoSizeofWorkItem() -> ULONG;
    pub fn IoUninitializeWorkItem(IoWorkItem: PIO_WORKITEM);
    #[must_use]
    pub fn IoWMIRegistrationControl(
        DeviceObject: PDEVICE_OBJECT,
        Action: ULONG,
    ) -> NTSTATUS;
    pub fn IoWriteErrorLogEntry(ElEntry: PVOID);
    #[must_use]
    pub fn IofCallDriver(DeviceObject: PDEVICE_OBJECT, Irp: PIRP) -> NTSTATUS;
    pub fn IofCompleteRequest(Irp: PIRP, PriorityBoost: CCHAR);
    pub fn KdRefreshDebuggerNotPresent() -> BOOLEAN;
    pub fn KeAcquireInStackQueuedSpinLock(
        SpinLock: PKSPIN_LOCK,
        LockHandle: PKLOCK_QUEUE_HANDLE,
    );
    pub fn KeAcquireInStackQueuedSpinLockAtDpcLevel(
        SpinLock: PKSPIN_LOCK,
        LockHandle: PKLOCK_QUEUE_HANDLE,
    );
    pub fn KeAcquireInStackQueuedSpinLockForDpc(
        SpinLock: PKSPIN_LOCK,
        LockHandle: PKLOCK_QUEUE_HANDLE,
    );
    pub fn KeAcquireSpinLockAtDpcLevel(SpinLock: PKSPIN_LOCK);
    pub fn KeAcquireSpinLockRaiseToDpc(SpinLock: PKSPIN_LOCK) -> KIRQL;
    pub fn KeAreApcsDisabled() -> BOOLEAN;
    pub fn KeBugCheck(BugCheckCode: ULONG) -> !;
    pub fn KeBugCheckEx(
        BugCheckCode: ULONG,
        BugCheckParameter1: ULONG_PTR,
        BugCheckParameter2: ULONG_PTR,
        BugCheckParameter3: ULONG_PTR,
        BugCheckParameter4: ULONG_PTR,
    ) -> !;
    pub fn KeCancelTimer(arg1: PKTIMER) -> BOOLEAN;
    pub fn KeClearEvent(Event: PRKEVENT);
    #[must_use]
    pub fn KeDelayExecutionThread(
        WaitMode: KPROCESSOR_MODE,
        Alertable: BOOLEAN,
        Interval: PLARGE_INTEGER,
    ) -> NTSTATUS;
    pub fn KeEnterCriticalRegion();
    pub fn KeEnterGuardedRegion();
    #[must_use]
    pub fn KeExpandKernelStackAndCallout(
        Callout: PEXPAND_STACK_CALLOUT,
        Parameter: PVOID,
        Size: SIZE_T,
    ) -> NTSTATUS;
    #[must_use]
    pub fn KeExpandKernelStackAndCalloutEx(
        Callout: PEXPAND_STACK_CALLOUT,
        Parameter: PVOID,
        Size: SIZE_T,
        Wait: BOOLEAN,
        Context: PVOID,
    ) -> NTSTATUS;
    pub fn KeFlushQueuedDpcs();
    pub fn KeGetCurrentProcessorNumberEx(ProcNumber: PPROCESSOR_NUMBER) -> ULONG;
    pub fn KeGetProcessorIndexFromNumber(ProcNumber: PPROCESSOR_NUMBER) -> ULONG;
    #[must_use]
    pub fn KeGetProcessorNumberFromIndex(
        ProcIndex: ULONG,
        ProcNumber: PPROCESSOR_NUMBER,
    ) -> NTSTATUS;
    pub fn KeInitializeDpc(
        Dpc: PRKDPC,
        DeferredRoutine: PKDEFERRED_ROUTINE,
        DeferredContext: PVOID,
    );
    pub fn KeInitializeEvent(Event: PRKEVENT, Type: EVENT_TYPE, State: BOOLEAN);
    pub fn KeInitializeMutex(Mutex: PRKMUTEX, Level: ULONG);
    pub fn KeInitializeSemaphore(Semaphore: PRKSEMAPHORE, Count: LONG, Limit: LONG);
    pub fn KeInitializeSpinLock(SpinLock: PKSPIN_LOCK);
    pub fn KeInitializeThreadedDpc(
        Dpc: PRKDPC,
        DeferredRoutine: PKDEFERRED_ROUTINE,
        DeferredContext: PVOID,
    );
    pub fn KeInitializeTimer(Timer: PKTIMER);
    pub fn KeInitializeTimerEx(Timer: PKTIMER, Type: TIMER_TYPE);
    pub fn KeInsertQueueDpc(
        Dpc: PRKDPC,
        SystemArgument1: PVOID,
        SystemArgument2: PVOID,
    ) -> BOOLEAN;
    pub fn KeLeaveCriticalRegion();
    pub fn KeLeaveGuardedRegion();
    pub fn KeLowerIrql(NewIrql: KIRQL);
    pub fn KeQueryActiveGroupCount() -> USHORT;
    pub fn KeQueryActiveProcessorCountEx(GroupNumber: USHORT) -> ULONG;
    #[must_use]
    pub fn KeQueryDpcWatchdogInformation(
        WatchdogInformation: PKDPC_WATCHDOG_INFORMATION,
    ) -> NTSTATUS;
    pub fn KeQueryInterruptTimePrecise(QpcTimeStamp: PULONG64) -> ULONG64;
    pub fn KeQueryMaximumProcessorCountEx(GroupNumber: USHORT) -> ULONG;
    pub fn KeQuerySystemTimePrecise(CurrentTime: PLARGE_INTEGER);
    pub fn KeQueryTimeIncrement() -> ULONG;
    pub fn KeQueryUnbiasedInterruptTime() -> ULONGLONG;
    pub fn KeReadStateEvent(Event: PRKEVENT) -> LONG;
    pub fn KeReadStateTimer(Timer: PKTIMER) -> BOOLEAN;
    pub fn KeRegisterBugCheckReasonCallback(
        CallbackRecord: PKBUGCHECK_REASON_CALLBACK_RECORD,
        CallbackRoutine: PKBUGCHECK_REASON_CALLBACK_ROUTINE,
        Reason: KBUGCHECK_CALLBACK_REASON,
        Component: PUCHAR,
    ) -> BOOLEAN;
    pub fn KeRegisterProcessorChangeCallback(
        CallbackFunction: PPROCESSOR_CALLBACK_FUNCTION,
        CallbackContext: PVOID,
        Flags: ULONG,
    ) -> PVOID;
    pub fn KeReleaseInStackQueuedSpinLock(LockHandle: PKLOCK_QUEUE_HANDLE);
    pub fn KeReleaseInStackQueuedSpinLockForDpc(LockHandle: PKLOCK_QUEUE_HANDLE);
    pub fn KeReleaseInStackQueuedSpinLockFromDpcLevel(LockHandle: PKLOCK_QUEUE_HANDLE);
    pub fn KeReleaseMutex(Mutex: PRKMUTEX, Wait: BOOLEAN) -> LONG;
    pub fn KeReleaseSemaphore(
        Semaphore: PRKSEMAPHORE,
        Increment: KPRIORITY,
        Adjustment: LONG,
        Wait: BOOLEAN,
    ) -> LONG;
    pub fn KeReleaseSpinLock(SpinLock: PKSPIN_LOCK, NewIrql: KIRQL);
    pub fn KeReleaseSpinLockFromDpcLevel(SpinLock: PKSPIN_LOCK);
    pub fn KeRemoveQueueDpc(Dpc: PRKDPC) -> BOOLEAN;
    pub fn KeResetEvent(Event: PRKEVENT) -> LONG;
    pub fn KeRestoreExtendedProcessorState(XStateSave: PXSTATE_SAVE);
    pub fn KeRevertToUserGroupAffinityThread(PreviousAffinity: PGROUP_AFFINITY);
    #[must_use]
    pub fn KeSaveExtendedProcessorState(
        Mask: ULONG64,
        XStateSave: PXSTATE_SAVE,
    ) -> NTSTATUS;
    pub fn KeSetBasePriorityThread(Thread: PKTHREAD, Increment: LONG) -> LONG;
    pub fn KeSetCoalescableTimer(
        Timer: PKTIMER,
        DueTime: LARGE_INTEGER,
        Period: ULONG,
        TolerableDelay: ULONG,
        Dpc: PKDPC,
    ) -> BOOLEAN;
    pub fn KeSetEvent(Event: PRKEVENT, Increment: KPRIORITY, Wait: BOOLEAN) -> LONG;
    pub fn KeSetImportanceDpc(Dpc: PRKDPC, Importance: KDPC_IMPORTANCE);
    pub fn KeSetPriorityThread(Thread: PKTHREAD, Priority: KPRIORITY) -> KPRIORITY;
    pub fn KeSetSystemAffinityThreadEx(Affinity: KAFFINITY) -> KAFFINITY;
    pub fn KeSetSystemGroupAffinityThread(
        Affinity: PGROUP_AFFINITY,
        PreviousAffinity: PGROUP_AFFINITY,
    );
    pub fn KeSetTargetProcessorDpc(Dpc: PRKDPC, Number: CCHAR);
    #[must_use]
    pub fn KeSetTargetProcessorDpcEx(
        Dpc: PKDPC,
        ProcNumber: PPROCESSOR_NUMBER,
    ) -> NTSTATUS;
    pub fn KeSetTimer(Timer: PKTIMER, DueTime: LARGE_INTEGER, Dpc: PKDPC) -> BOOLEAN;
    pub fn KeSetTimerEx(
        Timer: PKTIMER,
        DueTime: LARGE_INTEGER,
        Period: LONG,
        Dpc: PKDPC,
    ) -> BOOLEAN;
    pub fn KeTestSpinLock(SpinLock: PKSPIN_LOCK) -> BOOLEAN;
    pub fn KeTryToAcquireSpinLockAtDpcLevel(SpinLock: PKSPIN_LOCK) -> BOOLEAN;
    #[must_use]
    pub fn KeWaitForMultipleObjects(
        Count: ULONG,
        Object: *mut PVOID,
        WaitType: WAIT_TYPE,
        WaitReason: KWAIT_REASON,
        WaitMode: KPROCESSOR_MODE,
        Alertable: BOOLEAN,
        Timeout: PLARGE_INTEGER,
        WaitBlockArray: PKWAIT_BLOCK,
    ) -> NTSTATUS;
    #[must_use]
    pub fn KeWaitForSingleObject(
        Object: PVOID,
        WaitReason: KWAIT_REASON,
        WaitMode: KPROCESSOR_MODE,
        Alertable: BOOLEAN,
        Timeout: PLARGE_INTEGER,
    ) -> NTSTATUS;
    pub fn KfRaiseIrql(NewIrql: KIRQL) -> KIRQL;
    pub fn MmAllocateContiguousMemorySpecifyCache(
        NumberOfBytes: SIZE_T,
        LowestAcceptableAddress: PHYSICAL_ADDRESS,
        HighestAcceptableAddress: PHYSICAL_ADDRESS,
        BoundaryAddressMultiple: PHYSICAL_ADDRESS,
        CacheType: MEMORY_CACHING_TYPE,
    ) -> PVOID;
    pub fn MmAllocateContiguousNodeMemory(
        NumberOfBytes: SIZE_T,
        LowestAcceptableAddress: PHYSICAL_ADDRESS,
        HighestAcceptableAddress: PHYSICAL_ADDRESS,
        BoundaryAddressMultiple: PHYSICAL_ADDRESS,
        Protect: ULONG,
        PreferredNode: NODE_REQUIREMENT,
    ) -> PVOID;
    pub fn MmAllocateMappingAddress(NumberOfBytes: SIZE_T, PoolTag: ULONG) -> PVOID;
    pub fn MmAllocatePagesForMdl(
        LowAddress: PHYSICAL_ADDRESS,
        HighAddress: PHYSICAL_ADDRESS,
        SkipBytes: PHYSICAL_ADDRESS,
        TotalBytes: SIZE_T,
    ) -> PMDL;
    pub fn MmAllocatePagesForMdlEx(
        LowAddress: PHYSICAL_ADDRESS,
        HighAddress: PHYSICAL_ADDRESS,
        SkipBytes: PHYSICAL_ADDRESS,
        TotalBytes: SIZE_T,
        CacheType: MEMORY_CACHING_TYPE,
        Flags: ULONG,
    ) -> PMDL;
    pub fn MmBuildMdlForNonPagedPool(MemoryDescriptorList: PMDL);
    pub fn MmFreeContiguousMemory(BaseAddress: PVOID);
    pub fn MmFreeMappingAddress(BaseAddress: PVOID, PoolTag: ULONG);
    pub fn MmFreePagesFromMdl(MemoryDescriptorList: PMDL);
    pub fn MmGetPhysicalAddress(BaseAddress: PVOID) -> PHYSICAL_ADDRESS;
    pub fn MmGetSystemRoutineAddress(SystemRoutineName: PUNICODE_STRING) -> PVOID;
    pub fn MmIsAddressValid(VirtualAddress: PVOID) -> BOOLEAN;
    pub fn MmIsDriverVerifying(DriverObject: *mut _DRIVER_OBJECT) -> LOGICAL;
    pub fn MmIsDriverVerifyingByAddress(AddressWithinSection: PVOID) -> LOGICAL;
    pub fn MmLockPagableDataSection(AddressWithinSection: PVOID) -> PVOID;
    pub fn MmLockPagableSectionByHandle(ImageSectionHandle: PVOID);
    pub fn MmMapLockedPages(
        MemoryDescriptorList: PMDL,
        AccessMode: KPROCESSOR_MODE,
    ) -> PVOID;
    pub fn MmMapLockedPagesSpecifyCache(
        MemoryDescriptorList: PMDL,
        AccessMode: KPROCESSOR_MODE,
        CacheType: MEMORY_CACHING_TYPE,
        RequestedAddress: PVOID,
        BugCheckOnFailure: ULONG,
        Priority: ULONG,
    ) -> PVOID;
    pub fn MmMapLockedPagesWithReservedMapping(
        MappingAddress: PVOID,
        PoolTag: ULONG,
        MemoryDescriptorList: PMDL,
        CacheType: MEMORY_CACHING_TYPE,
    ) -> PVOID;
    pub fn MmProbeAndLockPages(
        MemoryDescriptorList: PMDL,
        AccessMode: KPROCESSOR_MODE,
        Operation: LOCK_OPERATION,
    );
    #[must_use]
    pub fn MmProtectMdlSystemAddress(
        MemoryDescriptorList: PMDL,
        NewProtect: ULONG,
    ) -> NTSTATUS;
    pub fn MmSizeOfMdl(Base: PVOID, Length: SIZE_T) -> SIZE_T;
    pub fn MmUnlockPagableImageSection(ImageSectionHandle: PVOID);
    pub fn MmUnlockPages(MemoryDescriptorList: PMDL);
    pub fn MmUnmapLockedPages(BaseAddress: PVOID, MemoryDescriptorList: PMDL);
    pub fn MmUnmapReservedMapping(
        BaseAddress: PVOID,
        PoolTag: ULONG,
        MemoryDescriptorList: PMDL,
    );
    pub fn ObDereferenceObjectDeferDelete(Object: PVOID);
    #[must_use]
    pub fn ObReferenceObjectByHandle(
        Handle: HANDLE,
        DesiredAccess: ACCESS_MASK,
        ObjectType: POBJECT_TYPE,
        AccessMode: KPROCESSOR_MODE,
        Object: *mut PVOID,
        HandleInformation: POBJECT_HANDLE_INFORMATION,
    ) -> NTSTATUS;
    pub fn ObfDereferenceObject(Object: PVOID) -> LONG_PTR;
    pub fn ObfReferenceObject(Object: PVOID) -> LONG_PTR;
    #[must_use]
    pub fn PcwRegister(
        Registration: *mut PPCW_REGISTRATION,
        Info: PPCW_REGISTRATION_INFORMATION,
    ) -> NTSTATUS;
    pub fn ProbeForRead(
        Address: *mut ::core::ffi::c_void,
        Length: SIZE_T,
        Alignment: ULONG,
    );
    pub fn ProbeForWrite(
        Address: *mut ::core::ffi::c_void,
        Length: SIZE_T,
        Alignment: ULONG,
    );
    #[must_use]
    pub fn PsCreateSystemThread(
        ThreadHandle: PHANDLE,
        DesiredAccess: ULONG,
        ObjectAttributes: POBJECT_ATTRIBUTES,
        ProcessHandle: HANDLE,
        ClientId: PCLIENT_ID,
        StartRoutine: PKSTART_ROUTINE,
        StartContext: PVOID,
    ) -> NTSTATUS;
    pub fn PsGetCurrentProcessId() -> HANDLE;
    pub fn PsGetCurrentThreadId() -> HANDLE;
    pub fn PsGetVersion(
        MajorVersion: PULONG,
        MinorVersion: PULONG,
        BuildNumber: PULONG,
        CSDVersion: PUNICODE_STRING,
    ) -> BOOLEAN;
    #[must_use]
    pub fn PsTerminateSystemThread(ExitStatus: NTSTATUS) -> NTSTATUS;
    pub fn RtlCaptureStackBackTrace(
        FramesToSkip: ULONG,
        FramesToCapture: ULONG,
        BackTrace: *mut PVOID,
        BackTraceHash: PULONG,
    ) -> USHORT;
    pub fn RtlCompareMemory(
        Source1: *const ::core::ffi::c_void,
        Source2: *const ::core::ffi::c_void,
        Length: SIZE_T,
    ) -> SIZE_T;
    pub fn RtlCopyUnicodeString(
        DestinationString: PUNICODE_STRING,
        SourceString: PCUNICODE_STRING,
    );
    pub fn RtlEqualUnicodeString(
        String1: PCUNICODE_STRING,
        String2: PCUNICODE_STRING,
        CaseInSensitive: BOOLEAN,
    ) -> BOOLEAN;
    pub fn RtlFreeUnicodeString(UnicodeString: PUNICODE_STRING);
    #[must_use]
    pub fn RtlGetVersion(lpVersionInformation: PRTL_OSVERSIONINFOW) -> NTSTATUS;
    pub fn RtlInitUnicodeString(
        DestinationString: PUNICODE_STRING,
        SourceString: PCWSTR,
    );
    #[must_use]
    pub fn RtlQueryRegistryValues(
        RelativeTo: ULONG,
        Path: PCWSTR,
        QueryTable: PRTL_QUERY_REGISTRY_TABLE,
        Context: PVOID,
        Environment: PVOID,
    ) -> NTSTATUS;
    pub fn RtlRandomEx(Seed: PULONG) -> ULONG;
    #[must_use]
    pub fn RtlUnicodeStringToAnsiString(
        DestinationString: PANSI_STRING,
        SourceString: PCUNICODE_STRING,
        AllocateDestinationString: BOOLEAN,
    ) -> NTSTATUS;
    #[must_use]
    pub fn RtlVerifyVersionInfo(
        VersionInfo: PRTL_OSVERSIONINFOEXW,
        TypeMask: ULONG,
        ConditionMask: ULONGLONG,
    ) -> NTSTATUS;
    #[must_use]
    pub fn ZwClose(Handle: HANDLE) -> NTSTATUS;
    #[must_use]
    pub fn ZwCreateFile(
        FileHandle: PHANDLE,
        DesiredAccess: ACCESS_MASK,
        ObjectAttributes: POBJECT_ATTRIBUTES,
        IoStatusBlock: PIO_STATUS_BLOCK,
        AllocationSize: PLARGE_INTEGER,
        FileAttributes: ULONG,
        ShareAccess: ULONG,
        CreateDisposition: ULONG,
        CreateOptions: ULONG,
        EaBuffer: PVOID,
        EaLength: ULONG,
    ) -> NTSTATUS;
    #[must_use]
    pub fn ZwCreateKey(
        KeyHandle: PHANDLE,
        DesiredAccess: ACCESS_MASK,
        ObjectAttributes: POBJECT_ATTRIBUTES,
        TitleIndex: ULONG,
        Class: PUNICODE_STRING,
        CreateOptions: ULONG,
        Disposition: PULONG,
    ) -> NTSTATUS;
    #[must_use]
    pub fn ZwOpenKey(
        KeyHandle: PHANDLE,
        DesiredAccess: ACCESS_MASK,
        ObjectAttributes: POBJECT_ATTRIBUTES,
    ) -> NTSTATUS;
    #[must_use]
    pub fn ZwQueryValueKey(
        KeyHandle: HANDLE,
        ValueName: PUNICODE_STRING,
        KeyValueInformationClass: KEY_VALUE_INFORMATION_CLASS,
        KeyValueInformation: PVOID,
        Length: ULONG,
        ResultLength: PULONG,
    ) -> NTSTATUS;
    #[must_use]
    pub fn ZwReadFile(
        FileHandle: HANDLE,
        Event: HANDLE,
        ApcRoutine: PIO_APC_ROUTINE,
        ApcContext: PVOID,
        IoStatusBlock: PIO_STATUS_BLOCK,
        Buffer: PVOID,
        Length: ULONG,
        ByteOffset: PLARGE_INTEGER,
        Key: PULONG,
    ) -> NTSTATUS;
    #[must_use]
    pub fn ZwSetValueKey(
        KeyHandle: HANDLE,
        ValueName: PUNICODE_STRING,
        TitleIndex: ULONG,
        Type: ULONG,
        Data: PVOID,
        DataSize: ULONG,
    ) -> NTSTATUS;
    pub fn __C_specific_handler(
        ExceptionRecord: *mut _EXCEPTION_RECORD,
        EstablisherFrame: *mut ::core::ffi::c_void,
        ContextRecord: *mut _CONTEXT,
        DispatcherContext: *mut _DISPATCHER_CONTEXT,
    ) -> EXCEPTION_DISPOSITION;
    pub fn _vsnprintf(
        _Dest: *mut ::core::ffi::c_char,
        _Count: usize,
        _Format: *const ::core::ffi::c_char,
        _Args: va_list,
    ) -> ::core::ffi::c_int;
    pub fn _vsnwprintf(
        _Dest: *mut wchar_t,
        _Count: usize,
        _Format: *const wchar_t,
        _Args: va_list,
    ) -> ::core::ffi::c_int;
    pub fn memcmp(
        _Buf1: *const ::core::ffi::c_void,
        _Buf2: *const ::core::ffi::c_void,
        _Size: usize,
    ) -> ::core::ffi::c_int;
    pub fn memcpy(
        _Dst: *mut ::core::ffi::c_void,
        _Src: *const ::core::ffi::c_void,
        _MaxCount: usize,
    ) -> *mut ::core::ffi::c_void;
    pub fn memmove(
        _Dst: *mut ::core::ffi::c_void,
        _Src: *const ::core::ffi::c_void,
        _Size: usize,
    ) -> *mut ::core::ffi::c_void;
    pub fn memset(
        _Dst: *mut ::core::ffi::c_void,
        _Val: ::core::ffi::c_int,
        _Size: usize,
    ) -> *mut ::core::ffi::c_void;
    pub fn strlen(_Str: *const ::core::ffi::c_char) -> usize;
    pub fn vDbgPrintEx(
        ComponentId: ULONG,
        Level: ULONG,
        Format: PCCH,
        arglist: va_list,
    ) -> ULONG;
}
