//! The NDK rules that the shim enforces, with the requirement IDs of `docs/contract/ndkpi.md`.

crate::codes! {
    /// The consumer closes an NDK object that it has closed before (LIFE-39).
    NDK_DOUBLE_CLOSE = 0xE0000002;
    /// The consumer uses an NDK object after it called its close function (LIFE-39).
    NDK_USE_AFTER_CLOSE = 0xE0000002;
    /// The consumer passes a pointer that is no live NDK object of its adapters (LIFE-39).
    NDK_UNKNOWN_OBJECT = 0xE0000002;
    /// The consumer passes an NDK object of another type than the function takes.
    NDK_WRONG_OBJECT_TYPE = 0xE0000002;
    /// The consumer gives no completion callback where the request may pend.
    NDK_NULL_COMPLETION = 0xE0000002;
    /// The consumer runs two calls in parallel that it promises to serialise (WR-06, CQ-51).
    NDK_UNSERIALISED_CALLS = 0xE0000002;
    /// The consumer closes an object while another thread is inside a function on it (LIFE-39).
    NDK_CLOSE_DURING_CALL = 0xE0000002;
    /// The consumer closes its adapter and never closes what it created under it (LIFE-32).
    NDK_LEAKED_OBJECT = 0xE0000002;
    /// The consumer releases a logical address mapping that is not built (LAM).
    NDK_LAM_NOT_BUILT = 0xE0000002;
    /// The provider calls a completion callback twice for one request (CMP-01).
    NDK_DOUBLE_COMPLETION = 0xE0000002;
    /// The provider calls the completion callback of a request that it answered inline (CMP-02, LIFE-02).
    NDK_COMPLETION_AFTER_FINAL_STATUS = 0xE0000002;
    /// The provider calls a completion with a context that it was not given (CMP-04).
    NDK_UNKNOWN_COMPLETION = 0xE0000002;
    /// The provider completes a request with STATUS_PENDING (CMP-05).
    NDK_COMPLETION_STATUS = 0xE0000002;
    /// The provider returns STATUS_PENDING from a function that cannot pend (CMP-03).
    NDK_PENDING_NOT_ALLOWED = 0xE0000002;
    /// The provider makes a callback for an object whose close is complete (LIFE-04).
    NDK_CALLBACK_AFTER_CLOSE = 0xE0000002;
    /// The provider ends the close of an object before its successors are closed (LIFE-10, LIFE-11).
    NDK_CLOSED_BEFORE_SUCCESSOR = 0xE0000002;
    /// The provider ends the close of an object while one of its callbacks runs (LIFE-07, LIFE-08).
    NDK_CLOSED_DURING_CALLBACK = 0xE0000002;
    /// The provider's adapter close returns while objects of the adapter live (LIFE-30).
    NDK_ADAPTER_CLOSED_EARLY = 0xE0000002;
    /// The provider's close function returns another status than success or pending (LIFE-01).
    NDK_CLOSE_FAILED = 0xE0000002;
    /// The provider writes the out-parameter of a create that it returns as pending (CMP-07).
    NDK_OUT_PARAMETER_ON_PENDING = 0xE0000002;
    /// The provider's create succeeds and delivers no object (CMP-06).
    NDK_CREATE_WITHOUT_OBJECT = 0xE0000002;
    /// The provider's create fails and delivers an object, or leaves the out-parameter unset (CMP-08).
    NDK_OBJECT_ON_FAILED_CREATE = 0xE0000002;
    /// The provider hands out a dispatch table with a NULL entry (VER-08).
    NDK_NULL_ENTRY = 0xE0000002;
    /// The provider hands out an object whose header has a wrong type or version (HDR-02, HDR-03).
    NDK_BAD_HEADER = 0xE0000002;
    /// The provider hands out an object whose NdkReserved is not zero (HDR-04).
    NDK_RESERVED_NOT_ZERO = 0xE0000002;
    /// The provider writes into NdkReserved of a live object (HDR-05).
    NDK_RESERVED_OVERWRITTEN = 0xE0000002;
    /// The provider hands out an object without a dispatch table (HDR-07).
    NDK_DISPATCH_MISSING = 0xE0000002;
    /// The provider rewrites Dispatch of an object that it has handed out (HDR-08).
    NDK_DISPATCH_REWRITTEN = 0xE0000002;
    /// The provider notifies a CQ that is not armed (CQ-16, CQ-17).
    NDK_NOTIFY_WITHOUT_ARM = 0xE0000002;
    /// The provider makes a notification of a CQ or SRQ while another one of it runs (CQ-23).
    NDK_NOTIFY_OVERLAP = 0xE0000002;
    /// The provider makes an event callback from inside one of its functions on the caller's stack (RE-11, CQ-75).
    NDK_EVENT_INSIDE_CALL = 0xE0000002;
    /// The provider holds a spin lock of its own across a consumer callback (CMP-12).
    NDK_LOCK_ACROSS_CALLBACK = 0xE0000002;
    /// The provider returns more results than the consumer asked for (CQ-40).
    NDK_TOO_MANY_RESULTS = 0xE0000002;
    /// The provider's open handler breaks its contract: status, version or out-parameter (VER-01 to VER-11).
    NDK_BAD_OPEN = 0xE0000002;
    /// More NDK objects live at once than ntsim can keep books of.
    NDK_OBJECT_LIMIT = 0xE0000001;
}
