//! `headwater schema infer`: what events there are, as a topology to begin with.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::Context as _;
use clap::Args;
use serde_json::{Value, json};

use super::{
    draft::{Entity, files, name_of, pointer, source},
    lines::{Found, Seen, read},
};
use crate::{
    exit::{Exit, misuse},
    output::{self, Align, TextTable, printable},
    topology,
};

/// What an example may take of a line.
const EXAMPLE_CHARS: usize = 28;

/// Options of `headwater schema infer`.
#[derive(Debug, Args)]
#[command(after_help = "EXAMPLES:\n  \
    headwater schema infer events.jsonl --out my-app                     CloudEvents: a draft for each type\n  \
    headwater schema infer orders.jsonl --type app.order.placed --entity customer=/customer_id\n  \
    kcat -C -t orders -e | headwater schema infer - --type app.order.placed --out my-app\n\n\
    Reads JSON lines and writes, for each event type, a schema that takes all of them, a sample, and a\n\
    topology with one view: counts, sums of numbers, last values of the rest. A draft to be read and\n\
    corrected, checked as `headwater topology check` does. Files that are there are kept. For plain\n\
    objects the section `sources` is told by which their topic becomes such events.")]
pub(crate) struct InferArgs {
    /// A file of JSON lines, or - for standard input
    file: PathBuf,
    /// The event type of plain objects; of CloudEvents, the one to draft
    #[arg(long, value_name = "NAME")]
    r#type: Option<String>,
    /// What the view is about: a name, and where events hold its key, `subject` or a JSON pointer
    /// [default: a property of events that ends in _id, else the subject]
    #[arg(long, value_name = "NAME=PLACE")]
    entity: Option<String>,
    /// The folder that gets topology/ and schemas/
    #[arg(long, value_name = "DIR", default_value = ".")]
    out: PathBuf,
    /// How many lines are read at most
    #[arg(long, value_name = "N", default_value_t = 100_000)]
    lines: u64,
    /// Print what was found and written as JSON
    #[arg(long)]
    json: bool,
}

/// Runs the command.
pub(super) fn run(args: &InferArgs) -> anyhow::Result<Exit> {
    let entity = args.entity.as_deref().map(entity).transpose()?;
    let found = read(&args.file, args.r#type.as_deref(), args.lines)?;
    if found.types.is_empty() {
        let place = args.file.display();
        return Err(misuse(format!("{place} holds no event: it needs a JSON object on each line")));
    }
    let (mut drafted, mut sources) = (Vec::new(), Vec::new());
    for (event_type, seen) in &found.types {
        if event_type.starts_with("headwater.") {
            continue;
        }
        let entity = entity.clone().unwrap_or_else(|| guess(seen));
        drafted.extend(files(event_type, seen, &entity));
        sources.extend(source(event_type, seen, &entity, &topic_of(&args.file)));
    }
    let (written, kept) = write(&args.out, &drafted)?;
    let problems = match topology::load(&args.out.join("topology"))? {
        Ok(_) => Vec::new(),
        Err(problems) => problems,
    };
    if args.json {
        output::json(&json!({
            "read": found.read, "passed_over": found.passed_over,
            "types": found.types.iter().map(|(name, seen)| (name.clone(), json!(seen.data.seen)))
                .collect::<serde_json::Map<_, _>>(),
            "written": written, "kept": kept, "problems": problems.len(), "sources": sources,
        }))?;
    } else {
        tell(&found, &written, &kept)?;
        for source in sources {
            output::line("\nif these come from a Kafka topic, add it to the topology:\n")?;
            output::line(source)?;
        }
    }
    if problems.is_empty() {
        return Ok(Exit::Done);
    }
    topology::print_problems(&problems, args.json)?;
    Ok(Exit::No)
}

/// A topic's name to begin with: the file's.
fn topic_of(file: &Path) -> String {
    let stem = file.file_stem().map(|stem| stem.to_string_lossy().into_owned());
    let stem = stem.filter(|stem| stem != "-").unwrap_or_else(|| "topic".to_owned());
    let lawful =
        |c: char| if c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-') { c } else { '_' };
    stem.chars().map(lawful).collect()
}

fn entity(text: &str) -> anyhow::Result<Entity> {
    let (name, place) = text.split_once('=').unwrap_or((text, "subject"));
    let at = match place {
        "subject" => None,
        place if place.starts_with('/') => Some(place.to_owned()),
        _ => {
            return Err(misuse(format!(
                "--entity {text}: write NAME=subject or NAME=/POINTER, as in customer=/customer_id"
            )));
        }
    };
    if name != name_of(name) {
        return Err(misuse(format!("--entity {text}: a name is lower-case letters, digits and _")));
    }
    Ok(Entity { name: name.to_owned(), at })
}

/// A property that all events have and that ends in `_id`, else the subject.
fn guess(seen: &Seen) -> Entity {
    let ids = seen.data.properties().filter(|(name, shape, all)| {
        let is_key = matches!(shape.kind().map(|kind| kind.name()), Some("integer" | "string"));
        *all && is_key && !shape.is_nullable() && name_of(name).ends_with("_id")
    });
    let first = ids.map(|(name, ..)| name).next();
    match first {
        Some(property) => {
            let name = name_of(property);
            let name = name.strip_suffix("_id").filter(|name| !name.is_empty()).unwrap_or(&name);
            Entity { name: name.to_owned(), at: Some(pointer(property)) }
        }
        None => Entity { name: "subject".to_owned(), at: None },
    }
}

/// Writes what is not there; answers what was written and what was kept.
fn write(out: &Path, files: &[(String, String)]) -> anyhow::Result<(Vec<String>, Vec<String>)> {
    let (mut written, mut kept) = (Vec::new(), Vec::new());
    for (path, text) in files {
        let to = out.join(path);
        if to.exists() {
            kept.push(path.clone());
            continue;
        }
        let failed = || format!("failed to write {}", to.display());
        if let Some(folder) = to.parent() {
            fs::create_dir_all(folder).with_context(failed)?;
        }
        fs::write(&to, text).with_context(failed)?;
        written.push(path.clone());
    }
    Ok((written, kept))
}

fn tell(found: &Found, written: &[String], kept: &[String]) -> anyhow::Result<()> {
    for (event_type, seen) in &found.types {
        output::line(format!(
            "{}: {}",
            printable(event_type),
            output::counted(seen.data.seen, "event")
        ))?;
        let columns = [
            ("property", Align::Left),
            ("type", Align::Left),
            ("in", Align::Right),
            ("for example", Align::Left),
        ];
        let mut table = TextTable::new(columns, output::width());
        for (name, shape, _) in seen.data.properties() {
            let kind = match shape.kind() {
                Some(_) if shape.is_time() => "time",
                Some(kind) => kind.name(),
                None => "several",
            };
            let example = shape.example.as_ref().map(Value::to_string).unwrap_or_default();
            table.row([
                printable(name),
                kind.to_owned(),
                format!("{} %", shape.seen * 100 / seen.data.seen.max(1)),
                printable(&example.chars().take(EXAMPLE_CHARS).collect::<String>()),
            ]);
        }
        output::line(table.to_string())?;
    }
    if found.passed_over > 0 {
        let lines = output::counted(found.passed_over, "line");
        output::line(format!("passed over: {lines} that are no JSON objects"))?;
    }
    written.iter().try_for_each(|path| output::line(format!("wrote {path}")))?;
    kept.iter().try_for_each(|path| output::line(format!("kept  {path}, which was there")))?;
    output::line("read the drafts, then: headwater topology check topology")?;
    Ok(())
}
