//! What all HTTP routes share: who asks, how a body is read, how errors are said.

use crate::{config::Limits, places::Place, rate::RateError};
use axum::{
    body::{Body, Bytes},
    extract::{FromRequestParts, Request},
    http::{HeaderValue, Method, StatusCode, header, request::Parts},
    middleware::Next,
    response::{IntoResponse, Response},
};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use std::{
    convert::Infallible,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};

/// Who asks. The connection loop puts it into every request.
#[derive(Clone)]
pub struct Peer {
    address: SocketAddr,
    /// The place among all connections; whoever outlives its request, as a WebSocket does, holds on to it.
    place: Option<Arc<Place>>,
}

impl Peer {
    /// The peer of a connection that has a place.
    pub const fn new(address: SocketAddr, place: Arc<Place>) -> Self {
        Self { address, place: Some(place) }
    }

    /// Its request was received whole: from here on the connection is not cut off for another's sake.
    pub fn received(&self) {
        if let Some(place) = &self.place {
            place.busy();
        }
    }

    /// The address that limits are counted by.
    pub fn address(&self) -> IpAddr {
        self.address.ip().to_canonical()
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Peer {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        // Without the connection loop (tests that call the router) all requests share one unspecified peer.
        let unspecified = || Self { address: SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0)), place: None };
        Ok(parts.extensions.get::<Self>().cloned().unwrap_or_else(unspecified))
    }
}

/// Reads a whole body within the limits on size and time.
pub async fn read_body(request: Request, peer: &Peer, limits: &Limits) -> Result<Bytes, Response> {
    let timeout = Duration::from_millis(limits.receive_timeout_ms);
    let limited = Limited::new(request.into_body(), limits.body_bytes_max);
    match tokio::time::timeout(timeout, limited.collect()).await {
        Ok(Ok(body)) => {
            peer.received();
            Ok(body.to_bytes())
        }
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(text_response(
            StatusCode::PAYLOAD_TOO_LARGE,
            format!("the body is larger than {} bytes", limits.body_bytes_max),
        )),
        Ok(Err(error)) => Err(text_response(StatusCode::BAD_REQUEST, format!("the body could not be read: {error}"))),
        Err(_) => Err(text_response(
            StatusCode::REQUEST_TIMEOUT,
            format!("the body did not arrive within {} ms", limits.receive_timeout_ms),
        )),
    }
}

/// A plain text answer.
pub fn text_response(status: StatusCode, text: String) -> Response {
    (status, [(header::CONTENT_TYPE, "text/plain; charset=utf-8")], text).into_response()
}

/// The answer to an address that asks too much.
pub fn too_many(error: &RateError) -> Response {
    let mut response = text_response(StatusCode::TOO_MANY_REQUESTS, error.to_string());
    if let Ok(seconds) = HeaderValue::from_str(&error.retry_seconds().to_string()) {
        response.headers_mut().insert(header::RETRY_AFTER, seconds);
    }
    response
}

/// Lets browsers of any origin ask: nothing here depends on cookies.
pub async fn allow_all_origins(request: Request, next: Next) -> Response {
    let mut response = if request.method() == Method::OPTIONS {
        (StatusCode::NO_CONTENT, Body::empty()).into_response()
    } else {
        next.run(request).await
    };
    let headers = response.headers_mut();
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("GET, POST, OPTIONS"));
    headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, HeaderValue::from_static("*"));
    response
}
