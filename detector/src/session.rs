//! One ONNX Runtime session with its input tensor: what a worker owns.

use std::path::PathBuf;

use half::f16;
use ort::session::builder::GraphOptimizationLevel;
use ort::session::{Session, SessionInputValue};
use ort::value::TensorRef;

use crate::card::Card;
use crate::graph::Element;
use crate::head::{Head, Outputs};
use crate::letterbox::{Placement, Scratch, pack};
use crate::nms::Candidate;
use crate::plan::InputPlan;
use crate::{ModelError, Photo, Thresholds, model, prepared, runtime};

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
        build().map_err(|e| {
            let reason = model::explained(&self.path, &e.to_string());
            ModelError::Graph { path: self.path.display().to_string(), reason }
        })
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
    halves: Vec<f16>,
    bytes: Vec<u8>,
    scratch: Scratch,
    placement: Option<Placement>,
}

impl Worker {
    pub(crate) fn new(file: &GraphFile, session: Session, shape: Option<(u32, u32)>) -> Self {
        Self {
            file: file.clone(),
            session,
            shape,
            other_shapes: None,
            floats: Vec::new(),
            halves: Vec::new(),
            bytes: Vec::new(),
            scratch: Scratch::default(),
            placement: None,
        }
    }

    /// The session alone.
    pub(crate) fn into_session(self) -> Session {
        self.session
    }

    /// Resizes and packs the photo into the input tensor, and says where it lies there.
    pub(crate) fn preprocess(&mut self, photo: &Photo, card: &Card, plan: &InputPlan) -> Placement {
        let placement = Placement::new((photo.width(), photo.height()), &plan.fitting);
        let (pixels, card, scratch) = (photo.pixels(), &card.input, &mut self.scratch);
        let photos = plan.batch.photos;
        match plan.element {
            Element::U8 => packed(photos, &mut self.bytes, |tensor| pack(pixels, &placement, card, tensor, scratch)),
            Element::F16 => packed(photos, &mut self.halves, |tensor| pack(pixels, &placement, card, tensor, scratch)),
            _ => packed(photos, &mut self.floats, |tensor| pack(pixels, &placement, card, tensor, scratch)),
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
        let Some(placement) = self.placement else { return Err(ModelError::Run("no photo was packed".to_owned())) };
        let input = placement.input;
        let shape = plan.tensor_shape(card.input.layout, input);
        let image: SessionInputValue<'_> = match plan.element {
            Element::U8 => TensorRef::from_array_view((shape, self.bytes.as_slice())).map_err(failed)?.into(),
            Element::F16 => TensorRef::from_array_view((shape, self.halves.as_slice())).map_err(failed)?.into(),
            _ => TensorRef::from_array_view((shape, self.floats.as_slice())).map_err(failed)?.into(),
        };
        let mut inputs = plan.others(&placement).map_err(ModelError::Run)?;
        inputs.push((plan.image.as_str(), image));
        let session = match self.shape {
            Some(shape) if shape != input => match &mut self.other_shapes {
                Some(session) => session,
                none => none.insert(self.file.open(None)?),
            },
            _ => &mut self.session,
        };
        let values = session.run(inputs).map_err(failed)?;
        Ok(read(&Outputs::new(&values, &plan.batch, input)))
    }

    /// Runs the graph and its head.
    pub(crate) fn infer(
        &mut self,
        card: &Card,
        plan: &InputPlan,
        head: &dyn Head,
        wanted: &Thresholds,
    ) -> Result<(Vec<Candidate>, std::time::Instant), ModelError> {
        let mut candidates = Vec::new();
        let mut inferred = std::time::Instant::now();
        self.run(card, plan, |outputs| {
            inferred = std::time::Instant::now();
            head.read(outputs, wanted, &mut candidates)
        })?
        .map_err(|e| ModelError::Run(e.to_string()))?;
        Ok((candidates, inferred))
    }
}

/// Packs one photo, and repeats it for a graph that takes no fewer.
fn packed<T: Clone>(photos: usize, tensor: &mut Vec<T>, pack: impl FnOnce(&mut Vec<T>)) {
    pack(tensor);
    let one = tensor.len();
    for _ in 1..photos {
        tensor.extend_from_within(..one);
    }
}
