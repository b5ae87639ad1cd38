//! Reads `window` of a feature view: its kind, and how long late events are waited for.

use crate::{
    complaint::Complaint,
    duration::{parse_duration, parse_moment},
    fields::{Fields, Given},
    limits::{HOPS_MAX, PANES_MAX},
    model::Window,
    names::suggest,
    problem::Problems,
    source::At,
};

const KEYS: [&str; 8] =
    ["tumbling", "hopping", "every", "sliding", "pane", "session", "origin", "lateness"];
/// The keys of which each names a kind.
const KINDS: [&str; 4] = ["tumbling", "hopping", "sliding", "session"];
const HELP: &str = "say how long a window is, as in { tumbling: 30d }, { hopping: 7d, every: 1d }, \
    { sliding: 7d, pane: 1h } or { session: 30m }";

/// Windows as they are declared.
#[derive(Debug)]
pub(crate) struct WindowDeclared<'a> {
    /// Where they are declared.
    pub(crate) at: At<'a>,
    /// Their kind; missing if something is wrong with it, which is told.
    pub(crate) window: Option<Window>,
    /// How long late events are waited for.
    pub(crate) lateness_ms: Option<i64>,
}

/// Reads the key `window`, if it is there.
pub(crate) fn read_window<'a>(
    fields: &Fields<'_, 'a>,
    problems: &mut Problems,
) -> Option<WindowDeclared<'a>> {
    let entry = fields.entry("window")?;
    let what = format!("`window` of {}", fields.what);
    let window = Fields::read(what, entry.at, &entry.value, &KEYS, problems)?;
    let lateness = window.text("lateness", problems).parse(problems, |text| match text.as_str() {
        // Windows close as soon as they end.
        "0" | "0s" => Ok(0),
        text => parse_duration(text),
    });
    Some(WindowDeclared {
        at: entry.at,
        window: read_kind(&window, problems),
        lateness_ms: lateness.ok(),
    })
}

fn read_kind(window: &Fields<'_, '_>, problems: &mut Problems) -> Option<Window> {
    let mut given = KINDS.into_iter().filter_map(|kind| Some((kind, window.entry(kind)?)));
    let kind = match (given.next(), given.next()) {
        (None, _) if window.entry("every").is_some() => "hopping",
        (None, _) if window.entry("pane").is_some() => "sliding",
        (None, _) => {
            window.missing("tumbling", HELP, problems);
            return None;
        }
        (Some((kind, entry)), Some((other, _))) => {
            problems.add(entry.at, format!("{} is {kind} and {other} at once", window.what), HELP);
            return None;
        }
        (Some((kind, _)), None) => kind,
    };
    refuse_of_others(window, kind, problems);
    let origin = window.text("origin", problems).parse(problems, |text| parse_moment(&text));
    let origin_ms = origin.ok().unwrap_or(0);
    let size = window.needed_text(kind, HELP, problems).parse(problems, |t| parse_duration(&t));
    let size_ms = size.ok();
    match kind {
        "hopping" => {
            let every_ms = part(window, "every", size_ms, HOPS_MAX, problems);
            Some(Window::Hopping { size_ms: size_ms?, every_ms: every_ms?, origin_ms })
        }
        "sliding" => {
            let pane_ms = part(window, "pane", size_ms, PANES_MAX, problems);
            Some(Window::Sliding { size_ms: size_ms?, pane_ms: pane_ms?, origin_ms })
        }
        "session" => Some(Window::Session { gap_ms: size_ms? }),
        _ => Some(Window::Tumbling { size_ms: size_ms?, origin_ms }),
    }
}

/// Keys that only another kind of window has.
fn refuse_of_others(window: &Fields<'_, '_>, kind: &str, problems: &mut Problems) {
    let own: &[&str] = match kind {
        "hopping" => &["every", "origin"],
        "sliding" => &["pane", "origin"],
        "session" => &[],
        _ => &["origin"],
    };
    for key in ["every", "pane", "origin"] {
        if let Some(entry) = window.entry(key).filter(|_| !own.contains(&key)) {
            let message = format!("{} is {kind} and takes no `{key}`", window.what);
            let help = match own {
                [] => "leave it out".to_owned(),
                own => suggest(key, own.iter().copied()),
            };
            problems.add(entry.at, message, help);
        }
    }
}

/// The part of a window that is repeated: it goes a whole number of times into the window.
fn part(
    window: &Fields<'_, '_>,
    key: &'static str,
    size_ms: Option<i64>,
    parts_max: i64,
    problems: &mut Problems,
) -> Option<i64> {
    let given: Given<'_, String> = window.needed_text(key, HELP, problems);
    let part = given.parse(problems, |text| {
        let part_ms = parse_duration(&text)?;
        let Some(size_ms) = size_ms else { return Ok(part_ms) };
        if size_ms % part_ms != 0 {
            let message = format!("{size_ms} ms is not some whole number of times {part_ms} ms");
            let help = format!("choose a window that is some whole number of times `{key}` long");
            return Err(Complaint::new(message, help));
        }
        if size_ms / part_ms > parts_max {
            let message = format!("a window would have {} parts", size_ms / part_ms);
            return Err(Complaint::new(
                message,
                format!("{parts_max} are allowed: let `{key}` be longer"),
            ));
        }
        Ok(part_ms)
    });
    part.ok()
}
