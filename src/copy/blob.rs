//! One blob into the target: there already, mounted, or streamed.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use futures_util::Stream;
use tracing::field::{Empty, display};
use tracing::{Instrument, Span, trace_span};

use crate::copy::inflight::{Claim, Progress};
use crate::copy::pace::Pace;
use crate::copy::{Copier, Error};
use crate::event::{Arrival, EventKind};
use crate::oci::{Descriptor, Digest, Reference, Repository};
use crate::source;
use crate::source::{BlobReader, Source};
use crate::target;
use crate::target::Put;

/// What is known of a blob before it is brought.
#[derive(Clone, Copy, Debug)]
pub(super) enum Need<'a> {
    /// The target has it.
    Nothing,
    /// Another of our repositories there has it.
    Mount(&'a Repository),
    /// Nobody there is known to have it.
    Bytes,
    /// The target lacks it, whatever it said before and whoever brought it.
    Anew,
}

/// Where in the target's registry a blob is when it is our turn.
enum Location {
    Target,
    Other(Repository),
    Nowhere,
}

impl Copier {
    /// Brings a blob into the target. `claim` keeps being this copy's until its manifests are written.
    pub(super) async fn blob(
        &self,
        tag: &Reference,
        blob: &Descriptor,
        claim: &mut Claim,
        need: Need<'_>,
    ) -> Result<Arrival, Error> {
        let span = trace_span!(
            "blob",
            digest = %blob.digest,
            size = blob.size,
            arrival = Empty,
            otel.status_code = Empty,
            otel.status_description = Empty
        );
        // What moves a blob is a large future, and there may be many.
        let arrival = Box::pin(self.bring(tag, blob, claim, need)).instrument(span.clone()).await;
        record(&span, &arrival);
        let arrival = arrival?;
        if let Claim::Mine(ticket) = claim {
            ticket.arrived();
        }
        let (digest, size) = (blob.digest, blob.size);
        self.events.emit(EventKind::BlobArrived { tag, digest, size, arrival });
        Ok(arrival)
    }

    async fn bring(
        &self,
        tag: &Reference,
        blob: &Descriptor,
        claim: &mut Claim,
        need: Need<'_>,
    ) -> Result<Arrival, Error> {
        match self.locate(blob.digest, claim, need).await {
            Location::Target => Ok(Arrival::Present),
            Location::Other(repository) => self.transfer(tag, blob, Some(&repository)).await,
            Location::Nowhere => self.transfer(tag, blob, None).await,
        }
    }

    /// Waits for others as far as that helps, and tells who then has the blob.
    async fn locate(&self, blob: Digest, claim: &mut Claim, need: Need<'_>) -> Location {
        let location = match need {
            Need::Nothing => return Location::Target,
            Need::Anew => return Location::Nowhere,
            Need::Mount(holder) => Location::Other(holder.clone()),
            Need::Bytes => Location::Nowhere,
        };
        // A claim that is made only now may be waited for by those who claimed before, so that waiting for another
        // repository's commit could go in circles. The mere arrival of a blob waits for nobody.
        let mut is_first_claim = true;
        loop {
            match claim {
                Claim::Mine(_) => return location,
                Claim::Theirs(other) if other.repository.as_ref() == self.repository() => {
                    if other.reaches(Progress::Arrived).await {
                        return Location::Target;
                    }
                }
                Claim::Theirs(other) => {
                    let may_mount = is_first_claim && matches!(need, Need::Bytes) && self.may_mount();
                    return match &other.repository.clone() {
                        Some(from) if may_mount && other.reaches(Progress::Committed).await => {
                            Location::Other(from.clone())
                        }
                        _ => location,
                    };
                }
            }
            // Who was to bring it failed: one of those who waited does it now.
            *claim = self.claim(blob);
            is_first_claim = false;
        }
    }

    /// Streams a blob, or mounts it from another repository where the target does that. What one source cannot give is
    /// taken from the next.
    async fn transfer(
        &self,
        tag: &Reference,
        blob: &Descriptor,
        from: Option<&Repository>,
    ) -> Result<Arrival, Error> {
        let (digest, size) = (blob.digest, blob.size);
        self.events.emit(EventKind::BlobQueued { tag, digest, size });
        let _slot = self.shared.blob_slots.acquire().await;
        self.events.emit(EventKind::BlobStarted { tag, digest });
        if let Some(relay) = self.sources.relay() {
            match self.transfer_of(relay, tag, blob, from).await {
                Err(Error::Source { cause, .. }) => {
                    tracing::debug!(digest = %blob.digest, error = %cause, "The first target does not have it");
                }
                result => return result,
            }
        }
        let mut result = self.transfer_of(self.sources.first(), tag, blob, from).await;
        for source in self.sources.others() {
            let Err(Error::Source { cause, .. }) = &result else { break };
            let is_not_found = cause.is_not_found();
            let next = self.transfer_of(source, tag, blob, from).await;
            if next.is_ok() || is_not_found {
                result = next;
            }
        }
        result
    }

    /// What breaks on either side starts the blob over, as often as the retries allow; wrong content from the source is
    /// tried once more.
    async fn transfer_of(
        &self,
        source: &Source,
        tag: &Reference,
        blob: &Descriptor,
        from: Option<&Repository>,
    ) -> Result<Arrival, Error> {
        let mut budget = self.shared.retry.budget();
        let mut wrong = false;
        loop {
            let error = match self.try_transfer(source, tag, blob, from).await {
                Ok(Put::Mounted) => return Ok(Arrival::Mounted),
                Ok(Put::Uploaded) => {
                    if from.is_some() {
                        self.decline_mounts();
                    }
                    return Ok(Arrival::Uploaded);
                }
                Err(error) => error,
            };
            let again = if error.is_wrong_content() {
                !std::mem::replace(&mut wrong, true)
            } else {
                error.is_retriable()
            };
            let Some(pause) = budget.spend(error.retry_after()).filter(|_| again) else { return Err(error) };
            budget.tell("blob", pause, &error);
            tokio::time::sleep(pause).await;
        }
    }

    async fn try_transfer(
        &self,
        source: &Source,
        tag: &Reference,
        blob: &Descriptor,
        from: Option<&Repository>,
    ) -> Result<Put, Error> {
        // The error of the source travels beside the body: the connection to the target only sees that its
        // body broke off.
        let broken = Arc::new(Mutex::new(None));
        let body = || {
            // A body that was given up for another way of sending did not break by itself.
            broken.lock().unwrap_or_else(PoisonError::into_inner).take();
            let pace = Pace::new(blob, self.deadline);
            self.body((tag.clone(), blob.digest), (source.blob(blob), pace), Arc::clone(&broken))
        };
        let result = self.target.put_blob(blob, from, body).await;
        if let Some(cause) = broken.lock().unwrap_or_else(PoisonError::into_inner).take() {
            return Err(Error::source(("read blob", blob.digest))(cause));
        }
        result.map_err(Error::target(("write blob", blob.digest)))
    }

    /// The bytes of a blob as the body of an upload, counted on their way.
    fn body(
        &self,
        (tag, digest): (Reference, Digest),
        reader: (BlobReader, Pace),
        broken: Arc<Mutex<Option<source::Error>>>,
    ) -> impl Stream<Item = Result<Bytes, Broken>> + Send + use<> {
        let (events, progress) = (self.events.clone(), self.progress.clone());
        // A body is read by whoever writes it to the connection, a task that knows no pass, no tag and no blob.
        let span = Span::current();
        futures_util::stream::unfold(Some(reader), move |reader| {
            let (events, tag, broken) = (events.clone(), tag.clone(), broken.clone());
            let progress = progress.clone();
            let work = async move {
                let (mut reader, mut pace) = reader?;
                match events.within(reader.chunk()).await {
                    Ok(Some(chunk)) => {
                        let bytes = chunk.len() as u64;
                        events.emit(EventKind::BytesCopied { tag: &tag, digest, bytes });
                        pace.add(bytes);
                        if let Some(progress) = &progress {
                            progress.moved();
                        }
                        Some((Ok(chunk), Some((reader, pace))))
                    }
                    Ok(None) => None,
                    Err(error) => {
                        *broken.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
                        Some((Err(Broken), None))
                    }
                }
            };
            work.instrument(span.clone())
        })
    }
}

/// The source of a body broke; its own error is kept elsewhere.
#[derive(Debug, thiserror::Error)]
#[error("the source broke off")]
struct Broken;

fn record(span: &Span, result: &Result<Arrival, Error>) {
    match result {
        Ok(Arrival::Uploaded) => span.record("arrival", "uploaded"),
        Ok(Arrival::Mounted) => span.record("arrival", "mounted"),
        Ok(Arrival::Present) => span.record("arrival", "present"),
        Err(error) => {
            span.record("otel.status_code", "ERROR");
            span.record("otel.status_description", display(error))
        }
    };
}

impl Error {
    fn is_wrong_content(&self) -> bool {
        matches!(self, Self::Source { cause, .. } if cause.is_wrong_content())
    }

    fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Target { cause: target::Error::Registry(cause), .. } => cause.retry_after(),
            _ => None,
        }
    }

    /// Whether starting the blob over may help. The source's own retries are spent by then, but for what only a
    /// new upload can mend.
    fn is_retriable(&self) -> bool {
        match self {
            Self::Source { cause, .. } => cause.is_worth_new_start(),
            Self::Target { cause: target::Error::Registry(cause), .. } => cause.is_worth_new_upload(),
            _ => false,
        }
    }
}
