//! The page as a whole.

use maud::{DOCTYPE, Markup, PreEscaped, html};

use crate::control::changes::Mark;
use crate::control::page::mirror::{Depth, Look, address};
use crate::control::page::summary::Summary;
use crate::control::page::verdict::{Health, Standing, Verdict};
use crate::control::{Access, Configuration};

/// With this many mirrors or more there is a field to find one.
const FILTER_MIN: usize = 12;

/// All that is to be seen, but for the mirrors themselves.
pub(super) struct Page<'a> {
    pub(super) version: &'static str,
    pub(super) configuration: &'a Configuration,
    /// The mirrors that are shown, the worst first.
    pub(super) standings: &'a [Standing],
    /// The mirror that is shown alone.
    pub(super) only: Option<&'a str>,
    /// Only mirrors that are so are shown.
    pub(super) health: Option<Health>,
    pub(super) look: Look,
    pub(super) access: &'a Access,
    pub(super) is_stopping: bool,
    /// The answer to what was asked.
    pub(super) message: Option<Message>,
    /// What the page shows; `live.js` asks for what changed since.
    pub(super) mark: Mark,
}

/// Stands where the mirrors come: no text that is put into the page may have it, as markup in it is escaped.
const MIRRORS: &str = "<!-- mirrors -->";

/// The answer to what was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Message {
    Done(String),
    Refused(String),
}

impl Page<'_> {
    /// What comes before the mirrors, and after them.
    pub(super) fn around(&self) -> (String, String) {
        let markup = self.markup().into_string();
        let (before, after) = markup.split_once(MIRRORS).unwrap_or((&markup, ""));
        (before.to_owned(), after.to_owned())
    }

    fn markup(&self) -> Markup {
        let summary = Summary {
            verdict: Verdict::new(self.standings),
            configuration: self.configuration,
            is_stopping: self.is_stopping,
        };
        html! {
            (DOCTYPE)
            html lang="en" {
                (head(&summary.title()))
                body {
                    a.skip href="#mirrors" { "To the mirrors" }
                    header.top {
                        a.brand href="./" { "tagferry" }
                        @if self.only.is_some() || self.health.is_some() { a href="./" { "← All mirrors" } }
                        p #connection role="status" {}
                    }
                    main data-since=(self.mark) data-now=(self.look.now.as_millisecond()) data-mirror=[self.only]
                        data-health=[self.health.map(Health::class)] {
                        (summary.markup())
                        (self.form(self.standings.len()))
                        @if let Some(health) = self.health { p.hint { "Only those that are " (health.words()) ":" } }
                        noscript {
                            p.hint { "This shows one moment. " a href=(self.address()) { "Load it again" } " to see what changed." }
                        }
                        div #mirrors.many[self.look.depth == Depth::Brief] tabindex="-1" {
                            (PreEscaped(MIRRORS))
                        }
                    }
                    footer {
                        p { "tagferry " (self.version) }
                        nav aria-label="For machines" {
                            a href="api/v1/mirrors" { "JSON" } a href="metrics" { "Metrics" }
                            a href="api/v1/openapi.json" { "OpenAPI" }
                        }
                    }
                }
            }
        }
    }

    /// Where this page is.
    fn address(&self) -> String {
        match (self.only, self.health) {
            (Some(name), _) => address(name),
            (None, Some(health)) => format!("./?health={}", health.class()),
            (None, None) => "./".to_owned(),
        }
    }

    /// What starts runs. The buttons of the mirrors belong to this form, too.
    fn form(&self, mirrors: usize) -> Markup {
        html! {
            div.controls {
                @if let Access::Nobody = self.access {
                    p.hint {
                        "Nobody can start a run from here, because the daemon listens beyond this machine and has no token: \
                         set " code { "TAGFERRY_API_TOKEN" } " for it."
                    }
                } @else {
                    form #sync method="post" action="./" {
                        @if let Access::Token(_) = self.access {
                            label for="token" { "Token" }
                            input #token type="password" name="token" autocomplete="current-password" required
                                aria-describedby="token-hint";
                            span #token-hint.hint { "what " code { "TAGFERRY_API_TOKEN" } " says where the daemon runs" }
                        }
                        @if self.only.is_none() && mirrors > 1 { button { "Sync all now" } }
                    }
                }
                @if mirrors >= FILTER_MIN {
                    p #find hidden {
                        label for="filter" { "Find" }
                        input #filter type="search" autocomplete="off";
                    }
                }
            }
            (message(self.message.as_ref()))
        }
    }
}

fn message(message: Option<&Message>) -> Markup {
    let (class, text) = match message {
        None => ("", ""),
        Some(Message::Done(text)) => ("done", text.as_str()),
        Some(Message::Refused(text)) => ("refused", text.as_str()),
    };
    html! { p #message.(class) role="status" { (text) } }
}

fn head(title: &str) -> Markup {
    html! {
        head {
            meta charset="utf-8";
            title { (title) }
            meta name="viewport" content="width=device-width, initial-scale=1";
            meta name="color-scheme" content="light dark";
            link rel="icon" type="image/svg+xml" href="assets/icon.svg";
            link rel="stylesheet" href="assets/style.css";
            script type="module" src="assets/live.js" {}
        }
    }
}
