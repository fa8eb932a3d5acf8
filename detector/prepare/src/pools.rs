//! Max pools of several sizes over one tensor (spatial pyramid pooling). A maximum of maxima is a maximum: a pool of 9 is a
//! pool of 5 over a pool of 5, and costs a third. With padding that never wins this holds at the edges, too.

use crate::edit::{Graph, has_plain_padding, integer_or, integers_or, set_integers};
use crate::onnx::Node;
use crate::outcome::Outcome;

/// Chains the pools of each tensor that has several.
pub(crate) fn chain(graph: &mut Graph) -> Outcome {
    let pools: Vec<(usize, String, i64)> = (graph.proto().node.iter().enumerate())
        .filter_map(|(place, node)| Some((place, node.input.first()?.clone(), side(node)?)))
        .collect();
    let mut count = 0;
    let mut tensors: Vec<&String> = pools.iter().map(|(_, tensor, _)| tensor).collect();
    tensors.sort_unstable();
    tensors.dedup();
    for tensor in tensors {
        let mut family: Vec<(usize, i64)> =
            pools.iter().filter(|(_, of, _)| of == tensor).map(|(place, _, side)| (*place, *side)).collect();
        family.sort_by_key(|(_, side)| *side);
        for pair in family.windows(2) {
            let [(smaller, small), (larger, large)] = [pair[0], pair[1]];
            let rest = large - small + 1;
            if large == small || rest % 2 == 0 {
                continue;
            }
            let before = graph.proto().node[smaller].output[0].clone();
            let node = &mut graph.proto_mut().node[larger];
            node.input[0] = before;
            set_integers(node, "kernel_shape", &[rest; 2]);
            set_integers(node, "pads", &[rest / 2; 4]);
            count += 1;
        }
    }
    if count == 0 {
        return Outcome::LeftAlone("no tensor with several max pools".to_owned());
    }
    sort(graph);
    graph.prune();
    Outcome::Done(count)
}

/// The side of a square pool of odd size that keeps its tensor's size.
fn side(node: &Node) -> Option<i64> {
    let kernel = integers_or(node, "kernel_shape", &[]);
    let &[side, other] = kernel.as_slice() else { return None };
    let plain = node.op_type == "MaxPool"
        && node.output.len() == 1
        && side == other
        && side % 2 == 1
        && integers_or(node, "strides", &[1, 1]) == [1, 1]
        && integers_or(node, "dilations", &[1, 1]) == [1, 1]
        && integers_or(node, "pads", &[0; 4]) == [side / 2; 4]
        && integer_or(node, "ceil_mode", 0) == 0
        && has_plain_padding(node);
    plain.then_some(side)
}

/// Nodes must come after what they read: a smaller pool may have stood behind a larger one.
fn sort(graph: &mut Graph) {
    let nodes = &mut graph.proto_mut().node;
    let made: std::collections::HashSet<String> = nodes.iter().flat_map(|node| node.output.clone()).collect();
    let mut there: std::collections::HashSet<String> = std::collections::HashSet::new();
    let mut waiting = std::mem::take(nodes);
    while !waiting.is_empty() {
        let before = waiting.len();
        let (ready, rest): (Vec<Node>, Vec<Node>) = waiting.into_iter().partition(|node| {
            let is_ready = node.input.iter().all(|input| !made.contains(input) || there.contains(input));
            if is_ready {
                there.extend(node.output.iter().cloned());
            }
            is_ready
        });
        nodes.extend(ready);
        waiting = rest;
        // A circle: no valid graph, and not of our making. The trial will say so.
        if waiting.len() == before {
            nodes.append(&mut waiting);
        }
    }
}
