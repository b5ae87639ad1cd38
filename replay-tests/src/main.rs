//! `case`: lists, runs, blesses and makes cases. `cargo xtask case` builds and calls it.
#![allow(clippy::print_stdout, reason = "a command-line tool")]

use std::{
    fs,
    io::{IsTerminal as _, Write as _},
    path::Path,
    process::ExitCode,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};

use anyhow::{Context as _, Result, bail, ensure};
use headwater_replay_tests::{
    case::{Case, names, root},
    difference::difference,
    perform::perform,
    run::{PERFORM, Runner},
    ways::{self, LogKind, Way},
};

const USAGE: &str = "usage: cargo xtask case COMMAND

  list                  each case, and what it proves
  new NAME              make a case that works, to begin with
  run [--every] [NAME…] carry out cases as CI does; with --every in every way there is, on Kafka, too, if
                        HEADWATER_TEST_KAFKA names a broker
  bless NAME… [--yes]   carry out cases once, show in what they differ from their goldens, and write
                        those anew if you say so

HEADWATER_CASE_SEED chooses other points to crash at.";
/// Names a running broker.
const BROKER: &str = "HEADWATER_TEST_KAFKA";
/// Ways that are carried out at once: each is a process that mostly waits for the disk.
const AT_ONCE: usize = 3;

const NEW_SCRIPT: &str = "# Say here in one sentence what this case proves.\n\
    topology orders\n\
    play all\n\
    sql select customer, orders, total from features.order_totals\n\
    verify\n";
const NEW_EVENTS: &str = r#"{"type": "app.order.placed", "subject": "ada", "time": "1997-01-02T09:00:00Z", "data": {"total": 12.5}}
{"type": "app.order.placed", "subject": "grace", "time": "1997-01-02T10:00:00Z", "data": {"total": 99.99}}
"#;

fn main() -> ExitCode {
    match run() {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(error) => {
            eprintln!("{error:#}");
            ExitCode::from(2)
        }
    }
}

fn run() -> Result<bool> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = args.iter().map(String::as_str).collect();
    let is_option = |word: &&str| word.starts_with("--");
    match words.as_slice() {
        [PERFORM, scratch] => {
            let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
            runtime.block_on(perform(Path::new(scratch)))?;
            Ok(true)
        }
        ["list"] => list(),
        ["new", name] if !is_option(name) => new(name),
        ["run", rest @ ..] => {
            let every = rest.contains(&"--every");
            let named: Vec<&str> = rest.iter().copied().filter(|word| *word != "--every").collect();
            ensure!(!named.iter().any(|word| is_option(&word)), USAGE);
            run_cases(&named, every)
        }
        ["bless", rest @ ..] => {
            let yes = rest.contains(&"--yes");
            let named: Vec<&str> = rest.iter().copied().filter(|word| *word != "--yes").collect();
            ensure!(!named.is_empty() && !named.iter().any(|word| is_option(&word)), USAGE);
            let mut all = true;
            for name in named {
                all &= bless(name, yes)?;
            }
            Ok(all)
        }
        _ => bail!(USAGE),
    }
}

fn runner() -> Result<Runner> {
    Ok(Runner { program: std::env::current_exe()?, brokers: std::env::var(BROKER).ok() })
}

fn list() -> Result<bool> {
    let names = names()?;
    let width = names.iter().map(String::len).max().unwrap_or(0);
    for name in names {
        println!("{name:width$}  {}", Case::named(&name)?.script.title);
    }
    Ok(true)
}

fn new(name: &str) -> Result<bool> {
    let plain = name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
    ensure!(plain && !name.is_empty(), "a case's name has lower-case letters, digits and `_`");
    let dir = root().join("cases").join(name);
    ensure!(!dir.exists(), "{} is there already", dir.display());
    fs::create_dir_all(&dir)?;
    fs::write(dir.join("script.txt"), NEW_SCRIPT)?;
    fs::write(dir.join("events.jsonl"), NEW_EVENTS)?;
    println!("made {}", dir.display());
    println!("next: write events.jsonl and script.txt, then `cargo xtask case bless {name}`,");
    println!("and add {name} to the list in replay-tests/tests/cases.rs");
    Ok(true)
}

/// Carries out cases, several ways at once.
fn run_cases(named: &[&str], every: bool) -> Result<bool> {
    let runner = runner()?;
    let seed = ways::seed()?;
    let chosen: Vec<String> = match named {
        [] => names()?,
        named => named.iter().map(|name| (*name).to_owned()).collect(),
    };
    let cases = chosen.iter().map(|name| Case::named(name)).collect::<Result<Vec<_>>>()?;
    let mut work: Vec<(&Case, Way)> = Vec::new();
    for case in &cases {
        let mut own =
            if every { ways::every(case, LogKind::Embedded) } else { ways::daily(case, seed) };
        if every && runner.brokers.is_some() {
            own.extend(ways::every(case, LogKind::Kafka));
        }
        work.extend(own.into_iter().map(|way| (case, way)));
    }
    let (next, failed) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                while let Some((case, way)) = work.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let told = runner.check(case, std::slice::from_ref(way));
                    let told = told.unwrap_or_else(|error| vec![format!("{error:#}\n")]);
                    failed.lock().unwrap_or_else(PoisonError::into_inner).extend(told);
                }
            });
        }
    });
    let failed = failed.into_inner().unwrap_or_else(PoisonError::into_inner);
    for told in &failed {
        println!("{told}");
    }
    let kafka = work.iter().filter(|(_, way)| way.log == LogKind::Kafka).count();
    println!(
        "cases: {} in {} ways, {kafka} of them on Kafka, seed {seed}: {} did not give the golden",
        cases.len(),
        work.len(),
        failed.len()
    );
    Ok(failed.is_empty())
}

fn bless(name: &str, yes: bool) -> Result<bool> {
    let case = Case::named(name)?;
    let output = runner()?.output(&case, &ways::plain(&case))?;
    let golden = case.golden()?;
    let Some(difference) = difference(&golden, &output) else {
        println!("{name}: the golden is what it prints");
        return Ok(true);
    };
    if golden.is_empty() {
        println!("{name} prints:\n\n{output}");
    } else {
        println!("{name}: golden.txt, {difference}");
    }
    if !yes && !asked()? {
        println!("nothing is written; `cargo xtask case bless {name} --yes` writes it");
        return Ok(false);
    }
    let path = case.golden_path();
    fs::write(&path, output).with_context(|| format!("failed to write {}", path.display()))?;
    println!("wrote {}", path.display());
    Ok(true)
}

/// Whether somebody is there and says yes.
fn asked() -> Result<bool> {
    if !std::io::stdin().is_terminal() {
        return Ok(false);
    }
    print!("is it right? [y/N] ");
    std::io::stdout().flush()?;
    let mut line = String::new();
    std::io::stdin().read_line(&mut line)?;
    Ok(line.trim().eq_ignore_ascii_case("y"))
}
