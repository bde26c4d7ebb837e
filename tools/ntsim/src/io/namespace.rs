//! The object names that drivers make: devices and symbolic links to them.
//!
//! `\DosDevices\X`, `\??\X`, `\GLOBAL??\X`, `\\.\X` and `\\?\X` are one place. Names are compared
//! without case. A path is resolved component by component from the longest name that exists, so
//! that `\Device\NdkTest\file` is the device with `\file` left over.

use std::collections::BTreeMap;

use parking_lot::Mutex;

use crate::types::*;

/// How many links may stand behind one another.
const MAX_LINKS: usize = 32;

/// What a name stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Entry {
    /// A device object, by address.
    Device(usize),
    /// A link to another name, with a number for the leak register.
    Link {
        /// The name it stands for, as the driver spelled it.
        target: String,
        /// Its number.
        id: usize,
    },
}

/// A set of names.
#[derive(Debug, Default)]
pub(crate) struct Namespace {
    names: BTreeMap<String, Entry>,
    links: usize,
}

/// The machine's names.
pub(crate) static NAMES: Mutex<Namespace> = Mutex::new(Namespace { names: BTreeMap::new(), links: 0 });

impl Namespace {
    /// Names a device.
    pub fn add_device(&mut self, name: &str, device: usize) -> Result<(), NTSTATUS> {
        self.add(name, Entry::Device(device))
    }

    /// Makes a link; gives its number.
    pub fn add_link(&mut self, name: &str, target: &str) -> Result<usize, NTSTATUS> {
        self.links += 1;
        let id = self.links;
        self.add(name, Entry::Link { target: target.to_owned(), id })?;
        Ok(id)
    }

    fn add(&mut self, name: &str, entry: Entry) -> Result<(), NTSTATUS> {
        let key = canonical(name)?;
        if self.names.contains_key(&key) {
            return Err(STATUS_OBJECT_NAME_COLLISION);
        }
        self.names.insert(key, entry);
        Ok(())
    }

    /// Takes a link away; gives its number.
    pub fn remove_link(&mut self, name: &str) -> Result<usize, NTSTATUS> {
        let key = canonical(name)?;
        match self.names.get(&key) {
            Some(Entry::Link { id, .. }) => {
                let id = *id;
                self.names.remove(&key);
                Ok(id)
            }
            Some(Entry::Device(_)) => Err(STATUS_OBJECT_TYPE_MISMATCH),
            None => Err(STATUS_OBJECT_NAME_NOT_FOUND),
        }
    }

    /// Gives a device a further name (an enabled interface).
    pub fn add_alias(&mut self, name: &str, device: usize) -> Result<(), NTSTATUS> {
        self.add(name, Entry::Device(device))
    }

    /// Takes such a name away.
    pub fn remove_alias(&mut self, name: &str) -> Result<(), NTSTATUS> {
        self.names.remove(&canonical(name)?).map(|_| ()).ok_or(STATUS_OBJECT_NAME_NOT_FOUND)
    }

    /// Takes the link with this number away.
    pub fn forget_link(&mut self, number: usize) {
        self.names.retain(|_, entry| !matches!(entry, Entry::Link { id, .. } if *id == number));
    }

    /// Takes a device's names away.
    pub fn remove_device(&mut self, device: usize) {
        self.names.retain(|_, entry| *entry != Entry::Device(device));
    }

    /// Finds the device that a path leads to, and what is left of the path.
    pub fn resolve(&self, path: &str) -> Result<(usize, String), NTSTATUS> {
        let mut path = normal(path);
        for _ in 0..MAX_LINKS {
            let (entry, rest) = self.longest(&path).ok_or(STATUS_OBJECT_NAME_NOT_FOUND)?;
            match entry {
                Entry::Device(device) => return Ok((*device, rest.to_owned())),
                Entry::Link { target, .. } => path = normal(&format!("{target}{rest}")),
            }
        }
        Err(STATUS_OBJECT_NAME_INVALID)
    }

    fn longest<'a>(&self, path: &'a str) -> Option<(&Entry, &'a str)> {
        let mut head = path;
        loop {
            if let Some(entry) = self.names.get(&head.to_uppercase()) {
                return Some((entry, &path[head.len()..]));
            }
            head = &head[..head.rfind('\\')?];
        }
    }
}

/// The one spelling of a name's directory.
fn normal(path: &str) -> String {
    const SAME: [&str; 7] =
        [r"\DosDevices\Global\", r"\??\Global\", r"\\.\Global\", r"\DosDevices\", r"\GLOBAL??\", r"\\.\", r"\\?\"];
    for prefix in SAME {
        if let Some((head, rest)) = path.split_at_checked(prefix.len())
            && head.eq_ignore_ascii_case(prefix)
        {
            return format!(r"\??\{rest}");
        }
    }
    path.to_owned()
}

/// The key of a name that shall be made.
fn canonical(name: &str) -> Result<String, NTSTATUS> {
    let name = normal(name);
    if !name.starts_with('\\') {
        return Err(STATUS_OBJECT_PATH_SYNTAX_BAD);
    }
    let (directory, leaf) = name.rsplit_once('\\').unwrap_or(("", ""));
    if leaf.is_empty() {
        return Err(STATUS_OBJECT_NAME_INVALID);
    }
    let known = ["", r"\Device", r"\??"].iter().any(|there| there.eq_ignore_ascii_case(directory));
    // An interface with a reference string has the form \??\device#{class}\reference.
    let interface = directory.starts_with(r"\??\") && directory.contains("#{");
    if !known && !interface {
        return Err(STATUS_OBJECT_PATH_NOT_FOUND);
    }
    Ok(name.to_uppercase())
}

/// The path has no leading backslash.
const STATUS_OBJECT_PATH_SYNTAX_BAD: NTSTATUS = 0xC000_003B_u32.cast_signed();

#[cfg(test)]
mod tests {
    use super::*;

    fn names() -> Namespace {
        let mut names = Namespace::default();
        names.add_device(r"\Device\NdkTest", 7).unwrap();
        names.add_link(r"\DosDevices\NdkTest", r"\Device\NdkTest").unwrap();
        names
    }

    #[test]
    fn all_spellings_lead_to_the_device() {
        let names = names();
        for path in [
            r"\Device\NdkTest",
            r"\device\NDKTEST",
            r"\DosDevices\NdkTest",
            r"\??\NdkTest",
            r"\GLOBAL??\NdkTest",
            r"\\.\NdkTest",
            r"\\.\Global\NdkTest",
            r"\??\Global\NdkTest",
        ] {
            assert_eq!(names.resolve(path), Ok((7, String::new())), "{path}");
        }
    }

    #[test]
    fn what_follows_the_device_is_left_over() {
        assert_eq!(names().resolve(r"\\.\NdkTest\a\b"), Ok((7, r"\a\b".to_owned())));
        assert_eq!(names().resolve(r"\\.\NdkTestX"), Err(STATUS_OBJECT_NAME_NOT_FOUND));
        assert_eq!(names().resolve(""), Err(STATUS_OBJECT_NAME_NOT_FOUND));
    }

    #[test]
    fn names_are_taken_once() {
        let mut names = names();
        assert_eq!(names.add_device(r"\Device\NDKTEST", 8), Err(STATUS_OBJECT_NAME_COLLISION));
        assert_eq!(names.add_device(r"\Nowhere\x", 8), Err(STATUS_OBJECT_PATH_NOT_FOUND));
        assert_eq!(names.add_device("x", 8), Err(STATUS_OBJECT_PATH_SYNTAX_BAD));
        assert_eq!(names.add_device(r"\Device\", 8), Err(STATUS_OBJECT_NAME_INVALID));
        assert_eq!(names.remove_link(r"\Device\NdkTest"), Err(STATUS_OBJECT_TYPE_MISMATCH));
        assert_eq!(names.remove_link(r"\??\NdkTest"), Ok(1));
        names.remove_device(7);
        assert_eq!(names.resolve(r"\Device\NdkTest"), Err(STATUS_OBJECT_NAME_NOT_FOUND));
    }

    #[test]
    fn links_in_a_ring_end() {
        let mut names = Namespace::default();
        names.add_link(r"\??\a", r"\??\b").unwrap();
        names.add_link(r"\??\b", r"\??\a").unwrap();
        assert_eq!(names.resolve(r"\??\a"), Err(STATUS_OBJECT_NAME_INVALID));
    }
}
