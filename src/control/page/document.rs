//! The page as a whole.

use maud::{DOCTYPE, Markup, html};

use crate::control::Access;
use crate::control::api::Overview;
use crate::control::changes::Mark;
use crate::control::page::mirror::{Depth, Look, mirror};
use crate::control::page::summary::Summary;
use crate::control::page::verdict::{Standing, Verdict};
use crate::ledger::Record;

/// With this many mirrors or more there is a field to find one.
const FILTER_MIN: usize = 12;

/// All that is to be seen.
pub(super) struct Page<'a> {
    pub(super) overview: &'a Overview,
    /// The mirror that is shown alone.
    pub(super) only: Option<&'a str>,
    pub(super) look: Look,
    pub(super) access: &'a Access,
    pub(super) is_stopping: bool,
    /// The answer to what was asked.
    pub(super) message: Option<Message>,
    /// What the page shows; `live.js` asks for what changed since.
    pub(super) mark: Mark,
}

/// The answer to what was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Message {
    Done(String),
    Refused(String),
}

impl Page<'_> {
    pub(super) fn markup(&self) -> Markup {
        let mirrors = self.mirrors();
        let standings: Vec<_> = mirrors.iter().map(|record| Standing::of(record)).collect();
        let summary = Summary {
            verdict: Verdict::new(&standings),
            configuration: &self.overview.configuration,
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
                        @if self.only.is_some() { a href="./" { "← All mirrors" } }
                        p #connection role="status" {}
                    }
                    main data-since=(self.mark) data-now=(self.look.now.as_millisecond()) data-mirror=[self.only] {
                        (summary.markup())
                        (self.form(mirrors.len()))
                        noscript {
                            p.hint { "This shows one moment. " a href="./" { "Load it again" } " to see what changed." }
                        }
                        div #mirrors.many[self.look.depth == Depth::Brief] tabindex="-1" {
                            @for record in &mirrors { (mirror(record, self.look)) }
                        }
                    }
                    footer {
                        p { "tagferry " (self.overview.version) }
                        nav aria-label="For machines" {
                            a href="api/v1/mirrors" { "JSON" } a href="metrics" { "Metrics" }
                            a href="api/v1/openapi.json" { "OpenAPI" }
                        }
                    }
                }
            }
        }
    }

    /// The worst first, else in the order of the configuration. `live.js` changes mirrors where they are: what somebody
    /// reads does not jump away.
    fn mirrors(&self) -> Vec<&Record> {
        let is_shown = |record: &&Record| self.only.is_none_or(|only| only == record.name);
        let mut mirrors: Vec<_> = self.overview.mirrors.iter().filter(is_shown).collect();
        mirrors.sort_by_key(|record| Standing::of(record).health);
        mirrors
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
                            span #token-hint.unseen { "The daemon's TAGFERRY_API_TOKEN" }
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
