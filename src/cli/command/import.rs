//! `tagferry import`.

use std::fs;
use std::io;
use std::iter;
use std::path::{Path, PathBuf};

use clap::Args;
use clap::builder::{PossibleValuesParser, TypedValueParser};

use crate::cli::config::is_stdin;
use crate::cli::exit::{ExitCode, ExitError};
use crate::cli::terminal::Terminal;
use crate::import;
use crate::import::{Draft, Kind, To};

const EXAMPLES: &str = r"Examples:
  $ tagferry import regsync.yaml > tagferry.yaml && tagferry check
  $ tagferry import auth.json images.json
  $ tagferry import skopeo.yaml --to 123456789012.dkr.ecr.us-east-1.amazonaws.com/mirror
  $ tagferry import images.txt --to '123456789012.dkr.ecr.us-east-1.amazonaws.com/{name}'
  $ kubectl get configmap regsync -o 'jsonpath={.data.regsync\.yml}' | tagferry import -";

/// Write a configuration that does what the files of other tools do
///
/// Reads files of regsync, skopeo (`sync --src yaml`), dregsy, image-syncer (rules and logins) and ocync, and lists of image
/// references, one a line; several at once become one configuration. The kind of each file shows in its keys.
///
/// What has no equal here becomes a comment that says what to do instead. Passwords are never written: a variable named in
/// the comment takes their place. Where the other tool says nothing of a tag that is not there, `at_least: 0` does.
///
/// Look the result over with `tagferry check`, and compare `tagferry plan --selected` with what the other tool has copied.
#[derive(Debug, Args)]
#[command(after_long_help = EXAMPLES)]
pub(in crate::cli) struct Import {
    /// A file of another tool; `-` is standard input
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,
    /// The kind of the files, where their keys do not show it
    #[arg(long, value_name = "KIND", value_parser = kinds())]
    from: Option<Kind>,
    /// The target for skopeo's files and lists, which name none: HOST/PATH, or a template with {path}, {name} or {host}
    #[arg(long, value_name = "TARGET")]
    to: Option<String>,
}

impl Import {
    pub(in crate::cli) fn run(self, terminal: &mut Terminal) -> Result<ExitCode, ExitError> {
        let to = To(self.to);
        let mut draft = Draft::default();
        for path in &self.files {
            let name = if is_stdin(path) { "stdin".to_owned() } else { path.display().to_string() };
            let usage = |what: String| ExitError::new(ExitCode::Usage, format_args!("{name}: {what}"));
            let text = read(path).map_err(|error| usage(format!("cannot be read: {error}")))?;
            let (kind, read) = import::import(&text, self.from, &to).map_err(usage)?;
            draft.notes.push(format!("Imported from {name} ({kind})."));
            draft.extend(read);
        }
        if draft.mirrors.is_empty() {
            let told = iter::once("there is nothing to mirror in these files");
            let text =
                told.chain(draft.notes.iter().map(String::as_str)).collect::<Vec<_>>().join("\nhint: ");
            return Err(ExitError::new(ExitCode::Usage, text));
        }
        import::write(&mut terminal.out, draft)?;
        Ok(ExitCode::Success)
    }
}

fn kinds() -> impl TypedValueParser<Value = Kind> {
    PossibleValuesParser::new(Kind::ALL.map(Kind::name)).try_map(|name| name.parse::<Kind>())
}

fn read(path: &Path) -> io::Result<String> {
    if is_stdin(path) { io::read_to_string(io::stdin()) } else { fs::read_to_string(path) }
}
