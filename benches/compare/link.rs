//! A link that is far away or slow: a proxy that carries bytes as they are, each later by half a round trip, and so
//! many a second on each connection.

use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::Instant;

const PIECE_BYTES: usize = 16 * 1024;
/// What may be on its way at a time. More than any of the links here holds.
const PIECES_MAX: usize = 64;
/// A timer wakes late by about a millisecond: what was missed is made up for, within this.
const SLACK: Duration = Duration::from_millis(20);

/// What a link is like.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Quality {
    pub(crate) round_trip: Duration,
    /// Of the answers of one connection; none for no bound.
    pub(crate) bytes_per_second: Option<u32>,
}

/// A running link. It and all its connections end when this is dropped.
pub(crate) struct Link {
    pub(crate) address: String,
    _task: JoinSet<()>,
}

impl Link {
    /// Listens in front of `HOST:PORT`.
    pub(crate) async fn start(server: &str, quality: Quality) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let mut task = JoinSet::new();
        task.spawn(accept(listener, server.to_owned(), quality));
        Self { address, _task: task }
    }
}

async fn accept(listener: TcpListener, server: String, quality: Quality) {
    let mut connections = JoinSet::new();
    while let Ok((client, _)) = listener.accept().await {
        let Ok(server) = TcpStream::connect(&server).await else { continue };
        connections.spawn(relay(client, server, quality));
        while connections.try_join_next().is_some() {}
    }
}

/// Carries bytes both ways until one side ends.
async fn relay(mut client: TcpStream, mut server: TcpStream, quality: Quality) {
    let Quality { round_trip, bytes_per_second } = quality;
    // Loopback makes a connection at once. Over a link, the first request waits for a round trip.
    tokio::time::sleep(round_trip).await;
    client.set_nodelay(true).unwrap();
    server.set_nodelay(true).unwrap();
    let ((from_client, to_client), (from_server, to_server)) = (client.split(), server.split());
    tokio::join!(
        carry(from_client, to_server, round_trip / 2, None),
        carry(from_server, to_client, round_trip / 2, bytes_per_second),
    );
}

async fn carry(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    delay: Duration,
    bytes_per_second: Option<u32>,
) {
    let (sender, mut receiver) = mpsc::channel::<(Instant, Vec<u8>)>(PIECES_MAX);
    let enter = async move {
        let mut free_at = Instant::now();
        loop {
            let mut piece = vec![0; PIECE_BYTES];
            let Ok(count @ 1..) = from.read(&mut piece).await else { return };
            piece.truncate(count);
            if let Some(rate) = bytes_per_second {
                let now = Instant::now();
                let takes = Duration::from_secs(1).mul_f64(count as f64 / f64::from(rate));
                free_at = free_at.max(now.checked_sub(SLACK).unwrap_or(now)) + takes;
                tokio::time::sleep_until(free_at).await;
            }
            if sender.send((Instant::now() + delay, piece)).await.is_err() {
                return;
            }
        }
    };
    let leave = async {
        while let Some((due, piece)) = receiver.recv().await {
            tokio::time::sleep_until(due).await;
            if to.write_all(&piece).await.is_err() {
                return;
            }
        }
        // Its other end may be gone already.
        let _ = to.shutdown().await;
    };
    tokio::join!(enter, leave);
}
