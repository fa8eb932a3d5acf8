//! Photos in S3, for verbs that fetch them.

use anyhow::Result;

use crate::args::StoreArgs;
use crate::photo::{Listing, Source};

/// Puts objects where a listing has places of S3. With `twice`, they will be read more than once.
pub(super) async fn resolve(listing: &mut Listing, args: &StoreArgs, twice: bool) -> Result<()> {
    if !listing.found.iter().any(|found| matches!(found.source, Source::Place(_))) {
        return Ok(());
    }
    open(listing, args, twice).await
}

#[cfg(feature = "aws")]
async fn open(listing: &mut Listing, args: &StoreArgs, twice: bool) -> Result<()> {
    let store = crate::bulk::Store::open(args).await?;
    crate::existing::resolve(listing, store, twice).await
}

#[cfg(not(feature = "aws"))]
async fn open(_listing: &mut Listing, _args: &StoreArgs, _twice: bool) -> Result<()> {
    anyhow::bail!("s3:// paths need S3 support, and {}", crate::features::NOT_BUILT_IN)
}
