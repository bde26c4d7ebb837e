//! The WSK rules that are enforced, with the requirement IDs of `docs/contract/ndis.md`.

crate::codes! {
    /// A registration is used that is not registered, or registered twice (WSK-REG-01).
    WSK_BAD_REGISTRATION = 0xC4;
    /// The provider NPI is released more often than captured, or used without a capture (WSK-REG-03).
    WSK_NPI_NOT_CAPTURED = 0xC4;
    /// WskDeregister waits for what the client never gives back (WSK-REG-03, MP-UNL-03).
    WSK_DEREGISTER_HANGS = 0xC4;
    /// WskCloseNdkAdapter is called with what is no open NDK adapter of the client.
    WSK_BAD_NDK_ADAPTER = 0xC4;
    /// A part of WSK that ntsim does not have yet is called.
    WSK_UNFINISHED = 0xE0000001;
}
