//! Long texts that are read: a configuration of many rules, and a body of many chunks.

use underpass_core::config::{self, Config, Input, Nowhere, Source};
use underpass_core::exchange::{Chunks, Run};

/// A file of so many rules, each for a path and a backend of its own.
#[derive(Debug)]
pub struct ManyRules(String);

impl ManyRules {
    /// So many of them.
    pub fn new(count: usize) -> Self {
        let rule = |number| format!("ProxyPass /app{number}/ ws://b{number}.internal:9000/chat/\n");
        Self(["Listen 80\n".to_owned()].into_iter().chain((0..count).map(rule)).collect())
    }

    /// Reads them.
    ///
    /// # Panics
    ///
    /// Never: the rules are good.
    pub fn load(&self) -> Config {
        let file = [Input::File("rules".into())];
        config::load(&mut Only(&self.0), &file, &[]).expect("the rules are good")
    }
}

/// One file, whatever is asked for.
struct Only<'t>(&'t str);

impl Source for Only<'_> {
    fn read(&mut self, _: &str) -> Result<String, String> {
        Ok(self.0.to_owned())
    }

    fn matching(&mut self, _: &str) -> Result<Vec<String>, String> {
        Nowhere.matching("")
    }

    fn variable(&self, name: &str) -> Option<String> {
        Nowhere.variable(name)
    }
}

/// A body of that many bytes of data, in chunks of that size (RFC 9112 §7.1).
pub fn chunked(bytes: usize, size: usize) -> Vec<u8> {
    let chunk = [format!("{size:x}\r\n").into_bytes(), vec![b'x'; size], b"\r\n".to_vec()].concat();
    [chunk.repeat(bytes / size), b"0\r\n\r\n".to_vec()].concat()
}

/// Scans a chunked body; how many runs it took.
///
/// # Panics
///
/// If it is no good one, or does not end.
pub fn scan(mut bytes: &[u8]) -> usize {
    let (mut chunks, mut runs) = (Chunks::default(), 0);
    while !chunks.is_done() {
        let Run { len, .. } = chunks.run(bytes).expect("the chunks are good");
        (bytes, runs) = (&bytes[len..], runs + 1);
    }
    runs
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_read_is_what_was_written() {
        assert_eq!(ManyRules::new(3).load().rules.workers.len(), 3);
        assert!(scan(&chunked(64, 16)) > 0);
    }
}
