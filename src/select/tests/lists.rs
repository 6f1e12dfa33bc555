//! What the tags of a repository say of one another.

use std::collections::BTreeSet;

use super::{apply, check_newest, everything, newest, selected};
use crate::select::Spec;

/// What the list decides, in words.
fn decisions(text: &str) -> Vec<String> {
    let selection = apply(text, &[Spec { newest: newest(1), ..everything() }]);
    let decisions = selection.verdicts.iter().flat_map(|verdict| &verdict.decisions);
    let decisions: BTreeSet<_> = decisions.map(ToString::to_string).collect();
    decisions.into_iter().collect()
}

#[test]
fn releases_of_packages_count_rebuilds() {
    let red_hat = "8.6-754.1655117782 8.6-754 8.5-754.1652231664 8.5-239.1651231664 8.4";
    check_newest(red_hat, &[("", "8.6-754.1655117782 8.6-754 8.5-754.1652231664")], "");
    assert_eq!(
        decisions(red_hat),
        ["`-N` behind the version (`8.6-754`) counts rebuilds: it is too large to be part of a name"]
    );
    let olcne = "v1.14.2 v1.12.2-2 v1.12.2-1 v1.11.1-10 v1.11.1-9";
    check_newest(olcne, &[("", "v1.14.2 v1.12.2-2 v1.12.2-1")], "");
    assert_eq!(
        decisions(olcne),
        ["`-N` behind the version (`v1.11.1-10`) counts rebuilds: it begins at 0 or 1"]
    );
    check_newest("8.0.36-28 8.0.35-27 8.0.34-26", &[("", "8.0.36-28 8.0.35-27 8.0.34-26")], "");
    assert_eq!(
        decisions("8.0.36-28 8.0.35-27 8.0.34-26"),
        [
            "`-N` behind the version (`8.0.34-26`) counts rebuilds: it goes its own way with each of 3 versions"
        ]
    );
}

#[test]
fn counters_are_told_by_a_zero_in_front() {
    check_newest("6.5.2-41 6.5.2-44 7.1.2-0013 7.1.2-0014", &[("", "7.1.2-0014 7.1.2-0013 6.5.2-44")], "");
    assert_eq!(
        decisions("6.5.2-41 6.5.2-44 7.1.2-0013 7.1.2-0014"),
        ["`-N` behind the version (`6.5.2-41`) counts rebuilds: no name has a zero in front"]
    );
}

#[test]
fn what_is_too_long_for_a_name_tells_of_the_others_in_its_place() {
    check_newest("8.0-9 8.0-16 8.1-1751475004", &[("", "8.1-1751475004 8.0-16 8.0-9")], "");
    // An architecture is no number.
    check_newest("1.0-386 1.1 1.1-386", &[("", "1.1"), ("386", "1.1-386 1.0-386")], "");
}

#[test]
fn a_base_with_a_patch_moves_on_with_the_versions() {
    let go = "1.22.0-go1.16.7-buster.0 1.23.0-go1.17.2-buster.0 1.23.0-go1.17.3-buster.0";
    check_newest(
        go,
        &[("go-buster", "1.23.0-go1.17.3-buster.0 1.23.0-go1.17.2-buster.0 1.22.0-go1.16.7-buster.0")],
        "",
    );
    check_newest(
        "rocm6.3.1_vllm_0.8.5 rocm6.4.1_vllm_0.9.1",
        &[("rocm_vllm", "rocm6.4.1_vllm_0.9.1 rocm6.3.1_vllm_0.8.5")],
        "",
    );
    // Without a patch it is what people choose.
    check_newest("1.0-php8.3 1.1-php8.4", &[("php8.3", "1.0-php8.3"), ("php8.4", "1.1-php8.4")], "");
    // So is a system, always.
    check_newest(
        "1.0-alpine3.19.0 1.1-alpine3.19.1",
        &[("alpine3.19.0", "1.0-alpine3.19.0"), ("alpine3.19.1", "1.1-alpine3.19.1")],
        "",
    );
}

#[test]
fn lines_of_a_base_that_stand_beside_one_another_are_variants() {
    let otp = "1.17-erlang-26.2.5 1.17-erlang-27.0.1 1.17-erlang-27.1 1.18-erlang-26.2.6 1.18-erlang-27.2";
    check_newest(
        otp,
        &[
            ("erlang-26", "1.18-erlang-26.2.6 1.17-erlang-26.2.5"),
            ("erlang-27", "1.18-erlang-27.2 1.17-erlang-27.1 1.17-erlang-27.0.1"),
        ],
        "",
    );
    assert_eq!(
        decisions(otp),
        [
            "`erlang-N` (`1.17-erlang-26.2.5`) names a variant by its first number: the same ones stand beside one another for 2 versions"
        ]
    );
}

#[test]
fn a_dot_makes_a_version_within_the_version() {
    let postgis = "15-3.3 15-3.4 16-3.4 16-3.5 17-3.5 17-3.6";
    check_newest(postgis, &[("", "17-3.6 17-3.5 16-3.5")], "");
    assert_eq!(
        decisions(postgis),
        ["`-N` behind the version (`15-3.3`) is a version within the version: it has a dot"]
    );
    check_newest("7.3-fpm-v1.8.0 7.3-fpm-v1.8.1", &[("fpm", "7.3-fpm-v1.8.1 7.3-fpm-v1.8.0")], "");
    // The same several for several versions are what these are made with.
    check_newest(
        "1.0-3.11 1.0-3.12 1.1-3.11 1.1-3.12",
        &[("3.11", "1.1-3.11 1.0-3.11"), ("3.12", "1.1-3.12 1.0-3.12")],
        "",
    );
}

#[test]
fn a_one_that_is_always_the_same_is_part_of_a_name() {
    check_newest("1.0 1.0-cpuv1 1.1 1.1-cpuv1", &[("", "1.1 1.0"), ("cpuv1", "1.1-cpuv1 1.0-cpuv1")], "");
}

#[test]
fn a_base_alone_has_no_version_where_others_have_it_beside_theirs() {
    check_newest("1.19-otp-28 1.20-otp-28 otp-29", &[("otp-28", "1.20-otp-28 1.19-otp-28")], "otp-29");
    check_newest("otp-28 otp-29", &[("otp", "otp-29 otp-28")], "");
    assert_eq!(
        decisions("1.19-otp-28 otp-29"),
        ["`otp-N` alone has no version of its own: other tags have such a number beside theirs"]
    );
}

#[test]
fn numbers_that_recur_beside_one_another_name_variants() {
    let text = "4.1.13-18 4.1.13-20 4.1.3-18 4.1.3-20 5.0.1-20 5.0.1-22";
    check_newest(
        text,
        &[("18", "4.1.13-18 4.1.3-18"), ("20", "5.0.1-20 4.1.13-20 4.1.3-20"), ("22", "5.0.1-22")],
        "",
    );
    assert_eq!(
        decisions(text),
        [
            "`-N` behind the version (`4.1.13-18`) names a variant: the same numbers stand beside one another for 2 versions"
        ]
    );
}

#[test]
fn a_number_that_nothing_tells_of_names_a_variant() {
    check_newest("14.1.1.0-11 14.1.1.0", &[("", "14.1.1.0"), ("11", "14.1.1.0-11")], "");
    assert_eq!(
        decisions("14.1.1.0-11 14.1.1.0"),
        [
            "`-N` behind the version (`14.1.1.0-11`) is taken as part of a variant's name: the other tags do not tell \
          whether it counts rebuilds"
        ]
    );
}

#[test]
fn words_that_nobody_knows_are_told_by_the_list() {
    check_newest(
        "1.0-zing8 1.0-zing11 1.1-zing8 1.1-zing11",
        &[("zing11", "1.1-zing11 1.0-zing11"), ("zing8", "1.1-zing8 1.0-zing8")],
        "",
    );
    // Those without the count are of the same family.
    check_newest(
        "1.2.3 1.2.3-acme45 1.2.4-acme46 1.2.5-acme47",
        &[("", "1.2.5-acme47 1.2.4-acme46 1.2.3-acme45")],
        "",
    );
    // Two counts of one version are of two things.
    check_newest(
        "1.2-big1 1.2-big2 1.2-small1 1.3-big1 1.3-small2",
        &[("big", "1.3-big1 1.2-big2 1.2-big1"), ("small", "1.3-small2 1.2-small1")],
        "",
    );
    check_newest(
        "1.2-slim-1 1.2-slim-2 1.3-slim-1 1.3",
        &[("", "1.3"), ("slim", "1.3-slim-1 1.2-slim-2 1.2-slim-1")],
        "",
    );
}

#[test]
fn dev_is_a_flavour_where_it_stands_beside_versions() {
    let flavour = "1.2-dev 1.2 1.3-dev 1.3 1.3-dev-8";
    check_newest(flavour, &[("", "1.3 1.2"), ("dev", "1.3-dev 1.2-dev"), ("dev-8", "1.3-dev-8")], "");
    assert_eq!(
        decisions(flavour)[1],
        "`dev` (`1.2-dev`) names a variant: 2 of 2 versions with it have tags without it, too"
    );
    let development = "3.5-dev-alpine 3.4-alpine 3.4";
    check_newest(development, &[("", "3.4"), ("alpine", "3.4-alpine")], "");
    assert_eq!(
        decisions(development),
        ["`dev` (`3.5-dev-alpine`) is a pre-release: 0 of 1 versions with it have tags without it, too"]
    );
}

#[test]
fn the_issue_families_are_right() {
    for (text, expected) in [
        ("v1.11.1-eksbuild.9 v1.11.1-eksbuild.4 v1.13.2-eksbuild.4", "v1.13.2-eksbuild.4"),
        ("v1.35.5-k3s2 v1.35.5-k3s1 v1.30.0-k3s1", "v1.35.5-k3s2"),
        (
            "8.0.36-debian-12-r12 8.0.36-debian-12-r10 8.0.36-debian-11-r4",
            "8.0.36-debian-11-r4 8.0.36-debian-12-r12",
        ),
        ("12.2.1.4-jdk8-ol7-220223.2107 12.2.1.4-jdk8-ol7-220120.1359", "12.2.1.4-jdk8-ol7-220223.2107"),
        ("3.4.6-debian-9-r24 3.4.6-debian-9-r25 3.4.7-debian-9-r1", "3.4.7-debian-9-r1"),
        ("1.2.3-ls45 1.2.3-ls46", "1.2.3-ls46"),
        ("20220209-04 20220209-22", "20220209-22"),
        ("ol9-java17-22.3.3-b1 ol9-java17-22.3.3-b2", "ol9-java17-22.3.3-b2"),
        ("27.0.0.CR1 1.0.0.dev1 27.0.1.Final", "27.0.1.Final"),
    ] {
        assert_eq!(selected(text, &[Spec { newest: newest(1), ..everything() }]), expected);
    }
}

#[test]
fn the_whole_list_is_read_whatever_a_rule_matches() {
    let text = "4.1.13-18 4.1.13-20 4.1.3-18 4.1.3-20";
    let rule = Spec { pattern: "^4.1.13-".to_owned(), newest: newest(1), ..Spec::default() };
    assert_eq!(selected(text, &[rule]), "4.1.13-18 4.1.13-20");
}
