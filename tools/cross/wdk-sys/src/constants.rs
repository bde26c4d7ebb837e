//! Integer constants of the public kernel headers, with the types that bindgen gives to macros.
//!
//! A non-negative macro becomes a `u32`, a negative one an `i32`. The pool flags are `POOL_FLAGS`,
//! because the real package writes them by hand.

use crate::POOL_FLAGS;

pub const TRUE: u32 = 1;
pub const FALSE: u32 = 0;
pub const MAXULONG: u32 = 0xFFFF_FFFF;
pub const MAXLONG: u32 = 0x7FFF_FFFF;
pub const MAXUSHORT: u32 = 0xFFFF;
pub const PAGE_SIZE: u32 = 0x1000;
pub const PAGE_SHIFT: u32 = 12;
pub const SYSTEM_CACHE_ALIGNMENT_SIZE: u32 = 64;
pub const MAXIMUM_WAIT_OBJECTS: u32 = 64;
pub const THREAD_WAIT_OBJECTS: u32 = 3;
pub const KERNEL_STACK_SIZE: u32 = 0x6000;
pub const MAXIMUM_EXPANSION_SIZE: u32 = 0x1_1000;
pub const ALL_PROCESSOR_GROUPS: u32 = 0xFFFF;
pub const MM_ANY_NODE_OK: u32 = 0x8000_0000;

// IRQL of x64.
pub const PASSIVE_LEVEL: u32 = 0;
pub const LOW_LEVEL: u32 = 0;
pub const APC_LEVEL: u32 = 1;
pub const DISPATCH_LEVEL: u32 = 2;
pub const CMCI_LEVEL: u32 = 5;
pub const CLOCK_LEVEL: u32 = 13;
pub const IPI_LEVEL: u32 = 14;
pub const POWER_LEVEL: u32 = 14;
pub const HIGH_LEVEL: u32 = 15;

// Thread priorities and boosts.
pub const LOW_PRIORITY: u32 = 0;
pub const LOW_REALTIME_PRIORITY: u32 = 16;
pub const HIGH_PRIORITY: u32 = 31;
pub const IO_NO_INCREMENT: u32 = 0;
pub const IO_NETWORK_INCREMENT: u32 = 2;
pub const EVENT_INCREMENT: u32 = 1;
pub const SEMAPHORE_INCREMENT: u32 = 1;

pub const POOL_FLAG_REQUIRED_START: POOL_FLAGS = 0x1;
pub const POOL_FLAG_USE_QUOTA: POOL_FLAGS = 0x1;
pub const POOL_FLAG_UNINITIALIZED: POOL_FLAGS = 0x2;
pub const POOL_FLAG_SESSION: POOL_FLAGS = 0x4;
pub const POOL_FLAG_CACHE_ALIGNED: POOL_FLAGS = 0x8;
pub const POOL_FLAG_RESERVED1: POOL_FLAGS = 0x10;
pub const POOL_FLAG_RAISE_ON_FAILURE: POOL_FLAGS = 0x20;
pub const POOL_FLAG_NON_PAGED: POOL_FLAGS = 0x40;
pub const POOL_FLAG_NON_PAGED_EXECUTE: POOL_FLAGS = 0x80;
pub const POOL_FLAG_PAGED: POOL_FLAGS = 0x100;
pub const POOL_FLAG_RESERVED2: POOL_FLAGS = 0x200;
pub const POOL_FLAG_RESERVED3: POOL_FLAGS = 0x400;
pub const POOL_FLAG_REQUIRED_END: POOL_FLAGS = 0x8000_0000;
pub const POOL_FLAG_OPTIONAL_START: POOL_FLAGS = 0x1_0000_0000;
pub const POOL_FLAG_SPECIAL_POOL: POOL_FLAGS = 0x1_0000_0000;
pub const POOL_FLAG_OPTIONAL_END: POOL_FLAGS = 0x8000_0000_0000_0000;
pub const POOL_NX_ALLOCATION: u32 = 512;
pub const POOL_RAISE_IF_ALLOCATION_FAILURE: u32 = 16;

// MDL flags and mapping options.
pub const MDL_MAPPED_TO_SYSTEM_VA: u32 = 0x1;
pub const MDL_PAGES_LOCKED: u32 = 0x2;
pub const MDL_SOURCE_IS_NONPAGED_POOL: u32 = 0x4;
pub const MDL_ALLOCATED_FIXED_SIZE: u32 = 0x8;
pub const MDL_PARTIAL: u32 = 0x10;
pub const MDL_PARTIAL_HAS_BEEN_MAPPED: u32 = 0x20;
pub const MDL_IO_PAGE_READ: u32 = 0x40;
pub const MDL_WRITE_OPERATION: u32 = 0x80;
pub const MDL_LOCKED_PAGE_TABLES: u32 = 0x100;
pub const MDL_FREE_EXTRA_PTES: u32 = 0x200;
pub const MDL_DESCRIBES_AWE: u32 = 0x400;
pub const MDL_IO_SPACE: u32 = 0x800;
pub const MDL_NETWORK_HEADER: u32 = 0x1000;
pub const MDL_MAPPING_CAN_FAIL: u32 = 0x2000;
pub const MdlMappingNoWrite: u32 = 0x8000_0000;
pub const MdlMappingNoExecute: u32 = 0x4000_0000;
pub const MdlMappingWithGuardPtes: u32 = 0x2000_0000;
pub const MM_DONT_ZERO_ALLOCATION: u32 = 0x1;
pub const MM_ALLOCATE_FULLY_REQUIRED: u32 = 0x4;
pub const PAGE_NOACCESS: u32 = 0x1;
pub const PAGE_READONLY: u32 = 0x2;
pub const PAGE_READWRITE: u32 = 0x4;
pub const PAGE_EXECUTE: u32 = 0x10;

// IRPs.
pub const IRP_MJ_CREATE: u32 = 0x0;
pub const IRP_MJ_CLOSE: u32 = 0x2;
pub const IRP_MJ_READ: u32 = 0x3;
pub const IRP_MJ_WRITE: u32 = 0x4;
pub const IRP_MJ_QUERY_INFORMATION: u32 = 0x5;
pub const IRP_MJ_SET_INFORMATION: u32 = 0x6;
pub const IRP_MJ_FLUSH_BUFFERS: u32 = 0x9;
pub const IRP_MJ_DEVICE_CONTROL: u32 = 0xE;
pub const IRP_MJ_INTERNAL_DEVICE_CONTROL: u32 = 0xF;
pub const IRP_MJ_SHUTDOWN: u32 = 0x10;
pub const IRP_MJ_CLEANUP: u32 = 0x12;
pub const IRP_MJ_POWER: u32 = 0x16;
pub const IRP_MJ_SYSTEM_CONTROL: u32 = 0x17;
pub const IRP_MJ_PNP: u32 = 0x1B;
pub const IRP_MJ_MAXIMUM_FUNCTION: u32 = 0x1B;
pub const SL_PENDING_RETURNED: u32 = 0x1;
pub const SL_ERROR_RETURNED: u32 = 0x2;
pub const SL_INVOKE_ON_CANCEL: u32 = 0x20;
pub const SL_INVOKE_ON_SUCCESS: u32 = 0x40;
pub const SL_INVOKE_ON_ERROR: u32 = 0x80;
pub const IO_TYPE_DEVICE: u32 = 3;
pub const IO_TYPE_DRIVER: u32 = 4;
pub const IO_TYPE_FILE: u32 = 5;
pub const IO_TYPE_IRP: u32 = 6;

// Devices and control codes.
pub const FILE_DEVICE_NETWORK: u32 = 0x12;
pub const FILE_DEVICE_PHYSICAL_NETCARD: u32 = 0x17;
pub const FILE_DEVICE_UNKNOWN: u32 = 0x22;
pub const FILE_DEVICE_SECURE_OPEN: u32 = 0x100;
pub const DO_BUFFERED_IO: u32 = 0x4;
pub const DO_EXCLUSIVE: u32 = 0x8;
pub const DO_DIRECT_IO: u32 = 0x10;
pub const DO_DEVICE_INITIALIZING: u32 = 0x80;
pub const METHOD_BUFFERED: u32 = 0;
pub const METHOD_IN_DIRECT: u32 = 1;
pub const METHOD_OUT_DIRECT: u32 = 2;
pub const METHOD_NEITHER: u32 = 3;
pub const FILE_ANY_ACCESS: u32 = 0;
pub const FILE_READ_ACCESS: u32 = 1;
pub const FILE_WRITE_ACCESS: u32 = 2;
pub const PLUGPLAY_REGKEY_DEVICE: u32 = 1;
pub const PLUGPLAY_REGKEY_DRIVER: u32 = 2;

// Access rights, object attributes.
pub const DELETE: u32 = 0x1_0000;
pub const READ_CONTROL: u32 = 0x2_0000;
pub const SYNCHRONIZE: u32 = 0x10_0000;
pub const STANDARD_RIGHTS_REQUIRED: u32 = 0xF_0000;
pub const GENERIC_ALL: u32 = 0x1000_0000;
pub const GENERIC_EXECUTE: u32 = 0x2000_0000;
pub const GENERIC_WRITE: u32 = 0x4000_0000;
pub const GENERIC_READ: u32 = 0x8000_0000;
pub const THREAD_ALL_ACCESS: u32 = 0x1F_FFFF;
pub const OBJ_INHERIT: u32 = 0x2;
pub const OBJ_PERMANENT: u32 = 0x10;
pub const OBJ_EXCLUSIVE: u32 = 0x20;
pub const OBJ_CASE_INSENSITIVE: u32 = 0x40;
pub const OBJ_OPENIF: u32 = 0x80;
pub const OBJ_OPENLINK: u32 = 0x100;
pub const OBJ_KERNEL_HANDLE: u32 = 0x200;
pub const OBJ_FORCE_ACCESS_CHECK: u32 = 0x400;

// Files.
pub const FILE_READ_DATA: u32 = 0x1;
pub const FILE_WRITE_DATA: u32 = 0x2;
pub const FILE_APPEND_DATA: u32 = 0x4;
pub const FILE_READ_ATTRIBUTES: u32 = 0x80;
pub const FILE_WRITE_ATTRIBUTES: u32 = 0x100;
pub const FILE_ATTRIBUTE_READONLY: u32 = 0x1;
pub const FILE_ATTRIBUTE_NORMAL: u32 = 0x80;
pub const FILE_SHARE_READ: u32 = 0x1;
pub const FILE_SHARE_WRITE: u32 = 0x2;
pub const FILE_SHARE_DELETE: u32 = 0x4;
pub const FILE_SUPERSEDE: u32 = 0;
pub const FILE_OPEN: u32 = 1;
pub const FILE_CREATE: u32 = 2;
pub const FILE_OPEN_IF: u32 = 3;
pub const FILE_OVERWRITE: u32 = 4;
pub const FILE_OVERWRITE_IF: u32 = 5;
pub const FILE_SEQUENTIAL_ONLY: u32 = 0x4;
pub const FILE_NO_INTERMEDIATE_BUFFERING: u32 = 0x8;
pub const FILE_SYNCHRONOUS_IO_ALERT: u32 = 0x10;
pub const FILE_SYNCHRONOUS_IO_NONALERT: u32 = 0x20;
pub const FILE_NON_DIRECTORY_FILE: u32 = 0x40;
pub const FILE_RANDOM_ACCESS: u32 = 0x800;

// Registry.
pub const KEY_QUERY_VALUE: u32 = 0x1;
pub const KEY_SET_VALUE: u32 = 0x2;
pub const KEY_CREATE_SUB_KEY: u32 = 0x4;
pub const KEY_ENUMERATE_SUB_KEYS: u32 = 0x8;
pub const KEY_NOTIFY: u32 = 0x10;
pub const KEY_READ: u32 = 0x2_0019;
pub const KEY_WRITE: u32 = 0x2_0006;
pub const KEY_ALL_ACCESS: u32 = 0xF_003F;
pub const REG_NONE: u32 = 0;
pub const REG_SZ: u32 = 1;
pub const REG_EXPAND_SZ: u32 = 2;
pub const REG_BINARY: u32 = 3;
pub const REG_DWORD: u32 = 4;
pub const REG_MULTI_SZ: u32 = 7;
pub const REG_QWORD: u32 = 11;
pub const REG_OPTION_NON_VOLATILE: u32 = 0;
pub const REG_OPTION_VOLATILE: u32 = 1;
pub const RTL_REGISTRY_ABSOLUTE: u32 = 0;
pub const RTL_REGISTRY_SERVICES: u32 = 1;
pub const RTL_QUERY_REGISTRY_SUBKEY: u32 = 0x1;
pub const RTL_QUERY_REGISTRY_REQUIRED: u32 = 0x4;
pub const RTL_QUERY_REGISTRY_DIRECT: u32 = 0x20;
pub const RTL_QUERY_REGISTRY_TYPECHECK: u32 = 0x100;

// Extended processor state.
pub const XSTATE_LEGACY_FLOATING_POINT: u32 = 0;
pub const XSTATE_LEGACY_SSE: u32 = 1;
pub const XSTATE_AVX: u32 = 2;

// Timers.
pub const EX_TIMER_HIGH_RESOLUTION: u32 = 4;
pub const EX_TIMER_NO_WAKE: u32 = 8;
