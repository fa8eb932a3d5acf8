//! Focus (YOLOv5, YOLOX): every other pixel in four tensors, joined, and a convolution of K x K over them. That is one
//! convolution of 2K x 2K and stride 2 over the pixels themselves: the weight of part (row, column) at (i, j) is that of the
//! pixel (2i + row, 2j + column).

use crate::edit::{Graph, attribute, has_plain_padding, integer_or, integers_or, set_integers};
use crate::onnx::Node;
use crate::outcome::Outcome;
use crate::sizes;

/// Folds every Focus block into its convolution.
pub(crate) fn fold(graph: &mut Graph) -> Outcome {
    let mut count = 0;
    while let Some(block) = (0..graph.proto().node.len()).find_map(|place| Block::find(graph, place)) {
        block.replace(graph);
        count += 1;
    }
    if count == 0 { Outcome::LeftAlone("no Focus block in the graph".to_owned()) } else { Outcome::Done(count) }
}

struct Block {
    /// The convolution's place.
    conv: usize,
    /// What is sliced.
    source: String,
    kernel: usize,
    pads: Vec<i64>,
    weights: Vec<f32>,
    dims: [usize; 2],
}

impl Block {
    fn find(graph: &Graph, place: usize) -> Option<Self> {
        let conv = graph.proto().node.get(place).filter(|node| node.op_type == "Conv")?;
        let joint =
            graph.made_by(conv.input.first()?).filter(|node| node.op_type == "Concat" && node.input.len() == 4)?;
        if integer_or(joint, "axis", 0) != 1 || graph.readers(joint.output.first()?)?.len() != 1 {
            return None;
        }
        let parts: Vec<Part> = joint.input.iter().map(|name| Part::of(graph, name)).collect::<Option<_>>()?;
        let source = parts.first()?.source.clone();
        let mut offsets: Vec<(usize, usize)> = parts.iter().map(|part| part.offset).collect();
        let order = offsets.clone();
        offsets.sort_unstable();
        if parts.iter().any(|part| part.source != source) || offsets != [(0, 0), (0, 1), (1, 0), (1, 1)] {
            return None;
        }
        let ones = |name| integers_or(conv, name, &[1, 1]) == [1, 1];
        if !ones("strides") || !ones("dilations") || integer_or(conv, "group", 1) != 1 || !has_plain_padding(conv) {
            return None;
        }
        let (dims, values) = graph.floats(conv.input.get(1)?)?;
        let &[outputs, inputs, kernel, columns] = dims.as_slice() else { return None };
        if kernel != columns || inputs % 4 != 0 || values.is_empty() {
            return None;
        }
        let pads = integers_or(conv, "pads", &[0; 4]);
        let (channels, wide) = (inputs / 4, 2 * kernel);
        let mut weights = vec![0.0; outputs * channels * wide * wide];
        for output in 0..outputs {
            for (part, (row, column)) in order.iter().enumerate() {
                for channel in 0..channels {
                    for (i, j) in (0..kernel).flat_map(|i| (0..kernel).map(move |j| (i, j))) {
                        let from = ((output * inputs + part * channels + channel) * kernel + i) * kernel + j;
                        let to = ((output * channels + channel) * wide + 2 * i + row) * wide + 2 * j + column;
                        weights[to] = values[from];
                    }
                }
            }
        }
        Some(Self { conv: place, source, kernel: wide, pads, weights, dims: [outputs, channels] })
    }

    fn replace(self, graph: &mut Graph) {
        let [outputs, channels] = self.dims;
        let name = graph.add_floats("focus_weights", &[outputs, channels, self.kernel, self.kernel], &self.weights);
        let conv = &mut graph.proto_mut().node[self.conv];
        conv.input[0] = self.source;
        conv.input[1] = name;
        set_integers(conv, "kernel_shape", &[self.kernel as i64; 2]);
        set_integers(conv, "strides", &[2, 2]);
        set_integers(conv, "pads", &self.pads.iter().map(|pad| pad.saturating_mul(2)).collect::<Vec<_>>());
        graph.prune();
    }
}

/// One of the four tensors: every other row and column of `source`, from `offset` (row, column) on.
struct Part {
    source: String,
    offset: (usize, usize),
}

impl Part {
    /// A chain of Slices, each of one axis or both.
    fn of(graph: &Graph, name: &str) -> Option<Self> {
        let (mut row, mut column) = (None, None);
        let mut name = name.to_owned();
        while let Some(node) = graph.made_by(&name).filter(|node| node.op_type == "Slice") {
            for (axis, start) in every_other(graph, node)? {
                let offset = match axis {
                    2 | -2 => &mut row,
                    3 | -1 => &mut column,
                    _ => return None,
                };
                if offset.replace(start).is_some() {
                    return None;
                }
            }
            name = node.input.first()?.clone();
        }
        Some(Self { source: name, offset: (row?, column?) })
    }
}

/// The (axis, start) of a Slice that takes every other element to the end.
fn every_other(graph: &Graph, node: &Node) -> Option<Vec<(i64, usize)>> {
    // Before opset 10 a Slice had attributes, and no steps.
    if attribute(node, "starts").is_some() {
        return None;
    }
    let integers = |place: usize| node.input.get(place).and_then(|name| graph.integers(name));
    let (starts, ends, axes, steps) = (integers(1)?, integers(2)?, integers(3)?, integers(4)?);
    // One of no axis at all could lead in a circle.
    if starts.is_empty() || [ends.len(), axes.len(), steps.len()].iter().any(|len| *len != starts.len()) {
        return None;
    }
    let size = input_size(graph, node.input.first()?);
    let mut found = Vec::new();
    for (((start, end), axis), step) in starts.iter().zip(ends).zip(axes).zip(steps) {
        let whole = end >= i64::from(i32::MAX) || size.is_some_and(|[rows, columns]| end >= rows.max(columns));
        if step != 2 || !(0..=1).contains(start) || !whole {
            return None;
        }
        found.push((axis, usize::try_from(*start).ok()?));
    }
    Some(found)
}

/// Rows and columns of a graph's input; an end at or beyond them is the end.
fn input_size(graph: &Graph, name: &str) -> Option<[i64; 2]> {
    let of = |name: &str| {
        let dims = sizes::dims(graph.proto(), name);
        Some([*dims.get(2)?, *dims.get(3)?]).filter(|size| size.iter().all(|side| *side > 0))
    };
    of(name).or_else(|| of(graph.made_by(name).filter(|node| node.op_type == "Slice")?.input.first()?))
}
