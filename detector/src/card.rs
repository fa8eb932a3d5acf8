//! Model cards: what a graph cannot say of itself (colour order, normalisation, head, labels).
//!
//! A card is a `model.toml`. A card of a graph that came without one is inferred in [`crate::infer`].

mod head;
mod vocabulary;

use std::path::Path;

use serde::{Deserialize, Serialize};

pub use self::head::{HeadCard, HeadKind};
pub use self::vocabulary::{Activation, Background, BoxForm, Column, Combine, Decode, HeadOutputs, Names, Unit};
use crate::labels;

/// Why a card cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum CardError {
    /// Not TOML, or not a card.
    #[error("{card}: {reason}")]
    Invalid {
        /// Which card.
        card: String,
        /// What is wrong, with the place in the file.
        reason: String,
    },
    /// The card's file cannot be read.
    #[error("{path}: {source}")]
    Unreadable {
        /// Which file.
        path: String,
        /// Why.
        source: std::io::Error,
    },
}

/// A model card.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Card {
    /// The model's name, as it is printed and asked for.
    pub name: String,
    /// SPDX licence expression of the weights.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub license: Option<String>,
    /// Where the weights are published.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// Digest of the published file, lower-case hex.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
    /// Size of the published file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytes: Option<u64>,
    /// One sentence on what the model is, for lists.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub summary: Option<String>,
    /// The labels by class id: `"coco80"`, or a list.
    #[serde(deserialize_with = "labels::deserialize", serialize_with = "labels::serialize")]
    pub labels: Vec<String>,
    /// What the graph takes.
    pub input: Input,
    /// What the graph gives.
    pub head: HeadCard,
    /// The model's own default thresholds.
    #[serde(default, skip_serializing_if = "Defaults::are_none")]
    pub defaults: Defaults,
}

/// What the graph takes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Input {
    /// Width and height in pixels. Absent: read from the graph, or (with `resize = "none"`) as the photo has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<[u32; 2]>,
    /// Order of the tensor's axes.
    #[serde(default)]
    pub layout: Layout,
    /// Order of the colour channels.
    #[serde(default)]
    pub color: Color,
    /// How a photo is fitted to the input.
    #[serde(default)]
    pub resize: Resize,
    /// Which shape the input has with `letterbox` and `letterbox-center`.
    #[serde(default)]
    pub fit: Fit,
    /// Pixel value around a letterboxed photo, 0..=255.
    #[serde(default)]
    pub pad: u8,
    /// Factor on pixel values: the tensor holds `(x * scale - mean) / std`.
    #[serde(default = "one")]
    pub scale: f32,
    /// Mean per channel, in the tensor's colour order, after `scale`.
    #[serde(default)]
    pub mean: [f32; 3],
    /// Standard deviation per channel, in the tensor's colour order, after `scale`.
    #[serde(default = "ones")]
    pub std: [f32; 3],
}

fn one() -> f32 {
    1.0
}

fn ones() -> [f32; 3] {
    [1.0; 3]
}

impl Default for Input {
    fn default() -> Self {
        Self {
            size: None,
            layout: Layout::default(),
            color: Color::default(),
            resize: Resize::default(),
            fit: Fit::default(),
            pad: 0,
            scale: one(),
            mean: [0.0; 3],
            std: ones(),
        }
    }
}

/// Order of an image tensor's axes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Layout {
    /// Batch, channel, row, column.
    #[default]
    Nchw,
    /// Batch, row, column, channel.
    Nhwc,
}

/// Order of the colour channels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Color {
    /// Red first.
    #[default]
    Rgb,
    /// Blue first, as OpenCV reads photos.
    Bgr,
}

/// How a photo is fitted to the input.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Resize {
    /// Aspect ratio kept, photo at the top left, padding right or below.
    #[default]
    Letterbox,
    /// Aspect ratio kept, photo in the middle.
    LetterboxCenter,
    /// Both sides fitted, aspect ratio lost.
    Stretch,
    /// The photo as it is (graphs of dynamic size that resize by themselves); its long side is bounded.
    None,
}

/// Which shape a letterboxed input has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Fit {
    /// Always `size`, padded: the published way of most models.
    #[default]
    Square,
    /// The photo's own shape within `size`, each side rounded up to the model's largest stride: less padding to look at.
    /// Where the graph's size is fixed, or its head cannot, this is `square`.
    Shape,
}

/// Default thresholds of a model; they yield to the environment and to a request.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Defaults {
    /// Least score, 0..=1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confidence: Option<f32>,
    /// NMS overlap, 0..=1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub iou: Option<f32>,
}

impl Defaults {
    #[allow(clippy::trivially_copy_pass_by_ref, reason = "serde hands over a reference")]
    fn are_none(&self) -> bool {
        *self == Self::default()
    }
}

impl Card {
    /// A card of a graph that came without one.
    pub(crate) fn of_graph(name: &str, labels: Vec<String>, input: Input, head: HeadCard) -> Self {
        Self {
            name: name.to_owned(),
            license: None,
            source: None,
            sha256: None,
            bytes: None,
            summary: None,
            labels,
            input,
            head,
            defaults: Defaults::default(),
        }
    }

    /// Reads a card; `name` is what errors call it.
    ///
    /// # Errors
    /// [`CardError::Invalid`] with the line and what was expected there.
    pub fn parse(name: &str, text: &str) -> Result<Self, CardError> {
        let invalid = |reason: String| CardError::Invalid { card: name.to_owned(), reason };
        let (card, mut wrong) = mistakes(text);
        if let Some(card) = &card {
            wrong.extend(card.check());
        }
        card.filter(|_| wrong.is_empty()).ok_or_else(|| invalid(wrong.join("\n")))
    }

    /// Reads a card's file.
    ///
    /// # Errors
    /// [`CardError`].
    pub fn load(path: &Path) -> Result<Self, CardError> {
        let text = std::fs::read_to_string(path)
            .map_err(|source| CardError::Unreadable { path: path.display().to_string(), source })?;
        Self::parse(&path.display().to_string(), &text)
    }

    /// The card as a `model.toml`.
    ///
    /// # Errors
    /// Where a number has no TOML form; no card that was read has one.
    pub fn to_toml(&self) -> Result<String, CardError> {
        toml::to_string(self).map_err(|e| CardError::Invalid { card: self.name.clone(), reason: e.to_string() })
    }

    /// What TOML's types cannot say.
    fn check(&self) -> Vec<String> {
        let fraction = |value: Option<f32>| value.is_none_or(|v| (0.0..=1.0).contains(&v));
        let (input, defaults) = (&self.input, &self.defaults);
        let size = input.size.is_some_and(|size| size.iter().any(|side| !(1..=8192).contains(side)));
        let std = input.std.iter().any(|s| *s == 0.0 || !s.is_finite());
        let finite = input.scale.is_finite() && input.mean.iter().all(|mean| mean.is_finite());
        let fractions = fraction(defaults.confidence) && fraction(defaults.iou);
        let unresized = input.resize == Resize::None && input.size.is_some();
        let wrong = [
            (self.labels.is_empty(), "labels must not be empty"),
            (size, "input.size must be [width, height] from 1 to 8192 pixels"),
            (unresized, "input.resize = \"none\" takes photos as they are: leave input.size out"),
            (std, "input.std must be finite and not 0"),
            (!finite, "input.scale and input.mean must be finite"),
            (!fractions, "defaults.confidence and defaults.iou must be from 0 to 1"),
        ];
        let wrong = wrong.into_iter().filter(|(is_wrong, _)| *is_wrong).map(|(_, reason)| reason.to_owned());
        wrong.chain(self.head.check()).collect()
    }
}

/// Reads a card past its mistakes, so that all are told at once: a line that cannot be read is told and left out.
fn mistakes(text: &str) -> (Option<Card>, Vec<String>) {
    const MOST: usize = 20;
    let mut text = text.to_owned();
    let mut wrong: Vec<String> = Vec::new();
    let mut left_out: Vec<String> = Vec::new();
    loop {
        let error = match toml::from_str(&text) {
            Ok(card) => return (Some(card), wrong),
            Err(error) => error,
        };
        // What is missing because its line was left out has been told.
        if left_out.iter().any(|key| error.message() == format!("missing field `{key}`")) {
            return (None, wrong);
        }
        wrong.push(error.to_string().trim_end().to_owned());
        let Some(span) = error.span() else { return (None, wrong) };
        let start = text[..span.start].rfind('\n').map_or(0, |at| at + 1);
        let end = text[span.start..].find('\n').map_or(text.len(), |at| span.start + at);
        let line = &text[start..end];
        // A table's own line, or what is missing in it, cannot be left out; nor can a part of what goes over several lines.
        if wrong.len() == MOST || !line.contains('=') || span.end > end {
            return (None, wrong);
        }
        left_out.extend(line.split_once('=').map(|(key, _)| key.trim().to_owned()));
        let blank = " ".repeat(line.len());
        text.replace_range(start..end, &blank);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CARD: &str = r#"
name = "yolox-nano"
labels = "coco80"
[input]
size = [416, 416]
layout = "nchw"
color = "bgr"
resize = "letterbox"
pad = 114
[head]
kind = "yolox"
"#;

    #[test]
    fn a_card_is_read() {
        let card = Card::parse("test", CARD).unwrap();
        assert_eq!((card.labels.len(), card.input.scale, card.head.kind), (80, 1.0, HeadKind::Yolox));
    }

    #[test]
    fn a_card_survives_being_written() {
        let card = Card::parse("test", CARD).unwrap();
        assert_eq!(Card::parse("again", &card.to_toml().unwrap()).unwrap(), card);
    }

    #[test]
    fn mistakes_are_named_with_their_place() {
        for (from, to, word) in [
            ("kind = \"yolox\"", "kind = \"yolo9000\"", "yolo9000"),
            ("pad = 114", "pad = 300", "300"),
            ("pad = 114", "padding = 1", "padding"),
            ("\"coco80\"", "\"coco81\"", "coco81"),
            ("size = [416, 416]", "size = [0, 416]", "input.size"),
            ("pad = 114", "scale = inf", "finite"),
            ("pad = 114", "mean = [0.0, nan, 0.0]", "finite"),
        ] {
            let error = Card::parse("bad.toml", &CARD.replace(from, to)).unwrap_err().to_string();
            assert!(error.starts_with("bad.toml: ") && error.contains(word) && !error.contains("missing"), "{error}");
        }
    }

    #[test]
    fn all_mistakes_are_told_at_once() {
        let text = CARD.replace("pad = 114", "padding = 1\nscale = \"one\"").replace("[416, 416]", "[0, 416]");
        let error = Card::parse("bad.toml", &text).unwrap_err().to_string();
        for word in ["padding", "one", "input.size", "line 9", "line 10"] {
            assert!(error.contains(word), "{word}: {error}");
        }
        let text = CARD.replace("kind = \"yolox\"", "kind = \"table\"\nextra = -1\nunit = \"inch\"\nstrides = [8]");
        let error = Card::parse("bad.toml", &text).unwrap_err().to_string();
        for word in ["extra", "inch", "grid"] {
            assert!(error.contains(word), "{word}: {error}");
        }
    }
}
