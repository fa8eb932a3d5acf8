//! CloudWatch metrics in the embedded metric format: a JSON line of which CloudWatch makes metrics.
//!
//! Names are as Powertools for AWS Lambda has them: dimensions `service` and `function_name`, a metric `ColdStart`. One document
//! for each invocation; it is the invocation's log line, too, so that both cost no more than one.

use std::borrow::Cow;
use std::env;
use std::io::Write;
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};
use wire::TimingsMs;

use crate::json::Line;
use crate::stream::Stream;

/// The service's name, a dimension of every metric.
const SERVICE: &str = "spotter";
const NAMESPACE: &str = "Spotter";
const DIMENSIONS: [&str; 2] = ["service", "function_name"];
/// The most values that CloudWatch takes of one metric in a document.
const MOST_VALUES: usize = 100;

/// Where metrics go, where they go at all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Metrics {
    namespace: String,
    function: String,
    stream: Stream,
}

/// The metrics and the log line of one invocation.
#[derive(Debug)]
pub struct Document {
    message: &'static str,
    metrics: Vec<(Cow<'static, str>, &'static str, Value)>,
    properties: Vec<(&'static str, Value)>,
}

impl Metrics {
    /// As the environment says: `METRICS` switches them on or off (under Lambda they are on); `METRICS_NAMESPACE` is where they
    /// are found, `Spotter` where unset.
    ///
    /// # Errors
    /// `METRICS` is neither.
    pub fn from_env(program: &str, stream: Stream) -> Result<Option<Self>, String> {
        Self::read(program, stream, &|name| env::var(name).ok().filter(|value| !value.trim().is_empty()))
    }

    fn read(program: &str, stream: Stream, variable: &dyn Fn(&str) -> Option<String>) -> Result<Option<Self>, String> {
        let on = match variable("METRICS").map(|value| value.trim().to_ascii_lowercase()).as_deref() {
            None => variable("AWS_LAMBDA_RUNTIME_API").is_some(),
            Some("true" | "1" | "yes" | "on") => true,
            Some("false" | "0" | "no" | "off") => false,
            Some(other) => return Err(format!("METRICS={other:?}: must be true or false")),
        };
        Ok(on.then(|| Self {
            namespace: variable("METRICS_NAMESPACE").unwrap_or_else(|| NAMESPACE.to_owned()),
            function: variable("AWS_LAMBDA_FUNCTION_NAME").unwrap_or_else(|| program.to_owned()),
            stream,
        }))
    }

    /// Writes a document; one without metrics is a log line like others.
    pub fn emit(&self, document: Document) {
        if document.metrics.is_empty() && !tracing::enabled!(tracing::Level::INFO) {
            return;
        }
        let line = format!("{}\n", self.line(document));
        let _ = { self.stream }.write_all(line.as_bytes());
    }

    fn line(&self, Document { message, metrics, properties }: Document) -> Line {
        let mut line = Line::begin("INFO");
        line.push("message", message);
        properties.into_iter().for_each(|(name, value)| line.push(name, value));
        if metrics.is_empty() {
            return line;
        }
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let names: Vec<Value> = metrics.iter().map(|(name, unit, _)| json!({"Name": name, "Unit": unit})).collect();
        let directive = json!({"Namespace": self.namespace, "Dimensions": [DIMENSIONS], "Metrics": names});
        line.push("_aws", json!({"Timestamp": since.as_millis() as u64, "CloudWatchMetrics": [directive]}));
        line.push(DIMENSIONS[0], SERVICE);
        line.push(DIMENSIONS[1], self.function.as_str());
        metrics.into_iter().for_each(|(name, _, value)| line.push(&name, value));
        line
    }
}

impl Document {
    /// A document whose log line has this message.
    #[must_use]
    pub fn new(message: &'static str) -> Self {
        Self { message, metrics: Vec::new(), properties: Vec::new() }
    }

    /// A number of things.
    pub fn count(&mut self, name: impl Into<Cow<'static, str>>, count: usize) {
        self.metrics.push((name.into(), "Count", count.into()));
    }

    /// Failures of one code, which must be one of a closed set: every code is a metric of its own, and costs as such.
    pub fn failures(&mut self, code: &str, count: usize) {
        self.count(format!("Failures.{code}"), count);
    }

    /// A number of bytes.
    pub fn bytes(&mut self, name: &'static str, bytes: u64) {
        self.metrics.push((name.into(), "Bytes", bytes.into()));
    }

    /// Times in milliseconds, one for each photo. Of more than CloudWatch takes, as many are kept in equal steps from the shortest
    /// to the longest, so that percentiles stay what they are.
    pub fn times(&mut self, name: &'static str, mut times: Vec<f64>) {
        if times.len() > MOST_VALUES {
            times.sort_by(f64::total_cmp);
            let last = times.len() - 1;
            times = (0..MOST_VALUES).map(|step| times[step * last / (MOST_VALUES - 1)]).collect();
        }
        if !times.is_empty() {
            self.metrics.push((name.into(), "Milliseconds", times.into()));
        }
    }

    /// The times of all stages, of photos that were looked at.
    pub fn stages(&mut self, photos: &[TimingsMs]) {
        let mut stage = |name, of: fn(&TimingsMs) -> f64| self.times(name, photos.iter().map(of).collect());
        stage("DecodeTime", |times| times.decode);
        stage("PreprocessTime", |times| times.preprocess);
        stage("InferenceTime", |times| times.inference);
        stage("PostprocessTime", |times| times.postprocess);
        stage("TotalTime", |times| times.total);
    }

    /// Something else of the log line.
    pub fn property(&mut self, name: &'static str, value: impl Into<Value>) {
        self.properties.push((name, value.into()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn metrics(pairs: &[(&str, &str)]) -> Result<Option<Metrics>, String> {
        let variable = |name: &str| pairs.iter().find(|(n, _)| *n == name).map(|(_, value)| (*value).to_owned());
        Metrics::read("detect-http", Stream::Output, &variable)
    }

    #[test]
    fn they_are_on_under_lambda_and_elsewhere_when_asked_for() {
        let lambda = [("AWS_LAMBDA_RUNTIME_API", "127.0.0.1:1"), ("AWS_LAMBDA_FUNCTION_NAME", "a-detect-http")];
        let found = metrics(&lambda).unwrap().unwrap();
        assert_eq!((found.namespace.as_str(), found.function.as_str()), ("Spotter", "a-detect-http"));
        assert_eq!(metrics(&[lambda[0], lambda[1], ("METRICS", "off")]), Ok(None));
        assert_eq!(metrics(&[]), Ok(None));
        let found = metrics(&[("METRICS", " True"), ("METRICS_NAMESPACE", "Mine")]).unwrap().unwrap();
        assert_eq!((found.namespace.as_str(), found.function.as_str()), ("Mine", "detect-http"));
        assert!(metrics(&[("METRICS", "perhaps")]).unwrap_err().contains("perhaps"));
    }

    #[test]
    fn a_document_is_within_what_cloudwatch_takes() {
        let mut document = Document::new("invocation");
        document.count("Photos", 10_000);
        document.failures("not_found", 3);
        document.times("TotalTime", (0..10_000).rev().map(f64::from).collect());
        document.times("DecodeTime", Vec::new());
        document.property("request_id", "r1");
        let metrics = metrics(&[("METRICS", "on")]).unwrap().unwrap();
        let line: Value = serde_json::from_str(&metrics.line(document).to_string()).unwrap();
        let directive = &line["_aws"]["CloudWatchMetrics"][0];
        assert_eq!(directive["Namespace"], "Spotter");
        assert_eq!(directive["Dimensions"], json!([["service", "function_name"]]));
        let names: Vec<&str> =
            directive["Metrics"].as_array().unwrap().iter().map(|metric| metric["Name"].as_str().unwrap()).collect();
        assert_eq!(names, ["Photos", "Failures.not_found", "TotalTime"]);
        let times: Vec<f64> = serde_json::from_value(line["TotalTime"].clone()).unwrap();
        assert_eq!((times.len(), times[0], times[99]), (100, 0.0, 9999.0));
        assert!((times[50] - 5050.0).abs() < 1.0, "{}", times[50]);
        assert_eq!(
            (&line["service"], &line["request_id"], &line["level"]),
            (&json!("spotter"), &json!("r1"), &json!("INFO"))
        );
        assert!(line["_aws"]["Timestamp"].as_u64().unwrap() > 1_700_000_000_000);
    }
}
