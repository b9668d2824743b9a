//! What happens at each limit, and that the server goes on afterwards.

use super::{super::http::BATCH_ANSWER_BYTES_MAX, *};
use palisade_client::{
    api::ApiError,
    rpc::{BATCH_CALLS_MAX, REQUEST_BYTES_MAX},
};
use palisade_types::ids::Height;
use std::{future::Future, sync::atomic::Ordering};
use tokio::{io::AsyncWriteExt as _, net::TcpStream};

const STATUS_CALL: &str = r#"{"jsonrpc":"2.0","id":1,"method":"palisade_status"}"#;

fn batch(calls: usize) -> String {
    format!("[{}]", vec![STATUS_CALL; calls].join(","))
}

/// Waits until the node was entered that often.
async fn entered(server: &Server, times: usize) {
    let reached = async {
        while server.fake.entered.load(Ordering::SeqCst) < times {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), reached).await.expect("the calls reach the node");
}

/// Starts calls that stay inside the node.
async fn occupy<F: Future<Output = bool> + Send + 'static>(
    server: &Server,
    calls: usize,
    call: impl Fn(RpcClient) -> F,
) -> Vec<JoinHandle<bool>> {
    server.fake.set(Mood::Blocked);
    let tasks = (0..calls).map(|_| tokio::spawn(call(server.client()))).collect();
    entered(server, calls).await;
    server.fake.set(Mood::Normal);
    tasks
}

async fn release(server: &Server, tasks: Vec<JoinHandle<bool>>) {
    server.fake.gate.add_permits(tasks.len());
    for task in tasks {
        assert!(task.await.expect("a call that ends"), "a call that was let in is answered");
    }
}

#[tokio::test]
async fn a_batch_is_answered_in_order_and_each_call_alone() {
    let server = Server::start().await;
    let calls = [
        r#"{"jsonrpc":"2.0","id":"first","method":"palisade_status"}"#,
        "7",
        r#"{"jsonrpc":"2.0","id":3,"method":"nope"}"#,
        r#"[{"jsonrpc":"2.0","id":4,"method":"palisade_status"}]"#,
        r#"{"jsonrpc":"2.0","id":-5,"method":"palisade_assets","params":{}}"#,
    ];
    let (status, answers) = server.post(format!(" \n[{}]", calls.join(" , "))).await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!((&answers[0]["id"], &answers[0]["result"]["height"]), (&"first".into(), &12.into()));
    assert_eq!((&answers[1]["id"], &answers[1]["error"]["code"]), (&Value::Null, &(-32_600).into()));
    assert_eq!((&answers[2]["id"], &answers[2]["error"]["code"]), (&3.into(), &(-32_601).into()));
    assert_eq!((&answers[3]["id"], &answers[3]["error"]["code"]), (&Value::Null, &(-32_600).into()));
    assert_eq!((&answers[4]["id"], &answers[4]["result"][0]["symbol"]), (&(-5).into(), &"USDC".into()));
    assert_eq!(answers.as_array().map(Vec::len), Some(5));
}

#[tokio::test]
async fn a_batch_is_bounded() {
    let server = Server::start().await;
    let (_, answers) = server.post(batch(BATCH_CALLS_MAX)).await;
    assert_eq!(answers.as_array().map(Vec::len), Some(BATCH_CALLS_MAX));
    let before = server.fake.entered.load(Ordering::SeqCst);
    let (_, answer) = server.post(batch(BATCH_CALLS_MAX + 1)).await;
    assert_eq!(answer["error"]["code"], -32_600, "{answer}");
    assert_eq!(server.fake.entered.load(Ordering::SeqCst), before, "no part of it was done");
}

#[tokio::test]
async fn the_answer_to_a_batch_is_bounded() {
    let server = Server::start().await;
    let size = BATCH_ANSWER_BYTES_MAX / 8;
    server.fake.status.lock().unwrap().chain_name = "x".repeat(size);
    let (status, answers) = server.post(batch(BATCH_CALLS_MAX)).await;
    assert_eq!(status, StatusCode::OK);
    let answers = answers.as_array().expect("an answer to each call");
    assert_eq!(answers.len(), BATCH_CALLS_MAX);
    let full = |answer: &Value| answer["error"]["code"] == -32_007;
    assert_eq!(answers.iter().filter(|answer| answer["id"] == 1).count(), BATCH_CALLS_MAX);
    assert_eq!(answers.iter().position(full), Some(8), "eight answers fill it");
    assert!(answers[8..].iter().all(full));
    assert_eq!(server.fake.entered.load(Ordering::SeqCst), 8, "the rest never reached the node");
}

#[tokio::test]
async fn a_body_is_bounded() {
    let server = Server::start().await;
    let padded = |bytes: usize| format!("{STATUS_CALL}{}", " ".repeat(bytes - STATUS_CALL.len()));
    let (status, answer) = server.post(padded(REQUEST_BYTES_MAX)).await;
    assert_eq!((status, &answer["result"]["height"]), (StatusCode::OK, &12.into()));
    let (status, answer) = server.post(padded(REQUEST_BYTES_MAX + 1)).await;
    assert_eq!((status, &answer["error"]["code"]), (StatusCode::PAYLOAD_TOO_LARGE, &(-32_600).into()));
}

#[tokio::test]
async fn waiting_calls_leave_room_for_others() {
    let server = Server::start().await;
    let wait = |client: RpcClient| async move { client.block(Height::new(9), 5_000).await.is_ok() };
    let tasks = occupy(&server, WAITS_AT_ONCE_MAX, wait).await;
    let client = server.client();
    let error = client.block(Height::new(9), 5_000).await.expect_err("one wait too many");
    assert!(matches!(&error, ApiError::Unavailable { reason } if reason.contains("wait")), "{error}");
    assert_eq!(client.block(Height::new(9), 0).await.map(|block| block.header.height), Ok(Height::new(12)));
    assert_eq!(client.status().await, Ok(fake::status()));
    release(&server, tasks).await;
    assert!(client.block(Height::new(9), 5_000).await.is_ok());
}

#[tokio::test]
async fn requests_at_once_are_bounded() {
    let server = Server::start().await;
    let call = |client: RpcClient| async move { client.assets().await.is_ok() };
    let tasks = occupy(&server, REQUESTS_AT_ONCE_MAX, call).await;
    let (status, answer) = server.post(STATUS_CALL).await;
    assert_eq!((status, &answer["error"]["code"]), (StatusCode::SERVICE_UNAVAILABLE, &(-32_007).into()));
    assert!(matches!(server.client().status().await, Err(ApiError::Unavailable { .. })));
    release(&server, tasks).await;
    assert_eq!(server.client().status().await, Ok(fake::status()));
}

/// Opens connections that send a head and so many bytes of a larger body, and stops there.
async fn unfinished(server: &Server, connections: usize, bytes: usize) -> Vec<TcpStream> {
    let address = server.url.trim_start_matches("http://");
    let head = format!(
        "POST {PATH} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: {REQUEST_BYTES_MAX}\r\n\r\n"
    );
    let mut streams = Vec::with_capacity(connections);
    for _ in 0..connections {
        let mut stream = TcpStream::connect(address).await.expect("a connection");
        stream.write_all(head.as_bytes()).await.expect("it reads");
        stream.write_all(&vec![b' '; bytes]).await.expect("it reads");
        streams.push(stream);
    }
    streams
}

/// A request's turn was taken before its body came, so 256 bodies that dripped shut the door for everybody.
#[tokio::test]
async fn bodies_on_their_way_take_no_turn() {
    let server = Server::start().await;
    let _dripping = unfinished(&server, REQUESTS_AT_ONCE_MAX + 10, 1).await;
    // They are all being read by now, or the turns would not be taken either way.
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(server.client().status().await, Ok(fake::status()));
}

/// Waits until the bodies that the server holds have left enough bytes of room, or few enough.
async fn room(server: &Server, enough: impl Fn(usize) -> bool) {
    let reached = async {
        while !enough(server.native.body_bytes.available_permits()) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(8), reached).await.expect("bodies arrive, and are given back");
}

#[tokio::test]
async fn all_bodies_together_are_bounded() {
    let server = Server::start().await;
    let almost = REQUEST_BYTES_MAX - 1;
    let held = unfinished(&server, BODIES_BYTES_MAX / almost, almost).await;
    room(&server, |left| left < 1_000).await;
    let large = format!("{STATUS_CALL}{}", " ".repeat(1_000));
    let (status, answer) = server.post(large.clone()).await;
    assert_eq!((status, &answer["error"]["code"]), (StatusCode::SERVICE_UNAVAILABLE, &(-32_007).into()));
    drop(held);
    room(&server, |left| left == BODIES_BYTES_MAX).await;
    assert_eq!(server.post(large).await.0, StatusCode::OK);
}
