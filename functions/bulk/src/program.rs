//! The program: loads the model, then works through events until Lambda ends the environment.

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;

use lambda_runtime::{Error, LambdaEvent, service_fn};
use serde_json::Value;
use telemetry::{Metrics, Stream};

use crate::{App, Deadline, RetryPolicy, Settings, Store};

const PROGRAM: &str = "detect-bulk";

/// `detect-bulk`, from its start to its exit code.
#[must_use]
pub fn start() -> ExitCode {
    let start = Instant::now();
    detector::runtime::disable_telemetry();
    telemetry::init(Stream::Output);
    match run(start) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            telemetry::fatal(PROGRAM, &error);
            ExitCode::FAILURE
        }
    }
}

// One thread for the network is enough; the workers are threads of their own.
#[tokio::main(flavor = "current_thread")]
async fn run(start: Instant) -> Result<(), Error> {
    let settings = Settings::from_env()?;
    let metrics = Metrics::from_env(PROGRAM, Stream::Output)?;
    let store = Store::from_env(RetryPolicy::default()).await;
    let app = Arc::new(App::load(settings, store, metrics, start).await?);
    lambda_runtime::run(service_fn(|event: LambdaEvent<Value>| {
        let app = Arc::clone(&app);
        async move {
            let deadline = Deadline::at_epoch_ms(event.context.deadline);
            app.handle(event.payload, &event.context.request_id, deadline).await
        }
    }))
    .await
}
