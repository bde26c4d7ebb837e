//! The rules of the I/O manager.

crate::codes! {
    /// An IRP that is passed to the I/O manager must be one that it gave out and that is not freed.
    IRP_NOT_VALID = 0xC9;
    /// An IRP is completed once; who completes it gives it away.
    IRP_COMPLETED_TWICE = 0x44;
    /// An IRP is completed with a final status in IoStatus.Status, never with STATUS_PENDING or none at all.
    IRP_COMPLETED_WITHOUT_STATUS = 0xC9;
    /// A driver takes its cancel routine out of an IRP before it completes it.
    IRP_COMPLETED_WITH_CANCEL_ROUTINE = 0x48;
    /// IoStatus.Information of a request is at most the length of its output buffer.
    IRP_INFORMATION_TOO_LARGE = 0xC9;
    /// A dispatch routine that returns STATUS_PENDING has marked the IRP pending before.
    IRP_PENDING_NOT_MARKED = 0xC9;
    /// A dispatch routine that marked an IRP pending returns STATUS_PENDING.
    IRP_MARKED_BUT_NOT_PENDING = 0xC9;
    /// A dispatch routine that does not return STATUS_PENDING has completed the IRP or passed it on.
    IRP_NOT_COMPLETED = 0xC9;
    /// A dispatch routine returns the status that it completed the IRP with.
    IRP_STATUS_MISMATCH = 0xC9;
    /// Only who allocated an IRP frees it, and only while no driver below still has it.
    IRP_FREED_WHILE_PENDING = 0xC9;
    /// An IRP that a driver allocated comes back to that driver: a completion routine takes it and returns STATUS_MORE_PROCESSING_REQUIRED.
    IRP_WITHOUT_OWNER_COMPLETED = 0xC9;
    /// An IRP has a stack location for each driver that it is passed to.
    IRP_STACK_EXHAUSTED = 0x35;
    /// A driver writes only inside the buffers that the I/O manager gives it.
    IO_BUFFER_OVERRUN = 0xC9;
    /// A device object that is passed to the I/O manager exists.
    DEVICE_NOT_VALID = 0xC9;
    /// A work item is queued again only after its routine was started.
    WORK_ITEM_QUEUED_TWICE = 0x96;
    /// A work item is freed only when it is not queued.
    WORK_ITEM_FREED_WHILE_QUEUED = 0x96;
    /// A work item that is queued or freed was allocated or initialised, and not freed since.
    WORK_ITEM_NOT_VALID = 0x96;
    /// An error log entry is written once, after it was allocated.
    ERROR_LOG_ENTRY_NOT_VALID = 0xC9;
    /// The cancel spin lock is released by the thread that holds it.
    CANCEL_LOCK_NOT_HELD = 0xC9;
}
