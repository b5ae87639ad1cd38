//! What holds for every route.

use serde_json::Value;

use crate::server::{Server, label, reason, told};

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
            "get /publications",
            "get /readyz",
            "get /snapshots",
            "get /sources",
            "get /topology/builds",
            "post /events",
            "post /log/trim",
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
