//! Snapshots by way of a server: progress as JSON lines, then what was made.

use anyhow::Context as _;
use futures::StreamExt as _;
use headwater_engine::LogTrim;
use headwater_snapshot::{Created, Listed, Progress};
use reqwest::header;
use serde::Deserialize;
use serde_json::json;

use super::{NDJSON, Problem, Server};

/// A line of the answer is small; more is no answer of ours.
const LINE_BYTES_MAX: usize = 1 << 20;

/// One line of the answer.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Line {
    Progress(Option<Progress>),
    Snapshot(Created),
    Error(Problem),
}

impl Server {
    /// Has the server make a snapshot.
    pub(crate) async fn create_snapshot(
        &self,
        to: &str,
        progress: &(dyn Fn(Progress) + Send + Sync),
    ) -> anyhow::Result<Created> {
        let request = self.http.post(self.at("snapshots")?).header(header::ACCEPT, NDJSON);
        let response = request.json(&json!({ "to": to })).send().await;
        let mut body = self.good(response).await?.bytes_stream();
        let broke_off = "the server's answer broke off; whether the snapshot was made, \
                         `headwater snapshot list` tells";
        let mut held = Vec::new();
        while let Some(part) = body.next().await {
            held.extend_from_slice(&part.map_err(reqwest::Error::without_url).context(broke_off)?);
            while let Some(end) = held.iter().position(|byte| *byte == b'\n') {
                let rest = held.split_off(end + 1);
                let line = std::mem::replace(&mut held, rest);
                match serde_json::from_slice(&line).context(broke_off)? {
                    Line::Progress(Some(told)) => progress(told),
                    Line::Progress(None) => {}
                    Line::Snapshot(created) => return Ok(created),
                    Line::Error(Problem { detail, .. }) => anyhow::bail!(detail),
                }
            }
            anyhow::ensure!(held.len() <= LINE_BYTES_MAX, broke_off);
        }
        anyhow::bail!(broke_off)
    }

    /// Has the server make a snapshot the log's origin.
    pub(crate) async fn trim_log(&self, place: &str, snapshot: &str) -> anyhow::Result<LogTrim> {
        let request = self.http.post(self.at("log/trim")?);
        let request = request.json(&json!({ "place": place, "snapshot": snapshot }));
        let response = self.good(request.send().await).await?;
        let trimmed = response.json().await.map_err(reqwest::Error::without_url);
        trimmed.context("failed to read the server's answer")
    }

    /// The snapshots that the server finds at a place.
    pub(crate) async fn snapshots(&self, at: &str) -> anyhow::Result<Vec<Listed>> {
        let request = self.http.get(self.at("snapshots")?).query(&[("at", at)]);
        let response = self.good(request.send().await).await?;
        let listed = response.json().await.map_err(reqwest::Error::without_url);
        listed.context("failed to read the server's answer")
    }
}
