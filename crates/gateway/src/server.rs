//! Putting the doors together and serving them.
//!
//! The connection loop is our own, over hyper, because it must bound what axum's does not: connections in all, and
//! the time that a client may take to send its headers.

use crate::{
    config::{GatewayConfig, MetricsSource},
    context::{Context, stopped},
    history::{Feed, FeedError},
    http::{Peer, allow_all_origins, text_response},
    hyperliquid, native, page,
    places::{Place, Places},
    rate::Limiter,
};
use axum::{
    Router,
    extract::Request,
    http::{StatusCode, header},
    middleware::from_fn,
    response::{IntoResponse, Response},
    routing::get,
};
use hyper::{
    body::{Body as _, Incoming},
    server::conn::http1,
    service::Service,
};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use palisade_client::api::{ApiError, NodeApi};
use std::{convert::Infallible, future::Future, net::SocketAddr, pin::Pin, sync::Arc, time::Duration};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::watch,
    time::{timeout, timeout_at},
};

/// Pause after the system refuses a connection, for example because files ran out.
const ACCEPT_RETRY: Duration = Duration::from_millis(50);
/// Headers may take this many times as long as a body: the wait for the next request of a kept connection counts.
const HEADER_PATIENCE: u32 = 3;
/// Largest head of a request. Each connection may take this much memory: hyper's own limit is six times higher.
const HEADERS_BYTES_MAX: usize = 64 * 1024;
/// Time that open requests have to finish at the end.
const DRAIN: Duration = Duration::from_secs(3);

/// Why a gateway does not start.
#[derive(Debug, thiserror::Error)]
pub enum GatewayError {
    /// The address is taken or not ours.
    #[error("cannot listen on {address}: {source}")]
    Listen { address: SocketAddr, source: std::io::Error },
    /// The node does not answer.
    #[error(transparent)]
    Feed(#[from] FeedError),
}

impl From<ApiError> for GatewayError {
    fn from(error: ApiError) -> Self {
        Self::Feed(error.into())
    }
}

/// A gateway that listens but does not serve yet.
pub struct Gateway {
    listener: TcpListener,
    address: SocketAddr,
    context: Arc<Context>,
    router: Router,
    stop: watch::Sender<bool>,
}

impl Gateway {
    /// Listens, reads what the node has listed, and puts the doors together.
    pub async fn bind(config: GatewayConfig, node: Arc<dyn NodeApi>) -> Result<Self, GatewayError> {
        let listen_error = |source| GatewayError::Listen { address: config.listen, source };
        let listener = TcpListener::bind(config.listen).await.map_err(listen_error)?;
        let address = listener.local_addr().map_err(listen_error)?;
        let chain_id = node.status().await?.chain_id;
        let feed = Arc::new(Feed::new(Arc::clone(&node), config.limits.history).await?);
        let (stop, stopping) = watch::channel(false);
        let context = Arc::new(Context {
            stopping,
            limiter: Arc::new(Limiter::new(config.limits)),
            limits: config.limits,
            node,
            feed,
            chain_id,
        });
        let router = router(Arc::clone(&context), config.metrics);
        Ok(Self { listener, address, context, router, stop })
    }

    /// Where it listens.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves until `shutdown` completes, then lets open requests finish for a moment.
    pub async fn run(self, shutdown: impl Future<Output = ()> + Send) {
        let Self { listener, context, router, stop, .. } = self;
        let feed = Arc::clone(&context.feed);
        let mut follower = tokio::spawn(async move { feed.follow().await });
        let places = Places::new(context.limits.connections_max);
        tokio::select! {
            () = accept(&listener, &router, &context, &places) => {}
            () = shutdown => {}
            // Following never ends by itself; without it every answer about the past would be stale.
            ended = &mut follower => tracing::error!(?ended, "history no longer follows the chain: the gateway stops"),
        }
        stop.send_replace(true);
        // What does not end in time is cut off.
        let _ = timeout(DRAIN, places.all_free(context.limits.connections_max)).await;
        follower.abort();
    }

    /// Listens and serves until `shutdown` completes.
    pub async fn serve(
        config: GatewayConfig,
        node: Arc<dyn NodeApi>,
        shutdown: impl Future<Output = ()> + Send,
    ) -> Result<(), GatewayError> {
        Self::bind(config, node).await?.run(shutdown).await;
        Ok(())
    }
}

/// All routes. Browsers of any origin may use Hyperliquid's door, as they may the original; the native door gives no
/// such consent.
fn router(context: Arc<Context>, metrics: Option<MetricsSource>) -> Router {
    let hyperliquid = hyperliquid::router(Arc::clone(&context)).layer(from_fn(allow_all_origins));
    let native = native::router(Arc::clone(&context.node));
    let mut router = Router::new().merge(hyperliquid).merge(native).merge(page::router(context));
    if let Some(metrics) = metrics {
        router = router.route("/metrics", get(move || async move { metrics_response(&metrics) }));
    }
    router.fallback(not_found)
}

fn metrics_response(metrics: &MetricsSource) -> Response {
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], metrics()).into_response()
}

async fn not_found(request: Request) -> Response {
    let path: String = request.uri().path().chars().take(100).collect();
    text_response(StatusCode::NOT_FOUND, format!("nothing here: {path}"))
}

async fn accept(listener: &TcpListener, router: &Router, context: &Context, places: &Arc<Places>) {
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => {
                // One at a time: whoever cannot have a place yet waits with its successors in the system's queue.
                let Some(place) = places.take().await else { return };
                let timeout = Duration::from_millis(context.limits.receive_timeout_ms) * HEADER_PATIENCE;
                let peer = Peer::new(peer, Arc::clone(&place));
                let service = WithPeer { routes: TowerToHyperService::new(router.clone()), peer, place };
                tokio::spawn(connection(stream, service, timeout, context.stopping.clone()));
            }
            Err(error) => {
                tracing::warn!(%error, "a connection was not accepted");
                tokio::time::sleep(ACCEPT_RETRY).await;
            }
        }
    }
}

async fn connection(
    stream: TcpStream,
    service: WithPeer,
    header_timeout: Duration,
    mut stopping: watch::Receiver<bool>,
) {
    // Small answers must not wait for more to send.
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "no TCP_NODELAY");
    }
    let place = Arc::clone(&service.place);
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(header_timeout)
        .max_buf_size(HEADERS_BYTES_MAX)
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades();
    let mut served = std::pin::pin!(served);
    tokio::select! {
        result = served.as_mut() => log_end(result),
        () = stopped(&mut stopping) => {
            served.as_mut().graceful_shutdown();
            log_end(served.await);
        }
        until = place.wanted() => {
            served.as_mut().graceful_shutdown();
            match timeout_at(until, served).await {
                Ok(result) => log_end(result),
                Err(_) => tracing::debug!("a connection that had no whole request was cut off"),
            }
        }
    }
}

/// The routes, told of each request who asks.
struct WithPeer {
    routes: TowerToHyperService<Router>,
    peer: Peer,
    place: Arc<Place>,
}

impl Service<hyper::Request<Incoming>> for WithPeer {
    type Response = Response;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response, Infallible>> + Send>>;

    fn call(&self, mut request: hyper::Request<Incoming>) -> Self::Future {
        request.extensions_mut().insert(self.peer.clone());
        if request.body().is_end_stream() {
            // There is no body to wait for: the request is whole.
            self.place.busy();
        }
        let (answer, place) = (self.routes.call(request), Arc::clone(&self.place));
        Box::pin(async move {
            let answer = answer.await;
            if answer.as_ref().is_ok_and(|answer| answer.status() == StatusCode::SWITCHING_PROTOCOLS) {
                place.busy();
            } else {
                place.answered();
            }
            answer
        })
    }
}

fn log_end(result: hyper::Result<()>) {
    if let Err(error) = result {
        tracing::debug!(%error, "a connection ended early");
    }
}
