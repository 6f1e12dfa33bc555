//! Where a mirror's images go: repositories, made of those of the source where they have places for its parts.

use std::borrow::Cow;

use crate::config::ecr;
use crate::config::mirror::Endpoint;
use crate::config::mirror::sides::repository;
use crate::yaml::{Document, Path};

/// Reads a target; `{host}`, `{path}` and `{name}` in it are those of the source.
pub(super) fn target(
    text: &str,
    source: Option<&Endpoint>,
    path: &Path,
    document: &mut Document,
) -> Option<Endpoint> {
    let text = match filled(text, source) {
        Ok(text) => text?,
        Err(fault) => {
            document.report(path, fault);
            return None;
        }
    };
    if let Some(layout) = Endpoint::layout(&text) {
        return layout.map_err(|fault| document.report(path, fault)).ok();
    }
    let first = text.split('/').next().unwrap_or_default();
    if !first.contains(['.', ':']) && first != "localhost" && !text.is_empty() {
        // By Docker's rule it would be Docker Hub, and nobody mirrors there by leaving out the host.
        document.report(path, "names no registry: a target is HOST[:PORT]/PATH");
        return None;
    }
    let endpoint = repository(&text, path, document)?;
    if let Endpoint::Registry(name) = &endpoint {
        ecr::check_target(name, path, document);
    }
    Some(endpoint)
}

/// The text with the parts of the source in their places; none where the source is not known, which is told elsewhere.
fn filled<'a>(text: &'a str, source: Option<&Endpoint>) -> Result<Option<Cow<'a, str>>, String> {
    if !text.contains(['{', '}']) {
        return Ok(Some(text.into()));
    }
    let (mut filled, mut rest) = (String::new(), text);
    while let Some((before, after)) = rest.split_once('{') {
        let (part, after) = after.split_once('}').ok_or("a `{` without its `}`")?;
        let Some(source) = source else { return Ok(None) };
        let value = match part {
            "path" => source.path(),
            "name" => source.path().rsplit('/').next().unwrap_or_default().to_owned(),
            // A port has no place in a path.
            "host" => source.host().ok_or("`{host}`: a directory has no host")?.as_str().replace(':', "-"),
            _ => return Err(format!("`{{{part}}}` is none of `{{host}}`, `{{path}}` and `{{name}}`")),
        };
        filled = filled + before + &value;
        rest = after;
    }
    Ok(Some((filled + rest).into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, source: &str, expected: Result<&str, &str>) {
        let source = match Endpoint::layout(source) {
            Some(layout) => layout.unwrap(),
            None => Endpoint::Registry(source.parse().unwrap()),
        };
        let filled = filled(text, Some(&source)).map(|filled| filled.unwrap().into_owned());
        assert_eq!(filled.as_deref().map_err(String::as_str), expected);
    }

    #[test]
    fn the_parts_of_the_source_take_their_places() {
        check("r.test/{path}", "quay.io/a/b", Ok("r.test/a/b"));
        check("r.test/{host}/{path}", "localhost:5000/a/b", Ok("r.test/localhost-5000/a/b"));
        check("r.test/m-{name}", "nginx", Ok("r.test/m-nginx"));
        check("oci:d#{host}/{path}", "nginx", Ok("oci:d#docker.io/library/nginx"));
        check("r.test/{path}", "oci:./in#apps/web", Ok("r.test/apps/web"));
        check("r.test/x", "nginx", Ok("r.test/x"));
    }

    #[test]
    fn what_is_no_part_is_told() {
        check("r.test/{repo}", "nginx", Err("`{repo}` is none of `{host}`, `{path}` and `{name}`"));
        check("r.test/{path", "nginx", Err("a `{` without its `}`"));
        check("r.test/{host}", "oci:./in", Err("`{host}`: a directory has no host"));
    }
}
