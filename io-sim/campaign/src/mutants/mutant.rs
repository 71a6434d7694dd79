//! A bug: a place in the production code, and what stands there instead.

use std::path::Path;

use serde::Deserialize;

use crate::CampaignError;
use crate::files::unread;

/// A bug, as its file describes it.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Mutant {
    /// The name of the file.
    #[serde(skip)]
    pub(super) name: String,
    /// What is wrong, in a sentence.
    pub(super) story: String,
    /// Who had this bug, or what demands that nobody has it.
    pub(super) source: String,
    /// The file that it is put into, from the root of the workspace.
    pub(super) file: String,
    /// What is there; the file has it once.
    find: String,
    /// What is there instead.
    replace: String,
    /// Which options of every world are set so that it can be noticed, as for `--set`.
    #[serde(default)]
    pub(super) set: Vec<String>,
}

impl Mutant {
    /// All bugs of a folder, by name.
    pub(super) fn all(folder: &Path) -> Result<Vec<Self>, CampaignError> {
        let entries = std::fs::read_dir(folder).map_err(|error| unread(folder, &error))?;
        let paths = entries.map(|entry| entry.map(|entry| entry.path()));
        let paths: Vec<_> =
            paths.collect::<Result<_, _>>().map_err(|error| unread(folder, &error))?;
        let files = paths.iter().filter(|path| path.extension().is_some_and(|it| it == "toml"));
        let mut mutants: Vec<_> = files.map(|path| Self::read(path)).collect::<Result<_, _>>()?;
        mutants.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(mutants)
    }

    fn read(path: &Path) -> Result<Self, CampaignError> {
        let text = std::fs::read_to_string(path).map_err(|error| unread(path, &error))?;
        let mutant: Self = toml::from_str(&text).map_err(|error| unread(path, &error))?;
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        Ok(Self { name, ..mutant })
    }

    /// What is set, as arguments of a campaign.
    pub(super) fn changes(&self) -> impl Iterator<Item = &str> {
        self.set.iter().flat_map(|change| ["--set", change])
    }

    /// What its file says below `root`, with the bug.
    pub(super) fn put_into(&self, root: &Path) -> Result<String, CampaignError> {
        let path = root.join(&self.file);
        let text = std::fs::read_to_string(&path).map_err(|error| unread(&path, &error))?;
        let count = text.matches(&self.find).count();
        if count != 1 || self.find == self.replace {
            let why = format!("what {} replaces is there {count} times", self.name);
            return Err(unread(&path, &why));
        }
        Ok(text.replacen(&self.find, &self.replace, 1))
    }
}

#[cfg(test)]
mod tests {
    use quorate_io_sim::scenario::Options;

    use super::*;
    use crate::mutants::FOLDER;

    #[test]
    fn every_bug_fits_exactly_one_place() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let mutants = Mutant::all(&root.join(FOLDER)).expect("they can be read");
        assert!(mutants.len() >= 25, "only {} bugs are known", mutants.len());
        for mutant in &mutants {
            let (name, story) = (&mutant.name, &mutant.story);
            assert!(
                mutant.put_into(&root).is_ok_and(|text| text.contains(&mutant.replace)),
                "{name}"
            );
            assert!(story.ends_with('.') && !mutant.source.is_empty(), "{name} tells nothing");
            let set = mutant.set.iter().try_for_each(|change| Options::calm().set(change));
            assert!(set.is_ok(), "{name}: {set:?}");
            assert!(![story, &mutant.source].iter().any(|text| text.contains('|')), "{name}");
        }
    }
}
