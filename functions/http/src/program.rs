//! The program: the Lambda function where Lambda starts it, with `--listen` a server.

use std::io::Write;
use std::process::ExitCode;
use std::time::Instant;

use clap::Parser;
use telemetry::{Metrics, Stream};
use tokio::runtime::{Builder, Runtime};
use wire::Settings;

use crate::{App, AppOptions, Arguments, Platform, Token, addresses, lambda, server};

const USAGE: &str = "\
detect-http: no address to listen on (and this is not AWS Lambda). Try:
  detect-http --listen 127.0.0.1:9000     (or LISTEN=127.0.0.1:9000; see detect-http --help)";

const PROGRAM: &str = "detect-http";
/// A wrong command line or environment, as opposed to a failure.
const WRONG_USE: u8 = 2;

/// `detect-http`, from its start to its exit code.
#[must_use]
pub fn start() -> ExitCode {
    let start = Instant::now();
    detector::runtime::disable_telemetry();
    let outcome = if std::env::var_os("AWS_LAMBDA_RUNTIME_API").is_some() { function(start) } else { serve(start) };
    outcome.unwrap_or_else(|error| {
        telemetry::fatal(PROGRAM, &error);
        ExitCode::FAILURE
    })
}

/// Says something on standard error, and does not mind where that is closed.
fn tell(text: &str) {
    let _ = writeln!(Stream::Error, "{text}");
}

fn function(start: Instant) -> anyhow::Result<ExitCode> {
    telemetry::init(Stream::Output);
    let metrics = Metrics::from_env(PROGRAM, Stream::Output).map_err(anyhow::Error::msg)?;
    // One thread for the network is enough; photos are looked at on threads of their own.
    let runtime = Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(lambda::run(metrics, start)).map_err(anyhow::Error::from_boxed)?;
    Ok(ExitCode::SUCCESS)
}

fn serve(start: Instant) -> anyhow::Result<ExitCode> {
    let arguments = Arguments::parse();
    let Some(listen) = arguments.listen() else {
        tell(USAGE);
        return Ok(ExitCode::from(WRONG_USE));
    };
    // Standard output is for the address alone.
    let log = Stream::Error;
    telemetry::init(log);
    let (addresses, settings, metrics) =
        match (addresses(&listen), Settings::from_env(), Metrics::from_env(PROGRAM, log)) {
            (Ok(addresses), Ok(settings), Ok(metrics)) => (addresses, settings, metrics),
            (addresses, settings, metrics) => {
                let reasons = [addresses.err(), settings.err().map(|error| error.to_string()), metrics.err()];
                reasons.iter().flatten().for_each(|reason| telemetry::fatal(PROGRAM, reason));
                return Ok(ExitCode::from(WRONG_USE));
            }
        };
    let token = Token::from_env();
    if token.is_none() && addresses.iter().any(|address| !address.ip().is_loopback()) {
        tracing::warn!("anyone who can reach {listen} can use it: set API_TOKEN, or listen on 127.0.0.1");
    }
    let sessions = arguments.sessions();
    let options = AppOptions {
        platform: Platform::Server,
        sessions,
        threads: arguments.threads,
        queue: arguments.queue,
        token,
        metrics,
    };
    let runtime = runtime(sessions)?;
    let outcome = runtime.block_on(server::run(App::new(settings, options), &addresses, start));
    // What was given up may still be at work.
    runtime.shutdown_background();
    outcome.map(|()| ExitCode::SUCCESS)
}

/// Two threads for the network: photos are looked at on threads of their own, one for each session, and need the cores.
fn runtime(sessions: usize) -> std::io::Result<Runtime> {
    Builder::new_multi_thread().worker_threads(2).max_blocking_threads(sessions + 1).enable_all().build()
}
