//! The kinds of effects, and the one place that knows all of them.

use std::{path::PathBuf, time::Duration};

use headwater_topology::{Effect, EffectKind};
use serde_json::Value;

use super::{EffectsConfig, command, http::Http, outcome::Ended, sql::SqlRules};
use crate::Engine;

/// What a kind is told of one try.
#[derive(Debug)]
pub(super) struct Call {
    pub(super) effect: String,
    pub(super) key: String,
    pub(super) attempt: u32,
    /// The first tick after the cause.
    pub(super) tick: u64,
    /// What is given of the event, by name.
    pub(super) input: Value,
}

/// What the kinds need, made once.
#[derive(Debug)]
pub(super) struct Kinds {
    http: Http,
    sql: SqlRules,
    commands: bool,
    /// Where programs have their folders; emptied at each start.
    dir: PathBuf,
}

impl Kinds {
    pub(super) fn new(config: &EffectsConfig, dir: PathBuf) -> Result<Self, String> {
        Ok(Self {
            http: Http::new(&config.allow)?,
            sql: SqlRules::new()?,
            commands: config.commands,
            dir,
        })
    }

    /// Does it, within its time. Dropping this ends what it has begun.
    pub(super) async fn carry_out(&self, engine: &Engine, call: &Call, effect: &Effect) -> Ended {
        let limit = u64::try_from(effect.limits.timeout_ms).unwrap_or(0);
        let work = async {
            match &effect.kind {
                EffectKind::Http(http) => self.http.call(call, http).await,
                EffectKind::Sql { sql } => self.sql.evaluate(engine, call, sql).await,
                EffectKind::Command(_) if !self.commands => Ended::refused(
                    "programs may not be run: start the server with --effects-commands, then let the \
                     event come again under another id",
                ),
                EffectKind::Command(command) => command::run(&self.dir, call, command).await,
            }
        };
        match tokio::time::timeout(Duration::from_millis(limit), work).await {
            Ok(ended) => ended,
            Err(_elapsed) => Ended::failed(format!("it took longer than {limit} ms")),
        }
    }
}
