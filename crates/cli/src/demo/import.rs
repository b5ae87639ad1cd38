//! The shop's days: the clock ticks, the day's purchases are sent.

use std::{io::IsTerminal as _, time::Instant};

use anyhow::Result;
use serde_json::json;

use super::{
    data::{Day, Purchase},
    predict::TODAY,
    session::Session,
    story::{Story, count},
};

/// Without a terminal, a line every so many days instead of a bar.
const DAYS_A_LINE: i64 = 90;

/// The first stretch: everything up to the day on which the model is trained.
pub(crate) async fn arrive(session: &mut Session, story: &mut Story) -> Result<()> {
    story.step("Purchases arrive, day by day");
    let began = Instant::now();
    until(session, story, TODAY).await?;
    let seconds = began.elapsed().as_secs_f64();
    let rate = session.sent as f64 / seconds;
    story.say(format!(
        "{} purchases of {} days as CloudEvents `shop.purchase.made`, each checked against its\n\
         schema, placed by customer, synced and folded into the views: {} events/s, one tick a day.",
        count(session.sent),
        TODAY.0 - Day::START.0,
        count(rate as i64),
    ));
    let figures = json!({
        "events": session.sent,
        "seconds": seconds,
        "events_per_second": rate.round(),
        "until": TODAY.to_string(),
    });
    story.figure("import", figures);
    Ok(())
}

/// Goes on to the morning of a day: all before it is on the log and in the views, nothing of it.
pub(crate) async fn until(session: &mut Session, story: &Story, day: Day) -> Result<()> {
    let left = session.purchases.iter().skip(session.sent).take_while(|p| p.day < day).count();
    let bar = story.bar(left);
    let lines = !std::io::stderr().is_terminal();
    while session.today < day {
        let today = session.today;
        let unsent = session.purchases.iter().skip(session.sent);
        let events: Vec<_> = unsent.take_while(|p| p.day <= today).map(Purchase::event).collect();
        let sent = events.len();
        session.send(events).await?;
        session.sent += sent;
        session.today = today.plus(1);
        // A tick is folded by every partition, and so is all that was sent before it.
        session.engine.tick(session.today.midnight()).await?;
        bar.inc(sent as u64);
        bar.set_message(session.today.to_string());
        if lines && (session.today.0 - Day::START.0) % DAYS_A_LINE == 0 {
            story.say(format!("{}: {} purchases", session.today, count(session.sent)));
        }
    }
    bar.finish_and_clear();
    Ok(())
}
