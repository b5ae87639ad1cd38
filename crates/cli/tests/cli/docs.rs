//! The commands of a page of the docs, run as they are written.

use std::{fs, path::Path, process::Command};

use crate::run::{BINARY, Place};

/// The `sh` blocks of a page, in order.
fn commands(page: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs").join(page);
    let text = fs::read_to_string(path).unwrap();
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
    assert!(!out.is_empty(), "{page} has no commands");
    out
}

#[test]
fn the_page_on_snapshots_is_true_on_embedded() {
    let place = Place::new(None);
    let binaries = Path::new(BINARY).parent().unwrap().display().to_string();
    let path = format!("{binaries}:{}", std::env::var("PATH").unwrap());
    let script = commands("snapshots.md");
    let output = Command::new("bash")
        .args(["-euxo", "pipefail", "-c", &script])
        .current_dir(place.path(""))
        .env("PATH", path)
        .env_remove("HEADWATER_URL")
        .env_remove("HEADWATER_DATA")
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{told}");
}
