//! Running the binary: a folder for each test, commands with their output, servers that are stopped.

use std::{
    fs,
    io::Write as _,
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    time::{Duration, Instant},
};

use headwater_log_kafka::testing::TestBroker;
use serde_json::Value;
use tempfile::TempDir;

pub(crate) const BINARY: &str = env!("CARGO_BIN_EXE_headwater");
/// A debug build on a busy machine is slow; a test that hangs must end all the same.
const READY_WAIT: Duration = Duration::from_secs(60);
const STOP_WAIT: Duration = Duration::from_secs(20);

/// What a command answered.
pub(crate) struct Answer {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Answer {
    fn of(output: Output) -> Self {
        Self {
            code: output.status.code().unwrap_or(-1),
            out: String::from_utf8_lossy(&output.stdout).into_owned(),
            err: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// Fails the test unless the command ended so.
    #[track_caller]
    pub(crate) fn ended(self, code: i32) -> Self {
        assert_eq!(self.code, code, "stdout:\n{}\nstderr:\n{}", self.out, self.err);
        self
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|e| panic!("{e} in {:?}", self.out))
    }

    pub(crate) fn json_lines(&self) -> Vec<Value> {
        self.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

/// A folder with an app of `headwater init` and room for a data folder, and where its log is.
pub(crate) struct Place {
    dir: TempDir,
    log: Option<String>,
}

/// One test on each kind of log: `NAME::on_embedded` and `NAME::on_kafka`.
macro_rules! on_every_log {
    ($(#[doc = $doc:literal])* $name:ident, $test:expr) => {
        $(#[doc = $doc])*
        mod $name {
            #[allow(unused_imports, reason = "not every test needs what its file imports")]
            use super::*;

            #[test]
            fn on_embedded() {
                let test: fn(&crate::run::Place) = $test;
                test(&crate::run::Place::new(None));
            }

            #[test]
            fn on_kafka() {
                let test: fn(&crate::run::Place) = $test;
                test(&crate::run::Place::on_kafka());
            }
        }
    };
}

pub(crate) use on_every_log;

impl Place {
    pub(crate) fn new(log: Option<String>) -> Self {
        let place = Self { dir: tempfile::tempdir().unwrap(), log };
        place.run(&["init", "app"]).ended(0);
        place
    }

    /// A place whose log is on a broker: the one that all tests share.
    pub(crate) fn on_kafka() -> Self {
        let place = Self::new(None);
        let name = place.dir.path().file_name().unwrap().to_string_lossy().replace('.', "");
        let broker = TestBroker::shared().address();
        let log = Some(format!("kafka://{broker}/cli-{}-{name}", std::process::id()));
        Self { log, ..place }
    }

    /// Where the log is, if not in the data folder.
    pub(crate) fn log(&self) -> Option<&str> {
        self.log.as_deref()
    }

    pub(crate) fn path(&self, relative: &str) -> PathBuf {
        self.dir.path().join(relative)
    }

    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(BINARY);
        command.args(args).current_dir(self.dir.path()).env_remove("RUST_LOG");
        command.env_remove("HEADWATER_URL").env_remove("HEADWATER_DATA").stdin(Stdio::null());
        command
    }

    pub(crate) fn run(&self, args: &[&str]) -> Answer {
        Answer::of(self.command(args).output().unwrap())
    }

    /// Runs a command with this text as its standard input.
    pub(crate) fn run_with(&self, args: &[&str], input: &str) -> Answer {
        let mut command = self.command(args);
        let command = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        // A command that refuses its arguments reads nothing.
        let _ = stdin.write_all(input.as_bytes());
        drop(stdin);
        Answer::of(child.wait_with_output().unwrap())
    }

    /// Starts a server on `data` at a free port, and waits until it is ready.
    pub(crate) fn serve(&self, more: &[&str]) -> Server {
        self.serve_at("127.0.0.1:0", more)
    }

    /// Starts a server on `data` at this address, and waits until it is ready.
    pub(crate) fn serve_at(&self, http: &str, more: &[&str]) -> Server {
        let stderr = fs::File::create(self.path("server.err")).unwrap();
        let mut args = vec!["serve", "--data", "data", "--http", http];
        args.extend(self.log.iter().flat_map(|log| ["--log", log]));
        args.extend(more);
        let mut command = self.command(&args);
        let child = command.stdout(Stdio::null()).stderr(stderr).spawn().unwrap();
        let mut server = Server { child, url: String::new() };
        let file = self.path("data/server.json");
        let started = Instant::now();
        loop {
            if let Some(status) = server.child.try_wait().unwrap() {
                let told = fs::read_to_string(self.path("server.err")).unwrap();
                panic!("the server ended with {status}: {told}");
            }
            // One that a killed server left behind is not this one's.
            if let Some(url) = address(&file).filter(|url| answers(url)) {
                server.url = url;
                return server;
            }
            assert!(started.elapsed() < READY_WAIT, "the server did not become ready");
            std::thread::sleep(Duration::from_millis(30));
        }
    }
}

fn address(file: &Path) -> Option<String> {
    let addresses: Value = serde_json::from_slice(&fs::read(file).ok()?).ok()?;
    Some(addresses["http"].as_str()?.to_owned())
}

fn answers(url: &str) -> bool {
    let response = reqwest::blocking::get(format!("{url}/readyz"));
    response.is_ok_and(|response| response.status().is_success())
}

/// A running server; killed when dropped.
pub(crate) struct Server {
    child: Child,
    pub(crate) url: String,
}

impl Server {
    /// SIGTERM, and its exit code.
    pub(crate) fn terminate(mut self) -> i32 {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
        let started = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status.code().unwrap_or(-1);
            }
            assert!(started.elapsed() < STOP_WAIT, "SIGTERM did not end the server");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// `kill -9`.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
