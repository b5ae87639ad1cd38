//! The manifest: read as it was written, refused when one byte is another.

use proptest::prelude::*;

use super::*;

fn manifest() -> Manifest {
    let partition = |id: PartitionId| PartitionManifest {
        partition: id,
        position: PositionNamed {
            offset: Offset(7),
            before: "0a".repeat(32),
            chain: "0b".repeat(32),
        },
        digests: BTreeMap::from([("ab".to_owned(), Digest { rows: 1, ..Digest::default() })]),
        files: vec![FileEntry {
            path: format!("store/{id}/000012.sst"),
            bytes: 3,
            blake3: blake3::hash(b"abc").to_hex().to_string(),
        }],
    };
    Manifest {
        format: FORMAT,
        id: SnapshotId::new(),
        created_at: Timestamp::from_micros(1_790_000_000_000_000),
        headwater: "0.1.0".to_owned(),
        fold_revision: 1,
        log: LogNamed { log_id: "log".to_owned(), partitions: 2 },
        topology: None,
        partitions: PartitionId::all(2).map(partition).collect(),
    }
}

fn refused(change: impl FnOnce(&mut Manifest)) -> String {
    let mut manifest = manifest();
    change(&mut manifest);
    Manifest::from_bytes("here", &manifest.to_bytes().unwrap()).unwrap_err().to_string()
}

#[test]
fn it_is_read_as_it_was_written() {
    let manifest = manifest();
    let bytes = manifest.to_bytes().unwrap();
    assert_eq!(Manifest::from_bytes("here", &bytes).unwrap(), manifest);
    let summary = manifest.summary();
    assert_eq!((summary.files, summary.bytes), (3, 9));
}

/// Written once by the first build that had this format: every later one must read it.
#[test]
fn the_kept_sample_of_format_1_is_read() {
    let sample = include_bytes!("../samples/manifest-1.json");
    let manifest = Manifest::from_bytes("sample", sample).unwrap();
    let summary = manifest.summary();
    assert_eq!(summary.id.as_str(), "019ab4c2-7f00-7000-8000-0123456789ab");
    assert_eq!(summary.log_id, "019ab4c0-0000-7000-8000-000000000001");
    assert_eq!(summary.positions[&PartitionId::Control], Offset(41));
    assert_eq!((summary.files, summary.bytes), (3, 5_120));
}

#[test]
fn what_leads_elsewhere_is_refused() {
    for path in ["store/1/a", "../a", "store/control/../../a", "/etc/passwd", "keys/a", ""] {
        let told = refused(|manifest| manifest.partitions[0].files[0].path = path.to_owned());
        assert!(told.contains("is not a file of partition control"), "{told}");
    }
    let told = refused(|manifest| manifest.partitions[0].files[0].blake3 = "../x".to_owned());
    assert!(told.contains("is not a file"), "{told}");
    let told = refused(|manifest| manifest.partitions[1].partition = PartitionId::Data(1));
    assert!(told.contains("partitions"), "{told}");
    let told = refused(|manifest| {
        let twice = manifest.partitions[0].files[0].clone();
        manifest.partitions[0].files.push(twice);
    });
    assert!(told.contains("is not a file"), "{told}");
}

#[test]
fn a_newer_format_is_told_as_such() {
    let told = refused(|manifest| manifest.format = 2);
    assert!(told.contains("snapshot format 2"), "{told}");
}

#[test]
fn an_id_is_a_uuid() {
    assert!(SnapshotId::try_from("../x".to_owned()).is_err());
    let id = SnapshotId::new();
    assert_eq!(id_of(&id.manifest_key().unwrap()), Some(id));
    assert_eq!(id_of(&Key::new("snapshots/x/manifest.json").unwrap()), None);
}

proptest! {
    #[test]
    fn no_byte_can_be_another(place in any::<prop::sample::Index>(), flip in 1_u8..) {
        let manifest = manifest();
        let mut bytes = manifest.to_bytes().unwrap().to_vec();
        // All but the line's end, which says nothing.
        let last = bytes.len() - 1;
        bytes[place.index(last)] ^= flip;
        // JSON's white space and the spelling of a hash may differ and mean the same.
        if let Ok(read) = Manifest::from_bytes("here", &bytes) {
            prop_assert_eq!(read, manifest);
        }
    }
}
