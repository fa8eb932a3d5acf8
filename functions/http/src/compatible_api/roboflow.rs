//! Roboflow's inference server, as far as `inference-sdk` asks it for objects: `InferenceHTTPClient(api_url=…).infer(…)`.
//!
//! <https://inference.roboflow.com>

use bytes::Bytes;
use http::Response;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use wire::{Code, MAX_IMAGES, Options, Problem, check_values, decode_base64};

use crate::engine::Engine;
use crate::reply;
use crate::request_content::RequestContent;

/// Which models there are.
pub(crate) const REGISTRY: &str = "/model/registry";
/// Loads a model: the one that is there answers to any name.
pub(crate) const ADD: &str = "/model/add";
/// Finds objects.
pub(crate) const INFER: &str = "/infer/object_detection";
/// All of it.
pub(crate) const PATHS: [&str; 3] = [REGISTRY, ADD, INFER];

/// A request's photo, or several.
#[derive(Deserialize)]
#[serde(untagged)]
enum Images<'a> {
    #[serde(borrow)]
    One(Image<'a>),
    Many(Vec<Image<'a>>),
}

#[derive(Deserialize)]
struct Image<'a> {
    #[serde(rename = "type")]
    kind: String,
    #[serde(borrow)]
    value: std::borrow::Cow<'a, str>,
}

#[derive(Deserialize)]
struct Request<'a> {
    #[serde(borrow)]
    image: Images<'a>,
    #[serde(flatten)]
    others: Map<String, Value>,
}

/// Roboflow's names of options, and ours.
const OPTIONS: [(&str, &str); 5] = [
    ("confidence", "confidence"),
    ("iou_threshold", "iou"),
    ("max_detections", "max_detections"),
    ("class_filter", "classes"),
    ("class_agnostic_nms", "class_agnostic"),
];

/// Reads the body of [`INFER`].
pub(crate) fn content(body: &[u8], max_bytes: usize) -> Result<RequestContent, Problem> {
    check_values(body)?;
    let Request { image, others } = serde_json::from_slice(body).map_err(|error| {
        let code = if error.is_data() { Code::InvalidParameter } else { Code::InvalidJson };
        let at = format!("line {}, column {}", error.line(), error.column());
        Problem::new(code, format!("The body must be JSON with image: {{\"type\": \"base64\", \"value\": …}} ({at})."))
    })?;
    let (images, many) = match image {
        Images::One(image) => (vec![image], false),
        Images::Many(images) => (images, true),
    };
    if images.is_empty() || images.len() > MAX_IMAGES {
        return Err(Problem::new(Code::InvalidParameter, format!("image must have 1 to {MAX_IMAGES} entries.")));
    }
    let named = OPTIONS.into_iter().filter_map(|(theirs, ours)| Some((ours.to_owned(), others.get(theirs)?.clone())));
    let options = Options::from_json(&named.collect())?;
    let photo = |image: Image<'_>| match image.kind.as_str() {
        "base64" => decode_base64(&image.value, max_bytes).map(Bytes::from),
        _ => Err(Problem::new(Code::InvalidParameter, "image.type must be base64: nothing is fetched from elsewhere.")),
    };
    let photos = images.into_iter().map(photo).collect();
    Ok(RequestContent { photos, many, raw: false, options, wanted: None })
}

/// The models of the registry: what is loaded, under its own name and the one that was asked for.
#[derive(Serialize)]
struct Models<'a> {
    models: Vec<Model<'a>>,
}

#[derive(Serialize)]
struct Model<'a> {
    model_id: &'a str,
    task_type: &'static str,
    batch_size: u32,
    input_width: Option<u32>,
    input_height: Option<u32>,
}

/// The answer to [`REGISTRY`] and, with the body that names a model, to [`ADD`].
pub(crate) fn models(engine: &Engine, body: &[u8]) -> Result<Response<Bytes>, Problem> {
    #[derive(Deserialize)]
    struct Add {
        model_id: Option<String>,
    }
    let asked = if body.is_empty() { None } else { serde_json::from_slice::<Add>(body).map_err(not_json)?.model_id };
    let size = engine.detector.input_size();
    let names = [Some(engine.model.name.as_str()), asked.as_deref()];
    let models = names.into_iter().flatten().map(|model_id| Model {
        model_id,
        task_type: "object-detection",
        batch_size: 1,
        input_width: size.map(|(width, _)| width),
        input_height: size.map(|(_, height)| height),
    });
    Ok(reply::json(&Models { models: models.collect() }))
}

fn not_json(error: serde_json::Error) -> Problem {
    let at = format!("line {}, column {}", error.line(), error.column());
    Problem::new(Code::InvalidJson, format!("The body must be JSON with model_id ({at})."))
}

/// A problem with the member that the client reads; `allowed` are the methods a 405 names.
pub(crate) fn fault(problem: &Problem, allowed: &'static str) -> Response<Bytes> {
    #[derive(Serialize)]
    struct Fault<'a> {
        message: &'a str,
        #[serde(flatten)]
        problem: &'a Problem,
    }
    let mut response = reply::problem(problem, allowed);
    if let Ok(body) = serde_json::to_vec(&Fault { message: &problem.detail, problem }) {
        *response.body_mut() = body.into();
    }
    response
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn the_contract_has_every_option() {
        let contract: Value = serde_json::from_str(wire::schema::OPENAPI).unwrap();
        let known = &contract["components"]["schemas"]["RoboflowRequest"]["properties"];
        let read = OPTIONS.map(|(theirs, ours)| {
            assert_eq!(known[theirs]["anyOf"][0]["$ref"], format!("#/components/schemas/{ours}"));
            theirs
        });
        let documented: BTreeSet<&str> = known.as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(documented, read.into_iter().chain(["image"]).collect());
    }
}
