//! Certificate authorities of a file, or what else it holds: the TLS library skips all that is no certificate, and then each
//! handshake fails for want of one.

use reqwest::Certificate;

/// Reads all certificates in PEM. Else says what the bytes are, as the end of "the file …"; none of them are repeated.
pub(in crate::registry) fn read(bytes: &[u8]) -> Result<Vec<Certificate>, String> {
    let bytes = bytes.strip_prefix("\u{feff}".as_bytes()).unwrap_or(bytes);
    if bytes.trim_ascii().is_empty() {
        return Err("is empty".to_owned());
    }
    if bytes.starts_with(&[0x30, 0x82]) {
        return Err("is DER: make PEM of it by `openssl x509 -inform der -in FILE`".to_owned());
    }
    let text = String::from_utf8_lossy(bytes);
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
    match Certificate::from_pem_bundle(bytes) {
        Ok(certificates) if !certificates.is_empty() => Ok(certificates),
        _ => Err("holds a certificate that is broken or not finished".to_owned()),
    }
}

/// What the sections of a PEM file say that they are, as far as they say it in the usual way.
fn labels(text: &str) -> impl Iterator<Item = &str> {
    let label = |line: &'_ str| -> Option<std::ops::Range<usize>> {
        let start = line.find("-----BEGIN ")? + "-----BEGIN ".len();
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
        check(b"0\x82\x03\x0a", "is DER: make PEM of it by `openssl x509 -inform der -in FILE`");
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
}
