//! Where object storage is, and how it is reached: the `AWS_…` variables, and `--objects-config` over them.

use std::path::Path;

use anyhow::Context as _;
use headwater_objects::{Properties, is_property, is_secret_property};

use crate::{exit::misuse, properties};

const VARIABLES: &str = "AWS_";

/// The properties of the environment and of the file. Variables that other programs read are passed
/// over; in the file, which is ours, an unknown property is refused.
pub(crate) fn read(file: Option<&Path>) -> anyhow::Result<Properties> {
    let mut found = Properties::new();
    for (name, value) in std::env::vars_os() {
        let (Some(name), Some(value)) = (name.to_str(), value.to_str()) else { continue };
        let property = name.to_ascii_lowercase();
        if name.starts_with(VARIABLES) && is_property(&property) && !value.is_empty() {
            found.insert(property, value.to_owned());
        }
    }
    if let Some(file) = file {
        for (name, value) in properties::read(file, is_secret_property)? {
            if !is_property(&name) {
                let place = file.display();
                return Err(misuse(format!("{place}: object storage has no property {name}")));
            }
            found.insert(name, value);
        }
    }
    Ok(found)
}

/// A place as it is known from any folder: a URL, or a whole path.
pub(crate) fn whole_place(place: &str) -> anyhow::Result<String> {
    if place.contains("://") {
        return Ok(place.to_owned());
    }
    let whole =
        std::path::absolute(place).with_context(|| format!("failed to find the folder {place}"))?;
    let text = whole.into_os_string().into_string();
    text.map_err(|_| misuse("name a folder whose path is UTF-8"))
}
