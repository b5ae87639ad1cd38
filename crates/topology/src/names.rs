//! What names look like, and what was probably meant by one that is not known.

use crate::{
    complaint::Complaint,
    limits::{EVENT_TYPE_BYTES_MAX, NAME_BYTES_MAX},
};

/// Columns that every view has.
const OWN_COLUMNS: [&str; 3] = ["project", "window_start", "window_end"];

/// The prefix of Headwater's own event types.
const OWN_PREFIX: &str = "headwater.";

/// Whether a text can name an entity, a view or a column.
pub(crate) fn check_name(what: &str, name: &str) -> Result<(), Complaint> {
    let help = "use a lower-case letter, then lower-case letters, digits and `_`";
    if name.len() > NAME_BYTES_MAX {
        let message = format!("the name of {what} has {} bytes", name.len());
        return Err(Complaint::new(message, format!("{NAME_BYTES_MAX} are allowed")));
    }
    if name.starts_with('_') {
        let message = format!("{what} begins with `_`, as Headwater's own columns do");
        return Err(Complaint::new(message, help));
    }
    if !is_word(name) {
        return Err(Complaint::new(format!("{what} is not a name"), help));
    }
    Ok(())
}

/// Whether a text can name a column that users declare.
pub(crate) fn check_column(what: &str, name: &str) -> Result<(), Complaint> {
    check_name(what, name)?;
    if OWN_COLUMNS.contains(&name) {
        let message = format!("{what} has the name of a column that every view has");
        return Err(Complaint::new(message, "choose another name"));
    }
    Ok(())
}

/// Whether a text can name an app's own event type.
pub(crate) fn check_event_type(name: &str) -> Result<(), Complaint> {
    if name.starts_with(OWN_PREFIX) {
        let message = format!("event type `{name}` begins with `{OWN_PREFIX}`");
        return Err(Complaint::new(message, "these names are Headwater's; choose your own prefix"));
    }
    if name.len() > EVENT_TYPE_BYTES_MAX {
        let message = format!("the name of this event type has {} bytes", name.len());
        return Err(Complaint::new(message, format!("{EVENT_TYPE_BYTES_MAX} are allowed")));
    }
    if !name.contains('.') || !name.split('.').all(is_word) {
        let message = format!("`{name}` is not an event type's name");
        let help = "join lower-case words with dots, as in `app.order.placed`";
        return Err(Complaint::new(message, help));
    }
    Ok(())
}

/// Whether a text can name a Kafka topic.
pub(crate) fn check_topic(topic: String) -> Result<String, Complaint> {
    /// Kafka's own bound.
    const TOPIC_BYTES_MAX: usize = 249;
    let lawful = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    let named = !topic.is_empty() && topic.len() <= TOPIC_BYTES_MAX && topic.chars().all(lawful);
    if named && topic != "." && topic != ".." {
        return Ok(topic);
    }
    let help = format!("use letters, digits, `.`, `_` and `-`, at most {TOPIC_BYTES_MAX}");
    Err(Complaint::new(format!("`{topic}` is not a topic's name"), help))
}

/// Whether a text names Kafka brokers.
pub(crate) fn check_brokers(brokers: String) -> Result<String, Complaint> {
    let has_port = |broker: &str| {
        broker.rsplit_once(':').is_some_and(|(host, port)| {
            !host.trim().is_empty() && port.trim().parse::<u16>().is_ok_and(|port| port > 0)
        })
    };
    if brokers.split(',').all(has_port) {
        return Ok(brokers);
    }
    let help = "write HOST:PORT, or several with commas between";
    Err(Complaint::new(format!("`{brokers}` names no brokers"), help))
}

fn is_word(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_lowercase())
        && text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
}

/// "did you mean …?", or which names there are.
pub(crate) fn suggest<'k>(meant: &str, known: impl Iterator<Item = &'k str>) -> String {
    /// More names than these are not read by anyone.
    const LISTED_MAX: usize = 20;
    let known: Vec<&str> = known.collect();
    let near = known
        .iter()
        .map(|name| (distance(meant, name), *name))
        .filter(|(distance, name)| *distance <= (name.chars().count() / 3).max(1))
        .min();
    match near {
        Some((_, name)) => format!("did you mean `{name}`?"),
        None if known.is_empty() => "none is declared".to_owned(),
        None => {
            let listed: Vec<&str> = known.iter().take(LISTED_MAX).copied().collect();
            let more = if known.len() > LISTED_MAX { ", …" } else { "" };
            format!("there are: {}{more}", listed.join(", "))
        }
    }
}

/// How many letters must be added, dropped or changed to make one word of another.
fn distance(from: &str, to: &str) -> usize {
    let to: Vec<char> = to.chars().collect();
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (i, letter) in from.chars().take(2 * NAME_BYTES_MAX).enumerate() {
        let mut next = vec![i + 1];
        for (pair, other) in row.windows(2).zip(&to) {
            let (diagonal, above) = match pair {
                [diagonal, above] => (*diagonal, *above),
                _ => continue,
            };
            let left = next.last().copied().unwrap_or(i + 1);
            let change = diagonal + usize::from(letter != *other);
            next.push(change.min(above + 1).min(left + 1));
        }
        row = next;
    }
    row.last().copied().unwrap_or(0)
}
