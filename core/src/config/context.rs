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
}

impl Context {
    /// Every part.
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
        }
    }

    /// How it is written.
    pub(super) const fn section(self) -> &'static str {
        match self {
            Self::Server => "outside of sections",
            Self::Host => "in `<VirtualHost>`",
            Self::Location => "in `<Location>`",
        }
    }
}
