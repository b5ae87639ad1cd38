//! `headwater events`: what is on the log, and with `--follow` what comes.

mod folder;
mod server;

use std::collections::BTreeMap;

use clap::Args;
use headwater_event::{Event, Offset, PartitionId};
use headwater_query::AsOf;
use serde_json::{Map, Value};

use crate::{
    exit::Exit,
    output::{self, Lines, printable},
    target::{Target, TargetArgs},
};

/// Options of `headwater events`.
#[derive(Debug, Args)]
#[command(after_help = "EXAMPLES:\n  \
    headwater events --limit 20\n  \
    headwater events --type app.order.placed --subject customer-1\n  \
    headwater events --from 0:100,1:250 --json\n  \
    headwater events --from end --follow\n  \
    headwater events --as-of 1997-02-01\n  \
    headwater events --json | jq -c 'select(.event.type == \"app.order.placed\") | .event'\n\n\
    Events come in the order in which they were appended. A record that is no event is shown as\n\
    dead, with the reason.")]
pub(crate) struct EventsArgs {
    #[command(flatten)]
    target: TargetArgs,
    /// The first offset of each partition, as in control:5,0:123; or start, or end
    #[arg(long, value_name = "POSITIONS", default_value = "start")]
    from: From,
    /// Only events of this type
    #[arg(long = "type", value_name = "TYPE")]
    event_type: Option<String>,
    /// Only events about this subject
    #[arg(long)]
    subject: Option<String>,
    /// Only this partition: control or a number
    #[arg(long)]
    partition: Option<PartitionId>,
    /// How many at most
    #[arg(long, value_name = "N")]
    limit: Option<u64>,
    /// Only what was on the log at this moment: a time, or the last offset of partitions, as in
    /// control:7,0:123
    #[arg(long, value_name = "MOMENT", conflicts_with = "follow")]
    as_of: Option<AsOf>,
    /// Go on with what comes
    #[arg(long)]
    follow: bool,
    /// Print a JSON object a line
    #[arg(long)]
    json: bool,
}

/// From where on events are shown.
#[derive(Debug, Clone, PartialEq, Eq)]
enum From {
    Start,
    End,
    /// Partitions that are not named are shown from their start.
    At(BTreeMap<PartitionId, Offset>),
}

impl std::str::FromStr for From {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "start" => return Ok(Self::Start),
            "end" => return Ok(Self::End),
            _ => {}
        }
        let mut positions = BTreeMap::new();
        for part in text.split(',') {
            let parse = || {
                let (partition, offset) = part.trim().split_once(':')?;
                Some((partition.parse().ok()?, Offset(offset.parse().ok()?)))
            };
            let (partition, offset) = parse().ok_or_else(|| {
                format!("{part:?} is not a position; write start, end, or as in control:5,0:123")
            })?;
            positions.insert(partition, offset);
        }
        Ok(Self::At(positions))
    }
}

impl EventsArgs {
    fn takes(&self, event: &Event) -> bool {
        self.event_type.as_ref().is_none_or(|wanted| *wanted == event.event_type)
            && self.subject.as_ref().is_none_or(|wanted| *wanted == event.subject)
    }

    fn takes_all(&self) -> bool {
        self.event_type.is_none() && self.subject.is_none()
    }
}

/// Prints what is shown, up to the limit.
struct Printer {
    json: bool,
    width: Option<usize>,
    left: u64,
    lines: Lines,
}

impl Printer {
    /// `{"event" or "dead": {…}, "partition", "offset", "appended_at"}`. `false` at the limit.
    fn print(&mut self, shown: &Map<String, Value>) -> anyhow::Result<bool> {
        if self.left == 0 {
            return Ok(false);
        }
        self.left -= 1;
        let line = if self.json { serde_json::to_string(shown)? } else { told(shown, self.width) };
        self.lines.line(&line)?;
        Ok(self.left > 0)
    }

    /// Shows what was printed so far.
    fn flush(&mut self) -> anyhow::Result<()> {
        Ok(self.lines.flush()?)
    }
}

/// One line for people; cut to the terminal, as payloads are long.
fn told(shown: &Map<String, Value>, width: Option<usize>) -> String {
    let text = |value: Option<&Value>| match value {
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
        None => String::new(),
    };
    let place = format!("{}:{}", text(shown.get("partition")), text(shown.get("offset")));
    let line = match (shown.get("event"), shown.get("dead")) {
        (Some(event), _) => {
            let [time, name, subject, data] =
                ["time", "type", "subject", "data"].map(|field| text(event.get(field)));
            format!("{place:<12} {time:<24} {name}  {subject}  {data}")
        }
        (None, dead) => {
            let field = |name| text(dead.and_then(|dead| dead.get(name)));
            format!("{place:<12} DEAD {}: {}", field("reason"), field("detail"))
        }
    };
    let line = printable(&line);
    match width {
        Some(width) if line.chars().count() > width => {
            line.chars().take(width.saturating_sub(1)).chain(['…']).collect()
        }
        _ => line,
    }
}

/// Runs the command.
pub(crate) async fn run(args: EventsArgs) -> anyhow::Result<Exit> {
    let mut printer = Printer {
        json: args.json,
        width: output::width().map(usize::from),
        left: args.limit.unwrap_or(u64::MAX),
        lines: Lines::new(),
    };
    match args.target.to_read()? {
        Target::Folder(dir) => folder::list(&dir, &args, &mut printer).await?,
        Target::Server(server) => server::list(&server, &args, &mut printer).await?,
    }
    printer.flush()?;
    Ok(Exit::Done)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_are_read() {
        assert_eq!("start".parse(), Ok(From::Start));
        let at = BTreeMap::from([
            (PartitionId::Control, Offset(5)),
            (PartitionId::Data(0), Offset(123)),
        ]);
        assert_eq!("control:5, 0:123".parse(), Ok(From::At(at)));
        assert!("5".parse::<From>().is_err());
    }
}
