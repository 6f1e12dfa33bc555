//! The page of metrics after real passes, and whatever names a metric: the documentation, the alerts and the dashboard.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::sync::Arc;

use jiff::Timestamp;
use regex::Regex;
use serde_json::Value;
use tagferry::config::Config;
use tagferry::ledger::Ledger;
use tagferry::metrics;
use tagferry::pass::{Mode, Stop};

use crate::fake::{Action, Face, Fault, Match, Registry, image};
use crate::world::{APP, app, mirror};

/// Labels that Prometheus adds to each sample.
const FROM_SCRAPE: [&str; 2] = ["job", "instance"];

/// A metric as queries name it.
#[derive(Debug, Default)]
struct Metric {
    kind: String,
    help: String,
    labels: BTreeSet<String>,
}

/// The page after a first pass over `app` that a throttling source does not stop, and a second one with nothing to do.
async fn page() -> String {
    let (source, target) = (Registry::start(Face::Open).await, Registry::start(Face::Open).await);
    for tag in ["1.0", "1.1"] {
        source.push("app", tag, &image(&["base", tag]));
    }
    source.fault(Fault::new(Match::tags(), Action::throttle(None)).once());
    let ledger = Arc::new(Ledger::new(Timestamp::now()));
    let config = mirror(&source, &target, APP);
    let mirrors = Config::parse("test.yaml", &config, &|_| None).unwrap().mirrors;
    ledger.configure(&mirrors, 1, Timestamp::now());
    let app = Box::pin(app(&config, ledger.clone())).await;
    for _ in 0..2 {
        Box::pin(app.run(Mode::Sync, &Stop::default())).await;
    }
    let page = metrics::encode(&ledger, None, Some(0), Timestamp::now());
    // The target's port differs from run to run.
    page.replace(&target.host(), "TARGET")
}

/// Reads a page: each metric under the name that queries use, a histogram under that of its family.
fn read(page: &str) -> BTreeMap<String, Metric> {
    let mut metrics: BTreeMap<String, Metric> = BTreeMap::new();
    let mut family = String::new();
    let mut help = String::new();
    for line in page.lines() {
        let words: Vec<&str> = line.splitn(4, ' ').collect();
        match words[..] {
            ["#", "HELP", _, text] => text.clone_into(&mut help),
            ["#", "TYPE", name, kind] => {
                let suffix = match kind {
                    "counter" => "_total",
                    "info" => "_info",
                    _ => "",
                };
                family = format!("{name}{suffix}");
                let metric = Metric { kind: kind.to_owned(), help: help.clone(), ..Metric::default() };
                assert!(metrics.insert(family.clone(), metric).is_none(), "{name} is there twice");
            }
            ["#", ..] => {}
            _ => {
                assert!(line.starts_with(&family), "{line} is not of {family}");
                let metric = metrics.get_mut(&family).unwrap();
                metric.labels.extend(labels(line).filter(|label| label != "le"));
            }
        }
    }
    metrics
}

/// The labels before a `=`, `!=` or `=~` in a sample or a selector.
fn labels(text: &str) -> impl Iterator<Item = String> {
    let label = Regex::new(r#"([a-z_]+)(?:=|!=|=~|!~)""#).unwrap();
    label.captures_iter(text).map(|found| found[1].to_owned()).collect::<Vec<_>>().into_iter()
}

fn file(place: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(place)).unwrap()
}

/// Fails the test where a query names a metric, or a label of one, that is on no page. Returns the metrics it names.
#[track_caller]
fn assert_known(query: &str, metrics: &BTreeMap<String, Metric>) -> BTreeSet<String> {
    let selector = Regex::new(r"(tagferry_[a-z_]+)(\{[^}]*\})?").unwrap();
    let grouping = Regex::new(r"\b(?:by|on|without|ignoring) *\(([^)]*)\)").unwrap();
    let mut named = BTreeSet::new();
    let mut all = BTreeSet::from(FROM_SCRAPE.map(str::to_owned));
    for found in selector.captures_iter(query) {
        let part = ["_bucket", "_sum", "_count"].iter().find_map(|part| found[1].strip_suffix(part));
        let metric = metrics.get(&found[1]).or_else(|| {
            let histogram = metrics.get(part?)?;
            (histogram.kind == "histogram").then_some(histogram)
        });
        let metric = metric.unwrap_or_else(|| panic!("there is no metric {}: {query}", &found[1]));
        let mut own = metric.labels.clone();
        own.extend(found[1].ends_with("_bucket").then(|| "le".to_owned()));
        for label in found.get(2).into_iter().flat_map(|matchers| labels(matchers.as_str())) {
            let is_known = own.contains(&label) || FROM_SCRAPE.contains(&&*label);
            assert!(is_known, "{} has no label {label}: {query}", &found[1]);
        }
        all.extend(own);
        named.insert(part.filter(|part| metrics.contains_key(*part)).unwrap_or(&found[1]).to_owned());
    }
    for found in grouping.captures_iter(query) {
        for label in found[1].split(',').map(str::trim) {
            assert!(all.contains(label), "no metric has the label {label}: {query}");
        }
    }
    named
}

/// All values of a key, wherever it is.
fn values<'a>(value: &'a Value, key: &str) -> Vec<&'a str> {
    match value {
        Value::Object(map) => {
            let own = map.get(key).and_then(Value::as_str);
            own.into_iter().chain(map.values().flat_map(|value| values(value, key))).collect()
        }
        Value::Array(array) => array.iter().flat_map(|value| values(value, key)).collect(),
        _ => Vec::new(),
    }
}

#[tokio::test]
async fn real_passes_are_counted() {
    let page = page().await;
    let samples = [
        r#"passes_total{mirror="app",target="TARGET/app",outcome="succeeded"} 2"#,
        r#"passes_total{mirror="app",target="TARGET/app",outcome="failed"} 0"#,
        r#"pass_duration_seconds_count{mirror="app",target="TARGET/app"} 2"#,
        r#"consecutive_failed_passes{mirror="app",target="TARGET/app"} 0"#,
        r#"selected_tags{mirror="app",target="TARGET/app"} 2"#,
        r#"stale_tags{mirror="app",target="TARGET/app"} 0"#,
        r#"copies_in_flight{mirror="app",target="TARGET/app"} 0"#,
        r#"copied_tags_total{mirror="app",target="TARGET/app"} 2"#,
    ];
    for sample in samples {
        assert!(page.contains(&format!("\ntagferry_{sample}\n")), "{sample} is not in\n{page}");
    }
    let retry = Regex::new(r#"tagferry_retries_total\{registry="127.0.0.1:\d+",reason="throttled"\} 1\n"#);
    assert!(retry.unwrap().is_match(&page), "{page}");
    let requests =
        Regex::new(r#"tagferry_requests_total\{registry="127.0.0.1:\d+",method="HEAD",status="2xx"\} "#);
    assert!(requests.unwrap().is_match(&page), "{page}");
    let bytes = Regex::new(r#"tagferry_copied_bytes_total\{mirror="app",target="TARGET/app"\} [1-9]"#);
    assert!(bytes.unwrap().is_match(&page), "{page}");
}

#[tokio::test]
async fn the_documentation_has_every_metric_and_no_other() {
    let code = |text: &String| format!("`{text}`");
    let row = |(name, metric): (String, Metric)| {
        let labels: Vec<_> = metric.labels.iter().map(code).collect();
        format!("| `{name}` | {} | {} | {} |", metric.kind, labels.join(", "), metric.help)
    };
    let mut rows: Vec<_> = read(&page().await).into_iter().map(row).collect();
    rows.sort_unstable();
    let text = file("docs/metrics.md");
    let mut documented: Vec<_> = text.lines().filter(|line| line.starts_with("| `tagferry_")).collect();
    documented.sort_unstable();
    assert_eq!(documented.join("\n"), rows.join("\n"), "the left is documented, the right is on the page");
}

#[tokio::test]
async fn every_metric_has_a_help_and_the_programs_name() {
    for (name, metric) in read(&page().await) {
        assert!(name.starts_with("tagferry_"), "{name}");
        assert!(metric.help.len() > 20, "{name}: {}", metric.help);
    }
}

#[tokio::test]
async fn alerts_name_metrics_and_labels_that_exist() {
    let metrics = read(&page().await);
    let rules: Value = serde_yaml::from_str(&file("deploy/prometheus/alerts.yaml")).unwrap();
    let documentation = file("docs/metrics.md");
    let rules = rules["groups"][0]["rules"].as_array().unwrap();
    assert!(rules.len() > 8);
    let template = Regex::new(r"\$labels\.([a-z_]+)").unwrap();
    for rule in rules {
        let query = rule["expr"].as_str().unwrap();
        assert_known(query, &metrics);
        for annotation in ["summary", "description"] {
            let text = rule["annotations"][annotation].as_str().unwrap();
            assert_known(text, &metrics);
            for found in template.captures_iter(text) {
                assert!(query.contains(&found[1]), "{query} has no label {}", &found[1]);
            }
        }
        let name = rule["alert"].as_str().unwrap();
        assert!(documentation.contains(&format!("| `{name}` |")), "{name} is not documented");
    }
}

/// They ask kube-state-metrics.
#[test]
fn alerts_on_cronjobs_are_documented() {
    let rules: Value = serde_yaml::from_str(&file("deploy/prometheus/cronjob.yaml")).unwrap();
    let documentation = file("docs/metrics.md");
    let names = values(&rules, "alert");
    assert!(names.len() > 4);
    for name in names {
        assert!(documentation.contains(&format!("| `{name}` |")), "{name} is not documented");
    }
}

#[tokio::test]
async fn the_dashboard_names_metrics_and_labels_that_exist() {
    let metrics = read(&page().await);
    let dashboard: Value = serde_json::from_str(&file("deploy/grafana/tagferry.json")).unwrap();
    let mut shown = BTreeSet::new();
    for query in values(&dashboard, "expr").into_iter().chain(values(&dashboard, "definition")) {
        shown.extend(assert_known(query, &metrics));
    }
    let hidden: Vec<_> = metrics.keys().filter(|name| !shown.contains(*name)).map(String::as_str).collect();
    let told_otherwise = [
        "tagferry_build_info",
        "tagferry_last_pass_timestamp_seconds",
        "tagferry_last_success_timestamp_seconds",
        "tagferry_shards",
    ];
    assert_eq!(hidden, told_otherwise, "metrics that the dashboard does not show");
}

/// It is imported into a Grafana that has its data source under a name of its own.
#[test]
fn the_dashboard_takes_its_data_source_from_its_variable() {
    let dashboard: Value = serde_json::from_str(&file("deploy/grafana/tagferry.json")).unwrap();
    let variables = dashboard["templating"]["list"].as_array().unwrap();
    assert_eq!((&variables[0]["name"], &variables[0]["type"]), (&"datasource".into(), &"datasource".into()));
    let panels = dashboard["panels"].as_array().unwrap();
    for part in panels.iter().chain(panels.iter().flat_map(|panel| panel["targets"].as_array().unwrap())) {
        assert_eq!(part["datasource"]["uid"], "${datasource}", "{part:#}");
    }
    let ids: BTreeSet<_> = panels.iter().map(|panel| panel["id"].as_u64()).collect();
    assert_eq!(ids.len(), panels.len());
}
