//! Nobody lets a file grow: 600 lines without its tests are the end.

use softndk_arch::{files, is_generated, relative, text};
use std::path::Path;

const LIMIT: usize = 600;

#[test]
fn no_source_file_is_longer_than_600_lines_without_its_tests() {
    let mut long = Vec::new();
    for path in files(&[".rs"]) {
        let source = text(&path);
        if is_generated(&source) || is_test(&path) {
            continue;
        }
        let lines = lines_before_tests(&source);
        if lines > LIMIT {
            long.push(format!("{}: {lines}", relative(&path)));
        }
    }
    assert!(long.is_empty(), "split these files:\n{}", long.join("\n"));
}

/// Integration tests lie in a package's `tests` folder, large unit tests in `tests.rs`.
fn is_test(path: &Path) -> bool {
    let package = path.ancestors().skip(1).find(|folder| folder.join("Cargo.toml").is_file());
    let inside = package.and_then(|package| path.strip_prefix(package).ok()).unwrap_or(path);
    inside.starts_with("tests")
        || inside.components().any(|part| part.as_os_str() == "tests")
        || inside.ends_with("tests.rs")
}

/// Unit tests are at the bottom of a file.
fn lines_before_tests(source: &str) -> usize {
    let lines: Vec<&str> = source.lines().collect();
    let tests = lines.windows(2).position(|pair| {
        pair[0].trim_start().starts_with("#[cfg(")
            && pair[0].contains("test")
            && pair[1].trim_start().starts_with("mod tests {")
    });
    tests.unwrap_or(lines.len())
}

#[test]
fn tests_at_the_bottom_do_not_count() {
    assert_eq!(lines_before_tests("a\nb\n#[cfg(test)]\nmod tests {\n}\n"), 2);
    assert_eq!(lines_before_tests("a\nb\n"), 2);
}
