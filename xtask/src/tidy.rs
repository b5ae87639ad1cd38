//! `cargo xtask tidy`: the house rules that a compiler does not know, each with its reason.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result, bail};

/// Longer files hold more than one idea.
const FILE_LINES_MAX: usize = 500;
/// Longer functions can't be read at a glance.
const FUNCTION_LINES_MAX: usize = 70;
/// Names that say nothing of what is inside.
const EMPTY_NAMES: [&str; 6] = ["utils", "util", "common", "helpers", "types", "manager"];
/// The demo's data: general code must not know it.
const DEMO_WORDS: [&str; 2] = ["shop", "cdnow"];

/// Checks every file that git knows; all findings at once.
pub(crate) fn check(root: &Path) -> Result<()> {
    let mut findings = Vec::new();
    let mut files = Vec::new();
    for top in ["crates", "replay-tests", "xtask"] {
        rust_files(&root.join(top), &mut files)?;
    }
    for path in &files {
        let text = fs::read_to_string(path).with_context(|| format!("read {}", path.display()))?;
        let shown = path.strip_prefix(root).unwrap_or(path).display().to_string();
        check_file(&shown, &text, &mut findings);
    }
    if findings.is_empty() {
        println!("tidy: {} files", files.len());
        return Ok(());
    }
    for finding in &findings {
        eprintln!("{finding}");
    }
    bail!("{} findings", findings.len())
}

fn rust_files(dir: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    let mut entries: Vec<_> = fs::read_dir(dir)
        .with_context(|| format!("list {}", dir.display()))?
        .collect::<std::io::Result<_>>()?;
    entries.sort_by_key(std::fs::DirEntry::path);
    for entry in entries {
        let path = entry.path();
        if path.is_dir() {
            rust_files(&path, files)?;
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    Ok(())
}

fn check_file(path: &str, text: &str, findings: &mut Vec<String>) {
    let mut find = |line: usize, what: &str| findings.push(format!("{path}:{line}: {what}"));
    if !text.starts_with("//!") {
        find(1, "a file begins with a `//!` line that says what it is for");
    }
    let stem = Path::new(path).file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
    if EMPTY_NAMES.contains(&stem) {
        find(1, "the name says nothing of what is inside");
    }
    let is_test = path.contains("/tests") || path.contains("_tests.rs");
    let lines = text.lines().count();
    if lines > FILE_LINES_MAX && !is_test {
        find(lines, &format!("more than {FILE_LINES_MAX} lines: split it by idea"));
    }
    if path.starts_with("crates/") && !path.starts_with("crates/cli/src/demo/") && !is_test {
        let general = text.split("#[cfg(test)]").next().unwrap_or_default();
        for (number, line) in general.lines().enumerate() {
            let line = line.to_lowercase();
            if DEMO_WORDS.iter().any(|word| line.contains(word)) {
                find(number + 1, "general code must not know the demo's data");
            }
        }
    }
    for (number, line) in text.lines().enumerate() {
        let code = line.trim();
        if code.starts_with(concat!("#[", "ignore")) {
            find(number + 1, "an ignored test proves nothing");
        }
        if code.starts_with("matches!(") && code.ends_with(");") {
            find(number + 1, "a bare `matches!` asserts nothing");
        }
    }
    // A table of cases may be as long as there are cases.
    let functions = if is_test { Vec::new() } else { long_functions(text) };
    for (number, length) in functions {
        find(number, &format!("a function of {length} lines, at most {FUNCTION_LINES_MAX}"));
    }
}

/// Functions over the limit, by the indentation that rustfmt gives their first and last lines.
fn long_functions(text: &str) -> Vec<(usize, usize)> {
    let mut found = Vec::new();
    let mut open: Vec<(usize, usize)> = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let code = line.trim_start();
        let indent = line.len() - code.len();
        let words: Vec<_> = code.split_whitespace().take(5).collect();
        let begins = words.iter().position(|word| *word == "fn").is_some_and(|at| {
            words.iter().take(at).all(|word| {
                word.starts_with("pub") || matches!(*word, "async" | "const" | "unsafe" | "extern")
            })
        });
        if begins && !code.ends_with(';') {
            open.push((number, indent));
        } else if code == "}"
            && let Some((begin, at)) = open.last().copied()
            && at == indent
        {
            open.pop();
            let length = number - begin + 1;
            if length > FUNCTION_LINES_MAX {
                found.push((begin + 1, length));
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn findings(path: &str, text: &str) -> Vec<String> {
        let mut findings = Vec::new();
        check_file(path, text, &mut findings);
        findings
    }

    #[test]
    fn each_rule_finds_its_breach() {
        assert!(findings("crates/a/src/b.rs", "//! b\n").is_empty());
        assert_eq!(findings("crates/a/src/b.rs", "fn f() {}\n").len(), 1);
        assert_eq!(findings("crates/a/src/utils.rs", "//! b\n").len(), 1);
        assert_eq!(findings("crates/a/src/b.rs", "//! b\nconst X: &str = \"shop\";\n").len(), 1);
        assert!(findings("crates/cli/src/demo/b.rs", "//! the shop\n").is_empty());
        let ignored = format!("//! b\n{}ignore]\n", "#[");
        assert_eq!(findings("crates/a/src/b.rs", &ignored).len(), 1);
        let long = format!("//! b\nfn f() {{\n{}}}\n", "    g();\n".repeat(70));
        assert_eq!(findings("crates/a/src/b.rs", &long).len(), 1);
        let file = format!("//! b\n{}", "// x\n".repeat(500));
        assert_eq!(findings("crates/a/src/b.rs", &file).len(), 1);
    }
}
