//! `deploy/kubernetes`: what Kustomize renders runs, as the user, on the files and with the environment that it names; and
//! the commands of its README make Jobs that do what they say.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use regex::Regex;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::process::Command;

use crate::fixtures::image::Image;
use crate::fixtures::realm::{PASSWORD, USERNAME};
use crate::programs::cluster::Cluster;
use crate::programs::container::{Container, Mounted};
use crate::programs::distribution::Distribution;
use crate::programs::ministack::{ACCOUNT, KEY, Ministack, REGION};
use crate::programs::skopeo::Skopeo;
use crate::programs::tagferry::root;

const MIRRORS: [&str; 2] = ["java/jdk", "database/free"];

/// What a user has made in the namespace: names of Secrets with their keys.
type Secrets = BTreeMap<&'static str, Vec<(&'static str, &'static str)>>;

/// Two mirrors between registries, and the configuration of a user for them.
struct World {
    _source: Distribution,
    target: Ministack,
    config: String,
}

impl World {
    async fn new() -> Self {
        let (source, target) = (Distribution::like_oracle().await, Ministack::start().await);
        for mirror in MIRRORS {
            source.pusher().push(mirror, "21.0.11", &Image::docker(mirror, 5_000)).await;
        }
        let (from, to) = (source.address(), target.address());
        let mirrors = MIRRORS.map(|name| {
            format!("  - {{source: {from}/{name}, target: {to}/oracle/{name}, tags: [{{match: ^21, newest: 1}}]}}\n")
        });
        let config = format!(
            r#"schedule: {{cron: "0 */6 * * *"}}
mirrors:
{}registries:
  "{from}": {{plain_http: true, credentials: {{username: {USERNAME}, password_file: /var/run/secrets/tagferry/logins/ocr}}}}
  "{to}":
    plain_http: true
    ecr: {{region: {REGION}, account: "{ACCOUNT}", endpoint_url: "{}", create_repositories: true}}
"#,
            mirrors.concat(),
            target.endpoint_url()
        );
        Self { _source: source, target, config }
    }

    /// The mirrors that have arrived.
    async fn arrived(&self) -> Vec<&'static str> {
        let answer = self.target.ecr().describe_repositories().send().await.unwrap();
        let names: Vec<_> =
            answer.repositories().iter().filter_map(|found| found.repository_name()).collect();
        let mut arrived = Vec::new();
        for mirror in MIRRORS {
            let name = format!("oracle/{mirror}");
            let place = format!("{}/{name}", self.target.address());
            if names.contains(&name.as_str()) && !Skopeo::Anonymous.tags(&place).await.is_empty() {
                arrived.push(mirror);
            }
        }
        arrived
    }
}

/// The kustomization that the README shows, for what lies in this repository and with this configuration.
struct Kustomization(TempDir);

impl Kustomization {
    /// Of `overlay` instead of the one in the README, with the components that the README has for it.
    fn of(overlay: &str, config: &str) -> Self {
        let readme = fs::read_to_string(root().join("deploy/kubernetes/README.md")).unwrap();
        let block = Regex::new(r"(?ms)^```yaml\n(# kustomization.yaml\n.*?)^```$").unwrap();
        let shown = &block.captures(&readme).unwrap()[1];
        let shown = shown.replace("digest: \"sha256:…\"", "newTag: 0.1.0");
        // Three levels below this repository: paths in a kustomization are relative.
        let folder = TempDir::with_prefix_in("kustomization-", env!("CARGO_TARGET_TMPDIR")).unwrap();
        assert_eq!(folder.path().parent().unwrap().parent().unwrap().parent(), Some(root()));
        let mut shown = shown.replace("../tagferry/deploy/", "../../../deploy/");
        if overlay != "base" {
            shown = shown.replace("kubernetes/base", &format!("kubernetes/overlays/{overlay}"));
        }
        if overlay == "serve" {
            // The patch is of a CronJob, which `serve` is not.
            shown.truncate(shown.find("patches:").unwrap());
        }
        fs::write(folder.path().join("kustomization.yaml"), shown).unwrap();
        fs::write(folder.path().join("tagferry.yaml"), config).unwrap();
        Self(folder)
    }

    async fn render(&self) -> Vec<Value> {
        let text = shell(self.0.path(), "kubectl kustomize .", &[]).await;
        let documents = serde_yaml::Deserializer::from_str(&text);
        documents.map(|document| serde::Deserialize::deserialize(document).unwrap()).collect()
    }
}

/// Runs a script with `kubectl` at hand. Gives what it printed.
async fn shell(folder: &Path, script: &str, variables: &[(&str, &Path)]) -> String {
    let path = format!("{}:/usr/bin:/bin", root().join("target/peers/bin").display());
    let mut command = Command::new("bash");
    command
        .args(["-euo", "pipefail", "-c", script])
        .current_dir(folder)
        .kill_on_drop(true)
        .env_clear()
        .env("PATH", path)
        .env("HOME", folder)
        .envs(variables.iter().copied());
    let output = command.output().await.unwrap();
    let said = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    assert!(output.status.success(), "{script}\n{}", said.concat());
    said[0].clone()
}

fn of_kind<'a>(objects: &'a [Value], kind: &str) -> &'a Value {
    objects.iter().find(|object| object["kind"] == kind).unwrap_or_else(|| panic!("there is no {kind}"))
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("{value} is no text")).to_owned()
}

/// The only container of a pod as the kubelet would run it, with the `ConfigMap`s among `objects`.
fn container(pod: &Value, objects: &[Value], secrets: &Secrets) -> Container {
    let containers = pod["containers"].as_array().unwrap();
    assert_eq!(containers.len(), 1);
    let (container, security) = (&containers[0], &pod["securityContext"]);
    assert!(container["command"].is_null(), "the image has the entry point");
    let mut environment = environment(container, secrets);
    // What EKS gives to the pod.
    let aws = [("AWS_REGION", REGION), ("AWS_ACCESS_KEY_ID", KEY), ("AWS_SECRET_ACCESS_KEY", KEY)];
    environment.extend(aws.map(|(name, value)| (name.to_owned(), value.to_owned())));
    let files = container["volumeMounts"].as_array().unwrap().iter().flat_map(|mount| {
        assert_eq!(mount["readOnly"], true);
        let volume = pod["volumes"].as_array().unwrap().iter().find(|volume| volume["name"] == mount["name"]);
        let path = text(&mount["mountPath"]);
        let files = volume_files(volume.unwrap(), objects, secrets).into_iter();
        files.map(move |(name, text, mode)| Mounted { path: format!("{path}/{name}"), text, mode })
    });
    let probes = ["livenessProbe", "readinessProbe"].into_iter().filter_map(|name| {
        let get = container[name].get("httpGet")?;
        let port = container["ports"].as_array()?.iter().find(|port| port["name"] == get["port"])?;
        Some(json!({"port": port["containerPort"], "path": get["path"]}))
    });
    Container {
        command: container["args"].as_array().unwrap().iter().map(text).collect(),
        environment,
        user: security["runAsUser"].as_u64().unwrap(),
        group: security["runAsGroup"].as_u64().unwrap(),
        files_group: security["fsGroup"].as_u64().unwrap(),
        read_only: container["securityContext"]["readOnlyRootFilesystem"] == true,
        files: files.collect(),
        probes: probes.collect(),
    }
}

fn environment(container: &Value, secrets: &Secrets) -> BTreeMap<String, String> {
    let variables = container["env"].as_array().into_iter().flatten();
    let value = |variable: &Value| {
        let Some(secret) = variable.pointer("/valueFrom/secretKeyRef") else {
            return text(&variable["value"]);
        };
        let keys = &secrets[secret["name"].as_str().unwrap()];
        keys.iter().find(|(key, _)| secret["key"] == *key).unwrap().1.to_owned()
    };
    variables.map(|variable| (text(&variable["name"]), value(variable))).collect()
}

/// Names, contents and modes. A Secret that is not there is a fault, unless it is optional.
fn volume_files(volume: &Value, objects: &[Value], secrets: &Secrets) -> Vec<(String, String, u64)> {
    if let Some(map) = volume.get("configMap") {
        let found = objects
            .iter()
            .find(|object| object["kind"] == "ConfigMap" && object["metadata"]["name"] == map["name"]);
        let data = found.expect("a ConfigMap of the rendered name")["data"].as_object().unwrap();
        return data.iter().map(|(name, content)| (name.clone(), text(content), 0o644)).collect();
    }
    let secret = &volume["secret"];
    let mode = secret["defaultMode"].as_u64().unwrap();
    let Some(keys) = secrets.get(secret["secretName"].as_str().unwrap()) else {
        assert_eq!(secret["optional"], true, "the pod waits for {secret}");
        return vec![];
    };
    keys.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned(), mode)).collect()
}

/// As the README makes them.
fn secrets() -> Secrets {
    let token = "0123456789abcdef0123456789abcdef";
    [
        ("tagferry-logins", vec![("ocr", PASSWORD), ("docker-hub", "another")]),
        ("tagferry-api", vec![("token", token)]),
    ]
    .into()
}

#[tokio::test]
async fn the_cronjob_mirrors_when_and_as_it_is_rendered() {
    let world = World::new().await;
    let objects = Kustomization::of("base", &world.config).render().await;
    let cronjob = of_kind(&objects, "CronJob");
    assert_eq!(cronjob["spec"]["schedule"], "30 3 * * *");
    assert_eq!(cronjob["spec"]["timeZone"], "Asia/Tokyo");
    let pod = &cronjob["spec"]["jobTemplate"]["spec"]["template"]["spec"];
    container(pod, &objects, &secrets()).run().await.assert_logged(0);
    assert_eq!(world.arrived().await, MIRRORS);
}

/// The name of the source's login is in the configuration, and its Secret is not there: the program says what is missing.
#[tokio::test]
async fn a_pod_without_the_secret_of_the_logins_starts() {
    let world = World::new().await;
    let objects = Kustomization::of("base", &world.config).render().await;
    let pod = &of_kind(&objects, "CronJob")["spec"]["jobTemplate"]["spec"]["template"]["spec"];
    let ran = container(pod, &objects, &Secrets::new()).run().await;
    assert_ne!(ran.code, Some(0));
    assert!(ran.stderr.contains("/var/run/secrets/tagferry/logins/ocr"), "{}", ran.stderr);
}

#[tokio::test]
async fn the_pods_of_an_indexed_job_share_the_mirrors() {
    let world = World::new().await;
    let objects = Kustomization::of("shards", &world.config).render().await;
    let job = &of_kind(&objects, "CronJob")["spec"]["jobTemplate"]["spec"];
    for index in 0..job["completions"].as_u64().unwrap() {
        let mut container = container(&job["template"]["spec"], &objects, &secrets());
        // Kubernetes adds it.
        container.environment.insert("JOB_COMPLETION_INDEX".to_owned(), index.to_string());
        container.run().await.assert_logged(0);
    }
    assert_eq!(world.arrived().await, MIRRORS);
}

#[tokio::test]
async fn the_deployment_serves_until_it_is_told_to_stop() {
    let world = World::new().await;
    let objects = Kustomization::of("serve", &world.config).render().await;
    let pod = &of_kind(&objects, "Deployment")["spec"]["template"]["spec"];
    let container = container(pod, &objects, &secrets());
    let probed: Vec<_> = container.probes.iter().map(|probe| text(&probe["path"])).collect();
    assert_eq!(probed, ["/healthz", "/readyz"]);
    container.run().await.assert_logged(0);
}

/// The commands under "Sync now" that make a Job, in their order.
fn sync_now() -> Vec<String> {
    let readme = fs::read_to_string(root().join("deploy/kubernetes/README.md")).unwrap();
    let section = &readme[readme.find("## Sync now").unwrap()..];
    let block = Regex::new(r"(?ms)^```\n(JOB=.*?)^```$").unwrap();
    let logs = |line: &&str| !line.contains(" logs ");
    block
        .captures_iter(section)
        .map(|block| block[1].lines().filter(logs).collect::<Vec<_>>().join("\n"))
        .collect()
}

#[tokio::test]
async fn sync_now_makes_a_job_for_every_mirror_or_for_one() {
    let world = World::new().await;
    let kustomization = Kustomization::of("base", &world.config);
    let objects = kustomization.render().await;
    let cluster = Cluster::with(of_kind(&objects, "CronJob").clone()).await;
    let config = cluster.kubeconfig(kustomization.0.path());
    let [all, one]: [String; 2] = sync_now().try_into().unwrap();
    for script in [&all, &one] {
        shell(kustomization.0.path(), script, &[("KUBECONFIG", &config)]).await;
    }
    let [first, second]: [_; 2] = cluster.created().try_into().unwrap();
    // `kubectl create job` speaks protobuf, in which names are as they are.
    assert!(String::from_utf8_lossy(&first).contains("sync-now-1"));
    let job: Value = serde_json::from_slice(&second).unwrap();
    assert!(text(&job["metadata"]["name"]).starts_with("sync-now-1"));
    assert_eq!(job["metadata"]["ownerReferences"], Value::Null);
    assert_eq!(job["spec"]["ttlSecondsAfterFinished"], 604_800);
    container(&job["spec"]["template"]["spec"], &objects, &secrets()).run().await.assert_logged(0);
    assert_eq!(world.arrived().await, ["java/jdk"]);
}
