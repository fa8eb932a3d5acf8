//! What is done to a photo on the way: slices, and objects made unrecognisable.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use std::io::Cursor;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use image::{DynamicImage, ImageFormat, RgbImage};
use serde_json::{Value, json};

use common::{ENTRY_POINTS, FORM, app, form, photo, post};

/// The photo four times over, in a square, as PNG.
fn four_times() -> Vec<u8> {
    let one = image::load_from_memory(&photo()).unwrap().to_rgb8();
    let (width, height) = one.dimensions();
    let mut four = RgbImage::new(2 * width, 2 * height);
    for (x, y) in [(0, 0), (1, 0), (0, 1), (1, 1)] {
        image::imageops::replace(&mut four, &one, i64::from(x * width), i64::from(y * height));
    }
    let mut png = Cursor::new(Vec::new());
    DynamicImage::ImageRgb8(four).write_to(&mut png, ImageFormat::Png).unwrap();
    png.into_inner()
}

#[tokio::test]
async fn slices_are_asked_for_in_every_way_and_counted() {
    let (app, photo) = (app(None), four_times());
    let side = image::load_from_memory(&photo).unwrap().width() / 2;
    let query = format!("/detect?slice={side}&slice_overlap=0");
    let body = json!({"image": STANDARD.encode(&photo), "slice": side, "slice_overlap": 0.0}).to_string();
    let (side_text, image) = (side.to_string(), "name=\"image\"; filename=\"a.png\"");
    let parts = [(image, &photo[..]), ("name=\"slice\"", side_text.as_bytes()), ("name=\"slice_overlap\"", b"0")];
    for entry_point in ENTRY_POINTS {
        let plain = post(&app, entry_point, "/detect", &[], &photo).await;
        assert!(plain.json()["timings_ms"].get("slices").is_none());
        let sliced = post(&app, entry_point, &query, &[], &photo).await;
        let slices = sliced.json()["timings_ms"]["slices"].as_u64().unwrap();
        assert!(slices >= 4, "{slices}");
        let timing = sliced.headers["server-timing"].to_str().unwrap();
        assert!(timing.ends_with(&format!("slices;desc=\"{slices}\"")), "{timing}");
        assert_ne!(sliced.detections(), plain.detections());
        let json = post(&app, entry_point, "/detect", &[("content-type", "application/json")], body.as_bytes()).await;
        assert_eq!(json.detections(), sliced.detections());
        let form = post(&app, entry_point, "/detect", &[("content-type", FORM)], &form(&parts)).await;
        assert_eq!(form.detections(), sliced.detections());
        // A photo that fits into one slice is looked at once.
        let fits = post(&app, entry_point, "/detect?slice=32768", &[], &photo).await;
        assert_eq!(fits.detections(), plain.detections());
        let few = post(&app, entry_point, &format!("{query}&max_slices=3"), &[], &photo).await;
        assert_eq!((few.status, few.code().as_str()), (413, "too_many_slices"));
        let many = post(&app, entry_point, "/detect?slice=32&slice_overlap=0.9", &[], &photo).await;
        assert_eq!(many.code(), "too_many_slices");
    }
}

#[tokio::test]
async fn one_photo_with_too_many_slices_spoils_no_neighbour() {
    let app = app(None);
    let images = [four_times(), photo()].map(|photo| STANDARD.encode(photo));
    let side = image::load_from_memory(&photo()).unwrap().to_rgb8().dimensions();
    let body = json!({"images": images, "slice": side.0.max(side.1), "max_slices": 1}).to_string();
    for entry_point in ENTRY_POINTS {
        let answer = post(&app, entry_point, "/detect", &[("content-type", "application/json")], body.as_bytes()).await;
        let results = answer.json()["results"].clone();
        assert_eq!(results[0]["error"]["code"], "too_many_slices", "{results}");
        assert!(results[1]["detections"].is_array());
    }
}

fn pixels(jpeg: &[u8]) -> RgbImage {
    assert_eq!(image::guess_format(jpeg).unwrap(), ImageFormat::Jpeg);
    assert!(!jpeg.windows(4).any(|bytes| bytes == b"Exif" || bytes == b"http" || bytes == b"ICC_"), "metadata");
    image::load_from_memory(jpeg).unwrap().to_rgb8()
}

#[tokio::test]
async fn objects_are_made_unrecognisable_and_the_rest_is_left() {
    let (app, photo) = (app(None), photo());
    let original = image::load_from_memory(&photo).unwrap().to_rgb8();
    for entry_point in ENTRY_POINTS {
        let found = post(&app, entry_point, "/detect?confidence=0.3", &[], &photo).await.detections();
        let boxes: Vec<[f64; 4]> =
            found.as_array().unwrap().iter().map(|d| serde_json::from_value(d["box"].clone()).unwrap()).collect();
        assert!(!boxes.is_empty());
        for style in ["blur", "pixelate", "fill"] {
            let query = format!("/detect?confidence=0.3&redact={style}&redact_margin=0");
            let raw = post(&app, entry_point, &query, &[], &photo).await;
            assert_eq!(raw.headers["content-type"], "image/jpeg");
            let redacted = pixels(&raw.body);
            assert_eq!(redacted.dimensions(), original.dimensions());
            for (x, y, pixel) in redacted.enumerate_pixels() {
                let (fx, fy) = (f64::from(x), f64::from(y));
                let near = |by: f64| {
                    move |b: &&[f64; 4]| fx >= b[0] - by && fx < b[2] + by && fy >= b[1] - by && fy < b[3] + by
                };
                if style == "fill" && boxes.iter().any(|b| near(-9.0)(&b)) {
                    assert!(pixel.0.iter().all(|v| *v < 12), "{x},{y}: {pixel:?}");
                } else if !boxes.iter().any(|b| near(17.0)(&b)) {
                    let was = original.get_pixel(x, y);
                    let differs = pixel.0.iter().zip(was.0).map(|(a, b)| a.abs_diff(b)).max();
                    assert!(differs < Some(70), "{x},{y}: {pixel:?} was {was:?}");
                }
            }
            let body =
                json!({"image": STANDARD.encode(&photo), "confidence": 0.3, "redact": style, "redact_margin": 0});
            let answer = post(
                &app,
                entry_point,
                "/detect",
                &[("content-type", "application/json")],
                body.to_string().as_bytes(),
            )
            .await;
            let inside = STANDARD.decode(answer.json()["redacted"].as_str().unwrap()).unwrap();
            assert_eq!((inside, answer.detections()), (raw.body, found.clone()));
        }
    }
}

#[tokio::test]
async fn boxes_are_drawn_on_the_redacted_photo_and_only_chosen_classes_are_hidden() {
    let (app, photo) = (app(None), photo());
    let post = async |query: &str| post(&app, ENTRY_POINTS[0], query, &[], &photo).await;
    let found = post("/detect?confidence=0.3").await.detections();
    let present: Vec<&str> = found.as_array().unwrap().iter().map(|d| d["label"].as_str().unwrap()).collect();
    let untouched = pixels(&post("/detect?max_detections=0&redact=fill").await.body);
    let black = |image: &RgbImage| image.pixels().filter(|pixel| pixel.0.iter().all(|v| *v < 6)).count();
    let hidden = pixels(&post("/detect?confidence=0.3&redact=fill").await.body);
    assert!(black(&hidden) > black(&untouched) + 50);
    for label in present {
        let some = pixels(&post(&format!("/detect?confidence=0.3&redact=fill&classes={label}")).await.body);
        assert!(black(&some) > black(&untouched) && black(&some) <= black(&hidden), "{label}");
    }
    let both = pixels(&post("/detect?confidence=0.3&redact=fill&annotate=true").await.body);
    assert_ne!(both, hidden);
    assert!(black(&both) > black(&untouched) + 50, "boxes are drawn on the redacted photo");
    for off in ["", "&redact=none"] {
        let answer: Value = post(&format!("/detect?confidence=0.3{off}")).await.json();
        assert!(answer.get("redacted").is_none());
    }
}
