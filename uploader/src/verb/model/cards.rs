//! `uploader model show` and `uploader model card`: the card in use, or the cards that may fit.

use std::io::{Write, stdout};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use detector::catalog::{self, Origin};
use detector::{Card, Detector, DetectorOptions, ModelError};

use crate::args::CardArgs;
use crate::notice::notice;
use crate::verb::Ending;

/// The cards of a model: the one in use, or those that may fit.
enum Cards {
    One { card: Box<Card>, origin: Origin, path: PathBuf },
    Several { reason: String, cards: Vec<String>, path: PathBuf },
}

impl Cards {
    /// Loads a model, so that a card that does not fit its graph is told here, too.
    fn of(model: &str) -> Result<Self> {
        let found = catalog::find(Some(model))?;
        let path = found.path.clone();
        match Detector::load(found, &DetectorOptions::default()) {
            Ok(detector) => {
                let (card, origin) = (Box::new(detector.card().clone()), detector.card_origin().clone());
                Ok(Self::One { card, origin, path })
            }
            Err(ModelError::NoCard { reason, cards, .. }) if !cards.is_empty() => {
                Ok(Self::Several { reason, cards, path })
            }
            Err(error) => Err(error.into()),
        }
    }
}

/// The card in use as a `model.toml`, with what else there is to know before it, in comments.
pub(super) fn show(model: &str) -> Result<Ending> {
    let cards = match Cards::of(model) {
        Ok(cards) => cards,
        Err(error) => {
            let is_missing = matches!(error.downcast_ref(), Some(ModelError::NotFound { .. }));
            let Some(card) = catalog::known_card(model).filter(|_| is_missing) else { return Err(error) };
            let place = format!("not here: uploader model pull {}", card.name);
            return print(&card, &place, &Origin::Known);
        }
    };
    match cards {
        Cards::One { card, origin, path } => print(&card, &path.display().to_string(), &origin),
        Cards::Several { reason, cards, path } => {
            notice!("uploader: {} has no card and none can be inferred: {reason}", path.display());
            writeln!(stdout(), "{}", cards.join("\n# or\n\n").trim_end())?;
            Ok(Ending::Misuse)
        }
    }
}

fn print(card: &Card, place: &str, origin: &Origin) -> Result<Ending> {
    writeln!(stdout(), "# file: {place}\n# card: {origin}\n{}", card.to_toml()?.trim_end())?;
    Ok(Ending::Good)
}

/// The card alone, or, with `--write`, as a file beside the graph.
pub(super) fn card(args: &CardArgs) -> Result<Ending> {
    let cards = Cards::of(&args.model)?;
    let (text, path) = match (cards, args.reading) {
        (Cards::One { card, origin, path }, None | Some(1)) => {
            let text = card.to_toml()?;
            if let (true, Origin::File(card)) = (args.write && !args.force, &origin) {
                bail!("{} has a card already: {} (--force writes another)", path.display(), card.display());
            }
            (text, path)
        }
        (Cards::One { .. }, Some(reading)) => bail!("--reading {reading}: there is only one card"),
        (Cards::Several { cards, path, .. }, reading) => {
            let only = if cards.len() == 1 { Some(1) } else { None };
            let Some(reading) = reading.or(only) else {
                bail!(
                    "{} can be read in {} ways: choose one with --reading 1 to {}. `uploader model try {} PHOTO` shows what \
                     each finds",
                    path.display(),
                    cards.len(),
                    cards.len(),
                    args.model
                );
            };
            let text = cards.get(usize::from(reading) - 1).cloned();
            (text.with_context(|| format!("--reading {reading}: there are {} cards", cards.len()))?, path)
        }
    };
    if !args.write {
        writeln!(stdout(), "{}", text.trim_end())?;
        return Ok(Ending::Good);
    }
    let to = beside(&path);
    write(&to, &text, args.force)?;
    writeln!(stdout(), "written: {}", to.display())?;
    if text.contains("\"class 0\"") || Card::parse("card", &text).is_ok_and(|card| unsure(&card, &args.model)) {
        notice!("uploader: nothing in the graph names its classes: check labels = […] in {}", to.display());
    }
    Ok(Ending::Good)
}

/// Whether the labels of a card that was inferred are only COCO's because there are no others.
fn unsure(card: &Card, model: &str) -> bool {
    let is_coco = card.labels == detector::labels::coco80();
    let detector = catalog::find(Some(model)).map(|found| Detector::load(found, &DetectorOptions::default()));
    is_coco && detector.is_ok_and(|loaded| loaded.is_ok_and(|detector| detector.note().is_some()))
}

fn beside(graph: &Path) -> PathBuf {
    let stem = graph.file_stem().unwrap_or_default().to_string_lossy();
    graph.with_file_name(format!("{}.toml", stem.strip_suffix(".prepared").unwrap_or(&stem)))
}

/// Never writes over a card that somebody may have worked on, unless told to.
fn write(to: &Path, text: &str, force: bool) -> Result<()> {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create(force).create_new(!force).truncate(true);
    let mut file = options.open(to).with_context(|| match to.exists() {
        true => format!("{} is there already (--force replaces it)", to.display()),
        false => format!("cannot write {}", to.display()),
    })?;
    file.write_all(text.as_bytes()).with_context(|| format!("cannot write {}", to.display()))
}
