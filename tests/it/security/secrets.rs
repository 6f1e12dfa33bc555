//! Secrets are shown by no log at any level, no error, no table and no document.

use std::fs;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures_util::future::join_all;
use http::header::LOCATION;

use crate::fake::{
    ACCESS_KEY, Action, Ecr, Face, Fault, Licence, Match, PASSWORD, REGION, Registry, Reply, USER, image,
};
use crate::world::program::Program;
use crate::world::{Side, TIMEOUTS, three_tags};

/// Secrets that only this test knows.
const WRONG_PASSWORD: &str = "wrong-password-of-us";
const AWS_KEY: &str = "aws-secret-key-of-us";
const SESSION: &str = "aws-session-token-of-us";
const UPLOAD: &str = "upload-state-of-us";

/// How the different kinds of log and output are asked for.
const WAYS: [(&str, &[&str]); 4] = [
    ("trace", &["--log-format", "text", "--output", "json"]),
    ("trace", &["--log-format", "json", "--output", "table"]),
    ("", &["-vv", "--log-format", "text", "--output", "table"]),
    ("", &["-vv", "--log-format", "json", "--output", "json"]),
];

/// The texts that nobody may see. Tokens come from the fakes.
fn needles() -> Vec<String> {
    let ecr = ["ecr-password-1".to_owned(), STANDARD.encode("AWS:ecr-password-1")];
    let pair = |password: &str| STANDARD.encode(format!("{USER}:{password}"));
    let ours = [PASSWORD, WRONG_PASSWORD, AWS_KEY, SESSION, UPLOAD, "secret-of-mirror", "session-of-mirror"];
    let words = ["token-1", "X-Amz-Signature", "X-Amz-Algorithm", "Signature=", "&sig="];
    ours.iter()
        .chain(&words)
        .map(|&text| text.to_owned())
        .chain(ecr)
        .chain([pair(PASSWORD), pair(WRONG_PASSWORD)])
        .collect()
}

/// Registries that are fine, that refuse and that break, each a mirror of one run.
struct World {
    sources: Vec<(&'static str, Registry, String)>,
    ecr: Ecr,
    plain: Registry,
    mirrors: Vec<String>,
}

impl World {
    async fn new() -> Self {
        let (ecr, plain) = (Ecr::start().await, Registry::start(Face::Basic).await);
        ecr.secret("ocr", &format!(r#"{{"username": "{USER}", "password": "{PASSWORD}"}}"#));
        // Where an upload goes on is a secret too: who knows it may write there.
        let started =
            Reply::status(202).header(LOCATION, format!("/v2/plain/blobs/uploads/7?_state={UPLOAD}"));
        plain.fault(Fault::new(Match::upload_start(), Action::Answer(started)));
        plain.fault(Fault::new(Match::upload_put(), Action::error(400, "SIZE_INVALID", "not this one")));
        let right = format!("credentials: {{username: {USER}, password: {PASSWORD}}}");
        let mut world = Self { sources: Vec::new(), ecr, plain, mirrors: Vec::new() };

        world.add("basic", Registry::builder(Face::Basic).blobs_elsewhere().start().await, &right);
        world.add("bearer", Registry::builder(Face::Token).blobs_elsewhere().start().await, &right);
        let file = format!("credentials: {{username: {USER}, password_file: password}}");
        world.add("file", three_tags(Face::Oracle).await, &file);
        world.add("secret", three_tags(Face::Basic).await, "credentials: {secret: ocr}");
        let wrong = format!("credentials: {{username: {USER}, password: {WRONG_PASSWORD}}}");
        world.add("wrong-basic", three_tags(Face::Basic).await, &wrong);
        world.add("wrong-bearer", three_tags(Face::Oracle).await, &wrong);
        for (name, licence) in [("licence", Licence::AtRealm), ("denied", Licence::AtManifest)] {
            let source = three_tags(Face::Oracle).await;
            source.require_licence("app", licence);
            world.add(name, source, &right);
        }
        for (name, action) in elsewhere() {
            let source = Registry::builder(Face::Token).blobs_elsewhere().start().await;
            source.storage().fault(Fault::new(Match::any(), action).once());
            world.add(name, source, &right);
        }
        let refused = Match::upload_put().containing("/refused/");
        world.ecr.fault(Fault::new(refused, Action::error(403, "DENIED", "not you")));
        world.add("refused", three_tags(Face::Open).await, "");
        let stumbles = Match::manifest_put().containing("/basic/");
        world.ecr.fault(Fault::new(stumbles, Action::status(500)).once());
        world.add("plain", three_tags(Face::Basic).await, &right);
        world
    }

    fn add(&mut self, name: &'static str, source: Registry, settings: &str) {
        source.push("app", "latest", &image(&[name]));
        let target = if name == "plain" { self.plain.host() } else { self.ecr.host() };
        let host = source.host();
        self.mirrors.push(format!(
            "  - {{name: {name}, source: {host}/app, target: {target}/{name}, tags: [{{match: .}}]}}\n"
        ));
        let side = Side::plain(&source, settings);
        self.sources.push((name, source, format!("  {}: {}\n", side.host, side.settings)));
    }

    fn config(&self) -> String {
        let role = "create_repositories: true, role_arn: arn:aws:iam::123456789012:role/mirror";
        let targets = [Side::ecr(&self.ecr, role), Side::from(&self.plain)];
        let targets = targets.map(|side| format!("  {}: {}\n", side.host, side.settings)).concat();
        let sources: String = self.sources.iter().map(|(_, _, settings)| settings.as_str()).collect();
        format!(
            "mirrors:\n{}registries:\n{sources}{targets}{TIMEOUTS}concurrency: {{mirrors: 16}}\n",
            self.mirrors.concat()
        )
    }
}

/// What an object store does to a presigned address; its words repeat what it was sent.
fn elsewhere() -> [(&'static str, Action); 4] {
    let xml = "<?xml version=\"1.0\"?><Error><Code>SignatureDoesNotMatch</Code><SignatureProvided>\
               X-Amz-Signature=1</SignatureProvided></Error>";
    let refusal = |status, body: String| Action::Answer(Reply::status(status).body(body));
    [
        ("s3", refusal(403, xml.to_owned())),
        // Azure's begins with a byte order mark.
        ("azure", refusal(400, format!("\u{feff}{}", xml.replace("X-Amz-Signature=", "se=1&sig=")))),
        ("reset", Action::Reset),
        ("cut", Action::CutBody { after: 1 }),
    ]
}

/// Runs it all and looks through what is shown.
async fn check(level: &str, arguments: &[&str]) {
    let world = World::new().await;
    let program = Program::configured(&world.config())
        .variable("RUST_LOG", level)
        .variable("AWS_ENDPOINT_URL", &world.ecr.endpoint_url())
        .variable("AWS_REGION", REGION)
        .variable("AWS_ACCESS_KEY_ID", ACCESS_KEY)
        .variable("AWS_SECRET_ACCESS_KEY", AWS_KEY)
        .variable("AWS_SESSION_TOKEN", SESSION)
        .variable("AWS_EC2_METADATA_DISABLED", "true");
    fs::write(program.folder().join("password"), PASSWORD).unwrap();
    let ran = program.run_online(&[&["sync"], arguments].concat()).await;
    ran.assert_code(1);
    for (name, ..) in &world.sources {
        assert!(ran.stdout.contains(name), "{name} did not run: {}", ran.stdout);
    }
    for name in ["basic", "bearer", "file", "secret", "reset", "cut"] {
        assert!(world.ecr.tags(name).contains_key("latest"), "{name} failed: {}", ran.stdout);
    }
    let shown = format!("{}{}", ran.stdout, ran.stderr);
    for needle in needles() {
        let found = shown.lines().find(|line| line.contains(&needle));
        assert!(found.is_none(), "`{needle}` is shown: {:.2000}", found.unwrap_or_default());
    }
}

#[tokio::test]
async fn no_secret_is_in_any_log_error_table_or_document() {
    join_all(WAYS.map(|(level, arguments)| check(level, arguments))).await;
}
