//! Paths of schema files, as texts.

use crate::complaint::Complaint;

/// The folder in which an event type's schemas lie unless it says otherwise.
pub(crate) fn default_schema_folder(event_type: &str) -> String {
    format!("schemas/{event_type}")
}

/// The folder that `schema: …/v1.json` means when it stands in the file at `from`.
pub(crate) fn schema_folder(from: &str, target: &str) -> Result<String, Complaint> {
    let help =
        "name the first version relative to this file, as in ../schemas/app.order.placed/v1.json";
    if target.starts_with('/') {
        return Err(Complaint::new(format!("`{target}` is not a relative path"), help));
    }
    let mut steps: Vec<&str> = from.split('/').collect();
    steps.pop();
    for step in target.split('/') {
        match step {
            "" | "." => {}
            ".." => {
                if steps.pop().is_none() {
                    let message = format!("`{target}` leads out of the folder around the topology");
                    return Err(Complaint::new(message, help));
                }
            }
            step => steps.push(step),
        }
    }
    if steps.pop() != Some("v1.json") {
        return Err(Complaint::new(format!("`{target}` does not end in v1.json"), help));
    }
    Ok(steps.join("/"))
}

/// What a file in a schema folder is.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum SchemaFile {
    /// `v3.json`.
    Version(u32),
    /// `v0.json`, `v01.json`: meant as a version, but not one.
    NotAVersion,
    /// A sample or anything else.
    Other,
}

/// What the file at `path` is to the schema folder `folder`.
pub(crate) fn schema_file(folder: &str, path: &str) -> SchemaFile {
    let name = if folder.is_empty() {
        Some(path)
    } else {
        path.strip_prefix(folder).and_then(|rest| rest.strip_prefix('/'))
    };
    let digits = name
        .and_then(|name| name.strip_prefix('v'))
        .and_then(|rest| rest.strip_suffix(".json"))
        .filter(|digits| !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()));
    match digits {
        None => SchemaFile::Other,
        Some(digits) if digits.starts_with('0') => SchemaFile::NotAVersion,
        Some(digits) => digits.parse().map_or(SchemaFile::NotAVersion, SchemaFile::Version),
    }
}
