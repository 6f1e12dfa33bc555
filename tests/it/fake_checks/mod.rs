//! The fakes do what they say: each face and each fault, seen with a plain HTTP client.

mod auth;
mod ecr;
mod ecr_api;
mod faults;
mod images;
mod registry;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{HeaderMap, Method};
use reqwest::redirect::Policy;
use serde_json::Value;

/// An answer, read to its end.
struct Answer {
    status: u16,
    headers: HeaderMap,
    body: Bytes,
}

impl Answer {
    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    /// The first code of a registry's error envelope.
    fn code(&self) -> String {
        self.json()["errors"][0]["code"].as_str().unwrap().to_owned()
    }
}

/// Asks without following redirects.
async fn try_ask(
    method: Method,
    url: &str,
    headers: &[(&'static str, &str)],
    body: impl Into<reqwest::Body>,
) -> Result<Answer, reqwest::Error> {
    let client = reqwest::Client::builder().redirect(Policy::none()).no_proxy().build()?;
    let request = client.request(method, url).body(body);
    let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
    let response = request.send().await?;
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    Ok(Answer { status, headers, body: response.bytes().await? })
}

async fn ask(
    method: Method,
    url: &str,
    headers: &[(&'static str, &str)],
    body: impl Into<reqwest::Body>,
) -> Answer {
    try_ask(method, url, headers, body).await.unwrap()
}

async fn get(url: &str) -> Answer {
    ask(Method::GET, url, &[], "").await
}

fn basic(user: &str, password: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{user}:{password}")))
}
