//! CNCF distribution, Debian's `docker-registry`: the registry that most others descend from.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::push::Pusher;
use crate::realm::{Realm, SERVICE, TOKEN};
use crate::server::Server;

/// A running registry.
pub(crate) struct Distribution {
    server: Server,
    realm: Option<Realm>,
}

impl Distribution {
    /// Asks for no credentials and keeps everything in memory.
    pub(crate) async fn open() -> Self {
        let server = start(|_| "storage: {inmemory: {}}".to_owned()).await;
        Self { server, realm: None }
    }

    /// Asks for no credentials and keeps everything in files.
    pub(crate) async fn open_on_disk() -> Self {
        let server = start(|home| {
            format!("storage: {{filesystem: {{rootdirectory: {}}}}}", home.join("storage").display())
        });
        Self { server: server.await, realm: None }
    }

    /// Sends clients to a realm as Oracle Container Registry does, and keeps everything in memory.
    ///
    /// The realm is strict about credentials, distribution's "silly" authorization then takes any token.
    pub(crate) async fn like_oracle() -> Self {
        let realm = Realm::start().await;
        let auth = format!("auth: {{silly: {{realm: \"{}\", service: {SERVICE}}}}}", realm.url());
        let server = start(|_| format!("storage: {{inmemory: {{}}}}\n{auth}")).await;
        Self { server, realm: Some(realm) }
    }

    /// `HOST:PORT`, as it is written before a repository.
    pub(crate) fn address(&self) -> String {
        self.server.address()
    }

    /// Fills the registry.
    pub(crate) fn pusher(&self) -> Pusher {
        Pusher::new(&self.address(), self.realm.as_ref().map(|_| TOKEN))
    }

    /// The scopes that the realm gave tokens for; none where there is no realm.
    pub(crate) fn granted(&self) -> Vec<String> {
        self.realm.as_ref().map(Realm::granted).unwrap_or_default()
    }
}

async fn start(settings: impl Fn(&Path) -> String) -> Server {
    let command = |home: &Path, port: u16| {
        let path = home.join("config.yaml");
        let settings = settings(home);
        fs::write(&path, format!("version: 0.1\nhttp: {{addr: \"127.0.0.1:{port}\"}}\n{settings}\n"))
            .unwrap();
        let mut command = Command::new("docker-registry");
        command.arg("serve").arg(path);
        command
    };
    Server::start("docker-registry", command, |port| format!("listening on 127.0.0.1:{port}")).await
}
