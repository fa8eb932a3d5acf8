//! `detect-http`: the Lambda function where Lambda starts it, with `--listen` a server.

use std::io::Write;
use std::process::ExitCode;
use std::time::Instant;

use clap::Parser;
use detect_http::{App, AppOptions, Arguments, Log, Platform, Token, addresses, lambda, server};
use tokio::runtime::{Builder, Runtime};
use wire::Settings;

const USAGE: &str = "\
detect-http: no address to listen on (and this is not AWS Lambda). Try:
  detect-http --listen 127.0.0.1:9000     (or LISTEN=127.0.0.1:9000; see detect-http --help)";

/// A wrong command line or environment, as opposed to a failure.
const WRONG_USE: u8 = 2;

fn main() -> ExitCode {
    let start = Instant::now();
    let outcome = if std::env::var_os("AWS_LAMBDA_RUNTIME_API").is_some() { function(start) } else { serve(start) };
    outcome.unwrap_or_else(|error| {
        tell(&format!("detect-http: {error:#}"));
        ExitCode::FAILURE
    })
}

/// Says something on standard error, and does not mind where that is closed.
fn tell(text: &str) {
    let _ = writeln!(Log::writer(), "{text}");
}

fn function(start: Instant) -> anyhow::Result<ExitCode> {
    lambda_http::tracing::init_default_subscriber();
    // One thread for the network is enough; photos are looked at on threads of their own.
    let runtime = Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(lambda::run(start)).map_err(anyhow::Error::from_boxed)?;
    Ok(ExitCode::SUCCESS)
}

fn serve(start: Instant) -> anyhow::Result<ExitCode> {
    let arguments = Arguments::parse();
    let Some(listen) = arguments.listen() else {
        tell(USAGE);
        return Ok(ExitCode::from(WRONG_USE));
    };
    let (addresses, settings) = match (addresses(&listen), Settings::from_env()) {
        (Ok(addresses), Ok(settings)) => (addresses, settings),
        (addresses, settings) => {
            let reasons = [addresses.err(), settings.err().map(|error| error.to_string())];
            reasons.iter().flatten().for_each(|reason| tell(&format!("detect-http: {reason}")));
            return Ok(ExitCode::from(WRONG_USE));
        }
    };
    // Standard output is for the address alone.
    lambda_http::tracing::init_default_subscriber_with_writer(Log::writer);
    let token = Token::from_env();
    if token.is_none() && addresses.iter().any(|address| !address.ip().is_loopback()) {
        tracing::warn!("anyone who can reach {listen} can use it: set API_TOKEN, or listen on 127.0.0.1");
    }
    let sessions = arguments.sessions();
    let options =
        AppOptions { platform: Platform::Server, sessions, threads: arguments.threads, queue: arguments.queue, token };
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
