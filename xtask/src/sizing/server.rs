//! A server of its own on a folder of its own, and what the system tells of its process.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread::sleep,
    time::Duration,
};

use anyhow::{Context as _, Result, bail};
use serde_json::Value;

/// A server starts within a second; a busy machine takes longer.
const STARTED_TRIES_MAX: u32 = 300;
/// How often the server's processor time is read while it comes to rest.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// So many looks in a row with hardly any work: it is at rest, sealing and compaction included.
const QUIET_LOOKS: u32 = 5;
/// Hardly any: its clock and its sealer look around, even at rest.
const QUIET_CPU_S: f64 = 0.03;
/// It always came to rest so far.
const LOOKS_MAX: u32 = 600;

/// A data folder with an app, and the server that runs on it.
pub(crate) struct Server {
    binary: PathBuf,
    work: PathBuf,
    process: Child,
    ticks_per_s: f64,
}

/// Memory of the process in bytes.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Memory {
    /// What is resident.
    pub(crate) resident: u64,
    /// The most that was, since it was forgotten.
    pub(crate) peak: u64,
}

impl Server {
    /// Makes an app with one more view in `work`, and starts a server for it.
    pub(crate) fn start(binary: &Path, work: &Path, view: &str, partitions: u32) -> Result<Self> {
        headwater(binary, work, &["init", "app"])?;
        append(work, view)?;
        let ticks = Command::new("getconf").arg("CLK_TCK").output()?.stdout;
        let errors = fs::File::create(work.join("server.log"))?;
        let process = Command::new(binary)
            .current_dir(work)
            .args(["serve", "--data", "data", "--topology", "app/topology"])
            .args(["--http", "127.0.0.1:0", "--json", "--partitions", &partitions.to_string()])
            .stdout(Stdio::null())
            .stderr(errors)
            .spawn()?;
        let ticks_per_s = String::from_utf8(ticks)?.trim().parse()?;
        let (binary, work) = (binary.to_owned(), work.to_owned());
        let server = Self { binary, work, process, ticks_per_s };
        for _ in 0..STARTED_TRIES_MAX {
            if server.work.join("data/server.json").exists() {
                return Ok(server);
            }
            sleep(Duration::from_millis(100));
        }
        bail!("the server did not start: {}", fs::read_to_string(server.work.join("server.log"))?)
    }

    /// Sends the events, one a line; how long that took, in seconds.
    pub(crate) fn produce(&self, file: &Path) -> Result<f64> {
        let file = file.to_str().context("the path is UTF-8")?;
        let told = self.run(&["produce", file, "--data", "data", "--json"])?;
        let summary: Value = serde_json::from_str(&told)?;
        let seconds = summary.get("seconds").and_then(Value::as_f64);
        seconds.with_context(|| format!("no seconds in {told}"))
    }

    /// The rows of a query.
    pub(crate) fn sql(&self, query: &str) -> Result<Vec<Value>> {
        let told = self.run(&["sql", "--json", "--data", "data", query])?;
        let answer: Value = serde_json::from_str(&told)?;
        let rows = answer.get("rows").unwrap_or(&answer);
        Ok(rows.as_array().with_context(|| format!("no rows in {told}"))?.clone())
    }

    /// What is in memory only goes to files, as each snapshot has it.
    pub(crate) fn flush(&self) -> Result<()> {
        self.run(&["snapshot", "create", "snapshots", "--data", "data"])?;
        Ok(fs::remove_dir_all(self.work.join("snapshots"))?)
    }

    /// Applies the topology with these lines more.
    pub(crate) fn apply(&self, lines: &str) -> Result<()> {
        append(&self.work, lines)?;
        self.run(&["topology", "apply", "app/topology", "--data", "data"]).map(drop)
    }

    /// Waits until the server has hardly anything to do.
    pub(crate) fn wait_quiet(&self) -> Result<()> {
        let (mut before, mut quiet) = (self.cpu_s()?, 0);
        for _ in 0..LOOKS_MAX {
            sleep(LOOK_EVERY);
            let now = self.cpu_s()?;
            quiet = if now - before < QUIET_CPU_S { quiet + 1 } else { 0 };
            before = now;
            if quiet == QUIET_LOOKS {
                return Ok(());
            }
        }
        bail!("the server does not come to rest")
    }

    /// Processor seconds of the server so far, its own and the system's for it.
    pub(crate) fn cpu_s(&self) -> Result<f64> {
        let stat = fs::read_to_string(self.proc("stat"))?;
        // The name, in brackets, may hold anything; 11 fields stand between it and utime.
        let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace();
        let ticks: Vec<f64> = fields.skip(11).take(2).map(str::parse).collect::<Result<_, _>>()?;
        Ok(ticks.iter().sum::<f64>() / self.ticks_per_s)
    }

    /// Its memory now, and the most since the peak was forgotten.
    pub(crate) fn memory(&self) -> Result<Memory> {
        let status = fs::read_to_string(self.proc("status"))?;
        let bytes = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name));
            let kib = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
            kib.map(|kib| kib * 1_024).with_context(|| format!("{name} is not in {status}"))
        };
        Ok(Memory { resident: bytes("VmRSS:")?, peak: bytes("VmHWM:")? })
    }

    /// Forgets the peak, so that flushing and queries in between don't count.
    pub(crate) fn forget_peak(&self) -> Result<()> {
        Ok(fs::write(self.proc("clear_refs"), "5")?)
    }

    fn proc(&self, file: &str) -> PathBuf {
        PathBuf::from(format!("/proc/{}/{file}", self.process.id()))
    }

    fn run(&self, args: &[&str]) -> Result<String> {
        headwater(&self.binary, &self.work, args)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Its folder is thrown away: there is nothing to close.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn append(work: &Path, lines: &str) -> Result<()> {
    let path = work.join("app/topology/app.yaml");
    let text = fs::read_to_string(&path)?;
    Ok(fs::write(&path, format!("{}\n{lines}", text.trim_end()))?)
}

fn headwater(binary: &Path, work: &Path, args: &[&str]) -> Result<String> {
    let ended = Command::new(binary).current_dir(work).args(args).output()?;
    let (out, errors) = (String::from_utf8(ended.stdout)?, String::from_utf8(ended.stderr)?);
    if !ended.status.success() {
        bail!("headwater {} ended with {}: {out}{errors}", args.join(" "), ended.status);
    }
    Ok(out)
}
