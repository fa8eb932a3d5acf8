//! A client that can misbehave: HTTP/1.1 by hand.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};

use serde_json::Value;

use crate::process::PATIENCE;

/// One connection.
pub(crate) struct Connection(BufReader<TcpStream>);

/// One answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HashMap<String, String>,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|e| panic!("{e}: {self:?}"))
    }

    /// The problem's code; asserts that it is a whole problem document.
    pub(crate) fn code(&self) -> String {
        let problem: wire::Problem = serde_json::from_slice(&self.body).unwrap_or_else(|e| panic!("{e}: {self:?}"));
        assert_eq!((problem.status, problem.code.status()), (self.status, self.status));
        assert_eq!(self.headers["content-type"], wire::Problem::MEDIA_TYPE);
        problem.code.to_string()
    }
}

impl Connection {
    pub(crate) fn open(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_nodelay(true).unwrap();
        Self(BufReader::new(stream))
    }

    pub(crate) fn stream(&self) -> &TcpStream {
        self.0.get_ref()
    }

    pub(crate) fn write(&mut self, bytes: &[u8]) {
        self.0.get_mut().write_all(bytes).unwrap();
    }

    /// Sends a request whose head ends with these lines.
    pub(crate) fn send(&mut self, line: &str, headers: &[&str], body: &[u8]) {
        let mut request = format!("{line} HTTP/1.1\r\nHost: localhost\r\n");
        for header in headers {
            request.push_str(&format!("{header}\r\n"));
        }
        request.push_str(&format!("Content-Length: {}\r\n\r\n", body.len()));
        self.write(&[request.as_bytes(), body].concat());
    }

    pub(crate) fn get(&mut self, path: &str) -> Answer {
        self.ask(&format!("GET {path}"), &[], b"")
    }

    pub(crate) fn post(&mut self, path: &str, body: &[u8]) -> Answer {
        self.ask(&format!("POST {path}"), &[], body)
    }

    pub(crate) fn ask(&mut self, line: &str, headers: &[&str], body: &[u8]) -> Answer {
        self.send(line, headers, body);
        self.answer(line.starts_with("HEAD"))
    }

    /// Reads an answer.
    pub(crate) fn answer(&mut self, head_only: bool) -> Answer {
        self.try_answer(head_only).unwrap()
    }

    /// Reads an answer; `None` where the server has closed the connection without one.
    pub(crate) fn try_answer(&mut self, head_only: bool) -> Option<Answer> {
        let mut line = String::new();
        if !matches!(self.0.read_line(&mut line), Ok(1..)) {
            return None;
        }
        let status = line.split(' ').nth(1).unwrap().parse().unwrap();
        let mut headers = HashMap::new();
        loop {
            let mut line = String::new();
            self.0.read_line(&mut line).unwrap();
            let Some((name, value)) = line.trim_end().split_once(": ") else { break };
            headers.insert(name.to_ascii_lowercase(), value.to_owned());
        }
        let length = headers.get("content-length").map_or(0, |length| length.parse().unwrap());
        let mut body = vec![0; if head_only { 0 } else { length }];
        self.0.read_exact(&mut body).unwrap();
        Some(Answer { status, headers, body })
    }

    /// Whether the server closes the connection, sooner or later.
    pub(crate) fn is_closed(&mut self) -> bool {
        let mut rest = Vec::new();
        // A reset is an end, too.
        match self.0.read_to_end(&mut rest) {
            Ok(_) => true,
            Err(error) => error.kind() == std::io::ErrorKind::ConnectionReset,
        }
    }
}
