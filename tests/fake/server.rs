//! A server on a real loopback socket: accepts, logs, lets faults strike, and asks its handler.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::body::Body;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};

use super::fault::{Fault, Faults, Match};
use super::hang::Hangs;
use super::inject::{self, Before};
use super::log::{Log, Seen};
use super::wire::{self, Head, Payload, Reply};

/// What answers the requests of a server.
pub trait Handler: Send + Sync + 'static {
    fn answer(&self, head: &Head, payload: &mut Payload) -> impl Future<Output = Reply> + Send;
}

/// A running server. It and all its connections end when this is dropped.
pub struct Server {
    address: SocketAddr,
    watch: Arc<Watch>,
    task: JoinHandle<()>,
}

/// What a test sees of a server and does to it.
#[derive(Default)]
struct Watch {
    faults: Faults,
    hangs: Hangs,
    log: Log,
}

impl Server {
    /// Listens on a free loopback port.
    pub async fn start(handler: Arc<impl Handler>) -> Self {
        Self::on(TcpListener::bind("127.0.0.1:0").await.unwrap(), handler)
    }

    /// Serves a listener of the caller.
    pub fn on(listener: TcpListener, handler: Arc<impl Handler>) -> Self {
        let address = listener.local_addr().unwrap();
        let watch = Arc::new(Watch::default());
        #[expect(clippy::disallowed_methods, reason = "the handle owns the task and aborts it when dropped")]
        let task = tokio::spawn(accept(listener, handler, Arc::clone(&watch)));
        Self { address, watch, task }
    }

    /// `127.0.0.1:PORT`
    pub fn host(&self) -> String {
        self.address.to_string()
    }

    /// Adds a fault. Several may strike one request.
    pub fn fault(&self, fault: Fault) {
        self.watch.faults.add(fault);
    }

    /// Takes all faults away.
    pub fn heal(&self) {
        self.watch.faults.clear();
    }

    /// All requests so far, in the order of their arrival.
    pub fn requests(&self) -> Vec<Seen> {
        self.watch.log.entries()
    }

    /// How many requests match.
    pub fn count(&self, pattern: &Match) -> usize {
        self.watch.log.count(pattern)
    }

    /// Waits until this many requests that match have arrived.
    pub async fn wait_for(&self, pattern: &Match, count: usize) {
        self.watch.log.wait_for(pattern, count).await;
    }

    /// How many requests hung.
    pub fn hangs(&self) -> usize {
        self.watch.hangs.count()
    }

    /// Waits until this many requests hung: reached a point from which they never go on.
    pub async fn hung(&self, count: usize) {
        self.watch.hangs.wait_for(count).await;
    }

    /// The most requests that were ever being answered at one time.
    pub fn in_flight_max(&self) -> usize {
        self.watch.log.in_flight_max()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Owns the connections: they end with it.
async fn accept<H: Handler>(listener: TcpListener, handler: Arc<H>, watch: Arc<Watch>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            Ok((stream, _)) = listener.accept() => {
                connections.spawn(connection(stream, Arc::clone(&handler), Arc::clone(&watch)));
            }
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn connection<H: Handler>(stream: TcpStream, handler: Arc<H>, watch: Arc<Watch>) {
    stream.set_nodelay(true).unwrap();
    let service = service_fn(|request| serve(request, &*handler, &watch));
    // A connection fails where a fault cut it or the client left: both are meant.
    let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
}

/// Answers one request; an error closes its connection without an answer.
async fn serve<H: Handler>(
    request: http::Request<hyper::body::Incoming>,
    handler: &H,
    watch: &Watch,
) -> io::Result<http::Response<Body>> {
    let closed = || io::Error::from(io::ErrorKind::ConnectionReset);
    let (mut head, mut payload) = wire::split(request);
    let in_flight = watch.log.arrive(&head);
    let actions = watch.faults.strike(&head);
    let reply = match inject::before(&actions, &watch.hangs, &mut head, &mut payload).await {
        Before::Proceed => handler.answer(&head, &mut payload).await,
        Before::Answer(reply) => reply,
        Before::Close => return Err(closed()),
    };
    // A client that still sends would often see a reset instead of the answer.
    payload.skip(usize::MAX).await;
    let reply = inject::after(&actions, reply).ok_or_else(closed)?;
    in_flight.answered(reply.status.as_u16());
    Ok(inject::response(&actions, &watch.hangs, &head, reply))
}
