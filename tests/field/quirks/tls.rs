//! Certificates as people make them: told as what is wrong with them, and once.

use std::fs;
use std::sync::Arc;

use http::header::LOCATION;
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, KeyPair};
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;

use crate::fake::{Action, Face, Fault, Location, Match, PASSWORD, Registry, Reply, USER, image};
use crate::world::program::{Program, Ran};
use crate::world::{APP, Side, assert_says, mirror, nobody, three_tags};

const REFUSAL: &[u8] =
    b"HTTP/1.1 400 Bad Request\r\nx-amzn-errortype: AccessDeniedException\r\ncontent-length: 2\r\n\
    connection: close\r\n\r\n{}";

/// A server's certificate that it made itself, with these changes, and how that is trusted.
fn certified(change: impl FnOnce(&mut CertificateParams)) -> (TlsAcceptor, String) {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
    change(&mut params);
    let certificate = params.self_signed(&key).unwrap();
    let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    let config = ServerConfig::builder().with_no_client_auth();
    let config = config.with_single_cert(vec![certificate.der().clone()], key).unwrap();
    (TlsAcceptor::from(Arc::new(config)), certificate.pem())
}

/// A server with a certificate that it made itself, and refuses whatever it is asked.
struct Server {
    host: String,
    pem: String,
    /// Ends with this.
    tasks: JoinSet<()>,
}

async fn server(change: impl FnOnce(&mut CertificateParams)) -> Server {
    let (acceptor, pem) = certified(change);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let host = listener.local_addr().unwrap().to_string();
    let mut tasks = JoinSet::new();
    tasks.spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            // Whoever does not like the certificate leaves.
            let Ok(mut stream) = acceptor.accept(stream).await else { continue };
            let _ = stream.read(&mut [0; 4096]).await;
            let _ = stream.write_all(REFUSAL).await;
            let _ = stream.shutdown().await;
        }
    });
    Server { host, pem, tasks }
}

/// Runs against a server whose certificate it made itself, with these changes. `settings` are those of its host.
async fn run(change: impl FnOnce(&mut CertificateParams), settings: &str) -> Ran {
    let Server { host, pem, tasks: _tasks } = server(change).await;
    let program = Program::configured(&format!(
        "mirrors:\n  - {{source: {host}/app, target: {host}/copy, tags: [{{match: .}}]}}\nregistries:\n  {host}: \
         {{{settings}}}\n"
    ));
    fs::write(program.folder().join("ca.pem"), pem).unwrap();
    let other = server(|params| params.distinguished_name.push(DnType::CommonName, "other")).await;
    fs::write(program.folder().join("other.pem"), other.pem).unwrap();
    fs::write(program.folder().join("renewed.pem"), server(|_| {}).await.pem).unwrap();
    let broken = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    fs::write(program.folder().join("broken.pem"), broken).unwrap();
    program.run_online(&["sync"]).await
}

/// Fails the test unless these words are told, in one log at most.
#[track_caller]
fn assert_told_once(ran: &Ran, words: &[&str]) {
    ran.assert_code(1);
    assert_says(format!("{}{}", ran.stdout, ran.stderr), words);
    let errors = ran.stderr.lines().filter(|line| line.contains("ERROR")).count();
    assert!(errors <= 1, "{errors} errors: {}", ran.stderr);
}

/// lightningnetwork/lnd#5450, confidential-containers/guest-components#1569
#[tokio::test]
async fn an_authority_as_its_own_server_is_told_with_what_to_do() {
    let authority = |params: &mut CertificateParams| params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let ran = run(authority, "ca_file: ca.pem").await;
    assert_told_once(&ran, &["uses a CA certificate as its server certificate", "CA:FALSE"]);
}

/// moby/moby#22503
#[tokio::test]
async fn a_certificate_that_nobody_signed_is_told_once() {
    let ran = run(|_| {}, "").await;
    assert_told_once(&ran, &["UnknownIssuer", "`ca_file`"]);
}

/// Brother of the above: `ca_file` is not what is missing.
#[tokio::test]
async fn a_certificate_of_another_authority_than_that_of_ca_file_is_told_as_such() {
    for (file, fault) in [("other.pem", "UnknownIssuer"), ("renewed.pem", "BadSignature")] {
        let ran = run(|_| {}, &format!("ca_file: {file}")).await;
        assert_told_once(&ran, &[fault, "`ca_file` signed this certificate: name the one that did"]);
    }
}

/// Brother of debops/debops#1424.
#[tokio::test]
async fn a_broken_certificate_is_told_with_its_place() {
    let ran = run(|_| {}, "ca_file: broken.pem").await;
    assert_says(
        &ran.assert_code(3).stderr,
        &["`ca_file` of 127.0.0.1:", "holds a broken certificate: number 1"],
    );
}

/// seanmonstar/reqwest#2988, seanmonstar/reqwest#2965, rustic-rs/rustic#1777, Jake-Shadle/xwin#172
#[tokio::test]
async fn without_authorities_tls_fails_and_plain_http_does_not() {
    let (source, target) = (three_tags(Face::Open).await, Registry::start(Face::Open).await);
    let Server { host, tasks: _tasks, .. } = server(|_| {}).await;
    let locked = format!("  - {{source: {host}/locked, target: TARGET/locked, tags: [{{match: .}}]}}\n");
    let configs =
        [(mirror(&source, &target, APP), 0), (mirror(&source, &target, &format!("{APP}\n{locked}")), 1)];
    for (config, code) in configs {
        let program = Program::configured(&config).variable("SSL_CERT_FILE", "/none.pem");
        let ran = program.run_online(&["sync"]).await;
        assert_eq!(
            ran.assert_code(code).stderr.contains("`SSL_CERT_FILE` names /none.pem, which cannot be read"),
            code == 1
        );
        assert_eq!(target.tags("app"), source.tags("app"));
    }
    let program = Program::new().variable("SSL_CERT_FILE", "/none.pem");
    let (_socket, closed) = nobody();
    let ran = program.run_online(&["sync-now", "--url", &format!("http://{closed}")]).await;
    assert_says(&ran.stderr, &["cannot reach a tagferry daemon", "is `tagferry serve` running"]);
    let ran = program.run_online(&["sync-now", "--url", &format!("https://{host}")]).await;
    assert_says(&ran.stderr, &["UnknownIssuer", "`SSL_CERT_FILE` names /none.pem"]);
}

/// huseyinbabal/taws#66, huseyinbabal/taws#88, awslabs/s3-connector-for-pytorch#409
#[tokio::test]
async fn the_authorities_of_aws_own_tools_count_for_aws() {
    const ECR: &str = "123456789012.dkr.ecr.eu-central-1.amazonaws.com";
    let source = three_tags(Face::Open).await;
    let Server { host, pem, tasks: _tasks } = server(|_| {}).await;
    let target =
        Side { host: ECR.to_owned(), settings: format!("{{ecr: {{endpoint_url: 'https://{host}'}}}}") };
    let config = mirror(&source, target, APP);
    for (bundle, words) in [("", &["UnknownIssuer", "`AWS_CA_BUNDLE`"][..]), ("ca.pem", &["access denied"])] {
        let program = Program::configured(&config).aws().variable("AWS_CA_BUNDLE", bundle);
        fs::write(program.folder().join("ca.pem"), &pem).unwrap();
        let ran = program.run_online(&["sync"]).await;
        assert_says(&ran.assert_code(1).stderr, words);
    }
}

/// None found; brother of a server without TLS where it is wanted.
#[tokio::test]
async fn tls_where_none_is_expected_is_told() {
    let ran = run(|_| {}, "plain_http: true").await;
    assert_says(format!("{}{}", ran.stdout, ran.stderr), &["plain_http` away"]);
}

/// A proxy that ends TLS in front of a registry which does not know of it.
struct Front {
    host: String,
    pem: String,
    /// Its connections end with it.
    _server: JoinSet<()>,
}

impl Front {
    async fn of(registry: &Registry) -> Self {
        let (acceptor, pem) = certified(|_| {});
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (host, behind) = (listener.local_addr().unwrap().to_string(), registry.host());
        let mut server = JoinSet::new();
        server.spawn(async move {
            let mut connections = JoinSet::new();
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let (acceptor, behind) = (acceptor.clone(), behind.clone());
                connections.spawn(async move {
                    let mut stream = acceptor.accept(stream).await.unwrap();
                    let mut registry = TcpStream::connect(behind).await.unwrap();
                    // Who closes first does not matter.
                    let _ = copy_bidirectional(&mut stream, &mut registry).await;
                });
            }
        });
        Self { host, pem, _server: server }
    }

    /// Copies within the registry, all of it by this way.
    async fn sync(&self) -> Ran {
        let Self { host, pem, .. } = self;
        let program = Program::configured(&format!(
            "mirrors:\n  - {{source: {host}/app, target: {host}/copy, tags: [{{match: .}}]}}\nregistries:\n  {host}: {{ca_file: \
             ca.pem, credentials: {{username: {USER}, password: {PASSWORD}}}}}\n"
        ));
        fs::write(program.folder().join("ca.pem"), pem).unwrap();
        program.run_online(&["sync"]).await
    }
}

/// distribution/distribution#996, #479, #2225, podman-container-tools/buildah#4788: realm, `Location` and redirect say `http://`.
#[tokio::test]
async fn what_a_registry_calls_its_own_without_tls_is_asked_for_with_it() {
    let registry = Registry::builder(Face::Token).quirks(|quirks| quirks.location = Location::Absolute);
    let registry = registry.start().await;
    registry.push("app", "1.0", &image(&["layer"]));
    let front = Front::of(&registry).await;
    let moved = format!("http://{}/v2/app/tags/list?moved=1", front.host);
    let sent_on = Action::Answer(Reply::status(307).header(LOCATION, moved));
    registry.fault(Fault::new(Match::tags(), sent_on).once());
    front.sync().await.assert_code(0);
    assert_eq!(registry.tags("copy"), registry.tags("app"));
    registry.assert_consistent();
    assert_eq!(registry.count(&Match::tags().containing("moved")), 1);
}

/// goharbor/harbor-cluster-operator#219
#[tokio::test]
async fn storage_without_tls_is_refused_with_what_to_do() {
    let registry = Registry::builder(Face::Open).blobs_elsewhere().start().await;
    registry.push("app", "1.0", &image(&["layer"]));
    let ran = Front::of(&registry).await.sync().await;
    assert_told_once(&ran, &["refused to go to http://127.0.0.1:", "storage.redirect.disable: true"]);
    assert!(registry.storage().requests().is_empty());
}
