//! Connections beyond what the gateway bears: who gives way, who is never cut off, how much one may take.

mod support;

use palisade_gateway::Limits;
use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};
use support::{
    Running,
    client::{Answer, Socket, get, post, raw},
    signing::key,
    start,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

const META: &str = r#"{"type":"meta"}"#;

async fn started(limits: Limits) -> Running {
    start(&[key(1).address()], limits).await
}

async fn connected(address: SocketAddr, sent: &str) -> TcpStream {
    let mut stream = TcpStream::connect(address).await.expect("a connection");
    stream.write_all(sent.as_bytes()).await.expect("it reads");
    stream
}

/// Idle connections, half a head and half a body: none of them held its place for less than 30 s before they gave way, and
/// whoever came later waited for that long.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_that_are_opened_and_left_keep_nobody_out() {
    const PLACES: usize = 8;
    let patience = Duration::from_secs(5);
    let running = started(Limits { connections_max: PLACES, receive_timeout_ms: 60_000, ..Limits::devnet() }).await;
    let half_body = "POST /info HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\n\r\n{";
    let half_native = "POST /rpc HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 9\r\n\r\n{";
    for sent in ["", "POST /info HTTP/1.1\r\nhost:", half_body, half_native] {
        let mut left = Vec::new();
        for _ in 0..PLACES * 2 {
            left.push(connected(running.address, sent).await);
        }
        let started = Instant::now();
        assert_eq!(post(running.address, "/info", META).await.status, 200);
        assert!(started.elapsed() < patience, "{sent:?} kept others out for {:?}", started.elapsed());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slow_body_is_cut_off_in_its_time() {
    let limits = Limits { receive_timeout_ms: 300, connections_max: 2, ..Limits::devnet() };
    let running = started(limits).await;
    let mut silent = connected(running.address, "POST /info HTTP/1.1\r\nhost:").await;
    let head = "POST /info HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 9\r\n\r\n{";
    let mut half = connected(running.address, head).await;
    let mut text = String::new();
    let answered = tokio::time::timeout(Duration::from_secs(5), half.read_to_string(&mut text)).await;
    answered.expect("an answer in its time").expect("an answer");
    assert!(text.starts_with("HTTP/1.1 408"), "{text}");
    let ended = tokio::time::timeout(Duration::from_secs(5), silent.read_to_string(&mut text)).await;
    ended.expect("a head has three times as long").expect("an end");
}

/// A WebSocket without traffic is older than every other connection, and still nobody takes its place.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_socket_never_gives_way() {
    let running = started(Limits { connections_max: 2, ..Limits::devnet() }).await;
    let mut socket = Socket::connect(running.address).await;
    for _ in 0..10 {
        let _left = connected(running.address, "").await;
        assert_eq!(post(running.address, "/info", META).await.status, 200);
    }
    socket.send(r#"{"method":"ping"}"#).await;
    assert_eq!(socket.next().await.map(|answer| answer["channel"].clone()), Some("pong".into()));
}

/// A request without a body is whole once its head is: it keeps its place until it is answered.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_that_is_being_answered_is_not_cut_off() {
    let running = started(Limits { connections_max: 1, ..Limits::devnet() }).await;
    *running.node.status_takes.lock().expect("no panic") = Duration::from_millis(800);
    let address = running.address;
    let first = tokio::spawn(async move { get(address, "/status.json").await });
    tokio::time::sleep(Duration::from_millis(100)).await;
    let second = get(address, "/status.json").await;
    assert_eq!(first.await.expect("no panic: it was answered").status, 200);
    assert_eq!(second.status, 200, "its turn came");
}

/// Each connection may take as much memory as its head: hyper's own limit of about 400 KiB is six times higher.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_head_is_bounded() {
    let running = started(Limits::devnet()).await;
    let head = |bytes: usize| {
        let lines = "x: ".to_owned() + &"y".repeat(8_000) + "\r\n";
        format!("GET /status.json HTTP/1.1\r\nconnection: close\r\n{}\r\n", lines.repeat(bytes / lines.len()))
    };
    assert_eq!(raw(running.address, head(48 * 1024).as_bytes()).await.status, 200);
    // The server may close before it has read everything, and then the answer is lost.
    let mut stream = TcpStream::connect(running.address).await.expect("a connection");
    let _ = stream.write_all(head(128 * 1024).as_bytes()).await;
    let mut bytes = Vec::new();
    let _ = stream.read_to_end(&mut bytes).await;
    let text = String::from_utf8_lossy(&bytes);
    assert!(bytes.is_empty() || text.starts_with("HTTP/1.1 431"), "{text}");
    let Answer { status, .. } = post(running.address, "/info", META).await;
    assert_eq!(status, 200, "others are served");
}
