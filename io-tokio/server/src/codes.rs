//! All errors by their codes: the table behind `quorate explain` and `ERRORS.md`.

use crate::exit::Exit;

/// A kind of error.
#[derive(Debug)]
pub(crate) struct Code {
    /// Never given to another kind.
    pub(crate) id: &'static str,
    /// How the program ends.
    pub(crate) exit: Exit,
    /// The kind in half a line.
    pub(crate) title: &'static str,
    /// What it means and what to do, in a paragraph or two.
    pub(crate) text: &'static str,
}

macro_rules! codes {
    ($($name:ident = $id:literal, $exit:ident, $title:literal, $text:literal;)*) => {
        $(pub(crate) const $name: &Code =
            &Code { id: $id, exit: Exit::$exit, title: $title, text: $text };)*
        /// All kinds of errors, by code.
        pub(crate) const ALL: &[&Code] = &[$($name),*];
    };
}

codes! {
    UNKNOWN_CODE = "Q0101", Usage, "there is no such code",
"`quorate explain` was asked for a code that no error has. `quorate explain` without a code
lists all of them.";

    BAD_MEMBERS = "Q0102", Usage, "the list of members makes no sense",
"`quorate init` needs to know all founding members of the group, and all of them must be told the
same: `--peers 1=host:port,2=host:port,3=host:port`. Each number must occur once, and the server's
own number must be among them. A server that joins a group that exists is told of some members and
of itself. `quorate members` changes who belongs to a group: there must be a voter left, whoever is
removed or promoted must be there, and whoever is added must not.";

    STDOUT_FAILED = "Q0103", Disk, "the output cannot be written",
"What was asked for could not be written to stdout, or into the directory that was named; a full disk
behind a redirection, for example.";

    BAD_SIM = "Q0104", Usage, "the simulation cannot be run",
"A simulated world was asked for that cannot be: a scenario that cannot be read, an option that is
not there or makes no sense, an engine that this program does not have, or a folder that cannot be
written. The cause says which. `quorate sim run --help` shows what there is.";

    NOT_APPLIED = "Q0201", NotApplied, "nothing was changed",
"The request was not carried out and never will be, so trying again is safe. The cause says why: no
server could be reached, the group has no leader because too few servers are up, or a server is busy
or about to stop. `quorate status` shows the group.";

    UNKNOWN = "Q0202", Unknown, "nobody knows whether it was applied",
"The request was sent, and the time was up or the connection was lost before an answer came. It may
have been carried out, or may yet be; at most once in any case. Read the key before you try again,
or use an operation that does no harm when it happens twice, like `quorate cas` from the old value.";

    CANNOT_BE_DONE = "Q0203", No, "the store cannot do that",
"The group has agreed on the request, and the store has declined it: a key that is too long, or a
number to be added to what is no number, or a sum that does not fit into 64 bits. Nothing was
changed.";

    CHANGE_STOPPED = "Q0204", No, "the change of the members goes no further",
"Newcomers are brought up to date before they get a vote, and one of them did not come so far: it
does not run, cannot be reached at its address, or follows too slowly. Or another change has taken
the place of this one. Nobody's vote was changed; newcomers may have become learners, which does no
harm. `quorate members` shows what is. Ask for the same again, or remove the learner.";

    OTHER_MEMBERS = "Q0205", NotApplied, "the members are others than expected",
"Who belongs to the group has changed since this command looked, or since the entry that --expect
names, or is about to change. Nothing was done, since two operators may want different things.
`quorate members` shows who belongs now, and since which entry.";

    QUORUM_AT_RISK = "Q0206", Unsafe, "the group could be left unable to decide",
"The leader does not hear from a majority of the servers that were to vote: with them, the group
might commit nothing any more, not even the way back. Nobody's vote was changed. Start the servers
that are down, or name others. `--force` insists, for those who know that the servers will come up.";

    NO_DIRECTORY = "Q0301", Unsafe, "there is no such data directory",
"A server starts only from a data directory that `quorate init` has made: a server that started from
nothing could vote twice in one term, and so break the promise that a group makes. If the directory
is on a disk of its own, the disk is perhaps not mounted.";

    DIRECTORY_FAILED = "Q0302", Disk, "the data directory cannot be used",
"The system refused an operation on the data directory. The cause is the system's own words. Nothing
is retried: after a failed write or sync nobody knows what is on the disk.";

    DIRECTORY_DENIED = "Q0303", Denied, "permission for the data directory is missing",
"The user that runs this program may not read and write the data directory. Change the owner of the
directory, or run as the user that owns it.";

    DIRECTORY_IN_USE = "Q0311", Unsafe, "another process uses this data directory",
"Two processes that write one log would destroy it, so the directory is locked for as long as a
server runs, and the tools that look at a log take the same lock. Stop the server first, or look at
a copy of the directory. The file LOCK may stay: the lock is held by the process, not by the file.";

    NOT_FORMATTED = "Q0312", Unsafe, "this data directory is empty",
"The directory has no identity: `quorate init` never ran here, or did not come to its end. A server
does not start from an empty directory by itself, because a server that has forgotten its votes and
entries under its old number can make the group lose what was acknowledged. For a new group, run
`quorate init` once per server. A server that lost its disk comes back with a directory made by
`quorate init --join`, under its old number: it has no say until the group knows that this can do no
harm.";

    NOT_EMPTY = "Q0313", Unsafe, "the directory is not empty",
"`quorate init` makes a data directory where there is nothing yet, so that it can never overwrite
anybody's data. Give it a path that does not exist, or an empty directory. On a disk of its own,
whose root often holds lost+found, give it a sub-directory.";

    FOREIGN = "Q0314", Unsafe, "the data directory holds a file of another server",
"Each file names the cluster, the server and the life of the disk it belongs to. One of the files
here names another: directories were mixed up, or a backup was put back over a younger directory.
Nothing was changed. Put the right file back.";

    DAMAGED = "Q0315", Damaged, "the log is damaged",
"Something that this server may have acknowledged cannot be read back. Writes that were under way
when the machine went down do not cause this: they are recognised and cut off. So the disk, its
cache or somebody's hand has lost or changed data. A server of several gets what is missing from
another when it starts, and waits for one that has it. If the others get along without it, or nobody
can tell what is missing, it sets the log aside, under names that end in `.damaged`, and is brought
up to date by the others; it does not if they may not have what is lost, or if even its identity or
its votes are: then nothing was changed.
Keep the directory aside, make a new one with `quorate init --join` under the same number, and let
the other members bring it up to date. `quorate wal dump` shows what can still be read.";

    UNSUPPORTED = "Q0316", Unsafe, "the data directory needs another version",
"A file was written by a version of this program that uses a newer format. Nothing was changed.
Start the version that wrote the directory, or a newer one.";

    NETWORK = "Q0317", Unsafe, "the data directory is on a file system of the network",
"A server acknowledges what a sync has reported as safe. File systems of the network (NFS, SMB, 9P,
AFS) may report so what another machine holds in memory only, and their locks may not keep a second
machine from the same directory. `quorate serve --allow-network-fs` starts nevertheless, for those
who know their server to sync and who mount the directory on one machine only.";

    BAD_SETTINGS = "Q0320", Usage, "the settings make no sense",
"The file quorate.toml in the data directory says where a server listens, where the other members
are, and how it is tuned. It is read at each start. The cause names the line; a key that is not
known is an error, so that a misspelled one is not ignored in silence.";

    CANNOT_INIT = "Q0321", Disk, "the data directory cannot be made",
"The directory is made under a temporary name next to its final one, and renamed when all of it is
on the disk: it is there whole or not at all. The system refused one of these steps. The root of a
mounted disk cannot be replaced in this way: give a sub-directory of it.";

    CANNOT_LISTEN = "Q0401", NotApplied, "the address cannot be listened at",
"The system does not let the server listen at its address: another process does so already, or the
address is not one of this machine. `ss -ltnp` shows who listens where. If this machine is reached
by others through an address that is not its own, give the own one by `--listen`.";

    DISK_FAILED = "Q0402", Disk, "the disk failed while the server ran",
"A write or a sync of the log failed, and the server has stopped without a further word. What was
acknowledged before is safe; nothing was acknowledged since. It does not try again, because after a
failed sync the system may have dropped the very data that a second sync then reports as safe. Look
after the disk (full? failing?) and start the server again: it reads back what is really there.";

    HALTED = "Q0403", Damaged, "the server saw a broken property of Raft and halted",
"The server was sent something that cannot happen as long as every member keeps its promises: two
leaders in one term, or an entry that contradicts a committed one. It stopped instead of believing
it. Look for a member whose disk was wiped, restored from an old backup or copied from another
member, and keep the directories of all members for whoever looks into it.";

    CANNOT_START = "Q0404", Damaged, "the server cannot start from what its disk holds",
"The log was read and is intact, but its parts or the tuning do not fit together. The cause names
the contradiction. If a member has no address, add it to the peers in quorate.toml. A server that
was made by `quorate init --join` and finds itself the only voter cannot start either: there is
nobody who could know what it promised. A new group of one is made without --join.";

    NO_RUNTIME = "Q0405", NotApplied, "the system does not provide what a server needs",
"The system refused an event queue, a signal handler or a thread, or does not allow this process to
open as many files as a server needs; most likely a limit (`ulimit -a`) is too low.";

    DISOWNED = "Q0406", Unsafe, "another server of the group knows this server by another disk",
"A member has seen this server with a newer disk, or started from this disk more often than the disk
itself knows. So this directory is an old copy that was put back or runs twice, or one that was made
anew without saying so. With it the server would forget what it has promised, and the group could
lose what was acknowledged, so it has stopped. If the newer disk still exists, start from that.
Otherwise keep this directory aside, make a new one under the same number with
`quorate init --join`, and start it: the group brings it up to date, and gives it its vote back when
that can do no harm. `quorate status` shows a server that has no say yet.";

    UNFIT = "Q0407", NotApplied, "this program lacks a state machine, or operations, that the log has",
"All servers of a group run the same state machines. Those on the log were registered by programs
that have them; this one lacks one of them, or some of its operations, most likely because it is
older than what the other servers run. Nothing is lost, and nothing is wrong with the directory:
start it with the program of the other servers, or a newer one. Or a machine says that it has failed
itself, most likely with its own files: look after these, then start again.";

    NO_LOCAL_GROUP = "Q0411", NotApplied, "the servers for a demo or a bench do not run",
"`quorate demo` and `quorate bench` start servers on this machine, as processes of this very program
with files and ports of their own. One of them could not be started, or did not come to lead. What
the servers said stands in the files that the message names.";

    BAD_BENCH = "Q0412", Usage, "the bench cannot be run or written down",
"The options of `quorate bench` make no sense together, or a file that it was told to write cannot be
written. The figures that were printed before are right.";


    BAD_HISTORY = "Q0501", Usage, "the file is not a history",
"`quorate check history` reads files of JSON lines: a header `{\"format\":\"lin-history/1\",
\"model\":\"kv\"}`, then one event per line, `{\"p\":1,\"e\":\"invoke\",\"f\":\"get\",\"k\":\"x\"}` and its
completion `{\"p\":1,\"e\":\"ok\",\"r\":5}`. The cause names the line that does not fit.";
}

/// The kind of error with this code, in any case, with or without the `Q`.
pub(crate) fn find(id: &str) -> Option<&'static Code> {
    let number = id.trim_start_matches(['Q', 'q']);
    ALL.iter().copied().find(|code| &code.id[1..] == number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_unique_in_order_and_explained() {
        for pair in ALL.windows(2) {
            assert!(pair[0].id < pair[1].id, "{} before {}", pair[0].id, pair[1].id);
        }
        for code in ALL {
            let number = code.id.strip_prefix('Q').expect("starts with Q");
            assert!(number.len() == 4 && number.bytes().all(|byte| byte.is_ascii_digit()));
            assert!(code.text.len() > 80, "{} is hardly explained", code.id);
            assert!(code.text.lines().all(|line| line.len() <= 100), "{}", code.id);
            assert_eq!(find(code.id).map(|found| found.id), Some(code.id));
            assert_ne!(code.exit, Exit::Done, "{}", code.id);
        }
    }

    #[test]
    fn every_code_is_documented() {
        let document = include_str!("../ERRORS.md");
        assert_eq!(document, crate::explain::document(), "refresh it: quorate explain --all");
    }
}
