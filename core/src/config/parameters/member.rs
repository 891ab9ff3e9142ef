//! What a backend is as one of several.

use super::{Parameter, Subject};
use crate::config::values::{number, some_wait, switch, wait};

pub(super) static PARAMETERS: &[Parameter] = &[
    Parameter {
        of: Subject::Member,
        name: "loadfactor",
        values: "1.00 to 100.00",
        default: Some("1"),
        summary: "Its share beside the others.",
        apply: |options, value| options.member.set_weight(value),
    },
    Parameter {
        of: Subject::Member,
        name: "lbset",
        values: "0 to 99",
        default: Some("0"),
        summary: "Members of a higher set serve only when none of a lower one can.",
        apply: |options, value| {
            options.member.set = number(value, 0..=99)?;
            Ok(())
        },
    },
    Parameter {
        of: Subject::Member,
        name: "route",
        values: "name, less than 64 letters",
        default: None,
        summary: "Whom stickysession= takes to it: what stands behind the separator in the cookie or the parameter.",
        apply: |options, value| options.member.set_route(value),
    },
    Parameter {
        of: Subject::Member,
        name: "redirect",
        values: "name, less than 64 letters",
        default: None,
        summary: "The route of the member that serves its clients while it cannot.",
        apply: |options, value| options.member.set_redirect(value),
    },
    Parameter {
        of: Subject::Member,
        name: "status",
        values: "letters behind + or -",
        default: None,
        summary: "When and whom it serves: D or S nobody, N only who belongs to it, R in the place of one that cannot, \
                  H when no other can; with I it is tried again at once when it has failed. - takes a letter back.",
        apply: |options, value| options.member.set_status(value),
    },
    Parameter {
        of: Subject::Member,
        name: "slowstart",
        values: "time[ms|s|mi|h]; seconds without a unit",
        default: Some("0"),
        summary: "**Ours.** How long its share grows to the whole when it comes back.",
        apply: |options, value| {
            options.member.slow_start = wait(value)?;
            Ok(())
        },
    },
    Parameter {
        of: Subject::Member,
        name: "ejectfails",
        values: "number, 0 for none",
        default: Some("0"),
        summary: "**Ours.** So many answers that do not come, or are none, within ejectwindow= put it out, though it can be reached.",
        apply: |options, value| {
            options.member.ejection.fails = number(value, 0..=u32::MAX)?;
            Ok(())
        },
    },
    Parameter {
        of: Subject::Member,
        name: "ejectwindow",
        values: "time[ms|s|mi|h], more than 0; seconds without a unit",
        default: None,
        summary: "**Ours.** How long such a failure counts; 10 seconds if absent.",
        apply: |options, value| {
            let window = some_wait(value)?;
            options.member.ejection.say(value, |ejection| ejection.window = Some(window));
            Ok(())
        },
    },
    Parameter {
        of: Subject::Member,
        name: "ejecttime",
        values: "time[ms|s|mi|h], more than 0; seconds without a unit",
        default: None,
        summary: "**Ours.** How long it is out then, and twice as long each time that follows soon; 30 seconds if absent.",
        apply: |options, value| {
            let time = some_wait(value)?;
            options.member.ejection.say(value, |ejection| ejection.time = Some(time));
            Ok(())
        },
    },
    Parameter {
        of: Subject::Member,
        name: "ejectlast",
        values: "On|Off",
        default: None,
        summary: "**Ours.** Whether even the last member that is left may be put out so; Off if absent.",
        apply: |options, value| {
            let even_last = switch(value)?;
            options.member.ejection.say(value, |ejection| ejection.even_last = even_last);
            Ok(())
        },
    },
    Parameter {
        of: Subject::Member,
        name: "addresses",
        values: "one|all",
        default: Some("one"),
        summary: "**Ours.** Whether its name stands for one backend, whose addresses are tried in turn (one), or each \
                  of up to 256 addresses is a backend for itself, with this share and these bounds (all): the name is \
                  asked for again every addressttl= seconds, 30 if absent, who is gone gets nothing new and keeps \
                  what it has, and the route of an address is a hash of it with route=.",
        apply: |options, value| options.member.addresses.set(value),
    },
    Parameter {
        of: Subject::Member,
        name: "hctemplate",
        values: "name",
        default: None,
        summary: "The ProxyHCTemplate that says what is not said of its checks here.",
        apply: |options, value| {
            options.member.template = Some(value.clone());
            Ok(())
        },
    },
];
