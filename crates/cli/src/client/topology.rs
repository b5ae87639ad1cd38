//! What a server tells of topologies: what it builds, and what applying one would change.

use anyhow::Context as _;
use futures::StreamExt as _;
use headwater_engine::{BuildStatus, Plan, PlanProgress};
use headwater_topology::Topology;
use reqwest::header;
use serde::Deserialize;

use super::Server;

/// The longest line of a plan: its last one holds all of it.
const LINE_BYTES_MAX: usize = 64 * 1024 * 1024;

/// What a server builds.
#[derive(Debug, Deserialize)]
pub(crate) struct BuildsAnswer {
    /// The hash of the topology that holds.
    pub(crate) topology: Option<String>,
    /// The versions that are declared and not read yet.
    pub(crate) coming: Vec<ComingAnswer>,
    /// How far they are.
    pub(crate) builds: Vec<BuildStatus>,
}

/// A version that is declared and not read yet.
#[derive(Debug, Deserialize)]
pub(crate) struct ComingAnswer {
    pub(crate) view: String,
    pub(crate) version: String,
}

/// A line of a plan that is being made.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
enum PlanLine {
    Progress(PlanProgress),
    Plan(Plan),
    Error(serde_json::Value),
}

impl Server {
    /// What the server builds.
    pub(crate) async fn builds(&self) -> anyhow::Result<BuildsAnswer> {
        let response = self.http.get(self.at("topology/builds")?).send().await;
        let response = self.good(response).await?;
        response.json().await.context("the server's answer is not understood")
    }

    /// What applying a topology would change.
    pub(crate) async fn plan(
        &self,
        topology: &Topology,
        sample: usize,
        told: &(dyn Fn(PlanProgress) + Send + Sync),
    ) -> anyhow::Result<Plan> {
        let request = self.http.post(self.at("topology/plan")?);
        let request = request.query(&[("sample", sample.to_string())]);
        let request = request.header(header::CONTENT_TYPE, "application/json").json(topology);
        let mut parts = self.good(request.send().await).await?.bytes_stream();
        let mut held: Vec<u8> = Vec::new();
        while let Some(part) = parts.next().await {
            held.extend_from_slice(&part.context("the answer broke off")?);
            anyhow::ensure!(held.len() <= LINE_BYTES_MAX, "the plan is too long to be read");
            while let Some(end) = held.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = held.drain(..=end).collect();
                match serde_json::from_slice(&line).context("the plan is not understood")? {
                    PlanLine::Progress(progress) => told(progress),
                    PlanLine::Plan(plan) => return Ok(plan),
                    PlanLine::Error(problem) => {
                        let detail = problem.get("detail").and_then(|detail| detail.as_str());
                        anyhow::bail!("{}", detail.unwrap_or("the server failed to make the plan"))
                    }
                }
            }
        }
        anyhow::bail!("the server's answer ended without a plan")
    }
}
