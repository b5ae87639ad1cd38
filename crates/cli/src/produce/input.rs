//! Lines of a file or a pipe to batches of decoded events, on a thread of their own.

use std::{
    fs::File,
    io::{self, BufRead, BufReader, Read as _},
    path::Path,
};

use anyhow::Context as _;
use headwater_event::{Event, Refusal, decode_structured};
use headwater_topology::RECORD_BYTES_MAX;
use tokio::sync::mpsc;

use super::mapped::Mapped;
use crate::exit::misuse;

/// A batch: enough that one sync serves many, few enough that progress is seen.
const BATCH_EVENTS_MAX: usize = 1_000;
const BATCH_BYTES_MAX: usize = 1024 * 1024;
/// Batches that wait for the sender: one while another is on its way.
const BATCHES_AHEAD: usize = 1;
/// What is kept of a line; a longer one is too large whatever it holds.
const LINE_BYTES_MAX: usize = RECORD_BYTES_MAX + 1;
const BUFFER_BYTES: usize = 256 * 1024;
/// Some editors begin a file with it.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// One event and the line that it came from.
#[derive(Debug, Clone)]
pub(crate) struct Line {
    /// Counted from 1.
    pub(crate) number: u64,
    /// The event as JSON.
    pub(crate) json: Vec<u8>,
    /// The event.
    pub(crate) event: Event,
}

impl Line {
    /// An event that comes from no file.
    pub(crate) fn of_event(event: Event) -> Self {
        Self { number: 1, json: event.to_json().to_string().into_bytes(), event }
    }
}

/// Lines in their order.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    /// The events.
    pub(crate) lines: Vec<Line>,
    /// Lines that are no events, and why.
    pub(crate) refused: Vec<(u64, Refusal)>,
    /// Lines that a source passes over.
    pub(crate) passed_over: u64,
    /// The bytes read up to here.
    pub(crate) read_bytes: u64,
}

/// The batches of an input.
#[derive(Debug)]
pub(crate) struct Input {
    batches: mpsc::Receiver<io::Result<Batch>>,
    bytes: Option<u64>,
}

/// Opens a file, or standard input, whose lines are events, or what a source maps to events.
pub(super) fn open(file: Option<&Path>, mapped: Option<Mapped>) -> anyhow::Result<Input> {
    let (reader, bytes): (Box<dyn io::Read + Send>, _) = match file {
        None => (Box::new(io::stdin()), None),
        Some(path) => {
            let place = path.display();
            let file = File::open(path).map_err(|error| {
                misuse(format!("failed to read {place}: {error}; name a file of JSON lines, or -"))
            })?;
            let metadata = file.metadata().with_context(|| format!("failed to read {place}"))?;
            if metadata.is_dir() {
                return Err(misuse(format!("{place} is a folder; name a file of JSON lines")));
            }
            (Box::new(file), metadata.is_file().then_some(metadata.len()))
        }
    };
    let (sender, batches) = mpsc::channel(BATCHES_AHEAD);
    let reader = BufReader::with_capacity(BUFFER_BYTES, reader);
    // Not waited for: a pipe that never ends must not hold the end of the process.
    std::thread::Builder::new()
        .name("read-lines".to_owned())
        .spawn(move || read(reader, mapped.as_ref(), &sender))?;
    Ok(Input { batches, bytes })
}

impl Input {
    /// The next batch; `None` at the end.
    pub(crate) async fn next(&mut self) -> Option<anyhow::Result<Batch>> {
        let batch = self.batches.recv().await?;
        Some(batch.context("failed to read the input"))
    }

    /// The bytes of all, if the input is a file.
    pub(crate) fn bytes(&self) -> Option<u64> {
        self.bytes
    }
}

fn read(mut reader: impl BufRead, mapped: Option<&Mapped>, to: &mpsc::Sender<io::Result<Batch>>) {
    let mut batch = Batch::default();
    let (mut number, mut bytes) = (0, 0);
    loop {
        let mut json = Vec::new();
        match read_line(&mut reader, &mut json) {
            Err(error) => return drop(to.blocking_send(Err(error))),
            Ok(0) => break,
            Ok(read_bytes) => batch.read_bytes += read_bytes,
        }
        number += 1;
        let start = if number == 1 && json.starts_with(BYTE_ORDER_MARK) { 3 } else { 0 };
        let json = json.get(start..).unwrap_or_default().trim_ascii();
        if json.is_empty() {
            continue;
        }
        bytes += json.len();
        let event = match mapped {
            None => decode_structured(json).map(Some),
            Some(mapped) => mapped.map(number, json),
        };
        match event {
            Ok(Some(event)) if mapped.is_none() => {
                batch.lines.push(Line { number, json: json.to_vec(), event });
            }
            Ok(Some(event)) => batch.lines.push(Line { number, ..Line::of_event(event) }),
            Ok(None) => batch.passed_over += 1,
            Err(refusal) => batch.refused.push((number, refusal)),
        }
        if batch.lines.len() + batch.refused.len() >= BATCH_EVENTS_MAX || bytes >= BATCH_BYTES_MAX {
            let next = Batch { read_bytes: batch.read_bytes, ..Batch::default() };
            if to.blocking_send(Ok(std::mem::replace(&mut batch, next))).is_err() {
                return;
            }
            bytes = 0;
        }
    }
    if !batch.lines.is_empty() || !batch.refused.is_empty() || batch.passed_over > 0 {
        let _ = to.blocking_send(Ok(batch));
    }
}

/// Reads up to the end of the line, keeps no more than the limit of it, and answers how many bytes
/// were read; 0 at the end.
fn read_line(reader: &mut impl BufRead, line: &mut Vec<u8>) -> io::Result<u64> {
    let kept = u64::try_from(LINE_BYTES_MAX).unwrap_or(u64::MAX);
    let mut read = reader.by_ref().take(kept).read_until(b'\n', line)?;
    if read == LINE_BYTES_MAX && line.last() != Some(&b'\n') {
        read += reader.skip_until(b'\n')?;
    }
    Ok(u64::try_from(read).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn batches(text: &[u8]) -> Vec<Batch> {
        let (sender, mut receiver) = mpsc::channel(100);
        read(text, None, &sender);
        drop(sender);
        std::iter::from_fn(|| receiver.blocking_recv()).map(Result::unwrap).collect()
    }

    const EVENT: &str =
        r#"{"specversion":"1.0","id":"1","source":"s","type":"a.b","subject":"x","data":{}}"#;

    #[test]
    fn lines_are_counted_as_an_editor_does() {
        let text = format!("\u{feff}{EVENT}\n\n  \r\n{EVENT}\r\nnonsense\n{EVENT}");
        let batch = batches(text.as_bytes()).pop().unwrap();
        let numbers: Vec<_> = batch.lines.iter().map(|line| line.number).collect();
        assert_eq!(numbers, [1, 4, 6]);
        assert_eq!(batch.refused[0].0, 5);
        assert_eq!(batch.read_bytes, text.len() as u64);
    }

    #[test]
    fn a_line_without_end_does_not_fill_the_memory() {
        let mut text = vec![b'x'; 3 * LINE_BYTES_MAX];
        text.extend_from_slice(format!("\n{EVENT}\n").as_bytes());
        let all = batches(&text);
        let refused: Vec<_> = all.iter().flat_map(|batch| &batch.refused).collect();
        assert_eq!(refused.len(), 1);
        assert_eq!(refused[0].1.reason, headwater_event::Reason::TooLarge);
        assert_eq!(all.iter().flat_map(|batch| &batch.lines).count(), 1);
    }

    #[test]
    fn batches_are_bounded() {
        let text = format!("{EVENT}\n").repeat(2_500);
        let sizes: Vec<_> = batches(text.as_bytes()).iter().map(|b| b.lines.len()).collect();
        assert_eq!(sizes, [1_000, 1_000, 500]);
    }
}
