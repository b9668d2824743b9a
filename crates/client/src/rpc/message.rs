//! The frames of JSON-RPC 2.0, narrowed: every request has an id, which is a whole number or a short
//! string, and parameters are an object.

use crate::api::ApiError;
use serde::{Deserialize, Deserializer, Serialize, de::Error as _};
use serde_json::value::RawValue;

/// The body is not JSON.
pub const PARSE_ERROR: i64 = -32_700;
/// JSON, but no request.
pub const INVALID_REQUEST: i64 = -32_600;
/// No such method.
pub const METHOD_NOT_FOUND: i64 = -32_601;
/// Parameters of another shape.
pub const INVALID_PARAMS: i64 = -32_602;
/// The server failed; the request may be fine.
pub const INTERNAL_ERROR: i64 = -32_603;

/// Longest id.
pub const ID_BYTES_MAX: usize = 128;

/// The version that every frame states.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Version;

impl Serialize for Version {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str("2.0")
    }
}

impl<'de> Deserialize<'de> for Version {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        if text == "2.0" { Ok(Self) } else { Err(D::Error::custom("jsonrpc must be \"2.0\"")) }
    }
}

/// What a caller recognises its answer by.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum RequestId {
    /// A whole number.
    Number(i64),
    /// A string of at most [`ID_BYTES_MAX`] bytes.
    Text(#[serde(deserialize_with = "short_text")] String),
}

fn short_text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let text = String::deserialize(deserializer)?;
    if text.len() > ID_BYTES_MAX { Err(D::Error::custom("id is too long")) } else { Ok(text) }
}

/// A call.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Request {
    /// `"2.0"`.
    pub jsonrpc: Version,
    /// Required: there are no notifications.
    pub id: RequestId,
    /// One of [`super::method`].
    pub method: String,
    /// An object; may be left out where nothing is needed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub params: Option<Box<RawValue>>,
}

/// An answer: exactly one of `result` and `error`.
#[derive(Debug, Serialize, Deserialize)]
pub struct Response {
    /// `"2.0"`.
    pub jsonrpc: Version,
    /// The request's, or null if it could not be read.
    pub id: Option<RequestId>,
    /// The answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub result: Option<Box<RawValue>>,
    /// Why there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<ErrorObject>,
}

/// A refusal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorObject {
    /// A constant of this module, or [`code_of`] an [`ApiError`].
    pub code: i64,
    /// For people.
    pub message: String,
    /// For programs: the node's refusal whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data: Option<ApiError>,
}

impl ErrorObject {
    /// A refusal by the protocol.
    pub fn protocol(code: i64, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), data: None }
    }
}

impl From<ApiError> for ErrorObject {
    fn from(error: ApiError) -> Self {
        Self { code: code_of(&error), message: error.to_string(), data: Some(error) }
    }
}

/// The code of a node's refusal.
pub const fn code_of(error: &ApiError) -> i64 {
    match error {
        ApiError::InvalidRequest { .. } => -32_001,
        ApiError::Inadmissible { .. } => -32_002,
        ApiError::MempoolFull { .. } => -32_003,
        ApiError::Pruned { .. } => -32_004,
        ApiError::NotFound { .. } => -32_005,
        ApiError::Timeout { .. } => -32_006,
        ApiError::Unavailable { .. } => -32_007,
    }
}
