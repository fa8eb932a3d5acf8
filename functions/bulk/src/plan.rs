//! The work of an invocation: every photo once, however often and by whomever it is asked for.

use std::collections::HashMap;
use std::collections::hash_map::Entry as Slot;

use wire::{ItemError, Source};

use crate::event::{Delivery, Entry, PhotoRef};
use wire::S3Uri;

/// One photo's work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Job {
    /// To be looked at.
    Photo(PhotoRef),
    /// Nothing to look at, but a line to write.
    Refused(Source, ItemError),
}

/// What a delivery waits for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Planned {
    /// The delivery's id.
    pub(crate) id: String,
    /// Indices of its jobs, or why it cannot be read.
    pub(crate) jobs: Result<Vec<usize>, String>,
    /// Why there is nothing to do for it, where there is nothing.
    pub(crate) skipped: Option<&'static str>,
}

/// The work of an invocation.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Plan {
    pub(crate) jobs: Vec<Job>,
    pub(crate) deliveries: Vec<Planned>,
    /// Photos that were asked for again.
    pub(crate) repeats: usize,
    /// Entries without work: test events, folders, deletions, results.
    pub(crate) skipped: usize,
}

impl Plan {
    /// Plans the work. Objects among the `results` are none of it: they would never end.
    pub(crate) fn of(deliveries: Vec<Delivery>, results: &S3Uri) -> Self {
        let mut plan = Self::default();
        let mut known: HashMap<(String, String, Option<String>), usize> = HashMap::new();
        for delivery in deliveries {
            let mut skipped = None;
            let jobs = delivery.entries.map(|entries| {
                let mut jobs = Vec::with_capacity(entries.len());
                for entry in entries {
                    let (identity, job) = match entry {
                        Entry::Photo(photo) if is_result(results, &photo) => {
                            tracing::error!(
                                bucket = photo.bucket,
                                key = photo.key,
                                %results,
                                "skipped a result: RESULTS_URI is inside INPUT_URI, so that results invoke the function; \
                                 use another bucket or prefix"
                            );
                            skipped = Some("it is in the results prefix");
                            plan.skipped += 1;
                            continue;
                        }
                        Entry::Nothing(why) => {
                            skipped = Some(why);
                            plan.skipped += 1;
                            continue;
                        }
                        Entry::Photo(photo) => {
                            let identity = (photo.bucket.clone(), photo.key.clone(), photo.version_id.clone());
                            (identity, Job::Photo(photo))
                        }
                        Entry::BadKey { bucket, key, version_id, reason } => {
                            let identity = (bucket.clone(), key.clone(), version_id.clone());
                            let message = format!("Invalid key: {reason}.");
                            (identity, refused((bucket, key, version_id), "invalid_key", message))
                        }
                        Entry::Unreadable { bucket, record, reason } => {
                            tracing::error!(id = delivery.id, bucket, record, reason, "cannot read a record");
                            let identity = (bucket.clone(), record.clone(), None);
                            let message = format!("Cannot read a record of the event: {reason}.");
                            // In the place of the key, so that the lines of different records are different photos'.
                            (identity, refused((bucket, record, None), "invalid_record", message))
                        }
                    };
                    let index = match known.entry(identity) {
                        Slot::Occupied(slot) => {
                            plan.repeats += 1;
                            *slot.get()
                        }
                        Slot::Vacant(slot) => {
                            plan.jobs.push(job);
                            *slot.insert(plan.jobs.len() - 1)
                        }
                    };
                    jobs.push(index);
                }
                jobs
            });
            plan.deliveries.push(Planned { id: delivery.id, jobs, skipped });
        }
        plan
    }
}

fn is_result(results: &S3Uri, photo: &PhotoRef) -> bool {
    let keys = [Some(&photo.key), photo.other_key.as_ref()];
    keys.into_iter().flatten().any(|key| results.holds(&photo.bucket, key))
}

fn refused((bucket, key, version_id): (String, String, Option<String>), code: &str, message: String) -> Job {
    let error = ItemError { code: code.to_owned(), message };
    Job::Refused(Source { bucket, key, version_id, etag: None, size: None }, error)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn photo(key: &str, version: Option<&str>, size: Option<u64>) -> Entry {
        Entry::Photo(PhotoRef {
            bucket: "in".to_owned(),
            key: key.to_owned(),
            other_key: None,
            version_id: version.map(str::to_owned),
            size,
        })
    }

    fn delivery(id: &str, entries: Vec<Entry>) -> Delivery {
        Delivery { id: id.to_owned(), entries: Ok(entries) }
    }

    #[test]
    fn a_photo_is_looked_at_once() {
        let results = "s3://out".parse().unwrap();
        let plan = Plan::of(
            vec![
                // The two records that some emulators send for a multipart upload.
                delivery("a", vec![photo("cat.jpg", None, None), photo("cat.jpg", None, Some(7))]),
                delivery("b", vec![photo("cat.jpg", None, Some(7)), photo("dog.jpg", None, None)]),
                delivery("c", vec![photo("cat.jpg", Some("v1"), None), photo("cat.jpg", Some("v2"), None)]),
                delivery("d", vec![Entry::Nothing("a folder")]),
            ],
            &results,
        );
        assert_eq!((plan.jobs.len(), plan.repeats, plan.skipped), (4, 2, 1));
        let jobs: Vec<_> = plan.deliveries.iter().map(|planned| planned.jobs.clone().unwrap()).collect();
        assert_eq!(jobs, [vec![0, 0], vec![0, 1], vec![2, 3], vec![]]);
        assert_eq!(plan.deliveries[3].skipped, Some("a folder"));
    }

    #[test]
    fn results_are_never_looked_at() {
        let entries = vec![photo("results/cat.jpg.annotated.jpg", None, None), photo("results2/cat.jpg", None, None)];
        let plan = Plan::of(vec![delivery("a", entries)], &"s3://in/results".parse().unwrap());
        assert_eq!((plan.jobs.len(), plan.skipped), (1, 1));
    }
}
