//! Photos with their boxes drawn, saved beside the results.

use std::collections::HashSet;
use std::io;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use detector::annotate::{self, Label};
use detector::{BBox, Limits, Photo};
use tokio::sync::Semaphore;
use tokio::task::{JoinError, JoinSet};
use wire::Answer;

use super::mark;

const QUALITY: u8 = 90;

/// The folder of annotated photos, and the drawing under way. A photo that cannot be drawn ends nothing: the reason is told
/// with the next ones, or at the end.
pub(crate) struct Annotations {
    folder: PathBuf,
    taken: HashSet<String>,
    drawing: JoinSet<Result<()>>,
    at_once: Arc<Semaphore>,
}

impl Annotations {
    /// Makes the folder where it is missing.
    pub(crate) fn in_folder(folder: &Path) -> Result<Self> {
        std::fs::create_dir_all(folder).with_context(|| format!("--annotate {}", folder.display()))?;
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Ok(Self {
            folder: folder.to_owned(),
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
        let name = self.name(place);
        let to = self.folder.join(name);
        let (photo, answer) = (photo.to_owned(), answer.clone());
        // It is never closed.
        let permit = Arc::clone(&self.at_once).acquire_owned().await.ok();
        self.drawing.spawn(async move {
            let _permit = permit;
            let what = || format!("cannot draw the boxes of {} into {}", photo.display(), to.display());
            let bytes = fetch.await.with_context(what)?;
            let to = to.clone();
            tokio::task::spawn_blocking(move || save(&bytes, &answer, &to)).await?.with_context(what)
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

fn save(bytes: &[u8], answer: &Answer, to: &Path) -> Result<()> {
    let limits = Limits { max_bytes: usize::MAX, max_pixels: 500_000_000, max_side: 65_535 };
    let mut image = Photo::decode(bytes, &limits)?.into_image();
    let labels: Vec<Label> = answer
        .detections
        .iter()
        .map(|object| {
            let [x1, y1, x2, y2] = object.bbox.map(|value| value as f32);
            Label {
                bbox: BBox::new(x1, y1, x2, y2),
                text: format!("{} {:.2}", object.label, object.score),
                class_id: object.class_id,
            }
        })
        .collect();
    annotate::draw(&mut image, &labels);
    write_whole(to, &mark::marked(annotate::jpeg(&image, QUALITY)?))?;
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
