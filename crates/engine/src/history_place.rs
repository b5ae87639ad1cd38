//! Sealed history in object storage: the second home of a data folder's sealed files.
//!
//! ```text
//! PLACE/owner                          the one data folder whose history this is, by a random id
//! PLACE/history/<partition>/<file>     a sealed file
//! ```
//!
//! Sealed files are read and written by threads that may block, and object storage is asynchronous: a thread
//! of its own stands between.

use std::{
    fs,
    io::{self, Write as _},
    path::{Path, PathBuf},
    sync::mpsc,
    time::SystemTime,
};

use futures::future::BoxFuture;
use headwater_objects::{ErrorKind as ObjectsErrorKind, Key, Objects};
use headwater_store::Elsewhere;
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};

use crate::{Error, ErrorKind, Result};

const OWNER: &str = "owner";
const HISTORY: &str = "history";
/// The file of the data folder that holds its id.
const ID: &str = "history.id";
/// An id is 36 characters; more is no id.
const ID_BYTES_MAX: u64 = 64;

/// A place in object storage, or a folder, where a data folder's sealed history is kept.
#[derive(Debug)]
pub struct HistoryPlace {
    objects: Objects,
    local_bytes_max: u64,
    work: UnboundedSender<BoxFuture<'static, ()>>,
}

impl HistoryPlace {
    /// Opens the place for a data folder. It belongs to the folder that opened it first: what one sweeps
    /// away, another might need.
    pub async fn open(objects: Objects, data_dir: &Path, local_bytes_max: u64) -> Result<Self> {
        let id = own_id(data_dir)?;
        let key = Key::new(OWNER).map_err(from_objects)?;
        if !objects.put_bytes_if_absent(&key, id.clone().into()).await.map_err(from_objects)? {
            let owner = objects.get_bytes(&key, ID_BYTES_MAX).await.map_err(from_objects)?;
            if *owner != *id.as_bytes() {
                let what = format!(
                    "keep sealed history at {}: it is that of another data folder; name another place",
                    objects.url()
                );
                return Err(Error::new(ErrorKind::Reject, what));
            }
        }
        Self::of(objects, local_bytes_max)
    }

    /// The place for whoever only reads the folder.
    pub fn of(objects: Objects, local_bytes_max: u64) -> Result<Self> {
        let (work, mut asked) = unbounded_channel::<BoxFuture<'static, ()>>();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| Error::new(ErrorKind::Retry, format!("start a runtime: {error}")))?;
        let run = move || {
            runtime.block_on(async {
                while let Some(task) = asked.recv().await {
                    tokio::spawn(task);
                }
            });
        };
        std::thread::Builder::new()
            .name("history-place".to_owned())
            .spawn(run)
            .map_err(|error| Error::new(ErrorKind::Retry, format!("start a thread: {error}")))?;
        Ok(Self { objects, local_bytes_max, work })
    }

    /// Does asynchronous work while the caller waits. Each has one piece of work under way, so that no more
    /// is under way than threads read or write history.
    fn wait_for<T: Send + 'static>(
        &self,
        work: impl FnOnce(Objects) -> BoxFuture<'static, headwater_objects::Result<T>>,
    ) -> io::Result<T> {
        let (answer, answered) = mpsc::sync_channel(1);
        let work = work(self.objects.clone());
        let task = async move {
            // Whoever asked waits; if not, nobody needs the answer.
            let _ = answer.send(work.await);
        };
        let gone = || io::Error::other("the thread that reaches object storage has ended");
        self.work.send(Box::pin(task)).map_err(|_| gone())?;
        answered.recv().map_err(|_| gone())?.map_err(as_io)
    }
}

impl Elsewhere for HistoryPlace {
    fn describe(&self) -> String {
        self.objects.url().to_owned()
    }

    fn put(&self, name: &str, from: &Path) -> io::Result<()> {
        let (key, from) = (key(name)?, from.to_owned());
        self.wait_for(|objects| {
            Box::pin(async move { objects.put_file(&key, &from).await.map(|_| ()) })
        })
    }

    fn fetch(&self, name: &str, to: &Path) -> io::Result<()> {
        let (key, to) = (key(name)?, to.to_owned());
        self.wait_for(|objects| {
            Box::pin(async move { objects.get_file(&key, &to).await.map(|_| ()) })
        })
    }

    fn list(&self, partition: &str) -> io::Result<Vec<(String, SystemTime)>> {
        let prefix = key(partition)?;
        let listed =
            self.wait_for(|objects| Box::pin(async move { objects.list(&prefix).await }))?;
        let file = |key: &str| key.rsplit('/').next().unwrap_or_default().to_owned();
        Ok(listed.into_iter().map(|object| (file(object.key.as_str()), object.modified)).collect())
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        let key = key(name)?;
        self.wait_for(|objects| Box::pin(async move { objects.delete(&key).await }))
    }

    fn local_bytes_max(&self) -> u64 {
        self.local_bytes_max
    }
}

fn key(name: &str) -> io::Result<Key> {
    Key::new(format!("{HISTORY}/{name}")).map_err(as_io)
}

fn as_io(error: headwater_objects::Error) -> io::Error {
    let kind = match error.kind() {
        ObjectsErrorKind::NotFound => io::ErrorKind::NotFound,
        _ => io::ErrorKind::Other,
    };
    io::Error::new(kind, error.to_string())
}

fn from_objects(error: headwater_objects::Error) -> Error {
    let kind = match error.kind() {
        ObjectsErrorKind::Retry => ErrorKind::Retry,
        _ => ErrorKind::Reject,
    };
    Error::new(kind, error.to_string())
}

/// The data folder's id, made the first time.
fn own_id(data_dir: &Path) -> Result<String> {
    let path: PathBuf = data_dir.join(ID);
    let failed =
        |error: io::Error| Error::new(ErrorKind::Retry, format!("{}: {error}", path.display()));
    match fs::read_to_string(&path) {
        Ok(id) => return Ok(id.trim().to_owned()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(failed(error)),
    }
    let id = uuid::Uuid::now_v7().to_string();
    // Whole or not at all: half an id would be another folder's.
    let fresh = path.with_extension("id.new");
    let write = || {
        fs::create_dir_all(data_dir)?;
        let mut file = fs::File::create(&fresh)?;
        file.write_all(id.as_bytes())?;
        file.sync_all()?;
        fs::rename(&fresh, &path)?;
        fs::File::open(data_dir)?.sync_all()
    };
    write().map_err(failed)?;
    Ok(id)
}
