//! HEIF (ISO/IEC 23008-12): the container of HEIC and AVIF. A photo is one coded picture, or a grid of them as phones
//! write it, then cropped, turned and mirrored as its properties say. Exif does not count here: by the standard it only
//! repeats what `irot` and `imir` have said already.

mod av1;
mod color;
mod hevc;

use heic_rs::context::Context;
use heic_rs::ftyp::{Brand, FileType};
use heic_rs::props::ItemProps;
use heic_rs::{Error, Grid, Image, Mirror, PixelLayout, Transform, transform};
use image::RgbImage;
use image::metadata::Orientation;

use super::UnsupportedType;
use super::decoder::{Decoder, Header};
use super::error::{Failure, TRUNCATED, clause};

/// How far a coded picture may reach beyond what is shown of it: coding blocks have up to 64 pixels, AV1's 128.
const PADDING: u32 = 128;

/// The bytes of one pixel at the peak of decoding a coded picture: of HEVC two for each sample, chroma at half the size in
/// both directions, and three of RGB; of AV1 more, since chroma may have its full size.
const HEVC_BYTES: u64 = 6;
const AV1_BYTES: u64 = 8;

/// A HEIF file as its boxes tell it.
pub(super) struct Heif<'a> {
    context: Context<'a>,
    properties: ItemProps<'a>,
    tile_grid: Option<TileGrid>,
    /// Width and height before and after cropping and turning.
    coded: (u32, u32),
    shown: (u32, u32),
    /// What decoding takes at its peak.
    bytes: u64,
}

/// A grid, its tiles row by row, and the size of each.
struct TileGrid {
    grid: Grid,
    tiles: Vec<u32>,
    tile: (u32, u32),
}

impl TileGrid {
    fn open(context: &Context<'_>, grid: Grid, tiles: Vec<u32>) -> Result<Self, Failure> {
        let wrong = || Failure::damaged("the tiles do not fit the grid");
        let first = tiles.first().ok_or_else(wrong)?;
        let size = context.props(*first).map_err(damaged)?.ispe.ok_or_else(wrong)?;
        // Only the last row and column may reach beyond the picture, so that no grid is more work than its picture.
        let fits = |tile: u32, count: u32, side: u32| {
            let before_last = u64::from(tile) * u64::from(count - 1);
            before_last < u64::from(side) && before_last + u64::from(tile) >= u64::from(side)
        };
        if !fits(size.width, grid.columns, grid.output_width) || !fits(size.height, grid.rows, grid.output_height) {
            return Err(wrong());
        }
        Ok(Self { grid, tiles, tile: (size.width, size.height) })
    }
}

fn area((width, height): (u32, u32)) -> u64 {
    u64::from(width).saturating_mul(height.into())
}

impl<'a> Heif<'a> {
    /// Reads the boxes up to the primary item's.
    pub(super) fn open(bytes: &'a [u8]) -> Result<Self, Failure> {
        let meta = heic_rs::meta::parse(bytes).map_err(|error| match error {
            Error::MissingBox("meta") => {
                Failure::NotRead(UnsupportedType::Picture("HEIF file without a still picture"))
            }
            error => damaged(error),
        })?;
        // Its own reader of this box turns AV1 away, which here is decoded.
        let brand = Brand::Mif1;
        let ftyp = FileType { major: brand, effective: brand, minor_version: 0, compatible_count: 0 };
        let context = Context { file: bytes, ftyp, meta };
        let item = context.meta.primary;
        let mut properties = context.props(item).map_err(damaged)?;
        properties.transforms.iter_mut().for_each(as_corrected);
        let grid = context.grid(item).map_err(damaged)?;
        let tile_grid = grid.map(|(grid, tiles)| TileGrid::open(&context, grid, tiles)).transpose()?;
        let coded = match (&tile_grid, properties.ispe) {
            (Some(TileGrid { grid, .. }), _) => (grid.output_width, grid.output_height),
            (None, Some(size)) => (size.width, size.height),
            (None, None) => return Err(Failure::damaged("no image size in it")),
        };
        let shown = transform::transformed_size(coded.0, coded.1, &properties.transforms).map_err(damaged)?;
        let first = tile_grid.as_ref().and_then(|tile_grid| tile_grid.tiles.first().copied()).unwrap_or(item);
        let is_av1 = context.meta.item(first).is_some_and(|info| &info.item_type == b"av01");
        let each = if is_av1 { AV1_BYTES } else { HEVC_BYTES };
        // A tile may be larger than the picture that is cut from it.
        let bytes = match &tile_grid {
            Some(tile_grid) => area(coded).saturating_mul(4).max(area(tile_grid.tile).saturating_mul(each)),
            None => area(coded).saturating_mul(each),
        };
        Ok(Self { context, properties, tile_grid, coded, shown, bytes })
    }

    /// Decodes one coded picture, which must have at least the given size, and cuts it to that.
    fn picture(&self, item: u32, size: (u32, u32)) -> Result<Image, Failure> {
        let info = self.context.meta.item(item).ok_or_else(|| damaged(Error::MissingItem(item)))?;
        let properties = self.context.props(item).map_err(damaged)?;
        let data = self.context.item_data(item).map_err(damaged)?;
        let most = (size.0.saturating_add(PADDING), size.1.saturating_add(PADDING));
        let (frame, stream_color) = match &info.item_type {
            b"hvc1" | b"hev1" => hevc::decode(&properties, &data, most)?,
            b"av01" => av1::decode(data.into_owned(), most)?,
            kind => return Err(Failure::NotRead(of_item(kind))),
        };
        // A grid's own colour counts before its tiles', and either before what the stream says of itself.
        let color = self.properties.nclx.or(properties.nclx).map_or(stream_color, color::Color::from);
        if frame.width < size.0 || frame.height < size.1 {
            return Err(Failure::damaged("the picture is smaller than the header says"));
        }
        let pixels = u64::from(frame.width) * u64::from(frame.height);
        let image = heic_rs::color::convert(&frame, None, color.nclx()?, PixelLayout::Rgb8, pixels, Some(1));
        image.map_err(damaged)
    }

    /// Decodes the tiles one after the other into their places.
    fn compose(&self, TileGrid { grid, tiles, tile: size }: &TileGrid) -> Result<Image, Failure> {
        let (width, height) = self.coded;
        let mut whole = Image::zeroed(width, height, PixelLayout::Rgb8, u64::MAX).map_err(damaged)?;
        let row_bytes = whole.row_bytes();
        for (index, item) in (0u32..).zip(tiles) {
            let tile = self.picture(*item, *size)?;
            let (left, top) = (index % grid.columns * size.0, index / grid.columns * size.1);
            let bytes = 3 * size.0.min(width - left) as usize;
            let rows = size.1.min(height - top) as usize;
            let places = whole.data.chunks_exact_mut(row_bytes).skip(top as usize).take(rows);
            for (place, row) in places.zip(tile.data.chunks_exact(tile.row_bytes())) {
                place[3 * left as usize..][..bytes].copy_from_slice(&row[..bytes]);
            }
        }
        Ok(whole)
    }
}

impl Decoder for Heif<'_> {
    fn header(&self) -> Header {
        // What is cropped away costs as much as what is shown.
        let bytes_per_pixel = self.bytes.div_ceil(area(self.shown).max(1));
        Header { size: self.shown, bytes_per_pixel, orientation: Orientation::NoTransforms }
    }

    fn decode(self: Box<Self>, _eighths: u8) -> Result<RgbImage, Failure> {
        let image = match &self.tile_grid {
            Some(tile_grid) => self.compose(tile_grid)?,
            None => cut(self.picture(self.context.meta.primary, self.coded)?, self.coded),
        };
        let image = transform::apply_all(image, &self.properties.transforms).map_err(damaged)?;
        RgbImage::from_raw(image.width, image.height, image.data).ok_or_else(|| Failure::damaged(TRUNCATED))
    }
}

/// `imir` 0 exchanges top and bottom, 1 left and right: the second edition of the standard says so where the first was
/// misread by many, and libheif and libavif follow it. `heic-rs` has it the other way round.
fn as_corrected(transform: &mut Transform) {
    if let Transform::Mirror(mirror) = transform {
        *mirror = match mirror {
            Mirror::LeftRight => Mirror::TopBottom,
            Mirror::TopBottom => Mirror::LeftRight,
        };
    }
}

/// The upper left part of an image.
fn cut(mut image: Image, (width, height): (u32, u32)) -> Image {
    if (image.width, image.height) == (width, height) {
        return image;
    }
    let (from, to) = (image.row_bytes(), 3 * width as usize);
    for row in 0..height as usize {
        image.data.copy_within(row * from..row * from + to, row * to);
    }
    image.data.truncate(to * height as usize);
    Image { width, height, ..image }
}

/// What a file is whose picture is coded in neither HEVC nor AV1.
fn of_item(kind: &[u8; 4]) -> UnsupportedType {
    UnsupportedType::Picture(match kind {
        b"lhv1" => "multi-layer HEIF image (lhv1)",
        b"avc1" => "HEIF image coded in AVC (avc1)",
        b"vvc1" => "HEIF image coded in VVC (vvc1)",
        b"jpeg" => "HEIF image coded in JPEG (jpeg)",
        b"j2k1" => "HEIF image coded in JPEG 2000 (j2k1)",
        b"unci" => "uncompressed HEIF image (unci)",
        b"iden" | b"iovl" => "derived HEIF image (iden, iovl)",
        _ => "HEIF image in an unknown coding",
    })
}

fn damaged(error: Error) -> Failure {
    match error {
        Error::Unsupported(what) if what.contains("iovl") => Failure::NotRead(of_item(b"iovl")),
        error => Failure::Damaged(clause(&error.to_string())),
    }
}
