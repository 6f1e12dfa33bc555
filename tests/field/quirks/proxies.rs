//! Variables that name proxies and what is not for them.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;

use http::header::LOCATION;
use tagferry::proxy::Proxies;

use crate::fake::{Action, Face, Fault, Match, Registry, Reply};
use crate::world::program::Program;
use crate::world::{APP, assert_says, mirror, nobody, three_tags};

/// Which addresses go through the proxy, and which do not.
struct Row {
    id: &'static str,
    #[expect(dead_code, reason = "for people")]
    seen: &'static str,
    variables: &'static [(&'static str, &'static str)],
    proxied: &'static [&'static str],
    direct: &'static [&'static str],
}

const P: (&str, &str) = ("ALL_PROXY", "http://proxy.test:3128");

const ROWS: &[Row] = &[
    Row {
        id: "a star is for addresses too",
        seen: "seanmonstar/reqwest#2579",
        variables: &[P, ("NO_PROXY", "*")],
        proxied: &[],
        direct: &["http://127.0.0.1:8080/", "http://[::1]:8080/", "https://a.test/"],
    },
    Row {
        id: "a star within a list",
        seen: "seanmonstar/reqwest#2579",
        variables: &[P, ("NO_PROXY", "localhost, *")],
        proxied: &[],
        direct: &["http://127.0.0.1:8080/", "https://a.test/"],
    },
    Row {
        id: "a star before a domain",
        seen: "request/request#2194, moby/moby#37946",
        variables: &[P, ("NO_PROXY", "*.example.com,10.0.*")],
        proxied: &["https://badexample.com/", "http://10.0.0.1/"],
        direct: &["https://a.example.com/", "https://example.com/"],
    },
    Row {
        id: "a dot before a domain",
        seen: "pnpm/pnpm#14686, nahi/httpclient#110, dotnet/runtime#75199",
        variables: &[P, ("NO_PROXY", ".example.com")],
        proxied: &["https://badexample.com/", "https://example.com.evil.test/"],
        direct: &["https://example.com/", "https://a.example.com/", "https://b.A.Example.com/"],
    },
    Row {
        id: "a domain alone",
        seen: "pnpm/pnpm#14686",
        variables: &[P, ("NO_PROXY", "example.com")],
        proxied: &["https://badexample.com/"],
        direct: &["https://example.com/", "https://a.example.com/"],
    },
    Row {
        id: "a host with a port",
        seen: "unjs/node-fetch-native#125",
        variables: &[P, ("NO_PROXY", "registry.internal:5000,10.10.10.10,10.1.1.1:80,[fd01::1]:81")],
        proxied: &["http://registry.internal/", "http://10.1.1.1:81/", "http://[fd01::1]/"],
        direct: &[
            "http://registry.internal:5000/",
            "http://10.10.10.10:8001/",
            "http://10.1.1.1/",
            "http://[fd01::1]:81/",
        ],
    },
    Row {
        id: "networks, blanks and brackets",
        seen: "seanmonstar/reqwest#705",
        variables: &[P, ("NO_PROXY", "localhost, 127.0.0.1,::1 ,[fd00::1],10.0.0.0/8, 192.168.0.5")],
        proxied: &["http://11.0.0.1/", "http://192.168.0.6/"],
        direct: &[
            "http://localhost/",
            "http://127.0.0.1/",
            "http://[::1]/",
            "http://[fd00::1]/",
            "http://10.9.9.9/",
            "http://192.168.0.5/",
        ],
    },
    Row {
        id: "a dot at the end",
        seen: "nodejs/undici#5637, zkat/make-fetch-happen#62",
        variables: &[P, ("NO_PROXY", "svc.cluster.local,example.com.")],
        proxied: &[],
        direct: &["http://reg.svc.cluster.local./", "http://example.com/"],
    },
    Row {
        id: "an empty NO_PROXY beside another one",
        seen: "MiniMax-AI/minimax-code#185, openclaw/openclaw#113176",
        variables: &[P, ("NO_PROXY", " "), ("no_proxy", "127.0.0.1")],
        proxied: &["http://127.0.0.2/"],
        direct: &["http://127.0.0.1/"],
    },
    Row {
        id: "an empty no_proxy beside another one",
        seen: "brother of the above",
        variables: &[P, ("no_proxy", ""), ("NO_PROXY", "127.0.0.1")],
        proxied: &["http://127.0.0.2/"],
        direct: &["http://127.0.0.1/"],
    },
    Row {
        id: "an empty proxy beside another one",
        seen: "brother of the above",
        variables: &[("https_proxy", ""), ("HTTPS_PROXY", "http://proxy.test")],
        proxied: &["https://a.test/"],
        direct: &["http://a.test/"],
    },
    Row {
        id: "an empty proxy alone",
        seen: "brother of the above",
        variables: &[("HTTPS_PROXY", "")],
        proxied: &[],
        direct: &["https://a.test/"],
    },
    Row {
        id: "no scheme",
        seen: "moby/moby#35226",
        variables: &[("HTTPS_PROXY", "proxy.test:3128")],
        proxied: &["https://a.test/"],
        direct: &[],
    },
    Row {
        id: "where credentials are on a machine, a task and a pod",
        seen: "aws/amazon-ecs-agent#605, awsdocs/amazon-ecs-developer-guide#166, aws/amazon-ecs-agent#805",
        variables: &[P, ("NO_PROXY", "169.254.169.254")],
        proxied: &["http://169.255.0.1/"],
        direct: &[
            "http://169.254.169.254/latest/api/token",
            "http://169.254.170.2/v2/credentials/x",
            "http://169.254.170.23/v1/credentials",
            "http://[fd00:ec2::254]/",
            "http://[fd00:ec2::23]/",
        ],
    },
    Row {
        id: "a proxy of an unknown kind that is not used",
        seen: "huggingface/xet-core#572",
        variables: &[
            ("HTTP_PROXY", "http://p.test"),
            ("HTTPS_PROXY", "http://p.test"),
            ("ALL_PROXY", "socks5://x"),
        ],
        proxied: &["https://a.test/"],
        direct: &[],
    },
];

#[test]
fn what_goes_through_the_proxy_is_what_the_variables_mean() {
    for Row { id, variables, proxied, direct, .. } in ROWS {
        let proxies = Proxies::read(|name| {
            let found = variables.iter().find(|(variable, _)| *variable == name);
            found.map(|(_, value)| OsString::from(value))
        });
        let proxies = proxies.unwrap();
        for url in *proxied {
            assert!(proxies.are_for(&url.parse().unwrap()), "{id}: {url}");
        }
        for url in *direct {
            assert!(!proxies.are_for(&url.parse().unwrap()), "{id}: {url}");
        }
    }
}

/// The variable, and words of the message.
const REFUSED: &[(&str, &[u8], &str)] = &[
    // huggingface/xet-core#572, seanmonstar/reqwest#1673, ranxianglei/billion-context#1019
    ("ALL_PROXY", b"socks5h://127.0.0.1:1080", "`ALL_PROXY` names a proxy by `socks5h://`: only `http://`"),
    ("HTTPS_PROXY", b"socks5://127.0.0.1:7890", "`HTTPS_PROXY` names a proxy by `socks5://`"),
    // huggingface/tau#221, robusta-dev/krr#192
    ("HTTPS_PROXY", b"socks://127.0.0.1:1080", "`HTTPS_PROXY` names a proxy by `socks://`"),
    ("https_proxy", b"htp://x", "`https_proxy` names a proxy by `htp://`"),
    // moby/moby#26144
    (
        "https_proxy",
        "\u{201d}http://127.0.0.1:3128\u{201d}".as_bytes(),
        "`https_proxy` holds a quote (\u{201d})",
    ),
    ("https_proxy", b"\"http://127.0.0.1:3128\"", "`https_proxy` holds a quote (\")"),
    // docker/for-win#7935, moby/moby#35226, docker/for-win#3591
    ("HTTPS_PROXY", b"http://", "`HTTPS_PROXY` is not the address of a proxy"),
    ("HTTPS_PROXY", b"http://:0", "`HTTPS_PROXY` is not the address of a proxy"),
    ("HTTPS_PROXY", b"http://user:hunter2@proxy:port", "`HTTPS_PROXY` is not the address of a proxy"),
    // urllib3/urllib3#1963, urllib3/urllib3#1870, psf/requests#2703
    (
        "HTTPS_PROXY",
        b"http://DOM\\user:hunter2@p.test",
        "`HTTPS_PROXY` has a user name or password that ends early",
    ),
    ("HTTPS_PROXY", b"http://user:12/hunter2@p.test:3128", "as `%5C`, `%2F`, `%23` and `%3F`"),
    (
        "HTTPS_PROXY",
        b"user:12?hunter2@p.test:3128",
        "`HTTPS_PROXY` has a user name or password that ends early",
    ),
    (
        "HTTPS_PROXY",
        b"http://user:12#hunter2@p.test:3128",
        "`HTTPS_PROXY` has a user name or password that ends early",
    ),
    // twilight-rs/http-proxy#34
    ("HTTP_PROXY", b"http://hunter2\xff", "`HTTP_PROXY` is set but is not UTF-8"),
    ("NO_PROXY", b"\xff", "`NO_PROXY` is set but is not UTF-8"),
];

#[test]
fn a_variable_that_means_no_proxy_is_refused_by_its_name() {
    for (variable, value, words) in REFUSED {
        let proxies = Proxies::read(|name| (name == *variable).then(|| OsStr::from_bytes(value).to_owned()));
        let error = proxies.unwrap_err().to_string();
        assert!(error.contains(words) && !error.contains("hunter2"), "{error}");
    }
}

const PROXY_VARIABLES: [&str; 6] =
    ["ALL_PROXY", "all_proxy", "HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy"];

#[tokio::test]
async fn nothing_starts_with_a_proxy_that_cannot_be_used() {
    let source = three_tags(Face::Open).await;
    let target = Registry::start(Face::Open).await;
    for (variable, scheme) in PROXY_VARIABLES.into_iter().zip(["socks5h", "socks5", "socks4a"].iter().cycle())
    {
        let program = Program::configured(&mirror(&source, &target, APP))
            .variable(variable, &format!("{scheme}://127.0.0.1:1"));
        let ran = program.run_online(&["sync"]).await;
        let words =
            format!("`{variable}` names a proxy by `{scheme}://`: only `http://` and `https://` work");
        assert_says(&ran.assert_code(3).stderr, &[&words]);
    }
    assert!(source.requests().is_empty());
}

#[tokio::test]
async fn a_daemon_is_not_asked_by_a_proxy_that_cannot_be_used() {
    for variable in PROXY_VARIABLES {
        let program = Program::new().variable(variable, "socks5h://127.0.0.1:1");
        let ran = program.run_online(&["sync-now", "--url", "http://daemon.test:8080"]).await;
        assert_ne!(ran.code, Some(0));
        assert_says(&ran.stderr, &[&format!("`{variable}` names a proxy by `socks5h://`")]);
    }
}

/// docker/for-win#4607, docker/for-win#9080: people looked for the fault at the registry.
#[tokio::test]
async fn a_proxy_that_cannot_be_reached_is_named_without_its_password() {
    let source = three_tags(Face::Open).await;
    let target = Registry::start(Face::Open).await;
    let (_socket, closed) = nobody();
    let program = Program::configured(&mirror(&source, &target, APP))
        .variable("HTTP_PROXY", &format!("http://me:p%40hunter2@{closed}"));
    let ran = program.run_online(&["check", "--online"]).await;
    assert_says(
        &ran.assert_code(1).stdout,
        &[&format!("the proxy {closed} of `HTTP_PROXY` cannot be reached")],
    );
    assert!(!(ran.stdout + &ran.stderr).contains("hunter2"));
}

/// docker-archive-public/docker.machine#3332, docker-archive-public/docker.kitematic#1382: taken for the registry's answers.
#[tokio::test]
async fn what_a_proxy_refuses_is_told_as_the_proxys() {
    for (status, login, says) in [
        (407, "", "wants a login"),
        (407, "me:hunter2@", "does not accept the login in that variable"),
        (403, "me:hunter2@", "does not connect to https://h.test"),
        (502, "me:hunter2@", "does not connect to"),
    ] {
        let proxy = Registry::start(Face::Open).await;
        proxy.fault(Fault::new(Match::any(), Action::Answer(Reply::status(status))));
        let program = Program::new().variable("HTTPS_PROXY", &format!("http://{login}{}", proxy.host()));
        let config = "mirrors: [{source: h.test/app, target: t.test/app, tags: [{match: x}]}]";
        std::fs::write(program.folder().join("tagferry.yaml"), config).unwrap();
        let ran = program.run_online(&["check", "--online"]).await;
        let expected = format!("the proxy {} of `HTTPS_PROXY` {says}", proxy.host());
        assert!(ran.assert_code(1).stdout.contains(&expected), "{}", ran.stdout);
        assert!(!(ran.stdout + &ran.stderr).contains("hunter2"));
    }
}

/// What `private_redirects` of a registry allows, seen behind a proxy: there no name is resolved.
#[tokio::test]
async fn a_registry_outside_leads_inside_only_where_its_settings_allow_it() {
    let proxy = Registry::start(Face::Open).await;
    let fault = |at, reply| proxy.fault(Fault::new(Match::any().containing(at), Action::Answer(reply)));
    fault("/v2/", Reply::status(307).header(LOCATION, "http://10.0.0.5/inside"));
    fault("/inside", Reply::json(200, &serde_json::json!({"tags": ["7.7"]})));
    let settings = |more| {
        format!(
            "mirrors: [{{source: h.test/app, target: t.test/app, tags: [{{match: x}}]}}]\nregistries: {{h.test: {{plain_http: true{more}}}}}\n"
        )
    };
    let run = async |more| {
        let program =
            Program::configured(&settings(more)).variable("HTTP_PROXY", &format!("http://{}", proxy.host()));
        program.run_online(&["tags", "h.test/app"]).await
    };
    let refused = run("").await;
    let key =
        "h.test is public; if that is meant: `registries: {h.test: {private_redirects: [\"10.0.0.5\"]}}`";
    assert_says(&refused.assert_code(1).stderr, &["refused to go to http://10.0.0.5/inside", key]);
    assert_eq!(proxy.count(&Match::any().containing("/inside")), 0);
    let allowed = run(", private_redirects: [\"10.0.0.5\"]").await;
    assert!(allowed.assert_code(0).stdout.contains("7.7"), "{}", allowed.stdout);
}

/// Any registry of the tests is a proxy that gives its own answers.
#[tokio::test]
async fn requests_go_through_the_proxy_with_its_login() {
    let proxy = Registry::start(Face::Open).await;
    proxy.fault(Fault::new(
        Match::any(),
        Action::Answer(Reply::json(200, &serde_json::json!({"tags": ["7.7"]}))),
    ));
    let program = Program::configured("mirrors: [{source: h.test/app, target: t.test/app, tags: [{match: x}]}]\nregistries: {h.test: {plain_http: true}}\n")
        .variable("HTTP_PROXY", &format!("http://me:p%40ss@{}", proxy.host()));
    let ran = program.run_online(&["tags", "h.test/app"]).await;
    assert!(ran.assert_code(0).stdout.contains("7.7"), "{}", ran.stdout);
    assert_eq!(proxy.requests()[0].head.headers["proxy-authorization"], "Basic bWU6cEBzcw==");
}
