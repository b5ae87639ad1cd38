//! Reads what an effect does: a call, a query, a program.

use std::collections::BTreeMap;

use crate::{
    complaint::Complaint,
    effect::{CommandEffect, CommandInput, EffectInput, EffectKind, HttpEffect},
    effects::texts,
    fields::{Fields, text},
    limits::{COMMAND_FILES_MAX, COMMAND_WORDS_MAX, EFFECT_TEXT_BYTES_MAX, HEADERS_MAX},
    names::suggest,
    pointers::parse_value_at,
    problem::Problems,
    source::{At, SourceFile},
    yaml::{Entry, Kind},
};

const KINDS: [&str; 3] = ["http", "sql", "command"];
const HTTP_KEYS: [&str; 5] = ["method", "url", "headers", "body", "allow_private"];
const COMMAND_KEYS: [&str; 4] = ["run", "inputs", "outputs", "env"];
const INPUT_KEYS: [&str; 2] = ["text", "file"];
const METHODS: [&str; 5] = ["GET", "POST", "PUT", "PATCH", "DELETE"];
/// Headers that the caller itself says.
const OWN_HEADERS: [&str; 7] = [
    "host",
    "content-length",
    "transfer-encoding",
    "connection",
    "idempotency-key",
    "upgrade",
    "te",
];

/// Reads the one kind that an effect has, and where it stands.
pub(crate) fn read_kind<'a>(
    fields: &Fields<'_, 'a>,
    files: &[&SourceFile],
    problems: &mut Problems,
) -> (Option<EffectKind>, At<'a>) {
    let given: Vec<&Entry<'a>> = KINDS.iter().filter_map(|kind| fields.entry(kind)).collect();
    let [entry] = given.as_slice() else {
        let (message, at) = match given.get(1) {
            None => (format!("{} says not what is done", fields.what), fields.at),
            Some(second) => (format!("{} does two things at once", fields.what), second.at),
        };
        problems.add(at, message, "give it one of `http`, `sql` and `command`");
        return (None, fields.at);
    };
    let kind = match entry.key.as_str() {
        "http" => read_http(fields, entry, problems).map(EffectKind::Http),
        "sql" => read_sql(fields, problems),
        _ => read_command(fields, entry, files, problems).map(EffectKind::Command),
    };
    (kind, entry.at)
}

fn read_sql(fields: &Fields<'_, '_>, problems: &mut Problems) -> Option<EffectKind> {
    let sql = fields.text("sql", problems).parse(problems, bounded);
    Some(EffectKind::Sql { sql: sql.ok()? })
}

fn bounded(text: String) -> Result<String, Complaint> {
    if text.len() <= EFFECT_TEXT_BYTES_MAX {
        return Ok(text);
    }
    let message = format!("this text has {} bytes", text.len());
    Err(Complaint::new(message, format!("{EFFECT_TEXT_BYTES_MAX} are allowed")))
}

fn read_http(
    effect: &Fields<'_, '_>,
    entry: &Entry<'_>,
    problems: &mut Problems,
) -> Option<HttpEffect> {
    let what = format!("`http` of {}", effect.what);
    let fields = Fields::read(what, entry.at, &entry.value, &HTTP_KEYS, problems)?;
    let help = "write a whole URL, as in https://example.com/hooks";
    let url = fields.needed_text("url", help, problems).parse(problems, check_url).ok();
    let method = fields.text("method", problems).parse(problems, |method| {
        match METHODS.contains(&&*method) {
            true => Ok(method),
            false => {
                let help = suggest(&method, METHODS.into_iter());
                Err(Complaint::new(format!("`{method}` is no method that is called here"), help))
            }
        }
    });
    let method = method.ok().unwrap_or_else(|| "POST".to_owned());
    let sends = !matches!(&*method, "GET" | "DELETE");
    let body = fields.text("body", problems).parse(problems, |text| match text.as_str() {
        "none" => Ok(None),
        text => parse_input(text).map(Some),
    });
    let body = match body {
        crate::fields::Given::Absent => sends.then_some(EffectInput::Data),
        given => given.ok().flatten(),
    };
    let allow = fields.text("allow_private", problems).parse(problems, |text| match &*text {
        "true" => Ok(true),
        "false" => Ok(false),
        other => Err(Complaint::new(format!("`{other}` is neither"), "write true or false")),
    });
    let headers = read_headers(&fields, problems);
    Some(HttpEffect {
        method,
        url: url?,
        headers,
        body,
        allow_private: allow.ok().unwrap_or(false),
    })
}

/// The host must stand there plainly: what is allowed is told by it.
fn check_url(url: String) -> Result<String, Complaint> {
    let help =
        "write a whole URL, as in https://example.com/hooks; secrets may be named behind the host";
    let complaint = |why: &str| Err(Complaint::new(format!("`{url}` {why}"), help));
    let Some(rest) = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://")) else {
        return complaint("is not a URL of http or https");
    };
    let host = rest.split(['/', '?']).next().unwrap_or_default();
    if host.is_empty() || host.contains('$') || host.contains('@') {
        return complaint("does not name its host plainly");
    }
    if url.contains(char::is_whitespace) || url.contains('#') {
        return complaint("has spaces or a fragment in it");
    }
    check_references(&url)?;
    bounded(url)
}

/// `${env:NAME}` and `${file:PATH}`.
fn check_references(text: &str) -> Result<(), Complaint> {
    for rest in text.split("${").skip(1) {
        let name = rest.split_once('}').map(|(name, _)| name);
        let known = name.is_some_and(|name| {
            let value = name.strip_prefix("env:").or_else(|| name.strip_prefix("file:"));
            value.is_some_and(|value| !value.is_empty())
        });
        if !known {
            let help = "name a secret as ${env:NAME} or ${file:PATH}";
            return Err(Complaint::new(format!("`${{{rest}` names no secret"), help));
        }
    }
    Ok(())
}

fn read_headers(fields: &Fields<'_, '_>, problems: &mut Problems) -> BTreeMap<String, String> {
    let mut headers = BTreeMap::new();
    let entries = fields.entries("headers", problems);
    if let Some(entry) = entries.get(HEADERS_MAX) {
        let message = format!("from here on there are more than {HEADERS_MAX} headers");
        problems.add(entry.at, message, "leave some out");
    }
    for entry in entries {
        let name = entry.key.to_ascii_lowercase();
        let lawful = !name.is_empty()
            && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_');
        if !lawful || OWN_HEADERS.contains(&&*name) {
            let message = format!("`{}` is no header to declare", entry.key);
            problems.add(entry.at, message, "leave it out: the call says it, or it means nothing");
            continue;
        }
        read_value(&fields.what, entry, problems).map(|value| headers.insert(name, value));
    }
    headers
}

/// A text that may name secrets.
fn read_value(of: &str, entry: &Entry<'_>, problems: &mut Problems) -> Option<String> {
    let value = text(&format!("`{}` of {of}", entry.key), &entry.value, problems)?;
    match check_references(&value).and_then(|()| bounded(value)) {
        Ok(value) => Some(value),
        Err(complaint) => {
            problems.complain(entry.value.at, complaint);
            None
        }
    }
}

fn parse_input(text: &str) -> Result<EffectInput, Complaint> {
    match text {
        "event" => Ok(EffectInput::Event),
        "data" => Ok(EffectInput::Data),
        text if text.starts_with('/') => {
            parse_value_at(text).map(|_| EffectInput::At(text.to_owned()))
        }
        text => {
            let help = "write `event`, `data`, or a JSON pointer into the data";
            Err(Complaint::new(format!("`{text}` is not a part of an event"), help))
        }
    }
}

fn read_command(
    effect: &Fields<'_, '_>,
    entry: &Entry<'_>,
    files: &[&SourceFile],
    problems: &mut Problems,
) -> Option<CommandEffect> {
    let what = format!("`command` of {}", effect.what);
    let fields = Fields::read(what, entry.at, &entry.value, &COMMAND_KEYS, problems)?;
    let list = |key: &str, problems: &mut Problems| {
        let entry = fields.entry(key);
        entry.map(|entry| texts(&format!("`{key}` of {}", fields.what), &entry.value, problems))
    };
    let run = list("run", problems).unwrap_or_default();
    if run.is_empty() || run.len() > COMMAND_WORDS_MAX {
        let message = format!("{} needs `run`, of 1 to {COMMAND_WORDS_MAX} words", fields.what);
        problems.add(
            fields.at,
            message,
            "write the program and its arguments, as in [python3, score.py]",
        );
    }
    let mut inputs = BTreeMap::new();
    for entry in fields.entries("inputs", problems) {
        check_file_name(&entry.key, entry.at, problems);
        if let Some(input) = read_input(&fields.what, entry, files, problems) {
            inputs.insert(entry.key.clone(), input);
        }
    }
    let outputs = list("outputs", problems).unwrap_or_default();
    for output in &outputs {
        check_file_name(output, fields.entry("outputs").map_or(fields.at, |e| e.at), problems);
    }
    if inputs.len() > COMMAND_FILES_MAX || outputs.len() > COMMAND_FILES_MAX {
        let message = format!("{} has more than {COMMAND_FILES_MAX} files", fields.what);
        problems.add(fields.at, message, "put several things in one file");
    }
    let mut env = BTreeMap::new();
    for entry in fields.entries("env", problems) {
        read_value(&fields.what, entry, problems).map(|value| env.insert(entry.key.clone(), value));
    }
    Some(CommandEffect { run, inputs, outputs, env })
}

/// A name within the program's folder.
fn check_file_name(name: &str, at: At<'_>, problems: &mut Problems) {
    let lawful = !name.is_empty()
        && !name.starts_with('.')
        && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_'));
    if !lawful {
        let help = "use letters, digits, `.`, `-` and `_`; the files lie in one folder";
        problems.add(at, format!("`{name}` is not the name of a file"), help);
    }
}

fn read_input(
    of: &str,
    entry: &Entry<'_>,
    files: &[&SourceFile],
    problems: &mut Problems,
) -> Option<CommandInput> {
    let what = format!("input `{}` of {of}", entry.key);
    if let Kind::Text(text) = &entry.value.kind {
        return match parse_input(text) {
            Ok(input) => Some(CommandInput::Event(input)),
            Err(complaint) => {
                problems.complain(entry.value.at, complaint);
                None
            }
        };
    }
    let fields = Fields::read(what, entry.at, &entry.value, &INPUT_KEYS, problems)?;
    if let Some(text) = fields.text("text", problems).parse(problems, bounded).ok() {
        return Some(CommandInput::Text(text));
    }
    let help = "write `event`, `data`, a JSON pointer, { text: … } or { file: scripts/NAME }";
    let read = fields.needed_text("file", help, problems).parse(problems, |path| {
        match files.iter().find(|file| file.path == path) {
            Some(file) => bounded(file.text.clone()),
            None => {
                let help = "name a file of the folder `scripts` beside the topology's, as in scripts/score.py";
                Err(Complaint::new(format!("there is no file `{path}`"), help))
            }
        }
    });
    read.ok().map(CommandInput::Text)
}
