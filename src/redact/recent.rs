//! The secrets of the last requests: an answer may repeat what an earlier one sent.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use crate::redact::Secrets;
use crate::redact::text::redact;

/// So many bytes of secrets are remembered of one host, beside those of requests under way: the longest token that is taken
/// fits in, and as a header's word and the whole of it, it counts twice.
const BYTES_MAX: usize = 128 * 1024;

/// What was sent to one host, its token service and its storage of late.
#[derive(Debug, Default)]
pub struct Recent {
    /// What goes with every request, such as the login at a proxy.
    always: Secrets,
    /// The last requests', those last used at the end. Held for copies only.
    sets: Mutex<VecDeque<Arc<Secrets>>>,
}

/// Takes out of the answer to one request what this request sent, and what others sent before.
#[derive(Clone, Debug)]
pub struct Redactor {
    own: Arc<Secrets>,
    recent: Arc<Recent>,
}

impl Recent {
    /// Remembers nothing yet but what goes with every request.
    pub fn new(always: Secrets) -> Self {
        Self { always, sets: Mutex::default() }
    }

    /// Remembers what a request is about to send.
    pub fn sends(self: &Arc<Self>, secrets: Secrets) -> Redactor {
        let mut recent = self.sets.lock().unwrap_or_else(PoisonError::into_inner);
        // Most requests send what the one before sent.
        let known = recent.iter().position(|known| **known == secrets).and_then(|place| recent.remove(place));
        let own = known.unwrap_or_else(|| Arc::new(secrets));
        if !own.is_empty() && own.bytes() <= BYTES_MAX {
            recent.push_back(Arc::clone(&own));
        }
        let mut bytes: usize = recent.iter().map(|secrets| secrets.bytes()).sum();
        while bytes > BYTES_MAX {
            bytes -= recent.pop_front().map_or(bytes, |oldest| oldest.bytes());
        }
        drop(recent);
        Redactor { own, recent: Arc::clone(self) }
    }

    /// Takes out of a text what was sent of late.
    pub fn redact(self: &Arc<Self>, text: &str) -> String {
        self.sends(Secrets::default()).redact(text)
    }
}

impl Redactor {
    /// The text without what was sent.
    pub fn redact(&self, text: &str) -> String {
        let recent: Vec<_> = {
            let recent = self.recent.sets.lock().unwrap_or_else(PoisonError::into_inner);
            recent.iter().filter(|known| !Arc::ptr_eq(known, &self.own)).cloned().collect()
        };
        let sets = [&*self.own, &self.recent.always].into_iter().chain(recent.iter().map(|known| &**known));
        redact(text, sets.flat_map(Secrets::iter))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secrets(text: &str) -> Secrets {
        let mut secrets = Secrets::default();
        secrets.add(text);
        secrets
    }

    // Seen in clusterzx/paperless-ai#966.
    #[test]
    fn a_late_answer_may_repeat_a_token_that_was_replaced() {
        let recent = Arc::new(Recent::default());
        let first = recent.sends(secrets("first-token-of-us"));
        let second = recent.sends(secrets("second-token-of-us"));
        for redactor in [&first, &second] {
            assert_eq!(redactor.redact("first-token-of-us, second-token-of-us"), "[…], […]");
        }
    }

    #[test]
    fn the_longest_token_is_remembered() {
        let token = "0123456789abcdef".repeat(2 * 1024);
        let header = format!("Bearer {token}").parse().unwrap();
        let (recent, mut secrets) = (Arc::new(Recent::default()), Secrets::default());
        secrets.add_header(&header);
        recent.sends(secrets);
        let other = recent.sends(Secrets::default());
        assert_eq!(other.redact(&token[..100]), "[…]");
    }

    #[test]
    fn memory_is_bounded_and_an_answer_knows_its_own_request() {
        let recent = Arc::new(Recent::default());
        let token = |number: usize| format!("{number:01000}");
        let first = recent.sends(secrets(&token(0)));
        let mut last = first.clone();
        for number in 1..1000 {
            // What is used again and again stays.
            recent.sends(secrets("the-password-of-us"));
            last = recent.sends(secrets(&token(number)));
        }
        let bytes: usize = recent.sets.lock().unwrap().iter().map(|secrets| secrets.bytes()).sum();
        assert!(bytes <= BYTES_MAX, "{bytes}");
        assert_eq!(first.redact(&token(0)), "[…]");
        assert_eq!(last.redact("the-password-of-us"), "[…]");
        let huge = recent.sends(secrets(&"0123456789".repeat(BYTES_MAX)));
        assert_eq!(huge.redact("0123456789012345"), "[…]");
        assert_eq!(last.redact("the-password-of-us"), "[…]");
    }
}
