//! Files over real sockets: large, slow, broken off, after a restart; and a folder that cannot be
//! used.

use std::path::Path;

use std::net::SocketAddr;

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::hawker::{Answer, ORIGIN, Server, Site, send, send_raw, soon};
use crate::tokens;

const PNG: &[u8] = b"\x89PNG\r\n\x1a\n";
const MP4: &[u8] = b"\x00\x00\x00\x20ftypisom\x00\x00\x02\x00isomiso2avc1mp41";

fn sized(head: &[u8], bytes: usize) -> Vec<u8> {
    let filling = (0..bytes - head.len()).map(|index| (index % 251) as u8);
    head.iter().copied().chain(filling).collect()
}

fn head_of(user: &str, media_type: &str) -> String {
    let token = tokens::buyer(user);
    format!("authorization: Bearer {token}\r\ncontent-type: {media_type}\r\n")
}

async fn upload(server: &Server, media_type: &str, bytes: &[u8]) -> Answer {
    let head = head_of("ann", media_type);
    send(server.public, "POST /v1/uploads?shop=acme", &head, bytes).await
}

/// A request whose answer may be any bytes: head and body.
async fn fetch(to: SocketAddr, path: &str, head: &str) -> (String, Vec<u8>) {
    let request = format!("GET {path} HTTP/1.1\r\nhost: {to}\r\nconnection: close\r\n{head}\r\n");
    let exchange = async {
        let mut stream = TcpStream::connect(to).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut response = Vec::new();
        stream.read_to_end(&mut response).await.unwrap();
        response
    };
    let response = soon("a file", exchange).await;
    let end = response.windows(4).position(|four| four == b"\r\n\r\n").unwrap();
    let head = String::from_utf8(response[..end].to_vec()).unwrap();
    (head.to_lowercase(), response[end + 4..].to_vec())
}

#[tokio::test]
async fn a_video_survives_a_restart_and_is_shown_in_parts() {
    let site = Site::new();
    let server = site.start().await;
    server.furnish().await;
    let video = sized(MP4, 3_000_000);
    let uploaded = upload(&server, "video/mp4", &video).await;
    assert_eq!(uploaded.status, 201, "{}", uploaded.body);
    let url = uploaded.body["url"].as_str().unwrap().to_owned();
    let figures = server.admin("/metrics").await.body.to_string();
    for line in
        ["hawker_uploads_total{outcome=\\\"stored\\\"} 1", "hawker_upload_bytes_total 3000000"]
    {
        assert!(figures.contains(line), "{line} is missing in {figures}");
    }
    server.kill().await;

    let server = site.start().await;
    let bearer = format!("authorization: Bearer {}\r\n", tokens::buyer("bob"));
    let (head, body) = fetch(server.public, &url, &bearer).await;
    assert!(head.starts_with("http/1.1 200 ok") && body == video, "{head}");
    let ticket = format!("GET {url}/ticket");
    let ticket = send(server.public, &ticket, &format!("{bearer}origin: {ORIGIN}\r\n"), b"").await;
    let shown = ticket.body["url"].as_str().unwrap();
    let (head, body) = fetch(server.public, shown, "range: bytes=1000000-1999999\r\n").await;
    assert!(head.starts_with("http/1.1 206 partial content"), "{head}");
    assert!(head.contains("content-range: bytes 1000000-1999999/3000000"), "{head}");
    assert!(body == video[1_000_000..2_000_000]);
    server.stop().await;
}

#[tokio::test]
async fn who_is_still_sending_hears_why_it_is_in_vain() {
    let site = Site::new();
    let server = site.start().await;
    server.furnish().await;
    let large = upload(&server, "image/png", &sized(PNG, 10 * 1024 * 1024 + 1)).await;
    assert_eq!((large.status, &large.body["error"]["code"]), (413, &Value::from("too_large")));
    let page = upload(&server, "image/png", &vec![b'<'; 2_000_000]).await;
    assert_eq!(page.body["error"]["code"], "unsupported_media_type");
    let asked = format!(
        "POST /v1/uploads?shop=acme HTTP/1.1\r\nhost: h\r\n{}expect: 100-continue\r\n\
         content-length: 104857601\r\n\r\n",
        head_of("ann", "video/mp4")
    );
    let answer = send_raw(server.public, asked.as_bytes()).await;
    assert_eq!((answer.status, &answer.body["error"]["code"]), (413, &Value::from("too_large")));
    server.stop().await;
}

#[tokio::test]
async fn a_file_that_stalls_or_breaks_off_leaves_nothing_behind() {
    let site = Site::with(&[("HAWKER_UPLOADS_STALL_MS", "200")]);
    let server = site.start().await;
    server.furnish().await;
    let begun = format!(
        "POST /v1/uploads?shop=acme HTTP/1.1\r\nhost: h\r\n{}content-length: 500000\r\n\r\n",
        head_of("ann", "image/png")
    );
    let begun = [begun.as_bytes(), &sized(PNG, 400_000)].concat();
    let answer = send_raw(server.public, &begun).await;
    assert_eq!((answer.status, &answer.body["error"]["code"]), (504, &Value::from("timeout")));
    let mut stream = TcpStream::connect(server.public).await.unwrap();
    stream.write_all(&begun).await.unwrap();
    stream.shutdown().await.unwrap();
    let mut answer = String::new();
    soon("an answer", stream.read_to_string(&mut answer)).await.unwrap();
    assert!(answer.contains("\"field\":\"body\"") || answer.is_empty(), "{answer}");
    server.stop().await;
    // Each process has a folder of its own there, and a lock beside it.
    let entries = |folder: &Path| std::fs::read_dir(folder).unwrap().map(|it| it.unwrap().path());
    let own = entries(&site.file("data/uploads/.partial")).filter(|path| path.is_dir());
    assert_eq!(own.map(|folder| entries(&folder).count()).sum::<usize>(), 0);
    assert!(!site.file("data/uploads/acme").exists());
}

#[tokio::test]
async fn a_server_whose_uploads_cannot_be_kept_does_not_start_and_says_so() {
    let site = Site::new();
    std::fs::write(site.file("data"), "not a folder").unwrap();
    let output = site.run(&["serve"]).await;
    assert!(!output.status.success());
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains("cannot keep uploads in data/uploads: set uploads.folder"), "{said}");
}
