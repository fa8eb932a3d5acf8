//! Height and width of the input left open, where nothing but a declaration stands against it: the declared size itself,
//! and constants in Reshapes that hold the number of cells.

use detector::prepared;

use crate::edit::Graph;
use crate::onnx::{Dimension, GraphProto, Shape, TensorType};
use crate::outcome::Outcome;

/// An output's name and its dimensions; those that follow the input's size are `None`.
pub(crate) type OutputShape = (String, Vec<Option<i64>>);

/// Frees the sizes. Whether the graph then really takes other ones is tried afterwards.
pub(crate) fn free(graph: &mut Graph) -> Outcome {
    let nchw = |name: &str| photo_axes(graph.proto(), name) == Some((2, 3));
    let Some(place) = graph.proto().input.iter().position(|input| nchw(&input.name)) else {
        return Outcome::LeftAlone("no image input [batch, channels, height, width]".to_owned());
    };
    let name = graph.proto().input[place].name.clone();
    let dims = dims(graph.proto(), &name);
    let &[_, _, rows, columns] = dims.as_slice() else { return Outcome::LeftAlone("the input has no size".to_owned()) };
    if rows <= 0 && columns <= 0 {
        return Outcome::LeftAlone("already free".to_owned());
    }
    let reshapes = free_reshapes(graph, rows.saturating_mul(columns));
    let graph = graph.proto_mut();
    if let Some(shape) = tensor_type(&mut graph.input[place].kind).and_then(|kind| kind.shape.as_mut()) {
        for axis in [2, 3] {
            shape.dim[axis] = Dimension::default();
        }
    }
    name_open(graph);
    // ONNX Runtime finds out what the outputs are now.
    for output in &mut graph.output {
        if let Some(kind) = tensor_type(&mut output.kind) {
            kind.shape = None;
        }
    }
    graph.value_info.clear();
    Outcome::Done(1 + reshapes)
}

/// Whether height and width of the photo are open.
pub(crate) fn are_free(graph: &GraphProto) -> bool {
    open_photo(graph).is_some()
}

/// Gives height and width of the photo the names by which functions fix them, where they are open; says whether they are.
pub(crate) fn name_open(graph: &mut GraphProto) -> bool {
    let Some((place, axes)) = open_photo(graph) else { return false };
    if let Some(shape) = tensor_type(&mut graph.input[place].kind).and_then(|kind| kind.shape.as_mut()) {
        for (axis, name) in [axes.0, axes.1].into_iter().zip(prepared::OPEN_SIZES) {
            shape.dim[axis] = Dimension { param: Some(name.to_owned()), ..Dimension::default() };
        }
    }
    true
}

/// The place of a photo whose height and width are open, and their axes.
fn open_photo(graph: &GraphProto) -> Option<(usize, (usize, usize))> {
    graph.input.iter().enumerate().find_map(|(place, input)| {
        let axes = photo_axes(graph, &input.name)?;
        let dims = dims(graph, &input.name);
        (*dims.get(axes.0)? <= 0 && *dims.get(axes.1)? <= 0).then_some((place, axes))
    })
}

/// Says what the outputs are: `None` follows the input's size.
pub(crate) fn declare(graph: &mut GraphProto, shapes: &[OutputShape]) {
    for (name, dims) in shapes {
        let output = graph.output.iter_mut().find(|output| output.name == *name);
        if let Some(kind) = output.and_then(|output| tensor_type(&mut output.kind)) {
            let dim = dims.iter().map(|value| Dimension { value: *value, ..Dimension::default() }).collect();
            kind.shape = Some(Shape { dim });
        }
    }
}

/// The axes of rows and columns, where an input is a photo: a batch of three channels, first or last.
pub(crate) fn photo_axes(graph: &GraphProto, name: &str) -> Option<(usize, usize)> {
    if graph.initializer.iter().any(|tensor| tensor.name == name) {
        return None;
    }
    match dims(graph, name).as_slice() {
        [_, 3, _, _] => Some((2, 3)),
        [_, _, _, 3] => Some((1, 2)),
        _ => None,
    }
}

/// The dimensions of an input; 0 and less where they are open.
pub(crate) fn dims(graph: &GraphProto, name: &str) -> Vec<i64> {
    let input = graph.input.iter().find(|input| input.name == name);
    let shape = input.and_then(|input| input.kind.as_ref()?.tensor.as_ref()?.shape.as_ref());
    shape.map(|shape| shape.dim.iter().map(|dim| dim.value.unwrap_or(-1)).collect()).unwrap_or_default()
}

fn tensor_type(kind: &mut Option<crate::onnx::Type>) -> Option<&mut TensorType> {
    kind.as_mut()?.tensor.as_mut()
}

/// Reshapes to three dimensions of which one is the number of cells of a stride, or of all of them: that one becomes what
/// is left over, and the batch is copied. Returns how many were changed.
fn free_reshapes(graph: &mut Graph, pixels: i64) -> usize {
    let levels: Vec<i64> = [4, 8, 16, 32, 64, 128].iter().map(|stride| pixels / (stride * stride)).collect();
    // Cells of one stride, or of neighbouring ones together.
    let sums = (0..levels.len()).flat_map(|from| (from..levels.len()).map(move |to| (from, to)));
    let cells: Vec<i64> = sums.map(|(from, to)| levels[from..=to].iter().sum()).filter(|cells| *cells > 1).collect();
    let mut count = 0;
    for place in 0..graph.proto().node.len() {
        let node = &graph.proto().node[place];
        if node.op_type != "Reshape" {
            continue;
        }
        let Some(shape) = node.input.get(1).and_then(|name| graph.integers(name)) else { continue };
        let &[batch, _, _] = shape.as_slice() else { continue };
        // A number of channels may be a number of cells by chance; there are more cells than channels at the strides that count.
        let fixed = (1..shape.len()).filter(|axis| cells.contains(&shape[*axis])).max_by_key(|axis| shape[*axis]);
        let Some(axis) = fixed else { continue };
        if !matches!(batch, -1..=1) || shape[1..].contains(&-1) {
            continue;
        }
        let mut freed = shape.clone();
        (freed[0], freed[axis]) = (0, -1);
        let name = graph.add_integers("free_shape", &freed);
        graph.proto_mut().node[place].input[1] = name;
        count += 1;
    }
    count
}
