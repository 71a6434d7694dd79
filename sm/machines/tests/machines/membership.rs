use quorate_machines::membership::{
    Change, GroupChange, Member, Membership, MembershipCx, MembershipMachine, NotThere, Registry,
};
use quorate_sm::SessionId;
use serde::{Deserialize, Serialize};

use crate::support;

/// Members, who is in which group, and who came online there, in this order.
#[derive(Default, Serialize, Deserialize)]
struct Roll {
    members: Vec<(String, String, Option<SessionId>)>,
    joined: Vec<(String, String)>,
    online: Vec<(String, String)>,
}

impl Roll {
    fn groups_of(&self, member: &str) -> Vec<String> {
        let theirs = self.joined.iter().filter(|it| it.1 == member);
        let mut groups: Vec<_> = theirs.map(|it| it.0.clone()).collect();
        groups.sort();
        groups
    }

    /// Whoever leads a group after this is told, if that is another one than before.
    fn turn(&mut self, cx: &mut MembershipCx, group: &str, act: impl FnOnce(&mut Self)) {
        let before = self.leader(group.to_owned());
        act(self);
        let leader = self.leader(group.to_owned());
        if leader != before {
            cx.emit_group_changed(group.to_owned(), GroupChange::Leader { member: leader });
        }
    }

    fn go(&mut self, cx: &mut MembershipCx, member: &str) -> bool {
        let known = self.members.iter_mut().find(|it| it.0 == member);
        if known.and_then(|known| known.2.take()).is_none() {
            return false;
        }
        cx.emit_changed(Change::Offline { member: member.to_owned() });
        for group in self.groups_of(member) {
            cx.emit_group_changed(&group, GroupChange::Offline { member: member.to_owned() });
            let it = (group.clone(), member.to_owned());
            self.turn(cx, &group, |roll| roll.online.retain(|other| *other != it));
        }
        true
    }

    fn quit(&mut self, cx: &mut MembershipCx, member: &str, group: &str) {
        let it = (group.to_owned(), member.to_owned());
        cx.emit_group_changed(group.to_owned(), GroupChange::Left { member: member.to_owned() });
        self.joined.retain(|other| *other != it);
        self.turn(cx, group, |roll| roll.online.retain(|other| *other != it));
    }
}

impl Membership for Roll {
    fn enter(
        &mut self,
        cx: &mut MembershipCx,
        member: String,
        address: String,
    ) -> Result<(), NotThere> {
        let session = cx.session().ok_or(NotThere::NoSession)?;
        let is = (member.clone(), address.clone(), Some(session));
        if self.members.contains(&is) {
            return Ok(());
        }
        let was_online = self.members.iter().any(|it| it.0 == member && it.2 == Some(session));
        if !was_online {
            self.go(cx, &member);
        }
        self.members.retain(|it| it.0 != member);
        self.members.push(is);
        cx.emit_changed(Change::Online { member: member.clone(), address });
        for group in self.groups_of(&member).iter().filter(|_| !was_online) {
            cx.emit_group_changed(group, GroupChange::Online { member: member.clone() });
            let it = (group.clone(), member.clone());
            self.turn(cx, group, |roll| roll.online.push(it));
        }
        Ok(())
    }

    fn depart(&mut self, cx: &mut MembershipCx, member: String) -> bool {
        self.go(cx, &member)
    }

    fn forget(&mut self, cx: &mut MembershipCx, member: String) -> bool {
        if !self.members.iter().any(|it| it.0 == member && it.2.is_none()) {
            return false;
        }
        self.members.retain(|it| it.0 != member);
        for group in self.groups_of(&member) {
            self.quit(cx, &member, &group);
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
        let known = self.members.iter().find(|it| it.0 == member).ok_or(NotThere::Unknown)?;
        let (is_online, it) = (known.2.is_some(), (group.clone(), member.clone()));
        if self.joined.contains(&it) {
            return Ok(false);
        }
        self.joined.push(it.clone());
        cx.emit_group_changed(&group, GroupChange::Joined { member });
        if is_online {
            self.turn(cx, &group, |roll| roll.online.push(it));
        }
        Ok(true)
    }

    fn leave(&mut self, cx: &mut MembershipCx, member: String, group: String) -> bool {
        let was_in = self.joined.contains(&(group.clone(), member.clone()));
        if was_in {
            self.quit(cx, &member, &group);
        }
        was_in
    }

    fn gone(&mut self, cx: &mut MembershipCx, session: SessionId) {
        let theirs = self.members.iter().filter(|it| it.2 == Some(session));
        let mut names: Vec<_> = theirs.map(|it| it.0.clone()).collect();
        names.sort();
        for name in &names {
            self.go(cx, name);
        }
    }

    fn members(&self, group: Option<String>) -> Vec<Member> {
        let is_in =
            |name: &String| group.as_ref().is_none_or(|group| self.groups_of(name).contains(group));
        let members = self.members.iter().filter(|it| is_in(&it.0)).cloned();
        let shown =
            members.map(|(name, address, by)| Member { name, address, is_online: by.is_some() });
        let mut shown: Vec<_> = shown.collect();
        shown.sort_by(|one, other| one.name.cmp(&other.name));
        shown
    }

    fn groups(&self) -> Vec<String> {
        let mut groups: Vec<_> = self.joined.iter().map(|it| it.0.clone()).collect();
        groups.sort();
        groups.dedup();
        groups
    }

    fn leader(&self, group: String) -> Option<String> {
        self.online.iter().find(|it| it.0 == group).map(|it| it.1.clone())
    }
}

#[test]
fn memberships_agree_with_a_roll() {
    support::agree::<MembershipMachine<Registry>, MembershipMachine<Roll>>(300);
}

#[test]
fn memberships_hold_in_a_world_of_faults() {
    quorate_io_sim::check!(
        MembershipMachine<Registry>,
        seeds = 4,
        holds = |registry| {
            for group in registry.0.groups() {
                let members = registry.0.members(Some(group.clone()));
                let online: Vec<_> = members.iter().filter(|member| member.is_online).collect();
                let leader = registry.0.leader(group);
                let is_one = leader
                    .as_ref()
                    .is_some_and(|leader| online.iter().any(|member| member.name == *leader));
                if is_one == online.is_empty() {
                    return Err(format!("{leader:?} leads {members:?}"));
                }
            }
            Ok(())
        }
    );
}
