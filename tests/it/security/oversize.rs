//! Answers of any size are read up to what is accepted, and no further.

use std::process::Stdio;

use serde_json::json;
use tagferry::event::RunSummary;

use crate::fake::{Action, Face, Fault, Flood, Gate, Match, Registry, Reply, image};
use crate::world::program::{Program, Ran};
use crate::world::{APP, copy, mirror, mirror_error, only, sync, tag_error, three_tags};

const MIB: u64 = 1024 * 1024;
/// What is written into a connection and never read: the kernel's buffers at both its ends, which may grow to dozens.
const ON_THE_WAY: u64 = 64 * MIB;
/// The size of a flood, many times that; what nobody reads is never made.
const FLOOD: u64 = 512 * MIB;

/// Copies three tags while some answers of the source are floods, which must be read up to `accepted` bytes each time.
async fn flooded(face: Face, pattern: Match, status: u16, accepted: u64) -> Vec<RunSummary> {
    let mut summaries = Vec::new();
    for flood in Flood::both(status, accepted + FLOOD) {
        let source = three_tags(face).await;
        source.fault(Fault::new(pattern.clone(), Action::Flood(flood.clone())));
        let target = Registry::start(Face::Open).await;
        let referrers = APP.replace("tags:", "referrers: true, tags:").replace("match: .", "match: latest");
        summaries.push(Box::pin(sync(&mirror(&source, &target, &referrers))).await);
        let asked = source.count(&pattern) as u64;
        assert!(asked > 0);
        assert!(
            flood.sent() > 0 && flood.sent() < asked * (accepted + ON_THE_WAY),
            "{} in {asked}",
            flood.sent()
        );
    }
    summaries
}

#[tokio::test]
async fn a_manifest_is_read_up_to_four_megabytes() {
    for summary in flooded(Face::Open, Match::manifest_get(), 200, 4 * MIB).await {
        assert!(tag_error(&summary, "latest").contains("larger than the 4194304 bytes"));
    }
}

#[tokio::test]
async fn a_page_of_tags_is_read_up_to_its_bound() {
    for summary in flooded(Face::Open, Match::tags(), 200, 8 * MIB).await {
        assert!(mirror_error(&summary).contains("larger than the 8388608 bytes"));
    }
}

#[tokio::test]
async fn a_list_of_referrers_is_read_up_to_its_bound() {
    let referrers = Match::any().containing("/referrers/");
    for summary in flooded(Face::Open, referrers, 200, 8 * MIB).await {
        assert_eq!(only(&summary).error, None);
    }
}

#[tokio::test]
async fn the_pages_of_a_list_of_referrers_count_together() {
    let source = three_tags(Face::Open).await;
    let page = |last: &str| {
        let padding = "x".repeat(3 * 1024 * 1024);
        let page =
            Reply::json(200, &json!({"schemaVersion": 2, "manifests": [], "annotations": {"a": padding}}));
        Action::Answer(page.named("link", format!("<?last={last}>; rel=\"next\"")))
    };
    let referrers = Match::any().containing("/referrers/");
    source.fault(Fault::new(referrers.clone(), page("a")).once());
    source.fault(Fault::new(referrers.clone(), page("b")));
    let mirrors = APP.replace("tags:", "referrers: true, tags:").replace("match: .", "match: latest");
    let target = Registry::start(Face::Open).await;
    let summary = Box::pin(sync(&mirror(&source, &target, &mirrors))).await;
    assert!(tag_error(&summary, "latest").contains("its list of referrers has more than 4194304 bytes"));
    assert_eq!(source.count(&referrers), 2);
}

#[tokio::test]
async fn a_token_is_read_up_to_a_megabyte() {
    for summary in flooded(Face::Token, Match::token(), 200, MIB).await {
        assert!(mirror_error(&summary).contains("larger than the 1048576 bytes"));
    }
}

#[tokio::test]
async fn a_refusal_is_read_up_to_64_kilobytes() {
    for (face, pattern) in [(Face::Open, Match::tags()), (Face::Token, Match::token())] {
        for summary in flooded(face, pattern, 400, 64 * 1024).await {
            assert!(mirror_error(&summary).contains("400 Bad Request"), "{}", mirror_error(&summary));
            assert!(mirror_error(&summary).len() < 1000, "{}", mirror_error(&summary));
        }
    }
    let blob = Match::blob_get();
    for summary in flooded(Face::Open, blob, 403, 64 * 1024).await {
        assert!(mirror_error(&summary).contains("403 Forbidden"));
    }
}

#[tokio::test]
async fn a_blob_is_read_up_to_its_size() {
    for summary in flooded(Face::Open, Match::blob_get(), 200, 0).await {
        assert!(tag_error(&summary, "latest").contains("wrong size"), "{}", tag_error(&summary, "latest"));
    }
}

#[tokio::test]
async fn what_a_target_says_is_read_up_to_64_kilobytes() {
    for pattern in [Match::upload_start(), Match::upload_put(), Match::manifest_put()] {
        for flood in Flood::both(400, FLOOD) {
            let target = Registry::start(Face::Open).await;
            target.fault(Fault::new(pattern.clone(), Action::Flood(flood.clone())));
            let summary = copy(&three_tags(Face::Open).await, &target).await;
            assert!(tag_error(&summary, "latest").contains("400 Bad Request"));
            let asked = target.count(&pattern) as u64;
            assert!(flood.sent() > 0 && flood.sent() < asked * ON_THE_WAY, "{} in {asked}", flood.sent());
        }
    }
}

/// The most memory that a process ever held, as the kernel counts it.
#[cfg(target_os = "linux")]
fn peak_bytes(process: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1024
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn memory_does_not_grow_with_a_manifest_of_60_megabytes() {
    for flood in Flood::both(200, 60 * MIB) {
        let (big, other) = (image(&["big"]), image(&["other"]));
        let source = Registry::start(Face::Open).await;
        source.push("app", "big", &big);
        source.push("app", "other", &other);
        let of = |digest: String| Match::manifest_get().containing(digest);
        let (big, other) = (of(big.digest().to_string()), of(other.digest().to_string()));
        source.fault(Fault::new(big, Action::Flood(flood.clone())));
        // The other image keeps the program alive until its memory is read.
        let gate = Gate::closed();
        source.fault(Fault::new(other.clone(), Action::Hold(gate.clone())));

        let target = Registry::start(Face::Open).await;
        let program = Program::configured(&mirror(&source, &target, APP));
        let mut command = tokio::process::Command::from(program.command(&["sync", "--output", "json"]));
        let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true).spawn().unwrap();
        let process = child.id().unwrap();
        tokio::join!(flood.ended(), source.wait_for(&other, 1));
        let peak = peak_bytes(process);
        gate.open();
        let ran = Ran::from(child.wait_with_output().await.unwrap());
        assert!(ran.assert_code(1).stdout.contains("larger than the 4194304 bytes"), "{}", ran.stdout);
        assert!(peak < 60 * MIB, "{} MiB", peak / MIB);
    }
}
