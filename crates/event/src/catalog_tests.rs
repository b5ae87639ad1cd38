//! Schemas, samples and Rust types say the same.

use serde_json::Value;

use crate::{Schemas, catalog::BUILT_IN, decode_structured};

#[test]
fn schemas_equal_the_rust_types() {
    for built_in in BUILT_IN {
        let kept: Value = serde_json::from_str(built_in.schema).unwrap();
        let declared = (built_in.declared_schema)();
        assert_eq!(kept, declared, "{}: run `cargo xtask schemas`", built_in.name);
    }
}

#[test]
fn samples_fit_their_schemas_and_survive_the_rust_types() {
    let schemas = Schemas::built_in().unwrap();
    for built_in in BUILT_IN {
        let event = decode_structured(built_in.sample.as_bytes()).unwrap();
        assert_eq!(event.event_type, built_in.name);
        schemas.check(&event).unwrap();
        assert_eq!((built_in.round_trip)(&event.data).unwrap(), event.data, "{}", built_in.name);
    }
}
