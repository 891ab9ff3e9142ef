//! A breadth-first search over everything that can happen to a session: each state once, each way out
//! of it once, and the shortest way to whatever breaks a law.

mod heard;
mod laws;
mod order;
mod prospects;
mod scene;
mod script;
pub(crate) mod situations;
mod state;
pub(crate) mod table;

use std::collections::{BTreeSet, VecDeque};
use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};

use underpass_core::route::Rules;

pub(crate) use scene::Event;
pub(crate) use script::{Exchange, Script};

use crate::world::World;
use crate::world::rows::{asks_for, outcome, words};
use crate::world::step::Step;
use laws::Before;
use scene::Scene;
use state::canonical;

/// How many states a situation may have. If it has more, something in a session grows without end and
/// must be folded in `state.rs`, or the situation is to be smaller.
const STATES_MOST: usize = 100_000;

/// What a search has found.
#[derive(Clone, Debug, Default)]
pub(crate) struct Found {
    pub(crate) states: usize,
    pub(crate) steps: usize,
    /// How many events lead to the state that is the farthest away.
    pub(crate) farthest: usize,
    pub(crate) rows: BTreeSet<Row>,
}

impl Found {
    /// What both have found.
    pub(crate) fn and(self, other: &Self) -> Self {
        Self {
            states: self.states + other.states,
            steps: self.steps + other.steps,
            farthest: self.farthest.max(other.farthest),
            rows: &self.rows | &other.rows,
        }
    }
}

/// How much it is.
impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { states, steps, farthest, rows } = self;
        write!(f, "{states:>7} {steps:>8} {farthest:>9} {:>6}", rows.len())
    }
}

/// What can happen in a state and what comes of it, in the words of `table.txt`.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) struct Row {
    /// The state, and what it asks for.
    pub(crate) state: String,
    /// The move, or the clock.
    pub(crate) what: String,
    /// What comes of it.
    pub(crate) how: String,
    /// What follows.
    pub(crate) outcome: String,
}

/// One search.
struct Search<'s> {
    script: &'s Script,
    rules: &'s Rules,
    seen: BTreeSet<u64>,
    /// States whose ways out are not known yet.
    open: VecDeque<Place>,
    /// What the rows are made of, to make each once: the row without its outcome, and the next state.
    made: BTreeSet<(String, String, String, u64)>,
    found: Found,
}

/// A state, and the first word that led to it.
struct Place {
    word: Vec<Event>,
    name: u64,
    events: Vec<Event>,
}

impl Script {
    /// Finds every state that the script can lead to.
    ///
    /// # Panics
    ///
    /// If a law is broken; the shortest way to it is printed.
    pub(crate) fn search(&self) -> Found {
        let rules = self.rules();
        let mut search = Search {
            script: self,
            rules: &rules,
            seen: BTreeSet::new(),
            open: VecDeque::new(),
            made: BTreeSet::new(),
            found: Found::default(),
        };
        let start = search.after(&[]);
        search.arrive(name(&start), start, &[]);
        while let Some(place) = search.open.pop_front() {
            for &event in &place.events {
                search.step(&place, event);
            }
        }
        search.found
    }
}

impl<'s> Search<'s> {
    /// A session cannot be copied: each word is played from the start.
    fn after(&self, word: &[Event]) -> Scene<'s> {
        Scene::after(self.script, self.rules, word)
    }

    fn step(&mut self, place: &Place, event: Event) {
        let mut scene = self.after(&place.word);
        let before = Before::of(&scene);
        let row = Row::of(&scene.world, event);
        let word = [&place.word[..], &[event]].concat();
        self.lawful(&word, || {
            scene.happens(event);
            before.check(&scene, event);
        });
        let name = name(&scene);
        let still = event == Event::Step(Step::Clock) && name == place.name;
        self.lawful(&word, || assert!(!still, "a clock that changes nothing"));
        self.found.steps += 1;
        if let Event::Step(step) = event {
            self.note(row, &scene, name, &word, step);
        }
        self.arrive(name, scene, &word);
    }

    /// Looks at where a word has led, if that is new.
    fn arrive(&mut self, name: u64, mut scene: Scene<'s>, word: &[Event]) {
        if !self.seen.insert(name) {
            return;
        }
        self.found.states += 1;
        assert!(self.found.states <= STATES_MOST, "there is no end of states");
        self.found.farthest = self.found.farthest.max(word.len());
        if !scene.world.session.is_closed() {
            let events = self.lawful(word, || scene.events());
            self.open.push_back(Place { word: word.to_vec(), name, events });
            self.lawful(word, || prospects::stands_still(&mut scene));
            self.lawful(word, || prospects::comes_to_an_end(&mut self.after(word)));
        }
    }

    /// Notes what the last step of a word does.
    fn note(&mut self, row: Row, scene: &Scene<'_>, name: u64, word: &[Event], step: Step) {
        let Row { state, what, how, .. } = row.clone();
        if self.made.insert((state, what, how, name)) {
            // What is told of an end is known once it is told.
            let outcome = match scene.world.session.state() {
                "Release" => outcome(&mut self.after(word).world, step),
                state => format!("{state}: {}", asks_for(&scene.world)),
            };
            self.found.rows.insert(Row { outcome, ..row });
        }
    }

    /// Makes a check; where it fails, says what has led there.
    fn lawful<T>(&self, word: &[Event], check: impl FnOnce() -> T) -> T {
        let check = std::panic::AssertUnwindSafe(check);
        std::panic::catch_unwind(check).unwrap_or_else(|why| {
            eprintln!("the shortest way there:\n{}", Trail(self, word));
            std::panic::resume_unwind(why)
        })
    }
}

/// The state of a scene as a number.
fn name(scene: &Scene<'_>) -> u64 {
    let mut hasher = DefaultHasher::new();
    canonical(scene).hash(&mut hasher);
    hasher.finish()
}

impl Row {
    /// What is about to happen; what comes of it is not known yet.
    fn of(world: &World<'_>, event: Event) -> Self {
        let state = format!("{}: {}", world.session.state(), asks_for(world));
        let (what, how) = match event {
            Event::Step(step) => words(step, world),
            Event::Doze => ("time".into(), "almost until the clock runs out".into()),
            Event::Free => ("the worker".into(), "a place is free".into()),
        };
        Self { state, what, how, outcome: String::new() }
    }
}

/// A word, event by event, each with what was asked for before it.
struct Trail<'a, 's>(&'a Search<'s>, &'a [Event]);

impl fmt::Display for Trail<'_, '_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(search, word) = self;
        for (number, event) in word.iter().enumerate() {
            let scene = search.after(&word[..number]);
            let Row { state, what, how, .. } = Row::of(&scene.world, *event);
            writeln!(f, "{:3}. {state}\n     {what}: {how}", number + 1)?;
        }
        Ok(())
    }
}
