//! A job as it is written down. `README.md` says what the keys mean.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde::Deserialize;

/// Repositories, and which image is in each under which name.
pub(crate) type Repositories = BTreeMap<String, BTreeMap<String, String>>;

/// One job.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Job {
    pub(crate) name: String,
    pub(crate) seen: String,
    pub(crate) does: String,
    #[serde(default)]
    pub(crate) source: Repositories,
    #[serde(default)]
    pub(crate) images: BTreeMap<String, Shape>,
    #[serde(default)]
    pub(crate) catalogue: BTreeMap<String, Vec<String>>,
    #[serde(default)]
    pub(crate) existing: Repositories,
    #[serde(default)]
    pub(crate) env: BTreeMap<String, String>,
    pub(crate) args: Option<Vec<String>>,
    pub(crate) config: Option<String>,
    #[serde(default)]
    pub(crate) target: Repositories,
    #[serde(default)]
    pub(crate) referrers: BTreeMap<String, Vec<String>>,
    #[serde(default)]
    pub(crate) fails: BTreeMap<String, Vec<String>>,
    pub(crate) cannot: Option<String>,
    pub(crate) import: Option<Import>,
}

/// What an image is made of.
#[derive(Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Shape {
    #[serde(default)]
    pub(crate) platforms: Vec<String>,
    #[serde(default)]
    pub(crate) referrers: usize,
}

/// What another tool is told.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Import {
    pub(crate) kind: String,
    pub(crate) text: Option<String>,
    #[serde(default)]
    pub(crate) files: BTreeMap<String, String>,
    pub(crate) to: Option<String>,
}

/// The jobs of all files in a folder: `aside`, or nothing for those that were worked on.
pub(crate) fn jobs(folder: &str) -> Vec<Job> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/field/jobs").join(folder);
    let mut paths: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "yaml"));
    paths.sort();
    let read = |path: &std::path::PathBuf| {
        let text = fs::read_to_string(path).unwrap();
        serde_yaml::from_str::<Vec<Job>>(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    };
    paths.iter().flat_map(read).collect()
}
