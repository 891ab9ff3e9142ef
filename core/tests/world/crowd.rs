//! Many sessions before one pool.

use std::collections::VecDeque;

use underpass_core::balance::Pool;
use underpass_core::route::Rules;
use underpass_core::time::Wait;
use underpass_core::{Side, limits};

use super::World;

/// Sessions that share one pool: it is lent to the one that is pumped.
pub(crate) struct Crowd<'r> {
    pub(crate) pool: Pool<usize>,
    pub(crate) worlds: Vec<World<'r>>,
}

impl<'r> Crowd<'r> {
    /// So many sessions that nobody has said anything to.
    pub(crate) fn new(rules: &'r Rules, count: usize) -> Self {
        let mut worlds: Vec<_> = (0..count).map(|_| World::new(rules)).collect();
        worlds.iter_mut().zip(1..).for_each(|(world, name)| world.wires.who = name);
        Self { pool: Pool::new(rules, limits::PENDING), worlds }
    }

    /// Something happens to one session, and then to those whose turn has come by it.
    pub(crate) fn with(&mut self, number: usize, happens: impl FnOnce(&mut World<'r>)) {
        self.lend(number, happens);
        let mut woken = VecDeque::from(self.pool.take_woken());
        while let Some(name) = woken.pop_front() {
            self.go_on(name - 1);
            woken.extend(self.pool.take_woken());
        }
    }

    fn lend(&mut self, number: usize, happens: impl FnOnce(&mut World<'r>)) {
        let world = &mut self.worlds[number];
        std::mem::swap(&mut self.pool, &mut world.wires.pool);
        happens(world);
        std::mem::swap(&mut self.pool, &mut world.wires.pool);
    }

    fn go_on(&mut self, number: usize) {
        self.lend(number, |world| {
            let _ = world.settle();
        });
    }

    /// One side of a session says something, and everything that follows from it happens.
    pub(crate) fn hear(&mut self, number: usize, from: Side, bytes: &str) {
        self.with(number, |world| world.hear(from, bytes));
    }

    /// Time passes for all.
    pub(crate) fn pass(&mut self, wait: Wait) {
        (0..self.worlds.len()).for_each(|number| self.with(number, |world| world.pass(wait)));
    }

    /// The state of each.
    pub(crate) fn states(&self) -> Vec<&'static str> {
        self.worlds.iter().map(|world| world.session.state()).collect()
    }

    /// Leases out, and handshakes under way.
    pub(crate) fn counts(&self) -> (u32, u32) {
        (self.pool.busy(), self.pool.pending())
    }

    /// Both sides of a session end.
    pub(crate) fn leaves(&mut self, number: usize) {
        self.with(number, |world| {
            world.end(Side::Client);
            world.end(Side::Backend);
        });
    }
}
