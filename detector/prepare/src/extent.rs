//! How large tensors are, as far as the weights and the operators tell: channels as a number, rows and columns as so many
//! halvings of another tensor's, whatever that one's are.

use std::collections::HashMap;

use crate::edit::{Graph, has_plain_padding, integer_or, integers_or};
use crate::onnx::Node;

/// Operators that work on each value, or pool, and leave the channels as they are.
const KEEPING: [&str; 12] = [
    "Relu",
    "LeakyRelu",
    "PRelu",
    "Sigmoid",
    "HardSigmoid",
    "HardSwish",
    "Clip",
    "Tanh",
    "Identity",
    "MaxPool",
    "AveragePool",
    "BatchNormalization",
];

/// The size of a tensor of batch, channels, rows and columns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Extent {
    pub(crate) channels: usize,
    /// Rows and columns are those of this tensor,
    origin: String,
    /// halved so many times, rounded up.
    halvings: u32,
}

impl Extent {
    /// Whether rows and columns are the same for any size of the input. What was enlarged again is never sure to be.
    pub(crate) fn same_map(&self, other: &Self) -> bool {
        (&self.origin, self.halvings) == (&other.origin, other.halvings)
    }
}

/// The extents of all tensors whose channels follow from the weights: of convolutions, and of what keeps, adds or joins
/// channels after them.
pub(crate) fn extents(graph: &Graph) -> HashMap<String, Extent> {
    let mut known: HashMap<String, Extent> = HashMap::new();
    for node in &graph.proto().node {
        let Some(output) = node.output.first() else { continue };
        if let Some(extent) = extent(graph, node, output, &known) {
            known.insert(output.clone(), extent);
        }
    }
    known
}

fn extent(graph: &Graph, node: &Node, output: &str, known: &HashMap<String, Extent>) -> Option<Extent> {
    let of = |place: usize| node.input.get(place).and_then(|name| known.get(name));
    match node.op_type.as_str() {
        "Conv" => {
            let weights = &graph.constant(node.input.get(1)?)?.dims;
            let &[channels, _, rows, columns] = weights.as_slice() else { return None };
            let channels = usize::try_from(channels).ok()?;
            let input = of(0)
                .cloned()
                .or_else(|| Some(Extent { channels: 0, origin: node.input.first()?.clone(), halvings: 0 }))?;
            Some(Extent { channels, ..slid(node, &input, [rows, columns], output) })
        }
        "MaxPool" | "AveragePool" => {
            let kernel = integers_or(node, "kernel_shape", &[]);
            Some(slid(node, of(0)?, kernel.try_into().ok()?, output))
        }
        kind if KEEPING.contains(&kind) => of(0).cloned(),
        "Resize" | "Upsample" => Some(Extent { origin: output.to_owned(), halvings: 0, ..of(0)?.clone() }),
        // Of two tensors alike: one that is broadcast may have fewer channels than the result.
        "Mul" | "Add" => of(0).filter(|one| of(1).is_some_and(|other| other.channels == one.channels)).cloned(),
        "Concat" if integer_or(node, "axis", 0) == 1 => {
            let parts: Vec<&Extent> = node.input.iter().map(|name| known.get(name)).collect::<Option<_>>()?;
            let channels = parts.iter().try_fold(0usize, |all, part| all.checked_add(part.channels))?;
            Some(Extent { channels, ..(*parts.first()?).clone() })
        }
        _ => None,
    }
}

/// The extent behind a window of that size that slides over rows and columns.
fn slid(node: &Node, input: &Extent, kernel: [i64; 2], output: &str) -> Extent {
    let pads = integers_or(node, "pads", &[0; 4]);
    let strides = integers_or(node, "strides", &[1, 1]);
    let covers = |axis: usize| {
        let around = pads.get(axis).zip(pads.get(axis + 2)).and_then(|(a, b)| a.checked_add(*b)?.checked_add(1));
        around == Some(kernel[axis])
    };
    let plain = has_plain_padding(node)
        && integers_or(node, "dilations", &[1, 1]) == [1, 1]
        && integer_or(node, "ceil_mode", 0) == 0
        && covers(0)
        && covers(1);
    match strides.as_slice() {
        [1, 1] if plain => input.clone(),
        [2, 2] if plain => Extent { halvings: input.halvings + 1, ..input.clone() },
        _ => Extent { origin: output.to_owned(), halvings: 0, ..input.clone() },
    }
}
