//! Certificates as people make them: told as what is wrong with them, and once.

use std::fs;
use std::sync::Arc;

use http::header::LOCATION;
use rcgen::{BasicConstraints, CertificateParams, IsCa, KeyPair};
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;

use crate::fake::{Action, Face, Fault, Location, Match, PASSWORD, Registry, Reply, USER, image};
use crate::world::assert_says;
use crate::world::program::{Program, Ran};

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

/// Runs against a server whose certificate it made itself, with these changes. `settings` are those of its host.
async fn run(change: impl FnOnce(&mut CertificateParams), settings: &str) -> Ran {
    let (acceptor, pem) = certified(change);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let host = listener.local_addr().unwrap().to_string();
    let mut server = JoinSet::new();
    server.spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            // Whoever does not like the certificate leaves.
            let _ = acceptor.accept(stream).await;
        }
    });
    let program = Program::configured(&format!(
        "mirrors:\n  - {{source: {host}/app, target: {host}/copy, tags: [{{match: .}}]}}\nregistries:\n  {host}: \
         {{{settings}}}\n"
    ));
    fs::write(program.folder().join("ca.pem"), pem).unwrap();
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
    registry.fault(Fault::new(Match::tags(), sent_on).skip(1).once());
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
