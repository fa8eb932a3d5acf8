//! SQS as far as a sender sees it: a server in this process that takes messages, and refuses some where it is told to.

#![allow(dead_code, unreachable_pub, reason = "the benchmark uses its own part of this")]

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use md5::Digest;
use serde_json::{Value, json};
use tokio::net::TcpListener;

/// What goes wrong with a request that sends messages.
#[derive(Debug, Clone)]
pub enum QueueFault {
    /// Some of its messages are not taken, by their places; for good where it is the sender's fault.
    Refused { places: Vec<usize>, senders: bool },
    /// None is: a status and a code.
    Failed(u16, &'static str),
    /// All are, and the answer comes late.
    Late(Duration),
}

type Faults = Arc<dyn Fn(usize) -> Option<QueueFault> + Send + Sync>;

/// The queue.
pub struct Queue {
    pub url: String,
    requests: Arc<Mutex<Vec<Vec<String>>>>,
    _stop: tokio::sync::oneshot::Sender<()>,
}

impl Queue {
    pub fn start() -> Self {
        Self::with_faults(|_| None)
    }

    /// `faults` gets the number of requests before this one.
    pub fn with_faults(faults: impl Fn(usize) -> Option<QueueFault> + Send + Sync + 'static) -> Self {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let url = format!("http://{}/123456789012/photos", listener.local_addr().unwrap());
        let (faults, requests): (Faults, Arc<Mutex<Vec<Vec<String>>>>) = (Arc::new(faults), Arc::default());
        let taken = Arc::clone(&requests);
        let accept = async move {
            let listener = TcpListener::from_std(listener).unwrap();
            let tries = Arc::new(Mutex::new(0));
            while let Ok((stream, _)) = listener.accept().await {
                stream.set_nodelay(true).unwrap();
                let (faults, taken, tries) = (Arc::clone(&faults), Arc::clone(&taken), Arc::clone(&tries));
                let service = service_fn(move |request: Request<Incoming>| {
                    let (faults, taken, tries) = (Arc::clone(&faults), Arc::clone(&taken), Arc::clone(&tries));
                    async move { serve(request, &faults, &taken, &tries).await }
                });
                tokio::spawn(
                    hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service),
                );
            }
        };
        let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async move {
                tokio::select! { () = accept => {}, _ = stopped => {} }
            });
        });
        Self { url, requests, _stop: stop }
    }

    /// The bodies of the messages that were taken, by request.
    pub fn requests(&self) -> Vec<Vec<String>> {
        self.requests.lock().unwrap().clone()
    }

    /// How many requests have been taken.
    pub fn len(&self) -> usize {
        self.requests.lock().unwrap().len()
    }

    /// The records of all messages.
    pub fn records(&self) -> Vec<Value> {
        let records =
            |body: &String| serde_json::from_str::<Value>(body).unwrap()["Records"].as_array().unwrap().clone();
        self.requests().iter().flatten().flat_map(records).collect()
    }

    /// How often each key is on the queue.
    pub fn keys(&self) -> BTreeMap<String, usize> {
        let mut keys = BTreeMap::new();
        for record in self.records() {
            let encoded = record["s3"]["object"]["key"].as_str().unwrap().replace('+', " ");
            *keys.entry(super::decoded(&encoded)).or_insert(0) += 1;
        }
        keys
    }
}

async fn serve(
    request: Request<Incoming>,
    faults: &Faults,
    taken: &Mutex<Vec<Vec<String>>>,
    tries: &Mutex<usize>,
) -> Result<Response<Full<Bytes>>, hyper::Error> {
    let answer = |status: u16, body: Value| {
        let response = Response::builder().status(status).header("content-type", "application/x-amz-json-1.0");
        Ok(response.body(Full::new(Bytes::from(body.to_string()))).unwrap())
    };
    let target = request.headers()["x-amz-target"].to_str().unwrap().to_owned();
    let body: Value = serde_json::from_slice(&request.into_body().collect().await?.to_bytes()).unwrap();
    if !body["QueueUrl"].as_str().unwrap().ends_with("/photos") {
        return answer(400, json!({"__type": "com.amazonaws.sqs#QueueDoesNotExist", "message": "No such queue."}));
    }
    if target == "AmazonSQS.GetQueueAttributes" {
        return answer(200, json!({"Attributes": {"MaximumMessageSize": "1048576"}}));
    }
    assert_eq!(target, "AmazonSQS.SendMessageBatch");
    let number = {
        let mut tries = tries.lock().unwrap();
        *tries += 1;
        *tries - 1
    };
    let fault = faults(number);
    if let Some(QueueFault::Failed(status, code)) = fault {
        return answer(status, json!({"__type": format!("com.amazonaws.sqs#{code}"), "message": "No."}));
    }
    let (mut successful, mut failed, mut bodies) = (Vec::new(), Vec::new(), Vec::new());
    for (place, entry) in body["Entries"].as_array().unwrap().iter().enumerate() {
        let text = entry["MessageBody"].as_str().unwrap();
        match &fault {
            Some(QueueFault::Refused { places, senders }) if places.contains(&place) => {
                failed.push(
                    json!({"Id": entry["Id"], "Code": "InternalError", "Message": "Not now.", "SenderFault": senders}),
                );
            }
            _ => {
                let digest: String = md5::Md5::digest(text).iter().map(|byte| format!("{byte:02x}")).collect();
                successful.push(
                    json!({"Id": entry["Id"], "MessageId": format!("m{number}-{place}"), "MD5OfMessageBody": digest}),
                );
                bodies.push(text.to_owned());
            }
        }
    }
    taken.lock().unwrap().push(bodies);
    if let Some(QueueFault::Late(time)) = fault {
        tokio::time::sleep(time).await;
    }
    answer(200, json!({"Successful": successful, "Failed": failed}))
}
