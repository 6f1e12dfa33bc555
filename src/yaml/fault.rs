//! What is wrong with a configuration, all of it at once.

use std::fmt;

use crate::yaml::place::Position;

/// One thing that is wrong, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Where it is written.
    pub position: Position,
    /// The value's path (`mirrors[0].tags[1].per`); empty when the text is no YAML or the whole of it is meant.
    pub path: String,
    /// What is wrong and what to do. One line; no secret, even where one was written in a wrong place.
    pub what: String,
}

impl Fault {
    /// Makes one line of `what`: texts of other parsers may hold line breaks, echoed values anything.
    pub(super) fn new(position: Position, path: &str, what: &str) -> Self {
        let lines: Vec<&str> = what.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
        let what = lines.join(" ").replace(char::is_control, "\u{fffd}");
        Self { position, path: path.replace(char::is_control, "\u{fffd}"), what }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { position: Position { line, column }, path, what } = self;
        write!(f, "{line}:{column}: ")?;
        if !path.is_empty() {
            write!(f, "{path}: ")?;
        }
        f.write_str(what)
    }
}

/// One thing that is valid, and most likely not what was meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Warning {
    /// One word for scripts.
    pub code: &'static str,
    /// Where it is written, and what about it.
    pub fault: Fault,
}

/// Everything that is wrong with one configuration; never empty.
///
/// Displays one fault a line, in the order of the text: `tagferry.yaml:7:16: mirrors[0].tags[1].per: …`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Faults {
    origin: String,
    told: Vec<Fault>,
    /// How many there are besides these, at the least.
    more: usize,
}

impl Faults {
    /// `origin` is what the configuration is called in messages, such as its file's name.
    /// `more` is how many there are besides these, at the least.
    pub(super) fn new(origin: &str, mut faults: Vec<Fault>, more: usize) -> Self {
        faults.sort_by_key(|fault| fault.position);
        faults.dedup();
        Self { origin: origin.to_owned(), told: faults, more }
    }

    /// The faults in the order of the text.
    pub fn iter(&self) -> impl Iterator<Item = &Fault> {
        self.told.iter()
    }
}

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, fault) in self.told.iter().enumerate() {
            let line_break = if index == 0 { "" } else { "\n" };
            write!(f, "{line_break}{}:{fault}", self.origin)?;
        }
        match self.more {
            0 => Ok(()),
            more => write!(f, "\n{}: and at least {more} more: fix these first", self.origin),
        }
    }
}

impl std::error::Error for Faults {}
