//! Parts of IRP, IO_STACK_LOCATION, DRIVER_OBJECT, DEVICE_OBJECT and FILE_OBJECT.
//!
//! The table has the outer records; what is inside their unnamed members and unions is here, with
//! bindgen's names for it. Of the stack location's parameters only those are declared that the
//! drivers of this workspace handle; the union has its full size.

use crate::records::c_records;
use crate::*;

c_records! {
    pub union _IO_STATUS_BLOCK__bindgen_ty_1 {
        pub Status: NTSTATUS,
        pub Pointer: PVOID,
    }
    pub union _IRP__bindgen_ty_1 {
        pub MasterIrp: *mut _IRP,
        pub IrpCount: LONG,
        pub SystemBuffer: PVOID,
    }
    pub union _IRP__bindgen_ty_2 {
        pub AsynchronousParameters: _IRP__bindgen_ty_2__bindgen_ty_1,
        pub AllocationSize: LARGE_INTEGER,
    }
    pub struct _IRP__bindgen_ty_2__bindgen_ty_1 {
        pub __bindgen_anon_1: _IRP__bindgen_ty_2__bindgen_ty_1__bindgen_ty_1,
        pub __bindgen_anon_2: _IRP__bindgen_ty_2__bindgen_ty_1__bindgen_ty_2,
    }
    pub union _IRP__bindgen_ty_2__bindgen_ty_1__bindgen_ty_1 {
        pub UserApcRoutine: PIO_APC_ROUTINE,
        pub IssuingProcess: PVOID,
    }
    pub union _IRP__bindgen_ty_2__bindgen_ty_1__bindgen_ty_2 {
        pub UserApcContext: PVOID,
    }
    pub union _IRP__bindgen_ty_3 {
        pub Overlay: _IRP__bindgen_ty_3__bindgen_ty_1,
        pub Apc: KAPC,
        pub CompletionKey: PVOID,
    }
    pub struct _IRP__bindgen_ty_3__bindgen_ty_1 {
        pub __bindgen_anon_1: _IRP__bindgen_ty_3__bindgen_ty_1__bindgen_ty_1,
        pub Thread: PETHREAD,
        pub AuxiliaryBuffer: PCHAR,
        pub __bindgen_anon_2: _IRP__bindgen_ty_3__bindgen_ty_1__bindgen_ty_2,
        pub OriginalFileObject: PFILE_OBJECT,
        pub IrpExtension: PVOID,
    }
    pub union _IRP__bindgen_ty_3__bindgen_ty_1__bindgen_ty_1 {
        pub DeviceQueueEntry: KDEVICE_QUEUE_ENTRY,
        pub __bindgen_anon_1: _IRP__bindgen_ty_3__bindgen_ty_1__bindgen_ty_1__bindgen_ty_1,
    }
    pub struct _IRP__bindgen_ty_3__bindgen_ty_1__bindgen_ty_1__bindgen_ty_1 {
        pub DriverContext: [PVOID; 4],
    }
    pub struct _IRP__bindgen_ty_3__bindgen_ty_1__bindgen_ty_2 {
        pub ListEntry: LIST_ENTRY,
        pub __bindgen_anon_1: _IRP__bindgen_ty_3__bindgen_ty_1__bindgen_ty_2__bindgen_ty_1,
    }
    pub union _IRP__bindgen_ty_3__bindgen_ty_1__bindgen_ty_2__bindgen_ty_1 {
        pub CurrentStackLocation: *mut _IO_STACK_LOCATION,
        pub PacketType: ULONG,
    }
}

// `IO_STACK_LOCATION.Parameters`: the headers align most members to 8, bindgen pads for it.
c_records! {
    pub union _IO_STACK_LOCATION__bindgen_ty_1 {
        pub Create: _IO_STACK_LOCATION__bindgen_ty_1__bindgen_ty_1,
        pub Read: _IO_STACK_LOCATION__bindgen_ty_1__bindgen_ty_4,
        pub Write: _IO_STACK_LOCATION__bindgen_ty_1__bindgen_ty_5,
        pub DeviceIoControl: _IO_STACK_LOCATION__bindgen_ty_1__bindgen_ty_16,
        pub Others: _IO_STACK_LOCATION__bindgen_ty_1__bindgen_ty_38,
    }
    pub struct _IO_STACK_LOCATION__bindgen_ty_1__bindgen_ty_1 {
        pub SecurityContext: PIO_SECURITY_CONTEXT,
        pub Options: ULONG,
        pub __bindgen_padding_0: u32,
        pub FileAttributes: USHORT,
        pub ShareAccess: USHORT,
        pub __bindgen_padding_1: u32,
        pub EaLength: ULONG,
    }
    pub struct _IO_STACK_LOCATION__bindgen_ty_1__bindgen_ty_4 {
        pub Length: ULONG,
        pub __bindgen_padding_0: u32,
        pub Key: ULONG,
        pub Flags: ULONG,
        pub ByteOffset: LARGE_INTEGER,
    }
    pub struct _IO_STACK_LOCATION__bindgen_ty_1__bindgen_ty_5 {
        pub Length: ULONG,
        pub __bindgen_padding_0: u32,
        pub Key: ULONG,
        pub Flags: ULONG,
        pub ByteOffset: LARGE_INTEGER,
    }
    pub struct _IO_STACK_LOCATION__bindgen_ty_1__bindgen_ty_16 {
        pub OutputBufferLength: ULONG,
        pub __bindgen_padding_0: u32,
        pub InputBufferLength: ULONG,
        pub __bindgen_padding_1: u32,
        pub IoControlCode: ULONG,
        pub __bindgen_padding_2: u32,
        pub Type3InputBuffer: PVOID,
    }
    pub struct _IO_STACK_LOCATION__bindgen_ty_1__bindgen_ty_38 {
        pub Argument1: PVOID,
        pub Argument2: PVOID,
        pub Argument3: PVOID,
        pub Argument4: PVOID,
    }
}
pub type IO_STACK_LOCATION = _IO_STACK_LOCATION;

c_records! {
    pub union _DEVICE_OBJECT__bindgen_ty_1 {
        pub ListEntry: LIST_ENTRY,
        pub Wcb: WAIT_CONTEXT_BLOCK,
    }
    pub struct _WAIT_CONTEXT_BLOCK {
        pub __bindgen_anon_1: _WAIT_CONTEXT_BLOCK__bindgen_ty_1,
        pub DeviceRoutine: DRIVER_CONTROL,
        pub DeviceContext: PVOID,
        pub NumberOfMapRegisters: ULONG,
        pub DeviceObject: PVOID,
        pub CurrentIrp: PVOID,
        pub BufferChainingDpc: PKDPC,
    }
    pub union _WAIT_CONTEXT_BLOCK__bindgen_ty_1 {
        pub WaitQueueEntry: KDEVICE_QUEUE_ENTRY,
        pub __bindgen_anon_1: _WAIT_CONTEXT_BLOCK__bindgen_ty_1__bindgen_ty_1,
    }
    pub struct _WAIT_CONTEXT_BLOCK__bindgen_ty_1__bindgen_ty_1 {
        pub DmaWaitEntry: LIST_ENTRY,
        pub NumberOfChannels: ULONG,
        pub _bitfield_1: [u8; 4],
    }
    pub struct _DRIVER_EXTENSION {
        pub DriverObject: *mut _DRIVER_OBJECT,
        pub AddDevice: PDRIVER_ADD_DEVICE,
        pub Count: ULONG,
        pub ServiceKeyName: UNICODE_STRING,
    }
    pub union _POWER_STATE {
        pub SystemState: ::core::ffi::c_int,
        pub DeviceState: ::core::ffi::c_int,
    }
    pub struct _FILE_OBJECT {
        pub Type: CSHORT,
        pub Size: CSHORT,
        pub DeviceObject: PDEVICE_OBJECT,
        pub Vpb: PVPB,
        pub FsContext: PVOID,
        pub FsContext2: PVOID,
        pub SectionObjectPointer: *mut _SECTION_OBJECT_POINTERS,
        pub PrivateCacheMap: PVOID,
        pub FinalStatus: NTSTATUS,
        pub RelatedFileObject: *mut _FILE_OBJECT,
        pub LockOperation: BOOLEAN,
        pub DeletePending: BOOLEAN,
        pub ReadAccess: BOOLEAN,
        pub WriteAccess: BOOLEAN,
        pub DeleteAccess: BOOLEAN,
        pub SharedRead: BOOLEAN,
        pub SharedWrite: BOOLEAN,
        pub SharedDelete: BOOLEAN,
        pub Flags: ULONG,
        pub FileName: UNICODE_STRING,
        pub CurrentByteOffset: LARGE_INTEGER,
        pub Waiters: ULONG,
        pub Busy: ULONG,
        pub LastLock: PVOID,
        pub Lock: KEVENT,
        pub Event: KEVENT,
        pub CompletionContext: PVOID,
        pub IrpListLock: KSPIN_LOCK,
        pub IrpList: LIST_ENTRY,
        pub FileObjectExtension: PVOID,
    }
}
pub type WAIT_CONTEXT_BLOCK = _WAIT_CONTEXT_BLOCK;
pub type DRIVER_EXTENSION = _DRIVER_EXTENSION;
pub type PDRIVER_EXTENSION = *mut _DRIVER_EXTENSION;
pub type FILE_OBJECT = _FILE_OBJECT;
