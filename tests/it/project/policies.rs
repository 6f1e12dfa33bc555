//! The policies in `deploy/iam` allow what the code can ask of AWS, and nothing else; the tables for people say the same.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use regex::Regex;
use serde_json::Value;

use crate::project::sources;

/// The SDKs that the code may use, with the prefix of their services in IAM actions.
const SERVICES: &[(&str, &str)] = &[
    ("aws-sdk-ecr", "ecr"),
    ("aws-sdk-eventbridge", "events"),
    ("aws-sdk-secretsmanager", "secretsmanager"),
    ("aws-sdk-sns", "sns"),
];

/// The verbs of the registry client as `src/registry` writes them, and the actions that ECR wants for each.
///
/// Its data plane checks the actions of the API: what a push and a pull need is in AWS' guide, "IAM permissions for
/// pushing an image". A `POST` that mounts a layer asks for its download on the repository that has it.
const DATA_PLANE: &[(&str, &[&str])] = &[
    ("GET blobs/", &["ecr:GetDownloadUrlForLayer"]),
    ("GET referrers/", &["ecr:BatchGetImage"]),
    ("GET tags/list", &["ecr:ListImages"]),
    (
        "POST blobs/uploads/",
        &[
            "ecr:InitiateLayerUpload",
            "ecr:UploadLayerPart",
            "ecr:CompleteLayerUpload",
            "ecr:GetDownloadUrlForLayer",
        ],
    ),
    ("PUT manifests/", &["ecr:PutImage"]),
    ("method blobs/", &["ecr:BatchCheckLayerAvailability", "ecr:GetDownloadUrlForLayer"]),
    ("method manifests/", &["ecr:BatchGetImage"]),
];

/// What AWS checks besides what is called, when a repository is made: its tags are a permission of their own, and
/// its key is used in the caller's name.
const BESIDES: &[&str] = &["ecr:TagResource", "kms:CreateGrant", "kms:DescribeKey"];

/// The policies whose actions the README of the project lists, where people meet them first.
const IN_README: &[&str] =
    &["mirror.json", "create.json", "source.json", "secret.json", "notices.json", "assume-role.json"];

fn root(place: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(place)
}

fn text(place: &str) -> String {
    fs::read_to_string(root(place)).unwrap()
}

/// The source files below a folder with their text, without their tests, which come last.
fn code(folder: &str) -> impl Iterator<Item = (PathBuf, String)> {
    let without_tests = |text: String| text.split("#[cfg(test)]").next().unwrap().to_owned();
    sources(&root(folder)).into_iter().map(move |(path, text)| (path, without_tests(text)))
}

fn matches(pattern: &str, text: &str) -> Vec<String> {
    let groups = Regex::new(pattern).unwrap();
    groups.captures_iter(text).map(|found| found[1].to_owned()).collect()
}

/// `batch_get_image` as `BatchGetImage`.
fn pascal(snake: &str) -> String {
    snake.split('_').map(|word| word[..1].to_uppercase() + &word[1..]).collect()
}

/// The actions of a policy.
fn allowed(file: &str) -> BTreeSet<String> {
    let policy: Value = serde_json::from_str(&text(&format!("deploy/iam/{file}"))).unwrap();
    let actions = policy["Statement"].as_array().unwrap().iter().map(|statement| &statement["Action"]);
    let names = actions.flat_map(|action| action.as_array().cloned().unwrap_or_else(|| vec![action.clone()]));
    names.map(|name| name.as_str().unwrap().to_owned()).collect()
}

/// The policies of `deploy/iam` that whoever runs tagferry has; those in `trust` are for roles.
fn policies() -> Vec<String> {
    let files = fs::read_dir(root("deploy/iam")).unwrap().map(|entry| entry.unwrap().file_name());
    let names = files.map(|name| name.into_string().unwrap());
    names.filter(|name| Path::new(name).extension().is_some_and(|extension| extension == "json")).collect()
}

fn allowed_by_all() -> BTreeSet<String> {
    policies().iter().flat_map(|file| allowed(file)).collect()
}

/// The services whose SDKs a text uses.
fn services(code: &str) -> Vec<&'static str> {
    let is_used = |sdk: &str| code.contains(&sdk.replace('-', "_"));
    SERVICES.iter().filter(|(sdk, _)| is_used(sdk)).map(|(_, service)| *service).collect()
}

/// The actions for the calls of the SDKs: each is a method without arguments on something called `client`.
fn called() -> BTreeSet<String> {
    let allowed = allowed_by_all();
    let mut found = BTreeSet::new();
    for (path, code) in code("src") {
        let services = services(&code);
        let sent = code.matches(".send()").count();
        // What is sent by the HTTP library is no call of AWS by name: that of the SDK's own transport neither.
        if services.is_empty() || code.contains("reqwest::Client") {
            assert!(sent == 0 || code.contains("reqwest"), "{}: who sends this?", path.display());
            continue;
        }
        let operations = matches(r"\bclient\s*\.\s*([a-z_]+)\(\)", &code);
        assert_eq!(operations.len(), sent, "{}: calls of AWS that this test does not see", path.display());
        for operation in operations {
            let candidates = services.iter().map(|service| format!("{service}:{}", pascal(&operation)));
            let candidates: Vec<String> = candidates.collect();
            // In a file that uses several services, the policies tell which has such an action.
            let action = candidates.iter().find(|action| allowed.contains(*action)).unwrap_or(&candidates[0]);
            found.insert(action.clone());
        }
    }
    found
}

#[test]
fn the_policies_allow_what_the_code_calls_and_nothing_else() {
    let mut expected = called();
    expected.extend(DATA_PLANE.iter().flat_map(|(_, actions)| *actions).map(|&action| action.to_owned()));
    expected.extend(BESIDES.iter().map(|&action| action.to_owned()));
    let code: String = code("src").map(|(_, code)| code).collect();
    if code.contains("AssumeRoleProvider::builder") {
        expected.insert("sts:AssumeRole".to_owned());
    }
    assert_eq!(allowed_by_all(), expected);
}

#[test]
fn the_verbs_of_the_registry_client_are_known_here() {
    let verb = Regex::new(r#"\.(?:read|write)\((?:Method::)?(\w+), &?(?:format!\()?"([a-z/]+)"#).unwrap();
    let code: String = code("src/registry").map(|(_, code)| code).collect();
    let verbs: BTreeSet<String> =
        verb.captures_iter(&code).map(|found| format!("{} {}", &found[1], &found[2])).collect();
    assert_eq!(verbs, DATA_PLANE.iter().map(|(verb, _)| (*verb).to_owned()).collect());
}

#[test]
fn the_sdks_are_those_that_are_known_here() {
    let sdks: BTreeSet<String> =
        matches(r"(?m)^(aws-sdk-[a-z]+) = ", &text("Cargo.toml")).into_iter().collect();
    assert_eq!(sdks, SERVICES.iter().map(|(sdk, _)| (*sdk).to_owned()).collect());
}

#[test]
fn each_action_has_a_reason() {
    let readme = text("deploy/iam/README.md");
    let row = Regex::new(r"(?m)^\| `([a-z]+:[A-Za-z]+)` \| ((?:`[a-z-]+\.json` )+)\| (.+) \|$").unwrap();
    let mut told = BTreeSet::new();
    for found in row.captures_iter(&readme) {
        for file in matches("`([a-z-]+\\.json)`", &found[2]) {
            told.insert((file, found[1].to_owned()));
        }
    }
    let allowed = policies().into_iter().flat_map(|file| {
        let actions = allowed(&file);
        actions.into_iter().map(move |action| (file.clone(), action))
    });
    assert_eq!(told, allowed.collect());
}

#[test]
fn the_readme_of_the_project_lists_the_actions_of_the_main_policies() {
    let table = text("README.md");
    let rows = table.lines().filter(|line| line.starts_with("| `"));
    let told: BTreeSet<String> = rows
        .flat_map(|row| matches("`((?:ecr|events|kms|secretsmanager|sns|sts):[A-Za-z]+)`", row))
        .collect();
    let required: BTreeSet<String> = IN_README.iter().flat_map(|file| allowed(file)).collect();
    assert!(told.is_superset(&required), "missing: {:?}", required.difference(&told));
    assert!(told.is_subset(&allowed_by_all()), "{told:?}");
}
