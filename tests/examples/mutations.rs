//! Puts each known bug into a copy of the sources, and says which scripts turn red.
//!
//! `cargo run -p quorate-tests --example mutations -- r09` takes those whose name contains `r09`. The copy
//! is below `target/mutations`. The exit code is 1 if a bug is not noticed by the script that it names.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::{env, fs, io};

use quorate_tests::mutation::Mutation;

/// What a change of the production code is built with.
const COPIED: [&str; 8] =
    ["Cargo.toml", "Cargo.lock", ".cargo", "core", "sm", "io-tokio", "io-sim", "tests"];

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let root: PathBuf = [env!("CARGO_MANIFEST_DIR"), ".."].iter().collect();
    let root = root.canonicalize()?;
    let base = root.join("target/mutations");
    let sources = base.join("sources");
    fs::create_dir_all(&sources)?;
    for name in COPIED {
        mirror(&root.join(name), &sources.join(name))?;
    }
    let wanted = env::args().nth(1).unwrap_or_default();
    let (sound, _) = scripts(&sources, &base)?;
    println!("{:<44} {}", "without a bug", told(&sound));
    let mut is_all_noticed = sound == Some(Vec::new());
    for mutation in Mutation::all(&root)?.iter().filter(|it| it.name.contains(&wanted)) {
        let files = mutation.put_into(&sources)?;
        files.iter().try_for_each(|(path, _, sick)| fs::write(path, sick))?;
        let ran = scripts(&sources, &base);
        files.iter().try_for_each(|(path, sound, _)| fs::write(path, sound))?;
        let (red, output) = ran?;
        let line = line_of(&output, &mutation.script);
        is_all_noticed &= line.is_some();
        println!("{:<44} {}\n    {}", mutation.name, told(&red), line.unwrap_or("NOT NOTICED"));
        if red.is_none() {
            println!("{output}");
        }
    }
    Ok(if is_all_noticed { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The scripts that are red, and what was said; no list if they could not be built.
fn scripts(sources: &Path, base: &Path) -> io::Result<(Option<Vec<String>>, String)> {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.args(["test", "--locked", "--jobs", "2", "-p", "quorate-tests", "--test", "scripts"]);
    command.arg("--target-dir").arg(base.join("build")).current_dir(sources);
    let ran = command.args(["--", "--nocapture"]).env_remove("UPDATE").output()?;
    let output = [ran.stdout, ran.stderr].map(|text| String::from_utf8_lossy(&text).into_owned());
    let output = output.concat();
    if !output.contains("running ") {
        return Ok((None, output));
    }
    let names = output.lines().filter_map(|line| line.strip_prefix("tests/scripts/"));
    let mut red: Vec<_> =
        names.filter_map(|line| Some(line.split_once(".txt:")?.0.to_owned())).collect();
    red.dedup();
    Ok((Some(red), output))
}

fn told(red: &Option<Vec<String>>) -> String {
    red.as_ref().map_or("does not compile".to_owned(), |red| format!("{} red", red.len()))
}

/// What was said about a script.
fn line_of<'a>(output: &'a str, script: &str) -> Option<&'a str> {
    let start = format!("tests/scripts/{script}.txt:");
    output.lines().find_map(|line| line.strip_prefix(&start))
}

/// Makes `to` the same as `from`, and leaves alone what is the same already.
fn mirror(from: &Path, to: &Path) -> io::Result<()> {
    if !from.is_dir() {
        let bytes = fs::read(from)?;
        return if fs::read(to).is_ok_and(|held| held == bytes) {
            Ok(())
        } else {
            fs::write(to, bytes)
        };
    }
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(to)? {
        let entry = entry?;
        if !from.join(entry.file_name()).exists() {
            let path = entry.path();
            if path.is_dir() { fs::remove_dir_all(&path)? } else { fs::remove_file(&path)? }
        }
    }
    for entry in fs::read_dir(from)? {
        let name = entry?.file_name();
        if name != "target" {
            mirror(&from.join(&name), &to.join(&name))?;
        }
    }
    Ok(())
}
