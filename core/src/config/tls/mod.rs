//! What `SSL…` and `SSLProxy…` have said, and what they say together: of the clients' side (`front.rs`) and of the
//! backends' (`back.rs`).
//!
//! Each thing that is said is an option, and a virtual host's or a section's stand over the main server's.

mod back;
mod dialect;
mod front;
mod suites;
mod trust;

pub(super) use back::{Proof, Said as BackSaid};
pub(super) use dialect::versions;
pub(super) use front::{Said as FrontSaid, Shown};
pub(super) use suites::suites;
pub(super) use trust::{Said as TrustSaid, asking};

use super::problem::Flaw;
use super::words::Word;

/// The path of a file, which is opened by the driver.
pub(super) fn file(word: &Word) -> Result<Word, Flaw> {
    match word.text() {
        "" => Err(word.flaw("the path is missing")),
        text if text.contains('\0') => Err(word.flaw("no path has a NUL in it")),
        _ => Ok(word.clone()),
    }
}

/// One of several words, and where it stands.
pub(super) fn one_of<T: Copy>(word: &Word, known: &[(&str, T)]) -> Result<T, Flaw> {
    let found = known.iter().find(|(name, _)| word.is(name));
    found.map(|(_, value)| *value).ok_or_else(|| {
        let names: Vec<_> = known.iter().map(|(name, _)| *name).collect();
        word.flaw(format!("`{word}` is none of {}", names.join(", ")))
    })
}

/// What is said nearest: of lists the nearer one takes the place of the other.
fn nearest<T: Clone>(near: &[T], far: &[T]) -> Vec<T> {
    if near.is_empty() { far.to_vec() } else { near.to_vec() }
}

fn texts(words: &[Word]) -> Vec<String> {
    words.iter().map(Word::to_string).collect()
}
