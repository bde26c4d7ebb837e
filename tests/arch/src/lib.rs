//! What the tests of the workspace's own rules share: its root, its files, its packages.
#![forbid(unsafe_code)]

use cargo_metadata::{Metadata, MetadataCommand};
use std::path::{Path, PathBuf};

/// The root of the workspace.
pub fn root() -> PathBuf {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
    manifest.ancestors().nth(2).unwrap_or(manifest).to_path_buf()
}

/// The workspace as cargo sees it, without resolving dependencies.
///
/// # Panics
///
/// When cargo cannot read the manifests: then no rule can be checked.
pub fn metadata() -> Metadata {
    let metadata = MetadataCommand::new().current_dir(root()).no_deps().exec();
    metadata.unwrap_or_else(|error| panic!("cargo metadata: {error}"))
}

/// Every file of the workspace with one of these endings, build output left out.
pub fn files(endings: &[&str]) -> Vec<PathBuf> {
    let mut found = Vec::new();
    collect(&root(), endings, &mut found);
    found.sort();
    found
}

fn collect(folder: &Path, endings: &[&str], found: &mut Vec<PathBuf>) {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return;
    };
    for path in entries.flatten().map(|entry| entry.path()) {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if path.is_dir() {
            if name != "target" && name != ".git" {
                collect(&path, endings, found);
            }
        } else if endings.iter().any(|ending| name.ends_with(ending)) {
            found.push(path);
        }
    }
}

/// The text of a file, empty when it vanished meanwhile.
pub fn text(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_default()
}

/// A path as it reads from the root.
pub fn relative(path: &Path) -> String {
    path.strip_prefix(root()).unwrap_or(path).display().to_string()
}

/// True for a file that a program wrote; such files say so in their first lines.
pub fn is_generated(text: &str) -> bool {
    text.lines().take(3).any(|line| line.contains("@generated"))
}

/// Source without line comments, so that words in prose do not count. Good enough for the keywords
/// that the rules look for; block comments are not used here.
pub fn without_comments(source: &str) -> String {
    let code = source.lines().map(|line| line.split("//").next().unwrap_or_default());
    code.collect::<Vec<_>>().join("\n")
}

/// True when a text holds a word that is not a part of a longer name.
pub fn has_word(text: &str, word: &str) -> bool {
    let is_name = |character: char| character.is_alphanumeric() || character == '_';
    text.match_indices(word).any(|(start, _)| {
        let before = text[..start].chars().next_back();
        let after = text[start + word.len()..].chars().next();
        !before.is_some_and(is_name) && !after.is_some_and(is_name)
    })
}
