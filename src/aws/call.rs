//! One call of an AWS API: made, traced, and its failure judged.

use std::error::Error as StdError;
use std::fmt;

use aws_sdk_ecr::config::http::HttpResponse;
use aws_sdk_ecr::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_ecr::operation::RequestId;
use tracing::field::{Empty, display};
use tracing::{Instrument, trace, trace_span};

use crate::aws::error::{Error, shown};

/// An operation and what it was meant for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// The service's prefix in IAM actions: `ecr`.
    pub service: &'static str,
    /// The operation: `BatchGetImage`.
    pub operation: &'static str,
    /// The ARN, as an IAM policy has to name it; `*` for what belongs to no resource.
    pub resource: String,
}

impl Call {
    /// The IAM action that allows the call.
    pub fn action(&self) -> String {
        format!("{}:{}", self.service, self.operation)
    }

    /// Makes the call, and judges its failure.
    pub(crate) async fn make<T, E>(
        self,
        request: impl Future<Output = Result<T, SdkError<E, HttpResponse>>>,
    ) -> Result<T, Error>
    where
        T: RequestId,
        E: ProvideErrorMetadata + StdError + Send + Sync + 'static,
    {
        let span = trace_span!(
            "aws",
            otel.name = format_args!("{}.{}", self.service, self.operation),
            otel.kind = "client",
            rpc.system = "aws-api",
            rpc.method = self.operation,
            rpc.service = self.service,
            aws.request_id = Empty,
            otel.status_code = Empty,
            otel.status_description = Empty,
        );
        match request.instrument(span.clone()).await {
            Ok(answer) => {
                trace!(request_id = answer.request_id().map(shown), "{self}: answered");
                if !span.is_disabled() {
                    span.record("aws.request_id", answer.request_id().map(shown));
                }
                Ok(answer)
            }
            Err(error) => {
                let error = Error::sdk(self, error);
                trace!(request_id = error.request_id.as_deref(), "{error}");
                span.record("aws.request_id", error.request_id.as_deref());
                // The caller may be about to create it.
                if !error.is_repository_missing() {
                    span.record("otel.status_code", "ERROR");
                    span.record("otel.status_description", display(&error));
                }
                Err(error)
            }
        }
    }
}

impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.resource.as_str() {
            "*" => write!(f, "{}", self.action()),
            resource => write!(f, "{} on {resource}", self.action()),
        }
    }
}
