//! What a tunnel holds whose reader does not read.

use std::io;
use std::time::Duration;

use super::crowd::Crowd;
use super::meter::queued;
use super::order::Order;
use super::results::{Front, Sample, Unit};
use super::site::Site;
use super::tasks::Scale;

/// A sender that has sent nothing for so long is held up.
const STILL: Duration = Duration::from_millis(500);

/// The bytes that such a tunnel holds in the proxy, and in the kernel for it; as things are by default, and
/// with a bound where the proxy has one.
///
/// # Errors
///
/// If the tunnel breaks.
pub fn held(site: &Site<'_>, front: Front, _: Scale) -> io::Result<Vec<Sample>> {
    let what = "bytes held by a tunnel whose client does not read".to_owned();
    let bounded = format!("{what}, bounded to 64 KiB");
    let all = [(what, Some("")), (bounded, site.peer().bound)];
    let wanted = all.into_iter().filter_map(|(what, more)| Some((what, more?)));
    wanted
        .map(|(what, more)| {
            let value = held_by(&site.fresh(1, more)?, front)?;
            Ok(Sample { what, unit: Unit::Bytes, value })
        })
        .collect()
}

/// What the backend has sent, without what is still in its own socket, and without what has come to the
/// client's.
fn held_by(site: &Site<'_>, front: Front) -> io::Result<f64> {
    let mut crowd = Crowd::open(&site.door(front), 1)?;
    crowd.only_ask(&Order::down(1 << 40))?;
    let sent = site.backend.until_still(STILL);
    let [unsent, _] = queued(Some(site.backend.address().port()), None)?;
    let [_, unread] = queued(None, Some(site.plain().port()))?;
    Ok(sent as f64 - unsent as f64 - unread as f64)
}
