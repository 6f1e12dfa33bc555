//! Certificate authorities: those of this machine, those of a file, and what to say where there are none.
//!
//! The TLS library skips all that is no certificate, and then each handshake fails for want of one.

use std::ffi::OsString;
use std::fs;
use std::path::Path;

use reqwest::{Certificate, Client, ClientBuilder};

/// Where this machine has its authorities, if not where they usually are.
const FILE: &str = "SSL_CERT_FILE";
const FOLDERS: &str = "SSL_CERT_DIR";
/// How a section in PEM begins, with the end of another one before it on the same line.
const GLUED: &str = "----------BEGIN ";
/// The same as it should be.
const APART: &str = "-----\n-----BEGIN ";

/// Why there is no client.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A certificate that was given. Reads as the end of "the file …".
    #[error("holds a broken certificate: number {0}")]
    Broken(usize),
    /// Anything else.
    #[error(transparent)]
    Client(#[from] reqwest::Error),
}

/// Makes a client that trusts these authorities besides those of this machine. Where it knows none at all, it still speaks
/// HTTP without TLS, and the second value says what all else fails for.
pub fn client(
    builder: impl Fn() -> ClientBuilder,
    own: &[Certificate],
) -> Result<(Client, Option<String>), Error> {
    let variable = |name: &str| std::env::var_os(name);
    if let Some(machine) = usual(variable)
        && let Ok(client) = builder().tls_certs_only(machine.into_iter().chain(own.iter().cloned())).build()
    {
        return Ok((client, None));
    }
    let cause = match builder().tls_certs_merge(own.iter().cloned()).build() {
        Ok(client) => return Ok((client, None)),
        Err(cause) => cause,
    };
    let is_broken = |one: &&Certificate| Client::builder().tls_certs_only([(*one).clone()]).build().is_err();
    if let Some(broken) = own.iter().position(|one| is_broken(&one)) {
        return Err(Error::Broken(broken + 1));
    }
    match builder().tls_certs_only([]).build() {
        Ok(client) => Ok((client, Some(lack(variable)))),
        Err(_) => Err(cause.into()),
    }
}

/// The authorities that are where they usually are, where a variable that names another place is empty: the TLS library takes
/// it for a name.
fn usual(variable: impl Fn(&str) -> Option<OsString>) -> Option<Vec<Certificate>> {
    let is_meant = variable(FILE)?.is_empty() && variable(FOLDERS).is_none_or(|value| value.is_empty());
    let file = openssl_probe::probe().cert_file.filter(|_| is_meant)?;
    read(&fs::read(file).ok()?).ok()
}

/// Why no authorities are known, and what to do.
fn lack(variable: impl Fn(&str) -> Option<OsString>) -> String {
    let set = |name| variable(name).filter(|value| !value.is_empty());
    let why = match (set(FILE), set(FOLDERS)) {
        (Some(path), _) => format!("`{FILE}` names {}, which {}", Path::new(&path).display(), fault(&path)),
        (None, Some(paths)) => {
            format!("`{FOLDERS}` names {}, where no certificates in PEM are", Path::new(&paths).display())
        }
        (None, None) => format!("install `ca-certificates`, or name a file of them in `{FILE}`"),
    };
    format!("no certificate authorities are known, so no TLS is trusted: {why}")
}

/// What is wrong with a file of authorities.
fn fault(path: &OsString) -> String {
    match fs::read(path) {
        Ok(bytes) => read(&bytes).err().unwrap_or_else(|| "holds no certificate that can be used".to_owned()),
        Err(error) => format!("cannot be read: {error}"),
    }
}

/// Reads all certificates in PEM. Else says what the bytes are, as the end of "the file …"; none of them are repeated.
pub fn read(bytes: &[u8]) -> Result<Vec<Certificate>, String> {
    let bytes = bytes.strip_prefix("\u{feff}".as_bytes()).unwrap_or(bytes);
    if bytes.trim_ascii().is_empty() {
        return Err("is empty".to_owned());
    }
    if let Some(what) = binary(bytes) {
        return Err(what.to_owned());
    }
    let text = String::from_utf8_lossy(bytes).replace(GLUED, APART);
    let labels: Vec<&str> = labels(&text).collect();
    if !labels.contains(&"CERTIFICATE") {
        return Err(match labels.first() {
            Some(&"TRUSTED CERTIFICATE" | &"X509 CERTIFICATE") => {
                "holds a certificate in OpenSSL's own form: make PEM of it by `openssl x509 -in FILE`"
                    .to_owned()
            }
            Some(&"PKCS7") => {
                "holds PKCS #7: make PEM of it by `openssl pkcs7 -print_certs -in FILE`".to_owned()
            }
            Some(label) => format!("holds no certificate, but `{label}`"),
            None => "holds no certificate: it has no line `-----BEGIN CERTIFICATE-----`".to_owned(),
        });
    }
    let certificates = Certificate::from_pem_bundle(text.as_bytes()).unwrap_or_default();
    match labels.iter().filter(|label| label.ends_with("CERTIFICATE")).count() {
        _ if certificates.is_empty() => Err("holds a certificate that is broken or not finished".to_owned()),
        meant if meant > certificates.len() => Err(format!(
            "holds {meant} certificates, of which {} can be read: each stands between the lines `-----BEGIN \
             CERTIFICATE-----` and `-----END CERTIFICATE-----`, with nothing else on them",
            certificates.len()
        )),
        _ => Ok(certificates),
    }
}

/// What bytes are that are no text: the objects of DER are told by what they begin with.
fn binary(bytes: &[u8]) -> Option<&'static str> {
    const OBJECT: u8 = 0x06;
    const INTEGER: u8 = 0x02;
    match bytes {
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => Some("is UTF-16: save it as UTF-8"),
        [0x30, 0x82, _, _, OBJECT, ..] => {
            Some("is PKCS #7: make PEM of it by `openssl pkcs7 -inform der -print_certs -in FILE`")
        }
        [0x30, 0x82, _, _, INTEGER, ..] => {
            Some("is PKCS #12: make PEM of it by `openssl pkcs12 -nokeys -in FILE`")
        }
        [0x30, 0x82, ..] => Some("is DER: make PEM of it by `openssl x509 -inform der -in FILE`"),
        _ => None,
    }
}

/// What the sections of a PEM file say that they are, as far as they say it in the usual way.
fn labels(text: &str) -> impl Iterator<Item = &str> {
    let label = |line: &'_ str| -> Option<std::ops::Range<usize>> {
        let start = line.find("-----BEGIN ").filter(|&start| line[..start].trim().is_empty())?;
        let start = start + "-----BEGIN ".len();
        let length = line[start..].find("-----")?;
        let is_usual = line[start..start + length]
            .bytes()
            .all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b' ');
        is_usual.then_some(start..start + length)
    };
    text.lines().filter_map(move |line| label(line).map(|range| &line[range]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(bytes: &[u8], expected: &str) {
        assert_eq!(read(bytes).unwrap_err(), expected);
    }

    // Seen in seanmonstar/reqwest#3076, curioswitch/pyqwest#216, rustls/pemfile#52.
    #[test]
    fn what_is_no_certificate_is_told_as_what_it_is() {
        check(b"", "is empty");
        check(b" \n", "is empty");
        check(b"# only words", "holds no certificate: it has no line `-----BEGIN CERTIFICATE-----`");
        check(b"0\x82\x03\x0a0", "is DER: make PEM of it by `openssl x509 -inform der -in FILE`");
        check(
            b"0\x82\x03\x32\x06\x09",
            "is PKCS #7: make PEM of it by `openssl pkcs7 -inform der -print_certs -in FILE`",
        );
        check(
            b"0\x82\x04\x27\x02\x01\x03",
            "is PKCS #12: make PEM of it by `openssl pkcs12 -nokeys -in FILE`",
        );
        check(b"\xff\xfe-\0", "is UTF-16: save it as UTF-8");
        let pem =
            |label: &str| format!("-----BEGIN {label}-----\nhunter2=\n-----END {label}-----\n").into_bytes();
        for label in ["PRIVATE KEY", "RSA PRIVATE KEY", "ENCRYPTED PRIVATE KEY", "CERTIFICATE REQUEST"] {
            check(&pem(label), &format!("holds no certificate, but `{label}`"));
        }
        check(
            &pem("TRUSTED CERTIFICATE"),
            "holds a certificate in OpenSSL's own form: make PEM of it by `openssl x509 -in FILE`",
        );
        check(&pem("PKCS7"), "holds PKCS #7: make PEM of it by `openssl pkcs7 -print_certs -in FILE`");
        check(b"-----BEGIN CERTIFICATE-----\nabc", "holds a certificate that is broken or not finished");
    }

    // Seen in distribution/distribution-library-image#105.
    #[test]
    fn a_byte_order_mark_and_the_line_ends_of_windows_do_no_harm() {
        let pem = "\u{feff}-----BEGIN CERTIFICATE-----\r\nAAAA\r\n-----END CERTIFICATE-----\r\n";
        assert_eq!(read(pem.as_bytes()).unwrap().len(), 1);
    }

    // Seen in debops/debops#1424, flatcar/Flatcar#1601: `cat` of files without a line break at the end.
    #[test]
    fn no_certificate_is_skipped() {
        let pem = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----";
        assert_eq!(read(format!("{pem}{pem}{pem}").as_bytes()).unwrap().len(), 3);
        assert_eq!(read(format!("# see -----BEGIN CERTIFICATE-----\n{pem}").as_bytes()).unwrap().len(), 1);
        let told = "holds 2 certificates, of which 1 can be read: each stands between the lines `-----BEGIN \
                    CERTIFICATE-----` and `-----END CERTIFICATE-----`, with nothing else on them";
        check(format!("{pem}\n{}", pem.replace(" CERT", " TRUSTED CERT")).as_bytes(), told);
        let glued = pem.replace('\n', " ");
        check(format!("{pem}\n{glued}\n").as_bytes(), "holds a certificate that is broken or not finished");
    }

    // Seen in seanmonstar/reqwest#2988.
    #[test]
    fn that_no_authorities_are_known_is_told_with_the_variable_and_its_path() {
        let dir = tempfile::tempdir().unwrap();
        let der = dir.path().join("ca.der");
        fs::write(&der, b"0\x82\x03\x0a0").unwrap();
        let told = |variables: &[(&str, &str)]| {
            let text = lack(|name| variables.iter().find(|(known, _)| *known == name).map(|(_, v)| v.into()));
            text.replace(dir.path().to_str().unwrap(), "DIR")
        };
        let none = "no certificate authorities are known, so no TLS is trusted: ";
        assert_eq!(
            told(&[(FILE, der.to_str().unwrap())]),
            format!(
                "{none}`SSL_CERT_FILE` names DIR/ca.der, which is DER: make PEM of it by `openssl x509 -inform der -in FILE`"
            )
        );
        assert!(
            told(&[(FILE, "/none")]).contains("`SSL_CERT_FILE` names /none, which cannot be read: No such")
        );
        assert!(told(&[(FOLDERS, "/none")]).contains("`SSL_CERT_DIR` names /none, where no certificates"));
        let install = format!("{none}install `ca-certificates`, or name a file of them in `SSL_CERT_FILE`");
        assert_eq!(told(&[]), install);
        assert_eq!(told(&[(FILE, ""), (FOLDERS, "")]), install);
    }

    #[test]
    fn an_empty_variable_stands_for_the_usual_place() {
        let found = |file: Option<&str>, folders: Option<&str>| {
            usual(|name| if name == FILE { file } else { folders }.map(OsString::from)).is_some()
        };
        // Whether there are any is another matter.
        let any = openssl_probe::probe().cert_file.is_some();
        assert_eq!((found(Some(""), None), found(Some(""), Some(""))), (any, any));
        assert!(!found(None, None) && !found(Some("/x"), None) && !found(Some(""), Some("/x")));
    }
}
