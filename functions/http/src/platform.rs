//! Where the service runs, and what that bounds.

/// Where the service runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Platform {
    /// Behind a Function URL, one request at a time, within what Lambda carries.
    Lambda,
    /// Behind its own socket.
    Server,
}

impl Platform {
    /// The largest photo that a request can carry, in bytes; `None` where only the configured limit counts. A Function
    /// URL's request may have 6 MB as Lambda takes it; a photo is base64 in it.
    pub(crate) fn max_photo_bytes(self) -> Option<usize> {
        (self == Self::Lambda).then_some(4_500_000)
    }

    /// The largest answer, in bytes as Lambda counts them: it cuts a synchronous answer off at 6 MiB, and the event
    /// around it takes some of that.
    pub(crate) fn max_answer_bytes(self) -> Option<usize> {
        (self == Self::Lambda).then_some(6 * 1024 * 1024 - 16 * 1024)
    }

    /// What all annotated photos of one answer may have together, in bytes. On a server this is a bound on memory
    /// only: a photo of 50 million pixels fits.
    pub(crate) fn max_picture_bytes(self) -> usize {
        match self {
            Self::Lambda => 4 << 20,
            Self::Server => 64 << 20,
        }
    }
}
