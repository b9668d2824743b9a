//! One WebSocket from its start to its end.

use super::{
    push::{self, Subscriptions},
    snapshot::{self, message},
    subscription::Subscription,
};
use crate::{
    context::{Context, stopped},
    history::BlockUpdate,
    http::Peer,
    hyperliquid::{errors::RequestError, exchange, info},
    json::{self, ValueExt, to_json},
    rate::SocketPermit,
};
use axum::extract::ws::{CloseFrame, Message, Utf8Bytes, WebSocket, close_code};
use palisade_types::{address::AccountId, hyperliquid::Value};
use serde_json::{Value as Json, json};
use std::{
    collections::BTreeSet,
    net::IpAddr,
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::sync::{broadcast, mpsc};

/// A message that takes longer to be taken than this ends the connection.
const SEND_TIMEOUT: Duration = Duration::from_secs(10);
/// How often silence is noticed.
const IDLE_CHECK: Duration = Duration::from_secs(5);
/// Characters of a wrong request that its error repeats.
const ECHO_CHARACTERS_MAX: usize = 256;

/// Why a connection ends.
struct Ended {
    code: u16,
    reason: &'static str,
}

const CLIENT_GONE: Ended = Ended { code: close_code::NORMAL, reason: "bye" };
const TOO_SLOW: Ended = Ended { code: close_code::POLICY, reason: "too slow: reconnect and read faster" };
const STOPPING: Ended = Ended { code: close_code::AWAY, reason: "the gateway stops: reconnect" };
const IDLE: Ended = Ended { code: close_code::NORMAL, reason: "idle" };

struct Session {
    context: Arc<Context>,
    address: IpAddr,
    permit: SocketPermit,
    subscriptions: Subscriptions,
    answers: mpsc::Sender<Json>,
    in_flight: usize,
    active_at: Instant,
}

/// Serves one WebSocket until either side ends it.
pub async fn run(context: Arc<Context>, peer: Peer, permit: SocketPermit, mut socket: WebSocket) {
    let (answers, mut answered) = mpsc::channel(context.limits.posts_in_flight.max(1));
    let mut updates = context.feed.subscribe();
    let mut session = Session {
        address: peer.address(),
        permit,
        subscriptions: Subscriptions::new(),
        answers,
        in_flight: 0,
        active_at: Instant::now(),
        context,
    };
    let ended = session.serve(&mut socket, &mut updates, &mut answered).await;
    let frame = CloseFrame { code: ended.code, reason: Utf8Bytes::from_static(ended.reason) };
    // The client may be gone already; only now its place among the connections is free.
    let _ = tokio::time::timeout(SEND_TIMEOUT, socket.send(Message::Close(Some(frame)))).await;
    drop(peer);
}

impl Session {
    async fn serve(
        &mut self,
        socket: &mut WebSocket,
        updates: &mut broadcast::Receiver<Arc<BlockUpdate>>,
        answered: &mut mpsc::Receiver<Json>,
    ) -> Ended {
        let mut states = tokio::time::interval(Duration::from_millis(self.context.limits.account_push_ms.max(100)));
        let mut markets = tokio::time::interval(Duration::from_millis(self.context.limits.market_push_ms.max(100)));
        let mut idle_check = tokio::time::interval(IDLE_CHECK);
        let mut stopping = self.context.stopping.clone();
        loop {
            // Updates come first: a block's pushes go out before the answer to the post that it executed.
            let sent = tokio::select! {
                biased;
                update = updates.recv() => match update {
                    Ok(update) => self.pushes(&update).await,
                    Err(_) => return TOO_SLOW,
                },
                Some(answer) = answered.recv() => {
                    self.in_flight = self.in_flight.saturating_sub(1);
                    vec![answer]
                }
                received = socket.recv() => match received {
                    Some(Ok(Message::Text(text))) => self.request(text.as_bytes()).await,
                    Some(Ok(Message::Binary(bytes))) => self.request(&bytes).await,
                    // Answered by the protocol itself.
                    Some(Ok(Message::Ping(_) | Message::Pong(_))) => { self.active_at = Instant::now(); Vec::new() }
                    Some(Ok(Message::Close(_)) | Err(_)) | None => return CLIENT_GONE,
                },
                () = stopped(&mut stopping) => return STOPPING,
                _ = states.tick() => or_logged(push::account_states(&self.context, &self.subscriptions).await),
                _ = markets.tick() => or_logged(push::market_states(&self.context, &self.subscriptions).await),
                _ = idle_check.tick() => {
                    if self.active_at.elapsed() > Duration::from_millis(self.context.limits.socket_idle_ms) {
                        return IDLE;
                    }
                    Vec::new()
                }
            };
            for message in sent {
                self.active_at = Instant::now();
                let frame = Message::Text(message.to_string().into());
                match tokio::time::timeout(SEND_TIMEOUT, socket.send(frame)).await {
                    Ok(Ok(())) => {}
                    Ok(Err(_)) => return CLIENT_GONE,
                    Err(_) => return TOO_SLOW,
                }
            }
        }
    }

    async fn pushes(&mut self, update: &BlockUpdate) -> Vec<Json> {
        if self.subscriptions.is_empty() {
            return Vec::new();
        }
        or_logged(push::messages(&self.context, &mut self.subscriptions, update).await)
    }

    async fn request(&mut self, text: &[u8]) -> Vec<Json> {
        self.active_at = Instant::now();
        if let Err(error) = self.context.limiter.spend_message(self.address) {
            return vec![error_message(error.to_string())];
        }
        let Ok(request) = json::parse(text) else { return vec![unreadable(text)] };
        match request.field("method").and_then(ValueExt::text) {
            Some("ping") => vec![json!({ "channel": "pong" })],
            Some("subscribe") => self.subscribe(&request).await,
            Some("unsubscribe") => self.unsubscribe(&request),
            Some("post") => self.post(&request),
            _ => vec![unreadable(text)],
        }
    }

    async fn subscribe(&mut self, request: &Value) -> Vec<Json> {
        let wanted = request.field("subscription").unwrap_or(&Value::Null);
        let subscription = match Subscription::parse(&self.context, wanted) {
            Ok(subscription) => subscription,
            Err(error) => return vec![invalid_subscription(wanted, &error)],
        };
        let normalised = subscription.normalised(&self.context);
        if self.subscriptions.contains_key(&subscription) {
            return vec![error_message(format!("Already subscribed: {normalised}"))];
        }
        let users: BTreeSet<AccountId> = self.subscriptions.keys().filter_map(Subscription::user).collect();
        if let Some(user) = subscription.user()
            && !users.contains(&user)
            && users.len() >= self.context.limits.users_per_socket
        {
            let limit = self.context.limits.users_per_socket;
            return vec![error_message(format!("Cannot track more than {limit} total users."))];
        }
        // The snapshot comes first: a subscription that cannot be answered is none.
        let snapshot = match snapshot::initial(&self.context, &subscription).await {
            Ok(snapshot) => snapshot,
            Err(error) => return vec![invalid_subscription(wanted, &error)],
        };
        if let Err(error) = self.permit.subscribe() {
            return vec![error_message(error.to_string())];
        }
        self.subscriptions.insert(subscription, None);
        let mut messages = vec![acknowledgement("subscribe", &normalised)];
        messages.extend(snapshot);
        messages
    }

    fn unsubscribe(&mut self, request: &Value) -> Vec<Json> {
        let wanted = request.field("subscription").unwrap_or(&Value::Null);
        let subscription = match Subscription::parse(&self.context, wanted) {
            Ok(subscription) => subscription,
            Err(error) => return vec![invalid_subscription(wanted, &error)],
        };
        let normalised = subscription.normalised(&self.context);
        if self.subscriptions.remove(&subscription).is_none() {
            return vec![error_message(format!("Already unsubscribed: {normalised}"))];
        }
        self.permit.unsubscribe();
        vec![acknowledgement("unsubscribe", &normalised)]
    }

    /// Starts a request; its answer comes later, so that one that waits for a block does not hold up others.
    fn post(&mut self, request: &Value) -> Vec<Json> {
        let Some(id) = request.field("id").map(to_json).filter(Json::is_number) else {
            return vec![error_message(
                "Error parsing JSON into valid websocket request: missing numeric `id`".to_owned(),
            )];
        };
        if self.in_flight >= self.context.limits.posts_in_flight {
            let text = format!("too many requests in flight: {} at a time", self.context.limits.posts_in_flight);
            return vec![post_error(&id, text)];
        }
        let inner = request.field("request").unwrap_or(&Value::Null);
        let kind = inner.field("type").and_then(ValueExt::text).unwrap_or_default();
        let payload = inner.field("payload").cloned().unwrap_or(Value::Null);
        let weight = match kind {
            "info" => info::weight(&payload),
            "action" => exchange::weight(&payload),
            _ => return vec![post_error(&id, "`request.type` must be info or action".to_owned())],
        };
        if let Err(error) = self.context.limiter.spend_weight(self.address, weight) {
            return vec![post_error(&id, error.to_string())];
        }
        self.in_flight += 1;
        let (context, answers, is_action) = (Arc::clone(&self.context), self.answers.clone(), kind == "action");
        tokio::spawn(async move {
            let answer = answer_post(&context, &id, is_action, &payload).await;
            // The socket may be closed by now.
            let _ = answers.send(answer).await;
        });
        Vec::new()
    }
}

async fn answer_post(context: &Context, id: &Json, is_action: bool, payload: &Value) -> Json {
    let response = if is_action {
        exchange::execute(context, payload).await.map(|answer| json!({ "type": "action", "payload": answer }))
    } else {
        let kind = payload.field("type").map_or(Json::Null, to_json);
        info::answer(context, payload)
            .await
            .map(|data| json!({ "type": "info", "payload": { "type": kind, "data": data } }))
    };
    match response {
        Ok(response) => message("post", json!({ "id": id, "response": response })),
        Err(error) => post_error(id, error.to_string()),
    }
}

fn post_error(id: &Json, text: String) -> Json {
    message("post", json!({ "id": id, "response": { "type": "error", "payload": text } }))
}

fn acknowledgement(method: &str, subscription: &Json) -> Json {
    message("subscriptionResponse", json!({ "method": method, "subscription": subscription }))
}

fn error_message(text: String) -> Json {
    message("error", Json::String(text))
}

fn unreadable(text: &[u8]) -> Json {
    let shown: String = String::from_utf8_lossy(text).chars().take(ECHO_CHARACTERS_MAX).collect();
    error_message(format!("Error parsing JSON into valid websocket request: {shown}"))
}

fn invalid_subscription(wanted: &Value, error: &RequestError) -> Json {
    let shown: String = to_json(wanted).to_string().chars().take(ECHO_CHARACTERS_MAX).collect();
    error_message(format!("Invalid subscription: {shown}: {error}"))
}

/// A push that the node could not answer is skipped; the next block brings the next one.
fn or_logged(messages: Result<Vec<Json>, RequestError>) -> Vec<Json> {
    messages.unwrap_or_else(|error| {
        tracing::warn!(%error, "a push was skipped");
        Vec::new()
    })
}
