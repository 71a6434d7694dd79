//! Who is there: members, groups of them, and a leader of each group.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::string::String;
use alloc::vec::Vec;

use quorate_sm::{SessionId, machine};
use serde::{Deserialize, Serialize};

use crate::names::{self, NameTooLong};

/// Members are online as long as their sessions live. Those that are offline are known until they are
/// forgotten, and stay in their groups; but only who is online can lead one.
#[machine(brief, schema = "schemas/membership.schema")]
pub trait Membership {
    /// The session is the member of this name from now on, and says where it is. Takes the place of an
    /// earlier session of the member: a process that was restarted does not wait for its past to expire.
    fn enter(
        &mut self,
        cx: &mut MembershipCx,
        member: String,
        address: String,
    ) -> Result<(), NotThere>;
    /// The member is offline from now on; says whether it was online.
    fn depart(&mut self, cx: &mut MembershipCx, member: String) -> bool;
    /// The member was never there, unless it is online; says whether it was known.
    fn forget(&mut self, cx: &mut MembershipCx, member: String) -> bool;
    /// Puts a member into a group; says whether it was in none of that name before.
    fn join(
        &mut self,
        cx: &mut MembershipCx,
        member: String,
        group: String,
    ) -> Result<bool, NotThere>;
    /// Takes a member out of a group; says whether it was in it.
    fn leave(&mut self, cx: &mut MembershipCx, member: String, group: String) -> bool;
    #[session_ended]
    fn gone(&mut self, cx: &mut MembershipCx, session: SessionId);
    /// All members, or those of a group, in order of their names.
    fn members(&self, group: Option<String>) -> Vec<Member>;
    /// All groups.
    fn groups(&self) -> Vec<String>;
    /// Who leads a group: of those that are online, who has been in it and online for longest.
    fn leader(&self, group: String) -> Option<String>;
    /// What becomes of members.
    fn changed() -> Change;
    /// What becomes of a group and those in it.
    fn group_changed(group: String) -> GroupChange;
}

/// A member.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Member {
    /// Its name.
    pub name: String,
    /// Where it is, or was.
    pub address: String,
    /// Does its session live?
    pub is_online: bool,
}

/// What became of a member.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Change {
    /// It is there, at this address.
    Online {
        /// Its name.
        member: String,
        /// Its address.
        address: String,
    },
    /// Its session has ended, or it has said good-bye.
    Offline {
        /// Its name.
        member: String,
    },
    /// It is known no more.
    Forgotten {
        /// Its name.
        member: String,
    },
}

/// What became of a group.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum GroupChange {
    /// A member came to it.
    Joined {
        /// Its name.
        member: String,
    },
    /// A member left it.
    Left {
        /// Its name.
        member: String,
    },
    /// A member of it came online.
    Online {
        /// Its name.
        member: String,
    },
    /// A member of it went offline.
    Offline {
        /// Its name.
        member: String,
    },
    /// Another member leads, or none.
    Leader {
        /// Its name.
        member: Option<String>,
    },
}

/// Why somebody cannot be a member.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error, Serialize, Deserialize)]
pub enum NotThere {
    /// Nobody could tell when the member is gone.
    #[error("a member is online by its session, and the caller has none")]
    NoSession,
    /// Nobody has entered under this name.
    #[error("there is no such member")]
    Unknown,
    /// A name, or an address.
    #[error(transparent)]
    Name(#[from] NameTooLong),
}

/// All members and groups.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Registry {
    members: BTreeMap<String, Known>,
    groups: BTreeMap<String, Group>,
    by_session: BTreeMap<SessionId, BTreeSet<String>>,
    /// Counts who comes online in a group.
    turns: u64,
}

#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
struct Known {
    address: String,
    session: Option<SessionId>,
    groups: BTreeSet<String>,
}

#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
struct Group {
    members: BTreeSet<String>,
    /// Those that are online, since when: the first one leads.
    online: BTreeMap<u64, String>,
}

impl Group {
    fn leader(&self) -> Option<&String> {
        self.online.values().next()
    }
}

impl Registry {
    /// A member of a group comes online or goes offline there; whoever leads by then is told.
    fn turn(&mut self, cx: &mut MembershipCx, group: &String, member: &String, is_online: bool) {
        let Some(them) = self.groups.get_mut(group) else { return };
        let before = them.leader().cloned();
        if is_online {
            self.turns += 1;
            them.online.insert(self.turns, member.clone());
        } else {
            them.online.retain(|_, other| other != member);
        }
        let leader = them.leader().cloned();
        if leader != before {
            cx.emit_group_changed(group, GroupChange::Leader { member: leader });
        }
    }

    fn go_offline(&mut self, cx: &mut MembershipCx, member: &String) {
        let Some(known) = self.members.get_mut(member) else { return };
        let Some(session) = known.session.take() else { return };
        let groups: Vec<_> = known.groups.iter().cloned().collect();
        if let Some(names) = self.by_session.get_mut(&session) {
            names.remove(member);
            if names.is_empty() {
                self.by_session.remove(&session);
            }
        }
        cx.emit_changed(Change::Offline { member: member.clone() });
        for group in &groups {
            cx.emit_group_changed(group, GroupChange::Offline { member: member.clone() });
            self.turn(cx, group, member, false);
        }
    }
}

impl Membership for Registry {
    fn enter(
        &mut self,
        cx: &mut MembershipCx,
        member: String,
        address: String,
    ) -> Result<(), NotThere> {
        names::check(&member)?;
        names::check(&address)?;
        let session = cx.session().ok_or(NotThere::NoSession)?;
        let known = self.members.entry(member.clone()).or_default();
        if known.session == Some(session) && known.address == address {
            return Ok(());
        }
        if known.session != Some(session) {
            self.go_offline(cx, &member);
        }
        let known = self.members.entry(member.clone()).or_default();
        let was_online = known.session.replace(session).is_some();
        known.address.clone_from(&address);
        let groups: Vec<_> = known.groups.iter().cloned().collect();
        self.by_session.entry(session).or_default().insert(member.clone());
        cx.emit_changed(Change::Online { member: member.clone(), address });
        for group in groups.iter().filter(|_| !was_online) {
            cx.emit_group_changed(group, GroupChange::Online { member: member.clone() });
            self.turn(cx, group, &member, true);
        }
        Ok(())
    }

    fn depart(&mut self, cx: &mut MembershipCx, member: String) -> bool {
        let is_online = self.members.get(&member).is_some_and(|known| known.session.is_some());
        self.go_offline(cx, &member);
        is_online
    }

    fn forget(&mut self, cx: &mut MembershipCx, member: String) -> bool {
        if self.members.get(&member).is_none_or(|known| known.session.is_some()) {
            return false;
        }
        let groups = self.members.remove(&member).map(|known| known.groups).unwrap_or_default();
        for group in groups {
            self.leave_group(cx, &member, group);
        }
        cx.emit_changed(Change::Forgotten { member });
        true
    }

    fn join(
        &mut self,
        cx: &mut MembershipCx,
        member: String,
        group: String,
    ) -> Result<bool, NotThere> {
        names::check(&group)?;
        let known = self.members.get_mut(&member).ok_or(NotThere::Unknown)?;
        if !known.groups.insert(group.clone()) {
            return Ok(false);
        }
        let is_online = known.session.is_some();
        self.groups.entry(group.clone()).or_default().members.insert(member.clone());
        cx.emit_group_changed(&group, GroupChange::Joined { member: member.clone() });
        if is_online {
            self.turn(cx, &group, &member, true);
        }
        Ok(true)
    }

    fn leave(&mut self, cx: &mut MembershipCx, member: String, group: String) -> bool {
        let Some(known) = self.members.get_mut(&member) else { return false };
        let was_in = known.groups.remove(&group);
        if was_in {
            self.leave_group(cx, &member, group);
        }
        was_in
    }

    fn gone(&mut self, cx: &mut MembershipCx, session: SessionId) {
        for member in self.by_session.get(&session).cloned().unwrap_or_default() {
            self.go_offline(cx, &member);
        }
    }

    fn members(&self, group: Option<String>) -> Vec<Member> {
        let is_in = |known: &Known| group.as_ref().is_none_or(|group| known.groups.contains(group));
        let members = self.members.iter().filter(|(_, known)| is_in(known));
        let shown = members.map(|(name, known)| Member {
            name: name.clone(),
            address: known.address.clone(),
            is_online: known.session.is_some(),
        });
        shown.collect()
    }

    fn groups(&self) -> Vec<String> {
        self.groups.keys().cloned().collect()
    }

    fn leader(&self, group: String) -> Option<String> {
        self.groups.get(&group)?.leader().cloned()
    }
}

impl Registry {
    fn leave_group(&mut self, cx: &mut MembershipCx, member: &String, group: String) {
        cx.emit_group_changed(&group, GroupChange::Left { member: member.clone() });
        self.turn(cx, &group, member, false);
        if let Some(them) = self.groups.get_mut(&group) {
            them.members.remove(member);
            if them.members.is_empty() {
                self.groups.remove(&group);
            }
        }
    }
}
