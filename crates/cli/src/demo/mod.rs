//! `headwater demo`: the whole story on the shipped purchases, told in the log's own time.
//!
//! It runs an engine in its own process on an embedded log whose clock it gives itself. On the morning
//! of 27 December 1997 the log holds what a shop would know by then and nothing later; models are
//! trained, registered and asked there, and judged when 90 days have passed on the log.
//!
//! **Invariants.** Two demos give equal views, whatever the number of partitions, but for the measured
//! latency in `serving.predictions`. Every claim that is printed with a mark is checked; one that
//! does not hold makes the exit code 1. Nothing is removed that a demo did not make.
//!
//! Start reading at [`run`]; each step is a module: `opening`, `import`, `train`, `register`,
//! `predict`, `judge`, `views`, `refusals`, `proof`.

mod artifacts;
mod data;
mod features;
mod folder;
mod import;
mod judge;
mod opening;
mod predict;
mod proof;
mod refusals;
mod register;
mod rows;
mod session;
mod story;
mod train;
mod views;

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::Result;
use serde_json::{Value, json};

use self::{folder::Found, story::Story};
use crate::{
    data_dir::{DataDir, Lock},
    exit::misuse,
};

const EXAMPLES: &str = "\
Examples:
  headwater demo
  headwater demo --data /tmp/shop --partitions 1
  headwater demo --fresh --json | jq .judged";

/// What can be asked of the demo.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct DemoArgs {
    /// The data folder; it must be new, empty, or a finished demo's, which is then verified again
    #[arg(long, value_name = "DIR", default_value = "headwater-data")]
    data: PathBuf,
    /// Print one JSON object with all figures instead of the story
    #[arg(long)]
    json: bool,
    /// How many data partitions the log has; the views are the same with any number
    #[arg(
        long,
        value_name = "N",
        default_value_t = 4,
        value_parser = clap::value_parser!(u32).range(1..=i64::from(headwater_log::DATA_PARTITIONS_MAX)),
    )]
    partitions: u32,
    /// Remove a former demo from the folder and begin anew
    #[arg(long)]
    fresh: bool,
}

/// Runs the demo: 0 if everything held, 1 if something did not. A folder that is not its own is misuse.
pub(crate) async fn run(args: DemoArgs) -> Result<ExitCode> {
    let dir = DataDir::new(&args.data);
    let mut story = Story::new(args.json);
    let lock = match Found::of(dir.path())? {
        Found::Empty => dir.lock()?,
        Found::Finished(_) | Found::Unfinished if args.fresh => {
            let lock = dir.lock()?;
            folder::clear(dir.path(), &lock)?;
            lock
        }
        Found::Finished(figures) => return again(&dir, story, figures).await,
        Found::Unfinished => {
            let why = "holds a demo that did not come to its end; begin anew with --fresh";
            return Err(misuse(format!("{} {why}", args.data.display())));
        }
        Found::Foreign => {
            let why = "is not empty, and not a demo's; name a new folder with --data DIR";
            return Err(misuse(format!("{} {why}", args.data.display())));
        }
    };
    story.print("Headwater's demo: 18 months of a record shop, 69,659 real purchases (CDNOW).");
    story.figure("data", json!(args.data));
    tell(&dir, &lock, args.partitions, &mut story).await?;
    what_next(&args.data, &mut story);
    let (figures, code) = story.end();
    if figures.get("ok") == Some(&Value::Bool(true)) {
        folder::mark(dir.path(), Some(&figures))?;
    }
    Ok(code)
}

/// Every step, in the order of the log's time.
async fn tell(dir: &DataDir, lock: &Lock, partitions: u32, story: &mut Story) -> Result<()> {
    let mut session = opening::open(dir, lock, partitions, story).await?;
    import::arrive(&mut session, story).await?;
    let training = train::train_all(&session, story).await?;
    register::register(&session, story, &training).await?;
    predict::predict(&session, story).await?;
    judge::judge(&mut session, story, &training).await?;
    views::show(&mut session, story).await?;
    refusals::refusals(&session, story).await?;
    proof::note_digests(&session, story).await?;
    session.engine.shutdown().await;
    proof::prove(dir, story).await
}

/// A finished demo is proved once more; its figures are those of the time.
async fn again(dir: &DataDir, mut story: Story, figures: Value) -> Result<ExitCode> {
    if let Value::Object(figures) = figures {
        figures.into_iter().for_each(|(name, figure)| story.figure(&name, figure));
    }
    story.print(&format!(
        "{} holds a finished demo: its log is verified once more (--fresh begins anew).",
        dir.path().display()
    ));
    proof::prove(dir, &mut story).await?;
    what_next(dir.path(), &mut story);
    Ok(story.end().1)
}

fn what_next(dir: &Path, story: &mut Story) {
    story.end_step();
    let dir = dir.display();
    story.print("\nWhat next:");
    for (command, what) in [
        (
            format!("headwater sql --data {dir} \"select * from customer_stats limit 10\""),
            "ask the views",
        ),
        (format!("headwater sql --data {dir} \"show tables\""), "see which there are"),
        (format!("headwater serve --data {dir}"), "produce events and ask over HTTP"),
        (format!("headwater replay verify --data {dir}"), "prove the views once more"),
        ("headwater init my-app".to_owned(), "begin with your own events"),
    ] {
        story.print(&format!("   {command}\n      {what}"));
    }
}
