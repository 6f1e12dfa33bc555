//! What the environment says of traces.

const ENDPOINT: &str = "OTEL_EXPORTER_OTLP_ENDPOINT";
const TRACES_ENDPOINT: &str = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT";
const PROTOCOL: &str = "OTEL_EXPORTER_OTLP_PROTOCOL";
const TRACES_PROTOCOL: &str = "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL";
const EXPORTER: &str = "OTEL_TRACES_EXPORTER";
const DISABLED: &str = "OTEL_SDK_DISABLED";

/// The only protocol that we speak.
const HTTP_PROTOBUF: &str = "http/protobuf";
/// Where a collector on the same machine listens.
const DEFAULT: &str = "http://localhost:4318/v1/traces";

/// Traces are wanted.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Wish {
    /// Where they go.
    pub(super) endpoint: String,
}

/// Whether traces are wanted, and where; or why they cannot be had in the way they are wanted.
///
/// They are wanted where an endpoint is set, or the exporter `otlp` is named. As the specification has it, an empty
/// variable is none.
pub(super) fn wish(variable: impl Fn(&str) -> Option<String>) -> Result<Option<Wish>, String> {
    let set =
        |name: &str| variable(name).map(|value| value.trim().to_owned()).filter(|value| !value.is_empty());
    if set(DISABLED).is_some_and(|value| value.eq_ignore_ascii_case("true")) {
        return Ok(None);
    }
    let own = set(TRACES_ENDPOINT);
    let common = set(ENDPOINT).map(|base| format!("{}/v1/traces", base.trim_end_matches('/')));
    let endpoint = own.or(common);
    match set(EXPORTER).as_deref() {
        Some("none") => return Ok(None),
        Some("otlp") => {}
        Some(other) => {
            return Err(format!("`{EXPORTER}` is `{other}`, and only `otlp` and `none` are known"));
        }
        None if endpoint.is_none() => return Ok(None),
        None => {}
    }
    let (name, protocol) = match (set(TRACES_PROTOCOL), set(PROTOCOL)) {
        (Some(protocol), _) => (TRACES_PROTOCOL, protocol),
        (None, Some(protocol)) => (PROTOCOL, protocol),
        (None, None) => (PROTOCOL, HTTP_PROTOBUF.to_owned()),
    };
    if protocol != HTTP_PROTOBUF {
        return Err(format!(
            "`{name}` is `{protocol}`, which tagferry does not speak: set it to `{HTTP_PROTOBUF}`, and the endpoint to \
             the collector's port for HTTP, mostly 4318"
        ));
    }
    Ok(Some(Wish { endpoint: endpoint.unwrap_or_else(|| DEFAULT.to_owned()) }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(variables: &[(&str, &str)], expected: Result<Option<&str>, &str>) {
        let value = |name: &str| {
            variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
        };
        let wish = wish(value).map(|wish| wish.map(|wish| wish.endpoint));
        match (wish, expected) {
            (Ok(endpoint), Ok(expected)) => assert_eq!(endpoint.as_deref(), expected),
            (Err(fault), Err(words)) => assert!(fault.contains(words), "{fault}"),
            (wish, expected) => panic!("{wish:?}, not {expected:?}"),
        }
    }

    #[test]
    fn without_a_variable_there_are_none() {
        check(&[], Ok(None));
        check(&[(ENDPOINT, ""), (EXPORTER, "")], Ok(None));
        check(&[(PROTOCOL, "grpc")], Ok(None));
    }

    #[test]
    fn an_endpoint_or_the_exporter_asks_for_them() {
        check(&[(ENDPOINT, "http://c:4318")], Ok(Some("http://c:4318/v1/traces")));
        check(&[(ENDPOINT, "http://c:4318/otel/")], Ok(Some("http://c:4318/otel/v1/traces")));
        check(&[(ENDPOINT, "http://c"), (TRACES_ENDPOINT, "http://t/in")], Ok(Some("http://t/in")));
        check(&[(EXPORTER, "otlp")], Ok(Some(DEFAULT)));
    }

    #[test]
    fn they_can_be_turned_off() {
        check(&[(ENDPOINT, "http://c:4318"), (DISABLED, "True")], Ok(None));
        check(&[(ENDPOINT, "http://c:4318"), (EXPORTER, "none")], Ok(None));
        check(&[(ENDPOINT, "http://c:4318"), (DISABLED, "no")], Ok(Some("http://c:4318/v1/traces")));
    }

    #[test]
    fn what_is_not_spoken_is_said_with_what_to_set() {
        let endpoint = (ENDPOINT, "http://c:4317");
        check(&[endpoint, (PROTOCOL, "grpc")], Err("set it to `http/protobuf`"));
        check(&[endpoint, (TRACES_PROTOCOL, "http/json"), (PROTOCOL, HTTP_PROTOBUF)], Err(TRACES_PROTOCOL));
        check(&[endpoint, (EXPORTER, "zipkin")], Err("only `otlp` and `none`"));
        check(
            &[endpoint, (PROTOCOL, "grpc"), (TRACES_PROTOCOL, HTTP_PROTOBUF)],
            Ok(Some("http://c:4317/v1/traces")),
        );
    }
}
