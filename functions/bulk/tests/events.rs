//! Every kind of event, as documented and as leaner emulators send it: read, and through JSON and back.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::path::Path;

use detect_bulk::event::batch::{self, Invocation, ResultCode};
use detect_bulk::event::eventbridge::ObjectEvent;
use detect_bulk::event::s3::S3Event;
use detect_bulk::event::sns::SnsEvent;
use detect_bulk::event::sqs::{self, SqsEvent};
use detect_bulk::event::test_event::TestEvent;
use detect_bulk::event::{Delivery, Entry, Event, Kind, PhotoRef};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

const AWKWARD: &str = "albums/A file+name é(1).jpg";

fn fixture(name: &str) -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/events").join(format!("{name}.json"));
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

fn event(name: &str) -> Event {
    Event::read(fixture(name)).unwrap()
}

fn photo(key: &str, version: Option<&str>, size: Option<u64>) -> Entry {
    Entry::Photo(PhotoRef {
        bucket: "photos-in".to_owned(),
        key: key.to_owned(),
        other_key: None,
        version_id: version.map(str::to_owned),
        size,
    })
}

fn delivery(id: &str, entries: Vec<Entry>) -> Delivery {
    Delivery { id: id.to_owned(), entries: Ok(entries) }
}

/// The entries of an event that is answered as a whole.
fn direct(name: &str) -> Vec<Entry> {
    let Event { kind, deliveries } = event(name);
    assert_eq!((kind, deliveries.len()), (Kind::Direct, 1), "{name}");
    deliveries.into_iter().next().unwrap().entries.unwrap()
}

#[test]
fn types_survive_json() {
    fn there_and_back<T: Serialize + DeserializeOwned + PartialEq + std::fmt::Debug>(names: &[&str]) {
        for name in names {
            let parsed: T = serde_json::from_value(fixture(name)).unwrap();
            let json = serde_json::to_string(&parsed).unwrap();
            assert_eq!(serde_json::from_str::<T>(&json).unwrap(), parsed, "{name}");
        }
    }
    there_and_back::<S3Event>(&["s3", "s3-lean", "s3-minio", "s3-other-happenings", "s3-bad-keys"]);
    there_and_back::<SqsEvent>(&["sqs", "sqs-moto", "sqs-unreadable", "sqs-sns"]);
    there_and_back::<ObjectEvent>(&["eventbridge", "eventbridge-encoded", "eventbridge-deleted"]);
    there_and_back::<SnsEvent>(&["sns"]);
    there_and_back::<Invocation>(&["batch-1.0", "batch-2.0"]);
    there_and_back::<TestEvent>(&["test-event"]);
}

#[test]
fn s3_events() {
    let version = Some("096fKKXTRTtl3on89fVO.nfljtsv6qko");
    assert_eq!(direct("s3"), [photo(AWKWARD, None, Some(1024)), photo("cat.jpg", version, Some(1024))]);
    assert_eq!(direct("s3-lean"), [photo(AWKWARD, None, None)]);
    assert_eq!(direct("s3-minio"), [photo("albums/cat.jpg", None, Some(1024))]);
    let nothing = [Entry::Nothing("no new object"), Entry::Nothing("a folder"), photo("cat.jpg", None, Some(1024))];
    assert_eq!(direct("s3-other-happenings"), nothing);
    assert_eq!(direct("test-event"), [Entry::Nothing("s3:TestEvent")]);
    let bad = direct("s3-bad-keys");
    assert!(matches!(&bad[0], Entry::BadKey { key, .. } if key == "%ff%fe.jpg"), "{bad:?}");
    assert!(matches!(&bad[1], Entry::BadKey { key, .. } if key.is_empty()), "{bad:?}");
    assert_eq!(bad[2], photo("cat.jpg", None, Some(1024)));
}

#[test]
fn sqs_messages() {
    let Event { kind, deliveries } = event("sqs");
    assert_eq!(kind, Kind::Sqs);
    let expected = [
        delivery("059f36b4-87a3-44ab-83d2-661975830a7d", vec![photo(AWKWARD, None, Some(1024))]),
        delivery(
            "2e1424d4-f796-459a-8184-9c92662be6da",
            vec![photo("cat.jpg", None, Some(1024)), photo("dog.jpg", None, Some(1024))],
        ),
        delivery("4b1c9a3e-1111-4c52-9b7e-6d5c4b3a2f10", vec![Entry::Nothing("s3:TestEvent")]),
    ];
    assert_eq!(deliveries, expected);
    let large = |size| vec![photo("albums/large.jpg", None, Some(size))];
    assert_eq!(event("sqs-moto").deliveries, [delivery("a", large(0)), delivery("b", large(1024))]);
}

#[test]
fn wrapped_messages() {
    assert_eq!(direct("sns"), direct("s3"));
    let deliveries = event("sqs-sns").deliveries;
    assert_eq!(deliveries[0], delivery("sns", direct("s3")));
    assert_eq!(deliveries[1], delivery("sns-test", vec![Entry::Nothing("s3:TestEvent")]));
    assert_eq!(deliveries[2], delivery("eventbridge", direct("eventbridge")));
}

#[test]
fn unreadable_messages_spoil_no_neighbour() {
    let deliveries = event("sqs-unreadable").deliveries;
    assert_eq!(deliveries[0], delivery("good", vec![photo("cat.jpg", None, Some(1024))]));
    assert_eq!(deliveries.iter().filter(|delivery| delivery.entries.is_err()).count(), 3);
}

#[test]
fn unreadable_records_spoil_no_neighbour() {
    let record = |key: &str| json!({"eventName": "ObjectCreated:Put", "s3": {"bucket": {"name": "photos-in"}, "object": {"key": key}}});
    let no_key = json!({"s3": {"bucket": {"name": "photos-in"}, "object": {"size": 7}}});
    let records = json!({"Records": [null, record("cat.jpg"), no_key, record("dog.jpg"), {"s3": 7}]});
    let check = |entries: &[Entry]| {
        assert_eq!((&entries[1], &entries[3]), (&photo("cat.jpg", None, None), &photo("dog.jpg", None, None)));
        let unreadable: Vec<_> = entries
            .iter()
            .filter_map(|entry| match entry {
                Entry::Unreadable { bucket, record, reason } => Some((bucket.as_str(), record.as_str(), reason)),
                _ => None,
            })
            .collect();
        assert_eq!((entries.len(), unreadable.len()), (5, 3));
        assert_eq!((unreadable[0].0, unreadable[0].1), ("", "null"));
        assert_eq!((unreadable[1].0, unreadable[1].1), ("photos-in", no_key.to_string().as_str()));
        assert!(unreadable[1].2.contains("missing field `key`"), "{}", unreadable[1].2);
    };
    let entries = |event: Value| Event::read(event).unwrap().deliveries.remove(0).entries;
    check(&entries(records.clone()).unwrap());
    let message = json!({"messageId": "m", "body": records.to_string()});
    check(&entries(json!({"Records": [message]})).unwrap());
    // A record of SNS, and a message of SQS, likewise.
    let sns = |body: &Value| json!({"Sns": {"Message": body.to_string()}});
    let found = entries(json!({"Records": [{"Sns": 7}, sns(&json!({"Records": [record("cat.jpg")]}))]})).unwrap();
    assert!(matches!(&found[..], [Entry::Unreadable { .. }, Entry::Photo(_)]), "{found:?}");
    let found = Event::read(json!({"Records": [{"messageId": "no-body"}, 7, message]})).unwrap();
    let found: Vec<_> = found.deliveries.iter().map(|one| (one.id.as_str(), one.entries.is_ok())).collect();
    assert_eq!(
        (found, Kind::Sqs),
        (vec![("no-body", false), ("", false), ("m", true)], Event::read(json!({"Records": [message]})).unwrap().kind)
    );
    // And a task of S3 Batch Operations.
    let tasks = json!([{"taskId": "no-key"}, {"taskId": "good", "s3Key": "cat.jpg", "s3Bucket": "photos-in"}]);
    let found = Event::read(json!({"invocationSchemaVersion": "2.0", "invocationId": "i", "tasks": tasks})).unwrap();
    assert!(found.deliveries[0].entries.is_err() && found.deliveries[1].entries.is_ok(), "{found:?}");
    // Where none can be read, the whole message is kept for people to look at.
    assert!(entries(json!({"Records": [{"messageId": "m", "body": "{\"Records\": [null, {\"s3\": {}}]}"}]})).is_err());
}

#[test]
fn eventbridge_events_have_plain_keys_that_may_be_encoded_all_the_same() {
    let Entry::Photo(found) = direct("eventbridge").remove(0) else { panic!() };
    assert_eq!((found.key.as_str(), found.size), (AWKWARD, Some(1024)));
    assert_eq!(found.version_id.as_deref(), Some("IYV3p45BT0ac8hjHg1houSdS1a.Mro8e"));
    let Entry::Photo(found) = direct("eventbridge-encoded").remove(0) else { panic!() };
    assert_eq!(found.key, "albums/A+file%2Bname.jpg");
    assert_eq!(found.other_key.as_deref(), Some("albums/A file+name.jpg"));
    assert_eq!(direct("eventbridge-deleted"), [Entry::Nothing("no new object")]);
}

#[test]
fn batch_operations() {
    let Event { kind, deliveries } = event("batch-1.0");
    let invocation_id = "YXNkbGZqYWRmaiBhc2RmdW9hZHNmZGpmaGFzbGtkaGZza2RmaAo".to_owned();
    assert_eq!(kind, Kind::Batch { schema_version: "1.0".to_owned(), invocation_id });
    assert_eq!(deliveries, [delivery("dGFza2lkZ29lc2hlcmUK", vec![photo(AWKWARD, Some("1"), None)])]);
    let deliveries = event("batch-2.0").deliveries;
    assert_eq!(deliveries[0], delivery("y5R3a2lkZ29lc2hlurcS", vec![photo("cat.jpg", None, None)]));
    assert!(matches!(deliveries[1].entries.as_deref(), Ok([Entry::BadKey { .. }])), "{deliveries:?}");
}

#[test]
fn what_is_no_event_says_so() {
    for payload in ["{}", "[]", "null", "7", "\"s3\"", r#"{"Records": [{}]}"#, r#"{"Records": [{"s3": {}}]}"#] {
        let error = Event::read(serde_json::from_str(payload).unwrap()).unwrap_err();
        assert!(error.starts_with("not an ") && !error.contains(" line "), "{payload}: {error}");
    }
    assert_eq!(Event::read(serde_json::json!({"Records": []})).unwrap().deliveries[0].entries, Ok(vec![]));
    // SNS in SNS in SNS …
    let mut nested = r#"{"Event": "s3:TestEvent"}"#.to_owned();
    for _ in 0..6 {
        nested = serde_json::json!({ "Message": nested }).to_string();
    }
    assert!(Event::read(serde_json::from_str(&nested).unwrap()).unwrap_err().contains("too many layers"));
}

#[test]
fn answers_have_the_documented_shape() {
    let failures = vec![sqs::Failure { item_identifier: "a".to_owned() }];
    let answer = serde_json::to_value(sqs::Response { batch_item_failures: failures }).unwrap();
    assert_eq!(answer, serde_json::json!({"batchItemFailures": [{"itemIdentifier": "a"}]}));
    let answer = serde_json::to_value(batch::Response {
        invocation_schema_version: "1.0".to_owned(),
        treat_missing_keys_as: ResultCode::TemporaryFailure,
        invocation_id: "i".to_owned(),
        results: vec![batch::TaskResult {
            task_id: "t".to_owned(),
            result_code: ResultCode::Succeeded,
            result_string: "2 objects".to_owned(),
        }],
    });
    let expected = serde_json::json!({
        "invocationSchemaVersion": "1.0", "treatMissingKeysAs": "TemporaryFailure", "invocationId": "i",
        "results": [{"taskId": "t", "resultCode": "Succeeded", "resultString": "2 objects"}]
    });
    assert_eq!(answer.unwrap(), expected);
}
