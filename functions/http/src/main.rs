//! `detect-http`: loads the model, then serves Function URL events until Lambda ends the environment.

use std::sync::Arc;
use std::time::Instant;

use detect_http::App;
use lambda_http::{Request, service_fn};
use wire::Settings;

#[tokio::main]
async fn main() -> Result<(), lambda_http::Error> {
    let start = Instant::now();
    lambda_http::tracing::init_default_subscriber();
    let settings = Settings::from_env()?;
    let app = Arc::new(App::load(&settings, start)?);
    lambda_http::run(service_fn(|request: Request| {
        let app = Arc::clone(&app);
        async move { Ok::<_, std::convert::Infallible>(app.handle(request).await) }
    }))
    .await
}
