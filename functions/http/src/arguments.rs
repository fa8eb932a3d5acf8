//! The command line of the plain server.

use std::net::{Ipv4Addr, SocketAddr, ToSocketAddrs};

use clap::Parser;

/// Finds objects in photos. A Function URL under AWS Lambda, an HTTP server anywhere else.
///
/// Environment variables configure the model and its defaults: MODEL, MODEL_SHA256, MODEL_DIR, CONFIDENCE, IOU,
/// MAX_DETECTIONS, MAX_IMAGE_BYTES, MAX_PIXELS, API_TOKEN, ORT_DYLIB_PATH, RUST_LOG, METRICS, METRICS_NAMESPACE.
#[derive(Debug, Clone, Parser)]
#[command(name = "detect-http", version)]
pub struct Arguments {
    /// Address to listen on; port 0 picks a free one, a port alone means 127.0.0.1 [default: $LISTEN]
    #[arg(long, value_name = "ADDR:PORT")]
    pub listen: Option<String>,

    /// Number of photos processed in parallel [default: available cores / threads]
    #[arg(long, value_name = "N", value_parser = positive)]
    pub sessions: Option<usize>,

    /// Threads per photo
    #[arg(long, value_name = "N", default_value = "1", value_parser = positive)]
    pub threads: usize,

    /// Requests that may wait; more get 503
    #[arg(long, value_name = "N", default_value = "64")]
    pub queue: usize,
}

/// More would be a slip of the pen, and each costs memory.
const MOST: usize = 1024;

fn positive(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(number @ 1..=MOST) => Ok(number),
        _ => Err(format!("expected a whole number from 1 to {MOST}")),
    }
}

impl Arguments {
    /// Where to listen: `--listen`, else `LISTEN`; `None` where neither says it.
    #[must_use]
    pub fn listen(&self) -> Option<String> {
        let given = || std::env::var("LISTEN").ok().filter(|value| !value.trim().is_empty());
        self.listen.clone().or_else(given)
    }

    /// Sessions: as given, else as many as keep all cores at work, which is what serves most photos a second. One
    /// session with more threads answers a single photo sooner, but two sessions of one thread do more than one of two.
    #[must_use]
    pub fn sessions(&self) -> usize {
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        self.sessions.unwrap_or_else(|| (cores / self.threads).clamp(1, MOST))
    }
}

/// The addresses that `ADDR:PORT`, `:PORT` or `PORT` means.
///
/// # Errors
/// What is wrong with it, in a sentence.
pub fn addresses(listen: &str) -> Result<Vec<SocketAddr>, String> {
    let text = listen.trim();
    if let Ok(port) = text.strip_prefix(':').unwrap_or(text).parse() {
        return Ok(vec![(Ipv4Addr::LOCALHOST, port).into()]);
    }
    let reason =
        |error: std::io::Error| format!("--listen {text:?}: {error}; expected ADDR:PORT, for example 127.0.0.1:9000");
    Ok(text.to_socket_addrs().map_err(reason)?.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        <Arguments as clap::CommandFactory>::command().debug_assert();
    }

    #[test]
    fn an_address_may_be_a_port_alone() {
        for (listen, address) in
            [("9000", "127.0.0.1:9000"), (":0", "127.0.0.1:0"), ("0.0.0.0:80", "0.0.0.0:80"), ("[::1]:80", "[::1]:80")]
        {
            assert_eq!(addresses(listen).unwrap(), [address.parse().unwrap()], "{listen}");
        }
        for listen in ["", "127.0.0.1", "127.0.0.1:99999", "host:", "::1"] {
            let error = addresses(listen).unwrap_err();
            assert!(error.contains(listen) && error.contains("ADDR:PORT"), "{error}");
        }
    }

    #[test]
    fn sessions_take_all_cores() {
        let arguments = |line: &[&str]| Arguments::try_parse_from([&["detect-http"], line].concat());
        let cores = arguments(&[]).unwrap().sessions();
        assert!(cores >= 1);
        assert_eq!(arguments(&["--threads", "1000"]).unwrap().sessions(), 1);
        assert_eq!(arguments(&["--sessions", "3", "--threads", "2"]).unwrap().sessions(), 3);
        assert!(arguments(&["--sessions", "0"]).is_err() && arguments(&["--queue", "-1"]).is_err());
    }
}
