//! CNCF distribution, Debian's `docker-registry`, with its files in a temporary folder. Its access log counts.

use std::fs;
use std::process::Command;

use bytes::Bytes;
use futures_util::stream;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, LOCATION};

use crate::corpus::Image;
use crate::server::Server;

/// A running registry.
pub(crate) struct Distribution(Server);

impl Distribution {
    /// Whether the program is here.
    pub(crate) fn is_here() -> bool {
        Command::new("docker-registry").arg("--version").output().is_ok()
    }

    /// Starts an empty registry.
    pub(crate) async fn start() -> Self {
        let command = |home: &std::path::Path, port: u16| {
            let path = home.join("config.yaml");
            let storage = home.join("storage");
            let text = format!(
                "version: 0.1\nhttp: {{addr: \"127.0.0.1:{port}\"}}\nstorage: {{filesystem: {{rootdirectory: {}}}}}\n",
                storage.display()
            );
            fs::write(&path, text).unwrap();
            let mut command = Command::new("docker-registry");
            command.arg("serve").arg(path);
            command
        };
        Self(Server::start("docker-registry", command, |port| format!("listening on 127.0.0.1:{port}")).await)
    }

    /// `HOST:PORT`
    pub(crate) fn address(&self) -> String {
        self.0.address()
    }

    /// How many requests it has answered.
    pub(crate) fn requests(&self) -> usize {
        // Two more lines a request are of its own kind; this one is Apache's.
        self.0.log().lines().filter(|line| line.starts_with("127.0.0.1 - - [")).count()
    }

    /// Fills it, without any code of the product.
    pub(crate) async fn push(&self, repository: &str, tag: &str, image: &Image) {
        let (client, url) = (reqwest::Client::new(), format!("http://{}/v2/{repository}", self.address()));
        for blob in image.all_blobs() {
            let start = client.post(format!("{url}/blobs/uploads/")).header(CONTENT_LENGTH, 0).send();
            let started = start.await.unwrap();
            let mut location = started.url().join(started.headers()[LOCATION].to_str().unwrap()).unwrap();
            location.query_pairs_mut().append_pair("digest", &blob.digest.to_string());
            let body = stream::iter(blob.pieces(0).map(Ok::<Bytes, std::convert::Infallible>));
            let upload = client.put(location).header(CONTENT_LENGTH, blob.size);
            let answer = upload.body(reqwest::Body::wrap_stream(body)).send().await.unwrap();
            answer.error_for_status().unwrap();
        }
        let children = image.children.iter().map(|child| (child, child.digest().to_string()));
        for (part, reference) in children.chain([(image, tag.to_owned())]) {
            let write =
                client.put(format!("{url}/manifests/{reference}")).header(CONTENT_TYPE, part.media_type);
            let answer = write.body(part.manifest.clone()).send().await.unwrap();
            answer.error_for_status().unwrap();
        }
    }
}
