//! CNCF distribution, Debian's `docker-registry`: the registry that most others descend from.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::fixtures::authority::Authority;
use crate::fixtures::push::Pusher;
use crate::fixtures::realm::{Realm, SERVICE, TOKEN};
use crate::fixtures::server::Server;

const IN_MEMORY: &str = "storage: {inmemory: {}}";

/// A running registry.
pub(crate) struct Distribution {
    server: Server,
    realm: Option<Realm>,
    /// Whom clients have to trust, where it speaks TLS.
    ca_pem: Option<String>,
}

impl Distribution {
    /// Asks for no credentials and keeps everything in memory.
    pub(crate) async fn open() -> Self {
        let server = start("", |_| IN_MEMORY.to_owned()).await;
        Self { server, realm: None, ca_pem: None }
    }

    /// Speaks TLS with a certificate of this authority, HTTP/2 if the client knows it; keeps everything in files.
    pub(crate) async fn over_tls(authority: &Authority) -> Self {
        let (certificate, key) = authority.certificate();
        let tls = format!("tls: {{certificate: {}, key: {}}}", certificate.display(), key.display());
        let server = start(&tls, on_disk).await;
        Self { server, realm: None, ca_pem: Some(authority.pem()) }
    }

    /// Asks for no credentials and keeps everything in files.
    pub(crate) async fn open_on_disk() -> Self {
        Self { server: start("", on_disk).await, realm: None, ca_pem: None }
    }

    /// Sends clients to a realm as Oracle Container Registry does, and keeps everything in memory.
    ///
    /// The realm is strict about credentials, distribution's "silly" authorization then takes any token.
    pub(crate) async fn like_oracle() -> Self {
        let realm = Realm::start().await;
        let auth = format!("auth: {{silly: {{realm: \"{}\", service: {SERVICE}}}}}", realm.url());
        let server = start("", |_| format!("{IN_MEMORY}\n{auth}")).await;
        Self { server, realm: Some(realm), ca_pem: None }
    }

    /// `HOST:PORT`, as it is written before a repository.
    pub(crate) fn address(&self) -> String {
        self.server.address()
    }

    /// Fills the registry.
    pub(crate) fn pusher(&self) -> Pusher {
        match &self.ca_pem {
            Some(ca_pem) => Pusher::over_tls(&self.address(), ca_pem),
            None => Pusher::new(&self.address(), self.realm.as_ref().map(|_| TOKEN)),
        }
    }

    /// The scopes that the realm gave tokens for; none where there is no realm.
    pub(crate) fn granted(&self) -> Vec<String> {
        self.realm.as_ref().map(Realm::granted).unwrap_or_default()
    }
}

fn on_disk(home: &Path) -> String {
    format!("storage: {{filesystem: {{rootdirectory: {}}}}}", home.join("storage").display())
}

/// Starts a registry with more settings of its `http` and others of its own, which may be in its home folder.
async fn start(http: &str, settings: impl Fn(&Path) -> String) -> Server {
    let command = |home: &Path, port: u16| {
        let path = home.join("config.yaml");
        let settings = settings(home);
        let http = format!("http: {{addr: \"127.0.0.1:{port}\", {http}}}");
        fs::write(&path, format!("version: 0.1\n{http}\n{settings}\n")).unwrap();
        let mut command = Command::new("docker-registry");
        command.arg("serve").arg(path);
        command
    };
    Server::start("docker-registry", command, |port| format!("listening on 127.0.0.1:{port}")).await
}
