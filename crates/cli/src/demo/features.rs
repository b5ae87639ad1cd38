//! What is known of each customer on a morning, by SQL over the log's events: the same query for
//! training and for serving, so that the two can't differ.

use anyhow::{Context as _, Result};
use headwater_learn::Frame;

use super::{
    data::{Day, PURCHASE_MADE},
    session::Session,
};

/// Who bought within so many days counts as active, and is asked about for so many days to come.
pub(crate) const HORIZON_DAYS: i64 = 90;

/// The columns of [`query`] that models are trained on.
const COLUMNS: [&str; 18] = [
    "recency_days",
    "purchases",
    "dollars",
    "cds",
    "dollars_per_purchase",
    "tenure_days",
    "purchases_30d",
    "purchases_90d",
    "dollars_90d",
    "sqrt_recency_days",
    "sqrt_purchases",
    "sqrt_dollars",
    "sqrt_cds",
    "sqrt_dollars_per_purchase",
    "sqrt_tenure_days",
    "sqrt_purchases_30d",
    "sqrt_purchases_90d",
    "sqrt_dollars_90d",
];
const BASIC: usize = 3;
const PLAIN: usize = 9;

/// Which of the columns a model gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FeatureSet {
    /// How recently, how often, for how much: the classic three.
    Basic,
    /// What the last weeks were like, too.
    Behaviour,
    /// The same under square roots, as a hundredth CD says less than the second.
    Roots,
}

impl FeatureSet {
    /// Its name in runs.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Basic => "basic",
            Self::Behaviour => "behaviour",
            Self::Roots => "roots",
        }
    }

    /// Its columns.
    pub(crate) fn columns(self) -> Vec<&'static str> {
        let range = match self {
            Self::Basic => 0..BASIC,
            Self::Behaviour => 0..PLAIN,
            Self::Roots => PLAIN..COLUMNS.len(),
        };
        COLUMNS.get(range).unwrap_or_default().to_vec()
    }
}

/// Every customer who was active before a morning, by customer id.
#[derive(Debug)]
pub(crate) struct Customers {
    /// Who.
    pub(crate) ids: Vec<i64>,
    columns: Vec<Vec<f64>>,
    /// Whether the customer bought again within the horizon; means nothing before it has passed.
    pub(crate) bought_again: Vec<bool>,
}

impl Customers {
    /// Asks the log about the morning of `cutoff`.
    pub(crate) async fn on(session: &Session, cutoff: Day) -> Result<Self> {
        let rows = session.ask(&query(cutoff)).await?;
        let columns = COLUMNS.iter().map(|column| rows.floats(column)).collect::<Result<_>>()?;
        let (ids, bought_again) = (rows.ints("customer_id")?, rows.bools("bought_again")?);
        Ok(Self { ids, columns, bought_again })
    }

    /// Labelled rows to train or to measure on.
    pub(crate) fn frame(&self, features: FeatureSet) -> Result<Frame> {
        let column = |name: &&str| Ok(((*name).to_owned(), self.column(name)?.to_vec()));
        let columns = features.columns().iter().map(column).collect::<Result<_>>()?;
        Ok(Frame::new(columns, self.bought_again.clone())?)
    }

    /// The values of each customer, for the features of a model in its order.
    pub(crate) fn values(&self, features: &[String]) -> Result<Vec<Vec<f64>>> {
        let mut rows = vec![Vec::with_capacity(features.len()); self.ids.len()];
        for feature in features {
            for (row, value) in rows.iter_mut().zip(self.column(feature)?) {
                row.push(*value);
            }
        }
        Ok(rows)
    }

    fn column(&self, name: &str) -> Result<&[f64]> {
        let place = COLUMNS.iter().position(|column| *column == name);
        let column = place.and_then(|place| self.columns.get(place));
        column.map(Vec::as_slice).with_context(|| format!("no feature {name}"))
    }
}

/// `before` is the days from a purchase to the cutoff: above 0 it is known then, else it is to come.
/// Dollars are summed as whole cents: exact, whatever the order, so equal on any number of partitions.
fn query(cutoff: Day) -> String {
    let roots = COLUMNS.iter().take(PLAIN).map(|name| format!("sqrt({name}) as sqrt_{name}"));
    let roots: Vec<String> = roots.collect();
    let (day, end, roots) = (cutoff.0, cutoff.plus(HORIZON_DAYS).midnight(), roots.join(", "));
    format!(
        "with purchases as (
  select cast(subject as bigint) as customer_id,
    {day} - cast(date_part('epoch', time) as bigint) / 86400 as before,
    json_int(data, '/number_of_cds') as cds,
    cast(round(json_number(data, '/dollar_value') * 100) as bigint) as cents
  from log.events
  where type = '{PURCHASE_MADE}' and time < timestamp '{end}'
), customers as (
  select customer_id,
    min(before) filter (where before > 0) as recency_days,
    max(before) as tenure_days,
    count(*) filter (where before > 0) as purchases,
    sum(cds) filter (where before > 0) as cds,
    sum(cents) filter (where before > 0) as cents,
    count(*) filter (where before between 1 and 30) as purchases_30d,
    count(*) filter (where before between 1 and 90) as purchases_90d,
    sum(cents) filter (where before between 1 and 90) as cents_90d,
    count(*) filter (where before <= 0) > 0 as bought_again
  from purchases group by customer_id
), features as (
  select customer_id, bought_again,
    cast(recency_days as double) as recency_days, cast(purchases as double) as purchases,
    cents / 100e0 as dollars, cast(cds as double) as cds,
    cents / 100e0 / purchases as dollars_per_purchase,
    cast(tenure_days as double) as tenure_days, cast(purchases_30d as double) as purchases_30d,
    cast(purchases_90d as double) as purchases_90d, cents_90d / 100e0 as dollars_90d
  from customers where recency_days <= {HORIZON_DAYS}
)
select *, {roots} from features order by customer_id"
    )
}

#[cfg(test)]
mod tests {
    use super::FeatureSet;

    #[test]
    fn feature_sets_are_ranges_of_the_columns() {
        assert_eq!(FeatureSet::Basic.columns(), ["recency_days", "purchases", "dollars"]);
        assert_eq!(FeatureSet::Behaviour.columns().len(), 9);
        let roots = FeatureSet::Roots.columns();
        let plain = FeatureSet::Behaviour.columns();
        assert!(roots.iter().zip(&plain).all(|(root, name)| *root == format!("sqrt_{name}")));
        assert_eq!(roots.len(), plain.len());
    }
}
