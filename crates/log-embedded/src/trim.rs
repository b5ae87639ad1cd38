//! Taking away the oldest records: whole segments, the oldest first.
//!
//! A crash on the way leaves a log that begins earlier than asked, and is whole from there on.

use std::fs;

use headwater_event::Offset;
use headwater_log::Result;

use crate::{layout, partition::Shared, problem};

/// Removes the segments whose records all lie before an offset; answers where the log begins then. The
/// last segment stays, since its writer has it open. Blocks.
pub(crate) fn trim(shared: &Shared, before: u64) -> Result<Offset> {
    let segments = layout::segments(&shared.dir)?;
    let ends_before = |(_, next): &(&u64, &u64)| **next <= before;
    let gone = segments.iter().zip(segments.iter().skip(1)).take_while(ends_before);
    for (first, next) in gone {
        let path = layout::segment_path(&shared.dir, *first);
        fs::remove_file(&path).map_err(|error| problem::io("remove", &path, error))?;
        // Each removal lasts before the next: no power loss leaves a hole.
        layout::sync_dir(&shared.dir)?;
        shared.places.forget_before(*next);
    }
    let start = segments.iter().rfind(|first| **first <= before).or(segments.first());
    Ok(Offset(start.copied().unwrap_or(before)))
}
