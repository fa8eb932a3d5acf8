//! What an ONNX graph says of itself: names, types and shapes of its inputs and outputs, and its metadata.

use std::collections::BTreeMap;
use std::fmt;

use ort::session::Session;
use ort::value::{Outlet, TensorElementType, ValueType};

use crate::prepared;

/// The graph behind a session. Dimensions of -1 are dynamic.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Graph {
    pub(crate) inputs: Vec<TensorInfo>,
    pub(crate) outputs: Vec<TensorInfo>,
    /// Custom metadata (`metadata_props`), as exporters write it.
    pub(crate) metadata: BTreeMap<String, String>,
    pub(crate) batch: Batch,
}

/// The batch that a graph is fixed to. Shapes are told as if it were of one photo.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Batch {
    /// Photos, 1 or more. Each photo is repeated as often.
    pub(crate) photos: usize,
    /// The outputs that hold something for each of them.
    pub(crate) outputs: Vec<String>,
}

/// One input or output.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct TensorInfo {
    pub(crate) name: String,
    pub(crate) element: Element,
    pub(crate) shape: Vec<i64>,
}

/// Element types that heads and inputs can have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Element {
    F32,
    F16,
    U8,
    Bool,
    I64,
    I32,
    Other,
}

impl Graph {
    pub(crate) fn of(session: &Session) -> ort::Result<Self> {
        let metadata = session.metadata()?;
        let keys = metadata.custom_keys()?;
        let mut inputs: Vec<TensorInfo> = session.inputs().iter().map(TensorInfo::of).collect();
        let mut outputs: Vec<TensorInfo> = session.outputs().iter().map(TensorInfo::of).collect();
        let batch = Batch::of(&mut inputs, &mut outputs);
        let metadata = keys.into_iter().filter_map(|key| Some((key.clone(), metadata.custom(&key)?))).collect();
        Ok(Self { inputs, outputs, metadata, batch })
    }

    /// Whether it was prepared, and height and width of its input are open.
    pub(crate) fn has_open_sizes(&self) -> bool {
        self.metadata.contains_key(prepared::OPEN_KEY)
    }

    /// Width and height that the source of a prepared graph had fixed.
    pub(crate) fn source_size(&self) -> Option<(u32, u32)> {
        self.metadata.get(prepared::SIZE_KEY).and_then(|text| prepared::parse_size(text))
    }

    pub(crate) fn input(&self, name: &str) -> Option<&TensorInfo> {
        self.inputs.iter().find(|input| input.is_called(name))
    }

    pub(crate) fn output(&self, name: &str) -> Option<&TensorInfo> {
        let exact = self.outputs.iter().find(|output| output.name == name);
        exact.or_else(|| self.outputs.iter().find(|output| output.is_called(name)))
    }

    /// The only output whose shape fits, or else an explanation that names them all.
    pub(crate) fn only_output(
        &self,
        expected: &str,
        fits: impl Fn(&TensorInfo) -> bool,
    ) -> Result<&TensorInfo, String> {
        let mut fitting = self.outputs.iter().filter(|output| fits(output));
        match (fitting.next(), fitting.next()) {
            (Some(output), None) => Ok(output),
            _ => Err(format!("it needs one output {expected}; the graph has {}", list(&self.outputs))),
        }
    }

    /// The output of that name, or an explanation.
    pub(crate) fn named_output(&self, name: &str) -> Result<&TensorInfo, String> {
        self.output(name).ok_or_else(|| format!("it needs an output {name:?}; the graph has {}", list(&self.outputs)))
    }
}

impl Batch {
    /// One photo.
    pub(crate) fn one() -> Self {
        Self { photos: 1, outputs: Vec::new() }
    }

    /// Takes the batch out of the shapes.
    fn of(inputs: &mut [TensorInfo], outputs: &mut [TensorInfo]) -> Self {
        let image = inputs.iter().find(|input| input.is_image() && input.shape.len() == 4);
        let Some(photos) = image.and_then(|image| image.dim(0)).filter(|photos| *photos > 1) else {
            return Self::one();
        };
        let mut batched = Vec::new();
        // Exporters may leave the batch of outputs open all the same.
        let is_batched = |tensor: &&mut TensorInfo| {
            tensor.dim(0) == Some(photos) || tensor.shape.len() > 2 && tensor.shape.first().is_some_and(|d| *d < 1)
        };
        for tensor in inputs.iter_mut().chain(outputs.iter_mut()).filter(is_batched) {
            tensor.shape[0] = 1;
            batched.push(tensor.name.clone());
        }
        Self { photos, outputs: batched }
    }
}

impl fmt::Display for Graph {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "inputs {}, outputs {}", list(&self.inputs), list(&self.outputs))
    }
}

fn list(tensors: &[TensorInfo]) -> String {
    tensors.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

impl TensorInfo {
    fn of(outlet: &Outlet) -> Self {
        let (element, shape) = match outlet.dtype() {
            ValueType::Tensor { ty, shape, .. } => {
                let element = match ty {
                    TensorElementType::Float32 => Element::F32,
                    TensorElementType::Float16 => Element::F16,
                    TensorElementType::Bool => Element::Bool,
                    TensorElementType::Uint8 => Element::U8,
                    TensorElementType::Int64 => Element::I64,
                    TensorElementType::Int32 => Element::I32,
                    _ => Element::Other,
                };
                (element, shape.iter().copied().collect())
            }
            _ => (Element::Other, Vec::new()),
        };
        Self { name: outlet.name().to_owned(), element, shape }
    }

    /// Whether it has that name. TensorFlow's converters leave ":0" behind names, which nobody writes into a card.
    pub(crate) fn is_called(&self, name: &str) -> bool {
        self.name == name || self.name.strip_suffix(":0") == Some(name)
    }

    /// Whether a photo may go in here: numbers with three axes, or four with the batch's.
    pub(crate) fn is_image(&self) -> bool {
        matches!(self.element, Element::F32 | Element::F16 | Element::U8) && matches!(self.shape.len(), 3 | 4)
    }

    /// True where every dimension is as expected or dynamic; `None` expects anything.
    pub(crate) fn fits(&self, expected: &[Option<usize>]) -> bool {
        self.shape.len() == expected.len()
            && self.shape.iter().zip(expected).all(|(have, want)| {
                *have < 0 || want.is_none_or(|want| usize::try_from(*have).is_ok_and(|have| have == want))
            })
    }

    /// A fixed dimension.
    pub(crate) fn dim(&self, index: usize) -> Option<usize> {
        self.shape.get(index).and_then(|d| usize::try_from(*d).ok()).filter(|d| *d > 0)
    }
}

impl fmt::Display for TensorInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shape: Vec<String> =
            self.shape.iter().map(|d| if *d < 0 { "?".to_owned() } else { d.to_string() }).collect();
        write!(f, "{:?} [{}]", self.name, shape.join(","))
    }
}
