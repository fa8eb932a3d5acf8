//! How the server ends.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

use crate::process::{Server, flat_photo, photo};

#[test]
fn what_is_under_way_is_finished() {
    for signal in ["TERM", "INT"] {
        let mut server = Server::start(&["--sessions", "1"]);
        let body = json!({ "images": vec![STANDARD.encode(flat_photo(1600)); 20], "annotate": true }).to_string();
        let mut idle = server.connect();
        assert_eq!(idle.post("/detect", &photo()).status, 200);
        let (mut working, mut waiting) = (server.connect(), server.connect());
        for connection in [&mut working, &mut waiting] {
            assert_eq!(connection.get("/health").status, 200);
        }
        working.send("POST /detect", &[], body.as_bytes());
        waiting.send("POST /detect", &[], body.as_bytes());
        server.wait_until_at_work();
        server.signal(signal);
        assert!(idle.is_closed(), "a connection that is only kept is closed");
        for connection in [&mut working, &mut waiting] {
            let answer = connection.answer(false);
            assert_eq!(answer.status, 200);
            assert_eq!(answer.json()["results"].as_array().unwrap().len(), 20);
            assert!(connection.is_closed());
        }
        assert!(std::net::TcpStream::connect(server.address).is_err(), "nobody new comes in");
        assert_eq!(server.ended().0.code(), Some(0), "{}", server.log());
    }
}

#[test]
fn told_twice_it_ends_at_once() {
    let mut server = Server::start(&[]);
    let mut half = server.connect();
    half.write(b"POST /detect HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\nExpect: 100-continue\r\n\r\n");
    // Now the body is being waited for.
    assert_eq!(half.answer(false).status, 100);
    server.signal("INT");
    server.wait_until("it is ending", |server| server.log().contains("stopping"));
    server.signal("INT");
    assert_eq!(server.ended().0.code(), Some(0));
    assert!(server.log().contains("aborted"), "{}", server.log());
}
