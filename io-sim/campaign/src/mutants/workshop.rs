//! A copy of the workspace, in which bugs are put.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::mutant::Mutant;
use crate::CampaignError;
use crate::files::{unread, unwritten};

/// Folders that are no sources, wherever they are.
const LEFT_OUT: [&str; 4] = ["target", ".git", "sim-out", "demo-data"];

/// The sources of a workspace, once more, below its own target folder.
pub(super) struct Workshop {
    pub(super) sources: PathBuf,
    /// Where it is built.
    pub(super) target: PathBuf,
    /// Where runs leave what they have to say.
    pub(super) out: PathBuf,
}

impl Workshop {
    /// Makes the copy, or brings it up to date. What has not changed is left alone, so that it is
    /// not built again either.
    pub(super) fn of(root: &Path) -> Result<Self, CampaignError> {
        let base = root.join("target/mutants");
        let workshop = Self {
            sources: base.join("sources"),
            target: base.join("build"),
            out: base.join("out"),
        };
        mirror(root, &workshop.sources)?;
        Ok(workshop)
    }

    /// Does something while a bug is in the sources; afterwards it is gone.
    pub(super) fn with<T>(
        &self,
        mutant: &Mutant,
        act: impl FnOnce() -> Result<T, CampaignError>,
    ) -> Result<T, CampaignError> {
        let path = self.sources.join(&mutant.file);
        let sound = fs::read(&path).map_err(|error| unread(&path, &error))?;
        let sick = mutant.put_into(&self.sources)?;
        fs::write(&path, sick).map_err(|error| unwritten(&path, error))?;
        let done = act();
        fs::write(&path, sound).map_err(|error| unwritten(&path, error))?;
        done
    }
}

/// Makes `to` a folder of the same sources as `from`.
fn mirror(from: &Path, to: &Path) -> Result<(), CampaignError> {
    fs::create_dir_all(to).map_err(|error| unwritten(to, error))?;
    let known = names(from)?;
    for gone in names(to)?.into_iter().filter(|name| !known.contains(name)) {
        let path = to.join(gone);
        let removed =
            if path.is_dir() { fs::remove_dir_all(&path) } else { fs::remove_file(&path) };
        removed.map_err(|error| unwritten(&path, error))?;
    }
    for name in known {
        let (from, to) = (from.join(&name), to.join(&name));
        if from.is_dir() {
            mirror(&from, &to)?;
        } else {
            update(&from, &to).map_err(|error| unwritten(&to, error))?;
        }
    }
    Ok(())
}

fn names(folder: &Path) -> Result<Vec<PathBuf>, CampaignError> {
    let entries = fs::read_dir(folder).map_err(|error| unread(folder, &error))?;
    let names = entries.map(|entry| entry.map(|entry| PathBuf::from(entry.file_name())));
    let names = names.collect::<Result<Vec<_>, _>>().map_err(|error| unread(folder, &error))?;
    let is_source = |name: &PathBuf| !LEFT_OUT.iter().any(|left_out| name.as_os_str() == *left_out);
    Ok(names.into_iter().filter(is_source).collect())
}

fn update(from: &Path, to: &Path) -> io::Result<()> {
    let bytes = fs::read(from)?;
    if fs::read(to).is_ok_and(|held| held == bytes) { Ok(()) } else { fs::write(to, bytes) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bug_is_in_the_copy_only_and_only_for_a_while() {
        let root = std::env::temp_dir().join(format!("quorate-workshop-{}", std::process::id()));
        for folder in ["core", "target", "old"] {
            fs::create_dir_all(root.join(folder)).expect("a folder of ours");
            fs::write(root.join(folder).join("a.rs"), "one two three").expect("a file of ours");
        }
        Workshop::of(&root).expect("it is copied");
        fs::remove_dir_all(root.join("old")).expect("a folder of ours");
        let workshop = Workshop::of(&root).expect("it is copied again");
        let names = names(&workshop.sources).expect("it is there");
        assert_eq!(names, [Path::new("core")], "no target, and nothing that is gone");

        let bug = |find: &str| -> Mutant {
            let text = format!("story=''\nsource=''\nfile='core/a.rs'\nfind='{find}'\nreplace='2'");
            toml::from_str(&text).expect("a bug")
        };
        let path = workshop.sources.join("core/a.rs");
        let seen = workshop.with(&bug("two"), || Ok(fs::read_to_string(&path).expect("there")));
        assert_eq!(seen.expect("it fits"), "one 2 three");
        assert_eq!(fs::read_to_string(&path).expect("there"), "one two three");
        assert_eq!(fs::read_to_string(root.join("core/a.rs")).expect("there"), "one two three");
        for find in ["four", "e", "2"] {
            assert!(workshop.with(&bug(find), || Ok(())).is_err(), "{find} is not there once");
        }
        fs::remove_dir_all(&root).expect("a folder of ours");
    }
}
