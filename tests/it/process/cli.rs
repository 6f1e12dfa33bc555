//! The program as users run it: what goes to which output, and how it ends.

use std::fs;
use std::process::Stdio;

use serde_json::Value;

use crate::fake::{Action, Face, Fault, Match, Registry, image};
use crate::world::program::{Program, Ran};
use crate::world::{APP, Side, assert_says, mirror};

const FIVE_FAULTS: &str = "\
mirrors:
  - source: https://container-registry.oracle.com/java/jdk
    target: registry.test/oracle/jdk
    tags:
      - match: '^21('
      - match: ^25$
        newest: 1
        per: lin
  - source: quay.io/a/b
    tagret: registry.test/a/b
    tags:
      - match: ^1$
        newest: none
";

const RIGHT: &str = "\
mirrors:
  - source: container-registry.oracle.com/java/jdk
    target: registry.test/oracle/jdk
    tags: [{match: ^21$}]
";

const MIRROR: &str = r"
  - source: SOURCE/java/jdk
    target: TARGET/oracle/jdk
    tags:
      - match: ^21\.0\.[0-9]+$
        newest: 2
";

#[test]
fn every_fault_of_the_configuration_is_told_at_once() {
    let ran = Program::configured(FIVE_FAULTS).run(&["check"]);
    ran.assert_code(2);
    assert_eq!(ran.stdout, "");
    insta::assert_snapshot!(ran.stderr, @"
    tagferry.yaml:2:13: mirrors[0].source: write HOST/PATH without `https://`
    tagferry.yaml:5:16: mirrors[0].tags[0].match: not a regular expression: unclosed group, at character 4, `(`
    tagferry.yaml:8:14: mirrors[0].tags[1].per: no group named `lin` in `match`
    tagferry.yaml:10:5: mirrors[1]: unknown key `tagret`, did you mean `target`?
    tagferry.yaml:13:17: mirrors[1].tags[0].newest: expected a whole number, found a text
    5 faults in tagferry.yaml
    ");
}

#[test]
fn a_right_configuration_is_shown_as_it_was_understood() {
    let ran = Program::configured(RIGHT).run(&["check"]);
    ran.assert_code(0);
    assert_eq!(ran.stderr, "");
    insta::assert_snapshot!(ran.stdout, @"
    java/jdk
      source     container-registry.oracle.com/java/jdk
      target     registry.test/oracle/jdk
      tags       match ^21$
      schedule   none: runs when asked

    container-registry.oracle.com
      login      that of Docker's config.json, if it has one
      limits     8 requests at a time

    registry.test
      login      that of Docker's config.json, if it has one
      limits     8 requests at a time

    at a time    2 mirrors, 4 tags of each, 8 layers, 4 parts of one layer
    patience     connection 10s, next byte 30s, whole answer 1m; 25s to end
    ");
}

#[test]
fn without_a_configuration_the_program_says_how_to_give_one() {
    let ran = Program::new().run(&["sync"]);
    ran.assert_code(2);
    assert_eq!(ran.stdout, "");
    assert!(ran.stderr.starts_with("error: cannot read the configuration tagferry.yaml"), "{}", ran.stderr);
    assert!(ran.stderr.contains("\nhint: ") && ran.stderr.contains("TAGFERRY_CONFIG_YAML"), "{}", ran.stderr);
}

#[test]
fn the_text_of_the_configuration_may_be_a_variable_and_an_option_wins_over_it() {
    let program = Program::configured(RIGHT).variable("TAGFERRY_CONFIG_YAML", "mirrors: []");
    let ran = program.run(&["check"]);
    assert!(ran.assert_code(2).stderr.starts_with("TAGFERRY_CONFIG_YAML:1:"), "{}", ran.stderr);
    program.run(&["check", "--config", "tagferry.yaml"]).assert_code(0);
}

#[test]
fn the_configuration_may_come_from_standard_input() {
    let program = Program::configured(RIGHT);
    let file = fs::File::open(program.folder().join("tagferry.yaml")).unwrap();
    let output = program.command(&["-c", "-", "check"]).stdin(file).output().unwrap();
    assert!(Ran::from(output).assert_code(0).stdout.starts_with("java/jdk\n"));
}

#[test]
fn wrong_usage_ends_with_2() {
    let program = Program::configured(RIGHT);
    for arguments in [
        &["sync", "--no-such-option"][..],
        &["sync", "--mirror", "no-such-mirror"],
        &["tags", "registry.test/a/b:21"],
        &["tags", "registry.test/a/b", "--match", "("],
        &["tags", "registry.test/a/b", "--per", "line"],
        &["tags", "registry.test/a/b", "--explain", "--output", "json"],
        &["check", "-q", "-v"],
        &[],
    ] {
        let ran = program.run(arguments);
        ran.assert_code(2);
        assert!(!ran.stderr.is_empty() && ran.stdout.is_empty(), "{arguments:?}");
    }
}

#[test]
fn an_unknown_mirror_is_answered_with_the_known_ones() {
    let ran = Program::configured(RIGHT).run(&["sync", "--mirror", "jdk"]);
    ran.assert_code(2);
    assert_eq!(ran.stderr, "error: no mirror is named `jdk`; there are: java/jdk\n");
}

#[test]
fn check_shows_only_the_mirrors_that_are_named() {
    let more = RIGHT.replace("mirrors:", "mirrors:\n  - {source: a.b/c, target: d.e/f, tags: [{match: x}]}");
    let program = Program::configured(&more);
    let ran = program.run(&["check", "--mirror", "a.b/c"]);
    assert_eq!(ran.assert_code(2).stderr, "error: no mirror is named `a.b/c`; there are: c, java/jdk\n");
    let ran = program.run(&["check", "--mirror", "c"]);
    let shown = &ran.assert_code(0).stdout;
    assert!(shown.starts_with("c\n") && !shown.contains("java/jdk"), "{shown}");
}

#[test]
fn counts_and_repositories_that_are_none_are_explained() {
    let program = Program::configured(RIGHT);
    for (arguments, expected) in [
        (["tags", "registry.test/a", "--newest", "0"], "expected a whole number of 1 or more"),
        (["tags", "registry.test/a", "--newest", "-1"], "expected a whole number of 1 or more"),
        (
            ["tags", "127.0.0.1:5000", "--newest", "1"],
            "names a registry and no repository in it: write HOST:PORT/PATH",
        ),
    ] {
        let ran = program.run(&arguments);
        assert!(ran.assert_code(2).stderr.contains(expected), "{}", ran.stderr);
    }
}

#[test]
fn a_configuration_with_the_other_ending_is_pointed_out() {
    let program = Program::new();
    fs::write(program.folder().join("tagferry.yml"), RIGHT).unwrap();
    let ran = program.run(&["check"]);
    assert!(
        ran.assert_code(2)
            .stderr
            .ends_with("hint: there is a tagferry.yml: rename it, or use `--config tagferry.yml`\n"),
        "{}",
        ran.stderr
    );
}

#[test]
fn without_aws_credentials_nothing_starts() {
    let config = RIGHT.replace("registry.test", "123456789012.dkr.ecr.eu-central-1.amazonaws.com");
    let ran = Program::configured(&config).variable("AWS_EC2_METADATA_DISABLED", "true").run(&["sync"]);
    ran.assert_code(3);
    assert!(ran.stderr.starts_with("error: no AWS credentials found: give the task"), "{}", ran.stderr);
    assert_eq!(ran.stdout, "");
}

#[test]
fn what_the_configuration_asks_for_and_is_not_there_ends_with_3() {
    let config = format!("{RIGHT}registries: {{registry.test: {{ca_file: missing.pem}}}}\n");
    let ran = Program::configured(&config).run(&["sync"]);
    ran.assert_code(3);
    assert!(ran.stderr.contains("missing.pem"), "{}", ran.stderr);

    let login = "credentials: {username: me, password_file: missing.txt}";
    let program = Program::configured(&format!("{RIGHT}registries: {{registry.test: {{{login}}}}}\n"));
    for arguments in [&["sync"][..], &["plan"], &["serve", "--listen", "127.0.0.1:0"], &["check", "--online"]]
    {
        let ran = program.run(arguments);
        let said = "error: no login for registry.test: cannot read the password file `missing.txt`: ";
        assert!(ran.assert_code(3).stderr.contains(said), "{}", ran.stderr);
    }
    // It may be there where the configuration is for.
    let ran = program.run(&["check"]);
    let said = "WARN no login for registry.test: cannot read the password file `missing.txt`: ";
    assert!(ran.assert_code(0).stderr.contains(said), "{}", ran.stderr);
    program.run(&["check", "--strict"]).assert_code(2);
}

#[test]
fn the_words_of_other_programs_are_answered_with_ours() {
    let program = Program::configured(RIGHT);
    for (arguments, said) in [
        (&["sync", "--dry-run"][..], "`tagferry plan` shows what a run would do"),
        (&["sync", "prod.yaml"], "the configuration is named by `--config prod.yaml`"),
        (&["list", "quay.io/a/b"], "that is `tagferry tags REPOSITORY`"),
        (&["validate"], "that is `tagferry check`"),
    ] {
        let ran = program.run(arguments);
        assert!(ran.assert_code(2).stderr.contains(said), "{}", ran.stderr);
    }
}

#[test]
fn the_schema_is_one_document() {
    let ran = Program::new().run(&["schema"]);
    let schema: Value = serde_json::from_str(&ran.assert_code(0).stdout).unwrap();
    assert!(schema["properties"]["mirrors"].is_object(), "{schema}");
}

#[test]
fn every_shell_has_completions() {
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let ran = Program::new().run(&["completions", shell]);
        assert!(ran.assert_code(0).stdout.contains("tagferry"), "{shell}");
    }
}

#[test]
fn every_command_has_a_man_page_that_says_what_its_help_says() {
    let program = Program::new();
    program.run(&["man", "--output", "man/man1"]).assert_code(0);
    let page = |name: &str| fs::read_to_string(program.folder().join("man/man1").join(name)).unwrap();
    let whole = page("tagferry.1");
    assert_eq!(program.run(&["man"]).assert_code(0).stdout, whole);
    let help = program.run(&["--help"]).assert_code(0).stdout.clone();
    let commands = help.split("Commands:\n").nth(1).unwrap().lines().take_while(|line| !line.is_empty());
    let commands: Vec<_> = commands.map(|line| line.split_whitespace().next().unwrap()).collect();
    assert!(commands.contains(&"sync") && commands.contains(&"man"), "{commands:?}");
    for command in commands.into_iter().filter(|command| *command != "help") {
        let page = page(&format!("tagferry-{command}.1"));
        assert_eq!(program.run(&["man", command]).assert_code(0).stdout, page);
        assert!(whole.contains(&format!("tagferry\\-{}(1)", command.replace('-', "\\-"))), "{command}");
        for section in ["TH tagferry", "SH NAME", "SH SYNOPSIS", "SH DESCRIPTION", "SH EXAMPLE"] {
            assert!(
                page.lines().any(|line| line.starts_with(&format!(".{section}"))),
                "{command}: {section}"
            );
        }
        assert!(page.contains("\\-\\-log\\-format"), "the options of all commands: {page}");
    }
}

#[test]
fn a_man_page_of_no_command_is_wrong_usage() {
    let ran = Program::new().run(&["man", "synk"]);
    assert!(
        ran.assert_code(2).stderr.starts_with("error: there is no command `synk`; there are: sync, "),
        "{}",
        ran.stderr
    );
    Program::new().run(&["man", "sync", "--output", "man"]).assert_code(2);
}

#[test]
fn a_reader_that_goes_away_is_no_failure() {
    let mut child = Program::new().command(&["schema"]).stdout(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

/// A source with a few tags.
async fn source() -> Registry {
    let source = Registry::start(Face::Token).await;
    for tag in ["8u491", "21.0.9", "21.0.10", "21.0.11", "21.0.11-oraclelinux9", "latest"] {
        source.push("java/jdk", tag, &image(&["oracle linux", tag]));
    }
    source
}

/// A configuration that knows how to talk to a source, and no more of it than `tags` needs.
fn knows(source: &Registry) -> Program {
    let target = Side { host: "registry.test".to_owned(), settings: "{}".to_owned() };
    Program::configured(&mirror(source, target, MIRROR))
}

#[tokio::test]
async fn tags_are_listed_newest_first_for_people_and_scripts() {
    let source = source().await;
    let (program, repository) = (knows(&source), format!("{}/java/jdk", source.host()));
    let filter = ["tags", &repository, "--match", r"^21\.0\.[0-9]+$", "--newest", "2"];
    let ran = program.run_online(&filter).await;
    assert_eq!(ran.assert_code(0).stdout, "21.0.11\n21.0.10\n");
    assert_eq!(ran.stderr, "");
    let ran = program.run_online(&[&filter[..], &["--output", "json"]].concat()).await;
    let document: Value = serde_json::from_str(&ran.assert_code(0).stdout).unwrap();
    assert_eq!(document, serde_json::json!({"name": "java/jdk", "tags": ["21.0.11", "21.0.10"]}));
    let ran = program.run_online(&["tags", &repository]).await;
    let expected = "21.0.11\n21.0.10\n21.0.9\n8u491\n21.0.11-oraclelinux9\nlatest\n";
    assert_eq!(ran.assert_code(0).stdout, expected);
}

#[tokio::test]
async fn a_filter_that_leaves_nothing_is_a_failure_and_says_so_beside_the_data() {
    let source = source().await;
    let repository = format!("{}/java/jdk", source.host());
    let ran = knows(&source).run_online(&["tags", &repository, "--match", "^22"]).await;
    ran.assert_code(1);
    assert_eq!(ran.stdout, "");
    assert!(ran.stderr.starts_with("error: none of the 6 tags of "), "{}", ran.stderr);
}

#[tokio::test]
async fn a_list_that_cannot_be_read_is_a_failure() {
    let source = source().await;
    let repository = format!("{}/no/such", source.host());
    let ran = knows(&source).run_online(&["tags", &repository]).await;
    ran.assert_code(1);
    assert!(ran.stderr.contains(&format!("cannot read the tags of {repository}: GET ")), "{}", ran.stderr);
}

#[tokio::test]
async fn a_run_prints_one_document_and_logs_beside_it() {
    let (source, target) = (source().await, Registry::start(Face::Token).await);
    let program = Program::configured(&mirror(&source, &target, MIRROR));
    let ran = program.run_online(&["sync", "--output", "json", "--log-format", "json"]).await;
    let document: Value = serde_json::from_str(&ran.assert_code(0).stdout).unwrap();
    assert_eq!(document["totals"]["copied"], 2, "{document}");
    let lines: Vec<Value> = ran.stderr.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(lines.iter().any(|line| line["tag"] == "21.0.11" && line["level"] == "INFO"), "{}", ran.stderr);
}

#[tokio::test]
async fn a_failed_tag_makes_the_run_a_failure_and_the_document_complete() {
    let (source, target) = (source().await, Registry::start(Face::Token).await);
    let refused = Match::manifest_put().containing("21.0.10");
    target.fault(Fault::new(refused, Action::error(405, "UNSUPPORTED", "not this one")));
    let program = Program::configured(&mirror(&source, &target, MIRROR));
    let ran = program.run_online(&["sync", "--quiet", "--output", "json"]).await;
    let document: Value = serde_json::from_str(&ran.assert_code(1).stdout).unwrap();
    assert_eq!(document["outcome"], "failed");
    assert_eq!((&document["totals"]["copied"], &document["totals"]["failed"]), (&1.into(), &1.into()));
    let ran = program.run_online(&["plan", "--quiet"]).await;
    assert!(ran.assert_code(0).stdout.contains("newest 2 of 3; missing in target"), "{}", ran.stdout);
    assert_eq!(ran.stderr, "");
}

#[tokio::test]
async fn for_people_a_line_of_the_log_is_a_sentence_and_quiet_leaves_failures_to_the_result() {
    let (source, target) = (source().await, Registry::start(Face::Token).await);
    let refused = Match::manifest_put().containing("21.0.10");
    target.fault(Fault::new(refused, Action::error(405, "UNSUPPORTED", "not this one")));
    let program = Program::configured(&mirror(&source, &target, MIRROR));
    let ran = program.run_online(&["sync"]).await;
    ran.assert_code(1);
    let ends = |line: &str| ran.stderr.lines().any(|logged| logged.ends_with(line));
    assert!(ends(" INFO `java/jdk`: 2 of 6 tags selected"), "{}", ran.stderr);
    assert!(ends(" INFO Done `java/jdk`: 1 copied, 0 up to date, 1 failed"), "{}", ran.stderr);
    assert_eq!(ran.stderr.matches("not this one").count(), 1, "{}", ran.stderr);
    let ran = program.run_online(&["sync", "--quiet"]).await;
    assert!(ran.assert_code(1).stdout.contains("not this one"), "{}", ran.stdout);
    assert_eq!(ran.stderr, "");
}

#[tokio::test]
async fn a_plan_of_what_is_selected_counts_the_rest() {
    let (source, target) = (source().await, Registry::start(Face::Token).await);
    let program = Program::configured(&mirror(&source, &target, MIRROR));
    let ran = program.run_online(&["plan", "--selected", "--quiet"]).await;
    let plan = &ran.assert_code(0).stdout;
    assert!(plan.contains("\nleft out: 3 match no rule, 1 older than the newest\n"), "{plan}");
    assert!(plan.contains("\n21.0.10 ") && !plan.contains("8u491"), "{plan}");
}

#[tokio::test]
async fn both_sides_are_asked_where_check_is_online() {
    let (source, target) = (source().await, Registry::start(Face::Token).await);
    let program = Program::configured(&mirror(&source, &target, MIRROR));
    let ran = program.run_online(&["check", "--online"]).await;
    assert!(ran.assert_code(0).stdout.contains("6 tags"), "{}", ran.stdout);
    source.fault(Fault::new(Match::tags(), Action::error(404, "NAME_UNKNOWN", "no such repository")));
    let ran = program.run_online(&["check", "--online"]).await;
    assert!(ran.assert_code(1).stdout.contains("error: java/jdk: source: "), "{}", ran.stdout);
}

#[tokio::test]
async fn a_pattern_without_its_anchors_is_a_note_that_names_what_came_in_by_that() {
    let (source, target) = (source().await, Registry::start(Face::Token).await);
    let unanchored = MIRROR.replace(r"^21\.0\.[0-9]+$", "21.0.1");
    let program = Program::configured(&mirror(&source, &target, &unanchored));
    let note =
        r"not anchored: it also matches `121.0.1`, `21.0.11`, `21.0.1.1`; `^21\.0\.1$` matches none of these";
    let checked = program.run_online(&["check", "--strict", "--online"]).await;
    let came_in = "; selected by that: 21.0.11, 21.0.10, 21.0.11-oraclelinux9\n";
    assert_says(
        &checked.assert_code(0).stdout,
        &[
            &format!("\n             note: {note}\n"),
            &format!("\nnote: java/jdk: tags[0] (match 21.0.1) is {note}{came_in}"),
        ],
    );
    let repository = format!("{}/java/jdk", source.host());
    for command in [&["plan"][..], &["tags", &repository, "--match", "21.0.1", "--explain"]] {
        let ran = program.run_online(command).await;
        assert_says(
            &ran.assert_code(0).stdout,
            &[&format!("\nnote: tags[0] (match 21.0.1) is {note}{came_in}")],
        );
    }
}

#[tokio::test]
async fn named_mirrors_run_alone() {
    let (source, target) = (Registry::start(Face::Open).await, Registry::start(Face::Open).await);
    source.push("app", "1", &image(&["1"]));
    let all = APP.to_owned() + &APP.replace("app", "other");
    let program = Program::configured(&mirror(&source, &target, &all));
    let ran = program.run_online(&["sync", "--mirror", "app", "--output", "json"]).await;
    let document = ran.assert_code(0).document();
    assert_eq!(document["mirrors"].as_array().unwrap().len(), 1);
    assert_eq!(document["mirrors"][0]["name"], "app");
    let ran = program.run_online(&["sync", "--mirror", "nobody"]).await;
    let words = "no mirror is named `nobody`; there are: app, other";
    assert!(ran.assert_code(2).stderr.contains(words), "{}", ran.stderr);
}

#[tokio::test]
async fn shards_do_all_of_the_work_and_each_its_own() {
    let (source, target) = (Registry::start(Face::Open).await, Registry::start(Face::Open).await);
    let mut mirrors = String::new();
    for number in 0..6 {
        source.push(&format!("app-{number}"), "1", &image(&["1"]));
        mirrors += &APP.replace("app", &format!("app-{number}"));
    }
    let config = mirror(&source, &target, &mirrors);
    let mut done = Vec::new();
    for index in ["0", "1", "2"] {
        let program = Program::configured(&config)
            .variable("JOB_COMPLETION_INDEX", index)
            .variable("TAGFERRY_SHARDS", "3");
        let ran = program.run_online(&["sync", "--output", "json"]).await;
        let document = ran.assert_code(0).document();
        let names = document["mirrors"].as_array().unwrap().iter();
        done.extend(names.map(|mirror| mirror["name"].as_str().unwrap().to_owned()));
    }
    done.sort_unstable();
    assert_eq!(done, (0..6).map(|number| format!("app-{number}")).collect::<Vec<_>>());
    let ran = Program::configured(&config).run_online(&["sync", "--shard", "3/3"]).await;
    assert!(ran.assert_code(2).stderr.contains("there is no shard 3 of 3"), "{}", ran.stderr);
}
