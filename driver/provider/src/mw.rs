//! Memory window: the rights of a bind (`BND-*`, `MW-*`).

use crate::{Failure, info::AdapterInfo};
use softndk_abi::Access;

const REMOTE_READ: u32 = 0x8;
/// Remote write as a composite with local write (`FLAG-25`).
const REMOTE_WRITE: u32 = 0x30;

/// The remote rights that the flags of NdkBind ask for.
///
/// # Errors
/// [`Failure::InvalidParameter`] when there is none (`BND-07`), and for one half of remote write alone (`FLAG-26`,
/// `BND-13`).
pub fn rights(flags: u32) -> Result<Access, Failure> {
    let write = flags & REMOTE_WRITE;
    let mut rights = Access::empty();
    rights.set(Access::REMOTE_READ, flags & REMOTE_READ != 0);
    rights.set(Access::REMOTE_WRITE, write == REMOTE_WRITE);
    if write != 0 && write != REMOTE_WRITE {
        return Err(Failure::InvalidParameter);
    }
    if rights.is_empty() { Err(Failure::InvalidParameter) } else { Ok(rights) }
}

/// Checks the length of a bind.
///
/// # Errors
/// [`Failure::InvalidParameter`] for 0 or more than `MaxWindowSize` (`BND-08`).
pub const fn check_length(info: &AdapterInfo, length: u64) -> Result<(), Failure> {
    if length == 0 || (info.max_window_size != 0 && length > info.max_window_size) {
        Err(Failure::InvalidParameter)
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bnd_07_some_remote_right_is_needed() {
        assert_eq!(rights(0), Err(Failure::InvalidParameter));
        assert_eq!(rights(0x10), Err(Failure::InvalidParameter));
        assert_eq!(rights(0x8), Ok(Access::REMOTE_READ));
        assert_eq!(rights(0x18), Err(Failure::InvalidParameter));
        assert_eq!(rights(0x28), Err(Failure::InvalidParameter));
        assert_eq!(rights(0x38), Ok(Access::REMOTE_READ | Access::REMOTE_WRITE));
    }
}
