//! `SSLCipherSuite [protocol] list`: OpenSSL's language for suites, as far as it is about those that we speak.

use super::super::problem::Flaw;
use super::super::suggest::suggest;
use super::super::words::Word;
use crate::route::Suite;

type Suites = Vec<&'static Suite>;

/// The suites that a line chooses.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(in crate::config) enum Chosen {
    /// Those of TLS 1.2.
    Of12(Suites),
    /// Those of TLS 1.3.
    Of13(Suites),
}

/// What a line chooses.
pub(in crate::config) fn suites(args: &[Word]) -> Result<Chosen, Flaw> {
    match args {
        [list] => chosen(list).map(Chosen::Of12),
        [version, list] if version.is("SSL") => chosen(list).map(Chosen::Of12),
        [version, list] if version.is("TLSv1.3") => of_13(list).map(Chosen::Of13),
        [version, ..] => {
            let flaw = version.flaw(format!("`{version}` has no suites of its own"));
            Err(flaw.help("write `SSL` or `TLSv1.3` before the list; a list is one word"))
        }
        [] => Ok(Chosen::Of12(Vec::new())),
    }
}

/// Names only, as OpenSSL has it for TLS 1.3.
fn of_13(list: &Word) -> Result<Suites, Flaw> {
    let named = |name: &Word| known(name, true).ok_or_else(|| not_offered(name, true));
    list.split(':').iter().map(named).collect()
}

/// The suites of TLS 1.2 that a list leaves: names and groups of them, to which `!` and `-` take some away, and
/// `+` puts some at the end.
fn chosen(list: &Word) -> Result<Suites, Flaw> {
    let (mut left, mut banned): (Suites, Suites) = (Vec::new(), Vec::new());
    let by_comma = |word: &Word| word.split(',');
    let parts = list.split(':').iter().flat_map(by_comma).collect::<Vec<_>>();
    for part in parts.iter().flat_map(|word| word.split(' ')) {
        let (sign, name) = match part.text().as_bytes() {
            [b'!' | b'-' | b'+', ..] => part.split_at(1),
            [] => continue,
            _ => part.split_at(0),
        };
        let meant = meant(&name)?;
        let is_meant = |suite: &&Suite| meant.contains(suite);
        match sign.text() {
            "" => {
                let new = meant.iter().filter(|it| !left.contains(it) && !banned.contains(it));
                left.extend(new.copied().collect::<Suites>());
            }
            "+" => left.sort_by_key(|suite| is_meant(suite)),
            sign => {
                left.retain(|suite| !is_meant(suite));
                banned.extend(meant.iter().filter(|_| sign == "!"));
            }
        }
    }
    if left.is_empty() {
        return Err(list.flaw("no suite is left").help(offered(false)));
    }
    Ok(left)
}

/// The suites of a name, or of a group: `A+B` are those that are in both.
fn meant(name: &Word) -> Result<Suites, Flaw> {
    let mut left: Suites = of_12().collect();
    for part in name.split('+') {
        let suites: Suites = match known(&part, false) {
            Some(suite) => vec![suite],
            None => group(&part)?,
        };
        left.retain(|suite| suites.contains(suite));
    }
    Ok(left)
}

fn of_12() -> impl Iterator<Item = &'static Suite> {
    Suite::ALL.iter().filter(|suite| !suite.is_of_13())
}

fn known(name: &Word, of_13: bool) -> Option<&'static Suite> {
    let mut suites = Suite::ALL.iter().filter(|suite| suite.is_of_13() == of_13);
    suites.find(|suite| name.is(suite.openssl) || name.is(suite.name))
}

/// The groups of OpenSSL's that have some of our suites: by what is in their names.
const GROUPS: [(&str, &str); 17] = [
    ("ALL", ""),
    ("DEFAULT", ""),
    ("HIGH", ""),
    ("TLSv1.2", ""),
    ("ECDHE", ""),
    ("kECDHE", ""),
    ("EECDH", ""),
    ("kEECDH", ""),
    ("ECDH", ""),
    ("AES", "AES"),
    ("AESGCM", "GCM"),
    ("AES128", "AES128"),
    ("AES256", "AES256"),
    ("CHACHA20", "CHACHA20"),
    ("ECDSA", "ECDSA"),
    ("aECDSA", "ECDSA"),
    ("aRSA", "-RSA"),
];

/// The groups of OpenSSL's that have none: they add nothing, and nothing is there to be taken away.
const EMPTY: [&str; 49] = [
    "3DES",
    "ADH",
    "AECDH",
    "AESCCM",
    "AESCCM8",
    "ARIA",
    "ARIA128",
    "ARIA256",
    "CAMELLIA",
    "CAMELLIA128",
    "CAMELLIA256",
    "COMPLEMENTOFALL",
    "COMPLEMENTOFDEFAULT",
    "DES",
    "DH",
    "DHE",
    "DSS",
    "EDH",
    "EXP",
    "EXPORT",
    "EXPORT40",
    "GOST94",
    "IDEA",
    "LOW",
    "MD5",
    "MEDIUM",
    "NULL",
    "PSK",
    "RC2",
    "RC4",
    "RSA",
    "SEED",
    "SHA",
    "SHA1",
    "SHA256",
    "SHA384",
    "SRP",
    "SSLv2",
    "SSLv3",
    "TLSv1",
    "TLSv1.0",
    "aDSS",
    "aNULL",
    "aPSK",
    "eNULL",
    "kDHE",
    "kEDH",
    "kPSK",
    "kRSA",
];

fn group(name: &Word) -> Result<Suites, Flaw> {
    if let Some((_, has)) = GROUPS.iter().find(|(group, _)| name.is(group)) {
        return Ok(of_12().filter(|suite| suite.openssl.contains(has)).collect());
    }
    if EMPTY.iter().any(|group| name.is(group)) {
        return Ok(Vec::new());
    }
    Err(not_offered(name, false))
}

/// What is wrong with a name that is none of ours.
fn not_offered(name: &Word, of_13: bool) -> Flaw {
    if let Some(suite) = known(name, !of_13) {
        let (is, help) = match suite.is_of_13() {
            true => ("1.3", "write `SSLCipherSuite TLSv1.3 list` for those"),
            false => ("1.2", "write `SSLCipherSuite list` for those"),
        };
        return name.flaw(format!("`{name}` is a suite of TLS {is}")).help(help);
    }
    if name.text().starts_with('@') {
        let flaw = name.flaw(format!("`{name}` is not built in"));
        return flaw.help("write the suites in their order, and leave it out");
    }
    let suites = || Suite::ALL.iter().filter(|suite| suite.is_of_13() == of_13);
    let groups = GROUPS.iter().map(|(group, _)| *group).chain(EMPTY).filter(|_| !of_13);
    let names = suites().flat_map(|suite| [suite.openssl, suite.name]);
    // Suites are alike: half of all others are near to one of ours.
    let is_short = name.text().len() < 12;
    let near = suggest(name.text(), groups.filter(|_| is_short).chain(names.filter(|_| is_short)));
    let flaw = name.flaw(format!("the suite `{name}` is not offered"));
    flaw.help(near.unwrap_or_else(|| offered(of_13)))
}

fn offered(of_13: bool) -> String {
    let suites = Suite::ALL.iter().filter(|suite| suite.is_of_13() == of_13);
    let names: Vec<_> = suites.map(|suite| suite.openssl).collect();
    format!("offered are {}", names.join(":"))
}

#[cfg(test)]
mod tests {
    use super::super::super::testing::{failure, word};
    use super::*;

    fn left(list: &str) -> Vec<&'static str> {
        let suites = chosen(&word(list)).unwrap_or_else(|flaw| panic!("{list}: {flaw:?}"));
        suites.iter().map(|suite| suite.openssl).collect()
    }

    #[test]
    fn the_lists_that_people_have_leave_what_we_speak_of_them() {
        let all: Vec<_> = of_12().map(|suite| suite.openssl).collect();
        for list in [
            "HIGH:!aNULL:!MD5",
            "HIGH:MEDIUM:!MD5:!RC4:!3DES",
            "ALL:!ADH:RC4+RSA:+MEDIUM:+LOW:+EXP:+eNULL",
            "DEFAULT",
            "EECDH+AESGCM:EDH+AESGCM:ECDHE+CHACHA20:-LOW",
        ] {
            let mut some = left(list);
            some.sort_by_key(|suite| all.iter().position(|known| known == suite));
            assert_eq!(some, all, "{list}");
        }
        assert_eq!(left("HIGH:!RSA"), all, "it is the exchange of keys that this is about");
    }

    #[test]
    fn suites_come_in_the_order_of_the_list() {
        let (one, other) = ("ECDHE-RSA-CHACHA20-POLY1305", "ECDHE-ECDSA-AES128-GCM-SHA256");
        assert_eq!(left(&format!("{one}:{other}")), [one, other]);
        assert_eq!(left(&format!("{one},{other} {one}")), [one, other]);
        assert_eq!(left("TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256"), [one]);
        assert_eq!(left(&format!("{one}:{other}:+CHACHA20")), [other, one]);
        assert_eq!(left("aRSA+CHACHA20"), [one]);
        assert_eq!(left("ALL:!aRSA:-CHACHA20:-AES256:ALL").len(), 3, "! is for good, - is not");
        assert_eq!(left("ALL:!aRSA")[0], "ECDHE-ECDSA-AES256-GCM-SHA384");
    }

    #[test]
    fn what_is_not_offered_is_a_problem_that_names_what_is() {
        let told = |list: &str| failure(chosen(&word(list)));
        let dhe = told("HIGH:DHE-RSA-AES128-GCM-SHA256");
        let offers = "(offered are ECDHE-ECDSA-AES256-GCM-SHA384:";
        let start = format!("1:6: the suite `DHE-RSA-AES128-GCM-SHA256` is not offered {offers}");
        assert!(dhe.starts_with(&start), "{dhe}");
        assert!(told("LOW:MEDIUM").starts_with(&format!("1:1: no suite is left {offers}")));
        assert_eq!(told("HGH"), "1:1: the suite `HGH` is not offered (did you mean `HIGH`?)");
        assert!(told("HIGH:@STRENGTH").starts_with("1:6: `@STRENGTH` is not built in"));
        assert_eq!(
            told("TLS_AES_128_GCM_SHA256"),
            "1:1: `TLS_AES_128_GCM_SHA256` is a suite of TLS 1.3 \
             (write `SSLCipherSuite TLSv1.3 list` for those)"
        );
    }

    #[test]
    fn each_version_has_a_list_of_its_own() {
        let told = |words: [&str; 2]| suites(&words.map(word));
        let of_13 = told(["TLSv1.3", "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384"]);
        assert_eq!(of_13, Ok(Chosen::Of13(vec![&Suite::ALL[1], &Suite::ALL[0]])));
        assert!(matches!(told(["SSL", "HIGH"]), Ok(Chosen::Of12(suites)) if suites.len() == 6));
        assert!(failure(told(["TLSv1.2", "HIGH"])).starts_with("1:1: `TLSv1.2` has no suites"));
        assert!(failure(told(["TLSv1.3", "HIGH"])).contains("offered are TLS_AES_256_GCM_SHA384:"));
    }
}
