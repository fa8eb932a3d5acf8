//! A card for a graph that came without one, from its names, shapes and metadata.

use crate::card::{Card, Color, Defaults, HeadCard, HeadKind, Input, Resize};
use crate::graph::{Element, Graph, TensorInfo};
use crate::head::{NANODET_SCORES, yolox_rows};
use crate::labels::coco80;

/// Infers the card of `graph`, to be called `name`.
///
/// # Errors
/// What could not be told, and what to write into a card instead.
pub(crate) fn card(name: &str, graph: &Graph) -> Result<Card, String> {
    let names = label_names(graph);
    let guess = ultralytics(graph)?
        .or_else(|| detr(graph))
        .or_else(|| ssd(graph))
        .or_else(|| nanodet(graph))
        .or_else(|| yolox(graph))
        .or_else(|| fastestdet(graph))
        .ok_or_else(|| {
            format!(
                "no known head fits its {graph}. Write a model.toml beside it with [input] and [head] kind = \"yolox\", \
                 \"yolo\", \"yolo-e2e\", \"detr\", \"ssd\", \"nanodet\" or \"fastestdet\""
            )
        })?;
    let labels = match (names, guess.classes) {
        (Some(names), _) => names,
        (None, None | Some(80)) => coco80(),
        (None, Some(classes)) => {
            return Err(format!(
                "it has {classes} classes and no names for them. Write a model.toml beside it with labels = [\"…\"] \
                 ({classes} of them) and [head] kind = \"{}\"",
                guess.kind
            ));
        }
    };
    Ok(Card {
        name: name.to_owned(),
        license: None,
        source: None,
        sha256: None,
        bytes: None,
        summary: None,
        labels,
        input: guess.input,
        head: HeadCard { kind: guess.kind },
        defaults: Defaults::default(),
    })
}

struct Guess {
    kind: HeadKind,
    input: Input,
    /// How many labels the graph needs; `None` where it does not tell.
    classes: Option<usize>,
}

/// Exports that carry Ultralytics' metadata: `task`, `names`, `imgsz`, `stride`.
fn ultralytics(graph: &Graph) -> Result<Option<Guess>, String> {
    if !(graph.metadata.contains_key("names") && graph.metadata.contains_key("stride")) {
        return Ok(None);
    }
    if let Some(task) = graph.metadata.get("task").filter(|task| *task != "detect") {
        return Err(format!("its metadata says task = {task:?}; only \"detect\" is read here"));
    }
    let size = graph.metadata.get("imgsz").map(|text| whole_numbers(text)).filter(|size| size.len() == 2);
    let input = Input {
        // Exporters write height, width.
        size: size.map(|size| [size[1], size[0]]),
        resize: Resize::LetterboxCenter,
        pad: 114,
        scale: 1.0 / 255.0,
        ..Input::default()
    };
    let end_to_end =
        graph.outputs.iter().any(|output| output.fits(&[Some(1), None, Some(6)]) && output.dim(2).is_some());
    let kind = if end_to_end { HeadKind::YoloE2e } else { HeadKind::Yolo };
    Ok(Some(Guess { kind, input, classes: None }))
}

fn detr(graph: &Graph) -> Option<Guess> {
    let input = Input { resize: Resize::Stretch, scale: 1.0 / 255.0, ..Input::default() };
    if graph.input("orig_target_sizes").is_some() {
        return Some(Guess { kind: HeadKind::Detr, input, classes: None });
    }
    if let (Some(logits), Some(_)) = (graph.output("logits"), graph.output("pred_boxes")) {
        let classes = logits.dim(2).map(|classes| if classes == 91 { 80 } else { classes });
        return Some(Guess { kind: HeadKind::Detr, input, classes });
    }
    // RF-DETR's own exports; it normalises with ImageNet's statistics.
    if let (Some(_), Some(logits)) = (graph.output("dets"), graph.output("labels")) {
        let input = Input { mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225], ..input };
        let classes = logits.dim(2).map(|classes| if classes == 91 { 80 } else { classes });
        return Some(Guess { kind: HeadKind::Detr, input, classes });
    }
    None
}

fn ssd(graph: &Graph) -> Option<Guess> {
    graph.output("detection_boxes")?;
    let image = graph.inputs.first()?;
    let layout = crate::card::Layout::Nhwc;
    // A fixed size must be met; a dynamic one resizes by itself.
    let resize = if image.dim(1).is_some() { Resize::Stretch } else { Resize::None };
    Some(Guess { kind: HeadKind::Ssd, input: Input { layout, resize, ..Input::default() }, classes: None })
}

fn nanodet(graph: &Graph) -> Option<Guess> {
    let scores = graph.outputs.iter().find(|output| output.name.starts_with(NANODET_SCORES))?;
    let input = Input {
        color: Color::Bgr,
        resize: Resize::LetterboxCenter,
        mean: [103.53, 116.28, 123.675],
        std: [57.375, 57.12, 58.395],
        ..Input::default()
    };
    Some(Guess { kind: HeadKind::Nanodet, input, classes: scores.dim(2) })
}

fn yolox(graph: &Graph) -> Option<Guess> {
    let (width, height) = image_size(graph)?;
    let rows = yolox_rows((width, height));
    let output = graph.outputs.iter().find(|output| output.fits(&[Some(1), Some(rows), None]))?;
    let classes = output.dim(2)?.checked_sub(5).filter(|classes| *classes > 0)?;
    let input = Input { color: Color::Bgr, pad: 114, ..Input::default() };
    Some(Guess { kind: HeadKind::Yolox, input, classes: Some(classes) })
}

fn fastestdet(graph: &Graph) -> Option<Guess> {
    let output = graph.outputs.first().filter(|output| output.shape.len() == 4)?;
    let classes = output.dim(1)?.checked_sub(5).filter(|classes| *classes > 0)?;
    let input = Input { color: Color::Bgr, resize: Resize::Stretch, scale: 1.0 / 255.0, ..Input::default() };
    Some(Guess { kind: HeadKind::Fastestdet, input, classes: Some(classes) })
}

/// The fixed size (width, height) of an NCHW image input.
fn image_size(graph: &Graph) -> Option<(usize, usize)> {
    let image =
        graph.inputs.iter().find(|input: &&TensorInfo| input.element == Element::F32 && input.shape.len() == 4)?;
    Some((image.dim(3)?, image.dim(2)?))
}

/// Ultralytics' `names`, written as a Python dict: `{0: 'person', 1: "bird's nest"}`.
fn label_names(graph: &Graph) -> Option<Vec<String>> {
    let mut rest = graph.metadata.get("names")?.trim().strip_prefix('{')?;
    let mut names = Vec::new();
    while let Some((id, value)) = rest.split_once(':') {
        let id: usize = id.trim_matches(|c: char| c == ',' || c.is_whitespace()).parse().ok()?;
        let value = value.trim_start();
        let quote = value.chars().next().filter(|c| matches!(c, '\'' | '"'))?;
        let (name, after) = value[1..].split_once(quote)?;
        if id != names.len() {
            return None;
        }
        names.push(name.to_owned());
        rest = after;
    }
    (!names.is_empty()).then_some(names)
}

/// The whole numbers in a text such as `[640, 640]`.
fn whole_numbers(text: &str) -> Vec<u32> {
    text.split(|c: char| !c.is_ascii_digit()).filter_map(|digits| digits.parse().ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    fn tensor(name: &str, element: Element, shape: &[i64]) -> TensorInfo {
        TensorInfo { name: name.to_owned(), element, shape: shape.to_vec() }
    }

    fn graph(outputs: Vec<TensorInfo>, metadata: &[(&str, &str)]) -> Graph {
        let metadata: BTreeMap<String, String> =
            metadata.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        Graph { inputs: vec![tensor("images", Element::F32, &[1, 3, 416, 416])], outputs, metadata }
    }

    #[test]
    fn ultralytics_metadata_names_the_labels() {
        let metadata = [
            ("names", "{0: 'cat', 1: \"bird's nest\"}"),
            ("stride", "32"),
            ("imgsz", "[384, 640]"),
            ("task", "detect"),
        ];
        let card = card("m", &graph(vec![tensor("output0", Element::F32, &[1, 6, 8400])], &metadata)).unwrap();
        assert_eq!(card.labels, ["cat", "bird's nest"]);
        assert_eq!((card.head.kind, card.input.size), (HeadKind::Yolo, Some([640, 384])));
    }

    #[test]
    fn other_tasks_are_refused() {
        let metadata = [("names", "{0: 'cat'}"), ("stride", "32"), ("task", "segment")];
        let error = card("m", &graph(Vec::new(), &metadata)).unwrap_err();
        assert!(error.contains("segment"), "{error}");
    }

    #[test]
    fn yolox_by_its_grid() {
        let output = tensor("output", Element::F32, &[1, 3549, 85]);
        assert_eq!(card("m", &graph(vec![output], &[])).unwrap().head.kind, HeadKind::Yolox);
        let output = tensor("output", Element::F32, &[1, 3549, 12]);
        let error = card("m", &graph(vec![output], &[])).unwrap_err();
        assert!(error.contains("7 classes") && error.contains("labels = "), "{error}");
    }

    #[test]
    fn an_unknown_graph_is_refused_with_advice() {
        let error = card("m", &graph(vec![tensor("probabilities", Element::F32, &[1, 1000])], &[])).unwrap_err();
        assert!(error.contains("probabilities") && error.contains("[head] kind"), "{error}");
    }
}
