//! What one request sent that is nobody else's business.

use std::fmt;

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use http::{HeaderMap, HeaderValue};
use percent_encoding::percent_decode_str;
use serde_json::Value;
use url::Url;

use crate::redact::text::{FRAGMENT, LEAST, redact, visible_bytes};

/// The secrets of one request.
#[derive(Default, PartialEq, Eq)]
pub struct Secrets(Vec<Box<[u8]>>);

/// With padding or without.
const LENIENT: GeneralPurposeConfig =
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
const BASE64: [GeneralPurpose; 2] =
    [GeneralPurpose::new(&alphabet::STANDARD, LENIENT), GeneralPurpose::new(&alphabet::URL_SAFE, LENIENT)];

/// Words of the names of headers that hold secrets.
const TELLING: [&str; 6] = ["auth", "token", "secret", "password", "cookie", "key"];
/// Parameters of AWS' token services that are secrets.
const PARAMETERS: [&str; 6] =
    ["WebIdentityToken", "SAMLAssertion", "clientSecret", "refreshToken", "deviceCode", "code"];
/// How AWS signs. But for the signature, all of such a header is in its own messages: the region, for one.
const AWS_SIGNATURE: &str = "AWS4-";
/// Parts of an address that are shorter are words rather than secrets.
const PART_LEAST: usize = 6;

impl Secrets {
    /// A password or a token. What is shorter than four bytes is in every text, and not taken out of any.
    pub fn add(&mut self, secret: &str) {
        let bytes = visible_bytes(secret);
        if bytes.len() >= LEAST && !self.0.contains(&bytes) {
            self.0.push(bytes);
        }
    }

    /// The value of a header: the whole, each of its words but for a scheme, and what these are in base64. Of a login that is
    /// the password: the user is no secret.
    pub fn add_header(&mut self, value: &HeaderValue) {
        let text = String::from_utf8_lossy(value.as_bytes());
        if text.starts_with(AWS_SIGNATURE) {
            return self.add(text.rsplit_once("Signature=").map_or("", |(_, signature)| signature));
        }
        self.add(&text);
        let mut words: Vec<&str> = text.split_whitespace().collect();
        if words.len() > 1 {
            words.remove(0);
        }
        for word in words {
            self.add(word);
            let decoded = BASE64.iter().find_map(|base64| String::from_utf8(base64.decode(word).ok()?).ok());
            if let Some(decoded) = decoded {
                self.add(decoded.split_once(':').map_or(&*decoded, |(_, password)| password));
            }
        }
    }

    /// The values of those headers that hold secrets: by their name, or because they are marked so.
    pub fn add_headers(&mut self, headers: &HeaderMap) {
        for (name, value) in headers {
            if value.is_sensitive() || is_telling(name.as_str()) {
                self.add_header(value);
            }
        }
    }

    /// What is in the query of an address that somebody made for us, such as a signature, but for what its path says too.
    pub fn add_query(&mut self, url: &Url) {
        let path = url.path().as_bytes();
        for (name, value) in url.query_pairs() {
            let value = match &*name {
                // We wrote the first ourselves.
                "digest" | "X-Amz-Algorithm" | "X-Amz-Date" | "X-Amz-SignedHeaders" => continue,
                // Behind the key are date, region and service.
                "X-Amz-Credential" => value.split('/').next().unwrap_or_default(),
                _ => &*value,
            };
            let is_in_path = || value.as_bytes().windows(FRAGMENT).any(|part| contains(path, part));
            if value.len() >= FRAGMENT && !is_in_path() {
                self.add(value);
            }
        }
    }

    /// An address that is a secret as a whole, but for its origin.
    pub fn add_address(&mut self, url: &Url) {
        self.add(&url[url::Position::BeforePath..]);
        let origin = url.origin().ascii_serialization();
        let parts = url[url::Position::BeforePath..].split(['/', '?', '&', '=', '#']);
        for part in parts.filter(|part| part.len() >= PART_LEAST && !origin.contains(part)) {
            self.add(part);
        }
        if let Some(password) = url.password() {
            // It is sent as it is meant.
            self.add(&percent_decode_str(password).decode_utf8_lossy());
        }
    }

    /// What is in the body of a request for a token: a form, or JSON.
    pub fn add_body(&mut self, body: &[u8]) {
        if let Ok(Value::Object(members)) = serde_json::from_slice(body) {
            let secrets = members.iter().filter(|(name, _)| PARAMETERS.contains(&name.as_str()));
            secrets.filter_map(|(_, value)| value.as_str()).for_each(|secret| self.add(secret));
        } else {
            let secrets = url::form_urlencoded::parse(body).filter(|(name, _)| PARAMETERS.contains(&&**name));
            secrets.for_each(|(_, secret)| self.add(&secret));
        }
    }

    /// The text without these secrets.
    pub fn redact(&self, text: &str) -> String {
        redact(text, self.iter())
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &[u8]> {
        self.0.iter().map(|secret| &**secret)
    }

    pub(super) fn bytes(&self) -> usize {
        self.0.iter().map(|secret| secret.len()).sum()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

fn is_telling(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    // How long a token is to live is none.
    !name.ends_with("-seconds") && TELLING.iter().any(|word| name.contains(word))
}

fn contains(text: &[u8], part: &[u8]) -> bool {
    text.windows(part.len()).any(|window| window == part)
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Secrets({})", self.0.len())
    }
}
