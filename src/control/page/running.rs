//! What the pass under way moves, tries again and waits for.

use jiff::Timestamp;
use maud::{Markup, html};

use crate::control::page::time::time;
use crate::ledger::Progress;
use crate::report::Bytes;

/// The most blobs that are listed.
const BLOBS_MAX: usize = 10;

/// What holds the pass up.
pub(super) fn waits(progress: &Progress, now: Timestamp) -> Markup {
    let queued = progress.blobs.iter().filter(|blob| blob.started_at.is_none()).count();
    html! {
        @if !progress.waits.is_empty() || !progress.retries.is_empty() || queued > 0 {
            ul.waits aria-label="Waits and retries" {
                @for wait in &progress.waits {
                    li { "waits for " (wait.registry) " (" (wait.reason) "), goes on " (time(wait.until, now)) }
                }
                @if queued > 0 { li { (queued) (if queued == 1 { " blob waits" } else { " blobs wait" }) " for a slot" } }
                @for retry in &progress.retries {
                    li { (retry.count) " × tried again at " (retry.registry) " (" (retry.reason) ")" }
                }
            }
        }
    }
}

/// The blobs that move.
pub(super) fn blobs(progress: &Progress) -> Markup {
    let moving: Vec<_> = progress.blobs.iter().filter(|blob| blob.started_at.is_some()).collect();
    html! {
        @if !moving.is_empty() {
            ul.blobs aria-label="Blobs under way" {
                @for blob in moving.iter().take(BLOBS_MAX) {
                    li {
                        code { (blob.tag) } " " code { (blob.digest.short()) } ": "
                        (Bytes(blob.bytes.min(blob.size))) " of " (Bytes(blob.size))
                        @if let Some(pace) = blob.pace { ", " (Bytes(pace)) "/s" }
                    }
                }
                @if moving.len() > BLOBS_MAX { li { "and " (moving.len() - BLOBS_MAX) " more" } }
            }
        }
    }
}
