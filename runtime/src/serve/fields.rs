//! Reads the fields of a request one by one, so that a wrong one is named, and none is passed over in silence.

use serde_json::{Map, Value};

use super::errors::ApiError;

type Result<T> = std::result::Result<T, ApiError>;

/// The fields of a JSON object that are not read yet.
#[derive(Debug)]
pub(super) struct Fields(Map<String, Value>);

impl Fields {
    /// Parses a request body.
    pub(super) fn parse(body: &[u8]) -> Result<Self> {
        match serde_json::from_slice(body) {
            Ok(Value::Object(map)) => Ok(Self(map)),
            Ok(other) => Err(ApiError::invalid("invalid_json", format!("the body must be a JSON object, not {}", kind(&other)))),
            Err(e) => Err(ApiError::invalid("invalid_json", format!("the body is not valid JSON: {e}"))),
        }
    }

    /// A field as it is; null is the same as absent.
    pub(super) fn take(&mut self, name: &str) -> Option<Value> {
        self.0.remove(name).filter(|value| !value.is_null())
    }

    pub(super) fn text(&mut self, name: &str) -> Result<Option<String>> {
        match self.take(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(other) => Err(wrong(name, "a string", &other)),
        }
    }

    pub(super) fn flag(&mut self, name: &str) -> Result<Option<bool>> {
        match self.take(name) {
            None => Ok(None),
            Some(Value::Bool(flag)) => Ok(Some(flag)),
            Some(other) => Err(wrong(name, "true or false", &other)),
        }
    }

    pub(super) fn number(&mut self, name: &str) -> Result<Option<f32>> {
        self.take(name).map(|value| value.as_f64().map(|x| x as f32).ok_or_else(|| wrong(name, "a number", &value))).transpose()
    }

    pub(super) fn integer(&mut self, name: &str) -> Result<Option<i64>> {
        self.take(name).map(|value| value.as_i64().ok_or_else(|| wrong(name, "a whole number of 64 bits", &value))).transpose()
    }

    /// A whole number from `low` on; above `high` it is an error.
    pub(super) fn count(&mut self, name: &str, low: usize, high: usize) -> Result<Option<usize>> {
        let Some(value) = self.take(name) else { return Ok(None) };
        let number = value.as_i64().map(i128::from).or(value.as_u64().map(i128::from)).ok_or_else(|| wrong(name, "a whole number", &value))?;
        match usize::try_from(number) {
            Ok(number) if (low..=high).contains(&number) => Ok(Some(number)),
            _ if high == usize::MAX => Err(ApiError::field(name, format!("`{name}`: {number} is below {low}"))),
            _ => Err(ApiError::field(name, format!("`{name}`: {number} is not in {low}..={high}"))),
        }
    }

    /// Fields that change nothing about the answer.
    pub(super) fn ignore(&mut self, names: &[&str]) {
        for name in names {
            self.0.remove(*name);
        }
    }

    /// A field that would change the answer in a way that is not supported, unless its value asks for nothing.
    pub(super) fn refuse(&mut self, name: &str, nothing: impl Fn(&Value) -> bool) -> Result<()> {
        match self.take(name) {
            Some(value) if !nothing(&value) => {
                Err(ApiError::field(name, format!("`{name}` with this value is not supported by this server; leave it out")))
            }
            _ => Ok(()),
        }
    }

    /// What is left is unknown.
    pub(super) fn finish(self) -> Result<()> {
        match self.0.keys().next() {
            None => Ok(()),
            Some(name) => Err(ApiError::field(name, format!("`{name}` is not a field that this server knows"))),
        }
    }

    /// A nested object.
    pub(super) fn object(&mut self, name: &str) -> Result<Option<Self>> {
        match self.take(name) {
            None => Ok(None),
            Some(Value::Object(map)) => Ok(Some(Self(map))),
            Some(other) => Err(wrong(name, "an object", &other)),
        }
    }

    pub(super) fn list(&mut self, name: &str) -> Result<Option<Vec<Value>>> {
        match self.take(name) {
            None => Ok(None),
            Some(Value::Array(list)) => Ok(Some(list)),
            Some(other) => Err(wrong(name, "a list", &other)),
        }
    }
}

impl From<Map<String, Value>> for Fields {
    fn from(map: Map<String, Value>) -> Self {
        Self(map)
    }
}

impl IntoIterator for Fields {
    type Item = (String, Value);
    type IntoIter = serde_json::map::IntoIter;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

/// A field of the wrong type.
pub(super) fn wrong(name: &str, wanted: &str, got: &Value) -> ApiError {
    ApiError::field(name, format!("`{name}` must be {wanted}, not {}", kind(got)))
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(n) if n.is_f64() => "a fraction or a number that large",
        Value::Number(_) => "such a number",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}
