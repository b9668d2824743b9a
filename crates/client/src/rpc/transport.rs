//! One HTTP exchange: bounded in time and in size. Connections are kept and reused.

use super::{PATH, RESPONSE_BYTES_MAX, RpcError};
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::{Method, Request, StatusCode, Uri, header::CONTENT_TYPE};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::{TokioExecutor, TokioTimer},
};
use std::time::Duration;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const IDLE_TIMEOUT: Duration = Duration::from_secs(30);
/// How much of a failing server's body is shown.
const ERROR_BODY_CHARACTERS: usize = 200;

/// The way to one node.
#[derive(Clone, Debug)]
pub(super) struct Transport {
    url: String,
    uri: Uri,
    http: Client<HttpConnector, Full<Bytes>>,
}

impl Transport {
    /// Reads an address: `http://host:port`, with a path if it is not [`PATH`].
    pub(super) fn new(url: &str) -> Result<Self, RpcError> {
        let invalid = || RpcError::InvalidUrl { url: url.to_owned() };
        let parsed: Uri = url.parse().map_err(|_| invalid())?;
        match parsed.scheme_str() {
            Some("http") => {}
            Some("https") => return Err(RpcError::TlsUnsupported { url: url.to_owned() }),
            _ => return Err(invalid()),
        }
        let mut parts = parsed.into_parts();
        if parts.authority.is_none() {
            return Err(invalid());
        }
        if parts.path_and_query.as_ref().is_none_or(|path| path.path() == "/") {
            parts.path_and_query = Some(PATH.parse().map_err(|_| invalid())?);
        }
        let uri = Uri::from_parts(parts).map_err(|_| invalid())?;
        let mut connector = HttpConnector::new();
        connector.set_connect_timeout(Some(CONNECT_TIMEOUT));
        connector.set_nodelay(true);
        let http = Client::builder(TokioExecutor::new())
            .pool_idle_timeout(IDLE_TIMEOUT)
            .pool_timer(TokioTimer::new())
            .build(connector);
        Ok(Self { url: uri.to_string(), uri, http })
    }

    /// Where calls go.
    pub(super) fn url(&self) -> &str {
        &self.url
    }

    /// Posts a body and returns the answer's.
    pub(super) async fn post(&self, body: Vec<u8>, timeout: Duration) -> Result<Bytes, RpcError> {
        match tokio::time::timeout(timeout, self.exchange(body)).await {
            Ok(answer) => answer,
            Err(_) => {
                let timeout_ms = u64::try_from(timeout.as_millis()).unwrap_or(u64::MAX);
                Err(RpcError::Timeout { url: self.url.clone(), timeout_ms })
            }
        }
    }

    async fn exchange(&self, body: Vec<u8>) -> Result<Bytes, RpcError> {
        let request = Request::builder()
            .method(Method::POST)
            .uri(self.uri.clone())
            .header(CONTENT_TYPE, "application/json")
            .body(Full::new(Bytes::from(body)))
            .map_err(|error| self.unreachable(&error))?;
        let response = self.http.request(request).await.map_err(|error| self.unreachable(&error))?;
        let status = response.status();
        let body = Limited::new(response.into_body(), RESPONSE_BYTES_MAX);
        let body = body.collect().await.map_err(|error| self.unreachable(error.as_ref()))?.to_bytes();
        if status != StatusCode::OK {
            let body = String::from_utf8_lossy(&body).chars().take(ERROR_BODY_CHARACTERS).collect();
            return Err(RpcError::HttpStatus { url: self.url.clone(), status: status.as_u16(), body });
        }
        Ok(body)
    }

    /// Names a failure with all its causes, because the outermost only says that sending failed.
    fn unreachable(&self, error: &(dyn std::error::Error + 'static)) -> RpcError {
        let causes = std::iter::successors(Some(error), |error| error.source());
        let reason = causes.map(ToString::to_string).collect::<Vec<_>>().join(": ");
        RpcError::Unreachable { url: self.url.clone(), reason }
    }
}
