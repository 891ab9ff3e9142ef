//! What the configuration makes of the heads of a request, before it is routed.

use crate::edit::{BadValue, Changes, Known};
use crate::head::Request;
use crate::negotiate::Refusal;
use crate::route::{Caller, Rules};

/// What is made of the heads of that request. If a field cannot hold what it is to hold, the request is refused,
/// and the refusal's head gets what depends on no request.
pub(super) fn changes(
    request: &Request<'_, '_>,
    caller: Caller,
    rules: &Rules,
) -> (Changes, Result<(), Refusal>) {
    let host = rules.host(caller.door, request.host());
    match of(Some(request), host, caller, rules) {
        Ok(changes) => (changes, Ok(())),
        Err(BadValue) => (without(host, caller, rules), Err(Refusal::BadValue)),
    }
}

/// What is made of the head of an answer to what could not be read: by the first host at the door.
pub(super) fn unread(caller: Caller, rules: &Rules) -> Changes {
    without(rules.host(caller.door, None), caller, rules)
}

fn without(host: usize, caller: Caller, rules: &Rules) -> Changes {
    of(None, host, caller, rules).unwrap_or(Changes::none(host))
}

fn of(
    request: Option<&Request<'_, '_>>,
    number: usize,
    caller: Caller,
    rules: &Rules,
) -> Result<Changes, BadValue> {
    let host = &rules.hosts[number];
    if host.heads.is_empty() {
        return Ok(Changes::none(number));
    }
    let known = Known::of(request, caller.client, host);
    Changes::of(number, host, &known)
}
