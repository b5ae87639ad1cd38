//! Reading a sealed file: keys and offsets first, the other columns once a row is wanted whole.

use std::{ops::Range, sync::Arc};

use bytes::Bytes;
use headwater_store::Entry;

use crate::{Result, SealedFile, group::Group};

/// Keys within a range, without the view's version; no end means to the last.
#[derive(Debug, Clone)]
pub(crate) struct KeyRange {
    pub(crate) start: Vec<u8>,
    pub(crate) end: Option<Vec<u8>>,
}

impl KeyRange {
    fn is_before_end(&self, key: &[u8]) -> bool {
        self.end.as_ref().is_none_or(|end| key < end.as_slice())
    }
}

/// Which versions a scan gives.
#[derive(Debug)]
enum Pick {
    /// Every one.
    All,
    /// Of each key in a range, the newest at or before an offset.
    Newest(KeyRange, i64),
}

/// The versions of a sealed file, by key and offset: all, or of each key in a range the newest at or
/// before an offset.
///
/// Standing at a version, a scan tells its key and offset; the row is made only if it is asked for, as
/// most versions that are met are older than what another file has.
#[derive(Debug)]
pub struct FileScan {
    file: SealedFile,
    pick: Pick,
    groups: Range<usize>,
    /// The group at hand, the rows of it that are wanted, and the place among them.
    group: Option<Arc<Group>>,
    wanted: Vec<usize>,
    place: usize,
    /// The group after, if it had to be looked at.
    ahead: Option<(usize, Arc<Group>)>,
}

impl FileScan {
    /// Every version.
    pub(crate) fn all(file: SealedFile) -> Self {
        let groups = 0..file.groups.len();
        Self::new(file, Pick::All, groups)
    }

    /// Of each key in the range, the newest version at or before an offset.
    pub(crate) fn newest(file: SealedFile, range: KeyRange, at: u64) -> Self {
        let first = file.groups.partition_point(|(_, last)| *last < range.start);
        let end = file.groups.partition_point(|(first, _)| range.is_before_end(first));
        let at = i64::try_from(at).unwrap_or(i64::MAX);
        Self::new(file, Pick::Newest(range, at), first..end.max(first))
    }

    fn new(file: SealedFile, pick: Pick, groups: Range<usize>) -> Self {
        Self { file, pick, groups, group: None, wanted: Vec::new(), place: 0, ahead: None }
    }

    /// The version at which the scan stands: its group, and its row there. `None` at the end.
    pub(crate) fn head(&mut self) -> Result<Option<(Arc<Group>, usize)>> {
        loop {
            if let (Some(group), Some(row)) = (&self.group, self.wanted.get(self.place)) {
                return Ok(Some((Arc::clone(group), *row)));
            }
            let Some(next) = self.groups.next() else { return Ok(None) };
            let group = self.group(next)?;
            self.wanted = self.pick(&group);
            self.place = 0;
            if self.is_older_than_next(&group, next)? {
                self.wanted.pop();
            }
            self.group = Some(group);
        }
    }

    /// Goes on to the next version.
    pub(crate) fn advance(&mut self) {
        self.place += 1;
    }

    /// The stored row of the version at which the scan stands; `None` if its event removed the row.
    pub(crate) fn row(&self) -> Result<Option<Vec<u8>>> {
        match (&self.group, self.wanted.get(self.place)) {
            (Some(group), Some(row)) => group.stored(&self.file, &self.wanted, *row),
            _ => Ok(None),
        }
    }

    fn group(&mut self, index: usize) -> Result<Arc<Group>> {
        match self.ahead.take() {
            Some((ahead, group)) if ahead == index => Ok(group),
            _ => Ok(Arc::new(Group::read(&self.file, index)?)),
        }
    }

    fn pick(&self, group: &Group) -> Vec<usize> {
        let (range, at) = match &self.pick {
            Pick::All => return (0..group.rows()).collect(),
            Pick::Newest(range, at) => (range, *at),
        };
        let mut wanted: Vec<usize> = Vec::new();
        let mut key: Option<&[u8]> = None;
        for row in group.from(&range.start)..group.rows() {
            let here = group.key(row);
            if !range.is_before_end(here) {
                break;
            }
            if group.offset(row) > at {
                continue;
            }
            if key == Some(here) {
                wanted.pop();
            }
            wanted.push(row);
            key = Some(here);
        }
        wanted
    }

    /// Whether the last wanted key goes on in the next group with a version that is wanted, too.
    fn is_older_than_next(&mut self, group: &Group, index: usize) -> Result<bool> {
        let Pick::Newest(_, at) = self.pick else { return Ok(false) };
        let next = index + 1;
        let goes_on = self.wanted.last().is_some_and(|last| {
            let first = self.file.groups.get(next).map(|(first, _)| &**first);
            self.groups.contains(&next) && first == Some(group.key(*last))
        });
        if !goes_on {
            return Ok(false);
        }
        let following = self.group(next)?;
        let newer = following.rows() > 0 && following.offset(0) <= at;
        self.ahead = Some((next, following));
        Ok(newer)
    }

    fn entry(&mut self) -> Result<Option<Entry>> {
        let Some((group, row)) = self.head()? else { return Ok(None) };
        let mut key = Vec::with_capacity(self.file.view.len() + group.key(row).len());
        key.extend_from_slice(&self.file.view);
        key.extend_from_slice(group.key(row));
        let offset = u64::try_from(group.offset(row)).map_err(|e| self.file.damaged(e))?;
        let entry = Entry { key: key.into(), offset, row: self.row()?.map(Bytes::from) };
        self.advance();
        Ok(Some(entry))
    }
}

impl Iterator for FileScan {
    type Item = Result<Entry>;

    fn next(&mut self) -> Option<Self::Item> {
        let next = self.entry().transpose()?;
        if next.is_err() {
            (self.groups, self.wanted) = (0..0, Vec::new());
        }
        Some(next)
    }
}
