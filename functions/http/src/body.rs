//! Bodies of requests: bounded in size, in what all of them hold together, and in time.

use std::io::{self, ErrorKind, Read as _};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::HeaderMap;
use http::header::EXPECT;
use http_body::Body;
use http_body_util::BodyExt;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout};
use wire::{Code, MAX_IMAGES, Problem};

use crate::coding::Codings;

/// What all bodies may hold together, in bytes; no single one may hold more.
const BUDGET: usize = 256_000_000;
/// What a request may have beside its photos: JSON or multipart around them, and options.
const ENVELOPE: usize = 1 << 20;
/// A sender may be silent for so long.
const SILENCE: Duration = Duration::from_secs(10);
/// After [`SILENCE`] a body must have come at this rate on average, in bytes per second.
const LEAST_RATE: f64 = 1000.0;
/// How long a body that nobody wants is read, so that its sender comes to read the answer.
const LINGER: Duration = Duration::from_secs(10);

/// The memory for bodies.
#[derive(Debug)]
pub(crate) struct Bodies {
    budget: Arc<Semaphore>,
    most: usize,
}

/// A whole body with its share of the memory, which is given back when this is dropped.
#[derive(Debug)]
pub(crate) struct Received {
    pub(crate) bytes: Bytes,
    /// Held as long as anything of the body is.
    pub(crate) share: Option<OwnedSemaphorePermit>,
}

impl Bodies {
    /// Bodies may be as large as the most photos of `max_image_bytes` are in base64, within the budget.
    pub(crate) fn new(max_image_bytes: usize) -> Self {
        let photo = max_image_bytes.div_ceil(3).saturating_mul(4);
        let most = photo.saturating_mul(MAX_IMAGES).saturating_add(ENVELOPE).min(BUDGET);
        Self { budget: Arc::new(Semaphore::new(BUDGET)), most }
    }

    /// Reads a body. What it declares is neither reserved nor allocated: a sender pays as it sends.
    ///
    /// # Errors
    /// `too_many_bytes`, before anything is read where the length is declared; `overloaded` where all bodies together
    /// would hold too much; `timeout`; `invalid_parameter` where it ends early or is malformed.
    pub(crate) async fn read<B>(&self, body: &mut B) -> Result<Received, Problem>
    where
        B: Body<Data = Bytes> + Unpin,
    {
        let declared = body.size_hint().lower();
        if declared > self.most as u64 {
            return Err(self.too_many_bytes());
        }
        if declared > self.budget.available_permits() as u64 {
            return Err(overloaded());
        }
        let start = Instant::now();
        let mut whole = Vec::new();
        let mut share: Option<OwnedSemaphorePermit> = None;
        loop {
            let data = match timeout(SILENCE, body.frame()).await {
                Err(_) => return Err(too_slow()),
                Ok(None) => return Ok(Received { bytes: whole.into(), share }),
                Ok(Some(Err(_))) => return Err(broken()),
                Ok(Some(Ok(frame))) => frame.into_data().unwrap_or_default(),
            };
            let received = whole.len() + data.len();
            if received > self.most {
                return Err(self.too_many_bytes());
            }
            let elapsed = start.elapsed();
            if elapsed > SILENCE && (received as f64) < elapsed.as_secs_f64() * LEAST_RATE {
                return Err(too_slow());
            }
            self.pay(&mut share, data.len())?;
            if whole.is_empty() && body.is_end_stream() {
                return Ok(Received { bytes: data, share });
            }
            whole.extend_from_slice(&data);
        }
    }

    /// Takes the codings off a body: what comes out counts, up to `most` bytes. It is decoded twice, the first time to
    /// learn its size: so what is refused never takes memory, what is not takes no more than it needs, and both are
    /// quick beside looking at photos. Holds its thread, and ends early once the request is `abandoned`.
    ///
    /// # Errors
    /// `too_many_bytes`; `overloaded` where all bodies together would hold too much; `invalid_encoding` where the body
    /// is not encoded as the headers say.
    pub(crate) fn decode(
        &self,
        received: Received,
        codings: &Codings,
        most: Option<usize>,
        abandoned: &dyn Fn() -> bool,
    ) -> Result<Received, Problem> {
        // Some senders declare a coding of nothing.
        if codings.is_empty() || received.bytes.is_empty() {
            return Ok(received);
        }
        // Both are held at once: a body that could never be decoded for want of memory is too large, not too early.
        let most = most.unwrap_or(self.most).min(self.most).min(BUDGET - received.bytes.len());
        let problem = |error: io::Error| match error.kind() {
            ErrorKind::FileTooLarge => too_many_inside(most),
            _ => not_encoded_so(),
        };
        let mut measured = codings.reader(&received.bytes, most, abandoned);
        let length = io::copy(&mut measured, &mut io::sink()).map_err(problem)?;
        let length = usize::try_from(length).ok().filter(|length| *length <= most);
        let length = length.ok_or_else(|| too_many_inside(most))?;
        drop(measured);
        let mut share = None;
        self.pay(&mut share, length)?;
        let mut whole = Vec::with_capacity(length);
        codings.reader(&received.bytes, most, abandoned).read_to_end(&mut whole).map_err(problem)?;
        Ok(Received { bytes: whole.into(), share })
    }

    /// Adds memory for so many bytes to a share.
    fn pay(&self, share: &mut Option<OwnedSemaphorePermit>, bytes: usize) -> Result<(), Problem> {
        let bytes = u32::try_from(bytes).map_err(|_| self.too_many_bytes())?;
        let more = Arc::clone(&self.budget).try_acquire_many_owned(bytes).map_err(|_| overloaded())?;
        match share {
            Some(share) => share.merge(more),
            None => *share = Some(more),
        }
        Ok(())
    }

    fn too_many_bytes(&self) -> Problem {
        let detail = format!("The request is over the limit of {} bytes. Send fewer or smaller photos.", self.most);
        Problem::new(Code::TooManyBytes, detail)
    }
}

/// Lets the body of a request that is refused run into nothing for a while. A connection that is closed while its
/// client still sends is reset, and the answer is lost with it.
pub(crate) fn discard<B>(headers: &HeaderMap, mut body: B)
where
    B: Body + Send + Unpin + 'static,
    B::Data: Send,
    B::Error: Send,
{
    // Who expects 100 Continue has not sent anything yet, and reading would ask for it.
    if !body.is_end_stream() && !headers.contains_key(EXPECT) {
        tokio::spawn(timeout(LINGER, async move { while let Some(Ok(_)) = body.frame().await {} }));
    }
}

fn overloaded() -> Problem {
    Problem::new(Code::Overloaded, "No memory left for requests. Retry in a second.")
}

fn too_slow() -> Problem {
    let detail = format!(
        "The body arrived too slowly: the limits are {} s without data and {LEAST_RATE} bytes per second on average.",
        SILENCE.as_secs()
    );
    Problem::new(Code::Timeout, detail)
}

fn too_many_inside(most: usize) -> Problem {
    let detail = format!("The decoded body is over the limit of {most} bytes. Send fewer or smaller photos.");
    Problem::new(Code::TooManyBytes, detail)
}

fn not_encoded_so() -> Problem {
    Problem::new(Code::InvalidEncoding, "The body does not match its Content-Encoding, or is truncated.")
}

fn broken() -> Problem {
    Problem::new(Code::InvalidParameter, "The body is truncated, or does not match its headers.")
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use futures_util::StreamExt;
    use futures_util::stream;
    use http_body::Frame;
    use http_body_util::{Full, StreamBody};

    use super::*;

    fn chunks(pause: Duration) -> impl Body<Data = Bytes, Error = Infallible> + Unpin {
        let endless = stream::repeat(()).then(move |()| async move {
            tokio::time::sleep(pause).await;
            Ok(Frame::data(Bytes::from_static(&[0; 700])))
        });
        StreamBody::new(Box::pin(endless))
    }

    #[tokio::test]
    async fn a_body_comes_whole_and_gives_its_memory_back() {
        let bodies = Bodies::new(1000);
        let parts =
            stream::iter([b"ab", b"cd", b"ef"]).map(|part| Ok::<_, Infallible>(Frame::data(Bytes::from_static(part))));
        let received = bodies.read(&mut StreamBody::new(parts)).await.unwrap();
        assert_eq!((received.bytes.as_ref(), bodies.budget.available_permits()), (&b"abcdef"[..], BUDGET - 6));
        drop(received);
        assert_eq!(bodies.budget.available_permits(), BUDGET);
    }

    #[tokio::test]
    async fn bounds_hold_for_one_and_for_all() {
        let bodies = Bodies::new(usize::MAX);
        let code =
            async |bytes: usize| bodies.read(&mut Full::new(Bytes::from(vec![0; bytes]))).await.map_err(|p| p.code);
        assert_eq!(code(BUDGET + 1).await.unwrap_err(), Code::TooManyBytes);
        let half = code(BUDGET / 2 + 1).await.unwrap();
        assert_eq!(code(BUDGET / 2).await.unwrap_err(), Code::Overloaded);
        drop(half);
        assert!(code(BUDGET / 2).await.is_ok());
        let small = Bodies::new(30);
        assert_eq!(small.most, 40 * MAX_IMAGES + ENVELOPE);
        assert_eq!(small.read(&mut chunks(Duration::ZERO)).await.unwrap_err().code, Code::TooManyBytes);
        assert_eq!(small.budget.available_permits(), BUDGET);
    }

    #[tokio::test(start_paused = true)]
    async fn slow_senders_are_cut_off() {
        let bodies = Bodies::new(usize::MAX);
        for pause in [Duration::from_secs(1), SILENCE * 2] {
            let start = Instant::now();
            assert_eq!(bodies.read(&mut chunks(pause)).await.unwrap_err().code, Code::Timeout);
            assert!(start.elapsed() <= SILENCE * 2, "{pause:?}");
        }
        // 700 bytes every half a second are enough.
        let patient = timeout(SILENCE * 100, bodies.read(&mut chunks(Duration::from_millis(500)))).await;
        assert!(patient.is_err());
        assert_eq!(bodies.budget.available_permits(), BUDGET);
    }
}
