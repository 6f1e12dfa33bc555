//! The keys of a mapping, taken one by one. What nobody has taken is what has no equal here.

use crate::import::tree::Node;

/// A mapping, and where it is.
pub(super) struct Fields {
    path: String,
    entries: Vec<(String, Node)>,
}

impl Fields {
    pub(super) fn new(path: impl Into<String>, entries: Vec<(String, Node)>) -> Self {
        Self { path: path.into(), entries }
    }

    /// The mappings of a list. The error is the path of what is none.
    pub(super) fn list(path: &str, node: Node) -> Result<Vec<Self>, String> {
        let items = match node {
            Node::Nothing => Vec::new(),
            Node::List(items) => items,
            _ => return Err(format!("`{path}` has to be a list")),
        };
        let items = items.into_iter().enumerate();
        let fields = items.map(|(index, item)| {
            let path = format!("{path}[{index}]");
            let entries = item.into_map().ok_or_else(|| format!("`{path}` has to be a mapping"))?;
            Ok(Self::new(path, entries))
        });
        fields.collect()
    }

    /// Where the mapping is: `sync[3]`.
    pub(super) fn path(&self) -> &str {
        &self.path
    }

    /// Where a key of it is.
    pub(super) fn path_of(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) }
    }

    /// Takes a value, whatever it is.
    pub(super) fn take(&mut self, key: &str) -> Node {
        match self.entries.iter().position(|(known, _)| known == key) {
            Some(index) => self.entries.remove(index).1,
            None => Node::Nothing,
        }
    }

    /// Takes a value if `read` understands it; else it stays, and is told as left out.
    fn take_if<T>(&mut self, key: &str, read: impl Fn(&Node) -> Option<T>) -> Option<T> {
        let index = self.entries.iter().position(|(known, _)| known == key)?;
        let value = read(&self.entries[index].1)?;
        self.entries.remove(index);
        Some(value)
    }

    pub(super) fn text(&mut self, key: &str) -> Option<String> {
        self.take_if(key, |node| node.text().map(str::to_owned))
    }

    pub(super) fn required(&mut self, key: &str) -> Result<String, String> {
        let path = self.path_of(key);
        self.text(key)
            .filter(|text| !text.is_empty())
            .ok_or_else(|| format!("`{path}` is missing or no text"))
    }

    /// A list of texts, or one alone. None where there is no such key.
    pub(super) fn texts(&mut self, key: &str) -> Option<Vec<String>> {
        self.take_if(key, Node::texts)
    }

    pub(super) fn number(&mut self, key: &str) -> Option<u64> {
        self.take_if(key, |node| node.text()?.parse().ok())
    }

    pub(super) fn flag(&mut self, key: &str) -> Option<bool> {
        self.take_if(key, |node| match node.text()? {
            "true" | "True" | "TRUE" => Some(true),
            "false" | "False" | "FALSE" => Some(false),
            _ => None,
        })
    }

    /// A mapping; empty where there is none.
    pub(super) fn map(&mut self, key: &str) -> Self {
        let entries = self.take_if(key, |node| node.as_map().map(<[_]>::to_vec));
        Self::new(self.path_of(key), entries.unwrap_or_default())
    }

    pub(super) fn has(&self, key: &str) -> bool {
        self.entries.iter().any(|(known, _)| known == key)
    }

    /// Keys and values in their order, for mappings whose keys are names.
    pub(super) fn into_entries(self) -> Vec<(String, Node)> {
        self.entries
    }

    /// A note for each key that was not taken. `advice` says of some what to do instead; `ignored` are those whose absence
    /// changes nothing.
    pub(super) fn left_out(self, advice: &[(&str, &str)], ignored: &[&str]) -> Vec<String> {
        let told = self.entries.iter().filter(|(key, node)| {
            !matches!(node, Node::Nothing) && !ignored.contains(&key.as_str()) && !key.starts_with("x-")
        });
        let note = |(key, _): &(String, Node)| {
            let advice = advice.iter().find(|(known, _)| known == key);
            let advice = advice.map_or("nothing here does the same", |(_, advice)| *advice);
            format!("left out: {}: {advice}", self.path_of(key))
        };
        told.map(note).collect()
    }
}
