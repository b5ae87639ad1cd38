//! The schema files of one event type: found, read, and checked to be JSON Schemas.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::{
    kinds::{JsonKind, Kinds},
    limits::{FILE_BYTES_MAX, SCHEMA_FAULT_CHARS_MAX, SCHEMA_FAULTS_MAX},
    paths::{SchemaFile, schema_file},
    problem::Problems,
    source::{At, SourceFile},
    yaml::{self, Kind, Node},
};

/// The draft that schemas are written in.
const DRAFT: &str = "https://json-schema.org/draft/2020-12/schema";

/// Reads all versions in a folder; `None` if something is wrong with them, which is then told.
///
/// `asked_at` is where the topology asks for them.
pub(crate) fn read_schemas(
    folder: &str,
    asked_at: At<'_>,
    files: &[&SourceFile],
    problems: &mut Problems,
) -> Option<BTreeMap<u32, Value>> {
    let mut schemas = BTreeMap::new();
    let mut complete = true;
    let mut versions = Vec::new();
    for file in files {
        match schema_file(folder, &file.path) {
            SchemaFile::Other => {}
            SchemaFile::NotAVersion => {
                let help = "versions are v1.json, v2.json and so on";
                problems.add(At::start_of(&file.path), "this is not a version's name", help);
                complete = false;
            }
            SchemaFile::Version(version) => {
                versions.push(version);
                match read_schema(file, problems) {
                    Some(schema) => drop(schemas.insert(version, schema)),
                    None => complete = false,
                }
            }
        }
    }
    versions.sort_unstable();
    let gap = (1..).zip(&versions).find(|(expected, version)| expected != *version);
    let absent = match gap {
        Some((expected, _)) => Some(expected),
        None if versions.is_empty() => Some(1),
        None => None,
    };
    if let Some(version) = absent {
        let message = format!("the schema file {folder}/v{version}.json is missing");
        let help = "each event type has a JSON Schema of its payload, v1.json, v2.json and so on";
        problems.add(asked_at, message, help);
        complete = false;
    }
    complete.then_some(schemas)
}

fn read_schema(file: &SourceFile, problems: &mut Problems) -> Option<Value> {
    let start = At::start_of(&file.path);
    if file.text.len() > FILE_BYTES_MAX {
        let message = format!("the file has {} bytes", file.text.len());
        problems.add(start, message, format!("{FILE_BYTES_MAX} are allowed"));
        return None;
    }
    let schema: Value = match serde_json::from_str(&file.text) {
        Ok(schema) => schema,
        Err(error) => {
            let at = At { line: error.line().max(1), column: error.column().max(1), ..start };
            let told = error.to_string();
            let told = told.split(" at line ").next().unwrap_or_default();
            problems.add(at, format!("this is not JSON: {told}"), "mend the syntax");
            return None;
        }
    };
    is_sound(file, &schema, problems).then_some(schema)
}

fn is_sound(file: &SourceFile, schema: &Value, problems: &mut Problems) -> bool {
    let mut faults: Vec<(String, String)> = Vec::new();
    if let Some(draft) = schema.get("$schema").filter(|draft| draft.as_str() != Some(DRAFT)) {
        faults.push(("/$schema".to_owned(), format!("the draft is {draft}, which is not read")));
    } else {
        let validator = jsonschema::draft202012::meta::validator();
        let errors = validator.iter_errors(schema).take(SCHEMA_FAULTS_MAX);
        faults.extend(errors.map(|error| (error.instance_path().to_string(), error.to_string())));
    }
    // What the meta-schema cannot see: references that lead nowhere, patterns that do not compile.
    if faults.is_empty()
        && let Err(error) = jsonschema::draft202012::new(schema)
    {
        faults.push((error.instance_path().to_string(), error.to_string()));
    }
    if faults.is_empty()
        && let Some(kinds) = Kinds::of(schema, schema)
        && !kinds.kinds.contains(&JsonKind::Object)
    {
        faults.push(("/type".to_owned(), "the schema refuses objects".to_owned()));
    }
    if faults.is_empty() {
        return true;
    }
    let tree = places(file);
    for (pointer, told) in faults {
        let told: String = told.chars().take(SCHEMA_FAULT_CHARS_MAX).collect();
        let at = locate(tree.as_ref(), &pointer).unwrap_or(At::start_of(&file.path));
        let help = "a payload's schema is a JSON Schema of draft 2020-12 that lets objects through";
        problems.add(at, format!("this is not a payload's schema: {told}"), help);
    }
    false
}

/// JSON is YAML as well, so the reader of places reads it too; if it does not, that is no matter.
fn places(file: &SourceFile) -> Option<Node<'_>> {
    yaml::read(file, &mut Problems::default()).ok().flatten()
}

/// Where a pointer leads in a schema file, as near as it can be told.
pub(crate) fn place_in<'a>(file: &'a SourceFile, pointer: &str) -> At<'a> {
    locate(places(file).as_ref(), pointer).unwrap_or(At::start_of(&file.path))
}

fn locate<'a>(tree: Option<&Node<'a>>, pointer: &str) -> Option<At<'a>> {
    let mut node = tree?;
    for token in pointer.split('/').skip(1) {
        let key = token.replace("~1", "/").replace("~0", "~");
        let next = match &node.kind {
            Kind::Map(entries) => {
                entries.iter().find(|entry| entry.key == key).map(|entry| &entry.value)
            }
            Kind::List(nodes) => key.parse::<usize>().ok().and_then(|index| nodes.get(index)),
            _ => None,
        };
        match next {
            Some(next) => node = next,
            // As near as it can be told.
            None => break,
        }
    }
    Some(node.at)
}
