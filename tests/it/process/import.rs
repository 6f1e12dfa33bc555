//! `tagferry import`: files in, a configuration out.

use std::fs;

use crate::world::program::{Program, Ran};

const REGSYNC: &str = "\
creds: [{registry: registry.test, user: robot, pass: hunter2}]
sync: [{source: 'quay.io/a/b:1.0', target: 'registry.test/a/b:1.0', type: image}]
";

fn program(files: &[(&str, &str)]) -> Program {
    let program = Program::new();
    for (name, text) in files {
        fs::write(program.folder().join(name), text).unwrap();
    }
    program
}

#[test]
fn several_files_are_one_configuration_that_is_right() {
    let program = program(&[("regsync.yaml", REGSYNC), ("images.txt", "nginx:1.27\nredis:7.4\n")]);
    let ran = program.run(&["import", "regsync.yaml", "images.txt", "--to", "registry.test/hub/{name}"]);
    insta::assert_snapshot!(ran.assert_code(0).stdout, @"
    # Imported from regsync.yaml (regsync).
    # Imported from images.txt (list).
    defaults:
      target: registry.test/hub/{name}
    mirrors:
      - source: quay.io/a/b
        target: registry.test/a/b
        tags: ['1.0']
      - docker.io/library/nginx:1.27
      - docker.io/library/redis:7.4
    registries:
      # registry.test: the password is not copied: put it into REGISTRY_TEST_PASSWORD
      registry.test:
        credentials:
          username: robot
          password: ${REGISTRY_TEST_PASSWORD}
    ");
    fs::write(program.folder().join("tagferry.yaml"), &ran.stdout).unwrap();
    program.variable("REGISTRY_TEST_PASSWORD", "x").run(&["check", "--strict"]).assert_code(0);
}

#[test]
fn a_file_may_come_from_standard_input() {
    let program = program(&[("regsync.yaml", REGSYNC)]);
    let file = fs::File::open(program.folder().join("regsync.yaml")).unwrap();
    let output = program.command(&["import", "-"]).stdin(file).output().unwrap();
    let ran = Ran::from(output);
    assert!(ran.assert_code(0).stdout.starts_with("# Imported from stdin (regsync).\n"), "{}", ran.stdout);
}

#[test]
fn what_cannot_be_imported_is_told_with_its_file_and_place() {
    let program = program(&[
        ("broken.yaml", "sync: [\n"),
        ("other.yaml", "a: {b: c}"),
        ("entry.yaml", "sync: [{type: image, source: a}]"),
        ("empty.yaml", "sync: []"),
        ("tagferry.yaml", "mirrors: []"),
    ]);
    for (file, words) in [
        ("broken.yaml", "error: broken.yaml: 2:1: "),
        ("other.yaml", "say so by `--from`"),
        ("entry.yaml", "error: entry.yaml: `sync[0].target` is missing"),
        ("empty.yaml", "there is nothing to mirror"),
        ("tagferry.yaml", "is a configuration of tagferry already"),
        ("missing.yaml", "error: missing.yaml: cannot be read: "),
    ] {
        let ran = program.run(&["import", file]);
        assert!(ran.assert_code(2).stderr.contains(words), "{}", ran.stderr);
        assert_eq!(ran.stdout, "");
    }
    let ran = program.run(&["import", "other.yaml", "--from", "regsync"]);
    assert!(ran.assert_code(2).stderr.contains("nothing to mirror"), "{}", ran.stderr);
}
