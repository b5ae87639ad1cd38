//! A moment for all tables at once: the setting, the option, and what time it is there.

use headwater_event::Timestamp;
use headwater_query::QueryOptions;

use crate::{
    model::{Step, Story},
    support::error,
};

fn story() -> Story {
    let purchase = |customer| Step::Purchase { subject: 1, customer, cds: 2, hour: 5 };
    Story::of(&[purchase(1), Step::Tick { hours: 24 }, purchase(2), Step::Tick { hours: 24 }])
}

fn at(text: &str) -> QueryOptions {
    QueryOptions { as_of: Some(text.parse().unwrap()), ..QueryOptions::default() }
}

#[tokio::test]
async fn the_setting_holds_for_the_query_behind_it() {
    let story = story();
    let count = "select count(*) from customer_stats";
    for set in [
        "set headwater.as_of = '1997-01-01 12:00';",
        "set headwater.as_of to '1997-01-01T12:00:00Z' ;\n",
        "SET SESSION Headwater.As_Of = timestamp '1997-01-01 12:00:00';",
        "set local headwater.as_of = timestamp '1997-01-02' - interval '12 hours';",
        "set headwater.as_of = '1997-01-03'; set headwater.as_of = '1997-01-01';",
    ] {
        assert_eq!(story.rows(&format!("{set} {count}")).await, [["1"]], "{set}");
    }
    assert_eq!(story.rows(count).await, [["2"]], "no other query is moved");
    let both = format!("set headwater.as_of = default; {count}");
    assert_eq!(story.rows_with(&both, &at("1997-01-01")).await, [["2"]]);
    let set = format!("set headwater.as_of = '1997-01-03'; {count}");
    assert_eq!(story.rows_with(&set, &at("1997-01-01")).await, [["2"]], "the text goes first");
}

#[tokio::test]
async fn the_setting_is_shown() {
    let story = story();
    let show = "show headwater.as_of";
    assert_eq!(story.rows(show).await, [["headwater.as_of", ""]]);
    let moment = "1997-01-02T00:00:00Z";
    assert_eq!(story.rows_with(show, &at("1997-01-02")).await, [["headwater.as_of", moment]]);
    let set = format!("set headwater.as_of = position('1:0,control:3'); {show}");
    assert_eq!(story.rows(&set).await, [["headwater.as_of", "control:3,1:0"]]);
    let all = story.rows_with("show all", &at("1997-01-02")).await;
    assert!(all.contains(&vec!["headwater.as_of".to_owned(), moment.to_owned()]));
}

#[tokio::test]
async fn a_moment_has_its_own_now() {
    let story = story();
    let query = "select now(), read_time(), current_date";
    let present = "1998-07-01T00:00:00Z";
    assert_eq!(story.rows(query).await, [[present, present, "1998-07-01"]]);
    let past = "1997-01-02T06:00:00Z";
    assert_eq!(story.rows_with(query, &at("1997-01-02 06:00")).await, [[past, past, "1997-01-02"]]);
    // At positions it is what the log's clock said there.
    let ticked = "1997-01-02T00:00:00Z";
    let counts = story.history.counts(&"1997-01-02".parse().unwrap()).unwrap();
    let last = counts[&headwater_event::PartitionId::Control] - 1;
    let options = at(&format!("control:{last}"));
    assert_eq!(story.rows_with(query, &options).await, [[ticked, ticked, "1997-01-02"]]);
    // What is relative is so to the session's moment, or to the time that was given.
    let before =
        "select count(*) from customer_stats for system_time as of now() - interval '1 day'";
    assert_eq!(story.rows_with(before, &at("1997-01-02 12:00")).await, [["1"]]);
    let read_time = Some("1997-01-03T12:00:00Z".parse::<Timestamp>().unwrap());
    let options = QueryOptions { read_time, ..QueryOptions::default() };
    assert_eq!(story.rows_with(before, &options).await, [["2"]]);
    assert_eq!(
        story.rows_with("select now()", &options).await,
        [["1997-01-03T12:00:00Z"]],
        "it is given"
    );
}

#[tokio::test]
async fn a_setting_that_holds_for_nothing_is_refused() {
    let story = story();
    for (query, told) in [
        ("set headwater.as_of = '1997-01-01'", "holds for a query behind it in the same text"),
        ("select 1; set headwater.as_of = '1997-01-01'", "expected one statement"),
        ("set headwater.as_of = '1997-01-01'; select 1; select 2", "expected one statement"),
        ("set headwater.as_of = '1997-01-01', '1997-01-02'; select 1", "takes one moment"),
        ("set global headwater.as_of = '1997-01-01'; select 1", "takes one moment"),
        ("set headwater.as_of = 'noon'; select 1", "\"noon\" is no moment"),
        ("set headwater.as_of = noon; select 1", "the column noon"),
        ("set headwater.as_off = '1997-01-01'; select 1", "expected one statement"),
        ("set headwater.as_of = '1997-01-01'; drop table runs", "only queries are answered here"),
    ] {
        let found = error(&story.now, query).await;
        assert_eq!(found.kind(), headwater_query::ErrorKind::Invalid, "{query}: {found}");
        assert!(found.to_string().contains(told), "{query}: {found}");
    }
}
