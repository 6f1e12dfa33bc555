//! The list of mirrors: images as texts, what all have in common, and what holds between them.

use std::collections::HashMap;

use crate::config::mirror::{Endpoint, Mirror, Mirrors, repository};
use crate::config::raw;
use crate::config::schedule::Schedule;
use crate::yaml::{Document, Path};

/// What goes for mirrors that do not say otherwise.
pub(super) struct Common<'a> {
    pub(super) defaults: &'a raw::Defaults,
    pub(super) schedule: Option<&'a Schedule>,
}

/// A mirror as it is written: a mapping, or one or more texts that name images of one repository.
pub(super) struct Written {
    pub(super) mirror: raw::Mirror,
    pub(super) path: Path,
    /// The items of `tags`, each with its place.
    pub(super) tags: Option<Vec<(Path, raw::Rule)>>,
    /// Whether it is texts, which can have no name of their own.
    pub(super) is_image: bool,
}

/// Reads all mirrors; none where their list itself is faulty. Those with faults are left out.
pub(super) fn mirrors(
    raw: Option<Vec<raw::TextOr<raw::Mirror>>>,
    common: &Common<'_>,
    path: &Path,
    document: &mut Document,
) -> (Vec<Mirror>, bool) {
    let hint = "write under `mirrors:` at least one item with `source`, `target` and `tags`";
    let Some(raw) = document.required(raw, path, hint) else { return (Vec::new(), true) };
    if raw.is_empty() {
        document.report(path, format!("empty: {hint}"));
    }
    let written = gather(raw, path, document);
    let all = written.len();
    let mut mirrors: Vec<Mirror> = Vec::with_capacity(all);
    let mut names: HashMap<String, Path> = HashMap::with_capacity(all);
    let mut is_whole = true;
    for written in written {
        let path = written.path.clone();
        let is_image = written.is_image;
        if is_image && written.tags.is_none() {
            is_whole = false;
            continue;
        }
        let name_path = path.key(if written.mirror.name.is_some() { "name" } else { "source" });
        let Some(Mirrors { mut name, first, others }) = Mirrors::new(written, common, document) else {
            is_whole = false;
            continue;
        };
        if is_image && names.contains_key(&name) {
            // A text has no place for a name. The same path on two hosts is common among them.
            name = first.source.to_string();
        }
        if let Some(other) = names.get(&name) {
            let other = document.shown(other);
            document.report(
                &name_path,
                format!("`{name}` is the name of {other} too: give this one another `name`"),
            );
            is_whole = false;
            continue;
        }
        names.insert(name.clone(), path);
        let all = std::iter::once(first).chain(others);
        mirrors.extend(all.map(|mirror| Mirror { name: name.clone(), ..mirror }));
    }
    group(&mut mirrors);
    (mirrors, is_whole)
}

/// Puts mirrors that share a target into one shard: that of the first one's name.
fn group(mirrors: &mut [Mirror]) {
    // The first mirror of each name and into each target stands for all that hang together with it.
    let mut leaders: Vec<usize> = (0..mirrors.len()).collect();
    let mut names: HashMap<&str, usize> = HashMap::with_capacity(mirrors.len());
    let mut targets: HashMap<Endpoint, usize> = HashMap::with_capacity(mirrors.len());
    for (index, mirror) in mirrors.iter().enumerate() {
        let fellows = [
            *names.entry(&mirror.name).or_insert(index),
            *targets.entry(mirror.target.place()).or_insert(index),
        ];
        for fellow in fellows {
            let (one, other) = (leader(&leaders, index), leader(&leaders, fellow));
            leaders[one.max(other)] = one.min(other);
        }
    }
    let shards: Vec<String> =
        (0..mirrors.len()).map(|index| mirrors[leader(&leaders, index)].name.clone()).collect();
    for (mirror, shard) in mirrors.iter_mut().zip(shards) {
        mirror.shard = shard;
    }
}

fn leader(leaders: &[usize], mut index: usize) -> usize {
    while leaders[index] != index {
        index = leaders[index];
    }
    index
}

/// Puts the texts that name images of one repository together, in the place of the first.
fn gather(raw: Vec<raw::TextOr<raw::Mirror>>, path: &Path, document: &mut Document) -> Vec<Written> {
    let mut all: Vec<Written> = Vec::with_capacity(raw.len());
    let mut images: HashMap<Endpoint, usize> = HashMap::new();
    for (index, raw::TextOr(mut mirror)) in raw.into_iter().enumerate() {
        let path = path.index(index);
        let Some(text) = mirror.image.take() else {
            let items = mirror.tags.take();
            let tags_path = path.key("tags");
            let place = |(index, raw::TextOr(rule))| (tags_path.index(index), rule);
            let tags = items.map(|items| items.into_iter().enumerate().map(place).collect());
            all.push(Written { mirror, path, tags, is_image: false });
            continue;
        };
        let Some((source, rule)) = image(&text, &path, document) else {
            // It is told what is wrong with it; that it is missing has to be known.
            all.push(Written { mirror, path, tags: None, is_image: true });
            continue;
        };
        if let Some(&place) = images.get(&source) {
            all[place].tags.get_or_insert_default().push((path, rule));
        } else {
            mirror.source = Some(raw::OneOrMore::One(source.to_string()));
            images.insert(source, all.len());
            all.push(Written { mirror, tags: Some(vec![(path.clone(), rule)]), path, is_image: true });
        }
    }
    all
}

/// Reads `HOST/PATH:TAG`, `HOST/PATH@DIGEST` or both.
fn image(text: &str, path: &Path, document: &mut Document) -> Option<(Endpoint, raw::Rule)> {
    if Endpoint::layout(text).is_some() {
        document.report(
            path,
            "an image of a directory has no short form: write a mapping with `source` and `tags`",
        );
        return None;
    }
    let (rest, digest) = match text.split_once('@') {
        // Before the first slash it is a user.
        Some((rest, digest)) if rest.contains('/') || digest.contains(':') && !digest.contains('/') => {
            (rest, Some(digest))
        }
        _ => (text, None),
    };
    let start = rest.rfind('/').map_or(0, |slash| slash + 1);
    let (name, tag) = match rest[start..].split_once(':') {
        Some((_, tag)) => (&rest[..rest.len() - tag.len() - 1], Some(tag)),
        None => (rest, None),
    };
    let source = repository(name, path, document)?;
    if tag.is_none() && digest.is_none() {
        document.report(
            path,
            format!("names no tag: write `{text}:TAG`, or a mapping with `source` and `tags` for several"),
        );
        return None;
    }
    let rule =
        raw::Rule { tag: tag.map(str::to_owned), digest: digest.map(str::to_owned), ..raw::Rule::default() };
    Some((source, rule))
}
