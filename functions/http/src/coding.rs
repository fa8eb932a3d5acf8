//! Codings of bodies: what `Content-Encoding` names is taken off, within bounds of memory and time.
//!
//! Codings of the transfer (`Transfer-Encoding: gzip, chunked`) are taken off alike: the server around removes only the
//! last one, `chunked`, and hands on what is below as if it were the body.

use std::io::{self, BufRead, BufReader, ErrorKind, Read};

use brotli_decompressor::Decompressor;
use bytes::Bytes;
use flate2::bufread::{DeflateDecoder, GzDecoder, ZlibDecoder};
use http::header::{ACCEPT_ENCODING, CONTENT_ENCODING, HeaderMap, HeaderValue, TRANSFER_ENCODING};
use http::{HeaderName, Response};
use wire::{Code, Problem};

use crate::reply;

/// What is read, as `Accept-Encoding` lists it.
const READ: &str = "gzip, deflate, br";
/// So many codings a body may have, one upon the other. Nobody means more than one, and each costs memory and time.
const MOST_CODINGS: usize = 3;
/// So many members a gzip body may have: each begins with a new decoder, even where it holds nothing. Tools that split
/// files make members of 64 kB, far fewer than these.
const MOST_MEMBERS: usize = 1 << 16;
/// How much is decoded at once, in bytes.
const PIECE: usize = 64 << 10;
/// What a layer may have beyond the bound of the body in it.
const SLACK: usize = 1 << 20;
/// The first bytes of a gzip member.
const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];

/// One coding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Coding {
    Gzip,
    Deflate,
    Brotli,
}

/// The codings of a body in the order in which they were applied; most often none.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Codings(Vec<Coding>);

impl Codings {
    /// What a request's headers say of its body.
    ///
    /// # Errors
    /// `unsupported_media_type` for a coding that is not read here, to be answered with [`refusal`].
    pub(crate) fn of(headers: &HeaderMap) -> Result<Self, Problem> {
        let content = names(headers, &CONTENT_ENCODING)?;
        let mut transfer = names(headers, &TRANSFER_ENCODING)?;
        transfer.pop_if(|last| last == "chunked");
        let codings: Vec<Coding> = content
            .iter()
            .chain(&transfer)
            .filter(|name| !matches!(name.as_str(), "" | "identity"))
            .map(|name| match name.as_str() {
                "gzip" | "x-gzip" => Ok(Coding::Gzip),
                "deflate" => Ok(Coding::Deflate),
                "br" => Ok(Coding::Brotli),
                other => Err(unread(&format!("{other:.40}"))),
            })
            .collect::<Result<_, _>>()?;
        if codings.len() > MOST_CODINGS {
            return Err(unread(&format!("of more than {MOST_CODINGS} layers")));
        }
        Ok(Self(codings))
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The body behind its codings. Reading fails with [`ErrorKind::FileTooLarge`] where a layer has much more than
    /// `most` bytes, so that layers do not multiply (a little more it may have: what is encoded once more can be larger
    /// than what is in it); with [`ErrorKind::ConnectionAborted`] once it is `abandoned`; and with any other kind where
    /// the body is not encoded as it should be.
    pub(crate) fn reader<'a>(&self, body: &'a [u8], most: usize, abandoned: &'a dyn Fn() -> bool) -> impl Read + 'a {
        let layer = |inner: Box<dyn Read + 'a>, left: usize| {
            BufReader::with_capacity(PIECE, Layer { inner, left, abandoned, ended: false })
        };
        self.0.iter().rev().fold(layer(Box::new(body), body.len()), |below, coding| {
            layer(
                match coding {
                    Coding::Gzip => Box::new(Members::of(below)),
                    Coding::Deflate => Box::new(Deflate::Unknown(Some(below))),
                    Coding::Brotli => Box::new(Decompressor::new(below, PIECE)),
                },
                most.saturating_add(SLACK),
            )
        })
    }
}

/// The answer to a request whose coding is not read. Only here `Accept-Encoding` says what is (RFC 9110, 12.5.3 and
/// 15.5.16): with other reasons for a 415 it must not.
pub(crate) fn refusal(problem: &Problem) -> Response<Bytes> {
    let mut response = reply::problem(problem, "");
    response.headers_mut().insert(ACCEPT_ENCODING, HeaderValue::from_static(READ));
    response
}

/// The names in a header that is a list, in lower case, however many lines it has.
fn names(headers: &HeaderMap, header: &HeaderName) -> Result<Vec<String>, Problem> {
    let mut names = Vec::new();
    for line in headers.get_all(header) {
        let line = line.to_str().map_err(|_| unread("(not text)"))?;
        names.extend(line.split(',').map(|name| name.trim().to_ascii_lowercase()));
    }
    Ok(names)
}

fn unread(coding: &str) -> Problem {
    Problem::new(Code::UnsupportedMediaType, format!("Unsupported Content-Encoding {coding}. Supported: {READ}."))
}

/// The output of one coding, or the body itself below them all.
struct Layer<'a> {
    inner: Box<dyn Read + 'a>,
    /// So many bytes it may still give.
    left: usize,
    abandoned: &'a dyn Fn() -> bool,
    /// A decoder that was at its end is not asked again: some then mind what follows.
    ended: bool,
}

impl Read for Layer<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.ended {
            return Ok(0);
        }
        if (self.abandoned)() {
            return Err(ErrorKind::ConnectionAborted.into());
        }
        let read = self.inner.read(buffer)?;
        self.ended = read == 0 && !buffer.is_empty();
        self.left = self.left.checked_sub(read).ok_or(ErrorKind::FileTooLarge)?;
        Ok(read)
    }
}

/// gzip: members one after the other, as `gzip -d` takes them. What follows and is no member is left alone.
struct Members<R> {
    member: Option<GzDecoder<R>>,
    /// So many may still follow.
    left: usize,
}

impl<R: BufRead> Members<R> {
    fn of(below: R) -> Self {
        Self { member: Some(GzDecoder::new(below)), left: MOST_MEMBERS }
    }
}

impl<R: BufRead> Read for Members<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while let Some(member) = &mut self.member {
            let read = member.read(buffer)?;
            if read > 0 || buffer.is_empty() {
                return Ok(read);
            }
            let Some(mut rest) = self.member.take().map(GzDecoder::into_inner) else { break };
            // The second byte may not be there yet.
            let ahead = rest.fill_buf()?;
            if !ahead.is_empty() && GZIP_MAGIC.iter().zip(ahead).all(|(magic, byte)| magic == byte) {
                self.left = self.left.checked_sub(1).ok_or(ErrorKind::InvalidData)?;
                self.member = Some(GzDecoder::new(rest));
            }
        }
        Ok(0)
    }
}

/// deflate: a zlib stream, or the bare deflate data that some senders mean and every browser takes.
enum Deflate<R> {
    /// Nothing was read so far; `None` only while the first bytes are looked at.
    Unknown(Option<R>),
    Zlib(ZlibDecoder<R>),
    Bare(DeflateDecoder<R>),
}

impl<R: BufRead> Read for Deflate<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Zlib(decoder) => decoder.read(buffer),
            Self::Bare(decoder) => decoder.read(buffer),
            Self::Unknown(below) => {
                let Some(mut below) = below.take() else { return Ok(0) };
                *self = if is_zlib(below.fill_buf()?) {
                    Self::Zlib(ZlibDecoder::new(below))
                } else {
                    Self::Bare(DeflateDecoder::new(below))
                };
                self.read(buffer)
            }
        }
    }
}

/// Whether these are the first bytes of a zlib stream (RFC 1950, 2.2): method 8, a window it may have, a checksum. Bare
/// deflate data could only look so by a first block that is stored and has stray bits.
fn is_zlib(start: &[u8]) -> bool {
    match start {
        [method, flags, ..] => {
            method & 0x0f == 8 && method >> 4 <= 7 && u16::from_be_bytes([*method, *flags]).is_multiple_of(31)
        }
        // What is torn so early is neither.
        _ => true,
    }
}
