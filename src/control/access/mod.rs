//! Who may ask: by which name, with what right, and who tried without one.

mod caller;
mod host;
mod rights;

pub use caller::WrongTokens;
pub(super) use caller::{Caller, Peer};
pub use host::Hosts;
pub(super) use host::is_this_machine;
pub use rights::Access;
pub(super) use rights::{AccessDenied, Proof, check_form};
