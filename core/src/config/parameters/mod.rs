//! The table of parameters, from which they are read and documented: one part for each of whom they are about.

mod balancer;
mod check;
mod member;
mod rule;
mod worker;

use core::num::NonZeroU32;

use super::dialling::Dialling;
use super::grouping::Grouping;
use super::membership::Membership;
use super::pooling::Pooling;
use super::problem::Flaw;
use super::words::Word;
use crate::route::{Back, Mapping, Recovery, Upgrade};
use crate::time::Wait;

/// One parameter of `ProxyPass`, `BalancerMember` or `ProxySet`: `name=value`, or a name alone.
#[derive(Debug)]
pub struct Parameter {
    /// Of whom it is said.
    pub of: Subject,
    /// Its name, without the `=`. Its case does not matter.
    pub name: &'static str,
    /// What its value may be; nothing for one that has none.
    pub values: &'static str,
    /// The value that stands for its absence, if there is one.
    pub default: Option<&'static str>,
    /// What it does, in one sentence.
    pub summary: &'static str,
    apply: fn(&mut Options, &Word) -> Result<(), Flaw>,
}

impl Parameter {
    /// What stands behind its name: `=` before a value, or nothing.
    pub const fn sign(&self) -> &'static str {
        if self.values.is_empty() { "" } else { "=" }
    }

    /// Writes what `value` says into `options`.
    pub(super) fn apply(&self, options: &mut Options, value: &Word) -> Result<(), Flaw> {
        (self.apply)(options, value)
    }
}

/// Of whom a parameter is said.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Subject {
    /// A rule: `ProxyPass`.
    Rule,
    /// A backend: a rule that names one, or `BalancerMember`.
    Worker,
    /// A backend as one of several: `BalancerMember`.
    Member,
    /// The checks of a member: `BalancerMember`, or `ProxyHCTemplate`.
    Check,
    /// A balancer: its `<Proxy>`, or a rule that names it.
    Balancer,
}

impl Subject {
    /// All of them, in the order of the manual.
    pub const ALL: [Self; 5] =
        [Self::Rule, Self::Worker, Self::Balancer, Self::Member, Self::Check];
    /// What a rule with the URL of a backend says.
    pub(super) const OF_RULES: &'static [Self] = &[Self::Rule, Self::Worker];
    /// What a rule with the URL of a balancer says.
    pub(super) const OF_BALANCED: &'static [Self] = &[Self::Rule, Self::Balancer];
    /// What is said of a balancer.
    pub(super) const OF_BALANCERS: &'static [Self] = &[Self::Balancer];
    /// What is said of a member.
    pub(super) const OF_MEMBERS: &'static [Self] = &[Self::Worker, Self::Member, Self::Check];
    /// What is said of a URL, which may be that of rules and of members.
    pub(super) const OF_URLS: &'static [Self] =
        &[Self::Rule, Self::Worker, Self::Member, Self::Check];
    /// What a template of checks says.
    pub(super) const OF_TEMPLATES: &'static [Self] = &[Self::Check];

    /// What the manual calls it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Rule => "a rule",
            Self::Worker => "a backend",
            Self::Member => "a member of a balancer",
            Self::Check => "the checks of a member",
            Self::Balancer => "a balancer",
        }
    }

    /// Where it is described.
    pub const fn place(self) -> &'static str {
        match self {
            Self::Rule => "behind `ProxyPass`",
            Self::Worker => "behind `BalancerMember`, or behind a `ProxyPass` to one backend",
            Self::Member => "behind `BalancerMember`",
            Self::Check => "behind `BalancerMember` or `ProxyHCTemplate`",
            Self::Balancer => "in `<Proxy balancer://name>`, or behind a `ProxyPass` to it",
        }
    }
}

/// Every parameter. One of a balancer and one of a worker may have the same name.
pub fn parameters() -> impl Iterator<Item = &'static Parameter> {
    let parts = [
        worker::PARAMETERS,
        rule::PARAMETERS,
        balancer::PARAMETERS,
        member::PARAMETERS,
        check::PARAMETERS,
    ];
    parts.into_iter().flatten()
}

/// The parameter of that name, if it may be said of one of those.
pub(super) fn find(name: &Word, subjects: &[Subject]) -> Option<&'static Parameter> {
    parameters().find(|it| subjects.contains(&it.of) && name.is(it.name))
}

/// What the parameters of one line say.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Options {
    /// `timeout=`.
    pub(super) answer: Option<Wait>,
    /// `connectiontimeout=`.
    pub(super) connect: Option<Wait>,
    /// `retry=`.
    pub(super) recovery: Option<Recovery>,
    /// `keepalive=`, `addressttl=`, `receivebuffersize=`.
    pub(super) dialling: Dialling,
    /// `responsefieldsize=`.
    pub(super) response_line: Option<u32>,
    /// `iobuffersize=`.
    pub(super) piece: Option<NonZeroU32>,
    /// `max=`, `acquire=`, `smax=`, `ttl=`, `min=`, `disablereuse=`, `enablereuse=`.
    pub(super) pooling: Pooling,
    /// How TLS is spoken with the backend, once all is read.
    pub(super) back: Option<Back>,
    /// `upgrade=`.
    pub(super) upgrade: Option<Upgrade>,
    /// `protocol=`.
    pub(super) protocols: Option<Vec<String>>,
    /// `mapping=` and `nocanon`.
    pub(super) mapping: Mapping,
    /// `interpolate`.
    pub(super) interpolates: bool,
    /// Not with `noquery`.
    pub(super) passes_query: bool,
    /// What is said of a member.
    pub(super) member: Membership,
    /// What is said of a balancer.
    pub(super) group: Grouping,
}

impl Options {
    fn map_by(&mut self, mapping: Mapping, word: &Word) -> Result<(), Flaw> {
        if self.mapping != Mapping::Decoded {
            let flaw = word.flaw("`nocanon` and `mapping=` exclude each other");
            return Err(flaw.help("with `mapping=` alone, the path is not encoded anew either"));
        }
        self.mapping = mapping;
        Ok(())
    }
}

impl Default for Options {
    fn default() -> Self {
        Self {
            answer: None,
            connect: None,
            recovery: None,
            dialling: Dialling::default(),
            response_line: None,
            piece: None,
            pooling: Pooling::default(),
            back: None,
            upgrade: None,
            protocols: None,
            mapping: Mapping::Decoded,
            interpolates: false,
            passes_query: true,
            member: Membership::default(),
            group: Grouping::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use crate::config::testing::{failure, good, word};

    fn options(name: &str, value: &str) -> Result<Options, Flaw> {
        let parameter = parameters().find(|parameter| parameter.name == name);
        let mut options = Options::default();
        parameter.expect("it is in the table").apply(&mut options, &word(value)).map(|()| options)
    }

    /// A configuration in which that is said of such a one.
    fn alone(subject: Subject, text: &str) -> Config {
        let (rule, member, balancer) = match subject {
            Subject::Rule | Subject::Worker => (text, "", ""),
            Subject::Member | Subject::Check => ("", text, ""),
            Subject::Balancer => ("", "", text),
        };
        good(&format!(
            "ProxyPass / ws://b {rule}\nProxyPass /a balancer://a {balancer}\n\
             BalancerMember balancer://a http://a1 {member}\nBalancerMember balancer://a http://a2"
        ))
    }

    #[test]
    fn the_default_of_the_table_is_what_absence_means() {
        for parameter in parameters() {
            if let Some(value) = parameter.default {
                let said = alone(parameter.of, &format!("{}={value}", parameter.name));
                assert_eq!(said, alone(parameter.of, ""), "{}", parameter.name);
            }
        }
    }

    #[test]
    fn each_parameter_sets_its_option() {
        let [one, none] = [Some(Wait::from_millis(1)), None];
        let times = |options: Options| (options.answer, options.connect);
        assert_eq!(options("timeout", "1ms").map(times), Ok((one, none)));
        assert_eq!(options("connectiontimeout", "1ms").map(times), Ok((none, one)));
        let recovery = Recovery::After(Wait::from_millis(1));
        assert_eq!(options("retry", "1ms").map(|options| options.recovery), Ok(Some(recovery)));
        let line = options("responsefieldsize", "512").map(|options| options.response_line);
        assert_eq!(line, Ok(Some(512)));
        let piece = options("iobuffersize", "512").map(|options| options.piece);
        assert_eq!(piece, Ok(NonZeroU32::new(512)));
        assert_eq!(
            options("upgrade", "ANY").map(|options| options.upgrade),
            Ok(Some(Upgrade::Any))
        );
        let protocols = options("protocol", "a,b").map(|options| options.protocols);
        assert_eq!(protocols, Ok(Some(vec!["a".into(), "b".into()])));
        let mapping = |name, value| options(name, value).map(|options| options.mapping);
        assert_eq!(mapping("mapping", "Encoded"), Ok(Mapping::Encoded));
        assert_eq!(mapping("mapping", "servlet"), Ok(Mapping::Servlet));
        assert_eq!(mapping("nocanon", ""), Ok(Mapping::Verbatim));
        assert_eq!(options("noquery", "").map(|options| options.passes_query), Ok(false));
        let neither = "1:1: `x` is neither `encoded` nor `servlet`";
        assert_eq!(failure(mapping("mapping", "x")), neither);
    }

    #[test]
    fn a_timeout_of_nothing_is_a_problem() {
        for name in ["timeout", "connectiontimeout", "acquire", "ttl"] {
            assert_eq!(failure(options(name, "0")), "1:1: the time must be more than 0");
        }
    }
}
