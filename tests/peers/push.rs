//! Fills a registry request by request, without any code of the product.

use reqwest::{Certificate, Client, Method, Response, StatusCode, header};
use tagferry::oci::Digest;

use crate::image::Image;

/// Pushes to one registry.
pub(crate) struct Pusher {
    client: Client,
    url: String,
    token: Option<&'static str>,
}

impl Pusher {
    pub(crate) fn new(address: &str, token: Option<&'static str>) -> Self {
        Self {
            client: Client::builder().no_proxy().build().unwrap(),
            url: format!("http://{address}"),
            token,
        }
    }

    pub(crate) fn over_tls(address: &str, ca_pem: &str) -> Self {
        let authorities = Certificate::from_pem_bundle(ca_pem.as_bytes()).unwrap();
        Self {
            client: Client::builder().no_proxy().tls_certs_only(authorities).build().unwrap(),
            url: format!("https://{address}"),
            token: None,
        }
    }

    /// Pushes `image`, what it needs first, and gives it the tag.
    pub(crate) async fn push(&self, repository: &str, tag: &str, image: &Image) {
        for child in &image.children {
            assert!(child.children.is_empty(), "an index of an index");
            self.push_manifest(repository, &child.digest().to_string(), child).await;
        }
        self.push_manifest(repository, tag, image).await;
    }

    async fn push_manifest(&self, repository: &str, reference: &str, image: &Image) {
        for blob in &image.blobs {
            self.push_blob(repository, blob).await;
        }
        let url = format!("{}/v2/{repository}/manifests/{reference}", self.url);
        let answer = self.send(Method::PUT, &url, image.media_type, &image.manifest).await;
        expect(StatusCode::CREATED, answer).await;
    }

    async fn push_blob(&self, repository: &str, blob: &[u8]) {
        const TYPE: &str = "application/octet-stream";
        let url = format!("{}/v2/{repository}/blobs/uploads/", self.url);
        let answer = expect(StatusCode::ACCEPTED, self.send(Method::POST, &url, TYPE, &[]).await).await;
        let location = answer.headers()[header::LOCATION].to_str().unwrap();
        // Distribution answers with an absolute address, ministack with a path.
        let mut location = answer.url().join(location).unwrap();
        location.query_pairs_mut().append_pair("digest", &Digest::of(blob).to_string());
        expect(StatusCode::CREATED, self.send(Method::PUT, location.as_str(), TYPE, blob).await).await;
    }

    async fn send(&self, method: Method, url: &str, media_type: &str, body: &[u8]) -> Response {
        let mut request =
            self.client.request(method, url).header(header::CONTENT_TYPE, media_type).body(body.to_owned());
        if let Some(token) = self.token {
            request = request.bearer_auth(token);
        }
        request.send().await.unwrap()
    }
}

async fn expect(status: StatusCode, answer: Response) -> Response {
    if answer.status() == status {
        return answer;
    }
    let (url, actual) = (answer.url().clone(), answer.status());
    panic!("{url}: {actual} instead of {status}: {}", answer.text().await.unwrap_or_default())
}
