//! The shipped purchases, and the days that they happened on.

use std::{fmt, io::Read as _};

use anyhow::{Context as _, Result, ensure};
use headwater_event::{Event, Timestamp};
use serde_json::json;

/// `examples/cdnow/README.md` tells where it comes from.
const TRANSACTIONS: &[u8] = include_bytes!("../../../../examples/cdnow/transactions.txt.gz");

/// The type of a purchase.
pub(crate) const PURCHASE_MADE: &str = "shop.purchase.made";
/// Who says that it happened.
const SOURCE: &str = "https://shop.example.com/cdnow";

const MICROS_A_DAY: i64 = 86_400_000_000;

/// A day of UTC, counted from 1970-01-01.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Day(pub(crate) i64);

impl Day {
    /// The first day with purchases: 1997-01-01.
    pub(crate) const START: Self = Self(9_862);
    /// The day after the last one with purchases: 1998-07-01.
    pub(crate) const END: Self = Self::START.plus(546);

    /// So many days later, or earlier if negative.
    pub(crate) const fn plus(self, days: i64) -> Self {
        Self(self.0 + days)
    }

    /// When the day begins.
    pub(crate) fn midnight(self) -> Timestamp {
        Timestamp::from_micros(self.0.saturating_mul(MICROS_A_DAY))
    }

    /// A day written YYYYMMDD.
    fn parse(digits: &str) -> Result<Self> {
        let parts = (digits.get(..4), digits.get(4..6), digits.get(6..8));
        let (Some(year), Some(month), Some(day)) = parts else {
            anyhow::bail!("{digits:?} is not a date");
        };
        Ok(Self(format!("{year}-{month}-{day}T00:00:00Z").parse::<Timestamp>()?.day()))
    }
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = self.midnight().to_string();
        f.pad(text.split('T').next().unwrap_or(&text))
    }
}

/// One row of the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Purchase {
    /// Its line in the file, the header's being 1.
    pub(crate) line: usize,
    /// Who bought.
    pub(crate) customer: i64,
    /// When.
    pub(crate) day: Day,
    /// How many CDs.
    pub(crate) cds: i64,
    /// What was paid: whole cents, so that sums are exact.
    pub(crate) cents: i64,
}

impl Purchase {
    /// The event that the shop's app would have sent.
    ///
    /// Its id is the line's number: 255 rows equal another one and are purchases all the same.
    pub(crate) fn event(&self) -> Event {
        let data = json!({
            "customer_id": self.customer,
            "number_of_cds": self.cds,
            "dollar_value": self.cents as f64 / 100.0,
        });
        let id = format!("cdnow-{}", self.line);
        let mut event = Event::new(id, SOURCE, PURCHASE_MADE, self.customer.to_string(), data);
        event.time = Some(self.day.midnight());
        event
    }
}

/// All purchases in the order of their days, those of a day in the order of the file.
pub(crate) fn purchases() -> Result<Vec<Purchase>> {
    let mut text = String::new();
    flate2::read::GzDecoder::new(TRANSACTIONS)
        .read_to_string(&mut text)
        .context("unpack the shipped purchases")?;
    let rows = text.lines().enumerate().skip(1);
    let mut purchases = rows
        .map(|(place, row)| parse(place + 1, row).with_context(|| format!("line {}", place + 1)))
        .collect::<Result<Vec<_>>>()?;
    purchases.sort_by_key(|purchase| (purchase.day, purchase.line));
    Ok(purchases)
}

fn parse(line: usize, row: &str) -> Result<Purchase> {
    let mut fields = row.split_whitespace();
    let mut next = || fields.next().context("a column is missing");
    let (customer, day, cds, dollars) = (next()?, next()?, next()?, next()?);
    let (whole, cents) = dollars.split_once('.').context("dollars without cents")?;
    ensure!(cents.len() == 2 && fields.next().is_none(), "{row:?} is not a purchase");
    Ok(Purchase {
        line,
        customer: customer.parse()?,
        day: Day::parse(day)?,
        cds: cds.parse()?,
        cents: whole.parse::<i64>()? * 100 + cents.parse::<i64>()?,
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::{Day, Purchase, purchases};

    /// The figures were counted and summed in Python, in decimals.
    #[test]
    fn the_file_is_what_was_published() {
        let purchases = purchases().unwrap();
        assert_eq!(purchases.len(), 69_659);
        let customers: BTreeSet<i64> = purchases.iter().map(|p| p.customer).collect();
        assert_eq!(customers.len(), 23_570);
        assert_eq!((customers.first(), customers.last()), (Some(&1), Some(&23_570)));
        assert_eq!(purchases.iter().map(|p| p.cents).sum::<i64>(), 250_031_563);
        assert_eq!(purchases.iter().map(|p| p.cds).sum::<i64>(), 167_881);
        assert_eq!(purchases.first().map(|p| p.day), Some(Day::START));
        assert_eq!(purchases.last().map(|p| p.day.plus(1)), Some(Day::END));
    }

    #[test]
    fn equal_rows_are_kept_and_have_ids_of_their_own() {
        let purchases = purchases().unwrap();
        let content = |p: &Purchase| (p.customer, p.day.0, p.cds, p.cents);
        let different: BTreeSet<_> = purchases.iter().map(content).collect();
        assert_eq!(purchases.len() - different.len(), 255);
        let ids: BTreeSet<String> = purchases.iter().map(|p| p.event().id).collect();
        assert_eq!(ids.len(), purchases.len());
    }

    #[test]
    fn a_row_becomes_an_event() {
        let first = purchases().unwrap().into_iter().find(|p| p.line == 2).unwrap();
        let event = first.event();
        assert_eq!((event.id.as_str(), event.subject.as_str()), ("cdnow-2", "1"));
        assert_eq!(event.time, Some("1997-01-01T00:00:00Z".parse().unwrap()));
        assert_eq!(
            event.data.to_string(),
            r#"{"customer_id":1,"dollar_value":11.77,"number_of_cds":1}"#
        );
    }

    #[test]
    fn days_are_written_as_dates() {
        assert_eq!(Day::START.to_string(), "1997-01-01");
        assert_eq!(Day::END.to_string(), "1998-07-01");
        assert_eq!(Day::parse("19980630").unwrap().plus(1), Day::END);
        assert!(Day::parse("1998").is_err());
    }
}
