//! Underpass beside other proxies: the same work for each in turn, by one generator, in one run.
//!
//! ```text
//! options ─▶ tasks ─▶ site: proxy (peers, cores) ─┬─ backend ◀─ orders ─▶ crowd · visit (stream, poller)
//!                                                 └─ meter · calls
//!            results ─▶ table · plot
//! ```
//!
//! Times that pass mean little where everything shares a few cores, so what counts is what the proxy uses:
//! CPU by the scheduler's clock, memory, system calls.

pub mod backend;
pub mod calls;
pub mod cores;
pub mod crowd;
pub mod latency;
pub mod memory;
pub mod meter;
pub mod options;
pub mod order;
pub mod peers;
pub mod plot;
pub mod poller;
pub mod proxy;
pub mod results;
pub mod site;
pub mod stalled;
pub mod stream;
pub mod stuck;
pub mod table;
pub mod tasks;
pub mod visit;

use std::collections::BTreeMap;
use std::fs;
use std::io;

use options::Options;
use peers::{OURS, Peer};
use results::{Figure, Front, Results, Row, Sample, Unit};
use site::{Lab, Site};
use tasks::{CROWDS, Scale, TASKS, Task};

/// Measures what the options ask for. A proxy that is not there, or that fails at something, is told of,
/// and left out.
///
/// # Errors
///
/// If ours does not start, or there is nowhere to measure.
pub fn measure(options: &Options) -> io::Result<Results> {
    let lab = Lab::open()?;
    let mut results = Results { machine: machine(lab.cores())?, ..Results::default() };
    let mut sites = Vec::new();
    for peer in [OURS].into_iter().chain(options.peers.iter().copied()) {
        match start(&lab, peer, options.scale().of(CROWDS)) {
            Ok((site, version)) => {
                results.versions.insert(peer.name.to_owned(), version);
                sites.push(site);
            }
            Err(error) if peer.name == OURS.name => return Err(error),
            Err(error) => eprintln!("compare: left out: {error}"),
        }
    }
    for task in TASKS.iter().filter(|task| options.wants(task.name)) {
        for &front in task.fronts {
            results.rows.extend(all_turns(task, front, &sites, options.scale()));
        }
    }
    Ok(results)
}

fn start<'l>(lab: &'l Lab, peer: &'static Peer, most: usize) -> io::Result<(Site<'l>, String)> {
    let version = peer.version()?;
    Ok((Site::start(lab, peer, most, "")?, version))
}

/// Lets all proxies take their turns at one task.
fn all_turns(task: &Task, front: Front, sites: &[Site<'_>], scale: Scale) -> Vec<Row> {
    let mut book = Book::default();
    for round in 1..=scale.of(task.rounds) {
        for site in sites {
            let name = site.peer().name;
            eprintln!("compare: {} {front:?}, round {round}, {name}", task.name);
            match (task.turn)(site, front, scale) {
                Ok(samples) => samples.into_iter().for_each(|sample| book.note(name, sample)),
                Err(error) => eprintln!("compare: left out: {} of {name}: {error}", task.name),
            }
        }
    }
    book.rows(front)
}

/// The samples of one task.
#[derive(Debug, Default)]
struct Book(Vec<Page>);

/// The samples of one thing, by the proxy's name.
#[derive(Debug)]
struct Page {
    what: String,
    unit: Unit,
    values: BTreeMap<String, Vec<f64>>,
}

impl Book {
    fn note(&mut self, name: &str, Sample { what, unit, value }: Sample) {
        let known = self.0.iter().position(|page| page.what == what);
        let at = known.unwrap_or_else(|| {
            self.0.push(Page { what, unit, values: BTreeMap::new() });
            self.0.len() - 1
        });
        self.0[at].values.entry(name.to_owned()).or_default().push(value);
    }

    fn rows(self, front: Front) -> Vec<Row> {
        let row = |Page { what, unit, values }| {
            let figures = values.into_iter().filter_map(|(name, of)| Some((name, Figure::of(of)?)));
            Row { what, front, unit, figures: figures.collect() }
        };
        self.0.into_iter().map(row).collect()
    }
}

/// The machine, in words.
fn machine(cores: u32) -> io::Result<String> {
    let text = fs::read_to_string("/proc/cpuinfo")?;
    let model = text.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    let model = model.map_or("a processor without a name", |(_, model)| model);
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease")?;
    Ok(format!("{cores} cores of {model}, Linux {}", kernel.trim()))
}
