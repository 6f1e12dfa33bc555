//! The program. What it does is in the library: see `tagferry::cli`.

use std::process::ExitCode;

fn main() -> ExitCode {
    tagferry::cli::main().into()
}
