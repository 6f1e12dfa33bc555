//! Image references, one a line, as scripts read them.

use crate::import::draft::{Choice, Draft, Mirror, Rule};
use crate::import::image::Image;
use crate::import::to::To;

/// Whether a text is a list: most lines are references, and none is a key. What the others are is for [`read`] to tell.
pub(in crate::import) fn is_list(text: &str) -> bool {
    let (images, others): (Vec<_>, Vec<_>) = lines(text).partition(|(_, line)| Image::parse(line).is_some());
    images.len() > others.len() && !lines(text).any(|(_, line)| line.ends_with(':'))
}

/// Reads a list. Each image goes below `to`.
pub(in crate::import) fn read(text: &str, to: &To) -> Result<Draft, String> {
    let mut draft = Draft::default();
    let mut faulty = Vec::new();
    for (number, line) in lines(text) {
        match Image::parse(line) {
            Some(image) => draft.mirrors.push(mirror(image, to)),
            None => faulty.push(number.to_string()),
        }
    }
    if !faulty.is_empty() {
        return Err(format!("{}: no image reference such as `quay.io/a/b:1.2`", faulty.join(", ")));
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
