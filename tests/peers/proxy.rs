//! A proxy that carries bytes as they are, until it stops in the middle.

use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::SeqCst;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::task::JoinSet;

/// What a sender may be ahead of the proxy. Without a bound, the system would take whole layers in our name.
const BUFFER_BYTES: u32 = 64 * 1024;

/// A running proxy. It and all its connections end when this is dropped.
pub(crate) struct Proxy {
    address: String,
    seen: Arc<Seen>,
    _tasks: JoinSet<()>,
}

/// Which way bytes stop, once, after how many of one connection. The connection stays open.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Stall {
    Never,
    Answers(usize),
    Requests(usize),
}

#[derive(Default)]
struct Seen {
    connections: AtomicUsize,
    stalls: AtomicUsize,
}

impl Proxy {
    /// Listens in front of `HOST:PORT`.
    pub(crate) fn start(server: String, stall: Stall) -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(BUFFER_BYTES).unwrap();
        socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let listener = socket.listen(64).unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let (seen, mut tasks) = (Arc::<Seen>::default(), JoinSet::new());
        tasks.spawn(accept(listener, server, stall, Arc::clone(&seen)));
        Self { address, seen, _tasks: tasks }
    }

    /// `HOST:PORT`.
    pub(crate) fn address(&self) -> String {
        self.address.clone()
    }

    /// How many connections came.
    pub(crate) fn connections(&self) -> usize {
        self.seen.connections.load(SeqCst)
    }

    /// Whether one of them stopped.
    pub(crate) fn has_stalled(&self) -> bool {
        self.seen.stalls.load(SeqCst) > 0
    }
}

async fn accept(listener: TcpListener, server: String, stall: Stall, seen: Arc<Seen>) {
    let mut connections = JoinSet::new();
    while let Ok((client, _)) = listener.accept().await {
        seen.connections.fetch_add(1, SeqCst);
        let server = TcpStream::connect(&server).await.unwrap();
        connections.spawn(relay(client, server, stall, Arc::clone(&seen)));
    }
}

/// Carries bytes both ways until one side ends.
async fn relay(mut client: TcpStream, mut server: TcpStream, stall: Stall, seen: Arc<Seen>) {
    let ((from_client, to_client), (from_server, to_server)) = (client.split(), server.split());
    let (requests_max, answers_max) = match stall {
        Stall::Never => (usize::MAX, usize::MAX),
        Stall::Answers(bytes) => (usize::MAX, bytes),
        Stall::Requests(bytes) => (bytes, usize::MAX),
    };
    tokio::select! {
        () = carry(from_client, to_server, requests_max, &seen) => {}
        () = carry(from_server, to_client, answers_max, &seen) => {}
    }
}

async fn carry(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    bytes_max: usize,
    seen: &Seen,
) {
    let (mut buffer, mut carried) = (vec![0; 16 * 1024], 0);
    while let Ok(count @ 1..) = from.read(&mut buffer).await {
        carried += count;
        if carried > bytes_max && seen.stalls.compare_exchange(0, 1, SeqCst, SeqCst).is_ok() {
            std::future::pending::<()>().await;
        }
        if to.write_all(&buffer[..count]).await.is_err() {
            return;
        }
    }
}
