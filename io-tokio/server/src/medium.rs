//! What kind of file system a data directory is on, and whether its syncs can be believed.

use std::path::Path;

use rustix::fs::statfs;

use crate::codes;
use crate::diagnostic::Diagnostic;
use crate::directory;

/// A kind of file system, as far as it matters here.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Medium {
    /// As far as anybody knows, a disk of this machine.
    Disk,
    /// Gone with the power.
    Memory,
    /// On another machine, which may say that it has synced when it has not, and where a lock may
    /// bind this machine only.
    Network(&'static str),
    /// Anything, by a program.
    UserSpace,
}

impl Medium {
    /// By the number that `statfs` gives, see `man 2 statfs`.
    const fn of(number: u32) -> Self {
        match number {
            0x6969 => Self::Network("NFS"),
            0x517B | 0xFE53_4D42 | 0xFF53_4D42 => Self::Network("SMB"),
            0x0102_1997 => Self::Network("9P"),
            0x5346_414F | 0x6B41_4653 => Self::Network("AFS"),
            0x0102_1994 | 0x8584_58F6 => Self::Memory,
            0x6573_5546 => Self::UserSpace,
            _ => Self::Disk,
        }
    }
}

/// What is done with a directory on a file system of the network.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Network {
    Refused,
    Allowed,
}

/// Refuses a directory whose syncs cannot be believed, and warns where they may mean little.
pub(crate) fn check(directory: &Path, network: Network) -> Result<(), Box<Diagnostic>> {
    let found = statfs(directory)
        .map_err(|error| directory::refused_by_system(directory, &error.into()))?;
    #[expect(clippy::cast_possible_truncation, reason = "the numbers have 32 bits")]
    judge(directory, Medium::of(found.f_type as u32), network)
}

fn judge(directory: &Path, medium: Medium, network: Network) -> Result<(), Box<Diagnostic>> {
    let shown = directory.display();
    match medium {
        Medium::Disk => {}
        Medium::Memory => {
            tracing::warn!(directory = %shown, "the data directory is in memory: a power cut loses it");
        }
        Medium::UserSpace => {
            let warning = "the data directory is on FUSE: it is as safe as the program behind it";
            tracing::warn!(directory = %shown, "{warning}");
        }
        Medium::Network(kind) if network == Network::Allowed => {
            let warning = "the data directory is on the network: its syncs are believed, as told";
            tracing::warn!(directory = %shown, kind, "{warning}");
        }
        Medium::Network(kind) => {
            return Err(Diagnostic::new(codes::NETWORK, format!("{shown} is on {kind}"))
                .why("a file system of the network may report as safe what is not")
                .help("use a disk of this machine, or insist: --allow-network-fs"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exit::Exit;

    #[test]
    fn the_network_is_refused_unless_somebody_insists() {
        for number in [0x6969, 0x517B, 0xFE53_4D42, 0xFF53_4D42, 0x0102_1997, 0x5346_414F] {
            let medium = Medium::of(number);
            let refused = judge(Path::new("d"), medium, Network::Refused);
            assert_eq!(refused.map_err(|why| why.exit()), Err(Exit::Unsafe), "{number:x}");
            assert!(judge(Path::new("d"), medium, Network::Allowed).is_ok());
        }
    }

    #[test]
    fn disks_memory_and_fuse_are_not_refused() {
        // ext4, xfs, btrfs, zfs, overlayfs, tmpfs, FUSE.
        let numbers =
            [0xEF53, 0x5846_5342, 0x9123_683E, 0x2FC1_2FC1, 0x794C_7630, 0x0102_1994, 0x6573_5546];
        for number in numbers {
            assert!(judge(Path::new("d"), Medium::of(number), Network::Refused).is_ok());
        }
    }
}
