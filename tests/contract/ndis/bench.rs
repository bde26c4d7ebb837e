//! What the tests stand on: a machine with softndk adapters, and the consumer to use them.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use ndkpi_sys::{
    NDIS_OPEN_NDK_ADAPTER_PARAMETERS, NDK_VERSION, NetEventNDKDisable, NetEventNDKEnable, OID_NDK_CONNECTIONS,
    OID_NDK_LOCAL_ENDPOINTS, OID_NDK_SET_STATE, OID_NDK_STATISTICS,
};
use ndktest_api::{Outcome, Request};
use ndktest_host::{Running, Session, Setup};
use ntsim::machine::{AdapterConfig, AdapterId, Config, Machine, NdkEvent, NdkOpen, OidAnswer};
use ntsim::verifier::faults;

use crate::host::Checks;

/// How long something may take that has to come.
const SOON: Duration = Duration::from_secs(15);
/// How long to wait for something that must not come.
const NEVER: Duration = Duration::from_millis(50);

/// The four OIDs of NDK.
pub const NDK_OIDS: [u32; 4] = [OID_NDK_SET_STATE, OID_NDK_STATISTICS, OID_NDK_CONNECTIONS, OID_NDK_LOCAL_ENDPOINTS];
/// NetEventNDKEnable.
pub const ENABLE: i32 = NetEventNDKEnable;
/// NetEventNDKDisable.
pub const DISABLE: i32 = NetEventNDKDisable;

/// A booted machine. A test ends it with [`Bench::end`], which looks for what was left behind.
pub struct Bench<'a> {
    /// The test's expectations.
    pub checks: &'a Checks,
    session: Session,
}

impl<'a> Bench<'a> {
    /// One adapter with addresses of both families, which it knows.
    pub fn one(checks: &'a Checks) -> Result<Self> {
        let mut setup = Setup::tests();
        setup.adapters.truncate(1);
        Ok(Self { checks, session: Session::boot(&setup)? })
    }

    /// Two such adapters.
    pub fn two(checks: &'a Checks) -> Result<Self> {
        Ok(Self { checks, session: Session::boot(&Setup::tests())? })
    }

    /// Two such adapters in a machine without the checks that cost speed.
    pub fn fast(checks: &'a Checks) -> Result<Self> {
        let setup = Setup { config: Config::fast(), ..Setup::tests() };
        Ok(Self { checks, session: Session::boot(&setup)? })
    }

    /// Adapters of any kind; they may not know their addresses yet.
    pub fn with(checks: &'a Checks, adapters: Vec<AdapterConfig>) -> Result<Self> {
        let setup = Setup { adapters, ..Setup::tests() };
        Ok(Self { checks, session: Session::boot_unsettled(&setup)? })
    }

    /// The machine.
    pub fn machine(&self) -> &Machine {
        self.session.view()
    }

    /// The machine, to add and remove adapters.
    pub fn machine_mut(&mut self) -> &mut Machine {
        self.session.machine()
    }

    /// The machine and the consumer.
    pub fn session(&mut self) -> &mut Session {
        &mut self.session
    }

    /// An adapter by its place in the set-up.
    pub fn id(&self, at: usize) -> Result<AdapterId> {
        self.session.adapters().get(at).copied().with_context(|| format!("adapter {at}"))
    }

    /// A regular query.
    pub fn query(&self, at: usize, oid: u32, room: usize) -> Result<OidAnswer> {
        Ok(self.machine().query_oid(self.id(at)?, oid, room)?)
    }

    /// A regular set; its status.
    pub fn set(&self, at: usize, oid: u32, bytes: &[u8]) -> Result<i32> {
        Ok(self.machine().set_oid(self.id(at)?, oid, bytes)?.status)
    }

    /// OID_NDK_SET_STATE, which has to succeed.
    pub fn set_state(&self, at: usize, enabled: bool) -> Result<()> {
        let status = self.set(at, OID_NDK_SET_STATE, &[u8::from(enabled)])?;
        self.checks.equal(status, 0, "OID_NDK_SET_STATE succeeds")
    }

    /// The NDK events so far.
    pub fn events(&self, at: usize) -> Result<Vec<NdkEvent>> {
        Ok(self.machine().ndk_events(self.id(at)?)?)
    }

    /// The kinds of the NDK events so far.
    pub fn kinds(&self, at: usize) -> Result<Vec<i32>> {
        Ok(self.events(at)?.iter().map(|event| event.event).collect())
    }

    /// Waits until exactly these events have been raised and have returned.
    #[track_caller]
    pub fn raised(&self, at: usize, kinds: &[i32]) -> Result<()> {
        self.soon("the events return", || {
            let events = self.events(at)?;
            Ok(events.len() >= kinds.len() && events.iter().all(|event| event.open_after.is_some()))
        })?;
        self.checks.equal(self.kinds(at)?, kinds.to_vec(), "the events, in order")
    }

    /// Opens an adapter as NDIS does, past NDIS's own opinion of the state: status and open.
    pub fn open_as(&self, at: usize, parameters: NDIS_OPEN_NDK_ADAPTER_PARAMETERS) -> Result<(i32, Option<NdkOpen>)> {
        Ok(self.machine().open_ndk(self.id(at)?, parameters)?)
    }

    /// The same at version 2.1; closed at once, if it succeeded.
    pub fn try_open(&self, at: usize) -> Result<i32> {
        let version = NDK_VERSION { Major: 2, Minor: 1 };
        let parameters = NDIS_OPEN_NDK_ADAPTER_PARAMETERS { Version: version, ..Default::default() };
        Ok(self.open_as(at, parameters)?.0)
    }

    /// Runs a workload of the consumer; it has to succeed.
    #[track_caller]
    pub fn run(&self, workload: &str) -> Result<Outcome> {
        let outcome = self.session.run(&self.session.request(workload), None)?;
        self.checks.outcome(&outcome)?;
        Ok(outcome)
    }

    /// The same with choices of the test's own.
    #[track_caller]
    pub fn run_with(&self, workload: &str, adjust: impl FnOnce(&mut Request)) -> Result<Outcome> {
        let mut request = self.session.request(workload);
        adjust(&mut request);
        let outcome = self.session.run(&request, None)?;
        self.checks.outcome(&outcome)?;
        Ok(outcome)
    }

    /// Runs a workload of the consumer; gives its status.
    pub fn status_of(&self, workload: &str) -> Result<i32> {
        Ok(self.session.run(&self.session.request(workload), None)?.status)
    }

    /// Starts a staged workload and waits for its first stage.
    pub fn start(&self, workload: &str, adjust: impl FnOnce(&mut Request)) -> Result<Running> {
        let mut request = self.session.request(workload);
        adjust(&mut request);
        let mut running = self.session.start(&request);
        running.arrives(1)?;
        Ok(running)
    }

    /// Lets a workload go on to its end, and expects that it succeeded.
    #[track_caller]
    pub fn finish(&self, running: Running) -> Result<()> {
        self.checks.outcome(&running.finish()?)
    }

    /// Waits for something that has to come.
    #[track_caller]
    pub fn soon(&self, what: &str, mut holds: impl FnMut() -> Result<bool>) -> Result<()> {
        let deadline = Instant::now() + SOON;
        while !holds()? {
            if Instant::now() >= deadline {
                return self.checks.check(false, what);
            }
            sleep(Duration::from_millis(1));
        }
        self.checks.check(true, what)
    }

    /// Gives something that must not come the time to come.
    #[track_caller]
    pub fn never(&self, what: &str, mut comes: impl FnMut() -> Result<bool>) -> Result<()> {
        sleep(NEVER);
        let came = comes()?;
        self.checks.check(!came, what)
    }

    /// Ends the machine: adapters removed, drivers unloaded, nothing left.
    pub fn end(self) -> Result<()> {
        for report in self.session.end()?.reports {
            if !report.is_clean() {
                bail!("{report}");
            }
        }
        Ok(())
    }
}

/// An adapter like the first of the ordinary set-up, to be changed.
pub fn first() -> AdapterConfig {
    AdapterConfig::new("softndk 1", 11).address("192.168.77.1/24").address("fd77::1/64")
}

/// Runs a step again and again, and lets the first call that can fail do so, then the second one, and so on, until
/// the step makes no more of them. The step disarms the faults when it looks at the result.
pub fn faults_in_turn(mut step: impl FnMut() -> Result<()>) -> Result<()> {
    const MOST: usize = 2000;
    for number in 0..MOST {
        let calls = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&calls);
        faults::set_chooser(Some(Box::new(move |_| counted.fetch_add(1, Ordering::Relaxed) == number)));
        let done = step();
        faults::set_chooser(None);
        done?;
        if calls.load(Ordering::Relaxed) <= number {
            return Ok(());
        }
    }
    bail!("more than {MOST} calls that can fail")
}
