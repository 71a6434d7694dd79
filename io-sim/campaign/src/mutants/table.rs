//! The table of what became of each bug, kept beside them.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use super::hunt::Outcome;
use super::mutant::Mutant;
use crate::CampaignError;
use crate::files::{unread, unwritten};

const HEAD: &str = "\
# Bugs that were put back

Each row is a bug that was put back into the code that ships, and the first check that noticed it, in
worlds from seed 0 on. The file of the bug's name beside this table has the exact change. Seeds count
all worlds up to the one that noticed it, and processor time is that of all of them. The last column
is what was left of that world when it was made as small as it gets: what strikes from outside, who
takes part, and for how long. Where more stands beside its name, that was set in all worlds.

```sh
cargo sim mutants
```

writes this table; names of bugs after it look for those only, and leave the other rows as they are.

| bug | what it does | as in | caught by | seeds | processor time | made small |
|---|---|---|---|---:|---:|---|
";

/// So many lines are in a row.
const BARS: usize = 8;

/// The rows, by the bug's name.
pub(super) struct Table {
    path: PathBuf,
    rows: BTreeMap<String, String>,
}

impl Table {
    /// What was found out before; nothing if there is no table yet.
    pub(super) fn read(path: &Path) -> Result<Self, CampaignError> {
        let text = match std::fs::read_to_string(path) {
            Err(error) if error.kind() == ErrorKind::NotFound => String::new(),
            text => text.map_err(|error| unread(path, &error))?,
        };
        let named = |row: &str| {
            let name = row.strip_prefix("| `")?.split_once('`')?.0;
            // A table of earlier times does not say how small it got.
            let rest = "| ".repeat(BARS.saturating_sub(row.matches('|').count()));
            Some((name.to_owned(), format!("{row} {rest}").trim_end().to_owned()))
        };
        Ok(Self { path: path.to_owned(), rows: text.lines().filter_map(named).collect() })
    }

    /// What became of a bug.
    pub(super) fn put(&mut self, mutant: &Mutant, outcome: &Outcome) {
        let Mutant { name, story, source, .. } = mutant;
        let (caught_by, seeds, processor, least) = match outcome {
            Outcome::Caught { property, seeds, processor, least, .. } => {
                (property.clone(), *seeds, *processor, *least)
            }
            Outcome::Survived { seeds, processor } => {
                ("**nothing yet**".to_owned(), *seeds, *processor, None)
            }
            outcome => (format!("**{outcome}**"), 0, std::time::Duration::ZERO, None),
        };
        let least = least.map(|least| format!(" {least}")).unwrap_or_default();
        let seconds = processor.as_secs_f64();
        let set = mutant.set.iter().fold(String::new(), |set, change| set + ", `" + change + "`");
        let row = format!(
            "| `{name}`{set} | {story} | {source} | {caught_by} | {seeds} | {seconds:.1} s |{least} |"
        );
        self.rows.insert(name.clone(), row);
    }

    /// Writes the rows of the bugs that there are.
    pub(super) fn write(&self, mutants: &[Mutant]) -> Result<(), CampaignError> {
        let mut text = HEAD.to_owned();
        for row in mutants.iter().filter_map(|mutant| self.rows.get(&mutant.name)) {
            let _ = writeln!(text, "{row}");
        }
        std::fs::write(&self.path, text).map_err(|error| unwritten(&self.path, error))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::mutants::hunt::Least;

    #[test]
    fn rows_of_bugs_that_were_not_looked_for_stay() {
        let bug = |name: &str| {
            let text = "story='It leaks.'\nsource='us'\nfile='a'\nfind='b'\nreplace='c'";
            let mut bug: Mutant = toml::from_str(text).expect("a bug");
            bug.name = name.to_owned();
            bug
        };
        let path = std::env::temp_dir().join(format!("quorate-table-{}.md", std::process::id()));
        let survived = Outcome::Survived { seeds: 9, processor: Duration::from_millis(1500) };
        let least = Least { actions: 2, servers: 3, clients: 1, chaos: Duration::from_secs(1) };
        let caught = Outcome::Caught {
            property: "LogMatching".to_owned(),
            seed: 3,
            seeds: 4,
            processor: Duration::from_secs(1),
            least: Some(least),
        };
        let rows = |found: &[(&str, &Outcome)], known: &[&str]| {
            let mut table = Table::read(&path).expect("a table, or none");
            found.iter().for_each(|(name, outcome)| table.put(&bug(name), outcome));
            let known: Vec<_> = known.iter().map(|name| bug(name)).collect();
            table.write(&known).expect("it can be written");
            let text = std::fs::read_to_string(&path).expect("it was written");
            text.lines()
                .filter(|line| line.starts_with("| `"))
                .map(str::to_owned)
                .collect::<Vec<_>>()
        };
        let old = "| `one` | It leaks. | us | LogMatching | 2 | 0.1 s |";
        std::fs::write(&path, old).expect("a file of ours");
        assert_eq!(rows(&[], &["one"]), [format!("{old} |")], "a row of earlier times");
        let one = "| `one` | It leaks. | us | **nothing yet** | 9 | 1.5 s | |";
        let two = "| `two` | It leaks. | us | LogMatching | 4 | 1.0 s | \
                   2 strikes, 3 servers, 1 clients, 1.0 s |";
        assert_eq!(rows(&[("one", &survived), ("two", &survived)], &["one", "two"])[0], one);
        assert_eq!(rows(&[("two", &caught)], &["one", "two"]), [one, two]);
        assert_eq!(rows(&[], &["two"]), [two], "what is no bug any longer has no row");
        std::fs::remove_file(&path).expect("a file of ours");
    }
}
