//! The files of `sim/mutants`: what is wrong, in words; then the patch.

use std::fs;
use std::path::{Path, PathBuf};

use super::{Failure, steps};
use crate::plan::Plan;

/// A planted bug.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(super) struct Mutant {
    /// The name of its file.
    pub(super) name: String,
    /// Its file.
    pub(super) path: PathBuf,
    /// How many clients, and how many steps of theirs, a plan may have that it is found by.
    pub(super) clients: usize,
    pub(super) steps: usize,
}

/// The patches of a folder.
pub(super) fn all(folder: &Path) -> Result<Vec<Mutant>, Failure> {
    list(folder)?.into_iter().map(Mutant::read).collect()
}

/// Those of these names, or all of them if there are no names.
pub(super) fn named(mut all: Vec<Mutant>, names: &[String]) -> Result<Vec<Mutant>, Failure> {
    if let Some(unknown) = names.iter().find(|name| all.iter().all(|one| one.name != **name)) {
        return Err(Failure::Asked(format!("there is no mutant {unknown}")));
    }
    all.retain(|one| names.is_empty() || names.contains(&one.name));
    Ok(all)
}

fn list(folder: &Path) -> Result<Vec<PathBuf>, Failure> {
    let failed = |error| Failure::file(folder, &error);
    let entries = fs::read_dir(folder).map_err(failed)?;
    let paths = entries.map(|entry| entry.map(|entry| entry.path()).map_err(failed));
    let mut paths: Vec<_> = paths.collect::<Result<_, _>>()?;
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "patch"));
    paths.sort();
    Ok(paths)
}

impl Mutant {
    /// Whether a plan that it is found by is as small as it should be.
    pub(super) fn is_small(&self, plan: &Plan) -> bool {
        plan.clients.len() <= self.clients && steps(plan) <= self.steps
    }

    fn read(path: PathBuf) -> Result<Self, Failure> {
        let text = fs::read_to_string(&path).map_err(|error| Failure::file(&path, &error))?;
        let (clients, steps) = needs(&text)
            .map_err(|line| Failure::Asked(format!("{}: {line:?}: {FORM:?}", path.display())))?;
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        Ok(Self { name, path, clients, steps })
    }
}

/// What a line says by which a bug may need more than [`SMALL`].
const FORM: &str = "Needs: 2 clients, 4 steps";
/// One client that takes three steps is enough for a bug that says nothing.
const SMALL: (usize, usize) = (1, 3);

/// What the text before a patch says that its bug needs; else the line that cannot be read.
fn needs(text: &str) -> Result<(usize, usize), &str> {
    let mut words = text.lines().take_while(|line| !line.starts_with("--- "));
    let Some(line) = words.find(|line| line.starts_with("Needs:")) else { return Ok(SMALL) };
    match line.split([' ', ',']).collect::<Vec<_>>()[..] {
        ["Needs:", clients, "clients", "", steps, "steps"] => {
            clients.parse().and_then(|clients| Ok((clients, steps.parse()?))).map_err(|_| line)
        }
        _ => Err(line),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bug_is_found_by_one_client_unless_it_says_that_it_needs_more() {
        let patch = "--- a/core/src/op.rs\n+++ b/core/src/op.rs\n";
        assert_eq!(needs(&format!("Why.\n\n{patch}")), Ok((1, 3)));
        assert_eq!(needs(&format!("Why.\n\n{FORM}\n\n{patch}")), Ok((2, 4)));
        assert_eq!(needs(&format!("Why.\n\n{patch}Needs: 9 clients, 9 steps\n")), Ok((1, 3)));
        for bad in ["Needs: 2 clients", "Needs: two clients, 4 steps", "Needs: 2 steps, 4 clients"]
        {
            assert_eq!(needs(bad), Err(bad));
        }
    }

    #[test]
    fn a_bug_that_is_not_there_is_not_passed_over() {
        let mutant = |name: &str| Mutant { name: name.to_owned(), ..Mutant::default() };
        let names = |asked: &[&str]| {
            let asked: Vec<_> = asked.iter().map(|&name| name.to_owned()).collect();
            let named = named(vec![mutant("one"), mutant("two")], &asked).ok()?;
            Some(named.into_iter().map(|one| one.name).collect::<Vec<_>>())
        };
        assert_eq!(names(&[]), Some(vec!["one".to_owned(), "two".to_owned()]));
        assert_eq!(names(&["two"]), Some(vec!["two".to_owned()]));
        assert_eq!(names(&["two", "three"]), None);
    }

    /// The folder as it is: every patch can be read, and says why it is a bug.
    #[test]
    fn every_patch_says_what_is_wrong() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("mutants");
        let mutants = all(&folder).expect("they can be read");
        assert!(mutants.len() >= 20, "{}", mutants.len());
        for mutant in mutants {
            let text = fs::read_to_string(&mutant.path).expect("it is there");
            assert!(text.find("\n--- a/core/src/").is_some_and(|at| at > 20), "{}", mutant.name);
        }
    }
}
