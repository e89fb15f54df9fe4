//! What any store of uploads must do, as one suite. Owns no store: each brings its own, and a way
//! to open it again as after a crash.

use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::TryStreamExt as _;
use hawker_domain::id::{ShopId, UploadId, UserId};
use hawker_domain::time::{Millis, SpanMs};

use super::disk::{Disk, Options};
use super::{Committed, Error, Filed, MediaType, Uploads, id};

const DAY: SpanMs = SpanMs::hours(24);

fn acme() -> ShopId {
    ShopId::parse("acme").unwrap()
}

fn user(name: &str) -> UserId {
    UserId::parse(name).unwrap()
}

fn filed(owner: &str) -> Filed {
    Filed { owner: user(owner), media_type: MediaType::Png, at: Millis(1_000) }
}

fn id_of(owner: &str, secret: u8) -> UploadId {
    id(&acme(), &user(owner), [secret; 16])
}

fn disk(folder: &Path) -> Arc<dyn Uploads> {
    let options = Options { folder: folder.to_owned(), disk_free_bytes_min: 0, is_shared: false };
    // The one before may still be removing something.
    for _ in 0..1_000_000 {
        match Disk::open(options.clone()) {
            Ok(disk) => return Arc::new(disk),
            Err(_) => std::thread::yield_now(),
        }
    }
    Arc::new(Disk::open(options).unwrap())
}

async fn put(
    store: &Arc<dyn Uploads>,
    owner: &str,
    secret: u8,
    bytes: &[u8],
) -> Result<Committed, Error> {
    let mut draft = store.create().await?;
    for piece in bytes.chunks(100_000) {
        draft.write(Bytes::copy_from_slice(piece)).await?;
    }
    draft.commit(acme(), id_of(owner, secret), filed(owner)).await
}

async fn bytes(store: &Arc<dyn Uploads>, upload: &UploadId, from: u64, length: u64) -> Vec<u8> {
    let pieces = store.read(&acme(), upload, from, length).await.unwrap().unwrap();
    pieces.try_collect::<Vec<_>>().await.unwrap().concat()
}

/// Every file below a folder but the store's own locks, as paths from it.
fn files(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        match path.is_dir() {
            true => found.extend(files(&path).iter().map(|inner| format!("{name}/{inner}"))),
            false if !name.ends_with(".lock") => found.push(name),
            false => {}
        }
    }
    found.sort();
    found
}

/// Lets the threads that block come to their end.
async fn until(is_true: impl Fn() -> bool) {
    for _ in 0..10_000_000 {
        if is_true() {
            return;
        }
        tokio::task::yield_now().await;
    }
    panic!("it never came true");
}

#[tokio::test]
async fn what_was_committed_is_read_back_whole_and_in_part_also_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let content: Vec<u8> = (0..1_000_000_u32).map(|index| (index % 251) as u8).collect();
    let upload = id_of("ann", 1);
    let store = disk(folder.path());
    let committed = put(&store, "ann", 1, &content).await.unwrap();
    assert!(!committed.existing);
    assert_eq!(committed.description.size_bytes, 1_000_000);
    drop(store);
    let store = disk(folder.path());
    let described = store.describe(&acme(), &upload).await.unwrap();
    assert_eq!(described.as_ref(), Some(&committed.description));
    assert_eq!(described.unwrap().owner, user("ann"));
    assert_eq!(bytes(&store, &upload, 0, 1_000_000).await, content);
    assert_eq!(bytes(&store, &upload, 65_530, 70_000).await, content[65_530..135_530]);
    assert_eq!(bytes(&store, &upload, 999_999, 1).await, content[999_999..]);
}

#[tokio::test]
async fn what_was_not_committed_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let store = disk(folder.path());
    let mut draft = store.create().await.unwrap();
    draft.write(Bytes::from(vec![7; 600_000])).await.unwrap();
    let [begun] = &files(folder.path())[..] else { panic!("one file, aside") };
    assert!(begun.starts_with(".partial/") && begun.ends_with("/1/content"), "{begun}");
    drop(draft);
    until(|| files(folder.path()).is_empty()).await;
    drop(store);
    // A process that was killed drops nothing.
    std::fs::create_dir(folder.path().join(".partial/9")).unwrap();
    std::fs::write(folder.path().join(".partial/9/content"), "half").unwrap();
    let store = disk(folder.path());
    assert_eq!(files(folder.path()), [] as [&str; 0]);
    assert_eq!(store.describe(&acme(), &id_of("ann", 1)).await.unwrap(), None);
}

#[tokio::test]
async fn the_same_file_under_the_same_id_is_one_upload_and_another_is_a_conflict() {
    let folder = tempfile::tempdir().unwrap();
    let store = disk(folder.path());
    let first = put(&store, "ann", 1, b"one").await.unwrap();
    let again = put(&store, "ann", 1, b"one").await.unwrap();
    assert_eq!((again.description, again.existing), (first.description, true));
    assert!(matches!(put(&store, "ann", 1, b"two").await, Err(Error::Conflict)));
    assert_eq!(bytes(&store, &id_of("ann", 1), 0, 3).await, b"one");
    until(|| files(folder.path()).len() == 3).await;
}

#[tokio::test]
async fn what_is_unknown_or_no_id_of_the_store_is_not_there() {
    let folder = tempfile::tempdir().unwrap();
    let store = disk(folder.path());
    put(&store, "ann", 1, b"one").await.unwrap();
    let known = id_of("ann", 1);
    let capitals = UploadId::parse(&known.as_str().to_uppercase()).unwrap();
    for upload in [id_of("ann", 2), UploadId::parse("content").unwrap(), capitals] {
        assert_eq!(store.describe(&acme(), &upload).await.unwrap(), None);
        assert_eq!(store.keep(&acme(), &upload).await.unwrap(), None);
        assert!(store.read(&acme(), &upload, 0, 1).await.unwrap().is_none());
    }
    let elsewhere = ShopId::parse("bolt").unwrap();
    assert_eq!(store.describe(&elsewhere, &known).await.unwrap(), None);
}

#[tokio::test]
async fn a_sweep_takes_what_nobody_kept_when_it_is_old_enough() {
    let folder = tempfile::tempdir().unwrap();
    let store = disk(folder.path());
    for secret in [1, 2] {
        put(&store, "ann", secret, b"picture").await.unwrap();
    }
    let kept = store.keep(&acme(), &id_of("ann", 1)).await.unwrap().unwrap();
    assert_eq!(store.keep(&acme(), &id_of("ann", 1)).await.unwrap(), Some(kept.clone()));
    let almost = Millis(kept.at.0) + SpanMs(DAY.0 - 1);
    assert_eq!(store.sweep(almost, DAY).await.unwrap(), 0);
    drop(store);
    let store = disk(folder.path());
    assert_eq!(store.sweep(kept.at + DAY, DAY).await.unwrap(), 1);
    assert_eq!(store.describe(&acme(), &id_of("ann", 2)).await.unwrap(), None);
    assert_eq!(store.describe(&acme(), &id_of("ann", 1)).await.unwrap(), Some(kept.clone()));
    assert_eq!(store.sweep(kept.at + DAY, DAY).await.unwrap(), 0);
    assert_eq!(files(folder.path()).len(), 2);
}

#[tokio::test]
async fn erasing_somebody_erases_his_uploads_in_that_shop_and_nobody_elses() {
    let folder = tempfile::tempdir().unwrap();
    let store = disk(folder.path());
    for (owner, secret) in [("ann", 1), ("ann", 2), ("bob", 1)] {
        put(&store, owner, secret, b"picture").await.unwrap();
    }
    store.keep(&acme(), &id_of("ann", 1)).await.unwrap();
    let elsewhere = ShopId::parse("bolt").unwrap();
    assert_eq!(store.erase(&elsewhere, &user("ann")).await.unwrap(), 0);
    assert_eq!(store.erase(&acme(), &user("ann")).await.unwrap(), 2);
    assert_eq!(store.erase(&acme(), &user("ann")).await.unwrap(), 0);
    for secret in [1, 2] {
        assert_eq!(store.describe(&acme(), &id_of("ann", secret)).await.unwrap(), None);
    }
    assert!(store.describe(&acme(), &id_of("bob", 1)).await.unwrap().is_some());
    assert_eq!(files(folder.path()).len(), 3);
}

#[tokio::test]
async fn a_disk_without_room_takes_nothing_and_keeps_what_it_has() {
    let folder = tempfile::tempdir().unwrap();
    let upload = id_of("ann", 1);
    put(&disk(folder.path()), "ann", 1, b"one").await.unwrap();
    let options = Options {
        folder: folder.path().to_owned(),
        disk_free_bytes_min: u64::MAX,
        is_shared: false,
    };
    let store: Arc<dyn Uploads> = Arc::new(Disk::open(options).unwrap());
    assert!(matches!(put(&store, "ann", 2, b"two").await, Err(Error::Full)));
    assert_eq!(bytes(&store, &upload, 0, 3).await, b"one");
    assert_eq!(files(folder.path()).len(), 3);
}

#[tokio::test]
async fn a_folder_has_one_user() {
    let folder = tempfile::tempdir().unwrap();
    let store = disk(folder.path());
    let options =
        Options { folder: folder.path().to_owned(), disk_free_bytes_min: 0, is_shared: false };
    let second = Disk::open(options.clone()).unwrap_err();
    assert!(second.to_string().contains("another server uses it"), "{second}");
    drop(store);
    Disk::open(options).unwrap();
}

#[tokio::test]
async fn a_shared_folder_has_many_users_and_none_of_them_clears_what_another_writes() {
    let folder = tempfile::tempdir().unwrap();
    let options =
        Options { folder: folder.path().to_owned(), disk_free_bytes_min: 0, is_shared: true };
    let open = || Arc::new(Disk::open(options.clone()).unwrap()) as Arc<dyn Uploads>;
    let one = open();
    let mut draft = one.create().await.unwrap();
    draft.write(Bytes::from_static(b"begun")).await.unwrap();
    let two = open();
    let upload = id_of("ann", 1);
    put(&two, "ann", 1, b"one").await.unwrap();
    assert_eq!(bytes(&one, &upload, 0, 3).await, b"one");
    draft.commit(acme(), id_of("bob", 1), filed("bob")).await.unwrap();
    assert_eq!(bytes(&two, &id_of("bob", 1), 0, 5).await, b"begun");
    let alone = Options { is_shared: false, ..options.clone() };
    assert!(Disk::open(alone).is_err(), "it is the folder of several");
}

#[test]
fn an_id_says_whose_it_is_and_hides_128_bits() {
    let upload = id(&acme(), &user("ann"), [0xab; 16]);
    assert_eq!(upload.as_str().len(), 48);
    assert!(upload.as_str().ends_with(&"ab".repeat(16)));
    assert_ne!(upload, id(&acme(), &user("bob"), [0xab; 16]));
    assert_ne!(upload, id(&ShopId::parse("bolt").unwrap(), &user("ann"), [0xab; 16]));
}
