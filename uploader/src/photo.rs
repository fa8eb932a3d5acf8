//! Photos on the client's side: which ones, made ready to travel, and drawn upon afterwards.

mod annotation;
mod body_kind;
pub(crate) mod fault;
mod inputs;
mod kind;
pub(crate) mod list;
mod mark;
mod object;
mod payload;
mod shrink;
mod skipped_files;
pub(crate) mod stdin;

use anyhow::Result;

use crate::notice::notice;

pub(crate) use annotation::{Annotations, Drawing, folder_of};
pub(crate) use body_kind::BodyKind;
pub(crate) use inputs::Inputs;
pub(crate) use list::{Found, Listing, Request, Source, find};
pub(crate) use object::{Fetching, Object, Objects, Unfetched};
pub(crate) use payload::{EVENT_LIMIT, Payload, PayloadOptions, Prepared, sha256, too_many_bytes};
pub(crate) use skipped_files::SkippedFiles;

/// Looks for photos and names what is passed over, where that is wanted. Searching folders and reading a list may take a
/// while: Ctrl-C works meanwhile.
pub(crate) async fn look(request: Request) -> Result<Listing> {
    let listing = tokio::task::spawn_blocking(move || find(&request, &mut std::io::stdin().lock())).await??;
    for (path, kind) in listing.skipped.named() {
        notice!("uploader: skipped {}: {kind}", path.display());
    }
    Ok(listing)
}

/// An error of the client's own about one photo, in the shape in which the function's errors arrive.
pub(crate) fn item_error(code: &str, message: impl Into<String>) -> wire::ItemError {
    wire::ItemError { code: code.to_owned(), message: message.into() }
}
