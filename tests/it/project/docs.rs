//! What the documents show is true: links lead somewhere, configurations are right, commands are understood.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use regex::Regex;

use crate::project::sources;
use crate::world::program::Program;

/// What the fragments below stand beside, so that each is a whole configuration.
const MIRROR: &str = "
mirrors:
  - source: container-registry.oracle.com/java/jdk
    target: 123456789012.dkr.ecr.ap-northeast-1.amazonaws.com/oracle/jdk
";
const TAGS: &str = "    tags: [{match: ^21$}]\n";
/// The keys of a configuration that documents show without mirrors.
const SECTIONS: [&str; 6] =
    ["schedule", "registries", "notices", "concurrency", "timeouts", "shutdown_grace"];
/// The value of every variable in them: it may be an address, too.
const VALUE: &str = "https://secret.example.com/value";

/// Text between two fences.
struct Block {
    /// Where it is, for people.
    place: String,
    language: String,
    text: String,
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Every Markdown file that is for people, with its text.
fn documents() -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    let mut folders: Vec<PathBuf> = ["docs", "deploy", "tests"].map(|name| root().join(name)).into();
    let mut add = |path: &Path| found.push((path.to_owned(), fs::read_to_string(path).unwrap()));
    for entry in fs::read_dir(root()).unwrap() {
        let path = entry.unwrap().path();
        if is_markdown(&path) {
            add(&path);
        }
    }
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if is_markdown(&path) {
                add(&path);
            }
        }
    }
    assert!(found.len() > 10, "the documents were not found");
    found
}

fn is_markdown(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "md")
}

/// The fenced blocks of all documents. Fences inside lists are indented, and so is what is between them.
fn blocks() -> Vec<Block> {
    let fence = Regex::new(r"(?ms)^( *)```([a-z]*)\n(.*?)^ *```$").unwrap();
    let mut found = Vec::new();
    for (path, document) in documents() {
        for block in fence.captures_iter(&document) {
            let line = document[..block.get(0).unwrap().start()].lines().count() + 1;
            let text = block[3].lines().map(|line| line.strip_prefix(&block[1]).unwrap_or(line));
            found.push(Block {
                place: format!("{}:{line}", path.strip_prefix(root()).unwrap().display()),
                language: block[2].to_owned(),
                text: text.collect::<Vec<_>>().join("\n") + "\n",
            });
        }
    }
    found
}

/// The names of the headings of a document, as links have them.
fn anchors(document: &str) -> BTreeSet<String> {
    let headings = document.lines().filter_map(|line| line.trim_start_matches('#').strip_prefix(' '));
    let name = |heading: &str| {
        let kept = heading.to_lowercase().replace(' ', "-");
        kept.chars().filter(|letter| letter.is_alphanumeric() || "-_".contains(*letter)).collect()
    };
    headings.map(name).collect()
}

#[test]
fn links_lead_somewhere() {
    let link = Regex::new(r#"\]\(([^)\s]+)\)|(?:src|href)="([^"]+)""#).unwrap();
    let mut dead = Vec::new();
    for (path, document) in documents() {
        for found in link.captures_iter(&document) {
            let address = found.get(1).or(found.get(2)).unwrap().as_str();
            if address.contains("://") {
                continue;
            }
            let (file, anchor) = address.split_once('#').unwrap_or((address, ""));
            let target = if file.is_empty() { path.clone() } else { path.parent().unwrap().join(file) };
            let is_known = || anchors(&fs::read_to_string(&target).unwrap()).contains(anchor);
            if !target.exists() || !anchor.is_empty() && !is_known() {
                dead.push(format!("{}: {address}", path.display()));
            }
        }
    }
    assert_eq!(dead, [""; 0]);
}

/// The figure moves with nobody's row: it is a lower bound.
#[test]
fn as_many_public_reports_are_rows_as_the_page_on_reliability_says() {
    let report = Regex::new(r"[\w.-]+/[\w.-]+#[0-9]+").unwrap();
    let mut reports = BTreeSet::new();
    for entry in fs::read_dir(root().join("tests/field/quirks")).unwrap() {
        let rows = fs::read_to_string(entry.unwrap().path()).unwrap();
        reports.extend(report.find_iter(&rows).map(|found| found.as_str().to_owned()));
    }
    let page = fs::read_to_string(root().join("docs/reliability.md")).unwrap();
    let figure = Regex::new(r"(?m)^\| public reports .* \| ([0-9]+) \|$").unwrap();
    let figure: usize = figure.captures(&page).expect("the figure is missing")[1].parse().unwrap();
    assert!(reports.len() >= figure, "{} reports, and the page says {figure}", reports.len());
}

/// A fragment as a whole configuration; none where it is something else.
fn configuration(text: &str) -> Option<String> {
    let key = text.lines().find(|line| !line.trim_start().starts_with('#') && line.contains(':'))?;
    match key.split(':').next()? {
        _ if text.contains("apiVersion:") => None,
        "mirrors" => Some(text.to_owned()),
        "    tags" => Some(format!("{MIRROR}{text}")),
        _ if text.lines().any(|line| line.starts_with("mirrors:")) => Some(text.to_owned()),
        section if SECTIONS.contains(&section) => Some(format!("{text}{MIRROR}{TAGS}")),
        _ => None,
    }
}

#[test]
fn configurations_in_documents_are_right() {
    let variable = Regex::new(r"\$\{([A-Z_]+)\}").unwrap();
    let mut checked = 0;
    // Examples are copied: none finds more than it says.
    let is_loose = |line: &str| line.contains("note: not anchored") || line.contains(r"\\");
    for Block { place, text, .. } in blocks().iter().filter(|block| block.language == "yaml") {
        let Some(text) = configuration(text) else { continue };
        let program = Program::configured(&text);
        let mut command = program.command(&["check"]);
        command.envs(variable.captures_iter(&text).map(|found| (found[1].to_owned(), VALUE)));
        let output = command.output().unwrap();
        assert!(output.status.success(), "{place}: {}\n{text}", String::from_utf8_lossy(&output.stderr));
        let shown = String::from_utf8_lossy(&output.stdout);
        assert_eq!(shown.lines().find(|line| is_loose(line)), None, "{place}");
        checked += 1;
    }
    assert!(checked > 8, "only {checked} configurations were found");
}

/// The words of the first command of a line, as a shell reads it: up to what follows it. None for unbalanced quotes.
fn words(line: &str) -> Option<Vec<String>> {
    let (mut words, mut word, mut quote) = (Vec::new(), None::<String>, None);
    for letter in line.chars() {
        match (quote, letter) {
            (Some(open), _) if open == letter => quote = None,
            (None, '\'' | '"') => {
                quote = Some(letter);
                word.get_or_insert_default();
            }
            (None, ' ') => words.extend(word.take()),
            (None, '#' | '|' | '>' | '<' | '&' | ';' | '\\') => break,
            _ => word.get_or_insert_default().push(letter),
        }
    }
    words.extend(word);
    quote.is_none().then_some(words)
}

/// `--help` at the end stops the program after it has read all that stands before.
#[test]
fn commands_in_documents_are_understood() {
    let command = Regex::new(r"^ *(?:\$ )?(?:[A-Z_]+=\S+ )*tagferry (.+)$").unwrap();
    let program = Program::new();
    let mut checked = 0;
    for Block { place, text, .. } in blocks() {
        for found in text.lines().filter_map(|line| command.captures(line)) {
            let arguments = words(&found[1]).unwrap_or_else(|| panic!("{place}: {}", &found[0]));
            if arguments.first().is_some_and(|first| first == "help") {
                continue;
            }
            let mut arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
            arguments.push("--help");
            let ran = program.run(&arguments);
            assert!(ran.code == Some(0), "{place}: {}\n{}", &found[0], ran.stderr);
            checked += 1;
        }
    }
    assert!(checked > 10, "only {checked} commands were found");
}

/// For those who change the code; `folders` are where the paths in a document begin.
#[test]
fn files_that_documents_name_are_there() {
    let path = Regex::new(r"`((?:[a-z0-9_.-]+/)+[A-Za-z0-9_.-]*)`").unwrap();
    for (document, folders) in [("CONTRIBUTING.md", &["."][..]), ("ARCHITECTURE.md", &[".", "src"])] {
        let text = fs::read_to_string(root().join(document)).unwrap();
        let named: Vec<&str> =
            path.captures_iter(&text).map(|found| found.get(1).unwrap().as_str()).collect();
        assert!(named.len() > 20, "{document} names only {named:?}");
        let is_gone = |path: &&str| !folders.iter().any(|folder| root().join(folder).join(path).exists());
        let gone: Vec<_> = named.into_iter().filter(is_gone).collect();
        assert_eq!(gone, [""; 0], "{document}");
    }
}

#[test]
fn the_page_on_security_names_every_place_where_answers_are_redacted() {
    let page = fs::read_to_string(root().join("docs/security.md")).unwrap();
    let (_, section) = page.split_once("## What comes back\n").unwrap();
    let (section, _) = section.split_once("\n## ").unwrap();
    let name = Regex::new(r"`(src/[a-z_/]+\.rs)`").unwrap();
    let named: BTreeSet<_> = name.captures_iter(section).map(|found| found[1].to_owned()).collect();
    let call = Regex::new(r"\bredact(ed|or)?\(").unwrap();
    let is_ours = |path: &str| !path.starts_with("src/redact/") && path != "src/text.rs";
    let places: BTreeSet<_> = sources(&root().join("src"))
        .into_iter()
        .filter(|(_, text)| call.is_match(text))
        .map(|(path, _)| path.strip_prefix(root()).unwrap().to_str().unwrap().to_owned())
        .filter(|path| is_ours(path))
        .collect();
    assert_eq!(places, named);
}
