//! Carries out a case in ways, each in processes of its own, and compares with the golden.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::atomic::{AtomicU32, Ordering},
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use anyhow::{Context as _, Result, bail, ensure};

use crate::{
    case::Case,
    difference::difference,
    job::{Job, LogAt, State},
    ways::{LogKind, Way},
};

/// The subcommand by which the binary carries out a job.
pub const PERFORM: &str = "perform";
/// A process that takes longer has come to a standstill.
const PROCESS_MAX: Duration = Duration::from_secs(240);
const LOOK_EVERY: Duration = Duration::from_millis(2);

static LOGS: AtomicU32 = AtomicU32::new(0);

/// What carries out ways.
#[derive(Debug, Clone)]
pub struct Runner {
    /// The binary `case`.
    pub program: PathBuf,
    /// A broker, for ways on Kafka.
    pub brokers: Option<String>,
}

impl Runner {
    /// Carries out a case in one way, and gives what it prints.
    pub fn output(&self, case: &Case, way: &Way) -> Result<String> {
        let scratch = tempfile::tempdir()?;
        let job = Job {
            case: case.dir.clone(),
            log: self.log_at(way.log)?,
            partitions: way.partitions,
            crashes: way.crashes.clone(),
        };
        job.write(scratch.path())?;
        loop {
            let ended = self.process(scratch.path());
            let mut state = State::read(scratch.path())?;
            let told = || format!("case {}: {way}: after {} acts", case.name, state.acts);
            let died = ended.with_context(told)?;
            if !died {
                ensure!(
                    state.steps == case.script.steps.len(),
                    "{}: it ended in the midst",
                    told()
                );
                return Ok(state.out);
            }
            ensure!(state.dies, "{}: the process died, and nobody told it to", told());
            state.dies = false;
            state.write(scratch.path())?;
        }
    }

    /// Carries out a case in these ways; tells each in which it does not give the golden.
    pub fn check(&self, case: &Case, ways: &[Way]) -> Result<Vec<String>> {
        let golden = case.golden()?;
        if golden.is_empty() {
            bail!("case {} has no golden: look at what it prints, {}", case.name, bless(case));
        }
        let mut told = Vec::new();
        for way in ways {
            let output = match self.output(case, way) {
                Ok(output) => output,
                Err(error) => {
                    told.push(format!("{error:#}\n"));
                    continue;
                }
            };
            if let Some(difference) = difference(&golden, &output) {
                let place = format!("case {}: {way}: golden.txt, {difference}", case.name);
                told.push(format!("{place}  if the output is right, {}\n", bless(case)));
            }
        }
        Ok(told)
    }

    fn log_at(&self, log: LogKind) -> Result<LogAt> {
        if log == LogKind::Embedded {
            return Ok(LogAt::Embedded);
        }
        let brokers = self.brokers.clone();
        let brokers =
            brokers.context("no broker is known: set HEADWATER_TEST_KAFKA, see ops/kafka.sh")?;
        let since = SystemTime::now().duration_since(UNIX_EPOCH)?.as_micros();
        let count = LOGS.fetch_add(1, Ordering::Relaxed);
        Ok(LogAt::Kafka { brokers, name: format!("case-{since}-{}-{count}", std::process::id()) })
    }

    /// Runs one process to its end; tells whether it died.
    fn process(&self, scratch: &Path) -> Result<bool> {
        let stderr = scratch.join("stderr");
        let mut child = Command::new(&self.program)
            .arg(PERFORM)
            .arg(scratch)
            // Where the system keeps the memory of a process that aborts, it lies here.
            .current_dir(scratch)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(fs::File::create(&stderr)?)
            .spawn()
            .with_context(|| format!("failed to start {}", self.program.display()))?;
        let status = wait(&mut child)?;
        match status.code() {
            Some(0) => Ok(false),
            Some(code) => bail!("exit code {code}: {}", fs::read_to_string(&stderr)?.trim()),
            // A signal.
            None => Ok(true),
        }
    }
}

fn wait(child: &mut Child) -> Result<std::process::ExitStatus> {
    let started = Instant::now();
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(status);
        }
        if started.elapsed() > PROCESS_MAX {
            child.kill()?;
            child.wait()?;
            bail!("it came to a standstill and was killed after {} s", PROCESS_MAX.as_secs());
        }
        std::thread::sleep(LOOK_EVERY);
    }
}

fn bless(case: &Case) -> String {
    format!("`cargo xtask case bless {}`", case.name)
}
