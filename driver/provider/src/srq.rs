//! Shared receive queue: limits and threshold rules (`SRQ-*`).

use crate::{Failure, info::AdapterInfo};

/// Checks the parameters of NdkCreateSrq.
///
/// # Errors
/// [`Failure::InvalidParameter`] (`SRQ-02` to `SRQ-04`).
pub const fn check_create(info: &AdapterInfo, depth: u32, max_sge: u32) -> Result<(), Failure> {
    if info.max_srq_depth == 0 || depth == 0 || depth > info.max_srq_depth || max_sge > info.max_receive_sge {
        Err(Failure::InvalidParameter)
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::info::SOFTNDK;

    #[test]
    fn srq_02_srq_03_limits_are_exact() {
        let (depth, sge) = (SOFTNDK.max_srq_depth, SOFTNDK.max_receive_sge);
        assert!(check_create(&SOFTNDK, depth, sge).is_ok());
        for (depth, sge) in [(0, 1), (depth + 1, 1), (1, sge + 1)] {
            assert_eq!(check_create(&SOFTNDK, depth, sge), Err(Failure::InvalidParameter));
        }
    }
}
