//! The API of the fake ECR, spoken by hand and by the SDK that the program uses.

use aws_config::BehaviorVersion;
use aws_config::sts::AssumeRoleProvider;
use aws_sdk_ecr::config::{Credentials, Region};
use aws_sdk_ecr::types::{
    DescribeImagesFilter, EncryptionConfiguration, EncryptionType, ImageIdentifier, ImageStatusFilter,
    ImageTagMutability, Tag, TagStatus,
};
use http::Method;
use serde_json::{Value, json};
use tagferry::oci::Digest;

use crate::fake::{self, ACCESS_KEY, Action, Ecr, Fault, Match, Mutability, REGION, Settings};

use super::{Answer, ask};

/// Signs nothing: the fakes only look for a signature.
const SIGNED: &str = "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20260101/eu-central-1/ecr/aws4_request";

async fn call(ecr: &Ecr, target: &str, input: &Value) -> Answer {
    let headers = [("x-amz-target", target), ("authorization", SIGNED)];
    ask(Method::POST, &format!("{}/", ecr.endpoint_url()), &headers, input.to_string()).await
}

async fn ecr_call(ecr: &Ecr, operation: &str, input: &Value) -> Answer {
    call(ecr, &format!("AmazonEC2ContainerRegistry_V20150921.{operation}"), input).await
}

/// A token of the data plane.
pub(super) async fn token(ecr: &Ecr) -> String {
    let answer = ecr_call(ecr, "GetAuthorizationToken", &json!({})).await.json();
    answer["authorizationData"][0]["authorizationToken"].as_str().unwrap().to_owned()
}

fn keys() -> Credentials {
    Credentials::new(ACCESS_KEY, "secret", None, None, "test")
}

fn sdk(ecr: &Ecr) -> aws_sdk_ecr::Client {
    let config = aws_sdk_ecr::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new(REGION))
        .credentials_provider(keys())
        .endpoint_url(ecr.endpoint_url())
        .build();
    aws_sdk_ecr::Client::from_conf(config)
}

#[tokio::test]
async fn the_sdk_reads_tokens() {
    let ecr = Ecr::start().await;
    let output = sdk(&ecr).get_authorization_token().send().await.unwrap();
    let data = &output.authorization_data()[0];
    assert!(data.authorization_token().is_some());
    assert!(data.expires_at().unwrap().secs() > 1_700_000_000);
    assert_eq!(data.proxy_endpoint(), Some("https://123456789012.dkr.ecr.eu-central-1.amazonaws.com"));
    assert_eq!((ecr.tokens_made(), ecr.count(&Match::api("GetAuthorizationToken"))), (1, 1));
}

#[tokio::test]
async fn the_sdk_makes_repositories_with_their_settings() {
    let ecr = Ecr::start().await;
    let policy = json!({"rules": [{"rulePriority": 1, "selection": {"tagStatus": "untagged"},
        "action": {"type": "expire"}, "description": "what no tag needs goes away after a while"}]});
    let create = || {
        let encryption = EncryptionConfiguration::builder()
            .encryption_type(EncryptionType::Kms)
            .kms_key("key")
            .build()
            .unwrap();
        sdk(&ecr)
            .create_repository()
            .repository_name("oracle/jdk")
            .image_tag_mutability(ImageTagMutability::Immutable)
            .encryption_configuration(encryption)
            .tags(Tag::builder().key("team").value("java").build().unwrap())
            .send()
    };
    create().await.unwrap();
    let again = create().await.unwrap_err().into_service_error();
    assert!(again.is_repository_already_exists_exception());
    sdk(&ecr)
        .put_lifecycle_policy()
        .repository_name("oracle/jdk")
        .lifecycle_policy_text(policy.to_string())
        .send()
        .await
        .unwrap();
    let settings = ecr.repository("oracle/jdk").unwrap().settings;
    assert_eq!(settings.mutability, Mutability::Immutable);
    assert_eq!((settings.encryption.as_str(), settings.kms_key.as_deref()), ("KMS", Some("key")));
    assert_eq!(settings.tags["team"], "java");
    assert_eq!(settings.lifecycle_policy, Some(policy.to_string()));
    let found = sdk(&ecr).describe_repositories().repository_names("oracle/jdk").send().await.unwrap();
    assert_eq!(found.repositories()[0].image_tag_mutability(), Some(&ImageTagMutability::Immutable));
    let missing = sdk(&ecr).describe_repositories().repository_names("oracle/other").send().await;
    assert!(missing.unwrap_err().into_service_error().is_repository_not_found_exception());
}

#[tokio::test]
async fn the_sdk_lists_repositories_in_pages_and_sets_their_policies() {
    let ecr = Ecr::start().await;
    for number in 0..150 {
        ecr.create(&format!("r/{number:03}"), Settings::default());
    }
    let first = sdk(&ecr).describe_repositories().send().await.unwrap();
    assert_eq!((first.repositories().len(), first.next_token()), (100, Some("r/099")));
    let rest = sdk(&ecr).describe_repositories().next_token("r/099").max_results(50).send().await.unwrap();
    assert_eq!((rest.repositories().len(), rest.next_token()), (50, None));
    assert_eq!(rest.repositories()[0].repository_name(), Some("r/100"));
    let policy = r#"{"Statement": []}"#;
    let set = sdk(&ecr).set_repository_policy().repository_name("r/000").policy_text(policy).send();
    set.await.unwrap();
    assert_eq!(ecr.repository("r/000").unwrap().settings.policy.as_deref(), Some(policy));
}

#[tokio::test]
async fn the_sdk_asks_for_images_and_layers_in_batches() {
    let ecr = Ecr::start().await;
    let image = fake::image(&["layer"]);
    ecr.push("r", "1", &image);
    ecr.push("r", "2", &image);
    let id = |tag: &str| ImageIdentifier::builder().image_tag(tag).build();
    let output = sdk(&ecr)
        .batch_get_image()
        .repository_name("r")
        .set_image_ids(Some(vec![id("2"), id("3")]))
        .send()
        .await;
    let output = output.unwrap();
    let found = output.images()[0].image_id().unwrap();
    assert_eq!(found.image_tag(), Some("2"));
    assert_eq!(found.image_digest(), Some(image.digest().to_string().as_str()));
    assert_eq!(output.failures()[0].failure_code().unwrap().as_str(), "ImageNotFound");

    let output = sdk(&ecr)
        .batch_check_layer_availability()
        .repository_name("r")
        .layer_digests(Digest::of(b"layer").to_string())
        .layer_digests(Digest::of(b"other").to_string())
        .layer_digests("sha512:00")
        .send()
        .await
        .unwrap();
    let states: Vec<_> = output.layers().iter().map(|l| l.layer_availability().unwrap().as_str()).collect();
    assert_eq!(states, ["AVAILABLE", "UNAVAILABLE"]);
    assert_eq!(output.failures().len(), 1);
}

#[tokio::test]
async fn the_sdk_reads_what_images_there_are_page_by_page() {
    let ecr = Ecr::start().await;
    let (one, two, old) = (fake::image(&["one"]), fake::image(&["two"]), fake::image(&["old"]));
    for (tag, image) in [("1", &one), ("latest", &one), ("2", &two), ("0", &old)] {
        ecr.push("r", tag, image);
    }
    ecr.edit("r", |r| {
        r.add(&fake::image(&["untagged"]));
        r.archived.insert(old.digest());
        r.pushed_at.insert(one.digest(), 1_750_000_000);
    });
    let sdk = sdk(&ecr);
    let filter = |status: Option<ImageStatusFilter>| {
        let filter = DescribeImagesFilter::builder().tag_status(TagStatus::Tagged);
        filter.set_image_status(status).build()
    };
    let ask = || sdk.describe_images().repository_name("r");
    let all = ask().filter(filter(Some(ImageStatusFilter::Any))).send().await.unwrap();
    assert_eq!((all.image_details().len(), all.next_token()), (3, None));
    let of_one = all.image_details().iter().find(|d| d.image_digest() == Some(&one.digest().to_string()));
    let of_one = of_one.unwrap();
    assert_eq!(of_one.image_tags(), ["1", "latest"]);
    assert_eq!(of_one.image_pushed_at().unwrap().secs(), 1_750_000_000);
    assert!(of_one.image_size_in_bytes().unwrap() > 0);
    // What is archived is not shown unless it is asked for.
    assert_eq!(ask().filter(filter(None)).send().await.unwrap().image_details().len(), 2);
    let first = ask().filter(filter(None)).max_results(1).send().await.unwrap();
    let second = ask().filter(filter(None)).max_results(1).next_token(first.next_token().unwrap());
    let second = second.send().await.unwrap();
    assert_eq!((first.image_details().len(), second.image_details().len()), (1, 1));
    assert_ne!(first.image_details()[0].image_digest(), second.image_details()[0].image_digest());
    assert_eq!(second.next_token(), None);
}

#[tokio::test]
async fn faulty_calls_get_the_errors_of_aws() {
    let ecr = Ecr::start().await;
    ecr.create("r", Settings::default());
    let many: Vec<_> = (0..101).map(|n| json!({"imageTag": n.to_string()})).collect();
    let filters = json!([{"filterType": "WILDCARD", "filter": "21"}]);
    for (operation, input, code) in [
        ("BatchGetImage", json!({"repositoryName": "r", "imageIds": many}), "InvalidParameterException"),
        ("BatchGetImage", json!({"repositoryName": "x", "imageIds": [{}]}), "RepositoryNotFoundException"),
        ("DescribeImages", json!({"repositoryName": "x"}), "RepositoryNotFoundException"),
        ("DescribeImages", json!({"repositoryName": "r", "maxResults": 1001}), "InvalidParameterException"),
        (
            "DescribeImages",
            json!({"repositoryName": "r", "imageIds": [{"imageTag": "missing"}]}),
            "ImageNotFoundException",
        ),
        ("BatchCheckLayerAvailability", json!({"repositoryName": "r"}), "InvalidParameterException"),
        ("CreateRepository", json!({"repositoryName": "Bad"}), "InvalidParameterException"),
        (
            "CreateRepository",
            json!({"repositoryName": "new", "imageTagMutabilityExclusionFilters": filters}),
            "InvalidParameterException",
        ),
        (
            "PutLifecyclePolicy",
            json!({"repositoryName": "r", "lifecyclePolicyText": "{}"}),
            "InvalidParameterException",
        ),
        ("DeleteRepository", json!({"repositoryName": "r"}), "UnknownOperationException"),
    ] {
        let answer = ecr_call(&ecr, operation, &input).await;
        assert_eq!((answer.status, answer.header("x-amzn-errortype")), (400, code), "{operation} {input}");
        assert_eq!(answer.json()["__type"], code);
        assert_ne!(answer.header("x-amzn-requestid"), "");
    }
}

#[tokio::test]
async fn denials_and_throttles_have_their_own_form() {
    let ecr = Ecr::start().await;
    ecr.deny("ecr:CreateRepository");
    let denied = ecr_call(&ecr, "CreateRepository", &json!({"repositoryName": "new"})).await;
    assert_eq!((denied.status, denied.header("x-amzn-errortype")), (403, "AccessDeniedException"));
    assert!(
        denied
            .text()
            .contains("is not authorized to perform: ecr:CreateRepository on resource: arn:aws:ecr:")
    );

    ecr.fault(Fault::new(Match::api("DescribeRepositories"), Action::api_throttle()).once());
    let throttled = ecr_call(&ecr, "DescribeRepositories", &json!({})).await;
    assert_eq!((throttled.status, throttled.header("x-amzn-errortype")), (400, "ThrottlingException"));
    assert_eq!(ecr_call(&ecr, "DescribeRepositories", &json!({})).await.status, 200);
}

#[tokio::test]
async fn a_resource_is_tagged_by_its_arn() {
    let ecr = Ecr::start().await;
    ecr.create("a/b", Settings::default());
    let input = json!({"resourceArn": "arn:aws:ecr:eu-central-1:123456789012:repository/a/b",
        "tags": [{"Key": "k", "Value": "v"}]});
    assert_eq!(ecr_call(&ecr, "TagResource", &input).await.status, 200);
    assert_eq!(ecr.repository("a/b").unwrap().settings.tags["k"], "v");
}

#[tokio::test]
async fn the_sdk_takes_a_role_whose_keys_are_seen_in_later_calls() {
    let ecr = Ecr::start().await;
    let base = aws_config::defaults(BehaviorVersion::latest())
        .region(Region::new(REGION))
        .credentials_provider(keys())
        .endpoint_url(ecr.endpoint_url())
        .load()
        .await;
    let role = AssumeRoleProvider::builder("arn:aws:iam::123456789012:role/mirror").configure(&base);
    let role = role.session_name("tagferry").build().await;
    let config = aws_sdk_ecr::config::Builder::from(&base).credentials_provider(role).build();
    aws_sdk_ecr::Client::from_conf(config).get_authorization_token().send().await.unwrap();
    let last = ecr.requests().pop().unwrap();
    assert!(last.head.header("authorization").unwrap().contains("Credential=ASIAmirror/"));
    assert_eq!(last.head.header("x-amz-security-token"), Some("session-of-mirror"));
}

#[tokio::test]
async fn secrets_are_read_beside_ecr() {
    let ecr = Ecr::start().await;
    ecr.secret("ocr", r#"{"username":"u","password":"p"}"#);
    let secret = call(&ecr, "secretsmanager.GetSecretValue", &json!({"SecretId": "ocr"})).await;
    assert_eq!(secret.json()["SecretString"], r#"{"username":"u","password":"p"}"#);
    let missing = call(&ecr, "secretsmanager.GetSecretValue", &json!({"SecretId": "x"})).await;
    assert_eq!(missing.header("x-amzn-errortype"), "ResourceNotFoundException");
}

#[tokio::test]
async fn a_role_can_be_denied() {
    let ecr = Ecr::start().await;
    ecr.deny("sts:AssumeRole");
    let headers = [("content-type", "application/x-www-form-urlencoded"), ("authorization", SIGNED)];
    let answer = ask(Method::POST, &ecr.endpoint_url(), &headers, "Action=AssumeRole").await;
    assert_eq!(answer.status, 403);
    assert!(answer.text().contains("<Code>AccessDenied</Code>"));
}
