//! Lines and points over two axes.

use anyhow::Result;
use plotters::prelude::*;

use super::chart::{FONT, Ink, failed, label, svg};

const HEIGHT: u32 = 340;

/// How a series is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mark {
    Line,
    Points,
    Both,
}

#[derive(Debug)]
pub(super) struct Series {
    pub(super) ink: Ink,
    pub(super) mark: Mark,
    pub(super) points: Vec<(f64, f64)>,
}

#[derive(Debug)]
pub(super) struct Graph<'a> {
    pub(super) x: &'a str,
    pub(super) y: &'a str,
    pub(super) series: Vec<Series>,
    /// The y axis reaches at least this far.
    pub(super) least_y: f64,
}

impl Graph<'_> {
    pub(super) fn svg(&self, title: &str) -> Result<String> {
        let points = || self.series.iter().flat_map(|series| &series.points);
        let most_x = points().map(|point| point.0).fold(1e-3, f64::max) * 1.04;
        let most_y = points().map(|point| point.1).fold(1e-3, f64::max);
        let most_y = if most_y <= self.least_y { self.least_y * 1.02 } else { most_y * 1.08 };
        svg(title, HEIGHT, |area| {
            let mut chart = ChartBuilder::on(area)
                .margin(10)
                .margin_right(18)
                .x_label_area_size(44)
                .y_label_area_size(62)
                .build_cartesian_2d(0.0..most_x, 0.0..most_y)
                .map_err(failed)?;
            chart
                .configure_mesh()
                .x_labels(9)
                .y_labels(6)
                .x_desc(self.x)
                .y_desc(self.y)
                .light_line_style(TRANSPARENT)
                .bold_line_style(Ink::Grid.color())
                .axis_style(Ink::Grid.color())
                .label_style(FONT.into_text_style(area).color(&Ink::Text.color()))
                .x_label_formatter(&label)
                .y_label_formatter(&label)
                .draw()
                .map_err(failed)?;
            for series in &self.series {
                let color = series.ink.color();
                if series.mark != Mark::Points {
                    let line = LineSeries::new(series.points.iter().copied(), color.stroke_width(2));
                    chart.draw_series(line).map_err(failed)?;
                }
                if series.mark != Mark::Line {
                    let circles = series.points.iter().map(|point| Circle::new(*point, 3, color.filled()));
                    chart.draw_series(circles).map_err(failed)?;
                }
            }
            Ok(())
        })
    }
}
