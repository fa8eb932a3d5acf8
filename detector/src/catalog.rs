//! Which models are known, and where a model is looked for: an explicit path; `MODEL_DIR`; the tree's `model/`; the
//! user's cache.

use std::io::Read;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use crate::card::Card;
use crate::model::ModelError;

/// The model that is used when none is asked for.
pub const DEFAULT: &str = "yolox-nano";
/// The model in the tree that stands in where the default cannot be had.
pub const STAND_IN: &str = "spotter-nano";

/// The cards of the tree, so that a bare `yolox_nano.onnx` is known wherever it lies.
const KNOWN: [(&str, &str); 6] = [
    ("yolox-nano", include_str!("../../model/yolox-nano/model.toml")),
    ("yolox-tiny", include_str!("../../model/yolox-tiny/model.toml")),
    ("yolox-s", include_str!("../../model/yolox-s/model.toml")),
    ("d-fine-n", include_str!("../../model/d-fine-n/model.toml")),
    ("ssd-mobilenet-v1", include_str!("../../model/ssd-mobilenet-v1/model.toml")),
    ("spotter-nano", include_str!("../../model/spotter-nano/model.toml")),
];

/// Files that are known by their digest, and who made each: the same weights may be exported more than once.
const FILES: [(&str, &str); 2] = [
    ("c789161ed43c8269fcd4e67c67eeeb4e80c622da2eb296a20bc6007bd18a0b7d", "Megvii's release 0.1.1rc0 of yolox_nano"),
    (
        "695e750a5d5754bb5a8d5325643b59282191a7e7a564e435a415fd3c578eab14",
        "another export of yolox_nano's weights, the one that Spotter's tests and figures use",
    ),
];

/// Whose file it is that has this SHA-256, where that is known.
#[must_use]
pub fn publisher(sha256: &str) -> Option<&'static str> {
    FILES.iter().find(|(digest, _)| *digest == sha256).map(|(_, publisher)| *publisher)
}

/// A model's file and, where there is one, its card.
#[derive(Debug, Clone, PartialEq)]
pub struct ModelFile {
    /// The name it is called by.
    pub name: String,
    /// The graph.
    pub path: PathBuf,
    /// Its card; without one it is inferred from the graph.
    pub card: Option<Card>,
    /// Where that card is from.
    pub origin: Origin,
    /// Why this model is used and not the one asked for.
    pub note: Option<String>,
}

/// Where the card of a model is from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// This program's own, for a file of that name or digest.
    Known,
    /// A file.
    File(PathBuf),
    /// The graph that was prepared: the card with which it was.
    Prepared,
    /// The graph itself: its names, shapes and metadata, and what it gives.
    Inferred,
}

impl std::fmt::Display for Origin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Known => f.write_str("built-in"),
            Self::File(path) => write!(f, "{}", path.display()),
            Self::Prepared => f.write_str("kept in the prepared graph"),
            Self::Inferred => f.write_str("inferred from the graph"),
        }
    }
}

impl ModelFile {
    fn of(path: PathBuf, card: Card, origin: Origin) -> Self {
        Self { name: card.name.clone(), path, card: Some(card), origin, note: None }
    }

    /// A graph without a card.
    fn bare(path: PathBuf, name: &str) -> Self {
        Self { name: name.to_owned(), path, card: None, origin: Origin::Inferred, note: None }
    }
}

/// The cards of all known models.
#[must_use]
pub fn known() -> Vec<Card> {
    KNOWN.iter().filter_map(|(name, text)| Card::parse(name, text).ok()).collect()
}

/// The card of a known model. Case, `-` and `_` make no difference.
#[must_use]
pub fn known_card(name: &str) -> Option<Card> {
    let (known, text) = KNOWN.iter().find(|(known, _)| same(known, name))?;
    Card::parse(known, text).ok()
}

/// The card of the published file with that digest.
pub(crate) fn card_of(sha256: &str) -> Option<Card> {
    known().into_iter().find(|card| card.sha256.as_deref() == Some(sha256))
}

/// The user's cache of models: `$XDG_CACHE_HOME/spotter/models`, or `~/.cache/spotter/models`.
#[must_use]
pub fn cache_dir() -> Option<PathBuf> {
    let variable = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let cache = variable("XDG_CACHE_HOME").or_else(|| Some(variable("HOME")?.join(".cache")))?;
    Some(cache.join("spotter/models"))
}

/// Finds a model by name or path; `None` is the default, for which [`STAND_IN`] stands in where it is missing.
///
/// # Errors
/// [`ModelError::NotFound`] with the places that were looked at, [`ModelError::Card`] for a broken card on the way.
pub fn find(model: Option<&str>) -> Result<ModelFile, ModelError> {
    let Some(model) = model.filter(|name| !name.is_empty()) else {
        return find(Some(DEFAULT)).or_else(|missing| {
            let ModelError::NotFound { .. } = &missing else { return Err(missing) };
            let note = format!(
                "Using the weaker built-in model {STAND_IN}: {DEFAULT} was not found (`uploader model pull {DEFAULT}`)"
            );
            let found = find(Some(STAND_IN)).map_err(|_| missing)?;
            Ok(ModelFile { note: Some(note), ..found })
        });
    };
    if model.ends_with(".onnx") || model.ends_with(".toml") || model.contains(std::path::MAIN_SEPARATOR) {
        return find_path(Path::new(model));
    }
    let folders = folders();
    for folder in &folders {
        if let Some(found) = find_in(folder, model)? {
            return Ok(found);
        }
    }
    if Path::new(model).exists() {
        return find_path(Path::new(model));
    }
    let looked = folders.iter().map(|folder| folder.display().to_string()).collect::<Vec<_>>();
    let advice = match known_card(model) {
        Some(card) if card.source.is_some() => format!("Download it with `uploader model pull {}`.", card.name),
        _ => format!("Known models: {}. The path of an .onnx file works too.", KNOWN.map(|(name, _)| name).join(", ")),
    };
    Err(ModelError::NotFound { model: model.to_owned(), looked: looked.join(", "), advice })
}

/// Where models are looked for by name, in order.
#[must_use]
pub fn folders() -> Vec<PathBuf> {
    let given = std::env::var_os("MODEL_DIR").filter(|dir| !dir.is_empty()).map(PathBuf::from);
    given.into_iter().chain(tree_dir()).chain(cache_dir()).collect()
}

/// The tree's `model/`, above the executable or the current folder: beside the binaries in the image, in a checkout; or
/// `share/spotter/model/`, where it is installed.
fn tree_dir() -> Option<PathBuf> {
    let executable = std::env::current_exe().ok();
    let current = std::env::current_dir().ok();
    let above = executable.iter().chain(current.iter()).flat_map(|path| path.ancestors());
    above
        .flat_map(|folder| ["model", "share/spotter/model"].map(|sub| folder.join(sub)))
        .find(|model| model.join(STAND_IN).join("model.toml").is_file())
}

/// A graph, a card, or a folder with both.
///
/// # Errors
/// As [`find`].
pub fn find_path(path: &Path) -> Result<ModelFile, ModelError> {
    let missing = || ModelError::NotFound {
        model: path.display().to_string(),
        looked: String::new(),
        advice: "Expected an .onnx file, or a folder with model.toml and model.onnx.".to_owned(),
    };
    if path.is_dir() {
        return in_card_folder(path)?.ok_or_else(missing);
    }
    if path.extension().is_some_and(|extension| extension == "toml") && path.is_file() {
        let card = Card::load(path)?;
        let stem = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
        let graph = graph_in(path.parent().unwrap_or(Path::new("")), [stem, &card.name]);
        let origin = Origin::File(path.to_owned());
        return graph.map(|path| ModelFile::of(path, card, origin)).ok_or_else(missing);
    }
    if path.is_file() { bare(path) } else { Err(missing()) }
}

/// A model of that name in a folder of cards or of bare graphs.
fn find_in(folder: &Path, name: &str) -> Result<Option<ModelFile>, ModelError> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Ok(None) };
    let mut entries: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    entries.sort();
    for path in entries {
        let stem = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
        let whole = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if same(whole, name) && path.is_dir() {
            if let Some(found) = in_card_folder(&path)? {
                return Ok(Some(found));
            }
        } else if same(stem, name) && path.extension().is_some_and(|extension| extension == "onnx") && path.is_file() {
            return bare(&path).map(Some);
        }
    }
    Ok(None)
}

/// A folder with `model.toml` and the graph: `model.onnx`, `NAME.onnx`, or the only one there; or with one graph alone.
fn in_card_folder(folder: &Path) -> Result<Option<ModelFile>, ModelError> {
    let card_path = folder.join("model.toml");
    let name = folder.file_name().and_then(|name| name.to_str()).unwrap_or("model");
    let (card, origin) = match card_path.is_file() {
        true => (Some(Card::load(&card_path)?), Origin::File(card_path)),
        false => (known_card(name), Origin::Known),
    };
    let called = card.as_ref().map_or(name, |card| card.name.as_str());
    match (graph_in(folder, ["model", called]), card) {
        (Some(path), Some(card)) => Ok(Some(ModelFile::of(path, card, origin))),
        // Of a folder that is called anything and has no card, the graph's own name tells more.
        (Some(path), None) if path.file_stem().is_some_and(|stem| stem != "model") => bare(&path).map(Some),
        (Some(path), None) => Ok(Some(ModelFile::bare(path, name))),
        (None, _) => Ok(None),
    }
}

/// The graph of that folder: by one of these names, or the only one there is.
fn graph_in(folder: &Path, names: [&str; 2]) -> Option<PathBuf> {
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    let named = names.iter().flat_map(|name| [(*name).to_owned(), name.replace('-', "_")]);
    let named = named.map(|stem| folder.join(format!("{stem}.onnx"))).find(|path| path.is_file());
    named.or_else(|| {
        let entries = std::fs::read_dir(folder).ok()?.filter_map(|entry| Some(entry.ok()?.path()));
        let mut graphs = entries.filter(|path| {
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            name.ends_with(".onnx") && !name.ends_with(".prepared.onnx") && path.is_file()
        });
        match (graphs.next(), graphs.next()) {
            (only, None) => only,
            _ => None,
        }
    })
}

/// A bare graph: with the card beside it (`NAME.toml`, else `model.toml`), a known card by its name, or none.
fn bare(path: &Path) -> Result<ModelFile, ModelError> {
    let stem = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or("model");
    // What was prepared of `best.onnx` has the card of `best.onnx`.
    let stem = stem.strip_suffix(".prepared").unwrap_or(stem);
    let beside = [format!("{stem}.toml"), "model.toml".to_owned()].map(|name| path.with_file_name(name));
    let path = path.to_owned();
    Ok(match beside.into_iter().find(|path| path.is_file()) {
        Some(beside) => ModelFile::of(path, Card::load(&beside)?, Origin::File(beside)),
        None => match known_card(stem) {
            Some(card) => ModelFile::of(path, card, Origin::Known),
            None => ModelFile::bare(path, stem),
        },
    })
}

/// Names are equal without case, and with `-` for `_`.
fn same(a: &str, b: &str) -> bool {
    let plain = |c: char| if c == '_' { '-' } else { c.to_ascii_lowercase() };
    a.chars().map(plain).eq(b.chars().map(plain))
}

/// SHA-256 of a file, lower-case hex.
///
/// # Errors
/// Where the file cannot be read.
pub fn sha256_file(path: &Path) -> std::io::Result<String> {
    let mut file = std::fs::File::open(path)?;
    let mut hasher = Sha256::new();
    let mut block = vec![0u8; 1 << 16];
    loop {
        let count = file.read(&mut block)?;
        if count == 0 {
            break;
        }
        hasher.update(&block[..count]);
    }
    Ok(hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_embedded_card_is_a_card_of_its_name() {
        assert_eq!(known().iter().map(|card| card.name.as_str()).collect::<Vec<_>>(), KNOWN.map(|(name, _)| name));
    }

    #[test]
    fn names_are_found_whatever_their_dashes() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("yolox_nano.onnx"), b"graph").unwrap();
        std::fs::create_dir(dir.path().join("mine")).unwrap();
        std::fs::write(dir.path().join("mine/model.onnx"), b"graph").unwrap();
        let found = find_in(dir.path(), "YOLOX-nano").unwrap().unwrap();
        assert_eq!((found.name.as_str(), found.card.is_some()), ("yolox-nano", true));
        let found = find_in(dir.path(), "mine").unwrap().unwrap();
        assert_eq!((found.name.as_str(), found.card.is_some()), ("mine", false));
        assert_eq!(find_in(dir.path(), "yolox-tiny").unwrap(), None);
    }

    #[test]
    fn a_card_counts_beside_any_graph_and_each_of_the_two_finds_the_other() {
        let dir = tempfile::tempdir().unwrap();
        let path = |name: &str| dir.path().join(name);
        let card = |name: &str| {
            format!("name = {name:?}\nlabels = [\"bolt\"]\n[input]\nsize = [64, 64]\n[head]\nkind = \"yolo\"\n")
        };
        let found = |name: &str| find(path(name).to_str()).map(|found| (found.name, found.path, found.card.is_some()));
        std::fs::write(path("best.onnx"), b"graph").unwrap();
        assert_eq!(found("best.onnx").unwrap(), ("best".to_owned(), path("best.onnx"), false));
        assert_eq!(found("").unwrap(), ("best".to_owned(), path("best.onnx"), false));
        std::fs::write(path("best.prepared.onnx"), b"graph").unwrap();
        std::fs::write(path("model.toml"), card("bolts")).unwrap();
        for name in ["best.onnx", "model.toml", ""] {
            assert_eq!(found(name).unwrap(), ("bolts".to_owned(), path("best.onnx"), true), "{name:?}");
        }
        std::fs::write(path("best.toml"), card("better bolts")).unwrap();
        for name in ["best.onnx", "best.toml"] {
            assert_eq!(found(name).unwrap(), ("better bolts".to_owned(), path("best.onnx"), true), "{name:?}");
        }
        // Which of several is meant, a folder does not tell; a file does.
        std::fs::write(path("last.onnx"), b"graph").unwrap();
        assert!(matches!(found(""), Err(ModelError::NotFound { .. })));
        assert_eq!(found("last.onnx").unwrap(), ("bolts".to_owned(), path("last.onnx"), true));
    }

    #[test]
    fn a_missing_model_says_where_it_was_looked_for_and_what_to_do() {
        let error = find(Some("no-such-model")).unwrap_err().to_string();
        assert!(error.contains("no-such-model") && error.contains("yolox-nano"), "{error}");
        let error = find(Some("nowhere/model.onnx")).unwrap_err().to_string();
        assert!(error.contains("nowhere/model.onnx"), "{error}");
    }
}
