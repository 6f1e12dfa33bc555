//! A login whose password is in a file, as secrets arrive that are mounted into a container.

use std::io;
use std::path::PathBuf;

use futures_util::future::BoxFuture;
use tokio::io::AsyncReadExt;

use crate::login::{Credentials, CredentialsError, Freshness, Login};
use crate::oci::Repository;

/// A larger file is refused: it holds no password.
const FILE_MAX_BYTES: u64 = 64 * 1024;

/// Reads the password anew for each login, so that a rotated secret is taken up without a restart.
#[derive(Clone, Debug)]
pub struct PasswordFile {
    /// The user.
    pub username: String,
    /// The file; a byte order mark and line breaks around the password are no part of it.
    pub path: PathBuf,
}

/// Why a file gives no password.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It cannot be read.
    #[error("cannot read the password file `{}`", .0.display())]
    Read(PathBuf, #[source] io::Error),
    /// Nothing is in it.
    #[error("the password file `{}` is empty", .0.display())]
    Empty(PathBuf),
    /// It is no password.
    #[error("the password file `{}` is larger than {FILE_MAX_BYTES} bytes", .0.display())]
    TooLarge(PathBuf),
}

impl PasswordFile {
    /// Whether there is a password.
    pub async fn check(&self) -> Result<(), Error> {
        self.read().await.map(drop)
    }

    async fn read(&self) -> Result<Login, Error> {
        let unreadable = |error| Error::Read(self.path.clone(), error);
        let file = tokio::fs::File::open(&self.path).await.map_err(unreadable)?;
        let mut text = String::new();
        let size = file.take(FILE_MAX_BYTES + 1).read_to_string(&mut text).await.map_err(unreadable)?;
        if size as u64 > FILE_MAX_BYTES {
            return Err(Error::TooLarge(self.path.clone()));
        }
        let password = text.trim_start_matches('\u{feff}').trim_matches(['\r', '\n']);
        if password.is_empty() {
            return Err(Error::Empty(self.path.clone()));
        }
        Ok(Login { username: self.username.clone(), password: password.into() })
    }
}

impl Credentials for PasswordFile {
    fn origin(&self) -> String {
        format!("the password file `{}`", self.path.display())
    }

    fn login(&self, _: &Repository, _: Freshness) -> BoxFuture<'_, Result<Option<Login>, CredentialsError>> {
        Box::pin(async { Ok(Some(self.read().await?)) })
    }
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::*;

    async fn password(credentials: &PasswordFile) -> Result<String, String> {
        let login = credentials
            .login(&"java/jdk".parse().unwrap(), Freshness::Cached)
            .await
            .map_err(|error| error.to_string())?;
        Ok(login.unwrap().password.expose_secret().to_owned())
    }

    #[tokio::test]
    async fn a_rotated_password_is_taken_up() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("password");
        let credentials = PasswordFile { username: "me".to_owned(), path: path.clone() };
        for (text, expected) in [
            ("first", "first"),
            ("second\n", "second"),
            ("third\r\n", "third"),
            (" 4 \n\n", " 4 "),
            ("\u{feff}five\r\n", "five"),
        ] {
            std::fs::write(&path, text).unwrap();
            assert_eq!(password(&credentials).await, Ok(expected.to_owned()));
        }
    }

    #[tokio::test]
    async fn a_file_that_holds_no_password_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("password");
        let credentials = PasswordFile { username: "me".to_owned(), path: path.clone() };
        assert!(password(&credentials).await.unwrap_err().contains(path.to_str().unwrap()), "missing");
        for faulty in [String::new(), "\n".to_owned(), "x".repeat(70_000)] {
            std::fs::write(&path, faulty).unwrap();
            assert!(password(&credentials).await.unwrap_err().contains(path.to_str().unwrap()));
        }
    }
}
