//! The accessor macros of the NBL headers that driver code needs, as pointers to the fields.
//!
//! A pointer, not a reference: other layers own the structures before and after.

use crate::{MDL, NET_BUFFER, NET_BUFFER_LIST, ULONG};
use core::ptr::addr_of_mut;

macro_rules! accessor {
    ($(#[$doc:meta])* $name:ident($list:ident: $owner:ty) -> $field:ty = $($path:ident).+) => {
        $(#[$doc])*
        ///
        /// # Safety
        /// The argument points to a live structure that the caller owns at this time.
        #[expect(non_snake_case, reason = "the name of the macro in C")]
        pub unsafe fn $name($list: *mut $owner) -> *mut $field {
            // SAFETY: the caller vouches for the structure; only the place is computed, nothing is read.
            unsafe { addr_of_mut!((*$list).$($path).+) }
        }
    };
}

accessor!(/// Next NBL of a chain.
    NET_BUFFER_LIST_NEXT_NBL(list: NET_BUFFER_LIST) -> *mut NET_BUFFER_LIST = NetBufferListHeader.NetBufferListData.Next);
accessor!(/// First NET_BUFFER of an NBL.
    NET_BUFFER_LIST_FIRST_NB(list: NET_BUFFER_LIST) -> *mut NET_BUFFER = NetBufferListHeader.NetBufferListData.FirstNetBuffer);
accessor!(/// Next NET_BUFFER of an NBL.
    NET_BUFFER_NEXT_NB(buffer: NET_BUFFER) -> *mut NET_BUFFER = NetBufferHeader.NetBufferData.Next);
accessor!(/// First MDL of the chain.
    NET_BUFFER_FIRST_MDL(buffer: NET_BUFFER) -> *mut MDL = NetBufferHeader.NetBufferData.MdlChain);
accessor!(/// MDL in which the data begins.
    NET_BUFFER_CURRENT_MDL(buffer: NET_BUFFER) -> *mut MDL = NetBufferHeader.NetBufferData.CurrentMdl);
accessor!(/// Bytes of the current MDL before the data.
    NET_BUFFER_CURRENT_MDL_OFFSET(buffer: NET_BUFFER) -> ULONG = NetBufferHeader.NetBufferData.CurrentMdlOffset);
accessor!(/// Bytes of the MDL chain before the data.
    NET_BUFFER_DATA_OFFSET(buffer: NET_BUFFER) -> ULONG = NetBufferHeader.NetBufferData.DataOffset);
accessor!(/// Bytes of data.
    NET_BUFFER_DATA_LENGTH(buffer: NET_BUFFER) -> ULONG = NetBufferHeader.NetBufferData.NbDataLength.DataLength);
