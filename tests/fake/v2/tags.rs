//! `GET /v2/NAME/tags/list`, page by page.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::header::LINK;
use serde_json::json;

use crate::fake::quirks::LinkStyle;
use crate::fake::wire::{Head, Reply};

use super::V2;

impl V2 {
    pub(super) fn tags(&self, head: &Head, name: &str) -> Reply {
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
        if quirks.link == LinkStyle::Endless {
            return endless(head, name);
        }
        let last = match head.query("next_page") {
            Some(cursor) => URL_SAFE_NO_PAD.decode(cursor).ok().and_then(|text| String::from_utf8(text).ok()),
            None => head.query("last"),
        };
        let page = self.with(name, |repository| {
            let after = |tag: &&String| last.as_ref().is_none_or(|last| *tag > last);
            let rest: Vec<String> = repository.tags.keys().filter(after).cloned().collect();
            (rest.len() > size, rest.into_iter().take(size).collect::<Vec<_>>())
        });
        match page {
            Err(refusal) => refusal,
            Ok((has_more, tags)) => {
                let reply = Reply::json(200, &json!({"name": name, "tags": tags}));
                let link = tags.last().filter(|_| has_more);
                match link.and_then(|last_of_page| self.link(head, last.as_deref(), last_of_page, size)) {
                    Some(link) => reply.header(LINK, format!(r#"<{link}>; rel="next""#)),
                    None => reply,
                }
            }
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

/// A page of one tag, and always one more page.
fn endless(head: &Head, name: &str) -> Reply {
    let number: u64 = head.query("last").and_then(|last| last.parse().ok()).unwrap_or(0) + 1;
    Reply::json(200, &json!({"name": name, "tags": [number.to_string()]}))
        .header(LINK, format!(r#"<{}?last={number}&n=1>; rel="next""#, head.path))
}
