//! Which of httpd's modules do here what they do there: those whose directives we read.

/// What stands before `_module`, and between `mod_` and `.c`.
const BUILT_IN: [&str; 16] = [
    "authz_core",
    "env",
    "headers",
    "lbmethod_bybusyness",
    "lbmethod_byrequests",
    "lbmethod_bytraffic",
    "lbmethod_heartbeat",
    "proxy",
    "proxy_balancer",
    "proxy_hcheck",
    "proxy_http",
    "proxy_wstunnel",
    "setenvif",
    "slotmem_shm",
    "ssl",
    "watchdog",
];

/// Whether the work of that module is built in: by its name (`proxy_module`), or by that of its source
/// (`mod_proxy.c`).
pub(super) fn is_built_in(name: &str) -> bool {
    let name = name.strip_suffix("_module").unwrap_or(name);
    let name = name.strip_prefix("mod_").and_then(|name| name.strip_suffix(".c")).unwrap_or(name);
    BUILT_IN.contains(&name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_module_has_two_names() {
        assert!(is_built_in("proxy_http_module") && is_built_in("mod_proxy_http.c"));
        assert!(is_built_in("mod_authz_core.c"), "it is where `Require` comes from");
        assert!(!is_built_in("proxy_ajp_module") && !is_built_in("mod_php.c"));
    }
}
