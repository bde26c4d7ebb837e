//! How many objects of a kind the miniport allows, over all its open adapters (`CAP-05`).

use crate::Failure;
use softndk_abi::sync::{AtomicU32, Ordering};

/// A counter with a ceiling.
#[derive(Debug)]
pub struct Quota {
    used: AtomicU32,
    limit: u32,
}

impl Quota {
    /// Nothing used yet.
    #[must_use]
    pub fn new(limit: u32) -> Self {
        Self { used: AtomicU32::new(0), limit }
    }

    /// The ceiling, as `NDIS_NDK_CAPABILITIES` reports it.
    #[must_use]
    pub const fn limit(&self) -> u32 {
        self.limit
    }

    /// Takes one.
    ///
    /// # Errors
    /// [`Failure::NoResources`] at the ceiling.
    pub fn take(&self) -> Result<(), Failure> {
        let mut used = self.used.load(Ordering::Relaxed);
        while used < self.limit {
            match self.used.compare_exchange(used, used.wrapping_add(1), Ordering::Relaxed, Ordering::Relaxed) {
                Ok(_) => return Ok(()),
                Err(seen) => used = seen,
            }
        }
        Err(Failure::NoResources)
    }

    /// Gives one back.
    pub fn give_back(&self) {
        self.used.fetch_sub(1, Ordering::Relaxed);
    }

    /// How many are in use.
    #[must_use]
    pub fn used(&self) -> u32 {
        self.used.load(Ordering::Relaxed)
    }
}

/// The largest of softndk's own ceilings.
pub const LARGEST: u32 = 262_144;

/// The quotas of one miniport, one for each counted type.
#[derive(Debug)]
pub struct Quotas {
    /// `MaxQpCount`.
    pub qp: Quota,
    /// `MaxCqCount`.
    pub cq: Quota,
    /// `MaxMrCount`.
    pub mr: Quota,
    /// `MaxPdCount`.
    pub pd: Quota,
    /// `MaxMwCount`.
    pub mw: Quota,
    /// `MaxSrqCount`.
    pub srq: Quota,
    /// Connectors, those of requests that come in too; NDIS is told no count of them and the following.
    pub connector: Quota,
    /// Listeners.
    pub listener: Quota,
    /// Shared endpoints.
    pub endpoint: Quota,
}

impl Quotas {
    /// softndk's own ceilings, and none above `most`, the administrator's (at least one of each is allowed).
    #[must_use]
    pub fn softndk(most: u32) -> Self {
        let quota = |own: u32| Quota::new(own.min(most.max(1)));
        Self {
            qp: quota(16_384),
            cq: quota(16_384),
            mr: quota(LARGEST),
            pd: quota(16_384),
            mw: quota(LARGEST),
            srq: quota(4_096),
            connector: quota(LARGEST),
            listener: quota(LARGEST),
            endpoint: quota(LARGEST),
        }
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn cap_05_one_more_than_the_limit_is_refused() {
        let quota = Quota::new(2);
        assert!(quota.take().is_ok() && quota.take().is_ok());
        assert_eq!(quota.take(), Err(Failure::NoResources));
        quota.give_back();
        assert!(quota.take().is_ok());
    }

    #[test]
    fn the_administrator_can_only_lower_the_ceilings() {
        let own = Quotas::softndk(LARGEST);
        assert_eq!((own.mr.limit(), own.srq.limit()), (LARGEST, 4_096));
        let low = Quotas::softndk(20);
        assert!(
            [&low.qp, &low.cq, &low.mr, &low.pd, &low.mw, &low.srq, &low.connector, &low.listener, &low.endpoint]
                .iter()
                .all(|quota| quota.limit() == 20)
        );
        assert_eq!(Quotas::softndk(0).pd.limit(), 1);
    }
}
