//! The HTTP face over a real socket, a real engine, a log in memory and stores in a folder.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "helpers of tests")]

use std::{sync::Arc, time::Duration};

use arrow::{array::AsArray as _, ipc::reader::StreamReader, record_batch::RecordBatch};
use headwater_api::{ApiState, serve};
use headwater_engine::{Engine, EngineConfig};
use headwater_event::{Header, NewRecord, PartitionId};
use headwater_log::{AppendAck, MemoryLog};
use headwater_query::{Limits, Sql};
use headwater_store::{Access, StoreOptions, StoreSet};
use reqwest::{RequestBuilder, Response};
use serde_json::{Value, json};
use tokio::{net::TcpListener, sync::oneshot, task::JoinHandle};

const STRUCTURED: &str = "application/cloudevents+json";
const BATCH: &str = "application/cloudevents-batch+json";
const NDJSON: &str = "application/x-ndjson";
const PROBLEM: &str = "application/problem+json";

struct Server {
    url: String,
    engine: Engine,
    client: reqwest::Client,
    stop: Option<oneshot::Sender<()>>,
    served: JoinHandle<std::io::Result<()>>,
    _dir: tempfile::TempDir,
}

impl Server {
    async fn start() -> Self {
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

    fn post(&self, path: &str, media_type: &str, body: impl Into<reqwest::Body>) -> RequestBuilder {
        let url = format!("{}{path}", self.url);
        self.client.post(url).header("content-type", media_type).body(body)
    }

    async fn event(&self, event: &Value) -> (u16, Value) {
        told(self.post("/events", STRUCTURED, event.to_string()).send().await.unwrap()).await
    }

    async fn raw(&self, body: impl Into<reqwest::Body>) -> (u16, Value) {
        told(self.post("/events", STRUCTURED, body).send().await.unwrap()).await
    }

    async fn get(&self, path: &str) -> Response {
        self.client.get(format!("{}{path}", self.url)).send().await.unwrap()
    }

    async fn sql(&self, query: &str, accept: &str) -> Response {
        self.post("/sql", "application/sql", query.to_owned())
            .header("accept", accept)
            .send()
            .await
            .unwrap()
    }

    async fn rows(&self, query: &str) -> Vec<Value> {
        let response = self.sql(query, "application/json").await;
        assert_eq!(response.status(), 200, "{}", response.text().await.unwrap());
        let body: Value = response.json().await.unwrap();
        body["rows"].as_array().unwrap().clone()
    }

    async fn lines(&self, path: &str) -> Vec<Value> {
        let response = self.get(path).await;
        assert_eq!(response.status(), 200);
        let text = response.text().await.unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    async fn stop(mut self) {
        self.stop.take().unwrap().send(()).unwrap();
        self.served.await.unwrap().unwrap();
        self.engine.shutdown().await;
    }
}

/// Status and body; a status of an error must come with a problem.
async fn told(response: Response) -> (u16, Value) {
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

fn reason(problem: &Value) -> &str {
    problem["type"].as_str().unwrap().rsplit(':').next().unwrap()
}

fn event(id: &str, event_type: &str, subject: &str, data: Value) -> Value {
    json!({
        "specversion": "1.0", "id": id, "source": "https://example.com/test", "type": event_type,
        "subject": subject, "time": "1997-01-01T00:00:00Z", "data": data,
    })
}

fn experiment(id: &str, name: &str) -> Value {
    event(id, "headwater.experiment.create_requested", name, json!({"name": name}))
}

fn label(id: &str) -> Value {
    let mut sample: Value = serde_json::from_str(include_str!(
        "../../../schemas/headwater.label.observed/v1.sample.json"
    ))
    .unwrap();
    sample["id"] = id.into();
    sample
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_bad_event_is_refused_with_its_reason() {
    let server = Server::start().await;
    let (status, body) = server.raw("{\"specversion\":").await;
    assert_eq!((status, reason(&body)), (400, "not_json"));

    let (status, body) = server.raw("{\"hello\": 1}").await;
    assert_eq!((status, reason(&body)), (400, "not_an_envelope"));

    let (status, body) = server.raw("[1, 2]").await;
    assert_eq!((status, reason(&body)), (400, "not_an_envelope"));

    let (status, body) = server.event(&event("e1", "shop.no.such", "1", json!({}))).await;
    assert_eq!((status, reason(&body)), (422, "unknown_type"));
    assert_eq!(body["id"], "e1");

    let three = json!({"run_id": 7, "key": [], "value": "high", "step": 0, "timestamp": "1997-01-01T00:00:00Z"});
    let (status, body) = server.event(&event("e2", "headwater.metric.logged", "r", three)).await;
    assert_eq!((status, reason(&body)), (422, "schema_violation"));
    let pointers: Vec<&str> = body["violations"]
        .as_array()
        .unwrap()
        .iter()
        .map(|violation| violation["pointer"].as_str().unwrap())
        .collect();
    for pointer in ["/run_id", "/key", "/value"] {
        assert!(pointers.contains(&pointer), "{body}");
    }

    let mut no_subject = experiment("e3", "a");
    no_subject.as_object_mut().unwrap().remove("subject");
    let (status, body) = server.event(&no_subject).await;
    assert_eq!((status, reason(&body)), (400, "missing_subject"));

    let (status, body) = server.event(&experiment("e4", &"x".repeat(1_100_000))).await;
    assert_eq!((status, reason(&body)), (413, "too_large"));

    for forged in ["headwater.clock.ticked", "headwater.log.opened", "headwater.experiment.created"]
    {
        let (status, body) = server.event(&event("e5", forged, "x", json!({}))).await;
        assert_eq!((status, reason(&body)), (403, "forged"), "{forged}");
    }

    let bare = experiment("e6", "a").to_string().replace("\"name\":\"a\"", "\"name\":NaN");
    let (status, body) = server.raw(bare).await;
    assert_eq!((status, reason(&body)), (400, "bad_number"));

    let mut late = experiment("e7", "a");
    late["time"] = "9999-01-01T00:00:00Z".into();
    let (status, body) = server.event(&late).await;
    assert_eq!((status, reason(&body)), (422, "bad_time"));

    let taken = "select id from log.events where source = 'https://example.com/test'";
    assert!(server.rows(taken).await.is_empty(), "what was refused over HTTP is not on the log");
    let metrics = server.get("/metrics").await.text().await.unwrap();
    assert!(metrics.contains("headwater_events_refused_total{reason=\"forged\"} 3"), "{metrics}");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requests_are_decided_once() {
    let server = Server::start().await;

    let (status, first) = server.event(&experiment("a", "one")).await;
    assert_eq!((status, &first["status"]), (200, &json!("accepted")), "{first}");
    assert_eq!(first["partition"], "control");
    assert_eq!(first["assigned"]["experiment_id"], "1");

    // The same event again is answered with the first outcome.
    let (status, again) = server.event(&experiment("a", "one")).await;
    assert_eq!((status, &again["assigned"]), (200, &first["assigned"]));

    // The same id with other content is another event.
    let (status, body) = server.event(&experiment("a", "two")).await;
    assert_eq!((status, reason(&body)), (409, "id_reused"));
    assert!(body["offset"].is_u64(), "it is on the log: {body}");

    // Of two that want the same name, exactly one gets it.
    let (left, right) = (experiment("b", "contended"), experiment("c", "contended"));
    let ((left, left_body), (right, right_body)) =
        tokio::join!(server.event(&left), server.event(&right));
    let mut codes = [left, right];
    codes.sort_unstable();
    assert_eq!(codes, [200, 409], "{left_body} {right_body}");
    let refused = if left == 409 { &left_body } else { &right_body };
    assert_eq!(reason(refused), "conflict");

    // What names what is not there.
    let run = event(
        "d",
        "headwater.run.create_requested",
        "r1",
        json!({"run_id": "r1", "experiment": "none"}),
    );
    let (status, body) = server.event(&run).await;
    assert_eq!((status, reason(&body)), (404, "not_found"));

    // The outcome can be asked by place.
    let at = format!("/events/control/{}", refused["offset"]);
    let (status, body) = told(server.get(&at).await).await;
    assert_eq!((status, &body["outcome"]["status"]), (200, &json!("rejected")));
    assert_eq!(body["outcome"]["reason"], "conflict");
    assert_eq!(body["event"]["actor"], "anonymous");
    let at = format!("/events/control/{}", first["offset"]);
    let (_, body) = told(server.get(&at).await).await;
    assert_eq!(body["outcome"]["status"], "accepted");
    let (status, body) = told(server.get("/events/0/999999").await).await;
    assert_eq!((status, reason(&body)), (404, "no_such_event"));
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn acks_and_modes() {
    let server = Server::start().await;
    let post = |path: &str, event: Value| server.post(path, STRUCTURED, event.to_string()).send();

    for ack in ["written", "durable"] {
        let path = format!("/events?ack={ack}");
        let (status, body) = told(post(&path, label(ack)).await.unwrap()).await;
        assert_eq!((status, &body["status"]), (200, &json!(ack)));
        let place = body["outcome_at"].as_str().unwrap();
        assert_eq!(told(server.get(place).await).await.0, 200);
    }
    let (status, body) = told(post("/events?ack=never", label("x")).await.unwrap()).await;
    assert_eq!((status, reason(&body)), (400, "bad_parameter"));
    let (status, body) = told(post("/events?akc=written", label("x")).await.unwrap()).await;
    assert_eq!((status, reason(&body)), (400, "bad_parameter"));

    let binary = server
        .post("/events", "application/json", r#"{"name": "grün"}"#)
        .header("ce-specversion", "1.0")
        .header("ce-id", "binary-1")
        .header("ce-source", "/test")
        .header("ce-type", "headwater.experiment.create_requested")
        .header("ce-subject", "gr%C3%BCn");
    let (status, body) = told(binary.send().await.unwrap()).await;
    assert_eq!((status, &body["id"]), (200, &json!("binary-1")), "{body}");
    let shown = server.lines("/events?partition=control&subject=gr%C3%BCn&source=/test").await;
    assert_eq!(shown[0]["event"]["data"]["name"], "grün");

    // Without ce-* headers, application/json is one event or an array of them.
    let plain = server.post("/events", "application/json", experiment("p", "plain").to_string());
    assert_eq!(told(plain.send().await.unwrap()).await.0, 200);
    let plain = server.post("/events", "application/json", json!([label("p1")]).to_string());
    assert_eq!(told(plain.send().await.unwrap()).await.1["accepted"], 1);

    let (status, body) =
        told(server.post("/events", "text/html", "<p>").send().await.unwrap()).await;
    assert_eq!((status, reason(&body)), (415, "unsupported_media_type"));
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn good_events_are_taken_beside_bad_ones() {
    let server = Server::start().await;
    let count = || server.rows("select count(*) as n from log.events where id like 'many-%'");

    let torn = format!("[{}, {{\"specversion\":", label("many-torn"));
    let (status, body) = told(server.post("/events", BATCH, torn).send().await.unwrap()).await;
    assert_eq!((status, reason(&body)), (400, "not_json"));
    assert_eq!(count().await[0]["n"], 0, "nothing of a torn batch is taken");

    let mixed = json!([label("many-1"), {"id": "many-2"}, 7, label("many-3")]);
    let response = server.post("/events", BATCH, mixed.to_string()).send().await.unwrap();
    let (status, body) = told(response).await;
    assert_eq!((status, &body["accepted"], &body["refused"]), (207, &json!(2), &json!(2)));
    assert_eq!(body["results"][0]["status"], "accepted");
    assert_eq!(reason(&body["results"][1]), "not_an_envelope");
    assert_eq!(body["results"][1]["id"], "many-2");
    assert_eq!(body["results"][2]["index"], 2);
    assert_eq!(body["results"][3]["id"], "many-3");
    assert_eq!(count().await[0]["n"], 2);

    let lines = format!("{}\n\n{}\nnot json\n", label("many-4"), label("many-5"));
    let (status, body) = told(server.post("/events", NDJSON, lines).send().await.unwrap()).await;
    assert_eq!((status, &body["accepted"], &body["refused"]), (207, &json!(2), &json!(1)));

    let good: Vec<Value> = (0..5_000).map(|n| label(&format!("bulk-{n}"))).collect();
    let response =
        server.post("/events", BATCH, Value::Array(good).to_string()).send().await.unwrap();
    let (status, body) = told(response).await;
    assert_eq!((status, &body["accepted"], &body["refused"]), (200, &json!(5_000), &json!(0)));

    let (status, body) = told(server.post("/events", BATCH, "[]").send().await.unwrap()).await;
    assert_eq!((status, &body["results"]), (200, &json!([])));
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn queries_are_answered_in_every_form() {
    let server = Server::start().await;
    for name in ["one", "two"] {
        assert_eq!(server.event(&experiment(name, name)).await.0, 200);
    }
    let query = "select name, experiment_id, created_at from tracking.experiments order by name";

    let response = server.sql(query, "application/json").await;
    assert!(response.headers()["headwater-positions"].to_str().unwrap().starts_with("control:"));
    let body: Value = response.json().await.unwrap();
    assert_eq!(body["columns"][2]["type"], "timestamp with time zone");
    assert_eq!(body["rows"][0]["created_at"], "1997-01-01T00:00:00Z");
    assert!(body["positions"]["control"].is_u64());

    let response = server.sql(query, NDJSON).await;
    let text = response.text().await.unwrap();
    let names: Vec<Value> = text
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap()["name"].clone())
        .collect();
    assert_eq!(names, [json!("one"), json!("two")]);

    let text = server.sql(query, "text/csv").await.text().await.unwrap();
    assert_eq!(text.lines().next().unwrap(), "name,experiment_id,created_at");
    assert_eq!(text.lines().nth(1).unwrap(), "one,1,1997-01-01T00:00:00Z");
    let text = server.sql("select name from tracking.runs", "text/csv").await.text().await.unwrap();
    assert_eq!(text, "name\n", "no rows are still a table");

    let bytes =
        server.sql(query, "application/vnd.apache.arrow.stream").await.bytes().await.unwrap();
    let reader = StreamReader::try_new(bytes.as_ref(), None).unwrap();
    let batches: Vec<RecordBatch> = reader.map(Result::unwrap).collect();
    assert_eq!(batches.iter().map(RecordBatch::num_rows).sum::<usize>(), 2);
    assert_eq!(batches[0].column(0).as_string::<i32>().value(0), "one");

    let values = "select cast('NaN' as double) as nan, cast(1 as double) / 3 as third, \
                  cast('12345678901234567.89' as decimal(30, 2)) as price, \
                  9007199254740993 as big, cast(null as bigint) as missing, \
                  cast('-Infinity' as double) as low";
    let row = &server.rows(values).await[0];
    assert_eq!(row["nan"], "NaN");
    assert_eq!(row["low"], "-Infinity");
    assert_eq!(row["third"], 1.0 / 3.0);
    assert_eq!(row["price"], "12345678901234567.89");
    assert_eq!(row["big"], 9_007_199_254_740_993_i64);
    assert!(row["missing"].is_null() && row.as_object().unwrap().contains_key("missing"));

    let as_json = json!({"query": query, "format": "csv"}).to_string();
    let response = server.post("/sql", "application/json", as_json).send().await.unwrap();
    assert_eq!(response.headers()["content-type"], "text/csv");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn queries_that_fail_say_why() {
    let server = Server::start().await;
    for bad in [
        "selec 1",
        "select nothing from tracking.runs",
        "select * from no_such_table",
        "drop table runs",
    ] {
        let (status, body) = told(server.sql(bad, "*/*").await).await;
        assert_eq!((status, reason(&body)), (400, "invalid_query"), "{bad}: {body}");
    }
    let twice = "select a.name, b.name from tracking.experiments a, tracking.experiments b";
    let (status, body) = told(server.sql(twice, "application/json").await).await;
    assert_eq!((status, reason(&body)), (400, "invalid_query"), "{body}");
    assert_eq!(server.sql(twice, "text/csv").await.status(), 200);

    // An error found while the query runs, before much was sent, is told by status.
    let (status, _) =
        told(server.sql("select 1 / (n - n) from (values (1)) as t(n)", "*/*").await).await;
    assert_eq!(status, 400);

    // Later than that, the body is aborted in every form, and JSON lines tell why.
    let many: Vec<Value> = (0..5_000).map(|n| label(&format!("late-{n}"))).collect();
    let taken = server.post("/events", BATCH, Value::Array(many).to_string()).send().await;
    assert_eq!(taken.unwrap().status(), 200);
    let late = "select 1 / (_offset - 4000) as q, repeat('x', 1000) as pad from log.events";
    for accept in ["application/json", "text/csv", "application/vnd.apache.arrow.stream", NDJSON] {
        let mut response = server.sql(late, accept).await;
        assert_eq!(response.status(), 200, "{accept}: {}", response.text().await.unwrap());
        let mut text = Vec::new();
        let ended = loop {
            match response.chunk().await {
                Ok(Some(chunk)) => text.extend_from_slice(&chunk),
                Ok(None) => break true,
                Err(_) => break false,
            }
        };
        assert!(!ended, "{accept}: a broken-off answer must not look whole");
        if accept == NDJSON {
            let last = text.split(|byte| *byte == b'\n').rfind(|line| !line.is_empty()).unwrap();
            let last: Value = serde_json::from_slice(last).unwrap();
            assert_eq!(last["error"]["status"], 400, "{last}");
        }
    }

    let (status, body) = told(server.sql("select 1 as a", "image/png").await).await;
    assert_eq!((status, reason(&body)), (406, "not_acceptable"));
    let response = server.post("/sql", "application/json", r#"{"sql": "select 1"}"#);
    let (status, body) = told(response.send().await.unwrap()).await;
    assert_eq!((status, reason(&body)), (400, "bad_body"));
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_log_is_shown_and_followed() {
    let server = Server::start().await;
    for id in ["s1", "s2", "s3"] {
        assert_eq!(server.event(&label(id)).await.0, 200);
    }
    // Others write to Kafka what they like; here, to the log behind the server's back.
    let junk = NewRecord {
        key: None,
        headers: vec![Header { name: "x".to_owned(), value: "y".into() }],
        value: Some("junk".into()),
    };
    let log = server.engine.log();
    log.append(PartitionId::Data(0), vec![junk], AppendAck::Durable).await.unwrap();

    let all = server.lines("/events").await;
    assert_eq!(all[0]["event"]["type"], "headwater.log.opened");
    let times: Vec<&str> = all.iter().map(|line| line["appended_at"].as_str().unwrap()).collect();
    assert!(times.is_sorted_by_key(|time| {
        headwater_event::Timestamp::try_from((*time).to_owned()).unwrap()
    }));
    let dead: Vec<&Value> = all.iter().filter(|line| line["dead"].is_object()).collect();
    assert_eq!(dead.len(), 1);
    assert_eq!(dead[0]["dead"]["reason"], "not_json");

    let labels = server.lines("/events?type=headwater.label.observed").await;
    let ids: Vec<&Value> = labels.iter().map(|line| &line["event"]["id"]).collect();
    assert_eq!(ids, ["s1", "s2", "s3"]);
    let (partition, offset) = (&labels[1]["partition"], &labels[1]["offset"]);
    let from = format!(
        "/events?type=headwater.label.observed&partition={0}&from={0}:{offset}&limit=1",
        partition.as_str().unwrap()
    );
    assert_eq!(server.lines(&from).await[0]["event"]["id"], "s2");

    let batch = server
        .client
        .get(format!("{}/events?subject={}", server.url, label("x")["subject"].as_str().unwrap()))
        .header("accept", BATCH);
    let batch: Value = batch.send().await.unwrap().json().await.unwrap();
    assert!(batch[0]["hwoffset"].is_string(), "{batch}");

    for bad in ["from=0", "from=9:1", "partition=7", "limit=10001", "types=x", "from=0:99999"] {
        let (status, body) = told(server.get(&format!("/events?{bad}")).await).await;
        assert_eq!((status, reason(&body)), (400, "bad_parameter"), "{bad}");
    }

    let mut followed =
        server.get("/events?follow=true&from=end&type=headwater.label.observed").await;
    assert_eq!(server.event(&label("s4")).await.0, 200);
    let line = followed.chunk().await.unwrap().unwrap();
    let line: Value = serde_json::from_slice(&line).unwrap();
    assert_eq!(line["event"]["id"], "s4");

    // A stop ends what is followed, cleanly and soon.
    let stopped = tokio::spawn(server.stop());
    let rest = tokio::time::timeout(Duration::from_secs(4), followed.chunk()).await;
    assert!(rest.unwrap().unwrap().is_none());
    stopped.await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_route_is_described_and_every_error_has_one_shape() {
    let server = Server::start().await;
    let api: Value = server.get("/openapi.json").await.json().await.unwrap();
    let described: Vec<String> = api["paths"]
        .as_object()
        .unwrap()
        .iter()
        .flat_map(|(path, item)| {
            item.as_object().unwrap().keys().map(move |m| format!("{m} {path}"))
        })
        .collect();
    let mut described: Vec<&str> = described.iter().map(String::as_str).collect();
    described.sort_unstable();
    assert_eq!(
        described,
        [
            "get /events",
            "get /events/{partition}/{offset}",
            "get /livez",
            "get /metrics",
            "get /openapi.json",
            "get /readyz",
            "get /snapshots",
            "get /topology/builds",
            "post /events",
            "post /snapshots",
            "post /sql",
            "post /topology/plan",
        ]
    );

    let (status, body) = told(server.get("/nowhere").await).await;
    assert_eq!((status, reason(&body)), (404, "no_such_route"));
    let (status, body) = told(server.get("/sql").await).await;
    assert_eq!((status, reason(&body)), (405, "method_not_allowed"));

    assert_eq!(server.get("/livez").await.status(), 200);
    assert_eq!(server.get("/readyz").await.status(), 200);
    assert_eq!(server.event(&label("m")).await.0, 200);
    let metrics = server.get("/metrics").await.text().await.unwrap();
    for line in [
        "headwater_ready 1",
        "headwater_partition_lag_records{partition=\"control\"}",
        "headwater_events_total{partition=\"control\",outcome=\"accepted\"}",
        "headwater_log_clock_seconds",
        "headwater_http_requests_total{method=\"POST\",route=\"/events\",status=\"200\"} 1",
        "headwater_http_request_duration_seconds_bucket{",
        "# EOF",
    ] {
        assert!(metrics.contains(line), "{line} is not in\n{metrics}");
    }
    server.stop().await;
}
