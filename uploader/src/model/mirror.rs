//! Where a model may come from.

use std::path::{Path, PathBuf};

use super::PullError;
use crate::link::Endpoint;

/// One place to try.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Source {
    File(PathBuf),
    Url(Endpoint),
}

/// The places to try, in order: `from` where it is given, else the card's own source. A folder or a URL that does not
/// end in `.onnx` may hold the file under the model's name or under the name it was published with.
pub(crate) fn sources(name: &str, published: Option<&str>, from: Option<&str>) -> Result<Vec<Source>, PullError> {
    let Some(from) = from else {
        return published
            .filter(|source| is_url(source))
            .map(|source| Ok(Source::Url(Endpoint::parse(source)?)))
            .into_iter()
            .collect();
    };
    let names = file_names(name, published);
    if is_url(from) {
        let path = from.split(['?', '#']).next().unwrap_or_default();
        if path.ends_with(".onnx") {
            return Ok(vec![Source::Url(Endpoint::parse(from)?)]);
        }
        let base = from.trim_end_matches('/');
        return names.iter().map(|file| Ok(Source::Url(Endpoint::parse(&format!("{base}/{file}"))?))).collect();
    }
    let from = Path::new(from);
    if from.is_dir() {
        Ok(names.iter().map(|file| Source::File(from.join(file))).collect())
    } else {
        Ok(vec![Source::File(from.to_owned())])
    }
}

fn is_url(text: &str) -> bool {
    text.starts_with("http://") || text.starts_with("https://")
}

fn file_names(name: &str, published: Option<&str>) -> Vec<String> {
    let mut names = vec![format!("{name}.onnx"), format!("{}.onnx", name.replace('-', "_"))];
    names.extend(
        published
            .and_then(|source| source.rsplit('/').next())
            .filter(|file| file.ends_with(".onnx"))
            .map(str::to_owned),
    );
    let mut seen = Vec::new();
    names.retain(|name| {
        !seen.contains(name) && {
            seen.push(name.clone());
            true
        }
    });
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    const PUBLISHED: Option<&str> = Some("https://example.com/onnx/model.onnx");

    fn urls(from: Option<&str>) -> Vec<String> {
        let sources = sources("d-fine-n", PUBLISHED, from).unwrap();
        sources
            .iter()
            .map(|source| match source {
                Source::Url(url) => url.url(),
                Source::File(path) => path.display().to_string(),
            })
            .collect()
    }

    #[test]
    fn the_card_names_the_place_unless_the_user_does() {
        assert_eq!(urls(None), ["https://example.com/onnx/model.onnx"]);
        assert_eq!(urls(Some("http://m/x.onnx?a=b")), ["http://m/x.onnx?a=b"]);
        assert_eq!(
            urls(Some("http://m/models/")),
            ["http://m/models/d-fine-n.onnx", "http://m/models/d_fine_n.onnx", "http://m/models/model.onnx"]
        );
        assert!(sources("own", Some("model/own/training"), None).unwrap().is_empty());
    }

    #[test]
    fn folders_are_searched_for_every_name() {
        let folder = tempfile::tempdir().unwrap();
        let found = sources("d-fine-n", PUBLISHED, folder.path().to_str()).unwrap();
        assert_eq!(found[2], Source::File(folder.path().join("model.onnx")));
    }
}
