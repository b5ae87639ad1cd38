//! A case's `script.txt`: what is done and asked, a command a line.
//!
//! A line that begins with spaces goes on with the one before; `#` begins a comment. The first line is a comment
//! that says what the case proves.

use anyhow::{Context as _, Result, bail};
use headwater_event::Timestamp;

/// The log's time at its start unless a script says otherwise.
const OPENED_AT: &str = "1997-01-01T00:00:00Z";

/// What a script may say; `README.md` tells each.
const NAMES: [&str; 16] = [
    "as-of",
    "crash",
    "digest",
    "events",
    "layout",
    "mark",
    "opened-at",
    "play",
    "refold",
    "restart",
    "restore",
    "seal",
    "snapshot",
    "sql",
    "tick",
    "topology",
];
const VERIFY: &str = "verify";

/// A command.
#[derive(Debug, Clone, PartialEq)]
pub enum Command {
    /// A topology is applied: a folder beside the script or among those that cases share.
    Topology(String),
    /// So many events are played, or all that are left.
    Play(Option<usize>),
    /// The log's clock moves.
    Tick {
        /// To when.
        time: Timestamp,
        /// All events before this are believed to have come; the time itself if missing.
        watermark: Option<Timestamp>,
    },
    /// The process dies, and another goes on.
    Crash,
    /// The engine is closed and opened again.
    Restart,
    /// A query of what is now.
    Sql(String),
    /// A query as of a moment.
    AsOf {
        /// Which.
        moment: Moment,
        /// What is asked.
        query: String,
    },
    /// This moment's positions get a name.
    Mark(String),
    /// The digests of tables; of all that have rows if none is named.
    Digest(Vec<String>),
    /// The events of a type.
    Events(String),
    /// The log is folded again and compared.
    Verify,
    /// The views are thrown away and folded again.
    Refold,
    /// A snapshot of the views is kept.
    Snapshot,
    /// The views are those of the snapshot, and what came since is folded.
    Restore,
    /// From here on history is sealed in stretches of so many offsets.
    Seal(u64),
}

/// A moment of the past, as a script names it.
#[derive(Debug, Clone, PartialEq)]
pub enum Moment {
    /// A time, or positions; as SQL takes it.
    Told(String),
    /// The positions that `mark` gave this name.
    Marked(String),
}

/// A command and where it stands.
#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    /// The line in `script.txt`, from 1.
    pub line: usize,
    /// Its text, which the golden repeats.
    pub text: String,
    /// What it says.
    pub command: Command,
}

/// A script.
#[derive(Debug, Clone, PartialEq)]
pub struct Script {
    /// What the case proves.
    pub title: String,
    /// The number of data partitions, if the case is about where records lie.
    pub layout: Option<u32>,
    /// The log's time at its start.
    pub opened_at: Timestamp,
    /// What is done, in order.
    pub steps: Vec<Step>,
}

impl Script {
    /// Reads a script.
    pub fn read(text: &str) -> Result<Self> {
        let title = text.lines().next().and_then(|line| line.strip_prefix("# ")).map(str::trim);
        let title = title.filter(|title| !title.is_empty());
        let title =
            title.context("script.txt, line 1: say what the case proves: `# …`")?.to_owned();
        let opened_at = OPENED_AT.parse().map_err(|_| anyhow::anyhow!("{OPENED_AT} is no time"))?;
        let mut script = Self { title, layout: None, opened_at, steps: Vec::new() };
        for (line, text) in commands(text)? {
            let told = || format!("script.txt, line {line}: {text}");
            script.take(line, &text).with_context(told)?;
        }
        if script.steps.is_empty() {
            bail!("script.txt: it does nothing");
        }
        Ok(script)
    }

    fn take(&mut self, line: usize, text: &str) -> Result<()> {
        let (name, rest) = text.split_once(' ').unwrap_or((text, ""));
        let rest = rest.trim();
        if !self.steps.is_empty() && ["layout", "opened-at"].contains(&name) {
            bail!("`{name}` stands before what is done");
        }
        let command = match name {
            "layout" => {
                self.layout = Some(rest.parse().context("write `layout PARTITIONS`")?);
                return Ok(());
            }
            "opened-at" => {
                self.opened_at = time(rest)?;
                return Ok(());
            }
            "topology" => Command::Topology(needed(rest, "topology DIR")?),
            "play" if rest == "all" => Command::Play(None),
            "play" => Command::Play(Some(rest.parse().context("write `play N` or `play all`")?)),
            "tick" => tick(rest)?,
            "crash" => nothing(rest, Command::Crash)?,
            "restart" => nothing(rest, Command::Restart)?,
            "sql" => Command::Sql(needed(rest, "sql QUERY")?),
            "as-of" => as_of(rest)?,
            "mark" => Command::Mark(needed(rest, "mark NAME")?),
            "digest" => Command::Digest(rest.split_whitespace().map(str::to_owned).collect()),
            "events" => Command::Events(needed(rest, "events TYPE")?),
            VERIFY => nothing(rest, Command::Verify)?,
            "refold" => nothing(rest, Command::Refold)?,
            "snapshot" => nothing(rest, Command::Snapshot)?,
            "restore" => nothing(rest, Command::Restore)?,
            "seal" => Command::Seal(rest.parse().context("write `seal OFFSETS`")?),
            unknown => bail!("there is no command `{unknown}`{}", suggested(unknown)),
        };
        self.steps.push(Step { line, text: text.to_owned(), command });
        Ok(())
    }

    /// How many acts there are: what is appended to the log by a way, if every event is.
    pub fn acts(&self, events: usize) -> usize {
        let mut left = events;
        let mut acts = 0;
        for step in &self.steps {
            acts += match &step.command {
                Command::Topology(_) | Command::Tick { .. } => 1,
                Command::Play(count) => {
                    let count = count.unwrap_or(left).min(left);
                    left -= count;
                    count
                }
                _ => 0,
            };
        }
        acts
    }
}

/// Lines with those that go on with them.
fn commands(text: &str) -> Result<Vec<(usize, String)>> {
    let mut commands: Vec<(usize, String)> = Vec::new();
    for (line, text) in (1..).zip(text.lines()) {
        let trimmed = text.trim();
        if trimmed.is_empty() || trimmed.starts_with('#') {
            continue;
        }
        if !text.starts_with([' ', '\t']) {
            commands.push((line, trimmed.to_owned()));
            continue;
        }
        let before = commands.last_mut();
        let (_, before) =
            before.with_context(|| format!("script.txt, line {line}: nothing to go on with"))?;
        before.push(' ');
        before.push_str(trimmed);
    }
    Ok(commands)
}

fn needed(rest: &str, usage: &str) -> Result<String> {
    if rest.is_empty() {
        bail!("write `{usage}`");
    }
    Ok(rest.to_owned())
}

fn nothing(rest: &str, command: Command) -> Result<Command> {
    if !rest.is_empty() {
        bail!("it takes nothing, and there is `{rest}`");
    }
    Ok(command)
}

fn tick(rest: &str) -> Result<Command> {
    let words: Vec<&str> = rest.split_whitespace().collect();
    match words.as_slice() {
        [at] => Ok(Command::Tick { time: time(at)?, watermark: None }),
        [at, "watermark", watermark] => {
            Ok(Command::Tick { time: time(at)?, watermark: Some(time(watermark)?) })
        }
        _ => bail!("write `tick TIME` or `tick TIME watermark TIME`"),
    }
}

/// RFC 3339, or a day.
fn time(text: &str) -> Result<Timestamp> {
    let midnight = format!("{text}T00:00:00Z");
    let parsed = text.parse().or_else(|_| midnight.parse());
    parsed.map_err(|_| {
        anyhow::anyhow!("`{text}` is no time: write 1997-01-01 or 1997-01-01T10:30:00Z")
    })
}

fn as_of(rest: &str) -> Result<Command> {
    const USAGE: &str =
        "write `as-of TIME QUERY`, `as-of position POSITIONS QUERY` or `as-of @NAME QUERY`";
    let rest = rest.strip_prefix("position ").unwrap_or(rest);
    let (moment, query) = rest.split_once(' ').context(USAGE)?;
    let moment = match moment.strip_prefix('@') {
        Some(name) => Moment::Marked(name.to_owned()),
        None => Moment::Told(moment.to_owned()),
    };
    Ok(Command::AsOf { moment, query: needed(query.trim(), "as-of MOMENT QUERY")? })
}

/// The nearest name, if one is near.
fn suggested(unknown: &str) -> String {
    let near = |name: &&str| distance(unknown, name);
    match NAMES.iter().copied().chain([VERIFY]).min_by_key(near) {
        Some(name) if distance(unknown, name) <= 3 => format!("; did you mean `{name}`?"),
        _ => format!("; there are {}, {VERIFY}", NAMES.join(", ")),
    }
}

/// How many letters must be changed, added or taken away.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in (1..).zip(a.chars()) {
        let mut next = vec![i];
        for ((to, above), left_above) in b.iter().zip(row.iter().skip(1)).zip(&row) {
            let left = next.last().copied().unwrap_or(i);
            let changed = left_above + usize::from(from != *to);
            next.push(changed.min(above + 1).min(left + 1));
        }
        row = next;
    }
    row.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests fail loudly")]
    use super::*;

    #[test]
    fn a_script_is_read() {
        let text = "# It goes.\nopened-at 2020-01-01\ntopology orders\n# a word\nplay 2\nsql select 1\n  from x\ntick 2020-01-02 watermark 2020-01-01\nplay all\nas-of @a select 2";
        let script = Script::read(text).unwrap();
        assert_eq!(script.title, "It goes.");
        assert_eq!(script.opened_at.to_string(), "2020-01-01T00:00:00Z");
        assert_eq!(script.steps[2].command, Command::Sql("select 1 from x".to_owned()));
        assert_eq!(script.steps[2].line, 6);
        assert_eq!(script.acts(5), 1 + 2 + 1 + 3);
        let marked = Moment::Marked("a".to_owned());
        assert_eq!(
            script.steps[5].command,
            Command::AsOf { moment: marked, query: "select 2".to_owned() }
        );
    }

    #[test]
    fn what_is_wrong_is_told_by_line() {
        let told = |text: &str| format!("{:#}", Script::read(text).unwrap_err());
        assert!(told("play all").contains("line 1: say what the case proves"));
        assert!(
            told("# x\nplai all")
                .contains("line 2: plai all: there is no command `plai`; did you mean `play`?")
        );
        assert!(told("# x\nsomething else").contains("there are as-of, crash"));
        assert!(told("# x\nplay all\nlayout 1").contains("before what is done"));
        assert!(told("# x\ntick noon").contains("`noon` is no time"));
        assert!(told("# x\ncrash now").contains("takes nothing"));
        assert!(told("# x").contains("does nothing"));
    }
}
