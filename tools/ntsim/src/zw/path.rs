//! From an object name to a host path.

use std::path::{Path, PathBuf};

use crate::types::*;

/// The drive whose root is the host's root.
const DRIVE: &str = "Z:";
const DIRECTORIES: [&str; 4] = [r"\??\", r"\DosDevices\", r"\GLOBAL??\", r"\??\Global\"];

/// What a name leads to.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Target {
    /// A file or directory of the host.
    Host(PathBuf),
    /// A name that devices have.
    Device(String),
}

/// Reads an absolute object name.
pub(super) fn absolute(name: &str) -> Result<Target, NTSTATUS> {
    for directory in DIRECTORIES {
        let Some((head, rest)) = name.split_at_checked(directory.len()) else {
            continue;
        };
        if !head.eq_ignore_ascii_case(directory) {
            continue;
        }
        let (drive, path) = match rest.split_at_checked(DRIVE.len()) {
            Some((drive, path)) if drive.ends_with(':') => (drive, path),
            _ => continue,
        };
        if !drive.eq_ignore_ascii_case(DRIVE) {
            return Err(STATUS_OBJECT_PATH_NOT_FOUND);
        }
        if !path.starts_with('\\') {
            return Err(STATUS_OBJECT_NAME_INVALID);
        }
        return Ok(Target::Host(below(Path::new("/"), path)?));
    }
    Ok(Target::Device(name.to_owned()))
}

/// Reads a name relative to an open directory.
pub(super) fn relative(base: &Path, name: &str) -> Result<PathBuf, NTSTATUS> {
    if name.starts_with('\\') {
        return Err(STATUS_OBJECT_NAME_INVALID);
    }
    below(base, name)
}

/// The kernel does not know `.` and `..`, and a host name may not smuggle in a separator.
fn below(base: &Path, path: &str) -> Result<PathBuf, NTSTATUS> {
    let trimmed = path.strip_prefix('\\').unwrap_or(path);
    let trimmed = trimmed.strip_suffix('\\').unwrap_or(trimmed);
    let mut host = base.to_owned();
    if trimmed.is_empty() {
        return Ok(host);
    }
    for part in trimmed.split('\\') {
        let bad = part.is_empty() || part == "." || part == ".." || part.contains(['/', '\0']);
        if bad {
            return Err(STATUS_OBJECT_NAME_INVALID);
        }
        host.push(part);
    }
    Ok(host)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn drive_z_is_the_hosts_root() {
        for name in [r"\??\Z:\tmp\File", r"\DosDevices\z:\tmp\File", r"\??\Global\Z:\tmp\File"] {
            assert_eq!(absolute(name), Ok(Target::Host("/tmp/File".into())), "{name}");
        }
        assert_eq!(absolute(r"\??\Z:\"), Ok(Target::Host("/".into())));
    }

    #[test]
    fn other_names_are_devices_or_wrong() {
        assert_eq!(absolute(r"\Device\NdkTest"), Ok(Target::Device(r"\Device\NdkTest".into())));
        assert_eq!(absolute(r"\??\NdkTest"), Ok(Target::Device(r"\??\NdkTest".into())));
        assert_eq!(absolute(r"\??\C:\x"), Err(STATUS_OBJECT_PATH_NOT_FOUND));
        for name in [r"\??\Z:x", r"\??\Z:\a\..\b", r"\??\Z:\a\\b", r"\??\Z:\a/b", r"\??\Z:"] {
            assert_eq!(absolute(name), Err(STATUS_OBJECT_NAME_INVALID), "{name}");
        }
        assert_eq!(relative(Path::new("/a"), r"b\c"), Ok("/a/b/c".into()));
        assert_eq!(relative(Path::new("/a"), r"\b"), Err(STATUS_OBJECT_NAME_INVALID));
    }
}
