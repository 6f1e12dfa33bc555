//! A collector of OpenTelemetry on a loopback address, which keeps the spans that it is sent.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::http::HeaderMap;
use axum::routing::post;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use opentelemetry_proto::tonic::trace::v1::status::StatusCode;
use opentelemetry_proto::tonic::trace::v1::{Span as Proto, span::SpanKind};
use prost::Message;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

/// Stops when dropped.
pub(crate) struct Collector {
    address: String,
    received: Arc<Mutex<Received>>,
    _server: JoinSet<()>,
}

/// What came.
#[derive(Clone, Default)]
pub(crate) struct Received {
    pub(crate) spans: Vec<Span>,
    /// The attributes of the last sender.
    pub(crate) resource: BTreeMap<String, String>,
    /// The headers of the last request.
    pub(crate) headers: HeaderMap,
    /// All that came, to look for what must not be in it.
    pub(crate) bytes: Vec<u8>,
}

/// One span.
#[derive(Clone, Debug)]
pub(crate) struct Span {
    pub(crate) id: String,
    pub(crate) parent: String,
    pub(crate) trace: String,
    pub(crate) name: String,
    pub(crate) attributes: BTreeMap<String, String>,
    pub(crate) is_client: bool,
    /// The status' words, where the status is an error.
    pub(crate) error: Option<String>,
}

impl Collector {
    pub(crate) async fn start() -> Self {
        let received = Arc::new(Mutex::new(Received::default()));
        let kept = Arc::clone(&received);
        let take = move |headers: HeaderMap, body: Bytes| async move {
            keep(&mut kept.lock().unwrap(), headers, &body);
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let mut server = JoinSet::new();
        server.spawn(async move {
            axum::serve(listener, Router::new().route("/v1/traces", post(take))).await.unwrap();
        });
        Self { address, received, _server: server }
    }

    /// What `OTEL_EXPORTER_OTLP_ENDPOINT` is to be.
    pub(crate) fn endpoint(&self) -> &str {
        &self.address
    }

    pub(crate) fn received(&self) -> Received {
        self.received.lock().unwrap().clone()
    }
}

fn keep(received: &mut Received, headers: HeaderMap, body: &Bytes) {
    assert_eq!(headers["content-type"], "application/x-protobuf");
    received.headers = headers;
    received.bytes.extend_from_slice(body);
    for group in ExportTraceServiceRequest::decode(body.clone()).unwrap().resource_spans {
        received.resource = group.resource.map(|resource| texts(resource.attributes)).unwrap_or_default();
        let spans = group.scope_spans.into_iter().flat_map(|scope| scope.spans);
        received.spans.extend(spans.map(Span::from));
    }
}

impl From<Proto> for Span {
    fn from(span: Proto) -> Self {
        let status = span.status.unwrap_or_default();
        let id = |bytes: &[u8]| format!("{bytes:02x?}");
        Self {
            id: id(&span.span_id),
            parent: id(&span.parent_span_id),
            trace: id(&span.trace_id),
            name: span.name,
            attributes: texts(span.attributes),
            is_client: span.kind == i32::from(SpanKind::Client),
            error: (status.code == i32::from(StatusCode::Error)).then_some(status.message),
        }
    }
}

/// Attributes, whatever their kind, as text.
fn texts(attributes: Vec<KeyValue>) -> BTreeMap<String, String> {
    let text = |value: Option<AnyValue>| match value.and_then(|value| value.value) {
        Some(Value::StringValue(text)) => text,
        Some(Value::IntValue(number)) => number.to_string(),
        other => format!("{other:?}"),
    };
    attributes.into_iter().map(|attribute| (attribute.key, text(attribute.value))).collect()
}

impl Received {
    /// The spans below one, or those without a parent.
    pub(crate) fn below(&self, parent: Option<&Span>) -> Vec<&Span> {
        let parent = parent.map_or("[]", |parent| &parent.id);
        self.spans.iter().filter(|span| span.parent == parent).collect()
    }

    /// The only one of this name among the spans below another.
    #[track_caller]
    pub(crate) fn only(&self, parent: Option<&Span>, name: &str) -> &Span {
        let found: Vec<_> = self.below(parent).into_iter().filter(|span| span.name == name).collect();
        assert_eq!(found.len(), 1, "{name} in {:#?}", self.spans);
        found[0]
    }
}

impl Span {
    #[track_caller]
    pub(crate) fn attribute(&self, name: &str) -> &str {
        self.attributes.get(name).unwrap_or_else(|| panic!("no {name} in {self:#?}"))
    }
}
