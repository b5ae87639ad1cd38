//! What must not get in: a broken event, a repeat, an id used twice.

use anyhow::{Context as _, Result, bail};
use headwater_engine::{Ack, Submitted};
use headwater_event::{Event, Reason};
use headwater_fold::Outcome;
use serde_json::json;

use super::{
    session::{Session, told},
    story::Story,
};

/// Sends what is wrong and shows how it is answered.
pub(crate) async fn refusals(session: &Session, story: &mut Story) -> Result<()> {
    story.step("Bad input");
    broken(session, story).await?;
    repeated(session, story).await
}

/// Three violations in one event; all are told at once, and nothing reaches the log.
async fn broken(session: &Session, story: &mut Story) -> Result<()> {
    let mut event = purchase(session)?;
    event.id = "broken".to_owned();
    event.data = json!({"customer_id": 0, "number_of_cds": "two", "dollar_value": -11.77});
    story.say(format!("Sent: {}", event.data));
    let submitted = session.engine.submit(vec![event], Ack::Folded).await;
    let Some(Submitted::Refused(refusal)) = submitted.into_iter().next() else {
        bail!("an event that violates its schema was not refused");
    };
    let rows = refusal.violations.iter().map(|v| vec![v.pointer.clone(), v.message.clone()]);
    story.table(&["refused at", "because"], rows.collect());
    let all = refusal.reason == Reason::SchemaViolation && refusal.violations.len() == 3;
    story.check("an event with three mistakes is refused at the edge, all three told at once", all);
    Ok(())
}

/// The last purchase again, then another purchase under its id.
async fn repeated(session: &Session, story: &mut Story) -> Result<()> {
    let again = purchase(session)?;
    let mut other = again.clone();
    if let Some(data) = other.data.as_object_mut() {
        data.insert("number_of_cds".to_owned(), json!(98));
    }
    let sql = format!(
        "select total_transactions as n from customer_stats where customer_id = {}",
        again.subject
    );
    let before = session.ask(&sql).await?.ints("n")?;
    let id = again.id.clone();
    let outcomes = session.request(vec![again, other]).await?;
    let after = session.ask(&sql).await?.ints("n")?;
    let asked = [format!("{id} once more"), format!("{id} with 98 CDs")];
    let rows = asked.into_iter().zip(&outcomes).map(|(asked, outcome)| vec![asked, told(outcome)]);
    story.table(&["sent", "what the fold decided"], rows.collect());
    let first = matches!(
        outcomes.as_slice(),
        [Outcome::Accepted { .. }, Outcome::Rejected { refusal }] if refusal.reason == Reason::IdReused
    );
    let what = "a repeat gets its first outcome again and counts once; its id can't be reused";
    story.check(what, first && before == after && before.len() == 1);
    Ok(())
}

/// The last purchase: within the 30 days of the log's clock for which repeats are known.
fn purchase(session: &Session) -> Result<Event> {
    Ok(session.purchases.last().context("no purchases")?.event())
}
