//! What a graph's inputs are, held against its card: the photo's, and those that tell the photo's size or place.

use ort::session::SessionInputValue;
use ort::value::Tensor;

use crate::card::{Card, Fit, Layout, Resize};
use crate::graph::{Batch, Element, Graph, TensorInfo};
use crate::head::Head;
use crate::letterbox::{Fitting, Placement};

/// The commonest photo, in pixels: landscape 4:3.
const USUAL_PHOTO: (u32, u32) = (640, 480);
/// Width and height where neither card nor graph says any.
pub(crate) const USUAL_SIZE: u32 = 640;

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
    pub(crate) image: String,
    pub(crate) element: Element,
    /// It has an axis for the batch.
    has_batch_axis: bool,
    pub(crate) batch: Batch,
    /// The other inputs.
    auxiliary: Vec<(TensorInfo, AuxiliaryInput)>,
    /// Neither its width nor its height is fixed.
    any_shape: bool,
    /// How photos are fitted to it.
    pub(crate) fitting: Fitting,
}

/// What an input beside the photo's tells the graph. Each says that the photo is the input tensor itself, so that boxes come
/// back in the input's pixels, like everybody's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum AuxiliaryInput {
    /// Width and height that boxes are scaled to: deploy exports of RT-DETR and its kin.
    TargetSizes,
    /// Factors of height and width between photo and input: Paddle.
    ScaleFactor,
    /// Height and width of the input: Paddle.
    ImageShape,
    /// Where the photo lies in the input: DETR.
    PixelMask,
}

/// The inputs beside the photo's that are known, by name.
const KNOWN_INPUTS: [(&str, AuxiliaryInput); 4] = [
    ("orig_target_sizes", AuxiliaryInput::TargetSizes),
    ("scale_factor", AuxiliaryInput::ScaleFactor),
    ("im_shape", AuxiliaryInput::ImageShape),
    ("pixel_mask", AuxiliaryInput::PixelMask),
];

fn auxiliary(input: &TensorInfo) -> Option<AuxiliaryInput> {
    KNOWN_INPUTS.iter().find(|(name, _)| input.is_called(name)).map(|(_, auxiliary)| *auxiliary)
}

/// The input for the photo: the only one that tells nothing else.
///
/// # Errors
/// That there is none, or that there are several.
pub(crate) fn image_input(graph: &Graph) -> Result<&TensorInfo, String> {
    let mut others = graph.inputs.iter().filter(|input| auxiliary(input).is_none());
    match (others.next(), others.next()) {
        (Some(image), None) => Ok(image),
        _ => {
            let known = KNOWN_INPUTS.map(|(name, _)| name).join(", ");
            Err(format!("it needs one input for the photo, and beside it only {known}; the graph has {graph}"))
        }
    }
}

impl InputPlan {
    /// # Errors
    /// What the card asks for and what the graph has.
    pub(crate) fn new(card: &Card, graph: &Graph) -> Result<Self, String> {
        let image = image_input(graph)?;
        let auxiliary = graph.inputs.iter().filter_map(|input| Some((input.clone(), auxiliary(input)?))).collect();
        let (channels, rows, columns) = match card.input.layout {
            Layout::Nchw => (0, 1, 2),
            Layout::Nhwc => (2, 0, 1),
        };
        let layout = if card.input.layout == Layout::Nchw { "nchw" } else { "nhwc" };
        // Without the batch's axis.
        let (batch, axes) = image.shape.split_at(image.shape.len().saturating_sub(3));
        let dim = |index: usize| axes.get(index).and_then(|d| u32::try_from(*d).ok()).filter(|d| *d > 0);
        if axes.len() != 3 || batch.len() > 1 || batch.iter().any(|d| *d > 1) || dim(channels).is_some_and(|c| c != 3) {
            return Err(format!("input {image} is no {layout} batch of RGB photos"));
        }
        if !image.is_image() {
            return Err(format!("input {image} must hold floats of 32 or 16 bits, or bytes"));
        }
        // What we fixed when we opened it is not the graph's own.
        let (width, height) = if graph.has_open_sizes() { (None, None) } else { (dim(columns), dim(rows)) };
        let size = match card.input.size {
            Some([w, h]) if width.is_none_or(|g| g == w) && height.is_none_or(|g| g == h) => Some((w, h)),
            Some([w, h]) => return Err(format!("the card says input.size = [{w}, {h}], the graph's input is {image}")),
            None if card.input.resize == Resize::None => None,
            None => graph.source_size().or(Some((width.unwrap_or(USUAL_SIZE), height.unwrap_or(USUAL_SIZE)))),
        };
        if card.input.resize == Resize::None && (width.is_some() || height.is_some()) {
            return Err(format!("the card says input.resize = \"none\", but input {image} has a fixed size"));
        }
        let fitting = Fitting { size, resize: card.input.resize, stride: None };
        Ok(Self {
            image: image.name.clone(),
            element: image.element,
            has_batch_axis: batch.len() == 1,
            batch: graph.batch.clone(),
            auxiliary,
            any_shape: width.is_none() && height.is_none(),
            fitting,
        })
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

    /// Dimensions of the photo's tensor, for an input of that width and height.
    pub(crate) fn tensor_shape(&self, layout: Layout, (width, height): (u32, u32)) -> Vec<usize> {
        let (width, height) = (width as usize, height as usize);
        let axes = match layout {
            Layout::Nchw => [3, height, width],
            Layout::Nhwc => [height, width, 3],
        };
        self.has_batch_axis.then_some(self.batch.photos).into_iter().chain(axes).collect()
    }

    /// What the graph is auxiliary beside the photo.
    ///
    /// # Errors
    /// ONNX Runtime's, or that an input holds what it cannot be auxiliary in.
    pub(crate) fn others(&self, placement: &Placement) -> Result<Vec<(&str, SessionInputValue<'static>)>, String> {
        self.auxiliary
            .iter()
            .map(|(input, auxiliary)| Ok((input.name.as_str(), self.value(input, *auxiliary, placement)?)))
            .collect()
    }

    fn value(
        &self,
        input: &TensorInfo,
        auxiliary: AuxiliaryInput,
        placement: &Placement,
    ) -> Result<SessionInputValue<'static>, String> {
        let (width, height) = (placement.input.0 as usize, placement.input.1 as usize);
        let (axes, values): (Vec<usize>, Vec<f32>) = match auxiliary {
            AuxiliaryInput::TargetSizes => (vec![2], vec![width as f32, height as f32]),
            AuxiliaryInput::ImageShape => (vec![2], vec![height as f32, width as f32]),
            AuxiliaryInput::ScaleFactor => (vec![2], vec![1.0, 1.0]),
            AuxiliaryInput::PixelMask => {
                // Exporters fix the mask's size where they traced it.
                let (rows, columns) = (input.dim(1).unwrap_or(height), input.dim(2).unwrap_or(width));
                let inside = |at: usize, cells: usize, side: usize, low: u32, len: u32| {
                    let pixel = (at * side / cells.max(1)) as u32;
                    (low..low + len).contains(&pixel)
                };
                let is_inside = |row: usize, column: usize| {
                    inside(row, rows, height, placement.offset.1, placement.content.1)
                        && inside(column, columns, width, placement.offset.0, placement.content.0)
                };
                let cells = (0..rows).flat_map(|row| (0..columns).map(move |column| (row, column)));
                (vec![rows, columns], cells.map(|(row, column)| f32::from(u8::from(is_inside(row, column)))).collect())
            }
        };
        let shape: Vec<usize> = std::iter::once(self.batch.photos).chain(axes).collect();
        let values = values.repeat(self.batch.photos);
        let failed = |e: ort::Error| e.to_string();
        Ok(match input.element {
            Element::I64 => Tensor::from_array((shape, of(&values, |v| v as i64))).map_err(failed)?.into(),
            Element::I32 => Tensor::from_array((shape, of(&values, |v| v as i32))).map_err(failed)?.into(),
            Element::U8 => Tensor::from_array((shape, of(&values, |v| v as u8))).map_err(failed)?.into(),
            Element::Bool => Tensor::from_array((shape, of(&values, |v| v > 0.0))).map_err(failed)?.into(),
            Element::F16 => Tensor::from_array((shape, of(&values, half::f16::from_f32))).map_err(failed)?.into(),
            Element::F32 => Tensor::from_array((shape, values)).map_err(failed)?.into(),
            Element::Other => {
                return Err(format!("input {input} holds numbers of a kind that it cannot be auxiliary in"));
            }
        })
    }
}

fn of<T>(values: &[f32], to: impl Fn(f32) -> T) -> Vec<T> {
    values.iter().map(|value| to(*value)).collect()
}
