//! `uploader model show` and `uploader model card`: the card in use, or the cards that may fit.

use std::io::{Write, stdout};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use detector::catalog::{self, Origin};
use detector::labels::coco80;
use detector::{Card, Detector, DetectorOptions, ModelError};

use crate::args::CardArgs;
use crate::ending::Ending;
use crate::hint;
use crate::notice::notice;

/// The cards of a model: the one in use, or those that may fit.
enum Cards {
    One { card: Box<Card>, origin: Origin, path: PathBuf, note: Option<String> },
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
                let note = detector.note().map(str::to_owned);
                Ok(Self::One { card, origin, path, note })
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
            let place = format!("not downloaded: {} model pull {}", hint::program(), card.name);
            return print(&card, &place, &Origin::Known);
        }
    };
    match cards {
        Cards::One { card, origin, path, .. } => print(&card, &path.display().to_string(), &origin),
        Cards::Several { reason, cards, path } => {
            notice!("uploader: {} has no card, and none can be inferred: {}", path.display(), hint::here(&reason));
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
    let (text, path, note) = match (cards, args.reading) {
        (Cards::One { card, origin, path, note }, None | Some(1)) => {
            let text = card.to_toml()?;
            if let (true, Origin::File(card)) = (args.write && !args.force, &origin) {
                bail!("{} already has a card: {} (--force replaces it)", path.display(), card.display());
            }
            (text, path, note)
        }
        (Cards::One { .. }, Some(reading)) => bail!("--reading {reading}: there is only one card"),
        (Cards::Several { cards, path, .. }, reading) => {
            let only = if cards.len() == 1 { Some(1) } else { None };
            let Some(reading) = reading.or(only) else {
                bail!(
                    "{} can be read in {} ways; choose one with --reading 1 to {}. `{} model try {} PHOTO` shows \
                     what each finds",
                    path.display(),
                    cards.len(),
                    cards.len(),
                    hint::program(),
                    args.model
                );
            };
            let text = cards.get(usize::from(reading) - 1).cloned();
            let text = text.with_context(|| format!("--reading {reading}: there are {} cards", cards.len()))?;
            let note = has_assumed_labels(&text)
                .then(|| "the graph does not name its classes; check that labels = […] does".to_owned());
            (text, path, note)
        }
    };
    if !args.write {
        writeln!(stdout(), "{}", text.trim_end())?;
        return Ok(Ending::Good);
    }
    let to = beside(&path);
    write(&to, &text, args.force)?;
    writeln!(stdout(), "wrote {}", to.display())?;
    if let Some(note) = note {
        notice!("uploader: {}: {}", to.display(), hint::here(&note));
    }
    Ok(Ending::Good)
}

/// Whether the labels of a card that may fit are only numbers, or COCO's because there are no others.
fn has_assumed_labels(card: &str) -> bool {
    let labels = Card::parse("card", card).map_or_else(|_| Vec::new(), |card| card.labels);
    labels == coco80() || labels.first().is_some_and(|label| label == "class 0")
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
        true => format!("{} already exists (--force replaces it)", to.display()),
        false => format!("cannot write {}", to.display()),
    })?;
    file.write_all(text.as_bytes()).with_context(|| format!("cannot write {}", to.display()))
}
