//! A photo's file becomes the body of a request.

use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use detector::{Limits, PhotoFormat};
use sha2::{Digest, Sha256};
use wire::{Code, ItemError, Problem};

use super::list::{Found, Source};
use super::object::{Object, Unfetched};
use super::shrink::{Shrunk, shrink};
use super::{BodyKind, fault, item_error};

/// A Lambda function receives its request as one JSON event of at most 6 MiB, in which binary bodies are base64.
pub(crate) const EVENT_LIMIT: u64 = 6 * 1024 * 1024;
/// What the event holds beside the body: headers, request context.
const ENVELOPE: u64 = 4 * 1024;
/// Something that never ends must not fill the memory.
const MOST_TO_READ: u64 = 256 << 20;

/// How photos are made ready; the same for every photo of a run.
#[derive(Debug, Clone)]
pub(crate) struct PayloadOptions {
    /// How the photo travels.
    pub(crate) body: BodyKind,
    /// Longest side, where photos are shrunk.
    pub(crate) resize: Option<u32>,
    /// The options of the request.
    pub(crate) options: wire::Options,
    /// Whether photos go to where Lambda's limits hold; the plain server says itself what it does not take.
    pub(crate) through_lambda: bool,
}

/// The body of a request, and what belongs to it.
#[derive(Debug, Clone)]
pub(crate) struct Payload {
    /// The body.
    pub(crate) body: Bytes,
    /// Its media type.
    pub(crate) content_type: &'static str,
    /// The options, where the body cannot carry them.
    pub(crate) query: String,
    /// Digest of the body, lower-case hex, which a signature needs.
    pub(crate) sha256: String,
}

/// A photo ready to be sent.
#[derive(Debug, Clone)]
pub(crate) struct Prepared {
    /// What is sent.
    pub(crate) payload: Payload,
    /// Where it was shrunk.
    pub(crate) shrunk: Option<Shrunk>,
    /// Bytes of the photo itself as it travels, before base64.
    pub(crate) photo_bytes: usize,
    /// What reading, shrinking and encoding took.
    pub(crate) encode: Duration,
}

/// The digest of a body as signatures want it: lower-case hex.
pub(crate) fn sha256(body: &[u8]) -> String {
    Sha256::digest(body).iter().map(|byte| format!("{byte:02x}")).collect()
}

impl Payload {
    fn new(body: Bytes, content_type: &'static str, query: String) -> Self {
        let sha256 = sha256(&body);
        Self { body, content_type, query, sha256 }
    }

    /// Options without a photo.
    pub(crate) fn empty(query: String) -> Self {
        Self::new(Bytes::new(), "application/octet-stream", query)
    }
}

impl PayloadOptions {
    /// Reads the photo, shrinks and encodes it. Blocks: runs on a thread of its own.
    pub(crate) fn prepare(&self, found: &Found) -> Result<Prepared, ItemError> {
        let start = Instant::now();
        let mut photo = match &found.source {
            Source::File => self.read(&found.path)?,
            Source::Held(bytes) => bytes.to_vec(),
            Source::Object(object) => self.fetch(object)?,
            Source::Place(place) => return Err(item_error("unreadable", format!("{place} has not been looked for."))),
            Source::Fault { error, .. } => return Err(error.clone()),
        };
        let mut shrunk = None;
        if let Some(side) = self.resize {
            // These are this machine's own photos: only what no memory holds is refused.
            let limits = Limits { max_bytes: usize::MAX, max_pixels: 500_000_000, max_side: 65_535 };
            let refused = |error| ItemError::from(&Problem::from(&error));
            if let Some((small, sizes)) = shrink(&photo, side, &limits).map_err(refused)? {
                photo = small;
                shrunk = Some(sizes);
            }
        }
        self.check_size(photo.len() as u64)?;
        let photo_bytes = photo.len();
        let (body, content_type, query) = self.encode(photo);
        let payload = Payload::new(body, content_type, query);
        Ok(Prepared { payload, shrunk, photo_bytes, encode: start.elapsed() })
    }

    /// The most bytes that are read where nothing tells beforehand how many there are.
    pub(crate) fn most_bytes(&self) -> u64 {
        if self.resize.is_none() && self.through_lambda { largest_photo() } else { MOST_TO_READ }
    }

    fn read(&self, path: &Path) -> Result<Vec<u8>, ItemError> {
        let unreadable = |error: std::io::Error| fault::of_io(path, &error);
        let metadata = std::fs::metadata(path).map_err(unreadable)?;
        if self.resize.is_none() {
            self.check_size(metadata.len())?;
        }
        // A pipe has no length, and a file may grow.
        let most = self.most_bytes().max(metadata.len());
        let mut photo = Vec::with_capacity(usize::try_from(metadata.len()).unwrap_or(0));
        File::open(path).and_then(|file| file.take(most + 1).read_to_end(&mut photo)).map_err(unreadable)?;
        if photo.len() as u64 > most { Err(self.too_many_bytes(photo.len() as u64)) } else { Ok(photo) }
    }

    /// An object of S3. This thread has nothing else to do meanwhile.
    fn fetch(&self, object: &Object) -> Result<Vec<u8>, ItemError> {
        let runtime = tokio::runtime::Handle::try_current();
        let runtime = runtime.map_err(|error| item_error("internal", format!("Cannot fetch the object: {error}.")))?;
        runtime.block_on(object.fetch(self.most_bytes())).map_err(|error| match error {
            Unfetched::TooLarge(bytes) => self.too_many_bytes(bytes),
            Unfetched::Failed(error) => error,
        })
    }

    /// Whether a photo of so many bytes can go where it is to go.
    fn check_size(&self, bytes: u64) -> Result<(), ItemError> {
        let fits = !self.through_lambda || bytes.div_ceil(3) * 4 + ENVELOPE <= EVENT_LIMIT;
        if fits { Ok(()) } else { Err(too_many_bytes(bytes)) }
    }

    /// Why a photo of so many bytes is not read to its end.
    pub(super) fn too_many_bytes(&self, bytes: u64) -> ItemError {
        if self.through_lambda && self.resize.is_none() {
            return too_many_bytes(bytes);
        }
        let message = format!("The file is larger than {} MB.", MOST_TO_READ / 1_000_000);
        ItemError { message, ..(&Problem::new(Code::TooManyBytes, String::new())).into() }
    }

    fn encode(&self, photo: Vec<u8>) -> (Bytes, &'static str, String) {
        match self.body {
            BodyKind::Binary => {
                let content_type =
                    PhotoFormat::sniff(&photo).map_or("application/octet-stream", PhotoFormat::media_type);
                (photo.into(), content_type, self.options.to_query())
            }
            BodyKind::Base64 => {
                let options = serde_json::to_string(&self.options).unwrap_or_default();
                let options = options.trim_start_matches('{').trim_end_matches('}');
                let mut body = String::with_capacity(photo.len() * 4 / 3 + options.len() + 32);
                body.push_str("{\"image\":\"");
                STANDARD.encode_string(&photo, &mut body);
                body.push('"');
                if !options.is_empty() {
                    body.push(',');
                    body.push_str(options);
                }
                body.push('}');
                (body.into(), "application/json", String::new())
            }
        }
    }
}

/// Why a photo of so many bytes is not sent through Lambda.
pub(crate) fn too_many_bytes(bytes: u64) -> ItemError {
    let code = Problem::new(Code::TooManyBytes, String::new());
    let message = format!(
        "The photo is {:.1} MB; a Function URL takes {:.1} MB (6 MiB as base64). Shrink it with --resize, or use \
         uploader bulk: through S3 there is no such limit.",
        bytes as f64 / 1e6,
        largest_photo() as f64 / 1e6,
    );
    ItemError { message, ..(&code).into() }
}

fn largest_photo() -> u64 {
    (EVENT_LIMIT - ENVELOPE) / 4 * 3
}

#[cfg(test)]
mod tests {
    use wire::RequestBody;

    use super::*;

    fn payload_options(body: BodyKind) -> PayloadOptions {
        let options =
            wire::Options { confidence: Some(0.3), classes: Some(vec!["cat".to_owned()]), ..Default::default() };
        PayloadOptions { body, resize: None, options, through_lambda: true }
    }

    #[test]
    fn base64_bodies_read_back_with_their_options() {
        let (body, content_type, query) = payload_options(BodyKind::Base64).encode(b"\xff\xd8\xff photo".to_vec());
        assert_eq!((content_type, query.as_str()), ("application/json", ""));
        let request = RequestBody::parse(&body).unwrap();
        assert_eq!(request.options, payload_options(BodyKind::Base64).options);
        let photo = wire::decode_base64(request.images[0].as_ref().unwrap(), 100).unwrap();
        assert_eq!(photo, b"\xff\xd8\xff photo");
        let plain = PayloadOptions { options: wire::Options::default(), ..payload_options(BodyKind::Base64) };
        assert_eq!(plain.encode(b"a".to_vec()).0, r#"{"image":"YQ=="}"#);
    }

    #[test]
    fn binary_bodies_are_the_file_and_name_their_kind() {
        let (body, content_type, query) = payload_options(BodyKind::Binary).encode(b"\xff\xd8\xff photo".to_vec());
        assert_eq!((&body[..], content_type), (b"\xff\xd8\xff photo".as_slice(), "image/jpeg"));
        assert_eq!(
            wire::Options::from_query(&query, wire::Unknown::Refused).unwrap(),
            payload_options(BodyKind::Binary).options
        );
    }

    #[test]
    fn the_limit_is_that_of_the_event() {
        let lambda = payload_options(BodyKind::Binary);
        assert!(lambda.check_size(largest_photo()).is_ok());
        let error = lambda.check_size(largest_photo() + 3).unwrap_err();
        assert_eq!(error.code, "too_many_bytes");
        assert!(error.message.contains("--resize") && error.message.contains("uploader bulk"), "{}", error.message);
        let server = PayloadOptions { through_lambda: false, ..lambda };
        assert!(server.check_size(largest_photo() + 3).is_ok(), "the limit is Lambda's, not the server's");
    }

    #[test]
    fn a_missing_file_is_that_photos_error() {
        let error = payload_options(BodyKind::Binary).prepare(&Found::file("no/such/photo.jpg".into())).unwrap_err();
        assert_eq!(error.code, "unreadable");
    }
}
