//! Who is connected, how long each has kept us waiting, and who has to go for somebody new.

use std::io;
use std::pin::Pin;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep};
use tokio_util::sync::CancellationToken;

/// At most this many connections are open at once. Somebody new takes the place of whoever has kept us waiting longest.
pub(super) const CONNECTIONS_MAX: usize = 256;
/// Who takes nothing of an answer for this time is gone.
const WRITE_MAX: Duration = Duration::from_secs(10);

/// The clients that are connected.
#[derive(Debug)]
pub(super) struct Clients {
    connected: Vec<Weak<Client>>,
    places: usize,
}

/// One connection.
#[derive(Debug)]
pub(super) struct Client {
    /// When it last sent or took something. Held for look-ups only.
    moved_at: Mutex<Instant>,
    /// Whether it is us who let it wait: it holds one of the places for that.
    is_waiting: AtomicBool,
    /// Its place is for somebody else.
    dismissed: CancellationToken,
}

impl Clients {
    pub(super) fn new(places: usize) -> Self {
        Self { connected: Vec::new(), places }
    }

    /// Somebody who has just connected. Where all places are taken, another goes.
    pub(super) fn welcome(&mut self) -> Arc<Client> {
        self.connected.retain(|client| client.strong_count() > 0);
        if self.connected.len() >= self.places {
            let idle = self.connected.iter().filter_map(Weak::upgrade).filter(|client| client.may_go());
            if let Some(client) = idle.min_by_key(|client| client.moved_at()) {
                client.dismissed.cancel();
            }
        }
        let client = Arc::new(Client {
            moved_at: Mutex::new(Instant::now()),
            is_waiting: AtomicBool::new(false),
            dismissed: CancellationToken::new(),
        });
        self.connected.push(Arc::downgrade(&client));
        client
    }
}

impl Client {
    /// Ends when its place is for somebody else. Cancel safe.
    pub(super) async fn dismissed(&self) {
        self.dismissed.cancelled().await;
    }

    /// Says whether it is us who let it wait.
    pub(super) fn set_waiting(&self, is_waiting: bool) {
        self.is_waiting.store(is_waiting, Relaxed);
        self.moved();
    }

    fn may_go(&self) -> bool {
        !self.is_waiting.load(Relaxed) && !self.dismissed.is_cancelled()
    }

    fn moved(&self) {
        *self.moved_at.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }

    fn moved_at(&self) -> Instant {
        *self.moved_at.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The stream of a client. Writing fails where it takes nothing for [`WRITE_MAX`].
#[derive(Debug)]
pub(super) struct ClientStream<S> {
    stream: S,
    client: Arc<Client>,
    /// While it does not take what there is.
    deadline: Option<Pin<Box<Sleep>>>,
}

impl<S> ClientStream<S> {
    pub(super) fn new(stream: S, client: Arc<Client>) -> Self {
        Self { stream, client, deadline: None }
    }

    fn in_time(
        &mut self,
        context: &mut Context<'_>,
        written: Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        if written.is_ready() {
            self.deadline = None;
            self.client.moved();
            return written;
        }
        let deadline = self.deadline.get_or_insert_with(|| Box::pin(tokio::time::sleep(WRITE_MAX)));
        deadline.as_mut().poll(context).map(|()| Err(io::ErrorKind::TimedOut.into()))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for ClientStream<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(context, buffer))?;
        if buffer.filled().len() > before {
            self.client.moved();
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for ClientStream<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.in_time(context, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(context, pieces);
        self.in_time(context, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn somebody_new_takes_the_place_of_who_has_kept_us_waiting_longest() {
        let mut clients = Clients::new(CONNECTIONS_MAX);
        let mut all = Vec::new();
        for _ in 0..CONNECTIONS_MAX {
            tokio::time::advance(Duration::from_secs(1)).await;
            all.push(clients.welcome());
        }
        let dismissed = |all: &[Arc<Client>]| -> Vec<usize> {
            (0..all.len()).filter(|&index| all[index].dismissed.is_cancelled()).collect()
        };
        assert_eq!(dismissed(&all), [0; 0]);
        // The oldest is let wait by us, and the next has just sent something.
        all[0].set_waiting(true);
        all[1].moved();
        all.push(clients.welcome());
        assert_eq!(dismissed(&all), [2]);
        // Who goes leaves a place, and one more goes for one more.
        all.push(clients.welcome());
        assert_eq!(dismissed(&all), [2, 3]);
        all.retain(|client| !client.dismissed.is_cancelled());
        all.pop();
        all.push(clients.welcome());
        assert_eq!(dismissed(&all), [0; 0]);
    }

    #[tokio::test(start_paused = true)]
    async fn who_takes_nothing_is_given_up_and_who_takes_little_is_not() {
        let (ours, mut theirs) = duplex(10);
        let mut stream = ClientStream::new(ours, Clients::new(1).welcome());
        let writing = async {
            let error = stream.write_all(&[0; 1000]).await.unwrap_err();
            (error.kind(), Instant::now())
        };
        let reading = async {
            for _ in 0..5 {
                tokio::time::sleep(WRITE_MAX * 3 / 4).await;
                theirs.read_exact(&mut [0; 10]).await.unwrap();
            }
            Instant::now()
        };
        let ((kind, failed_at), last_read) = tokio::join!(writing, reading);
        assert_eq!((kind, failed_at), (io::ErrorKind::TimedOut, last_read + WRITE_MAX));
    }
}
