//! Token services: where a login goes, and what an operator can do about it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header::LOCATION;

use crate::fake::{Action, Bearer, Face, Fault, Match, PASSWORD, Registry, Reply, USER};
use crate::world::{APP, Side, assert_says, assert_succeeded, copy, mirror, mirror_error, sync};

/// One report: the realm and the service that is pinned. `OWN` is the registry, `NEAR` the same by another name, `FAR` somebody
/// else.
struct Row {
    id: &'static str,
    seen: &'static str,
    realm: &'static str,
    pinned: Option<&'static str>,
    /// Words of the failure; none where it has to work.
    fails: &'static [&'static str],
}

const REFUSED: &[&str] = &[
    "it wants the login to go to http://127.0.0.1:",
    "`token_service` allows `",
    "if that is meant, write `token_service: \"",
];

const ROWS: &[Row] = &[
    Row {
        id: "another host, and no pin",
        seen: "omacom/omarchy-plugin-marketplace#5892, getarcaneapp/arcane#2128",
        realm: "http://NEAR/token",
        pinned: None,
        fails: &[],
    },
    Row {
        id: "the pinned host in other letters",
        seen: "getarcaneapp/arcane#2128",
        realm: "http://LOCALhost:PORT/token",
        pinned: Some("NEAR"),
        fails: &[],
    },
    Row { id: "the registry pinned", seen: "none found", realm: "/token", pinned: Some("OWN"), fails: &[] },
    Row {
        id: "another host than the pinned one",
        seen: "clowdhaus/ocync#60",
        realm: "http://FAR/token",
        pinned: Some("OWN"),
        fails: REFUSED,
    },
    Row {
        id: "another name than the pinned one",
        seen: "clowdhaus/ocync#60",
        realm: "http://OWN/token",
        pinned: Some("NEAR"),
        fails: REFUSED,
    },
    Row {
        id: "another port than the pinned one",
        seen: "goharbor/harbor#19139",
        realm: "http://FAR/token",
        pinned: Some("127.0.0.1"),
        fails: REFUSED,
    },
    Row {
        id: "a realm that is a path",
        seen: "regclient (facts of its challenges)",
        realm: "/token",
        pinned: None,
        fails: &[],
    },
    Row {
        id: "a login in the realm",
        seen: "clowdhaus/ocync#60",
        realm: "http://user:pw-of-somebody@OWN/token",
        pinned: None,
        fails: &["the realm of its challenge, http://127.0.0.1:", "/token, has a login in it"],
    },
    Row {
        id: "a realm without a host",
        seen: "clowdhaus/ocync#60",
        realm: "http:///token",
        pinned: None,
        fails: &["the realm of its challenge is not a valid address"],
    },
    Row {
        id: "a file",
        seen: "clowdhaus/ocync#60",
        realm: "file:///etc/passwd",
        pinned: None,
        fails: &["the realm of its challenge is not a valid address"],
    },
    Row {
        id: "another scheme",
        seen: "clowdhaus/ocync#60",
        realm: "ftp://OWN/token",
        pinned: None,
        fails: &["it is neither http nor https"],
    },
];

#[tokio::test]
async fn a_login_goes_to_the_realm_and_where_one_is_pinned_to_that_alone() {
    for Row { id, seen, realm, pinned, fails } in ROWS {
        let far = Registry::start(Face::Token).await;
        let source = Registry::start(Face::Token).await;
        source.push("app", "1.0", &crate::fake::image(&["layer"]));
        let port = source.host().rsplit(':').next().unwrap().to_owned();
        let at = |text: &str| {
            let text = text.replace("OWN", &source.host()).replace("NEAR", &format!("localhost:{port}"));
            text.replace("FAR", &far.host()).replace("PORT", &port)
        };
        let challenge = format!(r#"Bearer realm="{}",service="registry.test""#, at(realm));
        source.fault(Fault::new(Match::any(), Action::Header("www-authenticate", challenge)));
        let pin = pinned.map(|pinned| format!(", token_service: '{}'", at(pinned))).unwrap_or_default();
        let login = format!("credentials: {{username: {USER}, password: {PASSWORD}}}{pin}");
        let target = Registry::start(Face::Open).await;
        let summary = sync(&mirror(Side::plain(&source, &login), &target, APP)).await;
        let told = format!("{id} ({seen})");
        if fails.is_empty() {
            assert_eq!(target.tags("app"), source.tags("app"), "{told}: {summary:#?}");
        } else {
            let error = mirror_error(&summary);
            assert_says(&error, fails);
            assert!(!error.contains("pw-of-somebody") && !error.contains(PASSWORD), "{told}: {error}");
            assert!(source.requests().iter().all(|seen| !seen.is_authorized()), "{told}");
        }
        assert!(far.requests().is_empty(), "{told}");
    }
}

// None found; brother of the pinned host: nothing leaks without a login.
#[tokio::test]
async fn who_has_no_login_needs_no_pin() {
    let source = Registry::start(Face::Token).await;
    source.push("app", "1.0", &crate::fake::image(&["layer"]));
    let target = Registry::start(Face::Open).await;
    let anonymous = Side::plain(&source, "token_service: auth.example");
    assert_succeeded(&sync(&mirror(anonymous, &target, APP)).await);
}

// Seen in google/go-containerregistry#2291, clowdhaus/ocync#60.
#[tokio::test]
async fn a_token_service_sends_on_within_its_own_origin_alone() {
    for is_own in [true, false] {
        let (source, far) = (Registry::start(Face::Token).await, Registry::start(Face::Token).await);
        source.push("app", "1.0", &crate::fake::image(&["layer"]));
        let next = if is_own {
            "/token?service=registry.test&scope=repository:app:pull".to_owned()
        } else {
            format!("http://{}/token", far.host())
        };
        let sent_on = Action::Answer(Reply::status(302).header(LOCATION, next));
        source.fault(Fault::new(Match::token().containing("scope"), sent_on).once());
        let target = Registry::start(Face::Open).await;
        let summary = copy(&source, &target).await;
        if is_own {
            assert_succeeded(&summary);
            let login = format!("Basic {}", STANDARD.encode(format!("{USER}:{PASSWORD}")));
            let asked = source.requests();
            let asked = asked.iter().filter(|seen| seen.head.path == "/token");
            assert!(asked.map(|seen| seen.head.header("authorization")).all(|sent| sent == Some(&login)));
        } else {
            assert_says(mirror_error(&summary), &["302 Found", "from the token service"]);
        }
        assert!(far.requests().is_empty());
    }
}

// Seen in devcontainers/cli#1276.
#[tokio::test]
async fn what_a_challenge_names_is_a_value_and_no_parameter() {
    let bearer = Bearer { service: "s&account=root#".to_owned(), ..Bearer::default() };
    let source = Registry::builder(Face::Token).bearer(bearer).start().await;
    source.push("app", "1.0", &crate::fake::image(&["layer"]));
    let strange = r#"Bearer realm="/token",service="s&account=root#",scope="repository:app:pull&scope=repository:other:push""#;
    source.fault(Fault::new(Match::any(), Action::Header("www-authenticate", strange.to_owned())));
    copy(&source, &Registry::start(Face::Open).await).await;
    let asked = source.requests();
    let asked: Vec<_> = asked.iter().filter(|seen| seen.head.path == "/token").collect();
    assert!(!asked.is_empty());
    for seen in asked {
        assert_eq!(seen.head.queries("service"), ["s&account=root#"], "{}", seen.line());
        assert_eq!(seen.head.queries("scope").len(), 1, "{}", seen.line());
        assert!(seen.head.queries("account").is_empty(), "{}", seen.line());
    }
}
