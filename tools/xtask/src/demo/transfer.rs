//! Builds the images, boots them, and runs the transfer under a progress bar.

use super::{report::Report, source::Source};
use crate::build;
use crate::image::Detail;
use crate::workspace;
use anyhow::{Context, Result};
use indicatif::{ProgressBar, ProgressStyle};
use ndktest_host::{Session, Setup};
use std::path::PathBuf;
use std::time::Duration;

/// Builds both drivers, optimised; returns their folder.
pub fn images() -> Result<PathBuf> {
    let options = build::Options {
        profile: build::Profile::Release,
        packages: vec!["softndk".into(), "ndktest".into()],
        detail: Detail::Quiet,
        deny_warnings: false,
        install: true,
    };
    build::drivers(&options).context("building the drivers")?;
    let target = workspace::metadata()?.target_directory;
    Ok(build::sys_folder(target.as_std_path(), build::Profile::Release))
}

/// Sends the file and unloads everything.
pub fn run(images: PathBuf, source: &Source) -> Result<Report> {
    // The demo measures: object lives are checked, the data path runs as it does without a simulator.
    ntsim::ndk::set_checks(ntsim::ndk::Checks::Life);
    let session = Session::boot(&Setup::fast(images))?;
    let request = session.request("transfer");
    let bar = progress_bar(source.bytes);
    let outcome = std::thread::scope(|scope| {
        let run = scope.spawn(|| session.run(&request, Some(&source.path)));
        while !run.is_finished() {
            if let Ok(Some(progress)) = session.progress(request.id) {
                bar.set_position(progress.done);
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        run.join()
    });
    bar.finish_and_clear();
    let outcome = outcome.map_err(|_| anyhow::anyhow!("the thread of the request ended early"))??;
    let left = session.end()?;
    Ok(Report::new(source, outcome, left))
}

// Draws on standard error, and nothing if that is not a terminal.
fn progress_bar(bytes: u64) -> ProgressBar {
    const STYLE: &str = "{bar:40} {bytes:>11} of {total_bytes}  {binary_bytes_per_sec}  {eta} left";
    let bar = ProgressBar::new(bytes);
    if let Ok(style) = ProgressStyle::with_template(STYLE) {
        bar.set_style(style);
    }
    bar
}
