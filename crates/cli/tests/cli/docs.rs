//! The commands of a page of the docs, run as they are written.

use std::{fs, path::Path, process::Command};

use crate::run::{BINARY, Place};

fn page(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs").join(name);
    fs::read_to_string(path).unwrap()
}

/// The `sh` blocks of a page, in order.
fn commands(name: &str) -> String {
    let text = page(name);
    let mut inside = false;
    let mut out = String::new();
    for line in text.lines() {
        match line {
            "```sh" => inside = true,
            _ if line.starts_with("```") => inside = false,
            _ if inside => out = out + line + "\n",
            _ => {}
        }
    }
    assert!(!out.is_empty(), "{name} has no commands");
    out
}

/// What a page's commands print and tell, run as they are written.
fn run(page: &str) -> String {
    let place = Place::new(None);
    let binaries = Path::new(BINARY).parent().unwrap().display().to_string();
    let path = format!("{binaries}:{}", std::env::var("PATH").unwrap());
    let output = Command::new("bash")
        .args(["-euxo", "pipefail", "-c", &commands(page)])
        .current_dir(place.path(""))
        .env("PATH", path)
        .env_remove("HEADWATER_URL")
        .env_remove("HEADWATER_DATA")
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{told}");
    format!("{}{told}", String::from_utf8_lossy(&output.stdout))
}

#[test]
fn the_page_on_snapshots_is_true_on_embedded() {
    run("snapshots.md");
}

#[test]
fn the_page_on_time_is_true_on_embedded() {
    let told = run("time.md");
    let shown = page("time.md");
    let shown: Vec<&str> =
        shown.lines().filter(|line| line.starts_with('│') || line.starts_with("as of ")).collect();
    assert_eq!(shown.len(), 4, "a table and the position that was read");
    for line in shown {
        // Asked for by the time, and by the position that this told.
        assert!(told.matches(line).count() >= 2, "{line}\n{told}");
    }
}
