//! Photos with their boxes drawn or their objects made unrecognisable, saved beside the results.

use std::collections::HashSet;
use std::io;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use detector::annotate::{self, Label};
use detector::redact::{self, Style};
use detector::{BBox, Limits, Photo};
use tokio::sync::Semaphore;
use tokio::task::{JoinError, JoinSet};
use wire::Answer;

use super::mark;

const QUALITY: u8 = 90;

/// What is made of a photo.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Drawing {
    /// Its boxes are drawn.
    Boxes,
    /// Its objects are made unrecognisable, each enlarged by this share of its box on every side.
    Redacted(Style, f32),
}

impl Drawing {
    fn option(self) -> &'static str {
        match self {
            Self::Boxes => "--annotate",
            Self::Redacted(..) => "--redact",
        }
    }
}

/// The folders of pictures, and the drawing under way. A photo that cannot be drawn ends nothing: the reason is told
/// with the next ones, or at the end.
pub(crate) struct Annotations {
    wanted: Arc<[(PathBuf, Drawing)]>,
    taken: HashSet<String>,
    drawing: JoinSet<Result<()>>,
    at_once: Arc<Semaphore>,
}

impl Annotations {
    /// Where pictures are wanted.
    pub(crate) fn of(wanted: Vec<(PathBuf, Drawing)>) -> Result<Option<Self>> {
        if wanted.is_empty() { Ok(None) } else { Self::open(wanted).map(Some) }
    }

    /// Photos with their boxes drawn, in a folder.
    pub(crate) fn in_folder(folder: &Path) -> Result<Self> {
        Self::open(vec![(folder.to_owned(), Drawing::Boxes)])
    }

    /// Makes the folders where they are missing.
    fn open(wanted: Vec<(PathBuf, Drawing)>) -> Result<Self> {
        for (folder, drawing) in &wanted {
            std::fs::create_dir_all(folder).with_context(|| format!("{} {}", drawing.option(), folder.display()))?;
        }
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Ok(Self {
            wanted: wanted.into(),
            taken: HashSet::new(),
            drawing: JoinSet::new(),
            at_once: Arc::new(Semaphore::new(cores)),
        })
    }

    /// Draws in the background; waits only while more photos are being drawn than there are cores. `place` is where it
    /// goes in the folder.
    pub(crate) async fn draw(&mut self, place: &Path, photo: &Path, answer: &Answer) {
        let path = photo.to_owned();
        self.draw_fetched(place, photo, answer, read(path)).await;
    }

    /// The same for a photo that has to be fetched first.
    pub(crate) async fn draw_fetched(
        &mut self,
        place: &Path,
        photo: &Path,
        answer: &Answer,
        fetch: impl Future<Output = Result<Vec<u8>>> + Send + 'static,
    ) {
        let (name, wanted) = (self.name(place), Arc::clone(&self.wanted));
        let (photo, answer) = (photo.to_owned(), answer.clone());
        // It is never closed.
        let permit = Arc::clone(&self.at_once).acquire_owned().await.ok();
        self.drawing.spawn(async move {
            let _permit = permit;
            let to: Vec<String> = wanted.iter().map(|(folder, _)| folder.join(&name).display().to_string()).collect();
            let what = || format!("cannot draw {} into {}", photo.display(), to.join(" and "));
            let bytes = fetch.await.with_context(what)?;
            tokio::task::spawn_blocking(move || save(&bytes, &answer, &wanted, &name)).await?.with_context(what)
        });
    }

    /// Why photos could not be drawn that were finished since the last time.
    pub(crate) fn failures(&mut self) -> Vec<anyhow::Error> {
        let finished = std::iter::from_fn(|| self.drawing.try_join_next());
        finished.filter_map(failure).collect()
    }

    /// Waits for what is still being drawn. Tells the failures that have not been told.
    pub(crate) async fn finish(mut self) -> Vec<anyhow::Error> {
        let mut failures = Vec::new();
        while let Some(done) = self.drawing.join_next().await {
            failures.extend(failure(done));
        }
        failures
    }

    /// `<folders>/<stem>.jpg`, with a number where two photos have the same.
    fn name(&mut self, place: &Path) -> PathBuf {
        let stem = place.file_stem().map_or_else(|| "photo".into(), |stem| stem.to_string_lossy());
        let folder = folder_of(place);
        let mut name = folder.join(format!("{stem}.jpg"));
        let mut number = 2;
        // Without regard to case: some file systems have none.
        while !self.taken.insert(name.to_string_lossy().to_lowercase()) {
            name = folder.join(format!("{stem}-{number}.jpg"));
            number += 1;
        }
        name
    }
}

/// The folders of a place, and nothing that leads out of them: a key in S3 may be anything.
pub(crate) fn folder_of(place: &Path) -> PathBuf {
    let parts = place.parent().unwrap_or(Path::new("")).components();
    parts.filter(|part| matches!(part, Component::Normal(_))).collect()
}

fn failure(done: Result<Result<()>, JoinError>) -> Option<anyhow::Error> {
    done.map_err(anyhow::Error::from).and_then(|drawn| drawn).err()
}

/// A pipe has been read already, and another look at it might wait for ever.
async fn read(path: PathBuf) -> Result<Vec<u8>> {
    if !tokio::fs::metadata(&path).await?.is_file() {
        bail!("it is a pipe or device, which can be read only once");
    }
    Ok(tokio::fs::read(path).await?)
}

fn save(bytes: &[u8], answer: &Answer, wanted: &[(PathBuf, Drawing)], name: &Path) -> Result<()> {
    let limits = Limits { max_bytes: usize::MAX, max_pixels: 500_000_000, max_side: 65_535 };
    let photo = Photo::decode(bytes, &limits)?.into_image();
    let labels: Vec<Label> = answer.detections.iter().map(wire::FoundObject::to_label).collect();
    for (folder, drawing) in wanted {
        let mut image = photo.clone();
        let jpeg = match *drawing {
            Drawing::Boxes => {
                annotate::draw(&mut image, &labels);
                mark::marked(annotate::jpeg(&image, QUALITY)?)
            }
            // Pixels alone, and no mark: a redacted photo tells nothing about where it is from.
            Drawing::Redacted(style, margin) => {
                let boxes: Vec<BBox> = labels.iter().map(|label| label.bbox).collect();
                redact::redact(&mut image, &boxes, style, margin);
                annotate::jpeg(&image, QUALITY)?
            }
        };
        write_whole(&folder.join(name), &jpeg)?;
    }
    Ok(())
}

/// Never leaves half a photo under the final name.
fn write_whole(to: &Path, bytes: &[u8]) -> io::Result<()> {
    if let Some(folder) = to.parent() {
        std::fs::create_dir_all(folder)?;
    }
    let part = to.with_extension("jpg.part");
    std::fs::write(&part, bytes)?;
    std::fs::rename(part, to)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_stems_get_names_of_their_own() {
        let folder = tempfile::tempdir().unwrap();
        let mut annotations = Annotations::in_folder(folder.path()).unwrap();
        let names: Vec<PathBuf> = ["1.jpg", "1.png", "1-2.jpg", "a/1.webp", "a/1.jpg", "../b/1.jpg", "/b/1.png"]
            .iter()
            .map(|place| annotations.name(Path::new(place)))
            .collect();
        let expected = ["1.jpg", "1-2.jpg", "1-2-2.jpg", "a/1.jpg", "a/1-2.jpg", "b/1.jpg", "b/1-2.jpg"];
        assert_eq!(names, expected.map(PathBuf::from));
    }
}
