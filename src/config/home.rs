//! Where a key belongs that was written in a wrong place.

use serde_json::Value;

use crate::config::raw;

/// The places where `key` may be written, such as `registries.HOST.ecr`; the document itself is the empty one.
pub(super) fn homes(key: &str) -> Vec<String> {
    let schema = raw::schema();
    let mut homes = Vec::new();
    search(&schema, &schema, key, "", &mut homes);
    homes
}

/// Looks for `key` in and below the `node` of the `schema`, which is at `path`. The schema has no circles.
fn search(schema: &Value, node: &Value, key: &str, path: &str, homes: &mut Vec<String>) {
    let node = resolve(schema, node);
    for (name, property) in node["properties"].as_object().into_iter().flatten() {
        if name == key {
            homes.push(path.to_owned());
        }
        let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
        search(schema, property, key, &path, homes);
    }
    for (inner, suffix) in [("items", "[]"), ("additionalProperties", ".HOST")] {
        if node[inner].is_object() {
            search(schema, &node[inner], key, &format!("{path}{suffix}"), homes);
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
    use super::*;

    #[test]
    fn every_place_of_a_key_is_found() {
        assert_eq!(homes("create_repositories"), ["registries.HOST.ecr"]);
        assert_eq!(homes("match"), ["mirrors[].tags[]"]);
        assert_eq!(homes("timeouts"), [""]);
        assert_eq!(homes("tags"), ["concurrency", "mirrors[]", "registries.HOST.ecr.repository"]);
        assert!(homes("hunter2").is_empty());
    }
}
