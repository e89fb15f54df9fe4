//! Files of a chat: sent, read back, refused. Time stands still unless a test lets it pass.

use std::path::Path;
use std::time::Duration;

use axum::body::Body;
use futures_util::{StreamExt as _, stream};
use hawker_domain::Role;
use hawker_protocol::Code;
use http::StatusCode;
use serde_json::{Value, json};

use crate::bench::{
    Asking, Bench, FileRules, IMAGE_BYTES_MAX, VIDEO_BYTES_MAX, ask, bench, furnished, token,
    until, with_files,
};

const PNG: &[u8] =
    b"\x89PNG\r\n\x1a\n\x00\x00\x00\x0dIHDR and what else makes a picture of it, truly";
const MP4: &[u8] = b"\x00\x00\x00\x20ftypisom\x00\x00\x02\x00isomiso2avc1mp41";

fn upload(media_type: &str, bytes: impl Into<Body>) -> Asking {
    let asking = ask("POST", "/v1/uploads?shop=acme").header("content-type", media_type);
    asking.by("ann", Role::Buyer).stream(bytes.into())
}

/// A file of that many bytes that begins as it should.
fn sized(head: &[u8], bytes: usize) -> Vec<u8> {
    let filling = (0..bytes - head.len()).map(|index| (index % 251) as u8);
    head.iter().copied().chain(filling).collect()
}

async fn sent(bench: &Bench, media_type: &str, bytes: &[u8]) -> Value {
    bench.send(upload(media_type, bytes.to_vec())).await.ok()
}

fn url(uploaded: &Value) -> &str {
    uploaded["url"].as_str().unwrap()
}

/// What lies in the folder of the uploads but for the lock.
fn files(folder: &Path) -> usize {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let count = |path: std::path::PathBuf| match path.is_dir() {
        true => files(&path),
        false => {
            usize::from(path.extension().is_none_or(|it| it != "lock") && !path.ends_with(".lock"))
        }
    };
    entries.map(count).sum()
}

/// Nothing is left behind, soon.
async fn nothing_left(bench: &Bench) {
    until(|| files(bench.folder.path()) == 0).await;
}

#[tokio::test(start_paused = true)]
async fn a_file_is_sent_and_read_back_under_headers_that_keep_it_a_file() {
    let bench = bench().await;
    let version = bench.version().await;
    let answer = bench.send(upload("Image/PNG; x=y", PNG)).await;
    assert_eq!(answer.status, StatusCode::CREATED);
    let uploaded = answer.ok();
    let id = uploaded["upload"].as_str().unwrap();
    assert_eq!(uploaded["media_type"], "image/png");
    assert_eq!(uploaded["size_bytes"], PNG.len());
    assert_eq!(url(&uploaded), format!("/v1/uploads/acme/{id}"));
    let by_bob = || ask("GET", url(&uploaded)).by("bob", Role::Buyer);
    let (status, headers, body) = bench.fetch(by_bob()).await;
    assert_eq!((status, body.as_slice()), (StatusCode::OK, PNG));
    for (name, value) in [
        ("content-type", "image/png"),
        ("content-length", &PNG.len().to_string()),
        ("x-content-type-options", "nosniff"),
        ("content-security-policy", "default-src 'none'; sandbox"),
        ("content-disposition", &format!("inline; filename=\"{id}.png\"")),
        ("cache-control", "private, max-age=86400, immutable"),
        ("referrer-policy", "no-referrer"),
        ("accept-ranges", "bytes"),
    ] {
        assert_eq!(headers[name], value, "{name}");
    }
    let head = ask("HEAD", url(&uploaded)).by("bob", Role::Buyer);
    let (status, of_head, body) = bench.fetch(head).await;
    assert_eq!((status, body.len()), (StatusCode::OK, 0));
    assert_eq!(of_head["content-length"], headers["content-length"]);
    assert_eq!(bench.version().await, version, "the shop's history knows nothing of it");
}

#[tokio::test(start_paused = true)]
async fn anybody_with_a_token_may_send_and_staff_where_it_serves() {
    let bench = bench().await;
    for role in [Role::Buyer, Role::Service] {
        bench.send(upload("image/png", PNG).by("u1", role)).await.ok();
    }
    let manager = json!({ "roles": ["manager"] });
    bench.send(ask("PUT", "/v1/shops/acme/staff/mia").json(manager)).await.ok();
    bench.send(upload("image/png", PNG).by("mia", Role::Manager)).await.ok();
    let elsewhere = token("eve", &[Role::Agent], &["bolt"]);
    bench.send(upload("image/png", PNG).token(elsewhere)).await.refused(403, "forbidden");
    bench.send(upload("image/png", PNG).nobody()).await.refused(401, "unauthorized");
    let nowhere = ask("POST", "/v1/uploads?shop=bolt").header("content-type", "image/png");
    let nowhere = nowhere.by("ann", Role::Buyer).bytes(PNG);
    bench.send(nowhere).await.refused(404, "shop_unknown");
}

#[tokio::test(start_paused = true)]
async fn the_first_bytes_must_be_of_the_type_that_is_said() {
    let bench = with_files(FileRules { day_bytes_max: u64::MAX, disk_free_bytes_min: 0 });
    let bench = furnished(bench).await;
    let page = b"<!doctype html><script>alert(1)</script> and more than sixty-four bytes of it, so";
    for (index, (media_type, bytes)) in [
        ("image/png", &page[..]),
        ("text/html", page),
        ("image/svg+xml", b"<svg xmlns=\"http://www.w3.org/2000/svg\"/>"),
        ("image/png", b"<svg xmlns=\"http://www.w3.org/2000/svg\"/>"),
        ("image/jpeg", PNG),
        ("video/mp4", PNG),
        ("image/png", MP4),
        ("application/octet-stream", PNG),
        ("", PNG),
        ("image/png", b""),
        ("image/png", b"\x89PNG"),
    ]
    .into_iter()
    .enumerate()
    {
        let user = format!("u{index}");
        let asking = upload(media_type, bytes.to_vec()).by(&user, Role::Buyer);
        let refusal = bench.send(asking).await.refused(415, Code::UnsupportedMediaType.as_str());
        assert_eq!(refusal["media_types"].as_array().unwrap().len(), 7, "{media_type}");
    }
    nothing_left(&bench).await;
    let one_by_one = stream::iter(PNG.iter().map(|byte| Ok::<_, std::io::Error>(vec![*byte])));
    let uploaded = bench.send(upload("image/png", Body::from_stream(one_by_one))).await.ok();
    assert_eq!(uploaded["size_bytes"], PNG.len());
}

#[tokio::test(start_paused = true)]
async fn a_file_over_the_limit_of_its_kind_is_refused_announced_or_not() {
    let bench = bench().await;
    let picture = sized(PNG, IMAGE_BYTES_MAX + 1);
    let announced = upload("image/png", "").header("content-length", "100001");
    let silent = stream::iter([Ok::<_, std::io::Error>(picture.clone())]);
    let silent = upload("image/png", Body::from_stream(silent));
    for asking in [announced, silent] {
        let refusal = bench.send(asking).await.refused(413, Code::TooLarge.as_str());
        assert_eq!(refusal["bytes_max"], IMAGE_BYTES_MAX);
    }
    nothing_left(&bench).await;
    sent(&bench, "image/png", &picture[..IMAGE_BYTES_MAX]).await;
    let video = sized(MP4, VIDEO_BYTES_MAX);
    let uploaded = sent(&bench, "video/mp4", &video).await;
    let (_, headers, body) = bench.fetch(ask("GET", url(&uploaded))).await;
    assert_eq!((&headers["content-type"], body == video), (&"video/mp4".parse().unwrap(), true));
}

#[tokio::test(start_paused = true)]
async fn a_file_that_ends_early_or_comes_too_slowly_is_not_kept() {
    let bench = bench().await;
    let broken = std::io::Error::from(std::io::ErrorKind::UnexpectedEof);
    let cut = stream::iter([Ok(sized(PNG, 50_000)), Err(broken)]);
    let answer = bench.send(upload("image/png", Body::from_stream(cut))).await;
    assert_eq!(answer.refused(400, "invalid_request")["field"], "body");
    let first = || stream::iter([Ok::<_, std::io::Error>(sized(PNG, 1_000))]);
    let stalled = first().chain(stream::pending());
    let begun = tokio::time::Instant::now();
    let answer = bench.send(upload("image/png", Body::from_stream(stalled))).await;
    answer.refused(504, "timeout");
    assert_eq!(begun.elapsed().as_secs(), 11, "ten of patience, one to be heard");
    let seconds = tokio::time::interval(Duration::from_secs(1));
    let trickle = stream::unfold(seconds, |mut seconds| async move {
        seconds.tick().await;
        Some((Ok(vec![0]), seconds))
    });
    let trickle = first().chain(trickle);
    let answer = bench.send(upload("image/png", Body::from_stream(trickle))).await;
    answer.refused(504, "timeout");
    assert_eq!(begun.elapsed().as_secs(), 11 + 61);
    nothing_left(&bench).await;
}

#[tokio::test(start_paused = true)]
async fn a_day_has_so_many_bytes_and_ends() {
    let bench = with_files(FileRules { day_bytes_max: 100_000, disk_free_bytes_min: 0 });
    let bench = furnished(bench).await;
    sent(&bench, "image/png", &sized(PNG, 60_000)).await;
    let more = || upload("image/png", sized(PNG, 40_001));
    let refusal = bench.send(more()).await.refused(429, "rate_limited");
    let wait_ms = refusal["retry_after_ms"].as_u64().unwrap();
    assert!(wait_ms <= 86_400_000 && wait_ms > 1_000, "{wait_ms}");
    let silent = stream::iter([Ok::<_, std::io::Error>(sized(PNG, 40_001))]);
    let silent = upload("image/png", Body::from_stream(silent));
    bench.send(silent).await.refused(429, "rate_limited");
    bench.send(more().by("bob", Role::Buyer)).await.ok();
    tokio::time::advance(Duration::from_millis(wait_ms)).await;
    bench.send(more()).await.ok();
}

#[tokio::test(start_paused = true)]
async fn a_full_disk_is_said_and_takes_nothing() {
    let bench = with_files(FileRules { day_bytes_max: 1_000, disk_free_bytes_min: u64::MAX });
    let bench = furnished(bench).await;
    let refusal = bench.send(upload("image/png", PNG)).await.refused(503, "unavailable");
    assert!(refusal["message"].as_str().unwrap().contains("no room"), "{refusal}");
    nothing_left(&bench).await;
}

#[tokio::test(start_paused = true)]
async fn files_have_a_rate_of_their_own() {
    let bench = bench().await;
    for _ in 0..10 {
        sent(&bench, "image/png", PNG).await;
    }
    let refusal = bench.send(upload("image/png", PNG)).await.refused(429, "rate_limited");
    assert_eq!(refusal["retry_after_ms"], 1_000);
    bench.send(upload("image/png", PNG).by("bob", Role::Buyer)).await.ok();
    bench.send(ask("GET", "/v1/shops/acme").by("mia", Role::Manager)).await.ok();
}

#[tokio::test(start_paused = true)]
async fn a_file_sent_again_under_its_key_is_the_same_upload() {
    let bench = bench().await;
    let keyed = |bytes: &'static [u8]| upload("image/png", bytes).key("k1");
    let first = bench.send(keyed(PNG)).await;
    let again = bench.send(keyed(PNG)).await;
    assert_eq!((first.status, &first.body), (again.status, &again.body));
    let other = bench.send(keyed(&PNG[..20])).await;
    other.refused(409, Code::IdempotencyConflict.as_str());
    let by_bob = bench.send(keyed(PNG).by("bob", Role::Buyer)).await.ok();
    assert_ne!(by_bob["upload"], first.body["upload"]);
    let without = [sent(&bench, "image/png", PNG).await, sent(&bench, "image/png", PNG).await];
    assert_ne!(without[0]["upload"], without[1]["upload"]);
}

#[tokio::test(start_paused = true)]
async fn a_part_of_a_file_can_be_asked_for() {
    let bench = bench().await;
    let video = sized(MP4, 200_000);
    let uploaded = sent(&bench, "video/mp4", &video).await;
    let get = |range: &str| ask("GET", url(&uploaded)).header("range", range);
    let (status, headers, body) = bench.fetch(get("bytes=70000-139999")).await;
    assert_eq!((status, body.as_slice()), (StatusCode::PARTIAL_CONTENT, &video[70_000..140_000]));
    assert_eq!(headers["content-range"], "bytes 70000-139999/200000");
    assert_eq!(headers["content-length"], "70000");
    let tag = headers["etag"].to_str().unwrap().to_owned();
    let (status, _, body) = bench.fetch(get("bytes=-10").header("if-range", &tag)).await;
    assert_eq!((status, body.as_slice()), (StatusCode::PARTIAL_CONTENT, &video[199_990..]));
    for asking in [get("bytes=-10").header("if-range", "\"other\""), get("bytes=0-1,5-6")] {
        let (status, _, body) = bench.fetch(asking).await;
        assert_eq!((status, body.len()), (StatusCode::OK, 200_000));
    }
    let beyond = bench.send(get("bytes=200000-")).await;
    assert_eq!(beyond.headers["content-range"], "bytes */200000");
    let refusal = beyond.refused(416, Code::RangeUnsatisfiable.as_str());
    assert_eq!(refusal["size_bytes"], 200_000);
}

#[tokio::test(start_paused = true)]
async fn a_ticket_opens_one_file_for_a_while() {
    let bench = bench().await;
    let uploaded = sent(&bench, "image/png", PNG).await;
    let other = sent(&bench, "image/png", PNG).await;
    bench.send(ask("GET", url(&uploaded)).nobody()).await.refused(401, "unauthorized");
    let asking = ask("GET", &format!("{}/ticket", url(&uploaded))).by("bob", Role::Buyer);
    let answer = bench.send(asking).await;
    assert_eq!(answer.headers["cache-control"], "no-store");
    let ticket = answer.ok();
    assert_eq!(ticket["expires_at"], bench.now() + 300_000);
    let (status, _, body) = bench.fetch(ask("GET", url(&ticket)).nobody()).await;
    assert_eq!((status, body.as_slice()), (StatusCode::OK, PNG));
    let (path, secret) = url(&ticket).split_once('?').unwrap();
    let elsewhere = format!("{}?{secret}", url(&other));
    let forged = format!("{path}?ticket={}.{}", i64::MAX, "0".repeat(64));
    for wrong in [elsewhere, forged, format!("{path}?ticket=x")] {
        bench.send(ask("GET", &wrong).nobody()).await.refused(401, "unauthorized");
    }
    tokio::time::advance(Duration::from_millis(300_000)).await;
    bench.send(ask("GET", url(&ticket)).nobody()).await.refused(401, "unauthorized");
}

#[tokio::test(start_paused = true)]
async fn an_id_that_nobody_was_given_leads_nowhere() {
    let bench = bench().await;
    let uploaded = sent(&bench, "image/png", PNG).await;
    let id = uploaded["upload"].as_str().unwrap();
    let capitals = id.to_uppercase();
    for path in [format!("acme/{}", "0".repeat(48)), format!("bolt/{id}"), "acme/content".into()] {
        bench.send(ask("GET", &format!("/v1/uploads/{path}"))).await.refused(404, "not_found");
        let ticket = format!("/v1/uploads/{path}/ticket");
        bench.send(ask("GET", &ticket)).await.refused(404, "not_found");
    }
    bench.send(ask("GET", &format!("/v1/uploads/acme/{capitals}"))).await.refused(404, "not_found");
    for (path, field) in [
        ("acme/..%2F..%2Fetc%2Fpasswd", "upload"),
        ("acme/%2E%2E", "upload"),
        ("..%2Facme/x", "shop"),
        (".unnamed/x", "shop"),
        ("acme/a%00", "upload"),
    ] {
        let answer = bench.send(ask("GET", &format!("/v1/uploads/{path}"))).await;
        assert_eq!(answer.refused(400, "invalid_request")["field"], field, "{path}");
    }
}

#[tokio::test(start_paused = true)]
async fn erasing_a_buyer_erases_the_files_he_sent_to_that_shop() {
    let bench = bench().await;
    let of_ann = sent(&bench, "image/png", PNG).await;
    let of_bob = bench.send(upload("image/png", PNG).by("bob", Role::Buyer)).await.ok();
    bench.send(ask("DELETE", "/v1/shops/acme/buyers/ann")).await.ok();
    bench.send(ask("GET", url(&of_ann))).await.refused(404, "not_found");
    assert_eq!(bench.fetch(ask("GET", url(&of_bob))).await.0, StatusCode::OK);
}
