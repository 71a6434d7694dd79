//! What is read from a disk, and what is held in memory.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use quorate_peers::recovery;
use quorate_peers::table::{Row, Unit};

use crate::Report;

const TURNS: usize = 11;

/// A directory that is removed at the end.
struct Directory(PathBuf);

impl Directory {
    fn new(name: &str) -> Self {
        let name = format!("{name}-{}", std::process::id());
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        std::fs::create_dir_all(&path).expect("a directory");
        Self(path)
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        // What cannot be removed stays in the build directory.
        let _: std::io::Result<()> = std::fs::remove_dir_all(&self.0);
    }
}

pub(crate) fn recovery(report: &mut Report) {
    let (ours, theirs) = (Directory::new("quorate"), Directory::new("raft-engine"));
    recovery::fill(&ours.0);
    recovery::fill_raft_engine(&theirs.0);
    let mut contestants: [Box<dyn FnMut()>; 4] = [
        Box::new(|| assert!(recovery::scan(&ours.0) > 0)),
        Box::new(|| recovery::verify(&ours.0)),
        Box::new(|| drop(recovery::open(&ours.0))),
        Box::new(|| drop(recovery::open_raft_engine(&theirs.0))),
    ];
    let mut best = [Duration::MAX; 4];
    for _ in 0..TURNS {
        for (best, contestant) in best.iter_mut().zip(&mut contestants) {
            let start = Instant::now();
            contestant();
            *best = start.elapsed().min(*best);
        }
    }
    let [scan, verify, open, raft_engine] = best.map(|best| best.as_secs_f64() * 1e3);
    let row = Row::new("reading and checking", Unit::Milliseconds, verify);
    report.add(&row.against("reading only", scan, 1.0 / 1.3).beside("raft-engine", raft_engine));
    let row = Row::new("opening, to be written to", Unit::Milliseconds, open);
    report.add(&row.against("reading only", scan, 1.0 / 1.3).against(
        "raft-engine",
        raft_engine,
        1.0,
    ));
}

pub(crate) fn memory(report: &mut Report) {
    let directory = Directory::new("footprint");
    recovery::fill(&directory.0);
    let output = Command::new(env!("CARGO_BIN_EXE_footprint"))
        .arg(&directory.0)
        .output()
        .expect("the program that was built beside this one");
    let text = String::from_utf8(output.stdout).expect("text");
    let figures: BTreeMap<_, f64> = text
        .lines()
        .filter_map(|line| line.split_once('\t'))
        .map(|(name, bytes)| (name, bytes.parse().expect("a number")))
        .collect();
    let figure = |name: &str| figures[name];
    let row = |name: &'static str| Row::new(name, Unit::Bytes, figure(name));
    for name in ["idle leader", "idle follower"] {
        let theirs = figure(&format!("{name} of raft-rs"));
        report.add(&row(name).at_most(1024.0).beside("raft-rs", theirs));
    }
    for (name, theirs) in [
        ("entry, 64 at once", "entry of raft-rs, 64 at once"),
        ("entry, 1 at once", "entry of raft-rs, 1 at once"),
    ] {
        report.add(&row(name).against("raft-rs", figure(theirs), 1.0));
    }
    report.add(&row("recovered entry").at_most(24.0));
    report.add(&row("most while recovering"));
}
