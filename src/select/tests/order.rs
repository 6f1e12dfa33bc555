//! How a tag is read, and that versions have a total order.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use proptest::prelude::*;

use super::{everything, newest, selected};
use crate::oci::Tag;
use crate::select::{Reason, Rule, Selection, Spec, Verdict, Version, select};

#[track_caller]
fn check(tag: &str, version: &str, variant: &str) {
    check_revision(tag, version, "", variant);
}

#[track_caller]
fn check_revision(tag: &str, version: &str, revision: &str, variant: &str) {
    let read = Version::parse(tag).map(|(version, variant)| {
        let revision = version.revision().to_owned();
        (version.to_string(), revision, variant)
    });
    assert_eq!(read, Some((version.to_owned(), revision.to_owned(), variant.to_owned())), "{tag}");
}

#[test]
fn tags_are_read_as_version_and_variant() {
    check("21", "21", "");
    check("v1.2.3", "1.2.3", "");
    check("v1.2.3-rc.1", "1.2.3-rc.1", "");
    check("1.2.0rc2", "1.2.0rc2", "");
    check("8u491-oraclelinux8", "8u491", "oraclelinux8");
    check("7.0b1046", "7.0b1046", "");
    check("3.13.0b1-slim", "3.13.0b1", "slim");
    check("java11-21.3.0", "21.3.0", "java11");
    check("14.1.1.0-11-ol8", "14.1.1.0", "11-ol8");
    check("14.1.1.0-dev-8", "14.1.1.0", "dev-8");
    check("14.1.2.0-generic-jdk17-ol8-241204", "14.1.2.0-241204", "generic-jdk17-ol8");
    check("RDBMS_23.26.3.0.0DBRU_LINUX.X64_260704-lite", "23.26.3.0.0-260704", "RDBMS-DBRU_LINUX.X64-lite");
    check("20.11.1-alpine3.19", "20.11.1", "alpine3.19");
    check("21-muslib", "21", "muslib");
    check("26-ea-b12", "26-ea-b12", "");
    check("26-ea-b12-8-ol9", "26-ea-b12", "8-ol9");
    check("2.0-M1", "2.0-M1", "");
    check("2.0-m", "2.0", "m");
    check("2.0.0.RC1", "2.0.0-RC1", "");
    check("1.0-pre-alpine", "1.0-pre", "alpine");
    check("1.2.3-x86_64", "1.2.3", "x86_64");
    check("x86_64-1.2.3", "1.2.3", "x86_64");
    check("1.0-nightly.20240501", "1.0-nightly-20240501", "");
    check("nightly-2024-05-01", "2024-05-01-nightly", "");
    check("1.2.3-2024-05-01", "1.2.3-2024-05-01", "");
    check("20240501.2", "20240501.2", "");
    check("202405011230", "202405011230", "");
    check("RELEASE.2024-05-10T01-41-38Z", "2024-05-10T01-41-38Z", "");
    // The thirteenth month: a number, not a date.
    check_revision("1.2.3-241304", "1.2.3", "241304", "");
    check_revision("2024-13-01", "2024", "01", "13");
    check("v1.2.3-5-g1a2b3c4", "1.2.3-5-g1a2b3c4", "");
    check("1.2.3-sha1a2b3c4", "1.2.3-sha1a2b3c4", "");
    check_revision("2.4.58-1ubuntu8.1", "2.4.58", "1ubuntu8.1", "");
    check("v3.27.3-0.dev-812-g1a2b3c4", "3.27.3-dev-812-g1a2b3c4", "0");
    check_revision("11.0.0-123456pre", "11.0.0pre", "123456", "");
    check("4.16.0-ec.6-x86_64", "4.16.0-ec.6", "x86_64");
    check("1.18-22.04", "1.18", "22.04");
    check("1.2-k8s-v1.27.3", "1.2", "k8s-v1.27.3");
    check("v1.2.3-5-alpine", "1.2.3", "5-alpine");
}

#[test]
fn rebuilds_are_revisions() {
    check_revision("1.8.0_371", "1.8.0", "371", "");
    check_revision("8u412-b08", "8u412", "b08", "");
    check_revision("17.0.11_9-jdk", "17.0.11", "9", "jdk");
    check_revision("8.0.36-debian-12-r12", "8.0.36", "r12", "debian-12");
    check_revision("v1.11.1-eksbuild.9", "1.11.1", "eksbuild.9", "");
    check_revision("v1.29.1-eks-1-29-7", "1.29.1", "eks-1-29-7", "");
    check_revision("v1.35.5-k3s2-arm64", "1.35.5", "k3s2", "arm64");
    check_revision("v1.33.5-rke2r2-build20250917", "1.33.5", "rke2r2-build20250917", "");
    check_revision("8.6-754.1655117782", "8.6", "754.1655117782", "");
    check_revision("1.27.3-1714017059-bb3fe8a2c1", "1.27.3-bb3fe8a2c1", "1714017059", "");
    check_revision("2022-CU14-GDR2-ubuntu-22.04", "2022", "CU14-GDR2", "ubuntu-22.04");
    check_revision("27.0.1.Final-jdk17", "27.0.1", "Final", "jdk17");
    check_revision("17.0.1-ce.0", "17.0.1", "0", "ce");
    check_revision("1.1.1w", "1.1.1", "w", "");
    check_revision("20220209-04", "20220209", "04", "");
    check_revision("v1_20210416_patch1", "1-20210416", "patch1", "");
    check_revision("1.2.3-20240501.2", "1.2.3-20240501", "2", "");
    check_revision("ol9-java17-22.3.3-b1", "22.3.3", "b1", "ol9-java17");
    check_revision("1.0-security-01", "1.0", "security-01", "");
    check_revision("3107.v665000b_51092-015-jdk17", "3107-v665000b_51092", "015", "jdk17");
    check_revision("14.10.FC7W1DE", "14.10", "FC7W1", "DE");
    check_revision("1.2.3-42-1a2b3c4", "1.2.3-1a2b3c4", "42", "");
    check_revision("v0.8.5.post1", "0.8.5", "post1", "");
    check_revision("2024.q1.5", "2024", "q1.5", "");
    // The name of a system may be glued to what stands before it.
    check_revision("14.2.0-118af03ubuntu18.04.1-ls57", "14.2.0-118af03", "ls57", "ubuntu18.04.1");
    // A word that may count says nothing without a number: here it names the language R.
    check("3.5.1-java17-r-ubuntu", "3.5.1", "java17-r-ubuntu");
}

#[test]
fn names_with_numbers_are_variants() {
    check("2.3.0-cuda12.1-cudnn8-runtime", "2.3.0", "cuda12.1-cudnn8-runtime");
    check("2.3.0-cu121", "2.3.0", "cu121");
    check("3.9-eclipse-temurin-17-focal", "3.9", "eclipse-temurin-17-focal");
    check("1.2-arm64v8", "1.2", "arm64v8");
    check("7.0.9-windowsservercore-1809", "7.0.9", "windowsservercore-1809");
    check("windows-2019-3.1.8", "3.1.8", "windows-2019");
    check("temurin-21-tools-deps-1.11.3.1456-jammy", "1.11.3.1456", "temurin-21-tools-deps-jammy");
    check("18-bookworm-full-v0.13.4", "0.13.4", "18-bookworm-full");
    check("jdk-21.0.2", "21.0.2", "jdk");
    // Alpine's versions have a dot.
    check("1.14.6-alpine-3.19", "1.14.6", "alpine-3.19");
    // And no system is as young as its version 1.
    check("1.16.2-java-1.8", "1.16.2", "java-1.8");
    assert_eq!(
        selected("1.2-debian-1.0 1.3-debian-1.1", &[Spec { newest: newest(1), ..everything() }]),
        "1.3-debian-1.1"
    );
}

#[test]
fn dates_may_have_a_time() {
    check("12.2.1.4-jdk8-ol7-220223.2107", "12.2.1.4-220223.2107", "jdk8-ol7");
    check("1.0-20240501T0943Z", "1.0-20240501T0943Z", "");
    check("1.0-v20240501", "1.0-v20240501", "");
    check("1.0-2024.05.01", "1.0-2024.05.01", "");
}

#[test]
fn numbers_behind_a_letter_are_versions_where_there_are_no_others() {
    check("k229-07a4d1f", "229-07a4d1f", "");
    check_revision("r2024b-ubuntu22.04", "2024", "b", "ubuntu22.04");
    check_revision("alpine-jdk8u292-b10", "8u292", "b10", "alpine-jdk");
    check("server-b5343", "5343", "server");
    check_revision("pg14.5-ts2.8.1-p1", "2.8.1", "p1", "pg14.5-ts");
}

#[test]
fn tags_without_a_number_of_their_own_have_no_version() {
    for tag in [
        "latest",
        "latest-lite",
        "latest-19",
        "2022-latest",
        "pr-123",
        "1.2.3-pr.4",
        "dependabot-npm_and_yarn-lodash-4.17.21",
        "1.x",
        "x86-latest",
        "ol8-java17",
        "lts-alpine3.19",
        "x86_64",
        "sha-1234567",
        "1a2b3c4",
        "_",
        "v",
        "",
    ] {
        assert_eq!(Version::parse(tag), None, "{tag}");
    }
}

/// Every version is older than the next.
#[track_caller]
fn check_ascending(tags: &[&str]) {
    let versions: Vec<_> = tags.iter().map(|tag| Version::parse(tag).unwrap().0).collect();
    for (index, pair) in versions.windows(2).enumerate() {
        assert_eq!(pair[0].cmp(&pair[1]), Ordering::Less, "{} < {}", tags[index], tags[index + 1]);
    }
}

#[test]
fn numbers_compare_as_numbers() {
    check_ascending(&["8", "8u131", "8u381", "8u1000", "11", "11.0.9", "11.0.31"]);
    check_ascending(&["21", "21.0", "21.0.0", "21.0.1"]);
    check_ascending(&[
        "1.18446744073709551615",
        "1.18446744073709551616",
        "1.99999999999999999999",
        "1.100000000000000000000",
    ]);
}

#[test]
fn pre_releases_come_before_their_release() {
    check_ascending(&[
        "0.9",
        "1.0-nightly-20240501",
        "1.0-canary",
        "1.0-SNAPSHOT",
        "1.0-alpha",
        "1.0-alpha.1",
        "1.0-ea-b12",
        "1.0-preview1",
        "1.0-beta2",
        "1.0-beta10",
        "1.0-M1",
        "1.0-rc",
        "1.0rc1",
        "1.0-rc.2",
        "1.0",
        "1.0.0-rc1",
    ]);
}

#[test]
fn builds_come_before_what_moves() {
    check_ascending(&[
        "20230101",
        "1.0-241204",
        "1.0-20250424",
        "1.0-250424.0943",
        "1.0-9-gfa2b3c4",
        "1.0-10-g1a2b3c4",
        "1.0",
        "1.1-200101",
    ]);
}

#[test]
fn rebuilds_come_after_what_they_rebuild() {
    check_ascending(&["8.6-rc1", "8.6", "8.6-r9", "8.6-r754", "8.6-r754.1655117782", "8.6-r755", "8.6.1"]);
    check_ascending(&[
        "2022",
        "2022-GA",
        "2022-GDR1",
        "2022-CU1",
        "2022-CU2",
        "2022-CU2-GDR1",
        "2022-SP1",
        "2022-SP1-CU1",
    ]);
    check_ascending(&["17.0.11", "17.0.11_2", "17.0.11_10", "17.0.11.1", "17.0.11.1_1"]);
    check_ascending(&["1.1.1", "1.1.1a", "1.1.1w"]);
    check_ascending(&["8u412", "8u412-b08", "8u412-b10", "8u422"]);
    // What follows a date counts builds of that day.
    check_ascending(&["1-20210416", "1-20210416-p1", "1-20210416-p2", "1-20210417", "1", "1-p1"]);
    check_ascending(&["27.0.0.CR1", "27.0.0.Final", "27.0.0.Final-2", "27.0.0-p1"]);
    check_ascending(&["1.0.0.dev1", "1.0.0.dev2", "1.0.0a1", "1.0.0"]);
}

#[test]
fn equal_versions_may_be_spelled_differently() {
    let version = |tag| Version::parse(tag).unwrap().0;
    for (a, b) in [
        ("v1.2", "1.02"),
        ("1.0rc1", "1.0-RC.1"),
        ("1-240501", "1-20240501"),
        ("2024-05-01", "20240501"),
        ("1.0-1a2b3c4", "1.0"),
    ] {
        assert_eq!(version(a), version(b));
    }
}

/// Tags of Oracle's and others' kinds, from few parts so that equal starts are frequent.
fn any_tag() -> impl Strategy<Value = Tag> {
    let prefix = prop::sample::select(vec!["", "", "", "v", "java11-", "RDBMS_", "latest-", "nightly-"]);
    let numbers = prop::sample::select(vec![
        "8",
        "8u131",
        "8u491",
        "1.8.0_371",
        "21",
        "21.0.7",
        "21.0.10",
        "021.0.7",
        "23.9.0.0",
        "23.26.0.0",
        "20240501",
        "2024-05-01",
        "99999999999999999999.1",
        "100000000000000000000.1",
        "0b1046",
        "3.13.0b1",
        "edge",
    ]);
    let prerelease = prop::sample::select(vec!["", "", "", "-ea", "rc1", "-rc.2", "-M1", "-alpha.1.2"]);
    let suffix = prop::sample::select(vec![
        "",
        "",
        "-oraclelinux9",
        "-lite-arm64",
        "-dev-8",
        "DBRU_LINUX.X64",
        "-alpine3.19",
        "-zing8",
        "-zing11",
        "-r2",
        "-3",
        "-12",
        "-754.1655117782",
        ".Final",
    ]);
    let build = prop::sample::select(vec!["", "", "-241204", "-250424", "_260704", "-20250424", "-1a2b3c4"]);
    let parts = (prefix, numbers, prerelease, suffix, build);
    let known = parts.prop_map(|(prefix, numbers, prerelease, suffix, build)| {
        format!("{prefix}{numbers}{prerelease}{suffix}{build}")
    });
    let text = prop_oneof![4 => known, 1 => "[a-zA-Z0-9_][a-zA-Z0-9_.-]{0,20}", 1 => "[0-9bmruv._-]{1,12}"];
    text.prop_filter_map("starts with a separator", |text| text.parse().ok())
}

fn any_version() -> impl Strategy<Value = Version> {
    any_tag()
        .prop_filter_map("has no version", |tag| Version::parse(tag.as_str()).map(|(version, _)| version))
}

proptest! {
    #[test]
    fn the_order_is_total(a in any_version(), b in any_version(), c in any_version()) {
        prop_assert_eq!(a.cmp(&b), b.cmp(&a).reverse());
        prop_assert_eq!(a.cmp(&b) == Ordering::Equal, a == b);
        prop_assert_eq!(a.cmp(&a), Ordering::Equal);
        if a <= b && b <= c {
            prop_assert!(a <= c);
        }
    }

    #[test]
    fn any_text_can_be_read(text in "\\PC{0,40}") {
        Version::parse(&text);
    }

    #[test]
    fn the_order_of_the_list_does_not_matter(
        (tags, shuffled) in prop::collection::vec(any_tag(), 0..30).prop_flat_map(|tags| (Just(tags.clone()), Just(tags).prop_shuffle())),
        count in 1_usize..4,
    ) {
        let per = vec!["first".to_owned()];
        let pattern = "^(?<first>[0-9])?".to_owned();
        let specs = [Spec { pattern, per, newest: newest(count), ..Spec::default() }, Spec { newest: newest(1), ..everything() }];
        let rules: Vec<_> = specs.map(|spec| Rule::new(spec).unwrap()).into();
        let selection = select(&tags, &rules);
        prop_assert_eq!(&selection, &select(&shuffled, &rules));
        let mut expected = tags;
        expected.sort();
        expected.dedup();
        let mut found: Vec<_> = selection.verdicts.into_iter().map(|verdict| verdict.tag).collect();
        found.sort();
        prop_assert_eq!(found, expected);
    }

    #[test]
    fn an_older_tag_changes_nothing_of_what_is_kept(
        (tags, at) in prop::collection::vec(any_tag(), 2..20).prop_flat_map(|tags| {
            let len = tags.len();
            (Just(tags), 0..len)
        }),
        count in 1_usize..4,
    ) {
        let rules = [Rule::new(Spec { newest: newest(count), ..everything() }).unwrap()];
        let reading = |verdict: &Verdict| (verdict.version.clone(), verdict.variant.clone());
        let with = select(&tags, &rules);
        let old = &tags[at];
        let is_old = with.verdicts.iter().any(|verdict| verdict.tag == *old && matches!(verdict.reason, Reason::Older { .. }));
        let rest: Vec<_> = tags.iter().filter(|tag| *tag != old).cloned().collect();
        let without = select(&rest, &rules);
        let others = with.verdicts.iter().filter(|verdict| verdict.tag != *old);
        if is_old && others.map(reading).eq(without.verdicts.iter().map(reading)) {
            let kept = |selection: &Selection| selection.selected().map(|verdict| verdict.tag.clone()).collect::<Vec<_>>();
            prop_assert_eq!(kept(&with), kept(&without));
        }
    }

    #[test]
    fn newest_keeps_at_most_so_many_versions_of_each_variant(
        tags in prop::collection::vec(any_tag(), 0..40),
        count in 1_usize..4,
    ) {
        let rules = [Rule::new(Spec { newest: newest(count), ..everything() }).unwrap()];
        let mut kept: BTreeMap<String, Vec<Version>> = BTreeMap::new();
        for verdict in select(&tags, &rules).verdicts.into_iter().filter(Verdict::is_selected) {
            let versions = kept.entry(verdict.variant).or_default();
            versions.extend(verdict.version.filter(|version| !versions.contains(version)));
        }
        prop_assert!(kept.values().all(|versions| versions.len() <= count), "{:?}", kept);
    }
}
