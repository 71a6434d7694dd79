//! Bugs that can be put back still fit; see `quorate_tests::mutation`.

use std::path::{Path, PathBuf};

use quorate_tests::mutation::Mutation;

#[test]
fn every_bug_fits_exactly_one_place_and_names_its_script() {
    let root: PathBuf = [env!("CARGO_MANIFEST_DIR"), ".."].iter().collect();
    let all = Mutation::all(&root).expect("they can be read");
    assert!(all.len() >= 20, "only {} bugs are known", all.len());
    for mutation in &all {
        let Mutation { name, story, source, script, .. } = mutation;
        mutation.put_into(&root).unwrap_or_else(|why| panic!("{why}"));
        let script = root.join("tests/scripts").join(script).with_extension("txt");
        assert!(Path::new(&script).exists(), "{name}: there is no {}", script.display());
        assert!(story.ends_with('.') && !source.is_empty(), "{name} tells nothing");
    }
}
