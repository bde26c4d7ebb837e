//! Lines of the driver's source, where it can be found.

use std::path::{Path, PathBuf};

/// How many lines before and after.
const AROUND: u32 = 3;

/// The lines around `line`, with their numbers; empty if the file is not here.
pub(super) fn around(file: &str, line: u32) -> Vec<(u32, String)> {
    let Some(text) = find(file).and_then(|path| std::fs::read_to_string(path).ok()) else {
        return Vec::new();
    };
    let (first, last) = (line.saturating_sub(AROUND).max(1), line.saturating_add(AROUND));
    let lines = text.lines().zip(1u32..).filter(|(_, number)| (first..=last).contains(number));
    lines.map(|(text, number)| (number, text.replace('\t', "    "))).collect()
}

/// As the debug information names it, else below the current folder or one of those above.
fn find(file: &str) -> Option<PathBuf> {
    let path = Path::new(file);
    if path.is_absolute() {
        return path.is_file().then(|| path.to_owned());
    }
    let here = std::env::current_dir().ok()?;
    here.ancestors().map(|folder| folder.join(path)).find(|path| path.is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_found_with_their_numbers() {
        let lines = around(concat!(env!("CARGO_MANIFEST_DIR"), "/src/report/source.rs"), 1);
        assert_eq!(lines.first(), Some(&(1, "//! Lines of the driver's source, where it can be found.".to_owned())));
        assert_eq!(lines.len(), 4);
        assert!(around("/no/such/file.c", 7).is_empty());
    }
}
