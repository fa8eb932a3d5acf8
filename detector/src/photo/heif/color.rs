//! How the samples of a HEIF picture are to be read as colour (ISO/IEC 23091-2).

use heic_rs::{MatrixCoefficients, Nclx, Range};

use crate::photo::UnsupportedType;
use crate::photo::error::Failure;

/// Matrix and range, from a `colr` box or from the coded stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Color {
    /// The code of table 4, `MatrixCoefficients`.
    pub(super) matrix: u16,
    /// Samples from 0 on, not from 16 to 235.
    pub(super) full_range: bool,
}

/// `MatrixCoefficients` where nothing is said.
pub(super) const UNSPECIFIED: u16 = 2;

impl Color {
    /// For the conversion. What is unspecified is BT.601, as libheif and libavif read it.
    ///
    /// # Errors
    /// A matrix that is not linear, or rare.
    pub(super) fn nclx(self) -> Result<Nclx, Failure> {
        const BT_601: u16 = 6;
        let matrix_code = match self.matrix {
            UNSPECIFIED | 4 | 5 => BT_601,
            0 | 1 | 6 | 7 | 9 => self.matrix,
            _ => {
                return Err(Failure::NotRead(UnsupportedType::Picture("HEIF image with an unsupported colour matrix")));
            }
        };
        let range = if self.full_range { Range::Full } else { Range::Limited };
        let matrix = MatrixCoefficients::from_code(matrix_code);
        Ok(Nclx { primaries: 1, transfer: 13, matrix, matrix_code, range })
    }
}

impl From<Nclx> for Color {
    fn from(nclx: Nclx) -> Self {
        Self { matrix: nclx.matrix_code, full_range: nclx.range == Range::Full }
    }
}
