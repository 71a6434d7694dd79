//! The real world: the only file of this crate that names sockets, clocks, threads and files of the
//! system.

use std::fs::{File, OpenOptions, TryLockError};
use std::future::Future;
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use quorate_core::Instant;
use quorate_core::wal::{Disk, DiskError, DiskErrorKind};
use rustix::net::sockopt;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};

use crate::env::Env;
use crate::lane::{Idle, Lane, LaneSender};

/// The environment of production. Must be used within a tokio runtime with I/O and time enabled.
#[derive(Clone, Copy, Debug)]
pub struct RealEnv {
    epoch: std::time::Instant,
}

impl RealEnv {
    /// An environment whose clock starts now.
    pub fn new() -> Self {
        Self { epoch: std::time::Instant::now() }
    }
}

impl Default for RealEnv {
    fn default() -> Self {
        Self::new()
    }
}

/// How long a lane waits for more work before it uses the moment for what can wait.
const IDLE_AFTER: Duration = Duration::from_millis(5);

/// A connection whose other end acknowledges nothing for this long is dead (FAULTS P09).
const DEAD_AFTER: Duration = Duration::from_secs(5);

/// The most orders that a lane takes in one step.
const BATCH_MAX: usize = 4096;

impl Env for RealEnv {
    type Reader = OwnedReadHalf;
    type Writer = OwnedWriteHalf;
    type Listener = TcpListener;
    type Disk = FileDisk;

    fn listen(&self, address: &str) -> impl Future<Output = io::Result<TcpListener>> + Send {
        TcpListener::bind(address.to_owned())
    }

    fn local_address(&self, listener: &TcpListener) -> io::Result<String> {
        listener.local_addr().map(|address| address.to_string())
    }

    async fn accept(
        &self,
        listener: &mut TcpListener,
    ) -> io::Result<(OwnedReadHalf, OwnedWriteHalf)> {
        let (stream, _) = listener.accept().await?;
        without_delay(stream)
    }

    async fn connect(&self, address: &str) -> io::Result<(OwnedReadHalf, OwnedWriteHalf)> {
        without_delay(TcpStream::connect(address).await?)
    }

    fn now(&self) -> Instant {
        Instant(0).after(self.epoch.elapsed())
    }

    fn sleep_until(&self, deadline: Instant) -> impl Future<Output = ()> + Send {
        let at = self.epoch.checked_add(Duration::from_nanos(deadline.0));
        async move {
            match at {
                Some(at) => tokio::time::sleep_until(at.into()).await,
                None => std::future::pending().await,
            }
        }
    }

    fn random(&self) -> u64 {
        let mut bytes = [0; 8];
        let filled = rustix::rand::getrandom(&mut bytes[..], rustix::rand::GetRandomFlags::empty());
        assert!(filled == Ok(8), "the system gives eight random bytes at once: {filled:?}");
        u64::from_le_bytes(bytes)
    }

    fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        tokio::spawn(task);
    }

    fn spawn_lane<L: Lane>(
        &self,
        name: &'static str,
        lane: L,
        deliver: impl Fn(Vec<L::Done>) + Send + 'static,
    ) -> LaneSender<L::Work> {
        let (sender, receiver) = crossbeam_channel::unbounded();
        let thread = std::thread::Builder::new().name(name.to_owned());
        let spawned = thread.spawn(move || host(lane, &receiver, &deliver));
        assert!(spawned.is_ok(), "a thread can be started: {spawned:?}");
        LaneSender::new(move |work| {
            // A lane that has ended takes nothing, as promised.
            let _ended = sender.send(work);
        })
    }
}

fn without_delay(stream: TcpStream) -> io::Result<(OwnedReadHalf, OwnedWriteHalf)> {
    stream.set_nodelay(true)?;
    // Without a limit a host that vanished is noticed after a quarter of an hour.
    let limit_ms = u32::try_from(DEAD_AFTER.as_millis()).unwrap_or(u32::MAX);
    sockopt::set_tcp_user_timeout(&stream, limit_ms)?;
    sockopt::set_socket_keepalive(&stream, true)?;
    sockopt::set_tcp_keepidle(&stream, DEAD_AFTER)?;
    sockopt::set_tcp_keepintvl(&stream, DEAD_AFTER / 5)?;
    Ok(stream.into_split())
}

/// Runs a lane on this thread until its senders are gone.
fn host<L: Lane>(
    mut lane: L,
    receiver: &crossbeam_channel::Receiver<L::Work>,
    deliver: &impl Fn(Vec<L::Done>),
) {
    let mut work = Vec::new();
    let mut done = Vec::new();
    let mut next = receiver.recv().ok();
    while let Some(first) = next {
        work.push(first);
        work.extend(receiver.try_iter().take(BATCH_MAX));
        lane.step(&mut work, &mut done);
        hand_over(&mut done, deliver);
        next = receiver.recv_timeout(IDLE_AFTER).ok();
        while next.is_none() {
            let idle = lane.idle(&mut done);
            hand_over(&mut done, deliver);
            next = match idle {
                Idle::More => receiver.try_recv().ok(),
                Idle::Done => break,
            };
        }
        next = next.or_else(|| receiver.recv().ok());
    }
    lane.finish();
}

fn hand_over<D>(done: &mut Vec<D>, deliver: &impl Fn(Vec<D>)) {
    if !done.is_empty() {
        deliver(std::mem::take(done));
    }
}

/// A directory of a file system, locked against other processes for as long as this value lives.
#[derive(Debug)]
pub struct FileDisk {
    directory: PathBuf,
    _lock: File,
}

/// Why a directory cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum DirectoryError {
    /// Another process uses it.
    #[error("another process uses the directory {}{}", directory.display(), holder(.by))]
    InUse {
        /// The directory.
        directory: PathBuf,
        /// What that process wrote into the lock file.
        by: String,
    },
    /// The system said no.
    #[error("the directory {} cannot be used: {source}", directory.display())]
    System {
        /// The directory.
        directory: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

fn holder(by: &str) -> String {
    if by.is_empty() { String::new() } else { format!(" (process {by})") }
}

impl FileDisk {
    /// The file that is locked while a process uses the directory.
    pub const LOCK: &'static str = "LOCK";

    /// Takes a directory that exists.
    ///
    /// # Errors
    /// If another process has it, or the system says no.
    pub fn open(directory: impl Into<PathBuf>) -> Result<Self, DirectoryError> {
        let directory = directory.into();
        match Self::lock(&directory) {
            Ok(Ok(lock)) => Ok(Self { directory, _lock: lock }),
            Ok(Err(by)) => Err(DirectoryError::InUse { directory, by }),
            Err(source) => Err(DirectoryError::System { directory, source }),
        }
    }

    fn lock(directory: &Path) -> io::Result<Result<File, String>> {
        let path = directory.join(Self::LOCK);
        let mut lock =
            OpenOptions::new().create(true).truncate(false).read(true).write(true).open(path)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut by = String::new();
                lock.take(32).read_to_string(&mut by)?;
                return Ok(Err(by.trim().to_owned()));
            }
            Err(TryLockError::Error(why)) => return Err(why),
        }
        lock.set_len(0)?;
        lock.rewind()?;
        writeln!(lock, "{}", std::process::id())?;
        Ok(Ok(lock))
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }
}

impl Disk for FileDisk {
    type File = (File, PathBuf);

    fn list(&self) -> Result<Vec<String>, DiskError> {
        let names = || -> io::Result<Vec<String>> {
            let mut names = Vec::new();
            for entry in std::fs::read_dir(&self.directory)? {
                let entry = entry?;
                if entry.file_type()?.is_file()
                    && let Ok(name) = entry.file_name().into_string()
                    && name != Self::LOCK
                {
                    names.push(name);
                }
            }
            Ok(names)
        };
        names().map_err(|why| refused("list", &self.directory, &why))
    }

    fn create(&self, name: &str) -> Result<Self::File, DiskError> {
        let path = self.path(name);
        let made = OpenOptions::new().create_new(true).read(true).write(true).open(&path);
        made.map(|file| (file, path.clone())).map_err(|why| refused("create", &path, &why))
    }

    fn open(&self, name: &str) -> Result<Self::File, DiskError> {
        let path = self.path(name);
        let opened = OpenOptions::new().read(true).write(true).open(&path);
        opened.map(|file| (file, path.clone())).map_err(|why| refused("open", &path, &why))
    }

    fn rename(&self, from: &str, to: &str) -> Result<(), DiskError> {
        let path = self.path(from);
        std::fs::rename(&path, self.path(to)).map_err(|why| refused("rename", &path, &why))
    }

    fn remove(&self, name: &str) -> Result<(), DiskError> {
        let path = self.path(name);
        std::fs::remove_file(&path).map_err(|why| refused("remove", &path, &why))
    }

    fn sync_dir(&self) -> Result<(), DiskError> {
        let synced = File::open(&self.directory).and_then(|directory| directory.sync_all());
        synced.map_err(|why| refused("sync", &self.directory, &why))
    }

    fn length(&self, (file, path): &Self::File) -> Result<u64, DiskError> {
        let length = file.metadata().map(|metadata| metadata.len());
        length.map_err(|why| refused("measure", path, &why))
    }

    fn set_length(&self, (file, path): &Self::File, bytes: u64) -> Result<(), DiskError> {
        file.set_len(bytes).map_err(|why| refused("resize", path, &why))
    }

    fn read_at(
        &self,
        (file, path): &Self::File,
        offset: u64,
        into: &mut [u8],
    ) -> Result<(), DiskError> {
        file.read_exact_at(into, offset).map_err(|why| refused("read", path, &why))
    }

    fn write_at(
        &self,
        (file, path): &Self::File,
        offset: u64,
        bytes: &[u8],
    ) -> Result<(), DiskError> {
        file.write_all_at(bytes, offset).map_err(|why| refused("write", path, &why))
    }

    fn sync(&self, (file, path): &Self::File) -> Result<(), DiskError> {
        file.sync_data().map_err(|why| refused("sync", path, &why))
    }
}

fn refused(what: &str, path: &Path, why: &io::Error) -> DiskError {
    let kind = match why.kind() {
        io::ErrorKind::NotFound => DiskErrorKind::NotFound,
        io::ErrorKind::AlreadyExists => DiskErrorKind::AlreadyExists,
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => DiskErrorKind::Full,
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
            DiskErrorKind::Denied
        }
        _ => DiskErrorKind::Io,
    };
    DiskError { kind, context: format!("cannot {what} {}: {why}", path.display()) }
}
