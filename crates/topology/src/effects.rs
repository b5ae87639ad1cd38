//! Reads the section `effects`: when each is done, how often it is tried; what it does is read by
//! `effect_kinds`.

use std::collections::BTreeMap;

use crate::{
    complaint::Complaint,
    duration::parse_duration,
    effect::{EffectKind, EffectLimits},
    effect_kinds::read_kind,
    fields::{Fields, Given, text},
    limits::{ATTEMPTS_MAX, BACKOFF_FACTOR_MAX, CONCURRENCY_MAX, FILTER_VALUES_MAX},
    names::check_name,
    pointers::parse_value_at,
    problem::Problems,
    source::{At, SourceFile},
    yaml::{Entry, Kind, Node},
};

const KEYS: [&str; 13] = [
    "description",
    "on",
    "when",
    "every",
    "http",
    "sql",
    "command",
    "result",
    "timeout",
    "deadline",
    "attempts_max",
    "backoff",
    "concurrency_max",
];
const BACKOFF_KEYS: [&str; 3] = ["first", "factor", "max"];

/// An effect as it is declared.
#[derive(Debug)]
pub(crate) struct EffectDeclared<'a> {
    pub(crate) name: String,
    pub(crate) at: At<'a>,
    pub(crate) body: Option<EffectBody<'a>>,
}

/// What stands below its name.
#[derive(Debug)]
pub(crate) struct EffectBody<'a> {
    pub(crate) description: String,
    pub(crate) on: Given<'a, String>,
    pub(crate) when: BTreeMap<String, (Vec<String>, At<'a>)>,
    pub(crate) every_ms: Given<'a, i64>,
    /// `None` where something is wrong with it, which is told.
    pub(crate) kind: Option<EffectKind>,
    pub(crate) kind_at: At<'a>,
    pub(crate) result: Given<'a, String>,
    pub(crate) limits: EffectLimits,
}

/// Reads one entry of the section. Files may be named in it.
pub(crate) fn read_effect<'a>(
    entry: &Entry<'a>,
    files: &[&SourceFile],
    problems: &mut Problems,
) -> EffectDeclared<'a> {
    let what = format!("effect `{}`", entry.key);
    if let Err(complaint) = check_name(&what, &entry.key) {
        problems.complain(entry.at, complaint);
    }
    let fields = Fields::read(what, entry.at, &entry.value, &KEYS, problems);
    let body = fields.map(|fields| read_body(&fields, files, problems));
    EffectDeclared { name: entry.key.clone(), at: entry.at, body }
}

fn read_body<'a>(
    fields: &Fields<'_, 'a>,
    files: &[&SourceFile],
    problems: &mut Problems,
) -> EffectBody<'a> {
    let about = "say in a sentence what is done";
    let description = fields.needed_text("description", about, problems);
    let on = fields.text("on", problems);
    let every = fields.text("every", problems).parse(problems, |text| parse_duration(&text));
    let one =
        "name an event type in `on`, or a span of the log's clock in `every`, as in every: 1h";
    match (fields.entry("on"), fields.entry("every")) {
        (None, None) => {
            problems.add(fields.at, format!("{} says not when it is done", fields.what), one)
        }
        (Some(_), Some(every)) => problems.add(
            every.at,
            format!("{} is done on events and by the clock at once", fields.what),
            "make two effects of it",
        ),
        _ => {}
    }
    let (kind, kind_at) = read_kind(fields, files, problems);
    EffectBody {
        description: description.ok().unwrap_or_default(),
        on,
        when: read_when(fields, problems),
        every_ms: every,
        kind,
        kind_at,
        result: fields.text("result", problems),
        limits: read_limits(fields, problems),
    }
}

fn read_when<'a>(
    fields: &Fields<'_, 'a>,
    problems: &mut Problems,
) -> BTreeMap<String, (Vec<String>, At<'a>)> {
    let mut when = BTreeMap::new();
    if let (Some(entry), None) = (fields.entry("when"), fields.entry("on")) {
        let message = format!("{} has `when` and no event to look at", fields.what);
        problems.add(entry.at, message, "name the event type in `on`");
    }
    for entry in fields.entries("when", problems) {
        if let Err(complaint) = parse_value_at(&entry.key).and_then(|_| pointer(&entry.key)) {
            problems.complain(entry.at, complaint);
            continue;
        }
        let what = format!("`{}` in `when` of {}", entry.key, fields.what);
        let values = texts(&what, &entry.value, problems);
        if values.len() > FILTER_VALUES_MAX {
            let message = format!("{what} has {} values", values.len());
            problems.add(entry.at, message, format!("{FILTER_VALUES_MAX} are allowed"));
        }
        when.insert(entry.key.clone(), (values, entry.at));
    }
    when
}

fn pointer(text: &str) -> Result<(), Complaint> {
    if text.starts_with('/') {
        return Ok(());
    }
    let help = "write a JSON pointer into the data, as in /channel";
    Err(Complaint::new(format!("`{text}` is not a place in the data"), help))
}

/// One text or a list of them.
pub(crate) fn texts(what: &str, node: &Node<'_>, problems: &mut Problems) -> Vec<String> {
    match &node.kind {
        Kind::List(nodes) => nodes.iter().filter_map(|node| text(what, node, problems)).collect(),
        _ => text(what, node, problems).into_iter().collect(),
    }
}

fn read_limits(fields: &Fields<'_, '_>, problems: &mut Problems) -> EffectLimits {
    let usual = EffectLimits::default();
    let span = |fields: &Fields<'_, '_>, key: &str, problems: &mut Problems| {
        fields.text(key, problems).parse(problems, |text| parse_duration(&text)).ok()
    };
    let mut limits = EffectLimits {
        timeout_ms: span(fields, "timeout", problems).unwrap_or(usual.timeout_ms),
        deadline_ms: span(fields, "deadline", problems).unwrap_or(usual.deadline_ms),
        attempts_max: count(fields, "attempts_max", ATTEMPTS_MAX, problems)
            .unwrap_or(usual.attempts_max),
        concurrency_max: count(fields, "concurrency_max", CONCURRENCY_MAX, problems)
            .unwrap_or(usual.concurrency_max),
        ..usual
    };
    let Some(entry) = fields.entry("backoff") else { return limits };
    let what = format!("`backoff` of {}", fields.what);
    let Some(backoff) = Fields::read(what, entry.at, &entry.value, &BACKOFF_KEYS, problems) else {
        return limits;
    };
    limits.backoff_first_ms = span(&backoff, "first", problems).unwrap_or(limits.backoff_first_ms);
    limits.backoff_max_ms = span(&backoff, "max", problems)
        .unwrap_or(limits.backoff_max_ms.max(limits.backoff_first_ms));
    limits.backoff_factor =
        count(&backoff, "factor", BACKOFF_FACTOR_MAX, problems).unwrap_or(limits.backoff_factor);
    if limits.backoff_max_ms < limits.backoff_first_ms {
        let message = format!("{} has a longest pause shorter than the first", backoff.what);
        problems.add(entry.at, message, "make `max` at least as long as `first`");
    }
    limits
}

fn count(fields: &Fields<'_, '_>, key: &str, max: u32, problems: &mut Problems) -> Option<u32> {
    let what = format!("`{key}` of {}", fields.what);
    let given = fields.text(key, problems).parse(problems, |text| match text.parse::<u32>() {
        Ok(count) if (1..=max).contains(&count) => Ok(count),
        _ => {
            let help = format!("write a whole number from 1 to {max}");
            Err(Complaint::new(format!("{what} is `{text}`"), help))
        }
    });
    given.ok()
}
