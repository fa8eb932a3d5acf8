//! Photos filed by what is on them: keywords in XMP files, links in folders. Only photos of this machine can be.

use std::path::Path;

use anyhow::{Context, Error, Result};
use exports::{Catalog, Naming, Sidecars, SortAs, Sorter};
use wire::Answer;

use crate::args::{FilingArgs, SortedAs, XmpName};
use crate::report::counted;

/// What is done with each photo.
pub(crate) struct Filing {
    sidecars: Option<Sidecars>,
    sorter: Option<Sorter>,
    /// Where XMP files go in a folder of their own.
    names: Option<Catalog>,
    elsewhere: u64,
}

impl Filing {
    /// Makes the folders. `photos` makes the catalog of the photos, where it is known which there will be.
    pub(crate) fn open(args: &FilingArgs, photos: impl FnOnce() -> Option<Catalog>) -> Result<Self> {
        let naming = match args.xmp_name {
            XmpName::Full => Naming::Full,
            XmpName::Stem => Naming::Stem,
        };
        let how = match args.sort_as {
            SortedAs::Link => SortAs::Link,
            SortedAs::Hardlink => SortAs::HardLink,
            SortedAs::Copy => SortAs::Copy,
        };
        Ok(Self {
            sidecars: args.xmp.as_ref().map(|folder| Sidecars::new(folder.as_deref(), naming)).transpose()?,
            sorter: args.sort_into.as_ref().map(|folder| Sorter::new(folder, how)).transpose()?,
            names: if matches!(args.xmp, Some(Some(_))) { photos() } else { None },
            elsewhere: 0,
        })
    }

    /// Files a photo. A photo that cannot be filed ends no run: tells why.
    pub(crate) fn file(&mut self, photo: &Path, answer: &Answer) -> Vec<Error> {
        if self.sidecars.is_none() && self.sorter.is_none() {
            return Vec::new();
        }
        if !photo.is_file() {
            self.elsewhere += 1;
            return Vec::new();
        }
        let mut failures = Vec::new();
        if let Some(sidecars) = &mut self.sidecars {
            let listed = self.names.as_ref().and_then(|names| names.get(photo));
            let own = || photo.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let name = listed.map_or_else(own, |listed| listed.name.to_owned());
            let written = sidecars.write(photo, &name, answer);
            failures.extend(written.with_context(|| format!("no keywords for {}", photo.display())).err());
        }
        if let Some(sorter) = &mut self.sorter {
            failures.extend(sorter.sort(photo, answer).err());
        }
        failures
    }

    /// What is told at the end.
    pub(crate) fn note(&self) -> Option<String> {
        (self.elsewhere > 0).then(|| {
            let what = if self.sidecars.is_some() { "no XMP file was written for" } else { "not sorted:" };
            format!("{what} {}, not files of this machine", counted(self.elsewhere, "photo"))
        })
    }
}
