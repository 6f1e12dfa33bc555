//! Reads the start of a tag: where the version begins, what stands before it, and its numbers.

use crate::select::key::{Numbers, Scheme};
use crate::select::reading::known;
use crate::select::reading::known::Meaning;
use crate::select::reading::parse::{Prerelease, Reader};
use crate::select::reading::suffix;
use crate::select::reading::word;
use crate::select::reading::word::Word;

impl<'a> Reader<'a, '_> {
    /// Where the version starts.
    pub(in crate::select) fn start(&mut self, words: &mut Vec<Word<'a>>) -> Option<usize> {
        let Some(first) = self.next_start(words, 0) else {
            return self.count_of_commits(words).or_else(|| glued_number(words));
        };
        if is_dotted(words, first) && !is_of_base(words, first) {
            return Some(first);
        }
        // The first number may be part of a name: `windows-2019-3.1.8`, `temurin-21-tools-deps-1.11.3`,
        // `18-bookworm-full-v0.13.4`.
        let mut at = first;
        while let Some(next) = self.next_start(words, at + 1) {
            at = next;
            let is_better = is_of_base(words, first) && !is_of_base(words, at)
                || words[at].has_v() && !words[first].has_v();
            if is_better
                && is_dotted(words, at)
                && is_short_name(words, first)
                && word::leading_moment(&words[at..]).is_none()
            {
                return Some(at);
            }
        }
        Some(first)
    }

    /// Whether the tag, whose version starts at `start`, is one of a base alone as others have it beside their versions.
    pub(in crate::select) fn is_base_alone(&mut self, words: &[Word<'a>], start: usize) -> bool {
        let is_alone = is_of_base(words, start) && is_short_name(words, start);
        self.base = is_alone.then(|| words[start - 1].text);
        self.base.is_some_and(|base| self.conventions.bases.contains(base))
    }

    /// Where a version may start, not before `from`.
    fn next_start(&mut self, words: &[Word<'a>], from: usize) -> Option<usize> {
        (from..words.len()).find(|&at| self.starts_version(words, at))
    }

    /// Whether the word at `at` starts the version.
    fn starts_version(&mut self, words: &[Word<'_>], at: usize) -> bool {
        let (before, word) = (&words[..at], &words[at]);
        if !word.without_v().starts_with_digit() {
            return false;
        }
        // `alpine3.19` and `x86_64` are one name each, but no name has a day (`al2.2024.05.24`), or a `v` and a dot
        // (`x86_64_v6.3.4`).
        let ends_in_digit = |word: &Word<'_>| word.text.ends_with(|c: char| c.is_ascii_digit());
        let is_in_name = !word.follows(b'-')
            && before.last().is_some_and(ends_in_digit)
            && word::leading_moment(&words[at..]).is_none()
            && !(word.has_v() && is_dotted(words, at));
        let is_commit = self.is_commit(word) || word.is_short_commit(if before.is_empty() { 1 } else { 2 });
        !is_in_name && !is_commit
    }

    /// Where a tag that has a commit for a version counts these: `ls335` in `9bb059cf-ls335`.
    fn count_of_commits(&mut self, words: &mut [Word<'a>]) -> Option<usize> {
        let at = 1 + words.iter().position(|word| self.is_commit(word))?;
        let (name, number) = words.get(at)?.split_number();
        if number.is_empty() || !matches!(known::meaning(name), Some(Meaning::Rebuild(_))) {
            return None;
        }
        words[at] = words[at].from(name.len());
        Some(at)
    }

    /// Reads the first of the words before the version (`java11` in `java11-21.3.0`, `nightly` in `nightly-20240501`), and
    /// returns how many are done with.
    pub(in crate::select) fn read_prefix(&mut self, words: &[Word<'a>]) -> usize {
        let word = &words[0];
        if self.is_commit(word) {
            self.commit = Some(word.text);
            return 1;
        }
        let (base, number) = word.split_number();
        if !number.is_empty() && known::is_base(base) {
            // `rocm6.4.1` in `rocm6.4.1_vllm_0.9.1`
            let used = suffix::run(words);
            self.read_base(words, base, None, used);
            return used;
        }
        match known::meaning(word.text) {
            Some(Meaning::Prerelease(stage)) if !known::needs_number(stage) => {
                self.prerelease =
                    Some(Prerelease { stage, numbers: Numbers::default(), text: word.text, is_glued: false });
            }
            Some(Meaning::Release) => {}
            Some(Meaning::Proposal | Meaning::Channel) => self.is_no_version = true,
            _ => self.add_variant(word),
        }
        1
    }

    /// Reads the numbers at the start of `words`, and returns how many words are done with. What is glued to the
    /// last number (`DBRU` in `0DBRU`, `rc1` in `0rc1`) stays as a word of its own.
    pub(in crate::select) fn read_numbers(&mut self, words: &mut [Word<'a>]) -> usize {
        let Some(first) = words.first_mut() else { return 0 };
        *first = first.without_v();
        let start = first.start;
        let mut used = self.read_date_as_numbers(words);
        let mut end = used.checked_sub(1).map_or(start, |last| words[last].end());
        while let Some(&word) = words.get(used) {
            if used > 0 && !self.continues_numbers(&word, &self.text[start..end]) {
                break;
            }
            let glued = self.read_number(word);
            end = glued.start;
            used += 1;
            if !glued.text.is_empty() {
                used -= 1;
                words[used] = glued;
                break;
            }
        }
        self.row = &self.text[start..end];
        used
    }

    /// Whether the numbers before `word` go on with it: at a dot, or at an underscore where no dot parts the others.
    /// `17.0.11_9` is the ninth build of a version, and older than `17.0.11.1_1`.
    fn continues_numbers(&mut self, word: &Word<'_>, row: &str) -> bool {
        let is_joined =
            word.follows(b'.') || word.follows(b'_') && !row.contains('.') && word.moment().is_none();
        // With one letter it may be a version: `0b1046`.
        is_joined && word.starts_with_digit() && !self.is_commit(word) && !word.is_short_commit(2)
    }

    fn read_date_as_numbers(&mut self, words: &[Word<'a>]) -> usize {
        if words.first().is_some_and(Word::is_unix_time) && !is_dotted(words, 0) {
            self.scheme = Scheme::Dates;
            return 0;
        }
        // Six digits alone are as likely to count builds, and as a number they are ordered well either way.
        let dates =
            words.first().filter(|word| word.text.len() != 6).and_then(|_| word::leading_moment(words));
        let Some((moment, used)) = dates else { return 0 };
        self.scheme = Scheme::Dates;
        let fields = moment.fields();
        let date_only = fields[3..] == [0; 3];
        for field in &fields[..if date_only { 3 } else { 6 }] {
            self.numbers.push(&field.to_string());
        }
        used
    }

    /// Reads numbers parted by single letters (`8u491`), and returns what is left of the word.
    fn read_number(&mut self, word: Word<'a>) -> Word<'a> {
        let is_dotted = !self.numbers.is_empty();
        let mut rest = word;
        loop {
            let digits = rest.leading_digits();
            self.numbers.push(digits);
            rest = rest.from(digits.len());
            match rest.text.as_bytes() {
                [letter, digit, ..] if letter.is_ascii_alphabetic() && digit.is_ascii_digit() => {
                    if is_dotted && rest.is_pep440() {
                        return rest;
                    }
                    rest = rest.from(1);
                }
                _ => return rest,
            }
        }
    }
}

/// Whether the number at `at` has a part behind a dot.
fn is_dotted(words: &[Word<'_>], at: usize) -> bool {
    words.get(at + 1).is_some_and(|next| next.follows(b'.') && next.starts_with_digit())
}

/// Whether the number at `at` may be the version of what the word before it names.
fn is_of_base(words: &[Word<'_>], at: usize) -> bool {
    let before = at.checked_sub(1).and_then(|before| words.get(before));
    words[at].follows(b'-') && before.is_some_and(|word| known::is_base(word.text))
}

/// Whether the number at `at` is as short as those in names: `2019`, `22.04`, no date.
fn is_short_name(words: &[Word<'_>], at: usize) -> bool {
    let parts = 1 + words[at + 1..].iter().take_while(|next| next.follows(b'.')).count();
    parts <= 2 && words[at..at + parts].iter().all(|part| part.is_number() && part.text.len() <= 4)
}

/// Where a tag without any other number has a version glued to a word: to a letter (`b5343`, `k229-07a4d1f`, `r2024a`),
/// as Oracle's updates (`jdk8u292`), or as the last of its words with a dot (`pg14.5-ts2.8.1`). The word, but for a
/// single letter, is a name. A base with a patch will do where there is nothing else: `cuda12.9.1-ubuntu24.04`.
fn glued_number(words: &mut Vec<Word<'_>>) -> Option<usize> {
    let digits = |word: &Word<'_>| word.from(1).leading_digits().len();
    let letter = words.iter().position(|word| {
        let rest = || word.from(1 + digits(word));
        word.leading_letters().len() == 1
            && digits(word) > 1
            && (rest().text.is_empty() || rest().is_letter())
            && known::meaning(word.text).is_none()
    });
    if let Some(at) = letter {
        let is_followed = digits(&words[at]) == 4 || words.get(at + 1).is_none_or(Word::is_commit);
        let is_first = at == 0 || digits(&words[at]) > 2;
        if is_followed && is_first && words[at].is_apart() {
            words[at] = words[at].from(1);
            return Some(at);
        }
    }
    let is_version = |at: &usize| {
        let name = words[*at].leading_letters();
        let number = words[*at].from(name.len());
        let is_version = number.is_number() && is_dotted(words, *at) && !known::is_base(name);
        words[*at].is_apart() && !name.is_empty() && (is_version || number.is_update())
    };
    let is_patched_base = |at: &usize| {
        let is_base = known::meaning(words[*at].split_number().0) == Some(Meaning::Base);
        words[*at].is_apart() && is_base && suffix::run(&words[*at..]) > 2
    };
    let all = 0..words.len();
    let at = all.clone().rfind(is_version).or_else(|| all.clone().find(is_patched_base))?;
    let name = Word { text: words[at].leading_letters(), ..words[at] };
    words[at] = words[at].from(name.text.len());
    words.insert(at, name);
    Some(at + 1)
}
