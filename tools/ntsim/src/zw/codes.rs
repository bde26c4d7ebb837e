//! The rules of the system services.

crate::codes! {
    /// A Zw routine is called with kernel APCs enabled: not in a guarded region.
    ZW_IN_GUARDED_REGION = 0xC4;
    /// The buffer of a file transfer is memory that the driver owns and may access.
    ZW_BUFFER_NOT_VALID = 0xC4;
}
