//! What a partition's files hold when it is opened, and what must be done about how they end.
//!
//! [`decide`] is the specification: it knows where the frames ended, how, and how far the partition
//! was known to be synced (see `mark.rs`).

use std::{fs::File, path::Path, sync::Arc};

use headwater_event::PartitionId;
use headwater_log::Result;

use crate::{
    cursor::{Cursor, Step},
    layout,
    mark::{self, Tail},
    places::{Place, Places},
    problem, segment,
};

/// How many bytes of the newest segments are checked when a log is opened. What is older is checked
/// whenever it is read: a start must not take the longer the older the log is.
pub(crate) const CHECKED_BYTES_MAX: u64 = 512 * 1024 * 1024;
/// The last segment may be empty; the one before then tells the time of the last append.
const CHECKED_SEGMENTS_MIN: usize = 2;

/// What an opened partition holds.
#[derive(Debug)]
pub(crate) struct Found {
    /// The first offset that is kept.
    pub(crate) start: u64,
    /// Where the data ends.
    pub(crate) tail: Tail,
    /// When the last record was appended.
    pub(crate) last_appended_at_ms: i64,
    /// The bytes that were checked.
    pub(crate) checked_bytes: u64,
}

/// How the frames of a segment ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ended {
    /// With a frame of length zero, or the file ended with a frame.
    Whole {
        /// Whether the file ended there.
        with_file: bool,
    },
    /// The file ended within a frame.
    CutShort,
    /// With bytes that are no frame.
    Bad(&'static str),
}

/// What to do about the end of the last segment.
#[derive(Debug, PartialEq, Eq)]
enum Decision {
    /// The data ends here as it should.
    Clean,
    /// What follows is the rest of a write that never finished: cut it off.
    CutOff,
    /// What was on the disk is there no more.
    Refuse(String),
}

/// Decides from how the frames ended: `next` is the offset that should have followed, `synced` the
/// offset after the last record known to be on the disk, if that is known.
fn decide(ended: Ended, next: u64, synced: Option<u64>) -> Decision {
    let why = match ended {
        Ended::Whole { .. } => "the data ends",
        Ended::CutShort => "the file ends within a record",
        Ended::Bad(why) => why,
    };
    match (synced, ended) {
        (None, Ended::Whole { .. }) => Decision::Clean,
        // Without a mark nothing tells a torn record from a damaged one, unless the file is too short.
        (None, Ended::CutShort) => Decision::CutOff,
        (None, Ended::Bad(why)) => Decision::Refuse(format!(
            "{why}, and the file `synced` is not there to tell whether it ever was on the disk"
        )),
        (Some(synced), Ended::Whole { .. }) if next >= synced => Decision::Clean,
        (Some(synced), _) if next >= synced => Decision::CutOff,
        // The disk lost the end of the file: at most the last record, so that it is a torn one.
        (Some(synced), Ended::CutShort | Ended::Whole { with_file: true })
            if next + 1 == synced =>
        {
            Decision::CutOff
        }
        (Some(synced), _) => Decision::Refuse(format!(
            "{why}, though the records up to offset {synced} were on the disk"
        )),
    }
}

/// The same for a segment that is followed by another, which begins at `next_first`: it was on the
/// disk, whole, before that one was made.
fn decide_full(ended: Ended, next: u64, next_first: u64) -> Decision {
    match ended {
        Ended::Whole { .. } if next == next_first => Decision::Clean,
        Ended::Bad(why) => Decision::Refuse(why.to_owned()),
        Ended::Whole { .. } | Ended::CutShort => Decision::Refuse(format!(
            "the data ends, though the next segment begins at offset {next_first}"
        )),
    }
}

/// Reads what a partition holds, and refuses damage. Nothing is changed: the writer cuts the last
/// segment to the tail that it is told here. Checks the segments that the newest `bytes_max` bytes
/// are in.
pub(crate) fn examine(
    dir: &Path,
    partition: PartitionId,
    places: &Places,
    bytes_max: u64,
) -> Result<Found> {
    let segments = layout::segments(dir)?;
    let (Some(&start), Some(&last)) = (segments.first(), segments.last()) else {
        return Err(problem::corrupt_folder(dir, "the partition has no segment"));
    };
    let mut found = Found {
        start,
        tail: Tail { end: start, segment: start, position: segment::HEADER_BYTES },
        last_appended_at_ms: 0,
        checked_bytes: 0,
    };
    let checked = segments.get(unchecked(dir, &segments, bytes_max)?..).unwrap_or_default();
    let follows = checked.iter().skip(1).map(|first| Some(*first)).chain([None]);
    for (&first, next_first) in checked.iter().zip(follows) {
        let path = layout::segment_path(dir, first);
        let ended = walk(&path, partition, first, first == last, places, &mut found)?;
        let Tail { end, position, .. } = found.tail;
        let decision = match next_first {
            Some(next_first) => decide_full(ended, end, next_first),
            None => decide(ended, end, mark::read(dir).map(|tail| tail.end)),
        };
        match decision {
            Decision::Clean => {}
            Decision::CutOff => tracing::warn!(
                segment = %path.display(), byte = position, offset = end,
                "the log ends with a torn record"
            ),
            Decision::Refuse(why) => return Err(problem::corrupt(&path, position, end, &why)),
        }
    }
    Ok(found)
}

/// How many of the oldest segments are left unchecked.
fn unchecked(dir: &Path, segments: &[u64], bytes_max: u64) -> Result<usize> {
    let mut bytes = 0_u64;
    for (index, &first) in segments.iter().enumerate().rev() {
        let path = layout::segment_path(dir, first);
        let metadata = path.metadata().map_err(|error| problem::io("read", &path, error))?;
        bytes = bytes.saturating_add(metadata.len());
        if bytes > bytes_max && segments.len() - index > CHECKED_SEGMENTS_MIN {
            return Ok(index + 1);
        }
    }
    Ok(0)
}

/// Walks the frames of one segment and moves `found` to its end.
fn walk(
    path: &Path,
    partition: PartitionId,
    first: u64,
    is_last: bool,
    places: &Places,
    found: &mut Found,
) -> Result<Ended> {
    let file = File::open(path).map_err(|error| problem::io("open", path, error))?;
    found.tail = Tail { end: first, segment: first, position: segment::HEADER_BYTES };
    // A crash while a segment was made leaves it empty, and the one before it complete.
    if is_last && !segment::has_header(&file, path)? {
        return Ok(Ended::Whole { with_file: false });
    }
    segment::check_header(&file, path, partition, first)?;
    let limit = file.metadata().map_err(|error| problem::io("read", path, error))?.len();
    let mut cursor = Cursor::new(Arc::new(file), path.to_owned(), segment::HEADER_BYTES);
    loop {
        let position = cursor.position();
        let ended = match cursor.step() {
            Step::Frame { offset, appended_at_ms, .. } if offset == found.tail.end => {
                places.note(offset, Place { segment: first, position });
                found.tail.end += 1;
                found.tail.position = cursor.position();
                found.last_appended_at_ms = found.last_appended_at_ms.max(appended_at_ms);
                found.checked_bytes += cursor.position() - position;
                continue;
            }
            Step::Frame { .. } => Ended::Bad("the record there has another offset"),
            Step::Fill(_) if position == limit => Ended::Whole { with_file: true },
            Step::Fill(need) if cursor.fill(need, limit)? => continue,
            Step::Fill(_) => Ended::CutShort,
            Step::End => Ended::Whole { with_file: false },
            Step::Bad(why) => Ended::Bad(why),
        };
        return Ok(ended);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ZERO: Ended = Ended::Whole { with_file: false };
    const EOF: Ended = Ended::Whole { with_file: true };
    const BAD: Ended = Ended::Bad("bad");

    #[test]
    fn all_that_was_synced_is_there() {
        assert_eq!(decide(ZERO, 7, Some(7)), Decision::Clean);
        assert_eq!(decide(EOF, 8, Some(7)), Decision::Clean);
        assert_eq!(decide(Ended::CutShort, 7, Some(7)), Decision::CutOff);
        assert_eq!(decide(BAD, 7, Some(7)), Decision::CutOff);
    }

    #[test]
    fn only_the_last_record_may_be_torn() {
        assert_eq!(decide(Ended::CutShort, 6, Some(7)), Decision::CutOff);
        assert_eq!(decide(EOF, 6, Some(7)), Decision::CutOff);
        for ended in [Ended::CutShort, EOF] {
            assert!(matches!(decide(ended, 5, Some(7)), Decision::Refuse(_)));
        }
        for ended in [ZERO, BAD] {
            assert!(matches!(decide(ended, 6, Some(7)), Decision::Refuse(_)));
        }
    }

    #[test]
    fn a_full_segment_is_never_torn() {
        assert_eq!(decide_full(EOF, 7, 7), Decision::Clean);
        for (ended, next) in [(EOF, 6), (EOF, 8), (Ended::CutShort, 7), (BAD, 7)] {
            assert!(matches!(decide_full(ended, next, 7), Decision::Refuse(_)));
        }
    }

    #[test]
    fn without_a_mark_doubt_is_damage() {
        assert_eq!(decide(ZERO, 7, None), Decision::Clean);
        assert_eq!(decide(Ended::CutShort, 7, None), Decision::CutOff);
        assert!(matches!(decide(BAD, 7, None), Decision::Refuse(_)));
    }
}
