//! One ONNX Runtime session with its input tensor: what a worker owns.

use std::path::PathBuf;

use ort::session::Session;
use ort::session::builder::GraphOptimizationLevel;
use ort::value::TensorRef;

use crate::card::{Card, Fit, Layout, Resize};
use crate::graph::{Element, Graph};
use crate::head::{Head, Outputs};
use crate::letterbox::{Fitting, Placement, Scratch, pack};
use crate::nms::Candidate;
use crate::{ModelError, Photo, prepared, runtime};

/// The commonest photo, in pixels: landscape 4:3.
const USUAL_PHOTO: (u32, u32) = (640, 480);

/// A graph's file, to be opened with so many threads.
#[derive(Debug, Clone)]
pub(crate) struct GraphFile {
    pub(crate) path: PathBuf,
    pub(crate) threads: usize,
}

impl GraphFile {
    /// Opens it. A graph of open sizes is fixed to `shape`, width and height of its input, where that is given: ONNX Runtime
    /// then loads it in a third of the time.
    pub(crate) fn open(&self, shape: Option<(u32, u32)>) -> Result<Session, ModelError> {
        let environment = runtime::environment()?;
        let build = || -> ort::Result<Session> {
            let mut builder = Session::builder(&environment)?
                .with_optimization_level(GraphOptimizationLevel::All)?
                .with_intra_threads(self.threads)?
                .with_inter_threads(1)?
                // Threads that sleep between two operators wake too late to be of use; threads that spin between two runs
                // would burn the processor that decoding and the network need. So they spin while a run lasts, and only then.
                .with_intra_op_spinning(self.threads > 1)?
                .with_config_entry("session.force_spinning_stop", "1")?;
            if let Some((width, height)) = shape {
                for (name, side) in prepared::OPEN_SIZES.into_iter().zip([height, width]) {
                    builder = builder.with_dimension_override(name, i64::from(side))?;
                }
            }
            builder.commit_from_file(&self.path)
        };
        build().map_err(|e| ModelError::Graph { path: self.path.display().to_string(), reason: e.to_string() })
    }
}

/// The input for the commonest photo.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct UsualShape {
    /// Width and height.
    pub(crate) shape: (u32, u32),
    /// That is all of the card's size, and every photo's.
    pub(crate) is_all: bool,
}

impl UsualShape {
    /// As far as a card tells before its graph is opened.
    pub(crate) fn of(card: &Card) -> Option<Self> {
        let [width, height] = card.input.size?;
        let own_shape = card.input.fit == Fit::Shape && is_letterboxed(card);
        let fitting =
            Fitting { size: Some((width, height)), resize: card.input.resize, stride: own_shape.then_some(32) };
        Some(Self { shape: Placement::new(USUAL_PHOTO, &fitting).input, is_all: !own_shape })
    }
}

fn is_letterboxed(card: &Card) -> bool {
    matches!(card.input.resize, Resize::Letterbox | Resize::LetterboxCenter)
}

/// What the graph's inputs are, held against the card.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct InputPlan {
    /// The photo's input.
    image: String,
    element: Element,
    /// The input for the size that boxes are scaled to, in deploy exports.
    target_sizes: Option<String>,
    /// Neither its width nor its height is fixed.
    any_shape: bool,
    /// How photos are fitted to it.
    pub(crate) fitting: Fitting,
}

impl InputPlan {
    /// # Errors
    /// What the card asks for and what the graph has.
    pub(crate) fn new(card: &Card, graph: &Graph) -> Result<Self, String> {
        let target_sizes = graph.input("orig_target_sizes").map(|input| input.name.clone());
        let mut images = graph.inputs.iter().filter(|input| Some(&input.name) != target_sizes.as_ref());
        let (Some(image), None) = (images.next(), images.next()) else {
            return Err(format!("it needs one input for the photo; the graph has {graph}"));
        };
        let (channels, rows, columns) = match card.input.layout {
            Layout::Nchw => (1, 2, 3),
            Layout::Nhwc => (3, 1, 2),
        };
        let layout = if card.input.layout == Layout::Nchw { "nchw" } else { "nhwc" };
        if image.shape.len() != 4
            || image.dim(channels).is_some_and(|c| c != 3)
            || image.dim(0).is_some_and(|batch| batch != 1)
        {
            return Err(format!("input {image} is no {layout} batch of one RGB photo"));
        }
        if !matches!(image.element, Element::F32 | Element::U8) {
            return Err(format!("input {image} must hold 32-bit floats or bytes"));
        }
        let side = |index: usize| image.dim(index).and_then(|d| u32::try_from(d).ok());
        // What we fixed when we opened it is not the graph's own.
        let (width, height) = if graph.has_open_sizes() { (None, None) } else { (side(columns), side(rows)) };
        let size = match card.input.size {
            Some([w, h]) if width.is_none_or(|g| g == w) && height.is_none_or(|g| g == h) => Some((w, h)),
            Some([w, h]) => return Err(format!("the card says input.size = [{w}, {h}], the graph's input is {image}")),
            None if card.input.resize == Resize::None => None,
            None => Some(width.zip(height).or(graph.source_size()).ok_or_else(|| {
                format!("input {image} has no fixed size: write input.size = [width, height] into the card")
            })?),
        };
        if card.input.resize == Resize::None && (width.is_some() || height.is_some()) {
            return Err(format!("the card says input.resize = \"none\", but input {image} has a fixed size"));
        }
        let fitting = Fitting { size, resize: card.input.resize, stride: None };
        let any_shape = width.is_none() && height.is_none();
        Ok(Self { image: image.name.clone(), element: image.element, target_sizes, any_shape, fitting })
    }

    /// Gives the input the photos' own shape where the card asks for it, and graph and head allow it.
    pub(crate) fn fit(&mut self, card: &Card, head: &dyn Head) {
        if card.input.fit == Fit::Shape && is_letterboxed(card) && self.any_shape {
            self.fitting.stride = head.stride();
        }
    }

    /// Width and height of the input for the commonest photo.
    pub(crate) fn usual_shape(&self) -> (u32, u32) {
        Placement::new(USUAL_PHOTO, &self.fitting).input
    }
}

/// Sessions of one graph and the buffers that live as long as they.
pub(crate) struct Worker {
    file: GraphFile,
    session: Session,
    /// The only input, width and height, that `session` takes; `None`: it takes what the graph takes.
    shape: Option<(u32, u32)>,
    /// For inputs of other shapes. Opened when the first comes: most callers' photos have one shape.
    other_shapes: Option<Session>,
    floats: Vec<f32>,
    bytes: Vec<u8>,
    scratch: Scratch,
    placement: Option<Placement>,
}

impl Worker {
    pub(crate) fn new(file: &GraphFile, session: Session, shape: Option<(u32, u32)>) -> Self {
        let (floats, bytes, scratch) = (Vec::new(), Vec::new(), Scratch::default());
        Self { file: file.clone(), session, shape, other_shapes: None, floats, bytes, scratch, placement: None }
    }

    /// The session alone.
    pub(crate) fn into_session(self) -> Session {
        self.session
    }

    /// Resizes and packs the photo into the input tensor, and says where it lies there.
    pub(crate) fn preprocess(&mut self, photo: &Photo, card: &Card, plan: &InputPlan) -> Placement {
        let placement = Placement::new((photo.width(), photo.height()), &plan.fitting);
        match plan.element {
            Element::U8 => pack(photo.pixels(), &placement, &card.input, &mut self.bytes, &mut self.scratch),
            _ => pack(photo.pixels(), &placement, &card.input, &mut self.floats, &mut self.scratch),
        }
        self.placement = Some(placement);
        placement
    }

    /// Runs the graph on the packed tensor and lets `read` see the outputs.
    pub(crate) fn run<R>(
        &mut self,
        card: &Card,
        plan: &InputPlan,
        read: impl FnOnce(&Outputs<'_, '_>) -> R,
    ) -> Result<R, ModelError> {
        let failed = |e: ort::Error| ModelError::Run(e.to_string());
        let input = self.placement.map_or((0, 0), |placement| placement.input);
        let (width, height) = (input.0 as usize, input.1 as usize);
        let shape = match card.input.layout {
            Layout::Nchw => [1, 3, height, width],
            Layout::Nhwc => [1, height, width, 3],
        };
        let target = [i64::from(input.0), i64::from(input.1)];
        let mut inputs = match plan.element {
            Element::U8 => {
                ort::inputs![plan.image.as_str() => TensorRef::from_array_view((shape, self.bytes.as_slice())).map_err(failed)?]
            }
            _ => {
                ort::inputs![plan.image.as_str() => TensorRef::from_array_view((shape, self.floats.as_slice())).map_err(failed)?]
            }
        };
        if let Some(name) = &plan.target_sizes {
            let sizes = TensorRef::from_array_view(([1usize, 2], target.as_slice())).map_err(failed)?;
            inputs.push((name.as_str().into(), sizes.into()));
        }
        let session = match self.shape {
            Some(shape) if shape != input => match &mut self.other_shapes {
                Some(session) => session,
                none => none.insert(self.file.open(None)?),
            },
            _ => &mut self.session,
        };
        let values = session.run(inputs).map_err(failed)?;
        Ok(read(&Outputs::new(&values, input)))
    }

    /// Runs the graph and its head.
    pub(crate) fn infer(
        &mut self,
        card: &Card,
        plan: &InputPlan,
        head: &dyn Head,
        confidence: f32,
    ) -> Result<(Vec<Candidate>, std::time::Instant), ModelError> {
        let mut candidates = Vec::new();
        let mut inferred = std::time::Instant::now();
        self.run(card, plan, |outputs| {
            inferred = std::time::Instant::now();
            head.read(outputs, confidence, &mut candidates)
        })?
        .map_err(|e| ModelError::Run(e.to_string()))?;
        Ok((candidates, inferred))
    }
}
