//! Running a graph beside its source, on tensors that hold anything.

use std::time::Instant;

use detector::{prepared, runtime};
use ort::logging::LogLevel;
use ort::session::builder::GraphOptimizationLevel;
use ort::session::{Session, SessionInputValue};
use ort::value::{DynValue, Tensor};

use crate::edit::Graph;
use crate::onnx;
use crate::sizes::{self, OutputShape};

/// What an output may differ by: a few units in the last place of each of some hundred layers.
const TOLERANCE: f32 = 1e-3;
/// Where the graph leaves its size open and nobody says it, in pixels.
const SIDE: u32 = 320;
/// The largest stride of today's detectors, and some of tomorrow's.
const STRIDE: u32 = 64;
const ROUNDS: usize = 7;
const LOADS: usize = 3;

/// What a prepared graph brings. Medians of one thread, in milliseconds: of the source, and of what was made of it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Measured {
    /// Width and height of the input on which they were measured.
    pub size: (u32, u32),
    /// From the file's bytes to a session.
    pub load_ms: (f64, f64),
    /// A run.
    pub run_ms: (f64, f64),
    /// A run of the prepared graph on an input of three quarters of that height, where it takes one.
    pub wide_ms: Option<f64>,
    /// The largest difference of an output, relative to its value where that is above 1.
    pub difference: f32,
}

/// The source's answers.
pub(crate) struct Trial {
    inputs: Vec<Input>,
    /// Width and height on which source and prepared graph are compared.
    size: (u32, u32),
    is_fixed: bool,
    /// For each round its outputs.
    expected: Vec<Vec<Output>>,
}

struct Input {
    name: String,
    dims: Vec<i64>,
    /// Its `DataType`.
    element: i32,
    /// The axes of rows and columns, where it is a photo.
    axes: Option<(usize, usize)>,
}

/// A name and its values, whatever they are.
type Output = (String, Vec<f32>);

impl Trial {
    /// # Errors
    /// Where the source itself does not run, or wants inputs of which nothing is known.
    pub(crate) fn new(source: &[u8], graph: &Graph, size: Option<(u32, u32)>) -> Result<Self, String> {
        let proto = graph.proto();
        let mut inputs = Vec::new();
        for info in proto.input.iter().filter(|info| !proto.initializer.iter().any(|tensor| tensor.name == info.name)) {
            let element = info.kind.as_ref().and_then(|kind| kind.tensor.as_ref()?.element).unwrap_or_default();
            let (name, dims, axes) =
                (info.name.clone(), sizes::dims(proto, &info.name), sizes::photo_axes(proto, &info.name));
            inputs.push(Input { name, dims, element, axes });
        }
        let photo = inputs.iter().find_map(|input| Some((input, input.axes?)));
        let (photo, (rows, columns)) = photo.ok_or("no image input with three channels")?;
        let side = |axis: usize| photo.dims.get(axis).and_then(|d| u32::try_from(*d).ok()).filter(|d| *d > 0);
        let fixed = side(columns).zip(side(rows));
        let size = fixed.or(size).unwrap_or((SIDE, SIDE));
        let mut trial = Self { inputs, size, is_fixed: fixed.is_some(), expected: Vec::new() };
        let mut session = open(source).map_err(|e| format!("ONNX Runtime cannot load it: {e}"))?;
        let rounds = (0..3).map(|round| trial.run(&mut session, size, round)).collect::<Result<_, _>>();
        trial.expected = rounds.map_err(|e| format!("it fails to run: {e}"))?;
        Ok(trial)
    }

    /// Width and height that the source's graph fixes.
    pub(crate) fn fixed_size(&self) -> Option<(u32, u32)> {
        self.is_fixed.then_some(self.size)
    }

    /// The largest difference to the source.
    ///
    /// # Errors
    /// What differs, or why the graph does not run.
    pub(crate) fn same(&self, graph: &[u8]) -> Result<f32, String> {
        let mut session = open(graph)?;
        let mut most = 0f32;
        for (round, expected) in self.expected.iter().enumerate() {
            let found = self.run(&mut session, self.size, round)?;
            for ((name, expected), (other, found)) in expected.iter().zip(&found) {
                if name != other || expected.len() != found.len() {
                    return Err(format!("output {name:?} has {} values instead of {}", found.len(), expected.len()));
                }
                for (a, b) in expected.iter().zip(found) {
                    let difference = if a.to_bits() == b.to_bits() { 0.0 } else { (a - b).abs() / a.abs().max(1.0) };
                    if difference.is_nan() || difference > TOLERANCE {
                        return Err(format!("output {name:?} has {b} instead of {a}"));
                    }
                    most = most.max(difference);
                }
            }
        }
        Ok(most)
    }

    /// Whether the graph takes inputs of other shapes, with as many values in its outputs as there are cells: half the rows
    /// give half of them. Returns what the outputs then are.
    ///
    /// # Errors
    /// Why not.
    pub(crate) fn other_sizes(&self, graph: &[u8]) -> Result<Vec<OutputShape>, String> {
        let mut session = open(graph)?;
        let (full, half) = (4 * STRIDE, 2 * STRIDE);
        let mut shapes = |size| -> Result<Vec<(String, Vec<i64>)>, String> {
            let values = session.run(self.inputs(size, 0)?).map_err(|e| clause(&e))?;
            Ok(values.iter().map(|(name, value)| (name.to_owned(), value.shape().to_vec())).collect())
        };
        let (square, wide, tall) = (shapes((full, full))?, shapes((full, half))?, shapes((half, full))?);
        let count = |shape: &[i64]| shape.iter().product::<i64>();
        let mut outputs = Vec::new();
        for (((name, square), (_, wide)), (_, tall)) in square.into_iter().zip(wide).zip(tall) {
            if count(&square) != 2 * count(&wide) || count(&wide) != count(&tall) || square.len() != wide.len() {
                return Err("the outputs do not scale with the input size".to_owned());
            }
            let dims =
                square.iter().zip(&wide).zip(&tall).map(|((a, b), c)| (a == b && b == c).then_some(*a)).collect();
            outputs.push((name, dims));
        }
        Ok(outputs)
    }

    /// Compares a prepared graph with its source once more, and measures both.
    ///
    /// # Errors
    /// As [`Trial::same`].
    pub(crate) fn measure(&self, source: &[u8], graph: &[u8]) -> Result<Measured, String> {
        let difference = self.same(graph)?;
        let (width, height) = self.size;
        let wide = (width, (height * 3 / 4).next_multiple_of(32));
        // As functions open them: fixed to a shape where the sizes are open.
        let open_both = || Ok::<_, String>((timed(|| open(source))?, timed(|| open_for(graph, Some(self.size)))?));
        let mut loads = [const { Vec::new() }; 2];
        for _ in 0..LOADS {
            let ((_, before), (_, after)) = open_both()?;
            loads[0].push(before);
            loads[1].push(after);
        }
        let ((mut before, _), (mut after, _)) = open_both()?;
        let mut for_wide = open_for(graph, Some(wide))?;
        // A first run on that shape tells whether there is one.
        let takes_wide = self.run(&mut for_wide, wide, 0).is_ok();
        let mut times = [const { Vec::new() }; 3];
        for round in 0..=ROUNDS {
            let sessions = [(&mut before, self.size), (&mut after, self.size), (&mut for_wide, wide)];
            for (place, (session, size)) in sessions.into_iter().enumerate() {
                if place == 2 && !takes_wide {
                    continue;
                }
                let time = self.time(session, size)?;
                if round > 0 {
                    times[place].push(time);
                }
            }
        }
        let [load_before, load_after] = loads.map(median);
        let [before, after, wide] = times.map(median);
        Ok(Measured {
            size: self.size,
            load_ms: (load_before, load_after),
            run_ms: (before, after),
            wide_ms: takes_wide.then_some(wide),
            difference,
        })
    }

    fn time(&self, session: &mut Session, size: (u32, u32)) -> Result<f64, String> {
        let inputs = self.inputs(size, 0)?;
        let start = Instant::now();
        session.run(inputs).map_err(|e| clause(&e))?;
        Ok(milliseconds(start))
    }

    fn run(&self, session: &mut Session, size: (u32, u32), round: usize) -> Result<Vec<Output>, String> {
        let values = session.run(self.inputs(size, round)?).map_err(|e| clause(&e))?;
        values.iter().map(|(name, value)| Ok((name.to_owned(), numbers(&value)?))).collect()
    }

    /// The inputs of a round: smooth waves and noise, as photos have both, in the range that each kind of model takes.
    fn inputs(
        &self,
        (width, height): (u32, u32),
        round: usize,
    ) -> Result<Vec<(String, SessionInputValue<'static>)>, String> {
        let mut random = fastrand::Rng::with_seed(round as u64);
        let amplitude = [255.0, 1.0, 128.0][round % 3];
        let mut inputs = Vec::new();
        for input in &self.inputs {
            let mut dims: Vec<i64> = input.dims.iter().map(|d| (*d).max(1)).collect();
            if let Some((rows, columns)) = input.axes {
                (dims[rows], dims[columns]) = (i64::from(height), i64::from(width));
            }
            let count = usize::try_from(dims.iter().product::<i64>()).map_err(|e| e.to_string())?;
            let wave = |i: usize| {
                let (x, y) = ((i as u32 % width) as f32, (i as u32 / width) as f32);
                0.5 + 0.3 * (x / 23.0).sin() * (y / 17.0).cos()
            };
            let mut photo =
                || (0..count).map(|i| (wave(i) + 0.2 * (random.f32() - 0.5)) * amplitude).collect::<Vec<f32>>();
            let failed = |e: ort::Error| clause(&e);
            let value: DynValue = match (input.element, input.axes.is_some()) {
                (onnx::FLOAT, true) => Tensor::from_array((dims, photo())).map_err(failed)?.into_dyn(),
                (onnx::UINT8, true) => {
                    let bytes: Vec<u8> = photo().into_iter().map(|v| v as u8).collect();
                    Tensor::from_array((dims, bytes)).map_err(failed)?.into_dyn()
                }
                (onnx::FLOAT, false) => Tensor::from_array((dims, vec![1f32; count])).map_err(failed)?.into_dyn(),
                (onnx::INT64, false) => {
                    Tensor::from_array((dims, vec![i64::from(width); count])).map_err(failed)?.into_dyn()
                }
                (element, _) => {
                    return Err(format!("input {:?} has an unsupported type ({element})", input.name));
                }
            };
            inputs.push((input.name.clone(), value.into()));
        }
        Ok(inputs)
    }
}

/// The values of an output as floats.
fn numbers(value: &ort::value::ValueRef<'_>) -> Result<Vec<f32>, String> {
    if let Ok((_, values)) = value.try_extract_tensor::<f32>() {
        return Ok(values.to_vec());
    }
    if let Ok((_, values)) = value.try_extract_tensor::<i64>() {
        return Ok(values.iter().map(|v| *v as f32).collect());
    }
    let (_, values) = value.try_extract_tensor::<i32>().map_err(|_| "an output has an unsupported type".to_owned())?;
    Ok(values.iter().map(|v| *v as f32).collect())
}

fn open(graph: &[u8]) -> Result<Session, String> {
    open_for(graph, None)
}

/// Opens a graph; where its sizes are open, as we name them, fixed to a width and height.
fn open_for(graph: &[u8], shape: Option<(u32, u32)>) -> Result<Session, String> {
    let environment = runtime::environment().map_err(|e| e.to_string())?;
    let build = || -> ort::Result<Session> {
        let mut builder = Session::builder(&environment)?
            .with_optimization_level(GraphOptimizationLevel::All)?
            .with_intra_threads(1)?
            .with_inter_threads(1)?
            .with_intra_op_spinning(false)?
            // What does not work out here is a result, not an error to be logged.
            .with_log_level(LogLevel::Fatal)?;
        if let Some((width, height)) = shape {
            for (name, side) in prepared::OPEN_SIZES.into_iter().zip([height, width]) {
                builder = builder.with_dimension_override(name, i64::from(side))?;
            }
        }
        builder.commit_from_memory(graph)
    };
    build().map_err(|e| clause(&e))
}

/// ONNX Runtime's complaint in one clause: which node, rather than where in its source.
fn clause(error: &ort::Error) -> String {
    let text = error.to_string();
    let text = text.split(" Status Message").next().unwrap_or_default();
    let text = text.replace("Non-zero status code returned while running", "ONNX Runtime fails at its");
    text.split('\n').next().unwrap_or_default().trim().chars().take(160).collect()
}

fn timed<R>(work: impl FnOnce() -> Result<R, String>) -> Result<(R, f64), String> {
    let start = Instant::now();
    Ok((work()?, milliseconds(start)))
}

fn milliseconds(since: Instant) -> f64 {
    since.elapsed().as_secs_f64() * 1e3
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}
