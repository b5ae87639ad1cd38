//! A real broker for tests: started once a test program, stopped however that program ends.

use std::{
    io::{BufRead as _, BufReader, Write as _},
    path::PathBuf,
    process::{Child, ChildStdin, Command, Stdio},
    sync::{
        OnceLock,
        atomic::{AtomicU32, Ordering},
    },
    time::{SystemTime, UNIX_EPOCH},
};

use rdkafka::{
    ClientConfig,
    admin::{AdminClient, AdminOptions, NewTopic, TopicReplication},
    client::DefaultClientContext,
};

use crate::KafkaConfig;

/// Names a running broker, `HOST:PORT`, which tests then share instead of starting their own.
const SHARED_BROKER: &str = "HEADWATER_TEST_KAFKA";
const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../ops/kafka.sh");

static COUNT: AtomicU32 = AtomicU32::new(0);

/// A running broker.
#[derive(Debug)]
pub struct TestBroker {
    address: String,
    own: Option<Own>,
}

/// A broker that this program started. Its script stops it once our end of the pipe closes, which
/// it does when this is dropped and when the program is killed.
#[derive(Debug)]
struct Own {
    script: Child,
    pipe: Option<ChildStdin>,
    dir: PathBuf,
}

impl TestBroker {
    /// The broker that all tests of this program share.
    pub fn shared() -> &'static Self {
        static SHARED: OnceLock<TestBroker> = OnceLock::new();
        SHARED.get_or_init(|| match std::env::var(SHARED_BROKER) {
            Ok(address) => Self { address, own: None },
            Err(_) => Self::start(),
        })
    }

    /// A broker for one test alone, which may stop it. Blocks some seconds.
    pub fn start() -> Self {
        let dir = std::env::temp_dir().join(unique("headwater-kafka"));
        let mut script = Command::new(SCRIPT)
            .arg("run")
            .arg(&dir)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("ops/kafka.sh starts");
        let pipe = script.stdin.take();
        let mut address = String::new();
        let out = script.stdout.take().expect("it was piped");
        BufReader::new(out).read_line(&mut address).expect("ops/kafka.sh prints an address");
        let address = address.trim().to_owned();
        assert!(!address.is_empty(), "ops/kafka.sh started no broker: see its output");
        Self { address, own: Some(Own { script, pipe, dir }) }
    }

    /// `HOST:PORT`.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// A log of its own on this broker: no other test has its name.
    pub fn log(&self, data_partitions: u32) -> KafkaConfig {
        KafkaConfig {
            name: unique("test"),
            data_partitions: Some(data_partitions),
            ..KafkaConfig::new(&self.address)
        }
    }

    /// Makes a topic of the users' own.
    pub async fn make_topic(&self, topic: &str, partitions: i32) {
        let admin: AdminClient<DefaultClientContext> = ClientConfig::new()
            .set("bootstrap.servers", &self.address)
            .create()
            .expect("a client of the broker");
        let new = NewTopic::new(topic, partitions, TopicReplication::Fixed(1));
        let made = admin.create_topics([&new], &AdminOptions::new()).await;
        made.expect("the broker answers").remove(0).expect("the topic is made");
    }

    /// Stops the broker for now; only of one that [`TestBroker::start`] gave.
    pub fn pause(&self) {
        let dir = &self.own.as_ref().expect("a shared broker must not be stopped").dir;
        run(Command::new(SCRIPT).arg("stop").arg(dir));
    }

    /// Starts the broker again after [`TestBroker::pause`], with the same address and data.
    pub fn resume(&self) {
        let dir = &self.own.as_ref().expect("a shared broker was not stopped").dir;
        let (_, port) = self.address.rsplit_once(':').expect("HOST:PORT");
        run(Command::new(SCRIPT).arg("start").arg(dir).arg(port).stdout(Stdio::null()));
    }

    /// Produces with Java's console producer, whose partitioner is every Java producer's. A line is
    /// `KEY<tab>VALUE`, or with headers `NAME:VALUE,NAME:VALUE<tab>KEY<tab>VALUE`.
    pub fn console_produce(&self, topic: &str, lines: &[&str], with_headers: bool) {
        let mut producer = Command::new(SCRIPT)
            .args(["java", "org.apache.kafka.tools.ConsoleProducer"])
            .args(["--bootstrap-server", &self.address, "--topic", topic])
            .args(["--property", "parse.key=true"])
            .args(["--property", &format!("parse.headers={with_headers}")])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .expect("java starts");
        let mut input = producer.stdin.take().expect("it was piped");
        for line in lines {
            writeln!(input, "{line}").expect("the producer reads");
        }
        drop(input);
        assert!(producer.wait().expect("the producer ends").success(), "the producer failed");
    }
}

impl Drop for Own {
    fn drop(&mut self) {
        drop(self.pipe.take());
        // It is gone either way; a panic here would hide the test's own.
        let _ = self.script.wait();
    }
}

fn run(command: &mut Command) {
    assert!(command.status().expect("ops/kafka.sh starts").success(), "ops/kafka.sh failed");
}

fn unique(prefix: &str) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    format!("{prefix}-{}-{now}-{count}", std::process::id())
}
