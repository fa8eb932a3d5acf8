//! Where a JPEG ran out of data before it ran out of rows. libjpeg fills the rest with grey and only warns, and
//! `mozjpeg` drops its warnings, so this is the error handler that keeps the one that counts.
#![allow(unsafe_code, reason = "libjpeg's error handler is a table of C functions")]

use std::cell::Cell;
use std::ffi::c_int;
use std::panic::resume_unwind;

use mozjpeg_sys::{JWRN_HIT_MARKER, jpeg_common_struct, jpeg_decompress_struct, jpeg_error_mgr, jpeg_std_error};

/// The first of what libjpeg's decoder lacked. Decoding stays on one thread, so this is the thread's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Shortage {
    /// The row of whole MCUs (interleaved blocks) in which the data ended, from 0.
    pub(super) row: u32,
}

thread_local! {
    static SHORTAGE: Cell<Option<Shortage>> = const { Cell::new(None) };
}

/// Forgets what earlier photos lacked, and gives the handler for the next one.
pub(super) fn handler() -> jpeg_error_mgr {
    SHORTAGE.set(None);
    // SAFETY: it is a C structure of numbers, null pointers and functions that may be absent, for which zeroes are valid,
    // and which `jpeg_std_error` fills in before anyone reads it.
    let mut handler: jpeg_error_mgr = unsafe { std::mem::zeroed() };
    // SAFETY: the argument is a live structure of the type it wants; nothing is kept.
    unsafe { jpeg_std_error(&mut handler) };
    handler.error_exit = Some(unwind);
    handler.emit_message = Some(note);
    handler
}

/// What the photo that was decoded since [`handler`] lacked.
pub(super) fn found() -> Option<Shortage> {
    SHORTAGE.get()
}

/// Warnings and traces: keeps where the data ended.
unsafe extern "C-unwind" fn note(decoder: &mut jpeg_common_struct, level: c_int) {
    // SAFETY: libjpeg sets `err` to the handler that it was given, which lives as long as the decoder.
    let code = unsafe { decoder.err.as_ref() }.map_or(0, |handler| handler.msg_code);
    if level >= 0 || code != JWRN_HIT_MARKER as c_int || decoder.is_decompressor == 0 || SHORTAGE.get().is_some() {
        return;
    }
    let decoder: *const jpeg_common_struct = decoder;
    // SAFETY: by `is_decompressor` these are the first fields of a jpeg_decompress_struct (jpeglib.h), which is alive,
    // since it is the one that warns, and which nothing else writes to meanwhile.
    let row = unsafe { (*decoder.cast::<jpeg_decompress_struct>()).input_iMCU_row };
    SHORTAGE.set(Some(Shortage { row }));
}

/// Fatal errors unwind out of libjpeg with their text, as `mozjpeg`'s own do.
unsafe extern "C-unwind" fn unwind(decoder: &mut jpeg_common_struct) {
    let buffer = [0u8; 80];
    // SAFETY: as above; `format_message` was set by `jpeg_std_error` and writes a terminated text of at most 80 bytes. It
    // is declared to take a shared reference, so the buffer is read back behind the compiler's back, through a pointer.
    let text = unsafe {
        let format = decoder.err.as_ref().and_then(|handler| handler.format_message);
        let shown = std::cell::UnsafeCell::new(buffer);
        if let Some(format) = format {
            format(decoder, &*shown.get());
        }
        std::ptr::read_volatile(shown.get())
    };
    let text = text.split(|byte| *byte == 0).next().unwrap_or_default();
    resume_unwind(Box::new(String::from_utf8_lossy(text).into_owned()));
}
