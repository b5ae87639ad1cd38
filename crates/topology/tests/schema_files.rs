//! What can be wrong with the schema files that a topology asks for.

mod support;

use support::{SCHEMA, file, problems};

const TYPES: &str = "event_types:\n  a.b: { description: Something happened. }\n";

fn told(schemas: &[(&str, &str)]) -> Vec<String> {
    let mut files = vec![file("topology/t.yaml", TYPES)];
    files.extend(schemas.iter().map(|(path, text)| file(path, text)));
    problems(&files)
}

#[test]
fn versions_are_found_and_samples_passed_over() {
    let files = [
        ("schemas/a.b/v1.json", SCHEMA),
        ("schemas/a.b/v1.sample.json", "not read here"),
        ("schemas/a.b/v2.json", "true"),
        ("schemas/a.bc/v7.json", "not read here"),
    ];
    assert_eq!(told(&files), [""; 0]);
}

#[test]
fn versions_have_no_gap() {
    assert_eq!(told(&[]), ["topology/t.yaml:2:3: the schema file schemas/a.b/v1.json is missing"]);
    assert_eq!(
        told(&[("schemas/a.b/v1.json", SCHEMA), ("schemas/a.b/v3.json", SCHEMA)]),
        ["topology/t.yaml:2:3: the schema file schemas/a.b/v2.json is missing"]
    );
    assert_eq!(
        told(&[("schemas/a.b/v1.json", SCHEMA), ("schemas/a.b/v02.json", SCHEMA)]),
        ["schemas/a.b/v02.json:1:1: this is not a version's name"]
    );
}

#[test]
fn faults_are_told_where_they_stand() {
    let cases = [
        ("{\n  \"type\": object\n}", "schemas/a.b/v1.json:2:11: this is not JSON: expected value"),
        (
            "{\n  \"type\": \"objekt\"\n}",
            "schemas/a.b/v1.json:2:11: this is not a payload's schema: \"objekt\" is not valid under any of the schemas listed in the 'anyOf' keyword",
        ),
        (
            "{\n  \"properties\": {\n    \"a\": {\"minimum\": \"low\"}\n  }\n}",
            "schemas/a.b/v1.json:3:22: this is not a payload's schema: \"low\" is not of type \"number\"",
        ),
        (
            "{\n  \"type\": \"string\"\n}",
            "schemas/a.b/v1.json:2:11: this is not a payload's schema: the schema refuses objects",
        ),
        (
            "{\n  \"$schema\": \"http://json-schema.org/draft-07/schema#\"\n}",
            "schemas/a.b/v1.json:2:14: this is not a payload's schema: the draft is \"http://json-schema.org/draft-07/schema#\", which is not read",
        ),
    ];
    for (schema, expected) in cases {
        assert_eq!(told(&[("schemas/a.b/v1.json", schema)]), [expected], "in {schema}");
    }
}

#[test]
fn a_reference_must_lead_somewhere() {
    for target in ["#/$defs/line", "https://example.com/line.json"] {
        let schema = format!("{{\"properties\": {{\"a\": {{\"$ref\": \"{target}\"}}}}}}");
        let told = told(&[("schemas/a.b/v1.json", &schema)]);
        assert_eq!(told.len(), 1, "{told:?}");
        assert!(told[0].contains("this is not a payload's schema"), "{told:?}");
    }
}

#[test]
fn a_circle_of_references_ends() {
    let schema =
        r##"{"properties": {"a": {"$ref": "#/$defs/x"}}, "$defs": {"x": {"$ref": "#/$defs/x"}}}"##;
    let yaml = format!(
        "{TYPES}entities:\n  c: {{ description: x, join_keys: {{ a: int64 }} }}\n\
         feature_views:\n  v: {{ description: x, entity: c, from: a.b, features: {{ n: {{ last: /a/b/c }} }} }}\n"
    );
    let files = [file("topology/t.yaml", &yaml), file("schemas/a.b/v1.json", schema)];
    assert_eq!(problems(&files), ["topology/t.yaml:6:58: feature `n` needs `type`"]);
}

#[test]
fn choices_of_choices_end() {
    let mut schema = String::from(r##"{"properties": {"a": {"$ref": "#/$defs/x0"}}, "$defs": {"##);
    for n in 0..12 {
        let next = format!(r##"{{"$ref": "#/$defs/x{}"}}"##, n + 1);
        schema.push_str(&format!(r#""x{n}": {{"anyOf": [{next}, {next}, {next}, {next}]}}, "#));
    }
    schema.push_str(r#""x12": {"type": "integer"}}}"#);
    let yaml = format!(
        "{TYPES}entities:\n  c: {{ description: x, join_keys: {{ a: int64 }} }}\n\
         feature_views:\n  v: {{ description: x, entity: c, from: a.b, features: {{ n: {{ last: /a, type: int64 }} }} }}\n"
    );
    let files = [file("topology/t.yaml", &yaml), file("schemas/a.b/v1.json", &schema)];
    assert_eq!(problems(&files), [""; 0]);
}
