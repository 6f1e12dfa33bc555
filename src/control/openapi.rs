//! What the routes are, for machines.

use std::sync::LazyLock;

use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value};

use crate::control::answer::ErrorBody;
use crate::control::api::{Cancelled, Overview, Triggered};
use crate::worker::RunStatus;

/// The routes in `OpenAPI` 3.1. What they answer is described by its types.
const ROUTES: &str = include_str!("routes.json");

static DOCUMENT: LazyLock<String> = LazyLock::new(|| describe(ROUTES).unwrap_or_default().to_string());

/// `GET /api/v1/openapi.json`.
pub(super) async fn document() -> impl IntoResponse {
    ([(CONTENT_TYPE, "application/json")], &**DOCUMENT)
}

/// The routes with the schemas of what they answer.
fn describe(routes: &str) -> serde_json::Result<Value> {
    let mut document: Value = serde_json::from_str(routes)?;
    document["components"]["schemas"] = schemas().into();
    Ok(document)
}

fn schemas() -> Map<String, Value> {
    let settings = SchemaSettings::draft2020_12()
        .with(|settings| settings.definitions_path = "/components/schemas".into())
        .for_serialize();
    let mut generator = settings.into_generator();
    generator.subschema_for::<Overview>();
    generator.subschema_for::<Triggered>();
    generator.subschema_for::<Cancelled>();
    generator.subschema_for::<RunStatus>();
    generator.subschema_for::<ErrorBody>();
    let mut schemas = generator.take_definitions(true);
    for schema in schemas.values_mut() {
        if schema["type"] == "object" {
            // Whoever judges answers by this finds what is not described.
            schema["unevaluatedProperties"] = false.into();
        }
    }
    schemas
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::json;

    use super::*;

    #[test]
    fn every_route_is_described_and_nothing_else() {
        let document = describe(ROUTES).unwrap();
        let described: BTreeSet<&str> =
            document["paths"].as_object().unwrap().keys().map(String::as_str).collect();
        let routes: BTreeSet<&str> = crate::control::routes().into_iter().map(|(path, _)| path).collect();
        assert_eq!(described, routes);
    }

    #[test]
    fn whatever_a_route_refers_to_is_there() {
        let document = describe(ROUTES).unwrap();
        let text = document.to_string();
        let references: BTreeSet<&str> =
            text.split("\"$ref\":\"#").skip(1).map(|rest| rest.split('"').next().unwrap()).collect();
        assert!(references.contains("/components/schemas/Overview"), "{references:?}");
        for reference in references {
            assert!(document.pointer(reference).is_some(), "{reference}");
        }
    }

    #[test]
    fn a_type_is_described_as_it_is_written() {
        let schemas = schemas();
        let Value::Object(properties) = &schemas["Mirror"]["properties"] else { panic!("no properties") };
        let required = schemas["Mirror"]["required"].as_array().unwrap();
        assert_eq!(required.len(), properties.len(), "what is not known is null, and never left out");
        assert_eq!(properties["next_run"]["type"], json!(["string", "null"]));
        assert_eq!(properties["next_run"]["format"], "date-time");
        assert!(!properties.contains_key("counts"), "it is for metrics");
        assert!(schemas["MirrorPass"]["oneOf"].is_array(), "a finished pass has more to say");
        assert_eq!(schemas["Triggered"]["properties"]["mirrors"], schemas["Run"]["properties"]["mirrors"]);
    }
}
