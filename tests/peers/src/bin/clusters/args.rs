//! What is to be compared.

use std::path::PathBuf;
use std::time::Duration;

use crate::Fallible;

const USAGE: &str = "\
usage: clusters [--clients 1,16,64,256] [--seconds 3] [--rounds 3] [--dir DIR]
                [--quorate PROGRAM] [--etcd /usr/bin/etcd]

--seconds   how long each measurement takes
--dir       where the clusters get their directories: the disk that is measured
--quorate   the binary of this workspace; beside this program, if not given";

#[derive(PartialEq, Debug)]
pub(crate) struct Args {
    /// One block of the table each.
    pub(crate) clients: Vec<usize>,
    pub(crate) span: Duration,
    /// How often everybody is measured with as many clients.
    pub(crate) rounds: usize,
    pub(crate) dir: PathBuf,
    pub(crate) quorate: PathBuf,
    pub(crate) etcd: PathBuf,
}

impl Args {
    /// # Errors
    /// Says how it is used.
    pub(crate) fn parse(words: &[String]) -> Fallible<Self> {
        let mut args = Self {
            clients: vec![1, 16, 64, 256],
            span: Duration::from_secs(3),
            rounds: 3,
            dir: std::env::temp_dir(),
            quorate: std::env::current_exe()?.with_file_name("quorate"),
            etcd: PathBuf::from("/usr/bin/etcd"),
        };
        for pair in words.chunks(2) {
            let [name, value] = pair else { return Err(USAGE.into()) };
            match name.as_str() {
                "--clients" => {
                    args.clients = value.split(',').map(count).collect::<Result<_, _>>()?
                }
                "--seconds" => args.span = Duration::from_secs(count(value)? as u64),
                "--rounds" => args.rounds = count(value)?,
                "--dir" => args.dir = value.into(),
                "--quorate" => args.quorate = value.into(),
                "--etcd" => args.etcd = value.into(),
                _ => return Err(USAGE.into()),
            }
        }
        Ok(args)
    }
}

/// A number from 1 to 1000.
fn count(text: &str) -> Fallible<usize> {
    match text.parse() {
        Ok(count @ 1..=1000) => Ok(count),
        _ => Err(format!("`{text}` is no number from 1 to 1000\n{USAGE}").into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Fallible<Args> {
        Args::parse(&line.split(' ').map(String::from).collect::<Vec<_>>())
    }

    #[test]
    fn every_option_is_heard() {
        let args =
            parse("--clients 2,3 --seconds 4 --rounds 5 --dir there --quorate ours --etcd theirs");
        let expected = Args {
            clients: vec![2, 3],
            span: Duration::from_secs(4),
            rounds: 5,
            dir: "there".into(),
            quorate: "ours".into(),
            etcd: "theirs".into(),
        };
        assert_eq!(args.unwrap(), expected);
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        for line in ["--clients 0", "--clients 1,", "--rounds 1001", "--rounds", "--what 1"] {
            assert!(parse(line).is_err(), "{line}");
        }
    }
}
