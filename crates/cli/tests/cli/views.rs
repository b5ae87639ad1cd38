//! A changed view: planned, applied while it is read, killed in between, read at any version.

use std::{fs, process::Command};

use serde_json::{Value, json};

use crate::{
    app::orders,
    run::{BINARY, Place, on_every_log},
};

const READ: &str = "select count(*), sum(orders), sum(total) from customer_orders";
const DOCS: &str = include_str!("../../../../docs/topology.md");

/// The total of a customer becomes the largest order.
fn change(place: &Place) {
    let file = place.path("app/topology/app.yaml");
    let text = fs::read_to_string(&file).unwrap();
    assert!(text.contains("sum: /total"));
    fs::write(file, text.replace("sum: /total", "max: /total")).unwrap();
}

fn csv(place: &Place, target: &[&str], query: &str) -> String {
    let args = [&["sql", query, "--format", "csv"], target].concat();
    place.run(&args).ended(0).out.lines().nth(1).unwrap_or_default().to_owned()
}

fn plan_of(place: &Place, target: &[&str]) -> Value {
    let args = ["topology", "plan", "app/topology", "--json", "--sample", "2"];
    place.run(&[&args, target].concat()).ended(1).json()
}

on_every_log!(a_changed_view_is_planned_and_applied, |place| {
    fs::write(place.path("orders.jsonl"), orders(0..700)).unwrap();
    let server = place.serve(&["--topology", "app/topology", "--partitions", "2"]);
    let url = ["--url", server.url.as_str()];
    place.run(&[&["produce", "orders.jsonl"], &url[..]].concat()).ended(0);
    let same = place.run(&[&["topology", "plan", "app/topology"], &url[..]].concat()).ended(0);
    assert!(same.out.contains("nothing would change"), "{}", same.out);
    change(place);

    let before = csv(place, &url, READ);
    let plan = plan_of(place, &url);
    assert_eq!(plan, plan_of(place, &["--data", "data"]), "by either way");
    let view = &plan["feature_views"][0];
    assert_eq!((&view["name"], &view["change"]), (&json!("customer_orders"), &json!("changed")));
    let lines: Vec<_> = view["lines"].as_array().unwrap().iter().collect();
    assert!(lines.contains(&&json!("- features.total.aggregate.sum.data: /total")), "{lines:?}");
    let values = &view["values"];
    let counts = ["entities", "changed", "added", "missing", "not_taken"].map(|of| &values[of]);
    assert_eq!(counts, [&json!(7), &json!(7), &json!(0), &json!(0), &json!(0)]);
    let sample = values["sample"].as_array().unwrap();
    assert_eq!(sample.len(), 2);
    let first: Vec<u64> = (0..700).filter(|n| n % 7 == 0).collect();
    let cents = |cents: u64| json!(format!("{}.{:02}", cents / 100, cents % 100));
    assert_eq!(sample[0]["key"], json!({"customer": "customer-0"}));
    let total = json!({
        "name": "total", "before": cents(first.iter().sum()), "after": cents(693),
    });
    assert_eq!(sample[0]["features"], json!([total]));
    let text = place.run(&[&["topology", "plan", "app/topology"], &url[..]].concat()).ended(1);
    assert!(text.out.contains("7 entities in all: 7 with other values"), "{}", text.out);
    assert_eq!(csv(place, &url, READ), before, "a plan changes nothing");

    let applied = [&["topology", "apply", "app/topology", "--json"], &url[..]].concat();
    let applied = place.run(&applied).ended(0).json();
    assert_eq!((&applied["outcome"], &applied["building"]), (&json!("applied"), &json!([])));
    let versions =
        "select substr(version, 1, 8) from features.feature_view_versions where state = ";
    let old = csv(place, &url, &format!("{versions}'retired'"));
    let at_old = format!("select sum(total) from features.\"customer_orders@{old}\"");
    let sum: u64 = (0..700).sum();
    assert_eq!(csv(place, &url, &at_old), format!("{}.{:02}", sum / 100, sum % 100));
    assert_ne!(csv(place, &url, READ), before);
    let again = place.run(&[&["topology", "plan", "app/topology"], &url[..]].concat());
    again.ended(0);
    assert_eq!(server.terminate(), 0);
    place.run(&["replay", "verify", "--data", "data"]).ended(0);
});

on_every_log!(a_server_killed_while_it_builds_goes_on, |place| {
    const EVENTS: u64 = 15_000;
    fs::write(place.path("orders.jsonl"), orders(0..EVENTS)).unwrap();
    let server = place.serve(&["--topology", "app/topology", "--partitions", "2"]);
    place.run(&["produce", "orders.jsonl", "--url", &server.url]).ended(0);
    change(place);
    let apply = ["topology", "apply", "app/topology", "--no-wait", "--url", &server.url];
    place.run(&apply).ended(0);
    server.kill();

    for wait_ms in [300, 900] {
        let server = place.serve(&[]);
        std::thread::sleep(std::time::Duration::from_millis(wait_ms));
        server.kill();
        // Whatever was half done: what is there is what the log says. The tables of the views say
        // the same as a replay; what is on its way between partitions is not compared.
        let verified = place.run(&["replay", "verify", "--data", "data", "--json"]).json();
        let views = verified["views"].as_array().unwrap();
        assert!(views.iter().all(|view| view["equal"] == true), "{verified}");
    }
    let server = place.serve(&[]);
    let url = ["--url", server.url.as_str()];
    let applied = [&["topology", "apply", "app/topology"], &url[..]].concat();
    let applied = place.run(&applied).ended(0).out;
    assert!(applied.starts_with("held already"), "{applied}");
    let largest: u64 = (0..7).map(|n| EVENTS - 1 - n).sum();
    let read = csv(place, &url, READ);
    assert_eq!(read, format!("7,{EVENTS},{}.{:02}", largest / 100, largest % 100));
    assert_eq!(server.terminate(), 0);
    place.run(&["replay", "verify", "--data", "data"]).ended(0);
});

#[test]
fn progress_is_told_where_a_server_builds() {
    let place = Place::new(None);
    let server = place.serve(&["--topology", "app/topology", "--partitions", "1"]);
    fs::write(place.path("orders.jsonl"), orders(0..20_000)).unwrap();
    place.run(&["produce", "orders.jsonl", "--url", &server.url]).ended(0);
    change(&place);
    let apply = ["topology", "apply", "app/topology", "--no-wait", "--json", "--url", &server.url];
    let applied = place.run(&apply).ended(0).json();
    assert_eq!(applied["building"].as_array().unwrap().len(), 1, "{applied}");
    let ask = |path: &str| {
        let answer = reqwest::blocking::get(format!("{}{path}", server.url)).unwrap();
        answer.text().unwrap()
    };
    let (mut folding, mut measured) = (false, false);
    let started = std::time::Instant::now();
    loop {
        let builds: Value = serde_json::from_str(&ask("/topology/builds")).unwrap();
        for build in builds["builds"].as_array().unwrap() {
            let folded = build["records_folded"].as_u64().unwrap();
            assert!(build["views"][0]["view"] == "customer_orders", "{build}");
            folding |= folded > 0 && folded <= build["records_of"].as_u64().unwrap();
        }
        measured |= ask("/metrics").contains("headwater_view_build_records{partition=\"0\"");
        if builds["coming"].as_array().unwrap().is_empty() {
            break;
        }
        assert!(started.elapsed().as_secs() < 60, "{builds}");
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    assert!(folding && measured, "20,000 records are not folded between two looks");
    assert_eq!(server.terminate(), 0);
}

/// The commands of the page, as they stand there.
#[test]
fn the_commands_of_the_docs_do_what_they_say() {
    let place = Place::new(None);
    fs::rename(place.path("app"), place.path("my-app")).unwrap();
    let data = ["--data", "my-data"];
    place.run(&[&["topology", "apply", "my-app/topology"], &data[..]].concat()).ended(0);
    place.run(&[&["produce", "my-app/events.jsonl"], &data[..]].concat()).ended(0);
    let section = DOCS.split("\n## ").find(|section| section.starts_with("Changing a view"));
    let commands: Vec<&str> = section.unwrap().split("```").skip(1).step_by(2).collect();
    let script: String = commands.iter().map(|block| block.trim_start_matches("sh\n")).collect();
    let folder = std::path::Path::new(BINARY).parent().unwrap();
    let path = format!("{}:{}", folder.display(), std::env::var("PATH").unwrap());
    let output = Command::new("bash")
        .args(["-euxc", &script])
        .current_dir(place.path("."))
        .env("PATH", path)
        .env_remove("HEADWATER_URL")
        .env_remove("HEADWATER_DATA")
        .output()
        .unwrap();
    let told = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let (out, err) = (told(&output.stdout), told(&output.stderr));
    assert!(output.status.success(), "{out}\n{err}");
    for expected in ["+ features.total.aggregate.max.data: /total", "3 entities in all", "retired"]
    {
        assert!(out.contains(expected), "{expected} is not in\n{out}\n{err}");
    }
    place.run(&["replay", "verify", "--data", "my-data"]).ended(0);
}
