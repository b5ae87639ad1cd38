//! A process is killed between every two steps of writing and publishing, and started again: nothing is lost,
//! nothing is there twice, whatever it was doing.
//!
//! This program is both: without arguments of its own it is the test, and starts itself as the one that dies.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::indexing_slicing,
    reason = "a test, and the one that it kills"
)]

mod life;
mod seen;

use std::{
    path::Path,
    process::{Command, ExitCode, Stdio},
};

use headwater_engine::Step;
use headwater_log_kafka::testing::TestBroker;
use seen::Seen;

/// Tells the child what to do: `KIND BROKER TOPIC LOG STEP NTH`.
const LIFE: &str = "HEADWATER_TEST_LIFE";
/// Where the child's folder is.
const DIR: &str = "HEADWATER_TEST_DIR";
/// At which occurrence of a step the process dies: the first, and one in the midst of things. The log is told
/// of a topic once a second, which a life does not last long beyond.
fn occurrences(step: Step) -> &'static [usize] {
    match step {
        Step::TopicTold => &[1],
        _ => &[1, 4],
    }
}

fn main() -> ExitCode {
    if let (Ok(life), Ok(dir)) = (std::env::var(LIFE), std::env::var(DIR)) {
        life::live(&life, Path::new(&dir));
        return ExitCode::SUCCESS;
    }
    // As the usual harness does: only tests whose names have the word in them.
    let wanted: Vec<String> =
        std::env::args().skip(1).filter(|arg| !arg.starts_with('-')).collect();
    if std::env::args().any(|arg| arg == "--list") {
        return ExitCode::SUCCESS;
    }
    let mut failed = 0;
    println!("\nrunning {} tests", 2 * Step::ALL.len());
    for kind in ["embedded", "kafka"] {
        let undisturbed = std::cell::OnceCell::new();
        for step in Step::ALL {
            let name = format!("killed_after_{step:?}_on_{kind}");
            if !wanted.is_empty() && !wanted.iter().any(|word| name.contains(word)) {
                continue;
            }
            let whole = undisturbed.get_or_init(|| Lives::new(kind).end());
            let died = occurrences(step).iter().map(|nth| died(kind, step, *nth, whole));
            let problems: Vec<String> = died.filter_map(Result::err).collect();
            println!("test {name} ... {}", if problems.is_empty() { "ok" } else { "FAILED" });
            problems.iter().for_each(|problem| println!("{problem}"));
            failed += usize::from(!problems.is_empty());
        }
    }
    println!("\ntest result: {failed} failed\n");
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// A life that is cut at a step, then gone on with, against one that was not.
fn died(kind: &str, step: Step, nth: usize, whole: &Seen) -> Result<(), String> {
    let lives = Lives::new(kind);
    let at = format!("{step:?} {nth}");
    if lives.run(&at).success() {
        return Err(format!("{at}: the process never came to this step {nth} times"));
    }
    let seen = lives.end();
    seen.is_as(whole).map_err(|what| format!("{at}: {what}"))
}

/// The lives of one data folder.
struct Lives {
    dir: tempfile::TempDir,
    life: String,
}

impl Lives {
    fn new(kind: &str) -> Self {
        let broker = TestBroker::shared();
        let name = broker.log(1).name;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(broker.make_topic(&format!("{name}-topic"), 3));
        let life = format!("{kind} {} {name}-topic {name}", broker.address());
        Self { dir: tempfile::tempdir().unwrap(), life }
    }

    fn run(&self, die_at: &str) -> std::process::ExitStatus {
        let mut child = Command::new(std::env::current_exe().unwrap());
        child.env(LIFE, format!("{} {die_at}", self.life)).env(DIR, self.dir.path());
        // What one that is killed says on its way is of no interest.
        let quiet = die_at.is_empty().then(Stdio::inherit).unwrap_or_else(Stdio::null);
        child.stderr(quiet).status().unwrap()
    }

    /// Lives on to the end, and looks at what is there.
    fn end(&self) -> Seen {
        assert!(self.run("").success(), "a life that is not cut comes to its end");
        Seen::read(self.dir.path())
    }
}
