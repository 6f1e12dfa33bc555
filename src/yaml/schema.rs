//! What may be written where, and what of it is secret, as the wanted types say it: their JSON Schema.
//!
//! A type whose values are secret marks its schema with `writeOnly`. No value of it is ever shown, whichever key it stands
//! under, nor what stands beside it under a key that does not belong there: that may be a secret that lost its own.

use std::fmt::Write;

use serde_json::Value;

use crate::yaml::place::{Path, Segment};

/// Keys longer than this are cut in messages.
const KEY_SHOWN_MAX_CHARS: usize = 80;

/// The JSON Schema of a document.
pub(super) struct Schema(pub(super) Value);

impl Schema {
    /// The places where `key` may be written, such as `registries.HOST.ecr`; the document itself is the empty one.
    pub(super) fn key_locations(&self, key: &str) -> Vec<String> {
        let mut locations = Vec::new();
        self.search(&self.0, key, "", &mut locations);
        locations
    }

    /// Looks for `key` in and below a node, which is at `path`. The schema has no circles.
    fn search(&self, node: &Value, key: &str, path: &str, locations: &mut Vec<String>) {
        let node = self.resolve(node);
        for (name, property) in node["properties"].as_object().into_iter().flatten() {
            if name == key {
                locations.push(path.to_owned());
            }
            let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
            self.search(property, key, &path, locations);
        }
        for (inner, suffix) in [("items", "[]"), ("additionalProperties", ".HOST")] {
            if node[inner].is_object() {
                self.search(&node[inner], key, &format!("{path}{suffix}"), locations);
            }
        }
    }

    /// The path as it is shown: `mirrors[0].tags[1].per`.
    ///
    /// Keys that are no plain words are quoted. One with an `@` is not shown, as an address with a password in it may have
    /// been written where a host belongs, and none that may be a secret.
    pub(super) fn show(&self, path: &Path) -> String {
        let is_word =
            |key: &str| !key.is_empty() && key.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
        let mut shown = String::new();
        let mut node = Some(&self.0);
        for segment in path.segments() {
            // Writing to a text cannot fail.
            let _ = match segment {
                Segment::Index(index) => write!(shown, "[{index}]"),
                Segment::Key(key) if key.contains('@') || !self.may_show_key(node, key) => {
                    write!(shown, "[…]")
                }
                Segment::Key(key) => {
                    let key: String = key.chars().take(KEY_SHOWN_MAX_CHARS).collect();
                    match (is_word(&key), shown.is_empty()) {
                        (true, true) => write!(shown, "{key}"),
                        (true, false) => write!(shown, ".{key}"),
                        (false, _) => write!(shown, "[{key:?}]"),
                    }
                }
            };
            node = node.and_then(|node| self.child(node, segment));
        }
        shown
    }

    /// Whether the value at `path` is secret.
    pub(super) fn is_secret(&self, path: &Path) -> bool {
        self.at(path).is_some_and(is_secret)
    }

    /// Whether a key that does not belong into the mapping at `path` may be a secret that lost its own key.
    pub(super) fn holds_secrets(&self, path: &Path) -> bool {
        self.at(path).is_none_or(|node| self.has_secret(node))
    }

    /// Whether `key` can be shown in a mapping of this kind, of which nothing is known below an unknown key.
    fn may_show_key(&self, node: Option<&Value>, key: &str) -> bool {
        let Some(node) = node.map(|node| self.resolve(node)) else { return false };
        let is_known = node["properties"].get(key).is_some();
        is_known || may_be_mapping(node) && !self.has_secret(node)
    }

    /// Whether this is secret, or a mapping of which a value is.
    fn has_secret(&self, node: &Value) -> bool {
        let node = self.resolve(node);
        let mut values =
            node["properties"].as_object().into_iter().flat_map(|properties| properties.values());
        is_secret(node)
            || is_secret(&node["additionalProperties"])
            || values.any(|value| is_secret(self.resolve(value)))
    }

    /// What may be written at `path`; none where nothing may.
    fn at(&self, path: &Path) -> Option<&Value> {
        path.segments()
            .iter()
            .try_fold(&self.0, |node, segment| self.child(node, segment))
            .map(|node| self.resolve(node))
    }

    fn child<'a>(&'a self, node: &'a Value, segment: &Segment) -> Option<&'a Value> {
        let node = self.resolve(node);
        let (named, others) = match segment {
            Segment::Index(_) => (None, &node["items"]),
            Segment::Key(key) => (node["properties"].get(key), &node["additionalProperties"]),
        };
        // Of a mapping of which nothing is said, nothing is said below.
        let is_free = others.is_null() && may_be_mapping(node) && !is_secret(node);
        named.or_else(|| others.is_object().then_some(others)).or_else(|| is_free.then_some(node))
    }

    /// What a node refers to, or itself.
    fn resolve<'a>(&'a self, node: &'a Value) -> &'a Value {
        let alternatives = node["anyOf"].as_array().into_iter().flatten();
        let reference = alternatives.chain([node]).find_map(|node| node["$ref"].as_str());
        let found = reference.and_then(|reference| self.0.pointer(reference.trim_start_matches('#')));
        found.unwrap_or(node)
    }
}

fn may_be_mapping(node: &Value) -> bool {
    match &node["type"] {
        Value::Null => true,
        Value::Array(types) => types.iter().any(|kind| kind == "object"),
        kind => kind == "object",
    }
}

fn is_secret(node: &Value) -> bool {
    node["writeOnly"] == true
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn schema() -> Schema {
        let secret = json!({"type": "string", "writeOnly": true});
        Schema(json!({
            "type": "object",
            "properties": {
                "timeouts": {"type": "object", "properties": {"stall": {"type": "string"}}, "additionalProperties": false},
                "mirrors": {"type": "array", "items": {"$ref": "#/$defs/Mirror"}},
                "registries": {
                    "type": "object",
                    "additionalProperties": {"anyOf": [{"$ref": "#/$defs/Registry"}, {"type": "null"}]},
                },
            },
            "additionalProperties": false,
            "$defs": {
                "Mirror": {
                    "type": "object",
                    "properties": {
                        "tags": {"items": {"type": "object", "properties": {"match": {"type": "string"}}}},
                        "policy": {"type": ["object", "string"]},
                    },
                    "additionalProperties": false,
                },
                "Registry": {
                    "type": "object",
                    "properties": {
                        "tags": {"type": "object", "additionalProperties": {"type": "string"}},
                        "headers": {"type": "object", "additionalProperties": secret},
                        "login": {"anyOf": [{"$ref": "#/$defs/Login"}, {"type": "null"}]},
                    },
                    "additionalProperties": false,
                },
                "Login": {
                    "type": "object",
                    "properties": {"user": {"type": "string"}, "word": secret},
                    "additionalProperties": false,
                },
            },
        }))
    }

    /// The path that `keys` are, with numbers for indices.
    fn path(keys: &[&str]) -> Path {
        keys.iter().fold(Path::default(), |path, key| match key.parse() {
            Ok(index) => path.index(index),
            Err(_) => path.key(key),
        })
    }

    #[track_caller]
    fn check(keys: &[&str], expected: &str) {
        assert_eq!(schema().show(&path(keys)), expected);
    }

    #[test]
    fn every_place_of_a_key_is_found() {
        assert_eq!(schema().key_locations("match"), ["mirrors[].tags[]"]);
        assert_eq!(schema().key_locations("timeouts"), [""]);
        assert_eq!(schema().key_locations("tags"), ["mirrors[]", "registries.HOST"]);
        assert!(schema().key_locations("hunter2").is_empty());
    }

    #[test]
    fn paths_read_as_one_would_write_them() {
        check(&["mirrors", "0", "tags", "1", "match"], "mirrors[0].tags[1].match");
        check(
            &["registries", "127.0.0.1:5000", "tags", "a b"],
            r#"registries["127.0.0.1:5000"].tags["a b"]"#,
        );
        check(&["mirrors", "0", "policy", "rules", "0", "selection"], "mirrors[0].policy.rules[0].selection");
        check(&["mirors", "0"], "mirors[0]");
    }

    #[test]
    fn what_may_be_a_secret_is_no_part_of_a_path() {
        check(&["registries", "https://me:hunter2@registry.test"], "registries[…]");
        check(&["registries", "a.b", "login", "word"], r#"registries["a.b"].login.word"#);
        check(&["registries", "a.b", "login", "hunter2"], r#"registries["a.b"].login[…]"#);
        check(&["registries", "a.b", "login", "word", "hunter2"], r#"registries["a.b"].login.word[…]"#);
        check(&["registries", "a.b", "login", "user", "hunter2"], r#"registries["a.b"].login.user[…]"#);
        check(&["registries", "a.b", "headers", "Authorization:hunter2"], r#"registries["a.b"].headers[…]"#);
        check(&["login", "hunter2"], "login[…]");
    }

    #[test]
    fn a_type_says_what_is_secret() {
        let login = path(&["registries", "a.b", "login"]);
        assert!(schema().is_secret(&login.key("word")) && !schema().is_secret(&login.key("user")));
        assert!(schema().holds_secrets(&login) && !schema().holds_secrets(&path(&["mirrors", "0"])));
    }
}
