//! Each kept data folder is read as it was, folded anew from its log, and folded on.

use serde_json::{Value, json};

use crate::sample::{Answer, Sample};

/// `headwater digest --json` of today must be what was kept, view by view.
#[track_caller]
fn digests_are_kept(sample: &Sample, answer: Answer) {
    let read = |text: &str| -> Vec<Value> { serde_json::from_str(text).unwrap() };
    let (kept, now) = (read(&sample.golden("digests.json")), read(&answer.ended(0).out));
    let of = |digests: &[Value], view: &Value| {
        let same = |one: &&Value| one["view"] == view["view"] && one["version"] == view["version"];
        digests.iter().find(same).cloned()
    };
    for view in &kept {
        assert_eq!(
            of(&now, view).as_ref(),
            Some(view),
            "{}: is FOLD_REVISION another?",
            sample.name
        );
    }
    // Tables that came since have nothing to tell of these events.
    let mut grown = now.iter().filter(|view| of(&kept, view).is_none());
    assert!(grown.all(|view| view["versions"] == "0"), "{}", sample.name);
}

/// The queries that were asked then, each behind a `>`, are answered as then.
fn answers_are_kept(sample: &Sample) {
    let kept = sample.golden("answers.txt");
    let queries = kept.lines().filter_map(|line| line.strip_prefix("> "));
    let mut now = String::new();
    for query in queries {
        let answer = sample.run(&["sql", "--format", "csv", query]).ended(0);
        now.push_str(&format!("> {query}\n{}", answer.out));
    }
    assert_eq!(now, kept, "{}", sample.name);
}

mod a_kept_folder_is_read_as_it_was {
    use super::*;

    /// Where today's program reads that store, the answers are the same; where it does not, it says how
    /// to go on. `about.json` says which, so that neither comes by accident.
    #[test]
    fn on_embedded() {
        for sample in Sample::all() {
            let digests = sample.run(&["digest", "--json"]);
            match sample.about()["store_opens"].as_bool() {
                Some(true) => {
                    digests_are_kept(&sample, digests);
                    answers_are_kept(&sample);
                    sample.run(&["replay", "verify"]).ended(0);
                }
                Some(false) => {
                    let told = digests.ended(3).err;
                    assert!(told.contains("has store format"), "{told}");
                    assert!(told.contains("from the log"), "{told}");
                }
                None => panic!("{}/about.json must say whether the store opens", sample.name),
            }
        }
    }
}

mod a_kept_log_folds_anew_and_on {
    use super::*;

    /// The log always opens: folded from nothing it gives what it gave then, and takes new events.
    #[test]
    fn on_embedded() {
        for sample in Sample::all() {
            sample.forget_views();
            sample.run(&["produce", "-"]).ended(0);
            digests_are_kept(&sample, sample.run(&["digest", "--json"]));
            let order = json!({"specversion": "1.0", "id": "today", "source": "https://app.example.com",
                "type": "app.order.placed", "subject": "9", "time": "2026-01-20T00:00:00Z",
                "data": {"customer": 9, "total": 1.5, "channel": "web"}});
            sample.run_with(&["produce", "-"], &order.to_string()).ended(0);
            let query = "select orders, total from order_totals where customer = 9";
            let answer = sample.run(&["sql", "--format", "csv", query]).ended(0);
            assert_eq!(answer.out, "orders,total\n1,1.50\n", "{}", sample.name);
            sample.run(&["replay", "verify"]).ended(0);
        }
    }
}

mod a_kept_store_is_folded_on {
    use super::*;

    /// As above, on the store that was kept: what a new program does on its first start. One of an older
    /// format is set aside and folded anew.
    #[test]
    fn on_embedded() {
        for sample in Sample::all() {
            let opens = sample.about()["store_opens"] == json!(true);
            let order = json!({"specversion": "1.0", "id": "today", "source": "https://app.example.com",
                "type": "app.order.placed", "subject": "1", "time": "2026-01-20T00:00:00Z",
                "data": {"customer": 1, "total": 1.5, "channel": "web"}});
            sample.run_with(&["produce", "-"], &order.to_string()).ended(0);
            let query = "select orders from order_totals where customer = 1";
            let answer = sample.run(&["sql", "--format", "csv", query]).ended(0);
            assert_eq!(answer.out, "orders\n4\n", "{}", sample.name);
            assert_eq!(sample.data().join("store.outdated").exists(), !opens, "{}", sample.name);
            sample.run(&["replay", "verify"]).ended(0);
        }
    }
}
