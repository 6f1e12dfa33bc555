//! A configuration's text on its way to valid types, with every fault found so far.

use std::collections::HashSet;
use std::ffi::OsString;

use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::yaml::de::{Deserializer, Problem};
use crate::yaml::fault::{Fault, Faults, Warning};
use crate::yaml::node::{Kind, Node};
use crate::yaml::place::{Path, Position, Segment};
use crate::yaml::schema::Schema;
use crate::yaml::suggest::suggest;
use crate::yaml::{reader, variables};

/// At most this many faults of one document are told, and the others counted: nobody reads more at once.
const FAULTS_MAX: usize = 100;

/// The nodes of a text and what is wrong with them.
///
/// What is reported as faulty is removed from the nodes, reads as nothing from then on, and nothing more is reported
/// at or below it. That is how all the faults of a text are found, and each once.
pub struct Document {
    root: Node,
    schema: Schema,
    faults: Vec<Fault>,
    /// How many there are besides these.
    more_faults: usize,
    warnings: Vec<Warning>,
    removed: HashSet<Path>,
}

impl Document {
    /// Reads YAML that is meant to have this JSON Schema.
    pub fn read(text: &str, schema: Value) -> Self {
        let removed = Node { kind: Kind::Removed, position: Position::START };
        let mut document = Self {
            root: removed,
            schema: Schema(schema),
            faults: Vec::new(),
            more_faults: 0,
            warnings: Vec::new(),
            removed: HashSet::new(),
        };
        let faults = match reader::read(text) {
            Ok((root, faults)) => {
                document.root = root;
                faults
            }
            Err(fault) => {
                document.removed.insert(Path::default());
                vec![fault]
            }
        };
        for fault in faults {
            document.fault(fault.position, &fault.path, &fault.what);
            document.removed.extend(fault.hides);
        }
        document
    }

    /// Takes no notice of keys at the top that start so.
    pub fn remove_keys(&mut self, prefix: &str) {
        if let Kind::Mapping(entries) = &mut self.root.kind {
            entries.retain(|entry| !entry.key.starts_with(prefix));
        }
    }

    /// A path as messages show it.
    pub fn shown(&self, path: &Path) -> String {
        self.schema.show(path)
    }

    /// Fills in the variables of all values.
    pub fn replace_variables(&mut self, env: &dyn Fn(&str) -> Option<OsString>) {
        let mut faults = Vec::new();
        replace_variables(&mut self.root, &mut Path::default(), env, &mut faults);
        for (path, what) in faults {
            self.report_shown(&path, what.to_string());
            self.removed.insert(path);
        }
    }

    /// Reads the nodes as a `T`, without those that do not fit.
    pub fn deserialize<T: DeserializeOwned + Default>(&mut self) -> T {
        while !self.is_full() {
            match T::deserialize(Deserializer(&self.root)) {
                Ok(value) => return value,
                Err(error) => {
                    let (path, position, problem) = error.locate(&self.root);
                    self.fault(position, &path, &problem.explain(&self.schema, &path));
                    self.remove(path, &problem);
                }
            }
        }
        // What there is besides was not read.
        self.more_faults += 1;
        self.removed.insert(Path::default());
        T::default()
    }

    fn remove(&mut self, path: Path, problem: &Problem) {
        let node = self.root.at_mut(&path);
        match (problem, node.map(|node| &mut node.kind)) {
            (Problem::UnknownKey { key, known }, Some(Kind::Mapping(entries))) => {
                entries.retain(|entry| entry.key != *key);
                // The key that was meant is there, so it is not reported as missing.
                self.removed.extend(suggest(key, known).map(|known| path.key(known)));
            }
            (_, Some(kind)) => {
                *kind = Kind::Removed;
                self.removed.insert(path);
            }
            (_, None) => {}
        }
    }

    /// Notes that the value at `path` is wrong. For a value that is missing the place is that of what should hold it.
    ///
    /// `what` may repeat the value. Where a variable was filled in it is not shown, as that may be a secret.
    pub fn report(&mut self, path: &Path, what: impl Into<String>) {
        match &self.root.deepest(path).kind {
            Kind::Scalar(scalar) if !scalar.empty_variables.is_empty() => {
                let empty = scalar.empty_variables.join("`, `");
                self.report_shown(
                    path,
                    format!("not valid with its variables filled in: `{empty}` is empty"),
                );
            }
            Kind::Scalar(scalar) if scalar.has_variables => self.report_shown(
                path,
                "not valid with its variables filled in (what they hold is not shown, it may be a secret)",
            ),
            Kind::Scalar(_) if self.schema.is_secret(path) => {
                self.report_shown(path, "not valid (it is not shown, as it is a secret)");
            }
            _ => self.report_shown(path, what),
        }
    }

    /// Notes that a text is empty, and the variable that made it so.
    pub fn report_empty(&mut self, path: &Path) {
        let what = match &self.root.deepest(path).kind {
            Kind::Scalar(scalar) if !scalar.empty_variables.is_empty() => {
                let empty = scalar.empty_variables.join("`, `");
                format!("empty: the environment variable `{empty}` is empty")
            }
            _ => "empty: write a value".to_owned(),
        };
        self.report_shown(path, what);
    }

    /// Like [`Document::report`], with a text that repeats nothing of the value and is shown in any case.
    pub fn report_shown(&mut self, path: &Path, what: impl Into<String>) {
        if self.is_removed(path) {
            return;
        }
        // To look for its place in a large mapping takes a while, which adds up.
        let position = if self.is_full() { Position::START } else { self.root.deepest(path).position };
        self.fault(position, path, &what.into());
    }

    /// Notes that the last key of `path` is wrong, rather than its value.
    pub fn report_key(&mut self, path: &Path, what: impl Into<String>) {
        if self.is_full() {
            return self.fault(Position::START, path, "");
        }
        let mut parent = path.clone();
        parent.pop();
        let position = match (&self.root.deepest(&parent).kind, path.segments().last()) {
            (Kind::Mapping(entries), Some(Segment::Key(key))) => {
                entries.iter().find(|entry| entry.key == *key).map(|entry| entry.key_position)
            }
            _ => None,
        };
        let position = position.unwrap_or(self.root.position);
        self.fault(position, path, &what.into());
    }

    /// Notes that the value at `path`, or its key, is valid and most likely not what was meant. `what` is shown in any case.
    pub fn warn(&mut self, path: &Path, code: &'static str, what: &str) {
        let position = self.root.deepest(path).position;
        self.warnings.push(Warning { code, fault: Fault::new(position, &self.schema.show(path), what) });
    }

    /// Reads something that is not in the text itself. What is wrong with that is given back and is no fault of the text.
    pub fn apart<T>(&mut self, read: impl FnOnce(&mut Self) -> T) -> (T, Vec<String>) {
        let before = (std::mem::take(&mut self.faults), self.more_faults);
        let value = read(self);
        let faults = std::mem::replace(&mut self.faults, before.0);
        self.more_faults = before.1;
        (value, faults.into_iter().map(|fault| fault.what).collect())
    }

    fn fault(&mut self, position: Position, path: &Path, what: &str) {
        if self.is_full() {
            self.more_faults += 1;
        } else {
            self.faults.push(Fault::new(position, &self.schema.show(path), what));
        }
    }

    /// Whether the value at `path` was removed as faulty, alone or with what held it.
    pub fn is_removed(&self, path: &Path) -> bool {
        let segments = path.segments();
        (0..=segments.len()).any(|depth| self.removed.contains(&segments[..depth]))
    }

    /// Whether faults are only counted from here on: nobody needs words for them.
    pub fn is_full(&self) -> bool {
        self.faults.len() >= FAULTS_MAX
    }

    /// All faults; the warnings where nothing is wrong.
    pub fn finish(mut self, origin: &str) -> Result<Vec<Warning>, Faults> {
        if self.faults.is_empty() {
            // What a text stands for may be warned of for each.
            let mut known = HashSet::new();
            self.warnings.retain(|warning| known.insert(warning.fault.to_string()));
            return Ok(self.warnings);
        }
        Err(Faults::new(origin, self.faults, self.more_faults))
    }
}

/// Fills in the variables in and below `node`, removes what cannot be filled in, and says why.
fn replace_variables(
    node: &mut Node,
    path: &mut Path,
    env: &dyn Fn(&str) -> Option<OsString>,
    faults: &mut Vec<(Path, variables::VariableError)>,
) {
    match &mut node.kind {
        Kind::Scalar(scalar) => match variables::replace(&scalar.text, env) {
            Ok(None) => {}
            Ok(Some(variables::Replaced { text, empty })) => {
                scalar.text = text;
                scalar.empty_variables = empty;
                scalar.is_plain = false;
                scalar.has_variables = true;
            }
            Err(error) => {
                node.kind = Kind::Removed;
                faults.push((path.clone(), error));
            }
        },
        Kind::Sequence(items) => {
            for (index, item) in items.iter_mut().enumerate() {
                path.push(Segment::Index(index));
                replace_variables(item, path, env, faults);
                path.pop();
            }
        }
        Kind::Mapping(entries) => {
            for entry in entries {
                path.push(Segment::Key(entry.key.clone()));
                replace_variables(&mut entry.value, path, env, faults);
                path.pop();
            }
        }
        Kind::Removed => {}
    }
}
