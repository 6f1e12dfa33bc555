//! The names of a list while it is read, in bounded memory.

use std::collections::HashSet;
use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::str::FromStr;

use serde::de::{DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};

/// A longer name is none by which a list could be asked to go on.
const LAST_MAX_BYTES: usize = 1024;

/// The names of the pages so far that are a `T`, each once, in the order of the registry.
///
/// Of each name two hashes say whether it came before: names may be as long as a page, and most pages are read to the
/// end of the list just to find no new ones.
#[derive(Debug)]
pub(in crate::registry) struct Listing<T> {
    pub(in crate::registry) names: Vec<T>,
    /// The member of a page that holds them.
    member: &'static str,
    /// The most names that are accepted.
    max: usize,
    /// Whether a page without that member is none, even if it says what it is a list of.
    is_required: bool,
    seen: HashSet<u128>,
    hashes: [RandomState; 2],
    /// The entries of the page at hand.
    pub(in crate::registry) count: usize,
    /// The last of them.
    pub(super) last: Option<String>,
}

impl<T: FromStr> Listing<T> {
    /// One without names. Pages have them in this member, and there may be so many.
    pub(in crate::registry) fn new(member: &'static str, max: usize) -> Self {
        let (names, seen, hashes) = Default::default();
        Self { names, member, max, is_required: false, seen, hashes, count: 0, last: None }
    }

    /// The same of pages which have to have the member.
    pub(super) fn required(self) -> Self {
        Self { is_required: true, ..self }
    }

    /// How many of the names are no `T`.
    pub(super) fn left_out(&self) -> usize {
        self.seen.len() - self.names.len()
    }

    /// How many different names there were.
    pub(in crate::registry) fn len(&self) -> usize {
        self.seen.len()
    }

    /// Whether there are more than are accepted.
    pub(super) fn is_too_long(&self) -> bool {
        self.seen.len() > self.max
    }

    /// Takes in a page, name by name.
    pub(in crate::registry) fn read(&mut self, page: &[u8]) -> serde_json::Result<()> {
        (self.count, self.last) = (0, None);
        let mut deserializer = serde_json::Deserializer::from_slice(page);
        deserializer.deserialize_map(Page(self))?;
        deserializer.end()
    }

    fn add(&mut self, name: &str) {
        self.count += 1;
        let [high, low] = self.hashes.each_ref().map(|hashes| hashes.hash_one(name));
        if !self.is_too_long() && self.seen.insert(u128::from(high) << 64 | u128::from(low)) {
            self.names.extend(name.parse::<T>().ok());
        }
    }
}

/// Reads the object of a page. What is not asked for is passed over.
struct Page<'a, T>(&'a mut Listing<T>);

/// Reads the names in it. Some registries send null for none.
struct Names<'a, T>(&'a mut Listing<T>);

impl<'de, T: FromStr> Visitor<'de> for Page<'_, T> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "an object with `{}`", self.0.member)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut page: A) -> Result<(), A::Error> {
        let (member, mut has_names, mut is_named, mut is_error) = (self.0.member, false, false, false);
        while let Some(key) = page.next_key::<String>()? {
            is_named |= key == "name";
            is_error |= ["errors", "error"].contains(&&*key);
            if key != member {
                page.next_value::<IgnoredAny>()?;
            } else if std::mem::replace(&mut has_names, true) {
                return Err(A::Error::duplicate_field(member));
            } else {
                page.next_value_seed(Names(self.0))?;
            }
        }
        let is_empty = is_named && !is_error && !self.0.is_required;
        if has_names || is_empty { Ok(()) } else { Err(A::Error::missing_field(member)) }
    }
}

impl<'de, T: FromStr> DeserializeSeed<'de> for Names<'_, T> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_option(self)
    }
}

impl<'de, T: FromStr> Visitor<'de> for Names<'_, T> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of names, or null")
    }

    fn visit_none<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut names: A) -> Result<(), A::Error> {
        let mut last = None::<String>;
        while let Some(name) = names.next_element::<String>()? {
            self.0.add(&name);
            last = Some(name);
        }
        self.0.last = last.filter(|last| last.len() <= LAST_MAX_BYTES);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oci::{Repository, Tag};

    const TAGS_MAX: usize = 200_000;
    const PAGE_BYTES: usize = 8 * 1024 * 1024;
    /// What a list may take: two hundred thousand of the longest tags.
    const BYTES_MAX: usize = 48 * 1024 * 1024;

    fn listing() -> Listing<Tag> {
        Listing::new("tags", TAGS_MAX)
    }

    /// What all of it holds on the heap.
    fn bytes<T: ToString>(Listing { names, seen, .. }: &Listing<T>) -> usize {
        let letters: usize = names.iter().map(|name| name.to_string().len()).sum();
        letters + names.capacity() * size_of::<T>() + seen.capacity() * (size_of::<u128>() + 1)
    }

    fn page(name: impl Fn(usize) -> String) -> Vec<u8> {
        let mut page = br#"{"name":"a","tags":[""#.to_vec();
        for number in 0.. {
            page.extend(name(number).as_bytes());
            if page.len() > PAGE_BYTES - 200 {
                break;
            }
            page.extend(br#"",""#);
        }
        page.extend(br#""],"more":{"x":[1]}}"#);
        page
    }

    #[test]
    fn names_come_once_and_what_is_no_tag_is_left_out() {
        let mut listing = listing();
        listing.read(br#"{"tags":["b","a","b","not a tag","\u0061"],"name":"x"}"#).unwrap();
        let tags: Vec<_> = listing.names.iter().map(Tag::as_str).collect();
        assert_eq!((tags, listing.count, listing.len()), (vec!["b", "a"], 5, 3));
        assert_eq!(listing.last.as_deref(), Some("a"));
        listing.read(br#"{"tags":null}"#).unwrap();
        assert_eq!((listing.count, listing.last.as_deref()), (0, None));
        listing.read(br#"{"name":"x"}"#).unwrap();
        for faulty in [
            "",
            "[]",
            "{}",
            r#"{"name":"x","errors":[]}"#,
            r#"{"tags":"a"}"#,
            r#"{"tags":[1]}"#,
            r#"{"tags":["a"]}x"#,
            r#"{"tags":[],"tags":[]}"#,
        ] {
            assert!(listing.read(faulty.as_bytes()).is_err(), "{faulty}");
        }
    }

    #[test]
    fn what_has_to_be_there_is_missed() {
        let mut listing = listing().required();
        for page in ["{}", r#"{"name":"x","Tags":["a"]}"#] {
            let error = listing.read(page.as_bytes()).unwrap_err().to_string();
            assert!(error.contains("missing field `tags`"), "{error}");
        }
        listing.read(br#"{"tags":["a","not a tag","not a tag"]}"#).unwrap();
        assert_eq!((listing.names.len(), listing.left_out()), (1, 1));
        listing.read(br#"{"tags":null}"#).unwrap();
    }

    #[test]
    fn a_page_of_one_letter_names_is_as_large_as_its_letters() {
        let mut listing = listing();
        let page = page(|number| ["a", "b", "c"][number % 3].to_owned());
        listing.read(&page).unwrap();
        assert!(listing.count > 2_000_000, "{}", listing.count);
        assert!(bytes(&listing) < 4096, "{}", bytes(&listing));
    }

    #[test]
    fn however_the_names_are_a_list_has_a_bound_in_bytes() {
        let (short, long) = (|number| format!("{number:x}"), |number| format!("{number:0128}"));
        let names: [&dyn Fn(usize) -> String; 3] = [&short, &long, &|number| "é".repeat(1 + number % 50_000)];
        for name in names {
            let mut listing = listing();
            let page = page(name);
            listing.read(&page).unwrap();
            assert!(bytes(&listing) <= BYTES_MAX, "{}", bytes(&listing));
        }
        // The longest tags, as many as are accepted and one more.
        let mut listing = listing();
        (0..=TAGS_MAX).for_each(|number| listing.add(&long(number)));
        assert!(listing.is_too_long());
        assert!(bytes(&listing) <= BYTES_MAX, "{}", bytes(&listing));
        let full = bytes(&listing);
        (0..TAGS_MAX).for_each(|number| listing.add(&short(number)));
        assert_eq!(bytes(&listing), full);
    }

    #[test]
    fn so_has_a_list_of_repositories() {
        let mut listing = Listing::<Repository>::new("repositories", 100_000);
        (0..=100_000).for_each(|number| listing.add(&format!("{number:0255}")));
        assert!(listing.is_too_long());
        assert!(listing.names.len() > 100_000 && bytes(&listing) <= BYTES_MAX, "{}", bytes(&listing));
    }
}
