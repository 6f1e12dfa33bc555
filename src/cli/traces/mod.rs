//! Traces over OTLP, where the standard `OTEL_*` variables ask for them.
//!
//! What is traced is said by the spans of the modules that work; here is only where spans go.
//! <https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/>

#[cfg(feature = "otel")]
mod export;
mod wish;

#[cfg(feature = "otel")]
pub(super) use export::Traces;
#[cfg(not(feature = "otel"))]
pub(super) use without::Traces;

/// A build that cannot trace.
#[cfg(not(feature = "otel"))]
mod without {
    use tracing_subscriber::{Layer, Registry};

    use crate::cli::traces::wish::wish;

    /// There are none.
    pub(in crate::cli) enum Traces {}

    impl Traces {
        pub(in crate::cli) fn start(
            variable: impl Fn(&str) -> Option<String>,
        ) -> Result<Option<Self>, String> {
            match wish(variable)? {
                Some(_) => Err("this tagferry was built without the feature `otel`".to_owned()),
                None => Ok(None),
            }
        }

        pub(in crate::cli) fn layer(&self) -> Box<dyn Layer<Registry> + Send + Sync> {
            match *self {}
        }

        pub(in crate::cli) fn finish(self) {
            match self {}
        }
    }
}
