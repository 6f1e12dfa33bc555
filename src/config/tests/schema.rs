//! The JSON Schema and our files agree.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::config::schema;

fn example(text: &str) -> Value {
    serde_yaml::from_str(text).unwrap()
}

/// What a schema refers to, or itself.
fn resolve<'a>(root: &'a Value, schema: &'a Value) -> &'a Value {
    let alternatives = schema["anyOf"].as_array().into_iter().flatten();
    let reference = alternatives.chain([schema]).find_map(|schema| schema["$ref"].as_str());
    reference.map_or(schema, |reference| root.pointer(reference.trim_start_matches('#')).unwrap())
}

/// Every key of an object in the schema, as a path with `*` for keys that are free and items.
fn keys(root: &Value, schema: &Value, path: &str, found: &mut BTreeSet<String>) {
    let schema = resolve(root, schema);
    for (key, property) in schema["properties"].as_object().into_iter().flatten() {
        let path = format!("{path}.{key}");
        keys(root, property, &path, found);
        found.insert(path);
    }
    for inner in [&schema["items"], &schema["additionalProperties"]] {
        if inner.is_object() {
            keys(root, inner, &format!("{path}.*"), found);
        }
    }
}

/// Every key of a value that the schema names, and what does not fit.
fn used(root: &Value, schema: &Value, value: &Value, path: &str, found: &mut BTreeSet<String>) {
    let (written, schema) = (schema, resolve(root, schema));
    let alternatives = schema["anyOf"].as_array().into_iter().flatten();
    let types: Vec<&Value> = alternatives
        .chain([schema])
        .flat_map(|schema| match &schema["type"] {
            Value::Array(types) => types.iter().collect(),
            Value::Null => Vec::new(),
            one => vec![one],
        })
        .collect();
    let kind = match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    let is_kind = |known: &Value| *known == kind || *known == "number" && kind == "integer";
    let is_scalar = |schema: &Value| schema["type"].as_array().is_some_and(|types| types.iter().any(is_kind));
    if written["anyOf"].as_array().into_iter().flatten().any(is_scalar) {
        return;
    }
    let words = schema["oneOf"].as_array().into_iter().flatten().map(|word| &word["const"]);
    let is_word = words.clone().any(|word| word == value);
    assert!(
        types.is_empty() && is_word || types.iter().any(|known| is_kind(known)),
        "{path}: {kind}: {schema}"
    );
    for required in schema["required"].as_array().into_iter().flatten() {
        assert!(value.get(required.as_str().unwrap()).is_some(), "{path}: {required}");
    }
    for (key, value) in value.as_object().into_iter().flatten() {
        // What stands under a key for anchors is read where they are used.
        if path.is_empty() && key.starts_with("x-") {
            continue;
        }
        match (&schema["properties"][key], &schema["additionalProperties"]) {
            (Value::Null, inner) if inner.is_object() => {
                used(root, inner, value, &format!("{path}.*"), found);
            }
            (Value::Null, additional) => assert!(additional.is_null(), "{path}.{key}"),
            (property, _) => {
                let path = format!("{path}.{key}");
                used(root, property, value, &path, found);
                found.insert(path);
            }
        }
    }
    for item in value.as_array().into_iter().flatten().filter(|_| schema["items"].is_object()) {
        used(root, &schema["items"], item, &format!("{path}.*"), found);
    }
}

#[test]
fn the_example_has_every_key_and_no_other() {
    let schema = schema();
    let (mut known, mut written) = (BTreeSet::new(), BTreeSet::new());
    keys(&schema, &schema, "", &mut known);
    used(&schema, &schema, &example(include_str!("../../../config/example.yaml")), "", &mut written);
    assert!(known.contains(".registries.*.ecr.repository.lifecycle_policy"), "{known:?}");
    let schedule_of_mirror = |key: &String| key.starts_with(".mirrors.*.schedule.");
    let missing: Vec<_> = known.difference(&written).filter(|key| !schedule_of_mirror(key)).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

#[test]
fn the_minimal_file_fits_the_schema() {
    let schema = schema();
    used(&schema, &schema, &example(include_str!("../../../config/minimal.yaml")), "", &mut BTreeSet::new());
}

#[test]
fn every_key_is_explained() {
    fn check(schema: &Value, path: &str) {
        for (key, property) in schema["properties"].as_object().into_iter().flatten() {
            assert!(property["description"].as_str().is_some_and(|text| text.ends_with('.')), "{path}.{key}");
        }
    }
    let schema = schema();
    check(&schema, "");
    for (name, definition) in schema["$defs"].as_object().unwrap() {
        check(definition, name);
    }
}
