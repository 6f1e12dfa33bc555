//! What a mirror may say of its tags, sources and targets.

mod names;
mod several;
