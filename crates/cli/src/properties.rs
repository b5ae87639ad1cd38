//! `--log-config`: librdkafka's properties, one `key=value` a line, `#` before a comment.
//!
//! A value may be a reference, so that the file holds no secret: `${env:NAME}`, `${file:PATH}`.

use std::{collections::BTreeMap, fs, path::Path};

use crate::exit::misuse;

/// Reads a file of properties.
pub(crate) fn read(path: &Path) -> anyhow::Result<BTreeMap<String, String>> {
    let place = path.display();
    let text = fs::read_to_string(path)
        .map_err(|error| misuse(format!("failed to read the log's properties {place}: {error}")))?;
    let mut properties = BTreeMap::new();
    for (number, line) in (1..).zip(text.lines()) {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let (key, value) = line
            .split_once('=')
            .ok_or_else(|| misuse(format!("{place}:{number}: write key=value")))?;
        // The value is not told in an error: it may be a password.
        let value =
            resolve(value.trim()).map_err(|why| misuse(format!("{place}:{number}: {why}")))?;
        properties.insert(key.trim().to_owned(), value);
    }
    Ok(properties)
}

fn resolve(value: &str) -> Result<String, String> {
    let reference = value.strip_prefix("${").and_then(|rest| rest.strip_suffix('}'));
    match reference.and_then(|reference| reference.split_once(':')) {
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
        let read = read(&file).unwrap();
        assert_eq!(read["security.protocol"], "SASL_SSL");
        assert_eq!(read["sasl.password"], "s3cret");
    }

    #[test]
    fn a_line_without_a_value_is_told_with_its_number() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("kafka.properties");
        fs::write(&file, "a=1\nb\n").unwrap();
        assert!(read(&file).unwrap_err().to_string().ends_with(":2: write key=value"));
    }
}
