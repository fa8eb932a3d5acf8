//! What people are told on standard error.

/// Writes a line to standard error. Whoever reads there may have seen enough (`2>&1 | head`): that is no reason to end,
/// and `eprintln!` would panic.
macro_rules! notice {
    ($($argument:tt)*) => {{
        use std::io::Write as _;
        let _ = writeln!(std::io::stderr(), $($argument)*);
    }};
}

pub(crate) use notice;
