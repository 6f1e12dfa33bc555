//! Serving connections, within bounds.

use std::io;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use axum::{Extension, Router};
use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt, StreamExt};
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use tracing::warn;

use crate::control::access::Peer;
use crate::control::answer::Error;
use crate::control::clients::{CONNECTIONS_MAX, Client, ClientStream, Clients};
use crate::control::{Control, router};
use crate::text::internal_error;

/// A request's head comes within this time, and an idle connection is closed after it.
const HEADERS_TIMEOUT: Duration = Duration::from_secs(10);
/// The most bytes of a request's head.
const HEADERS_MAX_BYTES: usize = 32 * 1024;
/// An answer begins within this time: longer than the longest wait for a run.
const ANSWER_TIMEOUT: Duration = Duration::from_mins(1);
/// When accepting fails, most likely for want of file descriptors, it is tried again after this time.
const ACCEPT_PAUSE: Duration = Duration::from_secs(1);

/// Answers requests until `stop`; those under way then are answered first.
///
/// Spawns nothing: connections are futures of this one, and dropping it closes them all. What takes a while to compute
/// is done elsewhere, so that each is answered soon.
pub async fn serve(listener: TcpListener, control: Arc<Control>, stop: CancellationToken) {
    let router = router(control);
    let mut clients = Clients::default();
    let mut connections = FuturesUnordered::new();
    loop {
        tokio::select! {
            () = stop.cancelled() => break,
            Some(_) = connections.next() => {}
            // One more than there are places: it takes that of another, who ends now.
            accepted = accept(&listener), if connections.len() <= CONNECTIONS_MAX => {
                if let Some((stream, peer)) = accepted {
                    let router = router.clone().layer(Extension(peer));
                    let connection = connection(stream, clients.welcome(), router, &stop);
                    // A panic in what streams to one client ends its connection alone.
                    connections.push(AssertUnwindSafe(connection).catch_unwind());
                }
            }
        }
    }
    drop(listener);
    while connections.next().await.is_some() {}
}

async fn accept(listener: &TcpListener) -> Option<(TcpStream, Peer)> {
    match listener.accept().await {
        Ok((stream, address)) => Some((stream, Peer(address))),
        // The client gave up before its turn.
        Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => None,
        Err(error) => {
            warn!(%error, "Cannot accept a connection to the control plane: {error}");
            tokio::time::sleep(ACCEPT_PAUSE).await;
            None
        }
    }
}

async fn connection(stream: TcpStream, client: Arc<Client>, router: Router, stop: &CancellationToken) {
    let router = router.layer(Extension(Arc::clone(&client)));
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADERS_TIMEOUT)
        .max_buf_size(HEADERS_MAX_BYTES)
        .serve_connection(
            TokioIo::new(ClientStream::new(stream, Arc::clone(&client))),
            TowerToHyperService::new(router),
        );
    let mut served = std::pin::pin!(served);
    // A client may break off in any way.
    let _ = tokio::select! {
        ended = served.as_mut() => ended,
        () = client.dismissed() => return,
        () = stop.cancelled() => {
            served.as_mut().graceful_shutdown();
            served.await
        }
    };
}

/// Answers no request by a foreign name.
pub(super) async fn by_name(State(control): State<Arc<Control>>, request: Request, next: Next) -> Response {
    match control.hosts.check(&request) {
        Ok(()) => next.run(request).await,
        Err(error) => error.into_response(),
    }
}

/// Gives up answers that do not begin in time, or that panic.
pub(super) async fn in_time(request: Request, next: Next) -> Response {
    let answer = AssertUnwindSafe(next.run(request)).catch_unwind();
    match tokio::time::timeout(ANSWER_TIMEOUT, answer).await {
        Ok(Ok(answer)) => answer,
        Ok(Err(panic)) => Error::Internal(internal_error(&*panic)).into_response(),
        Err(_) => Error::Time.into_response(),
    }
}
