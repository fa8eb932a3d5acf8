//! `openapi.json` against the types: what a type's `Deserialize` knows, the document names, and nothing else.

use std::cell::Cell;
use std::collections::BTreeSet;

use serde::de::value::Error;
use serde::de::{Deserialize, Deserializer, Error as _, Visitor};
use serde_json::Value;

use super::OPENAPI;
use crate::{Answer, Code, Format, FoundObject, ImageSize, ItemError, MAX_IMAGES, ModelRef, Options, Problem};
use crate::{ThresholdsUsed, TimingsMs, coco, names, rekognition};

type Names = &'static [&'static str];

/// Gives nothing and keeps the names that a derived `Deserialize` asks for.
struct Asked<'a>(&'a Cell<Names>);

impl<'de> Deserializer<'de> for Asked<'_> {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Error> {
        Err(Error::custom("neither a struct nor an enum"))
    }

    fn deserialize_struct<V: Visitor<'de>>(self, _: &'static str, fields: Names, _: V) -> Result<V::Value, Error> {
        self.0.set(fields);
        Err(Error::custom("its fields are known"))
    }

    fn deserialize_enum<V: Visitor<'de>>(self, _: &'static str, variants: Names, _: V) -> Result<V::Value, Error> {
        self.0.set(variants);
        Err(Error::custom("its variants are known"))
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct
        newtype_struct seq tuple tuple_struct map identifier ignored_any
    }
}

/// The fields of a struct or the variants of an enum, as they are written.
fn names<'de, T: Deserialize<'de>>() -> BTreeSet<&'static str> {
    let asked = Cell::new(&[] as Names);
    assert!(T::deserialize(Asked(&asked)).is_err());
    assert!(!asked.get().is_empty());
    asked.get().iter().copied().collect()
}

fn contract() -> Value {
    serde_json::from_str(OPENAPI).unwrap()
}

fn schema<'a>(contract: &'a Value, name: &str) -> &'a Value {
    contract["components"]["schemas"].get(name).unwrap_or_else(|| panic!("no schema {name}"))
}

fn properties(schema: &Value) -> BTreeSet<&str> {
    schema["properties"].as_object().unwrap().keys().map(String::as_str).collect()
}

fn texts(list: &Value) -> BTreeSet<&str> {
    list.as_array().unwrap().iter().map(|text| text.as_str().unwrap()).collect()
}

#[test]
fn every_option_is_in_every_form() {
    let options = names::<Options>();
    assert_eq!(options, names::OPTIONS.into_iter().collect());
    let contract = contract();
    for path in ["/", "/detect", "/api/detect"] {
        let parameters = contract["paths"][path]["post"]["parameters"].as_array().unwrap();
        let parameters =
            parameters.iter().map(|parameter| contract.pointer(&parameter["$ref"].as_str().unwrap()[1..]).unwrap());
        let query = parameters.filter(|parameter| parameter["in"] == "query").map(|parameter| &parameter["name"]);
        assert_eq!(query.map(|name| name.as_str().unwrap()).collect::<BTreeSet<_>>(), options, "{path}");
    }
    // JSON has a word for what is not given.
    for (name, photos, place) in [("Request", &["image", "images"][..], "/anyOf/0/$ref"), ("Form", &["image"], "/$ref")]
    {
        let form = &schema(&contract, name);
        assert_eq!(properties(form), options.iter().chain(photos).copied().collect(), "{name}");
        for option in &options {
            let described = form["properties"][option].pointer(place).and_then(Value::as_str);
            assert_eq!(described, Some(format!("#/components/schemas/{option}").as_str()), "{name}");
        }
    }
    assert_eq!(properties(&schema(&contract, "Model")["properties"]["options"]), options);
    assert_eq!(schema(&contract, "Request")["properties"]["images"]["maxItems"], MAX_IMAGES);
}

#[test]
fn every_choice_is_there() {
    let contract = contract();
    assert_eq!(texts(&schema(&contract, "format")["enum"]), names::<Format>());
    assert_eq!(texts(&schema(&contract, "redact")["enum"]), names::<crate::options::Redact>());
}

#[test]
fn every_code_is_there_with_its_status() {
    let contract = contract();
    assert_eq!(texts(&schema(&contract, "Code")["enum"]), names::<Code>());
    let mut described = BTreeSet::new();
    for (name, response) in contract["components"]["responses"].as_object().unwrap() {
        let Some(problem) = response["content"].get(Problem::MEDIA_TYPE) else { continue };
        let problem = &problem["schema"]["allOf"][1]["properties"];
        let status = problem["status"]["const"].as_u64().unwrap();
        let of_status = names::<Code>().into_iter().filter(|code| {
            let code: Code = serde_json::from_value((*code).into()).unwrap();
            u64::from(code.status()) == status
        });
        assert_eq!(texts(&problem["code"]["enum"]), of_status.collect(), "{name}");
        described.extend(texts(&problem["code"]["enum"]).iter().map(ToString::to_string));
    }
    assert_eq!(described.iter().map(String::as_str).collect::<BTreeSet<_>>(), names::<Code>());
}

#[test]
fn every_field_is_there() {
    let contract = contract();
    let with = |fields: BTreeSet<&'static str>, other| fields.into_iter().chain([other]).collect::<BTreeSet<_>>();
    for (name, fields) in [
        ("Answer", names::<Answer>()),
        ("ImageSize", names::<ImageSize>()),
        ("Detection", names::<FoundObject>()),
        ("ModelReference", names::<ModelRef>()),
        ("Thresholds", names::<ThresholdsUsed>()),
        ("Timings", names::<TimingsMs>()),
        ("PhotoError", names::<ItemError>()),
        // Roboflow's client reads one more.
        ("Problem", with(names::<Problem>(), "message")),
        ("CocoResult", names::<coco::CocoResult>()),
        ("RekognitionRequest", names::<rekognition::Request<'_>>()),
    ] {
        assert_eq!(properties(schema(&contract, name)), fields, "{name}");
    }
    let image = &schema(&contract, "RekognitionRequest")["properties"]["Image"];
    assert_eq!(properties(image), names::<rekognition::Image<'_>>());
    assert_eq!(properties(&image["properties"]["S3Object"]), names::<rekognition::S3Object>());
}

#[test]
fn it_is_the_contract_of_this_version() {
    assert_eq!(contract()["info"]["version"], env!("CARGO_PKG_VERSION"));
}
