//! Reads the features of a view: stored ones with their aggregates, and derived ones.

use crate::{
    complaint::Complaint,
    fields::{Fields, Given},
    model::{Aggregate, DerivedFeature, ValueAt, ValueType},
    names::check_column,
    pointers::parse_value_at,
    problem::Problems,
    source::At,
    value_types::parse_value_type,
    yaml::Entry,
};

const AGGREGATES: [&str; 7] = ["count", "sum", "mean", "min", "max", "first", "last"];
const KEYS: [&str; 9] =
    ["count", "sum", "mean", "min", "max", "first", "last", "type", "description"];
const DERIVED_KEYS: [&str; 3] = ["sql", "type", "description"];

/// Where a view's values come from, as far as its features must know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Origin {
    /// Aggregates of events.
    Events,
    /// Values computed elsewhere.
    Written,
    /// `from` is missing or wrong, which is told.
    Untold,
}

/// A stored feature as it is declared.
#[derive(Debug)]
pub(crate) struct FeatureDeclared<'a> {
    /// Its name.
    pub(crate) name: String,
    /// Where its name stands.
    pub(crate) at: At<'a>,
    /// What it means.
    pub(crate) description: String,
    /// Its type.
    pub(crate) value_type: Given<'a, ValueType>,
    /// How it is folded.
    pub(crate) aggregate: Given<'a, Aggregate>,
}

/// A derived feature as it is declared.
#[derive(Debug)]
pub(crate) struct DerivedDeclared<'a> {
    /// Its name.
    pub(crate) name: String,
    /// Where its name stands.
    pub(crate) at: At<'a>,
    /// The feature, unless something is wrong with it, which is then told.
    pub(crate) feature: Option<DerivedFeature>,
}

/// Reads one entry of `features`.
pub(crate) fn read_feature<'a>(
    entry: &Entry<'a>,
    origin: Origin,
    problems: &mut Problems,
) -> FeatureDeclared<'a> {
    let what = format!("feature `{}`", entry.key);
    if let Err(complaint) = check_column(&what, &entry.key) {
        problems.complain(entry.at, complaint);
    }
    let mut declared = FeatureDeclared {
        name: entry.key.clone(),
        at: entry.at,
        description: String::new(),
        value_type: Given::Refused,
        aggregate: Given::Refused,
    };
    if let Some(fields) = Fields::read(what, entry.at, &entry.value, &KEYS, problems) {
        declared.description = fields.text("description", problems).ok().unwrap_or_default();
        let type_text = fields.text("type", problems);
        declared.value_type = type_text.parse(problems, |text| parse_value_type(&text));
        declared.aggregate = read_aggregate(&fields, origin, problems);
    }
    declared
}

fn read_aggregate<'a>(
    fields: &Fields<'_, 'a>,
    origin: Origin,
    problems: &mut Problems,
) -> Given<'a, Aggregate> {
    let mut named = AGGREGATES.iter().filter_map(|key| fields.entry(key));
    match (origin, named.next(), named.next()) {
        (Origin::Written, None, _) => Given::Value(Aggregate::Written, fields.at),
        (Origin::Written, Some(entry), _) => {
            let message =
                format!("{} is computed elsewhere and takes no `{}`", fields.what, entry.key);
            problems.add(entry.at, message, "leave it out, or name an event type in `from`");
            Given::Refused
        }
        (_, Some(one), Some(other)) => {
            let later = one.at.max(other.at);
            let keys = format!("`{}` and `{}`", one.key, other.key);
            let message = format!("{} has two aggregates, {keys}", fields.what);
            problems.add(later, message, "give each aggregate a feature of its own");
            Given::Refused
        }
        (_, Some(entry), None) => {
            fields.text(&entry.key, problems).parse(problems, |place| aggregate(&entry.key, &place))
        }
        (Origin::Untold, None, _) => Given::Refused,
        (Origin::Events, None, _) => {
            let message = format!("{} does not say how it is folded", fields.what);
            let help = "add one of count, sum, mean, min, max, first, last, as in { count: all }";
            problems.add(fields.at, message, help);
            Given::Refused
        }
    }
}

fn aggregate(key: &str, place: &str) -> Result<Aggregate, Complaint> {
    if (key, place) == ("count", "all") {
        return Ok(Aggregate::CountAll);
    }
    let value = parse_value_at(place)?;
    if matches!(key, "sum" | "mean") && !matches!(value, ValueAt::Data(_)) {
        let message = format!("`{key}` takes numbers, and `{place}` is none");
        return Err(Complaint::new(message, "point at a number in the data, as in /amount"));
    }
    Ok(match key {
        "count" => Aggregate::Count(value),
        "sum" => Aggregate::Sum(value),
        "mean" => Aggregate::Mean(value),
        "min" => Aggregate::Min(value),
        "max" => Aggregate::Max(value),
        "first" => Aggregate::First(value),
        _ => Aggregate::Last(value),
    })
}

/// Reads one entry of `derived`.
pub(crate) fn read_derived<'a>(entry: &Entry<'a>, problems: &mut Problems) -> DerivedDeclared<'a> {
    let what = format!("derived feature `{}`", entry.key);
    if let Err(complaint) = check_column(&what, &entry.key) {
        problems.complain(entry.at, complaint);
    }
    let fields = Fields::read(what, entry.at, &entry.value, &DERIVED_KEYS, problems);
    let feature = fields.and_then(|fields| {
        let sql_help = "write a SQL expression over the view's columns and read_time()";
        let type_help = "say what the expression gives, as in type: int64";
        let description = fields.text("description", problems).ok().unwrap_or_default();
        let sql = fields.needed_text("sql", sql_help, problems).parse(problems, |sql| {
            if sql.trim().is_empty() {
                return Err(Complaint::new("this expression is empty", sql_help));
            }
            Ok(sql.trim().to_owned())
        });
        let value_type = fields
            .needed_text("type", type_help, problems)
            .parse(problems, |text| parse_value_type(&text));
        let (sql, value_type) = (sql.ok()?, value_type.ok()?);
        Some(DerivedFeature { name: entry.key.clone(), description, value_type, sql })
    });
    DerivedDeclared { name: entry.key.clone(), at: entry.at, feature }
}
