//! The wire is for ever: one file per kind of message holds its bytes, and every later build must
//! write the same and read them back (FAULTS V05). `UPDATE=1 cargo test` writes the files anew; a
//! difference in a file that was there before breaks every running cluster.

mod wire_support;

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use quorate_core::wire::{Decoder, Opening};
use wire_support::samples::{GROUP, Sample, all};
use wire_support::{Any, frame, message};

#[test]
fn every_message_is_written_and_read_as_on_the_first_day() {
    let update = std::env::var_os("UPDATE").is_some();
    for sample in all() {
        let path = folder().join(format!("{}.hex", sample.name));
        let encoded = sample.message.encoded(GROUP);
        if update {
            fs::write(&path, page(&sample, &encoded)).expect("the folder can be written");
        }
        let page = fs::read_to_string(&path);
        let page = page.unwrap_or_else(|error| panic!("{}: {error}; UPDATE=1?", path.display()));
        let golden = bytes_of(&page);
        assert_eq!(golden, encoded, "{} is written differently now", sample.name);
        assert_eq!(
            message(&golden),
            Ok(Some(sample.message)),
            "{} is read differently",
            sample.name
        );
    }
    let samples: BTreeSet<_> = all().iter().map(|sample| format!("{}.hex", sample.name)).collect();
    assert_eq!(files(), samples, "a golden file is without its message");
}

#[test]
fn the_numbers_of_variants_never_change() {
    for sample in all() {
        let frame = frame(&sample.message.encoded(GROUP)).expect("a frame").expect("a whole one");
        let service = match sample.message {
            Any::Handshake(_) => 0,
            Any::Raft(_) => 1,
            Any::Peer(_) => 2,
            Any::Client(_) => 3,
        };
        assert_eq!(frame.service as u8, service, "{}", sample.name);
        assert!(
            frame.header.starts_with(sample.starts_with),
            "{} starts with {:?}",
            sample.name,
            &frame.header[..sample.starts_with.len().min(frame.header.len())],
        );
    }
}

#[test]
fn every_handshake_fits_the_decoder_of_strangers() {
    for sample in all().iter().filter(|sample| matches!(sample.message, Any::Handshake(_))) {
        let mut encoded = sample.message.encoded(GROUP);
        assert!(matches!(Decoder::HANDSHAKE.decode(&mut encoded), Ok(Some(_))), "{}", sample.name);
    }
}

#[test]
fn the_other_end_is_recognised_by_its_first_bytes_and_never_too_early() {
    let others = [
        (&b"\xD1quorate"[..], Opening::Quorate),
        (b"GET /metrics HTTP/1.1", Opening::Http),
        (b"PRI * HTTP/2.0\r\n\r\nSM", Opening::Http),
        (b"\x16\x03\x01\x02\x00", Opening::Tls),
        (b"SSH-2.0-", Opening::Foreign),
        (b"\xD1quorum!", Opening::Foreign),
        (b"\0\0\0\0\0\0\0\0", Opening::Foreign),
    ];
    for (bytes, opening) in others {
        let decided = (0..=bytes.len()).map(|len| Opening::recognise(&bytes[..len]));
        let decided: Vec<_> = decided.skip_while(Option::is_none).collect();
        assert!(
            !decided.is_empty() && decided.iter().all(|&it| it == Some(opening)),
            "{opening:?}"
        );
    }
}

fn files() -> BTreeSet<String> {
    fs::read_dir(folder())
        .expect("the folder is there")
        .map(|file| file.expect("a file").file_name().into_string().expect("a plain name"))
        .collect()
}

fn folder() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/wire"))
}

/// The file of a message: what it is, then its bytes, a line per part of the frame.
fn page(sample: &Sample, encoded: &[u8]) -> String {
    let frame = frame(encoded).expect("a frame").expect("a whole one");
    let (envelope, rest) =
        encoded.split_at(encoded.len() - frame.header.len() - frame.payload.len());
    let mut page = format!("# {:?}\n# envelope, header, payload\n", sample.message);
    let (header, payload) = rest.split_at(frame.header.len());
    for part in [envelope, header, payload] {
        for line in part.chunks(32) {
            page += &line.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(" ");
            page += "\n";
        }
    }
    page
}

fn bytes_of(page: &str) -> Vec<u8> {
    page.lines()
        .filter(|line| !line.starts_with('#'))
        .flat_map(str::split_whitespace)
        .map(|byte| u8::from_str_radix(byte, 16).expect("two hexadecimal digits"))
        .collect()
}
