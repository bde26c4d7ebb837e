//! Positions in the scenario's text, and paths with variables.

use std::ops::Range;
use std::path::{Path, PathBuf};

use super::ScenarioError;

/// The text of a scenario with the place it came from.
pub(super) struct Source<'a> {
    pub file: &'a Path,
    pub text: &'a str,
}

impl Source<'_> {
    /// An error at a byte range of the text.
    pub fn error(&self, span: Range<usize>, message: impl Into<String>) -> ScenarioError {
        ScenarioError {
            file: self.file.to_owned(),
            position: Some(self.position(span.start)),
            message: one_line(&message.into()),
        }
    }

    /// Line and column, from 1, of a byte offset; columns count characters.
    pub fn position(&self, offset: usize) -> (usize, usize) {
        let before = self.text.get(..offset).unwrap_or(self.text);
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or(before).chars().count() + 1;
        (line, column)
    }

    /// A path with `${NAME}` and `${NAME:-default}` replaced by the environment, relative to
    /// the scenario's directory.
    pub fn path(&self, span: Range<usize>, text: &str) -> Result<PathBuf, ScenarioError> {
        let expanded = expand(text, |name| std::env::var(name).ok()).map_err(|message| self.error(span, message))?;
        let home = self.file.parent().unwrap_or(Path::new(""));
        Ok(home.join(expanded))
    }
}

/// Replaces `${NAME}` and `${NAME:-default}`.
fn expand(text: &str, variable: impl Fn(&str) -> Option<String>) -> Result<String, String> {
    let mut expanded = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${") {
        let (inside, tail) = after.split_once('}').ok_or_else(|| format!("`${{` without `}}` in `{text}`"))?;
        let (name, default) = match inside.split_once(":-") {
            Some((name, default)) => (name, Some(default.to_owned())),
            None => (inside, None),
        };
        let value = variable(name)
            .filter(|value| !value.is_empty())
            .or(default)
            .ok_or_else(|| format!("the environment variable {name} is not set"))?;
        expanded.push_str(before);
        expanded.push_str(&value);
        rest = tail;
    }
    expanded.push_str(rest);
    Ok(expanded)
}

fn one_line(message: &str) -> String {
    message.lines().map(str::trim).filter(|line| !line.is_empty()).collect::<Vec<_>>().join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_count_lines_and_characters() {
        let source = Source { file: Path::new("s.toml"), text: "a\nbü = 1\n" };
        assert_eq!(source.position(0), (1, 1));
        assert_eq!(source.position(2), (2, 1));
        assert_eq!(source.position(5), (2, 3));
        assert_eq!(source.position(999), (3, 1));
    }

    #[test]
    fn variables_come_from_the_environment_or_their_default() {
        let known = |name: &str| (name == "DIR").then(|| "/sys".to_owned());
        assert_eq!(expand("${DIR}/a.sys", known).as_deref(), Ok("/sys/a.sys"));
        assert_eq!(expand("${X:-b}/${DIR:-c}", known).as_deref(), Ok("b//sys"));
        assert!(expand("${X}", known).unwrap_err().contains('X'));
        assert!(expand("${DIR", known).is_err());
    }
}
