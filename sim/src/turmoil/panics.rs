//! Panics of a run: tokio swallows those of the tasks that it was given.

use std::cell::Cell;
use std::panic;
use std::sync::Once;

thread_local! {
    static PANICS: Cell<u64> = const { Cell::new(0) };
}

/// Begins to count those of this thread anew.
pub(super) fn forget() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let print = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            PANICS.set(PANICS.get() + 1);
            print(info);
        }));
    });
    PANICS.set(0);
}

/// How many there were on this thread since.
pub(super) fn count() -> u64 {
    PANICS.get()
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::task::spawn_local;

    #[test]
    fn a_panic_that_tokio_swallows_is_counted_all_the_same() {
        forget();
        let mut sim = turmoil::Builder::new().build();
        sim.host("host", || async {
            spawn_local(async { panic!("as the test wants it") });
            std::future::pending().await
        });
        assert!((0..3).all(|_| sim.step().is_ok()));
        assert_eq!(count(), 1);
        forget();
        assert_eq!(count(), 0);
    }
}
