//! No cores: what a crash writes to disk would hold every login.

use crate::cli::config::variable;
use crate::cli::exit::{ExitCode, ExitError};

/// Who looks for a fault may want them.
const VARIABLE: &str = "TAGFERRY_CORE_DUMPS";

/// Forbids cores unless they are asked for. To be called before anything else: a secret that was read could be written.
///
/// With the limit alone, a kernel that pipes cores into a program would still do so. Programs that we start have the limit
/// too.
pub(super) fn forbid() {
    if std::env::var_os(VARIABLE).is_some_and(|value| value == "1") {
        return;
    }
    #[cfg(unix)]
    {
        use rustix::process::{Resource, Rlimit, setrlimit};
        // To lower a limit is always allowed.
        let _ = setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) });
    }
    #[cfg(target_os = "linux")]
    {
        use rustix::process::{DumpableBehavior, set_dumpable_behavior};
        let _ = set_dumpable_behavior(DumpableBehavior::NotDumpable);
    }
}

/// Fails where the variable says neither yes nor no.
pub(super) fn check() -> Result<(), ExitError> {
    match variable(VARIABLE).as_deref() {
        None | Some("" | "0" | "1") => Ok(()),
        Some(_) => Err(ExitError::new(
            ExitCode::Usage,
            format_args!(
                "the environment variable {VARIABLE} has to be 1 to write core dumps, or 0 or empty for none"
            ),
        )),
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use rustix::process::{DumpableBehavior, Resource, dumpable_behavior, getrlimit};

    #[test]
    fn no_core_is_written() {
        super::forbid();
        let limit = getrlimit(Resource::Core);
        assert_eq!((limit.current, limit.maximum), (Some(0), Some(0)));
        assert_eq!(dumpable_behavior(), Ok(DumpableBehavior::NotDumpable));
    }
}
