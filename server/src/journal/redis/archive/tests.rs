//! Files of the archive, broken on purpose: what is missing or damaged is said, never skipped.

use super::*;
use crate::journal::contract::{batch, shop};
use crate::journal::record::{self, Head};

/// The records of a history, from version 1 on.
fn history(records: u64) -> Vec<Vec<u8>> {
    let (shop, mut after) = (shop("s1"), Position::default());
    let encoded = |number| {
        let head = Head { shop: &shop, epoch: 1, after, next_due: None };
        let encoded = record::encode(head, &batch(number).entries).unwrap();
        after = encoded.position;
        encoded.bytes
    };
    (0..records).map(encoded).collect()
}

/// Ten records in the files 1 to 4, 5 to 7 and 8 to 10.
async fn archived() -> (tempfile::TempDir, Arc<Archive>, Vec<Vec<u8>>) {
    let folder = tempfile::tempdir().unwrap();
    let (archive, records) = (Archive::open(folder.path()).unwrap(), history(10));
    for (first, last) in [(1, 4), (5, 7), (8, 10)] {
        let stretch = records[first - 1..last].to_vec();
        archive.write(&shop("s1"), 1, first as u64, stretch).await.unwrap();
    }
    (folder, archive, records)
}

fn file(folder: &tempfile::TempDir, first: Version, last: Version) -> PathBuf {
    folder.path().join("s1").join(Span { first, last }.name())
}

#[tokio::test]
async fn records_are_read_over_the_edges_of_files() {
    let (_folder, archive, records) = archived().await;
    assert_eq!(archive.end(&shop("s1")).await, Ok(10));
    for first in 1..=10 {
        for count in 1..=11 {
            let entries = archive.entries(&shop("s1"), first as u64, count).await.unwrap();
            let end = 10.min(first + count - 1);
            let expected = (first..=end).map(|it| (it as u64, records[it - 1].clone()));
            assert_eq!(entries, expected.collect::<Vec<_>>());
        }
    }
    assert_eq!(archive.position_at(&shop("s1"), 0).await, Ok(Position::default()));
    assert_eq!(archive.position_at(&shop("s1"), 7).await.unwrap().version, 7);
    assert_eq!(archive.end(&shop("s2")).await, Ok(0));
}

#[tokio::test]
async fn a_stretch_that_was_written_twice_is_read_once() {
    let (_folder, archive, records) = archived().await;
    archive.write(&shop("s1"), 2, 6, records[5..9].to_vec()).await.unwrap();
    let entries = archive.entries(&shop("s1"), 1, 20).await.unwrap();
    assert_eq!(entries.into_iter().map(|(_, bytes)| bytes).collect::<Vec<_>>(), records);
}

#[tokio::test]
async fn a_file_that_is_missing_or_cut_short_is_damage_where_it_begins() {
    let (folder, archive, _) = archived().await;
    std::fs::remove_file(file(&folder, 5, 7)).unwrap();
    let refused = archive.entries(&shop("s1"), 4, 9).await.unwrap_err();
    assert!(matches!(refused, Error::Corrupt { version: 5, .. }), "{refused}");
    let path = file(&folder, 8, 10);
    let bytes = std::fs::read(&path).unwrap();
    for length in [0, 3, 200, bytes.len() - 1] {
        std::fs::write(&path, &bytes[..length]).unwrap();
        let refused = archive.entries(&shop("s1"), 8, 1).await.unwrap_err();
        assert!(matches!(refused, Error::Corrupt { version: 8..=10, .. }), "{refused}");
    }
}

#[tokio::test]
async fn a_folder_that_is_not_there_is_asked_for() {
    let (folder, archive, _) = archived().await;
    let refused = archive.entries(&shop("s2"), 1, 1).await.unwrap_err();
    assert!(matches!(&refused, Error::Unavailable(why) if why.contains("mounted")), "{refused}");
    assert!(Archive::open(&folder.path().join("elsewhere")).is_err());
}

#[tokio::test]
async fn what_an_earlier_writer_left_unfinished_goes() {
    let (folder, archive, records) = archived().await;
    let left = |epoch| folder.path().join("s1").join(format!("x{ENDING}.{epoch}{UNFINISHED}"));
    for epoch in [1, 2, 3] {
        std::fs::write(left(epoch), b"half").unwrap();
    }
    archive.write(&shop("s1"), 2, 1, records).await.unwrap();
    assert_eq!([1, 2, 3].map(|epoch| left(epoch).exists()), [false, true, true]);
}
