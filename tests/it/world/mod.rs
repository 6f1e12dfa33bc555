//! What the tests have in common: mirrors that run in this process, the program as a process, the daemon, a receiver, a
//! collector, a clock, an address without anybody.

use std::net::SocketAddr;

use tokio::net::TcpSocket;

pub(crate) mod clock;
#[cfg(feature = "otel")]
pub(crate) mod collector;
pub(crate) mod daemon;
pub(crate) mod program;
pub(crate) mod receiver;
mod runs;

pub(crate) use runs::*;

/// An address at which nobody listens, and at which nobody else can as long as the socket is kept.
pub(crate) fn nobody() -> (TcpSocket, SocketAddr) {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let address = socket.local_addr().unwrap();
    (socket, address)
}
