//! The registries of a job, what they hold, and the program that does it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use serde_json::{Value, json};
use tagferry::oci::Digest;

use crate::fake::{Draft, Format, Image, Repository, artifact, index};
use crate::jobs::host::Host;
use crate::jobs::job::{Job, Repositories};
use crate::jobs::tunnel::Tunnel;
use crate::world::program::{Program, Ran};

/// Marks a target that is a directory.
const LAYOUT: &str = "oci:";
/// How the program asks Docker Hub.
const DOCKER_HUB: (&str, &str) = ("docker.io", "registry-1.docker.io");
/// How many hexadecimal digits `hex12-of:` stands for.
const HEX_DIGITS: usize = 12;

/// A job with its registries.
pub(super) struct Stage<'a> {
    job: &'a Job,
    hosts: BTreeMap<String, Host>,
    program: Program,
    _tunnel: Tunnel,
}

impl<'a> Stage<'a> {
    pub(super) async fn new(job: &'a Job) -> Self {
        let places = [&job.source, &job.existing, &job.target].into_iter().flat_map(BTreeMap::keys);
        let places = places.chain(job.fails.keys()).chain(job.catalogue.keys());
        let names = places.filter(|place| !place.starts_with(LAYOUT)).map(|place| split(place).0);
        let mut hosts = BTreeMap::new();
        for name in names.collect::<BTreeSet<_>>() {
            hosts.insert(name.to_owned(), Host::start(name).await);
        }
        let mut servers: BTreeMap<_, _> =
            hosts.iter().map(|(name, host)| (name.clone(), host.address())).collect();
        if let Some(hub) = servers.remove(DOCKER_HUB.0) {
            servers.insert(DOCKER_HUB.1.to_owned(), hub);
        }
        // Where ECR asks for roles.
        let regions = hosts.iter().filter_map(|(name, host)| Some((name.split_once(".dkr.ecr.")?.1, host)));
        servers.extend(regions.map(|(region, ecr)| (format!("sts.{region}"), ecr.address())));
        let tunnel = Tunnel::start(servers).await;
        let mut program = Program::new()
            .aws()
            .variable("ALL_PROXY", &tunnel.url())
            .variable("NO_PROXY", "127.0.0.1")
            .variable("SSL_CERT_FILE", "certificate.pem");
        fs::write(program.folder().join("certificate.pem"), tunnel.certificate()).unwrap();
        for (name, value) in &job.env {
            program = program.variable(name, value);
        }
        let stage = Self { job, hosts, program, _tunnel: tunnel };
        if let Some(config) = &job.config {
            fs::write(stage.program.folder().join("tagferry.yaml"), stage.config(config)).unwrap();
        }
        stage.fill();
        stage
    }

    /// Runs the program.
    pub(super) async fn run(&self) -> Ran {
        let words = self.job.args.clone().unwrap_or_else(|| vec!["sync".to_owned()]);
        let words: Vec<_> = words.iter().map(|word| self.filled(word)).collect();
        let words: Vec<_> = words.iter().map(String::as_str).chain(["--quiet", "--output", "json"]).collect();
        self.program.run_online(&words).await
    }

    /// The configuration, which says of each ECR where its API is.
    fn config(&self, text: &str) -> String {
        let text = self.filled(text);
        // Read with what is before, where anchors may be.
        let said: Value = serde_yaml::from_str(&text).unwrap();
        let before = text.split("\nregistries:\n").next().unwrap_or_default();
        let mut registries = said["registries"].as_object().cloned().unwrap_or_default();
        for (name, host) in &self.hosts {
            if let Host::Ecr(ecr) = host {
                let settings = registries.entry(name.clone()).or_insert_with(|| json!({}));
                settings["ecr"]["endpoint_url"] = json!(ecr.endpoint_url());
            }
        }
        format!("{before}\nregistries: {}\n", Value::Object(registries))
    }

    /// Brings the registries to where the job begins.
    fn fill(&self) {
        let job = self.job;
        let makes_repositories = job.config.as_ref().is_some_and(|text| text.contains("create_repositories"));
        for place in job.target.keys().chain(job.fails.keys()).filter(|place| !place.starts_with(LAYOUT)) {
            let (host, path) = split(place);
            if let (Host::Ecr(ecr), false) = (&self.hosts[host], makes_repositories) {
                ecr.edit(path, |_| {});
            }
        }
        for (host, paths) in &job.catalogue {
            for path in paths {
                self.hosts[host].edit(path, |_| {});
            }
        }
        for (place, tags) in job.source.iter().chain(&job.existing) {
            let (host, path) = split(place);
            for (tag, label) in tags {
                let image = self.image(label);
                self.hosts[host].edit(path, |repository| {
                    repository.add(&image);
                    for referrer in self.referrers(label, &image) {
                        repository.add(&referrer);
                    }
                    if !tag.starts_with('@') {
                        repository.tags.insert(self.filled(tag), image.digest());
                    }
                });
            }
        }
    }

    /// The image of a label, or what `LABEL@PLATFORM+…` leaves of it.
    fn image(&self, label: &str) -> Image {
        let (label, chosen) = label.split_once('@').unwrap_or((label, ""));
        let shape = self.job.images.get(label).cloned().unwrap_or_default();
        let all = shape.platforms.iter().map(String::as_str);
        let platforms: Vec<&str> =
            if chosen.is_empty() { all.collect() } else { chosen.split('+').collect() };
        match platforms[..] {
            [] => of_platform(label, "linux/amd64"),
            [one] if !chosen.is_empty() => of_platform(label, one),
            _ => {
                let child = |platform| (platform, of_platform(label, platform));
                let whole = index(Format::Oci, &platforms.into_iter().map(child).collect::<Vec<_>>());
                // Members of one that is made have the order of their names.
                let sort = |document: &mut Value| document.as_object_mut().unwrap().sort_keys();
                if chosen.is_empty() { whole } else { whole.edited(sort) }
            }
        }
    }

    /// What speaks about the image of a label.
    fn referrers(&self, label: &str, image: &Image) -> Vec<Image> {
        let count = self.job.images.get(label).map_or(0, |shape| shape.referrers);
        let referrer =
            |number| artifact("application/vnd.example.signature", &format!("{label} {number}"), Some(image));
        (0..count).map(referrer).collect()
    }

    /// A text with digests in the places of `digest-of:LABEL` and `hex12-of:LABEL`.
    fn filled(&self, text: &str) -> String {
        ["digest-of:", "hex12-of:"].into_iter().fold(text.to_owned(), |mut text, sign| {
            while let Some(at) = text.find(sign) {
                let start = at + sign.len();
                let end = text[start..].find(|c: char| !c.is_ascii_alphanumeric() && c != '-');
                let end = end.map_or(text.len(), |end| start + end);
                let digest = self.image(&text[start..end]).digest();
                let is_short = sign == "hex12-of:";
                let value = if is_short { digest.hex()[..HEX_DIGITS].to_owned() } else { digest.to_string() };
                text.replace_range(at..end, &value);
            }
            text
        })
    }

    /// What is not in the registries as the job wants it. All repositories of all hosts are looked at.
    pub(super) fn differences(&self) -> Vec<String> {
        let mut differences = Vec::new();
        let mut found: BTreeMap<String, Repository> = BTreeMap::new();
        for (name, host) in &self.hosts {
            host.assert_consistent();
            found
                .extend(host.repositories().into_iter().map(|(path, held)| (format!("{name}/{path}"), held)));
        }
        for place in self.job.target.keys().filter(|place| place.starts_with(LAYOUT)) {
            found.insert(place.clone(), Repository { tags: self.layout(place), ..Repository::default() });
        }
        let mut wanted: Repositories = self.job.source.clone();
        wanted.extend(self.job.target.clone());
        for place in found.keys().chain(wanted.keys()).collect::<BTreeSet<_>>() {
            let nothing = Repository::default();
            let found = found.get(place).unwrap_or(&nothing);
            let names = wanted.get(place).cloned().unwrap_or_default();
            let (bare, names): (Vec<_>, Vec<_>) =
                names.into_iter().partition(|(name, _)| name.starts_with('@'));
            let names: BTreeMap<String, Digest> = names
                .into_iter()
                .map(|(name, label)| (self.filled(&name), self.image(&label).digest()))
                .collect();
            if found.tags != names {
                let (found, names) = (self.labelled(&found.tags), self.labelled(&names));
                differences.push(format!("{place} has {found:?}, not {names:?}"));
            }
            let images = bare.iter().map(|(name, label)| (name.clone(), self.image(label)));
            let referrers = self.job.referrers.get(place).into_iter().flatten().flat_map(|label| {
                let all = self.referrers(label, &self.image(label));
                all.into_iter().map(move |image| (format!("a referrer of {label}"), image))
            });
            let missing =
                images.chain(referrers).filter(|(_, image)| !found.manifests.contains_key(&image.digest()));
            differences.extend(missing.map(|(what, _)| format!("{place} lacks {what}")));
        }
        differences
    }

    /// What a directory lists for a repository, `DIR#NAME`.
    fn layout(&self, place: &str) -> BTreeMap<String, Digest> {
        let place = place.strip_prefix(LAYOUT).unwrap_or(place);
        let (dir, name) =
            place.split_once('#').map_or((place, String::new()), |(dir, name)| (dir, format!("{name}:")));
        let file = self.program.folder().join(dir).join("index.json");
        let index: Value = serde_json::from_slice(&fs::read(file).unwrap_or_default()).unwrap_or_default();
        let tag = |entry: &Value| {
            let called = entry["annotations"]["org.opencontainers.image.ref.name"].as_str()?;
            Some((called.strip_prefix(&name)?.to_owned(), entry["digest"].as_str()?.parse().ok()?))
        };
        index["manifests"].as_array().into_iter().flatten().filter_map(tag).collect()
    }

    /// Names with what is under them, for messages.
    fn labelled(&self, tags: &BTreeMap<String, Digest>) -> BTreeMap<String, String> {
        let places = [&self.job.source, &self.job.existing, &self.job.target].into_iter();
        let labels = places.flat_map(BTreeMap::values).flat_map(BTreeMap::values);
        let known: BTreeMap<Digest, &String> =
            labels.map(|label| (self.image(label).digest(), label)).collect();
        let label =
            |digest: &Digest| known.get(digest).map_or_else(|| digest.to_string(), ToString::to_string);
        tags.iter().map(|(name, digest)| (name.clone(), label(digest))).collect()
    }
}

/// The host of a repository and its path.
fn split(place: &str) -> (&str, &str) {
    place.split_once('/').unwrap_or((place, ""))
}

/// The manifest of an image for one platform.
fn of_platform(label: &str, platform: &str) -> Image {
    let mut parts = platform.split('/');
    let mut config = json!({"os": parts.next(), "architecture": parts.next(), "label": label});
    if let Some(variant) = parts.next() {
        config["variant"] = json!(variant);
    }
    Draft::new(Format::Oci).config(config.to_string()).layer(label.to_owned()).build()
}
