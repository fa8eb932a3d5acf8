//! `detect-bulk`: loads the model, then works through events until Lambda ends the environment.

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;

use detect_bulk::{App, Deadline, Patience, Settings, Store};
use lambda_runtime::{Error, LambdaEvent, service_fn};
use serde_json::Value;
use telemetry::{Metrics, Stream};

const PROGRAM: &str = "detect-bulk";

// One thread for the network is enough; the workers are threads of their own.
#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let start = Instant::now();
    telemetry::init(Stream::Output);
    match run(start).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            telemetry::fatal(PROGRAM, &error);
            ExitCode::FAILURE
        }
    }
}

async fn run(start: Instant) -> Result<(), Error> {
    let settings = Settings::from_env()?;
    let metrics = Metrics::from_env(PROGRAM, Stream::Output)?;
    let store = Store::from_env(Patience::default()).await;
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
