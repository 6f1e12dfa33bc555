//! How a table looks.

use std::fmt;
use std::io;
use std::io::Write;

use comfy_table::presets::{NOTHING, UTF8_FULL_CONDENSED};
use comfy_table::{CellAlignment, ColumnConstraint, ContentArrangement};

/// Stands in a cell that has nothing to say, so that every row has as many words as columns.
pub(super) const NOTHING_TO_SAY: &str = "-";

/// How tables are drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Look {
    /// Columns and nothing else, never wrapped: for pipes and files.
    Plain,
    /// With lines, wrapped to a terminal.
    Boxed {
        /// Columns of the terminal.
        width: u16,
    },
}

/// Rows under a header.
#[derive(Debug)]
pub struct Table {
    look: Look,
    inner: comfy_table::Table,
}

impl Table {
    /// No rows yet.
    pub fn new<const N: usize>(look: Look, header: [&str; N]) -> Self {
        let mut inner = comfy_table::Table::new();
        inner.set_header(header);
        match look {
            Look::Plain => {
                inner.load_style(NOTHING).set_content_arrangement(ContentArrangement::Disabled);
                inner.column_iter_mut().for_each(|column| {
                    column.set_padding((0, 2));
                });
            }
            Look::Boxed { width } => {
                inner.load_style(UTF8_FULL_CONDENSED);
                inner.set_content_arrangement(ContentArrangement::Dynamic).set_width(width);
            }
        }
        Self { look, inner }
    }

    /// Puts a column's cells to the right, as suits numbers.
    #[must_use]
    pub fn align_right(mut self, column: usize) -> Self {
        if let Some(column) = self.inner.column_mut(column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
        self
    }

    /// Never breaks a column's cells, as suits what is to be copied from the screen.
    #[must_use]
    pub fn keep_whole(mut self, column: usize) -> Self {
        if let Some(column) = self.inner.column_mut(column) {
            column.set_constraint(ColumnConstraint::ContentWidth);
        }
        self
    }

    /// Adds a row. A cell is one line: what follows a line break belongs below the table. Empty cells show a dash.
    pub fn row<const N: usize>(&mut self, cells: [String; N]) {
        self.inner.add_row(cells.map(|cell| match cell.lines().next() {
            None | Some("") => NOTHING_TO_SAY.to_owned(),
            Some(line) => line.replace(char::is_control, "\u{fffd}"),
        }));
    }

    /// Whether it has no rows.
    pub fn is_empty(&self) -> bool {
        self.inner.is_empty()
    }

    /// Writes it, with a line break at its end; nothing where it has no rows.
    pub fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        if self.is_empty() { Ok(()) } else { writeln!(out, "{self}") }
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.look {
            Look::Plain => f.write_str(&self.inner.trim_fmt()),
            Look::Boxed { .. } => self.inner.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(look: Look) -> Table {
        let mut table = Table::new(look, ["TAG", "SIZE", "REASON"]).align_right(1);
        table.row(["21.0.7".to_owned(), "9 B".to_owned(), "missing in target".to_owned()]);
        table.row(["21".to_owned(), "180.2 MiB".to_owned(), "first line\nsecond line".to_owned()]);
        table.row(["latest".to_owned(), String::new(), "red \u{1b}[31m".to_owned()]);
        table
    }

    #[test]
    fn plain_columns_have_no_lines_and_no_trailing_spaces() {
        insta::assert_snapshot!(table(Look::Plain), @"
        TAG          SIZE  REASON
        21.0.7        9 B  missing in target
        21      180.2 MiB  first line
        latest          -  red �[31m
        ");
    }

    #[test]
    fn a_terminal_gets_lines_and_wrapped_cells() {
        insta::assert_snapshot!(table(Look::Boxed { width: 40 }), @"
        ┌────────┬───────────┬────────────┐
        │ TAG    ┆      SIZE ┆ REASON     │
        ╞════════╪═══════════╪════════════╡
        │ 21.0.7 ┆       9 B ┆ missing in │
        │        ┆           ┆ target     │
        │ 21     ┆ 180.2 MiB ┆ first line │
        │ latest ┆         - ┆ red �[31m  │
        └────────┴───────────┴────────────┘
        ");
    }
}
