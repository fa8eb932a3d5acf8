//! Photos saved with their objects made unrecognisable.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use common::{Reply, Server, cat, err, out, photos, run, text};
use image::RgbImage;

/// Photos of 640x480 with a cat in 64,48 to 320,240.
fn redacted(more: &[&str]) -> (Vec<u8>, RgbImage, RgbImage) {
    let server = Server::start(|_, _| Reply::json(200, &cat()));
    let folder = photos(1, 640, 480);
    let photo = folder.path().join("1.jpg");
    let before = std::fs::read(&photo).unwrap();
    let to = folder.path().join("hidden");
    let args = ["detect", text(&photo), "--url", &server.url(), "--redact", text(&to)];
    let output = run(&[&args[..], more].concat());
    assert_eq!(output.status.code(), Some(0), "{}{}", out(&output), err(&output));
    assert_eq!(std::fs::read(&photo).unwrap(), before);
    assert!(!server.seen()[0].target.contains("redact"), "the photo stays here");
    let jpeg = std::fs::read(to.join("1.jpg")).unwrap();
    let image = |bytes: &[u8]| image::load_from_memory(bytes).unwrap().into_rgb8();
    (jpeg.clone(), image(&before), image(&jpeg))
}

/// The largest difference of a pixel in a rectangle.
fn difference(one: &RgbImage, other: &RgbImage, [left, top, right, bottom]: [u32; 4]) -> u8 {
    assert_eq!(one.dimensions(), other.dimensions());
    let pixels = (top..bottom).flat_map(|y| (left..right).map(move |x| (x, y)));
    let differs = pixels.map(|(x, y)| {
        let (one, other) = (one.get_pixel(x, y).0, other.get_pixel(x, y).0);
        one.iter().zip(other).map(|(a, b)| a.abs_diff(b)).max().unwrap_or(0)
    });
    differs.max().unwrap_or(0)
}

#[test]
fn what_is_found_is_hidden_and_no_more() {
    for style in ["blur", "pixelate", "fill"] {
        let (jpeg, before, after) = redacted(&["--redact-style", style, "--redact-margin", "0"]);
        assert!(difference(&before, &after, [64, 48, 320, 240]) > 60, "{style}");
        // JPEG's blocks end at multiples of 16.
        for outside in [[0, 0, 640, 48], [0, 240, 640, 480], [0, 0, 64, 480], [320, 0, 640, 480]] {
            assert!(difference(&before, &after, outside) < 40, "{style}: {outside:?}");
        }
        // A JFIF header, and no comment, Exif, profile or XMP.
        let segments: Vec<u8> =
            jpeg.windows(2).filter(|w| w[0] == 0xff && matches!(w[1], 0xe1..=0xef | 0xfe)).map(|w| w[1]).collect();
        assert!(segments.is_empty() && jpeg[2..4] == [0xff, 0xe0], "{segments:x?}");
    }
    let (_, before, after) = redacted(&["--redact-style", "fill"]);
    assert!(difference(&before, &after, [45, 60, 60, 220]) > 40, "a margin of a tenth, where nothing else is said");
}

#[test]
fn wrong_use_is_told_before_anything_is_sent() {
    let server = Server::start(|_, _| Reply::json(200, &cat()));
    let folder = photos(1, 64, 48);
    let (photo, to) = (folder.path().join("1.jpg"), folder.path().join("out"));
    for (more, said) in [
        (&["--redact", text(&to), "--redact-margin", "1.5"][..], "must be from 0 to 1"),
        (&["--redact", text(&to), "--redact-margin", "NaN"], "must be from 0 to 1"),
        (&["--redact-style", "fill"], "--redact <DIR>"),
        (&["--redact", text(&to), "--annotate", text(&to)], "use two folders"),
        (&["--slice", "31"], "slice must be 0 (off) or a whole number from 32 to 32768"),
        (&["--slice-overlap", "1"], "slice_overlap must be a number from 0 to 0.9"),
        (&["--max-slices", "0"], "max_slices must be a whole number from 1 to 1024"),
    ] {
        let output = run(&[&["detect", text(&photo), "--url", &server.url()], more].concat());
        assert_eq!(output.status.code(), Some(2), "{more:?}: {}", out(&output));
        assert!(err(&output).contains(said), "{more:?}: {}", err(&output));
    }
    assert!(server.seen().is_empty() && !to.exists());
}

#[test]
fn slices_are_asked_for_in_the_query() {
    let server = Server::start(|_, _| Reply::json(200, &cat()));
    let folder = photos(1, 64, 48);
    let slices = ["--slice", "640", "--slice-overlap", "0.25", "--max-slices", "9", "-q"];
    let args = ["detect", text(folder.path()), "--url", &server.url()];
    assert_eq!(run(&[&args[..], &slices].concat()).status.code(), Some(0));
    let seen = server.seen();
    let asked = seen.iter().find(|seen| seen.target.contains("slice")).unwrap();
    for option in ["slice=640", "slice_overlap=0.25", "max_slices=9"] {
        assert!(asked.target.contains(option), "{}", asked.target);
    }
}
