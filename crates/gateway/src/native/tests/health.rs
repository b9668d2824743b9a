//! Healthy means: the node answers, the chain runs, and the newest block is recent.

use super::*;
use palisade_client::api::ApiError;

async fn get(server: &Server) -> (StatusCode, Value) {
    server.send(Method::GET, "/health", "text/plain", "").await
}

/// The newest block is as new as can be.
fn catch_up(server: &Server) {
    let mut status = server.fake.status.lock().unwrap();
    status.time_ms = status.clock_ms;
}

#[tokio::test]
async fn a_running_chain_is_healthy() {
    let server = Server::start().await;
    catch_up(&server);
    let (status, answer) = get(&server).await;
    assert_eq!((status, &answer["healthy"], &answer["status"]["height"]), (StatusCode::OK, &true.into(), &12.into()));
}

#[tokio::test]
async fn what_is_wrong_is_said() {
    let server = Server::start().await;
    let (status, answer) = get(&server).await;
    assert_eq!((status, &answer["healthy"]), (StatusCode::SERVICE_UNAVAILABLE, &false.into()));
    assert!(answer["reason"].as_str().is_some_and(|reason| reason.contains("old")), "{answer}");
    catch_up(&server);
    server.fake.status.lock().unwrap().chain_halted = true;
    let (status, answer) = get(&server).await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(answer["reason"], "the chain is halted");
    let moods = [Mood::Refuse(ApiError::Unavailable { reason: "catching up".to_owned() }), Mood::Panic];
    for mood in moods {
        server.fake.set(mood);
        let (status, answer) = get(&server).await;
        assert_eq!((status, &answer["healthy"]), (StatusCode::SERVICE_UNAVAILABLE, &false.into()));
    }
}
