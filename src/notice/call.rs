//! A call of an AWS service, and what its end means for a notice.

use std::error::Error;
use std::time::Duration;

use aws_sdk_sns::config::http::HttpResponse;
use aws_sdk_sns::error::{ProvideErrorMetadata, SdkError};

use crate::aws;
use crate::sender::SendError;
use crate::text::chain;

/// For one call with its retries, which are the SDK's.
const CALL_MAX: Duration = Duration::from_mins(2);

/// Waits for the answer to a call.
pub(super) async fn answer<T, E>(
    call: &aws::Call,
    sent: impl Future<Output = Result<T, SdkError<E, HttpResponse>>>,
) -> Result<T, SendError>
where
    E: ProvideErrorMetadata + Error + Send + Sync + 'static,
{
    match tokio::time::timeout(CALL_MAX, sent).await {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(error)) => Err(SendError::Final(chain(&aws::Error::sdk(call.clone(), error)))),
        Err(_) => Err(SendError::Final(format!("{call}: no answer in time"))),
    }
}
