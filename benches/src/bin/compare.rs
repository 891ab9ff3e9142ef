//! Underpass beside nginx, HAProxy and httpd, in one run: see [`underpass_benches::compare`].
//!
//! ```sh
//! cargo build --release
//! cargo run --release -p underpass-benches --bin compare -- --peers nginx,haproxy,apache2
//! ```

use std::error::Error;
use std::fs;
use std::io::{self, Write as _};

use clap::Parser as _;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use underpass_benches::compare::options::Options;
use underpass_benches::compare::results::Results;
use underpass_benches::compare::{measure, plot, table};

fn main() -> Result<(), Box<dyn Error>> {
    let options = Options::parse();
    let results: Results = match &options.from {
        Some(file) => serde_json::from_str(&fs::read_to_string(file)?)?,
        None => {
            // Proxies inherit it.
            let limit = getrlimit(Resource::Nofile);
            setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit })?;
            measure(&options)?
        }
    };
    if let Some(file) = &options.json {
        fs::write(file, serde_json::to_string_pretty(&results)? + "\n")?;
    }
    let table = table::table(&results);
    write!(io::stdout(), "{table}")?;
    if let Some(folder) = &options.plots {
        for (name, picture) in plot::plots(&results) {
            fs::write(folder.join(name), picture)?;
        }
    }
    if let Some(page) = &options.readme {
        fs::write(page, table::put(&fs::read_to_string(page)?, &table)?)?;
    }
    Ok(())
}
