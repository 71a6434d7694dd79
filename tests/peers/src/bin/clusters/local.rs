//! Processes, ports and directories on this machine, and their end.

use std::fs::{self, File};
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};

/// Processes that are killed when this value is dropped.
#[derive(Default)]
pub(crate) struct Processes(Vec<Child>);

impl Processes {
    /// Starts one more, which says what it has to say in a file `log`.
    pub(crate) fn start(&mut self, command: &mut Command, log: &Path) -> io::Result<()> {
        let log = File::create(log)?;
        command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        self.0.push(command.spawn()?);
        Ok(())
    }
}

impl Drop for Processes {
    fn drop(&mut self) {
        for child in &mut self.0 {
            // Either fails only if the process has ended by itself.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// Addresses on loopback that nobody listens at.
pub(crate) fn free_addresses<const N: usize>() -> io::Result<[SocketAddr; N]> {
    // All are held until all are found, so that none is found twice.
    let held: Vec<_> =
        (0..N).map(|_| TcpListener::bind("127.0.0.1:0")).collect::<io::Result<_>>()?;
    let mut addresses = [SocketAddr::from(([127, 0, 0, 1], 0)); N];
    for (address, listener) in addresses.iter_mut().zip(&held) {
        *address = listener.local_addr()?;
    }
    Ok(addresses)
}

/// A directory that is removed when this value is dropped.
pub(crate) struct Scratch(PathBuf);

impl Scratch {
    /// A new one in `dir`.
    pub(crate) fn new(dir: &Path) -> io::Result<Self> {
        static SO_FAR: AtomicUsize = AtomicUsize::new(0);
        let number = SO_FAR.fetch_add(1, Ordering::Relaxed);
        let path = dir.join(format!("quorate-clusters-{}-{number}", std::process::id()));
        fs::create_dir_all(&path)?;
        Ok(Self(path))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // What is left in a directory for temporary files does no harm.
        let _ = fs::remove_dir_all(&self.0);
    }
}
