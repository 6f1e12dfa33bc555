//! Spans to a collector, from a thread of their own: whoever works never waits for it.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use opentelemetry::KeyValue;
use opentelemetry::trace::TracerProvider as _;
use opentelemetry_otlp::{SpanExporter as Otlp, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{BatchSpanProcessor, SdkTracerProvider, SpanData, SpanExporter};
use reqwest::redirect::{Attempt, Policy};
use tracing::{Metadata, info, warn};
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::{Layer, Registry};
use url::Url;

use crate::cli::traces::wish::{Wish, wish};
use crate::proxy::Proxies;
use crate::text::{address, chain};

/// How we are named where `OTEL_SERVICE_NAME` and `OTEL_RESOURCE_ATTRIBUTES` say nothing.
const SERVICE: &str = "tagferry";
/// The time for one request, and the variables that say another.
const TIMEOUT: Duration = Duration::from_secs(10);
const TIMEOUTS: [&str; 2] = ["OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "OTEL_EXPORTER_OTLP_TIMEOUT"];
/// So many redirects within the collector's origin are followed.
const REDIRECTS_MAX: usize = 3;
/// A collector that does not take the last spans within this time does not get them.
const GOODBYE: Duration = Duration::from_secs(2);

/// Spans go out until this is [finished](Traces::finish).
pub(in crate::cli) struct Traces {
    provider: SdkTracerProvider,
    /// Where they go, and whether that works.
    route: Arc<Route>,
}

#[derive(Debug)]
struct Route {
    /// For people: without what may be a secret.
    address: String,
    is_broken: AtomicBool,
}

impl Traces {
    /// Starts to trace, if the environment asks for it; else says why that is not possible.
    ///
    /// At most 2048 finished spans wait for the collector, unless `OTEL_BSP_MAX_QUEUE_SIZE` says otherwise; what is more
    /// is dropped.
    pub(in crate::cli) fn start(variable: impl Fn(&str) -> Option<String>) -> Result<Option<Self>, String> {
        let Some(Wish { endpoint }) = wish(&variable)? else { return Ok(None) };
        let url = url(&endpoint)?;
        let address = address(&url);
        let client = client(url, timeout(variable)?)?;
        let exporter = Otlp::builder().with_http().with_http_client(client).with_endpoint(&endpoint).build();
        // Its own words may hold the whole address.
        let exporter = exporter.map_err(|_| format!("they cannot be sent to {address}"))?;
        let route = Arc::new(Route { address, is_broken: AtomicBool::new(false) });
        let exporter = Watched { exporter, route: Arc::clone(&route) };
        let provider = SdkTracerProvider::builder()
            .with_resource(resource())
            .with_span_processor(BatchSpanProcessor::builder(exporter).build())
            .build();
        Ok(Some(Self { provider, route }))
    }

    /// Takes the spans of this program, and of nothing that it uses.
    pub(in crate::cli) fn layer(&self) -> Box<dyn Layer<Registry> + Send + Sync> {
        let is_ours = |log: &Metadata<'_>| {
            log.is_span() && log.target().split("::").next() == Some(env!("CARGO_CRATE_NAME"))
        };
        tracing_opentelemetry::layer()
            .with_tracer(self.provider.tracer(SERVICE))
            .with_location(false)
            .with_threads(false)
            .with_target(false)
            .with_level(false)
            .with_tracked_inactivity(false)
            .with_filter(filter_fn(is_ours))
            .boxed()
    }

    /// Sends what is left, as far as the collector takes it in time. Blocks: nothing else is to be done any more.
    pub(in crate::cli) fn finish(self) {
        if self.provider.shutdown_with_timeout(GOODBYE).is_err() {
            self.route.broken("it did not take the last spans in time");
        }
    }
}

impl Route {
    /// Says once that spans are lost, until they arrive again.
    fn broken(&self, why: &str) {
        if !self.is_broken.swap(true, Relaxed) {
            let address = &self.address;
            warn!(address, "Traces are lost, the collector at {address} does not take them: {why}");
        }
    }

    fn works(&self) {
        if self.is_broken.swap(false, Relaxed) {
            let address = &self.address;
            info!(address, "Traces arrive again at {address}");
        }
    }
}

/// Says whether spans arrive: the exporter keeps that to itself.
#[derive(Debug)]
struct Watched {
    exporter: Otlp,
    route: Arc<Route>,
}

impl SpanExporter for Watched {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let result = self.exporter.export(batch).await;
        match &result {
            Ok(()) => self.route.works(),
            Err(error) => self.route.broken(&error.to_string()),
        }
        result
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.exporter.shutdown_with_timeout(timeout)
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.exporter.force_flush()
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.exporter.set_resource(resource);
    }
}

/// Who we are: what the environment says, and where it says nothing, our name and version.
fn resource() -> Resource {
    let ours = Resource::builder_empty()
        .with_attribute(KeyValue::new("service.name", SERVICE))
        .with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")))
        .build();
    let given = Resource::builder().build();
    // The SDK makes a name up where nobody gave one.
    let is_given = |key: &str, value: &str| key != "service.name" || !value.starts_with("unknown_service");
    let given = given.iter().filter(|(key, value)| is_given(key.as_str(), &value.as_str()));
    let both = ours.iter().chain(given).map(|(key, value)| KeyValue::new(key.clone(), value.clone()));
    Resource::builder_empty().with_attributes(both.collect::<Vec<_>>()).build()
}

/// Asks by the proxies of everything else, and goes nowhere else: every header may be a secret.
fn client(endpoint: Url, timeout: Duration) -> Result<reqwest::blocking::Client, String> {
    let proxies = Proxies::of_process().map_err(|error| error.to_string())?;
    let own = move |attempt: Attempt<'_>| {
        let is_own = attempt.url().origin() == endpoint.origin() && attempt.previous().len() <= REDIRECTS_MAX;
        if is_own { attempt.follow() } else { attempt.stop() }
    };
    let builder = reqwest::Client::builder().redirect(Policy::custom(own)).timeout(timeout);
    let builder = reqwest::blocking::ClientBuilder::from(proxies.apply(builder));
    // It has a runtime of its own, which cannot be made on a thread that has one.
    let made = std::thread::scope(|scope| scope.spawn(|| builder.build()).join());
    let made = made.map_err(|_| "the client could not be made".to_owned())?;
    made.map_err(|error| chain(&error))
}

/// How long one request may take. As the specification has it, an empty variable is none.
fn timeout(variable: impl Fn(&str) -> Option<String>) -> Result<Duration, String> {
    let set = |name| variable(name).map(|value| (name, value)).filter(|(_, value)| !value.trim().is_empty());
    let Some((name, value)) = TIMEOUTS.into_iter().find_map(set) else { return Ok(TIMEOUT) };
    let millis = value.trim().parse();
    millis
        .map(Duration::from_millis)
        .map_err(|_| format!("`{name}` is `{value}`, and has to be a number of milliseconds"))
}

fn url(endpoint: &str) -> Result<Url, String> {
    let url = endpoint.parse().ok().filter(|url: &Url| matches!(url.scheme(), "http" | "https"));
    url.ok_or_else(|| {
        "the endpoint in `OTEL_EXPORTER_OTLP_ENDPOINT` is no address of `http` or `https`".to_owned()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_in_milliseconds_and_that_of_traces_comes_first() {
        let [traces, common] = TIMEOUTS;
        for (variables, expected) in [
            (vec![], Ok(TIMEOUT)),
            (vec![(common, "250"), (traces, " ")], Ok(Duration::from_millis(250))),
            (vec![(common, "10s"), (traces, " 500 ")], Ok(Duration::from_millis(500))),
            (
                vec![(common, "10s")],
                Err("`OTEL_EXPORTER_OTLP_TIMEOUT` is `10s`, and has to be a number of milliseconds"),
            ),
        ] {
            let value = |name: &str| {
                variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
            };
            assert_eq!(
                timeout(value).as_ref().map_err(String::as_str),
                expected.as_ref().map_err(|words| *words)
            );
        }
    }

    #[test]
    fn an_address_shows_no_user_and_no_query() {
        let endpoint = url("https://me:secret@collector.example:4318/v1/traces?key=secret").unwrap();
        assert_eq!(address(&endpoint), "https://collector.example:4318/v1/traces");
        assert!(url("collector:4318/v1/traces").is_err());
    }
}
