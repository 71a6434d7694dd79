//! Whoever speaks another language at the port of a server.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::{Cluster, PATIENCE};

/// What the server says before it hangs up.
async fn last_words(cluster: &Cluster, bytes: &[u8]) -> Vec<u8> {
    let mut stream = TcpStream::connect(cluster.address(0)).await.unwrap();
    // It may hang up in the middle.
    let _ = stream.write_all(bytes).await;
    let mut words = Vec::new();
    let reading = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut words));
    // A reset is an end, too.
    let _ = reading.await.expect("it hangs up");
    words
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn strangers_are_hung_up_on_and_clients_are_not() {
    let cluster = Cluster::of(1).await;
    let store = cluster.client();
    store.put("a", "1").await.unwrap();

    let magic = b"\xD1quorate".to_vec();
    let too_long = [&magic[..], &[0xFF; 64]].concat();
    let nonsense = [&magic[..], &[20, 0, 0, 0], &[0; 60]].concat();
    let garbage: Vec<u8> = (0u8..=255).cycle().skip(1).take(100_000).collect();
    for bytes in [
        &b"GET / HTTP/1.1\r\nhost: a\r\n\r\n"[..],
        b"\x16\x03\x01\x00\xA5\x01\x00\x00",
        b"SSH-2.0-OpenSSH_9.9\r\n",
        &too_long,
        &nonsense,
        &garbage,
        &magic, // and then nothing
    ] {
        assert_eq!(last_words(&cluster, bytes).await, b"", "{:?}", &bytes[..8]);
        assert!(store.get("a").await.unwrap().is_some());
    }
}
