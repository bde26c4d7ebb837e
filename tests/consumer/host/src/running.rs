//! A workload on a thread of its own, with the host leading it from stage to stage.

use ndktest_api as api;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::{Consumer, Error};

/// Longer than any wait of the consumer's own.
const PATIENCE: Duration = Duration::from_secs(60);
const STEP: Duration = Duration::from_millis(1);

/// A run that is under way. Dropping it cancels the run and waits for its end.
pub struct Running {
    consumer: Arc<Consumer>,
    request: api::Request,
    thread: Option<JoinHandle<Result<api::Outcome, Error>>>,
}

impl Running {
    pub(crate) fn start(consumer: Arc<Consumer>, request: &api::Request) -> Self {
        let (own, request) = (Arc::clone(&consumer), *request);
        let thread = std::thread::spawn(move || own.run(&request, None));
        Self { consumer, request, thread: Some(thread) }
    }

    /// Waits until the run has arrived at a stage, counted from 1, where it waits.
    ///
    /// # Errors
    /// [`Error::Ended`] if it ended before, [`Error::Stuck`] if it does not come there.
    pub fn arrives(&mut self, stage: u64) -> Result<(), Error> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let over = self.is_over();
            if self.consumer.progress(self.request.id)?.is_some_and(|progress| progress.stage >= stage) {
                return Ok(());
            }
            if over {
                let failure = Box::new(self.join()?.failure);
                return Err(Error::Ended { workload: self.workload(), stage, failure });
            }
            if Instant::now() >= deadline {
                return Err(Error::Stuck { workload: self.workload(), what: format!("stage {stage}") });
            }
            std::thread::sleep(STEP);
        }
    }

    /// Lets the run go on from the stage that it has arrived at.
    ///
    /// # Errors
    /// [`Error::Refused`].
    pub fn go_on(&self) -> Result<(), Error> {
        self.consumer.go_on(self.request.id).map(|_| ())
    }

    /// Lets the run go on and waits for the next stage, counted from 1.
    ///
    /// # Errors
    /// As for [`Running::arrives`].
    pub fn to_stage(&mut self, stage: u64) -> Result<(), Error> {
        self.go_on()?;
        self.arrives(stage)
    }

    /// Whether the run is over.
    pub fn is_over(&self) -> bool {
        self.thread.as_ref().is_none_or(JoinHandle::is_finished)
    }

    /// Lets the run go on from every stage, and waits for its end.
    ///
    /// # Errors
    /// [`Error::Stuck`], or what the run itself could not be told.
    pub fn finish(mut self) -> Result<api::Outcome, Error> {
        let deadline = Instant::now() + PATIENCE;
        while !self.is_over() {
            self.go_on()?;
            if Instant::now() >= deadline {
                return Err(Error::Stuck { workload: self.workload(), what: "its end".to_owned() });
            }
            std::thread::sleep(STEP);
        }
        self.join()
    }

    fn workload(&self) -> String {
        self.request.workload.to_string()
    }

    fn join(&mut self) -> Result<api::Outcome, Error> {
        let stuck = || Error::Stuck { workload: self.request.workload.to_string(), what: "its end twice".to_owned() };
        let thread = self.thread.take().ok_or_else(stuck)?;
        match thread.join() {
            Ok(outcome) => outcome,
            Err(panic) => std::panic::resume_unwind(panic),
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(thread) = self.thread.take() {
            // Over already, or it ends because of this; what it then says does not matter any more.
            let _ = self.consumer.cancel(self.request.id);
            let _ = thread.join();
        }
    }
}
