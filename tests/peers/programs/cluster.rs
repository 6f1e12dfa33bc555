//! A Kubernetes API server that has one `CronJob` and takes Jobs: as much as `kubectl create` asks of one.

use std::fs;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

const JOBS: &str = "/apis/batch/v1/namespaces/tagferry/jobs";

/// A running API server, stopped when dropped.
pub(crate) struct Cluster {
    url: String,
    created: Arc<Mutex<Vec<Bytes>>>,
    _serving: JoinSet<()>,
}

#[derive(Clone)]
struct Contents {
    cronjob: Value,
    created: Arc<Mutex<Vec<Bytes>>>,
}

impl Cluster {
    /// Has this `CronJob`, in the namespace tagferry.
    pub(crate) async fn with(mut cronjob: Value) -> Self {
        cronjob["metadata"]["uid"] = json!("00000000-0000-0000-0000-000000000001");
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let contents = Contents { cronjob, created: Arc::default() };
        let created = Arc::clone(&contents.created);
        let routes = Router::new().fallback(answer).with_state(contents);
        let mut serving = JoinSet::new();
        serving.spawn(async move { axum::serve(listener, routes).await.unwrap() });
        Self { url, created, _serving: serving }
    }

    /// Writes the configuration of a `kubectl` that talks to it.
    pub(crate) fn kubeconfig(&self, folder: &Path) -> PathBuf {
        let config = json!({
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "tests",
            "clusters": [{"name": "tests", "cluster": {"server": self.url}}],
            "contexts": [{"name": "tests", "context": {"cluster": "tests", "user": "tests"}}],
            "users": [{"name": "tests", "user": {}}],
        });
        let path = folder.join("kubeconfig");
        fs::write(&path, config.to_string()).unwrap();
        path
    }

    /// The Jobs that were created, as they came: JSON or Kubernetes' protobuf.
    pub(crate) fn created(&self) -> Vec<Bytes> {
        self.created.lock().unwrap().clone()
    }
}

async fn answer(State(contents): State<Contents>, uri: Uri, headers: HeaderMap, body: Bytes) -> Response {
    if uri.path() == JOBS {
        contents.created.lock().unwrap().push(body.clone());
        let kind = headers[header::CONTENT_TYPE].clone();
        return (StatusCode::CREATED, [(header::CONTENT_TYPE, kind)], body).into_response();
    }
    let found = match uri.path() {
        "/apis/batch/v1/namespaces/tagferry/cronjobs/tagferry" => Some(contents.cronjob),
        path => discovery(path),
    };
    let missing =
        json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": "NotFound", "code": 404});
    let status = if found.is_some() { StatusCode::OK } else { StatusCode::NOT_FOUND };
    (status, axum::Json(found.unwrap_or(missing))).into_response()
}

/// What kinds there are, and that the server itself checks their fields.
fn discovery(path: &str) -> Option<Value> {
    let version = json!({"groupVersion": "batch/v1", "version": "v1"});
    Some(match path {
        "/api" => json!({"kind": "APIVersions", "versions": ["v1"]}),
        "/api/v1" => json!({"kind": "APIResourceList", "groupVersion": "v1", "resources": []}),
        "/apis" => json!({
            "kind": "APIGroupList",
            "apiVersion": "v1",
            "groups": [{"name": "batch", "versions": [version], "preferredVersion": version}],
        }),
        "/apis/batch/v1" => json!({
            "kind": "APIResourceList",
            "apiVersion": "v1",
            "groupVersion": "batch/v1",
            "resources": [
                {"name": "cronjobs", "singularName": "cronjob", "namespaced": true, "kind": "CronJob", "verbs": ["get"]},
                {"name": "jobs", "singularName": "job", "namespaced": true, "kind": "Job", "verbs": ["create"]},
            ],
        }),
        "/openapi/v3" => {
            json!({"paths": {"apis/batch/v1": {"serverRelativeURL": "/openapi/v3/apis/batch/v1"}}})
        }
        "/openapi/v3/apis/batch/v1" => json!({
            "openapi": "3.0.0",
            "info": {"title": "batch", "version": "1"},
            "paths": {"/apis/batch/v1/namespaces/{namespace}/jobs/{name}": {"patch": {
                "x-kubernetes-group-version-kind": {"group": "batch", "kind": "Job", "version": "v1"},
                "parameters": [{"name": "fieldValidation", "in": "query"}],
                "responses": {},
            }}},
        }),
        _ => return None,
    })
}
