//! Channel shuffles (ShuffleNet): a Reshape into groups, a Transpose of groups and channels, and a Reshape back. The
//! Reshapes hold the size of the map; a Gather of the channels in their new order does the same without it.

use crate::edit::{Graph, integers_or, set_integer};
use crate::onnx::Node;
use crate::outcome::Outcome;

/// More channels than any network has: an order of them takes memory.
const MOST_CHANNELS: i64 = 1 << 20;

/// Replaces every channel shuffle by a Gather.
pub(crate) fn gather(graph: &mut Graph) -> Outcome {
    let mut count = 0;
    let mut place = 0;
    while place < graph.proto().node.len() {
        if let Some(shuffle) = Shuffle::find(graph, place) {
            let order: Vec<i64> =
                (0..shuffle.each).flat_map(|c| (0..shuffle.groups).map(move |g| g * shuffle.each + c)).collect();
            let indices = graph.add_integers("shuffled_channels", &order);
            let node = &mut graph.proto_mut().node[place];
            let (name, output) = (node.name.clone(), node.output.clone());
            let input = vec![shuffle.source, indices];
            *node = Node { op_type: "Gather".to_owned(), name, input, output, ..Node::default() };
            set_integer(node, "axis", 1);
            count += 1;
        }
        place += 1;
    }
    if count == 0 {
        return Outcome::LeftAlone("none in the graph".to_owned());
    }
    graph.prune();
    Outcome::Done(count)
}

struct Shuffle {
    source: String,
    groups: i64,
    /// Channels of each group.
    each: i64,
}

impl Shuffle {
    /// The shuffle that the node at `place` ends.
    fn find(graph: &Graph, place: usize) -> Option<Self> {
        let back = graph.proto().node.get(place).filter(|node| node.op_type == "Reshape")?;
        let turn = graph.made_by(back.input.first()?).filter(|node| node.op_type == "Transpose")?;
        if integers_or(turn, "perm", &[]) != [0, 2, 1, 3, 4] {
            return None;
        }
        let apart = graph.made_by(turn.input.first()?).filter(|node| node.op_type == "Reshape")?;
        let shape = |node: &Node| node.input.get(1).and_then(|name| graph.integers(name));
        let (apart_shape, back_shape) = (shape(apart)?, shape(back)?);
        let (&[batch, groups, each, rows, columns], &[same_batch, channels, same_rows, same_columns]) =
            (apart_shape.as_slice(), back_shape.as_slice())
        else {
            return None;
        };
        // Whole maps of known size, so that nothing but channels moves.
        let whole = batch == 1 && same_batch == 1 && groups > 0 && each > 0 && rows > 0 && columns > 0;
        let all = groups.checked_mul(each).filter(|all| *all <= MOST_CHANNELS)?;
        let same = (rows, columns) == (same_rows, same_columns) && (channels == -1 || channels == all);
        (whole && same).then(|| Self { source: apart.input[0].clone(), groups, each })
    }
}
