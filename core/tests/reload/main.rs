//! A configuration that comes after another one: counts and health stay with those who are in both, sessions go on.

mod houses;
mod numbers;
mod pool;
mod sessions;
#[path = "../world/mod.rs"]
mod world;

use underpass_core::route::Rules;

/// The rules of that text, by which something is listened on.
fn rules(text: &str) -> Rules {
    world::rules(&["Listen 80\n", text].concat())
}
