//! More requests than sessions: a queue, refusals, clients that leave, memory.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

use crate::client::Answer;
use crate::process::{Server, flat_photo, photo};

/// A request that keeps a session at work for seconds: small to send, much to draw.
fn long_request(photos: usize) -> Vec<u8> {
    let text = STANDARD.encode(flat_photo(1600));
    json!({ "images": vec![text; photos], "annotate": true }).to_string().into_bytes()
}

fn clients(server: &Server, number: usize, body: &[u8], each: usize) -> Vec<Answer> {
    let ask = || {
        let mut connection = server.connect();
        (0..each).map(|_| connection.ask("POST /detect", &[], body)).collect::<Vec<_>>()
    };
    std::thread::scope(|scope| {
        let clients: Vec<_> = (0..number).map(|_| scope.spawn(ask)).collect();
        clients.into_iter().flat_map(|client| client.join().unwrap()).collect()
    })
}

#[test]
fn one_works_one_waits_the_others_are_refused_at_once() {
    let server = Server::start(&["--sessions", "1", "--queue", "1"]);
    let answers = clients(&server, 8, &long_request(20), 1);
    let (good, refused): (Vec<_>, Vec<_>) = answers.iter().partition(|answer| answer.status == 200);
    assert!(good.len() >= 2 && !refused.is_empty(), "{} good, {} refused", good.len(), refused.len());
    for answer in &refused {
        assert_eq!((answer.code().as_str(), answer.headers["retry-after"].as_str()), ("overloaded", "1"));
    }
    let waited = |answer: &&Answer| answer.json()["results"][0]["timings_ms"]["queue"].as_f64().unwrap();
    let queues: Vec<f64> = good.iter().map(waited).collect();
    // The first waits for nobody, another one for it.
    assert!(queues.contains(&0.0) && queues.iter().any(|queue| *queue > 1.0), "{queues:?}");
    assert_eq!(server.get("/health").status, 200);
}

#[test]
fn a_request_whose_client_has_left_is_not_worked_on() {
    let mut server = Server::start(&["--sessions", "1", "--queue", "8"]);
    let mut long = server.connect();
    long.send("POST /detect", &[], &long_request(30));
    server.wait_until_at_work();
    let body = json!({ "images": vec![STANDARD.encode(photo()); 3] }).to_string();
    let mut leaving = server.connect();
    leaving.send("POST /detect", &[], body.as_bytes());
    std::thread::sleep(Duration::from_millis(300));
    drop(leaving);
    assert_eq!(long.answer(false).status, 200);
    assert_eq!(server.connect().post("/detect", &photo()).status, 200);
    server.wait_until("the last one is logged", |server| server.log().contains(" photos=1 "));
    assert!(server.log().contains(" photos=30 "), "{}", server.log());
    assert!(!server.log().contains(" photos=3 "), "{}", server.log());
}

#[test]
fn a_client_that_leaves_ends_its_batch() {
    let mut server = Server::start(&["--sessions", "1"]);
    let body = long_request(64);
    let idle = server.processor_time();
    assert_eq!(server.connect().post("/detect", &body).status, 200);
    let before = server.processor_time();
    let whole = before - idle;
    let mut leaving = server.connect();
    leaving.send("POST /detect", &[], &body);
    server.wait_until_at_work();
    drop(leaving);
    // This one waits for the session.
    assert_eq!(server.connect().post("/detect", &photo()).status, 200);
    let part = server.processor_time() - before;
    assert!(part < whole / 2, "{part:?} of {whole:?}");
}

#[test]
fn sixty_four_clients_hear_200_or_503_and_memory_stays() {
    let server = Server::start(&["--queue", "16"]);
    let body = flat_photo(640);
    let statuses = |each: usize| {
        let answers = clients(&server, 64, &body, each);
        let good = answers.iter().filter(|answer| answer.status == 200).count();
        let refused = answers.iter().filter(|answer| answer.status == 503 && answer.code() == "overloaded").count();
        assert_eq!(good + refused, 64 * each);
        assert!(good > 0);
    };
    statuses(10);
    let early = server.resident();
    statuses(30);
    let late = server.resident();
    assert!(late < early + early / 5, "{early} kB after 640 requests, {late} kB after 2560");
}
