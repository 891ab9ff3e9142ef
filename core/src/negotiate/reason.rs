//! Stage 3 of 6 · the reason phrases of the statuses that we may have to say.

/// The phrase of 200 and of the statuses of 400 to 599, as the registry of IANA has it; empty if it has none, which
/// a status line may have as well (RFC 9112 §4).
pub(crate) const fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        400 => "Bad Request",
        401 => "Unauthorized",
        402 => "Payment Required",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        406 => "Not Acceptable",
        407 => "Proxy Authentication Required",
        408 => "Request Timeout",
        409 => "Conflict",
        410 => "Gone",
        411 => "Length Required",
        412 => "Precondition Failed",
        413 => "Content Too Large",
        414 => "URI Too Long",
        415 => "Unsupported Media Type",
        416 => "Range Not Satisfiable",
        417 => "Expectation Failed",
        421 => "Misdirected Request",
        422 => "Unprocessable Content",
        423 => "Locked",
        424 => "Failed Dependency",
        425 => "Too Early",
        426 => "Upgrade Required",
        428 => "Precondition Required",
        429 => "Too Many Requests",
        431 => "Request Header Fields Too Large",
        451 => "Unavailable For Legal Reasons",
        500 => "Internal Server Error",
        501 => "Not Implemented",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        505 => "HTTP Version Not Supported",
        506 => "Variant Also Negotiates",
        507 => "Insufficient Storage",
        508 => "Loop Detected",
        511 => "Network Authentication Required",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As hyper has them, but for those that RFC 9110 has renamed.
    #[test]
    fn every_status_that_we_may_say_has_its_phrase() {
        for status in 400..600 {
            let known = hyper::StatusCode::from_u16(status).expect("it is a status");
            let phrase = match status {
                413 => "Content Too Large",
                422 => "Unprocessable Content",
                418 | 510 => "",
                _ => known.canonical_reason().unwrap_or_default(),
            };
            assert_eq!(reason(status), phrase, "{status}");
        }
        assert_eq!((reason(200), reason(201), reason(600)), ("OK", "", ""));
    }
}
