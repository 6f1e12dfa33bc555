//! Blobs, read as a stream that vouches for its bytes.

use bytes::Bytes;
use http::header::{CONTENT_ENCODING, ETAG, HeaderValue, RANGE};
use http::{Method, StatusCode};
use tokio::time::Instant;

use crate::oci::{Descriptor, Hasher};
use crate::registry::Repository;
use crate::registry::blobs::prefetch;
use crate::registry::blobs::prefetch::Prefetch;
use crate::registry::blobs::ranges::Pace;
use crate::registry::error::{Error, Kind};
use crate::registry::request::Request;
use crate::registry::transport::retry::Budget;
use crate::registry::transport::wire::Answer;
use crate::text::{chain, excerpt, markup};

/// Less than this between two breaks is no progress: a connection that gives a byte each time must end.
const PROGRESS_MIN_BYTES: u64 = 1024 * 1024;

/// So much of its beginning is kept: a page for people that came in its place says there what it is.
const START_BYTES: usize = 4096;

/// A blob in transfer. Size and digest are checked, and its last bytes are held back until they are found
/// right: a caller that got the end of the stream got the blob.
///
/// A broken stream is resumed where it broke. A request and the resumptions behind it share one budget of
/// tries; progress renews it.
pub struct BlobReader {
    repository: Repository,
    descriptor: Descriptor,
    budget: Budget,
    answer: Option<Answer>,
    pace: Pace,
    /// Parts that are fetched ahead, from some place on, where the source is slow.
    prefetch: Option<Prefetch>,
    /// What `answer` gave of the part that was fetched ahead, in case that does not come.
    beyond: Bytes,
    /// Of the first answer; a resumption must agree.
    etag: Option<HeaderValue>,
    /// How the source says to have encoded the blob, which was not asked for. Often it has not.
    encoding: Option<String>,
    /// The first bytes that came.
    start: Bytes,
    got: u64,
    /// How far it was when the budget was renewed.
    renewed_at: u64,
    hasher: Hasher,
}

/// What is under the digest of a blob.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    /// The blob, as far as its size tells.
    Whole,
    /// So many bytes, which are not as many as the blob has.
    OtherSize(u64),
}

impl Repository {
    /// Prepares to read a blob; the first [`BlobReader::chunk`] asks for it.
    pub fn blob(&self, descriptor: &Descriptor) -> BlobReader {
        BlobReader {
            repository: self.clone(),
            descriptor: descriptor.clone(),
            budget: self.client.retry().budget(),
            answer: None,
            pace: Pace::new(),
            prefetch: None,
            beyond: Bytes::new(),
            etag: None,
            encoding: None,
            start: Bytes::new(),
            got: 0,
            renewed_at: 0,
            hasher: Hasher::default(),
        }
    }

    /// What the repository has under the digest of a blob, none where nothing is there or it does not say. For targets alone:
    /// some sources answer this wrongly (aws/containers-roadmap#2671).
    pub async fn find_blob(&self, blob: &Descriptor) -> Result<Option<Found>, Error> {
        let mut found = None;
        // `HEAD` may say 0 of everything: another size counts where `GET` says it, too.
        for method in [Method::HEAD, Method::GET] {
            let answer = match self.client.send(&self.blob_request(method, blob)).await {
                Ok(answer) => answer,
                // At worst, it is sent in vain. A registry that redirects to its storage has lost what that does not give.
                Err(error) if error.is_refused_for_good() => return Ok(None),
                Err(error) if matches!(error.kind(), Kind::RefusedElsewhere(_)) => return Ok(None),
                Err(error) => return Err(error),
            };
            // Compressed on the way, it has another length.
            let length = answer.length().filter(|_| answer.header(CONTENT_ENCODING.as_str()).is_none());
            match length {
                Some(size) if size != blob.size => found = Some(Found::OtherSize(size)),
                _ => return Ok(Some(Found::Whole)),
            }
        }
        Ok(found)
    }

    /// Asks once more for a blob that was sent because something else was under its digest, and fails where it still is.
    pub async fn check_blob(&self, blob: &Descriptor) -> Result<(), Error> {
        let Some(Found::OtherSize(got)) = self.find_blob(blob).await? else { return Ok(()) };
        let (request, expected) = (self.blob_request(Method::GET, blob), blob.size);
        let hint = format!(
            "the target holds {got} bytes under this digest (expected {expected}), and what is sent does not replace them: \
             remove it there"
        );
        Err(Error::new(&request.method, &request.url, Kind::Size { expected, got }).with_hint(Some(hint)))
    }

    fn blob_request(&self, method: Method, blob: &Descriptor) -> Request {
        self.read(method, &format!("blobs/{}", blob.digest))
    }
}

impl BlobReader {
    /// The next bytes, none after the last. An error ends the stream.
    pub async fn chunk(&mut self) -> Result<Option<Bytes>, Error> {
        let size = self.descriptor.size;
        let next = self.read().await?;
        if let Some(bytes) = &next {
            self.count(bytes)?;
            if self.got < size {
                return Ok(next);
            }
            // These are the last ones: nothing may follow.
            while let Some(more) = self.read().await? {
                self.count(&more)?;
            }
        }
        self.verify()?;
        Ok(next)
    }

    fn count(&mut self, bytes: &Bytes) -> Result<(), Error> {
        self.begin(bytes);
        self.got += bytes.len() as u64;
        if self.got > self.descriptor.size {
            return Err(self.fail(Kind::Size { expected: self.descriptor.size, got: self.got }));
        }
        self.hasher.update(bytes);
        Ok(())
    }

    /// Keeps the first bytes, apart from the memory of the rest.
    fn begin(&mut self, bytes: &Bytes) {
        if self.start.is_empty() {
            self.start = Bytes::copy_from_slice(&bytes[..bytes.len().min(START_BYTES)]);
        }
    }

    /// The next bytes from the registry, resumed as often as the budget allows; none where all have come.
    async fn read(&mut self) -> Result<Option<Bytes>, Error> {
        loop {
            let error = match self.try_read().await {
                Ok(Some(bytes)) => {
                    if self.got - self.renewed_at >= PROGRESS_MIN_BYTES {
                        self.renewed_at = self.got;
                        self.budget.renew();
                    }
                    return Ok(Some(bytes));
                }
                Ok(None) if self.got < self.descriptor.size && self.got > 0 => {
                    self.fail(Kind::Truncated { got: self.got, expected: self.descriptor.size })
                }
                Ok(None) => return Ok(None),
                Err(error) => error,
            };
            self.answer = None;
            let Some(reason) = error.transient() else { return Err(error) };
            let Some(pause) = self.budget.spend(error.retry_after()) else { return Err(error) };
            self.repository.client.pause(&error, reason, pause, &self.budget).await;
        }
    }

    async fn try_read(&mut self) -> Result<Option<Bytes>, Error> {
        if let Some(bytes) = self.read_prefetched().await {
            return Ok(Some(bytes));
        }
        if !self.beyond.is_empty() {
            return Ok(Some(std::mem::take(&mut self.beyond)));
        }
        if self.answer.is_some() {
            return self.read_on().await;
        }
        if self.got == self.descriptor.size && self.got > 0 {
            return Ok(None);
        }
        // A request is a large future, and chunks come without one.
        let request = self.request();
        let mut answer = match Box::pin(self.repository.client.attempt(&request, self.budget.retries())).await
        {
            // There is no more: what ended early was the whole blob, and it is shorter than announced.
            Err(error) if self.got > 0 && error.is_status(StatusCode::RANGE_NOT_SATISFIABLE) => {
                return Err(self.fail(Kind::Size { expected: self.descriptor.size, got: self.got }));
            }
            result => result?,
        };
        self.check_resumption(&answer)?;
        match answer.length() {
            // It is whole, and another size than its manifest says: no connection can mend that.
            Some(length) if self.got + length < self.descriptor.size => {
                if self.start.is_empty()
                    && let Ok(Some(bytes)) = answer.chunk().await
                {
                    self.begin(&bytes);
                }
                Err(self.fail(Kind::Size { expected: self.descriptor.size, got: self.got + length }))
            }
            _ => {
                self.answer = Some(answer);
                self.read_on().await
            }
        }
    }

    /// The next bytes of the answer at hand, up to where parts are fetched ahead.
    async fn read_on(&mut self) -> Result<Option<Bytes>, Error> {
        let asked_at = Instant::now();
        let Some(answer) = &mut self.answer else { return Ok(None) };
        let chunk = match &mut self.prefetch {
            None => answer.chunk().await,
            Some(prefetch) => tokio::select! {
                biased;
                chunk = answer.chunk() => chunk,
                error = prefetch.take_in() => {
                    self.alone(&error);
                    return Box::pin(self.read_on()).await;
                }
            },
        };
        let Some(mut bytes) = chunk? else { return Ok(None) };
        self.pace.add(bytes.len(), asked_at);
        let got = self.got + bytes.len() as u64;
        match &self.prefetch {
            None => {
                let Self { repository, descriptor, etag, pace, .. } = self;
                self.prefetch = Prefetch::begin(repository, descriptor, etag.as_ref(), got, pace);
            }
            Some(prefetch) if prefetch.position < got => {
                let len = usize::try_from(prefetch.position - self.got).unwrap_or(usize::MAX);
                self.beyond = bytes.split_off(len);
            }
            Some(_) => {}
        }
        Ok(Some(bytes))
    }

    /// The next bytes, if they are those that were fetched ahead. Where they did not come, the answer at hand goes on;
    /// it is kept until then.
    async fn read_prefetched(&mut self) -> Option<Bytes> {
        let prefetch = self.prefetch.as_mut().filter(|prefetch| prefetch.position == self.got)?;
        match prefetch.chunk().await {
            Ok(Some(bytes)) => {
                (self.answer, self.beyond) = (None, Bytes::new());
                return Some(bytes);
            }
            // Other blobs use all of the memory.
            Ok(None) => self.prefetch = None,
            Err(error) => self.alone(&error),
        }
        None
    }

    /// Goes on without parts ahead, to the end.
    fn alone(&mut self, error: &Error) {
        let error = chain(error);
        tracing::debug!(error, "Reading {} without ranges: {error}", self.descriptor.digest);
        self.prefetch = None;
        self.pace.give_up();
    }

    fn request(&self) -> Request {
        let request = self.repository.blob_request(Method::GET, &self.descriptor);
        match HeaderValue::from_str(&format!("bytes={}-", self.got)) {
            Ok(range) if self.got > 0 => request.header(RANGE, range),
            _ => request,
        }
    }

    /// Whether an answer goes on where the last one broke.
    fn check_resumption(&mut self, answer: &Answer) -> Result<(), Error> {
        let etag = answer.headers().get(ETAG).cloned();
        if self.got == 0 {
            self.encoding = answer.shown("content-encoding").map(|encoding| excerpt(&encoding));
            self.etag = etag;
            return Ok(());
        }
        let size = self.descriptor.size;
        prefetch::check(answer, self.etag.as_ref(), self.got, size - 1, size)
    }

    fn verify(&self) -> Result<(), Error> {
        if self.got != self.descriptor.size {
            return Err(self.fail(Kind::Size { expected: self.descriptor.size, got: self.got }));
        }
        let (expected, got) = (self.descriptor.digest, self.hasher.clone().finish());
        if expected != got {
            return Err(self.fail(Kind::Digest { expected, got }));
        }
        Ok(())
    }

    fn fail(&self, kind: Kind) -> Error {
        let request = self.request();
        let is_wrong = matches!(kind, Kind::Size { .. } | Kind::Digest { .. });
        let redact = |text: &str| self.repository.client.redact(text);
        if let Some(page) = markup(&self.start, redact).filter(|_| is_wrong) {
            return Error::new(&request.method, &request.url, Kind::WebPage(page));
        }
        let encoding = self.encoding.as_ref().filter(|_| is_wrong);
        let hint = encoding.map(|encoding| {
            format!(
                "it came with `Content-Encoding: {encoding}`, which was not asked for: a proxy in between may compress it"
            )
        });
        Error::new(&request.method, &request.url, kind).with_hint(hint)
    }
}
