//! How long a node takes from the start of its process to its first answer, in a folder with 1,000,000 resting orders and
//! 100,000 accounts. The folder is real: a chain of one seat, run by the binary, to which 100,000 accounts
//! sent ten orders each over its RPC. One seat, because what a start reads and rebuilds is one seat's folder whatever the
//! committee. Ten thousand of the accounts are in the genesis and fund the others: a first block with all of them takes longer
//! than a leader may. The limit is reading every byte of that folder once.
//!
//! Writes its figures as JSON into the file that it is given.

mod limits;
#[path = "../tests/support/mod.rs"]
mod support;

use futures::{StreamExt as _, stream};
use palisade_client::{
    api::{ApiError, MarketInfo, NodeApi as _},
    rpc::RpcClient,
};
use palisade_types::{
    action::Action,
    envelope::{Envelope, Payload, SignedAction},
    genesis::{Genesis, GenesisBalance},
    hash::sha256,
    ids::{AssetId, Nonce, UniverseId},
    numbers::{Amount, Price, Size},
    order::{OrderRequest, Side, TimeInForce},
    signing::secp256k1::Secp256k1SecretKey,
};
use serde_json::json;
use std::{
    fs,
    io::{Read as _, Write as _},
    net::TcpStream,
    path::Path,
    time::{Duration, Instant, SystemTime},
};
use support::{Folder, Process, Remote, free_base_port, run_ok, url, wait_for};

const ACCOUNTS: usize = 100_000;
const ORDERS_PER_ACCOUNT: usize = 10;
/// Accounts per account of the genesis, itself included.
const FUNDED_BY_ONE: usize = 10;
/// Run without a file, as a test run does, it only shows that it works.
const ACCOUNTS_TRIED: usize = 2_000;
/// 1e-8 USD in one USD, and units of the collateral in one of it.
const CORE: UniverseId = UniverseId::new(0);
const DOLLAR: i128 = 100_000_000;
const FUNDS_USD: i128 = 100_000;
const ORDER_USD: i128 = 25;
/// Requests at a time, below what a node serves at once.
const AT_ONCE: usize = 64;
/// Actions handed in before the next wait for the mempool to be empty.
const WAITING_MAX: usize = 1_000;
/// Pause before a full mempool is asked again.
const RETRY: Duration = Duration::from_millis(50);
const PATIENCE: Duration = Duration::from_secs(600);
const TARGET_S: f64 = 30.0;

fn key(place: usize) -> Secp256k1SecretKey {
    Secp256k1SecretKey::from_bytes(sha256(&[b"start", &place.to_be_bytes()])).expect("a hash is a valid key")
}

/// Gives the first accounts the collateral of all from the beginning.
fn endow(genesis_file: &Path, funders: &[Secp256k1SecretKey]) -> Genesis {
    let text = fs::read(genesis_file).expect("init wrote it");
    let mut genesis: Genesis = serde_json::from_slice(&text).expect("a genesis");
    let funds = |key: &Secp256k1SecretKey| GenesisBalance {
        universe: CORE,
        account: key.address(),
        asset: AssetId::new(0),
        amount: Amount::new(FUNDS_USD * DOLLAR * FUNDED_BY_ONE as i128),
    };
    genesis.balances.extend(funders.iter().map(funds));
    genesis.balances.sort_by_key(|balance| (balance.universe, balance.account, balance.asset));
    genesis.check().expect("a sound genesis");
    fs::write(genesis_file, serde_json::to_vec(&genesis).expect("a genesis is JSON")).expect("the file can be written");
    genesis
}

/// Ten post-only orders, 5 % to 15 % away from the index.
fn orders(markets: &[MarketInfo], place: usize) -> Action {
    let order = |number: usize| {
        let dice = sha256(&[b"order", &place.to_be_bytes(), &number.to_be_bytes()]);
        let market = &markets[usize::from(dice[0]) % markets.len()];
        let (side, sign) = if dice[1].is_multiple_of(2) { (Side::Buy, -1) } else { (Side::Sell, 1) };
        let away_ppm = 50_000 + i128::from(u16::from_be_bytes([dice[2], dice[3]])) * 100_000 / 65_536;
        let index = i128::from(market.index.expect("it has a price").get());
        let exact = index * (1_000_000 + sign * away_ppm) / 1_000_000;
        let tick = i128::from(market.spec.tick.get());
        let lots = ORDER_USD * DOLLAR * 10i128.pow(u32::from(market.spec.size_decimals)) / exact + 1;
        OrderRequest {
            market: market.spec.id,
            side,
            price: Price::new(i64::try_from(exact / tick * tick).expect("a price")),
            size: Size::new(u64::try_from(lots).expect("a size")),
            time_in_force: TimeInForce::Alo,
            reduce_only: false,
            client_order_id: None,
        }
    };
    Action::Place { orders: (0..ORDERS_PER_ACCOUNT).map(order).collect() }
}

/// Signs an account's action number `number`.
fn sign(key: &Secp256k1SecretKey, chain_id: u64, number: usize, action: Action) -> SignedAction {
    let elapsed = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("a clock after 1970");
    key.sign(Envelope {
        chain_id,
        signer: key.signer_id(),
        account: key.address(),
        // Apart by more than the time that passes while one account's actions are signed.
        nonce: Nonce::new(u64::try_from(elapsed.as_millis()).expect("a time of this era") + number as u64 * 1_000_000),
        expires_after_ms: None,
        payload: Payload::Native { action },
    })
}

/// Hands in an action, again and again while the mempool is full.
async fn submit(api: &RpcClient, signed: SignedAction) {
    loop {
        match api.submit(signed.clone()).await {
            Ok(_) => return,
            Err(ApiError::MempoolFull { .. } | ApiError::Unavailable { .. }) => tokio::time::sleep(RETRY).await,
            Err(error) => panic!("an order is refused: {error}"),
        }
    }
}

/// Hands in actions, some at a time, and waits until none of them waits for a block. With a full mempool blocks would be as
/// large as they may be, and on a slow machine a leader's time would be over before such a block is made.
fn submit_all(remote: &Remote, mut actions: impl Iterator<Item = SignedAction>) {
    let api = &remote.api;
    loop {
        let some: Vec<SignedAction> = actions.by_ref().take(WAITING_MAX).collect();
        if some.is_empty() {
            return;
        }
        remote.block_on(stream::iter(some).for_each_concurrent(AT_ONCE, |signed| submit(api, signed)));
        wait_for("an empty mempool", PATIENCE, || {
            remote.block_on(api.status()).ok().filter(|status| status.mempool_actions == 0)
        });
    }
}

/// A figure of the node's metrics.
fn metric(port: u16, name: &str) -> Option<f64> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).ok()?;
    stream.write_all(b"GET /metrics HTTP/1.1\r\nhost: bench\r\nconnection: close\r\n\r\n").ok()?;
    let mut text = String::new();
    stream.read_to_string(&mut text).ok()?;
    let line = text.lines().find(|line| {
        !line.starts_with('#') && line.split([' ', '{']).next().is_some_and(|found| found.ends_with(name))
    })?;
    line.rsplit(' ').next()?.parse().ok()
}

/// Fills the books and waits until all orders rest.
fn fill(remote: &Remote, port: u16, genesis: &Genesis, keys: &[Secp256k1SecretKey]) {
    let markets = wait_for("prices", Duration::from_secs(60), || {
        let markets = remote.block_on(remote.api.markets()).ok()?;
        // Accounts have funds in the core universe alone.
        let is_funded = |market: &&MarketInfo| market.spec.perpetual().is_some() && market.spec.universe == CORE;
        let markets: Vec<MarketInfo> = markets.iter().filter(is_funded).cloned().collect();
        markets.iter().all(|market| market.index.is_some()).then_some(markets)
    });
    let (chain_id, funders) = (genesis.chain_id, keys.len() / FUNDED_BY_ONE);
    let transfers = (funders..keys.len()).map(|place| {
        let amount = Amount::new(FUNDS_USD * DOLLAR);
        let (universe, asset, to) = (CORE, AssetId::new(0), keys[place].address());
        let transfer = Action::Transfer { universe, to, asset, amount };
        sign(&keys[place % funders], chain_id, place / funders, transfer)
    });
    submit_all(remote, transfers);
    let placements =
        keys.iter().zip(0..).map(|(key, place)| sign(key, chain_id, FUNDED_BY_ONE, orders(&markets, place)));
    submit_all(remote, placements);
    let wanted = (keys.len() * ORDERS_PER_ACCOUNT) as f64;
    wait_for("all orders in the books", PATIENCE, || metric(port, "chain_open_orders").filter(|open| *open >= wanted));
}

#[allow(clippy::print_stdout, reason = "a benchmark reports to whoever runs it")]
fn main() {
    let measured = std::env::args().nth(1).is_some_and(|argument| !argument.starts_with('-'));
    let accounts = if measured { ACCOUNTS } else { ACCOUNTS_TRIED };
    let folder = Folder::below(Path::new(env!("CARGO_TARGET_TMPDIR")), "start");
    let (port, data) = (free_base_port(), folder.join("chain").to_string_lossy().into_owned());
    run_ok(&["init", "--data-dir", &data, "--base-port", &port.to_string(), "--seats", "1"]);
    let keys: Vec<Secp256k1SecretKey> = (0..accounts).map(key).collect();
    let node = Path::new(&data).join("node-0");
    let genesis = endow(&node.join("genesis.json"), &keys[..accounts / FUNDED_BY_ONE]);
    let node_path = node.to_string_lossy().into_owned();
    let start = |name: &str| Process::start(folder.path(), name, &["node", "--data-dir", &node_path]);
    let remote = Remote::new(&url(port + 300));
    let mut running = start("first");
    let filling = Instant::now();
    wait_for("the first blocks", PATIENCE, || {
        assert!(running.is_running(), "the node ended: {}", running.errors());
        remote.height().filter(|height| *height > 0)
    });
    fill(&remote, port + 300, &genesis, &keys);
    let height = remote.height().expect("the node answers");
    println!("filled in {:.0} s, {height} blocks", filling.elapsed().as_secs_f64());
    running.interrupt();
    running.wait(PATIENCE);

    let started = Instant::now();
    let mut running = start("second");
    let answered = wait_for("an answer", PATIENCE, || {
        assert!(running.is_running(), "the node ended: {}", running.errors());
        remote.height()
    });
    let seconds = started.elapsed().as_secs_f64();
    assert!(answered >= height, "the node answers from {answered}, it was at {height}");
    wait_for("a new block", PATIENCE, || remote.height().filter(|height| *height > answered));
    let until_block = started.elapsed().as_secs_f64();
    let open = wait_for("metrics", PATIENCE, || metric(port + 300, "chain_open_orders"));
    running.interrupt();
    running.wait(PATIENCE);
    let reading = Instant::now();
    let bytes = limits::read_all(&node.join("storage"));
    let read_seconds = reading.elapsed().as_secs_f64();
    let figures = json!([{
        "what": format!(
            "start from a folder with {open} open orders and {accounts} accounts, {height} blocks; first new block after {until_block:.1} s"
        ),
        "value": seconds, "unit": "s", "better": "lower", "target": TARGET_S,
        "limit": read_seconds, "limit_what": format!("reading the folder's {} MiB once", bytes >> 20),
    }]);
    limits::write(&figures);
    println!("{figures:#}");
}
