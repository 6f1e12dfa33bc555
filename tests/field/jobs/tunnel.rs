//! A proxy that leads each name of a host to a server on loopback, and nowhere else, with TLS or without.

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

/// The ports that a name without one means.
const PORTS: [u16; 2] = [80, 443];

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
        let with_ports = |(host, server): (String, String)| {
            let ports: &[u16] = if host.contains(':') { &[] } else { &PORTS };
            let all = ports.iter().map(|port| format!("{host}:{port}")).chain([host.clone()]);
            all.map(|host| (host, server.clone())).collect::<Vec<_>>()
        };
        let servers = servers.into_iter().flat_map(with_ports).collect();
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

/// Passes on what comes after `CONNECT HOST:PORT`, of which it is the other end of TLS, or a request for `http://HOST/…` and those
/// after it, which are for the same host.
async fn lead(
    mut client: TcpStream,
    servers: &BTreeMap<String, String>,
    tls: &TlsAcceptor,
) -> io::Result<()> {
    client.set_nodelay(true)?;
    let mut head = Vec::new();
    while !head.windows(4).any(|end| end == b"\r\n\r\n") {
        if client.read_buf(&mut head).await? == 0 {
            return Ok(());
        }
    }
    let text = String::from_utf8_lossy(&head);
    let mut words = text.split(' ');
    let (method, address) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let host =
        address.strip_prefix("http://").map_or(address, |rest| rest.split('/').next().unwrap_or_default());
    let Some(server) = servers.get(host) else {
        return client.write_all(b"HTTP/1.1 502 Nobody Is There\r\n\r\n").await;
    };
    let mut server = TcpStream::connect(server).await?;
    server.set_nodelay(true)?;
    if method == "CONNECT" {
        client.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await?;
        copy_bidirectional(&mut tls.accept(client).await?, &mut server).await?;
    } else {
        server.write_all(&head).await?;
        copy_bidirectional(&mut client, &mut server).await?;
    }
    Ok(())
}
