//! Login files of Docker and Podman, and the helpers named in them.

use std::error::Error;
use std::fs;
use std::fs::Permissions;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::process::Command;

use secrecy::ExposeSecret;
use tagferry::login::{Credentials, DockerConfig, DockerFiles, Freshness};

use crate::fake::{Face, Registry};
use crate::world::program::Program;
use crate::world::{APP, Side, mirror, three_tags};

const ROOT: u32 = 0;
/// Owns no file.
const NOBODY: u32 = 65534;

/// The file, what `docker-credential-x` does where there is such a program, and the login for `h.test/team/app`:
/// `user:password`, empty for an anonymous visitor, or words of the error.
struct Row {
    id: &'static str,
    #[expect(dead_code, reason = "for people")]
    seen: &'static str,
    file: &'static [u8],
    helper: &'static str,
    expect: Result<&'static str, &'static [&'static str]>,
}

const fn row(
    id: &'static str,
    seen: &'static str,
    file: &'static str,
    expect: Result<&'static str, &'static [&'static str]>,
) -> Row {
    Row { id, seen, file: file.as_bytes(), helper: "", expect }
}

const fn helper(
    id: &'static str,
    seen: &'static str,
    helper: &'static str,
    expect: Result<&'static str, &'static [&'static str]>,
) -> Row {
    Row { id, seen, file: br#"{"credHelpers": {"h.test": "x"}}"#, helper, expect }
}

// dTpw is base64 of u:p.
const ROWS: &[Row] = &[
    row("auths null", "docker-java/docker-java#2138", r#"{"auths": null}"#, Ok("")),
    row(
        "an entry null beside a good one",
        "opentofu/opentofu#2732",
        r#"{"auths": {"other.test": null, "h.test": {"auth": "dTpw"}}}"#,
        Ok("u:p"),
    ),
    row("our entry null", "opentofu/opentofu#2732", r#"{"auths": {"h.test": null}}"#, Ok("")),
    row(
        "fields null or empty",
        "opentofu/opentofu#2732",
        r#"{"auths": {"h.test": {"auth": "", "username": null, "identitytoken": null, "email": null}}}"#,
        Ok(""),
    ),
    row(
        "identitytoken null beside auth",
        "brother of the above",
        r#"{"auths": {"h.test": {"auth": "dTpw", "identitytoken": null, "password": null}}}"#,
        Ok("u:p"),
    ),
    row(
        "other keys null or absent",
        "spotify/docker-client#1023, test-kitchen/kitchen-dokken#290",
        r#"{"credHelpers": null, "credsStore": null, "HttpHeaders": null, "proxies": null}"#,
        Ok(""),
    ),
    row(
        "a helper null",
        "brother of `auths null`",
        r#"{"credHelpers": {"h.test": null}, "auths": {"h.test": {"auth": "dTpw"}}}"#,
        Ok("u:p"),
    ),
    row(
        "a helper turned off by an empty name",
        "keirlawson/docker_credential#8",
        r#"{"credHelpers": {"h.test": ""}, "auths": {"h.test": {"auth": "dTpw"}}}"#,
        Ok("u:p"),
    ),
    row(
        "the store turned off by an empty name",
        "docker/docker-credential-helpers#95",
        r#"{"credsStore": "", "auths": {"h.test": {"auth": "dTpw"}}}"#,
        Ok("u:p"),
    ),
    row(
        "a store that is not installed, and somebody logged in there",
        "containers/image#1179, containerd/nerdctl#830, opentofu/opentofu#2732",
        r#"{"auths": {"h.test": {}}, "credsStore": "gone"}"#,
        Err(&["cannot get the login for `h.test`", "`docker-credential-gone` was not found"]),
    ),
    row(
        "a store that is not installed, in a file of another machine",
        "containers/image#1179, moby/moby#32733",
        r#"{"auths": {"other.test": {}}, "credsStore": "gone"}"#,
        Ok(""),
    ),
    row(
        "a helper that is not installed, for another host",
        "docker/cli#3996",
        r#"{"credHelpers": {"gone.test": "gone"}, "auths": {"h.test": {"auth": "dTpw"}}}"#,
        Ok("u:p"),
    ),
    row(
        "keys in other case",
        "google/containerregistry#144",
        r#"{"Auths": {"h.test": {"Auth": "dTpw"}}}"#,
        Ok("u:p"),
    ),
    row(
        "a store under a misspelt key",
        "google/containerregistry#144",
        r#"{"credSstore": "gone", "auths": {"h.test": {}}}"#,
        Err(&["`docker-credential-gone` was not found"]),
    ),
    row(
        "base64 in lines",
        "banzaicloud/drone-kaniko#6, rpardini/docker-registry-proxy#34",
        r#"{"auths": {"h.test": {"auth": "dT\r\npw\n"}}}"#,
        Ok("u:p"),
    ),
    row(
        "a raw line break within a text",
        "banzaicloud/drone-kaniko#6",
        "{\"auths\": {\"h.test\": {\"auth\": \"dT\npw\"}}}",
        Err(&[
            "is not valid at line 2, column 0",
            "a line break or another control character is inside a text",
        ]),
    ),
    row(
        "base64 without padding",
        "upserve/docker-api#485",
        r#"{"auths": {"h.test": {"auth": "dTpwYQ"}}}"#,
        Ok("u:pa"),
    ),
    row(
        "base64 in the alphabet of addresses",
        "AlexGustafsson/cupdate#206",
        r#"{"auths": {"h.test": {"auth": "dTo_Pj8-"}}}"#,
        Ok("u:?>?>"),
    ),
    row(
        "a line feed in the base64",
        "keirlawson/docker_credential#8",
        r#"{"auths": {"h.test": {"auth": "dTpwCg=="}}}"#,
        Ok("u:p"),
    ),
    row(
        "zero bytes in the base64",
        "docker/cli, which pads",
        r#"{"auths": {"h.test": {"auth": "dTpwAA=="}}}"#,
        Ok("u:p"),
    ),
    row(
        "a password with colons",
        "spotify/docker-client#764",
        r#"{"auths": {"h.test": {"auth": "dTphOmI6Yw=="}}}"#,
        Ok("u:a:b:c"),
    ),
    row("an empty file", "docker/cli#2599, moby/moby#18634", "", Ok("")),
    row("a file of white space", "docker/cli#2599", " \n", Ok("")),
    row(
        "a byte order mark",
        "moby/moby#44777, docker/for-win#14950",
        "\u{feff}{\"auths\": {\"h.test\": {\"auth\": \"dTpw\"}}}\r\n",
        Ok("u:p"),
    ),
    Row {
        id: "UTF-16, as PowerShell writes",
        seen: "moby/moby#44790",
        file: b"\xff\xfe{\0}\0",
        helper: "",
        expect: Err(&["is UTF-16: save it as UTF-8"]),
    },
    row(
        "a key with a scheme",
        "containers/image#96, kurtosis-tech/kurtosis#2937, hashicorp/nomad#1662",
        r#"{"auths": {"https://H.test/v1/": {"auth": "dTpw"}}}"#,
        Ok("u:p"),
    ),
    row(
        "two spellings of a key",
        "genuinetools/reg#10",
        r#"{"auths": {"H.test": {"auth": "bzpvbGQ="}, "h.test": {"auth": "dTpw"}, "https://h.test/": {"auth": "bzpvbGQ="}}}"#,
        Ok("u:p"),
    ),
    row(
        "keys of no concern",
        "GoogleContainerTools/jib#524, fsouza/go-dockerclient#492",
        r#"{"auths": {"h.test": {"auth": "dTpw", "email": "", "serveraddress": "h.test"}}, "plugins": {"x": {"a": "b"}}}"#,
        Ok("u:p"),
    ),
    row(
        "the file of Docker before 1.7, and of Kubernetes' `dockercfg`",
        "docker/cli#2579",
        r#"{"https://h.test/v1/": {"auth": "dTpw"}}"#,
        Ok("u:p"),
    ),
    row(
        "an entry of another kind",
        "brother of `our entry null`",
        r#"{"auths": {"h.test": 7}}"#,
        Err(&["`auths → h.test` has a value of the wrong kind"]),
    ),
    // An identity token needs a way to the token service that only its issuer's tools know: refused by name.
    row(
        "an identity token beside a user of zeros",
        "docker/cli, as ACR's and Harbor's helpers write",
        r#"{"auths": {"h.test": {"auth": "MDAwMDo=", "identitytoken": "hunter2"}}}"#,
        Err(&["is an identity token"]),
    ),
    helper(
        "the reason on standard output",
        "docker/docker-credential-helpers#101, google/go-containerregistry#309",
        "echo 'AccessDenied: not allowed'; exit 1",
        Err(&[
            "cannot get the login for `h.test`",
            "`docker-credential-x` failed: AccessDenied: not allowed",
        ]),
    ),
    helper(
        "the reason on standard error",
        "google/go-containerregistry#528, rancher-sandbox/rancher-desktop#2539",
        "echo 'ERROR: invalid_grant' >&2; exit 1",
        Err(&["failed: ERROR: invalid_grant"]),
    ),
    helper(
        "no reason",
        "google/go-containerregistry#528",
        "exit 1",
        Err(&["failed: it did not say why (exit status: 1)"]),
    ),
    helper(
        "no login",
        "spotify/docker-client#1036, testcontainers/testcontainers-java#9544",
        "echo 'credentials not found in native keychain'; exit 1",
        Ok(""),
    ),
    helper(
        "a warning before the answer",
        "testcontainers/testcontainers-java#4064",
        r#"echo 'level=error msg="no log"'; echo '{"ServerURL":"h.test","Username":"u","Secret":"p"}'"#,
        Ok("u:p"),
    ),
    helper(
        "a warning on standard error",
        "testcontainers/testcontainers-java#8006",
        r#"echo 'level=warning' >&2; echo '{"ServerURL":"h.test","Username":"AWS","Secret":"p"}'"#,
        Ok("AWS:p"),
    ),
    helper(
        "an answer over several lines, in lower case",
        "fabric8io/docker-maven-plugin#930, google/containerregistry#144",
        "echo '{'; echo '\"secret\": \"p\",'; echo '\"username\": \"u\"}'",
        Ok("u:p"),
    ),
    helper(
        "an error as the answer",
        "brother of `the reason on standard output`",
        r#"echo '{"error":"no session: log in"}'"#,
        Err(&["`docker-credential-x` printed no login: no session: log in"]),
    ),
    helper(
        "an object that is no login",
        "brother of the above",
        r#"echo '{"token":"hunter2"}'"#,
        Err(&["`docker-credential-x` printed no login: it does not say why"]),
    ),
    helper(
        "half of a login",
        "brother of the above",
        r#"echo '{"Username":"","Secret":"hunter2"}'"#,
        Err(&["printed a login without `Username`"]),
    ),
    helper(
        "a log in JSON, and braces",
        "brother of `a warning before the answer`",
        r#"echo '{"level":"warn"}'; echo 'took {a while}'; echo '{"Username":"u","Secret":"{p}"}'; echo '{"level":"info"}'"#,
        Ok("u:{p}"),
    ),
    helper(
        "an answer that is none",
        "testcontainers/testcontainers-java#4064",
        "echo hunter2",
        Err(&["printed something that is not a login in JSON"]),
    ),
];

#[tokio::test]
async fn login_files_are_read_as_docker_reads_them() {
    for Row { id, file, helper, expect, .. } in ROWS {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("config.json");
        std::fs::write(&path, file).unwrap();
        if !helper.is_empty() {
            install(&dir.path().join("docker-credential-x"), helper);
        }
        let search = format!("{}:/usr/bin:/bin", dir.path().display());
        let files =
            DockerFiles { named: vec![path], helper_path: Some(search.into()), ..DockerFiles::default() };
        match (ask(files).await, expect) {
            (Ok(login), Ok(expected)) => assert_eq!(login, *expected, "{id}"),
            (Err(error), Err(words)) => {
                assert!(words.iter().all(|words| error.contains(words)), "{id}: {error}");
                assert!(!error.contains("hunter2"), "{id}: {error}");
            }
            (answer, _) => panic!("{id}: {answer:?}"),
        }
    }
}

/// Seen in buildpacks/lifecycle#290, moby/moby#14669, sylabs/singularity#1396: a container whose `HOME` is somebody else's.
#[tokio::test]
async fn a_home_that_may_not_be_read_counts_as_none_and_a_folder_that_was_named_does_not() {
    let (source, target) = (three_tags(Face::Token).await, Registry::start(Face::Open).await);
    for (variables, words, other) in [
        (None, "may not be read, and counts as none", "cannot read the login file"),
        (Some("DOCKER_CONFIG"), "cannot read the login file", "counts as none"),
    ] {
        let mut program =
            Program::configured(&mirror(Side::plain(&source, "limits: {concurrent: 4}"), &target, APP));
        let docker = program.folder().join(".docker");
        if let Some(name) = variables {
            program = program.raw_variable(name, docker.clone().into());
        }
        fs::set_permissions(program.folder(), Permissions::from_mode(0o755)).unwrap();
        fs::create_dir(&docker).unwrap();
        fs::set_permissions(&docker, Permissions::from_mode(0o000)).unwrap();
        let mut command = program.command(&["plan"]);
        let owner = fs::metadata(program.folder()).unwrap().uid();
        if owner == ROOT {
            // Permissions do not bind us; the program is somebody else.
            command.uid(NOBODY);
        }
        let output = tokio::process::Command::from(command).kill_on_drop(true).output().await.unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        let is_told = stderr.contains(words) && !stderr.contains(other);
        assert!(is_told, "{variables:?}, of user {owner}, {}: {stderr}", output.status);
    }
}

/// What the variables hold, where `DIR` has `f` and `k/.dockerconfigjson` with a login and `empty/`.
struct Place {
    #[expect(dead_code, reason = "for people")]
    seen: &'static str,
    variables: &'static [(&'static str, &'static str)],
    expect: Result<&'static str, &'static [&'static str]>,
}

const PLACES: &[Place] = &[
    Place {
        seen: "docker/cli#7235",
        variables: &[("DOCKER_CONFIG", "DIR/f")],
        expect: Err(&[
            "`DOCKER_CONFIG` has to name the folder that holds `config.json`",
            "DIR/f is no folder",
        ]),
    },
    Place { seen: "brother of the above", variables: &[("DOCKER_CONFIG", "DIR/none")], expect: Ok("") },
    Place { seen: "brother of the above", variables: &[("DOCKER_CONFIG", "DIR/empty")], expect: Ok("") },
    Place { seen: "moby/buildkit#2750", variables: &[("DOCKER_CONFIG", "DIR/k")], expect: Ok("u:p") },
    Place {
        seen: "brother of docker/cli#7235",
        variables: &[("REGISTRY_AUTH_FILE", "DIR/none")],
        expect: Err(&["`REGISTRY_AUTH_FILE` has to name a file with logins", "DIR/none is not there"]),
    },
    Place {
        seen: "brother of the above",
        variables: &[("REGISTRY_AUTH_FILE", "DIR/k")],
        expect: Err(&["`REGISTRY_AUTH_FILE`", "DIR/k is a folder"]),
    },
    Place { seen: "brother of the above", variables: &[("REGISTRY_AUTH_FILE", "DIR/f")], expect: Ok("u:p") },
    Place {
        seen: "docker/cli#6008, regclient/regclient#996",
        variables: &[
            ("DOCKER_AUTH_CONFIG", r#"{"auths": {"h.test": {"auth": "dTpvbmU="}}}"#),
            ("DOCKER_CONFIG", "DIR/k"),
        ],
        expect: Ok("u:one"),
    },
    Place {
        seen: "brother of the above",
        variables: &[("DOCKER_AUTH_CONFIG", r#"{"auths": {}}"#), ("DOCKER_CONFIG", "DIR/k")],
        expect: Ok("u:p"),
    },
    Place {
        seen: "brother of the above",
        variables: &[("DOCKER_AUTH_CONFIG", r#"{"auths": {"h.test": {"auth": hunter2}}}"#)],
        expect: Err(&["the login file `$DOCKER_AUTH_CONFIG` is not valid at line 1"]),
    },
    Place { seen: "brother of the above", variables: &[("DOCKER_AUTH_CONFIG", "")], expect: Ok("") },
];

#[tokio::test]
async fn what_a_variable_names_has_to_be_there() {
    let dir = tempfile::tempdir().unwrap();
    let file = r#"{"auths": {"h.test": {"auth": "dTpw"}}}"#;
    for folder in ["k", "empty"] {
        fs::create_dir(dir.path().join(folder)).unwrap();
    }
    for place in ["f", "k/.dockerconfigjson"] {
        fs::write(dir.path().join(place), file).unwrap();
    }
    let root = dir.path().to_str().unwrap();
    for Place { variables, expect, .. } in PLACES {
        // Podman's usual folder is that of whoever runs the tests.
        let known = variables.iter().chain([&("XDG_RUNTIME_DIR", "DIR/empty")]);
        let files = DockerFiles::from_environment(|name| {
            let found = known.clone().find(|(known, _)| *known == name);
            found.map(|(_, value)| value.replace("DIR", root).into())
        });
        match (ask(files).await.map_err(|error| error.replace(root, "DIR")), expect) {
            (Ok(login), Ok(expected)) => assert_eq!(login, *expected, "{variables:?}"),
            (Err(error), Err(words)) => {
                assert!(words.iter().all(|words| error.contains(words)), "{variables:?}: {error}");
                assert!(!error.contains("hunter2"), "{variables:?}: {error}");
            }
            (answer, _) => panic!("{variables:?}: {answer:?}"),
        }
    }
}

async fn ask(files: DockerFiles) -> Result<String, String> {
    let config = DockerConfig::new("h.test".parse().unwrap(), files);
    match config.login(&"team/app".parse().unwrap(), Freshness::Cached).await {
        Ok(None) => Ok(String::new()),
        Ok(Some(login)) => Ok(format!("{}:{}", login.username, login.password.expose_secret())),
        Err(error) => Err(chain(&*error)),
    }
}

fn chain(error: &(dyn Error + 'static)) -> String {
    let causes = std::iter::successors(Some(error), |&cause| cause.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

/// Another process writes the program, so that no child of this one inherits it open for writing.
fn install(path: &std::path::Path, script: &str) {
    let mut command = Command::new("/bin/sh");
    command.args(["-c", r#"printf '#!/bin/sh\n%s\n' "$2" > "$1" && chmod 755 "$1""#, "sh"]);
    assert!(command.arg(path).arg(script).status().unwrap().success());
}
