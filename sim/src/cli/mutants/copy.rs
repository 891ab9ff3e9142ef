//! A copy of the workspace, in which one planted bug after the other is built and hunted.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use super::patch::Mutant;
use super::{Failure, steps};
use crate::plan::Plan;

/// A copy of the workspace, and where it is built.
#[derive(Debug)]
pub(super) struct Copy {
    tree: PathBuf,
    target: PathBuf,
    finds: PathBuf,
}

/// What a bug was found by.
#[derive(Debug)]
pub(super) struct Caught {
    /// What kind of thing went wrong.
    pub(super) kind: String,
    /// The plan, once it was cut down.
    pub(super) plan: Plan,
}

/// What of the workspace is not copied, beside what begins with a dot.
const LEFT_OUT: [&str; 2] = ["fuzz", "target"];
/// The profile of the workspace by which the copy is built.
const PROFILE: &str = "mutants";

impl Copy {
    /// Copies the workspace to a folder; what was built there before is used again.
    pub(super) fn make(workspace: &Path, folder: &Path) -> Result<Self, Failure> {
        let [tree, target, finds] = ["tree", "target", "finds"].map(|name| folder.join(name));
        let copied = remove(&tree).and_then(|()| copy(workspace, &tree));
        copied.map_err(|error| Failure::file(&tree, &error))?;
        Ok(Self { tree, target, finds })
    }

    /// Whether a bug can be planted.
    pub(super) fn check(&self, mutant: &Mutant) -> Result<(), Failure> {
        self.apply(mutant, &["--check"])
    }

    /// Plants a bug, looks for it with so many seeds of each scenario, and takes it out again.
    pub(super) fn hunt(&self, mutant: &Mutant, count: u64) -> Result<Option<Caught>, Failure> {
        self.apply(mutant, &[])?;
        let caught = self.build().and_then(|()| self.find_small(mutant, count));
        self.apply(mutant, &["--reverse"])?;
        caught.map_err(|failure| of(mutant, &failure))
    }

    fn apply(&self, mutant: &Mutant, how: &[&str]) -> Result<(), Failure> {
        let mut git = Command::new("git");
        git.arg("apply").args(how).arg(&mutant.path).current_dir(&self.tree);
        // Below a repository of somebody's, git would look for the files there, and skip them in silence.
        git.env("GIT_DIR", self.tree.join(".git")).env("GIT_WORK_TREE", &self.tree);
        succeed(git).map(drop).map_err(|failure| of(mutant, &failure))
    }

    fn build(&self) -> Result<(), Failure> {
        let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or("cargo".into()));
        cargo.args(["build", "--quiet", "--locked", "--profile", PROFILE]);
        cargo.args(["--package", "underpass-sim", "--target-dir"]).arg(&self.target);
        cargo.current_dir(&self.tree);
        succeed(cargo).map(drop)
    }

    /// The first of a few finds that is cut down as far as it should be, or else the smallest of them: some seeds find
    /// a bug by a plan of which nothing can be left out, although there are shorter ones.
    fn find_small(&self, mutant: &Mutant, count: u64) -> Result<Option<Caught>, Failure> {
        const FINDS: u32 = 5;
        let (mut smallest, mut first) = (None::<Caught>, 0);
        for _ in 0..FINDS {
            let found = self.find(&self.finds.join(&mutant.name), first, count - first)?;
            let Some(caught) = found else { break };
            first = caught.plan.seed + 1;
            let size = |caught: &Caught| (caught.plan.clients.len(), steps(&caught.plan));
            if smallest.as_ref().is_none_or(|known| size(&caught) < size(known)) {
                smallest = Some(caught);
            }
            if first >= count || smallest.as_ref().is_some_and(|it| mutant.is_small(&it.plan)) {
                break;
            }
        }
        Ok(smallest)
    }

    fn find(&self, finds: &Path, first: u64, count: u64) -> Result<Option<Caught>, Failure> {
        remove(finds).map_err(|error| Failure::file(finds, &error))?;
        let program = self.target.join(PROFILE).join("underpass-sim");
        let mut hunt = Command::new(&program);
        hunt.args(["hunt", "--scenario", "all", "--from", &first.to_string()]);
        let said = run(hunt.args(["--count", &count.to_string(), "--failures"]).arg(finds))?;
        match said.status.code() {
            Some(0) => return Ok(None),
            Some(1) => {}
            _ => return Err(failed(&hunt, &said)),
        }
        let kind = String::from_utf8_lossy(&said.stdout);
        let kind = kind.split_whitespace().next().unwrap_or_default().to_owned();
        let mut shrink = Command::new(&program);
        let small = finds.join("small.json");
        shrink.arg("shrink").arg(only_file(finds)?).arg("--output").arg(&small);
        let said = run(&mut shrink)?;
        if said.status.code() != Some(1) {
            return Err(failed(&shrink, &said));
        }
        let plan = Plan::load(&small).map_err(|bad| Failure::Asked(bad.to_string()))?;
        Ok(Some(Caught { kind, plan }))
    }
}

fn of(mutant: &Mutant, failure: &Failure) -> Failure {
    Failure::Asked(format!("{}: {}", mutant.name, failure.words()))
}

/// The file that a hunt has left in its folder.
fn only_file(folder: &Path) -> Result<PathBuf, Failure> {
    let failed = |error| Failure::file(folder, &error);
    let mut entries = fs::read_dir(folder).map_err(failed)?;
    let entry = entries.next().ok_or_else(|| failed(io::ErrorKind::NotFound.into()))?;
    entry.map(|entry| entry.path()).map_err(failed)
}

fn remove(folder: &Path) -> io::Result<()> {
    if folder.exists() { fs::remove_dir_all(folder) } else { Ok(()) }
}

fn copy(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let name = entry.file_name();
        let hidden = name.as_encoded_bytes().starts_with(b".");
        if hidden || LEFT_OUT.iter().any(|out| name == *out) {
            continue;
        }
        if entry.file_type()?.is_dir() {
            copy(&entry.path(), &to.join(name))?;
        } else {
            fs::copy(entry.path(), to.join(name))?;
        }
    }
    Ok(())
}

fn run(command: &mut Command) -> Result<Output, Failure> {
    let program = PathBuf::from(command.get_program());
    command.output().map_err(|error| Failure::file(&program, &error))
}

fn succeed(mut command: Command) -> Result<Output, Failure> {
    let said = run(&mut command)?;
    if said.status.success() { Ok(said) } else { Err(failed(&command, &said)) }
}

fn failed(command: &Command, said: &Output) -> Failure {
    let program = Path::new(command.get_program()).display();
    let words = String::from_utf8_lossy(&said.stderr);
    Failure::Asked(format!("{program}: {}: {}", said.status, words.trim_end()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATCH: &str =
        "Why.\n\n--- a/core/x.rs\n+++ b/core/x.rs\n@@ -1,3 +1,3 @@\n a\n-b\n+B\n c\n";

    #[test]
    fn a_bug_is_planted_and_taken_out_again_as_long_as_it_applies() {
        let folder = std::env::temp_dir().join(format!("underpass-copy-{}", std::process::id()));
        let [workspace, path] = ["workspace", "wrong.patch"].map(|name| folder.join(name));
        fs::create_dir_all(workspace.join("core")).expect("a folder");
        fs::create_dir_all(workspace.join("target")).expect("a folder");
        fs::write(workspace.join("core/x.rs"), "a\nb\nc\n").expect("a file");
        fs::write(&path, PATCH).expect("a file");
        let copy = Copy::make(&workspace, &folder).expect("a copy");
        let source = copy.tree.join("core/x.rs");
        let text = || fs::read_to_string(&source).expect("a file");
        let mutant = Mutant { name: "wrong".to_owned(), path, ..Mutant::default() };

        assert!(copy.check(&mutant).is_ok() && text() == "a\nb\nc\n");
        assert!(copy.apply(&mutant, &[]).is_ok() && text() == "a\nB\nc\n");
        assert!(copy.apply(&mutant, &["--reverse"]).is_ok() && text() == "a\nb\nc\n");
        fs::write(&source, "a\nd\nc\n").expect("a file");
        let failure = copy.check(&mutant).expect_err("it does not apply");
        assert!(failure.words().starts_with("wrong: git: "), "{failure:?}");
        assert!(!copy.tree.join("target").exists());
        fs::remove_dir_all(folder).expect("nobody else is there");
    }
}
