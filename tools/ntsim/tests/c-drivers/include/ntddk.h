/*
 * What the C test drivers need of the kernel's interface, in declarations of our own.
 *
 * Inline functions use the very instructions that the kit's headers inline on x64: reads and writes
 * of CR8, loads through gs, loads from the shared user page.
 */
#pragma once

typedef signed char CHAR;
typedef unsigned char UCHAR, BOOLEAN, KIRQL;
typedef short SHORT;
typedef unsigned short USHORT;
typedef int LONG, NTSTATUS;
typedef unsigned int ULONG;
typedef long long LONG64;
typedef unsigned long long ULONG64, ULONG_PTR, SIZE_T, KSPIN_LOCK;
typedef void *PVOID, *HANDLE;
typedef unsigned short WCHAR;

#define TRUE 1
#define FALSE 0
#define NULL ((void *)0)
#define IMPORT __declspec(dllimport)
#define NOINLINE __attribute__((noinline))

#define STATUS_SUCCESS 0
#define STATUS_UNSUCCESSFUL ((NTSTATUS)0xC0000001)
#define STATUS_ACCESS_VIOLATION ((NTSTATUS)0xC0000005)
#define STATUS_INVALID_PARAMETER ((NTSTATUS)0xC000000D)
#define STATUS_ILLEGAL_INSTRUCTION ((NTSTATUS)0xC000001D)
#define STATUS_INTEGER_DIVIDE_BY_ZERO ((NTSTATUS)0xC0000094)
#define STATUS_PRIVILEGED_INSTRUCTION ((NTSTATUS)0xC0000096)
#define STATUS_INSUFFICIENT_RESOURCES ((NTSTATUS)0xC000009A)
#define STATUS_ASSERTION_FAILURE ((NTSTATUS)0xC0000420)
#define STATUS_BREAKPOINT ((NTSTATUS)0x80000003)
#define STATUS_DATATYPE_MISALIGNMENT ((NTSTATUS)0x80000002)
#define NT_SUCCESS(status) ((status) >= 0)

#define PASSIVE_LEVEL 0
#define DISPATCH_LEVEL 2

typedef struct {
    USHORT Length;
    USHORT MaximumLength;
    WCHAR *Buffer;
} UNICODE_STRING;

typedef struct DRIVER_OBJECT DRIVER_OBJECT;
typedef struct DEVICE_OBJECT DEVICE_OBJECT;
typedef struct IRP IRP;
typedef struct WORK_ITEM WORK_ITEM;
typedef struct MDL MDL;

struct DRIVER_OBJECT {
    SHORT Type;
    SHORT Size;
    DEVICE_OBJECT *DeviceObject;
    ULONG Flags;
    PVOID DriverStart;
    ULONG DriverSize;
    PVOID DriverSection;
    PVOID DriverExtension;
    UNICODE_STRING DriverName;
    UNICODE_STRING *HardwareDatabase;
    PVOID FastIoDispatch;
    PVOID DriverInit;
    PVOID DriverStartIo;
    void (*DriverUnload)(DRIVER_OBJECT *driver);
    NTSTATUS (*MajorFunction[28])(DEVICE_OBJECT *device, IRP *irp);
};

typedef struct {
    PVOID Opaque[8];
} KDPC;

typedef struct {
    PVOID Opaque[3];
} KEVENT;

typedef struct {
    USHORT Group;
    UCHAR Number;
    UCHAR Reserved;
} PROCESSOR_NUMBER;

typedef struct {
    ULONG Data1;
    USHORT Data2;
    USHORT Data3;
    UCHAR Data4[8];
} GUID;

typedef struct {
    UCHAR MajorFunction;
    UCHAR MinorFunction;
    UCHAR Flags;
    UCHAR Control;
    /* Parameters.DeviceIoControl */
    __attribute__((aligned(8))) ULONG OutputBufferLength;
    __attribute__((aligned(8))) ULONG InputBufferLength;
    __attribute__((aligned(8))) ULONG IoControlCode;
    PVOID Type3InputBuffer;
} IO_STACK_LOCATION;

struct IRP {
    SHORT Type;
    USHORT Size;
    MDL *MdlAddress;
    ULONG Flags;
    PVOID SystemBuffer;
    PVOID ThreadListEntry[2];
    NTSTATUS Status;
    ULONG_PTR Information;
    UCHAR Flags2[8];
    PVOID UserIosb;
    PVOID UserEvent;
    PVOID Overlay[2];
    PVOID CancelRoutine;
    PVOID UserBuffer;
    PVOID Tail[8];
    IO_STACK_LOCATION *CurrentStackLocation;
};

_Static_assert(__builtin_offsetof(IRP, Status) == 48, "the layout of IRP");
_Static_assert(__builtin_offsetof(IRP, UserBuffer) == 112, "the layout of IRP");
_Static_assert(__builtin_offsetof(IRP, CurrentStackLocation) == 184, "the layout of IRP");
_Static_assert(__builtin_offsetof(IO_STACK_LOCATION, Type3InputBuffer) == 32, "the layout of IO_STACK_LOCATION");

#define IRP_MJ_CREATE 0
#define IRP_MJ_CLOSE 2
#define IRP_MJ_DEVICE_CONTROL 14
#define IRP_MJ_CLEANUP 18

/* Structured exception handling. */

#define EXCEPTION_EXECUTE_HANDLER 1
#define EXCEPTION_CONTINUE_SEARCH 0
#define EXCEPTION_CONTINUE_EXECUTION (-1)
#define GetExceptionCode() ((NTSTATUS)_exception_code())
#define GetExceptionInformation() ((EXCEPTION_POINTERS *)_exception_info())
#define AbnormalTermination() _abnormal_termination()

typedef struct EXCEPTION_RECORD {
    NTSTATUS ExceptionCode;
    ULONG ExceptionFlags;
    struct EXCEPTION_RECORD *ExceptionRecord;
    PVOID ExceptionAddress;
    ULONG NumberParameters;
    ULONG_PTR ExceptionInformation[15];
} EXCEPTION_RECORD;

typedef struct {
    ULONG64 Home[6];
    ULONG ContextFlags;
    ULONG MxCsr;
    USHORT Segments[6];
    ULONG EFlags;
    ULONG64 Debug[6];
    ULONG64 Rax, Rcx, Rdx, Rbx, Rsp, Rbp, Rsi, Rdi, R8, R9, R10, R11, R12, R13, R14, R15;
    ULONG64 Rip;
    UCHAR Rest[976];
} CONTEXT;

typedef struct {
    EXCEPTION_RECORD *ExceptionRecord;
    CONTEXT *ContextRecord;
} EXCEPTION_POINTERS;

typedef struct {
    ULONG64 ControlPc;
    ULONG64 ImageBase;
    PVOID FunctionEntry;
    ULONG64 EstablisherFrame;
    ULONG64 TargetIp;
    CONTEXT *ContextRecord;
    PVOID LanguageHandler;
    ULONG *HandlerData;
    PVOID HistoryTable;
    ULONG ScopeIndex;
    ULONG Fill0;
} DISPATCHER_CONTEXT;

_Static_assert(sizeof(CONTEXT) == 1232, "the layout of CONTEXT");
_Static_assert(__builtin_offsetof(CONTEXT, Rip) == 0xF8, "the layout of CONTEXT");
_Static_assert(sizeof(DISPATCHER_CONTEXT) == 80, "the layout of DISPATCHER_CONTEXT");

unsigned long _exception_code(void);
void *_exception_info(void);
int _abnormal_termination(void);

IMPORT int __C_specific_handler(EXCEPTION_RECORD *record, PVOID frame, CONTEXT *context, DISPATCHER_CONTEXT *dispatcher);
IMPORT void ExRaiseStatus(NTSTATUS status);
IMPORT void ExRaiseAccessViolation(void);
IMPORT void RtlRaiseException(EXCEPTION_RECORD *record);
IMPORT void ProbeForRead(const volatile void *address, SIZE_T length, ULONG alignment);
IMPORT void ProbeForWrite(volatile void *address, SIZE_T length, ULONG alignment);
IMPORT MDL *IoAllocateMdl(PVOID address, ULONG length, BOOLEAN secondary, BOOLEAN quota, IRP *irp);
IMPORT void IoFreeMdl(MDL *mdl);
IMPORT void MmProbeAndLockPages(MDL *mdl, CHAR mode, ULONG operation);
IMPORT void MmUnlockPages(MDL *mdl);

/* IRQL, processors, threads, time. */

IMPORT KIRQL KeAcquireSpinLockRaiseToDpc(KSPIN_LOCK *lock);
IMPORT void KeReleaseSpinLock(KSPIN_LOCK *lock, KIRQL old);
IMPORT KIRQL KeRaiseIrqlToDpcLevel(void);
IMPORT void KeLowerIrql(KIRQL irql);
IMPORT void KeInitializeDpc(KDPC *dpc, void (*routine)(KDPC *, PVOID, PVOID, PVOID), PVOID context);
IMPORT BOOLEAN KeInsertQueueDpc(KDPC *dpc, PVOID first, PVOID second);
IMPORT NTSTATUS KeDelayExecutionThread(CHAR mode, BOOLEAN alertable, const LONG64 *interval);
IMPORT ULONG KeGetCurrentProcessorNumberEx(PROCESSOR_NUMBER *number);
IMPORT ULONG64 KeQueryInterruptTimePrecise(ULONG64 *counter);
IMPORT void KeQuerySystemTimePrecise(LONG64 *time);
IMPORT void KeStallExecutionProcessor(ULONG microseconds);
IMPORT void KeInitializeEvent(KEVENT *event, ULONG type, BOOLEAN state);
IMPORT LONG KeSetEvent(KEVENT *event, LONG increment, BOOLEAN wait);
IMPORT NTSTATUS KeWaitForSingleObject(PVOID object, ULONG reason, CHAR mode, BOOLEAN alertable, const LONG64 *timeout);
IMPORT PVOID PsGetCurrentThread(void);
IMPORT NTSTATUS PsCreateSystemThread(HANDLE *thread, ULONG access, PVOID attributes, HANDLE process, PVOID client, void (*start)(PVOID), PVOID context);
IMPORT NTSTATUS ZwClose(HANDLE handle);
IMPORT __attribute__((noreturn)) void KeBugCheckEx(ULONG code, ULONG_PTR a, ULONG_PTR b, ULONG_PTR c, ULONG_PTR d);

/* Memory, devices, text. */

IMPORT PVOID ExAllocatePoolWithTag(ULONG kind, SIZE_T size, ULONG tag);
IMPORT void ExFreePoolWithTag(PVOID block, ULONG tag);
IMPORT NTSTATUS IoCreateDevice(DRIVER_OBJECT *driver, ULONG extension, UNICODE_STRING *name, ULONG kind, ULONG characteristics, BOOLEAN exclusive, DEVICE_OBJECT **device);
IMPORT void IoDeleteDevice(DEVICE_OBJECT *device);
IMPORT NTSTATUS IoCreateSymbolicLink(UNICODE_STRING *link, UNICODE_STRING *target);
IMPORT NTSTATUS IoDeleteSymbolicLink(UNICODE_STRING *link);
IMPORT void IofCompleteRequest(IRP *irp, CHAR boost);
IMPORT NTSTATUS IoWMIRegistrationControl(DEVICE_OBJECT *device, ULONG action);
IMPORT WORK_ITEM *IoAllocateWorkItem(PVOID object);
IMPORT void IoQueueWorkItem(WORK_ITEM *item, void (*routine)(PVOID object, PVOID context), ULONG queue, PVOID context);
IMPORT void IoFreeWorkItem(WORK_ITEM *item);
IMPORT PVOID MmGetSystemRoutineAddress(UNICODE_STRING *name);
IMPORT ULONG DbgPrint(const char *format, ...);
IMPORT ULONG DbgPrintEx(ULONG component, ULONG level, const char *format, ...);
IMPORT int _snprintf(char *target, SIZE_T count, const char *format, ...);
IMPORT int _vsnprintf(char *target, SIZE_T count, const char *format, __builtin_va_list arguments);
IMPORT int _vsnwprintf(WCHAR *target, SIZE_T count, const WCHAR *format, __builtin_va_list arguments);
IMPORT SIZE_T strlen(const char *text);
IMPORT int strcmp(const char *a, const char *b);
IMPORT WCHAR *wcschr(const WCHAR *text, WCHAR unit);
IMPORT void qsort(PVOID base, SIZE_T count, SIZE_T width, int (*order)(const void *, const void *));
void *memcpy(void *target, const void *source, SIZE_T length);
void *memset(void *target, int value, SIZE_T length);

/* WppRecorder.sys, as the kit's tracing macros call it. */

IMPORT NTSTATUS WppAutoLogStart(PVOID control, DRIVER_OBJECT *driver, UNICODE_STRING *registry_path);
IMPORT void WppAutoLogStop(PVOID control, DRIVER_OBJECT *driver);
IMPORT NTSTATUS WppAutoLogTrace(PVOID log, UCHAR level, ULONG flags, const GUID *message, USHORT number, ...);

/* What is inlined. */

static inline KIRQL KeGetCurrentIrql(void) {
    ULONG64 irql;
    __asm__ volatile("movq %%cr8, %0" : "=r"(irql));
    return (KIRQL)irql;
}

static inline void WriteCr8(ULONG64 irql) {
    __asm__ volatile("movq %0, %%cr8" : : "r"(irql) : "memory");
}

static inline KIRQL KeRaiseIrqlInline(KIRQL irql) {
    KIRQL old = KeGetCurrentIrql();
    WriteCr8(irql);
    return old;
}

#define READ_GS(type, offset) \
    ({ type value_; __asm__ volatile("mov %%gs:%c1, %0" : "=r"(value_) : "i"(offset)); value_; })

#define SharedUserData 0xFFFFF78000000000ull

/* A string that knows its lengths, from a literal. */
#define STRING(text) {sizeof(text) - sizeof(WCHAR), sizeof(text), (WCHAR *)(text)}

/* A failed check ends the case; the message names it. */
#define CHECK(condition)                                                             \
    do {                                                                             \
        if (!(condition)) {                                                          \
            DbgPrint("check failed: %s:%d: %s\n", __FILE_NAME__, __LINE__, #condition); \
            return STATUS_UNSUCCESSFUL;                                              \
        }                                                                            \
    } while (0)
