//! What strangers write and people read: whatever cannot be seen, or changes how the rest is seen, is shown as an escape.

use serde_json::json;

use super::{answer, one};
use crate::fake::{Action, Face, Fault, Match, Registry, Reply};
use crate::world::daemon::{World, passes};
use crate::world::program::Program;
use crate::world::{APP, mirror};

/// What it is, where it was seen, what is said, and how that is shown.
type Row = (&'static str, &'static str, &'static str, &'static str);

const ROWS: &[Row] = &[
    (
        "colours and a clear screen",
        "rust-lang/log#611, berthubert/trifecta#50, shanselman/winget-tui#32",
        "\u{1b}[2J\u{1b}[31mOK: all mirrors fresh\u{1b}[0m",
        r"\u{1b}[2J\u{1b}[31mOK: all mirrors fresh\u{1b}[0m",
    ),
    ("a title", "andrebrait/DATROMTool#38", "\u{1b}]0;title\u{7}", r"\u{1b}]0;title\u{7}"),
    ("the clipboard", "uraurora/turnstile#22", "\u{1b}]52;c;QkFTRTY0\u{7}", r"\u{1b}]52;c;QkFTRTY0\u{7}"),
    ("a link", "uraurora/turnstile#22", "\u{1b}]8;;http://h.test\u{7}", r"\u{1b}]8;;http://h.test\u{7}"),
    ("an escape in one character", "EONRaider/RootWire#53", "\u{9b}31m\u{7f}", r"\u{9b}31m\u{7f}"),
    ("the next line", "anolilab/lunora#544", "a\u{85}b", r"a\u{85}b"),
    (
        "a forged line",
        "berthubert/trifecta#50",
        "denied\n2026-11-24T00:00:00Z  INFO all fine",
        "denied 2026-11-24T00:00:00Z INFO all fine",
    ),
    ("a carriage return", "berthubert/trifecta#50", "denied\r\tfine", "denied fine"),
    (
        "line separators",
        "berthubert/trifecta#50",
        "a\u{2028}b\u{2029}c\u{b}d\u{c}e",
        r"a\u{2028}b\u{2029}c\u{b}d\u{c}e",
    ),
    (
        "text backwards",
        "EONRaider/RootWire#53, d-oit/rust-2026-template#76",
        "\u{202e}gpj.exe\u{202c} \u{2066}x\u{2069} \u{200e}\u{200f}\u{61c}",
        r"\u{202e}gpj.exe\u{202c} \u{2066}x\u{2069} \u{200e}\u{200f}\u{61c}",
    ),
    (
        "no width",
        "d-oit/rust-2026-template#76",
        "a\u{200b}b\u{200c}c\u{200d}d\u{2060}e\u{feff}f\u{ad}g\u{180e}h\u{2064}",
        r"a\u{200b}b\u{200c}c\u{200d}d\u{2060}e\u{feff}f\u{ad}g\u{180e}h\u{2064}",
    ),
    (
        "tags",
        "none found; brother of the above",
        "a\u{e0001}\u{e0041}\u{e007f}",
        r"a\u{e0001}\u{e0041}\u{e007f}",
    ),
    ("what is seen", "none found", "Größe 日本語 é 👍", "Größe 日本語 é 👍"),
];

/// Whether a text has what nobody can see; line ends are no such thing here.
fn is_hidden(c: char) -> bool {
    c != '\n' && (c.is_control() || "\u{ad}\u{61c}\u{180e}\u{feff}".contains(c))
        || ('\u{200b}'..='\u{200f}').contains(&c)
        || ('\u{2028}'..='\u{202e}').contains(&c)
        || ('\u{2060}'..='\u{206f}').contains(&c)
        || ('\u{e0000}'..='\u{e007f}').contains(&c)
}

fn refuse(source: &Registry, said: &str) {
    let reply = Reply::json(403, &json!({"errors": [{"code": "DENIED", "message": format!("<{said}>")}]}));
    answer(source, Match::tags(), reply);
}

#[track_caller]
fn assert_shown(text: &str, shown: &str, what: &str) {
    assert!(text.contains(shown), "{what}: no `{shown}` in {text}");
    assert!(!text.contains(is_hidden), "{what}: {text:?}");
}

#[tokio::test]
async fn what_cannot_be_seen_is_an_escape_in_every_command() {
    for (id, seen, said, shown) in ROWS {
        let (source, target) = (Registry::start(Face::Open).await, Registry::start(Face::Open).await);
        one(&source);
        refuse(&source, said);
        let program = Program::configured(&mirror(&source, &target, APP));
        let shown = format!("<{shown}>");
        for arguments in [
            &["-vv", "sync"][..],
            &["-vv", "--log-format", "json", "plan"],
            &["check", "--online"],
            &["sync", "--output", "json"],
        ] {
            let ran = program.run_online(arguments).await;
            let text = format!("{}{}", ran.assert_code(1).stdout, ran.stderr);
            // In documents a backslash is written twice.
            let text = if text.contains("\\\\u{") { text.replace("\\\\", "\\") } else { text };
            assert_shown(&text, &shown, &format!("{id} ({seen}), {arguments:?}"));
        }
    }
}

#[tokio::test]
async fn what_cannot_be_seen_is_an_escape_on_the_page_and_markup_is_text() {
    let (source, target) = (Registry::start(Face::Open).await, Registry::start(Face::Open).await);
    one(&source);
    refuse(&source, "\u{202e}\u{200b}<img src=x onerror=alert(1)>\u{2028}");
    let program = Program::configured(&mirror(&source, &target, APP));
    let world = World::of(source, target, program).await;
    world.post("/api/v1/sync", None).await;
    passes(&world, 1).await;
    let shown = r"&lt;\u{202e}\u{200b}&lt;img src=x onerror=alert(1)&gt;\u{2028}&gt;";
    assert_shown(&world.get("/").await.1, shown, "the page");
    assert!(!world.get("/api/v1/mirrors").await.1.contains(is_hidden));
    world.stop().await;
}

// Seen in EONRaider/RootWire#53.
#[tokio::test]
async fn bytes_that_are_no_text_are_shown_as_what_they_are() {
    let (source, target) = (Registry::start(Face::Open).await, Registry::start(Face::Open).await);
    one(&source);
    source.fault(Fault::new(
        Match::tags(),
        Action::Answer(Reply::status(403).body(&b"caf\xe9 \xff\xfe \xc3\xa9"[..])),
    ));
    let ran = Program::configured(&mirror(&source, &target, APP)).run_online(&["sync"]).await;
    assert_shown(&ran.assert_code(1).stdout, r"403 Forbidden: caf\xe9 \xff\xfe é", "Latin-1");
}
