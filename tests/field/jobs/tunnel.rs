//! A proxy that leads each name of a host to a server on loopback, and nowhere else.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use rcgen::{CertificateParams, KeyPair};
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;

/// The port that a name without one means.
const HTTPS: u16 = 443;

/// A running proxy. It speaks TLS in the name of the hosts. It and all its connections end when this is dropped.
pub(super) struct Tunnel {
    address: SocketAddr,
    certificate: String,
    _tasks: JoinSet<()>,
}

impl Tunnel {
    /// Leads each `HOST` or `HOST:PORT` to the `ADDRESS:PORT` of a server without TLS.
    pub(super) async fn start(servers: BTreeMap<String, String>) -> Self {
        let names: Vec<_> = servers.keys().map(|host| host.split(':').next().unwrap().to_owned()).collect();
        let key = KeyPair::generate().unwrap();
        let certificate = CertificateParams::new(names).unwrap().self_signed(&key).unwrap();
        let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
        let config = ServerConfig::builder().with_no_client_auth();
        let config = config.with_single_cert(vec![certificate.der().clone()], key).unwrap();
        let with_port = |(host, server): (String, String)| {
            (if host.contains(':') { host } else { format!("{host}:{HTTPS}") }, server)
        };
        let servers = servers.into_iter().map(with_port).collect();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let mut tasks = JoinSet::new();
        tasks.spawn(accept(listener, Arc::new(servers), TlsAcceptor::from(Arc::new(config))));
        Self { address, certificate: certificate.pem(), _tasks: tasks }
    }

    /// Its address, as a variable for proxies has it.
    pub(super) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The certificate that all hosts have, as PEM.
    pub(super) fn certificate(&self) -> &str {
        &self.certificate
    }
}

async fn accept(listener: TcpListener, servers: Arc<BTreeMap<String, String>>, tls: TlsAcceptor) {
    let mut connections = JoinSet::new();
    while let Ok((client, _)) = listener.accept().await {
        let (servers, tls) = (Arc::clone(&servers), tls.clone());
        connections.spawn(async move {
            // A connection that breaks is the client's or the server's business.
            let _ = lead(client, &servers, &tls).await;
        });
    }
}

/// Answers `CONNECT HOST:PORT`, and is the other end of TLS then.
async fn lead(
    mut client: TcpStream,
    servers: &BTreeMap<String, String>,
    tls: &TlsAcceptor,
) -> io::Result<()> {
    client.set_nodelay(true)?;
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        if client.read_buf(&mut head).await? == 0 {
            return Ok(());
        }
    }
    let head = String::from_utf8_lossy(&head);
    let mut words = head.split(' ');
    let server = words.next().filter(|method| *method == "CONNECT").and(words.next());
    let Some(server) = server.and_then(|host| servers.get(host)) else {
        return client.write_all(b"HTTP/1.1 502 Nobody Is There\r\n\r\n").await;
    };
    client.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await?;
    let mut client = tls.accept(client).await?;
    let mut server = TcpStream::connect(server).await?;
    server.set_nodelay(true)?;
    copy_bidirectional(&mut client, &mut server).await?;
    Ok(())
}
