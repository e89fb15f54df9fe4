//! Compression as a client sees it: what is agreed on in the handshake, and what then comes.

use std::net::SocketAddr;

use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::hawker::{ORIGIN, Site, soon};
use crate::tokens;

/// The handshake's answer, and the stream behind it.
async fn offer(to: SocketAddr, extensions: &str) -> (String, TcpStream) {
    let mut stream = soon("a connection", TcpStream::connect(to)).await.unwrap();
    let head = format!(
        "GET /v1/ws HTTP/1.1\r\nhost: {to}\r\nconnection: Upgrade\r\nupgrade: websocket\r\n\
         sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
         sec-websocket-protocol: hawker.v1\r\norigin: {ORIGIN}\r\n\
         sec-websocket-extensions: {extensions}\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    while !answer.ends_with(b"\r\n\r\n") {
        answer.push(soon("an answer", stream.read_u8()).await.unwrap());
    }
    (String::from_utf8(answer).unwrap().to_lowercase(), stream)
}

async fn say_deflated(stream: &mut TcpStream, request: &Value) {
    let text = request.to_string();
    let mut payload = Vec::with_capacity(text.len() + 64);
    let mut compress = Compress::new(Compression::default(), false);
    compress.compress_vec(text.as_bytes(), &mut payload, FlushCompress::Sync).unwrap();
    payload.truncate(payload.len() - 4);
    let length = u16::try_from(payload.len()).unwrap().to_be_bytes();
    let head = [0xc1, 0xfe, length[0], length[1], 0, 0, 0, 0];
    stream.write_all(&[&head[..], &payload].concat()).await.unwrap();
}

/// The next frame's first byte and its text.
async fn hear(stream: &mut TcpStream) -> (u8, String) {
    let mut head = [0; 2];
    soon("a frame", stream.read_exact(&mut head)).await.unwrap();
    let length = match head[1] {
        126 => stream.read_u16().await.unwrap(),
        short => short.into(),
    };
    let mut payload = vec![0; length.into()];
    soon("a payload", stream.read_exact(&mut payload)).await.unwrap();
    if head[0] == 0xc1 {
        payload.extend([0, 0, 0xff, 0xff]);
        let mut text = Vec::with_capacity(64 << 10);
        let mut decompress = Decompress::new(false);
        decompress.decompress_vec(&payload, &mut text, FlushDecompress::Sync).unwrap();
        payload = text;
    }
    (head[0], String::from_utf8(payload).unwrap())
}

#[tokio::test]
async fn what_was_agreed_on_is_compressed_both_ways() {
    let server = Site::new().start().await;
    let (answer, mut stream) =
        offer(server.public, "permessage-deflate; client_max_window_bits").await;
    let agreed = "sec-websocket-extensions: permessage-deflate; server_no_context_takeover; \
                  client_no_context_takeover\r\n";
    assert!(answer.contains(agreed), "{answer}");
    let hello = json!({ "id": 1, "type": "hello", "token": tokens::buyer("ann") });
    say_deflated(&mut stream, &hello).await;
    let (first, welcome) = hear(&mut stream).await;
    assert_eq!(first, 0xc1, "{welcome}");
    let welcome: Value = serde_json::from_str(&welcome).unwrap();
    assert_eq!(welcome["ok"]["user"], "ann");
    let ping = json!({ "id": 2, "type": "ping", "t0": 7, "filler": "x".repeat(300) });
    say_deflated(&mut stream, &ping).await;
    let (first, pong) = hear(&mut stream).await;
    assert_eq!(first, 0x81, "a short reply stays plain: {pong}");
    server.stop().await;
}

#[tokio::test]
async fn nothing_is_agreed_on_that_was_not_offered_or_is_switched_off() {
    let server = Site::new().start().await;
    for offers in ["permessage-deflate; server_max_window_bits=9", "x-other"] {
        let (answer, _stream) = offer(server.public, offers).await;
        assert!(!answer.contains("sec-websocket-extensions"), "{answer}");
    }
    server.stop().await;
    let server = Site::with(&[("HAWKER_HUB_COMPRESS", "false")]).start().await;
    let (answer, _stream) = offer(server.public, "permessage-deflate").await;
    assert!(answer.starts_with("http/1.1 101"), "{answer}");
    assert!(!answer.contains("sec-websocket-extensions"), "{answer}");
    server.stop().await;
}
