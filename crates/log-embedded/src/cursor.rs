//! Walks the frames of one segment file, with few and large reads.

use std::{fs::File, os::unix::fs::FileExt as _, path::PathBuf, sync::Arc};

use bytes::{Bytes, BytesMut};
use headwater_log::Result;

use crate::{
    frame::{self, Measured},
    problem,
};

/// One system call for some 3,000 events of 300 bytes; smaller reads are slower, larger ones no
/// faster.
const CHUNK_BYTES: usize = 1024 * 1024;

/// A place in a segment file, and the bytes that were read from there on.
#[derive(Debug, Clone)]
pub(crate) struct Cursor {
    file: Arc<File>,
    path: Arc<PathBuf>,
    position: u64,
    /// The bytes from `position` on.
    ahead: Bytes,
}

/// What stands at a cursor's place.
pub(crate) enum Step {
    /// A whole frame with a right checksum.
    Frame {
        /// All its bytes.
        bytes: Bytes,
        /// The record's offset.
        offset: u64,
        /// When the record was appended.
        appended_at_ms: i64,
    },
    /// More bytes must be read: so many from the place on.
    Fill(usize),
    /// A frame of length zero.
    End,
    /// No frame, and why.
    Bad(&'static str),
}

impl Cursor {
    /// A cursor at this byte of a file.
    pub(crate) fn new(file: Arc<File>, path: PathBuf, position: u64) -> Self {
        Self { file, path: Arc::new(path), position, ahead: Bytes::new() }
    }

    /// The byte at which the next step looks.
    pub(crate) fn position(&self) -> u64 {
        self.position
    }

    /// The file's path, for messages.
    pub(crate) fn path(&self) -> &PathBuf {
        &self.path
    }

    /// The bytes that the file has now. Blocks.
    pub(crate) fn file_len(&self) -> Result<u64> {
        let metadata = self.file.metadata();
        Ok(metadata.map_err(|error| problem::io("read", &self.path, error))?.len())
    }

    /// Looks at the next frame among the bytes that were read, and passes it if it is whole.
    pub(crate) fn step(&mut self) -> Step {
        match frame::measure(&self.ahead) {
            Measured::Whole { len, offset, appended_at_ms } => {
                let bytes = self.ahead.split_to(len);
                self.position += len as u64;
                Step::Frame { bytes, offset, appended_at_ms }
            }
            Measured::Short(len) => Step::Fill(len),
            Measured::End => Step::End,
            Measured::Bad(why) => Step::Bad(why),
        }
    }

    /// Reads at least `need` bytes from the place on, none at or past the byte `limit`; `false` if
    /// there are not so many. Blocks.
    pub(crate) fn fill(&mut self, need: usize, limit: u64) -> Result<bool> {
        let available = usize::try_from(limit.saturating_sub(self.position)).unwrap_or(usize::MAX);
        let mut buffer = BytesMut::zeroed(need.max(CHUNK_BYTES).min(available));
        let mut filled = 0;
        while let Some(room) = buffer.get_mut(filled..).filter(|room| !room.is_empty()) {
            match self.file.read_at(room, self.position + filled as u64) {
                Ok(0) => break,
                Ok(count) => filled += count,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(error) => return Err(problem::io("read", &self.path, error)),
            }
        }
        buffer.truncate(filled);
        self.ahead = buffer.freeze();
        Ok(filled >= need)
    }
}
