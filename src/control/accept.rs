//! Accepts connections in a thread of its own, which also answers requests for health, however busy the rest is.

use std::convert::Infallible;
use std::io::{self, Cursor};
use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, resume_unwind};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;
use std::thread;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt, StreamExt};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tracing::warn;

use crate::control::clients::{Client, Clients};

/// A request's head comes within this time, and an idle connection is closed after it.
pub(super) const HEADERS_TIMEOUT: Duration = Duration::from_secs(10);
/// The most bytes of a request's head.
pub(super) const HEADERS_MAX_BYTES: usize = 32 * 1024;
/// What is said of a process that serves.
pub(super) const ALIVE: &str = "alive\n";
/// What a request for health begins with. One that is written otherwise is answered with all others.
const HEALTH: &[u8; 13] = b"GET /healthz ";
/// At most this many have connected and are neither answered nor handed over. Somebody new takes the place of whoever
/// has been here longest.
const ARRIVING_MAX: usize = 128;
/// How many connections may wait to be taken over from this thread.
const WAITING_MAX: usize = 16;
/// When accepting fails, most likely for want of file descriptors, it is tried again after this time.
const ACCEPT_PAUSE: Duration = Duration::from_secs(1);

/// Somebody who wants something else than health.
#[derive(Debug)]
pub(super) struct Arrival {
    stream: std::net::TcpStream,
    /// What was read to see that.
    begun: Vec<u8>,
    pub(super) peer: SocketAddr,
}

/// When the task that answers all other requests last ran.
#[derive(Debug)]
pub(super) struct Pulse {
    start: Instant,
    /// Milliseconds from `start` to the last beat.
    last: AtomicU64,
}

/// The thread that accepts.
pub(super) struct Accepting {
    /// Those who want something else than health, in their order.
    pub(super) arrivals: mpsc::Receiver<Arrival>,
    thread: JoinHandle<io::Result<()>>,
}

impl Arrival {
    /// Its stream, from the beginning. Belongs to the runtime in which it is called.
    pub(super) fn stream(self) -> io::Result<impl AsyncRead + AsyncWrite + Unpin + Send> {
        Ok(rewound(TcpStream::from_std(self.stream)?, self.begun))
    }
}

impl Pulse {
    /// A pause after which the task is taken for stuck. One turn of its loop takes far less.
    const SILENCE_MAX: Duration = Duration::from_mins(1);

    pub(super) fn new() -> Self {
        Self { start: Instant::now(), last: AtomicU64::new(0) }
    }

    pub(super) fn beat(&self, now: Instant) {
        self.last.store(self.millis(now), Relaxed);
    }

    fn millis(&self, now: Instant) -> u64 {
        now.duration_since(self.start).as_millis().try_into().unwrap_or(u64::MAX)
    }

    /// How long there has been none, where that is too long.
    fn silence(&self, now: Instant) -> Option<Duration> {
        let silence = Duration::from_millis(self.millis(now).saturating_sub(self.last.load(Relaxed)));
        (silence > Self::SILENCE_MAX).then_some(silence)
    }
}

impl Accepting {
    /// Accepts until `stop`.
    pub(super) fn start(
        listener: TcpListener,
        pulse: Arc<Pulse>,
        stop: CancellationToken,
    ) -> io::Result<Self> {
        let listener = listener.into_std()?;
        let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
        let (handed, arrivals) = mpsc::channel(WAITING_MAX);
        let accept = async move {
            accept_all(&TcpListener::from_std(listener)?, &handed, &pulse, &stop).await;
            Ok(())
        };
        let thread =
            thread::Builder::new().name("accept".to_owned()).spawn(move || runtime.block_on(accept))?;
        Ok(Self { arrivals, thread })
    }

    /// Why there are no more arrivals. Passes on a panic.
    pub(super) fn ended(self) -> io::Result<()> {
        self.thread.join().unwrap_or_else(|panic| resume_unwind(panic))
    }
}

async fn accept_all(
    listener: &TcpListener,
    handed: &mpsc::Sender<Arrival>,
    pulse: &Pulse,
    stop: &CancellationToken,
) {
    let mut clients = Clients::new(ARRIVING_MAX);
    let mut arriving = FuturesUnordered::new();
    loop {
        tokio::select! {
            biased;
            () = stop.cancelled() => return,
            // Whoever is here has a turn before somebody new takes a place.
            Some(_) = arriving.next() => {}
            accepted = accept(listener), if arriving.len() <= ARRIVING_MAX => {
                if let Some((stream, peer)) = accepted {
                    let arrives = arrive(stream, peer, clients.welcome(), handed, pulse);
                    arriving.push(AssertUnwindSafe(arrives).catch_unwind());
                }
                // Sees what was sent meanwhile.
                tokio::task::yield_now().await;
            }
        }
    }
}

async fn accept(listener: &TcpListener) -> Option<(TcpStream, SocketAddr)> {
    match listener.accept().await {
        Ok(accepted) => Some(accepted),
        // The client gave up before its turn.
        Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => None,
        Err(error) => {
            warn!(%error, "Cannot accept a connection to the control plane: {error}");
            tokio::time::sleep(ACCEPT_PAUSE).await;
            None
        }
    }
}

/// Answers who asks for health, and hands over who asks for something else. A client may break off in any way.
async fn arrive(
    stream: TcpStream,
    peer: SocketAddr,
    client: Arc<Client>,
    handed: &mpsc::Sender<Arrival>,
    pulse: &Pulse,
) {
    let goes_on = async {
        let (mut stream, mut begun) = (stream, Vec::with_capacity(HEALTH.len()));
        while begun.len() < HEALTH.len() && HEALTH.starts_with(&begun) {
            let rest = HEALTH.len() - begun.len();
            if (&mut stream).take(rest as u64).read_buf(&mut begun).await? == 0 {
                return Ok(());
            }
        }
        if begun == HEALTH {
            return answer(rewound(stream, begun), pulse).await;
        }
        // Fails where nobody takes any more.
        let _ = handed.send(Arrival { stream: stream.into_std()?, begun, peer }).await;
        io::Result::Ok(())
    };
    tokio::select! {
        _ = tokio::time::timeout(HEADERS_TIMEOUT, goes_on) => {}
        () = client.dismissed() => {}
    }
}

/// Answers one request for health.
async fn answer(stream: impl AsyncRead + AsyncWrite + Unpin, pulse: &Pulse) -> io::Result<()> {
    let service = service_fn(|_: hyper::Request<Incoming>| async {
        Ok::<_, Infallible>(health(pulse.silence(Instant::now())))
    });
    http1::Builder::new()
        .timer(TokioTimer::new())
        .keep_alive(false)
        .header_read_timeout(HEADERS_TIMEOUT)
        .max_buf_size(HEADERS_MAX_BYTES)
        .serve_connection(TokioIo::new(stream), service)
        .await
        .map_err(io::Error::other)
}

/// The answer where the control plane has not run for so long, if that is too long.
fn health(silence: Option<Duration>) -> Response {
    let Some(silence) = silence else { return ALIVE.into_response() };
    let text = format!("stuck: the control plane has not run for {} s\n", silence.as_secs());
    (StatusCode::SERVICE_UNAVAILABLE, text).into_response()
}

/// A stream of which the beginning was read already.
fn rewound(stream: TcpStream, begun: Vec<u8>) -> impl AsyncRead + AsyncWrite + Unpin + Send {
    let (read, write) = stream.into_split();
    tokio::io::join(Cursor::new(begun).chain(read), write)
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncWriteExt;

    use super::*;

    struct Door {
        accepting: Accepting,
        address: SocketAddr,
        _stop: tokio_util::sync::DropGuard,
    }

    impl Door {
        async fn open(pulse: Pulse) -> Self {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let address = listener.local_addr().unwrap();
            let stop = CancellationToken::new();
            let accepting = Accepting::start(listener, Arc::new(pulse), stop.clone()).unwrap();
            Self { accepting, address, _stop: stop.drop_guard() }
        }

        async fn send(&self, text: &str) -> TcpStream {
            let mut stream = TcpStream::connect(self.address).await.unwrap();
            stream.write_all(text.as_bytes()).await.unwrap();
            stream
        }

        async fn health(&self) -> String {
            let mut answer = String::new();
            let mut stream = self.send("GET /healthz HTTP/1.1\r\nHost: any.test\r\n\r\n").await;
            stream.read_to_string(&mut answer).await.unwrap();
            answer
        }
    }

    #[tokio::test]
    async fn health_is_answered_though_all_others_wait() {
        let door = Door::open(Pulse::new()).await;
        let mut others = Vec::new();
        // Nobody takes those that are handed over, and then all places are taken by who does not go on.
        for (text, count) in [("GET / HTTP/1.1\r\n", WAITING_MAX + 1), ("GET /healthz HTTP", ARRIVING_MAX)] {
            for _ in 0..count {
                others.push(door.send(text).await);
            }
        }
        // Long before any of them is given up.
        let answer = tokio::time::timeout(HEADERS_TIMEOUT / 2, door.health()).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.ends_with("alive\n"), "{answer}");
    }

    #[tokio::test]
    async fn others_are_handed_over_with_all_that_they_sent() {
        let mut door = Door::open(Pulse::new()).await;
        for text in ["GET /healthzz HTTP/1.1\r\n\r\n", "GET /r", "x"] {
            let mut theirs = door.send(text).await;
            theirs.shutdown().await.unwrap();
            let arrival = door.accepting.arrivals.recv().await.unwrap();
            assert_eq!(arrival.peer, theirs.local_addr().unwrap());
            let mut ours = arrival.stream().unwrap();
            let mut sent = String::new();
            ours.read_to_string(&mut sent).await.unwrap();
            assert_eq!(sent, text);
            ours.write_all(b"answer").await.unwrap();
            drop(ours);
            let mut answer = String::new();
            theirs.read_to_string(&mut answer).await.unwrap();
            assert_eq!(answer, "answer");
        }
    }

    #[tokio::test]
    async fn a_process_that_answers_nothing_else_is_not_healthy() {
        let before = Instant::now().checked_sub(Duration::from_secs(61)).unwrap();
        let door = Door::open(Pulse { start: before, last: AtomicU64::new(0) }).await;
        let answer = door.health().await;
        assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");
        assert!(answer.contains("\r\n\r\nstuck: "), "{answer}");
    }

    #[test]
    fn a_pulse_is_missed_after_a_minute() {
        let pulse = Pulse::new();
        let at = |seconds| pulse.start + Duration::from_secs(seconds);
        assert_eq!(pulse.silence(at(60)), None);
        assert_eq!(pulse.silence(at(61)), Some(Duration::from_secs(61)));
        pulse.beat(at(61));
        assert_eq!(pulse.silence(at(121)), None);
        assert_eq!(pulse.silence(at(122)), Some(Duration::from_secs(61)));
    }
}
