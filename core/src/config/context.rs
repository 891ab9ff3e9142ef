//! Where a directive may stand.

/// A part of the configuration.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Context {
    /// Outside of every section.
    Server,
    /// In a `<VirtualHost>`.
    Host,
    /// In a `<Location>` or a `<LocationMatch>`.
    Location,
    /// In a `<Proxy>` or a `<ProxyMatch>`.
    Backends,
}

impl Context {
    /// Every part.
    pub(super) const EVERYWHERE: &'static [Self] =
        &[Self::Server, Self::Host, Self::Location, Self::Backends];
    /// Every part but those that are about backends.
    pub const ALL: &'static [Self] = &[Self::Server, Self::Host, Self::Location];
    /// The main server only.
    pub(super) const SERVER: &'static [Self] = &[Self::Server];
    /// Each server of its own.
    pub(super) const HOSTS: &'static [Self] = &[Self::Server, Self::Host];

    /// Its name, as httpd's manual has it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Server => "server config",
            Self::Host => "virtual host",
            Self::Location => "location",
            Self::Backends => "proxy",
        }
    }

    /// How it is written.
    pub(super) const fn section(self) -> &'static str {
        match self {
            Self::Server => "outside of sections",
            Self::Host => "in `<VirtualHost>`",
            Self::Location => "in `<Location>`",
            Self::Backends => "in `<Proxy>`",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_part_has_a_name_of_its_own() {
        let names = Context::EVERYWHERE.iter().map(|context| context.name());
        assert_eq!(
            names.collect::<Vec<_>>(),
            ["server config", "virtual host", "location", "proxy"]
        );
    }
}
