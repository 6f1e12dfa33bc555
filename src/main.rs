//! The program. What it does is in the library: see `tagferry::cli`.

use std::process::ExitCode;

#[tokio::main]
async fn main() -> ExitCode {
    tagferry::cli::main().await.into()
}
