//! What strangers send to detect-http.

use detect_http::fuzzing::{compatible_api, decoded, request};
use wire::{Options, Problem, RequestBody};

use crate::options::{sound, told};

/// The largest photo of a request, as `detect_http::fuzzing` has it.
const MOST: usize = 1 << 20;

/// A body of JSON, as our own clients, those of Rekognition and of Roboflow send it.
pub(crate) fn json(body: &[u8]) {
    check(request("application/json", body));
    check(compatible_api(true, body));
    check(compatible_api(false, body));
    if let Ok(read) = RequestBody::parse(body) {
        assert!(read.many || read.images.len() == 1, "several photos and no list");
    }
}

/// A form: its Content-Type in the first line, its body after that.
pub(crate) fn multipart(bytes: &[u8]) {
    let (head, body) = lines(bytes);
    let Ok(head) = std::str::from_utf8(head) else { return };
    check(request(head, body));
    check(request("multipart/form-data; boundary=x", body));
}

/// A coded body: its Content-Encoding in the first line, itself after that.
pub(crate) fn coding(bytes: &[u8]) {
    let (head, body) = lines(bytes);
    let Ok(head) = std::str::from_utf8(head) else { return };
    let _ = decoded(head, body);
}

type Read<T> = Result<(Vec<Result<T, Problem>>, Options), Problem>;

fn check<T: AsRef<[u8]>>(read: Read<T>) {
    match read {
        Ok((photos, options)) => {
            sound(&options);
            for photo in photos {
                match photo {
                    // A photo that is no text has no bound of its own but the body's.
                    Ok(bytes) => assert!(bytes.as_ref().len() <= MOST, "{} bytes", bytes.as_ref().len()),
                    Err(problem) => told(&problem),
                }
            }
        }
        Err(problem) => told(&problem),
    }
}

fn lines(bytes: &[u8]) -> (&[u8], &[u8]) {
    let end = bytes.iter().position(|byte| *byte == b'\n').unwrap_or(bytes.len());
    (&bytes[..end], bytes.get(end + 1..).unwrap_or_default())
}
