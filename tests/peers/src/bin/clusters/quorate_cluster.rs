//! quorate, driven by `quorate bench`, which starts and ends three servers by itself.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde_json::Value;

use crate::figures::{Figures, VALUE_BYTES};
use crate::{Fallible, Measured, System};

pub(crate) struct Quorate {
    pub(crate) program: PathBuf,
}

impl System for Quorate {
    fn name(&self) -> &'static str {
        "quorate"
    }

    fn version(&self) -> Fallible<String> {
        let output = Command::new(&self.program).arg("--version").output().map_err(|why| {
            let program = self.program.display();
            format!("{program}: {why} (cargo build --release -p quorate-server)")
        })?;
        Ok(String::from_utf8(output.stdout)?.trim().trim_start_matches("quorate ").into())
    }

    fn measure(&self, dir: &Path, clients: usize, span: Duration) -> Fallible<Measured> {
        let output = Command::new(&self.program)
            .args(["bench", "--format", "json"])
            .args(["--callers", &clients.to_string()])
            .args(["--seconds", &span.as_secs().to_string()])
            .args(["--value-bytes", &VALUE_BYTES.to_string()])
            .arg("--dir")
            .arg(dir)
            .env_remove("QUORATE_SERVERS")
            .output()?;
        if !output.status.success() {
            return Err(String::from_utf8_lossy(&output.stderr).into());
        }
        parse(&output.stdout)
    }
}

/// The only row of what the bench printed.
fn parse(json: &[u8]) -> Fallible<Measured> {
    let row: Value = serde_json::from_slice(json)?;
    Ok(Measured { writes: figures(&row["writes"])?, reads: figures(&row["reads"])? })
}

fn figures(json: &Value) -> Fallible<Figures> {
    let number = |name: &str| {
        json[name].as_f64().ok_or_else(|| format!("the bench did not say `{name}`: {json}"))
    };
    let microseconds = |name: &str| {
        let us = json[name].as_u64().and_then(|us| u32::try_from(us).ok());
        us.ok_or_else(|| format!("the bench did not say `{name}`: {json}"))
    };
    let failed = number("failed")?;
    if failed != 0.0 {
        return Err(format!("{failed} calls failed").into());
    }
    Ok(Figures {
        per_second: number("per_second")?,
        p50_us: microseconds("p50_us")?,
        p99_us: microseconds("p99_us")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_figures_of_the_bench_are_read_and_its_failures_noticed() {
        let row = |failed: u32| {
            format!(
                r#"{{"v":1,"callers":4,"syncs":2,"writes_per_sync":1.5,
                "writes":{{"per_second":1.5,"p50_us":2,"p99_us":3,"done":4,"failed":0}},
                "reads":{{"per_second":5.5,"p50_us":6,"p99_us":7,"done":8,"failed":{failed}}}}}"#
            )
        };
        let measured = parse(row(0).as_bytes()).unwrap();
        assert_eq!(measured.writes, Figures { per_second: 1.5, p50_us: 2, p99_us: 3 });
        assert_eq!(measured.reads, Figures { per_second: 5.5, p50_us: 6, p99_us: 7 });
        assert_eq!(parse(row(9).as_bytes()).unwrap_err().to_string(), "9 calls failed");
        assert!(parse(b"{}").is_err());
    }
}
