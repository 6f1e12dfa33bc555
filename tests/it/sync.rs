//! The main job, from a source like Oracle's to ECR.

use tagferry::event::RunOutcome;

use crate::fake::{Ecr, Face, Match, Registry, image};
use crate::world::{mirror, plan, sync};

const JDK: &str = r"
  - source: SOURCE/java/jdk
    target: TARGET/oracle/jdk
    tags:
      - match: ^21\.0\.[0-9]+$
        newest: 2
";

/// A source like Oracle's with a few generations, and an empty ECR.
async fn oracle_and_ecr() -> (Registry, Ecr) {
    let source = Registry::builder(Face::Oracle).blobs_elsewhere().start().await;
    for tag in ["8u491", "21.0.9", "21.0.10", "21.0.11", "21.0.11-oraclelinux9", "latest"] {
        source.push("java/jdk", tag, &image(&["oracle linux", tag]));
    }
    (source, Ecr::start().await)
}

#[tokio::test]
async fn the_newest_tags_arrive_and_the_next_run_has_nothing_to_do() {
    let (source, ecr) = oracle_and_ecr().await;
    let config = mirror(&source, &ecr, JDK);

    let first = sync(&config).await;
    assert_eq!(first.outcome, RunOutcome::Succeeded, "{first:#?}");
    assert_eq!((first.totals.selected, first.totals.copied), (2, 2));
    ecr.assert_consistent();
    let expected =
        source.tags("java/jdk").into_iter().filter(|(tag, _)| tag == "21.0.10" || tag == "21.0.11");
    assert_eq!(ecr.tags("oracle/jdk"), expected.collect());

    let second = sync(&config).await;
    assert_eq!(second.outcome, RunOutcome::Succeeded, "{second:#?}");
    assert_eq!((second.totals.up_to_date, second.totals.bytes), (2, 0));
    // Tag list, its 401, a token, two HEADs; DescribeImages. No ECR token: nothing is asked of its registry.
    assert_eq!(second.totals.requests, 6);
}

#[tokio::test]
async fn a_plan_writes_nothing_and_says_what_a_sync_would_do() {
    let (source, ecr) = oracle_and_ecr().await;
    let summary = plan(&mirror(&source, &ecr, JDK)).await;
    let json = serde_json::to_value(&summary.mirrors[0]).unwrap();
    assert_eq!(json["tags"][0]["tag"], "21.0.11");
    assert_eq!(json["tags"][0]["action"], "copy");
    assert_eq!(json["tags"][0]["outcome"], serde_json::Value::Null);
    assert_eq!(json["tags"][0]["reason"], "missing in target");
    assert!(ecr.repository("oracle/jdk").is_none());
    assert_eq!(ecr.requests().len(), ecr.count(&Match::api("DescribeImages")));
}
