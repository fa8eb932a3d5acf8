//! What the bucket already holds of the photos at hand.

use std::collections::HashMap;

use wire::S3Uri;

use super::s3_error::S3Error;
use super::selection::Photo;
use super::store::Store;

/// An object under a photo's key.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Held {
    pub(crate) size: u64,
    /// Where the listing tells it.
    pub(crate) etag: Option<Box<str>>,
    /// When it was stored, in seconds since 1970 by S3's clock.
    pub(crate) stored: Option<f64>,
}

/// Which object lies under each photo's key, in the photos' order.
pub(crate) async fn of(store: &Store, bucket: &S3Uri, photos: &[Photo]) -> Result<Vec<Option<Held>>, S3Error> {
    let index: HashMap<&str, usize> = photos.iter().enumerate().map(|(at, photo)| (&*photo.key, at)).collect();
    let mut held = vec![None; photos.len()];
    let keys = photos.iter().map(|photo| &*photo.key);
    store
        .list(&bucket.bucket, common_prefix(keys), |object| {
            if let Some(&at) = index.get(object.key.as_str()) {
                let etag = object.etag.map(Into::into);
                held[at] = Some(Held { size: object.size, etag, stored: object.stored });
            }
        })
        .await?;
    Ok(held)
}

/// The longest beginning that all keys share: a few photos of a large bucket need no listing of all of it.
fn common_prefix<'a>(keys: impl Iterator<Item = &'a str>) -> &'a str {
    keys.reduce(|shared, key| {
        let length = shared.bytes().zip(key.bytes()).take_while(|(a, b)| a == b).count();
        let length = (0..=length).rev().find(|&length| shared.is_char_boundary(length)).unwrap_or(0);
        &shared[..length]
    })
    .unwrap_or("")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn listings_are_as_narrow_as_the_keys() {
        assert_eq!(common_prefix(["p/a/1.jpg", "p/a/2.jpg", "p/ab"].into_iter()), "p/a");
        assert_eq!(common_prefix(["p/é.jpg", "p/è.jpg"].into_iter()), "p/");
        assert_eq!(common_prefix(["p/1.jpg"].into_iter()), "p/1.jpg");
        assert_eq!(common_prefix([].into_iter()), "");
    }
}
