//! Whom a command talks to: a running server, or a data folder.

use std::{
    env,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use clap::Args;

use crate::{client::Server, data_dir::DataDir, exit::misuse, server_file};

/// The data folder of those who name none.
pub(crate) const DATA_DEFAULT: &str = "headwater-data";
const URL_VARIABLE: &str = "HEADWATER_URL";
const DATA_VARIABLE: &str = "HEADWATER_DATA";
/// A server that is starting has not written its address yet: it may have much to fold.
const ADDRESS_WAIT: Duration = Duration::from_secs(10);
const ADDRESS_POLL: Duration = Duration::from_millis(50);

/// `--url` or `--data`.
#[derive(Debug, Clone, Args)]
pub(crate) struct TargetArgs {
    /// The server to talk to [env: HEADWATER_URL]
    #[arg(long, value_name = "URL", conflicts_with = "data")]
    url: Option<String>,
    /// The data folder [env: HEADWATER_DATA] [default: headwater-data]
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
}

/// Whom a command talks to.
pub(crate) enum Target {
    /// A running server.
    Server(Server),
    /// A data folder.
    Folder(DataDir),
}

/// What was named, by flags first, then by the environment.
enum Named {
    Url(String),
    Data(DataDir),
    Default(DataDir),
}

impl TargetArgs {
    fn named(&self) -> Named {
        let variable = |name| env::var(name).ok().filter(|value| !value.is_empty());
        match (&self.url, &self.data) {
            (Some(url), _) => Named::Url(url.clone()),
            (None, Some(dir)) => Named::Data(DataDir::new(dir)),
            (None, None) => match (variable(URL_VARIABLE), variable(DATA_VARIABLE)) {
                (Some(url), _) => Named::Url(url),
                (None, Some(dir)) => Named::Data(DataDir::new(dir)),
                (None, None) => Named::Default(DataDir::new(DATA_DEFAULT)),
            },
        }
    }

    /// For reading, a folder is opened itself, whether or not a server runs on it.
    pub(crate) fn to_read(&self) -> anyhow::Result<Target> {
        match self.named() {
            Named::Url(url) => Ok(Target::Server(Server::new(&url)?)),
            Named::Data(dir) => Ok(Target::Folder(dir)),
            Named::Default(dir) => there(dir).map(Target::Folder),
        }
    }

    /// Whether nobody was named and there is no data folder where one would be by default.
    pub(crate) fn is_nobody(&self) -> bool {
        matches!(self.named(), Named::Default(dir) if !dir.has_log())
    }

    /// Whether a data folder was named that is yet to be made.
    pub(crate) fn is_new(&self) -> bool {
        matches!(self.named(), Named::Data(dir) | Named::Default(dir) if !dir.has_log())
    }

    /// For writing, the server that runs on a folder is asked; only if none does is it opened itself.
    pub(crate) async fn to_write(&self) -> anyhow::Result<Target> {
        let dir = match self.named() {
            Named::Url(url) => return Ok(Target::Server(Server::new(&url)?)),
            Named::Data(dir) => dir,
            Named::Default(dir) => there(dir)?,
        };
        match running_server(&dir).await? {
            Some(url) => Ok(Target::Server(Server::new(&url)?)),
            None => Ok(Target::Folder(dir)),
        }
    }

    /// The data folder, for what only the folder itself can tell.
    pub(crate) fn folder(&self, why: &str) -> anyhow::Result<DataDir> {
        match self.to_read()? {
            Target::Folder(dir) => Ok(dir),
            Target::Server(_) => Err(misuse(format!("{why}: give --data DIR instead of --url"))),
        }
    }
}

/// A folder that nobody named must at least exist.
fn there(dir: DataDir) -> anyhow::Result<DataDir> {
    if dir.has_log() {
        return Ok(dir);
    }
    Err(misuse(format!(
        "neither a server nor a data folder was named, and there is no {DATA_DEFAULT} in this \
         folder: start `headwater serve`, or give --url URL or --data DIR"
    )))
}

/// The address of the server that runs on a folder, once it is ready; `None` if none runs.
async fn running_server(dir: &DataDir) -> anyhow::Result<Option<String>> {
    let started = Instant::now();
    while dir.is_in_use() {
        if let Some(addresses) = server_file::read(dir)? {
            return Ok(Some(addresses.http));
        }
        if started.elapsed() > ADDRESS_WAIT {
            let place = Path::display(dir.path());
            anyhow::bail!(
                "another process writes the data folder {place} and tells no address: try again \
                 when it is done"
            );
        }
        tokio::time::sleep(ADDRESS_POLL).await;
    }
    Ok(None)
}
