//! Why a call over the network has no answer.

use crate::api::ApiError;

/// A call that failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RpcError {
    /// The address of the node is not one.
    #[error("{url:?} is no node address: write http://host:port")]
    InvalidUrl {
        /// What was given.
        url: String,
    },
    /// TLS is not spoken here.
    #[error("{url:?} needs TLS, which this client does not speak: reach the node through a tunnel or on its own host")]
    TlsUnsupported {
        /// What was given.
        url: String,
    },
    /// No connection, or it broke.
    #[error("cannot reach {url}: {reason}")]
    Unreachable {
        /// Where.
        url: String,
        /// What the network said.
        reason: String,
    },
    /// Nothing came back in time.
    #[error("{url} did not answer within {timeout_ms} ms")]
    Timeout {
        /// Where.
        url: String,
        /// How long was waited.
        timeout_ms: u64,
    },
    /// An HTTP status that is not 200.
    #[error("{url} answered with HTTP status {status}: {body}")]
    HttpStatus {
        /// Where.
        url: String,
        /// The status.
        status: u16,
        /// The beginning of the body.
        body: String,
    },
    /// An answer that is not the answer to the call.
    #[error("{url} answered {method} with something else: {reason}")]
    InvalidAnswer {
        /// Where.
        url: String,
        /// The call.
        method: String,
        /// What is wrong.
        reason: String,
    },
    /// The server refused the call as such.
    #[error("JSON-RPC error {code}: {message}")]
    Protocol {
        /// The code.
        code: i64,
        /// The message.
        message: String,
    },
    /// The node refused.
    #[error(transparent)]
    Api(#[from] ApiError),
}

impl From<RpcError> for ApiError {
    fn from(error: RpcError) -> Self {
        match error {
            RpcError::Api(error) => error,
            RpcError::Timeout { timeout_ms, .. } => Self::Timeout { timeout_ms },
            RpcError::Protocol { code, message } if code != super::message::INTERNAL_ERROR => {
                Self::InvalidRequest { reason: message }
            }
            other => Self::Unavailable { reason: other.to_string() },
        }
    }
}
