//! What is told, as a document and as a sentence.

use jiff::Timestamp;
use serde::Serialize;
use url::Url;

use crate::config::{Mirror, NoticeKind};
use crate::event::{Fault, MirrorSummary, TagSummary};
use crate::ledger::Record;
use crate::oci::{Digest, Reference};
use crate::text::{cut, listed};

/// The version of the document. A change that breaks readers raises it; new keys do not.
const VERSION: u32 = 1;
/// The most tags that a sentence names; it counts the others.
const NAMED_MAX: usize = 10;
/// How much of an error is repeated.
const ERROR_MAX_CHARS: usize = 2000;

/// Something worth telling. Serialized, it is the JSON document that webhooks receive.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Notice {
    version: u32,
    /// What is told.
    pub kind: NoticeKind,
    /// How much that matters.
    pub severity: Severity,
    /// Whether it tells of nothing and was only to be seen.
    #[serde(skip_serializing_if = "is_real")]
    test: bool,
    /// When it was seen: when the pass ended, or it was noticed that none did.
    pub at: Timestamp,
    /// The name of the mirror; none where it is about no single one.
    pub mirror: Option<String>,
    /// Where from.
    pub source: Option<String>,
    /// Where to.
    pub target: Option<String>,
    /// Why the mirror failed, or why the last pass over a late one did; none where it did not.
    pub error: Option<String>,
    /// Of `copied` the new tags, of `failed` those that failed, of the others none.
    pub tags: Vec<TagNotice>,
    /// How many more there are, where a destination takes no document of that size.
    pub tags_omitted: usize,
    /// What to do, where the error does not say it.
    pub advice: Option<String>,
    /// The page about it, where people reach one.
    pub url: Option<String>,
    /// What happened as a sentence.
    pub text: String,
}

/// How much it matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Good to know.
    Info,
    /// Somebody should look.
    Warning,
    /// Somebody has to look.
    Error,
}

impl Severity {
    fn of(kind: NoticeKind) -> Self {
        match kind {
            NoticeKind::Copied | NoticeKind::Recovered | NoticeKind::Discovered => Self::Info,
            NoticeKind::Late | NoticeKind::ReloadRefused => Self::Warning,
            NoticeKind::Failed => Self::Error,
        }
    }

    /// The word for it.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands over a reference")]
fn is_real(test: &bool) -> bool {
    !test
}

/// One tag of a notice.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TagNotice {
    /// The name in the target: a tag, or a digest for an image that got none.
    pub tag: Reference,
    /// Its digest; none where the source could not be asked.
    pub digest: Option<Digest>,
    /// Bytes of blobs that were sent to the target for it.
    pub bytes: u64,
    /// Why it failed, if it did.
    pub error: Option<String>,
}

impl TagNotice {
    fn bytes(&self) -> usize {
        size_of::<Self>() + self.tag.to_string().len() + self.error.as_ref().map_or(0, String::len)
    }
}

impl From<&TagSummary> for TagNotice {
    fn from(summary: &TagSummary) -> Self {
        let TagSummary { tag, digest, bytes, error, .. } = summary;
        Self { tag: tag.clone(), digest: *digest, bytes: *bytes, error: error.as_ref().map(shortened) }
    }
}

impl Notice {
    /// New tags are in the target.
    pub(super) fn copied(mirror: &MirrorSummary, tags: Vec<TagNotice>, at: Timestamp) -> Self {
        let text =
            format!("{}: {} copied to {}: {}", mirror.name, count(tags.len()), mirror.target, named(&tags));
        Self { tags, ..Self::new(NoticeKind::Copied, mirror, at, text) }
    }

    /// The pass failed: as a whole, or for these tags.
    pub(super) fn failed(mirror: &MirrorSummary, tags: Vec<TagNotice>, at: Timestamp) -> Self {
        let error = mirror.error.as_ref().map_or_else(|| error_of(&tags), shortened);
        let text =
            format!("{}: mirroring {} to {} failed: {error}", mirror.name, mirror.source, mirror.target);
        let whole = mirror.error.as_ref().or_else(|| mirror.tags.iter().find_map(|tag| tag.error.as_ref()));
        let has_hint = whole.is_some_and(|fault| fault.hint.is_some());
        let advice = (!has_hint)
            .then(|| format!("`tagferry plan --mirror {}` explains the decision for every tag", mirror.name));
        Self { tags, error: Some(error), advice, ..Self::new(NoticeKind::Failed, mirror, at, text) }
    }

    /// The pass succeeded after one that had failed.
    pub(super) fn recovered(mirror: &MirrorSummary, at: Timestamp) -> Self {
        let selected = usize::try_from(mirror.selected).unwrap_or(usize::MAX);
        let text =
            format!("{}: recovered, {} selected and in {}", mirror.name, count(selected), mirror.target);
        Self::new(NoticeKind::Recovered, mirror, at, text)
    }

    /// A success was due and did not come.
    pub(super) fn late(record: &Record, at: Timestamp) -> Self {
        let Record { name, source, target, verdict, last_success_at, .. } = record;
        let since = verdict.late_at.map_or_else(|| "now".to_owned(), |since| format!("{since:.0}"));
        let last = last_success_at.map_or_else(
            || "none is known since the start".to_owned(),
            |last| format!("the last one was at {last:.0}"),
        );
        let error = record.last_run.as_ref().and_then(|run| run.error.as_ref()).map(shortened);
        let cause =
            error.as_deref().map(|error| format!("; the last pass failed: {error}")).unwrap_or_default();
        let advice = "look at the daemon's page or log: what its pass waits for, and why the last one failed";
        Self {
            mirror: Some(name.clone()),
            source: Some(source.clone()),
            target: Some(target.clone()),
            error,
            advice: Some(advice.to_owned()),
            ..Self::bare(
                NoticeKind::Late,
                at,
                format!("{name}: late since {since}, a success was due by then; {last}{cause}"),
            )
        }
    }

    /// New repositories were discovered.
    pub(super) fn discovered(source: &str, names: &[&str], at: Timestamp) -> Self {
        let repositories = if names.len() == 1 { "repository" } else { "repositories" };
        let text = format!(
            "{source}: {} new {repositories}, mirrored from now on: {}",
            names.len(),
            listed(names, NAMED_MAX)
        );
        Self { source: Some(source.to_owned()), ..Self::bare(NoticeKind::Discovered, at, text) }
    }

    /// A new configuration of a daemon was not taken.
    pub(super) fn reload_refused(error: &str, at: Timestamp) -> Self {
        let error = cut(error, ERROR_MAX_CHARS);
        let text = format!("a new configuration was not taken, the one before stays: {error}");
        let advice = "fix the configuration, see that `tagferry check` accepts it, and send SIGHUP again";
        Self {
            error: Some(error),
            advice: Some(advice.to_owned()),
            ..Self::bare(NoticeKind::ReloadRefused, at, text)
        }
    }

    /// One that tells of nothing that happened.
    pub(super) fn test(kind: NoticeKind, mirror: Option<&Mirror>, at: Timestamp) -> Self {
        let is_about_one = ![NoticeKind::Discovered, NoticeKind::ReloadRefused].contains(&kind);
        let mirror = mirror.filter(|_| is_about_one);
        let about = mirror.map(|mirror| format!("{}: ", mirror.name)).unwrap_or_default();
        let text = format!("{about}a test of the notice `{}`, nothing happened", kind.as_str());
        Self {
            test: true,
            mirror: mirror.map(|mirror| mirror.name.clone()),
            source: mirror.map(|mirror| mirror.source.to_string()),
            target: mirror.map(|mirror| mirror.target.to_string()),
            ..Self::bare(kind, at, text)
        }
    }

    fn new(kind: NoticeKind, mirror: &MirrorSummary, at: Timestamp, text: String) -> Self {
        Self {
            mirror: Some(mirror.name.clone()),
            source: Some(mirror.source.clone()),
            target: Some(mirror.target.clone()),
            ..Self::bare(kind, at, text)
        }
    }

    /// One that is about no mirror.
    fn bare(kind: NoticeKind, at: Timestamp, text: String) -> Self {
        Self {
            version: VERSION,
            kind,
            severity: Severity::of(kind),
            test: false,
            at,
            mirror: None,
            source: None,
            target: None,
            error: None,
            tags: Vec::new(),
            tags_omitted: 0,
            advice: None,
            url: None,
            text,
        }
    }

    /// The same with a link to the page about it, below the address of all of them.
    #[must_use]
    pub(super) fn linked(self, page: Option<&Url>) -> Self {
        let link = |page: &Url| {
            let mut url = page.clone();
            url.set_fragment(None);
            if let Ok(mut path) = url.path_segments_mut() {
                path.pop_if_empty().push("");
            }
            if let Some(mirror) = &self.mirror {
                url.query_pairs_mut().append_pair("mirror", mirror);
            }
            url.to_string()
        };
        Self { url: page.map(link), ..self }
    }

    /// What it is about.
    pub(super) fn about(&self) -> &str {
        self.mirror.as_deref().or(self.source.as_deref()).unwrap_or("the configuration")
    }

    /// All of it for a person who reads it as text.
    pub(super) fn told(&self) -> String {
        let lines = [Some(&self.text), self.advice.as_ref(), self.url.as_ref()];
        lines.into_iter().flatten().map(String::as_str).collect::<Vec<_>>().join("\n")
    }

    /// The document.
    pub(super) fn json(&self) -> String {
        // Texts, numbers and lists of them, which always have a form in JSON.
        serde_json::to_string(self).unwrap_or_default()
    }

    /// What it holds on the heap, about.
    pub(super) fn bytes(&self) -> usize {
        let texts = [&self.mirror, &self.source, &self.target, &self.error, &self.advice, &self.url];
        let texts = texts.map(|text| text.as_ref().map_or(0, String::len));
        self.text.len() + texts.iter().sum::<usize>() + self.tags.iter().map(TagNotice::bytes).sum::<usize>()
    }

    /// The same notice with as many of its tags as fit.
    pub(super) fn within(mut self, bytes_max: usize) -> Self {
        let mut room =
            bytes_max.saturating_sub(self.bytes() - self.tags.iter().map(TagNotice::bytes).sum::<usize>());
        let fits = |tag: &TagNotice| {
            let rest = room.checked_sub(tag.bytes());
            room = rest.unwrap_or_default();
            rest.is_some()
        };
        let kept = self.tags.iter().map(fits).take_while(|fits| *fits).count();
        self.tags_omitted += self.tags.len() - kept;
        self.tags.truncate(kept);
        self.tags.shrink_to_fit();
        self
    }

    /// The same notice with the first `kept` of its tags.
    pub(super) fn with_tags(&self, kept: usize) -> Self {
        let mut shorter = self.clone();
        shorter.tags.truncate(kept);
        shorter.tags_omitted += self.tags.len() - shorter.tags.len();
        shorter
    }
}

/// What is to be said of a mirror that failed only for some of its tags.
fn error_of(tags: &[TagNotice]) -> String {
    let first = tags.first().and_then(|tag| tag.error.as_deref()).unwrap_or("no reason is known");
    match tags {
        [only] => format!("{}: {first}", only.tag),
        _ => format!("{} ({}), the first with: {first}", count(tags.len()), named(tags)),
    }
}

fn count(tags: usize) -> String {
    if tags == 1 { "1 tag".to_owned() } else { format!("{tags} tags") }
}

fn named(tags: &[TagNotice]) -> String {
    listed(&tags.iter().map(|tag| &tag.tag).collect::<Vec<_>>(), NAMED_MAX)
}

fn shortened(error: &Fault) -> String {
    cut(&error.to_string(), ERROR_MAX_CHARS)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::event::fault;
    use crate::event::{Blobs, Ending, RunOutcome, TagOutcome};

    pub(in crate::notice) fn at() -> Timestamp {
        "2026-09-01T12:00:00Z".parse().unwrap()
    }

    /// A mirror of which these tags were copied and these failed, each with its error.
    pub(in crate::notice) fn mirror(copied: &[&str], failed: &[(&str, &str)]) -> MirrorSummary {
        let tag = |name: &str, error: Option<&str>| TagSummary {
            tag: name.parse().unwrap(),
            source_tag: None,
            digest: error.is_none().then(|| Digest::of(name.as_bytes())),
            previous_digest: None,
            action: None,
            outcome: Some(if error.is_some() { TagOutcome::Failed } else { TagOutcome::Copied }),
            reason: String::new(),
            bytes: if error.is_some() { 0 } else { 1024 },
            blobs: Blobs::default(),
            error: error.map(fault::sample),
        };
        let tags = copied.iter().map(|name| tag(name, None));
        MirrorSummary {
            name: "java/jdk".to_owned(),
            source: "container-registry.oracle.com/java/jdk".to_owned(),
            sources: Vec::new(),
            target: "registry.test/oracle/jdk".to_owned(),
            outcome: if failed.is_empty() { RunOutcome::Succeeded } else { RunOutcome::Failed },
            error: None,
            selected: (copied.len() + failed.len()) as u64,
            tags: tags.chain(failed.iter().map(|(name, error)| tag(name, Some(error)))).collect(),
            warnings: Vec::new(),
            selection: None,
            notes: Vec::new(),
            ending: Ending::Finished,
        }
    }

    fn tags(mirror: &MirrorSummary) -> Vec<TagNotice> {
        mirror.tags.iter().map(TagNotice::from).collect()
    }

    /// A notice of `count` new tags.
    pub(in crate::notice) fn many(count: usize) -> Notice {
        let names: Vec<String> = (0..count).map(|update| format!("21.0.{update}")).collect();
        let mirror = mirror(&names.iter().map(String::as_str).collect::<Vec<_>>(), &[]);
        Notice::copied(&mirror, tags(&mirror), at())
    }

    pub(in crate::notice) fn failed(error: &str) -> Notice {
        let mirror = mirror(&[], &[("21.0.8", error)]);
        Notice::failed(&mirror, tags(&mirror), at())
    }

    #[test]
    fn the_document_of_new_tags() {
        let json: serde_json::Value = serde_json::from_str(&many(1).json()).unwrap();
        insta::assert_json_snapshot!(json, @r#"
        {
          "version": 1,
          "kind": "copied",
          "severity": "info",
          "at": "2026-09-01T12:00:00Z",
          "mirror": "java/jdk",
          "source": "container-registry.oracle.com/java/jdk",
          "target": "registry.test/oracle/jdk",
          "error": null,
          "tags": [
            {
              "tag": "21.0.0",
              "digest": "sha256:e34ae6c635d944aa997a652db8f9432fb346d8623f8235255d17d616465cbc67",
              "bytes": 1024,
              "error": null
            }
          ],
          "tags_omitted": 0,
          "advice": null,
          "url": null,
          "text": "java/jdk: 1 tag copied to registry.test/oracle/jdk: 21.0.0"
        }
        "#);
    }

    #[test]
    fn a_sentence_for_each_kind() {
        let two = [("21.0.8", "503"), ("21.0.7", "500")];
        let mut whole = mirror(&[], &[]);
        whole.error = Some(fault::sample("cannot read the tags of the source"));
        let texts = [
            many(2).text,
            many(12).text,
            failed("GET https://a.test: 503").text,
            Notice::failed(&mirror(&[], &two), tags(&mirror(&[], &two)), at()).text,
            Notice::failed(&whole, Vec::new(), at()).text,
            Notice::recovered(&mirror(&["21.0.8"], &[]), at()).text,
            Notice::discovered("cgr.dev/acme/*", &["acme/api", "acme/web"], at()).text,
        ];
        insta::assert_snapshot!(texts.join("\n"), @"
        java/jdk: 2 tags copied to registry.test/oracle/jdk: 21.0.0, 21.0.1
        java/jdk: 12 tags copied to registry.test/oracle/jdk: 21.0.0, 21.0.1, 21.0.2, 21.0.3, 21.0.4, 21.0.5, 21.0.6, 21.0.7, 21.0.8, 21.0.9 and 2 more
        java/jdk: mirroring container-registry.oracle.com/java/jdk to registry.test/oracle/jdk failed: 21.0.8: GET https://a.test: 503
        java/jdk: mirroring container-registry.oracle.com/java/jdk to registry.test/oracle/jdk failed: 2 tags (21.0.8, 21.0.7), the first with: 503
        java/jdk: mirroring container-registry.oracle.com/java/jdk to registry.test/oracle/jdk failed: cannot read the tags of the source
        java/jdk: recovered, 1 tag selected and in registry.test/oracle/jdk
        cgr.dev/acme/*: 2 new repositories, mirrored from now on: acme/api, acme/web
        ");
    }

    #[test]
    fn what_people_read_has_what_to_do_and_the_page() {
        let page = "https://tagferry.example.com/mirrors".parse().unwrap();
        let notice = failed("503").linked(Some(&page));
        insta::assert_snapshot!(notice.told(), @"
        java/jdk: mirroring container-registry.oracle.com/java/jdk to registry.test/oracle/jdk failed: 21.0.8: 503
        `tagferry plan --mirror java/jdk` explains the decision for every tag
        https://tagferry.example.com/mirrors/?mirror=java%2Fjdk
        ");
        assert_eq!(failed("503\nhint: log in").severity, Severity::Error);
    }

    #[test]
    fn a_long_error_is_cut() {
        let notice = failed(&"x".repeat(10_000));
        assert!(notice.text.chars().count() < 2200 && notice.error.unwrap().ends_with('…'));
    }
}
