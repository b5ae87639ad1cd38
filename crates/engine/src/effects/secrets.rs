//! Secrets: named in a topology, looked up at the moment of a call, never told.

use std::io::Read as _;

use serde_json::Value;

/// A file that is longer holds no secret.
const FILE_BYTES_MAX: u64 = 64 * 1024;
/// Shorter values would take letters out of every text.
const HIDDEN_CHARS_MIN: usize = 6;

/// The secrets that one call used.
#[derive(Default)]
pub(super) struct Secrets(Vec<String>);

impl std::fmt::Debug for Secrets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} secrets", self.0.len())
    }
}

impl Secrets {
    /// The text with `${env:NAME}` and `${file:PATH}` replaced. An error names the reference, no value.
    pub(super) fn resolve(&mut self, text: &str) -> Result<String, String> {
        let mut out = String::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("${") {
            out.push_str(before);
            let (name, behind) =
                after.split_once('}').ok_or_else(|| "a secret's name has no end".to_owned())?;
            let value = look_up(name)?;
            out.push_str(&value);
            if value.chars().count() >= HIDDEN_CHARS_MIN {
                self.0.push(value);
            }
            rest = behind;
        }
        out.push_str(rest);
        Ok(out)
    }

    /// The text without any of them.
    pub(super) fn hide(&self, text: &str) -> String {
        self.0.iter().fold(text.to_owned(), |text, secret| text.replace(secret, "***"))
    }

    /// The same of every text in a value.
    pub(super) fn hide_in(&self, value: Value) -> Value {
        if self.0.is_empty() {
            return value;
        }
        match value {
            Value::String(text) => Value::String(self.hide(&text)),
            Value::Array(items) => items.into_iter().map(|item| self.hide_in(item)).collect(),
            Value::Object(fields) => {
                let hidden = fields.into_iter().map(|(k, v)| (self.hide(&k), self.hide_in(v)));
                Value::Object(hidden.collect())
            }
            other => other,
        }
    }
}

fn look_up(name: &str) -> Result<String, String> {
    if let Some(variable) = name.strip_prefix("env:") {
        return std::env::var(variable)
            .map_err(|_| format!("the server's environment has no variable {variable}"));
    }
    let path = name.strip_prefix("file:").ok_or_else(|| format!("{name:?} names no secret"))?;
    let failed = |error: std::io::Error| format!("failed to read the secret in {path}: {error}");
    let mut text = String::new();
    let file = std::fs::File::open(path).map_err(failed)?;
    file.take(FILE_BYTES_MAX).read_to_string(&mut text).map_err(failed)?;
    Ok(text.trim_end_matches(['\r', '\n']).to_owned())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_secret_is_looked_up_and_never_told() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("token");
        std::fs::write(&path, "hunter2hunter2\n").unwrap();
        let mut secrets = Secrets::default();
        let text = format!("Bearer ${{file:{}}}!", path.display());
        assert_eq!(secrets.resolve(&text).unwrap(), "Bearer hunter2hunter2!");
        assert_eq!(secrets.hide("it said hunter2hunter2"), "it said ***");
        let shown = secrets.hide_in(json!({"a": ["x hunter2hunter2"], "hunter2hunter2": 1}));
        assert_eq!(shown, json!({"a": ["x ***"], "***": 1}));
        assert_eq!(format!("{secrets:?}"), "1 secrets");
        let missing = secrets.resolve("${env:HEADWATER_NO_SUCH_VARIABLE}").unwrap_err();
        assert!(missing.contains("HEADWATER_NO_SUCH_VARIABLE"), "{missing}");
    }
}
