//! `PATH`, `file:///…`, `s3://bucket/prefix`: where objects are.

use std::path::PathBuf;

use crate::{
    error::{Error, Result},
    key::Key,
};

/// Where objects are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Place {
    /// In a folder.
    Folder(PathBuf),
    /// In a bucket, under a prefix if one is named.
    Bucket { bucket: String, prefix: Option<Key> },
}

/// Whether a property's value must never be shown, nor stand in a file but as a reference.
pub fn is_secret_property(name: &str) -> bool {
    let name = name.trim_start_matches("aws_");
    matches!(name, "access_key_id" | "secret_access_key" | "session_token" | "token" | "proxy_url")
        || name.contains("customer_key")
}

impl Place {
    /// Reads a path or a URL.
    pub(crate) fn parse(text: &str) -> Result<Self> {
        let refused = |why: &str| {
            // What stands before an `@` may be a password.
            let shown = text.rsplit_once('@').map_or(text, |(_, rest)| rest);
            Error::reject(format!(
                "open {shown:?}: {why}; write a path, file:///PATH or s3://BUCKET/PREFIX"
            ))
        };
        let Some((scheme, rest)) = text.split_once("://") else {
            return match text {
                "" => Err(refused("it is empty")),
                _ => Ok(Self::Folder(PathBuf::from(text))),
            };
        };
        match scheme {
            "file" if rest.starts_with('/') => Ok(Self::Folder(PathBuf::from(rest))),
            "file" => Err(refused("a file URL names no host, and a whole path")),
            "s3" => {
                if rest.contains(['@', '?', '#']) {
                    return Err(refused(
                        "a bucket's URL holds no credentials and no parameters: set AWS_… variables",
                    ));
                }
                let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
                let lawful = |c: u8| {
                    c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, b'.' | b'-' | b'_')
                };
                if bucket.len() < 3 || !bucket.bytes().all(lawful) {
                    return Err(refused("that is no bucket's name"));
                }
                let prefix = match prefix.trim_end_matches('/') {
                    "" => None,
                    prefix => Some(Key::new(prefix)?),
                };
                Ok(Self::Bucket { bucket: bucket.to_owned(), prefix })
            }
            _ => Err(refused("objects are in folders and in S3-compatible storage")),
        }
    }

    /// For people, without secrets.
    pub(crate) fn describe(&self) -> String {
        match self {
            Self::Folder(path) => path.display().to_string(),
            Self::Bucket { bucket, prefix: None } => format!("s3://{bucket}"),
            Self::Bucket { bucket, prefix: Some(prefix) } => format!("s3://{bucket}/{prefix}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_and_urls_are_read() {
        let folder = |path: &str| Place::Folder(PathBuf::from(path));
        assert_eq!(Place::parse("a/b").unwrap(), folder("a/b"));
        assert_eq!(Place::parse("/a b").unwrap(), folder("/a b"));
        assert_eq!(Place::parse("file:///a/b").unwrap(), folder("/a/b"));
        for (text, told) in [
            ("s3://bucket", "s3://bucket"),
            ("s3://bucket/", "s3://bucket"),
            ("s3://bucket/a/b/", "s3://bucket/a/b"),
        ] {
            assert_eq!(Place::parse(text).unwrap().describe(), told);
        }
    }

    #[test]
    fn what_is_no_place_is_refused_without_its_password() {
        for text in ["", "file://host/a", "s3://", "s3://B", "s3://bucket/../x", "gs://bucket/x"] {
            assert!(Place::parse(text).is_err(), "{text}");
        }
        let error = Place::parse("s3://key:s3cret@bucket/x").unwrap_err().to_string();
        assert!(!error.contains("s3cret") && error.contains("AWS_"), "{error}");
    }
}
