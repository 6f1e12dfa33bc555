//! The parts that do no I/O: choosing tags, reading manifests and challenges.
//!
//! `cargo bench --bench pure`; the reports are in `target/criterion`.
#![allow(clippy::unwrap_used, reason = "a benchmark of what does not work has nothing to say")]

#[expect(dead_code, reason = "its tests run with the library")]
#[path = "../src/registry/challenge.rs"]
mod challenge;

use std::hint::black_box;

use bytes::Bytes;
use criterion::{Criterion, Throughput};
use serde_json::json;
use tagferry::config::Config;
use tagferry::oci::{Digest, Manifest, Tag};
use tagferry::select::{Rule, Spec, select};

/// A manifest of so many layers is a large one.
const LAYERS: usize = 30;

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    selection(&mut criterion);
    manifests(&mut criterion);
    challenges(&mut criterion);
    configurations(&mut criterion);
    criterion.final_summary();
}

/// The newest of each line among ten thousand tags, the page that large repositories fill, and a hundred thousand.
fn selection(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("select");
    let spec = Spec {
        pattern: r"^(?<line>[0-9]+)\.".to_owned(),
        newest: 3.try_into().ok(),
        per: vec!["line".to_owned()],
        ..Spec::default()
    };
    let rules = [Rule::new(spec).unwrap()];
    for count in [10_000, 100_000] {
        let tags: Vec<Tag> = (0..count).map(|number| tag(number).parse().unwrap()).collect();
        group.sample_size(20).throughput(Throughput::Elements(count as u64));
        group.bench_function(format!("newest of {count} tags"), |bencher| {
            bencher.iter_with_large_drop(|| select(black_box(&tags), &rules));
        });
    }
}

/// A tag in the manner of Oracle's, another for each number.
fn tag(number: usize) -> String {
    let suffix = ["", "-oraclelinux8", "-oraclelinux9", "-ea"][number % 4];
    format!("{}.0.{}{suffix}", 8 + number / 4 % 20, number / 80)
}

/// A thousand images as texts, into what `defaults` says.
fn configurations(criterion: &mut Criterion) {
    const MIRRORS: usize = 1000;
    let image = |number| format!("  - quay.io/team/app-{number}:1.{number}\n");
    let images = (0..MIRRORS).map(image).collect::<Vec<_>>().concat();
    let text = format!("defaults: {{target: 'registry.test/{{host}}/{{path}}'}}\nmirrors:\n{images}");
    criterion.bench_function("read a thousand mirrors", |bencher| {
        bencher.iter_with_large_drop(|| {
            let config = Config::parse("tagferry.yaml", black_box(&text), &|_| None).unwrap();
            assert_eq!(config.mirrors.len(), MIRRORS);
            config
        });
    });
}

fn manifests(criterion: &mut Criterion) {
    const TYPE: &str = "application/vnd.oci.image.manifest.v1+json";
    let layer = |number: usize| {
        json!({
            "mediaType": "application/vnd.oci.image.layer.v1.tar+gzip", "size": 200_000_000,
            "digest": Digest::of(&number.to_be_bytes()),
        })
    };
    let document = json!({
        "schemaVersion": 2, "mediaType": TYPE,
        "config": {"mediaType": "application/vnd.oci.image.config.v1+json", "size": 7000, "digest": Digest::of(b"config")},
        "layers": (0..LAYERS).map(layer).collect::<Vec<_>>(),
    });
    let bytes = Bytes::from(document.to_string());
    criterion.bench_function("parse a manifest of 30 layers", |bencher| {
        bencher.iter(|| Manifest::parse(black_box(bytes.clone()), None).unwrap());
    });
}

fn challenges(criterion: &mut Criterion) {
    const HEADER: &str = "Bearer realm=\"https://container-registry.oracle.com/auth\",\
                          service=\"Oracle Registry\",scope=\"repository:java/jdk:pull\"";
    criterion.bench_function("parse a challenge", |bencher| {
        bencher.iter(|| challenge::parse(black_box(HEADER))[0].param("service").map(str::len));
    });
}
