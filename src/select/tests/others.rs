//! Tags of other registries.

use super::{apply, check_newest, everything, newest, selected};
use crate::select::Spec;

#[test]
fn docker_hub_official_images() {
    check_newest(
        "20.11.1-alpine3.19 20.9.0-alpine3.19 20.11.1-alpine 20-alpine lts-alpine3.19 20.11.1 22 current lts",
        &[
            ("", "22 20.11.1"),
            ("alpine", "20.11.1-alpine 20-alpine"),
            ("alpine3.19", "20.11.1-alpine3.19 20.9.0-alpine3.19"),
        ],
        "current lts lts-alpine3.19",
    );
    check_newest(
        "1.27.3-bookworm 1.9.15-bookworm 1.27-alpine 1.27.3-alpine-slim mainline stable-perl",
        &[
            ("alpine", "1.27-alpine"),
            ("alpine-slim", "1.27.3-alpine-slim"),
            ("bookworm", "1.27.3-bookworm 1.9.15-bookworm"),
        ],
        "mainline stable-perl",
    );
    check_newest(
        "16.2-bullseye 9.6-bullseye 17beta1-bullseye",
        &[("bullseye", "16.2-bullseye 9.6-bullseye")],
        "",
    );
    check_newest(
        "17.0.11_9-jdk 17.0.9_9-jdk 17.0.11_10-jdk",
        &[("jdk", "17.0.11_10-jdk 17.0.11_9-jdk 17.0.9_9-jdk")],
        "",
    );
    check_newest(
        "jammy-20240427 jammy-20240111 jammy",
        &[("jammy", "jammy-20240427 jammy-20240111")],
        "jammy",
    );
}

#[test]
fn pre_releases_are_never_newest() {
    check_newest("3.12.0 3.13.0rc1 3.13.0b4 3.13.0a6", &[("", "3.12.0")], "");
    check_newest("3.12.0rc1-slim 3.11.9-slim", &[("slim", "3.11.9-slim")], "");
    check_newest("v1.2.3-rc.1 v1.2.2 v1.2.3-alpha", &[("", "v1.2.2")], "");
    check_newest(
        "26-ea-16-jdk-oraclelinux9 25-jdk-oraclelinux9",
        &[("jdk-oraclelinux9", "25-jdk-oraclelinux9")],
        "",
    );
    check_newest("nightly-20240501 2.0-M1 1.0-SNAPSHOT 15.0.0-canary.7", &[], "");
}

#[test]
fn pre_releases_rank_by_stage_and_number() {
    let text = "3.13.0 3.13.0rc2 3.13.0rc1 3.13.0rc10 3.13.0b4 3.13.0a6 3.12.9 3.14.0a1";
    let rule = Spec { newest: newest(9), prereleases: true, ..everything() };
    assert_eq!(
        selected(text, &[rule]),
        "3.14.0a1 3.13.0 3.13.0rc10 3.13.0rc2 3.13.0rc1 3.13.0b4 3.13.0a6 3.12.9"
    );
    check_newest("v0.108.0-b.60 v0.107.55 8u412-b08", &[("", "8u412-b08 v0.107.55")], "");
}

#[test]
fn v_is_no_variant() {
    check_newest("v1.2.3 1.3.0 v1.10.0", &[("", "v1.10.0 1.3.0 v1.2.3")], "");
    check_newest(
        "controller-v1.9.0 controller-v1.10.1",
        &[("controller", "controller-v1.10.1 controller-v1.9.0")],
        "",
    );
}

#[test]
fn two_spellings_are_one_version() {
    let rule = Spec { newest: newest(1), ..everything() };
    assert_eq!(selected("v1.2.3 1.2.3 01.2.03 1.2.2", &[rule]), "01.2.03 1.2.3 v1.2.3");
}

#[test]
fn dates_alone_are_versions() {
    check_newest(
        "2024-05-01 2024-04-30 2023-12-31 latest",
        &[("", "2024-05-01 2024-04-30 2023-12-31")],
        "latest",
    );
    check_newest("20240501 20240430 20231231 edge", &[("", "20240501 20240430 20231231")], "edge");
    // Snapshots do not crowd out releases.
    check_newest("20240329 20240606 3.19.1 3.20 3", &[("", "3.20 3.19.1 3")], "");
    // Within dots a date is a number like any other.
    check_newest(
        "2023.4.20240416.0 2023.4.20240401.1 2023.3.20250101.0",
        &[("", "2023.4.20240416.0 2023.4.20240401.1 2023.3.20250101.0")],
        "",
    );
}

#[test]
fn minio_tags_are_moments() {
    check_newest(
        "RELEASE.2024-05-10T01-41-38Z RELEASE.2024-05-10T01-41-39Z RELEASE.2023-12-31T23-59-59Z \
         RELEASE.2024-05-10T01-41-38Z.fips latest",
        &[
            ("", "RELEASE.2024-05-10T01-41-39Z RELEASE.2024-05-10T01-41-38Z RELEASE.2023-12-31T23-59-59Z"),
            ("fips", "RELEASE.2024-05-10T01-41-38Z.fips"),
        ],
        "latest",
    );
}

#[test]
fn hashes_are_no_versions() {
    check_newest(
        "sha256-9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08.sig sha-1a2b3c4 sha-1234567 \
         1a2b3c4d5e6f7a8b9c0d1a2b3c4d5e6f7a8b9c0d main-1a2b3c4 1.0.0",
        &[("", "1.0.0")],
        "1a2b3c4d5e6f7a8b9c0d1a2b3c4d5e6f7a8b9c0d main-1a2b3c4 sha-1234567 sha-1a2b3c4 \
         sha256-9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08.sig",
    );
}

#[test]
fn a_commit_makes_no_variant() {
    check_newest(
        "main-1a2b3c4-1714560000 main-9f8e7d6-1714570000",
        &[("main", "main-9f8e7d6-1714570000 main-1a2b3c4-1714560000")],
        "",
    );
    check_newest("20240501-1a2b3c4 20240502-0b2b3c4", &[("", "20240502-0b2b3c4 20240501-1a2b3c4")], "");
    // It says nothing of which is newer: what is one version is kept together.
    let rule = Spec { newest: newest(1), ..everything() };
    assert_eq!(selected("1.0.0-1a2b3c4 1.0.0 0.9.0-2b3c4d5", &[rule]), "1.0.0 1.0.0-1a2b3c4");
}

#[test]
fn a_commit_without_letters_is_one_where_others_have_its_length() {
    check_newest("1.0-1a2b3c4 1.1-1234567", &[("", "1.1-1234567 1.0-1a2b3c4")], "");
    let version = |text: &str| apply(text, &[everything()]).verdicts[0].version.clone().unwrap();
    assert_eq!(version("1.1-1234567 1.0-1a2b3c4").revision(), "");
    assert_eq!(version("1.1-1234567 1.0-1a2b3c4d").revision(), "1234567");
    let decisions = &apply("1.1-1234567 1.0-1a2b3c4", &[everything()]).verdicts[0].decisions;
    assert_eq!(
        decisions[0].to_string(),
        "a word of digits or letters alone (`1.1-1234567`) is a commit: other tags have commits of its length"
    );
    assert_eq!(selected("main-1a2b3c4 main-1234567", &[Spec { newest: newest(1), ..everything() }]), "");
}

#[test]
fn a_count_stands_for_the_version_where_a_commit_does() {
    check_newest(
        "9bb059cf-ls335 9a2c0d5e-ls334 60706032-ls291 version-9bb059cf",
        &[("", "9bb059cf-ls335 9a2c0d5e-ls334 60706032-ls291")],
        "version-9bb059cf",
    );
    check_newest("2.1.0-py39 806c18-py39", &[("py39", "2.1.0-py39")], "806c18-py39");
    check_newest(
        "2.52.0.0e19ea 2.51.0.0e19ea 3.0.0b1046",
        &[("", "3.0.0b1046 2.52.0.0e19ea 2.51.0.0e19ea")],
        "",
    );
}

#[test]
fn no_name_has_a_day_or_a_v_with_a_dot() {
    check_newest(
        "al2.2024.04.22.19 al2.2024.05.24.17 al2023.2024.01.12.18 al2",
        &[("al2", "al2.2024.05.24.17 al2.2024.04.22.19"), ("al2023", "al2023.2024.01.12.18")],
        "al2",
    );
    check_newest("8.al2 8.al2.2024.04.22.18", &[("al2", "8.al2 8.al2.2024.04.22.18")], "");
    check_newest("x86_64_v6.3.3 x86_64_v6.3.4", &[("x86_64", "x86_64_v6.3.4 x86_64_v6.3.3")], "");
    check_newest("10.11 2025050505 2026070606", &[("", "10.11 2026070606 2025050505")], "");
}

#[test]
fn a_system_alone_is_none_of_those_that_versions_are_made_for() {
    check_newest(
        "7.4-ubuntu-24.04 lts-mariner-2.0 ubuntu-18.04",
        &[("ubuntu-24.04", "7.4-ubuntu-24.04")],
        "lts-mariner-2.0 ubuntu-18.04",
    );
    check_newest("act-22.04 act-24.04", &[("act", "act-24.04 act-22.04")], "");
}

#[test]
fn ranges_read_the_first_three_numbers() {
    let range = |text: &str| Spec { range: Some(text.parse().unwrap()), ..everything() };
    let text = "21 22.0.1 25.0.3-ol9 26 26-ea 8u491 99999999999999999999999 latest";
    assert_eq!(selected(text, &[range(">=21, <26")]), "22.0.1 21 25.0.3-ol9");
    assert_eq!(selected(text, &[Spec { prereleases: true, ..range(">=26") }]), "26 26-ea");
    assert_eq!(selected("23.26.3.0 23.9.0.0 23.26.3.1", &[range("=23.26.3")]), "23.26.3.1 23.26.3.0");
    let selection = apply(text, &[range(">=21, <26")]);
    let reasons: Vec<_> = selection.verdicts.iter().map(|v| format!("{}: {}", v.tag, v.reason)).collect();
    assert_eq!(
        reasons,
        [
            "99999999999999999999999: outside range >=21, <26",
            "26: outside range >=21, <26",
            "26-ea: outside range >=21, <26",
            "22.0.1: in range >=21, <26",
            "21: in range >=21, <26",
            "8u491: outside range >=21, <26",
            "25.0.3-ol9: in range >=21, <26",
            "latest: has no version: `newest` and `range` never select it",
        ]
    );
}
