//! Snapshots over HTTP: a real socket, a real engine, snapshots in a folder.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "helpers of tests")]

use std::{path::Path, sync::Arc};

use headwater_api::{ApiState, Snapshots, serve};
use headwater_engine::{Engine, EngineConfig};
use headwater_log::MemoryLog;
use headwater_objects::Properties;
use headwater_query::{Limits, Sql};
use headwater_snapshot::{Maker, Source};
use headwater_store::{Access, StoreOptions, StoreSet};
use reqwest::{Client, Response};
use serde_json::{Value, json};
use tokio::net::TcpListener;

/// A server on a folder; without a maker it makes no snapshots.
async fn start(dir: &Path, with_maker: bool) -> (String, Engine) {
    let stores = StoreSet::open(dir, Access::ReadWrite, StoreOptions::default()).unwrap();
    let log = Arc::new(MemoryLog::new(2));
    let engine = Engine::open(log, stores, EngineConfig::new(dir)).await.unwrap();
    let sql = Arc::new(Sql::new(Limits::default()).unwrap());
    let maker = Maker::new(Source {
        partitions: engine.stores(),
        data_dir: dir.to_owned(),
        scratch_dir: dir.join("scratch"),
    });
    let state = if with_maker {
        let snapshots = Snapshots { maker, properties: Properties::new() };
        ApiState::with_snapshots(engine.clone(), sql, snapshots)
    } else {
        ApiState::new(engine.clone(), sql)
    };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/snapshots", listener.local_addr().unwrap());
    tokio::spawn(serve(listener, state, std::future::pending()));
    (url, engine)
}

async fn post(url: &str, accept: &str, to: &str) -> Response {
    let request = Client::new().post(url).header("accept", accept);
    request.json(&json!({ "to": to })).send().await.unwrap()
}

/// Status and the last part of the problem's type.
async fn refused(response: Response) -> (u16, String) {
    let status = response.status().as_u16();
    let body: Value = response.json().await.unwrap();
    let kind = body["type"].as_str().unwrap().rsplit(':').next().unwrap().to_owned();
    (status, kind)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_snapshot_is_made_and_listed() {
    let dir = tempfile::tempdir().unwrap();
    let (url, engine) = start(&dir.path().join("data"), true).await;
    let to = dir.path().join("snapshots");
    let to = to.to_str().unwrap();
    let response = post(&url, "application/json", to).await;
    assert_eq!(response.status(), 201);
    let first: Value = response.json().await.unwrap();

    // As lines: progress, then the snapshot.
    let response = post(&url, "application/x-ndjson", &format!("file://{to}")).await;
    assert_eq!(response.status(), 201);
    let text = response.text().await.unwrap();
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let (last, progress) = lines.split_last().unwrap();
    assert!(progress.iter().all(|line| line["progress"]["bytes_all"].is_u64()), "{text}");
    assert!(!progress.is_empty());

    let listed = Client::new().get(&url).query(&[("at", to)]).send().await.unwrap();
    let listed: Value = listed.json().await.unwrap();
    assert_eq!(listed[0]["id"], first["id"]);
    assert_eq!(listed[1]["id"], last["snapshot"]["id"]);
    assert_eq!(listed.as_array().unwrap().len(), 2);
    engine.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_is_told_as_a_problem() {
    let dir = tempfile::tempdir().unwrap();
    let (url, engine) = start(&dir.path().join("data"), true).await;
    let json = "application/json";
    for (to, told) in [
        ("relative/folder", (400, "bad_parameter")),
        ("gs://bucket/x", (400, "bad_parameter")),
        ("s3://bucket/x", (400, "bad_parameter")),
        ("/proc/no/such/place", (409, "snapshot_refused")),
    ] {
        let (status, kind) = refused(post(&url, json, to).await).await;
        assert_eq!((status, kind.as_str()), told, "{to}");
    }
    let unknown = Client::new().post(&url).json(&json!({"to": "/x", "form": "y"})).send().await;
    assert_eq!(refused(unknown.unwrap()).await, (400, "bad_body".to_owned()));
    // What a page of another site could send without being asked.
    let text = Client::new().post(&url).header("content-type", "text/plain").body("{}");
    assert_eq!(refused(text.send().await.unwrap()).await.0, 415);
    assert_eq!(refused(post(&url, "image/png", "/x").await).await.0, 406);
    let missing = Client::new().get(&url).send().await.unwrap();
    assert_eq!(refused(missing).await, (400, "bad_parameter".to_owned()));

    // As lines, what fails later is the last of them.
    let broken = post(&url, "application/x-ndjson", "/proc/no/such/place").await;
    assert_eq!(broken.status(), 201);
    let mut body = String::new();
    let mut broken = broken;
    while let Ok(Some(part)) = broken.chunk().await {
        body.push_str(&String::from_utf8_lossy(&part));
    }
    let last: Value = serde_json::from_str(body.lines().last().unwrap()).unwrap();
    assert!(last["error"]["detail"].as_str().unwrap().contains("/proc/no"), "{body}");
    engine.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_without_a_folder_makes_none() {
    let dir = tempfile::tempdir().unwrap();
    let (url, engine) = start(dir.path(), false).await;
    let answer = refused(post(&url, "application/json", "/x").await).await;
    assert_eq!(answer, (409, "snapshot_refused".to_owned()));
    engine.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_log_is_trimmed_to_a_snapshot() {
    let dir = tempfile::tempdir().unwrap();
    let (url, engine) = start(&dir.path().join("data"), true).await;
    let at = dir.path().join("snapshots");
    let at = at.to_str().unwrap();
    let made: Value = post(&url, "application/json", at).await.json().await.unwrap();
    let url = url.replace("/snapshots", "/log/trim");
    let trim = async |body: Value| Client::new().post(&url).json(&body).send().await.unwrap();
    let (place, id) = (at, made["id"].clone());
    assert_eq!(refused(trim(json!({ "place": place })).await).await, (400, "bad_body".into()));
    let unknown = json!({ "place": place, "snapshot": "0199e2c5-8f3a-7c1e-9b4d-2f6a7c8d9e0f" });
    assert_eq!(refused(trim(unknown).await).await, (409, "snapshot_refused".into()));
    let relative = json!({ "place": "here", "snapshot": id });
    assert_eq!(refused(trim(relative).await).await, (400, "bad_parameter".into()));
    let plain = Client::new().post(&url).body("{}").send().await.unwrap();
    assert_eq!(refused(plain).await, (415, "unsupported_media_type".into()));

    let response = trim(json!({ "place": place, "snapshot": id })).await;
    assert_eq!(response.status(), 200);
    let trimmed: Value = response.json().await.unwrap();
    assert_eq!(trimmed["snapshot"], id);
    // A log in memory loses exactly what is before the snapshot's last record.
    assert_eq!(trimmed["begins"], made["positions"]);

    // Of another log.
    let (other_url, other) = start(&dir.path().join("other"), true).await;
    let other_url = other_url.replace("/snapshots", "/log/trim");
    let body = json!({ "place": place, "snapshot": id });
    let response = Client::new().post(&other_url).json(&body).send().await.unwrap();
    assert_eq!(refused(response).await, (409, "trim_refused".into()));
    engine.shutdown().await;
    other.shutdown().await;
}
