//! The tree of keys and values.
//!
//! Names are compared without case, as Windows does; the spelling of the first writer is kept.
//! `ControlSet001` is the same place as `CurrentControlSet`. Keys have numbers that stay good
//! while a handle is open, also when the key is deleted meanwhile (every later access then says
//! so). One lock guards the tree: the registry is not on any hot path.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::Value;

/// Where the service keys live.
pub const SERVICES: &str = r"\Registry\Machine\System\CurrentControlSet\Services";
/// Where the hardware (device instance) keys live.
pub const ENUM: &str = r"\Registry\Machine\System\CurrentControlSet\Enum";
/// Where the software (driver) keys of devices live.
pub const CLASS: &str = r"\Registry\Machine\System\CurrentControlSet\Control\Class";

/// A key's number; good until the registry is dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct KeyId(usize);

impl KeyId {
    /// The key `\Registry`.
    pub const ROOT: KeyId = KeyId(0);
}

/// Why a registry operation failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// No key or value has this name.
    NotFound,
    /// The path does not start with `\Registry`, or has an empty component.
    BadPath,
    /// The key was deleted after it was opened.
    Deleted,
    /// A key that has subkeys cannot be deleted.
    HasSubkeys,
    /// The index is past the last entry.
    NoMoreEntries,
}

/// Whether [`Registry::create`] made the key or found it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Disposition {
    /// The key is new.
    Created,
    /// The key was there.
    Opened,
}

/// Names and counts of one key, as `KEY_FULL_INFORMATION` wants them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyInfo {
    /// The key's own name, without its path.
    pub name: String,
    /// The names of the subkeys, in order.
    pub subkeys: Vec<String>,
    /// The values, in order, with the spelling of their names.
    pub values: Vec<(String, Value)>,
}

struct Node {
    name: String,
    parent: Option<KeyId>,
    subkeys: BTreeMap<String, KeyId>,
    values: BTreeMap<String, (String, Value)>,
    deleted: bool,
}

/// The registry of one machine.
pub struct Registry {
    nodes: Mutex<Vec<Node>>,
}

impl Default for Registry {
    fn default() -> Self {
        Self::new()
    }
}

impl Registry {
    /// A registry with the keys that every Windows machine has.
    pub fn new() -> Self {
        let registry = Registry { nodes: Mutex::new(vec![Node::new("Registry", None)]) };
        for path in [SERVICES, ENUM, CLASS, r"\Registry\Machine\Software", r"\Registry\User"] {
            registry.create_path(path).expect("a well-known path is a registry path");
        }
        registry
    }

    /// Opens the key at an absolute path.
    pub fn open_path(&self, path: &str) -> Result<KeyId, Failure> {
        self.open(KeyId::ROOT, relative_to_root(path)?)
    }

    /// Opens or creates the key at an absolute path, with every key on the way.
    pub fn create_path(&self, path: &str) -> Result<KeyId, Failure> {
        let mut key = KeyId::ROOT;
        for part in components(relative_to_root(path)?) {
            key = self.create(key, part?)?.0;
        }
        Ok(key)
    }

    /// Opens a key by a path relative to `base`; an empty path is `base` itself.
    pub fn open(&self, base: KeyId, path: &str) -> Result<KeyId, Failure> {
        let nodes = self.lock();
        let mut key = base;
        alive(&nodes, key)?;
        for part in components(path) {
            let name = canonical(&nodes, key, part?);
            key = *nodes[key.0].subkeys.get(&name).ok_or(Failure::NotFound)?;
        }
        Ok(key)
    }

    /// Opens or creates the key at `path` under `base`. Only the last component may be new, as
    /// `ZwCreateKey` has it.
    pub fn create(&self, base: KeyId, path: &str) -> Result<(KeyId, Disposition), Failure> {
        let trimmed = path.trim_end_matches('\\');
        let (parent, name) = match trimmed.rsplit_once('\\') {
            Some((parent, name)) => (self.open(base, parent)?, name),
            None => (base, trimmed),
        };
        let mut nodes = self.lock();
        alive(&nodes, parent)?;
        if name.is_empty() {
            return Ok((parent, Disposition::Opened));
        }
        let folded = canonical(&nodes, parent, name);
        if let Some(found) = nodes[parent.0].subkeys.get(&folded) {
            return Ok((*found, Disposition::Opened));
        }
        let id = KeyId(nodes.len());
        nodes.push(Node::new(name, Some(parent)));
        nodes[parent.0].subkeys.insert(folded, id);
        Ok((id, Disposition::Created))
    }

    /// Deletes a key without subkeys; open handles to it fail from now on.
    pub fn delete(&self, key: KeyId) -> Result<(), Failure> {
        let mut nodes = self.lock();
        alive(&nodes, key)?;
        if !nodes[key.0].subkeys.is_empty() {
            return Err(Failure::HasSubkeys);
        }
        let parent = nodes[key.0].parent.ok_or(Failure::BadPath)?;
        nodes[parent.0].subkeys.retain(|_, id| *id != key);
        let node = &mut nodes[key.0];
        node.deleted = true;
        node.values.clear();
        Ok(())
    }

    /// Deletes a key and all that is below it.
    pub fn delete_tree(&self, key: KeyId) -> Result<(), Failure> {
        let below: Vec<KeyId> = {
            let nodes = self.lock();
            alive(&nodes, key)?;
            nodes[key.0].subkeys.values().copied().collect()
        };
        for child in below {
            self.delete_tree(child)?;
        }
        self.delete(key)
    }

    /// Reads a value; the empty name is the key's default value.
    pub fn value(&self, key: KeyId, name: &str) -> Result<Value, Failure> {
        let nodes = self.lock();
        alive(&nodes, key)?;
        let found = nodes[key.0].values.get(&fold(name)).ok_or(Failure::NotFound)?;
        Ok(found.1.clone())
    }

    /// Writes a value.
    pub fn set_value(&self, key: KeyId, name: &str, value: Value) -> Result<(), Failure> {
        let mut nodes = self.lock();
        alive(&nodes, key)?;
        nodes[key.0]
            .values
            .entry(fold(name))
            .and_modify(|slot| slot.1 = value.clone())
            .or_insert_with(|| (name.to_owned(), value));
        Ok(())
    }

    /// Deletes a value.
    pub fn delete_value(&self, key: KeyId, name: &str) -> Result<(), Failure> {
        let mut nodes = self.lock();
        alive(&nodes, key)?;
        nodes[key.0].values.remove(&fold(name)).map(|_| ()).ok_or(Failure::NotFound)
    }

    /// The `index`-th subkey.
    pub fn subkey(&self, key: KeyId, index: usize) -> Result<KeyId, Failure> {
        let nodes = self.lock();
        alive(&nodes, key)?;
        nodes[key.0].subkeys.values().nth(index).copied().ok_or(Failure::NoMoreEntries)
    }

    /// The `index`-th value with its name.
    pub fn nth_value(&self, key: KeyId, index: usize) -> Result<(String, Value), Failure> {
        let nodes = self.lock();
        alive(&nodes, key)?;
        nodes[key.0].values.values().nth(index).cloned().ok_or(Failure::NoMoreEntries)
    }

    /// Everything about one key.
    pub fn info(&self, key: KeyId) -> Result<KeyInfo, Failure> {
        let nodes = self.lock();
        alive(&nodes, key)?;
        let node = &nodes[key.0];
        Ok(KeyInfo {
            name: node.name.clone(),
            subkeys: node.subkeys.values().map(|id| nodes[id.0].name.clone()).collect(),
            values: node.values.values().cloned().collect(),
        })
    }

    /// The key's absolute path.
    pub fn path(&self, key: KeyId) -> String {
        let nodes = self.lock();
        let mut parts = Vec::new();
        let mut at = Some(key);
        while let Some(id) = at {
            parts.push(nodes[id.0].name.clone());
            at = nodes[id.0].parent;
        }
        parts.reverse();
        format!("\\{}", parts.join("\\"))
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Node>> {
        self.nodes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Node {
    fn new(name: &str, parent: Option<KeyId>) -> Self {
        Node { name: name.to_owned(), parent, subkeys: BTreeMap::new(), values: BTreeMap::new(), deleted: false }
    }
}

/// Folds a name's case for comparison.
fn fold(name: &str) -> String {
    name.to_uppercase()
}

/// The folded name, with `ControlSet001` under `System` taken as `CurrentControlSet`.
fn canonical(nodes: &[Node], parent: KeyId, name: &str) -> String {
    let folded = fold(name);
    if folded == "CONTROLSET001" && fold(&nodes[parent.0].name) == "SYSTEM" {
        return "CURRENTCONTROLSET".to_owned();
    }
    folded
}

fn alive(nodes: &[Node], key: KeyId) -> Result<(), Failure> {
    if nodes[key.0].deleted { Err(Failure::Deleted) } else { Ok(()) }
}

/// Strips `\Registry` from an absolute path.
pub(super) fn relative_to_root(path: &str) -> Result<&str, Failure> {
    const ROOT: &str = r"\Registry";
    let (head, rest) = path.split_at_checked(ROOT.len()).ok_or(Failure::BadPath)?;
    let ends_there = rest.is_empty() || rest.starts_with('\\');
    if !head.eq_ignore_ascii_case(ROOT) || !ends_there {
        return Err(Failure::BadPath);
    }
    Ok(rest.strip_prefix('\\').unwrap_or(rest))
}

fn components(path: &str) -> impl Iterator<Item = Result<&str, Failure>> {
    let trimmed = path.trim_end_matches('\\');
    let parts = (!trimmed.is_empty()).then(|| trimmed.split('\\'));
    parts.into_iter().flatten().map(|part| if part.is_empty() { Err(Failure::BadPath) } else { Ok(part) })
}

#[cfg(test)]
mod tests {
    use super::*;

    const SERVICE: &str = r"\Registry\Machine\System\CurrentControlSet\Services\softndk";

    #[test]
    fn names_are_compared_without_case_and_keep_their_spelling() {
        let registry = Registry::new();
        let key = registry.create_path(SERVICE).unwrap();
        assert_eq!(registry.open_path(&SERVICE.to_uppercase()), Ok(key));
        registry.set_value(key, "ImagePath", Value::string("a.sys")).unwrap();
        assert_eq!(registry.value(key, "IMAGEPATH"), Ok(Value::string("a.sys")));
        assert_eq!(registry.nth_value(key, 0).unwrap().0, "ImagePath");
        assert_eq!(registry.path(key), SERVICE);
    }

    #[test]
    fn control_set_001_is_the_current_one() {
        let registry = Registry::new();
        let key = registry.create_path(SERVICE).unwrap();
        let other = SERVICE.replace("CurrentControlSet", "ControlSet001");
        assert_eq!(registry.open_path(&other), Ok(key));
    }

    #[test]
    fn only_the_last_component_is_created() {
        let registry = Registry::new();
        let base = registry.open_path(SERVICES).unwrap();
        assert_eq!(registry.create(base, r"a\b").unwrap_err(), Failure::NotFound);
        let (a, made) = registry.create(base, "a").unwrap();
        assert_eq!(made, Disposition::Created);
        assert_eq!(registry.create(base, "A"), Ok((a, Disposition::Opened)));
        assert_eq!(registry.create(base, r"a\b").unwrap().1, Disposition::Created);
    }

    #[test]
    fn a_deleted_key_fails_through_old_handles() {
        let registry = Registry::new();
        let key = registry.create_path(SERVICE).unwrap();
        let child = registry.create(key, "Parameters").unwrap().0;
        assert_eq!(registry.delete(key), Err(Failure::HasSubkeys));
        registry.delete(child).unwrap();
        assert_eq!(registry.value(child, "x"), Err(Failure::Deleted));
        assert_eq!(registry.open(key, "Parameters"), Err(Failure::NotFound));
        registry.create(key, "Parameters").unwrap();
        registry.delete_tree(key).unwrap();
        assert_eq!(registry.open_path(SERVICE), Err(Failure::NotFound));
    }

    #[test]
    fn foreign_and_broken_paths_are_refused() {
        let registry = Registry::new();
        for path in [r"\Device\x", r"Registry\Machine", r"\RegistryX", r"\Registry\Machine\\a"] {
            assert_eq!(registry.open_path(path), Err(Failure::BadPath), "{path}");
        }
    }

    #[test]
    fn enumeration_ends() {
        let registry = Registry::new();
        let key = registry.create_path(SERVICE).unwrap();
        for name in ["b", "a"] {
            registry.create(key, name).unwrap();
        }
        assert_eq!(registry.path(registry.subkey(key, 1).unwrap()), format!(r"{SERVICE}\b"));
        assert_eq!(registry.subkey(key, 2), Err(Failure::NoMoreEntries));
        assert_eq!(registry.info(key).unwrap().subkeys, ["a", "b"]);
    }
}
