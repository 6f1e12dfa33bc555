//! The text of another tool's file as it was written: a scalar is its text, so `1.10` stays `1.10`.
//!
//! `yaml` reads our own files, and refuses what others' may have: merge keys, a file that is a text alone.

use std::collections::HashMap;
use std::fmt;

use saphyr_parser::{Event, Marker, Parser, ScalarStyle};

/// Values with every alias written out. No list of images has so many.
const NODES_MAX: usize = 1_000_000;
/// Lists and mappings in one another.
const DEPTH_MAX: usize = 64;

/// A value. Without `Debug`: it may be a password.
#[derive(Clone)]
pub(super) enum Node {
    Nothing,
    Text(String),
    List(Vec<Node>),
    Map(Vec<(String, Node)>),
}

/// A list or mapping that has not ended.
struct Open {
    anchor: usize,
    items: Vec<Node>,
    /// The keys of a mapping; its values are `items`.
    keys: Option<Vec<String>>,
}

/// Reads a document of YAML or JSON. The error says where it cannot be read, and repeats nothing of it.
pub(super) fn read(text: &str) -> Result<Node, String> {
    let mut builder = Builder::default();
    let mut parser = Parser::new_from_str(text);
    while let Some(event) = parser.next_event() {
        let at = |marker: Marker, what: &dyn fmt::Display| {
            format!("{}:{}: {what}", marker.line(), marker.col() + 1)
        };
        let (event, span) = event.map_err(|error| at(*error.marker(), &error.info()))?;
        builder.take(event).map_err(|what| at(span.start, &what))?;
    }
    Ok(builder.root.unwrap_or(Node::Nothing))
}

/// Makes nodes of events.
#[derive(Default)]
struct Builder {
    root: Option<Node>,
    open: Vec<Open>,
    anchors: HashMap<usize, Node>,
    nodes: usize,
}

impl Builder {
    fn take(&mut self, event: Event<'_>) -> Result<(), &'static str> {
        match event {
            Event::SequenceStart(anchor, _) => self.start(Open { anchor, items: Vec::new(), keys: None }),
            Event::MappingStart(anchor, _) => {
                self.start(Open { anchor, items: Vec::new(), keys: Some(Vec::new()) })
            }
            Event::SequenceEnd | Event::MappingEnd => {
                let Some(ended) = self.open.pop() else { return Ok(()) };
                let anchor = ended.anchor;
                self.add(ended.end(), anchor)
            }
            Event::Scalar(text, style, anchor, _) => {
                if let Some(keys) = self.open.last_mut().and_then(Open::next_key) {
                    keys.push(text.into_owned());
                    return Ok(());
                }
                let is_nothing = matches!(&*text, "" | "~" | "null" | "Null" | "NULL");
                let is_nothing = is_nothing && style == ScalarStyle::Plain;
                self.add(if is_nothing { Node::Nothing } else { Node::Text(text.into_owned()) }, anchor)
            }
            Event::Alias(anchor) => {
                let node = self.anchors.get(&anchor).cloned().ok_or("an alias within its own value")?;
                self.add(node, 0)
            }
            Event::DocumentStart(_) if self.root.is_some() => {
                Err("a second document starts here: give each as a file of its own")
            }
            _ => Ok(()),
        }
    }

    fn start(&mut self, open: Open) -> Result<(), &'static str> {
        if self.open.len() >= DEPTH_MAX {
            return Err("too many lists and mappings in one another");
        }
        self.open.push(open);
        Ok(())
    }

    /// Puts a node where it belongs. The parser numbers anchors from 1; 0 is none.
    fn add(&mut self, node: Node, anchor: usize) -> Result<(), &'static str> {
        self.nodes += node.count();
        if self.nodes > NODES_MAX {
            return Err("too large with every alias written out");
        }
        if anchor != 0 {
            self.anchors.insert(anchor, node.clone());
        }
        match self.open.last_mut() {
            None => self.root = Some(node),
            Some(open) if open.keys.as_ref().is_some_and(|keys| keys.len() == open.items.len()) => {
                return Err("a key has to be a text");
            }
            Some(open) => open.items.push(node),
        }
        Ok(())
    }
}

impl Open {
    /// The keys, where the next thing is one.
    fn next_key(&mut self) -> Option<&mut Vec<String>> {
        let is_next = self.keys.as_ref().is_some_and(|keys| keys.len() == self.items.len());
        self.keys.as_mut().filter(|_| is_next)
    }

    fn end(self) -> Node {
        let Some(keys) = self.keys else { return Node::List(self.items) };
        let (merged, mut entries): (Vec<_>, Vec<_>) =
            keys.into_iter().zip(self.items).partition(|(key, _)| key == "<<");
        for (_, node) in merged {
            let maps = if let Node::List(maps) = node { maps } else { vec![node] };
            for (key, value) in maps.into_iter().filter_map(Node::into_map).flatten() {
                if entries.iter().all(|(known, _)| *known != key) {
                    entries.push((key, value));
                }
            }
        }
        Node::Map(entries)
    }
}

impl Node {
    pub(super) fn text(&self) -> Option<&str> {
        if let Self::Text(text) = self { Some(text) } else { None }
    }

    pub(super) fn as_map(&self) -> Option<&[(String, Self)]> {
        if let Self::Map(entries) = self { Some(entries) } else { None }
    }

    pub(super) fn into_map(self) -> Option<Vec<(String, Self)>> {
        if let Self::Map(entries) = self { Some(entries) } else { None }
    }

    /// The texts of a list, or one alone. None where anything else is among them; what is nothing is left out.
    pub(super) fn texts(&self) -> Option<Vec<String>> {
        match self {
            Self::Nothing => Some(Vec::new()),
            Self::Text(text) => Some(vec![text.clone()]),
            Self::List(items) => {
                let texts = items.iter().filter(|item| !matches!(item, Self::Nothing));
                texts.map(|item| item.text().map(str::to_owned)).collect()
            }
            Self::Map(_) => None,
        }
    }

    fn count(&self) -> usize {
        match self {
            Self::Nothing | Self::Text(_) => 1,
            Self::List(items) => 1 + items.iter().map(Self::count).sum::<usize>(),
            Self::Map(entries) => 1 + entries.iter().map(|(_, node)| node.count()).sum::<usize>(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A value as a text in which kinds can be told apart.
    fn shown(node: &Node) -> String {
        match node {
            Node::Nothing => "-".to_owned(),
            Node::Text(text) => format!("'{text}'"),
            Node::List(items) => format!("[{}]", items.iter().map(shown).collect::<Vec<_>>().join(" ")),
            Node::Map(entries) => {
                let entries: Vec<_> =
                    entries.iter().map(|(key, node)| format!("{key}={}", shown(node))).collect();
                format!("{{{}}}", entries.join(" "))
            }
        }
    }

    #[track_caller]
    fn check(text: &str, expected: &str) {
        assert_eq!(read(text).map(|node| shown(&node)), Ok(expected.to_owned()));
    }

    #[test]
    fn a_scalar_is_its_text() {
        check("a: 1.10\nb: [0123, true, ~, '~', null]\nc:", "{a='1.10' b=['0123' 'true' - '~' -] c=-}");
        check(r#"{"a/b:1,2": "c", "d": ["e", 1.0]}"#, "{a/b:1,2='c' d=['e' '1.0']}");
        check("nginx:1.10\nredis:7", "'nginx:1.10 redis:7'");
    }

    #[test]
    fn anchors_and_merge_keys_are_written_out() {
        check(
            "x-a: &a {type: image, b: 1}\ns: [{<<: *a, b: 2}, {b: *a}]",
            "{x-a={type='image' b='1'} s=[{b='2' type='image'} {b={type='image' b='1'}}]}",
        );
        check("{<<: [{a: 1}, {a: 2, b: 3}]}", "{a='1' b='3'}");
    }

    #[test]
    fn what_cannot_be_read_is_told_by_its_place_alone() {
        for (text, place) in
            [("a: [secret", "2:"), ("a: 1\n---\nb: 2", "2:"), ("[a]: b", "1:"), ("a: &a [*a]", "1:")]
        {
            let error = read(text).err().unwrap();
            assert!(error.starts_with(place) && !error.contains("secret"), "{error}");
        }
        let level = |n: usize| format!("a{n}: &a{n} [{}]\n", vec![format!("*a{}", n - 1); 9].join(", "));
        let bomb: String = std::iter::once("a0: &a0 x\n".to_owned()).chain((1..20).map(level)).collect();
        assert!(read(&bomb).err().unwrap().contains("too large"));
        assert!(read(&"[".repeat(100)).is_err());
    }
}
