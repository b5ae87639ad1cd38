//! `headwater init`: a working topology, schema, sample and test, to be changed into one's own.

use std::{fs, io::ErrorKind, path::PathBuf};

use anyhow::Context as _;
use clap::Args;
use serde_json::json;

use crate::{
    exit::{Exit, misuse},
    output,
};

/// What is written, by path in the new folder, and whether it can be run.
const FILES: [(&str, &str, bool); 7] = [
    ("README.md", include_str!("../templates/init/README.md"), false),
    ("topology/app.yaml", include_str!("../templates/init/app.yaml"), false),
    ("schemas/app.order.placed/v1.json", include_str!("../templates/init/v1.json"), false),
    (
        "schemas/app.order.placed/v1.sample.json",
        include_str!("../templates/init/v1.sample.json"),
        false,
    ),
    ("events.jsonl", include_str!("../templates/init/events.jsonl"), false),
    ("expected.csv", include_str!("../templates/init/expected.csv"), false),
    ("test.sh", include_str!("../templates/init/test.sh"), true),
];

/// Options of `headwater init`.
#[derive(Debug, Args)]
#[command(after_help = "EXAMPLES:\n  \
    headwater init my-app\n  \
    cd my-app && ./test.sh\n\n\
    Writes a topology (one event type, one feature view), its schema and sample, a few events, and a\n\
    test that compares the view with what it should be.")]
pub(crate) struct InitArgs {
    /// The folder; made if it does not exist
    dir: PathBuf,
    /// Write into a folder that is not empty, and over files of the same names
    #[arg(long)]
    force: bool,
    /// Print the files written as JSON
    #[arg(long)]
    json: bool,
}

/// Runs the command.
pub(crate) fn run(args: InitArgs) -> anyhow::Result<Exit> {
    let place = args.dir.display();
    let empty = match fs::read_dir(&args.dir) {
        Ok(mut entries) => entries.next().is_none(),
        Err(error) if error.kind() == ErrorKind::NotFound => true,
        Err(error) => return Err(misuse(format!("{place}: {error}; name a folder"))),
    };
    if !empty && !args.force {
        return Err(misuse(format!(
            "{place} is not empty: name a new folder, or add --force to write into it"
        )));
    }
    for (path, text, runs) in FILES {
        let path = args.dir.join(path);
        let failed = || format!("failed to write {}", path.display());
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent).with_context(failed)?;
        }
        fs::write(&path, text).with_context(failed)?;
        if runs {
            use std::os::unix::fs::PermissionsExt as _;
            fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).with_context(failed)?;
        }
    }
    if args.json {
        let files: Vec<&str> = FILES.iter().map(|(path, ..)| *path).collect();
        output::json(&json!({ "dir": args.dir, "files": files }))?;
        return Ok(Exit::Done);
    }
    for (path, ..) in FILES {
        output::line(format!("{place}/{path}"))?;
    }
    output::line(format!(
        "try next\n  cd {place}\n  ./test.sh\n  headwater serve --topology topology\n\
         README.md tells the steps"
    ))?;
    Ok(Exit::Done)
}
