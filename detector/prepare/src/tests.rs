//! Small graphs made by hand: each pattern is folded without a trace in the outputs, and what only resembles it is left
//! alone.

use prost::Message;

use crate::edit::{Graph, set_integer, set_integers};
use crate::onnx::{self, Dimension, GraphProto, Model, Node, Shape, Tensor, TensorType, Type, ValueInfo};
use crate::trial::Trial;
use crate::{Outcome, concat, focus, pools, shuffle, sizes};

const SIDE: i64 = 64;

/// A graph from `images` [1,3,64,64] to its last node's output.
#[derive(Default)]
struct GraphBuilder {
    nodes: Vec<Node>,
    constants: Vec<Tensor>,
}

impl GraphBuilder {
    fn integers(&mut self, values: &[i64]) -> String {
        let name = format!("constant{}", self.constants.len());
        let dims = vec![values.len() as i64];
        let tensor = Tensor { name: name.clone(), dims, data_type: Some(onnx::INT64), ..Tensor::default() };
        self.constants.push(Tensor { int64_data: values.to_vec(), ..tensor });
        name
    }

    fn node(&mut self, kind: &str, inputs: &[&str]) -> String {
        let output = format!("tensor{}", self.nodes.len());
        let input = inputs.iter().map(|name| (*name).to_owned()).collect();
        self.nodes.push(Node { op_type: kind.to_owned(), input, output: vec![output.clone()], ..Node::default() });
        output
    }

    fn with(&mut self, name: &str, values: &[i64]) {
        set_integers(self.nodes.last_mut().unwrap(), name, values);
    }

    /// A convolution that keeps the size, of odd `kernel`.
    fn conv(&mut self, input: &str, channels: (usize, usize), kernel: usize) -> String {
        let (inputs, outputs) = channels;
        let name = format!("weights{}", self.constants.len());
        let dims = [outputs, inputs, kernel, kernel].map(|d| d as i64).to_vec();
        let values = (0..outputs * inputs * kernel * kernel).map(|i| ((i * 37 % 101) as f32 - 50.0) / 900.0).collect();
        let tensor = Tensor { name: name.clone(), dims, data_type: Some(onnx::FLOAT), ..Tensor::default() };
        self.constants.push(Tensor { float_data: values, ..tensor });
        let output = self.node("Conv", &[input, &name]);
        self.with("kernel_shape", &[kernel as i64; 2]);
        self.with("pads", &[kernel as i64 / 2; 4]);
        output
    }

    fn concat(&mut self, inputs: &[&str]) -> String {
        let output = self.node("Concat", inputs);
        set_integer(self.nodes.last_mut().unwrap(), "axis", 1);
        output
    }

    fn pool(&mut self, input: &str, side: i64) -> String {
        let output = self.node("MaxPool", &[input]);
        self.with("kernel_shape", &[side; 2]);
        self.with("pads", &[side / 2; 4]);
        self.with("strides", &[1, 1]);
        output
    }

    fn upsample(&mut self, input: &str) -> String {
        let name = format!("scales{}", self.constants.len());
        let tensor = Tensor { name: name.clone(), dims: vec![4], data_type: Some(onnx::FLOAT), ..Tensor::default() };
        self.constants.push(Tensor { float_data: vec![1.0, 1.0, 2.0, 2.0], ..tensor });
        self.node("Resize", &[input, "", &name])
    }

    /// Every other row and column from an offset on.
    fn part(&mut self, (row, column): (i64, i64)) -> String {
        let (ends, axes, steps) = (self.integers(&[i64::MAX; 2]), self.integers(&[2, 3]), self.integers(&[2, 2]));
        let starts = self.integers(&[row, column]);
        self.node("Slice", &["images", &starts, &ends, &axes, &steps])
    }

    fn reshape(&mut self, input: &str, shape: &[i64]) -> String {
        let shape = self.integers(shape);
        self.node("Reshape", &[input, &shape])
    }

    fn graph(self) -> Graph {
        let outputs = self.nodes.last().unwrap().output.clone();
        let value = |name: &str, dims: &[i64]| {
            let dim = dims.iter().map(|d| Dimension { value: Some(*d), ..Dimension::default() }).collect();
            let shape = (!dims.is_empty()).then_some(Shape { dim });
            let kind = Type { tensor: Some(TensorType { element: Some(onnx::FLOAT), shape }), ..Type::default() };
            ValueInfo { name: name.to_owned(), kind: Some(kind), ..ValueInfo::default() }
        };
        let graph = GraphProto {
            name: Some("builder".to_owned()),
            node: self.nodes,
            initializer: self.constants,
            input: vec![value("images", &[1, 3, SIDE, SIDE])],
            output: outputs.iter().map(|name| value(name, &[])).collect(),
            ..GraphProto::default()
        };
        // Opset 17 of the default domain: field 2 is the version.
        let opset_import = vec![vec![0x10, 17]];
        let model = Model { ir_version: Some(8), opset_import, graph: Some(graph), ..Model::default() };
        Graph::parse(&model.encode_to_vec()).unwrap()
    }
}

/// Rewrites the builder; what comes out must be the same. Returns how many places were changed.
fn changed(builder: GraphBuilder, rewrite: fn(&mut Graph) -> Outcome) -> usize {
    let mut graph = builder.graph();
    let trial = Trial::new(&graph.bytes(), &graph, None).unwrap();
    match rewrite(&mut graph) {
        Outcome::Done(places) => {
            trial.same(&graph.bytes()).unwrap();
            places
        }
        Outcome::LeftAlone(_) => 0,
    }
}

fn focused(offsets: [(i64, i64); 4], kernel: usize) -> GraphBuilder {
    let mut builder = GraphBuilder::default();
    let parts = offsets.map(|offset| builder.part(offset));
    let joint = builder.concat(&parts.each_ref().map(String::as_str));
    builder.conv(&joint, (12, 4), kernel);
    builder
}

#[test]
fn a_focus_in_any_order_and_of_any_kernel_is_folded() {
    for kernel in [1, 3, 5] {
        assert_eq!(changed(focused([(0, 0), (1, 0), (0, 1), (1, 1)], kernel), focus::fold), 1);
        assert_eq!(changed(focused([(1, 1), (0, 1), (0, 0), (1, 0)], kernel), focus::fold), 1);
    }
    assert_eq!(changed(focused([(0, 0), (0, 0), (0, 1), (1, 1)], 3), focus::fold), 0, "one part twice");
    let mut other_reader = focused([(0, 0), (1, 0), (0, 1), (1, 1)], 3);
    let joint = other_reader.nodes.last().unwrap().input[0].clone();
    other_reader.conv(&joint, (12, 2), 1);
    let (a, b) = (other_reader.nodes[5].output[0].clone(), other_reader.nodes[6].output[0].clone());
    other_reader.concat(&[&a, &b]);
    assert_eq!(changed(other_reader, focus::fold), 0, "the joint tensor is read twice");
    let mut strided = focused([(0, 0), (1, 0), (0, 1), (1, 1)], 3);
    strided.with("strides", &[2, 2]);
    assert_eq!(changed(strided, focus::fold), 0, "a stride of its own");
}

#[test]
fn pools_of_one_tensor_are_chained_in_any_order() {
    for order in [[5, 9, 13], [13, 5, 9]] {
        let mut builder = GraphBuilder::default();
        let start = builder.conv("images", (3, 4), 1);
        let pools = order.map(|side| builder.pool(&start, side));
        builder.concat(&pools.each_ref().map(String::as_str));
        assert_eq!(changed(builder, pools::chain), 2, "{order:?}");
    }
    let mut strided = GraphBuilder::default();
    let small = strided.pool("images", 5);
    strided.with("strides", &[2, 2]);
    let large = strided.pool("images", 9);
    strided.with("strides", &[2, 2]);
    strided.concat(&[&small, &large]);
    assert_eq!(changed(strided, pools::chain), 0, "pools that shrink");
}

#[test]
fn convolutions_of_two_joined_tensors_are_split() {
    let joined = |kernel, readers: usize| {
        let mut builder = GraphBuilder::default();
        let (a, b) = (builder.conv("images", (3, 4), 3), builder.conv("images", (3, 6), 1));
        let b = builder.node("Relu", &[&b]);
        let joint = builder.concat(&[&a, &b]);
        let read: Vec<String> = (0..readers).map(|_| builder.conv(&joint, (10, 5), kernel)).collect();
        let last = builder.concat(&read.iter().map(String::as_str).collect::<Vec<_>>());
        (builder, joint, last)
    };
    assert_eq!(changed(joined(1, 1).0, concat::split), 1);
    assert_eq!(changed(joined(1, 2).0, concat::split), 2);
    assert_eq!(changed(joined(3, 1).0, concat::split), 0, "a kernel of 3");
    let (mut builder, joint, last) = joined(1, 1);
    builder.concat(&[&joint, &last]);
    assert_eq!(changed(builder, concat::split), 0, "the joint tensor is needed anyway");
    // Once the sizes are free, what was halved and enlarged may be a row longer than what was not.
    for (enlarged, expected) in [(false, 1), (true, 0)] {
        let mut builder = GraphBuilder::default();
        let start = builder.conv("images", (3, 4), 3);
        let kept = builder.conv(&start, (4, 6), 1);
        let other = if enlarged {
            let half = builder.conv(&start, (4, 6), 3);
            builder.with("strides", &[2, 2]);
            builder.upsample(&half)
        } else {
            builder.conv(&start, (4, 6), 3)
        };
        let joint = builder.concat(&[&kept, &other]);
        builder.conv(&joint, (12, 2), 1);
        let mut graph = builder.graph();
        sizes::free(&mut graph);
        let places = if let Outcome::Done(places) = concat::split(&mut graph) { places } else { 0 };
        assert_eq!(places, expected, "enlarged: {enlarged}");
    }
    let mut unknown = GraphBuilder::default();
    let a = unknown.conv("images", (3, 4), 1);
    let joint = unknown.concat(&["images", &a]);
    unknown.conv(&joint, (7, 2), 1);
    assert_eq!(changed(unknown, concat::split), 0, "channels that no weights tell");
}

#[test]
fn shuffles_become_gathers_and_sizes_are_free() {
    let shuffled = |perm: &[i64]| {
        let mut builder = GraphBuilder::default();
        let start = builder.conv("images", (3, 6), 1);
        let apart = builder.reshape(&start, &[1, 2, 3, SIDE, SIDE]);
        let turned = builder.node("Transpose", &[&apart]);
        builder.with("perm", perm);
        let back = builder.reshape(&turned, &[1, -1, SIDE, SIDE]);
        builder.conv(&back, (6, 2), 1);
        builder
    };
    assert_eq!(changed(shuffled(&[0, 2, 1, 3, 4]), shuffle::gather), 1);
    assert_eq!(changed(shuffled(&[0, 2, 1, 4, 3]), shuffle::gather), 0, "rows and columns change places, too");
    let mut graph = shuffled(&[0, 2, 1, 3, 4]).graph();
    let trial = Trial::new(&graph.bytes(), &graph, None).unwrap();
    sizes::free(&mut graph);
    trial.other_sizes(&graph.bytes()).unwrap_err();
    shuffle::gather(&mut graph);
    let shapes = trial.other_sizes(&graph.bytes()).unwrap();
    assert_eq!(shapes[0].1, [Some(1), Some(2), None, None]);
    assert!(sizes::are_free(graph.proto()));
}

#[test]
fn a_reshape_of_all_cells_is_freed() {
    let mut builder = GraphBuilder::default();
    let map = builder.conv("images", (3, 5), 1);
    builder.with("strides", &[8, 8]);
    builder.with("pads", &[0; 4]);
    builder.reshape(&map, &[1, 5, (SIDE / 8) * (SIDE / 8)]);
    let mut graph = builder.graph();
    let trial = Trial::new(&graph.bytes(), &graph, None).unwrap();
    assert_eq!(sizes::free(&mut graph), Outcome::Done(2));
    assert_eq!(trial.other_sizes(&graph.bytes()).unwrap()[0].1, [Some(1), Some(5), None]);
}
