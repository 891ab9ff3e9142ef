//! What must be true of a session that has ended.

use underpass_core::head::{Buffers, Response, Scan, slots};
use underpass_core::limits::Limits;
use underpass_core::report::{Close, Report};

use crate::wires::{Wires, head_of};

/// Judges wires whose session is closed.
pub fn judge(wires: &Wires<'_>, buffers: &Buffers) {
    assert_eq!(buffers.leased(), 0, "a buffer is lost");
    assert_eq!((wires.pool.busy(), wires.pool.pending()), (0, 0), "a lease is lost");
    let [report] = wires.reports[..] else { panic!("{} reports", wires.reports.len()) };
    request(wires, &report);
    response(wires, &report);
    if let Close::Ended(_) = report.close {
        let told = wires.shut.iter().all(|&shut| shut);
        assert!(told, "it ended well, and somebody was not told");
        assert_eq!(report.pulled, report.pushed, "it ended well, and bytes are missing");
    }
}

/// What the backend got behind its head is what the client sent behind its own, up to some point.
fn request(wires: &Wires<'_>, report: &Report) {
    let got = &wires.got.backend;
    let behind = &got[head_of(got).unwrap_or(got.len())..];
    assert_eq!(report.pushed.client, behind.len() as u64, "the backend got another count");
    // An empty line before the request belongs to no head.
    let sent = wires.sends.client.strip_prefix(b"\r\n").unwrap_or(wires.sends.client);
    let sent = &sent[head_of(sent).unwrap_or(sent.len())..];
    assert!(sent.starts_with(behind), "the backend got other bytes");
    assert!(report.pulled.client >= report.pushed.client, "more went out than came in");
    assert!(report.pulled.client <= sent.len() as u64, "more came in than was sent");
}

/// What the client got behind the final head is what the backend sent behind its own, up to some
/// point; or it is all ours.
fn response(wires: &Wires<'_>, report: &Report) {
    let got = &wires.got.client;
    let Some((status, head)) = final_head(got) else {
        assert_eq!(report.pushed.backend, 0, "bytes went, and no head before them");
        return;
    };
    assert_eq!(status, report.status, "the client got another status");
    if let Close::Refused(_) = report.close {
        assert_eq!(report.pushed.backend, 0, "we refused, and bytes went");
        return;
    }
    let sent = wires.sends.backend;
    let (_, start) = final_head(sent).expect("who answers sends a head");
    let (behind, sent) = (&got[head..], &sent[start..]);
    assert_eq!(report.pushed.backend, behind.len() as u64, "the client got another count");
    assert!(sent.starts_with(behind), "the client got other bytes");
    assert!(report.pulled.backend >= report.pushed.backend, "more went out than came in");
}

/// The status of the final response of `bytes`, and where its head ends.
fn final_head(bytes: &[u8]) -> Option<(u16, usize)> {
    let mut start = 0;
    loop {
        let limits = Limits { fields: 256, field: u32::MAX, line: u32::MAX, ..Limits::RESPONSE };
        let head = Scan::default().find(&bytes[start..], &limits).ok()??;
        let (from, end) = (start + head.start, start + head.end);
        let mut slots = slots();
        let response = Response::parse(&bytes[from..end], &mut slots).ok()?;
        if !response.is_interim() {
            return Some((response.status, end));
        }
        start = end;
    }
}
