//! Healthy means: the node answers, the chain runs, and the newest block is recent.

use super::*;
use palisade_client::api::ApiError;
use palisade_types::time::TimeMs;
use std::time::{SystemTime, UNIX_EPOCH};

async fn get(server: &Server) -> (StatusCode, Value) {
    server.send(Method::GET, "/health", "text/plain", "").await
}

fn present() -> TimeMs {
    let elapsed = SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock after 1970");
    TimeMs::new(u64::try_from(elapsed.as_millis()).expect("a clock before the year 500,000,000"))
}

#[tokio::test]
async fn a_running_chain_is_healthy() {
    let server = Server::start().await;
    server.fake.status.lock().unwrap().time_ms = present();
    let (status, answer) = get(&server).await;
    assert_eq!((status, &answer["healthy"], &answer["status"]["height"]), (StatusCode::OK, &true.into(), &12.into()));
}

#[tokio::test]
async fn what_is_wrong_is_said() {
    let server = Server::start().await;
    let (status, answer) = get(&server).await;
    assert_eq!((status, &answer["healthy"]), (StatusCode::SERVICE_UNAVAILABLE, &false.into()));
    assert!(answer["reason"].as_str().is_some_and(|reason| reason.contains("old")), "{answer}");
    {
        let mut status = server.fake.status.lock().unwrap();
        (status.time_ms, status.chain_halted) = (present(), true);
    }
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
