//! Models of ours are prepared before a function on this machine loads them for the first time.

use detector::card::Fit;
use detector::{catalog, prepared};

use crate::notice::notice;

/// Prepares the model that a local function is about to load, where its card asks for photos in their own shape, which the
/// published graph does not take. Into the user's cache, since its folder may be somebody else's; nobody waits for it twice.
/// A model that cannot be prepared runs as it is.
pub(crate) fn before_serving(model: Option<&str>) {
    let model = model.map(str::to_owned).or_else(|| std::env::var("MODEL").ok());
    // What is wrong with the model is the function's to say.
    let Ok(found) = catalog::find(model.as_deref()) else { return };
    if found.card.as_ref().is_none_or(|card| card.input.fit != Fit::Shape) || prepared::beside(&found.path).is_file() {
        return;
    }
    let Some(target) = catalog::sha256_file(&found.path).ok().and_then(|sha256| prepared::in_cache(&sha256)) else {
        return;
    };
    if target.is_file() {
        return;
    }
    notice!("uploader: preparing {} (once), to start and run faster", found.name);
    if let Err(error) = prepare::prepare(&found, Some(&target), &[]) {
        notice!("uploader: {} was not prepared and runs slower: {error}", found.name);
    }
}
