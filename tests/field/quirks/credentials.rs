//! AWS credentials with bytes around or inside that cannot be sent.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::os::unix::ffi::OsStrExt;

use crate::fake::{ACCESS_KEY, Action, Ecr, Face, Fault, Match, Registry, Reply, image};
use crate::world::program::Program;
use crate::world::{APP, Side, mirror};

/// What must come out.
enum Expect {
    /// The images arrive.
    Copied,
    /// The exit code, and words of the message.
    Refused(i32, &'static [&'static str]),
}
use Expect::{Copied, Refused};

/// `KEY` in values stands for an access key that is known.
struct Row {
    id: &'static str,
    #[expect(dead_code, reason = "for people")]
    seen: &'static str,
    variables: &'static [(&'static str, &'static [u8])],
    expect: Expect,
}

const SECRET: (&str, &[u8]) = ("AWS_SECRET_ACCESS_KEY", b"secret");
/// The file of profiles is read instead of variables, where there are none.
const PROFILES: (&str, &[u8]) = ("AWS_CONFIG_FILE", b"profiles");
/// A profile in it that takes a role as another one, whose keys are in `SOURCE`.
const ROLE: (&str, &[u8]) = ("AWS_PROFILE", b"lead");
/// The program of the profile that `lead` takes its role as.
const PROCESS: (&str, &[u8]) = ("SOURCE", b"credential_process = /bin/sh process");

const ROWS: &[Row] = &[
    Row {
        id: "access key with a line feed, as `echo` writes a secret's file",
        seen: "smithy-lang/smithy-rs#4565, zhaofengli/attic#219, rusoto/rusoto#1589",
        variables: &[("AWS_ACCESS_KEY_ID", b"KEY\n"), SECRET],
        expect: Copied,
    },
    Row {
        id: "all three with a carriage return, of a file with the line ends of Windows",
        seen: "boto/botocore#2001, openwpm/openwpm-crawler#41",
        variables: &[
            ("AWS_ACCESS_KEY_ID", b"KEY\r"),
            ("AWS_SECRET_ACCESS_KEY", b"secret\r"),
            ("AWS_SESSION_TOKEN", b"token\r"),
        ],
        expect: Copied,
    },
    Row {
        id: "two lines of a file in one variable",
        seen: "argoproj/argo-events#209, longhorn/longhorn#2226",
        variables: &[("AWS_ACCESS_KEY_ID", b"KEY\nAWS_SECRET_ACCESS_KEY=hunter2"), SECRET],
        expect: Refused(3, &["`AWS_ACCESS_KEY_ID` of the environment has a line break inside"]),
    },
    Row {
        id: "secret key with a line feed",
        seen: "argoproj/argo-workflows#981, external-secrets/external-secrets#2533",
        variables: &[("AWS_ACCESS_KEY_ID", b"KEY"), ("AWS_SECRET_ACCESS_KEY", b"secret\n")],
        expect: Copied,
    },
    Row {
        id: "session token that was wrapped",
        seen: "smithy-lang/smithy-rs#4565",
        variables: &[("AWS_ACCESS_KEY_ID", b"KEY"), SECRET, ("AWS_SESSION_TOKEN", b"hunter2\nhunter2")],
        expect: Refused(3, &["`AWS_SESSION_TOKEN` of the environment has a line break inside"]),
    },
    Row {
        id: "session token that is empty",
        seen: "smithy-lang/smithy-rs#4565",
        variables: &[("AWS_ACCESS_KEY_ID", b"KEY"), SECRET, ("AWS_SESSION_TOKEN", b"")],
        expect: Copied,
    },
    Row {
        id: "zero-width space of a copied key",
        seen: "postmanlabs/postman-app-support#7882",
        variables: &[("AWS_ACCESS_KEY_ID", b"\xe2\x80\x8bKEY"), SECRET],
        expect: Refused(3, &["`AWS_ACCESS_KEY_ID` of the environment has the character U+200B inside"]),
    },
    Row {
        id: "not UTF-8 is not the same as not set",
        seen: "twilight-rs/http-proxy#34, rust-lang/rust#122663",
        variables: &[("AWS_ACCESS_KEY_ID", b"hunter2\xff"), SECRET],
        expect: Refused(3, &["`AWS_ACCESS_KEY_ID` is set but is not UTF-8"]),
    },
    Row {
        id: "a variable that nobody uses is not UTF-8",
        seen: "cachix/secretspec#140, rust-lang/rust#70251",
        variables: &[("AWS_ACCESS_KEY_ID", b"KEY"), SECRET, ("STRAY", b"\xa3")],
        expect: Copied,
    },
    Row {
        id: "credential_process that prints line breaks",
        seen: "smithy-lang/smithy-rs#4565, by another way",
        variables: &[PROFILES, ("KEY_OUTPUT", b"KEY\\n")],
        expect: Copied,
    },
    Row {
        id: "credential_process that prints two lines as one key",
        seen: "smithy-lang/smithy-rs#4565, by another way",
        variables: &[PROFILES, ("KEY_OUTPUT", b"KEY\\nhunter2")],
        expect: Refused(3, &["`AccessKeyId` of the output of `credential_process` has a line break inside"]),
    },
    Row {
        id: "a profile whose key goes on in the next line",
        seen: "boto/botocore#2001",
        variables: &[PROFILES, ROLE, ("SOURCE", b"aws_access_key_id = KEY\n  hunter2")],
        expect: Refused(
            3,
            &["`aws_access_key_id` of the profile `base` in AWS' files has a line break inside"],
        ),
    },
    Row {
        id: "a profile whose token has a dash of a text",
        seen: "VirtueSecurity/aws-extender-cli#3",
        variables: &[
            PROFILES,
            ROLE,
            ("SOURCE", b"aws_access_key_id = KEY\naws_session_token = hunter2\xe2\x80\x93"),
        ],
        expect: Refused(
            3,
            &["`aws_session_token` of the profile `base` in AWS' files has the character U+2013"],
        ),
    },
    Row {
        id: "such a profile, where the variables have other keys",
        seen: "brother of the above",
        variables: &[
            PROFILES,
            ROLE,
            ("AWS_ACCESS_KEY_ID", b"KEY"),
            SECRET,
            ("SOURCE", b"aws_access_key_id = KEY\n  hunter2"),
        ],
        expect: Copied,
    },
    Row {
        id: "a role as a profile whose credential_process prints line breaks",
        seen: "smithy-lang/smithy-rs#4565, by another way",
        variables: &[PROFILES, ROLE, PROCESS, ("KEY_OUTPUT", b"KEY\\n")],
        expect: Copied,
    },
    Row {
        id: "a role as a profile whose credential_process prints two lines as one key",
        seen: "smithy-lang/smithy-rs#4565, by another way",
        variables: &[PROFILES, ROLE, PROCESS, ("KEY_OUTPUT", b"KEY\\nhunter2")],
        expect: Refused(3, &["`AccessKeyId` of the output of `credential_process` has a line break inside"]),
    },
    Row {
        id: "region with a blank",
        seen: "awslabs/aws-sdk-rust#85",
        variables: &[("AWS_ACCESS_KEY_ID", b"KEY"), SECRET, ("AWS_REGION", b" eu-central-1\n")],
        expect: Copied,
    },
    Row {
        id: "region that is none",
        seen: "durch/rust-s3#303",
        variables: &[("AWS_ACCESS_KEY_ID", b"KEY"), SECRET, ("AWS_REGION", b"::")],
        expect: Refused(3, &["`AWS_REGION` holds `::`, which is not the name of a region"]),
    },
    Row {
        id: "address of the API without a scheme",
        seen: "awslabs/aws-sdk-rust#331",
        variables: &[("AWS_ACCESS_KEY_ID", b"KEY"), SECRET, ("AWS_ENDPOINT_URL", b"127.0.0.1:4566")],
        expect: Refused(3, &["`AWS_ENDPOINT_URL` is not an address such as `https://HOST`"]),
    },
    Row {
        id: "an access key alone, beside a profile of somebody else",
        seen: "projectdiscovery/cloudlist#752",
        variables: &[PROFILES, ("KEY_OUTPUT", b"KEY"), ("AWS_ACCESS_KEY_ID", b"KEY")],
        expect: Refused(3, &["`AWS_ACCESS_KEY_ID` is set and `AWS_SECRET_ACCESS_KEY` is not"]),
    },
    Row {
        id: "a secret key alone",
        seen: "brother of the above",
        variables: &[PROFILES, ("KEY_OUTPUT", b"KEY"), SECRET, ("AWS_ACCESS_KEY_ID", b"")],
        expect: Refused(3, &["`AWS_SECRET_ACCESS_KEY` is set and `AWS_ACCESS_KEY_ID` is not"]),
    },
    Row {
        id: "a switch that is neither on nor off",
        seen: "aws/aws-cli#6767",
        variables: &[("AWS_ACCESS_KEY_ID", b"KEY"), SECRET, ("AWS_USE_FIPS_ENDPOINT", b"yes")],
        expect: Refused(3, &["`AWS_USE_FIPS_ENDPOINT` has to be `true` or `false`"]),
    },
    Row {
        id: "a name of a profile that is empty",
        seen: "boto/botocore#3110",
        variables: &[PROFILES, ("KEY_OUTPUT", b"KEY"), ("AWS_PROFILE", b"")],
        expect: Copied,
    },
    Row {
        id: "sources of credentials that are empty",
        seen: "chatwork/dockerfiles#45, docker/compose#11196",
        variables: &[
            ("AWS_WEB_IDENTITY_TOKEN_FILE", b""),
            ("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", b""),
            ("AWS_CONTAINER_CREDENTIALS_FULL_URI", b""),
            ("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", b""),
        ],
        expect: Refused(3, &["no AWS credentials found"]),
    },
    Row {
        id: "an empty file of a token beside the place where it would be shown",
        seen: "brother of the above",
        variables: &[
            ("AWS_CONTAINER_CREDENTIALS_FULL_URI", b"http://127.0.0.1:1/"),
            ("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", b""),
        ],
        expect: Refused(3, &["`AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE` is empty beside"]),
    },
    Row {
        id: "SSO without a login",
        seen: "aws/aws-sdk-java-v2#4830",
        variables: &[
            PROFILES,
            ("AWS_PROFILE", b"base"),
            (
                "SOURCE",
                b"sso_start_url = https://x.test/start\nsso_region = eu-central-1\nsso_account_id = 123456789012\nsso_role_name = r",
            ),
        ],
        expect: Refused(1, &["no AWS credentials from SSO for the profile `base`", "`aws sso login --profile base`"]),
    },
    Row {
        id: "a login that the SDK is not made for",
        seen: "brother of the above",
        variables: &[
            PROFILES,
            ("AWS_PROFILE", b"base"),
            ("SOURCE", b"login_session = arn:aws:iam::123456789012:user/x"),
        ],
        expect: Refused(3, &["the profile `base` in AWS' files has a `login_session`, which is not supported"]),
    },
    Row {
        id: "a file of authorities that is not there",
        seen: "huseyinbabal/taws#66, huseyinbabal/taws#88, awslabs/s3-connector-for-pytorch#409",
        variables: &[("AWS_ACCESS_KEY_ID", b"KEY"), SECRET, ("AWS_CA_BUNDLE", b"/none.pem")],
        expect: Refused(3, &["`AWS_CA_BUNDLE` names /none.pem, which cannot be read: No such file"]),
    },
    Row {
        // Trimmed would be kinder, but the SDK reads these variables itself.
        id: "address of the API with a line feed",
        seen: "awslabs/aws-sdk-rust#331",
        variables: &[("AWS_ACCESS_KEY_ID", b"KEY"), SECRET, ("AWS_ENDPOINT_URL", b"http://127.0.0.1:4566\n")],
        expect: Refused(3, &["`AWS_ENDPOINT_URL`", "without white space around it"]),
    },
];

#[tokio::test]
async fn credentials_are_cleaned_or_refused_by_name() {
    let source = Registry::start(Face::Open).await;
    source.push("app", "1.0", &image(&["1.0"]));
    for Row { id, variables, expect, .. } in ROWS {
        let ecr = Ecr::start().await;
        let config = mirror(&source, Side::ecr(&ecr, "create_repositories: true"), APP);
        let mut program = Program::configured(&config)
            .variable("AWS_EC2_METADATA_DISABLED", "true")
            .variable("AWS_ENDPOINT_URL_STS", &ecr.endpoint_url());
        let script = "#!/bin/sh\nprintf '{\"Version\":1,\"AccessKeyId\":\"%s\",\"SecretAccessKey\":\"s\"}' \"$KEY_OUTPUT\"\n";
        fs::write(program.folder().join("process"), script).unwrap();
        let source = variables.iter().find(|(name, _)| *name == "SOURCE");
        let source = source.map_or_else(OsString::new, |(_, value)| with_key(value));
        let profiles = format!(
            "[default]\ncredential_process = /bin/sh process\n\
             [profile lead]\nrole_arn = arn:aws:iam::123456789012:role/mirror\nsource_profile = base\n\
             [profile base]\naws_secret_access_key = secret\n{}\n",
            source.to_str().unwrap()
        );
        fs::write(program.folder().join("profiles"), profiles).unwrap();
        for (name, value) in *variables {
            program = program.raw_variable(name, with_key(value));
        }
        let ran = program.run_online(&["sync"]).await;
        match expect {
            Copied => assert_eq!((ran.code, ecr.tags("app").len()), (Some(0), 1), "{id}: {}", ran.stderr),
            Refused(code, words) => {
                assert_eq!(ran.code, Some(*code), "{id}: {}", ran.stderr);
                assert!(words.iter().all(|words| ran.stderr.contains(words)), "{id}: {}", ran.stderr);
            }
        }
        let shown = ran.stdout + &ran.stderr;
        assert!(!shown.contains("hunter2") && !shown.contains("panicked"), "{id}: {shown}");
    }
}

/// smithy-lang/smithy-rs#4565, where ECR is not what needs the key.
#[tokio::test]
async fn a_key_that_cannot_be_sent_is_named_by_whatever_needs_it() {
    let (source, target) = (Registry::start(Face::Open).await, Registry::start(Face::Open).await);
    source.push("app", "1.0", &image(&["1.0"]));
    let nobody = Registry::start(Face::Open).await;
    let run = async |config: &str| {
        let program = Program::configured(config)
            .raw_variable("AWS_ACCESS_KEY_ID", with_key(b"KEY\nhunter2"))
            .variable("AWS_SECRET_ACCESS_KEY", "secret")
            .variable("AWS_REGION", "eu-central-1")
            .variable("AWS_ENDPOINT_URL", &format!("http://{}", nobody.host()));
        let ran = program.run_online(&["sync"]).await;
        let named = "`AWS_ACCESS_KEY_ID` of the environment has a line break inside";
        assert!(ran.stderr.contains(named), "{}", ran.stderr);
        let shown = ran.stdout + &ran.stderr;
        assert!(!shown.contains("hunter2") && !shown.contains("panicked"), "{shown}");
        ran.code
    };
    let topic = "notices: [{sns: {topic_arn: 'arn:aws:sns:eu-central-1:123456789012:tagferry'}}]\n";
    assert_eq!(run(&(mirror(&source, &target, APP) + topic)).await, Some(0));
    assert_eq!(target.tags("app"), source.tags("app"), "the mirror needs no key");

    let locked = Registry::start(Face::Basic).await;
    locked.push("app", "1.0", &image(&["1.0"]));
    let secret = Side::plain(&locked, "credentials: {secret: ocr}");
    assert_ne!(run(&mirror(secret, &target, APP)).await, Some(0));
    assert!(nobody.requests().is_empty());
}

/// moby/moby#40507: a proxy answers for AWS with a page of its own.
#[tokio::test]
async fn a_web_page_from_the_api_is_told_as_one() {
    let source = Registry::start(Face::Open).await;
    source.push("app", "1.0", &image(&["1.0"]));
    let page = "<html><head><title>Access Denied</title></head><body>Go away</body></html>";
    for status in [403, 200] {
        let ecr = Ecr::start().await;
        ecr.fault(Fault::new(
            Match::any(),
            Action::Answer(Reply::status(status).named("content-type", "text/html").body(page)),
        ));
        let program = Program::configured(&mirror(&source, Side::ecr(&ecr, ""), APP)).aws();
        let ran = program.run_online(&["sync"]).await;
        assert!(
            ran.assert_code(1).stderr.contains("a web page (Access Denied) came instead"),
            "{}",
            ran.stderr
        );
    }
}

fn with_key(value: &[u8]) -> OsString {
    let Some(start) = value.windows(3).position(|bytes| bytes == b"KEY") else {
        return OsStr::from_bytes(value).to_owned();
    };
    let value = [&value[..start], ACCESS_KEY.as_bytes(), &value[start + 3..]].concat();
    OsStr::from_bytes(&value).to_owned()
}
