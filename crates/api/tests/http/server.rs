//! A server on a socket, and what its tests send and read.

use std::sync::Arc;

use headwater_api::{ApiState, serve};
use headwater_engine::{Engine, EngineConfig};
use headwater_log::MemoryLog;
use headwater_query::{Limits, Sql};
use headwater_store::{Access, StoreOptions, StoreSet};
use reqwest::{RequestBuilder, Response};
use serde_json::{Value, json};
use tokio::{net::TcpListener, sync::oneshot, task::JoinHandle};

pub(crate) const STRUCTURED: &str = "application/cloudevents+json";
pub(crate) const BATCH: &str = "application/cloudevents-batch+json";
pub(crate) const NDJSON: &str = "application/x-ndjson";
pub(crate) const PROBLEM: &str = "application/problem+json";

pub(crate) struct Server {
    pub(crate) url: String,
    pub(crate) engine: Engine,
    pub(crate) client: reqwest::Client,
    stop: Option<oneshot::Sender<()>>,
    served: JoinHandle<std::io::Result<()>>,
    _dir: tempfile::TempDir,
}

impl Server {
    pub(crate) async fn start() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let stores =
            StoreSet::open(dir.path(), Access::ReadWrite, StoreOptions::default()).unwrap();
        let config = EngineConfig::new(dir.path());
        let engine = Engine::open(Arc::new(MemoryLog::new(2)), stores, config).await.unwrap();
        let sql = Arc::new(Sql::new(Limits::default()).unwrap());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (stop, stopped) = oneshot::channel::<()>();
        let state = ApiState::new(engine.clone(), sql);
        let served = tokio::spawn(serve(listener, state, async {
            let _ = stopped.await;
        }));
        let client = reqwest::Client::new();
        Self { url, engine, client, stop: Some(stop), served, _dir: dir }
    }

    pub(crate) fn post(
        &self,
        path: &str,
        media_type: &str,
        body: impl Into<reqwest::Body>,
    ) -> RequestBuilder {
        let url = format!("{}{path}", self.url);
        self.client.post(url).header("content-type", media_type).body(body)
    }

    pub(crate) async fn event(&self, event: &Value) -> (u16, Value) {
        told(self.post("/events", STRUCTURED, event.to_string()).send().await.unwrap()).await
    }

    pub(crate) async fn raw(&self, body: impl Into<reqwest::Body>) -> (u16, Value) {
        told(self.post("/events", STRUCTURED, body).send().await.unwrap()).await
    }

    pub(crate) async fn get(&self, path: &str) -> Response {
        self.client.get(format!("{}{path}", self.url)).send().await.unwrap()
    }

    pub(crate) async fn sql(&self, query: &str, accept: &str) -> Response {
        self.post("/sql", "application/sql", query.to_owned())
            .header("accept", accept)
            .send()
            .await
            .unwrap()
    }

    pub(crate) async fn rows(&self, query: &str) -> Vec<Value> {
        let response = self.sql(query, "application/json").await;
        assert_eq!(response.status(), 200, "{}", response.text().await.unwrap());
        let body: Value = response.json().await.unwrap();
        body["rows"].as_array().unwrap().clone()
    }

    pub(crate) async fn lines(&self, path: &str) -> Vec<Value> {
        let response = self.get(path).await;
        assert_eq!(response.status(), 200);
        let text = response.text().await.unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    pub(crate) async fn stop(mut self) {
        self.stop.take().unwrap().send(()).unwrap();
        self.served.await.unwrap().unwrap();
        self.engine.shutdown().await;
    }
}

/// Status and body; a status of an error must come with a problem.
pub(crate) async fn told(response: Response) -> (u16, Value) {
    let status = response.status().as_u16();
    let media_type = response.headers()["content-type"].to_str().unwrap().to_owned();
    let body: Value = response.json().await.unwrap();
    if status >= 400 {
        assert_eq!(media_type, PROBLEM);
        assert_eq!(body["status"], status);
        assert!(body["type"].as_str().unwrap().starts_with("urn:headwater:problem:"));
        for member in ["title", "detail", "advice"] {
            assert!(body[member].as_str().is_some_and(|text| !text.is_empty()), "{member}: {body}");
        }
    }
    (status, body)
}

pub(crate) fn reason(problem: &Value) -> &str {
    problem["type"].as_str().unwrap().rsplit(':').next().unwrap()
}

pub(crate) fn event(id: &str, event_type: &str, subject: &str, data: Value) -> Value {
    json!({
        "specversion": "1.0", "id": id, "source": "https://example.com/test", "type": event_type,
        "subject": subject, "time": "1997-01-01T00:00:00Z", "data": data,
    })
}

pub(crate) fn experiment(id: &str, name: &str) -> Value {
    event(id, "headwater.experiment.create_requested", name, json!({"name": name}))
}

pub(crate) fn label(id: &str) -> Value {
    let mut sample: Value = serde_json::from_str(include_str!(
        "../../../../schemas/headwater.label.observed/v1.sample.json"
    ))
    .unwrap();
    sample["id"] = id.into();
    sample
}
