//! `tagferry copy`.

use clap::Args;

use crate::cli::command::tags;
use crate::cli::config;
use crate::cli::exit::{ExitCode, ExitError};
use crate::cli::global::Global;
use crate::cli::run::{Extras, Output, Run};
use crate::cli::signals::Stopping;
use crate::cli::terminal::Terminal;
use crate::config::{Endpoint, Mirror};
use crate::oci::{Digest, Host, Platform, Tag};
use crate::pass::Mode;
use crate::report::SyncTable;
use crate::select::{Rule, Spec};

const EXAMPLES: &str = r"Examples:
  $ tagferry copy nginx:1.27 123456789012.dkr.ecr.us-east-1.amazonaws.com/nginx
  $ tagferry copy quay.io/a/b:1.2.3 registry.example.com/a/b:stable --referrers
  $ tagferry copy quay.io/a/b@sha256:… registry.example.com/a/b:pinned
  $ tagferry copy quay.io/a/b:1.2.3 oci:./carried:1.2.3 --platform linux/arm64";

/// Copy one image now, without a configuration
///
/// What `sync` does for one tag: only what is missing is sent, every byte is checked, and the tag is written last. An image
/// named by digest gets the target's tag; if the target names none, it can be pulled by its digest only.
///
/// Needs no configuration. Where there is one, its settings of the registries are used: credentials, limits, certificates.
/// Otherwise the login is that of AWS for Amazon ECR, or that of Docker's config.json, or none.
#[derive(Debug, Args)]
#[command(after_long_help = EXAMPLES)]
pub(in crate::cli) struct Copy {
    /// `HOST[:PORT]/PATH[:TAG][@DIGEST]`; a path alone is one of Docker Hub, no tag is `latest`; `oci:DIR[#NAME][:TAG]`
    #[arg(value_name = "SOURCE", value_parser = image)]
    source: Image,
    /// `HOST[:PORT]/PATH[:TAG]` or `oci:DIR[#NAME][:TAG]`; without a tag that of the source
    #[arg(value_name = "TARGET", value_parser = target)]
    target: Image,
    /// Keep only this platform; may be given several times
    #[arg(long = "platform", value_name = "OS/ARCH")]
    platforms: Vec<Platform>,
    /// Copy signatures, SBOMs and attestations too
    #[arg(long)]
    referrers: bool,
    /// How the result is written to standard output
    #[arg(short, long, value_name = "FORMAT", default_value = "table")]
    output: Output,
}

/// An image as an argument names it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Image {
    repository: Endpoint,
    tag: Option<Tag>,
    digest: Option<Digest>,
}

impl Copy {
    pub(in crate::cli) async fn run(
        self,
        global: &Global,
        terminal: &mut Terminal,
    ) -> Result<ExitCode, ExitError> {
        let mut config = config::load_if_any(global.config.as_deref())?;
        // Nobody waits for notices of what they do by hand.
        config.notices.clear();
        let output = self.output;
        config.mirrors = vec![self.mirror()?];
        let table = Box::new(SyncTable::new(terminal.look));
        let (run, stopping) = (Run::of(output), Stopping::new()?);
        Box::pin(run.over(config, Mode::Sync, table, Extras::default(), stopping, terminal)).await
    }

    /// A mirror of this image alone.
    fn mirror(self) -> Result<Mirror, ExitError> {
        let Image { repository: source, tag, digest } = self.source;
        let tag = tag.or_else(|| digest.is_none().then(Tag::latest));
        let names: Vec<String> = self.target.tag.into_iter().map(String::from).collect();
        let target = self.target.repository;
        if tag.is_none() && names.is_empty() && matches!(target, Endpoint::Layout { .. }) {
            let text = "an image in a directory cannot be found without a tag: write `oci:DIR:TAG`";
            return Err(ExitError::new(ExitCode::Usage, text));
        }
        let rule = Rule::new(Spec { tag, digest, names, ..Spec::default() }).map_err(|errors| {
            let errors: Vec<_> = errors.iter().map(ToString::to_string).collect();
            ExitError::new(ExitCode::Usage, errors.join("\nerror: "))
        })?;
        let mirror = Mirror::of(source, target, rule);
        Ok(Mirror { platforms: self.platforms, referrers: self.referrers, ..mirror })
    }
}

fn image(text: &str) -> Result<Image, String> {
    let (text, digest) = match text.rsplit_once('@').filter(|(_, digest)| digest.contains(':')) {
        Some((text, digest)) => (text, Some(digest.parse::<Digest>().map_err(|error| error.to_string())?)),
        None => (text, None),
    };
    let name = text.strip_prefix("oci:").unwrap_or(text);
    // A colon before a slash is that of a port, or of `oci:`.
    let last = name.rfind('/').map_or(0, |slash| slash + 1);
    let (repository, tag) = match name[last..].split_once(':').filter(|_| !tags::is_registry(name)) {
        Some((_, tag)) => (&text[..text.len() - tag.len() - 1], Some(tag)),
        None => (text, None),
    };
    let tag = tag.map(|tag| tag.parse::<Tag>().map_err(|error| error.to_string())).transpose()?;
    Ok(Image { repository: tags::repository(repository)?, tag, digest })
}

fn target(text: &str) -> Result<Image, String> {
    let image = image(text)?;
    if image.digest.is_some() {
        return Err("a target has no digest: it gets that of the source".to_owned());
    }
    // By Docker's rule it would be Docker Hub, and nobody copies there by leaving out the host.
    let is_hub = image.repository.host().is_some_and(|host| host.as_str() == Host::DOCKER_HUB);
    if is_hub && !text.split('/').next().unwrap_or_default().contains('.') {
        return Err("names no registry: a target is HOST[:PORT]/PATH".to_owned());
    }
    Ok(image)
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIGEST: &str = "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";

    #[track_caller]
    fn check(text: &str, repository: &str, tag: Option<&str>, digest: Option<&str>) {
        let image = image(text).unwrap();
        assert_eq!(image.repository.to_string(), repository);
        assert_eq!(image.tag.as_ref().map(Tag::as_str), tag);
        assert_eq!(image.digest.map(|digest| digest.to_string()).as_deref(), digest);
    }

    #[test]
    fn images_are_named_as_everywhere() {
        check("nginx", "docker.io/library/nginx", None, None);
        check("nginx:1.27", "docker.io/library/nginx", Some("1.27"), None);
        check("127.0.0.1:5000/a/b", "127.0.0.1:5000/a/b", None, None);
        check("127.0.0.1:5000/a/b:1", "127.0.0.1:5000/a/b", Some("1"), None);
        check(&format!("quay.io/a@{DIGEST}"), "quay.io/a", None, Some(DIGEST));
        check(&format!("quay.io/a:1@{DIGEST}"), "quay.io/a", Some("1"), Some(DIGEST));
        check("oci:./dir", "oci:./dir", None, None);
        check("oci:dir:1", "oci:dir", Some("1"), None);
        check("oci:a/dir#java/jdk:21", "oci:a/dir#java/jdk", Some("21"), None);
    }

    #[test]
    fn what_is_no_image_is_explained() {
        for (text, words) in [
            ("registry.test:5000", "names a registry"),
            ("quay.io/a:b c", "is not a tag"),
            ("quay.io/A", "is not a repository"),
            ("quay.io/a@sha256:00", "digest"),
        ] {
            let error = image(text).unwrap_err();
            assert!(error.contains(words), "{error}");
        }
        assert!(target("a/b:1").unwrap_err().contains("names no registry"));
        assert!(target("docker.io/a/b").is_ok());
        assert!(target(&format!("quay.io/a@{DIGEST}")).unwrap_err().contains("no digest"));
    }
}
