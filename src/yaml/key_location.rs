//! Where a key belongs that was written in a wrong place.

use serde_json::Value;

/// The places where the `schema` of a document lets `key` be written, such as `registries.HOST.ecr`; the document itself
/// is the empty one.
pub(super) fn locations(schema: &Value, key: &str) -> Vec<String> {
    let mut locations = Vec::new();
    search(schema, schema, key, "", &mut locations);
    locations
}

/// Looks for `key` in and below the `node` of the `schema`, which is at `path`. The schema has no circles.
fn search(schema: &Value, node: &Value, key: &str, path: &str, locations: &mut Vec<String>) {
    let node = resolve(schema, node);
    for (name, property) in node["properties"].as_object().into_iter().flatten() {
        if name == key {
            locations.push(path.to_owned());
        }
        let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
        search(schema, property, key, &path, locations);
    }
    for (inner, suffix) in [("items", "[]"), ("additionalProperties", ".HOST")] {
        if node[inner].is_object() {
            search(schema, &node[inner], key, &format!("{path}{suffix}"), locations);
        }
    }
}

/// What a node refers to, or itself.
fn resolve<'a>(schema: &'a Value, node: &'a Value) -> &'a Value {
    let alternatives = node["anyOf"].as_array().into_iter().flatten();
    let reference = alternatives.chain([node]).find_map(|node| node["$ref"].as_str());
    let found = reference.and_then(|reference| schema.pointer(reference.trim_start_matches('#')));
    found.unwrap_or(node)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_place_of_a_key_is_found() {
        let schema = json!({
            "properties": {
                "timeouts": {"properties": {"stall": {"type": "string"}}},
                "mirrors": {"items": {"$ref": "#/$defs/Mirror"}},
                "registries": {"additionalProperties": {"anyOf": [{"$ref": "#/$defs/Registry"}, {"type": "null"}]}},
            },
            "$defs": {
                "Mirror": {"properties": {"tags": {"items": {"properties": {"match": {"type": "string"}}}}}},
                "Registry": {"properties": {"tags": {"additionalProperties": {"type": "string"}}}},
            },
        });
        assert_eq!(locations(&schema, "match"), ["mirrors[].tags[]"]);
        assert_eq!(locations(&schema, "timeouts"), [""]);
        assert_eq!(locations(&schema, "tags"), ["mirrors[]", "registries.HOST"]);
        assert!(locations(&schema, "hunter2").is_empty());
    }
}
