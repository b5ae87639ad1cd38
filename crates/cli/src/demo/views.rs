//! The views, held against a plain fold of the raw rows that knows nothing of logs.

use std::{collections::BTreeMap, time::Instant};

use anyhow::{Context as _, Result};
use serde_json::json;

use super::{
    data::{Day, Purchase},
    import,
    session::Session,
    story::{Story, count, dollars},
};

const WINDOW_DAYS: i64 = 30;
/// What the file holds, counted and summed elsewhere.
const PURCHASES: i64 = 69_659;
const CENTS: i64 = 250_031_563;

/// What a plain loop over the rows makes of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Totals {
    purchases: i64,
    cds: i64,
    cents: i64,
}

impl Totals {
    fn add(&mut self, other: &Self) {
        self.purchases += other.purchases;
        self.cds += other.cds;
        self.cents += other.cents;
    }
}

/// Lets the rest of the purchases come, shows the views and checks every row of them.
pub(crate) async fn show(session: &mut Session, story: &mut Story) -> Result<()> {
    story.step("All purchases are in: what the views say");
    import::until(session, story, Day::END).await?;
    top_customers(session, story).await?;
    customers(session, story).await?;
    windows(session, story).await
}

async fn top_customers(session: &Session, story: &mut Story) -> Result<()> {
    let head = ["customer", "purchases", "CDs", "dollars", "mean", "last purchase", "days since"];
    let columns = "customer_id, total_transactions, total_cds, total_amount, \
                   round(avg_transaction_amount, 2) as mean, cast(last_purchase_at as date) as last_purchase, \
                   days_since_last_purchase";
    let sql = format!(
        "select {columns} from customer_stats order by total_amount desc, customer_id limit 5"
    );
    story.say("customer_stats, those who spent most; days since are computed at the read:");
    story.table(&head, session.ask(&sql).await?.shown()?);

    let last = session.purchases.last().context("no purchases")?;
    let sql = format!("select {columns} from customer_stats where customer_id = {}", last.customer);
    let began = Instant::now();
    let rows = session.ask(&sql).await?;
    let ms = began.elapsed().as_secs_f64() * 1e3;
    let since = rows.ints("days_since_last_purchase")?;
    story.say(format!("One customer by key, in {ms:.1} ms:"));
    story.table(&head, rows.shown()?);
    let days = session.today.0 - last.day.0;
    let what = format!("its last purchase was {days} day before the log's {}", session.today);
    story.check(what, since == [days]);
    story.figure("key_lookup_ms", json!(ms));
    Ok(())
}

async fn customers(session: &Session, story: &mut Story) -> Result<()> {
    let rows = session
        .ask(
            "select customer_id, total_transactions, total_cds,
               cast(total_amount * 100 as bigint) as cents,
               cast(date_part('epoch', first_purchase_at) as bigint) / 86400 as first_day,
               cast(date_part('epoch', last_purchase_at) as bigint) / 86400 as last_day
             from customer_stats order by customer_id",
        )
        .await?;
    let days = rows.ints("first_day")?.into_iter().zip(rows.ints("last_day")?);
    let totals =
        totals(rows.ints("total_transactions")?, rows.ints("total_cds")?, rows.ints("cents")?);
    let viewed: BTreeMap<i64, (Totals, (i64, i64))> =
        rows.ints("customer_id")?.into_iter().zip(totals.into_iter().zip(days)).collect();
    let mut plain: BTreeMap<i64, (Totals, (i64, i64))> = BTreeMap::new();
    for purchase in &session.purchases {
        let day = purchase.day.0;
        let (sum, (_, last)) =
            plain.entry(purchase.customer).or_insert((Totals::default(), (day, day)));
        sum.add(&of(purchase));
        *last = day;
    }
    let mut sum = Totals::default();
    viewed.values().for_each(|(totals, _)| sum.add(totals));
    let what = format!(
        "all {} rows of customer_stats equal a plain fold of the raw rows",
        count(plain.len())
    );
    story.check(what, viewed == plain);
    let what =
        format!("nothing is missing: {} purchases, ${}", count(sum.purchases), dollars(sum.cents));
    story.check(what, sum.purchases == PURCHASES && sum.cents == CENTS);
    story.figure(
        "customer_stats",
        json!({
            "rows": viewed.len(), "purchases": sum.purchases, "cds": sum.cds, "cents": sum.cents,
        }),
    );
    Ok(())
}

async fn windows(session: &Session, story: &mut Story) -> Result<()> {
    let rows = session
        .ask(
            "select customer_id, cast(date_part('epoch', window_start) as bigint) / 86400 as day,
               transactions_30d, cds_30d, cast(amount_30d * 100 as bigint) as cents
             from customer_purchases_30d",
        )
        .await?;
    let keys = rows.ints("day")?.into_iter().zip(rows.ints("customer_id")?);
    let totals = totals(rows.ints("transactions_30d")?, rows.ints("cds_30d")?, rows.ints("cents")?);
    let viewed: BTreeMap<(i64, i64), Totals> = keys.zip(totals).collect();
    let mut plain: BTreeMap<(i64, i64), Totals> = BTreeMap::new();
    for purchase in &session.purchases {
        let into_window = (purchase.day.0 - Day::START.0).rem_euclid(WINDOW_DAYS);
        let key = (purchase.day.0 - into_window, purchase.customer);
        plain.entry(key).or_default().add(&of(purchase));
    }
    let mut by_window: BTreeMap<i64, (i64, Totals)> = BTreeMap::new();
    for ((day, _), totals) in &viewed {
        let (customers, sum) = by_window.entry(*day).or_default();
        *customers += 1;
        sum.add(totals);
    }
    story.say("customer_purchases_30d, summed over the customers of every third window:");
    let shown = by_window.iter().step_by(3).map(|(day, (customers, sum))| {
        let Totals { purchases, cds, cents } = *sum;
        vec![Day(*day).to_string(), count(*customers), count(purchases), count(cds), dollars(cents)]
    });
    story.table(&["window from", "customers", "purchases", "CDs", "dollars"], shown.collect());
    let what =
        format!("all {} rows of customer_purchases_30d equal the plain fold", count(plain.len()));
    story.check(what, viewed == plain);
    let figures = json!({"rows": viewed.len(), "windows": by_window.len()});
    story.figure("customer_purchases_30d", figures);
    Ok(())
}

fn of(purchase: &Purchase) -> Totals {
    Totals { purchases: 1, cds: purchase.cds, cents: purchase.cents }
}

fn totals(purchases: Vec<i64>, cds: Vec<i64>, cents: Vec<i64>) -> Vec<Totals> {
    let columns = purchases.into_iter().zip(cds).zip(cents);
    columns.map(|((purchases, cds), cents)| Totals { purchases, cds, cents }).collect()
}
