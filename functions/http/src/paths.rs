//! The paths of the service and the methods of each. What is not here is answered before anything else looks at it, so
//! this list is complete; `GET /openapi.json` is held against it.

use http::Method;
use wire::{Code, Problem};

use crate::compatible_api::roboflow;

/// The document that describes the service: OpenAPI 3.1, for everybody.
pub(crate) const CONTRACT: &str = "/openapi.json";

const READ: &str = "GET, HEAD";
const POSTED: &str = "POST";

/// Every path without a slash at its end, and its methods as `Allow` lists them.
const PATHS: [(&str, &str); 10] = [
    ("", "GET, HEAD, POST"),
    ("/detect", POSTED),
    ("/api/detect", POSTED),
    ("/health", READ),
    ("/model", READ),
    (CONTRACT, READ),
    ("/sample.jpg", READ),
    (roboflow::REGISTRY, READ),
    (roboflow::ADD, POSTED),
    (roboflow::INFER, POSTED),
];

/// The methods that a path takes; none where there is no such path.
pub(crate) fn allowed_methods(path: &str) -> &'static str {
    PATHS.iter().find(|(known, _)| *known == path).map_or("", |(_, methods)| methods)
}

/// Whether there is such a path, and it takes such a method.
///
/// # Errors
/// `not_found`, `method_not_allowed`.
pub(crate) fn check(method: &Method, path: &str) -> Result<(), Problem> {
    match allowed_methods(path) {
        "" => Err(Problem::new(
            Code::NotFound,
            "No such path. There are POST /detect, GET /model, GET /health, GET /openapi.json and, for a browser, GET /.",
        )),
        methods if methods.split(", ").any(|allowed| method == allowed) => Ok(()),
        methods => {
            let detail = format!("{method} is not allowed on this path. Allowed: {methods}.");
            Err(Problem::new(Code::MethodNotAllowed, detail))
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::Value;

    use super::*;

    #[test]
    fn the_contract_has_every_path_with_its_methods() {
        let contract: Value = serde_json::from_str(wire::schema::OPENAPI).unwrap();
        let methods = |path: &Value| {
            // GET means HEAD, too.
            let heads = path.get("get").map(|_| "HEAD".to_owned());
            let mut methods: Vec<String> = path.as_object().unwrap().keys().map(|m| m.to_uppercase()).collect();
            methods.extend(heads);
            methods.sort();
            methods.join(", ")
        };
        let paths = contract["paths"].as_object().unwrap();
        let documented: BTreeMap<&str, String> =
            paths.iter().map(|(path, found)| (path.trim_end_matches('/'), methods(found))).collect();
        let served: BTreeMap<&str, String> =
            PATHS.iter().map(|(path, methods)| (*path, (*methods).to_owned())).collect();
        assert_eq!(documented, served);
    }

    #[test]
    fn what_is_no_path_and_what_no_method_of_it() {
        assert!(check(&Method::HEAD, "/health").is_ok() && check(&Method::POST, "").is_ok());
        assert_eq!(check(&Method::POST, "/health").unwrap_err().code, Code::MethodNotAllowed);
        assert_eq!(check(&Method::GET, "/healthy").unwrap_err().code, Code::NotFound);
    }
}
