//! A text that a pattern matches.

use regex_syntax::hir::{Class, ClassUnicodeRange, Hir, HirKind};

/// Longer texts are no tags.
const SAMPLE_MAX_BYTES: usize = 128;
/// What stands for a class that has it: `.` for a dot that nobody escaped, then what tags are made of.
const PREFERRED: [char; 3] = ['.', '1', 'a'];

/// A text that the pattern matches, as short as it may be.
pub(in crate::select) fn sample(pattern: &str) -> Option<String> {
    let mut sample = String::new();
    write_sample(&regex_syntax::parse(pattern).ok()?, &mut sample);
    Some(sample)
}

fn write_sample(hir: &Hir, sample: &mut String) {
    if sample.len() > SAMPLE_MAX_BYTES {
        return;
    }
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => {}
        HirKind::Literal(literal) => sample.push_str(&String::from_utf8_lossy(&literal.0)),
        HirKind::Class(class) => sample.extend(one_of(class)),
        HirKind::Repetition(repetition) => {
            (0..repetition.min).for_each(|_| write_sample(&repetition.sub, sample));
        }
        HirKind::Capture(capture) => write_sample(&capture.sub, sample),
        HirKind::Concat(parts) => parts.iter().for_each(|part| write_sample(part, sample)),
        HirKind::Alternation(ways) => ways.iter().take(1).for_each(|way| write_sample(way, sample)),
    }
}

fn one_of(class: &Class) -> Option<char> {
    match class {
        Class::Unicode(class) => {
            let has =
                |wanted: &char| class.iter().any(|range| (range.start()..=range.end()).contains(wanted));
            PREFERRED.into_iter().find(has).or_else(|| class.ranges().first().map(ClassUnicodeRange::start))
        }
        Class::Bytes(class) => class.ranges().first().map(|range| char::from(range.start())),
    }
}
