//! What is secret is not shown, wherever it is written.

use secrecy::ExposeSecret;

use crate::config::tests::MIRROR;
use crate::config::{Config, Credentials};

const SECRET: &str = "hunter2";

/// Reads a mirror and `text` of an environment where `S` is the secret; some are without fault.
fn messages(text: &str) -> String {
    let env = |name: &str| (name == "S").then(|| SECRET.into());
    let text = format!("{MIRROR}    tags: [{{match: x}}]\n{text}");
    match Config::parse("tagferry.yaml", &text, &env) {
        Ok(config) => format!("{config:?}"),
        Err(faults) => format!("{faults} {faults:?}"),
    }
}

#[test]
fn a_password_in_a_wrong_place_is_not_repeated() {
    for credentials in [
        "§",
        "[§]",
        "{§}",
        "{§: §}",
        "{§: !x y}",
        "{§: 1, §: 2}",
        "{§: '${'}",
        "{password: {§: !x y}}",
        "{username: u, §}",
        "{username: u, password:§}",
        "{username: u, pasword: §}",
        "{username: u, token: §}",
        "{username: u, password: [§]}",
        "{username: u, password: {§: §}}",
        "{username: u, password: §, password: §}",
        "{username: u, password: §, secret: §}",
        "{username: u, password: §, password_file: §}",
        "{username: u, password: \"§\\q\"}",
        "{username: u, password: '§}",
        "{username: u, password: @§}",
        "{username: u, password: !x §}",
        "{username: u, password: §",
        "{username: u, password: §: §}",
        "{username: u, password: '§${A'}",
        "{username: u, password: §}",
        "{password: §}",
        "u:§",
        "username:u password:§",
        "\n      username: u\n      password:§\n",
        "\n      username: u\n      §\n",
        "\n      username: u\n       password: §\n",
    ] {
        for secret in [SECRET, "${S}"] {
            let text = format!("registries:\n  a.b:\n    credentials: {}", credentials.replace('§', secret));
            let messages = messages(&text);
            assert!(!messages.contains(SECRET), "{text}\n{messages}");
        }
    }
}

#[test]
fn an_address_to_send_to_and_its_headers_are_not_repeated() {
    for notice in [
        "{slack: §}",
        "{slack: [§]}",
        "{slack: {§}}",
        "{slack: {url:§}}",
        "{slack: {url: {§: §}}}",
        "{slack: {url: [§]}}",
        "{slack: {url: §}}",
        "{slack: {url: 'https://u:§@hooks.test/a'}}",
        "{slack: {url: 'https://hooks.test/a §'}, on: [failed, x]}",
        "{slack: {urls: 'https://hooks.test/§'}}",
        "{slack: {§: 'https://hooks.test/§'}}",
        "{slack: {url: 'ftp://hooks.test/§'}}",
        "{slack: {url: 'https://hooks.test/§'}, webhook: {url: 'https://hooks.test/§'}}",
        "{slack: {url: 'https://hooks.test/§'}}",
        "{webhook: {url: 'https://hooks.test/?a=§', headers: {X-Token: '§'}}}",
        "{webhook: {url: 'https://hooks.test/', headers: {Authorization:§}}}",
        "{webhook: {url: 'https://hooks.test/', headers: {§}}}",
        "{webhook: {url: 'https://hooks.test/', headers: {'§ §': x}}}",
        "{webhook: {url: 'https://hooks.test/', headers: {§: {x: §}}}}",
        "{webhook: {url: 'https://hooks.test/', headers: {X-Token: \"§\\u0001\"}}}",
        "{webhook: {url: 'https://hooks.test/', headers: [§]}}",
        "{webhook: {url: 'https://hooks.test/', headers: §}}",
    ] {
        for secret in [SECRET, "${S}"] {
            let text = format!("notices:\n  - {}", notice.replace('§', secret));
            let messages = messages(&text);
            assert!(!messages.contains(SECRET), "{text}\n{messages}");
        }
    }
}

#[test]
fn the_line_break_at_the_end_of_a_secret_is_no_part_of_it() {
    for held in ["hunter2", "hunter2\n", "hunter2\r\n"] {
        let env = |_: &str| Some(held.into());
        let text = format!(
            "{MIRROR}    tags: [{{match: x}}]\nregistries: {{a.b: {{credentials: {{username: u, password: '${{S}}'}}}}}}"
        );
        let config = Config::parse("tagferry.yaml", &text, &env).unwrap();
        let registry = config.registry(&"a.b".parse().unwrap());
        let Some(Credentials::Password { password, .. }) = registry.credentials else { panic!("a password") };
        assert_eq!(password.expose_secret(), SECRET);
    }
}

#[test]
fn a_password_in_an_address_is_not_repeated() {
    for text in [
        "registries: {'https://u:hunter2@a.b': {}}",
        "registries: {'u:hunter2@a.b': {plain_http: 5}}",
        "registries: {a.b: {ecr: {account: 123456789012, region: r-1, endpoint_url: 'http://u:hunter2@a.b'}}}",
        "  - {source: 'https://u:hunter2@a.b/c', target: 'u:hunter2@a.b/c', tags: [{match: x}]}",
    ] {
        let messages = messages(text);
        assert!(messages.contains("tagferry.yaml:5:") && !messages.contains(SECRET), "{messages}");
    }
}

#[test]
fn what_a_variable_holds_is_not_repeated_in_any_place() {
    for text in [
        "  - {source: '${S}:tag', target: '${S}', tags: [{match: '${S}(', range: '${S}', newest: '${S}'}]}",
        "  - {source: 'A/${S}', target: 'a.b/A${S}', platforms: ['${S}'], name: '${S} ', tags: [{match: x}]}",
        "  - {source: a.b/c, target: d.e/f, tags: [{match: x, newest: 1, per: '${S}'}, {match: x, except: '(${S}'}]}",
        "schedule: {cron: '${S}', timezone: '${S}', jitter: '${S}', on_start: '${S}'}",
        "concurrency: {tags: '${S}'}\ntimeouts: {connect: '${S}'}\nshutdown_grace: '${S}'",
        "registries: {a.b: {plain_http: '${S}', limits: '${S}', ecr: {account: '${S}', region: '${S}!', role_arn: '${S}'}}}",
    ] {
        let messages = messages(text);
        assert!(messages.contains("tagferry.yaml:5:") && !messages.contains(SECRET), "{messages}");
    }
}
