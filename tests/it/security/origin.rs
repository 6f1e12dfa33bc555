//! A login belongs to one origin, and nobody else gets it: not by redirect, upload, page or challenge.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header::{AUTHORIZATION, LOCATION};
use tagferry::config::Config;
use tagferry::event::RunOutcome;

use crate::fake::{
    ACCESS_KEY, Action, Ecr, Face, Fault, Image, Location, Match, PASSWORD, Registry, Reply, Server, USER,
    image,
};
use crate::world::program::Program;
use crate::world::{
    APP, Side, assert_says, assert_succeeded, copy, mirror, mirror_error, sync, tag_error, three_tags,
};

/// A source with one tag, and its image.
async fn one_tag(face: Face) -> (Registry, Image) {
    let source = Registry::start(face).await;
    let image = image(&["base"]);
    source.push("app", "latest", &image);
    (source, image)
}

fn redirect(location: impl AsRef<str>) -> Action {
    Action::Answer(Reply::status(307).header(LOCATION, location))
}

#[track_caller]
fn assert_learned_nothing(server: &Server) {
    let seen = server.requests();
    assert!(!seen.is_empty());
    assert!(seen.iter().all(|seen| !seen.is_authorized()), "{:?}", seen[0].line());
}

#[tokio::test]
async fn a_redirect_back_does_not_bring_the_login_back() {
    for face in [Face::Basic, Face::Token] {
        let (source, image) = one_tag(face).await;
        let path = format!("/v2/app/manifests/{}", image.digest());
        let (there, back) =
            (Registry::start(Face::Open).await, format!("http://{}{path}?back", source.host()));
        there.fault(Fault::new(Match::any(), redirect(back)));
        // Only without the query of the way back.
        source.fault(
            Fault::new(Match::manifest_get(), redirect(format!("http://{}{path}", there.host()))).once(),
        );
        let target = Registry::start(Face::Open).await;
        let summary = copy(&source, &target).await;
        assert_learned_nothing(&there);
        let back: Vec<_> =
            source.requests().into_iter().filter(|seen| seen.head.raw_query == "back").collect();
        assert_eq!(
            back.iter().map(|seen| (seen.is_authorized(), seen.status)).collect::<Vec<_>>(),
            [(false, Some(401))]
        );
        // The registry itself then asks for a login, and gets it at its own address.
        assert_succeeded(&summary);
    }
}

#[tokio::test]
async fn whoever_we_are_redirected_to_may_ask_for_a_login_as_it_likes() {
    let realm = Registry::start(Face::Open).await;
    for challenge in
        [r#"Basic realm="here""#.to_owned(), format!(r#"Bearer realm="http://{}/token""#, realm.host())]
    {
        for status in [401, 403] {
            let (source, _) = one_tag(Face::Basic).await;
            let there = Registry::start(Face::Open).await;
            there
                .fault(Fault::new(Match::any(), Action::Answer(Reply::status(status).challenge(&challenge))));
            let to = redirect(format!("http://{}/manifest", there.host()));
            source.fault(Fault::new(Match::manifest_get(), to));
            let summary = copy(&source, &Registry::start(Face::Open).await).await;
            assert_says(tag_error(&summary, "latest"), &["from the host that the registry redirected to"]);
            assert_learned_nothing(&there);
        }
    }
    assert_eq!(realm.requests().len(), 0);
}

#[tokio::test]
async fn redirects_without_end_are_not_followed_for_long() {
    let (source, _) = one_tag(Face::Open).await;
    source.fault(Fault::new(Match::tags(), redirect("/v2/app/tags/list?again")));
    let summary = copy(&source, &Registry::start(Face::Open).await).await;
    assert_says(mirror_error(&summary), &["more than 5 redirects in a row"]);
    assert_eq!(source.count(&Match::tags()), 6);
}

#[tokio::test]
async fn redirects_and_uploads_that_leave_http_are_refused() {
    for location in ["ftp://127.0.0.1/x", "file:///etc/passwd", "data:,x"] {
        let (source, _) = one_tag(Face::Open).await;
        let target = Registry::start(Face::Open).await;
        let started = Action::Answer(Reply::status(202).header(LOCATION, location));
        target.fault(Fault::new(Match::upload_start(), started));
        let words = ["refused to go to ", "it is neither http nor https"];
        assert_says(tag_error(&copy(&source, &target).await, "latest"), &words);
        assert_eq!(target.count(&Match::upload_put()), 0);
        source.fault(Fault::new(Match::tags(), redirect(location)));
        assert_says(mirror_error(&copy(&source, &target).await), &words);
    }
}

#[tokio::test]
async fn a_token_service_that_sends_us_elsewhere_is_not_followed() {
    let (source, _) = one_tag(Face::Token).await;
    let there = Registry::start(Face::Open).await;
    source.fault(Fault::new(Match::token(), redirect(format!("http://{}/token", there.host()))));
    let summary = copy(&source, &Registry::start(Face::Open).await).await;
    assert_says(mirror_error(&summary), &["307 Temporary Redirect"]);
    assert_eq!(there.requests().len(), 0);
}

#[tokio::test]
async fn a_link_to_another_host_and_path_gives_only_its_query() {
    let (source, _) = one_tag(Face::Basic).await;
    let there = Registry::start(Face::Open).await;
    let link = format!(r#"<http://{}/v2/other/tags/list?last=0&n=1>; rel="next""#, there.host());
    source.fault(Fault::new(Match::tags().containing("n=1000"), Action::Header("link", link)));
    // That page repeats the first one: where the list goes on is not to be found out.
    let summary = copy(&source, &Registry::start(Face::Open).await).await;
    assert_says(mirror_error(&summary), &["more of its tag list follows, at an address that cannot be used"]);
    assert_eq!(there.requests().len(), 0);
    assert_eq!(source.count(&Match::tags().containing("/v2/app/tags/list?last=0&n=1")), 1);
    assert_eq!(source.count(&Match::any().containing("other")), 0);
}

#[tokio::test]
async fn an_ecr_token_goes_to_no_other_host() {
    let there = Registry::start(Face::Open).await;
    there.fault(Fault::new(Match::any(), Action::Answer(Reply::status(401).challenge(r#"Basic realm="x""#))));
    let elsewhere = Location::Elsewhere(there.host());
    let ecr = Ecr::builder().quirks(|quirks| quirks.location = elsewhere).start().await;

    let (source, image) = one_tag(Face::Open).await;
    assert_eq!(copy(&source, &ecr).await.outcome, RunOutcome::Failed);
    assert!(there.count(&Match::upload_put()) > 0);
    assert_learned_nothing(&there);

    ecr.push("app", "latest", &image);
    let blob = format!("http://{}/blob?X-Amz-Signature=1", there.host());
    ecr.fault(Fault::new(Match::blob_get(), redirect(blob)));
    assert_eq!(copy(&ecr, &Registry::start(Face::Open).await).await.outcome, RunOutcome::Failed);
    assert!(there.count(&Match::any().containing("/blob?")) > 0);
    assert_learned_nothing(&there);
}

#[tokio::test]
async fn logins_of_one_registry_never_reach_another() {
    let (ours, theirs, open) = (
        three_tags(Face::Basic).await,
        three_tags(Face::Basic).await,
        // It asks for a login and gets none: there is none for it.
        three_tags(Face::Basic).await,
    );
    let ecr = Ecr::start().await;
    let mirrors = [&ours, &theirs, &open].map(|source| {
        let host = source.host();
        let port = host.rsplit(':').next().unwrap();
        format!(
            "  - {{name: '{host}', source: {host}/app, target: TARGET/app-{port}, tags: [{{match: .}}]}}\n"
        )
    });
    let others = format!(
        "  {}: {{plain_http: true, credentials: {{username: other, password: hunter2}}}}\n  {}: {{plain_http: true}}\n",
        theirs.host(),
        open.host()
    );
    let summary = sync(
        &(mirror(&ours, &ecr, &mirrors.concat()).replace("registries:\n", &format!("registries:\n{others}"))),
    )
    .await;
    assert_eq!(summary.mirrors[0].outcome, RunOutcome::Succeeded, "{summary:#?}");

    let basic =
        |user: &str, password: &str| format!("Basic {}", STANDARD.encode(format!("{user}:{password}")));
    assert_eq!(logins(&ours), [basic(USER, PASSWORD)]);
    assert_eq!(logins(&theirs), [basic("other", "hunter2")]);
    assert_eq!(logins(&open), [""; 0]);
    let at_ecr = logins(&ecr);
    assert!(at_ecr.iter().any(|login| *login == basic("AWS", "ecr-password-1")));
    assert!(
        at_ecr.iter().all(|login| login.starts_with("AWS4-") || *login == basic("AWS", "ecr-password-1"))
    );
}

/// The different logins that a server has seen.
fn logins(server: &Server) -> Vec<String> {
    let requests = server.requests();
    let seen = requests.iter().filter_map(|seen| seen.head.header(AUTHORIZATION));
    let mut seen: Vec<_> = seen.map(str::to_owned).collect();
    seen.sort_unstable();
    seen.dedup();
    seen
}

/// Names that look like ECR's.
const LOOK_ALIKES: [&str; 3] = [
    "123456789012.dkr.ecr.eu-central-1.amazonaws.com.fake.example",
    "123456789012.dkr.ecr.eu-central-1.evil-amazonaws.com",
    "fake.123456789012.dkr.ecr.eu-central-1.amazonaws.com",
];

/// The program, all of whose http goes through `proxy`, with AWS keys whose API is `aws`.
fn proxied(config: &str, proxy: &Server, aws: &Server) -> Program {
    Program::configured(config)
        .variable("HTTP_PROXY", &format!("http://{}", proxy.host()))
        .variable("NO_PROXY", &aws.host())
        .variable("AWS_ENDPOINT_URL", &format!("http://{}", aws.host()))
        .variable("AWS_ACCESS_KEY_ID", ACCESS_KEY)
        .variable("AWS_SECRET_ACCESS_KEY", "secret")
        .variable("AWS_EC2_METADATA_DISABLED", "true")
}

/// A configuration that copies `app` from one host, reached by plain http, to another.
fn by_name(source: &str, target: &str) -> String {
    mirror(
        Side { host: source.to_owned(), settings: "{plain_http: true}".to_owned() },
        Side { host: target.to_owned(), settings: "{plain_http: true}".to_owned() },
        APP,
    )
}

#[tokio::test]
async fn hosts_that_only_look_like_ecr_are_never_sent_its_token() {
    let (aws, (proxy, _)) = (Ecr::start().await, one_tag(Face::Basic).await);
    for host in LOOK_ALIKES {
        let config = by_name("registry.example", host);
        let parsed = Config::parse("test.yaml", &config, &|_| None).unwrap();
        assert!(parsed.registry(&host.parse().unwrap()).ecr.is_none(), "{host}");
        let ran = proxied(&config, &proxy, &aws).run_online(&["check", "--online"]).await;
        assert!(ran.assert_code(1).stdout.contains("401"), "{}", ran.stdout);
        let asked = proxy.requests().into_iter().filter(|seen| seen.head.host() == host).count();
        assert!(asked > 0, "{host}");
    }
    assert_learned_nothing(&proxy);
    assert_eq!(aws.requests().len(), 0);
}

#[tokio::test]
async fn a_registry_outside_sends_us_nowhere_inside() {
    let (proxy, aws) = (one_tag(Face::Open).await.0, Ecr::start().await);
    let (metadata, words) = ("169.254.169.254", "it is an address inside this network");
    let to = |path: &str| format!("http://{metadata}{path}");
    let realm = format!(r#"Bearer realm="{}""#, to("/latest/token"));
    for (pattern, answer) in [
        (Match::tags(), redirect(to("/latest/meta-data"))),
        (Match::tags(), Action::Answer(Reply::status(401).challenge(&realm))),
        (Match::blob_get(), redirect(to("/latest/user-data"))),
        (Match::upload_start(), Action::Answer(Reply::status(202).header(LOCATION, to("/upload")))),
    ] {
        proxy.heal();
        proxy.fault(Fault::new(Match::manifest_head().containing("/copy/"), Action::status(404)));
        proxy.fault(Fault::new(pattern, answer));
        let config = by_name("registry.example", "target.example")
            .replace("target.example/app", "target.example/copy");
        let ran = proxied(&config, &proxy, &aws).run_online(&["sync", "--output", "json"]).await;
        assert!(ran.assert_code(1).stdout.contains(words), "{}{}", ran.stdout, ran.stderr);
    }
    assert!(proxy.requests().iter().all(|seen| seen.head.host() != metadata));
}
