//! Whose certificates are good: `SSLCACertificateFile`, `SSLCARevocationFile`, `SSLVerifyDepth`, and the same for
//! backends.

use super::super::problem::Flaw;
use super::super::words::Word;
use super::{nearest, one_of, texts};
use crate::route::tls::{Paths, Revoked, Trust};

/// What is said of whose certificates are good.
#[derive(Clone, Debug, Default)]
pub(in crate::config) struct Said {
    /// `SSLCACertificateFile`.
    pub(in crate::config) files: Vec<Word>,
    /// `SSLCACertificatePath`.
    pub(in crate::config) folders: Vec<Word>,
    /// `SSLVerifyDepth`.
    pub(in crate::config) depth: Option<u8>,
    /// `SSLCARevocationFile`.
    pub(in crate::config) list_files: Vec<Word>,
    /// `SSLCARevocationPath`.
    pub(in crate::config) list_folders: Vec<Word>,
    /// `SSLCARevocationCheck`, and where it is written.
    pub(in crate::config) asking: Option<(Asking, Word)>,
}

/// Which certificates the lists are asked about.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(in crate::config) enum Asking {
    Nobodys,
    Leaf,
    Chain,
}

/// `none`, `leaf` or `chain`, with flags of httpd's that are not built.
pub(in crate::config) fn asking(args: &[Word]) -> Result<(Asking, Word), Flaw> {
    if let Some(flag) = args.get(1) {
        let flaw = flag.flaw(format!("`{flag}` is not built: who has no list is not let in"));
        return Err(flaw.help("leave it out, and give a list of each issuer"));
    }
    let known = [("none", Asking::Nobodys), ("leaf", Asking::Leaf), ("chain", Asking::Chain)];
    Ok((one_of(&args[0], &known)?, args[0].clone()))
}

impl Said {
    /// What it says, and what `far` says where it says nothing.
    pub(super) fn over(&self, far: &Self) -> Self {
        Self {
            files: nearest(&self.files, &far.files),
            folders: nearest(&self.folders, &far.folders),
            depth: self.depth.or(far.depth),
            list_files: nearest(&self.list_files, &far.list_files),
            list_folders: nearest(&self.list_folders, &far.list_folders),
            asking: self.asking.clone().or_else(|| far.asking.clone()),
        }
    }

    /// Whether no issuer is named.
    pub(super) const fn is_empty(&self) -> bool {
        self.files.is_empty() && self.folders.is_empty()
    }

    /// Every path.
    pub(super) fn paths(&self) -> impl Iterator<Item = &Word> {
        let lists = self.list_files.iter().chain(&self.list_folders);
        self.files.iter().chain(&self.folders).chain(lists)
    }

    /// What it says together; `depth` if it says nothing of that.
    pub(super) fn trust(&self, depth: u8) -> Result<Trust, Flaw> {
        let lists = Paths { files: texts(&self.list_files), folders: texts(&self.list_folders) };
        let revoked = match &self.asking {
            None | Some((Asking::Nobodys, _)) => None,
            Some((_, word)) if lists.is_empty() => {
                let flaw = word.flaw("there is no list of what has been taken back");
                return Err(flaw.help("name its file beside this line"));
            }
            Some((asking, _)) => Some(Revoked { lists, whole_chain: *asking == Asking::Chain }),
        };
        let issuers = Paths { files: texts(&self.files), folders: texts(&self.folders) };
        Ok(Trust { issuers, depth: self.depth.unwrap_or(depth), revoked })
    }

    /// A list that nobody asks, in what these lines and those around them say: `directive` is to ask it.
    pub(super) fn unasked(&self, directive: &str) -> Option<Flaw> {
        let list = self.list_files.first().or(self.list_folders.first())?;
        let flaw = || list.flaw("this list is not asked");
        match &self.asking {
            None => Some(flaw().help(format!("write `{directive} chain` beside it"))),
            Some(_) => None,
        }
    }
}
