//! Completion queue: what may be asked of it and what a fetched completion looks like (`CQ-*`).

use crate::{
    Failure,
    info::AdapterInfo,
    status::{self, NtStatus},
};
use softndk_abi::{Cqe, Opcode, completion::ArmKind};

/// Checks the depth of a create or resize.
///
/// # Errors
/// [`Failure::InvalidParameter`] for 0 and for more than `MaxCqDepth` (`CQ-02`, `CQ-03`, `CQ-53`).
pub const fn check_depth(info: &AdapterInfo, depth: u32) -> Result<(), Failure> {
    if depth == 0 || depth > info.max_cq_depth { Err(Failure::InvalidParameter) } else { Ok(()) }
}

/// Checks a resize.
///
/// # Errors
/// [`Failure::NotSupported`] without the capability (`CQ-57`), else as [`check_depth`].
pub const fn check_resize(info: &AdapterInfo, depth: u32) -> Result<(), Failure> {
    if info.flags & crate::info::flag::CQ_RESIZE == 0 { Err(Failure::NotSupported) } else { check_depth(info, depth) }
}

/// The arm type of `NdkArmCq`; an unknown one is taken as ANY, for there is no status to refuse it
/// with (`CQ-27`).
#[must_use]
pub const fn arm_kind(raw: u32) -> ArmKind {
    match raw {
        0 => ArmKind::Errors,
        2 => ArmKind::Solicited,
        _ => ArmKind::Any,
    }
}

/// Checks moderation settings (`CQ-60` to `CQ-67`).
///
/// # Errors
/// [`Failure::NotSupported`] without the capability, [`Failure::InvalidParameterMix`] when neither
/// interval nor count would ever end the wait.
pub const fn check_moderation(info: &AdapterInfo, interval: u32, count: u32) -> Result<(), Failure> {
    if info.flags & crate::info::flag::CQ_INTERRUPT_MODERATION == 0 {
        Err(Failure::NotSupported)
    } else if interval == u32::MAX && count == u32::MAX {
        Err(Failure::InvalidParameterMix)
    } else {
        Ok(())
    }
}

/// `NdkOperationTypeReceive`.
pub const TYPE_RECEIVE: i32 = 1;
/// `NdkOperationTypeReceiveAndInvalidate`.
pub const TYPE_RECEIVE_AND_INVALIDATE: i32 = 0x8001;

/// One completion in the terms of `NDK_RESULT_EX`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ResultRow {
    /// Final status of the request.
    pub status: NtStatus,
    /// Length of a received message, else 0 (`CQ-43`).
    pub bytes: u32,
    /// The QP's context.
    pub qp_context: u64,
    /// The request's context.
    pub request_context: u64,
    /// `NDK_OPERATION_TYPE` (`CQ-45`).
    pub kind: i32,
    /// `ProviderErrorCode`: 0 on success (`VER-17`).
    pub error_code: u32,
    /// The token that the peer's SendAndInvalidate killed, else 0 (`CQ-46`).
    pub output: u64,
}

/// Turns a device completion into what the consumer fetches.
#[must_use]
pub fn row(cqe: &Cqe) -> ResultRow {
    let received = cqe.opcode == Opcode::Receive;
    let succeeded = matches!(cqe.status, softndk_abi::CompletionStatus::Success);
    ResultRow {
        status: status::of_completion(cqe.status),
        bytes: if received { cqe.bytes } else { 0 },
        qp_context: cqe.qp_context,
        request_context: cqe.request_context,
        kind: kind(cqe),
        error_code: if succeeded { 0 } else { cqe.error_code },
        output: cqe.invalidated.map_or(0, |token| u64::from(token.0)),
    }
}

const fn kind(cqe: &Cqe) -> i32 {
    match cqe.opcode {
        Opcode::Receive if cqe.invalidated.is_some() => TYPE_RECEIVE_AND_INVALIDATE,
        Opcode::Receive => TYPE_RECEIVE,
        Opcode::Send | Opcode::SendAndInvalidate => 2,
        Opcode::FastRegister => 4,
        Opcode::Bind => 8,
        Opcode::Invalidate => 16,
        Opcode::Read => 32,
        Opcode::Write => 64,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::info::{SOFTNDK, flag};

    #[test]
    fn cq_02_cq_03_depth_limits_are_exact() {
        assert!(check_depth(&SOFTNDK, 1).is_ok() && check_depth(&SOFTNDK, SOFTNDK.max_cq_depth).is_ok());
        assert_eq!(check_depth(&SOFTNDK, 0), Err(Failure::InvalidParameter));
        assert_eq!(check_depth(&SOFTNDK, SOFTNDK.max_cq_depth + 1), Err(Failure::InvalidParameter));
    }

    #[test]
    fn cq_57_without_the_capability_a_resize_is_refused() {
        assert_eq!(check_resize(&SOFTNDK, 16), Ok(()));
        assert_eq!(check_resize(&SOFTNDK, 0), Err(Failure::InvalidParameter));
        let info = crate::info::with_features(0);
        assert_eq!(check_resize(&info, 16), Err(Failure::NotSupported));
    }

    #[test]
    fn cq_67_no_end_at_all_is_refused() {
        let mut info = SOFTNDK;
        info.flags |= flag::CQ_INTERRUPT_MODERATION;
        assert_eq!(check_moderation(&info, u32::MAX, u32::MAX), Err(Failure::InvalidParameterMix));
        assert!(check_moderation(&info, u32::MAX, 4).is_ok() && check_moderation(&info, 20, u32::MAX).is_ok());
        info.flags &= !flag::CQ_INTERRUPT_MODERATION;
        assert_eq!(check_moderation(&info, 20, 4), Err(Failure::NotSupported));
    }
}
