//! The rules of netio.sys that are enforced.

crate::codes! {
    /// CancelMibChangeNotify2 is called from inside the callback that it waits for.
    NETIO_CANCEL_INSIDE_CALLBACK = 0xC4;
    /// A notification handle or table is given back that is not out.
    NETIO_BAD_HANDLE = 0xC4;
}
