//! What the demo says at its end, as a table or as JSON.

use super::source::Source;
use ndktest_api::{Outcome, Phase};
use ndktest_host::Left;
use serde_json::{Value, json};
use std::fmt;

const GIB: f64 = (1u64 << 30) as f64;

/// The end of a demo.
pub struct Report {
    name: String,
    bytes: u64,
    sha256: [u8; 32],
    outcome: Outcome,
    left: Left,
}

impl Report {
    /// Takes together what the host knows and what the drivers said.
    pub fn new(source: &Source, outcome: Outcome, left: Left) -> Self {
        Self { name: source.name.clone(), bytes: source.bytes, sha256: source.sha256, outcome, left }
    }

    /// All bytes arrived both ways, and nothing was left behind.
    pub fn succeeded(&self) -> bool {
        self.outcome.status == 0 && self.hashes_agree() && self.left.count() == 0
    }

    fn hashes_agree(&self) -> bool {
        let seen = [self.outcome.source, self.outcome.pulled, self.outcome.pushed];
        self.outcome.bytes == self.bytes && seen.iter().all(|hash| *hash == self.sha256)
    }

    fn seconds(&self, phase: Phase) -> f64 {
        self.outcome.time(phase) as f64 / 1e9
    }

    /// GiB/s of so many bytes in so many seconds; none if there is nothing to measure.
    fn rate(bytes: u64, seconds: f64) -> Option<f64> {
        (bytes > 0 && seconds > 0.0).then(|| bytes as f64 / GIB / seconds)
    }

    /// Bytes that went over the adapters: there and back.
    fn moved(&self) -> u64 {
        2 * self.outcome.bytes
    }

    fn rdma_rate(&self) -> Option<f64> {
        Self::rate(self.moved(), self.seconds(Phase::Pull) + self.seconds(Phase::Push))
    }

    fn whole_rate(&self) -> Option<f64> {
        Self::rate(self.moved(), self.seconds(Phase::Whole))
    }

    /// One object with everything.
    pub fn json(&self) -> Value {
        let outcome = &self.outcome;
        let counters = &outcome.counters;
        json!({
            "ok": self.succeeded(),
            "file": self.name,
            "bytes": outcome.bytes,
            "sha256": hex(&self.sha256),
            "hashes_agree": self.hashes_agree(),
            "status": format!("0x{:08X}", outcome.status),
            "failure": (outcome.status != 0).then(|| self.failure()),
            "ndk_version": format!("{}.{}", outcome.major, outcome.minor),
            "seconds": {
                "whole": self.seconds(Phase::Whole),
                "setup": self.seconds(Phase::Setup),
                "pull": self.seconds(Phase::Pull),
                "push": self.seconds(Phase::Push),
                "source": self.seconds(Phase::Source),
                "hash": self.seconds(Phase::Hash),
            },
            "gib_per_second": {
                "pull": Self::rate(outcome.bytes, self.seconds(Phase::Pull)),
                "push": Self::rate(outcome.bytes, self.seconds(Phase::Push)),
                "rdma": self.rdma_rate(),
                "whole": self.whole_rate(),
            },
            "operations": {
                "sends": counters.sends,
                "receives": counters.receives,
                "reads": counters.reads,
                "writes": counters.writes,
                "others": counters.others,
            },
            "completions": counters.completions,
            "notifications": counters.notifications,
            "pended": counters.pended,
            "credit_stalls": counters.credit_stalls,
            "peak_outstanding": counters.peak_outstanding,
            "checks": outcome.checks,
            "leaks": self.left.count(),
        })
    }

    fn failure(&self) -> String {
        let failure = &self.outcome.failure;
        let mut text = format!("{} (0x{:08X}", failure.what, failure.status);
        if failure.seen != failure.wanted {
            text += &format!(", seen {:#x}, wanted {:#x}", failure.seen, failure.wanted);
        }
        text + &format!(") at {}:{}", failure.file, failure.line)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let outcome = &self.outcome;
        let counters = &outcome.counters;
        let mut row = |name: &str, value: String| writeln!(f, "{name:<22} {value}");
        row("file", self.name.clone())?;
        row("bytes", format!("{} (there and back)", outcome.bytes))?;
        row("SHA-256", format!("{}, {}", hex(&self.sha256), if self.hashes_agree() { "agrees" } else { "DIFFERS" }))?;
        row("NDK version", format!("{}.{}", outcome.major, outcome.minor))?;
        row("RDMA phases", speed(self.rdma_rate(), self.seconds(Phase::Pull) + self.seconds(Phase::Push)))?;
        row("  pull (read)", speed(Self::rate(outcome.bytes, self.seconds(Phase::Pull)), self.seconds(Phase::Pull)))?;
        row("  push (write)", speed(Self::rate(outcome.bytes, self.seconds(Phase::Push)), self.seconds(Phase::Push)))?;
        row("whole run", speed(self.whole_rate(), self.seconds(Phase::Whole)))?;
        row("hashing, both sides", speed(None, self.seconds(Phase::Hash)))?;
        row("operations", {
            let others = counters.others;
            let operations = counters.sends + counters.receives + counters.reads + counters.writes + others;
            let kinds = format!(
                "{} sends, {} receives, {} reads, {} writes",
                counters.sends, counters.receives, counters.reads, counters.writes
            );
            format!("{operations}: {kinds}")
        })?;
        row("completions", counters.completions.to_string())?;
        row("notifications", counters.notifications.to_string())?;
        row("credit stalls", counters.credit_stalls.to_string())?;
        row("peak outstanding", counters.peak_outstanding.to_string())?;
        row("checks", outcome.checks.to_string())?;
        row("leaks", self.left.count().to_string())?;
        if outcome.status != 0 {
            row("FAILED", self.failure())?;
        }
        for report in self.left.reports.iter().filter(|report| !report.is_clean()) {
            writeln!(f, "{report}")?;
        }
        Ok(())
    }
}

fn speed(rate: Option<f64>, seconds: f64) -> String {
    let time = if seconds < 1.0 { format!("{:.3} ms", seconds * 1e3) } else { format!("{seconds:.3} s") };
    match rate {
        Some(rate) => format!("{rate:.2} GiB/s in {time}"),
        None => time,
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
