//! `headwater topology`: check a folder of declarations, tell what they would change, make them hold.

mod apply;
mod derived;
mod dir;
mod held;
mod plan;
mod samples;

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use headwater_fold::{Table, family::built_in_tables};
use headwater_query::{Limits, Sql};
use headwater_topology::{EffectTrigger, Problem, SourceFile, Topology, ViewSource, check_against};
use serde_json::json;

pub(crate) use self::held::held;
use crate::{
    exit::Exit,
    output::{self, Align, TextTable, printable},
    target::TargetArgs,
};

/// Tables that are no view's rows, so that `built_in_tables` does not know them.
const COMPUTED_TABLES: [&str; 4] = ["events", "positions", "digests", "storage"];

/// What to do with a topology.
#[derive(Debug, Subcommand)]
pub(crate) enum TopologyCommand {
    /// Tell every problem of a topology by file, line and column.
    Check(CheckArgs),
    /// Tell what applying a topology would change, values of entities included; change nothing.
    Plan(PlanArgs),
    /// Make a topology hold, on a running server or a data folder.
    Apply(ApplyArgs),
}

/// Options of `headwater topology check`.
#[derive(Debug, Args)]
#[command(after_help = "EXAMPLES:\n  \
    headwater topology check topology\n  \
    headwater topology check my-app/topology --json\n  \
    headwater topology check topology --data headwater-data\n\n\
    Reads DIR/*.yaml and the schemas beside DIR, schemas/<event type>/v1.json, v2.json and so on,\n\
    with their samples v1.sample.json. If a server or a data folder is named, or there is one where\n\
    it would be by default, the topology that holds there is compared: a schema that was applied must\n\
    go on taking what it took. Nothing is changed. Exit code 1: there are problems.")]
pub(crate) struct CheckArgs {
    /// The folder of the topology
    dir: PathBuf,
    #[command(flatten)]
    target: TargetArgs,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Options of `headwater topology plan`.
#[derive(Debug, Args)]
#[command(after_help = "EXAMPLES:\n  \
    headwater topology plan topology\n  \
    headwater topology plan topology --data headwater-data --sample 20\n  \
    headwater topology plan topology --url http://127.0.0.1:7070 --json\n\n\
    Prints what is declared otherwise, line by line. The new version of each changed view is folded\n\
    in a scratch store up to now and compared with the one that is read. Nothing is changed. Features\n\
    that are derived at read are compared as declarations only. Exit code 0: nothing would change;\n\
    1: something would, or there are problems.")]
pub(crate) struct PlanArgs {
    /// The folder of the topology
    dir: PathBuf,
    #[command(flatten)]
    target: TargetArgs,
    /// How many entities that differ to show of each view
    #[arg(long, value_name = "N", default_value_t = 5,
        value_parser = clap::value_parser!(u16).range(0..=1_000))]
    sample: u16,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Options of `headwater topology apply`.
#[derive(Debug, Args)]
#[command(after_help = "EXAMPLES:\n  \
    headwater topology apply topology\n  \
    headwater topology apply topology --url http://127.0.0.1:7070\n  \
    headwater topology apply topology --data new-data\n\n\
    Applying is an event, so that a replay uses at each position what held there. A data folder that\n\
    is named and does not exist is made. A changed view's history is folded beside the version that\n\
    is read, and read once it is whole: apply waits for it, unless told not to. Exit code 1: there\n\
    are problems, or it was rejected.")]
pub(crate) struct ApplyArgs {
    /// The folder of the topology
    dir: PathBuf,
    #[command(flatten)]
    target: TargetArgs,
    /// Do not wait until changed views are read: a server builds them in the background
    #[arg(long)]
    no_wait: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Runs the command.
pub(crate) async fn run(command: TopologyCommand) -> anyhow::Result<Exit> {
    match command {
        TopologyCommand::Check(args) => check(&args).await,
        TopologyCommand::Plan(args) => match load_for(&args.dir, &args.target, true).await? {
            Ok((topology, _)) => {
                plan::plan(&topology, &args.target, usize::from(args.sample), args.json).await
            }
            Err(problems) => {
                print_problems(&problems, args.json)?;
                Ok(Exit::No)
            }
        },
        TopologyCommand::Apply(args) => match load_for(&args.dir, &args.target, true).await? {
            Ok((topology, _)) => {
                apply::apply(&topology, &args.target, args.no_wait, args.json).await
            }
            Err(problems) => {
                print_problems(&problems, args.json)?;
                Ok(Exit::No)
            }
        },
    }
}

/// Reads and checks the topology in a folder: every problem, those of SQL and samples too.
pub(crate) fn load(dir: &Path) -> anyhow::Result<Result<Topology, Vec<Problem>>> {
    check_files(&dir::read(dir)?)
}

/// The same, compared with the topology that holds where the command looks; and the hash of that.
async fn load_for(
    dir: &Path,
    target: &TargetArgs,
    may_be_new: bool,
) -> anyhow::Result<Result<(Topology, Option<String>), Vec<Problem>>> {
    let files = dir::read(dir)?;
    let topology = match check_files(&files)? {
        Ok(topology) => topology,
        Err(problems) => return Ok(Err(problems)),
    };
    let held = if may_be_new && target.is_new() { None } else { held(target).await? };
    let problems =
        held.as_ref().map(|held| check_against(&files, &topology, held)).unwrap_or_default();
    Ok(match problems.is_empty() {
        true => Ok((topology, held.map(|held| held.hash()))),
        false => Err(problems),
    })
}

fn check_files(files: &[SourceFile]) -> anyhow::Result<Result<Topology, Vec<Problem>>> {
    let topology = match headwater_topology::check(files, &reserved) {
        Ok(topology) => topology,
        Err(problems) => return Ok(Err(problems)),
    };
    let sql = Sql::new(Limits::default())?;
    let mut problems = derived::check(&topology, files, &sql);
    problems.extend(samples::check(&topology, files)?);
    problems.sort();
    Ok(if problems.is_empty() { Ok(topology) } else { Err(problems) })
}

/// The built-in table that a name would clash with.
fn reserved(name: &str) -> Option<String> {
    if COMPUTED_TABLES.contains(&name) {
        return Some(format!("log.{name}"));
    }
    built_in_tables().into_iter().find(|table| table.name == name).map(Table::full_name)
}

async fn check(args: &CheckArgs) -> anyhow::Result<Exit> {
    match load_for(&args.dir, &args.target, false).await? {
        Ok((topology, compared_with)) => {
            if args.json {
                output::json(&json!({
                    "ok": true,
                    "hash": topology.hash(),
                    "topology": topology,
                    "compared_with": compared_with,
                }))?;
            } else {
                print_declared(&topology)?;
                if let Some(held) = compared_with {
                    eprintln!("takes all that topology {held} takes, which holds now");
                }
            }
            Ok(Exit::Done)
        }
        Err(problems) => {
            print_problems(&problems, args.json)?;
            Ok(Exit::No)
        }
    }
}

/// Prints every problem.
pub(crate) fn print_problems(problems: &[Problem], as_json: bool) -> anyhow::Result<()> {
    if as_json {
        return output::json(&json!({ "ok": false, "problems": problems }));
    }
    for Problem { file, line, column, message, help } in problems {
        output::line(format!("{file}:{line}:{column}: {}", printable(message)))?;
        output::line(format!("  help: {}", printable(help)))?;
    }
    let count = u64::try_from(problems.len()).unwrap_or(u64::MAX);
    eprintln!("{}", output::counted(count, "problem"));
    Ok(())
}

fn print_declared(topology: &Topology) -> anyhow::Result<()> {
    let columns = ["what", "name", "of", "description"].map(|name| (name, Align::Left));
    let mut table = TextTable::new(columns, output::width());
    for (name, event_type) in &topology.event_types {
        let versions: Vec<_> = event_type.schemas.keys().map(|v| format!("v{v}")).collect();
        table.row(["event type", name, &versions.join(", "), &event_type.description]);
    }
    for (name, entity) in &topology.entities {
        let keys: Vec<_> = entity.join_keys.iter().map(|key| key.name.as_str()).collect();
        table.row(["entity", name, &keys.join(", "), &entity.description]);
    }
    for (name, view) in &topology.feature_views {
        let source = match &view.source {
            ViewSource::Events { event_type, .. } => event_type,
            ViewSource::Written => "written",
        };
        let count = view.features.len() + view.derived.len();
        let features = output::counted(u64::try_from(count).unwrap_or(u64::MAX), "feature");
        let of = format!("{} from {source}, {features}", view.entity);
        table.row(["feature view", name, &of, &view.description]);
    }
    for (name, source) in &topology.sources {
        let of = format!("{} from topic {}", source.event_type, source.topic);
        table.row(["source", name, &of, &source.description]);
    }
    for (name, effect) in &topology.effects {
        let of = match &effect.trigger {
            EffectTrigger::On { event_type, .. } => {
                format!("{} on {event_type}", effect.kind.name())
            }
            EffectTrigger::Every { every_ms } => {
                format!("{} every {} s", effect.kind.name(), every_ms / 1_000)
            }
        };
        table.row(["effect", name, &of, &effect.description]);
    }
    output::line(table.to_string())?;
    eprintln!("no problems; topology {}", topology.hash());
    Ok(())
}
