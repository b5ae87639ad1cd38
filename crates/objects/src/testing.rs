//! A real S3 server for tests: started once a test program, stopped however that program ends.

use std::{
    io::{BufRead as _, BufReader},
    path::PathBuf,
    process::{Child, ChildStdin, Command, Stdio},
    sync::{
        OnceLock,
        atomic::{AtomicU32, Ordering},
    },
    time::{SystemTime, UNIX_EPOCH},
};

use crate::{Objects, Properties};

/// Names a running server, `http://HOST:PORT`, which tests then share instead of starting their own.
const SHARED_SERVER: &str = "HEADWATER_TEST_S3";
const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../ops/s3.sh");
// As ops/s3.sh has them.
const BUCKET: &str = "headwater";
const KEY: &str = "headwater-test";
const SECRET: &str = "headwater-test-secret";

static COUNT: AtomicU32 = AtomicU32::new(0);

/// A running server.
#[derive(Debug)]
pub struct TestS3 {
    endpoint: String,
    own: Option<Own>,
}

/// A server that this program started. Its script stops it once our end of the pipe closes, which it
/// does when this is dropped and when the program is killed.
#[derive(Debug)]
struct Own {
    script: Child,
    pipe: Option<ChildStdin>,
    dir: PathBuf,
}

impl TestS3 {
    /// The server that all tests of this program share.
    pub fn shared() -> &'static Self {
        static SHARED: OnceLock<TestS3> = OnceLock::new();
        SHARED.get_or_init(|| match std::env::var(SHARED_SERVER) {
            Ok(endpoint) => Self { endpoint, own: None },
            Err(_) => Self::start(),
        })
    }

    /// A server for one test alone, which may stop it.
    pub fn start() -> Self {
        let dir = std::env::temp_dir().join(unique("headwater-s3"));
        let mut script = Command::new(SCRIPT)
            .arg("run")
            .arg(&dir)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("ops/s3.sh starts");
        let pipe = script.stdin.take();
        let mut endpoint = String::new();
        let out = script.stdout.take().expect("it was piped");
        BufReader::new(out).read_line(&mut endpoint).expect("ops/s3.sh prints an address");
        let endpoint = endpoint.trim().to_owned();
        assert!(!endpoint.is_empty(), "ops/s3.sh started no server: see its output");
        Self { endpoint, own: Some(Own { script, pipe, dir }) }
    }

    /// `http://HOST:PORT`.
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// How the server is reached.
    pub fn properties(&self) -> Properties {
        let properties = [
            ("aws_endpoint", self.endpoint.as_str()),
            ("aws_allow_http", "true"),
            ("aws_region", "us-east-1"),
            ("aws_access_key_id", KEY),
            ("aws_secret_access_key", SECRET),
        ];
        properties.map(|(name, value)| (name.to_owned(), value.to_owned())).into()
    }

    /// The same as variables of a process.
    pub fn environment(&self) -> Vec<(String, String)> {
        self.properties().into_iter().map(|(name, value)| (name.to_uppercase(), value)).collect()
    }

    /// A place of its own on this server: no other test has its name.
    pub fn url(&self) -> String {
        format!("s3://{BUCKET}/{}", unique("test"))
    }

    /// Opens a place of its own.
    pub fn objects(&self) -> Objects {
        Objects::open(&self.url(), &self.properties()).expect("the server's own properties")
    }

    /// The file in which the server keeps an object; only of one that [`TestS3::start`] gave.
    pub fn file(&self, url: &str, key: &str) -> PathBuf {
        let dir = &self.own.as_ref().expect("a shared server keeps its files to itself").dir;
        let place = url.strip_prefix("s3://").expect("a bucket's URL");
        dir.join("data").join(place).join(key)
    }

    /// Stops the server; only of one that [`TestS3::start`] gave.
    pub fn stop(&self) {
        let dir = &self.own.as_ref().expect("a shared server must not be stopped").dir;
        let status = Command::new(SCRIPT).arg("stop").arg(dir).status();
        assert!(status.expect("ops/s3.sh starts").success(), "ops/s3.sh failed");
    }
}

impl Drop for Own {
    fn drop(&mut self) {
        drop(self.pipe.take());
        // It is gone either way; a panic here would hide the test's own.
        let _ = self.script.wait();
    }
}

fn unique(prefix: &str) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    format!("{prefix}-{}-{now}-{count}", std::process::id())
}
