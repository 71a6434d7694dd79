//! How connections and servers end whose other side is slow, or silent.

use std::time::Duration;

use bytes::BytesMut;
use quorate_core::wire::{ClientMessage, Decoder};
use quorate_io_tokio::Ended;
use quorate_io_tokio::http::HttpConfig;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::time::timeout;

use crate::still::{Still, status_request};

/// A moment in which everything happens that can happen by itself.
const MOMENT: Duration = Duration::from_millis(500);

/// Longer than a server waits for anybody.
const LONG: Duration = Duration::from_secs(60);

async fn rest_of(client: &mut DuplexStream) -> BytesMut {
    let mut rest = BytesMut::new();
    while timeout(LONG, client.read_buf(&mut rest)).await.expect("it ends").unwrap() > 0 {}
    rest
}

#[tokio::test(start_paused = true)]
async fn a_server_ends_when_its_last_answers_have_left() {
    let mut server = Still::start();
    let mut client = server.client_with_an_answer_under_way().await;
    let mut answer = BytesMut::from(&[client.read_u8().await.unwrap()][..]);
    server.handle.stop().await;
    assert!(timeout(MOMENT, &mut server.ended).await.is_err(), "it waits for the client");
    answer.unsplit(rest_of(&mut client).await);
    assert_eq!((&mut server.ended).await.unwrap(), Ended::Stopped);
    let frame = Decoder::new(1 << 20).decode(&mut answer).unwrap().expect("all of it");
    assert!(matches!(ClientMessage::decode(&frame), Ok(ClientMessage::Response(_))));
}

#[tokio::test(start_paused = true)]
async fn a_server_does_not_wait_for_ever_for_a_client_that_does_not_read() {
    let mut server = Still::start();
    let mut client = server.client_with_an_answer_under_way().await;
    client.read_u8().await.unwrap();
    server.handle.stop().await;
    let ended = timeout(LONG, &mut server.ended).await.expect("it has ended");
    assert_eq!(ended.unwrap(), Ended::Stopped);
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_was_hung_up_on_ends_though_nobody_reads() {
    let server = Still::start();
    let mut client = server.client_with_an_answer_under_way().await;
    client.read_u8().await.unwrap();
    // It may hang up in the middle.
    let _ = client.write_all(&[0xFF; 64]).await;
    tokio::time::sleep(LONG).await;
    let rest = rest_of(&mut client).await;
    assert!(rest.len() <= 8, "what the pipe held, and then the end: {rest:?}");
}

/// What it was too slow for so far would be no use to it later.
#[tokio::test(start_paused = true)]
async fn a_client_that_asks_and_does_not_read_is_let_go_at_once() {
    let server = Still::start();
    let mut client = server.client_with_an_answer_under_way().await;
    for _ in 0..200 {
        // It hangs up in the middle.
        if timeout(MOMENT, client.write_all(&status_request())).await.expect("it reads").is_err() {
            break;
        }
    }
    tokio::time::sleep(MOMENT / 2).await;
    let rest = rest_of(&mut client).await;
    assert!(rest.len() <= 8, "what the pipe held, and then the end: {} bytes", rest.len());
}

#[tokio::test(start_paused = true)]
async fn a_gateway_ends_though_a_request_never_does() {
    let server = Still::start();
    let (stop, stopped) = tokio::sync::oneshot::channel();
    let config = HttpConfig { body_timeout: LONG * 2, ..HttpConfig::default() };
    let (mut client, gateway) = server.gateway(config, async { _ = stopped.await });
    let head =
        "PUT /v1/kv/k HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nExpect: 100-continue\r\n\r\n";
    client.write_all(head.as_bytes()).await.unwrap();
    client.read_exact(&mut [0; 25]).await.unwrap();
    stop.send(()).unwrap();
    timeout(LONG, gateway).await.expect("it gives up").unwrap();
}
