//! The layouts against the contract.
use super::*;
use std::mem::{align_of, offset_of, size_of};

#[test]
fn sizes_are_those_of_the_contract() {
    let contract = include_str!("../../../../docs/contract/wdk-sys-api.tsv");
    let ours: &[(&str, usize, usize)] = &[
        ("_CLIENT_ID", size_of::<CLIENT_ID>(), align_of::<CLIENT_ID>()),
        ("_DEVICE_OBJECT", size_of::<DEVICE_OBJECT>(), align_of::<DEVICE_OBJECT>()),
        ("_DISPATCHER_HEADER", size_of::<DISPATCHER_HEADER>(), align_of::<DISPATCHER_HEADER>()),
        ("_DRIVER_OBJECT", size_of::<DRIVER_OBJECT>(), align_of::<DRIVER_OBJECT>()),
        ("_EX_RUNDOWN_REF", size_of::<EX_RUNDOWN_REF>(), align_of::<EX_RUNDOWN_REF>()),
        ("_FAST_MUTEX", size_of::<FAST_MUTEX>(), align_of::<FAST_MUTEX>()),
        ("_GROUP_AFFINITY", size_of::<GROUP_AFFINITY>(), align_of::<GROUP_AFFINITY>()),
        ("_GUID", size_of::<GUID>(), align_of::<GUID>()),
        ("_IO_STACK_LOCATION", size_of::<IO_STACK_LOCATION>(), align_of::<IO_STACK_LOCATION>()),
        ("_IO_STATUS_BLOCK", size_of::<IO_STATUS_BLOCK>(), align_of::<IO_STATUS_BLOCK>()),
        ("_IRP", size_of::<IRP>(), align_of::<IRP>()),
        ("_KDPC", size_of::<KDPC>(), align_of::<KDPC>()),
        ("_KEVENT", size_of::<KEVENT>(), align_of::<KEVENT>()),
        ("_KLOCK_QUEUE_HANDLE", size_of::<KLOCK_QUEUE_HANDLE>(), align_of::<KLOCK_QUEUE_HANDLE>()),
        ("_KMUTANT", size_of::<KMUTANT>(), align_of::<KMUTANT>()),
        ("_KSEMAPHORE", size_of::<KSEMAPHORE>(), align_of::<KSEMAPHORE>()),
        ("_KTIMER", size_of::<KTIMER>(), align_of::<KTIMER>()),
        ("_KWAIT_BLOCK", size_of::<KWAIT_BLOCK>(), align_of::<KWAIT_BLOCK>()),
        ("_LIST_ENTRY", size_of::<LIST_ENTRY>(), align_of::<LIST_ENTRY>()),
        ("_MDL", size_of::<MDL>(), align_of::<MDL>()),
        ("_OBJECT_ATTRIBUTES", size_of::<OBJECT_ATTRIBUTES>(), align_of::<OBJECT_ATTRIBUTES>()),
        ("_PROCESSOR_NUMBER", size_of::<PROCESSOR_NUMBER>(), align_of::<PROCESSOR_NUMBER>()),
        ("_STRING", size_of::<ANSI_STRING>(), align_of::<ANSI_STRING>()),
        ("_UNICODE_STRING", size_of::<UNICODE_STRING>(), align_of::<UNICODE_STRING>()),
        ("_WORK_QUEUE_ITEM", size_of::<WORK_QUEUE_ITEM>(), align_of::<WORK_QUEUE_ITEM>()),
        ("_SLIST_HEADER", size_of::<SLIST_HEADER>(), align_of::<SLIST_HEADER>()),
        ("_SLIST_ENTRY", size_of::<SLIST_ENTRY>(), align_of::<SLIST_ENTRY>()),
        ("_EVENT_DESCRIPTOR", size_of::<EVENT_DESCRIPTOR>(), align_of::<EVENT_DESCRIPTOR>()),
        ("_EVENT_DATA_DESCRIPTOR", size_of::<EVENT_DATA_DESCRIPTOR>(), align_of::<EVENT_DATA_DESCRIPTOR>()),
    ];
    for (name, size, align) in ours {
        let row = contract
            .lines()
            .map(|line| line.split('\t').collect::<Vec<_>>())
            .find(|cells| cells.len() == 3 && cells[1] == *name && cells[2].starts_with("size="))
            .unwrap_or_else(|| panic!("the contract has no row for {name}"));
        assert_eq!(row[2], format!("size={size} align={align}"), "{name}");
    }
}

#[test]
fn offsets_are_those_of_the_contract() {
    assert_eq!(offset_of!(DRIVER_OBJECT, MajorFunction), 112);
    assert_eq!(offset_of!(DRIVER_OBJECT, DriverUnload), 104);
    assert_eq!(offset_of!(DEVICE_OBJECT, DeviceExtension), 64);
    assert_eq!(offset_of!(DEVICE_OBJECT, AlignmentRequirement), 152);
    assert_eq!(offset_of!(DEVICE_OBJECT, Dpc), 200);
    assert_eq!(offset_of!(DEVICE_OBJECT, DeviceLock), 280);
    assert_eq!(offset_of!(DEVICE_OBJECT, Reserved), 320);
    assert_eq!(offset_of!(IRP, IoStatus), 48);
    assert_eq!(offset_of!(IRP, CancelRoutine), 104);
    assert_eq!(offset_of!(IRP, Tail), 120);
    assert_eq!(offset_of!(IRP_TAIL, CurrentStackLocation), 64);
    assert_eq!(offset_of!(IO_STACK_LOCATION, DeviceObject), 40);
    assert_eq!(offset_of!(KTIMER, Dpc), 48);
    assert_eq!(offset_of!(KDPC, DpcData), 56);
    assert_eq!(offset_of!(KLOCK_QUEUE_HANDLE, OldIrql), 16);
    assert_eq!(offset_of!(MDL, MappedSystemVa), 24);
    assert_eq!(offset_of!(MDL, StartVa), 32);
    assert_eq!(offset_of!(FAST_MUTEX, Event), 24);
    assert_eq!(offset_of!(FILE_OBJECT, FsContext), 24);
}
