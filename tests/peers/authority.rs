//! A certificate authority of a test's own.

use std::fs;
use std::path::{Path, PathBuf};

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, KeyUsagePurpose};
use tempfile::TempDir;

/// An authority that nobody trusts unless told to.
pub(crate) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    folder: TempDir,
}

impl Authority {
    pub(crate) fn new() -> Self {
        let folder = TempDir::with_prefix("tagferry-authority-").unwrap();
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        let key = KeyPair::generate().unwrap();
        let authority = Self { issuer: Issuer::new(params.clone(), key), folder };
        let certificate = params.self_signed(authority.issuer.key()).unwrap();
        fs::write(authority.file(), certificate.pem()).unwrap();
        authority
    }

    /// Its own certificate as PEM.
    pub(crate) fn pem(&self) -> String {
        fs::read_to_string(self.file()).unwrap()
    }

    /// The file with its own certificate.
    pub(crate) fn file(&self) -> PathBuf {
        self.folder().join("authority.crt")
    }

    /// The folder with that file, and no other certificate that ends in `.crt`.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The files with a certificate for loopback and with its key.
    pub(crate) fn certificate(&self) -> (PathBuf, PathBuf) {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        let files = (self.folder().join("loopback-certificate.pem"), self.folder().join("loopback-key.pem"));
        fs::write(&files.0, certificate.pem()).unwrap();
        fs::write(&files.1, key.serialize_pem()).unwrap();
        files
    }
}
