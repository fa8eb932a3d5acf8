//! Families that are told by names of inputs or outputs, or by metadata, that nobody else gives.

use super::evidence::{Evidence, imagenet_input, nanodet_input, stretched_input, yolo_input};
use super::tables::whole;
use super::{Classes, Guess};
use crate::card::{
    Activation, BoxForm, Color, Column, Combine, Decode, HeadCard, HeadKind, HeadOutputs, Input, Names, Resize, Unit,
};
use crate::graph::TensorInfo;
use crate::head::NANODET_SCORES;

/// Exports that carry Ultralytics' metadata: `task`, `names`, `imgsz`, `stride`.
pub(super) fn ultralytics(evidence: &Evidence<'_>) -> Result<Vec<Guess>, String> {
    let metadata = &evidence.graph.metadata;
    let (Some(names), true) = (&evidence.names, metadata.contains_key("stride")) else { return Ok(Vec::new()) };
    let task = metadata.get("task").map_or("detect", String::as_str);
    if !["detect", "segment", "pose"].contains(&task) {
        return Err(format!(
            "unsupported task in its metadata: {task:?}; supported are \"detect\", and the boxes of \"segment\" and \"pose\""
        ));
    }
    let Some(output) = evidence.outputs(3).next() else { return Ok(Vec::new()) };
    let size = metadata.get("imgsz").map(|text| whole_numbers(text)).filter(|size| size.len() == 2);
    // Exporters write height, width.
    let input = Input { size: size.map(|size| [size[1], size[0]]), ..yolo_input() };
    let guess =
        |head: HeadCard, input: &Input| Guess { head, input: input.clone(), classes: Classes::Count(names.len()) };
    let (rows, columns) = (output.dim(1), output.dim(2));
    // There are more candidates than there are columns of each.
    let lies_in_rows = rows.zip(columns).is_some_and(|(rows, columns)| rows > columns);
    let mut guesses = Vec::new();
    let is_end_to_end = metadata.get("end2end").is_some_and(|text| text.eq_ignore_ascii_case("true"));
    match (rows.map(|rows| rows.checked_sub(4 + names.len())), columns) {
        (_, Some(6)) if task == "detect" => guesses.push(guess(HeadCard::of(HeadKind::YoloE2e), &input)),
        // Behind each are masks' coefficients or keypoints.
        (_, Some(columns @ 7..)) if is_end_to_end => {
            let listed = [Column::Box, Column::Score, Column::Class].into_iter();
            let columns = listed.chain(std::iter::repeat_n(Column::Skip, columns - 6)).collect();
            let head = HeadCard { boxes: BoxForm::Xyxy, columns, nms: false, ..whole(evidence, output) };
            guesses.push(guess(head, &input));
            return Ok(guesses);
        }
        (None | Some(Some(0)), _) => guesses.push(guess(HeadCard::of(HeadKind::Yolo), &input)),
        (Some(Some(extra)), _) if task != "detect" && !lies_in_rows => {
            guesses.push(guess(HeadCard { transposed: true, extra, ..whole(evidence, output) }, &input));
        }
        _ => {}
    }
    match columns.and_then(|columns| columns.checked_sub(4 + names.len())) {
        // RT-DETR: as many queries as it has, boxes of 0 to 1, no overlaps.
        Some(0) => {
            let input = Input { resize: Resize::Stretch, ..input.clone() };
            guesses.push(guess(HeadCard { unit: Unit::Unit, nms: false, ..whole(evidence, output) }, &input));
        }
        // YOLOv5 has objectness; behind the classes are masks' coefficients where it segments.
        Some(more @ 1..) if more == 1 || task != "detect" && lies_in_rows => {
            guesses.push(guess(HeadCard { objectness: true, extra: more - 1, ..whole(evidence, output) }, &input));
        }
        _ => {}
    }
    Ok(guesses)
}

/// DETR and its kin: `logits` and `pred_boxes`, or deploy exports, which are told the photo's size.
pub(super) fn detr(evidence: &Evidence<'_>) -> Result<Vec<Guess>, String> {
    let graph = evidence.graph;
    let head = HeadCard::of(HeadKind::Detr);
    if graph.input("orig_target_sizes").is_some() {
        return Ok(vec![Guess { head, input: stretched_input(), classes: Classes::Coco }]);
    }
    let named = |names: &[&str]| names.iter().find_map(|name| graph.output(name));
    let of_rf_detr = named(&["dets"]).zip(named(&["labels"])).filter(|(boxes, _)| boxes.dim(2) == Some(4));
    let of_others = named(&["pred_boxes"]).zip(named(&["logits", "pred_logits"]));
    let Some((_, logits)) = of_others.or(of_rf_detr).filter(|(_, logits)| logits.shape.len() == 3) else {
        return Ok(Vec::new());
    };
    let classes = |columns: Option<usize>| match columns {
        Some(91) | None => Classes::Coco,
        Some(columns) => Classes::Count(columns),
    };
    // RF-DETR's own exports, and DETR, are trained on ImageNet's statistics.
    let is_normalised = of_others.is_none() || graph.input("pixel_mask").is_some();
    let input = if is_normalised { imagenet_input() } else { stretched_input() };
    let focal = Guess { head: head.clone(), input, classes: classes(logits.dim(2)) };
    let softmax = Guess {
        head: HeadCard { activation: Activation::Softmax, ..head },
        input: imagenet_input(),
        classes: classes(logits.dim(2).and_then(|columns| columns.checked_sub(1)).filter(|classes| *classes > 0)),
    };
    Ok(vec![focal, softmax])
}

/// TensorFlow's Object Detection API.
pub(super) fn tensorflow(evidence: &Evidence<'_>) -> Result<Vec<Guess>, String> {
    if evidence.graph.output("detection_boxes").is_none() || evidence.graph.output("detection_classes").is_none() {
        return Ok(Vec::new());
    }
    // A fixed size must be met; a dynamic one resizes by itself.
    let is_open = evidence.open_size(&Input { resize: Resize::Stretch, ..Input::default() }).is_some();
    let resize = if evidence.size.is_some() && !is_open { Resize::Stretch } else { Resize::None };
    let input = Input { resize, ..Input::default() };
    Ok(vec![Guess { head: HeadCard::of(HeadKind::Ssd), input, classes: Classes::Coco }])
}

/// NanoDet.
pub(super) fn nanodet(evidence: &Evidence<'_>) -> Result<Vec<Guess>, String> {
    let mut scores = evidence.graph.outputs.iter().filter(|output| output.name.starts_with(NANODET_SCORES));
    let Some(scores) = scores.next() else { return Ok(Vec::new()) };
    let classes = scores.dim(2).map_or(Classes::Coco, Classes::Count);
    Ok(vec![Guess { head: HeadCard::of(HeadKind::Nanodet), input: nanodet_input(), classes }])
}

/// YuNet: `cls_S`, `obj_S`, `bbox_S` of each stride.
pub(super) fn yunet(evidence: &Evidence<'_>) -> Result<Vec<Guess>, String> {
    let graph = evidence.graph;
    let stride = |output: &TensorInfo| output.name.strip_prefix("cls_")?.parse::<u32>().ok();
    let mut strides: Vec<u32> = graph.outputs.iter().filter_map(stride).collect();
    strides.sort_unstable();
    let names = |prefix: &str| Names(strides.iter().map(|stride| format!("{prefix}_{stride}")).collect());
    let outputs =
        HeadOutputs { boxes: names("bbox"), scores: names("cls"), objectness: names("obj"), ..HeadOutputs::default() };
    let all = outputs.boxes.0.iter().chain(&outputs.objectness.0);
    if strides.is_empty() || all.into_iter().any(|name| graph.output(name).is_none()) {
        return Ok(Vec::new());
    }
    let classes = graph.output(&outputs.scores.0[0]).and_then(|scores| scores.dim(2));
    let finds_faces =
        classes.is_none_or(|classes| classes == 1) && graph.outputs.iter().any(|o| o.name.starts_with("kps_"));
    let head = HeadCard {
        decode: Some(Decode::Exp),
        strides,
        combine: Combine::GeometricMean,
        objectness: true,
        outputs,
        ..HeadCard::of(HeadKind::Grid)
    };
    let input = Input { color: Color::Bgr, ..Input::default() };
    let classes = if finds_faces { Classes::Face } else { classes.map_or(Classes::Unknown, Classes::Count) };
    Ok(vec![Guess { head, input, classes }])
}

/// CenterNet: maps of centres, of sizes and of offsets.
pub(super) fn centernet(evidence: &Evidence<'_>) -> Result<Vec<Guess>, String> {
    let named =
        |names: &[&str]| names.iter().find_map(|name| evidence.graph.output(name)).filter(|o| o.shape.len() == 4);
    let (Some(scores), Some(sizes)) = (named(&["hm", "heatmap"]), named(&["wh"])) else { return Ok(Vec::new()) };
    let columns = scores.dim(3);
    let stride = evidence.size.zip(columns).map(|((width, _), columns)| width / columns);
    let Some(stride) = stride.and_then(|stride| u32::try_from(stride).ok()) else { return Ok(Vec::new()) };
    let name = |output: &TensorInfo| Names::from(output.name.as_str());
    let offsets = named(&["reg", "offset", "off"]).map(name).unwrap_or_default();
    let outputs = HeadOutputs { scores: name(scores), boxes: name(sizes), offsets, ..HeadOutputs::default() };
    let guess = |activation| Guess {
        head: HeadCard {
            activation,
            strides: vec![stride],
            nms: false,
            outputs: outputs.clone(),
            ..HeadCard::of(HeadKind::Heatmap)
        },
        input: Input {
            color: Color::Bgr,
            resize: Resize::LetterboxCenter,
            scale: 1.0 / 255.0,
            mean: [0.408, 0.447, 0.470],
            std: [0.289, 0.274, 0.278],
            ..Input::default()
        },
        classes: scores.dim(1).map_or(Classes::Unknown, Classes::Count),
    };
    Ok(vec![guess(Activation::Sigmoid), guess(Activation::None)])
}

/// Paddle's exports with NMS: rows of class, score and corners, told by inputs that nobody else has.
pub(super) fn paddle(evidence: &Evidence<'_>) -> Result<Vec<Guess>, String> {
    let graph = evidence.graph;
    if graph.input("scale_factor").is_none() && graph.input("im_shape").is_none() {
        return Ok(Vec::new());
    }
    let Some(output) = evidence.outputs(2).find(|output| output.dim(1) == Some(6)) else { return Ok(Vec::new()) };
    let head = HeadCard {
        boxes: BoxForm::Xyxy,
        unit: Unit::Photo,
        columns: vec![Column::Class, Column::Score, Column::Box],
        nms: false,
        ..whole(evidence, output)
    };
    let guess = |input| Guess { head: head.clone(), input, classes: Classes::Unknown };
    Ok(vec![guess(imagenet_input()), guess(stretched_input())])
}

/// The whole numbers in a text such as `[640, 640]`.
fn whole_numbers(text: &str) -> Vec<u32> {
    text.split(|c: char| !c.is_ascii_digit()).filter_map(|digits| digits.parse().ok()).collect()
}
