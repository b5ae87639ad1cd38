//! What a process of a way is told, and what it leaves for the one after: two small files in a scratch folder.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

const JOB: &str = "job.json";
const STATE: &str = "state.json";

/// Where the log is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum LogAt {
    /// In the data folder.
    Embedded,
    /// On a broker.
    Kafka {
        /// Its address.
        brokers: String,
        /// The log's name, which no other run has.
        name: String,
    },
}

/// When a process dies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum When {
    /// The event is on the log, and nobody waited for anything.
    Written,
    /// The event is folded, and what follows from it was not waited for.
    Folded,
    /// All that follows is folded.
    Settled,
}

/// A crash.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Crash {
    /// The number of the act after which it happens, from 1.
    pub after: usize,
    /// How long after.
    pub when: When,
}

/// What a process is told.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Job {
    /// The case's folder.
    pub case: PathBuf,
    /// Where the log is.
    pub log: LogAt,
    /// Data partitions.
    pub partitions: u32,
    /// In the order of acts.
    pub crashes: Vec<Crash>,
}

/// How far a way is.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct State {
    /// Steps that are done.
    pub steps: usize,
    /// Acts of the step after them that are done.
    pub acts_of_step: usize,
    /// Acts that are done.
    pub acts: usize,
    /// Events that are played.
    pub played: usize,
    /// The number of the data folder; a restored one is another.
    pub data: usize,
    /// In which stretches history is sealed, if it is.
    pub seal_every: Option<u64>,
    /// Positions by name.
    pub marks: BTreeMap<String, String>,
    /// What is printed so far.
    pub out: String,
    /// Whether the process that wrote this dies of its own will.
    pub dies: bool,
}

impl Job {
    /// The job in a scratch folder.
    pub fn read(scratch: &Path) -> Result<Self> {
        read(&scratch.join(JOB))
    }

    /// Leaves it there.
    pub fn write(&self, scratch: &Path) -> Result<()> {
        write(&scratch.join(JOB), self)
    }
}

impl State {
    /// The state in a scratch folder; the beginning if there is none.
    pub fn read(scratch: &Path) -> Result<Self> {
        let path = scratch.join(STATE);
        if path.exists() { read(&path) } else { Ok(Self::default()) }
    }

    /// Leaves it there, whole or not at all.
    pub fn write(&self, scratch: &Path) -> Result<()> {
        write(&scratch.join(STATE), self)
    }
}

fn read<T: DeserializeOwned>(path: &Path) -> Result<T> {
    let text = fs::read(path).with_context(|| format!("failed to read {}", path.display()))?;
    Ok(serde_json::from_slice(&text)?)
}

fn write(path: &Path, value: &impl Serialize) -> Result<()> {
    let fresh = path.with_extension("fresh");
    fs::write(&fresh, serde_json::to_vec(value)?)
        .and_then(|()| fs::rename(&fresh, path))
        .with_context(|| format!("failed to write {}", path.display()))
}
