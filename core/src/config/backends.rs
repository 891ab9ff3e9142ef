//! `<Proxy>`, `<ProxyMatch>`, `ProxySet` and `BalancerMember`: what is said of backends by their URLs.

use super::dialling::misplaced;
use super::membership::Line;
use super::parameters::{Options, Subject, find};
use super::paths::{expression, like, starting_with};
use super::problem::Flaw;
use super::proxy_pass::{name_and_value, options, set_option};
use super::tls::BackSaid;
use super::url;
use super::words::Word;
use crate::route::{Pattern, Scheme, Section, Target};

/// What is said of some backends.
#[derive(Clone, Debug)]
pub(super) struct Backends {
    /// Of which URLs, and which settings of theirs.
    pub(super) section: Section,
    /// The URL as it is written.
    pub(super) url: Word,
    /// The name of the balancer that they are the URLs of, if they are.
    pub(super) balancer: Option<String>,
    /// How TLS is spoken with them.
    pub(super) back: BackSaid,
    /// Its members.
    pub(super) members: Vec<Line>,
    /// Where the URLs begin, if they are not told by a pattern: only then is a worker meant.
    beginning: Option<String>,
    /// Parameters of the worker, or of the balancer.
    pub(super) parameters: Vec<Word>,
}

impl Backends {
    /// Those whose URLs begin with that one, or are like that pattern.
    pub(super) fn of(url: &Word) -> Result<Self, Flaw> {
        let text = url.text().to_ascii_lowercase();
        let is_address = text.contains("://[");
        let has_wildcards = text.replacen("://[", "", 1).contains(['*', '?', '[']);
        if has_wildcards && is_address {
            let flaw = url.flaw("the brackets of an address and wildcards are not told apart");
            return Err(flaw.help("write `<ProxyMatch>` and a regular expression"));
        }
        if has_wildcards {
            return Ok(Self::new(url, None, like(url)?));
        }
        let target = url::target(url)?;
        let beginning = beginning(&target);
        let urls = starting_with(url, &beginning)?;
        let balancer = (target.scheme == Scheme::Balancer).then_some(target.host);
        Ok(Self { balancer, ..Self::new(url, Some(beginning), urls) })
    }

    /// Those in whose URLs a regular expression is found.
    pub(super) fn matching(word: &Word) -> Result<Self, Flaw> {
        Ok(Self::new(word, None, expression(word)?))
    }

    fn new(url: &Word, beginning: Option<String>, paths: Pattern) -> Self {
        let section = Section { paths, says: Vec::new() };
        let (back, members, parameters) = (BackSaid::default(), Vec::new(), Vec::new());
        Self { section, url: url.clone(), balancer: None, back, members, beginning, parameters }
    }

    /// Parameters of the worker or the balancer of that URL.
    pub(super) fn set(&mut self, parameters: &[Word], flaws: &mut Vec<Flaw>) {
        if self.beginning.is_none() {
            let flaw = |word: &Word| word.flaw("a pattern has no worker that this could be set of");
            let help = "write `<Proxy url>` or `ProxySet url` with the URL of a rule";
            flaws.extend(parameters.first().map(flaw).map(|flaw| flaw.help(help)));
            return;
        }
        let known = flaws.len();
        let is_balancer = self.balancer.is_some();
        let subjects = if is_balancer { Subject::OF_BALANCERS } else { Subject::OF_URLS };
        options(parameters, None, subjects, flaws);
        if flaws.len() == known {
            self.parameters.extend_from_slice(parameters);
        }
    }

    /// One more member: `args` are its URL and its parameters.
    pub(super) fn add(&mut self, args: &[Word], flaws: &mut Vec<Flaw>) -> Result<(), Flaw> {
        if self.balancer.is_none() {
            let flaw = args[0].flaw(format!("`{}` is no balancer", self.url));
            return Err(flaw.help("members stand in `<Proxy balancer://name>`"));
        }
        let Some((word, parameters)) = args.split_first() else {
            return Err(self.url.flaw("the URL of the member is missing"));
        };
        let target = url::target(word)?;
        if target.scheme == Scheme::Balancer {
            return Err(word.flaw("a balancer is no member").help("write the URL of a backend"));
        }
        let options = options(parameters, None, Subject::OF_MEMBERS, flaws);
        flaws.extend(misplaced(&target, parameters));
        self.members.push(Line { word: word.clone(), target, options, check: None });
        Ok(())
    }

    /// Whether they are that backend, or the balancer of that name whose member it is.
    pub(super) fn has(&self, target: &Target, balancer: Option<&str>) -> bool {
        let is_balancers = self.balancer.is_some() && self.balancer.as_deref() == balancer;
        is_balancers || self.section.paths.has(beginning(target).as_bytes())
    }

    /// How much of a rule's URL it says, if it sets parameters of its worker.
    fn reach(&self, target: &Target) -> Option<usize> {
        let says = !self.parameters.is_empty() && self.balancer.is_none();
        let beginning = self.beginning.as_ref().filter(|_| says)?;
        self::beginning(target).starts_with(beginning).then_some(beginning.len())
    }
}

/// How the URLs of all that is asked for by a target begin.
fn beginning(target: &Target) -> String {
    let slash = if target.path.is_empty() { "/" } else { "" };
    format!("{target}{slash}")
}

/// Parameters that are set by URL, while they are dealt out to rules and members.
pub(super) struct Sets<'a> {
    all: Vec<&'a Backends>,
    /// Which of them somebody's URL begins with.
    reached: Vec<bool>,
    /// Of which parameters of each of them somebody has taken notice.
    heard: Vec<Vec<bool>>,
    flaws: Vec<Flaw>,
}

impl<'a> Sets<'a> {
    /// All that is set.
    pub(super) fn of(all: impl IntoIterator<Item = &'a Backends>) -> Self {
        let all: Vec<_> = all.into_iter().collect();
        let heard = all.iter().map(|set| vec![false; set.parameters.len()]).collect();
        Self { reached: vec![false; all.len()], all, heard, flaws: Vec::new() }
    }

    /// Writes over the own parameters of a rule or a member what is set of it by those that are for its
    /// server: those that say most of its URL, the later over the earlier (`reference/httpd.md` 1.4, item 11).
    pub(super) fn apply(
        &mut self,
        is_ours: impl Fn(usize) -> bool,
        target: &Target,
        options: &mut Options,
        subjects: &[Subject],
    ) {
        let reach = |(number, set): (usize, &&Backends)| {
            set.reach(target).filter(|_| is_ours(number)).map(|reach| (number, reach))
        };
        let found: Vec<_> = self.all.iter().enumerate().filter_map(reach).collect();
        let most = found.iter().map(|(_, reach)| *reach).max();
        for (number, reach) in found {
            self.write(number, target, options, subjects, Some(reach) == most);
        }
    }

    fn write(
        &mut self,
        number: usize,
        target: &Target,
        options: &mut Options,
        subjects: &[Subject],
        counts: bool,
    ) {
        self.reached[number] = true;
        let parameters = &self.all[number].parameters;
        let mut wrong = Vec::new();
        for (word, heard) in parameters.iter().zip(&mut self.heard[number]) {
            if find(&name_and_value(word).0, subjects).is_none() {
                continue;
            }
            *heard = true;
            if counts {
                wrong.extend(set_option(options, &mut Vec::new(), word, subjects).err());
            }
        }
        if counts {
            wrong.extend(misplaced(target, parameters));
        }
        // Several rules may have one worker.
        for flaw in wrong {
            if !self.flaws.contains(&flaw) {
                self.flaws.push(flaw);
            }
        }
    }

    /// What is wrong with them, once all have theirs: what is nobody's may be misspelt.
    pub(super) fn flaws(self) -> Vec<Flaw> {
        let mut flaws = self.flaws;
        let of_urls =
            |(set, _): &(&&Backends, _)| set.balancer.is_none() && !set.parameters.is_empty();
        for (set, (heard, reached)) in
            self.all.iter().zip(self.heard.iter().zip(self.reached)).filter(of_urls)
        {
            if !reached {
                let flaw = set.url.flaw(format!("no rule and no member goes to `{}`", set.url));
                flaws.push(flaw.help("its parameters are nobody's"));
                continue;
            }
            let unheard = set.parameters.iter().zip(heard).filter(|(_, heard)| !**heard);
            flaws.extend(unheard.filter_map(|(word, _)| set.unheard(word)));
        }
        flaws
    }
}

impl Backends {
    /// What is wrong with a parameter that is set of URLs, none of which is of such a one.
    fn unheard(&self, word: &Word) -> Option<Flaw> {
        let name = name_and_value(word).0;
        let of = find(&name, Subject::OF_URLS)?.of.name();
        let flaw = name.flaw(format!("`{name}` is said of {of}, and `{}` is none", self.url));
        Some(flaw.help("leave it out"))
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{forward, good, problem, problems};
    use crate::config::Config;
    use crate::edit::Vars;
    use crate::route::{Asked, CleanPath};

    /// How many seconds each rule of a server waits for an answer.
    fn waits(config: &Config, host: usize) -> Vec<u64> {
        let rules = config.rules.hosts[host].rules.iter();
        let forwards = rules.filter_map(|rule| rule.action.forward());
        forwards.map(|forward| forward.manner.answer.as_secs_ceil()).collect()
    }

    #[test]
    fn what_is_set_of_a_worker_is_its_rules_wherever_it_stands() {
        let text = "ProxySet ws://b timeout=1\nProxyPass /a ws://B:80/x timeout=9\n\
                    ProxyPass /b http://b\n<Location /c>\nProxyPass ws://b\n</Location>";
        assert_eq!(waits(&good(text), 0), [1, 1, 60]);
        let text =
            "ProxyPass / ws://b\n<Proxy ws://b timeout=3>\nProxySet retry=4 timeout=5\n</Proxy>";
        assert_eq!(waits(&good(text), 0), [5]);
    }

    /// `reference/httpd.md` 1.4, item 11.
    #[test]
    fn the_longest_url_is_the_workers() {
        let text = "ProxySet ws://b/x timeout=2\nProxySet ws://b timeout=1 connectiontimeout=1\n\
                    ProxyPass /a ws://b/x/y\nProxyPass /b ws://b/z\nProxyPass /c ws://bb";
        assert_eq!(waits(&good(text), 0), [2, 1, 60]);
        assert_eq!(forward(text).manner.connect.as_secs_ceil(), 2);
    }

    #[test]
    fn a_virtual_host_sets_what_is_its_own() {
        let set = |seconds: u8| format!("ProxySet ws://b timeout={seconds}");
        let text = format!(
            "ProxyPass /a ws://b\n{}\n<VirtualHost *:1>\nProxyPass /b ws://b\n{}\n</VirtualHost>",
            set(1),
            set(2),
        );
        let config = good(&text);
        assert_eq!((waits(&config, 0), waits(&config, 1)), (vec![1], vec![1, 2]));
    }

    #[test]
    fn what_is_set_of_no_rules_worker_is_a_problem() {
        let nobody =
            "conf:2:10: no rule and no member goes to `ws://c` (its parameters are nobody's)";
        assert_eq!(problem("ProxyPass / ws://b\nProxySet ws://c retry=1"), nobody);
        good("<Proxy ws://c>\nProxyAddHeaders Off\n</Proxy>");
        let pattern = "conf:2:10: a pattern has no worker that this could be set of \
                       (write `<Proxy url>` or `ProxySet url` with the URL of a rule)";
        assert_eq!(problem("<Proxy *>\nProxySet retry=1\n</Proxy>"), pattern);
        let twice = "conf:2:30: `disablereuse=` and `enablereuse=` contradict each other";
        let text = "ProxyPass / ws://b enablereuse=On\nProxySet ws://b disablereuse=On";
        assert_eq!(problem(text), twice);
        let socket = "ProxyPass / unix:/a|ws://b\nProxySet unix:/a|ws://b addressttl=1";
        assert!(problem(socket).ends_with("`addressttl=` is for TCP, and not for a Unix socket"));
    }

    /// What is said of the Host of `/a/b`, which goes to `http://b.example/x/b`.
    fn preserves(text: &str) -> bool {
        let rules = good(&format!("ProxyPass /a/ http://B.example/x/\n{text}")).rules;
        let path = CleanPath::parse(b"/a/b").expect("it is a good path");
        let asked = Asked {
            path: &path,
            has_upgrade: false,
            accepts: &|_| false,
            offers: &|_| false,
            vars: Vars::NONE,
        };
        let place = rules.place(0, &asked).expect("it is forwarded");
        rules.at(&place).expect("it stands there").scope.preserve_host
    }

    #[test]
    fn a_section_is_for_the_requests_that_go_to_its_urls() {
        let says = |section: &str| preserves(&format!("{section}\nProxyPreserveHost On\n</Proxy>"));
        for meant in
            ["*", "http://b.example", "http://b.example:80/x/", "http://*.example/*", "~ x/b$"]
        {
            assert!(says(&format!("<Proxy {meant}>")), "{meant}");
        }
        // Unlike a path, a URL need not end where a segment ends.
        assert!(says("<Proxy http://b.example/x>") && says("<Proxy http://b.example/x/b>"));
        for other in
            ["ws://b.example", "http://b.exam", "http://b.example/xx", "http://b.example/*/c"]
        {
            assert!(!says(&format!("<Proxy {other}>")), "{other}");
        }
        assert!(preserves("<ProxyMatch ^http://b\\.>\nProxyPreserveHost On\n</ProxyMatch>"));
    }

    #[test]
    fn an_address_in_brackets_is_no_pattern() {
        let text = "ProxyPass / ws://[::1]:9\n<Proxy ws://[::1]:9 timeout=2>\n</Proxy>";
        assert_eq!(waits(&good(text), 0), [2]);
        let both = problem("<Proxy ws://[::1]/*>\n</Proxy>");
        assert!(both.starts_with("conf:1:8: the brackets of an address"), "{both}");
    }

    #[test]
    fn a_location_speaks_over_a_section_of_backends_and_that_over_its_host() {
        let backends = "<Proxy *>\nProxyPreserveHost Off\n</Proxy>";
        let location = "<Location />\nProxyPreserveHost On\n</Location>";
        assert!(!preserves(&format!("ProxyPreserveHost On\n{backends}")));
        assert!(preserves(&format!("{location}\n{backends}")));
    }

    #[test]
    fn what_is_about_paths_may_not_stand_among_backends() {
        let place = "conf:2:1: `ProxyPass` may not stand in `<Proxy>`";
        assert!(problem("<Proxy *>\nProxyPass / ws://b\n</Proxy>").starts_with(place));
    }

    #[test]
    fn the_old_recipes_are_read_or_told_what_to_write() {
        assert_eq!(
            good("<Proxy *>\nRequire all granted\n</Proxy>\nProxyRequests Off").threads,
            None
        );
        let old = problems("Listen 1\n<Proxy *>\nOrder deny,allow\nAllow from all\n</Proxy>");
        let instead = "is not built: it is the old way of `Require` \
                       (write `Require all granted` instead of `Allow from all`)";
        let expected = [("3", "Order"), ("4", "Allow")];
        let expected = expected.map(|(line, name)| format!("conf:{line}:1: `{name}` {instead}"));
        assert_eq!(old, expected);
        let some = "conf:1:9: only `Require all` is built, and tells nobody apart \
                    (write `Require all granted` or `Require all denied`)";
        assert_eq!(problem("Require ip 10.0.0.0/8"), some);
    }

    #[test]
    fn a_longer_url_of_which_nothing_is_set_says_nothing() {
        let text = "ProxySet http://b timeout=3\n<Proxy http://b/c>\nProxyPreserveHost On\n</Proxy>\n\
                    ProxyPass / http://b/c/d";
        assert_eq!(waits(&good(text), 0), [3]);
    }

    #[test]
    fn what_a_server_sets_is_for_its_own_members() {
        let text = "BalancerMember balancer://a http://b\nProxySet http://b timeout=1\n\
                    ProxySet http://d timeout=4\n<VirtualHost *>\nProxyTimeout 7\n\
                    BalancerMember balancer://v http://b\nBalancerMember balancer://v http://c\n\
                    BalancerMember balancer://v http://d\nProxySet http://b timeout=2\n</VirtualHost>\n\
                    <VirtualHost *>\nBalancerMember balancer://w http://c\nProxySet http://c timeout=3\n\
                    </VirtualHost>";
        let workers = good(text).rules.workers;
        let members = workers.iter().filter_map(|worker| worker.member.as_ref());
        let waits = members
            .map(|member| (member.target.host.as_str(), member.manner.answer.as_secs_ceil()));
        assert_eq!(waits.collect::<Vec<_>>(), [("b", 1), ("b", 2), ("c", 7), ("d", 4), ("c", 3)]);
    }
}
