//! Where a file is named that core does not open: whoever does can say what is wrong with it in its place.

use super::problem::{Problem, Severity, Text};
use super::words::Word;

/// A path, and where it is written.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Mention {
    /// The path.
    pub path: String,
    place: Problem,
}

impl Mention {
    /// That of a word in those texts.
    pub(super) fn of(word: &Word, texts: &[Text]) -> Self {
        Self { path: word.to_string(), place: word.flaw("").locate(texts) }
    }

    /// What is wrong with the file, as a problem of that line.
    pub fn problem(&self, severity: Severity, message: impl Into<String>) -> Problem {
        Problem { severity, message: message.into(), ..self.place.clone() }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::Files;
    use super::super::{Input, Severity, read};

    #[test]
    fn a_file_is_told_where_it_is_named() {
        let text = "Listen 1\nSSLCertificateFile \"/a b.pem\"\n<Proxy *>\n\
                    SSLProxyMachineCertificateFile /m.pem\n</Proxy>\nProxyPass / wss://b\nSSLProxyEngine on";
        let mut files = Files::new(&[("conf", text)]);
        let read = read(&mut files, &[Input::File("conf".into())], &[]).expect("it is good");
        let told =
            read.mentions.iter().map(|it| it.problem(Severity::Error, &*it.path).to_string());
        assert_eq!(told.collect::<Vec<_>>(), ["conf:2:20: /a b.pem", "conf:4:32: /m.pem"]);
    }
}
