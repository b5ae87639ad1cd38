//! The file `meta`: what must be known before anything else of a log can be read.
//!
//! ```text
//! headwater log
//! format 1
//! data_partitions 4
//! ```

use std::{
    fs::{self, File},
    io::{self, Write as _},
    path::Path,
};

use headwater_log::Result;

use crate::{layout, problem};

const META: &str = "meta";
const TITLE: &str = "headwater log";
/// The one format so far; raised when stored bytes change their meaning.
const FORMAT: u32 = 1;

/// The number of data partitions of the log in `dir`; `None` if no log is there.
pub(crate) fn read(dir: &Path) -> Result<Option<u32>> {
    let path = dir.join(META);
    let text = match fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(problem::io("read", &path, error)),
    };
    let field = |name: &str| {
        let value = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        value.and_then(|value| value.parse::<u32>().ok())
    };
    if text.lines().next() != Some(TITLE) {
        return Err(problem::corrupt_folder(&path, "the file does not begin with `headwater log`"));
    }
    match (field("format"), field("data_partitions")) {
        (Some(FORMAT), Some(count)) => Ok(Some(count)),
        (Some(FORMAT), None) | (None, _) => Err(problem::corrupt_folder(
            &path,
            "the lines `format` and `data_partitions` are not there",
        )),
        (Some(format), _) => Err(problem::reject(format!(
            "open {}: its format is {format}, and this program knows {FORMAT}",
            dir.display()
        ))),
    }
}

/// Writes the file whole or not at all; a log exists from then on.
pub(crate) fn write(dir: &Path, data_partitions: u32) -> Result<()> {
    let (path, fresh) = (dir.join(META), dir.join("meta.new"));
    let text = format!("{TITLE}\nformat {FORMAT}\ndata_partitions {data_partitions}\n");
    let written = File::create(&fresh)
        .and_then(|mut file| file.write_all(text.as_bytes()).and_then(|()| file.sync_all()))
        .and_then(|()| fs::rename(&fresh, &path));
    written.map_err(|error| problem::io("write", &path, error))?;
    layout::sync_dir(dir)
}
