//! Which known name was probably meant.

/// Names longer than this are no misspelling of anything.
const NAME_MOST: usize = 64;

/// The help for an unknown `name`: the nearest of `known`, if it is near.
pub(super) fn suggest<'k>(name: &str, known: impl Iterator<Item = &'k str>) -> Option<String> {
    if name.len() > NAME_MOST {
        return None;
    }
    let written = name.to_ascii_lowercase();
    let distance = |known: &str| strsim::damerau_levenshtein(&written, &known.to_ascii_lowercase());
    let (distance, nearest) = known.map(|known| (distance(known), known)).min()?;
    // A third of the name may be wrong: `ProxyPassMatch` is something else than `ProxyPass`.
    (distance * 3 <= written.len().max(3)).then(|| format!("did you mean `{nearest}`?"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn suggested(name: &str) -> Option<String> {
        suggest(name, ["Listen", "ProxyPass", "ProxyTimeout"].into_iter())
    }

    #[test]
    fn a_misspelling_suggests_the_name() {
        assert_eq!(suggested("lisetn").as_deref(), Some("did you mean `Listen`?"));
        assert_eq!(suggested("ProxyTimeouts").as_deref(), Some("did you mean `ProxyTimeout`?"));
    }

    #[test]
    fn another_name_suggests_nothing() {
        assert_eq!(suggested("ProxyPassMatch"), None);
        assert_eq!(suggested("x"), None);
        assert_eq!(suggested(&"Listen".repeat(99)), None);
    }

    #[test]
    fn a_name_may_be_misspelled_up_to_a_length() {
        let known = "x".repeat(NAME_MOST);
        let suggests = |name: &str| suggest(name, [known.as_str()].into_iter()).is_some();
        assert!(suggests(&known) && !suggests(&format!("{known}x")));
    }
}
