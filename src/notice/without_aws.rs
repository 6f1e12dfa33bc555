//! In place of the destinations in AWS, in a build without the feature `aws-notices`. The configuration refuses them.
#![expect(clippy::unused_async, reason = "the same signatures as with the feature")]

use aws_credential_types::provider::SharedCredentialsProvider;
use url::Url;

use crate::notice::Notice;
use crate::sender::SendError;

/// A topic that cannot be sent to.
pub(super) struct Topic;

/// A bus that cannot be sent to.
pub(super) type Bus = Topic;

impl Topic {
    pub(super) async fn open(
        _: String,
        _: &str,
        _: Option<Url>,
        _: Option<SharedCredentialsProvider>,
    ) -> Self {
        Self
    }

    pub(super) async fn send(&self, _: &Notice) -> Result<(), SendError> {
        Err(SendError::Final("this tagferry was built without the feature `aws-notices`".to_owned()))
    }
}
