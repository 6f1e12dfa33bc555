//! Several sources, several targets, and mirrors that share a target.

use tagferry::event::{RunOutcome, RunSummary};

use crate::fake::{Action, Face, Fault, Gate, Image, Kind, Match, Registry, image, random_image};
use crate::world::program::Program;
use crate::world::{Side, TIMEOUTS, assert_says, assert_succeeded, sync};

async fn registry() -> Registry {
    Registry::start(Face::Open).await
}

/// A configuration of these mirrors, in which the registries stand as `0`, `1` and so on.
fn config(registries: &[&Registry], mirrors: &str) -> String {
    let registry = |&registry: &&Registry| {
        let Side { host, settings } = registry.into();
        format!("  {host}: {settings}\n")
    };
    let settings = registries.iter().map(registry).collect::<Vec<_>>().concat();
    let text = format!("mirrors:\n{mirrors}registries:\n{settings}");
    registries
        .iter()
        .enumerate()
        .fold(text, |text, (number, registry)| text.replace(&format!("HOST{number}"), &registry.host()))
}

/// Each mirror and target with its outcome and how many tags were copied.
fn told(run: &RunSummary) -> Vec<(RunOutcome, usize)> {
    run.mirrors
        .iter()
        .map(|mirror| (mirror.outcome, mirror.tags.iter().filter(|tag| tag.bytes > 0).count()))
        .collect()
}

fn of(text: &str) -> Image {
    image(&["base", text])
}

#[tokio::test]
async fn a_tag_comes_from_the_first_source_that_lists_it() {
    let (one, two, target) = (registry().await, registry().await, registry().await);
    one.push("app", "1.0", &of("1.0 of one"));
    for tag in ["1.0", "1.1", "other"] {
        two.push("old/app", tag, &of(&format!("{tag} of two")));
    }
    let rules = "  - {source: [HOST0/app, HOST1/old/app], target: HOST2/app, tags: [{match: '^1'}, other]}\n";
    let config = config(&[&one, &two, &target], rules);
    let summary = sync(&config).await;
    assert_succeeded(&summary);
    let held = target.tags("app");
    let expected = [("1.0", "1.0 of one"), ("1.1", "1.1 of two"), ("other", "other of two")];
    for (tag, content) in expected {
        assert_eq!(held[tag], of(content).digest(), "{tag}");
    }
    let json = serde_json::to_value(&summary.mirrors[0]).unwrap();
    let (one, two) = (format!("{}/app", one.host()), format!("{}/old/app", two.host()));
    assert_eq!((&json["source"], &json["sources"]), (&one.as_str().into(), &serde_json::json!([one, two])));
    assert_eq!(sync(&config).await.totals.up_to_date, 3);
    // Both have 1.0.
    let checked = Program::configured(&config).run_online(&["check", "--online"]).await;
    assert_says(&checked.assert_code(0).stdout, &["(match ^1) selects 2 of 3: 1.1, 1.0"]);
}

#[tokio::test]
async fn nothing_is_taken_from_what_comes_after_a_list_that_cannot_be_read() {
    let (one, two, three, target) = (registry().await, registry().await, registry().await, registry().await);
    for (source, tag) in [(&one, "1.0"), (&two, "1.1"), (&three, "1.1"), (&three, "1.2")] {
        source.push("app", tag, &of(tag));
    }
    two.fault(Fault::new(Match::tags(), Action::status(403)));
    let rules =
        "  - {source: [HOST0/app, HOST1/app, HOST2/app], target: HOST3/app, tags: [{match: .}, 1.2]}\n";
    let summary = sync(&config(&[&one, &two, &three, &target], rules)).await;
    assert_eq!(summary.outcome, RunOutcome::Failed);
    assert_says(
        summary.mirrors[0].error.as_ref().unwrap().to_string(),
        &["cannot read the tags of the source", "403"],
    );
    assert_eq!(target.tags("app").into_keys().collect::<Vec<_>>(), ["1.0"]);
    assert_eq!(three.requests().len(), 0);
}

#[tokio::test]
async fn content_comes_from_whichever_source_has_it() {
    let (one, two, target) = (registry().await, registry().await, registry().await);
    for source in [&one, &two] {
        source.push("app", "1.0", &of("1.0"));
    }
    one.fault(Fault::new(Match::blob_get(), Action::status(404)));
    let rules = "  - {source: [HOST0/app, HOST1/app], target: HOST2/app, tags: [1.0]}\n";
    assert_succeeded(&sync(&config(&[&one, &two, &target], rules)).await);
    target.assert_consistent();
}

const TWO_TARGETS: &str =
    "  - {source: HOST0/app, target: [HOST1/app, HOST2/more/app], tags: [{match: .}]}\n";

#[tokio::test]
async fn further_targets_are_filled_from_the_first_so_that_the_source_is_read_once() {
    let (source, first, second) = (registry().await, registry().await, registry().await);
    source.push("app", "1.0", &random_image(1, &[40_000, 50_000]));
    source.push("app", "1.1", &of("1.1"));
    let config = config(&[&source, &first, &second], TWO_TARGETS) + "concurrency: {mirrors: 4}\n";
    let summary = sync(&config).await;
    assert_succeeded(&summary);
    assert_eq!(told(&summary), [(RunOutcome::Succeeded, 2); 2]);
    for (target, path) in [(&first, "app"), (&second, "more/app")] {
        assert_eq!(target.tags(path), source.tags("app"));
        target.assert_consistent();
    }
    // Two layers and a config, and of an image with two layers these with its own config.
    assert_eq!(source.count(&Match::blob_get()), 6);
    assert_eq!(first.count(&Match::blob_get()), 6);
    let before = source.requests().len();
    assert_eq!(sync(&config).await.totals.up_to_date, 4);
    // `/v2/`, and a list and two questions for each target.
    assert_eq!(source.requests().len() - before, 7);
}

#[tokio::test]
async fn a_further_target_waits_for_an_image_and_not_for_the_pass() {
    let (source, first, second) = (registry().await, registry().await, registry().await);
    source.push("app", "1.0", &of("1.0"));
    source.push("app", "1.1", &of("1.1"));
    let gate = Gate::closed();
    first.fault(Fault::new(Match::manifest_put().containing("1.0"), Action::Hold(gate.clone())));
    let config = config(&[&source, &first, &second], TWO_TARGETS) + TIMEOUTS;
    let opens = async {
        // The pass into the first target goes on as long as the gate is closed.
        second.wait_for(&Match::manifest_put().containing("1.1"), 1).await;
        assert_eq!(second.count(&Match::manifest_put().containing("1.0")), 0);
        gate.open();
    };
    let (summary, ()) = tokio::join!(sync(&config), opens);
    assert_succeeded(&summary);
    // A layer that both images have, a layer and a config of each.
    assert_eq!(source.count(&Match::blob_get()), 4);
    assert_eq!(second.tags("more/app"), source.tags("app"));
}

#[tokio::test]
async fn a_first_target_that_fails_holds_up_no_other() {
    let (source, first, second) = (registry().await, registry().await, registry().await);
    source.push("app", "1.0", &of("1.0"));
    first.fault(Fault::new(Match::upload_start(), Action::status(403)));
    let summary = sync(&config(&[&source, &first, &second], TWO_TARGETS)).await;
    assert_eq!(told(&summary), [(RunOutcome::Failed, 0), (RunOutcome::Succeeded, 1)]);
    assert_eq!(second.tags("more/app"), source.tags("app"));
}

#[tokio::test]
async fn a_mirror_that_cannot_be_looked_at_holds_up_none_that_shares_its_target() {
    let (one, two, target) = (registry().await, registry().await, registry().await);
    one.push("app", "1", &of("1"));
    two.fault(Fault::new(Match::tags(), Action::status(403)));
    let mirrors = "  - {name: a, source: HOST0/app, target: HOST2/app, tags: [{match: .}]}\n\
                   \x20 - {name: b, source: HOST1/app, target: HOST2/app, tags: [{match: .}]}\n";
    let summary = sync(&config(&[&one, &two, &target], mirrors)).await;
    assert_eq!(told(&summary), [(RunOutcome::Succeeded, 1), (RunOutcome::Failed, 0)]);
}

#[tokio::test]
async fn mirrors_that_share_a_target_do_not_take_each_others_names() {
    let (one, two, target) = (registry().await, registry().await, registry().await);
    for (source, tag) in [(&one, "1"), (&one, "2"), (&two, "2"), (&two, "3")] {
        source.push("app", tag, &of(&format!("{tag} {}", source.host())));
    }
    let mirrors = "  - {name: a, source: HOST0/app, target: HOST2/app, tags: [{match: .}]}\n\
                   \x20 - {name: b, source: HOST1/app, target: HOST2/app, tags: [{match: .}]}\n";
    let config = config(&[&one, &two, &target], mirrors) + "concurrency: {mirrors: 1}\n";
    let summary = sync(&config).await;
    assert_eq!(told(&summary), [(RunOutcome::Failed, 1); 2]);
    for (mirror, other) in summary.mirrors.iter().zip(["b", "a"]) {
        let failed = mirror.tags.iter().find(|tag| tag.error.is_some()).unwrap();
        let words = format!("conflict: mirror {other} gives this name to");
        assert_says(failed.error.as_ref().unwrap().to_string(), &[&words, "/app:2 ("]);
    }
    assert_eq!(target.tags("app").into_keys().collect::<Vec<_>>(), ["1", "3"], "nothing moved there");
    // With names of their own both have room, and neither is looked at for the other.
    let before = two.requests().len();
    let config = config.replace(
        "/app, tags: [{match: .}]}\nregistries",
        "/app, tags: [{match: ., as: 'b-{tag}'}]}\nregistries",
    );
    assert_succeeded(&sync(&config).await);
    assert_eq!(target.tags("app").into_keys().collect::<Vec<_>>(), ["1", "2", "3", "b-2", "b-3"]);
    let lists = two.requests()[before..].iter().filter(|seen| seen.route().kind == Kind::Tags).count();
    assert_eq!(lists, 1);
}
