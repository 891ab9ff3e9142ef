//! Who may come in: pages of which origins, and handshakes of which subprotocols, by a simple reading of the
//! configuration.

use crate::plan::{Ask, Kind, Plan};

/// The status by which that request must be turned away, whatever its backend would say.
pub(super) fn turns_away(plan: &Plan, ask: &Ask) -> Option<u16> {
    if !has_protocol(plan, ask).unwrap_or(true) {
        return Some(404);
    }
    let mut lines = plan.config.iter().map(|line| line.split(' ').collect::<Vec<_>>());
    let origins = lines.find(|words| words[0] == "ProxyWebsocketOrigin")?;
    let is_in = match ask.says("Origin").next() {
        Some(origin) => origins.contains(&origin),
        None => origins.contains(&"missing=allow"),
    };
    (is_upgrade(ask) && !is_in).then_some(403)
}

/// Whether it offers the subprotocol that its rule is for, if that is for one.
pub(super) fn has_protocol(plan: &Plan, ask: &Ask) -> Option<bool> {
    let rule = format!("ProxyPass /{}/ ", ask.to);
    let line = plan.config.iter().find(|line| line.starts_with(&rule))?;
    let protocol = line.split(' ').find_map(|word| word.strip_prefix("protocol="))?;
    let mut offers = ask.says("Sec-WebSocket-Protocol").flat_map(|list| list.split(", "));
    Some(is_upgrade(ask) && offers.any(|offer| offer == protocol))
}

fn is_upgrade(ask: &Ask) -> bool {
    matches!(ask.kind, Kind::Upgrade(_))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::Op;
    use crate::scenario::Scenario;

    fn turned_away(line: &str, field: &str) -> Option<u16> {
        let mut plan = Scenario::Storm.draw(1);
        plan.config = vec![line.to_owned()];
        let op = plan.clients[0].script.swap_remove(0);
        let Op::Ask(mut ask) = op else { unreachable!("a storm begins with a request") };
        (ask.kind, ask.to) = (Kind::Upgrade(0), "b0".to_owned());
        ask.fields = vec![field.to_owned()];
        turns_away(&plan, &ask)
    }

    #[test]
    fn pages_and_handshakes_come_in_that_are_named() {
        let origins = "ProxyWebsocketOrigin http://good";
        assert_eq!(turned_away(origins, "Origin: http://good"), None);
        assert_eq!(turned_away(origins, "Origin: http://evil"), Some(403));
        assert_eq!(turned_away(origins, "X: y"), Some(403));
        assert_eq!(turned_away("ProxyWebsocketOrigin missing=allow a", "X: y"), None);
        let protocol = "ProxyPass /b0/ ws://b0/ protocol=chat";
        assert_eq!(turned_away(protocol, "Sec-WebSocket-Protocol: x, chat"), None);
        assert_eq!(turned_away(protocol, "Sec-WebSocket-Protocol: x"), Some(404));
    }
}
