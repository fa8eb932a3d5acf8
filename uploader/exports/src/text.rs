//! One readable line per photo.

use std::io::Write;

use anyhow::Result;
use wire::Outcome;

use crate::{Entry, Exporter};

/// The lines.
pub struct Text {
    to: Box<dyn Write>,
}

impl Text {
    /// Writes to `to`.
    #[must_use]
    pub fn new(to: Box<dyn Write>) -> Self {
        Self { to }
    }
}

impl Exporter for Text {
    fn photo(&mut self, entry: &Entry<'_>) -> Result<()> {
        writeln!(self.to, "{}: {}", entry.photo.display(), described(entry.outcome))?;
        Ok(())
    }

    fn end(&mut self) -> Result<()> {
        self.to.flush()?;
        Ok(())
    }
}

/// A photo's outcome in a line.
#[must_use]
pub fn described(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Error { error } => format!("{}: {}", error.code, error.message),
        Outcome::Answer(answer) if answer.detections.is_empty() => "nothing found".to_owned(),
        Outcome::Answer(answer) => {
            let object = |object: &wire::FoundObject| {
                let [x1, y1, x2, y2] = object.bbox.map(f64::round);
                format!("{} {:.2} [{x1} {y1} {x2} {y2}]", object.label, object.score)
            };
            answer.detections.iter().map(object).collect::<Vec<_>>().join(", ")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{records, written};

    #[test]
    fn a_line_per_photo() {
        let text = written(|to| Box::new(Text::new(to)), &records());
        assert_eq!(
            text,
            "in/0042.jpg: cat 0.91 [13 30 200 470], dog 0.91 [0 0 10 10]\n\
             in/empty.jpg: nothing found\n\
             in/bad, really.jpg: undecodable_image: It ends, early.\n"
        );
    }
}
