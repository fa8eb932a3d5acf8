//! A 1x1 convolution of two joined tensors is the sum of two convolutions, one of each: nothing needs to be joined, and ONNX
//! Runtime fuses the sum into the second convolution. It does so only where it sees that both are of one size; else the
//! sum would cost more than the join.

use crate::edit::{Graph, has_plain_padding, integer_or, integers_or};
use crate::extent::{Extent, extents};
use crate::onnx::Node;
use crate::outcome::Outcome;
use crate::sizes;

/// Splits the convolutions of every Concat that nothing else reads.
pub(crate) fn split(graph: &mut Graph) -> Outcome {
    let extents = extents(graph);
    let any_size = sizes::are_free(graph.proto());
    let joints: Vec<Node> = graph.proto().node.iter().filter(|node| joins_channels(node)).cloned().collect();
    let mut count = 0;
    for joint in joints {
        let parts: Option<Vec<&Extent>> = joint.input.iter().map(|name| extents.get(name)).collect();
        let readers = joint.output.first().and_then(|output| graph.readers(output));
        let (Some(parts), Some(readers)) = (parts, readers) else { continue };
        if any_size && !parts.windows(2).all(|pair| pair[0].same_map(pair[1])) {
            continue;
        }
        let sizes: Vec<usize> = parts.iter().map(|part| part.channels).collect();
        let Some(all) = sizes.iter().try_fold(0usize, |all, size| all.checked_add(*size)) else { continue };
        let convs: Option<Vec<Conv>> = readers.iter().map(|place| Conv::of(graph, *place, all)).collect();
        let Some(mut convs) = convs.filter(|convs| !convs.is_empty()) else { continue };
        // From the last on, so that the places before stay what they are.
        convs.sort_by_key(|conv| std::cmp::Reverse(conv.place));
        for conv in convs {
            conv.replace(graph, &joint.input, &sizes);
            count += 1;
        }
    }
    if count == 0 {
        return Outcome::LeftAlone("no Concat that only feeds 1x1 convolutions".to_owned());
    }
    graph.prune();
    Outcome::Done(count)
}

fn joins_channels(node: &Node) -> bool {
    node.op_type == "Concat" && node.input.len() == 2 && integer_or(node, "axis", 0) == 1
}

struct Conv {
    place: usize,
    outputs: usize,
    inputs: usize,
    weights: Vec<f32>,
}

impl Conv {
    /// The node at `place` as a 1x1 convolution of so many channels.
    fn of(graph: &Graph, place: usize, channels: usize) -> Option<Self> {
        let node = graph.proto().node.get(place).filter(|node| node.op_type == "Conv")?;
        let (dims, weights) = graph.floats(node.input.get(1)?)?;
        let &[outputs, inputs, 1, 1] = dims.as_slice() else { return None };
        let plain = inputs == channels
            && inputs > 0
            && !node.output.is_empty()
            && integer_or(node, "group", 1) == 1
            && integers_or(node, "pads", &[0; 4]) == [0; 4]
            && has_plain_padding(node);
        plain.then_some(Self { place, outputs, inputs, weights })
    }

    fn replace(self, graph: &mut Graph, parts: &[String], sizes: &[usize]) {
        let node = graph.proto().node[self.place].clone();
        let mut nodes = Vec::new();
        let mut start = 0;
        for (index, (part, size)) in parts.iter().zip(sizes).enumerate() {
            let rows = self.weights.chunks_exact(self.inputs);
            let weights: Vec<f32> = rows.flat_map(|row| &row[start..start + size]).copied().collect();
            let name = graph.add_floats(&node.input[1], &[self.outputs, *size, 1, 1], &weights);
            let mut half = node.clone();
            half.input = vec![part.clone(), name];
            // The bias counts once.
            half.input.extend(node.input.get(2).filter(|_| index == 0).cloned());
            half.output = vec![graph.free_name(&format!("{}_part{index}", node.output[0]))];
            // Nodes need no names, and must not share one.
            half.name.clear();
            nodes.push(half);
            start += size;
        }
        let inputs = nodes.iter().map(|half| half.output[0].clone()).collect();
        nodes.push(Node {
            op_type: "Add".to_owned(),
            name: node.name,
            input: inputs,
            output: node.output,
            ..Node::default()
        });
        graph.proto_mut().node.splice(self.place..=self.place, nodes);
    }
}
