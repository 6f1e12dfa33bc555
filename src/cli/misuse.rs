//! What people write who know other programs, and what it is called here.

use std::ffi::OsStr;
use std::path::Path;

use clap::error::{ContextKind, ContextValue, ErrorKind};

/// Words for a command, and the command that was meant.
const COMMANDS: [(&[&str], &str); 6] = [
    (&["list", "ls", "list-tags", "tag"], "tagferry tags REPOSITORY"),
    (&["validate", "verify-config", "lint", "config", "test"], "tagferry check"),
    (&["run", "once", "mirror", "pull", "push"], "tagferry sync"),
    (&["diff", "dry-run", "preview"], "tagferry plan"),
    (&["server", "daemon", "start", "watch"], "tagferry serve"),
    (&["trigger", "syncnow", "sync_now"], "tagferry sync-now"),
];

/// The same error, with what was meant where that is known.
pub(super) fn explained(mut error: clap::Error) -> clap::Error {
    if let Some(hint) = hint(&error) {
        // An empty one would be a tip without words.
        error.remove(ContextKind::SuggestedSubcommand);
        error.remove(ContextKind::SuggestedArg);
        error.insert(ContextKind::Suggested, ContextValue::StyledStrs(vec![hint.into()]));
    }
    error
}

fn hint(error: &clap::Error) -> Option<String> {
    let written = |kind| match error.get(kind) {
        Some(ContextValue::String(text)) => Some(text.as_str()),
        _ => None,
    };
    match error.kind() {
        ErrorKind::InvalidSubcommand => {
            let word = written(ContextKind::InvalidSubcommand)?;
            let known = COMMANDS.iter().find(|(words, _)| words.contains(&word));
            known.map(|(_, command)| format!("that is `{command}`"))
        }
        ErrorKind::UnknownArgument => match written(ContextKind::InvalidArg)? {
            "--dry-run" | "--dryrun" | "-n" | "--check" => {
                Some("`tagferry plan` shows what a run would do".to_owned())
            }
            "--file" | "-f" => Some("the configuration is named by `--config PATH`".to_owned()),
            text if matches!(Path::new(text).extension().and_then(OsStr::to_str), Some("yaml" | "yml")) => {
                Some(format!("the configuration is named by `--config {text}`"))
            }
            _ => None,
        },
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::cli::Cli;

    #[track_caller]
    fn check(arguments: &[&str], expected: &str) {
        let arguments = [&["tagferry"], arguments].concat();
        let error = explained(Cli::try_parse_from(arguments).unwrap_err()).to_string();
        assert!(error.contains(expected), "{error}");
        assert!(error.matches("tip:").count() <= 1, "{error}");
    }

    #[test]
    fn the_words_of_other_programs_are_known() {
        check(&["list", "quay.io/a/b"], "tip: that is `tagferry tags REPOSITORY`");
        check(&["validate"], "tip: that is `tagferry check`");
        check(&["sync", "--dry-run"], "tip: `tagferry plan` shows what a run would do");
        check(&["sync", "prod.yaml"], "tip: the configuration is named by `--config prod.yaml`");
        check(&["check", "-f", "prod.yaml"], "tip: the configuration is named by `--config PATH`");
    }

    #[test]
    fn what_nobody_knows_is_as_it_was() {
        check(&["nonsense"], "unrecognized subcommand 'nonsense'");
        check(&["syc"], "similar subcommand");
        for (words, command) in COMMANDS {
            let [_, name, ..] = command.split(' ').collect::<Vec<_>>()[..] else { panic!("{command}") };
            assert!(!words.contains(&name), "{name} is a command");
            let help = Cli::try_parse_from(["tagferry", name, "--help"]).unwrap_err();
            assert_eq!(help.kind(), ErrorKind::DisplayHelp, "{name}");
        }
    }
}
