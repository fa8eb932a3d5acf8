//! What one run of a graph gave, as heads read it.

use std::borrow::Cow;

use half::f16;
use ort::session::SessionOutputs;
use ort::value::DynValue;

use crate::graph::Batch;

/// The outputs of one run, and the input they belong to.
pub(crate) struct Outputs<'v, 's> {
    values: &'v SessionOutputs<'s>,
    batch: &'v Batch,
    /// Width and height of the input tensor.
    pub(crate) input: (f32, f32),
    /// The same in whole pixels.
    pub(crate) size: (usize, usize),
}

/// An output that is missing, of another type, or too short. Never a caller's fault.
#[derive(Debug, thiserror::Error)]
#[error("output {output:?}: {reason}")]
pub(crate) struct HeadError {
    output: String,
    reason: String,
}

/// Dimensions and values of an output.
type Tensor<'v> = (Vec<usize>, Cow<'v, [f32]>);

impl<'v, 's> Outputs<'v, 's> {
    pub(crate) fn new(values: &'v SessionOutputs<'s>, batch: &'v Batch, input: (u32, u32)) -> Self {
        let size = (input.0 as usize, input.1 as usize);
        Self { values, batch, input: (input.0 as f32, input.1 as f32), size }
    }

    fn value(&self, name: &str) -> Result<&'v DynValue, HeadError> {
        self.values.get(name).ok_or_else(|| failed(name, "is missing".to_owned()))
    }

    /// How much of an output is the first photo's.
    fn photos(&self, name: &str) -> usize {
        if self.batch.outputs.iter().any(|output| output == name) { self.batch.photos } else { 1 }
    }

    /// Dimensions of an output, for a batch of one.
    pub(crate) fn shape(&self, name: &str) -> Option<Vec<usize>> {
        let mut shape: Vec<usize> =
            self.values.get(name)?.shape().iter().map(|d| usize::try_from(*d).unwrap_or(0)).collect();
        if let Some(first) = shape.first_mut() {
            *first /= self.photos(name);
        }
        Some(shape)
    }

    /// Shape and data of an output of floats.
    pub(crate) fn floats(&self, name: &str) -> Result<Tensor<'v>, HeadError> {
        let value = self.value(name)?;
        // A wrong guess costs microseconds: the usual first.
        let (shape, data) = match value.try_extract_tensor::<f32>() {
            Ok((shape, data)) => (shape, Cow::Borrowed(data)),
            Err(error) => {
                let halves = value.try_extract_tensor::<f16>();
                let (shape, data) = halves.map_err(|_| failed(name, error.to_string()))?;
                (shape, Cow::Owned(data.iter().map(|value| value.to_f32()).collect()))
            }
        };
        let mut shape: Vec<usize> = shape.iter().map(|d| usize::try_from(*d).unwrap_or(0)).collect();
        let photos = self.photos(name);
        if photos == 1 {
            return Ok((shape, data));
        }
        if let Some(first) = shape.first_mut() {
            *first /= photos;
        }
        let len = data.len() / photos;
        let first = match data {
            Cow::Borrowed(data) => Cow::Borrowed(&data[..len]),
            Cow::Owned(mut data) => {
                data.truncate(len);
                Cow::Owned(data)
            }
        };
        Ok((shape, first))
    }

    /// Like [`Outputs::floats`], of at least `len` values.
    pub(crate) fn floats_of(&self, name: &str, len: usize) -> Result<Cow<'v, [f32]>, HeadError> {
        let (shape, data) = self.floats(name)?;
        if data.len() < len {
            return Err(failed(name, format!("has shape {shape:?}, expected {len} values")));
        }
        Ok(data)
    }

    /// Whole numbers, such as class ids, which exporters write as integers or floats of any width.
    pub(crate) fn ids(&self, name: &str) -> Result<Vec<i64>, HeadError> {
        let value = self.value(name)?;
        let mut ids: Vec<i64> = if let Ok((_, ids)) = value.try_extract_tensor::<i64>() {
            ids.to_vec()
        } else if let Ok((_, ids)) = value.try_extract_tensor::<i32>() {
            ids.iter().map(|id| i64::from(*id)).collect()
        } else if let Ok((_, ids)) = value.try_extract_tensor::<u8>() {
            ids.iter().map(|id| i64::from(*id)).collect()
        } else {
            // A cast from NaN gives 0, from an out-of-range value the nearest: both are then no known class or a real one.
            return Ok(self.floats(name)?.1.iter().map(|id| id.round() as i64).collect());
        };
        ids.truncate(ids.len() / self.photos(name));
        Ok(ids)
    }
}

fn failed(output: &str, reason: String) -> HeadError {
    HeadError { output: output.to_owned(), reason }
}
