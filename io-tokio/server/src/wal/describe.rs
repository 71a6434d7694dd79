//! What was found in a log, as a line of text or of JSON.

use quorate_core::LogId;
use quorate_core::wal::{
    BatchInfo, Block, Finding, Ident, IdentError, Identity, Look, RecordInfo, RecordKind, Row,
    SegmentInfo, SlotInfo, Worth,
};
use serde_json::{Value, json};

use crate::output::{Format, json_bytes};

/// One finding, one line.
pub(super) fn line(finding: &Finding<'_>, format: Format, bodies: bool) -> String {
    match format {
        Format::Text => text(finding, bodies),
        Format::Json => {
            let mut object = object(finding, bodies);
            object["v"] = json!(1);
            object.to_string()
        }
    }
}

/// How a log ends, in words.
pub(super) fn row(row: Row) -> &'static str {
    match row {
        Row::End => "it ends where nothing was ever written",
        Row::HeaderMissing => "the header of its last batch was never written",
        Row::SectorsMissing => "a part of its last batch was never written",
        Row::Sealed => "its last segment is sealed",
        Row::Promised
        | Row::WrongRecords
        | Row::WrongHeader
        | Row::Misplaced
        | Row::Unreadable
        | Row::SegmentMissing => "it is damaged",
    }
}

fn text(finding: &Finding<'_>, bodies: bool) -> String {
    match finding {
        Finding::Ident(Ok(ident)) => {
            let members: Vec<_> = ident.genesis.voters().iter().map(ToString::to_string).collect();
            format!("ident    {}; founded by {}", owner(&ident.identity), members.join(", "))
        }
        Finding::Ident(Err(error)) => format!("ident    {error}"),
        Finding::Slot { place, slot } => format!("state    {place} {}", block(slot, slot_text)),
        Finding::Segment { file, header, bad_copies, bytes } => {
            let copies = if *bad_copies > 0 { ", a copy of its header is bad" } else { "" };
            format!("segment  {file} of {bytes} bytes{copies}: {}", block(header, segment_text))
        }
        Finding::Batch(batch) => format!("  batch  {}", batch_text(batch)),
        Finding::Record(record) => format!("  record {}", record_text(record, bodies)),
        Finding::Region { offset, bytes, look } => {
            format!("  region at {offset}: {bytes} bytes, {}", look_word(*look))
        }
    }
}

fn owner(identity: &Identity) -> String {
    let Identity { cluster, node, incarnation } = identity;
    format!("server {node} of cluster {cluster}, incarnation {incarnation}")
}

fn block<T>(block: &Block<T>, good: impl FnOnce(&T) -> String) -> String {
    match block {
        Block::Good(value) => good(value),
        Block::Blank => "blank".to_owned(),
        Block::Damaged => "damaged".to_owned(),
        Block::Unsupported(what) => what.to_string(),
    }
}

fn slot_text(slot: &SlotInfo) -> String {
    let vote = slot.hard_state.vote.map_or_else(|| "nobody".to_owned(), |id| id.to_string());
    format!(
        "good: generation {}, boot {}, term {}, voted for {vote}, durable up to batch {}{}",
        slot.generation,
        slot.boot_epoch,
        slot.hard_state.term.0,
        slot.durable_lsn,
        if slot.closed { ", closed" } else { "" }
    )
}

fn segment_text(segment: &SegmentInfo) -> String {
    format!(
        "good: number {}, from batch {}, after {}, made by boot {}, aligned to {}",
        segment.seq,
        segment.first_lsn,
        position(segment.base),
        segment.boot_epoch,
        segment.align_bytes
    )
}

fn batch_text(batch: &BatchInfo) -> String {
    format!(
        "at {}: {} {}, {} bytes, {} records, log ends at {}, committed {}{}{}",
        batch.offset,
        batch.lsn,
        worth_word(batch.worth),
        batch.used_bytes,
        batch.records,
        position(batch.last),
        batch.commit.0,
        if batch.seals { ", seals the segment" } else { "" },
        if batch.marks { ", marks what is durable" } else { "" },
    )
}

fn record_text(record: &RecordInfo<'_>, bodies: bool) -> String {
    let intact = if record.intact { "" } else { ", damaged" };
    let body = if bodies && !record.body.is_empty() {
        format!(" \"{}\"", record.body.escape_ascii())
    } else {
        String::new()
    };
    format!(
        "at {}: {} {}, {} bytes{intact}{body}",
        record.offset,
        kind_word(record.kind),
        position(record.id),
        record.body.len()
    )
}

fn position(id: LogId) -> String {
    format!("index {} of term {}", id.index.0, id.term.0)
}

fn object(finding: &Finding<'_>, bodies: bool) -> Value {
    match finding {
        Finding::Ident(ident) => json!({ "found": "ident", "ident": ident_object(ident) }),
        Finding::Slot { place, slot } => {
            json!({ "found": "slot", "place": place, "slot": block_object(slot, slot_object) })
        }
        Finding::Segment { file, header, bad_copies, bytes } => json!({
            "found": "segment",
            "file": file,
            "bytes": bytes,
            "bad_copies": bad_copies,
            "header": block_object(header, segment_object),
        }),
        Finding::Batch(batch) => batch_object(batch),
        Finding::Record(record) => {
            let mut object = json!({
                "found": "record",
                "offset": record.offset,
                "kind": kind_word(record.kind),
                "index": record.id.index.0,
                "term": record.id.term.0,
                "bytes": record.body.len(),
                "intact": record.intact,
            });
            if bodies {
                object["body"] = json_bytes(record.body);
            }
            object
        }
        Finding::Region { offset, bytes, look } => {
            json!({ "found": "region", "offset": offset, "bytes": bytes, "look": look_word(*look) })
        }
    }
}

fn ident_object(ident: &Result<Ident, IdentError>) -> Value {
    match ident {
        Ok(ident) => json!({
            "owner": owner_object(&ident.identity),
            "created": ident.created,
            "voters": ident.genesis.voters(),
        }),
        Err(error) => json!({ "error": error.to_string() }),
    }
}

fn owner_object(identity: &Identity) -> Value {
    json!({
        "cluster": identity.cluster.to_string(),
        "node": identity.node,
        "incarnation": identity.incarnation.to_string(),
    })
}

fn block_object<T>(block: &Block<T>, good: impl FnOnce(&T) -> Value) -> Value {
    match block {
        Block::Good(value) => json!({ "good": good(value) }),
        Block::Blank => json!("blank"),
        Block::Damaged => json!("damaged"),
        Block::Unsupported(what) => json!({ "unsupported": what.to_string() }),
    }
}

fn slot_object(slot: &SlotInfo) -> Value {
    json!({
        "owner": owner_object(&slot.owner),
        "generation": slot.generation,
        "boot": slot.boot_epoch,
        "term": slot.hard_state.term.0,
        "vote": slot.hard_state.vote,
        "durable_lsn": slot.durable_lsn,
        "segment": slot.segment_seq,
        "closed": slot.closed,
    })
}

fn segment_object(segment: &SegmentInfo) -> Value {
    json!({
        "owner": owner_object(&segment.owner),
        "number": segment.seq,
        "salt": segment.salt,
        "align_bytes": segment.align_bytes,
        "first_lsn": segment.first_lsn,
        "base_index": segment.base.index.0,
        "base_term": segment.base.term.0,
        "boot": segment.boot_epoch,
        "prev_end": segment.prev_end,
    })
}

fn batch_object(batch: &BatchInfo) -> Value {
    json!({
        "found": "batch",
        "offset": batch.offset,
        "used_bytes": batch.used_bytes,
        "lsn": batch.lsn,
        "synced_lsn": batch.synced_lsn,
        "commit": batch.commit.0,
        "last_index": batch.last.index.0,
        "last_term": batch.last.term.0,
        "generation": batch.generation,
        "records": batch.records,
        "seals": batch.seals,
        "marks": batch.marks,
        "worth": worth_word(batch.worth),
    })
}

fn worth_word(worth: Worth) -> &'static str {
    match worth {
        Worth::Good => "good",
        Worth::Detached => "detached",
        Worth::Void => "void",
        Worth::SectorsMissing => "sectors-missing",
        Worth::WrongRecords => "wrong-records",
    }
}

fn kind_word(kind: Option<RecordKind>) -> &'static str {
    match kind {
        Some(RecordKind::Command) => "command",
        Some(RecordKind::Membership) => "membership",
        Some(RecordKind::Truncate) => "truncate",
        Some(RecordKind::Snapshot) => "snapshot",
        Some(RecordKind::Reset) => "reset",
        Some(RecordKind::Noop) => "noop",
        Some(RecordKind::Time) => "time",
        Some(RecordKind::Filling) => "filling",
        None => "unknown",
    }
}

fn look_word(look: Look) -> &'static str {
    match look {
        Look::Blank => "blank",
        Look::Garbage => "garbage",
        Look::Unreadable => "unreadable",
    }
}
