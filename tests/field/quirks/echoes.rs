//! Answers that repeat what we sent, in whatever words: nothing of it is shown anywhere, and the rest is.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE};
use futures_util::future::join_all;
use http::Method;
use http::header::{AUTHORIZATION, LOCATION};
use serde_json::json;

use crate::fake::{Action, Bearer, Ecr, Face, Fault, Head, Match, Registry, Reply, USER};
use crate::world::daemon::{World, passes};
use crate::world::program::Program;
use crate::world::receiver::Receiver;
use crate::world::{APP, Side, mirror};

/// Of such a form that each way to write it differs.
pub(super) const PASSWORD: &str = "s3cr3t p%ss&w\"d/of us";
const TOKEN: &str = "eyJhbGciOiJub25lIn0.eyJzdWIiOiJ1cyJ9.c2lnbmF0dXJl";

/// What a request sent.
pub(super) struct Sent {
    /// The whole header.
    header: String,
    /// What stands behind its scheme.
    pub(super) credential: String,
    /// The password or the token.
    secret: String,
}

impl Sent {
    /// Of a request with a login of this scheme.
    pub(super) fn of(head: &Head, scheme: &str) -> Option<Self> {
        let header = head.header(AUTHORIZATION)?.to_owned();
        let credential = head.authorization(scheme)?.to_owned();
        let pair = STANDARD.decode(&credential).ok().and_then(|pair| String::from_utf8(pair).ok());
        let password = pair.and_then(|pair| Some(pair.split_once(':')?.1.to_owned()));
        let secret = password.unwrap_or_else(|| credential.clone());
        Some(Self { header, credential, secret })
    }
}

/// One report: how the secret is written, and what it stands in.
#[derive(Clone, Copy)]
pub(super) struct Row {
    id: &'static str,
    seen: &'static str,
    pub(super) written: fn(&Sent) -> String,
    answer: fn(&str) -> Reply,
}

impl Row {
    /// What comes instead of an answer.
    pub(super) fn reply(self, sent: &Sent) -> Reply {
        (self.answer)(&(self.written)(sent))
    }

    /// Whether the answer speaks by its headers alone.
    fn is_bare(self) -> bool {
        (self.answer)("x").body.is_empty()
    }
}

fn error(written: &str) -> Reply {
    Reply::json(403, &json!({"errors": [{"code": "DENIED", "message": format!("before: {written} :after")}]}))
}

fn text(written: &str) -> Reply {
    Reply::status(403).body(format!("before: {written} :after"))
}

fn lines(text: &str) -> String {
    let letters: Vec<char> = text.chars().collect();
    letters.chunks(5).map(|chunk| chunk.iter().collect::<String>()).collect::<Vec<_>>().join("\r\n  ")
}

const ROWS: &[Row] = &[
    Row {
        id: "the header in a message",
        seen: "hasamba/DFIR-Companion#1000, alexandercerutti/passkit-webservice-toolkit#4",
        written: |sent| format!("Authorization: {}", sent.header),
        answer: error,
    },
    Row {
        id: "the header in the title of a debug page",
        seen: "hasamba/DFIR-Companion#1000",
        written: |sent| sent.header.clone(),
        answer: |written| Reply::status(403).body(format!("<html><title>before: {written} :after</title>")),
    },
    Row {
        id: "the request as a document",
        seen: "highflame-ai/zeroid#191",
        written: |sent| sent.secret.clone(),
        answer: |written| {
            let user = json!({"user": USER, "password": written});
            Reply::json(422, &json!({"title": "before: :after", "errors": [{"value": user}]}))
        },
    },
    Row {
        id: "a line break within the base64",
        seen: "actions/runner#291",
        written: |sent| STANDARD.encode(format!("{USER}:{}\n", sent.secret)),
        answer: error,
    },
    Row {
        id: "base64 without padding",
        seen: "actions/runner#284",
        written: |sent| STANDARD_NO_PAD.encode(&sent.secret),
        answer: text,
    },
    Row {
        id: "base64 for addresses",
        seen: "actions/runner#284",
        written: |sent| URL_SAFE.encode(format!("u:{}", sent.secret)),
        answer: text,
    },
    Row {
        id: "base64 from another place",
        seen: "actions/runner#284",
        written: |sent| STANDARD.encode(format!("us:{}", sent.secret)),
        answer: error,
    },
    Row {
        id: "base64 with the escapes of JSON",
        seen: "none found; brother of the above",
        written: |sent| STANDARD.encode(format!("???{}", sent.secret)).replace('/', "\\/"),
        answer: text,
    },
    Row {
        id: "percent-encoded",
        seen: "actions/runner#2960, microsoft/azure-pipelines-agent#5030",
        written: |sent| sent.secret.bytes().map(|byte| format!("%{byte:02x}")).collect::<Vec<_>>().concat(),
        answer: text,
    },
    Row {
        id: "as HTML",
        seen: "microsoft/azure-pipelines-agent#5030",
        written: |sent| {
            sent.secret.chars().map(|c| format!("&#x{:x};", u32::from(c))).collect::<Vec<_>>().concat()
        },
        answer: error,
    },
    Row {
        id: "as JSON in a text",
        seen: "actions/runner#2960",
        written: |sent| {
            sent.secret.chars().map(|c| format!("\\u{:04x}", u32::from(c))).collect::<Vec<_>>().concat()
        },
        answer: text,
    },
    Row {
        id: "over several lines",
        seen: "airvzxf/ftp-deployment-action#314, UnitOneAI/SecuritySkills#2727",
        written: |sent| lines(&sent.secret),
        answer: text,
    },
    Row {
        id: "over several lines as mail has it",
        seen: "UnitOneAI/SecuritySkills#2727",
        written: |sent| lines(&sent.credential).replace('\r', "=\r"),
        answer: error,
    },
    Row {
        id: "in two entries",
        seen: "UnitOneAI/SecuritySkills#2727",
        written: |sent| sent.credential.clone(),
        answer: |written| {
            let (one, other) = written.split_at(written.len() / 2);
            let entry = |half: &str| json!({"code": "DENIED", "message": format!("before: {half} :after")});
            Reply::json(403, &json!({"errors": [entry(one), entry(other)]}))
        },
    },
    Row {
        id: "as a code",
        seen: "none found; brother of the above",
        written: |sent| sent.secret.clone(),
        answer: |written| Reply::error(403, written, "before: :after"),
    },
    Row {
        id: "in headers",
        seen: "alexandercerutti/passkit-webservice-toolkit#4",
        written: |sent| sent.credential.clone(),
        answer: |written| {
            let headers = [
                "server",
                "x-request-id",
                "warning",
                "retry-after",
                "ratelimit-remaining",
                "link",
                "content-type",
                "docker-distribution-api-version",
            ];
            let reply = Reply::status(403).body("before: :after");
            headers.into_iter().fold(reply, |reply, name| reply.named(name, written))
        },
    },
    Row {
        id: "in the path of a redirect that is refused",
        seen: "alexandercerutti/passkit-webservice-toolkit#4",
        written: |sent| sent.credential.clone(),
        answer: |written| {
            Reply::status(307).header(LOCATION, format!("ftp://h.test/{written}/before: :after?{written}"))
        },
    },
    Row {
        id: "in a challenge",
        seen: "alexandercerutti/passkit-webservice-toolkit#4",
        written: |sent| sent.credential.clone(),
        answer: |written| {
            let realm = format!(
                r#"Bearer realm="ftp://h.test/{written}/before: :after",error_description="{written}""#
            );
            Reply::status(401).challenge(&realm).body("before: :after")
        },
    },
];

/// All that was sent, in several ways.
pub(super) const ALL: Row = Row {
    id: "all at once",
    seen: "hasamba/DFIR-Companion#1000",
    written: |sent| {
        let Sent { header, credential, secret } = sent;
        format!("{header} {secret} {credential}\n{}", lines(secret))
    },
    answer: error,
};

/// Where a login goes, and by which scheme.
#[derive(Clone, Copy, Debug)]
pub(super) enum Login {
    Basic,
    Realm,
    Bearer,
    /// ECR as the target.
    Ecr,
    /// ECR as the source.
    EcrSource,
}

impl Login {
    fn scheme(self) -> &'static str {
        if matches!(self, Self::Bearer) { "Bearer" } else { "Basic" }
    }

    fn is_ecr(self) -> bool {
        matches!(self, Self::Ecr | Self::EcrSource)
    }

    /// Whether an answer without a body, and not to be followed, says something here.
    fn tells_headers(self) -> bool {
        matches!(self, Self::Basic | Self::Bearer)
    }

    /// What is logged in at, and a configuration whose only mirror goes there.
    async fn world(self) -> (Registry, Registry, Ecr, String) {
        let face = match self {
            Self::Basic => Face::Basic,
            Self::Realm | Self::Bearer => Face::Token,
            Self::Ecr | Self::EcrSource => Face::Open,
        };
        let document = |_: &str| json!({"token": TOKEN, "expires_in": 300});
        let bearer = Bearer { document: Some(document), ..Bearer::default() };
        let source = Registry::builder(face).password(PASSWORD);
        let source = if face == Face::Token { source.bearer(bearer) } else { source };
        let source = source.start().await;
        source.push("app", "1.0", &crate::fake::image(&["layer"]));
        let (target, ecr) = (Registry::start(Face::Open).await, Ecr::start().await);
        if matches!(self, Self::EcrSource) {
            ecr.push("app", "1.0", &crate::fake::image(&["layer"]));
        }
        let login = Side::login(&source, &format!("'{PASSWORD}'"));
        let config = match self {
            Self::Ecr => mirror(login, &ecr, APP),
            Self::EcrSource => mirror(&ecr, &target, APP),
            _ => mirror(login, &target, APP),
        };
        (source, target, ecr, config)
    }
}

/// Lets whoever is logged in at answer so.
fn reflect(registry: &crate::fake::Server, row: Row, login: Login) {
    let answer = move |head: &Head| {
        // No words come with the answer to a `HEAD`.
        let sent = Sent::of(head, login.scheme()).filter(|_| head.method != Method::HEAD)?;
        Some(row.reply(&sent))
    };
    registry.fault(Fault::new(Match::any(), Action::reflect(answer)));
}

/// The texts of which no part may be seen.
pub(super) fn needles(login: Login, row: Row) -> Vec<String> {
    let secret = match login {
        Login::Bearer => TOKEN,
        Login::Ecr | Login::EcrSource => "ecr-password-1",
        Login::Basic | Login::Realm => PASSWORD,
    };
    let user = if login.is_ecr() { "AWS" } else { USER };
    let credential = match login {
        Login::Bearer => TOKEN.to_owned(),
        _ => STANDARD.encode(format!("{user}:{secret}")),
    };
    let header = format!("{} {credential}", login.scheme());
    let sent = Sent { header, credential, secret: secret.to_owned() };
    let written = (row.written)(&sent);
    // Documents are JSON, in which some letters have escapes, and line breaks become blanks.
    let quoted = written.split_whitespace().collect::<Vec<_>>().join(" ");
    let escaped = |text: &str| json!(text).to_string().trim_matches('"').to_owned();
    let (half, other) = sent.credential.split_at(sent.credential.len() / 2);
    let all = [&*sent.secret, &sent.credential, half, other, &written, &quoted];
    all.iter().flat_map(|text| [(*text).to_owned(), escaped(text)]).collect()
}

#[track_caller]
pub(super) fn assert_discreet(shown: &str, needles: &[String], what: &str) {
    for needle in needles {
        let found = shown.lines().find(|line| line.contains(needle));
        assert!(found.is_none(), "{what}: `{needle}` is shown: {:.1000}", found.unwrap_or_default());
    }
    assert!(
        shown.contains("before") && shown.contains("after"),
        "{what}: nothing of it is shown: {shown:.2000}"
    );
}

async fn run(row: Row, login: Login) {
    let (source, _target, ecr, config) = login.world().await;
    reflect(if login.is_ecr() { &ecr } else { &source }, row, login);
    let program = Program::configured(&config).aws();
    let needles = needles(login, row);
    let asked = if login.is_ecr() { ecr.host() } else { source.host() };
    for arguments in [
        &["-vv", "--log-format", "text", "sync", "--output", "json"][..],
        &["-vv", "--log-format", "json", "sync", "--output", "table"],
        &["check", "--online"],
        &["plan"],
        &["tags", &format!("{asked}/app")],
    ] {
        // What is written in one step is not asked in the others.
        if matches!(login, Login::Ecr) && arguments[0] != "-vv" {
            continue;
        }
        let ran = program.run_online(arguments).await;
        let what = format!("{} ({}), {login:?}, {arguments:?}", row.id, row.seen);
        assert_eq!(ran.code, Some(1), "{what}: {}{}", ran.stdout, ran.stderr);
        assert_discreet(&format!("{}{}", ran.stdout, ran.stderr), &needles, &what);
    }
}

#[tokio::test]
async fn nothing_that_was_sent_is_shown_by_any_command() {
    for login in [Login::Basic, Login::Realm, Login::Bearer, Login::Ecr, Login::EcrSource] {
        let rows = ROWS.iter().filter(|row| login.tells_headers() || !row.is_bare());
        join_all(rows.map(|&row| Box::pin(run(row, login)))).await;
    }
}

#[tokio::test]
async fn nothing_that_was_sent_is_shown_by_the_daemon() {
    for login in [Login::Basic, Login::Bearer] {
        let (source, target, _ecr, config) = login.world().await;
        reflect(&source, ALL, login);
        let mut receiver = Receiver::start(Vec::new()).await;
        let notices = format!("notices: [{{webhook: {{url: '{}'}}}}]\n", receiver.url());
        let world = World::of(source, target, Program::configured(&(config + &notices))).await;
        world.post("/api/v1/sync", None).await;
        passes(&world, 1).await;
        let needles = needles(login, ALL);
        for path in ["/api/v1/mirrors", "/", "/?mirror=app"] {
            assert_discreet(&world.get(path).await.1, &needles, path);
        }
        assert_discreet(&receiver.next().await.json.to_string(), &needles, "the notice");
        let log = world.stop().await;
        assert_discreet(&log, &needles, "the log");
    }
}

// Seen in containerd/containerd#5453, containerd/containerd#13742.
#[tokio::test]
async fn a_presigned_address_is_shown_without_its_query_whoever_repeats_it() {
    let (source, storage) = (Registry::start(Face::Open).await, Registry::start(Face::Open).await);
    source.push("app", "1.0", &crate::fake::image(&["layer"]));
    let sent = ["AKIAIOSFODNN7EXAMPLE", "0123456789abcdef0123456789abcdef"];
    let query = format!(
        "X-Amz-Credential={}/20260801/eu-central-1/s3/aws4_request&X-Amz-Signature={}",
        sent[0], sent[1]
    );
    let location = format!("http://{}/blob?{query}", storage.host());
    source
        .fault(Fault::new(Match::blob_get(), Action::Answer(Reply::status(307).header(LOCATION, location))));
    storage.fault(Fault::new(
        Match::any(),
        Action::reflect(|head| {
            let said = format!(
                "before: {} {} in eu-central-1 :after",
                head.target(),
                head.query("X-Amz-Signature")?
            );
            let xml = format!("<?xml version=\"1.0\"?><Error><Message>{said}</Message></Error>");
            Some(Reply::status(403).body(xml))
        }),
    ));
    let target = Registry::start(Face::Open).await;
    let ran = Program::configured(&mirror(&source, &target, APP)).run_online(&["-vv", "sync"]).await;
    let shown = format!("{}{}", ran.assert_code(1).stdout, ran.stderr);
    assert_discreet(&shown, &sent.map(str::to_owned), "a presigned address");
    assert!(shown.contains("in eu-central-1"), "what is no secret is there: {shown}");
}

// Seen in actions/runner#326, actions/runner#507; none found for digests, which are brothers.
#[tokio::test]
async fn tags_names_and_digests_are_never_touched() {
    let source = Registry::builder(Face::Basic).password("latest").start().await;
    for tag in ["1.0", "latest"] {
        source.push("app", tag, &crate::fake::image(&[tag]));
    }
    let digest = source.tags("app")["latest"].to_string();
    for password in ["latest", "app", &digest[7..15], "docker", "a"] {
        let source = Registry::builder(Face::Basic).password(password).start().await;
        for tag in ["1.0", "latest"] {
            source.push("app", tag, &crate::fake::image(&[tag]));
        }
        let target = Registry::start(Face::Open).await;
        let config = mirror(Side::login(&source, &format!("'{password}'")), &target, APP);
        let ran = Program::configured(&config).run_online(&["sync", "--output", "json"]).await;
        let document = ran.assert_code(0).document();
        assert_eq!(document["mirrors"][0]["name"], "app");
        let tags = document["mirrors"][0]["tags"].as_array().unwrap();
        let latest = tags.iter().find(|tag| tag["tag"] == "latest").unwrap();
        assert_eq!(latest["digest"], digest.as_str());
        assert_eq!(target.tags("app"), source.tags("app"));
        // A message about them has them, too.
        let latest = Match::any().containing("/manifests/latest");
        source.fault(Fault::new(latest, Action::error(403, "DENIED", "not you")));
        let ran = Program::configured(&config).run_online(&["sync", "--output", "json"]).await;
        let shown = ran.assert_code(1).stdout.clone();
        assert!(shown.contains("/v2/app/manifests/latest: 403 Forbidden: DENIED: not you"), "{shown}");
    }
}

// None found; brother of the header in a message: a proxy in between repeats the login at itself.
#[tokio::test]
async fn the_login_at_a_proxy_is_not_shown_either() {
    let proxy = Registry::start(Face::Open).await;
    proxy.fault(Fault::new(
        Match::any(),
        Action::reflect(|head| {
            let login = head.header("proxy-authorization")?;
            Some(Reply::status(403).body(format!("before: {login} :after")))
        }),
    ));
    let config = mirror(
        Side { host: "h.test".to_owned(), settings: "{plain_http: true}".to_owned() },
        Side { host: "t.test".to_owned(), settings: "{plain_http: true}".to_owned() },
        APP,
    );
    let program = Program::configured(&config)
        .variable("HTTP_PROXY", &format!("http://me:p%40ssword-of-us@{}", proxy.host()));
    let ran = program.run_online(&["-vv", "check", "--online"]).await;
    let needles = ["p@ssword-of-us".to_owned(), STANDARD.encode("me:p@ssword-of-us")];
    assert_discreet(&format!("{}{}", ran.stdout, ran.stderr), &needles, "the proxy");
}
