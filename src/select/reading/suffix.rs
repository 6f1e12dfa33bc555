//! Reads what follows the numbers of a tag: pre-release, revision, date, commit, and the names of the variant.

use crate::select::key::{Numbers, Rank, Revision, Scheme, Stage};
use crate::select::reading::known;
use crate::select::reading::known::Meaning;
use crate::select::reading::parse::{Extent, Last, Prerelease, Reader};
use crate::select::reading::place::{Place, Role, Sighting};
use crate::select::reading::word;
use crate::select::reading::word::Word;

impl<'a> Reader<'a, '_> {
    /// Reads the first of `words`, and returns how many, at least one, are done with.
    pub(in crate::select) fn read_suffix(&mut self, words: &mut [Word<'a>]) -> usize {
        let Some(&word) = words.first() else { return 0 };
        if let Some(used) = self.read_description(words) {
            return used;
        }
        if let Some((moment, used)) = word::leading_moment(words).filter(|_| self.date.is_none()) {
            self.date = Some((moment, Revision::default(), &self.text[word.start..words[used - 1].end()]));
            self.last = Last::Revision;
            return used;
        }
        let is_commit = self.is_commit(&word) || word.follows(b'.') && word.is_short_commit(2);
        if let Some(used) = if is_commit { Some(1) } else { word::broken_commit(words) } {
            self.commit.get_or_insert(&self.text[word.start..words[used - 1].end()]);
            return used;
        }
        if let Some((stage, number)) = word::stage(words).filter(|_| self.prerelease.is_none())
            && let Some(used) = self.read_prerelease(stage, number, words)
        {
            return used;
        }
        if word.is_number() {
            return self.read_bare(words);
        }
        if word.starts_with_digit() {
            let Some(end) = word.glued_start() else {
                // `20H2`
                self.add_variant(&word);
                return 1;
            };
            let first = Word { text: &word.text[..end], ..word };
            if first.is_number() && !first.is_long() && known::is_base(word.from(end).split_number().0) {
                // `1ubuntu4.7`: the package, and which one of Ubuntu's
                let used = run(words);
                self.add_revision(Rank::Count, &words[..used]);
                return used;
            }
            words[0] = word.from(end);
            return self.read_suffix(&mut [first]) - 1;
        }
        self.read_named(words)
    }

    /// Reads what `git describe` says: `5-g1a2b3c4` (charts have `n5.h1a2b3c4`), and behind a date also the tag from
    /// which it counts, as in `v20221220-controller-v1.5.1-58-g787ea74`.
    fn read_description(&mut self, words: &[Word<'a>]) -> Option<usize> {
        let is_description = |pair: &[Word<'_>]| pair[0].commits().is_some() && pair[1].is_described();
        let at = match self.scheme {
            Scheme::Versions => words.get(..2).filter(|pair| is_description(pair)).map(|_| 0),
            Scheme::Dates => words.windows(2).position(is_description),
        }?;
        let commit = words[at + 1];
        self.commits = words[at].commits();
        self.commit = Some(&self.text[words[0].start..commit.end()]);
        Some(at + 2)
    }

    /// Reads the numbers of a pre-release: `rc1`, `rc.1`, `ea-b12`, `alpha.1.2`. `None` where it is none without one.
    fn read_prerelease(&mut self, stage: Stage, number: &str, words: &[Word<'a>]) -> Option<usize> {
        let next = words.get(1).filter(|next| next.is_number());
        let is_dotted = next.is_some_and(|next| next.follows(b'.'));
        // `0.dev` is Python's and Calico's, and never a flavour.
        let is_python = stage == Stage::Development && words[0].follows(b'.');
        if known::needs_number(stage) && number.is_empty() && !is_dotted && !is_python {
            // `-dev-8` is for developers, with the JDK 8.
            let is_alone = next.is_none() || words[1..=run(&words[1..])].iter().any(Word::is_long);
            self.has_development |= stage == Stage::Development && is_alone;
            if !self.conventions.development_precedes || !self.has_development {
                return None;
            }
        }
        let mut numbers = Numbers::default();
        if !number.is_empty() {
            numbers.push(number);
        }
        let mut used = 1;
        while let Some(word) = words.get(used) {
            let build = match word.split_number() {
                ("b", digits) if !digits.is_empty() => word.from(1),
                _ => *word,
            };
            // `-8` in `rc1-8` may be anything, such as a JDK.
            let belongs = word.follows(b'.') || numbers.is_empty();
            if !belongs || !build.is_number() || build.moment().is_some() {
                break;
            }
            numbers.push(build.text);
            used += 1;
        }
        let text = &self.text[words[0].start..words[used - 1].end()];
        self.prerelease = Some(Prerelease { stage, numbers, text, is_glued: words[0].separator.is_none() });
        self.last = Last::Word("");
        Some(used)
    }

    /// Reads a number that stands alone, with those joined to it by dots: `754.1655117782`.
    fn read_bare(&mut self, words: &[Word<'a>]) -> usize {
        let word = &words[0];
        let used = run(words);
        let value = &self.text[word.start..words[used - 1].end()];
        let counts = match self.last {
            Last::Revision => true,
            // `v20240903-6a352c5344-1.30`: the branch that it was built from.
            _ if self.commit.is_some() && value.contains('.') => false,
            _ if self.is_count(words, used) => true,
            Last::Word(name) => {
                let place = Place::behind(name, word.separator);
                let is_long = words[..used].iter().any(Word::is_long);
                // What is too long to be anything but a count tells of the others in its place.
                let role = if is_ubuntu(value) { Role::Variant } else { self.role(place, value) };
                is_long || role != Role::Variant || word::is_padded(value)
            }
        };
        if counts {
            self.add_revision(Rank::Count, &words[..used]);
        } else {
            self.extend_variant(word.separator, word.start..words[used - 1].end());
        }
        used
    }

    /// Whether the first `used` words, numbers alone, can be nothing but a count by where they stand: before a commit,
    /// behind a date, or behind dots and an underscore (`17.0.11_9`).
    fn is_count(&self, words: &[Word<'_>], used: usize) -> bool {
        let is_build = words[0].follows(b'_') && matches!(self.last, Last::Word(""));
        matches!(self.scheme, Scheme::Dates) || is_build || words.get(used).is_some_and(Word::is_commit)
    }

    /// Reads a word of letters with the number that belongs to it.
    fn read_named(&mut self, words: &mut [Word<'a>]) -> usize {
        let word = words[0];
        if known::meaning(word.text) == Some(Meaning::Whole) {
            // `x86_64`
            let used = if words.get(1).is_some_and(|next| next.text == "64") { 2 } else { 1 };
            words[..used].iter().for_each(|word| self.add_variant(word));
            return used;
        }
        let (name, digits) = word.split_number();
        let letters = word.leading_letters();
        if digits.is_empty() {
            return match known::meaning(letters) {
                _ if letters.len() == word.text.len() => self.read_word(words),
                None => self.read_unknown(words),
                // `FC7W1DE`
                Some(Meaning::Rebuild(rank)) if letters.len() > 1 => {
                    let (first, rest) = word.split_letters();
                    self.add_revision(rank, &[first]);
                    words[0] = rest;
                    0
                }
                _ => self.read_word(words),
            };
        }
        let used = run_of_name(words);
        match known::meaning(name).or_else(|| known::meaning(letters)) {
            Some(Meaning::System | Meaning::Base) if !word.is_long() => {
                self.read_base(words, name, None, used);
            }
            // `k8s-v1.27`
            None if word.has_v()
                && used < 3
                && matches!(self.last, Last::Word(name) if known::is_base(name)) =>
            {
                self.name_variant(words, name, used);
            }
            Some(Meaning::Rebuild(rank)) => self.add_revision(rank, &words[..used]),
            Some(Meaning::Release) => self.add_revision(Rank::Release, &words[..used]),
            Some(Meaning::Proposal) => self.is_no_version = true,
            Some(Meaning::Edition) => {
                self.extend_variant(word.separator, word.start..word.start + name.len());
                self.add_revision(Rank::Count, &words[..used]);
            }
            _ => return self.read_unknown(words),
        }
        used
    }

    /// Reads a word that nobody knows, with its numbers. Letters behind these stay as a word of their own.
    fn read_unknown(&mut self, words: &mut [Word<'a>]) -> usize {
        let word = words[0];
        let (first, rest) = word.split_letters();
        let used = if rest.text.is_empty() { run(words) } else { 1 };
        let name = word.leading_letters();
        let last = if used > 1 { words[used - 1] } else { first };
        let value = &self.text[word.start + name.len()..last.end()];
        let is_long = words[..used].iter().any(Word::is_long);
        let role = if is_long { None } else { Some(self.role(Place::behind(name, None), value)) };
        let names_count = match role {
            Some(Role::Revision { names_count }) => names_count,
            Some(Role::Variant) if !word::is_padded(value) => {
                self.name_variant(words, word.split_number().0, used);
                return used;
            }
            _ => false,
        };
        if !names_count {
            self.extend_variant(word.separator, word.start..word.start + name.len());
        }
        if rest.text.is_empty() {
            self.add_revision(Rank::Count, &words[..used]);
            return used;
        }
        self.add_revision(Rank::Count, &[first]);
        words[0] = rest;
        0
    }

    /// Reads a word without a number of its own, and the one that may follow it.
    fn read_word(&mut self, words: &[Word<'a>]) -> usize {
        let word = &words[0];
        let meaning = known::meaning(word.text);
        let numbers = words.get(1).filter(|next| next.is_number()).map_or(0, |_| run(&words[1..]));
        let used = 1 + numbers;
        match meaning {
            Some(Meaning::Rebuild(rank)) if numbers > 0 => self.add_revision(rank, &words[..used]),
            Some(Meaning::Release) => {
                self.add_revision(Rank::Release, &words[..used]);
                return used;
            }
            Some(Meaning::Proposal | Meaning::Channel) => self.is_no_version = true,
            // `1.x`
            _ if word.text == "x" && word.follows(b'.') => self.is_no_version = true,
            Some(Meaning::System | Meaning::Base)
                if numbers > 0 && is_its_version(word, meaning, &words[1..used]) =>
            {
                self.read_base(words, word.text, words[1].separator, used);
            }
            Some(Meaning::Edition) if words.get(1).is_some_and(|next| next.follows(b'.')) && numbers > 0 => {
                self.add_variant(word);
                self.add_revision(Rank::Count, &words[1..used]);
            }
            // Glued to the numbers: `w` in `1.1.1w`.
            _ if word.separator.is_none() && word.is_letter() => self.add_letter(word),
            _ => {
                self.add_variant(word);
                return 1;
            }
        }
        used
    }

    /// Reads the first `used` words, the name of a system or another base with its version. Systems are chosen by all of
    /// it. How much of another one's names the variant is for the list to tell, where it has a dot.
    pub(super) fn read_base(&mut self, words: &[Word<'a>], name: &'a str, joint: Option<u8>, used: usize) {
        let named = usize::from(joint.is_some());
        let start = words[0].start + name.len() + named;
        let value = &self.text[start..words[used - 1].end()];
        let is_open = value.contains('.') && known::meaning(name) == Some(Meaning::Base);
        let place = Place { word: name, joint, is_of_base: true };
        match if is_open { self.role(place, value) } else { Role::Variant } {
            Role::Variant => return self.name_variant(words, name, used),
            Role::Line { numbers } => self.name_variant(words, name, numbers + named),
            Role::Revision { .. } => self.add_variant(&Word { text: name, ..words[0] }),
        }
        self.add_revision(Rank::Count, &[Word { separator: Some(b'-'), start, text: value }]);
    }

    fn role(&mut self, place: Place<'a>, value: &'a str) -> Role {
        if self.extent == Extent::Version {
            return Role::Revision { names_count: true };
        }
        self.sightings.push(Sighting { place, version: self.row, value });
        self.conventions.role(&place)
    }

    /// Adds the first `used` words to the variant, as one name with its number.
    fn name_variant(&mut self, words: &[Word<'a>], name: &'a str, used: usize) {
        if self.extent == Extent::Version {
            self.add_revision(Rank::Count, &words[..used]);
            return;
        }
        let (first, last) = (&words[0], &words[used - 1]);
        self.extend_variant(first.separator, first.start..last.end());
        self.last = Last::Word(name);
    }

    /// Adds words to the revision: to that of the date, where they follow one.
    fn add_revision(&mut self, rank: Rank, words: &[Word<'a>]) {
        let (Some(first), Some(last)) = (words.first(), words.last()) else { return };
        let text = &self.text[first.start..last.end()];
        match &mut self.date {
            Some((_, revision, _)) => revision.push(rank, text),
            None => self.revision.push(rank, text),
        }
        self.add_revision_text(first.separator, text);
    }

    pub(in crate::select) fn add_revision_text(&mut self, separator: Option<u8>, text: &str) {
        if !self.revision_text.is_empty() {
            self.revision_text.push(separator.map_or('-', char::from));
        }
        self.revision_text.push_str(text);
        self.last = Last::Revision;
    }

    /// Adds a letter that counts: `a` is 1.
    fn add_letter(&mut self, word: &Word<'a>) {
        let number = word.text.bytes().next().map_or(0, |letter| letter.to_ascii_lowercase() - b'a' + 1);
        self.revision.push(Rank::Count, &number.to_string());
        self.add_revision_text(None, word.text);
    }
}

/// How many words the first one is with the numbers joined to it: `alpine3.19` is two.
pub(super) fn run(words: &[Word<'_>]) -> usize {
    let goes_on = |word: &Word<'_>| word.follows(b'.') && word.is_number();
    1 + words.iter().skip(1).take_while(|word| goes_on(word)).count()
}

/// The same without a day, which is no part of a name: `al2.2024.04.22` is one.
fn run_of_name(words: &[Word<'_>]) -> usize {
    let all = run(words);
    (1..all).find(|&at| word::leading_moment(&words[at..]).is_some()).unwrap_or(all)
}

/// Whether these numbers, which follow the name of a system or of another base, are its version. No system is as young
/// as its first version, and Alpine's versions have a dot.
fn is_its_version(name: &Word<'_>, meaning: Option<Meaning>, numbers: &[Word<'_>]) -> bool {
    let Some(first) = numbers.first() else { return false };
    let is_young =
        matches!(first.text, "0" | "1") && (meaning == Some(Meaning::System) || numbers.len() == 1);
    let lacks_dot = name.text == "alpine" && numbers.len() == 1;
    !is_young && !lacks_dot && !first.is_long() && word::leading_moment(numbers).is_none()
}

/// Whether a number behind the version is one of Ubuntu's: `22.04`.
fn is_ubuntu(number: &str) -> bool {
    number.len() == 5 && (number.ends_with(".04") || number.ends_with(".10"))
}
