//! Platforms of an image: `linux/amd64`, `linux/arm/v7`, `windows(10.0.20348)/amd64`.
//!
//! One platform has many names (`arm64`, `aarch64`, `arm64/v8`). Whatever is read is brought to the name that containerd
//! gives it, so that platforms compare by what they are.

use std::fmt;
use std::str::FromStr;

use serde::Deserialize;

use crate::oci::descriptor::if_valid;
use crate::text::excerpt;

/// Operating system, architecture and, where it matters, the architecture's variant and the system's version.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(try_from = "Raw")]
pub struct Platform {
    /// The operating system, such as `linux`.
    pub os: String,
    /// The version of the operating system, such as `10.0.20348.2582` of Windows.
    pub os_version: Option<String>,
    /// The architecture, such as `amd64`.
    pub architecture: String,
    /// The variant, such as `v7` of `arm`.
    pub variant: Option<String>,
}

/// A text that is not a platform.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error(
    "`{0}` is not a platform: expected OS/ARCHITECTURE or OS/ARCHITECTURE/VARIANT, such as `linux/amd64`, or \
     OS(VERSION)/ARCHITECTURE"
)]
pub struct PlatformError(String);

/// As descriptors and configs write it.
#[derive(Deserialize)]
struct Raw {
    os: String,
    #[serde(rename = "os.version", default, deserialize_with = "if_valid")]
    os_version: Option<String>,
    architecture: String,
    #[serde(default, deserialize_with = "if_valid")]
    variant: Option<String>,
}

impl Platform {
    /// The name that containerd gives it.
    fn normal(os: &str, os_version: Option<&str>, architecture: &str, variant: Option<&str>) -> Self {
        let variant = variant.unwrap_or_default().to_ascii_lowercase();
        let os = match os.to_ascii_lowercase() {
            os if os == "macos" => "darwin".to_owned(),
            os => os,
        };
        let architecture = architecture.to_ascii_lowercase();
        let (architecture, variant) = match (&*architecture, &*variant) {
            ("i386", _) => ("386", ""),
            ("x86_64" | "x86-64" | "amd64", "v1") => ("amd64", ""),
            ("x86_64" | "x86-64", variant) => ("amd64", variant),
            ("aarch64" | "arm64", "8" | "v8") => ("arm64", ""),
            ("aarch64", variant) => ("arm64", variant),
            ("arm", "5") => ("arm", "v5"),
            ("armel", _) | ("arm", "6") => ("arm", "v6"),
            ("armhf", _) | ("arm", "7") => ("arm", "v7"),
            ("arm", "8") => ("arm", "v8"),
            other => other,
        };
        let given = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        Self {
            os,
            os_version: os_version.and_then(given),
            architecture: architecture.to_owned(),
            variant: given(variant),
        }
    }

    /// Whether an image for `other` satisfies a wish for `self`. A wish without a variant takes any; one for a version of
    /// the system takes its revisions, `10.0.20348` that of `10.0.20348.2582`.
    pub fn accepts(&self, other: &Self) -> bool {
        let has_version = |wanted: &String| {
            let rest = other.os_version.as_deref().and_then(|version| version.strip_prefix(wanted.as_str()));
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        };
        self.os == other.os
            && self.architecture == other.architecture
            && self.variant.as_ref().is_none_or(|wanted| wanted == other.variant_or_default())
            && self.os_version.as_ref().is_none_or(has_version)
    }

    /// The variant that is meant where an image names none.
    fn variant_or_default(&self) -> &str {
        match &self.variant {
            Some(variant) => variant,
            None if self.architecture == "arm" => "v7",
            None => "",
        }
    }
}

impl TryFrom<Raw> for Platform {
    type Error = PlatformError;

    fn try_from(Raw { os, os_version, architecture, variant }: Raw) -> Result<Self, PlatformError> {
        if os.is_empty() || architecture.is_empty() {
            return Err(PlatformError(excerpt(&format!("{os}/{architecture}"))));
        }
        Ok(Self::normal(&os, os_version.as_deref(), &architecture, variant.as_deref()))
    }
}

impl FromStr for Platform {
    type Err = PlatformError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let fail = || PlatformError(excerpt(text));
        let mut parts = text.split('/');
        let (system, architecture, variant) = (parts.next().unwrap_or_default(), parts.next(), parts.next());
        let (os, version) = match system.split_once('(') {
            Some((os, rest)) => (os, Some(rest.strip_suffix(')').ok_or_else(fail)?)),
            None => (system, None),
        };
        let is_word = |part: &str| {
            !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b))
        };
        let architecture = architecture.ok_or_else(fail)?;
        let words = [Some(os), version, Some(architecture), variant];
        if parts.next().is_some() || !words.into_iter().flatten().all(is_word) {
            return Err(fail());
        }
        Ok(Self::normal(os, version, architecture, variant))
    }
}

impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.os)?;
        self.os_version.iter().try_for_each(|version| write!(f, "({version})"))?;
        write!(f, "/{}", self.architecture)?;
        self.variant.iter().try_for_each(|variant| write!(f, "/{variant}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wish(text: &str) -> Platform {
        text.parse().unwrap()
    }

    fn offered(text: &str) -> Option<Platform> {
        serde_json::from_str(text).ok()
    }

    #[test]
    fn one_platform_has_many_names() {
        for (one, other) in [
            ("linux/arm64", "linux/arm64/v8"),
            ("linux/arm64", "linux/aarch64"),
            ("linux/amd64", "Linux/x86_64"),
            ("linux/amd64", "linux/x86-64/v1"),
            ("linux/386", "linux/i386"),
            ("linux/arm/v7", "linux/armhf"),
            ("linux/arm/v6", "linux/armel"),
            ("linux/arm/v7", "linux/arm/7"),
            ("darwin/arm64", "macos/arm64"),
        ] {
            assert_eq!(wish(one), wish(other), "{other}");
        }
    }

    #[test]
    fn a_wish_takes_what_it_means() {
        let arm = r#"{"os":"linux","architecture":"arm"}"#;
        let arm64 = r#"{"os":"linux","architecture":"arm64","variant":"v8"}"#;
        let windows = r#"{"os":"windows","architecture":"amd64","os.version":"10.0.20348.2582"}"#;
        for (text, platform, takes) in [
            ("linux/arm", r#"{"os":"linux","architecture":"arm","variant":"v6"}"#, true),
            ("linux/arm/v7", arm, true),
            ("linux/arm/v6", arm, false),
            ("linux/arm64", arm64, true),
            ("linux/arm64/v8", r#"{"os":"linux","architecture":"arm64","variant":""}"#, true),
            ("linux/arm64/v9", arm64, false),
            ("linux/amd64", arm64, false),
            ("windows/amd64", windows, true),
            ("windows(10.0.20348)/amd64", windows, true),
            ("windows(10.0.2034)/amd64", windows, false),
            ("windows(10.0.17763)/amd64", windows, false),
        ] {
            assert_eq!(wish(text).accepts(&offered(platform).unwrap()), takes, "{text} {platform}");
        }
    }

    #[test]
    fn an_incomplete_platform_is_none() {
        for text in ["{}", r#"{"os":"linux"}"#, r#"{"os":"linux","architecture":""}"#, "null", r#"{"os":1}"#]
        {
            assert_eq!(offered(text), None, "{text}");
        }
        assert!(offered(r#"{"os":"linux","architecture":"arm","variant":7}"#).is_some());
    }

    #[test]
    fn faulty_texts_are_refused() {
        for text in [
            "",
            "linux",
            "linux/",
            "/amd64",
            "a/b/c/d",
            "linux/amd 64",
            "windows(10/amd64",
            "windows()/amd64",
        ] {
            assert!(text.parse::<Platform>().is_err(), "{text}");
        }
        assert_eq!(wish("windows(10.0.20348)/amd64").to_string(), "windows(10.0.20348)/amd64");
    }
}
