//! Clients that say exactly what a test wants said.

use futures::{SinkExt, StreamExt};
use serde_json::Value;
use std::{net::SocketAddr, time::Duration};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream, connect_async,
    tungstenite::{Message, client::IntoClientRequest},
};

const PATIENCE: Duration = Duration::from_secs(10);

/// An answer of HTTP.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub head: String,
    pub body: String,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

/// Sends raw bytes and reads until the server closes.
pub async fn raw(address: SocketAddr, request: &[u8]) -> Answer {
    let mut stream = TcpStream::connect(address).await.expect("the gateway listens");
    stream.write_all(request).await.expect("it reads");
    let mut bytes = Vec::new();
    let read = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut bytes)).await;
    read.expect("an answer in time").expect("an answer");
    let text = String::from_utf8(bytes).expect("UTF-8");
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
    Answer { status, head: head.to_owned(), body: body.to_owned() }
}

pub async fn get(address: SocketAddr, path: &str) -> Answer {
    raw(address, format!("GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").as_bytes()).await
}

pub async fn post(address: SocketAddr, path: &str, body: impl AsRef<[u8]>) -> Answer {
    let body = body.as_ref();
    let length = body.len();
    let head = format!(
        "POST {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n"
    );
    raw(address, &[head.as_bytes(), body].concat()).await
}

/// A WebSocket.
pub struct Socket(WebSocketStream<MaybeTlsStream<TcpStream>>);

impl Socket {
    pub async fn connect(address: SocketAddr) -> Self {
        Self::try_connect(address).await.expect("a WebSocket")
    }

    pub async fn try_connect(address: SocketAddr) -> Result<Self, String> {
        let request = format!("ws://{address}/ws").into_client_request().expect("a URL");
        connect_async(request).await.map(|(stream, _)| Self(stream)).map_err(|error| error.to_string())
    }

    pub async fn send(&mut self, text: impl Into<String>) {
        self.0.send(Message::text(text.into())).await.expect("the gateway reads");
    }

    /// The next message, or `None` at the end.
    pub async fn next(&mut self) -> Option<Value> {
        loop {
            match tokio::time::timeout(PATIENCE, self.0.next()).await.expect("a message in time") {
                Some(Ok(Message::Text(text))) => return Some(serde_json::from_str(&text).expect("JSON")),
                Some(Ok(Message::Close(_)) | Err(_)) | None => return None,
                Some(Ok(_)) => {}
            }
        }
    }

    /// The next message on a channel; others are passed over.
    pub async fn channel(&mut self, channel: &str) -> Value {
        loop {
            let message = self.next().await.expect("an open connection");
            if message["channel"] == channel {
                return message["data"].clone();
            }
        }
    }

    /// Passes over books, which come again and again, until one has this size at its best ask.
    pub async fn book_with_best_ask(&mut self, size: &str) {
        while self.channel("l2Book").await["levels"][1][0]["sz"] != size {}
    }

    /// The answer to a subscription; pushes of others may come before it.
    pub async fn subscribe(&mut self, subscription: &str) -> Value {
        self.send(format!(r#"{{"method":"subscribe","subscription":{subscription}}}"#)).await;
        loop {
            let message = self.next().await.expect("an answer");
            if message["channel"] == "subscriptionResponse" || message["channel"] == "error" {
                return message;
            }
        }
    }
}
