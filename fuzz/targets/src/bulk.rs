//! What asks detect-bulk for photos.

use detect_bulk::event::{Entry, Event};

/// What S3 allows of a key, in bytes.
pub(crate) const LONGEST_KEY: usize = 1024;

/// An event of any kind.
pub(crate) fn event(bytes: &[u8]) {
    let Ok(payload) = serde_json::from_slice(bytes) else { return };
    let Ok(event) = Event::read(payload) else { return };
    for entry in event.deliveries.into_iter().flat_map(|delivery| delivery.entries.unwrap_or_default()) {
        match entry {
            Entry::Photo(photo) => {
                for key in [Some(photo.key), photo.other_key].into_iter().flatten() {
                    assert!((1..=LONGEST_KEY).contains(&key.len()), "a key that no object can have: {key:?}");
                }
            }
            Entry::BadKey { reason, .. } | Entry::Unreadable { reason, .. } => {
                assert!(!reason.is_empty(), "no reason");
            }
            Entry::Nothing(_) => {}
        }
    }
}

/// The keys of the photos that an event names.
pub(crate) fn keys(body: &str) -> Vec<String> {
    let payload: serde_json::Value = serde_json::from_str(body).unwrap_or_default();
    let event = Event::read(payload).map(|event| event.deliveries).unwrap_or_default();
    let entries = event.into_iter().flat_map(|delivery| delivery.entries.unwrap_or_default());
    let photos = entries.filter_map(|entry| match entry {
        Entry::Photo(photo) => Some(photo.key),
        _ => None,
    });
    photos.collect()
}
