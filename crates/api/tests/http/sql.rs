//! Queries and the forms of their answers.

use arrow::{array::AsArray as _, ipc::reader::StreamReader, record_batch::RecordBatch};
use serde_json::{Value, json};

use crate::server::{BATCH, NDJSON, Server, experiment, label, reason, told};

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
