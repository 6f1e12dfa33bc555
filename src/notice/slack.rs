//! A notice as Slack shows it: <https://docs.slack.dev/messaging/formatting-message-text>.

use serde_json::{Value, json};

use crate::config::NoticeKind;
use crate::notice::{Notice, Severity, TagNotice};

/// The bound of Slack's API on the text of a block, in characters.
const BLOCK_MAX_CHARS: usize = 3000;
/// Room for "and 123456 more".
const MORE_CHARS: usize = 30;

/// The body for an incoming webhook.
pub(super) fn message(notice: &Notice) -> String {
    let mut blocks = vec![block(&headline(notice))];
    let is_sentence = notice.kind == NoticeKind::Late || notice.error.is_none() && notice.tags.is_empty();
    let said = if is_sentence { Some(&*notice.text) } else { notice.error.as_deref() };
    blocks.extend(said.map(|said| block(&escaped(said, BLOCK_MAX_CHARS))));
    // The only tag that failed is in the error already.
    let is_told = matches!(&notice.tags[..], [TagNotice { error: Some(error), .. }]
        if notice.error.as_ref().is_some_and(|whole| whole.ends_with(error)));
    if !is_told {
        blocks.extend(list(&notice.tags).as_deref().map(block));
    }
    blocks.extend(notice.advice.as_deref().map(|advice| block(&escaped(advice, BLOCK_MAX_CHARS))));
    blocks.extend(notice.url.as_deref().and_then(link).as_deref().map(block));
    // Where blocks cannot be shown, as in a notification, it is the text.
    let text = format!("{}: {}", notice.severity.as_str(), notice.told());
    json!({"text": escaped(&text, BLOCK_MAX_CHARS), "blocks": blocks}).to_string()
}

/// `verbatim`: nothing in it becomes a link or a mention but what is written as one.
fn block(text: &str) -> Value {
    json!({"type": "section", "text": {"type": "mrkdwn", "text": text, "verbatim": true}})
}

fn headline(notice: &Notice) -> String {
    let Notice { kind, severity, source, target, tags, .. } = notice;
    let what = match (kind, tags.len()) {
        (NoticeKind::Copied, 1) => "1 new tag".to_owned(),
        (NoticeKind::Copied, count) => format!("{count} new tags"),
        (NoticeKind::Failed, _) => "failed".to_owned(),
        (NoticeKind::Recovered, _) => "recovered".to_owned(),
        (NoticeKind::Late, _) => "late".to_owned(),
        (NoticeKind::Discovered, _) => "new repositories".to_owned(),
        (NoticeKind::ReloadRefused, _) => "not taken".to_owned(),
    };
    let sign = match severity {
        Severity::Info => ":white_check_mark:",
        Severity::Warning => ":warning:",
        Severity::Error => ":red_circle:",
    };
    // A quarter of the bound each, so that all three are there.
    let named = |name: &str| escaped(name, BLOCK_MAX_CHARS / 4);
    let first = format!("{sign} {}: *{}*: {what}", severity.as_str(), named(notice.about()));
    match (source, target) {
        (Some(source), Some(target)) => format!("{first}\n`{}` → `{}`", named(source), named(target)),
        _ => first,
    }
}

/// A link, where it is short enough to be one.
fn link(url: &str) -> Option<String> {
    let url = escaped(&url.replace('|', "%7C"), BLOCK_MAX_CHARS / 2);
    (!url.ends_with('…')).then(|| format!("<{url}|Open the page>"))
}

/// The tags, one a line, as many as fit.
fn list(tags: &[TagNotice]) -> Option<String> {
    let mut text = String::new();
    let mut chars = 0;
    for (index, tag) in tags.iter().enumerate() {
        let line = line(tag);
        let length = line.chars().count();
        if chars + length + MORE_CHARS > BLOCK_MAX_CHARS {
            return Some(format!("{text}and {} more", tags.len() - index));
        }
        text += &line;
        chars += length;
    }
    (!text.is_empty()).then_some(text)
}

fn line(tag: &TagNotice) -> String {
    const ERROR_MAX_CHARS: usize = 300;
    /// `sha256:` and enough to tell images apart.
    const DIGEST_CHARS: usize = 19;
    let TagNotice { tag, digest, error, .. } = tag;
    let digest = digest.map(|digest| digest.to_string().chars().take(DIGEST_CHARS).collect::<String>());
    let digest = digest.map(|digest| format!(" {digest}")).unwrap_or_default();
    let error =
        error.as_deref().map(|error| format!(": {}", escaped(error, ERROR_MAX_CHARS))).unwrap_or_default();
    format!("• `{tag}`{digest}{error}\n")
}

/// The text with Slack's three signs escaped, and the result cut to `most` characters; an escape is never cut.
fn escaped(text: &str, most: usize) -> String {
    let mut escaped = String::new();
    let mut chars = 0;
    let mut buffer = [0; 4];
    for letter in text.chars() {
        let written: &str = match letter {
            '&' => "&amp;",
            '<' => "&lt;",
            '>' => "&gt;",
            other => other.encode_utf8(&mut buffer),
        };
        chars += written.chars().count();
        if chars >= most {
            escaped.push('…');
            break;
        }
        escaped += written;
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::notice::document::tests::{failed, many};

    fn texts(notice: &Notice) -> Vec<String> {
        let message: Value = serde_json::from_str(&message(notice)).unwrap();
        let blocks = message["blocks"].as_array().unwrap();
        blocks.iter().map(|block| block["text"]["text"].as_str().unwrap().to_owned()).collect()
    }

    #[test]
    fn new_tags_are_a_list() {
        insta::assert_snapshot!(message(&many(2)), @r#"{"text":"info: java/jdk: 2 tags copied to registry.test/oracle/jdk: 21.0.0, 21.0.1","blocks":[{"type":"section","text":{"type":"mrkdwn","text":":white_check_mark: info: *java/jdk*: 2 new tags\n`container-registry.oracle.com/java/jdk` → `registry.test/oracle/jdk`","verbatim":true}},{"type":"section","text":{"type":"mrkdwn","text":"• `21.0.0` sha256:e34ae6c635d9\n• `21.0.1` sha256:f7ca75f85210\n","verbatim":true}}]}"#);
    }

    #[test]
    fn signs_that_slack_reads_are_escaped() {
        let notice = failed("<!channel> said \"503\" & left");
        insta::assert_snapshot!(texts(&notice).join("\n"), @r#"
        :red_circle: error: *java/jdk*: failed
        `container-registry.oracle.com/java/jdk` → `registry.test/oracle/jdk`
        21.0.8: &lt;!channel&gt; said "503" &amp; left
        `tagferry plan --mirror java/jdk` explains the decision for every tag
        "#);
        assert!(!message(&notice).contains("<!channel>"));
    }

    #[test]
    fn the_page_is_a_link() {
        let page = "https://t.example/?a=1&b=2".parse().unwrap();
        let last = texts(&failed("503").linked(Some(&page))).pop().unwrap();
        assert_eq!(last, "<https://t.example/?a=1&amp;b=2&amp;mirror=java%2Fjdk|Open the page>");
    }

    #[test]
    fn no_block_is_longer_than_slack_takes() {
        for notice in [many(500), failed(&"&".repeat(5000))] {
            for text in texts(&notice) {
                assert!(text.chars().count() <= BLOCK_MAX_CHARS, "{}", text.chars().count());
            }
        }
        let last = texts(&many(500)).pop().unwrap();
        let listed = last.matches('•').count();
        assert!(last.ends_with(&format!("\nand {} more", 500 - listed)), "{last}");
    }

    #[test]
    fn escapes_are_not_cut() {
        assert_eq!(escaped("a<b", 100), "a&lt;b");
        assert_eq!(escaped("aaa<", 6), "aaa…");
    }
}
