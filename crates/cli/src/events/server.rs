//! The events of a server's log, asked page by page, then followed.

use std::{collections::BTreeMap, pin::pin};

use anyhow::Context as _;
use futures::StreamExt as _;
use serde_json::{Map, Value};

use super::{EventsArgs, From, Printer};
use crate::client::Server;

/// As many as the server gives at once.
const PAGE_EVENTS_MAX: u64 = 10_000;

/// Lists what is on the log, and follows it if asked to.
pub(super) async fn list(
    server: &Server,
    args: &EventsArgs,
    printer: &mut Printer,
) -> anyhow::Result<()> {
    // By partition, the next offset: what `from` says, then what was shown.
    let mut next: BTreeMap<String, u64> = match &args.from {
        From::At(at) => at.iter().map(|(id, offset)| (id.to_string(), offset.0)).collect(),
        From::Start | From::End => BTreeMap::new(),
    };
    loop {
        let page = printer.left.min(PAGE_EVENTS_MAX);
        let mut parameters = filters(args);
        parameters.push(("from", from(args, &next)));
        if args.follow {
            parameters.push(("follow", "true".to_owned()));
        } else {
            parameters.push(("limit", page.to_string()));
        }
        let shown = one(server, &parameters, printer, &mut next).await?;
        if args.follow || printer.left == 0 || shown < page {
            return Ok(());
        }
    }
}

fn filters(args: &EventsArgs) -> Vec<(&'static str, String)> {
    let partition = args.partition.map(|partition| partition.to_string());
    let as_of = args.as_of.as_ref().map(ToString::to_string);
    [
        ("type", &args.event_type),
        ("subject", &args.subject),
        ("partition", &partition),
        ("as_of", &as_of),
    ]
    .into_iter()
    .filter_map(|(name, value)| Some((name, value.clone()?)))
    .collect()
}

fn from(args: &EventsArgs, next: &BTreeMap<String, u64>) -> String {
    match (&args.from, next.is_empty()) {
        (From::End, true) => "end".to_owned(),
        (_, true) => "start".to_owned(),
        (_, false) => {
            let each: Vec<_> = next.iter().map(|(id, offset)| format!("{id}:{offset}")).collect();
            each.join(",")
        }
    }
}

/// Prints one answer and says how many events it had.
async fn one(
    server: &Server,
    parameters: &[(&str, String)],
    printer: &mut Printer,
    next: &mut BTreeMap<String, u64>,
) -> anyhow::Result<u64> {
    let mut body = pin!(server.events(parameters).await?);
    let mut line = Vec::new();
    let mut shown = 0;
    while let Some(part) = body.next().await {
        for piece in part?.split_inclusive(|byte| *byte == b'\n') {
            line.extend_from_slice(piece);
            if !piece.ends_with(b"\n") {
                continue;
            }
            let object: Map<String, Value> =
                serde_json::from_slice(&line).context("the server sent a line that is no event")?;
            line.clear();
            if let Some(error) = object.get("error") {
                let detail = error.get("detail").and_then(Value::as_str).unwrap_or_default();
                anyhow::bail!("the answer broke off: {detail}; try again");
            }
            if let (Some(Value::String(partition)), Some(offset)) =
                (object.get("partition"), object.get("offset").and_then(Value::as_u64))
            {
                next.insert(partition.clone(), offset.saturating_add(1));
            }
            shown += 1;
            if !printer.print(&object)? {
                return Ok(shown);
            }
        }
        printer.flush()?;
    }
    anyhow::ensure!(line.is_empty(), "the answer broke off; try again");
    Ok(shown)
}
