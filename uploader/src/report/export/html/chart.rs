//! A drawing as SVG whose colours are the page's.

use anyhow::{Result, anyhow};
use plotters::coord::Shift;
use plotters::prelude::*;

use super::escaped;

pub(super) const WIDTH: u32 = 860;
pub(super) const FONT: (&str, i32) = ("sans-serif", 15);

/// Series and phases that have a colour of their own; then they repeat.
const SERIES: u8 = 6;
const PHASES: u8 = 15;

pub(super) type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;

/// A colour of the page: a CSS variable, which differs in light and in dark.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ink {
    Text,
    Grid,
    Saved,
    Series(u8),
    Phase(u8),
}

impl Ink {
    pub(super) fn series(place: usize) -> Self {
        Self::Series((place % usize::from(SERIES)) as u8)
    }

    pub(super) fn phase(place: usize) -> Self {
        Self::Phase((place % usize::from(PHASES)) as u8)
    }

    fn all() -> impl Iterator<Item = Self> {
        let plain = [Self::Text, Self::Grid, Self::Saved].into_iter();
        plain.chain((0..SERIES).map(Self::Series)).chain((0..PHASES).map(Self::Phase))
    }

    /// Drawn in colours that nobody would choose, which are found again afterwards.
    pub(super) fn color(self) -> RGBColor {
        match self {
            Self::Text => RGBColor(0xFE, 0, 0),
            Self::Grid => RGBColor(0xFE, 0, 1),
            Self::Saved => RGBColor(0xFE, 0, 2),
            Self::Series(place) => RGBColor(0xFE, 1, place),
            Self::Phase(place) => RGBColor(0xFE, 2, place),
        }
    }

    /// As CSS takes it.
    pub(super) fn variable(self) -> String {
        match self {
            Self::Text => "var(--ink)".to_owned(),
            Self::Grid => "var(--grid)".to_owned(),
            Self::Saved => "var(--saved)".to_owned(),
            Self::Series(place) => format!("var(--series{place})"),
            Self::Phase(place) => format!("var(--phase{place})"),
        }
    }
}

/// What `draw` draws, as an element of the page that is as wide as there is room.
pub(super) fn svg(title: &str, height: u32, draw: impl FnOnce(&Area<'_>) -> Result<()>) -> Result<String> {
    let mut text = String::new();
    {
        let area = SVGBackend::with_string(&mut text, (WIDTH, height)).into_drawing_area();
        draw(&area)?;
        area.present().map_err(failed)?;
    }
    for ink in Ink::all() {
        let RGBColor(red, green, blue) = ink.color();
        text = text.replace(&format!("\"#{red:02X}{green:02X}{blue:02X}\""), &format!("\"{}\"", ink.variable()));
    }
    let fixed = format!("<svg width=\"{WIDTH}\" height=\"{height}\"");
    Ok(text.replacen(&fixed, &format!("<svg role=\"img\" aria-label=\"{}\"", escaped(title)), 1))
}

/// Drawing into memory fails only for charts that cannot be drawn.
pub(super) fn failed(error: impl std::error::Error) -> anyhow::Error {
    anyhow!("a chart cannot be drawn: {error}")
}

/// A tick, with as many decimals as it needs.
pub(super) fn label(value: &f64) -> String {
    let rounded = (value * 1e3).round() / 1e3;
    format!("{rounded}")
}
