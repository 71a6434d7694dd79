//! Bugs that are put back on purpose, one at a time: each names the script that must turn red.
//!
//! A bug is a file in `tests/mutations` that says what stands in the production code, and what stands
//! there instead. `cargo run -p quorate-tests --example mutations` puts each into a copy of the sources
//! and runs the scripts; a test holds that each still fits its place.

use std::fs;
use std::path::{Path, PathBuf};

use serde::Deserialize;

/// A bug, as its file describes it.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mutation {
    /// The name of the file.
    #[serde(skip)]
    pub name: String,
    /// What is wrong, in a sentence.
    pub story: String,
    /// Who had this bug, or what demands that nobody has it.
    pub source: String,
    /// The script that must notice, below `tests/scripts`, without its ending.
    pub script: String,
    #[serde(flatten)]
    change: Change,
    /// Further changes that the bug needs.
    #[serde(default)]
    also: Vec<Change>,
}

#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
struct Change {
    /// From the root of the workspace.
    file: PathBuf,
    /// What is there; the file has it once.
    find: String,
    /// What is there instead.
    replace: String,
}

impl Mutation {
    /// All bugs of the workspace, by name.
    ///
    /// # Errors
    /// If a file cannot be read, or does not describe a bug.
    pub fn all(root: &Path) -> Result<Vec<Self>, String> {
        let folder = root.join("tests/mutations");
        let unread = |error: std::io::Error| format!("{}: {error}", folder.display());
        let mut all = Vec::new();
        for file in fs::read_dir(&folder).map_err(unread)? {
            let path = file.map_err(unread)?.path();
            let text = fs::read_to_string(&path).map_err(unread)?;
            let mutation: Self =
                toml::from_str(&text).map_err(|error| format!("{}: {error}", path.display()))?;
            let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
            all.push(Self { name, ..mutation });
        }
        all.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(all)
    }

    /// The files below `root` that the bug changes, each as it is and with the bug.
    ///
    /// # Errors
    /// If it does not fit exactly one place.
    pub fn put_into(&self, root: &Path) -> Result<Vec<(PathBuf, String, String)>, String> {
        let mut files: Vec<(PathBuf, String, String)> = Vec::new();
        for Change { file, find, replace } in [&self.change].into_iter().chain(&self.also) {
            let path = root.join(file);
            let place = files.iter().position(|known| known.0 == path);
            let text = match place {
                Some(place) => files[place].2.clone(),
                None => fs::read_to_string(&path).map_err(|error| format!("{file:?}: {error}"))?,
            };
            let count = text.matches(find).count();
            if count != 1 || find == replace {
                let name = &self.name;
                return Err(format!(
                    "{}: what {name} replaces is there {count} times",
                    file.display()
                ));
            }
            let sick = text.replacen(find, replace, 1);
            match place {
                Some(place) => files[place].2 = sick,
                None => files.push((path, text, sick)),
            }
        }
        Ok(files)
    }
}
