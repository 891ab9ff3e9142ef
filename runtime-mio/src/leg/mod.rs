//! Legs: the two connections of a session, as a driver reads and writes them.

mod plain;

pub(crate) use plain::Leg;

use std::io;
use underpass_core::Fault;

/// The word that core knows for an error of the system.
pub(crate) fn fault(error: &io::Error) -> Fault {
    use rustix::io::Errno;
    match Errno::from_io_error(error) {
        // That a Unix socket would block tells that too many wait to be accepted there already.
        Some(Errno::CONNREFUSED | Errno::AGAIN) => Fault::Refused,
        Some(Errno::CONNRESET | Errno::CONNABORTED) => Fault::Reset,
        Some(Errno::PIPE | Errno::NOTCONN) => Fault::Closed,
        Some(Errno::TIMEDOUT) => Fault::TimedOut,
        Some(Errno::HOSTUNREACH | Errno::NETUNREACH | Errno::NETDOWN | Errno::NOENT) => {
            Fault::Unreachable
        }
        Some(Errno::ADDRNOTAVAIL | Errno::ADDRINUSE) => Fault::Resources,
        _ if is_exhaustion(error) => Fault::Resources,
        _ => Fault::Other,
    }
}

/// Whether the process or the machine has no descriptor, buffer or memory left (R56).
pub(crate) fn is_exhaustion(error: &io::Error) -> bool {
    use rustix::io::Errno;
    let exhausted = [Errno::MFILE, Errno::NFILE, Errno::NOBUFS, Errno::NOMEM];
    error
        .raw_os_error()
        .is_some_and(|code| exhausted.iter().any(|errno| errno.raw_os_error() == code))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::io::Errno;

    #[test]
    fn errors_of_the_system_have_their_words() {
        let rows = [
            (Errno::CONNREFUSED, Fault::Refused),
            (Errno::AGAIN, Fault::Refused),
            (Errno::NOENT, Fault::Unreachable),
            (Errno::CONNRESET, Fault::Reset),
            (Errno::PIPE, Fault::Closed),
            (Errno::TIMEDOUT, Fault::TimedOut),
            (Errno::HOSTUNREACH, Fault::Unreachable),
            (Errno::MFILE, Fault::Resources),
            (Errno::ADDRNOTAVAIL, Fault::Resources),
            (Errno::ADDRINUSE, Fault::Resources),
            (Errno::INVAL, Fault::Other),
        ];
        for (errno, word) in rows {
            assert_eq!(fault(&io::Error::from(errno)), word);
        }
    }
}
