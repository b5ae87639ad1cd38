//! The stored rows of one table in one partition, in the order of their keys, by seeks.

use std::{collections::VecDeque, sync::Arc};

use headwater_fold::{
    KeyedBy, Table,
    codec::{TABLE_PREFIX_BYTES, read_key_text},
};

use crate::{
    Error, PartitionRows,
    filter::KeyFilter,
    moment::{KeyAndRow, KeysAndRows},
};

/// What is read next.
#[derive(Debug)]
enum Step {
    Get(Vec<u8>),
    Range(Vec<u8>, Vec<u8>),
}

/// Where the projects to read come from.
#[derive(Debug)]
enum Projects {
    /// These are left.
    Known(VecDeque<String>),
    /// Whichever has the first key from here on.
    From(Vec<u8>),
}

/// Walks over stored rows. It blocks.
pub(crate) struct Cursor {
    rows: Arc<dyn PartitionRows>,
    table: Arc<Table>,
    filter: Arc<KeyFilter>,
    projects: Projects,
    steps: VecDeque<Step>,
    current: Option<KeysAndRows>,
}

impl Cursor {
    pub(crate) fn new(
        rows: Arc<dyn PartitionRows>,
        table: Arc<Table>,
        filter: Arc<KeyFilter>,
    ) -> Self {
        let mut steps = VecDeque::new();
        let projects = match &filter.projects {
            Some(projects) => Projects::Known(projects.iter().cloned().collect()),
            // Without a word on the key, all projects are one range.
            None if filter.columns == 0 => {
                let prefix = table.prefix().to_vec();
                steps.push_back(Step::Range(prefix.clone(), after(prefix)));
                Projects::Known(VecDeque::new())
            }
            None => Projects::From(table.prefix().to_vec()),
        };
        Self { rows, table, filter, projects, steps, current: None }
    }

    /// The partition's rows.
    pub(crate) fn rows(&self) -> &Arc<dyn PartitionRows> {
        &self.rows
    }

    /// The next key and row.
    pub(crate) fn next(&mut self) -> Result<Option<KeyAndRow>, Error> {
        loop {
            if let Some(current) = &mut self.current {
                match current.next() {
                    Some(found) => return Ok(Some(found?)),
                    None => self.current = None,
                }
            }
            match self.steps.pop_front() {
                Some(Step::Range(start, end)) => self.current = Some(self.rows.scan(start, end)),
                Some(Step::Get(key)) => {
                    if let Some(row) = self.rows.get(&key)? {
                        return Ok(Some((key, row)));
                    }
                }
                None => match self.next_project()? {
                    Some(project) => self.seek_in(&project),
                    None => return Ok(None),
                },
            }
        }
    }

    fn next_project(&mut self) -> Result<Option<String>, Error> {
        match &mut self.projects {
            Projects::Known(left) => Ok(left.pop_front()),
            Projects::From(start) => {
                let end = after(self.table.prefix().to_vec());
                let Some(first) = self.rows.scan(start.clone(), end).next() else {
                    return Ok(None);
                };
                let (key, _) = first?;
                let mut rest = key.get(TABLE_PREFIX_BYTES..).unwrap_or_default();
                let project = read_key_text(&mut rest).map_err(|damage| {
                    Error::damaged(&self.table.full_name(), self.rows.id(), &damage)
                })?;
                *start = after(self.table.key_prefix(&project));
                Ok(Some(project))
            }
        }
    }

    fn seek_in(&mut self, project: &str) {
        let whole_key =
            self.table.keyed_by == KeyedBy::Key && self.filter.columns == self.table.key.len();
        let all_known = self.filter.columns == self.filter.known_columns;
        let prefix = self.table.key_prefix(project);
        self.steps.extend(self.filter.suffixes.iter().map(|suffix| {
            let mut key = prefix.clone();
            key.extend_from_slice(suffix);
            if let (Some((start, end)), true) = (&self.filter.within, all_known) {
                let with = |time: &[u8]| [&key, time].concat();
                return Step::Range(with(start), with(end));
            }
            if whole_key { Step::Get(key) } else { Step::Range(key.clone(), after(key)) }
        }));
    }
}

/// The least key after all that begin with these bytes.
fn after(mut prefix: Vec<u8>) -> Vec<u8> {
    while let Some(last) = prefix.pop() {
        if let Some(next) = last.checked_add(1) {
            prefix.push(next);
            return prefix;
        }
    }
    // Only a version of eight bytes 0xff comes here; longer than any prefix of it.
    vec![0xff; 64]
}
