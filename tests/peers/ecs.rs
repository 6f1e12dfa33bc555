//! `deploy/ecs`: the commands of its README run as they are written, the stacks are created, and the program runs as their
//! task definitions say. ministack is the account.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use regex::Regex;
use serde_json::{Map, Value, json};
use tempfile::TempDir;
use tokio::process::Command;

use crate::fixtures::image::Image;
use crate::fixtures::realm::{PASSWORD, USERNAME};
use crate::programs::container::Container;
use crate::programs::distribution::Distribution;
use crate::programs::ministack::{ACCOUNT, KEY, Ministack, REGION};
use crate::programs::skopeo::Skopeo;
use crate::programs::tagferry::root;

const TEMPLATE: &str = "deploy/ecs/tagferry.yaml";
/// How often a stack is looked at before it has to be there; each look is a process of its own and takes a second.
const LOOKS_MAX: usize = 60;

/// An account, and somebody in a clone of the repository who works in it.
struct Account {
    ministack: Ministack,
    clone: TempDir,
}

impl Account {
    /// With `config` as the configuration that was edited.
    fn with(ministack: Ministack, config: &str) -> Self {
        let clone = TempDir::with_prefix("tagferry-clone-").unwrap();
        fs::create_dir_all(clone.path().join("deploy/ecs")).unwrap();
        fs::copy(root().join(TEMPLATE), clone.path().join(TEMPLATE)).unwrap();
        fs::write(clone.path().join("deploy/ecs/config.yaml"), config).unwrap();
        Self { ministack, clone }
    }

    /// Runs a script in the clone. Gives what it printed.
    async fn shell(&self, script: &str) -> String {
        let programs = Path::new(env!("CARGO_BIN_EXE_tagferry")).parent().unwrap();
        let path =
            format!("{}:{}:/usr/bin:/bin", root().join("target/peers/bin").display(), programs.display());
        let mut command = Command::new("bash");
        command
            .args(["-euo", "pipefail", "-c", script])
            .current_dir(self.clone.path())
            .stdin(std::process::Stdio::null())
            .kill_on_drop(true)
            .env_clear()
            .env("PATH", path)
            .env("HOME", self.clone.path())
            .env("AWS_ACCESS_KEY_ID", KEY)
            .env("AWS_SECRET_ACCESS_KEY", KEY)
            .env("AWS_DEFAULT_REGION", REGION)
            .env("AWS_ENDPOINT_URL", self.ministack.endpoint_url());
        let output = command.output().await.unwrap();
        let said = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
        assert!(output.status.success(), "{script}\n{}", said.concat());
        said[0].trim().to_owned()
    }

    /// Creates a stack of the template with these parameters.
    async fn create(&self, stack: &str, parameters: &[(&str, &str)]) {
        let parameters: Vec<_> = parameters
            .iter()
            .map(|(name, value)| json!({"ParameterKey": name, "ParameterValue": value}))
            .collect();
        fs::write(self.clone.path().join("parameters.json"), json!(parameters).to_string()).unwrap();
        let create = format!(
            "aws cloudformation create-stack --stack-name {stack} --template-body file://{TEMPLATE} \
             --capabilities CAPABILITY_IAM --parameters file://parameters.json"
        );
        self.shell(&create).await;
        let look = format!(
            "aws cloudformation describe-stacks --stack-name {stack} --output text --query 'Stacks[0].StackStatus'"
        );
        for _ in 0..LOOKS_MAX {
            match self.shell(&look).await.as_str() {
                "CREATE_COMPLETE" => return,
                "CREATE_IN_PROGRESS" => {}
                other => panic!("{stack} is {other}"),
            }
        }
        panic!("{stack} is not created after {LOOKS_MAX} looks");
    }

    async fn ask(&self, target: &str, input: Value) -> Value {
        let request = reqwest::Client::new()
            .post(self.ministack.endpoint_url())
            .header("content-type", "application/x-amz-json-1.1")
            .header("x-amz-target", target)
            .body(input.to_string());
        let answer = request.send().await.unwrap().error_for_status().unwrap();
        serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap()
    }

    async fn ecs(&self, operation: &str, input: Value) -> Value {
        self.ask(&format!("AmazonEC2ContainerServiceV20141113.{operation}"), input).await
    }

    /// What a task definition says of its only container, in the spelling of ECS' API: ministack keeps that of the template
    /// where it does not know a part.
    async fn definition(&self, name: &str) -> Value {
        let answer = self.ecs("DescribeTaskDefinition", json!({"taskDefinition": name})).await;
        let containers = camel(&answer["taskDefinition"]["containerDefinitions"]);
        assert_eq!(containers.as_array().unwrap().len(), 1);
        containers[0].clone()
    }

    /// The value that ECS reads for an entry of `secrets`.
    async fn secret(&self, arn: &str) -> String {
        let answer = match arn.split(':').nth(2).unwrap() {
            "ssm" => {
                let name = arn.rsplit_once(":parameter").unwrap().1;
                let answer = self.ask("AmazonSSM.GetParameters", json!({"Names": [name]})).await;
                answer["Parameters"][0]["Value"].clone()
            }
            "secretsmanager" => {
                let answer = self.ask("secretsmanager.GetSecretValue", json!({"SecretId": arn})).await;
                answer["SecretString"].clone()
            }
            other => panic!("ECS reads no secrets of {other}"),
        };
        answer.as_str().unwrap_or_else(|| panic!("{arn} has no value")).to_owned()
    }

    /// The container as Fargate would run it.
    async fn container(&self, definition: &Value) -> Container {
        // What Fargate gives by itself, and where this account is.
        let mut environment: BTreeMap<String, String> = [
            ("AWS_REGION", REGION),
            ("AWS_DEFAULT_REGION", REGION),
            ("AWS_ACCESS_KEY_ID", KEY),
            ("AWS_SECRET_ACCESS_KEY", KEY),
            ("AWS_ENDPOINT_URL", &self.ministack.endpoint_url()),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into();
        for variable in definition["environment"].as_array().into_iter().flatten() {
            environment.insert(text(&variable["name"]), text(&variable["value"]));
        }
        for variable in definition["secrets"].as_array().into_iter().flatten() {
            environment.insert(text(&variable["name"]), self.secret(&text(&variable["valueFrom"])).await);
        }
        let [user, group]: [u64; 2] = {
            let ids = text(&definition["user"]);
            let ids: Vec<u64> = ids.split(':').map(|id| id.parse().unwrap()).collect();
            ids.try_into().unwrap()
        };
        let probe = definition["healthCheck"]["command"].as_array();
        Container {
            command: definition["command"].as_array().unwrap().iter().map(text).collect(),
            environment,
            user,
            group,
            files_group: group,
            read_only: definition["readonlyRootFilesystem"] == true,
            files: vec![],
            // After the word `CMD`.
            probes: probe.into_iter().map(|command| json!({"command": command[1..]})).collect(),
        }
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("{value} is no text")).to_owned()
}

/// The same with keys that begin with a small letter.
fn camel(value: &Value) -> Value {
    match value {
        Value::Array(values) => values.iter().map(camel).collect(),
        Value::Object(fields) => {
            let small = |key: &str| key[..1].to_lowercase() + &key[1..];
            fields.iter().map(|(key, value)| (small(key), camel(value))).collect::<Map<_, _>>().into()
        }
        other => other.clone(),
    }
}

/// The commands of the README in their order, but for lines that a reader has to fill in.
fn commands() -> String {
    let readme = fs::read_to_string(root().join("deploy/ecs/README.md")).unwrap();
    let block = Regex::new(r"(?ms)^```\n(.*?)^```$").unwrap();
    let lines = block.captures_iter(&readme).flat_map(|block| block.extract::<1>().1[0].lines());
    let commands: Vec<_> = lines.filter(|line| !line.contains('…')).collect();
    assert!(commands.len() > 20, "the commands were not found");
    commands.join("\n")
}

/// A source like Oracle's, and a configuration that mirrors it into the account, with this login.
async fn source(ministack: &Ministack, credentials: &str) -> (Distribution, String) {
    let source = Distribution::like_oracle().await;
    for tag in ["21.0.9", "21.0.10", "21.0.11"] {
        source.pusher().push("java/jdk", tag, &Image::docker(&format!("jdk {tag}"), 5_000)).await;
    }
    let (from, to) = (source.address(), ministack.address());
    let config = format!(
        r#"
schedule: {{cron: "0 */6 * * *"}}
mirrors:
  - source: {from}/java/jdk
    target: {to}/oracle/jdk
    tags: [{{match: '^21\.0\.[0-9]+$', newest: 2}}]
registries:
  "{from}": {{plain_http: true, credentials: {credentials}}}
  "{to}":
    plain_http: true
    ecr: {{region: {REGION}, account: "{ACCOUNT}", endpoint_url: "{}", create_repositories: true}}
"#,
        ministack.endpoint_url()
    );
    (source, config)
}

/// The first task definition of the family is that of the schedule, the second that of the service.
#[tokio::test]
async fn the_commands_of_the_readme_lead_to_tasks_that_run() {
    let ministack = Ministack::with_stacks().await;
    let (_source, config) = source(&ministack, "{secret: tagferry/ocr}").await;
    let account = Account::with(ministack, &config);
    // What a reader fills in, and what is not here: an image is built elsewhere, Terraform has a check of its own.
    let filled_in = "
        docker() { cat >/dev/null; }
        terraform() { true; }
        VPC=$(aws ec2 describe-vpcs --query 'Vpcs[0].VpcId' --output text)
        SUBNETS=$(aws ec2 describe-subnets --query 'join(`,`, Subnets[:2].SubnetId)' --output text)
        CLIENTS=$(aws ec2 create-security-group --group-name clients --description clients --query GroupId --output text)
    ";
    let commands = commands()
        .replace("ap-northeast-1", REGION)
        .replace("you@example.com", USERNAME)
        .replace("AUTH-TOKEN", PASSWORD);
    account.shell(&format!("{filled_in}\n{commands}")).await;

    let schedule = account.definition("tagferry:1").await;
    assert_eq!(schedule["environment"], json!([{"name": "TAGFERRY_METRICS", "value": "emf=tagferry"}]));
    account.container(&schedule).await.run().await.assert_logged(0);
    let tags = Skopeo::Anonymous.tags(&format!("{}/oracle/jdk", account.ministack.address())).await;
    assert_eq!(tags, ["21.0.10", "21.0.11"].map(str::to_owned).into());

    let service = account.definition("tagferry:2").await;
    let container = account.container(&service).await;
    assert_eq!(container.environment["TAGFERRY_API_TOKEN"].len(), 64);
    assert_eq!(container.probes.len(), 1);
    container.run().await.assert_logged(0);
}

/// Both tasks of "sync now" were accepted, with what they are to do instead.
#[tokio::test]
async fn sync_now_is_accepted_as_the_readme_writes_it() {
    let ministack = Ministack::with_stacks().await;
    let (_source, config) = source(&ministack, "{secret: tagferry/ocr}").await;
    let account = Account::with(ministack, &config);
    account.create("tagferry", &least()).await;
    let all = commands();
    let from = all.find("output() {").unwrap();
    let sync_now = &all[from..all.find("API_TOKEN=").unwrap()];
    assert_eq!(sync_now.matches("run-task").count(), 2);
    let answers = account.shell(&format!("SUBNETS=subnet-1,subnet-2\n{sync_now}")).await;
    let mut started = Vec::new();
    for answer in serde_json::Deserializer::from_str(&answers).into_iter::<Value>() {
        let answer = answer.unwrap();
        assert_eq!(answer["failures"], json!([]));
        assert_eq!(answer["tasks"].as_array().unwrap().len(), 1, "{answer}");
        started.push(answer["tasks"][0]["overrides"]["containerOverrides"].clone());
    }
    assert_eq!(started.len(), 2);
    assert_eq!(started[0].as_array().map(Vec::len), Some(0));
    // The second command is one that the program understands and carries out.
    let mut definition = account.definition("tagferry").await;
    definition["command"] = started[1][0]["command"].clone();
    account.shell("aws ssm put-parameter --name /tagferry/config --type String --value file://deploy/ecs/config.yaml").await;
    account
        .shell(&format!(
            "aws secretsmanager create-secret --name tagferry/ocr \
         --secret-string '{{\"username\": \"{USERNAME}\", \"password\": \"{PASSWORD}\"}}'"
        ))
        .await;
    account.container(&definition).await.run().await.assert_logged(0);
}

/// The parameters that have no default.
fn least() -> Vec<(&'static str, &'static str)> {
    vec![
        ("Image", "registry.example.com/tagferry:0.1.0"),
        ("VpcId", "vpc-1"),
        ("SubnetIds", "subnet-1,subnet-2"),
        ("TargetRepositoryArns", "arn:aws:ecr:us-east-1:000000000000:repository/oracle/*"),
    ]
}

#[track_caller]
fn assert_names(entries: &Value, expected: &[(&str, &str)]) {
    let found: Vec<_> = entries.as_array().into_iter().flatten().collect();
    let found: Vec<_> = found.iter().map(|entry| (text(&entry["name"]), text(&entry["valueFrom"]))).collect();
    let expected: Vec<_> =
        expected.iter().map(|(name, from)| ((*name).to_owned(), (*from).to_owned())).collect();
    assert_eq!(found, expected);
}

#[tokio::test]
async fn every_form_of_the_stack_is_created() {
    let account = Account::with(Ministack::with_stacks().await, "");
    let parameter = "arn:aws:ssm:us-east-1:000000000000:parameter/tagferry/config";
    let secret = |name: &str| format!("arn:aws:secretsmanager:us-east-1:000000000000:secret:{name}-AbCdEf");
    let (config, token) = (secret("config"), secret("token"));

    // Public sources: no secret but the configuration.
    account.create("public", &least()).await;
    assert_names(&account.definition("public").await["secrets"], &[("TAGFERRY_CONFIG_YAML", parameter)]);

    let logins = [secret("ocr"), secret("hub")].join(",");
    let repositories = "arn:aws:ecr:us-east-1:000000000000:repository/oracle/*,arn:aws:ecr:eu-central-1:000000000000:repository/*";
    let mut many = least();
    many.retain(|(name, _)| *name != "TargetRepositoryArns");
    many.extend([("SecretArns", logins.as_str()), ("TargetRepositoryArns", repositories)]);
    many.extend([("ConfigSecretArn", config.as_str()), ("Cluster", "shared"), ("FreshHours", "26")]);
    many.extend([
        ("AlarmTopicArn", "arn:aws:sns:us-east-1:000000000000:on-call"),
        ("CreateRepositories", "true"),
    ]);
    account.ecs("CreateCluster", json!({"clusterName": "shared"})).await;
    account.create("many", &many).await;
    assert_names(&account.definition("many").await["secrets"], &[("TAGFERRY_CONFIG_YAML", &config)]);
    let alarms = "aws cloudwatch describe-alarms --alarm-name-prefix many --output json --query \
                  'MetricAlarms[].[AlarmName, EvaluationPeriods, TreatMissingData, AlarmActions[0]]'";
    let alarms: Value = serde_json::from_str(&account.shell(alarms).await).unwrap();
    let topic = "arn:aws:sns:us-east-1:000000000000:on-call";
    let expected = json!([
        ["many-failed-twice", 26, "notBreaching", topic],
        ["many-no-success", 26, "breaching", topic],
        ["many-not-started", 1, "notBreaching", topic],
    ]);
    assert_eq!(alarms, expected);

    let mut closed = least();
    closed.push(("Mode", "service"));
    account.create("closed", &closed).await;
    let definition = account.definition("closed").await;
    assert_eq!(definition["command"], json!(["--log-format", "json", "serve"]));
    assert_names(&definition["secrets"], &[("TAGFERRY_CONFIG_YAML", parameter)]);

    let target_group = "aws elbv2 create-target-group --name tagferry --protocol HTTP --port 8080 --vpc-id vpc-00000001 \
                        --target-type ip --query 'TargetGroups[0].TargetGroupArn' --output text";
    let target_group = account.shell(target_group).await;
    account.shell("aws servicediscovery create-http-namespace --name internal").await;
    let mut open = closed;
    open.extend([("ApiTokenSecretArn", token.as_str()), ("ApiClientSecurityGroupId", "sg-1")]);
    open.extend([("TargetGroupArn", target_group.as_str()), ("ServiceConnectNamespace", "internal")]);
    account.create("open", &open).await;
    let definition = account.definition("open").await;
    assert_names(
        &definition["secrets"],
        &[("TAGFERRY_CONFIG_YAML", parameter), ("TAGFERRY_API_TOKEN", &token)],
    );
    assert_eq!(definition["portMappings"][0]["name"], "http");
    let services = account.ecs("DescribeServices", json!({"cluster": "open", "services": ["open"]})).await;
    let balancers = camel(&services["services"][0]["loadBalancers"]);
    assert_eq!(balancers[0]["targetGroupArn"], json!(target_group));
}
