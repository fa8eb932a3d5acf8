//! Thumbnails, made on threads of their own and packed into scripts.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use anyhow::{Context, Result, anyhow};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use detector::{Limits, Photo, annotate};

/// Thumbnails in a file: about half a megabyte.
const PACK: u64 = 64;
/// The longer side, in pixels.
const SIDE: u32 = 320;
const QUALITY: u8 = 72;
/// Photos that wait to be looked at.
const WAITING: usize = 64;
/// What a photo may cost here: it was sent, so it is what the uploader sends.
const LIMITS: Limits = Limits { max_bytes: usize::MAX, max_pixels: 500_000_000, max_side: 65_535 };

/// A photo that waits: its place, and its file where it has one.
type Waiting = (u64, Option<PathBuf>);

/// The makers of thumbnails.
pub(super) struct Thumbs {
    photos: Option<SyncSender<Waiting>>,
    makers: Vec<JoinHandle<()>>,
    packs: Arc<Mutex<Packs>>,
}

impl Thumbs {
    /// Packs go into `folder`, which is there.
    pub(super) fn new(folder: PathBuf) -> Self {
        let (photos, waiting) = sync_channel(WAITING);
        let waiting = Arc::new(Mutex::new(waiting));
        let packs = Arc::new(Mutex::new(Packs { folder, open: BTreeMap::new(), failed: None }));
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let makers = (0..cores).map(|_| {
            let (waiting, packs) = (Arc::clone(&waiting), Arc::clone(&packs));
            std::thread::spawn(move || make(&waiting, &packs))
        });
        Self { photos: Some(photos), makers: makers.collect(), packs }
    }

    /// A photo, or one that has no file here. Waits where many are waiting already.
    pub(super) fn add(&mut self, index: u64, file: Option<PathBuf>) -> Result<()> {
        let sent = self.photos.as_ref().is_some_and(|photos| photos.send((index, file)).is_ok());
        if sent { Ok(()) } else { Err(anyhow!("the makers of thumbnails have ended")) }
    }

    /// Waits for the last one.
    pub(super) fn finish(&mut self) -> Result<()> {
        self.photos = None;
        let crashed = self.makers.drain(..).filter_map(|maker| maker.join().err()).count();
        let mut packs = self.packs.lock().unwrap_or_else(PoisonError::into_inner);
        let open: Vec<u64> = packs.open.keys().copied().collect();
        open.into_iter().for_each(|number| packs.write(number));
        if crashed > 0 {
            return Err(anyhow!("a maker of thumbnails has crashed"));
        }
        packs.failed.take().map_or(Ok(()), Err)
    }
}

fn make(waiting: &Mutex<Receiver<Waiting>>, packs: &Mutex<Packs>) {
    loop {
        let next = waiting.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok((index, file)) = next else { return };
        let thumbnail = file.as_deref().and_then(thumbnail);
        packs.lock().unwrap_or_else(PoisonError::into_inner).add(index, thumbnail);
    }
}

/// A small JPEG of a photo, upright; `None` where it cannot be read.
fn thumbnail(file: &Path) -> Option<Vec<u8>> {
    let bytes = fs::read(file).ok()?;
    let photo = Photo::decode_at_least(&bytes, &LIMITS, &fitted).ok()?;
    let (width, height) = fitted(photo.width(), photo.height());
    annotate::jpeg(&image::imageops::thumbnail(photo.pixels(), width, height), QUALITY).ok()
}

/// The size of a photo's thumbnail.
fn fitted(width: u32, height: u32) -> (u32, u32) {
    let scale = (f64::from(SIDE) / f64::from(width.max(height).max(1))).min(1.0);
    let side = |length: u32| ((f64::from(length) * scale).round() as u32).max(1);
    (side(width), side(height))
}

/// Packs that are not full yet.
struct Packs {
    folder: PathBuf,
    open: BTreeMap<u64, Vec<(u64, Option<String>)>>,
    failed: Option<anyhow::Error>,
}

impl Packs {
    fn add(&mut self, index: u64, thumbnail: Option<Vec<u8>>) {
        let number = index / PACK;
        let pack = self.open.entry(number).or_default();
        pack.push((index % PACK, thumbnail.map(|jpeg| STANDARD.encode(jpeg))));
        if pack.len() as u64 == PACK {
            self.write(number);
        }
    }

    fn write(&mut self, number: u64) {
        let Some(mut pack) = self.open.remove(&number) else { return };
        pack.sort_by_key(|(place, _)| *place);
        let pictures: Vec<Option<String>> = pack.into_iter().map(|(_, picture)| picture).collect();
        let path = self.folder.join(format!("thumbs-{number:05}.js"));
        let written = || -> Result<()> {
            let json = serde_json::to_string(&pictures)?;
            Ok(File::create_new(&path)?.write_all(format!("pack({number},{json});\n").as_bytes())?)
        };
        if let Err(error) = written().with_context(|| path.display().to_string()) {
            self.failed.get_or_insert(error);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packs_have_their_photos_in_order_whatever_the_threads_do() {
        let home = tempfile::tempdir().unwrap();
        let mut thumbs = Thumbs::new(home.path().to_owned());
        for index in 0..PACK + 3 {
            let photo = home.path().join(format!("{index}.png"));
            // Of each thumbnail its width tells which photo it is.
            image::RgbImage::from_pixel(10 + index as u32, 8, image::Rgb([9; 3])).save(&photo).unwrap();
            thumbs.add(index, (index != 5).then_some(photo)).unwrap();
        }
        thumbs.finish().unwrap();
        for (number, count) in [(0, PACK), (1, 3)] {
            let text = fs::read_to_string(home.path().join(format!("thumbs-{number:05}.js"))).unwrap();
            let json = text.strip_prefix(&format!("pack({number},")).unwrap().strip_suffix(");\n").unwrap();
            let pictures: Vec<Option<String>> = serde_json::from_str(json).unwrap();
            assert_eq!(pictures.len() as u64, count);
            for (place, picture) in (0..).zip(pictures) {
                let index = number * PACK + place;
                assert_eq!(picture.is_none(), index == 5);
                let Some(picture) = picture else { continue };
                let jpeg = image::load_from_memory(&STANDARD.decode(picture).unwrap()).unwrap();
                assert_eq!(u64::from(jpeg.width()), 10 + index);
            }
        }
    }

    #[test]
    fn the_longer_side_fits() {
        assert_eq!(fitted(4000, 3000), (320, 240));
        assert_eq!((fitted(100, 50), fitted(50_000, 10)), ((100, 50), (320, 1)));
    }
}
