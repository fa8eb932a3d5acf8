//! Stacked bars, one below the other.

use anyhow::Result;
use plotters::prelude::*;

use super::chart::{FONT, Ink, failed, label, svg};

const ROW: u32 = 62;
const AXIS: u32 = 56;

/// A bar and what is written above it.
#[derive(Debug)]
pub(super) struct Bar {
    pub(super) label: String,
    pub(super) parts: Vec<(f64, Ink)>,
}

/// Bars on a common axis of milliseconds.
pub(super) fn bars(title: &str, rows: &[Bar]) -> Result<String> {
    let whole = |bar: &Bar| bar.parts.iter().map(|(ms, _)| ms).sum::<f64>();
    let most = rows.iter().map(whole).fold(1e-3, f64::max) * 1.02;
    let height = ROW * rows.len().max(1) as u32 + AXIS;
    svg(title, height, |area| {
        let mut chart = ChartBuilder::on(area)
            .margin(8)
            .margin_left(18)
            .margin_right(24)
            .x_label_area_size(38)
            .build_cartesian_2d(0.0..most, 0.0..rows.len().max(1) as f64)
            .map_err(failed)?;
        chart
            .configure_mesh()
            .disable_y_mesh()
            .disable_y_axis()
            .x_labels(8)
            .x_desc("ms")
            .x_label_formatter(&label)
            .light_line_style(TRANSPARENT)
            .bold_line_style(Ink::Grid.color())
            .axis_style(Ink::Grid.color())
            .label_style(FONT.into_text_style(area).color(&Ink::Text.color()))
            .draw()
            .map_err(failed)?;
        let ink = Ink::Text.color();
        for (place, bar) in rows.iter().enumerate() {
            // The first bar is the uppermost.
            let bottom = (rows.len() - place - 1) as f64;
            let mut left = 0.0;
            for (ms, ink) in bar.parts.iter().filter(|(ms, _)| *ms > 0.0) {
                let corners = [(left, bottom + 0.14), (left + ms, bottom + 0.58)];
                chart.draw_series([Rectangle::new(corners, ink.color().filled())]).map_err(failed)?;
                left += ms;
            }
            let style = FONT.into_text_style(area).color(&ink);
            chart.draw_series([Text::new(bar.label.clone(), (0.0, bottom + 0.90), style)]).map_err(failed)?;
        }
        Ok(())
    })
}
