//! The door: one place's objects, wherever it is.

use std::{path::Path, sync::Arc, time::SystemTime};

use bytes::Bytes;

use crate::{
    Properties,
    bucket::Bucket,
    error::{Error, Result},
    folder::Folder,
    key::Key,
    place::Place,
};

/// An object as a listing tells of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Object {
    /// Its name.
    pub key: Key,
    /// Its size.
    pub bytes: u64,
    /// When it was written, by the clock of whoever keeps it.
    pub modified: SystemTime,
}

/// The objects of one place. Cloning is cheap.
#[derive(Debug, Clone)]
pub struct Objects {
    home: Home,
    url: Arc<str>,
}

#[derive(Debug, Clone)]
enum Home {
    Folder(Folder),
    Bucket(Bucket),
}

impl Objects {
    /// The objects at a path, `file:///…` or `s3://bucket/prefix`. A folder need not exist yet. Asks
    /// nothing of a server: what is wrong with credentials is told by the first call that needs them.
    ///
    /// Properties are those of S3: `aws_access_key_id`, `aws_secret_access_key`, `aws_region`,
    /// `aws_endpoint`, `aws_allow_http`, `aws_virtual_hosted_style_request`, … An unknown one is
    /// refused; for a folder they are passed over.
    pub fn open(url: &str, properties: &Properties) -> Result<Self> {
        let place = Place::parse(url)?;
        let url = place.describe().into();
        let home = match place {
            Place::Folder(path) => Home::Folder(Folder::new(path)),
            Place::Bucket { bucket, prefix } => {
                Home::Bucket(Bucket::open(&bucket, prefix.as_ref(), properties)?)
            }
        };
        Ok(Self { home, url })
    }

    /// The place, for people: without secrets.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Writes a small object, over one of the same key.
    pub async fn put_bytes(&self, key: &Key, bytes: Bytes) -> Result<()> {
        match &self.home {
            Home::Folder(folder) => {
                let key = key.clone();
                folder.blocking(move |folder| folder.put(&key, &bytes, true)).await.map(|_| ())
            }
            Home::Bucket(bucket) => bucket.put(key, bytes, true).await.map(|_| ()),
        }
    }

    /// Writes a small object unless there is one of the same key; answers whether it was written. Of
    /// several callers at once one writes.
    pub async fn put_bytes_if_absent(&self, key: &Key, bytes: Bytes) -> Result<bool> {
        match &self.home {
            Home::Folder(folder) => {
                let key = key.clone();
                folder.blocking(move |folder| folder.put(&key, &bytes, false)).await
            }
            Home::Bucket(bucket) => bucket.put(key, bytes, false).await,
        }
    }

    /// Writes an object from a file, part by part, over one of the same key; answers its size.
    pub async fn put_file(&self, key: &Key, from: &Path) -> Result<u64> {
        match &self.home {
            Home::Folder(folder) => {
                let (key, from) = (key.clone(), from.to_owned());
                folder.blocking(move |folder| folder.put_file(&key, &from)).await
            }
            Home::Bucket(bucket) => bucket.put_file(key, from).await,
        }
    }

    /// A small object; one larger than `bytes_max` is refused before it is read.
    pub async fn get_bytes(&self, key: &Key, bytes_max: u64) -> Result<Bytes> {
        match &self.home {
            Home::Folder(folder) => {
                let key = key.clone();
                folder.blocking(move |folder| folder.get(&key, bytes_max)).await
            }
            Home::Bucket(bucket) => bucket.get(key, bytes_max).await,
        }
    }

    /// Reads an object into a file, which appears whole, synced, or not at all; answers its size.
    pub async fn get_file(&self, key: &Key, to: &Path) -> Result<u64> {
        match &self.home {
            Home::Folder(folder) => {
                let (key, to) = (key.clone(), to.to_owned());
                folder.blocking(move |folder| folder.get_file(&key, &to)).await
            }
            Home::Bucket(bucket) => bucket.get_file(key, to).await,
        }
    }

    /// Every object whose key begins with `prefix` and a slash, in the order of keys.
    pub async fn list(&self, prefix: &Key) -> Result<Vec<Object>> {
        let mut listed = match &self.home {
            Home::Folder(folder) => {
                let prefix = prefix.clone();
                folder.blocking(move |folder| folder.list(&prefix)).await?
            }
            Home::Bucket(bucket) => bucket.list(prefix).await?,
        };
        listed.sort_by(|a, b| a.key.cmp(&b.key));
        Ok(listed)
    }

    /// What there is to tell of an object; `None` if there is none.
    pub async fn find(&self, key: &Key) -> Result<Option<Object>> {
        match &self.home {
            Home::Folder(folder) => {
                let key = key.clone();
                folder.blocking(move |folder| folder.find(&key)).await
            }
            Home::Bucket(bucket) => bucket.find(key).await,
        }
    }

    /// Removes an object; one that is not there is removed already.
    pub async fn delete(&self, key: &Key) -> Result<()> {
        match &self.home {
            Home::Folder(folder) => {
                let key = key.clone();
                folder.blocking(move |folder| folder.delete(&key)).await
            }
            Home::Bucket(bucket) => bucket.delete(key).await,
        }
    }
}

/// More were listed than a listing holds.
pub(crate) fn too_many(place: &str) -> Error {
    let most = crate::limits::LISTED_MAX;
    Error::new(
        crate::ErrorKind::TooLarge,
        format!("list {place}: there are more than {most} objects; use another prefix"),
    )
}
