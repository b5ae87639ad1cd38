//! Objects in S3-compatible storage, through `object_store`.

use std::{path::Path, sync::Arc};

use bytes::Bytes;
use futures::{StreamExt as _, TryStreamExt as _};
use object_store::{
    ClientOptions, ObjectMeta, ObjectStore, ObjectStoreExt as _, PutMode, RetryConfig,
    WriteMultipart,
    aws::{AmazonS3Builder, AmazonS3ConfigKey},
    path::Path as ObjectPath,
    prefix::PrefixStore,
};
use tokio::{
    fs::{self, File},
    io::{AsyncReadExt as _, AsyncWriteExt as _},
};

use crate::{
    Properties,
    error::{Error, ErrorKind, Result},
    folder::{make_folders, too_large, unfinished},
    key::Key,
    limits::{
        CONNECT_TIMEOUT, LISTED_MAX, PART_BYTES, PARTS_IN_FLIGHT_MAX, PARTS_MAX, REQUEST_TIMEOUT,
        RETRIES_MAX, RETRY_TIME_MAX,
    },
    objects::{Object, too_many},
    secrets::Secrets,
};

/// Properties that say by whom requests are signed.
const CREDENTIALS: [AmazonS3ConfigKey; 6] = [
    AmazonS3ConfigKey::AccessKeyId,
    AmazonS3ConfigKey::WebIdentityTokenFile,
    AmazonS3ConfigKey::ContainerCredentialsRelativeUri,
    AmazonS3ConfigKey::ContainerCredentialsFullUri,
    AmazonS3ConfigKey::MetadataEndpoint,
    AmazonS3ConfigKey::SkipSignature,
];

/// A bucket, or what is under a prefix of it.
#[derive(Debug, Clone)]
pub(crate) struct Bucket {
    store: Arc<dyn ObjectStore>,
    /// For people.
    url: Arc<str>,
    secrets: Arc<Secrets>,
}

impl Bucket {
    pub(crate) fn open(
        bucket: &str,
        prefix: Option<&Key>,
        properties: &Properties,
    ) -> Result<Self> {
        let url = match prefix {
            None => format!("s3://{bucket}"),
            Some(prefix) => format!("s3://{bucket}/{prefix}"),
        };
        let secrets = Secrets::of(properties);
        let options = ClientOptions::new()
            .with_connect_timeout(CONNECT_TIMEOUT)
            .with_timeout(REQUEST_TIMEOUT);
        let retry = RetryConfig {
            max_retries: RETRIES_MAX,
            retry_timeout: RETRY_TIME_MAX,
            ..RetryConfig::default()
        };
        let builder = AmazonS3Builder::new()
            .with_client_options(options)
            .with_retry(retry)
            .with_bucket_name(bucket);
        let store = configured(builder, &url, properties)?
            .build()
            .map_err(|error| Error::reject(format!("open {url}: {}", secrets.told(&error))))?;
        let prefix = ObjectPath::from(prefix.map_or("", Key::as_str));
        let store = Arc::new(PrefixStore::new(store, prefix));
        Ok(Self { store, url: url.into(), secrets: Arc::new(secrets) })
    }

    /// Writes an object; `false` if there is one and it is not to be written over.
    pub(crate) async fn put(&self, key: &Key, bytes: Bytes, over: bool) -> Result<bool> {
        let mode = if over { PutMode::Overwrite } else { PutMode::Create };
        match self.store.put_opts(&path(key), bytes.into(), mode.into()).await {
            Ok(_) => Ok(true),
            Err(
                object_store::Error::AlreadyExists { .. }
                | object_store::Error::Precondition { .. },
            ) if !over => Ok(false),
            Err(error) => Err(self.failed("write", key, &error)),
        }
    }

    pub(crate) async fn put_file(&self, key: &Key, from: &Path) -> Result<u64> {
        let unread = |error: std::io::Error| Error::io("read", &from.display().to_string(), &error);
        let mut file = File::open(from).await.map_err(unread)?;
        let bytes = file.metadata().await.map_err(unread)?.len();
        let part_bytes = PART_BYTES.max(bytes.div_ceil(PARTS_MAX));
        if bytes <= part_bytes {
            let mut whole = Vec::new();
            file.read_to_end(&mut whole).await.map_err(unread)?;
            let bytes = whole.len() as u64;
            self.put(key, whole.into(), true).await?;
            return Ok(bytes);
        }
        let failed = |error| self.failed("write", key, &error);
        let upload = self.store.put_multipart(&path(key)).await.map_err(failed)?;
        let part_bytes = usize::try_from(part_bytes).unwrap_or(usize::MAX);
        let mut upload = WriteMultipart::new_with_chunk_size(upload, part_bytes);
        let mut written = 0;
        let sent: Result<()> = async {
            loop {
                let mut part = Vec::with_capacity(part_bytes);
                let limit = part_bytes as u64;
                (&mut file).take(limit).read_to_end(&mut part).await.map_err(unread)?;
                if part.is_empty() {
                    return Ok(());
                }
                written += part.len() as u64;
                upload.wait_for_capacity(PARTS_IN_FLIGHT_MAX).await.map_err(failed)?;
                upload.put(part.into());
            }
        }
        .await;
        match sent {
            Ok(()) => upload.finish().await.map_err(failed).map(|_| written),
            Err(error) => {
                // Parts without their object cost room; if this fails, the bucket's own rule for
                // unfinished uploads takes them.
                if let Err(error) = upload.abort().await {
                    let told = self.secrets.told(&error);
                    tracing::warn!(url = &*self.url, %key, error = told, "an upload is left unfinished");
                }
                Err(error)
            }
        }
    }

    pub(crate) async fn get(&self, key: &Key, bytes_max: u64) -> Result<Bytes> {
        let failed = |error| self.failed("read", key, &error);
        let found = self.store.get(&path(key)).await.map_err(failed)?;
        if found.meta.size > bytes_max {
            return Err(too_large(&format!("{}/{key}", self.url), bytes_max));
        }
        found.bytes().await.map_err(failed)
    }

    pub(crate) async fn get_file(&self, key: &Key, to: &Path) -> Result<u64> {
        let failed = |error| self.failed("read", key, &error);
        let mut parts = self.store.get(&path(key)).await.map_err(failed)?.into_stream();
        let folder = to.parent().unwrap_or(Path::new(".")).to_owned();
        let fresh = unfinished(&folder);
        let unwritten =
            |error: std::io::Error| Error::io("write", &to.display().to_string(), &error);
        let filled: Result<u64> = async {
            make_folders(&folder).map_err(unwritten)?;
            let mut file = File::create_new(&fresh).await.map_err(unwritten)?;
            let mut bytes = 0;
            while let Some(part) = parts.next().await {
                let part = part.map_err(failed)?;
                bytes += part.len() as u64;
                file.write_all(&part).await.map_err(unwritten)?;
            }
            file.flush().await.map_err(unwritten)?;
            file.sync_all().await.map_err(unwritten)?;
            fs::rename(&fresh, to).await.map_err(unwritten)?;
            File::open(&folder).await.map_err(unwritten)?.sync_all().await.map_err(unwritten)?;
            Ok(bytes)
        }
        .await;
        if filled.is_err() {
            let _ = fs::remove_file(&fresh).await;
        }
        filled
    }

    pub(crate) async fn list(&self, prefix: &Key) -> Result<Vec<Object>> {
        let at = path(prefix);
        let mut listed = self.store.list(Some(&at));
        let mut found = Vec::new();
        while let Some(meta) =
            listed.try_next().await.map_err(|e| self.failed("list", prefix, &e))?
        {
            // What is no key was not written by us.
            found.extend(object(&meta));
            if found.len() > LISTED_MAX {
                return Err(too_many(&format!("{}/{prefix}", self.url)));
            }
        }
        Ok(found)
    }

    pub(crate) async fn find(&self, key: &Key) -> Result<Option<Object>> {
        match self.store.head(&path(key)).await {
            // Under its own name: of one object the prefix is told, too.
            Ok(meta) => Ok(Some(told(key.clone(), &meta))),
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(self.failed("look for", key, &error)),
        }
    }

    pub(crate) async fn delete(&self, key: &Key) -> Result<()> {
        match self.store.delete(&path(key)).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(self.failed("remove", key, &error)),
        }
    }

    fn failed(&self, what: &str, key: &Key, error: &object_store::Error) -> Error {
        let told = self.secrets.told(error);
        let (kind, advice) = kind_of(error, &told);
        Error::new(kind, format!("{what} {}/{key}: {told}{advice}", self.url))
    }
}

/// Whether there is such a property of object storage; the bucket is none, it stands in the URL.
pub fn is_property(name: &str) -> bool {
    name.parse::<AmazonS3ConfigKey>().is_ok_and(|key| key != AmazonS3ConfigKey::Bucket)
}

/// The properties as the builder takes them; one that it does not know is refused, for a misspelt one
/// that is passed over may send data elsewhere.
fn configured(
    mut builder: AmazonS3Builder,
    url: &str,
    properties: &Properties,
) -> Result<AmazonS3Builder> {
    let mut signed = false;
    for (name, value) in properties {
        let key: AmazonS3ConfigKey = name
            .parse()
            .map_err(|_| Error::reject(format!("open {url}: there is no property {name}")))?;
        if key == AmazonS3ConfigKey::Bucket {
            return Err(Error::reject(format!("open {url}: the bucket stands in the URL only")));
        }
        let is_address = matches!(key, AmazonS3ConfigKey::Endpoint | AmazonS3ConfigKey::S3Endpoint);
        if is_address && value.contains('@') {
            return Err(Error::reject(format!("open {url}: {name} holds no credentials")));
        }
        signed |= CREDENTIALS.contains(&key);
        builder = builder.with_config(key, value);
    }
    if !signed {
        return Err(Error::reject(format!(
            "open {url}: there are no credentials; set AWS_ACCESS_KEY_ID and \
             AWS_SECRET_ACCESS_KEY, or, for those of the machine that this runs on, \
             AWS_METADATA_ENDPOINT"
        )));
    }
    Ok(builder)
}

fn path(key: &Key) -> ObjectPath {
    ObjectPath::from(key.as_str())
}

fn object(meta: &ObjectMeta) -> Option<Object> {
    Some(told(Key::new(meta.location.as_ref()).ok()?, meta))
}

fn told(key: Key, meta: &ObjectMeta) -> Object {
    Object { key, bytes: meta.size, modified: meta.last_modified.into() }
}

/// What the caller must do, and how it is told.
fn kind_of(error: &object_store::Error, told: &str) -> (ErrorKind, &'static str) {
    use object_store::Error as Store;
    match error {
        // A bucket that is not there is no object that is not there.
        _ if told.contains("NoSuchBucket") => (ErrorKind::Reject, "; make the bucket first"),
        Store::NotFound { .. } => (ErrorKind::NotFound, ""),
        Store::PermissionDenied { .. } | Store::Unauthenticated { .. } => {
            (ErrorKind::Reject, "; check the AWS_… variables and what their key may do")
        }
        Store::InvalidPath { .. } | Store::NotSupported { .. } | Store::NotImplemented { .. } => {
            (ErrorKind::Reject, "")
        }
        _ => (ErrorKind::Retry, "; try again later"),
    }
}
