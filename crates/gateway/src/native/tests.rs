//! The transport: a real server on a real socket, the real client, and a node in memory behind it.

use super::*;
use axum::http::StatusCode;
use fake::{Fake, Mood};
use http_body_util::{BodyExt as _, Full};
use hyper::{Method, Request, body::Bytes, header::CONTENT_TYPE};
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use palisade_client::rpc::RpcClient;
use serde_json::Value;
use tokio::{net::TcpListener, task::JoinHandle};

mod calls;
mod docs;
mod fake;
mod health;
mod limits;
mod malformed;

/// A server over a fake node; stops when dropped.
struct Server {
    fake: Arc<Fake>,
    native: Arc<Native>,
    url: String,
    task: JoinHandle<()>,
}

impl Server {
    async fn start() -> Self {
        let fake = Fake::new();
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("a bound socket"));
        let native = Native::new(fake.clone());
        let app = routes(Arc::clone(&native));
        let task = tokio::spawn(async move { axum::serve(listener, app).await.expect("a listener that lives") });
        Self { fake, native, url, task }
    }

    fn client(&self) -> RpcClient {
        RpcClient::new(&self.url).expect("an address")
    }

    /// Sends anything and returns the status and the body as JSON, null if it is none.
    async fn send(
        &self,
        method: Method,
        path: &str,
        content_type: &str,
        body: impl Into<Bytes>,
    ) -> (StatusCode, Value) {
        let http = Client::builder(TokioExecutor::new()).build_http::<Full<Bytes>>();
        let request = Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.url))
            .header(CONTENT_TYPE, content_type)
            .body(Full::new(body.into()))
            .expect("a request");
        let response = http.request(request).await.expect("an answer");
        let status = response.status();
        let body = response.into_body().collect().await.expect("a body").to_bytes();
        (status, serde_json::from_slice(&body).unwrap_or(Value::Null))
    }

    /// Posts a body as JSON.
    async fn post(&self, body: impl Into<Bytes>) -> (StatusCode, Value) {
        self.send(Method::POST, PATH, "application/json", body).await
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}
