//! Schemas, samples and Rust types say the same, in every version that ever was.

use serde_json::Value;

use crate::{Schemas, catalog::BUILT_IN, decode_structured};

#[test]
fn newest_schemas_equal_the_rust_types() {
    for built_in in BUILT_IN {
        let newest = built_in.versions.last().unwrap();
        let kept: Value = serde_json::from_str(newest.schema).unwrap();
        let declared = (built_in.declared_schema)();
        assert_eq!(kept, declared, "{}: run `cargo xtask schemas`", built_in.name);
    }
}

#[test]
fn every_sample_of_every_version_becomes_the_newest_and_survives_the_rust_type() {
    let schemas = Schemas::built_in().unwrap();
    for built_in in BUILT_IN {
        for (version, text) in (1..).zip(built_in.versions) {
            let told = format!("{}@v{version}", built_in.name);
            let event = decode_structured(text.sample.as_bytes()).unwrap();
            assert_eq!(event.event_type, built_in.name, "{told}");
            assert_eq!(event.schema_version(), Some(version), "{told}");
            let newer = schemas.admit(&event).expect(&told);
            assert_eq!(newer.is_some(), version < built_in.newest(), "{told}");
            let newest = newer.unwrap_or(event);
            assert_eq!(newest.schema_version(), Some(built_in.newest()), "{told}");
            schemas.check(&newest).expect(&told);
            assert_eq!((built_in.round_trip)(&newest.data).unwrap(), newest.data, "{told}");
        }
    }
}
