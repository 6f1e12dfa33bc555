//! Serving connections, within bounds.

use std::io;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use axum::{Extension, Router};
use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt, StreamExt};
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpListener;
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

use crate::control::accept::{Accepting, Arrival, HEADERS_MAX_BYTES, HEADERS_TIMEOUT, Pulse};
use crate::control::access::Peer;
use crate::control::answer::Error;
use crate::control::clients::{CONNECTIONS_MAX, Client, ClientStream, Clients};
use crate::control::{Control, router};
use crate::text::internal_error;

/// An answer begins within this time: longer than the longest wait for a run.
const ANSWER_TIMEOUT: Duration = Duration::from_mins(1);
/// So often it is said that requests are answered.
const BEAT: Duration = Duration::from_secs(1);

/// Answers requests until `stop`; those under way then are answered first. Fails where no thread can be started for it.
///
/// A thread accepts, and answers who asks for health. All other connections are futures of this one: dropping it closes
/// them. What takes a while to compute is done elsewhere, so that each is answered soon.
pub async fn serve(listener: TcpListener, control: Arc<Control>, stop: CancellationToken) -> io::Result<()> {
    let pulse = Arc::new(Pulse::new());
    let over = stop.child_token();
    let _over = over.clone().drop_guard();
    let mut accepting = Accepting::start(listener, Arc::clone(&pulse), over)?;
    let mut connections =
        Connections { router: router(control), clients: Clients::new(CONNECTIONS_MAX), stop };
    let mut open = FuturesUnordered::new();
    let mut beats = tokio::time::interval(BEAT);
    beats.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = connections.stop.cancelled() => break,
            _ = beats.tick() => pulse.beat(Instant::now()),
            Some(_) = open.next() => {}
            // One more than there are places: it takes that of another, who ends now.
            arrival = accepting.arrivals.recv(), if open.len() <= CONNECTIONS_MAX => match arrival {
                Some(arrival) => open.push(connections.open(arrival)),
                None => return accepting.ended(),
            }
        }
    }
    accepting.arrivals.close();
    while let Ok(arrival) = accepting.arrivals.try_recv() {
        open.push(connections.open(arrival));
    }
    while open.next().await.is_some() {}
    Ok(())
}

/// What all connections share.
struct Connections {
    router: Router,
    clients: Clients,
    stop: CancellationToken,
}

impl Connections {
    /// The future of one more. A panic in what streams to one client ends its connection alone.
    fn open(&mut self, arrival: Arrival) -> impl Future<Output = std::thread::Result<()>> + use<> {
        let router = self.router.clone().layer(Extension(Peer(arrival.peer)));
        AssertUnwindSafe(connection(arrival, self.clients.welcome(), router, self.stop.clone()))
            .catch_unwind()
    }
}

async fn connection(arrival: Arrival, client: Arc<Client>, router: Router, stop: CancellationToken) {
    let Ok(stream) = arrival.stream() else { return };
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
