//! What every home of objects must do: the same tests over a folder and over a real S3 server.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests fail loudly")]

use std::{fs, path::Path};

use bytes::Bytes;
use headwater_objects::{ErrorKind, Key, Objects, Properties, testing::TestS3};
use tempfile::TempDir;

/// Larger than one part of an upload, and no whole number of them.
const LARGE_BYTES: usize = (20 << 20) + 12_345;

fn key(text: &str) -> Key {
    Key::new(text).unwrap()
}

/// Bytes that repeat nowhere soon, so that parts in a wrong order are noticed.
fn bytes(len: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut out = Vec::with_capacity(len + 8);
    while out.len() < len {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        out.extend_from_slice(&state.to_le_bytes());
    }
    out.truncate(len);
    out
}

/// A place that does not exist yet, of one of the two kinds, and a folder for files beside it.
async fn in_folder<F: Future<Output = ()>>(test: impl FnOnce(Objects, TempDir) -> F) {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().join("not/yet/made");
    test(Objects::open(root.to_str().unwrap(), &Properties::new()).unwrap(), dir).await;
}

async fn in_bucket<F: Future<Output = ()>>(test: impl FnOnce(Objects, TempDir) -> F) {
    test(TestS3::shared().objects(), tempfile::tempdir().unwrap()).await;
}

/// One test over each kind: `NAME::on_folder` and `NAME::on_s3`.
macro_rules! on_every_home {
    ($name:ident) => {
        mod $name {
            #[tokio::test]
            async fn on_folder() {
                super::in_folder(super::contract::$name).await;
            }

            #[tokio::test(flavor = "multi_thread")]
            async fn on_s3() {
                super::in_bucket(super::contract::$name).await;
            }
        }
    };
}

on_every_home!(what_is_written_is_read);
on_every_home!(files_of_every_size_come_back_as_they_were);
on_every_home!(one_of_many_writers_makes_an_object);
on_every_home!(a_listing_is_of_its_prefix_in_order);
on_every_home!(what_is_removed_is_gone);
on_every_home!(what_is_not_there_is_told_apart);
on_every_home!(a_large_object_is_not_taken_for_a_small_one);

mod contract {
    use super::*;

    pub(super) async fn what_is_written_is_read(objects: Objects, _dir: TempDir) {
        let key = key("a/b.json");
        for text in ["first", "", "second, over it"] {
            objects.put_bytes(&key, Bytes::from(text)).await.unwrap();
            assert_eq!(objects.get_bytes(&key, 100).await.unwrap(), text);
            let found = objects.find(&key).await.unwrap().unwrap();
            assert_eq!((found.key, found.bytes), (key.clone(), text.len() as u64));
            let age = found.modified.elapsed().unwrap_or_default();
            assert!(age.as_secs() < 60, "{age:?}");
        }
    }

    pub(super) async fn files_of_every_size_come_back_as_they_were(objects: Objects, dir: TempDir) {
        let (from, to) = (dir.path().join("from"), dir.path().join("back/to"));
        let key = key("blobs/0f");
        for len in [0, 1, 8 << 20, LARGE_BYTES] {
            let wanted = bytes(len);
            fs::write(&from, &wanted).unwrap();
            assert_eq!(objects.put_file(&key, &from).await.unwrap(), len as u64);
            assert_eq!(objects.get_file(&key, &to).await.unwrap(), len as u64);
            assert!(fs::read(&to).unwrap() == wanted, "{len} bytes came back otherwise");
        }
        // Nothing half written is left beside it.
        assert_eq!(fs::read_dir(to.parent().unwrap()).unwrap().count(), 1);
    }

    pub(super) async fn one_of_many_writers_makes_an_object(objects: Objects, _dir: TempDir) {
        let key = key("once");
        let writers = (0..8).map(|n| {
            let (objects, key) = (objects.clone(), key.clone());
            tokio::spawn(async move {
                let text = Bytes::from(format!("writer {n}"));
                (n, objects.put_bytes_if_absent(&key, text).await.unwrap())
            })
        });
        let answers = futures::future::join_all(writers).await;
        let made: Vec<usize> = answers
            .into_iter()
            .map(Result::unwrap)
            .filter(|(_, made)| *made)
            .map(|(n, _)| n)
            .collect();
        assert_eq!(made.len(), 1, "{made:?}");
        let text = objects.get_bytes(&key, 100).await.unwrap();
        assert_eq!(text, format!("writer {}", made[0]));
        assert!(!objects.put_bytes_if_absent(&key, Bytes::from("late")).await.unwrap());
        assert_eq!(objects.get_bytes(&key, 100).await.unwrap(), text);
    }

    pub(super) async fn a_listing_is_of_its_prefix_in_order(objects: Objects, _dir: TempDir) {
        assert!(objects.list(&key("blobs")).await.unwrap().is_empty());
        for text in ["blobs/b", "blobs/a", "blobs/c/d", "blobs-other/x", "snapshots/1"] {
            objects.put_bytes(&key(text), Bytes::from(text)).await.unwrap();
        }
        let listed = objects.list(&key("blobs")).await.unwrap();
        let told: Vec<_> = listed.iter().map(|o| (o.key.as_str(), o.bytes)).collect();
        assert_eq!(told, [("blobs/a", 7), ("blobs/b", 7), ("blobs/c/d", 9)]);
        // More than one page of S3's, which has a thousand.
        let many = (0..1_005).map(|n| {
            let objects = objects.clone();
            async move { objects.put_bytes(&key(&format!("many/{n:04}")), Bytes::new()).await }
        });
        for part in many.collect::<Vec<_>>() {
            part.await.unwrap();
        }
        let listed = objects.list(&key("many")).await.unwrap();
        assert_eq!(listed.len(), 1_005);
        assert!(listed.is_sorted_by_key(|object| object.key.clone()));
    }

    pub(super) async fn what_is_removed_is_gone(objects: Objects, _dir: TempDir) {
        let key = key("a/b");
        objects.put_bytes(&key, Bytes::from("a")).await.unwrap();
        objects.delete(&key).await.unwrap();
        assert_eq!(objects.find(&key).await.unwrap(), None);
        objects.delete(&key).await.unwrap();
    }

    pub(super) async fn what_is_not_there_is_told_apart(objects: Objects, dir: TempDir) {
        let key = key("blobs/none");
        let to = dir.path().join("to");
        let small = objects.get_bytes(&key, 100).await.unwrap_err();
        let file = objects.get_file(&key, &to).await.unwrap_err();
        for error in [small, file] {
            assert_eq!(error.kind(), ErrorKind::NotFound, "{error}");
            assert!(error.to_string().contains("blobs/none"), "{error}");
        }
        assert!(!to.exists());
        let unread = objects.put_file(&key, Path::new("/nowhere/at/all")).await.unwrap_err();
        assert!(unread.to_string().contains("/nowhere/at/all"), "{unread}");
        assert_eq!(objects.find(&key).await.unwrap(), None);
    }

    pub(super) async fn a_large_object_is_not_taken_for_a_small_one(
        objects: Objects,
        _dir: TempDir,
    ) {
        let key = key("large");
        objects.put_bytes(&key, Bytes::from(vec![7; 1_000])).await.unwrap();
        assert_eq!(objects.get_bytes(&key, 1_000).await.unwrap().len(), 1_000);
        let error = objects.get_bytes(&key, 999).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TooLarge, "{error}");
    }
}

#[tokio::test]
async fn a_wrong_secret_is_told_without_it_on_s3() {
    let s3 = TestS3::shared();
    let mut properties = s3.properties();
    let wrong = "wrong-secret-that-nobody-may-see";
    properties.insert("aws_secret_access_key".to_owned(), wrong.to_owned());
    let objects = Objects::open(&s3.url(), &properties).unwrap();
    let error = objects.put_bytes(&key("a"), Bytes::from("a")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Reject, "{error}");
    assert!(error.to_string().contains("SignatureDoesNotMatch"), "{error}");
    for text in [format!("{error}"), format!("{error:?}"), format!("{objects:?}")] {
        assert!(!text.contains(wrong), "{text}");
    }
}

#[tokio::test]
async fn a_bucket_that_is_not_there_is_told_on_s3() {
    let properties = TestS3::shared().properties();
    let objects = Objects::open("s3://no-such-bucket/x", &properties).unwrap();
    for error in [
        objects.put_bytes(&key("a"), Bytes::from("a")).await.unwrap_err(),
        objects.get_bytes(&key("a"), 1).await.unwrap_err(),
        objects.list(&key("a")).await.unwrap_err(),
    ] {
        assert_eq!(error.kind(), ErrorKind::Reject, "{error}");
        assert!(error.to_string().contains("make the bucket first"), "{error}");
    }
}

#[tokio::test]
async fn a_server_that_is_away_is_a_reason_to_try_again_on_s3() {
    let s3 = TestS3::start();
    let objects = s3.objects();
    objects.put_bytes(&key("a"), Bytes::from("a")).await.unwrap();
    s3.stop();
    let error = objects.put_bytes(&key("a"), Bytes::from("b")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Retry, "{error}");
    assert!(error.to_string().contains("try again"), "{error}");
}

#[test]
fn wrong_properties_are_refused() {
    let open = |properties: &[(&str, &str)]| {
        let properties: Properties =
            properties.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
        Objects::open("s3://bucket/x", &properties).unwrap_err().to_string()
    };
    assert!(open(&[]).contains("AWS_ACCESS_KEY_ID"));
    assert!(open(&[("aws_acess_key_id", "x")]).contains("aws_acess_key_id"));
    let endpoint = open(&[("aws_access_key_id", "x"), ("aws_endpoint", "http://a:s3cret@b")]);
    assert!(endpoint.contains("aws_endpoint") && !endpoint.contains("s3cret"), "{endpoint}");
    assert!(open(&[("aws_bucket", "other")]).contains("URL"));
}

#[tokio::test]
async fn a_folder_that_may_not_be_written_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("file");
    fs::write(&file, "no folder").unwrap();
    let objects = Objects::open(file.to_str().unwrap(), &Properties::new()).unwrap();
    let error = objects.put_bytes(&key("a"), Bytes::from("a")).await.unwrap_err();
    assert!(error.to_string().contains("file"), "{error}");
}
