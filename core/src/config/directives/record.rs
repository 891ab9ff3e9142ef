//! Which sessions are recorded, to be replayed elsewhere, and how much of the disk that may take.

use core::num::NonZeroU32;

use super::{SERVER, set};
use crate::config::problem::Flaw;
use crate::config::table::{Directive, Origin};
use crate::config::values::number;
use crate::config::words::Word;

pub(super) static DIRECTIVES: &[Directive] = &[
    Directive {
        name: "RecordTunnels",
        args: "Off|On|1/number",
        default: Some("Off"),
        context: SERVER,
        origin: Origin::Ours,
        summary: "Whether what happens to each connection, or to one of so many in each event loop, is \
                  written down, without payload and secrets, to be replayed by underpass-sim replay.",
        example: "RecordTunnels 1/100",
        count: 1..=1,
        apply: |loader, args| set(&mut loader.draft.recording.every, every(&args[0])),
    },
    Directive {
        name: "RecordFolder",
        args: "folder",
        default: Some("traces"),
        context: SERVER,
        origin: Origin::Ours,
        summary: "Where the traces are written, one file for each connection; it is made if it is missing.",
        example: "RecordFolder /var/lib/underpass/traces",
        count: 1..=1,
        apply: |loader, args| set(&mut loader.draft.recording.folder, folder(&args[0])),
    },
    Directive {
        name: "RecordLimit",
        args: "mebibytes",
        default: Some("100"),
        context: SERVER,
        origin: Origin::Ours,
        summary: "How much the traces in the folder may take together; the oldest ones go first.",
        example: "RecordLimit 1000",
        count: 1..=1,
        apply: |loader, args| {
            set(&mut loader.draft.recording.mebibytes, number(&args[0], 1..=1_048_576))
        },
    },
];

fn every(word: &Word) -> Result<Option<NonZeroU32>, Flaw> {
    if word.is("Off") || word.is("On") {
        return Ok(NonZeroU32::new(u32::from(word.is("On"))));
    }
    match word.text().find('/').map(|slash| word.split_at(slash + 1)) {
        Some((one, many)) if one.text() == "1/" => number(&many, 1..=u32::MAX).map(NonZeroU32::new),
        _ => Err(word.flaw(format!("`{word}` is neither `On` nor `Off` nor `1/` and a number"))),
    }
}

fn folder(word: &Word) -> Result<String, Flaw> {
    match word.text() {
        "" => Err(word.flaw("a folder has a name")),
        folder => Ok(folder.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::testing::{good, problem};

    #[test]
    fn all_none_or_one_of_so_many_are_recorded() {
        let every = |value: &str| good(&format!("RecordTunnels {value}")).recording.every;
        assert_eq!((every("Off"), every("on")), (None, NonZeroU32::new(1)));
        assert_eq!((every("1/1"), every("1/250")), (NonZeroU32::new(1), NonZeroU32::new(250)));
        let neither = "neither `On` nor `Off` nor `1/` and a number";
        for value in ["yes", "2/3", "1", "/2"] {
            let message = format!("conf:1:15: `{value}` is {neither}");
            assert_eq!(problem(&format!("RecordTunnels {value}")), message);
        }
        assert_eq!(
            problem("RecordTunnels 1/0"),
            "conf:1:17: 0 is not in the range 1 to 4294967295"
        );
        assert_eq!(problem("RecordTunnels 1/"), "conf:1:17: `` is not a whole number");
        assert_eq!(problem("RecordFolder ''"), "conf:1:14: a folder has a name");
    }
}
