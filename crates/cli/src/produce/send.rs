//! Sends batches to a server or to an engine of this process, again and again while the log is away.

use std::time::Duration;

use headwater_engine::{Ack, Engine};

use super::{Became, Line};
use crate::{
    client::Server,
    data_dir::Lock,
    target::{Target, TargetArgs},
};

/// Pauses between tries: a server that is being restarted is back by then.
const PAUSES: [Duration; 6] = [
    Duration::from_millis(100),
    Duration::from_millis(300),
    Duration::from_secs(1),
    Duration::from_secs(2),
    Duration::from_secs(4),
    Duration::from_secs(8),
];

/// Where the events go.
pub(crate) enum Sender {
    /// A running server.
    Server(Server),
    /// A data folder that this process opened itself.
    Engine(Engine, Lock),
}

impl Sender {
    /// Finds the server, or opens the data folder.
    pub(crate) async fn open(target: &TargetArgs) -> anyhow::Result<Self> {
        match target.to_write().await? {
            Target::Server(server) => Ok(Self::Server(server)),
            Target::Folder(dir) => {
                let lock = dir.lock()?;
                if !dir.has_log() {
                    eprintln!("a new log is made in {}", dir.path().display());
                }
                let engine = dir.open_engine(&lock).await?;
                Ok(Self::Engine(engine, lock))
            }
        }
    }

    /// Sends events: an outcome for each, in order. On an error, the outcomes that are known, none
    /// left out between them, and why there are no more.
    pub(crate) async fn send(
        &self,
        lines: Vec<Line>,
        ack: Ack,
    ) -> Result<Vec<Became>, (Vec<Became>, anyhow::Error)> {
        let mut outcomes: Vec<Option<Became>> = vec![None; lines.len()];
        let mut left: Vec<(usize, Line)> = lines.into_iter().enumerate().collect();
        let mut pauses = PAUSES.into_iter();
        let mut why = String::new();
        while !left.is_empty() {
            let (places, lines): (Vec<usize>, Vec<Line>) = left.into_iter().unzip();
            left = Vec::new();
            let answers = match self.try_send(&lines, ack).await {
                Ok(answers) => answers,
                Err(error) => return Err((known(outcomes), error)),
            };
            for ((place, line), became) in places.into_iter().zip(lines).zip(answers) {
                match (became, outcomes.get_mut(place)) {
                    (Became::Unavailable(told), _) => {
                        why = told;
                        left.push((place, line));
                    }
                    (became, Some(outcome)) => *outcome = Some(became),
                    (_, None) => {}
                }
            }
            if let Some((_, line)) = left.first() {
                let Some(pause) = pauses.next() else {
                    let error = anyhow::anyhow!(
                        "failed to produce line {} and those after it: {why}; run the same command \
                         again when that is mended, events that are on the log are known",
                        line.number
                    );
                    return Err((known(outcomes), error));
                };
                tokio::time::sleep(pause).await;
            }
        }
        Ok(known(outcomes))
    }

    async fn try_send(&self, lines: &[Line], ack: Ack) -> anyhow::Result<Vec<Became>> {
        match self {
            Self::Server(server) => server.produce(lines, ack).await,
            Self::Engine(engine, _) => {
                let events = lines.iter().map(|line| line.event.clone()).collect();
                let submitted = engine.submit(events, ack).await;
                Ok(submitted.into_iter().map(|answer| Became::of(answer, ack)).collect())
            }
        }
    }

    /// Closes what was opened.
    pub(crate) async fn close(self) {
        if let Self::Engine(engine, _lock) = self {
            engine.shutdown().await;
        }
    }
}

/// The outcomes up to the first one that is not known.
fn known(outcomes: Vec<Option<Became>>) -> Vec<Became> {
    outcomes.into_iter().map_while(|outcome| outcome).collect()
}
