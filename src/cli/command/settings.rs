//! What a configuration says besides its mirrors, as `check` shows it. Where logins come from, and not what they are.

use std::collections::BTreeSet;
use std::io;
use std::io::Write;

use crate::config::{Config, Credentials, Ecr, Endpoint, Heartbeat, Notice, NoticeKind, Registry};

/// Writes what was understood of all but the mirrors.
pub(super) fn describe(out: &mut dyn Write, config: &Config) -> io::Result<()> {
    let sides = config.mirrors.iter().flat_map(|mirror| mirror.sources().chain([&mirror.target]));
    let used = sides.filter_map(Endpoint::host).cloned();
    let hosts: BTreeSet<_> = used.chain(config.registries.keys().cloned()).collect();
    for host in hosts {
        writeln!(out, "{host}")?;
        registry(out, &config.registry(&host))?;
        writeln!(out)?;
    }
    limits(out, config)?;
    notices(out, config)?;
    if let Some(url) = &config.public_url {
        writeln!(out, "page         {url}")?;
    }
    writeln!(out)
}

/// Writes who is sent notices and signs of life.
pub(super) fn notices(out: &mut dyn Write, config: &Config) -> io::Result<()> {
    for Notice { destination, on, mirrors } in &config.notices {
        let kinds: Vec<_> = on.iter().copied().map(NoticeKind::as_str).collect();
        writeln!(out, "notices      {destination}: {}; {}", kinds.join(", "), about(mirrors.as_ref()))?;
    }
    for Heartbeat { url, mirrors } in &config.heartbeats {
        writeln!(out, "heartbeat    to {}; {}", url.origin(), about(mirrors.as_ref()))?;
    }
    Ok(())
}

fn registry(out: &mut dyn Write, registry: &Registry) -> io::Result<()> {
    let Registry { credentials, token_service, limits, plain_http, ca_file, private_redirects, ecr } =
        registry;
    writeln!(out, "  login      {}", login(credentials.as_ref(), ecr.as_ref()))?;
    if let Some(service) = token_service {
        writeln!(out, "  tokens     of {service} alone")?;
    }
    if let Some(ecr) = ecr {
        ecr_settings(out, ecr)?;
    }
    write!(out, "  limits     {} requests at a time", limits.concurrent)?;
    match limits.per_second {
        Some(rate) => writeln!(out, ", {rate} a second")?,
        None => writeln!(out)?,
    }
    if *plain_http {
        writeln!(out, "  connection without TLS")?;
    }
    if let Some(path) = ca_file {
        writeln!(out, "  trusts     {} too", path.display())?;
    }
    if !private_redirects.is_empty() {
        writeln!(out, "  leads to   {} inside", private_redirects.join(", "))?;
    }
    Ok(())
}

fn login(credentials: Option<&Credentials>, ecr: Option<&Ecr>) -> String {
    match (credentials, ecr) {
        (Some(Credentials::Password { .. }), _) => "user and password of the configuration".to_owned(),
        (Some(Credentials::PasswordFile { path, .. }), _) => format!("the password file {}", path.display()),
        (Some(Credentials::Secret { id }), _) => format!("the secret {id} in AWS Secrets Manager"),
        (None, Some(Ecr { role_arn: Some(role), .. })) => {
            format!("the role {role}, taken with the AWS default chain")
        }
        (None, Some(_)) => "the AWS default chain".to_owned(),
        (None, None) => "that of Docker's config.json, if it has one".to_owned(),
    }
}

fn ecr_settings(out: &mut dyn Write, ecr: &Ecr) -> io::Result<()> {
    let Ecr { account, region, endpoint_url, create_repositories, repository, .. } = ecr;
    writeln!(out, "  ecr        account {account} in {region}")?;
    if let Some(url) = endpoint_url {
        writeln!(out, "             API at {url}")?;
    }
    if *create_repositories {
        writeln!(out, "             makes a repository that is missing: {repository}")
    } else {
        writeln!(out, "             makes no repositories")
    }
}

fn limits(out: &mut dyn Write, config: &Config) -> io::Result<()> {
    let (at_once, timeouts) = (config.concurrency, config.timeouts);
    writeln!(
        out,
        "at a time    {} mirrors, {} tags of each, {} layers, {} parts of one layer",
        at_once.mirrors, at_once.tags, at_once.blobs, at_once.ranges
    )?;
    let span = humantime::format_duration;
    write!(
        out,
        "patience     connection {}, next byte {}, whole answer {}",
        span(timeouts.connect),
        span(timeouts.stall),
        span(timeouts.metadata)
    )?;
    if let Some(pass) = timeouts.pass {
        write!(out, ", pass {}", span(pass))?;
    }
    writeln!(out, "; {} to end", span(config.shutdown_grace))
}

fn about(mirrors: Option<&BTreeSet<String>>) -> String {
    match mirrors {
        None => "all mirrors".to_owned(),
        Some(names) => names.iter().map(String::as_str).collect::<Vec<_>>().join(", "),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_shown_where_logins_come_from_and_never_what_they_are() {
        let yaml = r#"
            mirrors: [{source: quay.io/a/b, target: 123456789012.dkr.ecr.eu-central-1.amazonaws.com/ab, tags: [{match: x}]}]
            registries:
              quay.io: {credentials: {username: me, password: "${TOKEN}"}, limits: {concurrent: 4, per_second: 10}}
              registry.test: {credentials: {username: me, password_file: /run/secrets/p}, plain_http: true}
              123456789012.dkr.ecr.eu-central-1.amazonaws.com:
                ecr:
                  role_arn: arn:aws:iam::123456789012:role/mirror
                  create_repositories: true
                  repository: {tag_mutability: immutable_with_exclusion, exclude: [latest], tags: {team: build}}
            notices:
              - {slack: {url: "${HOOK}"}, on: [failed, late]}
              - {heartbeat: {url: "${HOOK}"}, mirrors: [a/b]}
            timeouts: {pass: 2h}
        "#;
        let variables = |name: &str| match name {
            "TOKEN" => Some("hunter2".into()),
            "HOOK" => Some("https://hooks.example.com/services/hunter2".into()),
            _ => None,
        };
        let config = Config::parse("test.yaml", yaml, &variables).unwrap();
        let mut out = Vec::new();
        describe(&mut out, &config).unwrap();
        let text = String::from_utf8(out).unwrap();
        assert!(!text.contains("hunter2"), "{text}");
        insta::assert_snapshot!(text, @"
        123456789012.dkr.ecr.eu-central-1.amazonaws.com
          login      the role arn:aws:iam::123456789012:role/mirror, taken with the AWS default chain
          ecr        account 123456789012 in eu-central-1
                     makes a repository that is missing: its tags immutable but for latest; resource tags team
          limits     8 requests at a time

        quay.io
          login      user and password of the configuration
          limits     4 requests at a time, 10 a second

        registry.test
          login      the password file /run/secrets/p
          limits     8 requests at a time
          connection without TLS

        at a time    2 mirrors, 4 tags of each, 8 layers, 4 parts of one layer
        patience     connection 10s, next byte 30s, whole answer 1m, pass 2h; 25s to end
        notices      Slack at https://hooks.example.com: failed, late; all mirrors
        heartbeat    to https://hooks.example.com; a/b
        ");
    }
}
