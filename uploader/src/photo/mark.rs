//! The mark on photos that this program has drawn upon, so that a later run does not take its own results for photos.
//!
//! A comment segment in the file itself: it stays where the file is moved or its folder is shared with others, which a
//! marker file in the folder would not.

/// What the comment says.
const COMMENT: &[u8] = b"Boxes drawn by Spotter's uploader";
/// JPEG's markers: APP0, a comment, the begin of the pixels.
const APP0: u8 = 0xe0;
const COM: u8 = 0xfe;
const SOS: u8 = 0xda;

/// The JPEG with the mark, as near to its beginning as JFIF allows.
pub(super) fn marked(jpeg: Vec<u8>) -> Vec<u8> {
    // JFIF wants to be the first segment.
    let first = segments(&jpeg).next().filter(|(marker, _)| *marker == APP0);
    let at = 2 + first.map_or(0, |(_, content)| 4 + content.len());
    let Ok(length) = u16::try_from(COMMENT.len() + 2) else { return jpeg };
    let mut marked = Vec::with_capacity(jpeg.len() + COMMENT.len() + 4);
    marked.extend_from_slice(&jpeg[..at.min(jpeg.len())]);
    marked.extend_from_slice(&[0xff, COM]);
    marked.extend_from_slice(&length.to_be_bytes());
    marked.extend_from_slice(COMMENT);
    marked.extend_from_slice(&jpeg[at.min(jpeg.len())..]);
    marked
}

/// Whether a file that begins so has the mark.
pub(super) fn is_marked(head: &[u8]) -> bool {
    segments(head).any(|(marker, content)| marker == COM && content == COMMENT)
}

/// The segments of a JPEG before its pixels, as far as they are whole: marker and content.
fn segments(jpeg: &[u8]) -> impl Iterator<Item = (u8, &[u8])> {
    let mut rest = jpeg.strip_prefix(b"\xff\xd8").unwrap_or_default();
    std::iter::from_fn(move || {
        let [0xff, marker, high, low, ..] = *rest else { return None };
        let end = 2 + usize::from(u16::from_be_bytes([high, low]));
        let content = rest.get(4..end).filter(|_| marker != SOS)?;
        rest = &rest[end..];
        Some((marker, content))
    })
}

#[cfg(test)]
mod tests {
    use super::super::kind::HEAD;
    use super::*;

    #[test]
    fn a_marked_photo_is_the_same_photo_and_known_by_its_head() {
        let image = image::RgbImage::from_fn(64, 48, |x, y| image::Rgb([x as u8, y as u8, 9]));
        let plain = detector::annotate::jpeg(&image, 90).unwrap();
        let marked = marked(plain.clone());
        assert!(!is_marked(&plain) && is_marked(&marked[..HEAD.min(marked.len())]));
        let decoded = |bytes: &[u8]| image::load_from_memory(bytes).unwrap().into_rgb8();
        assert_eq!(decoded(&marked), decoded(&plain));
    }

    #[test]
    fn torn_and_strange_files_have_no_mark() {
        for bytes in [b"".as_slice(), b"\xff\xd8", b"\xff\xd8\xff\xfe", b"\xff\xd8\xff\xfe\x00\x01", b"\x89PNG"] {
            assert!(!is_marked(bytes));
            assert!(marked(bytes.to_vec()).len() > bytes.len());
        }
    }
}
