//! Every golden script is run, and says what comes of it; see `quorate_tests::script`.
//!
//! `SCRIPT=r09` runs those whose path contains it, `UPDATE=1` writes what came of them into them.

use std::path::{Path, PathBuf};
use std::{env, fs, panic};

use quorate_tests::script::{Outcome, Script};

fn folder() -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "scripts"].iter().collect()
}

/// All scripts, by their paths below the folder.
fn scripts() -> Vec<PathBuf> {
    let list = |folder: &Path| {
        let entries = fs::read_dir(folder).expect("a folder of scripts");
        let paths = entries.map(|entry| entry.expect("an entry").path());
        paths.collect::<Vec<_>>()
    };
    let themes = list(&folder()).into_iter().filter(|path| path.is_dir());
    let mut all: Vec<_> = themes.flat_map(|theme| list(&theme)).collect();
    all.retain(|path| path.extension().is_some_and(|extension| extension == "txt"));
    all.sort();
    all
}

fn read(path: &Path) -> (String, Script) {
    let name = Path::new("tests/scripts").join(path.strip_prefix(folder()).expect("below it"));
    let name = name.display().to_string();
    let text = fs::read_to_string(path).expect("a script can be read");
    let script = Script::parse(&name, &text).unwrap_or_else(|why| panic!("{why}"));
    (name, script)
}

#[test]
fn scripts_say_what_comes_of_them() {
    let wanted = env::var("SCRIPT").unwrap_or_default();
    let is_update = env::var("UPDATE").is_ok_and(|update| update == "1");
    let (mut count, mut failures) = (0, Vec::new());
    for path in scripts() {
        let (name, script) = read(&path);
        if !name.contains(&wanted) {
            continue;
        }
        count += 1;
        // A server that panics is a failure of its story, and the others go on.
        let ran = panic::catch_unwind(|| script.run());
        match ran.unwrap_or_else(|_| Err(format!("{name}: a server panics"))) {
            Ok(Outcome::Same) => {}
            Ok(Outcome::Differs(mismatch)) if is_update => {
                // The other test may read it meanwhile.
                let new = path.with_extension("tmp");
                fs::write(&new, mismatch.rewritten).expect("a script can be written");
                fs::rename(&new, &path).expect("a script can be replaced");
            }
            Ok(Outcome::Differs(mismatch)) => failures.push(mismatch.to_string()),
            Err(why) => failures.push(why),
        }
    }
    println!("{count} scripts");
    assert!(count > 0, "no script is called {wanted}");
    let failed = failures.len();
    assert!(
        failures.is_empty(),
        "{failed} of {count} scripts came to something else (- as it is written, + as it is):\n\n{}\n\
         If that is as it should be: UPDATE=1 cargo test -p quorate-tests --test scripts",
        failures.join("\n")
    );
}

#[test]
fn scripts_tell_a_story_with_its_source_and_an_end() {
    for path in scripts() {
        let (name, script) = read(&path);
        let story = script.story();
        assert!(story.contains("thesis ") && story.ends_with('.'), "{name}: {story}");
        assert!(script.expects_something(), "{name} expects nothing");
    }
}
