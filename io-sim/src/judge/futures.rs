//! What could still come to pass: whoever might win an election from here on, if power failed
//! everywhere now. What a world only comes to once in a million runs is seen here whenever it could.

use quorate_core::{Index, LogId, NodeId};

use super::glance::Witness;
use super::image::Image;
use super::properties::{Properties, is_quorum};
use super::violation::{Checked, Property, hold};

/// Where a request stands in a log.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Place {
    pub(crate) at: LogId,
    /// The leader who put it there.
    pub(crate) author: NodeId,
}

impl Properties {
    /// thesis 3.6.2: what is committed stays so. Nobody who lacks the newest committed entry could
    /// win an election, whoever votes.
    pub(crate) fn is_final(&self, servers: &[impl Witness]) -> Checked {
        let index = self.committed();
        let Some(digest) = self.committed_log(index).filter(|_| self.looks_into_disks) else {
            return Ok(());
        };
        for server in servers {
            for image in [server.ledger().durable(), server.ledger().written()] {
                let has_it = image.digest(index) == Some(digest);
                let could_win = || self.could_win(server.id(), image, servers);
                hold(has_it || !could_win(), Property::LeaderCompleteness, || {
                    let (id, last) = (server.id(), image.last());
                    format!("{index:?} is committed, and {id:?} could win without it: {last:?}")
                })?;
            }
        }
        Ok(())
    }

    /// H7: somebody calls a request void that stands in these places at most. Nobody whose log has
    /// it there could win an election, and go on to commit it; and whoever gave it its place, and may
    /// have sent it to anybody, knows that, because it knows what is committed there.
    pub(crate) fn is_void(
        &self,
        places: &[Place],
        says: NodeId,
        servers: &[impl Witness],
    ) -> Checked {
        if !self.looks_into_disks {
            return Ok(());
        }
        let speaker = servers.iter().find(|server| server.id() == says);
        let known = speaker.and_then(Witness::glance).map_or(Index(0), |glance| glance.commit);
        let is_guessed = |place: &&Place| place.author == says && known < place.at.index;
        let guessed = places.iter().find(is_guessed);
        hold(guessed.is_none(), Property::OneTrueAnswer, || {
            format!("{says:?} calls {guessed:?} void, and knows up to {known:?} only")
        })?;
        for server in servers {
            for image in [server.ledger().durable(), server.ledger().written()] {
                let has = |place: &&Place| image.term(place.at.index) == Some(place.at.term);
                let Some(place) = places.iter().find(has) else { continue };
                let could_win = self.could_win(server.id(), image, servers);
                hold(!could_win, Property::OneTrueAnswer, || {
                    let (id, last) = (server.id(), image.last());
                    format!("{says:?} calls {place:?} void; {id:?} could commit it: {last:?}")
                })?;
            }
        }
        Ok(())
    }

    /// Could this server win, if this were its log and the others had what is on their disks (thesis
    /// 3.6.1)?
    fn could_win(&self, candidate: NodeId, log: &Image, servers: &[impl Witness]) -> bool {
        let (last, membership) = (log.last(), self.rules(log, log.last().index));
        let would_vote = |id: &NodeId| {
            let voter = servers.iter().find(|server| server.id() == *id);
            let grants = |disk: &Image| disk.last() <= last && !disk.hard_state.is_forgetful;
            *id == candidate || voter.is_some_and(|voter| grants(voter.ledger().durable()))
        };
        // thesis 4.2.2: whoever left may stand for as long as it does not know that it did.
        let mut all = log.memberships().chain([&self.founders]);
        let may_stand = all.any(|it| it.is_voter(candidate)) && !log.hard_state.is_forgetful;
        may_stand && is_quorum(membership, would_vote)
    }
}
