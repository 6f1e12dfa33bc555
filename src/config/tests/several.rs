//! Several sources, several targets, and mirrors that share a target.

use crate::config::Shard;
use crate::config::tests::{check, parse};

#[test]
fn a_mirror_is_one_for_each_of_its_targets() {
    let config = parse(
        "mirrors: [{source: [a.b/x, c.d/y], target: [r.test/{path}, s.test/z, 'oci:out'], tags: [1]}, \
         {source: a.b/q, target: r.test/q, tags: [1]}]"
            .replace("r.test/{path}", "'r.test/{path}'")
            .as_str(),
    );
    let config = config.unwrap_or_else(|faults| panic!("{faults}"));
    let shown = config.mirrors.iter().map(|mirror| {
        let sources: Vec<_> = mirror.sources().map(ToString::to_string).collect();
        let first = mirror.first_target.as_ref().map(|first| format!(" after {first}")).unwrap_or_default();
        format!("{}: {} -> {}{first}", mirror.name, sources.join(", "), mirror.target)
    });
    assert_eq!(
        shown.collect::<Vec<_>>(),
        [
            "x: a.b/x, c.d/y -> r.test/x",
            "x: a.b/x, c.d/y -> s.test/z after r.test/x",
            "x: a.b/x, c.d/y -> oci:out after r.test/x",
            "q: a.b/q -> r.test/q",
        ]
    );
}

#[test]
fn a_list_of_repositories_has_each_once() {
    check(
        &[
            "mirrors:",
            "  - {source: [a.b/x, A.b/x], target: [r.test/x, r.test/x], tags: [1]}",
            "  - {source: [], target: [a.b/y, c.d/z], tags: [1]}",
            "  - {source: [c.d/z, a.b/y], target: [a.b/y], tags: [1]}",
            "  - {source: {a: b}, target: r.test/y, tags: [1]}",
        ],
        &[
            "2:22: mirrors[0].source[1]: is in the list twice",
            "2:49: mirrors[0].target[1]: is in the list twice",
            "3:14: mirrors[1].source: empty: write the repository to read, such as `source: container-registry.oracle.com/java/jdk`",
            "4:38: mirrors[2].target: the source itself: write the repository that is to hold the copies",
            "5:14: mirrors[3].source: expected a text or a list of texts, found a mapping",
        ],
    );
}

#[test]
fn mirrors_that_share_a_target_are_in_one_shard() {
    let names: Vec<String> = (0..50).map(|number| format!("m{number}")).collect();
    // Each shares a target with the next but one.
    let mirror = |number: usize| {
        format!(
            "  - {{name: m{number}, source: a.b/{number}, target: [r.test/{number}, r.test/{}], tags: [1]}}\n",
            number + 2
        )
    };
    let text = format!("mirrors:\n{}", (0..names.len()).map(mirror).collect::<String>());
    let shard_of = |name: &str| {
        let has = |index: &u64| {
            let mut config = parse(&text).unwrap();
            config.keep_shard(format!("{index}/4").parse::<Shard>().unwrap());
            config.mirrors.iter().any(|mirror| mirror.name == name)
        };
        (0..4).filter(has).collect::<Vec<_>>()
    };
    let shards: Vec<_> = names.iter().map(|name| shard_of(name)).collect();
    assert!(shards.iter().all(|shards| shards.len() == 1), "{shards:?}");
    assert!(shards.iter().step_by(2).all(|shard| *shard == shards[0]), "{shards:?}");
    assert!(shards.iter().skip(1).step_by(2).all(|shard| *shard == shards[1]), "{shards:?}");
}
