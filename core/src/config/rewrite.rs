//! mod_rewrite, whose work is not built in: what its rules mean that only forward is said as `ProxyPass`.

use super::problem::Flaw;
use super::words::Word;

/// What the conditions before a rule ask for, as far as it can be said otherwise.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(super) struct Conditions {
    /// That the request asks for a WebSocket.
    upgrades: bool,
    /// That its path begins so.
    path: Option<String>,
    /// One of them cannot be said otherwise.
    is_odd: bool,
}

impl Conditions {
    /// One more condition.
    ///
    /// # Errors
    ///
    /// It is not among those that the recipes for WebSockets have.
    pub(super) fn add(&mut self, args: &[Word]) -> Result<(), Flaw> {
        let (what, pattern) = (args[0].text().to_ascii_lowercase(), args[1].text());
        match (what.as_str(), value(&pattern.to_ascii_lowercase())) {
            ("%{http:upgrade}", "websocket") | ("%{http:connection}", "upgrade") => {
                self.upgrades = true;
            }
            ("%{query_string}", "transport=websocket") => self.upgrades = true,
            ("%{http:upgrade}", "!=websocket" | "!websocket" | "!^websocket") => {}
            ("%{request_uri}", _) if literal(pattern).is_some() => self.path = literal(pattern),
            _ => {
                self.is_odd = true;
                let flaw = args[0]
                    .flaw("RewriteCond is not built in, nor is there anything like this one");
                return Err(flaw.help(GENERAL));
            }
        }
        Ok(())
    }

    /// What there is to say of the rule that they are of.
    pub(super) fn refuse(self, args: &[Word]) -> Flaw {
        let flaw = args[0].flaw("RewriteRule is not built in");
        match self.replacement(args).filter(|_| !self.is_odd) {
            Some(line) => flaw.help(format!("in place of it and its conditions, write `{line}`")),
            None => flaw.help(GENERAL),
        }
    }

    /// The one line that says what the rule says.
    fn replacement(&self, args: &[Word]) -> Option<String> {
        let [pattern, url, flags] = args else { return None };
        let flags = flags.text().strip_prefix('[')?.strip_suffix(']')?;
        let proxies = |flag: &str| ["P", "proxy"].iter().any(|p| flag.eq_ignore_ascii_case(p));
        if !flags.split(',').any(|flag| proxies(flag.trim())) {
            return None;
        }
        let (path, base) = paths(pattern.text(), url.text())?;
        let (scheme, behind) = base.split_once("://")?;
        let (scheme, is_ws) = match scheme.to_ascii_lowercase().as_str() {
            "http" => ("http", false),
            "https" => ("https", false),
            "ws" => ("http", true),
            "wss" => ("https", true),
            _ => return None,
        };
        let (path, behind) = match &self.path {
            Some(inner) if path == "/" => {
                (inner.clone(), format!("{}{inner}", behind.trim_end_matches('/')))
            }
            Some(_) => return None,
            None => (path, behind.to_owned()),
        };
        let upgrade = if is_ws || self.upgrades { " upgrade=websocket" } else { "" };
        Some(format!("ProxyPass \"{path}\" \"{scheme}://{behind}\"{upgrade}"))
    }
}

/// What helps where no line can be shown.
const GENERAL: &str = "write `ProxyPass path url`, with `upgrade=websocket` behind it where WebSockets are \
                       asked for; `ProxyPassMatch` takes regular expressions";

/// What a condition compares with, as if it were an expression of the whole or the beginning of it.
fn value(pattern: &str) -> &str {
    let pattern = pattern.strip_prefix(['=', '^']).unwrap_or(pattern);
    pattern.strip_suffix('$').unwrap_or(pattern)
}

/// The path that an expression of its beginning is, if it is so simple.
fn literal(pattern: &str) -> Option<String> {
    let path = pattern.strip_prefix('^').unwrap_or(pattern);
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/_-".contains(&byte);
    let path = path.replace("\\.", "%").replace('.', "*").replace('%', ".");
    let is_path = path.starts_with('/') && path.bytes().all(|byte| is_plain(byte) || byte == b'.');
    is_path.then_some(path)
}

/// The path and the URL of the rule that forwards what is below one to below the other.
fn paths(pattern: &str, url: &str) -> Option<(String, String)> {
    let begin = pattern.strip_prefix('^').unwrap_or(pattern);
    if let Some(base) = url.strip_suffix("%{REQUEST_URI}") {
        let begin = begin.strip_suffix('$').unwrap_or(begin);
        let begin = [".*", "(.*)", "?(.*)", "/?"]
            .iter()
            .fold(begin, |begin, end| begin.strip_suffix(end).unwrap_or(begin));
        let path = if begin.is_empty() { Some("/".to_owned()) } else { literal(begin) }?;
        return Some((path.clone(), format!("{}{path}", base.trim_end_matches('/'))));
    }
    let begin = begin.strip_suffix('$').unwrap_or(begin);
    let begin = begin.strip_suffix("(.*)").or_else(|| begin.strip_suffix("(.+)"))?;
    let begin = begin.replace("/?", "/");
    let begin = if begin.is_empty() { "/" } else { &begin };
    let begin = if begin.starts_with('/') { begin.to_owned() } else { format!("/{begin}") };
    let base = url.strip_suffix("$1")?;
    let is_plain = !base.contains(['$', '%', '?', '|']);
    let slash = if begin == "/" && !base.ends_with('/') { "/" } else { "" };
    is_plain.then_some((literal(&begin)?, format!("{base}{slash}")))
}

#[cfg(test)]
mod tests {
    use super::super::testing::{good, problem, problems};

    /// What the rule of those lines is to be replaced with.
    fn replaced(lines: &str) -> String {
        let text = problem(lines);
        let (before, line) = text.split_once("write `").expect("there is a line to write");
        let rule = "RewriteRule is not built in (in place of it and its conditions, ";
        assert!(before.ends_with(rule), "{text}");
        let line = line.trim_end_matches("`)");
        if !line.contains("https:") {
            good(line);
        }
        line.into()
    }

    #[test]
    fn the_recipe_for_websockets_is_one_line() {
        let line = "ProxyPass \"/\" \"http://h:80/\" upgrade=websocket";
        for condition in [
            "%{HTTP:Upgrade} =websocket [NC]",
            "%{HTTP:Upgrade} websocket [NC]",
            "%{HTTP:UPGRADE} ^WebSocket$ [NC]",
            "%{HTTP:Connection} upgrade [NC]",
            "%{HTTP:Upgrade} websocket [NC]\nRewriteCond %{HTTP:CONNECTION} ^Upgrade$ [NC]",
        ] {
            for rule in [
                "^/?(.*) \"ws://h:80/$1\" [P,L]",
                "/(.*) ws://h:80/$1 [P,L]",
                "^(.*)$ ws://h:80$1 [NC,P]",
                "(.*) http://h:80/$1 [P]",
                ".* ws://h:80%{REQUEST_URI} [proxy]",
                "^ ws://h:80%{REQUEST_URI} [P]",
            ] {
                let lines = format!("RewriteCond {condition}\nRewriteRule {rule}");
                assert_eq!(replaced(&lines), line, "{lines}");
            }
        }
    }

    #[test]
    fn a_rule_for_some_paths_is_one_line_too() {
        let rule = |line: &str| replaced(&format!("RewriteRule {line}"));
        let ws = "ProxyPass \"/ws/\" \"http://h/x/\" upgrade=websocket";
        assert_eq!(rule("^/ws/(.*)$ ws://h/x/$1 [P]"), ws);
        assert_eq!(rule("^/?ws/(.*)$ ws://h/x/$1 [P]"), ws);
        assert_eq!(rule("^ws/(.*)$ WS://h/x/$1 [P]"), ws);
        assert_eq!(
            rule("^/ws(.*) wss://h/ws$1 [P]"),
            ws.replace("/ws/", "/ws").replace("http", "https").replace("/x/", "/ws")
        );
        assert_eq!(rule("^/a/(.*) http://h/$1 [P]"), "ProxyPass \"/a/\" \"http://h/\"");
        assert_eq!(
            rule("^/a/b ws://h%{REQUEST_URI} [P]"),
            "ProxyPass \"/a/b\" \"http://h/a/b\" upgrade=websocket"
        );
        let socket = "RewriteCond %{REQUEST_URI} ^/socket\\.io [NC]\n\
                      RewriteCond %{QUERY_STRING} transport=websocket [NC]\n\
                      RewriteRule /(.*) ws://h:3001/$1 [P,L]";
        let line = "ProxyPass \"/socket.io\" \"http://h:3001/socket.io\" upgrade=websocket";
        assert_eq!(replaced(socket), line);
        let plain =
            "RewriteCond %{HTTP:Upgrade} !=websocket [NC]\nRewriteRule /(.*) http://h/$1 [P,L]";
        assert_eq!(replaced(plain), "ProxyPass \"/\" \"http://h/\"");
    }

    #[test]
    fn any_other_rule_has_a_reason_of_its_own() {
        for line in [
            "^/a /b [R]",
            "^/a /b",
            "^/(a|b)/(.*) ws://h/$1/$2 [P]",
            "^/a.b/(.*) ws://h/$1 [P]",
            "^/(.*) ws://%{HTTP_HOST}/$1 [P]",
            "^/(.*) balancer://h/$1 [P]",
            "^/(.*) ws://h/$1 [L]",
        ] {
            let refused = problem(&format!("RewriteRule {line}"));
            let reason = "conf:1:13: RewriteRule is not built in (write `ProxyPass path url`, with";
            assert!(refused.starts_with(reason), "{refused}");
        }
        let odd =
            problems("Listen 1\nRewriteCond %{REMOTE_ADDR} ^10\nRewriteRule /(.*) ws://h/$1 [P]");
        assert!(odd[0].starts_with("conf:2:13: RewriteCond is not built in, nor is"), "{odd:?}");
        assert!(odd[1].contains("(write `ProxyPass path url`, with"), "{odd:?}");
    }

    #[test]
    fn in_a_section_the_path_is_not_known_from_the_rule() {
        let text = "<Location /a>\nRewriteRule (.*) ws://h/$1 [P]\n</Location>";
        let reason =
            "conf:2:13: RewriteRule is not built in (write `ProxyPass url` in the section)";
        assert_eq!(problem(text), reason);
    }

    #[test]
    fn conditions_are_of_the_next_rule_only() {
        let text = "Listen 1\nRewriteCond %{HTTP:Upgrade} websocket\nRewriteRule /(.*) ws://h/$1 [P]\n\
                    RewriteRule /(.*) http://h/$1 [P]";
        let last = problems(text).pop().expect("there are two");
        assert!(last.ends_with("write `ProxyPass \"/\" \"http://h/\"`)"), "{last}");
    }

    #[test]
    fn the_engine_may_be_off() {
        good("RewriteEngine Off");
        let on = "conf:1:15: mod_rewrite's work is not built in \
                  (leave the line out; what its rules are replaced with is told with them)";
        assert_eq!(problem("RewriteEngine On"), on);
    }

    #[test]
    fn a_condition_of_the_path_is_of_all_that_the_rule_takes() {
        assert_eq!(
            replaced("RewriteRule ^/(.*) https://h/$1 [P]"),
            "ProxyPass \"/\" \"https://h/\""
        );
        let general = |lines: &str| {
            let last = problems(&format!("Listen 1\n{lines}")).pop().expect("there is one");
            assert!(last.contains("(write `ProxyPass path url`, with"), "{last}");
        };
        general("RewriteCond %{REQUEST_URI} ^/ws\nRewriteRule ^/app/(.*) ws://h/$1 [P]");
        general("RewriteCond %{REQUEST_URI} ^/(a|b)\nRewriteRule ^/(.*) ws://h/$1 [P]");
        let odd = problems("Listen 1\nRewriteCond %{REQUEST_URI} ^/(a|b)");
        assert!(odd[0].starts_with("conf:2:13: RewriteCond is not built in, nor is"), "{odd:?}");
    }
}
