//! YAML text to nodes that know where they are written.
//!
//! Why not `serde_yaml`: it stops at the first fault, has no positions for values that are well-formed and wrong,
//! repeats values (passwords!) in its messages, and makes numbers of `0123` and `1.10` before anybody says that a text
//! is wanted. So `saphyr-parser` gives the events of the text, this module the nodes, and a value is not interpreted:
//! a scalar is its text, and whoever wants it decides how to read it.
//!
//! Anchors and aliases work, within limits. Merge keys, tags of one's own and further documents are refused rather
//! than half understood.

use std::collections::HashMap;
use std::collections::hash_map::Entry as Slot;

use saphyr_parser::{Event, Marker, Parser, ScalarStyle, Span, Tag};

use crate::yaml::node::{Entry, Kind, Node, Scalar};
use crate::yaml::place::{Path, Position, Segment};
use crate::yaml::syntax;

/// Longer texts are refused. A Kubernetes `ConfigMap` holds as much.
const DOCUMENT_MAX_BYTES: usize = 1024 * 1024;
/// Nodes and bytes with every alias written out. Without aliases no document of the allowed length comes near it.
const WEIGHT_MAX: usize = 4 * DOCUMENT_MAX_BYTES;
/// Lists and mappings in one another.
const DEPTH_MAX: usize = 64;

/// The key of YAML 1.1 that puts the keys of another mapping in its place.
const MERGE_KEY: &str = "<<";

/// A fault in the text's form.
pub(super) struct FormFault {
    pub(super) position: Position,
    pub(super) path: Path,
    pub(super) what: String,
    /// What cannot be checked because of it, such as whether a key is missing.
    pub(super) hides: Option<Path>,
}

impl FormFault {
    fn of_document(position: Position, what: &str) -> Self {
        Self { position, path: Path::default(), what: what.to_owned(), hides: None }
    }
}

/// Reads the one document in `text`.
///
/// The list holds the faults that did not keep the reader from going on; what they are about is left out of the tree.
/// The error is the fault that did.
pub(super) fn read(text: &str) -> Result<(Node, Vec<FormFault>), FormFault> {
    if text.len() > DOCUMENT_MAX_BYTES {
        return Err(FormFault::of_document(
            Position::START,
            "longer than 1 MiB: this cannot be a configuration",
        ));
    }
    let mut builder = Builder::default();
    let mut parser = Parser::new_from_str(text);
    while let Some(event) = parser.next_event() {
        let (event, span) = event.map_err(|error| {
            let line = text.lines().nth(error.marker().line().saturating_sub(1)).unwrap_or_default();
            FormFault::of_document(position(*error.marker()), &syntax::explain(error.info(), line))
        })?;
        builder.take(event, span)?;
    }
    let root = builder.root.filter(|root| !root.is_nothing()).ok_or_else(|| {
        FormFault::of_document(
            Position::START,
            "the configuration is empty: write `mirrors:` and under it at least one item with `source`, `target` \
             and `tags`",
        )
    })?;
    Ok((root, builder.faults))
}

fn position(marker: Marker) -> Position {
    Position { line: marker.line(), column: marker.col() + 1 }
}

/// Makes nodes of events. Its stack is its own, so depth costs no call stack.
#[derive(Default)]
struct Builder {
    root: Option<Node>,
    open: Vec<Open>,
    anchors: HashMap<usize, Node>,
    weight: usize,
    faults: Vec<FormFault>,
}

/// A list or mapping whose end was not seen yet.
struct Open {
    position: Position,
    anchor: usize,
    content: Content,
}

enum Content {
    Sequence(Vec<Node>),
    Mapping {
        entries: Vec<Entry>,
        /// The keys so far, with the line of each.
        lines: HashMap<String, usize>,
        expected: Expected,
    },
}

impl Content {
    fn mapping() -> Self {
        Self::Mapping { entries: Vec::new(), lines: HashMap::new(), expected: Expected::Key }
    }
}

/// What comes next in a mapping.
enum Expected {
    Key,
    Value {
        key: String,
        key_position: Position,
    },
    /// A value whose key was faulty: it is read and dropped.
    Dropped,
}

impl Builder {
    fn take(&mut self, event: Event<'_>, span: Span) -> Result<(), FormFault> {
        let position = position(span.start);
        match event {
            Event::DocumentStart(_) if self.root.is_some() => Err(FormFault::of_document(
                position,
                "a second document starts here: a configuration is one document, leave out the `---`",
            )),
            Event::Nothing
            | Event::StreamStart
            | Event::StreamEnd
            | Event::DocumentStart(_)
            | Event::DocumentEnd => Ok(()),
            Event::Scalar(text, style, anchor, tag) => {
                self.check_tag(tag.as_deref(), position)?;
                if self.expects_key() {
                    return self.key(&text, position);
                }
                let is_text = tag.is_some_and(|tag| tag.suffix == "str");
                let is_plain = style == ScalarStyle::Plain && !is_text;
                let scalar = Scalar {
                    text: text.into_owned(),
                    is_plain,
                    has_variables: false,
                    empty_variables: Vec::new(),
                };
                self.weigh(1 + scalar.text.len(), position)?;
                self.add(Node { kind: Kind::Scalar(scalar), position }, anchor)
            }
            Event::SequenceStart(anchor, tag) => {
                self.check_tag(tag.as_deref(), position)?;
                self.start(Open { position, anchor, content: Content::Sequence(Vec::new()) })
            }
            Event::MappingStart(anchor, tag) => {
                self.check_tag(tag.as_deref(), position)?;
                self.start(Open { position, anchor, content: Content::mapping() })
            }
            Event::SequenceEnd | Event::MappingEnd => self.end(),
            Event::Alias(anchor) => self.alias(anchor, position),
        }
    }

    fn expects_key(&self) -> bool {
        matches!(
            self.open.last(),
            Some(Open { content: Content::Mapping { expected: Expected::Key, .. }, .. })
        )
    }

    fn key(&mut self, text: &str, key_position: Position) -> Result<(), FormFault> {
        self.weigh(text.len(), key_position)?;
        let Some(Open { content: Content::Mapping { lines, expected, .. }, .. }) = self.open.last_mut()
        else {
            return Ok(());
        };
        let what = if text == MERGE_KEY {
            "merge keys (`<<`) are not supported: repeat the settings, or give a whole value an anchor (`&name`) and \
             use it again (`*name`)"
                .to_owned()
        } else {
            match lines.entry(text.to_owned()) {
                Slot::Occupied(first) => {
                    format!("given twice, first on line {}: leave one out", first.get())
                }
                Slot::Vacant(slot) => {
                    slot.insert(key_position.line);
                    *expected = Expected::Value { key: text.to_owned(), key_position };
                    return Ok(());
                }
            }
        };
        *expected = Expected::Dropped;
        let parent = self.path();
        let path = parent.key(text);
        let hides = (text == MERGE_KEY).then_some(parent);
        self.faults.push(FormFault { position: key_position, path, what, hides });
        Ok(())
    }

    fn start(&mut self, open: Open) -> Result<(), FormFault> {
        if self.expects_key() {
            return Err(self.refuse(open.position, "a key has to be a text, not a list or a mapping"));
        }
        self.weigh(1, open.position)?;
        self.check_depth(1, open.position)?;
        self.open.push(open);
        Ok(())
    }

    fn end(&mut self) -> Result<(), FormFault> {
        let Some(Open { position, anchor, content }) = self.open.pop() else { return Ok(()) };
        let kind = match content {
            Content::Sequence(items) => Kind::Sequence(items),
            Content::Mapping { entries, .. } => Kind::Mapping(entries),
        };
        self.add(Node { kind, position }, anchor)
    }

    fn alias(&mut self, anchor: usize, position: Position) -> Result<(), FormFault> {
        if self.expects_key() {
            return Err(self.refuse(position, "a key has to be a text, not an alias"));
        }
        let Some(node) = self.anchors.get(&anchor) else {
            return Err(self.refuse(position, "an alias within the value that it stands for"));
        };
        self.check_depth(node.depth(), position)?;
        let (weight, node) = (node.weight(), node.clone());
        self.weigh(weight, position)?;
        self.add(node, 0)
    }

    /// Puts a finished node where it belongs. The parser numbers anchors from 1; 0 is none.
    fn add(&mut self, node: Node, anchor: usize) -> Result<(), FormFault> {
        if anchor != 0 {
            self.weigh(node.weight(), node.position)?;
            self.anchors.insert(anchor, node.clone());
        }
        match self.open.last_mut().map(|open| &mut open.content) {
            None => self.root = Some(node),
            Some(Content::Sequence(items)) => items.push(node),
            Some(Content::Mapping { entries, expected, .. }) => {
                if let Expected::Value { key, key_position } = std::mem::replace(expected, Expected::Key) {
                    entries.push(Entry { key, key_position, value: node });
                }
            }
        }
        Ok(())
    }

    fn weigh(&mut self, weight: usize, position: Position) -> Result<(), FormFault> {
        self.weight += weight;
        if self.weight > WEIGHT_MAX {
            return Err(self.refuse(position, "too large once every alias is written out: use fewer aliases"));
        }
        Ok(())
    }

    fn check_depth(&self, more: usize, position: Position) -> Result<(), FormFault> {
        if self.open.len() + more > DEPTH_MAX {
            let what = format!("more than {DEPTH_MAX} lists and mappings in one another");
            return Err(FormFault::of_document(position, &what));
        }
        Ok(())
    }

    /// The core schema's own tags change nothing here, as it is the key that says what is wanted.
    fn check_tag(&self, tag: Option<&Tag>, position: Position) -> Result<(), FormFault> {
        const HARMLESS: [&str; 6] = ["str", "int", "float", "bool", "seq", "map"];
        match tag {
            Some(tag) if !(tag.is_yaml_core_schema() && HARMLESS.contains(&tag.suffix.as_str())) => Err(self.refuse(
                position,
                "tags (a word that starts with `!`) have no meaning here: leave it out, or put the value in quotes",
            )),
            _ => Ok(()),
        }
    }

    fn refuse(&self, position: Position, what: &str) -> FormFault {
        FormFault { position, path: self.path(), what: what.to_owned(), hides: None }
    }

    /// The path of the value that is being read.
    fn path(&self) -> Path {
        let segment = |open: &Open| match &open.content {
            Content::Sequence(items) => Some(Segment::Index(items.len())),
            Content::Mapping { expected: Expected::Value { key, .. }, .. } => Some(Segment::Key(key.clone())),
            Content::Mapping { .. } => None,
        };
        self.open.iter().filter_map(segment).collect()
    }
}
