//! A file of JSON lines: CloudEvents of some types, or plain objects of one.

use std::{
    collections::BTreeMap,
    fs::File,
    io::{self, BufRead, BufReader, Read as _},
    path::Path,
};

use anyhow::Context as _;
use headwater_event::limits::EVENT_BYTES_MAX;
use serde_json::Value;

use super::shape::Shape;
use crate::exit::misuse;

/// More types than that are no types: an app has dozens.
const TYPES_MAX: usize = 500;

/// What is known of the events of one type.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    /// The payloads.
    pub(crate) data: Shape,
    /// The first one.
    pub(crate) first: Value,
    /// Its event, if it was one.
    pub(crate) event: Option<Value>,
}

/// What a file holds, by event type.
#[derive(Debug, Default)]
pub(crate) struct Found {
    pub(crate) types: BTreeMap<String, Seen>,
    /// Lines that are no JSON objects.
    pub(crate) passed_over: u64,
    pub(crate) read: u64,
}

/// Reads up to so many lines. Plain objects are of the type that is given.
pub(crate) fn read(file: &Path, plain_type: Option<&str>, lines_max: u64) -> anyhow::Result<Found> {
    let place = file.display();
    let input: Box<dyn io::Read> = match file.to_str() {
        Some("-") => Box::new(io::stdin()),
        _ => Box::new(File::open(file).map_err(|error| {
            misuse(format!("failed to read {place}: {error}; name a file of JSON lines, or -"))
        })?),
    };
    let mut input = BufReader::new(input);
    let mut found = Found::default();
    let mut line = Vec::new();
    while found.read < lines_max {
        line.clear();
        let most = u64::try_from(EVENT_BYTES_MAX).unwrap_or(u64::MAX);
        let read = input.by_ref().take(most + 1).read_until(b'\n', &mut line);
        if read.with_context(|| format!("failed to read {place}"))? == 0 {
            break;
        }
        if line.trim_ascii().is_empty() {
            continue;
        }
        found.read += 1;
        if line.len() > EVENT_BYTES_MAX {
            let number = found.read;
            return Err(misuse(format!(
                "{place}, line {number}: longer than {EVENT_BYTES_MAX} bytes, which no event is"
            )));
        }
        match serde_json::from_slice::<Value>(&line) {
            Ok(value @ Value::Object(_)) => add(&mut found, value, plain_type)?,
            _ => found.passed_over += 1,
        }
    }
    Ok(found)
}

fn add(found: &mut Found, value: Value, plain_type: Option<&str>) -> anyhow::Result<()> {
    let text = |name: &str| value.get(name).and_then(Value::as_str).map(str::to_owned);
    let (event_type, data, event) = match text("type").filter(|_| text("specversion").is_some()) {
        Some(event_type) => {
            if plain_type.is_some_and(|only| only != event_type) {
                return Ok(());
            }
            let data = value.get("data").cloned().unwrap_or(Value::Null);
            (event_type, data, Some(value))
        }
        None => {
            let Some(plain_type) = plain_type else {
                return Err(misuse(format!(
                    "line {} is no CloudEvent: say of which type the objects are with --type, as in \
                     --type app.order.placed",
                    found.read
                )));
            };
            (plain_type.to_owned(), value, None)
        }
    };
    if found.types.len() >= TYPES_MAX && !found.types.contains_key(&event_type) {
        return Err(misuse(format!("there are more than {TYPES_MAX} event types; give --type")));
    }
    let seen = found.types.entry(event_type).or_default();
    seen.data.add(&data);
    if seen.data.seen == 1 {
        (seen.first, seen.event) = (data, event);
    }
    Ok(())
}
