//! Events sent, and the log shown.

use std::time::Duration;

use headwater_event::{Header, NewRecord, PartitionId};
use headwater_log::AppendAck;
use serde_json::{Value, json};

use crate::server::{BATCH, NDJSON, STRUCTURED, Server, event, experiment, label, reason, told};

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
