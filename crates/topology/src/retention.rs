//! Reads the section `retention`: how long the past is kept.

use crate::{
    duration::parse_duration, fields::Fields, model::Retention, problem::Problems, yaml::Entry,
};

const KEYS: [&str; 1] = ["versions"];
/// The word for keeping everything.
const ALL: &str = "all";

/// Reads the section. What is wrong with it is told.
pub(crate) fn read_retention(entry: &Entry<'_>, problems: &mut Problems) -> Option<Retention> {
    let what = "`retention`".to_owned();
    let fields = Fields::read(what, entry.at, &entry.value, &KEYS, problems)?;
    let versions = fields.text("versions", problems).parse(problems, |text| match text.as_str() {
        ALL => Ok(None),
        text => parse_duration(text).map(Some),
    });
    Some(Retention { versions_ms: versions.ok().flatten() })
}
