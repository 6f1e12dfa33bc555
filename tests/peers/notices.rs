//! Notices through Amazon SNS and EventBridge, each read back from an SQS queue.

use aws_sdk_eventbridge::types::Target;
use aws_sdk_sns::config::{BehaviorVersion, Credentials, Region};
use serde_json::{Value, json};

use crate::fixtures::image::Image;
use crate::programs::distribution::Distribution;
use crate::programs::ministack::{ACCOUNT, KEY, Ministack, REGION};
use crate::programs::tagferry::Tagferry;

/// What SQS has the AWS SDK for is asked by plain HTTP: two operations of its JSON protocol.
async fn sqs(ministack: &Ministack, operation: &str, input: Value) -> Value {
    let request = reqwest::Client::new()
        .post(ministack.endpoint_url())
        .header("content-type", "application/x-amz-json-1.0")
        .header("x-amz-target", format!("AmazonSQS.{operation}"))
        .body(input.to_string());
    let answer = request.send().await.unwrap().error_for_status().unwrap();
    serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap()
}

/// Makes a queue. Gives its ARN.
async fn queue(ministack: &Ministack, name: &str) -> String {
    sqs(ministack, "CreateQueue", json!({"QueueName": name})).await;
    format!("arn:aws:sqs:{REGION}:{ACCOUNT}:{name}")
}

/// The bodies of the messages in a queue.
async fn messages(ministack: &Ministack, name: &str) -> Vec<Value> {
    let url = format!("{}/{ACCOUNT}/{name}", ministack.endpoint_url());
    let input = json!({"QueueUrl": url, "MaxNumberOfMessages": 10});
    let answer = sqs(ministack, "ReceiveMessage", input).await;
    let messages = answer["Messages"].as_array().into_iter().flatten();
    messages.map(|message| serde_json::from_str(message["Body"].as_str().unwrap()).unwrap()).collect()
}

fn sns(ministack: &Ministack) -> aws_sdk_sns::Client {
    let config = aws_sdk_sns::Config::builder()
        .behavior_version(BehaviorVersion::v2026_01_12())
        .region(Region::new(REGION))
        .credentials_provider(Credentials::new(KEY, KEY, None, None, "tests"))
        .endpoint_url(ministack.endpoint_url());
    aws_sdk_sns::Client::from_conf(config.build())
}

fn eventbridge(ministack: &Ministack) -> aws_sdk_eventbridge::Client {
    let config = aws_sdk_eventbridge::Config::builder()
        .behavior_version(BehaviorVersion::v2026_01_12())
        .region(Region::new(REGION))
        .credentials_provider(Credentials::new(KEY, KEY, None, None, "tests"))
        .endpoint_url(ministack.endpoint_url());
    aws_sdk_eventbridge::Client::from_conf(config.build())
}

/// A source with one of the two images that a program is to copy.
async fn source() -> (Distribution, Image) {
    let (source, image) = (Distribution::open().await, Image::docker("jdk 21.0.7", 5_000));
    source.pusher().push("java/jdk", "21.0.7", &image).await;
    (source, image)
}

/// A program with two mirrors, of which one has no source, that tells `destination`.
fn program(source: &Distribution, target: &Distribution, destination: &str) -> Tagferry {
    let (source, target) = (source.address(), target.address());
    Tagferry::configured(&format!(
        r#"
mirrors:
  - {{source: "{source}/java/jdk", target: "{target}/jdk", tags: [{{match: .}}]}}
  - {{source: "{source}/no/such", target: "{target}/none", tags: [{{match: .}}]}}
registries:
  "{source}": {{plain_http: true}}
  "{target}": {{plain_http: true}}
notices:
  - {destination}
"#
    ))
}

#[tokio::test]
async fn subscribers_of_a_topic_get_the_document_and_filter_by_its_attributes() {
    let (ministack, target) = (Ministack::start().await, Distribution::open().await);
    let (source, image) = source().await;
    let sns = sns(&ministack);
    let topic = sns.create_topic().name("tagferry").send().await.unwrap().topic_arn.unwrap();
    for (name, filter) in [("all", None), ("failures", Some(r#"{"kind": ["failed"]}"#))] {
        let subscribe =
            sns.subscribe().topic_arn(&topic).protocol("sqs").endpoint(queue(&ministack, name).await);
        let filter = filter.map(|filter| [("FilterPolicy".to_owned(), filter.to_owned())].into());
        subscribe.set_attributes(filter).send().await.unwrap();
    }
    let destination = format!("sns: {{topic_arn: '{topic}', endpoint_url: '{}'}}", ministack.endpoint_url());
    program(&source, &target, &destination).run(&["sync", "-o", "json"]).await.document(1);

    let mut all = messages(&ministack, "all").await;
    all.sort_by_key(|envelope| envelope["Subject"].to_string());
    let [copied, failed] = &all[..] else { panic!("{all:#?}") };
    assert_eq!(copied["Subject"], "tagferry: java/jdk copied");
    let document: Value = serde_json::from_str(copied["Message"].as_str().unwrap()).unwrap();
    assert_eq!((&document["kind"], &document["mirror"]), (&"copied".into(), &"java/jdk".into()));
    assert_eq!(document["tags"][0]["digest"], image.digest().to_string());
    assert_eq!(failed["Subject"], "tagferry: no/such failed");

    let failures = messages(&ministack, "failures").await;
    let subjects: Vec<&Value> = failures.iter().map(|envelope| &envelope["Subject"]).collect();
    assert_eq!(subjects, ["tagferry: no/such failed"]);
}

#[tokio::test]
async fn rules_of_a_bus_match_the_events() {
    let (ministack, target) = (Ministack::start().await, Distribution::open().await);
    let (source, image) = source().await;
    let events = eventbridge(&ministack);
    events.create_event_bus().name("images").send().await.unwrap();
    let pattern = json!({
        "source": ["tagferry"], "detail-type": ["tagferry Tag Copied"], "detail": {"mirror": ["java/jdk"]},
    });
    let rule = events.put_rule().event_bus_name("images").name("new-tags");
    rule.event_pattern(pattern.to_string()).send().await.unwrap();
    let target_of_rule = Target::builder().id("1").arn(queue(&ministack, "new-tags").await).build().unwrap();
    let targets = events.put_targets().event_bus_name("images").rule("new-tags");
    targets.targets(target_of_rule).send().await.unwrap();

    let endpoint_url = ministack.endpoint_url();
    let destination =
        format!("eventbridge: {{bus: images, region: {REGION}, endpoint_url: '{endpoint_url}'}}");
    program(&source, &target, &destination).run(&["sync", "-o", "json"]).await.document(1);

    let received = messages(&ministack, "new-tags").await;
    let [event] = &received[..] else { panic!("{received:#?}") };
    assert_eq!(
        (&event["source"], &event["detail-type"]),
        (&"tagferry".into(), &"tagferry Tag Copied".into())
    );
    assert_eq!(event["detail"]["tags"][0]["tag"], "21.0.7");
    assert_eq!(event["detail"]["tags"][0]["digest"], image.digest().to_string());
    assert_eq!(event["detail"]["tags_omitted"], 0);
}

#[tokio::test]
async fn a_topic_that_does_not_exist_is_told_in_the_words_of_aws() {
    let (ministack, target) = (Ministack::start().await, Distribution::open().await);
    let (source, _) = source().await;
    let topic = format!("arn:aws:sns:{REGION}:{ACCOUNT}:none");
    let destination = format!("sns: {{topic_arn: '{topic}', endpoint_url: '{}'}}", ministack.endpoint_url());
    let ran = program(&source, &target, &destination).run(&["sync"]).await;
    let told = format!(
        "Could not send the notice of `java/jdk` (copied) to the SNS topic {topic}: sns:Publish on {topic}: NotFound"
    );
    assert!(ran.stderr.contains(&told), "{}", ran.stderr);
}
