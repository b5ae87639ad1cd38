//! A running server, asked over HTTP.

mod answer;
mod snapshots;
mod topology;

use std::time::Duration;

use anyhow::Context as _;
use bytes::Bytes;
use futures::{Stream, StreamExt as _};
use headwater_engine::Ack;
use headwater_query::QueryOptions;
use reqwest::{Response, StatusCode, Url, header};
use serde::Deserialize;
use serde_json::json;

use crate::{
    exit::misuse,
    output::Answered,
    produce::{Became, Line, Why},
};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// The server itself answers after 30 s that an outcome is pending.
const PRODUCE_TIMEOUT: Duration = Duration::from_secs(120);
const ARROW: &str = "application/vnd.apache.arrow.stream";
const NDJSON: &str = "application/x-ndjson";

/// A running server.
#[derive(Debug, Clone)]
pub(crate) struct Server {
    url: Url,
    http: reqwest::Client,
}

/// What the server tells of an error.
#[derive(Debug, Deserialize)]
struct Problem {
    #[serde(rename = "type")]
    kind: String,
    detail: String,
    #[serde(default)]
    advice: Option<String>,
    status: u16,
    #[serde(default)]
    offset: Option<u64>,
}

/// What became of one event: a receipt, or a problem, which has a `type`.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum EventAnswer {
    Problem(Problem),
    Receipt { status: String },
}

#[derive(Debug, Deserialize)]
struct BatchAnswer {
    results: Vec<EventAnswer>,
}

impl Server {
    /// The server at this address.
    pub(crate) fn new(url: &str) -> anyhow::Result<Self> {
        let whole = if url.contains("://") { url.to_owned() } else { format!("http://{url}") };
        let refused = |why: &str| misuse(format!("--url {url}: {why}; write http://HOST:PORT"));
        let url = Url::parse(&whole).map_err(|error| refused(&error.to_string()))?;
        if url.scheme() != "http" {
            return Err(refused("only http is spoken"));
        }
        let http =
            reqwest::Client::builder().connect_timeout(CONNECT_TIMEOUT).no_proxy().build()?;
        Ok(Self { url, http })
    }

    fn at(&self, path: &str) -> anyhow::Result<Url> {
        self.url.join(path).with_context(|| format!("failed to make a URL of {path}"))
    }

    fn unreachable(&self) -> String {
        format!("failed to reach the server at {}: is it running?", self.url)
    }

    /// Sends events: an outcome for each, in order.
    pub(crate) async fn produce(&self, lines: &[Line], ack: Ack) -> anyhow::Result<Vec<Became>> {
        let mut body = Vec::new();
        for line in lines {
            // A line of a file holds no line end; an event made here has none either.
            body.extend_from_slice(&line.json);
            body.push(b'\n');
        }
        let request = self
            .http
            .post(self.at("events")?)
            .query(&[("ack", ack.to_string())])
            .header(header::CONTENT_TYPE, NDJSON)
            .timeout(PRODUCE_TIMEOUT)
            .body(body);
        let unavailable = |why: String| vec![Became::Unavailable(why); lines.len()];
        let response = match request.send().await {
            Ok(response) => response,
            Err(error) => {
                let why = format!("{}: {}", self.unreachable(), error.without_url());
                return Ok(unavailable(why));
            }
        };
        let status = response.status();
        if status == StatusCode::SERVICE_UNAVAILABLE {
            return Ok(unavailable(problem(response).await.to_string()));
        }
        if !status.is_success() {
            return Err(problem(response).await);
        }
        let answer: BatchAnswer = match response.json().await {
            Ok(answer) => answer,
            // Cut off: whether the events are on the log, their repeat will tell.
            Err(error) => return Ok(unavailable(error.without_url().to_string())),
        };
        anyhow::ensure!(
            answer.results.len() == lines.len(),
            "the server answered {} of {} events; is it a Headwater server?",
            answer.results.len(),
            lines.len()
        );
        Ok(answer.results.into_iter().map(became).collect())
    }

    /// Asks a query.
    pub(crate) async fn sql(
        &self,
        query: &str,
        options: &QueryOptions,
    ) -> anyhow::Result<Answered> {
        if options.read_time.is_some() {
            return Err(misuse(
                "--read-time is for a data folder: give --data DIR instead of --url",
            ));
        }
        let mut request = self.http.post(self.at("sql")?).header(header::ACCEPT, ARROW);
        if let Some(as_of) = &options.as_of {
            request = request.query(&[("as_of", as_of.to_string())]);
        }
        let body = json!({ "query": query, "parameters": options.parameters });
        let response = self.good(request.json(&body).send().await).await?;
        answer::decoded(response).await
    }

    /// The log's events as JSON lines, as the parameters ask.
    pub(crate) async fn events(
        &self,
        parameters: &[(&str, String)],
    ) -> anyhow::Result<impl Stream<Item = anyhow::Result<Bytes>> + use<>> {
        let request = self.http.get(self.at("events")?).query(parameters);
        let response = request.header(header::ACCEPT, NDJSON).send().await;
        let response = self.good(response).await?;
        Ok(response.bytes_stream().map(|part| part.context("the answer broke off")))
    }

    async fn good(&self, response: reqwest::Result<Response>) -> anyhow::Result<Response> {
        let response =
            response.map_err(reqwest::Error::without_url).with_context(|| self.unreachable())?;
        if response.status().is_success() { Ok(response) } else { Err(problem(response).await) }
    }
}

fn became(answer: EventAnswer) -> Became {
    match answer {
        EventAnswer::Receipt { status } if status == "pending" => Became::Pending,
        EventAnswer::Receipt { .. } => Became::Accepted,
        EventAnswer::Problem(problem) if problem.status == StatusCode::SERVICE_UNAVAILABLE => {
            Became::Unavailable(problem.detail)
        }
        EventAnswer::Problem(Problem { kind, detail, advice, offset, .. }) => {
            let reason = kind.rsplit(':').next().unwrap_or_default().to_owned();
            let why = Why { reason, detail, advice: advice.unwrap_or_default() };
            if offset.is_some() { Became::Rejected(why) } else { Became::Refused(why) }
        }
    }
}

/// What the server says is wrong; with whoever asked, it is misuse.
async fn problem(response: Response) -> anyhow::Error {
    let status = response.status();
    let body = response.bytes().await.unwrap_or_default();
    let told = match serde_json::from_slice::<Problem>(&body) {
        Ok(Problem { detail, advice: Some(advice), .. }) => format!("{detail}; {advice}"),
        Ok(Problem { detail, .. }) => detail,
        Err(_) => format!("the server answered {status}; is it a Headwater server?"),
    };
    if status == StatusCode::BAD_REQUEST { misuse(told) } else { anyhow::anyhow!(told) }
}
