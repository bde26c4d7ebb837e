/*
 * Kernel types that the network headers of this folder stand on.
 *
 * Every integer has a fixed width, so that the bindings are the same types on a Windows target and on
 * a 64-bit Unix host (where `long` has eight bytes). Objects that only the kernel looks into are opaque.
 */
#pragma once

typedef signed char int8_t;
typedef unsigned char uint8_t;
typedef short int16_t;
typedef unsigned short uint16_t;
typedef int int32_t;
typedef unsigned int uint32_t;
typedef long long int64_t;
typedef unsigned long long uint64_t;
typedef unsigned long long size_t;

typedef void VOID;
typedef void *PVOID;
typedef int8_t CHAR;
typedef uint8_t UCHAR, *PUCHAR;
typedef uint8_t BOOLEAN, *PBOOLEAN;
typedef uint8_t UINT8;
typedef int16_t CSHORT, SHORT;
typedef uint16_t USHORT, *PUSHORT, UINT16;
typedef uint16_t WCHAR, *PWSTR, *PWCH;
typedef const WCHAR *PCWSTR;
typedef int32_t INT, LONG, *PLONG, NTSTATUS;
typedef uint32_t UINT, *PUINT, ULONG, *PULONG, UINT32;
typedef int64_t LONGLONG, LONG64;
typedef uint64_t ULONGLONG, ULONG64, *PULONG64, UINT64;
typedef uint64_t ULONG_PTR, KAFFINITY, *PKAFFINITY, KSPIN_LOCK;
typedef size_t SIZE_T, *PSIZE_T;
typedef PVOID HANDLE, *PHANDLE;
typedef UCHAR KIRQL;

/* Constants are typed objects, not macros, so that each has one Rust type. */
#define CONST_U8(name, value) static const UCHAR name = (value)
#define CONST_U16(name, value) static const USHORT name = (value)
#define CONST_U32(name, value) static const ULONG name = (value)
#define CONST_U64(name, value) static const ULONG64 name = (value)
#define CONST_STATUS(name, value) static const NTSTATUS name = (NTSTATUS)(value)

CONST_U32(PAGE_SIZE, 4096);
CONST_U32(PAGE_SHIFT, 12);
CONST_U32(MAXULONG, 0xFFFFFFFF);
/** Interrupt request levels that driver code meets. */
CONST_U8(PASSIVE_LEVEL, 0);
CONST_U8(APC_LEVEL, 1);
CONST_U8(DISPATCH_LEVEL, 2);

/** A 64-bit number that old interfaces pass as two halves. */
typedef union LARGE_INTEGER {
    struct {
        ULONG LowPart;
        LONG HighPart;
    } u;
    LONGLONG QuadPart;
} LARGE_INTEGER, *PLARGE_INTEGER;

/** Bus address. NDK logical addresses have this shape; the provider chooses their meaning. */
typedef LARGE_INTEGER PHYSICAL_ADDRESS, *PPHYSICAL_ADDRESS;

typedef struct GUID {
    uint32_t Data1;
    USHORT Data2;
    USHORT Data3;
    UCHAR Data4[8];
} GUID, *LPGUID;

/** Counted UTF-16 text; both lengths are in bytes, a terminator is not required. */
typedef struct UNICODE_STRING {
    USHORT Length;
    USHORT MaximumLength;
    PWCH Buffer;
} UNICODE_STRING, *PUNICODE_STRING;

typedef struct LIST_ENTRY {
    struct LIST_ENTRY *Flink;
    struct LIST_ENTRY *Blink;
} LIST_ENTRY, *PLIST_ENTRY;

/** Lock-free list head; the alignment matters, the bits belong to the kernel. */
typedef struct __attribute__((aligned(16))) SLIST_HEADER {
    ULONGLONG Alignment;
    ULONGLONG Region;
} SLIST_HEADER;

typedef struct DRIVER_OBJECT DRIVER_OBJECT, *PDRIVER_OBJECT;
typedef struct DEVICE_OBJECT DEVICE_OBJECT, *PDEVICE_OBJECT;
typedef struct IRP IRP, *PIRP;
typedef struct EPROCESS EPROCESS, *PEPROCESS;
typedef struct ETHREAD ETHREAD, *PETHREAD;
typedef PVOID PSECURITY_DESCRIPTOR;

/** Memory descriptor list: a run of bytes in locked pages. The page numbers follow the structure. */
typedef struct MDL {
    struct MDL *Next;
    CSHORT Size;
    CSHORT MdlFlags;
    struct EPROCESS *Process;
    PVOID MappedSystemVa;
    PVOID StartVa;
    ULONG ByteCount;
    ULONG ByteOffset;
} MDL, *PMDL;

static const SHORT MDL_MAPPED_TO_SYSTEM_VA = 0x0001;
static const SHORT MDL_PAGES_LOCKED = 0x0002;
static const SHORT MDL_SOURCE_IS_NONPAGED_POOL = 0x0004;
static const SHORT MDL_PARTIAL = 0x0010;

/** Processors of one group, one bit each. */
typedef struct GROUP_AFFINITY {
    KAFFINITY Mask;
    USHORT Group;
    USHORT Reserved[3];
} GROUP_AFFINITY, *PGROUP_AFFINITY;

typedef struct PROCESSOR_NUMBER {
    USHORT Group;
    UCHAR Number;
    UCHAR Reserved;
} PROCESSOR_NUMBER, *PPROCESSOR_NUMBER;

typedef enum EX_POOL_PRIORITY {
    LowPoolPriority = 0,
    LowPoolPrioritySpecialPoolOverrun = 8,
    LowPoolPrioritySpecialPoolUnderrun = 9,
    NormalPoolPriority = 16,
    NormalPoolPrioritySpecialPoolOverrun = 24,
    NormalPoolPrioritySpecialPoolUnderrun = 25,
    HighPoolPriority = 32,
    HighPoolPrioritySpecialPoolOverrun = 40,
    HighPoolPrioritySpecialPoolUnderrun = 41
} EX_POOL_PRIORITY;

/* Structures that exported functions take and that driver code only passes on. */
typedef struct CM_RESOURCE_LIST CM_RESOURCE_LIST, *PCM_RESOURCE_LIST;
typedef struct NDIS_RSS_PROCESSOR_INFO NDIS_RSS_PROCESSOR_INFO, *PNDIS_RSS_PROCESSOR_INFO;
typedef struct NDIS_SYSTEM_PROCESSOR_INFO_EX NDIS_SYSTEM_PROCESSOR_INFO_EX, *PNDIS_SYSTEM_PROCESSOR_INFO_EX;
typedef struct NPI_CLIENT_CHARACTERISTICS NPI_CLIENT_CHARACTERISTICS, *PNPI_CLIENT_CHARACTERISTICS;
typedef struct NPI_PROVIDER_CHARACTERISTICS NPI_PROVIDER_CHARACTERISTICS, *PNPI_PROVIDER_CHARACTERISTICS;
