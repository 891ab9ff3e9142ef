//! Cipher suites: those that we speak, by both of their names.

/// A cipher suite: all of ours seal what they carry and forget their keys.
#[derive(Debug, Eq, PartialEq)]
pub struct Suite {
    /// Its number in a hello.
    pub code: u16,
    /// Its name in the registry of IANA.
    pub name: &'static str,
    /// What OpenSSL calls it, and so does a configuration of httpd's.
    pub openssl: &'static str,
}

impl Suite {
    /// Every one, those that we prefer first: those of TLS 1.3, and then those of 1.2.
    pub const ALL: &'static [Self] = &[
        Self::of_13(0x1302, "TLS_AES_256_GCM_SHA384"),
        Self::of_13(0x1301, "TLS_AES_128_GCM_SHA256"),
        Self::of_13(0x1303, "TLS_CHACHA20_POLY1305_SHA256"),
        Self {
            code: 0xc02c,
            name: "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
            openssl: "ECDHE-ECDSA-AES256-GCM-SHA384",
        },
        Self {
            code: 0xc02b,
            name: "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
            openssl: "ECDHE-ECDSA-AES128-GCM-SHA256",
        },
        Self {
            code: 0xcca9,
            name: "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256",
            openssl: "ECDHE-ECDSA-CHACHA20-POLY1305",
        },
        Self {
            code: 0xc030,
            name: "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
            openssl: "ECDHE-RSA-AES256-GCM-SHA384",
        },
        Self {
            code: 0xc02f,
            name: "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
            openssl: "ECDHE-RSA-AES128-GCM-SHA256",
        },
        Self {
            code: 0xcca8,
            name: "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256",
            openssl: "ECDHE-RSA-CHACHA20-POLY1305",
        },
    ];

    const fn of_13(code: u16, name: &'static str) -> Self {
        Self { code, name, openssl: name }
    }

    /// Whether it is one of TLS 1.3, and none of 1.2: they have no suite in common.
    pub const fn is_of_13(&self) -> bool {
        self.code >> 8 == 0x13
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_suite_has_a_number_and_names_of_its_own() {
        for (number, suite) in Suite::ALL.iter().enumerate() {
            let before = &Suite::ALL[..number];
            assert!(before.iter().all(|it| it.code != suite.code && it.name != suite.name));
            assert!(before.iter().all(|it| it.openssl != suite.openssl));
        }
    }
}
