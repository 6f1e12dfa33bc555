//! The answer above all mirrors.

use maud::{Markup, html};

use crate::control::Configuration;
use crate::control::page::mirror::{encoded, id};
use crate::control::page::verdict::{Standing, Verdict};

/// The most mirrors that are named as not fresh.
const NAMED_MAX: usize = 8;

/// What is above all mirrors.
#[derive(Debug)]
pub(super) struct Summary<'a> {
    pub(super) verdict: Verdict<'a>,
    pub(super) configuration: &'a Configuration,
    pub(super) is_stopping: bool,
}

impl Summary<'_> {
    /// The name of the page in tabs and lists.
    pub(super) fn title(&self) -> String {
        format!("{} {} – tagferry", self.verdict.health.mark(), self.verdict.sentence)
    }

    pub(super) fn markup(&self) -> Markup {
        let Verdict { health, sentence, troubled, .. } = &self.verdict;
        html! {
            section #summary.summary.(health.class()) aria-labelledby="verdict" {
                div role="status" {
                    h1 #verdict { span.mark aria-hidden="true" { (health.mark()) } span { (sentence) } }
                }
                @if !troubled.is_empty() { (names(troubled)) }
                (self.counts())
                @if self.is_stopping {
                    p.banner role="alert" { "tagferry is stopping and takes no work." }
                }
                @if let Some(error) = &self.configuration.error {
                    div.banner role="alert" {
                        p { "The configuration that was read last is faulty. The one before stays in force." }
                        pre { (error) }
                    }
                }
            }
        }
    }
}

impl Summary<'_> {
    /// How many are what, where the sentence does not say it all.
    fn counts(&self) -> Markup {
        let Verdict { counts, running, waiting, .. } = &self.verdict;
        html! {
            @if counts.len() > 1 || running + waiting > 0 {
                p.counts {
                    @for (health, count) in counts {
                        a href={ "./?health=" (health.class()) } { (count) " " (health.words()) }
                    }
                    @if *running > 0 { span { (running) " running" } }
                    @if *waiting > 0 { span { (waiting) " waiting" } }
                }
            }
        }
    }
}

fn names(troubled: &[&Standing]) -> Markup {
    html! {
        ul.names aria-label="Not fresh" {
            @for Standing { pair, health, .. } in troubled.iter().take(NAMED_MAX) {
                li {
                    a.(health.class()) href={ "#" (encoded(&id(pair))) } {
                        span.mark aria-hidden="true" { (health.mark()) } " " (pair.mirror) span.unseen { ", " (health.words()) }
                    }
                }
            }
            @if troubled.len() > NAMED_MAX {
                li { a href="#mirrors" { "and " (troubled.len() - NAMED_MAX) " more" } }
            }
        }
    }
}
