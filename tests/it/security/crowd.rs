//! A crowd at the control plane: whoever asks whether the daemon is well is answered, whatever the others do.

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

use crate::world::daemon::{PATIENCE, World};

/// More than there are places.
const CROWD: usize = 270;
/// So often a client asks for the same without reading an answer: more than any buffer takes.
const AGAIN: usize = 200;

async fn healthy(world: &World) {
    let answer = tokio::time::timeout(PATIENCE, world.get("/healthz")).await;
    assert_eq!(answer.unwrap().0, 200);
}

/// A client that has sent this and reads nothing yet.
async fn sent(world: &World, text: &str) -> TcpStream {
    let address: SocketAddr = world.url.trim_start_matches("http://").parse().unwrap();
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    let mut stream = socket.connect(address).await.unwrap();
    stream.write_all(text.as_bytes()).await.unwrap();
    stream
}

async fn crowd(world: &World, text: &str) -> Vec<TcpStream> {
    let mut crowd = Vec::new();
    for _ in 0..CROWD {
        crowd.push(sent(world, text).await);
    }
    crowd
}

#[tokio::test]
async fn connections_that_do_not_read_hold_up_nobody() {
    let world = World::start("").await;
    for path in ["/assets/style.css", "/", "/api/v1/mirrors", "/metrics"] {
        let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n").repeat(AGAIN);
        let _crowd = crowd(&world, &request).await;
        healthy(&world).await;
    }
    for path in ["/api/v1/events", "/events"] {
        let _crowd = crowd(&world, &format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n")).await;
        healthy(&world).await;
    }
    world.stop().await;
}

#[tokio::test]
async fn connections_that_never_finish_their_request_hold_up_nobody() {
    let world = World::start("").await;
    let body = "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\nmirror";
    for start in ["", "GET /healthz HT", body] {
        let _crowd = crowd(&world, start).await;
        healthy(&world).await;
    }
    world.stop().await;
}

#[tokio::test]
async fn who_has_kept_us_waiting_longest_goes_for_somebody_new() {
    let world = World::start("").await;
    let mut first = sent(&world, "GET /healthz HT").await;
    let mut crowd = crowd(&world, "GET /healthz HT").await;
    let ended = tokio::time::timeout(PATIENCE, first.read(&mut [0; 1])).await.unwrap();
    assert!(matches!(ended, Ok(0) | Err(_)), "{ended:?}");
    // The last has its place still.
    let last = crowd.last_mut().unwrap();
    last.write_all(b"TP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
    let mut answer = [0; 15];
    tokio::time::timeout(PATIENCE, last.read_exact(&mut answer)).await.unwrap().unwrap();
    assert_eq!(&answer, b"HTTP/1.1 200 OK");
    world.stop().await;
}

#[tokio::test]
async fn listeners_keep_their_places_in_a_crowd() {
    let world = World::start("").await;
    let mut listener = reqwest::get(format!("{}/api/v1/events", world.url)).await.unwrap();
    listener.chunk().await.unwrap();
    let crowd = crowd(&world, "GET /healthz HT").await;
    healthy(&world).await;
    drop(crowd);
    assert_eq!(world.sync_now(&["--wait"]).await.code, Some(0));
    let mut seen = String::new();
    while !seen.contains("succeeded") {
        let chunk = tokio::time::timeout(PATIENCE, listener.chunk()).await.unwrap().unwrap();
        seen += &String::from_utf8_lossy(&chunk.unwrap());
    }
    world.stop().await;
}
