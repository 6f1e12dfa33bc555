//! Certificates as people make them: told as what is wrong with them, and once.

use std::fs;
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, IsCa, KeyPair};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;

use crate::world::assert_says;
use crate::world::program::{Program, Ran};

/// Runs against a server whose certificate it made itself, with these changes. `settings` are those of its host.
async fn run(change: impl FnOnce(&mut CertificateParams), settings: &str) -> Ran {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
    change(&mut params);
    let certificate = params.self_signed(&key).unwrap();
    let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    let config = ServerConfig::builder().with_no_client_auth();
    let config = config.with_single_cert(vec![certificate.der().clone()], key).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let host = listener.local_addr().unwrap().to_string();
    let acceptor = TlsAcceptor::from(Arc::new(config));
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
    fs::write(program.folder().join("ca.pem"), certificate.pem()).unwrap();
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
