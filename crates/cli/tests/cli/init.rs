//! `headwater init`: what it writes works, and nothing is overwritten unasked.

use std::{fs, process::Command};

use crate::run::{BINARY, Place};

#[test]
fn the_test_that_it_writes_passes() {
    let place = Place::new(None);
    let output = Command::new(place.path("app/test.sh"))
        .env("HEADWATER", BINARY)
        .env_remove("HEADWATER_DATA")
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{told}\n{}", String::from_utf8_lossy(&output.stderr));
    assert!(told.ends_with("all is as expected\n"), "{told}");
}

#[test]
fn its_test_finds_a_changed_view() {
    let place = Place::new(None);
    let expected = place.path("app/expected.csv");
    let text = fs::read_to_string(&expected).unwrap().replace("12.80", "12.81");
    fs::write(&expected, text).unwrap();
    let status = Command::new(place.path("app/test.sh")).env("HEADWATER", BINARY).output().unwrap();
    assert!(!status.status.success());
}

#[test]
fn a_folder_that_is_not_empty_is_refused() {
    let place = Place::new(None);
    let refused = place.run(&["init", "app"]).ended(2);
    assert!(refused.err.contains("--force"), "{}", refused.err);
    fs::write(place.path("app/notes.txt"), "mine").unwrap();
    fs::write(place.path("app/events.jsonl"), "").unwrap();
    place.run(&["init", "app", "--force"]).ended(0);
    assert_eq!(fs::read_to_string(place.path("app/notes.txt")).unwrap(), "mine");
    assert_ne!(fs::read_to_string(place.path("app/events.jsonl")).unwrap(), "");
}
