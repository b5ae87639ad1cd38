//! The one thread that appends to a partition, with group commit.
//!
//! All that waits in the queue is written by one system call and synced by one other. What asked
//! only to be written is answered before the sync, which then follows within [`SYNC_DELAY_MAX`].

use std::{
    fs::File,
    os::unix::fs::FileExt as _,
    path::PathBuf,
    sync::{Arc, mpsc},
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use headwater_event::Offset;
use headwater_log::{AppendAck, Error, Result};

use crate::{
    appender_queue::Request,
    frame, layout,
    mark::{Mark, Tail},
    partition::{Shared, TailSender},
    places::Place,
    problem,
    recovery::Found,
    segment,
};

/// `written` promises a sync within 10 ms; half of that is left for the sync itself.
const SYNC_DELAY_MAX: Duration = Duration::from_millis(5);
/// Larger groups make the first of them wait without making the disk faster.
const GROUP_BYTES_MAX: usize = 4 * 1024 * 1024;

/// The writing end of a partition.
pub(crate) struct Appender {
    shared: Arc<Shared>,
    tail: TailSender,
    mark: Mark,
    segment_bytes: u64,
    file: File,
    /// Where the written data ends; the last synced is `tail`'s.
    written: Tail,
    /// The frames that are to be written next, and the offset after them.
    buffer: Vec<u8>,
    next: u64,
    clock_ms: i64,
    unsynced_since: Option<Instant>,
    /// Why nothing can be appended any more.
    broken: Option<String>,
}

/// A request whose records are written or about to be.
struct Pending {
    request: Request,
    first: u64,
    end: u64,
}

impl Appender {
    /// Takes over a partition as it was found, and cuts off what follows its data.
    pub(crate) fn open(
        shared: Arc<Shared>,
        found: &Found,
        tail: TailSender,
        segment_bytes: u64,
    ) -> Result<Self> {
        let Tail { end, segment: first, .. } = found.tail;
        let path = layout::segment_path(&shared.dir, first);
        let opened = File::options().read(true).write(true).open(&path);
        let mut file = opened.map_err(|error| problem::io("open", &path, error))?;
        if !segment::has_header(&file, &path)? {
            file = segment::create(&shared.dir, shared.id, first, segment_bytes)?;
        }
        let mark = Mark::create(&shared.dir)?;
        let appender = Self {
            shared,
            tail,
            mark,
            segment_bytes,
            file,
            written: found.tail,
            buffer: Vec::new(),
            next: end,
            clock_ms: found.last_appended_at_ms,
            unsynced_since: None,
            broken: None,
        };
        appender.cut_back()?;
        // A crash may have left records that were written but not synced; now they are.
        appender.file.sync_all().map_err(|error| problem::io("sync", &path, error))?;
        appender.mark.write(appender.written)?;
        Ok(appender)
    }

    fn path(&self) -> PathBuf {
        layout::segment_path(&self.shared.dir, self.written.segment)
    }

    /// Serves the queue until it is closed; then syncs.
    pub(crate) fn run(mut self, queue: &mpsc::Receiver<Request>) {
        loop {
            let due =
                self.unsynced_since.map(|since| SYNC_DELAY_MAX.saturating_sub(since.elapsed()));
            let received = match due {
                None => queue.recv().map_err(|_| mpsc::RecvTimeoutError::Disconnected),
                Some(due) => queue.recv_timeout(due),
            };
            match received {
                Ok(first) => self.append_group(first, queue),
                Err(mpsc::RecvTimeoutError::Timeout) => self.sync_or_break(),
                Err(mpsc::RecvTimeoutError::Disconnected) => break,
            }
        }
        self.sync_or_break();
        if let Err(error) = self.mark.sync() {
            tracing::warn!(%error, "the mark of what is synced may be lost with the power");
        }
    }

    fn append_group(&mut self, first: Request, queue: &mpsc::Receiver<Request>) {
        let mut pending = Vec::new();
        let mut failed = None;
        let mut request = Some(first);
        while let Some(current) = request {
            let first = self.next;
            // After a failure the rest of the group is refused too, or its order would be broken.
            if failed.is_none() {
                failed = self.add(&current).err();
            }
            pending.push(Pending { request: current, first, end: self.next });
            let full = self.buffer.len() >= GROUP_BYTES_MAX || failed.is_some();
            request = if full { None } else { queue.try_recv().ok() };
        }
        if failed.is_none() {
            failed = self.flush().err();
        }
        self.answer(pending, failed.as_ref());
    }

    /// Puts the frames of a request into the buffer; begins new segments where they are due.
    fn add(&mut self, request: &Request) -> Result<()> {
        if let Some(why) = &self.broken {
            return Err(problem::closed(why.clone()));
        }
        let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let now_ms = i64::try_from(since_1970.as_millis()).unwrap_or(i64::MAX);
        // Monotone even if the machine's clock was set back.
        self.clock_ms = self.clock_ms.max(now_ms);
        for record in &request.records {
            let position = self.written.position + self.buffer.len() as u64;
            let len = frame::len_of(record) as u64;
            if position + len > self.segment_bytes && position > segment::HEADER_BYTES {
                self.flush()?;
                self.roll()?;
            }
            let position = self.written.position + self.buffer.len() as u64;
            let place = Place { segment: self.written.segment, position };
            self.shared.places.note(self.next, place);
            frame::encode(record, self.next, self.clock_ms, &mut self.buffer);
            self.next += 1;
        }
        Ok(())
    }

    /// Writes the buffer, or, if the disk does not take it, cuts back to what was written before.
    fn flush(&mut self) -> Result<()> {
        if self.buffer.is_empty() {
            return Ok(());
        }
        if let Err(error) = self.write_buffer() {
            self.forget_unwritten();
            if let Err(stuck) = self.cut_back() {
                self.broken = Some(format!("the log must be opened again: {stuck}"));
            }
            return Err(problem::io("write", &self.path(), error));
        }
        self.written.position += self.buffer.len() as u64;
        self.written.end = self.next;
        self.buffer.clear();
        self.unsynced_since.get_or_insert_with(Instant::now);
        Ok(())
    }

    fn write_buffer(&self) -> std::io::Result<()> {
        #[cfg(test)]
        crate::tests::full_disk(&self.shared.dir, &self.file, &self.buffer, self.written.position)?;
        self.file.write_all_at(&self.buffer, self.written.position)
    }

    fn forget_unwritten(&mut self) {
        self.buffer.clear();
        self.next = self.written.end;
        self.shared.places.forget_from(self.next);
    }

    /// Makes the file end with the written data, and be zero from there to its full length.
    fn cut_back(&self) -> Result<()> {
        let cut = self.file.set_len(self.written.position);
        let cut =
            cut.and_then(|()| self.file.set_len(self.segment_bytes.max(self.written.position)));
        cut.map_err(|error| problem::io("cut", &self.path(), error))
    }

    /// Ends the segment, which is then never written again, and begins the next.
    fn roll(&mut self) -> Result<()> {
        self.sync()?;
        let ended = self.file.set_len(self.written.position).and_then(|()| self.file.sync_all());
        ended.map_err(|error| problem::io("end", &self.path(), error))?;
        let first = self.written.end;
        let created = segment::create(&self.shared.dir, self.shared.id, first, self.segment_bytes);
        self.file = created?;
        self.written = Tail { end: first, segment: first, position: segment::HEADER_BYTES };
        Ok(())
    }

    /// Syncs what was written, and shows it to the readers.
    fn sync(&mut self) -> Result<()> {
        if let Some(why) = &self.broken {
            return Err(problem::closed(why.clone()));
        }
        if self.unsynced_since.is_some() {
            if let Err(error) = self.file.sync_data() {
                // Nobody knows what is on the disk now, and a second sync would not tell.
                let why = format!("sync {}: {error}: open the log again", self.path().display());
                tracing::error!(error = %why, "the log takes no more records");
                self.broken = Some(why.clone());
                return Err(problem::closed(why).caused_by(error));
            }
            self.unsynced_since = None;
        }
        if let Err(error) = self.mark.write(self.written) {
            tracing::warn!(%error, "readers in other processes lag behind");
        }
        self.tail.send_replace(self.written);
        Ok(())
    }

    fn sync_or_break(&mut self) {
        if self.broken.is_none() && self.sync().is_err() {
            // `sync` has told it, and everybody who appends from now on is told.
            self.unsynced_since = None;
        }
    }

    /// Tells each of a group how it went.
    fn answer(&mut self, pending: Vec<Pending>, failed: Option<&Error>) {
        if failed.is_some() {
            // The failed step may have left frames that nobody will be told of.
            self.forget_unwritten();
        }
        let (mut durable, mut refused) = (Vec::new(), Vec::new());
        for Pending { request, first, end } in pending {
            let offsets: Vec<Offset> = (first..end).map(Offset).collect();
            let whole = offsets.len() == request.records.len() && end <= self.written.end;
            // Whoever stopped waiting has no need of the answer.
            match (whole, request.ack) {
                (false, _) => refused.push(request.reply),
                (true, AppendAck::Written) => drop(request.reply.send(Ok(offsets))),
                (true, AppendAck::Durable) => durable.push((request.reply, offsets)),
            }
        }
        let overdue = self.unsynced_since.is_some_and(|since| since.elapsed() >= SYNC_DELAY_MAX);
        let synced = if durable.is_empty() && !overdue { Ok(()) } else { self.sync() };
        for (reply, offsets) in durable {
            let answer = match &synced {
                Ok(()) => Ok(offsets),
                Err(error) => Err(Error::new(error.kind(), error.to_string())),
            };
            let _ = reply.send(answer);
        }
        for reply in refused {
            let error = failed.map(|error| Error::new(error.kind(), error.to_string()));
            let _ = reply.send(Err(error.unwrap_or_else(|| problem::closed("the log was closed"))));
        }
    }
}
