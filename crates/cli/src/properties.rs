//! `--log-config` and `--objects-config`: properties, one `key=value` a line, `#` before a comment.
//!
//! A value may be a reference, so that the file holds no secret: `${env:NAME}`, `${file:PATH}`.

use std::{collections::BTreeMap, fs, path::Path};

use crate::exit::misuse;

/// Reads a file of properties. Those that `is_secret` names must be references.
pub(crate) fn read(
    path: &Path,
    is_secret: fn(&str) -> bool,
) -> anyhow::Result<BTreeMap<String, String>> {
    let place = path.display();
    let text = fs::read_to_string(path)
        .map_err(|error| misuse(format!("failed to read the properties {place}: {error}")))?;
    let mut properties = BTreeMap::new();
    for (number, line) in (1..).zip(text.lines()) {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let (key, value) = line
            .split_once('=')
            .ok_or_else(|| misuse(format!("{place}:{number}: write key=value")))?;
        let (key, value) = (key.trim(), value.trim());
        if is_secret(key) && reference(value).is_none() {
            return Err(misuse(format!(
                "{place}:{number}: {key} is a secret; write ${{env:NAME}} or ${{file:PATH}} instead"
            )));
        }
        // The value is not told in an error: it may be a password.
        let value = resolve(value).map_err(|why| misuse(format!("{place}:{number}: {why}")))?;
        properties.insert(key.to_owned(), value);
    }
    Ok(properties)
}

/// The kind and the name of `${KIND:NAME}`.
fn reference(value: &str) -> Option<(&str, &str)> {
    value.strip_prefix("${")?.strip_suffix('}')?.split_once(':')
}

fn resolve(value: &str) -> Result<String, String> {
    match reference(value) {
        Some(("env", name)) => {
            std::env::var(name).map_err(|_| format!("the environment has no variable {name}"))
        }
        Some(("file", path)) => match fs::read_to_string(path) {
            Ok(text) => Ok(text.trim_end_matches(['\r', '\n']).to_owned()),
            Err(error) => Err(format!("failed to read {path}: {error}")),
        },
        _ => Ok(value.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_are_passed_over_and_references_followed() {
        let dir = tempfile::tempdir().unwrap();
        let secret = dir.path().join("password");
        fs::write(&secret, "s3cret\n").unwrap();
        let file = dir.path().join("kafka.properties");
        let text = format!(
            "# TLS\nsecurity.protocol = SASL_SSL\n\nsasl.password=${{file:{}}}\n",
            secret.display()
        );
        fs::write(&file, text).unwrap();
        let read = read(&file, |_| false).unwrap();
        assert_eq!(read["security.protocol"], "SASL_SSL");
        assert_eq!(read["sasl.password"], "s3cret");
    }

    #[test]
    fn a_line_without_a_value_is_told_with_its_number() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("kafka.properties");
        fs::write(&file, "a=1\nb\n").unwrap();
        assert!(read(&file, |_| false).unwrap_err().to_string().ends_with(":2: write key=value"));
    }

    #[test]
    fn a_secret_is_a_reference() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("s3.properties");
        let is_secret = |name: &str| name == "password";
        fs::write(&file, "password=hunter22\n").unwrap();
        let refused = read(&file, is_secret).unwrap_err().to_string();
        assert!(refused.contains("${env:NAME}") && !refused.contains("hunter22"), "{refused}");
        fs::write(dir.path().join("secret"), "hunter22\n").unwrap();
        let path = dir.path().join("secret");
        fs::write(&file, format!("password=${{file:{}}}\n", path.display())).unwrap();
        assert_eq!(read(&file, is_secret).unwrap()["password"], "hunter22");
    }
}
