//! `GET /v2/NAME/tags/list` and `GET /v2/_catalog`, page by page.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::header::LINK;
use serde_json::{Value, json};

use crate::fake::quirks::LinkStyle;
use crate::fake::wire::{Head, Reply};

use super::V2;

impl V2 {
    pub(super) fn tags(&self, head: &Head, name: &str) -> Reply {
        match self.with(name, |repository| repository.tags.keys().cloned().collect()) {
            Err(refusal) => refusal,
            Ok(tags) => self.page(head, &json!({"name": name}), "tags", tags),
        }
    }

    pub(super) fn catalogue(&self, head: &Head) -> Reply {
        let repositories = self.store.lock().unwrap().repositories.keys().cloned().collect();
        self.page(head, &json!({}), "repositories", repositories)
    }

    /// One page of these names, as this member of the document.
    fn page(&self, head: &Head, document: &Value, member: &str, names: Vec<String>) -> Reply {
        let quirks = &self.quirks;
        let asked = head.query("n").and_then(|n| n.parse::<usize>().ok());
        if let (Some(limit), Some(asked)) = (quirks.page_refused_above, asked)
            && asked > limit
        {
            let message = format!(
                "Invalid parameter at 'maxResults' failed to satisfy constraint: \
                 'Member must have value less than or equal to {limit}'"
            );
            return Reply::error(405, "UNSUPPORTED", &message);
        }
        let size = asked.unwrap_or(quirks.page_default).min(quirks.page_max);
        let mut document = document.clone();
        if quirks.link == LinkStyle::Endless {
            return endless(head, document, member);
        }
        let last = match head.query("next_page") {
            Some(cursor) => URL_SAFE_NO_PAD.decode(cursor).ok().and_then(|text| String::from_utf8(text).ok()),
            None => head.query("last"),
        };
        let after = |name: &String| last.as_ref().is_none_or(|last| name > last);
        let mut names: Vec<String> = names.into_iter().filter(after).collect();
        let has_more = names.len() > size;
        names.truncate(size);
        document[member] = json!(names);
        let reply = Reply::json(200, &document);
        let last_of_page = names.last().filter(|_| has_more);
        match last_of_page.and_then(|name| self.link(head, last.as_deref(), name, size)) {
            Some(link) => reply.header(LINK, format!(r#"<{link}>; rel="next""#)),
            None => reply,
        }
    }

    /// The address of the page after `last`; `before` is where this page began.
    fn link(&self, head: &Head, before: Option<&str>, last: &str, size: usize) -> Option<String> {
        let query = format!("last={last}&n={size}");
        let path = &head.path;
        Some(match &self.quirks.link {
            LinkStyle::Relative => format!("{path}?{query}"),
            LinkStyle::Absolute => format!("http://{}{path}?{query}", head.host()),
            LinkStyle::WithoutSlash => format!("{}?{query}", path.trim_start_matches('/')),
            LinkStyle::Cursor => format!("{path}?n={size}&next_page={}", URL_SAFE_NO_PAD.encode(last)),
            LinkStyle::Host(host) => format!("https://{host}{path}?{query}"),
            LinkStyle::Looping => format!("{path}?last={}&n={size}", before.unwrap_or_default()),
            LinkStyle::Endless | LinkStyle::Missing => return None,
        })
    }
}

/// A page of one name, and always one more page.
fn endless(head: &Head, mut document: Value, member: &str) -> Reply {
    let number: u64 = head.query("last").and_then(|last| last.parse().ok()).unwrap_or(0) + 1;
    document[member] = json!([number.to_string()]);
    Reply::json(200, &document).header(LINK, format!(r#"<{}?last={number}&n=1>; rel="next""#, head.path))
}
