//! What was found: tables of medians, goals met or missed, and what could not be run.

use std::fmt;
use std::fmt::Write as _;

use serde::Serialize;

/// All findings of one run of the comparison.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Report {
    machine: Vec<String>,
    tables: Vec<Table>,
    goals: Vec<Goal>,
    not_run: Vec<String>,
}

/// Figures of several contenders side by side.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Table {
    title: String,
    columns: Vec<Column>,
    rows: Vec<Row>,
}

#[derive(Clone, Debug, Serialize)]
struct Column {
    name: String,
    decimals: usize,
}

#[derive(Clone, Debug, Serialize)]
struct Row {
    name: String,
    /// None where there is nothing to say.
    cells: Vec<Option<f64>>,
}

/// What is wanted of tagferry.
#[derive(Clone, Debug, Serialize)]
struct Goal {
    what: String,
    bound: Bound,
    wanted: f64,
    got: f64,
    unit: &'static str,
    is_met: bool,
}

#[derive(Clone, Copy, Debug, Serialize)]
enum Bound {
    AtMost,
    AtLeast,
}

impl Table {
    /// A table with these columns, each with its number of decimals.
    pub(crate) fn new(title: impl Into<String>, columns: &[(&str, usize)]) -> Self {
        let column = |&(name, decimals): &(&str, usize)| Column { name: name.to_owned(), decimals };
        Self { title: title.into(), columns: columns.iter().map(column).collect(), rows: Vec::new() }
    }

    pub(crate) fn row(&mut self, name: impl fmt::Display, cells: &[f64]) {
        let cells = cells.iter().map(|cell| cell.is_finite().then_some(*cell)).collect();
        self.rows.push(Row { name: name.to_string(), cells });
    }

    fn markdown(&self) -> String {
        let heads: Vec<_> = self.columns.iter().map(|column| column.name.clone()).collect();
        let cell = |(cell, column): (&Option<f64>, &Column)| {
            cell.map_or_else(String::new, |number| grouped(number, column.decimals))
        };
        let cells = |row: &Row| row.cells.iter().zip(&self.columns).map(cell).collect();
        let rows: Vec<_> = self.rows.iter().map(|row| (row.name.clone(), cells(row))).collect();
        format!("**{}**\n\n{}", self.title, grid("", &heads, &rows))
    }
}

impl Report {
    /// Nothing yet, of this machine.
    pub(crate) fn new(machine: Vec<String>) -> Self {
        Self { machine, ..Self::default() }
    }

    pub(crate) fn table(&mut self, table: Table) {
        self.tables.push(table);
    }

    /// Something that could not be run here, and why.
    pub(crate) fn not_run(&mut self, what: impl fmt::Display) {
        self.not_run.push(what.to_string());
    }

    pub(crate) fn at_most(&mut self, what: impl fmt::Display, unit: &'static str, got: f64, wanted: f64) {
        self.goal(what.to_string(), Bound::AtMost, unit, got, wanted);
    }

    pub(crate) fn at_least(&mut self, what: impl fmt::Display, unit: &'static str, got: f64, wanted: f64) {
        self.goal(what.to_string(), Bound::AtLeast, unit, got, wanted);
    }

    fn goal(&mut self, what: String, bound: Bound, unit: &'static str, got: f64, wanted: f64) {
        let is_met = match bound {
            Bound::AtMost => got <= wanted,
            Bound::AtLeast => got >= wanted,
        };
        // What was not measured is neither met nor missed.
        if got.is_finite() {
            self.goals.push(Goal { what, bound, wanted, got, unit, is_met });
        }
    }

    /// For people, on a terminal and on a page.
    pub(crate) fn markdown(&self) -> String {
        let mut text = self.machine.join(", ") + ".\n\n";
        let goals: Vec<_> = self.goals.iter().map(Goal::cells).collect();
        if !goals.is_empty() {
            let heads = ["wanted", "measured", ""].map(str::to_owned);
            let _ = writeln!(text, "**Goals**\n\n{}", grid("goal", &heads, &goals));
        }
        for table in &self.tables {
            let _ = writeln!(text, "{}", table.markdown());
        }
        for what in &self.not_run {
            let _ = writeln!(text, "Not run: {what}.");
        }
        text
    }

    pub(crate) fn json(&self) -> String {
        serde_json::to_string_pretty(self).unwrap_or_default()
    }
}

impl Goal {
    fn cells(&self) -> (String, Vec<String>) {
        let Self { what, bound, wanted, got, unit, is_met } = self;
        let bound = match bound {
            Bound::AtMost => "≤",
            Bound::AtLeast => "≥",
        };
        let wanted = format!("{bound} {wanted}{unit}");
        let got = format!("{}{unit}", grouped(*got, if *got < 10.0 { 2 } else { 1 }));
        (what.clone(), vec![wanted, got, if *is_met { "✓" } else { "✗" }.to_owned()])
    }
}

/// A Markdown table that is aligned for reading as it is.
fn grid(corner: &str, heads: &[String], rows: &[(String, Vec<String>)]) -> String {
    let name_width = rows.iter().map(|(name, _)| name.chars().count()).max().unwrap_or(0).max(corner.len());
    let width = |index: usize| {
        let cells = rows.iter().filter_map(|(_, cells)| cells.get(index));
        cells.chain([&heads[index]]).map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<_> = (0..heads.len()).map(width).collect();
    let line = |name: &str, cells: &[String]| {
        let mut line = format!("| {name:name_width$} |");
        for (index, width) in widths.iter().enumerate() {
            let _ = write!(line, " {:>width$} |", cells.get(index).map_or("", String::as_str));
        }
        line + "\n"
    };
    let rule: String = widths.iter().map(|width| "-".repeat(width + 1) + ":|").collect();
    let body = rows.iter().map(|(name, cells)| line(name, cells)).collect::<String>();
    format!("{}|{}|{rule}\n{body}", line(corner, heads), "-".repeat(name_width + 2))
}

/// A number with so many decimals, its thousands grouped.
fn grouped(number: f64, decimals: usize) -> String {
    let text = format!("{number:.decimals$}");
    let whole = text.find('.').unwrap_or(text.len());
    let grouped = |(index, digit): (usize, char)| {
        let is_start = index > 0 && index < whole && (whole - index).is_multiple_of(3);
        is_start.then_some(',').into_iter().chain([digit])
    };
    text.chars().enumerate().flat_map(grouped).collect()
}
