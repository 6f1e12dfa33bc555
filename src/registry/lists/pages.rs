//! Lists that come in pages, each naming the next by a `Link` header.

use std::collections::HashSet;
use std::hash::{BuildHasher, RandomState};

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderValue, StatusCode};
use tracing::warn;

use crate::registry::client::Client;
use crate::registry::error::{Error, Kind};
use crate::registry::refusal::Refusal;
use crate::registry::request::Request;
use crate::registry::transport::link;
use crate::registry::transport::link::Next;
use crate::text::{cut, excerpt, quote};

/// A page larger than this is refused. Some registries send all tags in one; a quarter of a million fit.
const PAGE_MAX_BYTES: usize = 8 * 1024 * 1024;
/// Of an answer that cannot be read, this many characters are shown, and this many bytes looked at for them.
const ANSWER_SHOWN_CHARS: usize = 100;
const ANSWER_READ_BYTES: usize = 1000;
/// The most pages that are read.
const PAGES_MAX: usize = 2000;
/// Pages are cut at multiples of this where a registry has a size of its own: 50, 100, 200, 250, 500, 1000.
const CUT: usize = 50;

/// A walk over the pages of a list. It never leaves the address where it began: only queries change.
pub(in crate::registry) struct Pages<'a> {
    client: &'a Client,
    request: Request,
    /// What the list is called in errors.
    what: &'static str,
    /// The page to come, none after the last.
    next: Option<Page>,
    asked: Asked,
    /// The page at hand, and what its headers said.
    page: Page,
    link: Option<String>,
    named: Next,
    is_web_page: bool,
    /// Whether any page named the next one: then one that does not is the last.
    is_linked: bool,
    /// The entries of the longest page: a shorter one is not cut off.
    longest: usize,
}

/// The pages that were asked for, by hashes of their addresses: these may be long.
#[derive(Debug, Default)]
struct Asked(HashSet<u64>, RandomState);

impl Asked {
    /// Whether the page is a new one.
    fn add(&mut self, query: &str) -> bool {
        self.0.insert(self.1.hash_one(query))
    }
}

/// A page to ask for.
#[derive(Clone, Debug)]
struct Page {
    query: String,
    reason: Reason,
}

/// Why there should be such a page.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Reason {
    /// It is the first, or the one that the list itself names.
    Named,
    /// This header names it, at another address than the list's.
    Elsewhere(String),
    /// This header says that there is one, and not where.
    Unreadable(String),
    /// The page before looks as if it were cut off there.
    Guess,
}

/// What a page brought.
pub(in crate::registry) struct Brought<'a> {
    /// How many entries it has.
    pub(in crate::registry) count: usize,
    /// How many of them no page before had.
    pub(in crate::registry) new: usize,
    /// The query behind the last entry.
    pub(in crate::registry) after: &'a dyn Fn() -> Option<String>,
    /// How many were asked for.
    pub(in crate::registry) asked: usize,
}

impl<'a> Pages<'a> {
    /// The list at the request's address, with this query for the first page. `what` names it in errors.
    pub(in crate::registry) fn new(
        client: &'a Client,
        request: Request,
        what: &'static str,
        query: String,
    ) -> Self {
        let page = Page { query, reason: Reason::Named };
        Self {
            client,
            request,
            what,
            next: Some(page.clone()),
            asked: Asked::default(),
            page,
            link: None,
            named: Next::None,
            is_web_page: false,
            is_linked: false,
            longest: 0,
        }
    }

    /// The next page as it came, none after the last. Then either [`Pages::go_on`] or [`Pages::follow`] has to be asked how
    /// it goes on.
    pub(in crate::registry) async fn next(&mut self) -> Result<Option<Bytes>, Error> {
        let Some(page) = self.next.take() else { return Ok(None) };
        // A page that leads back to one before brings nothing new.
        if !self.asked.add(&page.query) {
            return Ok(None);
        }
        if self.asked.0.len() > PAGES_MAX {
            return Err(self.fail(format!("its {} does not end: {PAGES_MAX} pages were read", self.what)));
        }
        self.request.url.set_query(Some(&*page.query).filter(|query| !query.is_empty()));
        let (headers, body) = match self.client.document(&self.request, PAGE_MAX_BYTES).await {
            Ok(answer) => answer,
            // Only a guess: who was let read one page may read the next, so 401 and 403 mean here that there is none.
            Err(error) if page.reason == Reason::Guess && is_for_good(&error) => {
                warn!("The {} is taken to be whole, as no more of it is to be had: {error}", self.what);
                return Ok(None);
            }
            Err(error) => return Err(page.reason.explain(error)),
        };
        self.page = page;
        let link = link::header(&headers);
        self.named = link.as_deref().map_or(Next::None, |link| link::next(link, &self.request.url));
        // From here on, it is but shown.
        self.link = link.map(|link| excerpt(&self.client.redact(&link)));
        self.is_linked |= self.named != Next::None;
        self.is_web_page = is_web_page(&headers);
        Ok(Some(body))
    }

    /// Goes on where the page says.
    pub(in crate::registry) fn follow(&mut self) -> Result<(), Error> {
        let link = self.link.take().unwrap_or_default();
        self.next = match std::mem::replace(&mut self.named, Next::None) {
            Next::None => None,
            Next::Query { query, is_own: true } => Some(Page { query, reason: Reason::Named }),
            Next::Query { query, is_own: false } => Some(Page { query, reason: Reason::Elsewhere(link) }),
            Next::Unreadable => return Err(self.lost(&link)),
        };
        Ok(())
    }

    /// The same for a list that can be asked for what is behind an entry. Where a page says that it goes on and not how,
    /// and where it looks cut off, this is done; a page that brings nothing new is the last.
    pub(in crate::registry) fn go_on(&mut self, brought: &Brought<'_>) -> Result<(), Error> {
        let &Brought { count, new, after, asked } = brought;
        let is_repeated = count > 0 && new == 0;
        match &self.page.reason {
            Reason::Elsewhere(link) if is_repeated => return Err(self.lost(link)),
            Reason::Unreadable(link) if new == 0 => return Err(self.lost(link)),
            _ if is_repeated => return Ok(()),
            _ => {}
        }
        self.longest = self.longest.max(count);
        let is_round = count == asked || count.is_multiple_of(CUT);
        let is_cut = !self.is_linked && count > 0 && count == self.longest && is_round;
        let reason = match &self.named {
            Next::Unreadable => Reason::Unreadable(self.link.take().unwrap_or_default()),
            Next::None if is_cut => Reason::Guess,
            Next::None | Next::Query { .. } => return self.follow(),
        };
        self.next = match (after(), reason) {
            (Some(query), reason) => Some(Page { query, reason }),
            (None, Reason::Unreadable(link)) => return Err(self.lost(&link)),
            (None, _) => None,
        };
        Ok(())
    }

    /// More follows, and cannot be asked for.
    fn lost(&self, link: &str) -> Error {
        self.fail(format!(
            "more of its {} follows, at an address that cannot be used: `Link: {}`; a proxy in front of it may have \
             changed that",
            self.what,
            link
        ))
    }

    /// The page at hand is no page of this list.
    pub(in crate::registry) fn unreadable(&self, page: &[u8], error: &serde_json::Error) -> Error {
        if self.is_web_page {
            let kind = Kind::WebPage("a web page".to_owned());
            return Error::new(&self.request.method, &self.request.url, kind);
        }
        if let Some(refusal) = Refusal::in_success(page, |text| self.client.redact(text)) {
            return Error::new(&self.request.method, &self.request.url, Kind::Refused(refusal));
        }
        let start = String::from_utf8_lossy(&page[..page.len().min(ANSWER_READ_BYTES)]);
        let start = cut(&quote(&self.client.redact(&start)), ANSWER_SHOWN_CHARS);
        let came = if start.is_empty() { "nothing".to_owned() } else { format!("`{start}`") };
        self.fail(format!(
            "its {} cannot be read: {}; what came is {came}. This host may be no registry, or a proxy in front of it \
             changed the answer",
            self.what,
            excerpt(&self.client.redact(&error.to_string()))
        ))
    }

    /// A failure of this list.
    pub(in crate::registry) fn fail(&self, why: String) -> Error {
        Error::new(&self.request.method, &self.request.url, Kind::Protocol(why))
    }
}

impl Reason {
    /// Adds to the failure of a page why it was asked for, where that may be what is wrong.
    fn explain(&self, error: Error) -> Error {
        match self {
            Self::Elsewhere(link) | Self::Unreadable(link) if error.is_final_refusal() => {
                error.with_hint(Some(format!("this page was asked for because of the header `Link: {link}`")))
            }
            _ => error,
        }
    }
}

fn is_web_page(headers: &HeaderMap) -> bool {
    let content_type = headers.get(CONTENT_TYPE).map_or(&b""[..], HeaderValue::as_bytes);
    content_type.to_ascii_lowercase().starts_with(b"text/html")
}

/// Whether an address is refused for good, by whatever status.
fn is_for_good(error: &Error) -> bool {
    let is_final = |status: StatusCode| status.is_client_error() || status == StatusCode::NOT_IMPLEMENTED;
    error.refusal().is_some_and(|refusal| is_final(refusal.status)) && error.transient().is_none()
}

/// Whether a registry that refuses pages of this size may give smaller ones (google/go-containerregistry#1963, #681,
/// distribution/distribution#4844).
pub(in crate::registry) fn is_about_size(error: &Error) -> bool {
    let statuses = [
        StatusCode::BAD_REQUEST,
        StatusCode::METHOD_NOT_ALLOWED,
        StatusCode::PAYLOAD_TOO_LARGE,
        StatusCode::RANGE_NOT_SATISFIABLE,
        StatusCode::UNPROCESSABLE_ENTITY,
        StatusCode::NOT_IMPLEMENTED,
    ];
    statuses.into_iter().any(|status| error.is_status(status)) && error.transient().is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_any_length_take_some_bytes_each() {
        let mut asked = Asked::default();
        let query = |page: usize| format!("last={page}&{}", "x".repeat(8 * 1024));
        for page in 0..PAGES_MAX {
            assert!(asked.add(&query(page)));
        }
        assert!(!asked.add(&query(7)));
        let bytes = asked.0.capacity() * (size_of::<u64>() + 1);
        assert!(bytes <= 64 * 1024, "{bytes}");
    }
}
