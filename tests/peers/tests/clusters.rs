//! The comparison of clusters, as a process.

use std::path::Path;
use std::process::Command;

/// The bare cluster needs nothing that is not here; the others are left out.
#[test]
fn systems_that_are_not_installed_are_left_out_and_nothing_is_left_behind() {
    let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{}", std::process::id()));
    std::fs::create_dir_all(&dir).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_clusters"))
        .args(["--clients", "3", "--seconds", "1", "--rounds", "1"])
        .args(["--quorate", "/nowhere/quorate", "--etcd", "/nowhere/etcd", "--dir"])
        .arg(&dir)
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{text}");
    assert!(text.contains("etcd is left out: /nowhere/etcd: No such file"), "{text}");
    assert!(text.contains("quorate is left out: /nowhere/quorate: No such file"), "{text}");
    let row = text.lines().find(|line| line.trim_start().starts_with("3  raft-rs")).unwrap();
    let words: Vec<_> = row.split_whitespace().collect();
    let [writes, reads] = [words[3], words[8]].map(|word| word.parse::<f64>().unwrap());
    assert!(writes > 0.0 && reads > 0.0, "{text}");
    assert_eq!(std::fs::read_dir(&dir).unwrap().count(), 0);
    std::fs::remove_dir(&dir).unwrap();
}
