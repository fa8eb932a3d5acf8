//! A graph that is taken apart: who makes a tensor, who reads it, what a constant holds.

use std::collections::HashSet;

use prost::Message;

use crate::onnx::{self, Attribute, GraphProto, Model, Node, Tensor};

/// A model with its graph in reach.
#[derive(Debug, Clone)]
pub(crate) struct Graph {
    /// Without its graph.
    frame: Model,
    graph: GraphProto,
}

impl Graph {
    /// # Errors
    /// What this code cannot take apart: a model without a graph, functions of its own, weights in other files.
    pub(crate) fn parse(file: &[u8]) -> Result<Self, String> {
        let mut model = Model::decode(file).map_err(|e| format!("not an ONNX file: {e}"))?;
        let Some(graph) = model.graph.take().filter(|graph| !graph.node.is_empty()) else {
            return Err("not an ONNX file, or an empty graph".to_owned());
        };
        if !model.functions.is_empty() {
            return Err("it has model-local functions".to_owned());
        }
        if graph.initializer.iter().any(|tensor| tensor.data_location == Some(onnx::EXTERNAL)) {
            return Err("its weights are in another file".to_owned());
        }
        Ok(Self { frame: model, graph })
    }

    pub(crate) fn proto(&self) -> &GraphProto {
        &self.graph
    }

    pub(crate) fn proto_mut(&mut self) -> &mut GraphProto {
        &mut self.graph
    }

    /// The graph as a file.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        Model { graph: Some(self.graph.clone()), ..self.frame.clone() }.encode_to_vec()
    }

    pub(crate) fn set_metadata(&mut self, key: &str, value: &str) {
        self.frame.metadata_props.retain(|entry| entry.key != key);
        self.frame.metadata_props.push(onnx::Entry { key: key.to_owned(), value: value.to_owned() });
    }

    /// The place of the node that makes a tensor.
    pub(crate) fn maker(&self, tensor: &str) -> Option<usize> {
        self.proto().node.iter().position(|node| node.output.iter().any(|output| output == tensor))
    }

    /// The node that makes a tensor.
    pub(crate) fn made_by(&self, tensor: &str) -> Option<&Node> {
        self.maker(tensor).map(|place| &self.proto().node[place])
    }

    /// The places of the nodes that read a tensor. `None` where somebody else does, too: a subgraph, or the caller.
    pub(crate) fn readers(&self, tensor: &str) -> Option<Vec<usize>> {
        let graph = self.proto();
        if graph.output.iter().any(|output| output.name == tensor) {
            return None;
        }
        if graph.node.iter().any(|node| subgraphs(node).any(|inner| reads(inner, tensor))) {
            return None;
        }
        let reads = |node: &Node| node.input.iter().any(|input| input == tensor);
        Some(graph.node.iter().enumerate().filter(|(_, node)| reads(node)).map(|(place, _)| place).collect())
    }

    /// A constant: an initializer, or what a Constant node holds.
    pub(crate) fn constant(&self, name: &str) -> Option<&Tensor> {
        let graph = self.proto();
        graph.initializer.iter().find(|tensor| tensor.name == name).or_else(|| {
            let node = self.made_by(name).filter(|node| node.op_type == "Constant")?;
            attribute(node, "value")?.t.as_ref()
        })
    }

    /// The values of a constant of whole numbers.
    pub(crate) fn integers(&self, name: &str) -> Option<Vec<i64>> {
        let tensor = self.constant(name)?;
        match (tensor.data_type?, tensor.raw_data.as_deref().filter(|raw| !raw.is_empty())) {
            (onnx::INT64, None) => Some(tensor.int64_data.clone()),
            (onnx::INT64, Some(raw)) => Some(values(raw, i64::from_le_bytes)),
            (onnx::INT32, None) => Some(tensor.int32_data.iter().map(|v| i64::from(*v)).collect()),
            (onnx::INT32, Some(raw)) => Some(values(raw, |bytes| i64::from(i32::from_le_bytes(bytes)))),
            _ => None,
        }
    }

    /// Dimensions and values of a constant of 32-bit floats.
    pub(crate) fn floats(&self, name: &str) -> Option<(Vec<usize>, Vec<f32>)> {
        let tensor = self.constant(name)?;
        if tensor.data_type? != onnx::FLOAT {
            return None;
        }
        let values = match tensor.raw_data.as_deref().filter(|raw| !raw.is_empty()) {
            None => tensor.float_data.clone(),
            Some(raw) => values(raw, f32::from_le_bytes),
        };
        let dims = tensor.dims.iter().map(|d| usize::try_from(*d).ok()).collect::<Option<Vec<_>>>()?;
        let count = dims.iter().try_fold(1usize, |count, d| count.checked_mul(*d))?;
        (count == values.len()).then_some((dims, values))
    }

    /// Adds a constant of 32-bit floats under a free name that resembles `name`, and returns that name.
    pub(crate) fn add_floats(&mut self, name: &str, dims: &[usize], values: &[f32]) -> String {
        let name = self.free_name(name);
        self.proto_mut().initializer.push(Tensor {
            name: name.clone(),
            dims: dims.iter().map(|d| *d as i64).collect(),
            data_type: Some(onnx::FLOAT),
            raw_data: Some(values.iter().flat_map(|value| value.to_le_bytes()).collect()),
            ..Tensor::default()
        });
        name
    }

    /// Adds a constant of whole numbers, as [`Graph::add_floats`].
    pub(crate) fn add_integers(&mut self, name: &str, values: &[i64]) -> String {
        let name = self.free_name(name);
        self.proto_mut().initializer.push(Tensor {
            name: name.clone(),
            dims: vec![values.len() as i64],
            data_type: Some(onnx::INT64),
            raw_data: Some(values.iter().flat_map(|value| value.to_le_bytes()).collect()),
            ..Tensor::default()
        });
        name
    }

    /// A name that no tensor has.
    pub(crate) fn free_name(&self, like: &str) -> String {
        let graph = self.proto();
        let taken: HashSet<&str> = (graph.node.iter().flat_map(|node| node.output.iter().chain(&node.input)))
            .map(String::as_str)
            .chain(graph.initializer.iter().map(|tensor| tensor.name.as_str()))
            .chain(graph.input.iter().chain(&graph.output).map(|info| info.name.as_str()))
            .collect();
        (0..).map(|n| format!("{like}_{n}")).find(|name| !taken.contains(name.as_str())).unwrap_or_default()
    }

    /// Drops what nothing needs any more, and what was known of the sizes of tensors within.
    pub(crate) fn prune(&mut self) {
        let graph = self.proto_mut();
        loop {
            let mut needed: HashSet<String> = graph.output.iter().map(|output| output.name.clone()).collect();
            for node in &graph.node {
                needed.extend(node.input.iter().cloned());
                subgraphs(node).for_each(|inner| inputs_of(inner, &mut needed));
            }
            let before = graph.node.len();
            graph.node.retain(|node| node.output.iter().any(|output| needed.contains(output)));
            if graph.node.len() == before {
                let inputs: HashSet<String> = graph.input.iter().map(|input| input.name.clone()).collect();
                graph.initializer.retain(|tensor| needed.contains(&tensor.name) || inputs.contains(&tensor.name));
                break;
            }
        }
        graph.value_info.clear();
    }
}

/// The numbers in little-endian bytes; a tail that is too short for one is left out.
fn values<T, const N: usize>(raw: &[u8], read: impl Fn([u8; N]) -> T) -> Vec<T> {
    raw.chunks_exact(N).filter_map(|bytes| Some(read(bytes.try_into().ok()?))).collect()
}

/// An attribute of a node.
pub(crate) fn attribute<'a>(node: &'a Node, name: &str) -> Option<&'a Attribute> {
    node.attribute.iter().find(|attribute| attribute.name == name)
}

/// The whole numbers of an attribute, or `default` where it is absent.
pub(crate) fn integers_or(node: &Node, name: &str, default: &[i64]) -> Vec<i64> {
    attribute(node, name).map_or_else(|| default.to_vec(), |attribute| attribute.ints.clone())
}

/// The whole number of an attribute, or `default` where it is absent.
pub(crate) fn integer_or(node: &Node, name: &str, default: i64) -> i64 {
    attribute(node, name).and_then(|attribute| attribute.i).unwrap_or(default)
}

/// Sets an attribute of whole numbers.
pub(crate) fn set_integers(node: &mut Node, name: &str, values: &[i64]) {
    node.attribute.retain(|attribute| attribute.name != name);
    node.attribute.push(Attribute {
        name: name.to_owned(),
        kind: Some(onnx::INTS),
        ints: values.to_vec(),
        ..Attribute::default()
    });
}

/// Sets an attribute of one whole number.
pub(crate) fn set_integer(node: &mut Node, name: &str, value: i64) {
    node.attribute.retain(|attribute| attribute.name != name);
    let (name, kind) = (name.to_owned(), Some(onnx::INT));
    node.attribute.push(Attribute { name, kind, i: Some(value), ..Attribute::default() });
}

/// The padding of a convolution or pool is written out, as begin and end of each axis.
pub(crate) fn has_plain_padding(node: &Node) -> bool {
    attribute(node, "auto_pad").and_then(|pad| pad.s.as_deref()).is_none_or(|pad| pad.is_empty() || pad == b"NOTSET")
}

fn subgraphs(node: &Node) -> impl Iterator<Item = &GraphProto> {
    node.attribute.iter().flat_map(|attribute| attribute.g.iter().chain(&attribute.graphs))
}

fn reads(graph: &GraphProto, tensor: &str) -> bool {
    graph
        .node
        .iter()
        .any(|node| node.input.iter().any(|input| input == tensor) || subgraphs(node).any(|inner| reads(inner, tensor)))
        || graph.output.iter().any(|output| output.name == tensor)
}

fn inputs_of(graph: &GraphProto, names: &mut HashSet<String>) {
    for node in &graph.node {
        names.extend(node.input.iter().cloned());
        subgraphs(node).for_each(|inner| inputs_of(inner, names));
    }
    names.extend(graph.output.iter().map(|output| output.name.clone()));
}
