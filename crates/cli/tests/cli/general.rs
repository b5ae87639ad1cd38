//! General, not made for one app: a type and a view made up at run time, against a fold in Python.

use std::process::Command;

use crate::run::{BINARY, on_every_log};

on_every_log!(a_made_up_type_and_view_equal_a_plain_fold_in_python, |place| {
    let server = place.serve(&[]);
    let output = Command::new("python3")
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/general.py"))
        .args([BINARY, &server.url])
        .arg(place.path("lab"))
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{told}");
    let rows: usize = String::from_utf8_lossy(&output.stdout).trim().parse().unwrap();
    assert!(rows > 100, "{rows} rows compared");
});
