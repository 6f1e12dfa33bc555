//! The words that mean the same in the tags of most projects. What a word that is not here means is for the list to
//! tell: see [`crate::select::reading::convention`].

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::LazyLock;

use crate::select::key::{Rank, Stage};

/// What a word says of the number that belongs to it, or of the tag.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::select) enum Meaning {
    /// What the image is built on; the number is part of its name: `alpine3.19`, `debian-12`.
    System,
    /// What the image is built with; the number is part of its name: `jdk17`, `temurin-21`.
    Base,
    /// A name whose digits are no number: `arm64v8`.
    Whole,
    /// A name, and a number after it counts rebuilds: `ce.0`.
    Edition,
    /// The number counts rebuilds: `r12`, `CU14`, `eksbuild.4`.
    Rebuild(Rank),
    /// It is the release, not something before it: `Final`.
    Release,
    /// It is something before the release.
    Prerelease(Stage),
    /// The tag is one of a proposed change, such as `pr-123`, and has no version.
    Proposal,
    /// What stands before is no version but a line that moves.
    Channel,
}

/// Systems: the number after one of these is its version.
const SYSTEMS: &str = "
    al alma almalinux alpine amazonlinux amzn arch azl azurelinux bci bottlerocket busybox centos chiseled deb debian
    distroless el fc fedora flatcar leap ltsc mariner nanoserver ol opensuse oraclelinux photon rhel rocky rockylinux
    servercore sle sles static suse ubi ubuntu win windows windowsservercore wolfi
    ";

/// Languages, runtimes, servers and libraries: the number after one of these is its version.
const BASES: &str = "
    amazoncorretto corretto dragonwell graal graalvm graalvmce ibmjava java jdk jre jvm j liberica mandrel openjdk sapmachine semeru
    temurin zulu
    aspnet bun cpython deno dotnet elixir erlang gcc go golang hadoop hive jruby julia kotlin llvm mono net netcore netcoreapp node
    nodejs otp perl php py pypy python ruby rust rustc scala spark swift
    apache elasticsearch es fips gdal glibc helm httpd jetty k8s kube kubernetes mariadb mongo mysql nginx openssl
    opensearch pg postgis postgres postgresql proj qt redis tomcat
    api cu cuda cudnn gpu hpu jetpack l4t mpi neuron onnx opencl rocm tensorflow tensorrt tf torch trt xpu
    ";

/// Names with digits of their own: architectures, mostly.
const WHOLES: &str = "
    386 aarch64 amd64 arm32v5 arm32v6 arm32v7 arm64 arm64v8 armv5 armv6 armv7 armv7l armv8 i386 i586 i686 loong64 loongarch64 mips64
    mips64le ppc64 ppc64le riscv64 s390x win32 win64 x64 x86 x86_64 openj9 log4j2 h2 s3 utf8 ipv6 ipv4 oauth2 ec2
    ";

/// Names of editions with a count of rebuilds, which follows a dot: `17.0.1-ce.0`.
const EDITIONS: &str = "ce ee";

/// Words that say that this is the release. The image is as old as its version says.
const RELEASES: &str = "final ga release rel rtm";

/// Words whose number counts rebuilds, in ascending order where they follow one version.
const REBUILDS: [(Rank, &str); 3] = [
    // Fixes to what was released first.
    (Rank::Fix, "gdr"),
    (
        Rank::Count,
        "
        b bld build cp eks eksbuild fix gke h hardened hf hotfix if ifix k3s kb lh ls nv p patch pl post q r rancher rebuild respin rev revision rke2r
        sec security tkg u upd update vmware
        CU FC
        ",
    ),
    // Service packs hold all fixes before them.
    (Rank::Pack, "fp mp sp"),
];

/// What comes before a release.
const PRERELEASES: [(Stage, &str); 10] = [
    (Stage::Nightly, "nightly unstable"),
    (Stage::Canary, "canary insiders next"),
    (Stage::Snapshot, "snapshot"),
    (Stage::Development, "dev"),
    (Stage::Alpha, "alpha"),
    (Stage::EarlyAccess, "ea eap"),
    (Stage::Preview, "pre preview prerelease experimental ctp"),
    (Stage::Beta, "beta"),
    (Stage::Milestone, "m milestone ec"),
    (Stage::Candidate, "rc cr"),
];

/// Of these, words that mean something else without a number: `2.0-M1`, `1.0.dev3`. A dash will not do between the two:
/// `14.1.1.0-dev-8` is for developers, with the JDK 8.
const NUMBERED: [Stage; 2] = [Stage::Development, Stage::Milestone];

/// The tag was built of a proposed change.
const PROPOSALS: &str = "dependabot mr pr pull renovate";

/// Names of what moves. After a version they make it one of the channels: `2022-latest`.
const CHANNELS: &str = "latest";

/// The words are ours, and every word of every tag is looked up: speed is worth more than a defence against collisions.
type FastHash = BuildHasherDefault<Fnv>;

/// The hash of Fowler, Noll and Vo.
struct Fnv(u64);

impl Default for Fnv {
    fn default() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }
}

impl Hasher for Fnv {
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

/// Longer words are in no table.
const WORD_MAX_BYTES: usize = 24;

static MEANINGS: LazyLock<HashMap<&str, Meaning, FastHash>> = LazyLock::new(|| {
    let rows = [
        (SYSTEMS, Meaning::System),
        (BASES, Meaning::Base),
        (WHOLES, Meaning::Whole),
        (EDITIONS, Meaning::Edition),
        (RELEASES, Meaning::Release),
        (PROPOSALS, Meaning::Proposal),
        (CHANNELS, Meaning::Channel),
    ];
    let rebuilds = REBUILDS.into_iter().map(|(rank, words)| (words, Meaning::Rebuild(rank)));
    let prereleases = PRERELEASES.into_iter().map(|(stage, words)| (words, Meaning::Prerelease(stage)));
    let rows = rows.into_iter().chain(rebuilds).chain(prereleases);
    rows.flat_map(|(words, meaning)| words.split_whitespace().map(move |word| (word, meaning))).collect()
});

/// What a word without its number means, in whatever case it is written.
pub(in crate::select) fn meaning(word: &str) -> Option<Meaning> {
    if word.is_empty() || word.len() > WORD_MAX_BYTES {
        return None;
    }
    // As it stands first: `CU14` is an update of a database, `cu121` says which CUDA.
    if let Some(&meaning) = MEANINGS.get(word) {
        return Some(meaning);
    }
    if !word.bytes().any(|b| b.is_ascii_uppercase()) {
        return None;
    }
    let mut lower = [0; WORD_MAX_BYTES];
    let lower = lower.get_mut(..word.len())?;
    lower.copy_from_slice(word.as_bytes());
    lower.make_ascii_lowercase();
    MEANINGS.get(str::from_utf8(lower).ok()?).copied()
}

/// Whether it is a system, or something else that images are built on or with.
pub(in crate::select) fn is_base(word: &str) -> bool {
    matches!(meaning(word), Some(Meaning::System | Meaning::Base))
}

/// Whether a stage is meant only where a number is glued to its word, or follows a dot.
pub(in crate::select) fn needs_number(stage: Stage) -> bool {
    NUMBERED.contains(&stage)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The rows of tables in the document whose first cell is told by `is_row`, as the words in code in their last.
    fn documented(is_row: impl Fn(&str) -> bool) -> Vec<&'static str> {
        let document = include_str!("../../../docs/versions.md");
        let rows = document
            .lines()
            .filter_map(|line| line.strip_prefix("| ")?.strip_suffix(" |")?.rsplit_once(" | "));
        let words =
            rows.filter(|(what, _)| is_row(what)).flat_map(|(_, words)| words.split('`').skip(1).step_by(2));
        words.collect()
    }

    #[test]
    fn the_documentation_has_every_word_and_no_other() {
        for (what, is_meant) in [
            ("systems", (|meaning| meaning == Meaning::System) as fn(Meaning) -> bool),
            ("libraries", |meaning| meaning == Meaning::Base),
            ("digits are part of the name", |meaning| meaning == Meaning::Whole),
            ("**counts rebuilds**", |meaning| matches!(meaning, Meaning::Rebuild(_))),
            ("names an edition", |meaning| meaning == Meaning::Edition),
            ("the **release**", |meaning| meaning == Meaning::Release),
            ("**pre-release**", |meaning| matches!(meaning, Meaning::Prerelease(_))),
            ("has no version", |meaning| matches!(meaning, Meaning::Proposal | Meaning::Channel)),
        ] {
            let mut found = documented(|row| row.contains(what));
            let known = MEANINGS.iter().filter(|(_, meaning)| is_meant(**meaning));
            let mut known: Vec<_> = known.map(|(word, _)| *word).collect();
            found.sort_unstable();
            known.sort_unstable();
            assert_eq!(found, known, "{what}");
        }
    }

    #[test]
    fn case_matters_only_where_two_words_differ_by_it() {
        assert_eq!(meaning("CU"), Some(Meaning::Rebuild(Rank::Count)));
        assert_eq!(meaning("cu"), Some(Meaning::Base));
        assert_eq!(meaning("Final"), Some(Meaning::Release));
        assert_eq!(meaning("finals"), None);
    }
}
