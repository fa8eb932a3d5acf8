//! What can be known of a graph before a reading is tried, and the inputs that families of models are trained on.

use super::names::label_names;
use crate::card::{Card, Color, HeadCard, HeadKind, Input, Layout, Resize};
use crate::graph::{Element, Graph, TensorInfo};
use crate::head::{STRIDES, grid};
use crate::letterbox::Placement;
use crate::plan::{InputPlan, USUAL_SIZE, image_input};
use crate::session::Worker;

/// What a graph says of itself.
pub(super) struct Evidence<'g> {
    pub(super) graph: &'g Graph,
    /// The names of its classes, from its metadata.
    pub(super) names: Option<Vec<String>>,
    /// Width and height of its input, where they are fixed or were so in a run.
    pub(super) size: Option<(usize, usize)>,
    layout: Layout,
    /// Height and width of its input are open.
    is_open: bool,
}

impl<'g> Evidence<'g> {
    /// # Errors
    /// Names that are there and cannot be read.
    pub(super) fn of(graph: &'g Graph, is_open: bool) -> Result<Self, String> {
        let names = label_names(graph)?;
        let image = image_input(graph).ok();
        let axes = image.map_or(&[][..], |image| &image.shape[image.shape.len().saturating_sub(3)..]);
        let layout = match axes {
            [3, ..] => Layout::Nchw,
            [.., 3] => Layout::Nhwc,
            _ => Layout::Nchw,
        };
        let side = |index: usize| axes.get(index).and_then(|d| usize::try_from(*d).ok()).filter(|d| *d > 0);
        let size = match layout {
            Layout::Nchw => side(2).zip(side(1)),
            Layout::Nhwc => side(1).zip(side(0)),
        };
        Ok(Self { graph, names, size, layout, is_open })
    }

    /// Candidates of grids of these strides, one for each cell.
    pub(super) fn cells(&self, strides: &[u32]) -> Option<usize> {
        let cells = |stride: &u32| grid(self.size.unwrap_or_default(), *stride as usize);
        self.size.map(|_| strides.iter().map(cells).map(|(columns, rows)| columns * rows).sum())
    }

    /// The same of strides 8, 16 and 32.
    pub(super) fn usual_cells(&self) -> Option<usize> {
        self.cells(&STRIDES)
    }

    /// A family's input, as this graph has it.
    pub(super) fn input(&self, input: Input) -> Input {
        let input = Input { size: input.size.or(self.open_size(&input)), layout: self.layout, ..input };
        // Bytes are pixels; what is done to them is done in the graph.
        match self.takes_bytes() {
            true => Input { scale: 1.0, mean: [0.0; 3], std: [1.0; 3], ..input },
            false => input,
        }
    }

    /// The size that a card of an open graph should have, so that it can be changed there.
    pub(super) fn open_size(&self, input: &Input) -> Option<[u32; 2]> {
        (self.is_open && input.resize != Resize::None).then_some([USUAL_SIZE, USUAL_SIZE])
    }

    /// Whether the photo goes in as bytes.
    fn takes_bytes(&self) -> bool {
        image_input(self.graph).is_ok_and(|image| image.element == Element::U8)
    }

    /// Outputs with so many axes.
    pub(super) fn outputs(&self, axes: usize) -> impl Iterator<Item = &'g TensorInfo> {
        self.graph.outputs.iter().filter(move |output| output.shape.len() == axes)
    }
}

/// A graph with the shapes that one run of it has, where it leaves some open.
#[derive(Debug, Clone)]
pub(crate) struct Probed {
    pub(crate) graph: Graph,
    /// Its input's height or width is open.
    pub(crate) has_open_size: bool,
}

impl Probed {
    /// Runs the graph where that tells more than it says itself. One that cannot be run stays as it is.
    pub(crate) fn of(graph: &Graph, worker: &mut Worker) -> Self {
        Self::by_a_run(graph, worker).unwrap_or_else(|| Self { graph: graph.clone(), has_open_size: false })
    }

    fn by_a_run(graph: &Graph, worker: &mut Worker) -> Option<Self> {
        let is_open = |tensor: &TensorInfo| tensor.shape.iter().any(|d| *d < 1);
        if !graph.inputs.iter().chain(&graph.outputs).any(is_open) {
            return None;
        }
        let image = image_input(graph).ok()?;
        let layout = Evidence::of(graph, false).map_or(Layout::Nchw, |evidence| evidence.layout);
        let input = Input { layout, resize: Resize::Stretch, ..Input::default() };
        let card = Card::of_graph("", Vec::new(), input, HeadCard::of(HeadKind::Table));
        let plan = InputPlan::new(&card, graph).ok()?;
        let placement = worker.preprocess(&super::look::scene(), &card, &plan);
        let names = graph.outputs.iter().map(|output| output.name.as_str());
        let shapes: Vec<_> =
            worker.run(&card, &plan, |outputs| names.map(|name| outputs.shape(name)).collect()).ok()?;
        let mut graph = graph.clone();
        for (output, shape) in graph.outputs.iter_mut().zip(shapes) {
            output.shape = shape.unwrap_or_default().into_iter().map(|d| i64::try_from(d).unwrap_or(-1)).collect();
        }
        let has_open_size = open_sides(image, layout, &placement, &mut graph);
        Some(Self { graph, has_open_size })
    }
}

/// Writes the run's width and height into the photo's input, and says whether they had been open.
fn open_sides(image: &TensorInfo, layout: Layout, placement: &Placement, probed: &mut Graph) -> bool {
    let first = image.shape.len().saturating_sub(3) + usize::from(layout == Layout::Nchw);
    let Some(input) = probed.inputs.iter_mut().find(|input| input.name == image.name) else { return false };
    let mut was_open = false;
    for (side, pixels) in input.shape.iter_mut().skip(first).zip([placement.input.1, placement.input.0]) {
        was_open |= *side < 1;
        *side = i64::from(pixels);
    }
    was_open
}

/// What the YOLO family since version 5 takes: RGB from 0 to 1, the photo in the middle.
pub(super) fn yolo_input() -> Input {
    Input { resize: Resize::LetterboxCenter, pad: 114, scale: 1.0 / 255.0, ..Input::default() }
}

/// RGB from 0 to 1, stretched: RT-DETR, D-FINE.
pub(super) fn stretched_input() -> Input {
    Input { resize: Resize::Stretch, scale: 1.0 / 255.0, ..Input::default() }
}

/// The same with ImageNet's mean and deviation: RF-DETR, PicoDet, DETR.
pub(super) fn imagenet_input() -> Input {
    Input { mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225], ..stretched_input() }
}

/// BGR with ImageNet's mean and deviation, of values from 0 to 255: NanoDet.
pub(super) fn nanodet_input() -> Input {
    Input {
        color: Color::Bgr,
        resize: Resize::LetterboxCenter,
        mean: [103.53, 116.28, 123.675],
        std: [57.375, 57.12, 58.395],
        ..Input::default()
    }
}
