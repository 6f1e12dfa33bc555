//! The answer above all mirrors.

use maud::{Markup, html};

use crate::control::Configuration;
use crate::control::page::mirror::{encoded, id};
use crate::control::page::verdict::{Standing, Verdict};

/// So many mirrors that are not fresh are named.
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
            section #summary.summary.(health.word()) aria-labelledby="verdict" {
                div role="status" {
                    h1 #verdict { span.mark aria-hidden="true" { (health.mark()) } span { (sentence) } }
                }
                @if !troubled.is_empty() { (names(troubled)) }
                p.counts {
                    @for (health, count) in &self.verdict.counts { span { (count) " " (health.word()) } }
                    @if self.verdict.running > 0 { span { (self.verdict.running) " running" } }
                    @if self.verdict.waiting > 0 { span { (self.verdict.waiting) " waiting" } }
                }
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

fn names(troubled: &[&Standing]) -> Markup {
    html! {
        ul.names aria-label="Not fresh" {
            @for Standing { name, health, .. } in troubled.iter().take(NAMED_MAX) {
                li {
                    a.(health.word()) href={ "#" (encoded(&id(name))) } {
                        span.mark aria-hidden="true" { (health.mark()) } " " (name) span.unseen { ", " (health.word()) }
                    }
                }
            }
            @if troubled.len() > NAMED_MAX { li { "and " (troubled.len() - NAMED_MAX) " more" } }
        }
    }
}
