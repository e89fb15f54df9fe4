//! Uploads that stand in memory, for tests that send none: what is known of them, and which a
//! message has named.

use std::collections::BTreeMap;
use std::sync::Mutex;

use hawker_domain::id::{ShopId, UploadId, UserId};
use hawker_domain::time::{Millis, SpanMs};

use crate::uploads::{Description, Draft, Error, MediaType, Pending, Pieces, Uploads, id};

#[derive(Debug, Default)]
pub(super) struct Shelf(Mutex<BTreeMap<(ShopId, UploadId), (Description, bool)>>);

impl Shelf {
    /// A picture of `owner`, by its id.
    pub(super) fn put(&self, shop: &ShopId, owner: &UserId) -> UploadId {
        let mut files = self.0.lock().unwrap();
        let secret = u8::try_from(files.len()).unwrap();
        let upload = id(shop, owner, [secret; 16]);
        let description = Description {
            owner: owner.clone(),
            media_type: MediaType::Png,
            size_bytes: 1_234,
            hash: String::new(),
            at: Millis(0),
        };
        files.insert((shop.clone(), upload.clone()), (description, false));
        upload
    }

    pub(super) fn is_kept(&self, shop: &ShopId, upload: &UploadId) -> bool {
        self.0.lock().unwrap()[&(shop.clone(), upload.clone())].1
    }
}

impl Uploads for Shelf {
    fn create(&self) -> Pending<'_, Result<Box<dyn Draft>, Error>> {
        unreachable!("sockets send no files")
    }

    fn describe<'a>(
        &'a self,
        shop: &'a ShopId,
        upload: &'a UploadId,
    ) -> Pending<'a, Result<Option<Description>, Error>> {
        let files = self.0.lock().unwrap();
        let found = files.get(&(shop.clone(), upload.clone())).map(|(known, _)| known.clone());
        Box::pin(async move { Ok(found) })
    }

    fn read<'a>(
        &'a self,
        _: &'a ShopId,
        _: &'a UploadId,
        _: u64,
        _: u64,
    ) -> Pending<'a, Result<Option<Pieces>, Error>> {
        unreachable!("sockets read no files")
    }

    fn keep<'a>(
        &'a self,
        shop: &'a ShopId,
        upload: &'a UploadId,
    ) -> Pending<'a, Result<Option<Description>, Error>> {
        let mut files = self.0.lock().unwrap();
        let found = files.get_mut(&(shop.clone(), upload.clone())).map(|(known, is_kept)| {
            *is_kept = true;
            known.clone()
        });
        Box::pin(async move { Ok(found) })
    }

    fn erase<'a>(&'a self, _: &'a ShopId, _: &'a UserId) -> Pending<'a, Result<usize, Error>> {
        unreachable!("sockets erase nobody")
    }

    fn sweep(&self, _: Millis, _: SpanMs) -> Pending<'_, Result<usize, Error>> {
        unreachable!("sockets sweep nothing")
    }
}
