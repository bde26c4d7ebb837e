//! What the tests of the `ntsim` command have in common.
#![allow(dead_code, reason = "each test binary uses its part")]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// A finished child process.
#[derive(Debug)]
pub struct Ran {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Ran {
    /// Asserts the exit code, and that stderr is exactly one line that contains the words.
    #[track_caller]
    pub fn refused(&self, code: i32, words: &[&str]) {
        assert_eq!(self.code, Some(code), "{self:#?}");
        assert_eq!(self.stderr.trim_end().lines().count(), 1, "one line: {self:#?}");
        self.says(words);
    }

    /// Asserts that stderr contains the words.
    #[track_caller]
    pub fn says(&self, words: &[&str]) {
        for word in words {
            assert!(self.stderr.contains(word), "stderr lacks `{word}`: {self:#?}");
        }
    }

    /// Asserts that ntsim itself did not panic or die of a signal.
    #[track_caller]
    pub fn survived(&self) {
        assert!(self.code.is_some_and(|code| code <= 3), "{self:#?}");
        assert!(!self.stderr.contains("panicked"), "{self:#?}");
    }
}

impl From<Output> for Ran {
    fn from(output: Output) -> Self {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Ran { code: output.status.code(), stdout: text(&output.stdout), stderr: text(&output.stderr) }
    }
}

/// Runs the `ntsim` command.
pub fn ntsim<S: AsRef<std::ffi::OsStr>>(arguments: &[S]) -> Ran {
    Command::new(env!("CARGO_BIN_EXE_ntsim"))
        .args(arguments)
        .env("NTSIM_SYS_DIR", sys_dir())
        .output()
        .expect("ntsim starts")
        .into()
}

/// Runs `ntsim VERB FILE`.
pub fn ntsim_on(verb: &str, file: &Path) -> Ran {
    ntsim(&[verb.as_ref(), file.as_os_str()])
}

/// Where the driver images are: `NTSIM_SYS_DIR`, else what `cargo xtask build` makes.
pub fn sys_dir() -> PathBuf {
    if let Some(directory) = std::env::var_os("NTSIM_SYS_DIR").filter(|value| !value.is_empty()) {
        return directory.into();
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), Into::into);
    target.join("sys/debug")
}

/// A driver image built by `cargo xtask build`.
#[track_caller]
pub fn sys(name: &str, package: &str) -> PathBuf {
    let path = sys_dir().join(format!("{name}.sys"));
    assert!(path.is_file(), "{} is missing; build it with: cargo xtask build -p {package}", path.display());
    path
}

/// A directory for one test, removed at the end.
pub struct Scratch(PathBuf);

impl Scratch {
    pub fn new(name: &str) -> Scratch {
        let path = std::env::temp_dir().join(format!("ntsim-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&path).expect("a scratch directory");
        Scratch(path)
    }

    pub fn file(&self, name: &str, contents: &[u8]) -> PathBuf {
        let path = self.0.join(name);
        std::fs::write(&path, contents).expect("a scratch file");
        path
    }

    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
