//! An open tunnel costs no allocation: none between its first byte behind the heads and its first FIN,
//! however many messages pass and however slowly they are taken; and it holds no buffer.

mod world;

use std::alloc::{GlobalAlloc, Layout, System};
use std::collections::VecDeque;

use underpass_core::report::Close;
use underpass_core::{Op, Pumped, Session, Side};
use world::{CONF, Luck, Rng, World, heads, rules};

/// The system's allocator, which counts for each thread: the harness has threads of its own.
struct Counting;

#[global_allocator]
static COUNTING: Counting = Counting;

thread_local! {
    #[expect(clippy::disallowed_types, reason = "an allocator has no `&mut self`")]
    static CALLS: std::cell::Cell<usize> = const { std::cell::Cell::new(0) };
}

/// Allocations, reallocations and frees of this thread so far.
fn calls() -> usize {
    CALLS.with(|calls| calls.get())
}

fn count() {
    CALLS.with(|calls| calls.set(calls.get() + 1));
}

// SAFETY: every call goes to the system's allocator with the arguments that it came with; counting
// touches a thread-local number only, which neither allocates nor has a destructor.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count();
        // SAFETY: the caller keeps the contract of `alloc`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, place: *mut u8, layout: Layout) {
        count();
        // SAFETY: `place` came from `System` by `alloc` or `realloc`, with this layout.
        unsafe { System.dealloc(place, layout) }
    }

    unsafe fn realloc(&self, place: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count();
        // SAFETY: as for `dealloc`; `size` is the caller's.
        unsafe { System.realloc(place, layout, size) }
    }
}

const MESSAGES: usize = 5_000;
const LONGEST: usize = 3_000;

/// Each write takes a part only, and now and then nothing.
fn partial(op: Op, rng: &mut Rng) -> Luck {
    match (matches!(op, Op::Push(_)), rng.permille(200)) {
        (true, true) => Luck::Block,
        (true, false) => Luck::Move(1 + rng.below(LONGEST)),
        (false, _) => world::wires::CALM,
    }
}

/// A tunnel whose residue is out both ways, between peers that need no further memory.
fn tunnel(rules: &underpass_core::route::Rules) -> World<'_> {
    let mut world = World::new(rules);
    world.hear(Side::Client, &format!("{}early", heads::ask("")));
    world.hear(Side::Backend, &format!("{}early", heads::switch("")));
    for side in Side::BOTH {
        assert!(world.heard(side).ends_with("\r\n\r\nearly"));
        world.wires.peers[side].to_come = VecDeque::with_capacity(2 * LONGEST);
        world.wires.peers[side].heard = Vec::with_capacity(2 * LONGEST);
        world.wires.carriers[side] = VecDeque::with_capacity(2 * LONGEST);
    }
    let mut rng = Rng::new(1);
    world.wires.luck = Box::new(move |op| partial(op, &mut rng));
    world
}

#[test]
fn messages_cost_no_allocation() {
    let rules = rules(CONF);
    let mut world = tunnel(&rules);
    let (mut rng, bytes) = (Rng::new(2), [7; LONGEST]);
    let before = calls();
    for _ in 0..MESSAGES {
        let from = rng.of(&Side::BOTH);
        let message = &bytes[..1 + rng.below(LONGEST)];
        world.wires.peers[from].to_come.extend(message);
        while world.wires.peers[!from].heard.len() < message.len() {
            assert!(matches!(world.pump(8), Pumped::Waiting(_) | Pumped::Again));
        }
        world.wires.peers[!from].heard.clear();
        let _ = world.settle();
        assert_eq!(world.buffers.leased(), 0, "a buffer is held while nothing is under way");
    }
    assert_eq!(calls() - before, 0, "calls of the allocator for {MESSAGES} messages");
    for side in Side::BOTH {
        world.end(side);
    }
    assert!(calls() > before, "the allocator counts nothing");
    assert_eq!(world.report().close, Close::Ended(Side::Client));
}

/// What waits for a slow reader is in the carrier, not in a buffer of core's.
#[test]
fn a_tunnel_holds_no_buffer_while_it_waits() {
    let rules = rules(CONF);
    let mut world = tunnel(&rules);
    world.wires.luck = Box::new(|_| world::wires::CALM);
    world.wires.peers.backend.window = Some(2);
    world.hear(Side::Client, "hello");
    assert_eq!((world.buffers.leased(), world.session.held()), (0, 0));
    assert_eq!(world.session.flows().client.in_flight(), 3);
}

/// The memory that each of very many idle tunnels needs.
#[test]
fn a_session_is_small() {
    let size = size_of::<Session>();
    eprintln!("a session has {size} bytes");
    assert!(size <= 208, "{size}");
}
