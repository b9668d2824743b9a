//! From an HTTP request to its calls, and from their answers to an HTTP response.
//!
//! A well-formed HTTP request is answered with status 200 whatever its calls come to; only what never became a
//! call has another status: 408 body too slow, 413 too large, 415 no JSON, 503 too many requests.

use super::{BODY_TIMEOUT, Native, REQUEST_TIMEOUT, dispatch};
use crate::http::Peer;
use axum::{
    body::Body,
    extract::{Request, State},
    http::{HeaderMap, StatusCode, header::CONTENT_TYPE},
    response::Response as HttpResponse,
};
use http_body_util::{BodyExt as _, Limited};
use palisade_client::{
    api::ApiError,
    rpc::{
        BATCH_CALLS_MAX, REQUEST_BYTES_MAX,
        message::{ErrorObject, INVALID_REQUEST, PARSE_ERROR, Response, Version},
    },
};
use serde::Serialize;
use serde_json::value::RawValue;
use std::sync::Arc;
use tokio::{
    sync::SemaphorePermit,
    time::{Instant, timeout},
};

/// Once a batch has been answered with this much, the rest of it is refused: bounds the memory of answers.
pub(super) const BATCH_ANSWER_BYTES_MAX: usize = 32 * 1024 * 1024;

/// `POST /rpc`.
pub(super) async fn rpc(State(native): State<Arc<Native>>, peer: Peer, request: Request) -> HttpResponse {
    if !is_json(request.headers()) {
        let error = ErrorObject::protocol(INVALID_REQUEST, "content-type must be application/json");
        return json(StatusCode::UNSUPPORTED_MEDIA_TYPE, &refusal(error));
    }
    let (body, _held) = match timeout(BODY_TIMEOUT, read(&native, request.into_body())).await {
        Err(_) => {
            let error = ErrorObject::protocol(INVALID_REQUEST, "the body took too long");
            return json(StatusCode::REQUEST_TIMEOUT, &refusal(error));
        }
        Ok(Err(BodyError::Unreadable)) => {
            let message = format!("the body broke off or has more than {REQUEST_BYTES_MAX} bytes");
            let error = ErrorObject::protocol(INVALID_REQUEST, message);
            return json(StatusCode::PAYLOAD_TOO_LARGE, &refusal(error));
        }
        Ok(Err(BodyError::Busy)) => return busy(),
        Ok(Ok(read)) => read,
    };
    peer.received();
    let Ok(_permit) = native.requests.try_acquire() else { return busy() };
    answer(&native, &body).await
}

/// Why there is no body.
enum BodyError {
    Unreadable,
    Busy,
}

/// Reads a whole body, and counts what it holds for as long as it is held.
async fn read(native: &Native, body: Body) -> Result<(Vec<u8>, SemaphorePermit<'_>), BodyError> {
    let mut body = Limited::new(body, REQUEST_BYTES_MAX);
    let mut bytes = Vec::new();
    // One permit that grows: one for each frame would take more memory than the frames of a byte that it counts.
    let mut held = native.body_bytes.try_acquire_many(0).map_err(|_| BodyError::Busy)?;
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame.map_err(|_| BodyError::Unreadable)?.into_data() else { continue };
        let count = u32::try_from(data.len()).map_err(|_| BodyError::Unreadable)?;
        held.merge(native.body_bytes.try_acquire_many(count).map_err(|_| BodyError::Busy)?);
        bytes.extend_from_slice(&data);
    }
    Ok((bytes, held))
}

fn busy() -> HttpResponse {
    let busy = ApiError::Unavailable { reason: "too many requests at once: try again".to_owned() };
    json(StatusCode::SERVICE_UNAVAILABLE, &refusal(busy.into()))
}

async fn answer(native: &Native, body: &[u8]) -> HttpResponse {
    let deadline = Instant::now() + REQUEST_TIMEOUT;
    let Ok(raw) = serde_json::from_slice::<&RawValue>(body) else {
        let error = ErrorObject::protocol(PARSE_ERROR, "the body is not JSON");
        return json(StatusCode::OK, &refusal(error));
    };
    if !raw.get().starts_with('[') {
        return json(StatusCode::OK, &dispatch::answer(native, raw, deadline).await);
    }
    let calls: Vec<&RawValue> = match serde_json::from_str(raw.get()) {
        Ok(calls) => calls,
        Err(error) => {
            let error = ErrorObject::protocol(PARSE_ERROR, error.to_string());
            return json(StatusCode::OK, &refusal(error));
        }
    };
    if calls.is_empty() || calls.len() > BATCH_CALLS_MAX {
        let message = format!("a batch holds 1 to {BATCH_CALLS_MAX} calls, found {}", calls.len());
        return json(StatusCode::OK, &refusal(ErrorObject::protocol(INVALID_REQUEST, message)));
    }
    let mut answers: Vec<Response> = Vec::with_capacity(calls.len());
    let mut answer_bytes = 0usize;
    for call in calls {
        let answer = if answer_bytes > BATCH_ANSWER_BYTES_MAX {
            dispatch::refuse(
                call,
                &ApiError::Unavailable { reason: "the batch's answer is full: ask again".to_owned() },
            )
        } else {
            dispatch::answer(native, call, deadline).await
        };
        answer_bytes = answer_bytes.saturating_add(answer.result.as_ref().map_or(0, |result| result.get().len()));
        answers.push(answer);
    }
    json(StatusCode::OK, &answers)
}

/// An answer to something that had no readable id.
pub(super) fn refusal(error: ErrorObject) -> Response {
    Response { jsonrpc: Version, id: None, result: None, error: Some(error) }
}

/// A JSON response.
pub(super) fn json(status: StatusCode, content: &impl Serialize) -> HttpResponse {
    let (status, body) = match serde_json::to_vec(content) {
        Ok(body) => (status, body),
        Err(error) => {
            tracing::error!(%error, "an answer does not serialize");
            (StatusCode::INTERNAL_SERVER_ERROR, Vec::new())
        }
    };
    let mut response = HttpResponse::new(Body::from(body));
    *response.status_mut() = status;
    let content_type = axum::http::HeaderValue::from_static("application/json");
    response.headers_mut().insert(CONTENT_TYPE, content_type);
    response
}

fn is_json(headers: &HeaderMap) -> bool {
    let content_type = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let essence = content_type.split(';').next().unwrap_or_default();
    essence.trim().eq_ignore_ascii_case("application/json")
}
