//! The known word that a misspelt one was most likely meant to be.

/// The one of `known` that `word` is nearest to, unless all are far.
pub(super) fn nearest<'a>(word: &str, known: &[&'a str]) -> Option<&'a str> {
    /// Longer words are no slips; comparing them would cost time.
    const WORD_MAX_BYTES: usize = 40;
    if word.len() > WORD_MAX_BYTES {
        return None;
    }
    let word = word.to_lowercase().replace(['-', ' '], "_");
    let distance = |known: &&str| strsim::damerau_levenshtein(&word, known);
    let best = known.iter().copied().min_by_key(|known| distance(known))?;
    (distance(&best) <= best.len().div_ceil(3)).then_some(best)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_find_the_word_that_was_meant() {
        let known = ["match", "except", "newest", "per", "range", "prereleases", "plain_http"];
        for (word, expected) in [
            ("newst", Some("newest")),
            ("Match", Some("match")),
            ("plainHttp", Some("plain_http")),
            ("plain-http", Some("plain_http")),
            ("prerelease", Some("prereleases")),
            ("hunter2", None),
            ("registries", None),
            ("", None),
        ] {
            assert_eq!(nearest(word, &known), expected, "{word}");
        }
    }
}
