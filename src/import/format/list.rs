//! Image references, one a line, as scripts read them.

use crate::import::draft::{Choice, Draft, Mirror, Rule};
use crate::import::image::Image;
use crate::import::to::To;

/// Whether a text is a list: every line a reference, or a remark.
pub(in crate::import) fn is_list(text: &str) -> bool {
    let mut lines = lines(text).peekable();
    lines.peek().is_some() && lines.all(|(_, line)| !line.ends_with(':') && Image::parse(line).is_some())
}

/// Reads a list. Each image goes below `to`.
pub(in crate::import) fn read(text: &str, to: &To) -> Result<Draft, String> {
    let mut draft = Draft::default();
    for (number, line) in lines(text) {
        let image = Image::parse(line)
            .ok_or_else(|| format!("{number}: no image reference such as `quay.io/a/b:1.2`"))?;
        draft.mirrors.push(mirror(image, to));
    }
    Ok(draft)
}

/// The mirror of one image.
fn mirror(image: Image, to: &To) -> Mirror {
    let tag = if image.digest.is_none() { Some(image.tag_or_latest().to_owned()) } else { image.tag };
    let rule = Rule { choice: Choice::Named { tag, digest: image.digest }, ..Rule::default() };
    let targets = vec![to.target("{path}", &image.repository)];
    Mirror { source: image.repository, targets, rules: vec![rule], ..Mirror::default() }
}

/// What stands in the lines, with their numbers: no remarks, no marks of a list, no quotes.
fn lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let lines = text.lines().zip(1..).map(|(line, number)| {
        let line =
            if line.trim_start().starts_with('#') { "" } else { line.split(" #").next().unwrap_or_default() };
        let line = line.trim();
        let line = line.strip_prefix("- ").unwrap_or(line).trim();
        (number, line.trim_matches(['"', '\'']))
    });
    lines.filter(|(_, line)| !line.is_empty())
}
