//! The open device of `ndktest.sys`: what it is asked, from any thread.

use ndktest_api as api;
use ntsim::machine::{File, Machine, NtStatus};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use zerocopy::{FromBytes, IntoBytes};

use crate::Error;

/// The consumer's open device, and the adapters that its workloads are given.
pub struct Consumer {
    device: File,
    targets: Vec<api::Target>,
    next: AtomicU64,
}

impl Consumer {
    pub(crate) fn open(machine: &Machine, targets: Vec<api::Target>) -> Result<Self, Error> {
        Ok(Self { device: machine.open(api::LINK_NAME)?, targets, next: AtomicU64::new(1) })
    }

    /// A request with the session's adapters, a fresh id and ordinary choices.
    pub fn request(&self, workload: &str) -> api::Request {
        let mut adapters = [api::Target::default(); 2];
        for (place, target) in adapters.iter_mut().zip(&self.targets) {
            *place = *target;
        }
        api::Request {
            id: self.next.fetch_add(1, Ordering::Relaxed),
            seed: 1,
            workload: api::Text::new(workload),
            adapters,
            major: 2,
            minor: 1,
            ..api::Request::default()
        }
    }

    /// The workloads that the consumer has.
    ///
    /// # Errors
    /// [`Error::Refused`], [`Error::Answer`].
    pub fn workloads(&self) -> Result<Vec<api::Entry>, Error> {
        const MOST: usize = 4096;
        let bytes = self.control("the list", api::IOCTL_LIST, &[], MOST * size_of::<api::Entry>())?;
        let entries = bytes.chunks_exact(size_of::<api::Entry>());
        Ok(entries.filter_map(|entry| api::Entry::read_from_bytes(entry).ok()).collect())
    }

    /// Runs a workload and waits for its end. A workload that fails is not an error: see the outcome.
    ///
    /// # Errors
    /// [`Error::Refused`] if the consumer does not know the workload or cannot begin.
    pub fn run(&self, request: &api::Request, file: Option<&Path>) -> Result<api::Outcome, Error> {
        let path = file.map(nt_path).unwrap_or_default();
        self.run_with(request, &path.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<u8>>())
    }

    /// The same with any bytes behind the request.
    ///
    /// # Errors
    /// As [`Consumer::run`].
    pub fn run_with(&self, request: &api::Request, behind: &[u8]) -> Result<api::Outcome, Error> {
        let input = [request.as_bytes(), behind].concat();
        let bytes = self.control("a run", api::IOCTL_RUN, &input, size_of::<api::Outcome>())?;
        parse("a run", &bytes)
    }

    /// How far a run is; none if it has not begun or is over.
    ///
    /// # Errors
    /// [`Error::Refused`], [`Error::Answer`].
    pub fn progress(&self, id: u64) -> Result<Option<api::Progress>, Error> {
        const WHAT: &str = "the progress";
        match self.control(WHAT, api::IOCTL_PROGRESS, id.as_bytes(), size_of::<api::Progress>()) {
            Ok(bytes) => parse(WHAT, &bytes).map(Some),
            Err(Error::Refused { status: NtStatus::NOT_FOUND, .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Ends a run early; false if it has not begun or is over.
    ///
    /// # Errors
    /// [`Error::Refused`].
    pub fn cancel(&self, id: u64) -> Result<bool, Error> {
        self.tell("a cancel", api::IOCTL_CANCEL, id)
    }

    /// Lets a run go on that waits at a stage; false if it has not begun or is over.
    ///
    /// # Errors
    /// [`Error::Refused`].
    pub fn go_on(&self, id: u64) -> Result<bool, Error> {
        self.tell("going on", api::IOCTL_GO_ON, id)
    }

    fn tell(&self, what: &'static str, code: u32, id: u64) -> Result<bool, Error> {
        match self.control(what, code, id.as_bytes(), 0) {
            Ok(_) => Ok(true),
            Err(Error::Refused { status: NtStatus::NOT_FOUND, .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }

    fn control(&self, what: &'static str, code: u32, input: &[u8], room: usize) -> Result<Vec<u8>, Error> {
        let (status, output) = self.device.ioctl(code, input, room)?;
        if status == NtStatus::SUCCESS { Ok(output) } else { Err(Error::Refused { what, status }) }
    }
}

fn parse<T: FromBytes>(what: &'static str, bytes: &[u8]) -> Result<T, Error> {
    T::read_from_bytes(bytes).map_err(|_| Error::Answer { what, length: bytes.len() })
}

/// The path of a host's file as the machine's drivers name it.
fn nt_path(file: &Path) -> String {
    format!(r"\??\Z:{}", file.display()).replace('/', "\\")
}
