//! An AWS API on a loopback address that answers as a test says.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_config::retry::RetryConfig;
use aws_config::{Region, SdkConfig};
use aws_sdk_ecr::config::{Credentials, SharedCredentialsProvider};
use axum::Router;
use axum::extract::Request;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::Value;
use tokio::task::JoinSet;
use url::Url;

use crate::aws::config::behavior;

/// What was asked: the operation and its input.
pub(crate) type Call = (String, Value);

/// Stops when dropped.
pub(crate) struct FakeAws {
    pub(crate) url: Url,
    calls: Arc<Mutex<Vec<Call>>>,
    _server: JoinSet<()>,
}

impl FakeAws {
    /// Serves the answers that `answer` makes of an operation, its input and the number of calls so far.
    pub(crate) async fn start(
        answer: impl Fn(&str, &Value, usize) -> (u16, Value) + Send + Sync + 'static,
    ) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap()).parse().unwrap();
        let calls = Arc::new(Mutex::new(Vec::new()));
        let (answer, log) = (Arc::new(answer), Arc::clone(&calls));
        let respond = move |request: Request| {
            let (answer, log) = (Arc::clone(&answer), Arc::clone(&log));
            async move { respond(&*answer, &log, request).await }
        };
        let mut server = JoinSet::new();
        server.spawn(async move {
            axum::serve(listener, Router::new().fallback(respond)).await.unwrap();
        });
        Self { url, calls, _server: server }
    }

    pub(crate) fn calls(&self) -> Vec<Call> {
        self.calls.lock().unwrap().clone()
    }
}

/// Settings that read no environment and do not make a test wait.
pub(crate) fn config() -> SdkConfig {
    let credentials = Credentials::new("AKIAFAKE", "fake", None, None, "test");
    let retries = RetryConfig::standard().with_max_attempts(3).with_initial_backoff(Duration::from_millis(1));
    SdkConfig::builder()
        .behavior_version(behavior())
        .region(Region::new("eu-central-1"))
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .retry_config(retries)
        .build()
}

async fn respond(
    answer: &(impl Fn(&str, &Value, usize) -> (u16, Value) + ?Sized),
    log: &Mutex<Vec<Call>>,
    request: Request,
) -> Response {
    let target = request.headers().get("x-amz-target").and_then(|value| value.to_str().ok());
    let operation = target.and_then(|target| target.split('.').next_back()).unwrap_or_default().to_owned();
    let body = axum::body::to_bytes(request.into_body(), usize::MAX).await.unwrap();
    let input: Value = serde_json::from_slice(&body).unwrap();
    let number = {
        let mut log = log.lock().unwrap();
        log.push((operation.clone(), input.clone()));
        log.len()
    };
    let (status, output) = answer(&operation, &input, number);
    let headers = [
        ("content-type", "application/x-amz-json-1.1".to_owned()),
        ("x-amzn-requestid", format!("fake-{number}")),
    ];
    (StatusCode::from_u16(status).unwrap(), headers, output.to_string()).into_response()
}
