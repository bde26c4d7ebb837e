//! What every event callback has to obey: notifications, connect and disconnect events.

use super::call::{check_provider_locks, is_inside, provider_violation};
use super::record::Record;
use super::rules;

/// How events of one object relate to each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    /// One at a time (CQ-23).
    Serial,
    /// Any number.
    Parallel,
}

/// An event callback that is being made.
#[derive(Debug)]
pub(super) struct Event {
    record: &'static Record,
}

impl Event {
    /// The provider makes the event callback `what` of `record`.
    pub fn begin(record: &'static Record, what: &str, order: Order) -> Event {
        if record.is_gone() {
            let text = format!(
                "the provider calls the {what} of the {} at {:#x} after its close was complete",
                record.kind().name(),
                record.address()
            );
            provider_violation(record, &rules::NDK_CALLBACK_AFTER_CLOSE, text);
        }
        if is_inside() {
            let text = format!(
                "the provider calls the {what} of the {} at {:#x} from inside a function that the consumer called on this \
                 stack; the consumer may hold its locks there",
                record.kind().name(),
                record.address()
            );
            provider_violation(record, &rules::NDK_EVENT_INSIDE_CALL, text);
        }
        check_provider_locks(record, what);
        if !record.begin_event() && order == Order::Serial {
            let text = format!(
                "the provider calls the {what} of the {} at {:#x} while another one of it is running",
                record.kind().name(),
                record.address()
            );
            provider_violation(record, &rules::NDK_NOTIFY_OVERLAP, text);
        }
        Event { record }
    }
}

impl Drop for Event {
    fn drop(&mut self) {
        self.record.end_event();
    }
}
