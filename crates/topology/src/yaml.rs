//! A YAML text as a tree in which every key and value knows its place.
//!
//! All scalars stay text: what `7` or `yes` means is for the reader of the key to say. A key that
//! stands twice is told and its second value dropped. Anchors, aliases and own tags are refused.

use saphyr_parser::{Event, Marker, Parser, ScalarStyle, Tag};

use crate::{
    limits::{FILE_BYTES_MAX, NESTING_MAX},
    problem::Problems,
    source::{At, SourceFile},
};

/// A value and its place.
#[derive(Debug)]
pub(crate) struct Node<'a> {
    /// Where it begins.
    pub(crate) at: At<'a>,
    /// What it is.
    pub(crate) kind: Kind<'a>,
}

/// What a node is.
#[derive(Debug)]
pub(crate) enum Kind<'a> {
    /// No value, `~` or `null`.
    Nothing,
    /// A scalar.
    Text(String),
    /// A sequence.
    List(Vec<Node<'a>>),
    /// A mapping, in the file's order, each key once.
    Map(Vec<Entry<'a>>),
    /// Something of which the problem is told already.
    Refused,
}

/// One entry of a mapping.
#[derive(Debug)]
pub(crate) struct Entry<'a> {
    /// The key.
    pub(crate) key: String,
    /// Where the key stands.
    pub(crate) at: At<'a>,
    /// The value.
    pub(crate) value: Node<'a>,
}

/// The file cannot be read as one YAML document; the problem is told.
#[derive(Debug)]
pub(crate) struct Unreadable;

/// Reads one file; a file of comments holds nothing.
pub(crate) fn read<'a>(
    file: &'a SourceFile,
    problems: &mut Problems,
) -> Result<Option<Node<'a>>, Unreadable> {
    let start = At::start_of(&file.path);
    if file.text.len() > FILE_BYTES_MAX {
        let message =
            format!("the file has {} bytes; {FILE_BYTES_MAX} are allowed", file.text.len());
        problems.add(start, message, "spread the declarations over several files");
        return Err(Unreadable);
    }
    let text = file.text.strip_prefix('\u{feff}').unwrap_or(&file.text);
    let mut tree = Tree { file: &file.path, open: Vec::new(), root: None, documents: 0 };
    for event in Parser::new_from_str(text) {
        match event {
            Ok((event, span)) => tree.take(event, span.start, problems)?,
            Err(error) => {
                let at = place(&file.path, *error.marker());
                let message = format!("this is not YAML: {}", error.info());
                problems.add(at, message, "mend the syntax; what follows it was not checked");
                return Err(Unreadable);
            }
        }
    }
    Ok(tree.root)
}

fn place(file: &str, marker: Marker) -> At<'_> {
    At { file, line: marker.line().max(1), column: marker.col() + 1 }
}

/// The tree as far as it is read.
struct Tree<'a> {
    file: &'a str,
    open: Vec<Open<'a>>,
    root: Option<Node<'a>>,
    documents: usize,
}

/// A collection whose end is not read yet.
enum Open<'a> {
    List(At<'a>, Vec<Node<'a>>),
    Map(At<'a>, Vec<Entry<'a>>, Key<'a>),
}

/// The key whose value comes next.
enum Key<'a> {
    Awaited,
    Named(String, At<'a>),
    Refused,
}

impl<'a> Tree<'a> {
    fn take(
        &mut self,
        event: Event<'_>,
        marker: Marker,
        problems: &mut Problems,
    ) -> Result<(), Unreadable> {
        let at = place(self.file, marker);
        match event {
            Event::DocumentStart(_) => self.begin_document(at, problems)?,
            Event::Scalar(text, style, anchor, tag) => {
                refuse_extras(at, anchor, tag.as_deref(), problems);
                let kind = match (style, text.as_ref()) {
                    (ScalarStyle::Plain, "" | "~" | "null" | "Null" | "NULL") => Kind::Nothing,
                    _ => Kind::Text(text.into_owned()),
                };
                self.put(Node { at, kind }, problems);
            }
            Event::Alias(_) => {
                problems.add(at, "aliases are not read here", "write the value out");
                self.put(Node { at, kind: Kind::Refused }, problems);
            }
            Event::SequenceStart(anchor, tag) => {
                refuse_extras(at, anchor, tag.as_deref(), problems);
                self.descend(Open::List(at, Vec::new()), at, problems)?;
            }
            Event::MappingStart(anchor, tag) => {
                refuse_extras(at, anchor, tag.as_deref(), problems);
                self.descend(Open::Map(at, Vec::new(), Key::Awaited), at, problems)?;
            }
            Event::SequenceEnd | Event::MappingEnd => {
                let closed = match self.open.pop() {
                    Some(Open::List(at, nodes)) => Node { at, kind: Kind::List(nodes) },
                    Some(Open::Map(at, entries, _)) => Node { at, kind: Kind::Map(entries) },
                    None => return Ok(()),
                };
                self.put(closed, problems);
            }
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => {}
        }
        Ok(())
    }

    fn begin_document(&mut self, at: At<'a>, problems: &mut Problems) -> Result<(), Unreadable> {
        self.documents += 1;
        if self.documents > 1 {
            let help = "give each document a file of its own";
            problems.add(at, "a second YAML document begins here", help);
            return Err(Unreadable);
        }
        Ok(())
    }

    fn descend(
        &mut self,
        open: Open<'a>,
        at: At<'a>,
        problems: &mut Problems,
    ) -> Result<(), Unreadable> {
        if self.open.len() >= NESTING_MAX {
            let message = format!("this nests deeper than {NESTING_MAX} levels");
            problems.add(at, message, "no declaration needs so many");
            return Err(Unreadable);
        }
        self.open.push(open);
        Ok(())
    }

    fn put(&mut self, node: Node<'a>, problems: &mut Problems) {
        match self.open.last_mut() {
            None => self.root = Some(node),
            Some(Open::List(_, nodes)) => nodes.push(node),
            Some(Open::Map(_, entries, key)) => match std::mem::replace(key, Key::Awaited) {
                Key::Awaited => *key = read_key(node, problems),
                Key::Refused => {}
                Key::Named(name, at) => put_entry(entries, name, at, node, problems),
            },
        }
    }
}

fn read_key<'a>(node: Node<'a>, problems: &mut Problems) -> Key<'a> {
    match node.kind {
        Kind::Text(name) => Key::Named(name, node.at),
        Kind::Refused => Key::Refused,
        Kind::Nothing | Kind::List(_) | Kind::Map(_) => {
            problems.add(node.at, "a key must be a plain word", "write `key: value`");
            Key::Refused
        }
    }
}

fn put_entry<'a>(
    entries: &mut Vec<Entry<'a>>,
    key: String,
    at: At<'a>,
    value: Node<'a>,
    problems: &mut Problems,
) {
    if let Some(first) = entries.iter().find(|entry| entry.key == key) {
        let message = format!("`{key}` stands twice here, first at line {}", first.at.line);
        problems.add(at, message, "keep one of them, or give them different names");
        return;
    }
    entries.push(Entry { key, at, value });
}

fn refuse_extras(at: At<'_>, anchor: usize, tag: Option<&Tag>, problems: &mut Problems) {
    if anchor > 0 {
        problems.add(at, "anchors are not read here", "leave the `&name` out");
    }
    if let Some(tag) = tag.filter(|tag| !tag.is_yaml_core_schema()) {
        let message = format!("the tag `{tag}` means nothing here");
        problems.add(at, message, "leave the tag out");
    }
}
