//! Variables of a request in the URLs and cookies of the lines that say `interpolate`.

mod world;

use proptest::prelude::*;
use underpass_core::Side;
use underpass_core::head::{Request, slots};
use underpass_core::route::CleanPath;
use world::{CONF, World, heads, rules};

use Side::{Backend, Client};

const TENANTS: &str = "SetEnvIf Host ^(.*)\\.example$ T=$1\nProxyPassInterpolateEnv On\n";

/// httpd's manual of `interpolate`, but for the host: that is known beforehand.
#[test]
fn a_variable_of_the_request_stands_in_the_path_of_a_url() {
    let conf = "Listen 80\nProxyPass /a/ http://b/${T}/x/ interpolate\n\
                ProxyPassMatch ^/m/(.*) http://b/$1/${T}${NONE} interpolate\n\
                ProxyPass /n/ http://b/x nocanon interpolate\nProxyPass /off/ http://b/${T}/ interpolate\n\
                <Location /off>\nProxyPassInterpolateEnv Off\n</Location>\n";
    let rules = rules(&format!("{TENANTS}{conf}"));
    let path = |host: &str, path: &str| {
        let asked = format!("GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n");
        let mut world = World::new(&rules);
        world.hear(Client, &asked);
        world.heard(Backend).split(' ').nth(1).map(str::to_owned)
    };
    let at = |path: &str| Some(path.to_owned());
    assert_eq!(path("one.example", "/a/b?c"), at("/one/x/b?c"));
    assert_eq!(path("one.two.example", "/a/b"), at("/one.two/x/b"));
    assert_eq!(path("other", "/a/b"), at("//x/b"), "what is not set is nothing");
    assert_eq!(path("one.example", "/m/b"), at("/b/one"));
    assert_eq!(path("one.example", "/n/%7e"), at("/x%7e"));
    assert_eq!(path("one.example", "/off/b"), at("/${T}/b"));
}

/// What a client says is no more than a piece of a path: it begins no query, and leads nowhere else.
#[test]
fn a_variable_of_a_clients_is_no_more_than_a_piece_of_a_path() {
    let conf = "Listen 80\nSetEnvIf X (.*) T=$1\nProxyPassInterpolateEnv On\n\
                ProxyPass /a/ http://b/t/${T}/ interpolate\n\
                ProxyPassMatch ^/m(.*) http://b/t/.${T}$1 interpolate\n";
    let rules = rules(conf);
    let path = |path: &str, said: &str| {
        let mut world = World::new(&rules);
        world.hear(Client, &heads::get(&format!("X: {said}\r\n")).replace("/page", path));
        let heard = world.heard(Backend);
        if heard.is_empty() {
            assert!(world.heard(Client).starts_with("HTTP/1.1 404 "));
        }
        heard.split(' ').nth(1).map(str::to_owned)
    };
    let at = |path: &str| Some(path.to_owned());
    assert_eq!(path("/a/b", "x/y?z#$1%2f\\"), at("/t/x/y%3Fz%23%241%252f%5C/b"));
    assert_eq!(path("/m/b", "$1"), at("/t/.%241/b"));
    for up in ["..", "x/..", "../..", "/../x"] {
        assert_eq!(path("/a/b", up), None);
    }
    assert_eq!(path("/m", "."), None, "pieces that become `..`");
}

#[test]
fn variables_of_the_request_stand_in_urls_and_cookies_that_are_mapped() {
    let conf = format!(
        "{CONF}{TENANTS}ProxyPassReverse /app http://back/${{T}} interpolate\n\
         ProxyPassReverseCookieDomain ${{T}}.internal ${{T}}.example interpolate\n\
         ProxyPassReverseCookiePath /${{T}} / interpolate\n<Location /ws>\nProxyPassInterpolateEnv Off\n</Location>"
    );
    let rules = rules(&conf);
    let fields =
        "Location: http://back/one/x\r\nSet-Cookie: a=b; domain=one.internal; path=/one/y\r\n";
    let answer = &format!("HTTP/1.1 200 OK\r\n{fields}Content-Length: 0\r\n\r\n");
    let heard = |host: &str| {
        let asked = heads::get("").replace("Host: h", &format!("Host: {host}"));
        let mut world = World::new(&rules);
        world.hear(Client, &asked);
        world.hear(Backend, answer);
        let heard = world.heard(Client);
        ["Location", "Set-Cookie"].map(|name| {
            let mut lines =
                heard.lines().filter_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
            lines.next().expect("it is there").to_owned()
        })
    };
    let cookie = "a=b; domain=one.example; path=//y";
    assert_eq!(heard("one.example"), ["http://one.example/app/x", cookie]);
    let as_it_came = ["http://back/one/x", "a=b; domain=one.internal; path=/one/y"];
    assert_eq!(heard("two.example"), as_it_came);
    assert_eq!(heard("a;b.example"), as_it_came, "no cookie can hold it");
}

proptest! {
    /// Whatever a client says, the path that its backend sees is one, and below that of the URL.
    #[test]
    fn no_variable_leads_out_of_the_path_of_the_url(
        said in "([./%2e]|[!-~é]){0,8}",
        path in "/[am]/?[./%2ea]{0,6}",
    ) {
        let rules = rules(
            "Listen 80\nSetEnvIf X (?s-u)(.*) T=$1\nProxyPassInterpolateEnv On\n\
             ProxyPass /a http://b/t/${T} interpolate mapping=encoded\nProxyPassMatch ^/m(.*) http://b/t/.${T}$1 interpolate",
        );
        let asked = format!("GET {path} HTTP/1.1\r\nHost: h\r\nX: {said}\r\n\r\n");
        let mut world = World::new(&rules);
        world.hear(Client, &asked);
        let heard = world.heard(Backend);
        if !heard.is_empty() {
            let mut slots = slots();
            let request = Request::parse(heard.as_bytes(), &mut slots).expect("it is a good head");
            prop_assert!(request.query.is_empty());
            let clean = CleanPath::parse(request.path).expect("it is a good path");
            prop_assert!(clean.as_bytes().starts_with(b"/t"), "{heard}");
        }
    }
}
