//! Links inside the repository lead somewhere.

use softndk_arch::{files, relative, root, text};

/// Every mention of a file of the contract, in prose, code and manifests.
#[test]
fn every_mentioned_file_of_the_contract_exists() {
    let mut broken = Vec::new();
    for path in files(&[".md", ".rs", ".toml", ".yml", ".tsv"]) {
        let text = text(&path);
        for (start, _) in text.match_indices("docs/contract/") {
            let rest = &text[start..];
            let end = rest.find(|c: char| !(c.is_ascii_alphanumeric() || "/-_.".contains(c))).unwrap_or(rest.len());
            let mentioned = rest[..end].trim_end_matches(['.', '/']);
            if !root().join(mentioned).exists() {
                broken.push(format!("{}: {mentioned}", relative(&path)));
            }
        }
    }
    assert!(broken.is_empty(), "files that do not exist:\n{}", broken.join("\n"));
}

/// Relative links `[text](target)` of the documentation; web addresses are not visited.
#[test]
fn every_relative_link_of_the_documentation_exists() {
    let mut broken = Vec::new();
    for path in files(&[".md"]) {
        let text = text(&path);
        for (start, _) in text.match_indices("](") {
            let Some(target) = text[start + 2..].split(')').next() else {
                continue;
            };
            let file = target.split('#').next().unwrap_or_default().trim();
            let outside = file.is_empty() || file.contains("://") || file.starts_with("mailto:") || file.contains(' ');
            let folder = path.parent().map(|folder| folder.join(file));
            if !outside && !folder.is_some_and(|file| file.exists()) {
                broken.push(format!("{}: {target}", relative(&path)));
            }
        }
    }
    assert!(broken.is_empty(), "links that lead nowhere:\n{}", broken.join("\n"));
}
