//! Answers as of a moment: how it is asked for, and what is told of it.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use reqwest::{RequestBuilder, header::HeaderMap};
use serde_json::{Value, json};

use crate::server::{NDJSON, Server, experiment, reason, told};

const COUNT: &str = "select count(*) as n from experiments";
/// The clock ticks once a second while records come; a busy machine is slower.
const TICK_WAIT: Duration = Duration::from_secs(30);

fn query(server: &Server, path: &str, text: &str) -> RequestBuilder {
    server.post(path, "application/sql", text.to_owned())
}

/// The headers and the body of an answer in JSON.
async fn answered(request: RequestBuilder) -> (HeaderMap, Value) {
    let response = request.header("accept", "application/json").send().await.unwrap();
    let (status, headers) = (response.status(), response.headers().clone());
    let body: Value = response.json().await.unwrap();
    assert_eq!(status, 200, "{body}");
    (headers, body)
}

async fn refused(request: RequestBuilder, kind: &str, detail: &str) {
    let (status, body) = told(request.send().await.unwrap()).await;
    assert_eq!((status, reason(&body)), (400, kind), "{body}");
    assert!(body["detail"].as_str().unwrap().contains(detail), "{body}");
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> &'a str {
    headers[name].to_str().unwrap()
}

/// A server with two experiments, and the positions at which there was but the first.
async fn two_experiments() -> (Server, String) {
    let server = Server::start().await;
    assert_eq!(server.event(&experiment("1", "one")).await.0, 200);
    let (headers, _) = answered(query(&server, "/sql", COUNT)).await;
    let positions = text(&headers, "headwater-positions").to_owned();
    assert_eq!(server.event(&experiment("2", "two")).await.0, 200);
    (server, positions)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_moment_is_asked_for_and_told() {
    let (server, at) = two_experiments().await;
    let (headers, body) = answered(query(&server, "/sql", COUNT)).await;
    assert_eq!(body["rows"], json!([{"n": 2}]));
    assert!(!headers.contains_key("headwater-as-of") && !headers.contains_key("headwater-version"));
    assert!(body.get("as_of").is_none() && body.get("versions").is_none(), "{body}");

    let by_parameter = query(&server, &format!("/sql?as_of={at}"), COUNT);
    let by_header = query(&server, "/sql", COUNT).header("headwater-as-of", &at);
    let by_both = query(&server, &format!("/sql?as_of={at}"), COUNT)
        .header("headwater-as-of", format!("position('{at}')"));
    let by_set = query(&server, "/sql", &format!("set headwater.as_of = '{at}'; {COUNT}"));
    for request in [by_parameter, by_header, by_both, by_set] {
        let (headers, body) = answered(request).await;
        assert_eq!(body["rows"], json!([{"n": 1}]));
        assert_eq!(body["as_of"], at);
        assert_eq!(text(&headers, "headwater-as-of"), at);
        assert_eq!(text(&headers, "headwater-positions"), at);
    }
    for accept in [NDJSON, "text/csv", "application/vnd.apache.arrow.stream"] {
        let request = query(&server, &format!("/sql?as_of={at}"), COUNT).header("accept", accept);
        let response = request.send().await.unwrap();
        assert_eq!(text(response.headers(), "headwater-as-of"), at);
        assert_eq!(text(response.headers(), "headwater-positions"), at);
    }
    let show = query(&server, &format!("/sql?as_of={at}"), "show headwater.as_of");
    assert_eq!(answered(show).await.1["rows"][0]["value"], at);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_moment_of_a_query_is_told() {
    let (server, at) = two_experiments().await;
    let past = format!("experiments for system_time as of position('{at}')");
    let both =
        format!("select (select count(*) from experiments) - (select count(*) from {past}) as n");
    let (headers, body) = answered(query(&server, "/sql", &both)).await;
    assert_eq!(body["rows"], json!([{"n": 1}]));
    assert_eq!(text(&headers, "headwater-version"), format!("{at} {at}"));
    assert_ne!(text(&headers, "headwater-positions"), at);
    assert_eq!(body["versions"][0]["as_of"], at);
    assert_ne!(body["versions"][0]["positions"], body["positions"]);
    // A table's own moment goes before the request's.
    let start =
        query(&server, "/sql?as_of=control:0", &format!("select count(*) as n from {past}"));
    let (headers, body) = answered(start).await;
    assert_eq!(body["rows"], json!([{"n": 1}]));
    assert!(text(&headers, "headwater-positions").starts_with("control:0"), "{headers:?}");
    assert_eq!(body["as_of"], "control:0");

    let asked = json!({
        "query": format!("select name from {past} where name <> $1 or $2"),
        "parameters": ["two", false], "format": "json",
    });
    let request = server.post("/sql", "application/json", asked.to_string());
    assert_eq!(answered(request).await.1["rows"], json!([{"name": "one"}]));
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_time_is_a_moment() {
    let server = Server::start().await;
    assert_eq!(server.event(&experiment("1", "one")).await.0, 200);
    let first = ticked_after(&server, "1970-01-01T00:00:00Z").await;
    assert_eq!(server.event(&experiment("2", "two")).await.0, 200);
    let second = ticked_after(&server, &first).await;
    assert_eq!(server.event(&experiment("3", "three")).await.0, 200);
    let at = |time: &str| query(&server, &format!("/sql?as_of={time}"), COUNT);
    // What came before the first tick that is later.
    assert_eq!(answered(at(&first)).await.1["rows"], json!([{"n": 2}]));
    let (headers, body) = answered(at(&second)).await;
    let count = body["rows"][0]["n"].as_u64().unwrap();
    assert_eq!(body["as_of"], second.as_str());
    // The positions that are told answer the same, now and later.
    let positions = text(&headers, "headwater-positions").to_owned();
    let third = ticked_after(&server, &second).await;
    assert_eq!(answered(at(&positions)).await.1["rows"], json!([{"n": count}]));
    assert_eq!(answered(at(&third)).await.1["rows"], json!([{"n": 3}]));
    let time =
        query(&server, &format!("/sql?as_of={first}"), "select now() as t, read_time() as r");
    let body = answered(time).await.1;
    assert_eq!(body["rows"], json!([{"t": first, "r": first}]));
    server.stop().await;
}

/// The log's time, once it is later than this.
async fn ticked_after(server: &Server, time: &str) -> String {
    let started = Instant::now();
    let clock = "select max(clock_time) as t, min(clock_n) as n, max(clock_n) as m from positions";
    loop {
        let row = server.rows(clock).await.remove(0);
        let all_ticked = row["n"].is_u64() && row["n"] == row["m"];
        match row["t"].as_str() {
            Some(found) if found > time && all_ticked && row["n"] != 0 => return found.to_owned(),
            _ => assert!(started.elapsed() < TICK_WAIT, "no tick came: {row}"),
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_moment_that_is_none_is_refused() {
    let (server, _) = two_experiments().await;
    let at = |path: &str| query(&server, path, COUNT);
    refused(at("/sql?as_of=noon"), "bad_parameter", "as_of \"noon\" is no moment").await;
    refused(at("/sql?as_of="), "bad_parameter", "is no moment").await;
    refused(at("/sql?asof=1997-01-01"), "bad_parameter", "asof").await;
    let two = at("/sql?as_of=control:1").header("headwater-as-of", "control:2");
    refused(two, "bad_parameter", "name two moments").await;
    refused(at("/sql?as_of=2999-01-01"), "invalid_query", "is in the future: valid is").await;
    refused(at("/sql?as_of=1970-01-01"), "invalid_query", "before this log's start: valid is")
        .await;
    refused(at("/sql?as_of=control:999999"), "invalid_query", "past the end of partition").await;
    refused(at("/sql?as_of=7:0"), "invalid_query", "there is no partition 7").await;
    let list = json!({"query": "select $1", "parameters": [[1]]});
    let list = server.post("/sql", "application/json", list.to_string());
    refused(list, "invalid_query", "parameter $1 is a list").await;
    let missing = json!({"query": "select $1, $2", "parameters": [1]});
    let missing = server.post("/sql", "application/json", missing.to_string());
    refused(missing, "invalid_query", "$2").await;
    let none = server.post("/sql", "application/sql", "select name from runs where name = $1");
    refused(none, "invalid_query", "$1").await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_log_is_shown_up_to_a_moment() {
    let (server, at) = two_experiments().await;
    let all = server.lines("/events").await;
    let past = server.lines(&format!("/events?as_of={at}")).await;
    let place = |text: &str| {
        let (partition, last) = text.split_once(':').unwrap();
        (partition.to_owned(), last.parse::<u64>().unwrap())
    };
    let lasts: BTreeMap<String, u64> = at.split(',').map(place).collect();
    let was = |line: &&Value| {
        let last = lasts.get(line["partition"].as_str().unwrap());
        last.is_some_and(|last| line["offset"].as_u64().unwrap() <= *last)
    };
    assert_eq!(past, all.iter().filter(was).cloned().collect::<Vec<_>>());
    assert!(past.len() < all.len());
    let named = |lines: &[Value]| lines.iter().filter(|l| l["event"]["subject"] == "two").count();
    assert_eq!(named(&past), 0);
    assert!(named(&all) > 0);
    let response = server.get(&format!("/events?as_of={at}")).await;
    let ends = text(response.headers(), "headwater-ends").to_owned();
    assert!(ends.starts_with(&format!("control:{},", lasts["control"] + 1)), "{ends}");
    for (path, detail) in [
        (format!("/events?as_of={at}&follow=true"), "has no more to come"),
        ("/events?as_of=noon".to_owned(), "is no moment"),
    ] {
        let (status, body) = told(server.get(&path).await).await;
        assert_eq!((status, reason(&body)), (400, "bad_parameter"), "{body}");
        assert!(body["detail"].as_str().unwrap().contains(detail), "{body}");
    }
    server.stop().await;
}
