//! The known word that a misspelt one was most likely meant to be.

/// The one of `known` that `word` is nearest to, unless all are far.
pub fn suggest<'a>(word: &str, known: &[&'a str]) -> Option<&'a str> {
    /// Longer words are no slips; comparing them would cost time.
    const WORD_MAX_BYTES: usize = 40;
    if word.len() > WORD_MAX_BYTES {
        return None;
    }
    let word = word.to_lowercase().replace(['-', ' '], "_");
    let distance = |known: &&str| strsim::damerau_levenshtein(&word, known);
    let best = known.iter().copied().min_by_key(|known| distance(known))?;
    if distance(&best) <= 1 {
        return Some(best);
    }
    let mut shortened = known.iter().copied().filter(|known| is_short_for(&word, known));
    if let (Some(only), None) = (shortened.next(), shortened.next()) {
        return Some(only);
    }
    (distance(&best) <= best.len().div_ceil(3)).then_some(best)
}

/// Whether `word` is made of letters of `known` in their order, the first one included: `tgt` of `target`.
fn is_short_for(word: &str, known: &str) -> bool {
    const WORD_MIN_BYTES: usize = 3;
    let mut letters = known.chars();
    word.len() >= WORD_MIN_BYTES
        && word.chars().next() == known.chars().next()
        && word.chars().all(|letter| letters.any(|known| known == letter))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_find_the_word_that_was_meant() {
        let known =
            ["match", "except", "newest", "per", "range", "prereleases", "plain_http", "target", "tags"];
        for (word, expected) in [
            ("newst", Some("newest")),
            ("Match", Some("match")),
            ("plainHttp", Some("plain_http")),
            ("plain-http", Some("plain_http")),
            ("prerelease", Some("prereleases")),
            ("tgt", Some("target")),
            ("hunter2", None),
            ("registries", None),
            ("", None),
        ] {
            assert_eq!(suggest(word, &known), expected, "{word}");
        }
    }
}
