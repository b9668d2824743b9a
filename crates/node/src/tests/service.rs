//! Whole nodes with mempool, gossip and API: what clients hand in at one node, they read at all, with proofs.

use super::{
    cluster::{KILLED, Simulated, seat_keys, seeds},
    exchange::{BTC, CORE, GENESIS_TIME, PEOPLE, SPOT, Signers, USDC, WHOLE, account_of, cancel, genesis, order, vote},
};
use crate::{
    clock::NodeClock,
    config::NodeConfig,
    network::{Gossip, Network, channels, message_bytes_max},
    service::{self, Service},
};
use commonware_cryptography::{Signer as _, ed25519};
use commonware_p2p::{
    Manager as _,
    simulated::{self, Link, Oracle},
};
use commonware_runtime::{Clock as _, Runner as _, Supervisor as _, deterministic};
use commonware_utils::{NZUsize, ordered::Set};
use palisade_client::{
    api::{ApiError, NodeApi as _, SignerRole},
    light_client::{self, ProvenValue},
    proof::{ProofBundle, ProofRequest},
};
use palisade_types::{
    address::{AccountId, SignerId},
    envelope::SignedAction,
    genesis::Genesis,
    hash::ActionId,
    ids::{Height, OrderId},
    numbers::Amount,
    order::Side,
    receipt::{OrderResult, Outcome},
    rejection::Inadmissible,
};
use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

type Oracles = Oracle<ed25519::PublicKey, deterministic::Context>;

const WAIT_MS: u64 = 20_000;

/// Four whole nodes.
struct Venue {
    context: deterministic::Context,
    oracle: Oracles,
    genesis: Arc<Genesis>,
    keys: Vec<ed25519::PrivateKey>,
    nodes: Vec<Option<Service<deterministic::Context>>>,
    signers: Signers,
    starts: u64,
}

fn run<F: Future<Output = ()>>(first_seed: u64, test: impl Fn(deterministic::Context) -> F) {
    let start = SystemTime::UNIX_EPOCH + Duration::from_millis(GENESIS_TIME.get());
    for seed in seeds(first_seed) {
        let config = deterministic::Config::new()
            .with_seed(seed)
            .with_start_time(start)
            .with_timeout(Some(Duration::from_secs(600)));
        deterministic::Runner::new(config).start(&test);
    }
}

impl Venue {
    async fn new(context: deterministic::Context) -> Self {
        let genesis = Arc::new(genesis());
        genesis.check().expect("the test genesis is valid");
        let keys = seat_keys(genesis.seats.len());
        let (network, oracle) = simulated::Network::new(
            context.child("network"),
            simulated::Config {
                max_size: message_bytes_max(keys.len()),
                max_peers_per_set: NZUsize!(4),
                disconnect_on_block: true,
                tracked_peer_sets: NZUsize!(1),
            },
        );
        network.start();
        let _ = oracle.manager().track(0, Set::from_iter_dedup(keys.iter().map(|key| key.public_key())));
        let link = Link {
            latency: Duration::from_millis(5),
            jitter: Duration::from_millis(2),
            success_rate: commonware_utils::probability!(1.0),
        };
        for from in &keys {
            for to in keys.iter().filter(|to| to.public_key() != from.public_key()) {
                oracle.add_link(from.public_key(), to.public_key(), link.clone()).await.expect("a free link");
            }
        }
        let nodes = keys.iter().map(|_| None).collect();
        let mut venue = Self { context, oracle, genesis, keys, nodes, signers: Signers::default(), starts: 0 };
        for seat in 0..venue.keys.len() {
            venue.start(seat).await;
        }
        venue
    }

    async fn start(&mut self, seat: usize) {
        self.starts += 1;
        let context = self.context.child("seat").with_attribute("index", seat).with_attribute("start", self.starts);
        let control = self.oracle.control(self.keys[seat].public_key());
        let mut pairs = Vec::new();
        for (channel, quota) in channels() {
            pairs.push(control.register(channel, quota).await.expect("the network runs"));
        }
        let mut pairs = pairs.into_iter();
        let mut next = || pairs.next().expect("seven channels");
        let network = Network {
            votes: next(),
            certificates: next(),
            certificate_fetch: next(),
            block_fetch: next(),
            blocks: next(),
            directory: self.oracle.manager(),
            blocker: control,
        };
        let gossip = Gossip { actions: next(), oracle: next() };
        let listen = "127.0.0.1:1".parse().expect("an address");
        let prefix = format!("seat-{seat}");
        let mut config = NodeConfig::new(self.genesis.clone(), self.keys[seat].clone(), Vec::new(), listen, prefix);
        config.page_cache_pages = 64;
        let service = service::start::<_, Simulated>(context, config, network, gossip, Vec::new()).await;
        self.nodes[seat] = Some(service.expect("the node starts"));
    }

    async fn kill(&mut self, seat: usize) {
        if let Some(service) = self.nodes[seat].take() {
            service.abort();
            let _ = service.exited().await;
            self.context.sleep(KILLED).await;
        }
    }

    fn node(&self, seat: usize) -> &Service<deterministic::Context> {
        self.nodes[seat].as_ref().expect("the node runs")
    }

    /// Hands in an action at one node and waits for its receipt at another.
    async fn act(&mut self, at: usize, name: &str, action: palisade_types::action::Action) -> (ActionId, Outcome) {
        let action = self.signers.sign(name, action);
        let id = self.node(at).api.submit(action).await.expect("admissible");
        let receipt = self.node((at + 1) % 4).api.receipt(id, WAIT_MS).await.expect("a receipt in time");
        assert_eq!(receipt.receipt.action, id);
        (id, receipt.receipt.outcome)
    }

    async fn place(&mut self, at: usize, name: &str, side: Side, price: i64, size: u64, tag: u8) -> OrderResult {
        match self.act(at, name, order(side, price, size, Some(tag))).await.1 {
            Outcome::Orders { mut results } => results.remove(0),
            other => panic!("no order results: {other:?}"),
        }
    }

    async fn prove(&self, seat: usize, request: ProofRequest) -> (ProofBundle, ProvenValue) {
        let bundle = self.node(seat).api.prove(request).await.expect("a proof");
        let verified = light_client::verify(&self.genesis, &bundle).expect("the light client accepts it");
        (bundle, verified.value)
    }
}

fn accepted(result: &OrderResult) -> OrderId {
    match result {
        OrderResult::Accepted { order, .. } | OrderResult::Waiting { order, .. } => *order,
        OrderResult::Rejected { rejection } => panic!("rejected: {rejection}"),
    }
}

#[test]
fn orders_handed_in_anywhere_trade_everywhere() {
    run(1, |context| async move {
        let mut venue = Venue::new(context).await;
        let sell = venue.place(0, "alice", Side::Sell, 100, 5, 1).await;
        let buy = venue.place(2, "bob", Side::Buy, 101, 3, 2).await;
        let sold = accepted(&sell);
        assert!(matches!(buy, OrderResult::Accepted { filled, .. } if filled.get() == 3), "{buy:?}");
        let height = venue.node(1).api.status().await.expect("running").height;
        for seat in 0..4 {
            let api = &venue.node(seat).api;
            api.block(height, WAIT_MS).await.expect("every node gets there");
            let book = api.book(SPOT, 10).await.expect("the market exists");
            assert!(book.bids.is_empty());
            assert_eq!((book.asks.len(), book.asks[0].size.get(), book.asks[0].orders), (1, 2, 1));
            let resting = api.open_order_by_id(sold).await.expect("it rests");
            assert_eq!((resting.remaining.get(), resting.account), (2, account_of("alice")));
            assert_eq!(api.open_orders(account_of("alice")).await.expect("running"), [resting]);
            let bob = api.account(account_of("bob")).await.expect("running");
            let btc = bob.balances.iter().find(|balance| balance.asset == BTC).expect("bob has BTC");
            assert_eq!(btc.total, Amount::new(1_003 * WHOLE));
            let alice = api.account(account_of("alice")).await.expect("running");
            let btc = alice.balances.iter().find(|balance| balance.asset == BTC).expect("alice has BTC");
            assert_eq!((btc.total, btc.hold), (Amount::new(997 * WHOLE), Amount::new(2 * WHOLE)));
            assert_eq!((alice.actions_used, alice.exists), (1, true));
            assert_eq!(alice.traded_usd, palisade_types::numbers::Usd::new(300 * WHOLE));
            let role = api.signer_role(SignerId::Address(account_of("alice"))).await.expect("running");
            assert_eq!(role, SignerRole::Account { hyperliquid_compatible: false });
            assert_eq!(api.assets().await.expect("running").len(), 2);
            let markets = api.markets().await.expect("running");
            let spot = markets.iter().find(|market| market.spec.id == SPOT).expect("listed");
            assert_eq!(spot.last.map(|price| price.get()), Some(10_000_000_000));
        }
        let (_, canceled) = venue.act(3, "alice", cancel(1)).await;
        assert!(matches!(canceled, Outcome::Cancels { .. }), "{canceled:?}");
    });
}

#[test]
fn questions_without_an_answer_say_so() {
    run(2, |context| async move {
        let mut venue = Venue::new(context).await;
        venue.place(0, "alice", Side::Sell, 100, 5, 1).await;
        let api = &venue.node(0).api;
        assert!(matches!(api.book(palisade_types::ids::MarketId::new(77), 1).await, Err(ApiError::NotFound { .. })));
        assert!(matches!(api.open_order_by_id(OrderId::new(999)).await, Err(ApiError::NotFound { .. })));
        assert!(matches!(api.receipt(ActionId([1; 32]), 0).await, Err(ApiError::NotFound { .. })));
        let before = venue.context.current();
        let late = api.receipt(ActionId([1; 32]), 500).await;
        assert_eq!(late, Err(ApiError::Timeout { timeout_ms: 500 }));
        let waited = venue.context.current().duration_since(before).expect("time goes on");
        assert!(waited >= Duration::from_millis(500) && waited < Duration::from_secs(2), "{waited:?}");
        assert!(matches!(api.block(Height::new(1_000_000), 0).await, Err(ApiError::NotFound { .. })));
        let nobody = api.account(AccountId([1; 20])).await.expect("an empty account");
        assert!(!nobody.exists && nobody.balances.is_empty());
        let used = venue.signers.sign("bob", order(Side::Buy, 90, 1, None));
        let id = venue.node(0).api.submit(used.clone()).await.expect("admissible");
        venue.node(0).api.receipt(id, WAIT_MS).await.expect("a receipt");
        let again = venue.node(0).api.submit(used).await;
        assert!(matches!(again, Err(ApiError::Inadmissible { reason: Inadmissible::NonceUsed { .. } })), "{again:?}");
    });
}

#[test]
fn a_quorum_of_reporters_sets_the_price() {
    run(3, |context| async move {
        let venue = Venue::new(context).await;
        for round in 0..3u32 {
            let now = NodeClock::default().now_ms(&venue.context);
            for seat in 0..3u32 {
                let vote = vote(seat, now, 20_000 + i64::from(round));
                venue.node(seat as usize).api.submit_oracle_vote(vote).await.expect("a good vote");
            }
            venue.context.sleep(Duration::from_millis(1_000)).await;
        }
        for seat in 0..4 {
            let markets = venue.node(seat).api.markets().await.expect("running");
            let index = markets.iter().find_map(|market| market.index).expect("the perpetual has an index");
            assert_eq!(i128::from(index.get()), 20_002 * WHOLE);
            assert!(markets.iter().any(|market| market.mark.is_some()));
        }
    });
}

#[test]
fn proofs_convince_a_client_that_knows_the_genesis_only() {
    run(4, |context| async move {
        let mut venue = Venue::new(context).await;
        let result = venue.place(0, "alice", Side::Sell, 100, 5, 1).await;
        let open = accepted(&result);
        let (receipt, _) = venue.act(1, "bob", order(Side::Buy, 90, 2, None)).await;
        let balance = |name: &str, asset| ProofRequest::Balance { universe: CORE, account: account_of(name), asset };
        let (_, value) = venue.prove(2, balance("carol", BTC)).await;
        assert_eq!(value, ProvenValue::Balance { total: Amount::new(1_000 * WHOLE) });
        let (_, value) = venue.prove(3, balance("nobody", USDC)).await;
        assert_eq!(value, ProvenValue::NoBalance);
        let (_, value) = venue.prove(0, ProofRequest::Order { order: open }).await;
        assert!(matches!(&value, ProvenValue::OpenOrder { record } if record.order.remaining.get() == 5), "{value:?}");
        let (_, value) = venue.prove(0, ProofRequest::Order { order: OrderId::new(12_345) }).await;
        assert_eq!(value, ProvenValue::OrderNotOpen);
        let (_, value) = venue.prove(3, ProofRequest::Receipt { action: receipt }).await;
        assert!(
            matches!(&value, ProvenValue::Receipt { receipt: proven, .. } if proven.action == receipt),
            "{value:?}"
        );
        let missing = venue.node(0).api.prove(ProofRequest::Receipt { action: ActionId([9; 32]) }).await;
        assert!(matches!(missing, Err(ApiError::NotFound { .. })), "{missing:?}");
    });
}

/// A proof with any one character changed, or with parts of another proof, convinces nobody.
#[test]
fn changed_proofs_convince_nobody() {
    run(5, |context| async move {
        let mut venue = Venue::new(context).await;
        let result = venue.place(0, "alice", Side::Sell, 100, 5, 1).await;
        let (receipt, _) = venue.act(1, "bob", order(Side::Buy, 90, 2, None)).await;
        let balance = |name: &str| ProofRequest::Balance { universe: CORE, account: account_of(name), asset: USDC };
        let requests = [
            balance("alice"),
            balance("nobody"),
            ProofRequest::Order { order: accepted(&result) },
            ProofRequest::Receipt { action: receipt },
        ];
        let mut bundles = Vec::new();
        for request in requests {
            bundles.push(venue.prove(0, request).await.0);
        }
        let refused = |bundle: &ProofBundle, what: &str| {
            assert!(light_client::verify(&venue.genesis, bundle).is_err(), "accepted with {what}");
        };
        for bundle in &bundles {
            for place in 0..60 {
                for (changed, what) in corrupted(bundle, place) {
                    refused(&changed, &what);
                }
            }
            refused(&ProofBundle { headers: Vec::new(), ..bundle.clone() }, "no headers");
            refused(&ProofBundle { height: Height::new(bundle.height.get() + 1), ..bundle.clone() }, "another height");
        }
        let value_of_bob = venue.prove(0, balance("bob")).await.0;
        let swapped = ProofBundle { request: balance("alice"), ..value_of_bob.clone() };
        refused(&swapped, "another account's value");
        let as_exclusion = ProofBundle { value: None, ..bundles[0].clone() };
        refused(&as_exclusion, "exclusion for inclusion");
        venue.context.sleep(Duration::from_secs(1)).await;
        let newer = venue.prove(0, balance("alice")).await.0;
        assert!(newer.height > bundles[0].height);
        let older_root = ProofBundle { proof: newer.proof.clone(), ..bundles[0].clone() };
        refused(&older_root, "a newer proof under an older root");
        let mut other = (*venue.genesis).clone();
        other.name.push('x');
        assert!(light_client::verify(&other, &bundles[0]).is_err(), "another genesis");
    });
}

/// The bundle with one character of each part changed, at a place that depends on `place`.
fn corrupted(bundle: &ProofBundle, place: usize) -> Vec<(ProofBundle, String)> {
    let change = |text: &str| {
        let mut bytes = text.as_bytes().to_vec();
        let at = 2 + (place * 7_919) % (bytes.len() - 2);
        bytes[at] = if bytes[at] == b'0' { b'1' } else { b'0' };
        String::from_utf8(bytes).expect("hexadecimal")
    };
    let header = place % bundle.headers.len();
    let mut headers = bundle.headers.clone();
    headers[header] = change(&headers[header]);
    let mut changed = vec![
        (ProofBundle { headers, ..bundle.clone() }, format!("a changed header at {place}")),
        (
            ProofBundle { certificate: change(&bundle.certificate), ..bundle.clone() },
            format!("a changed certificate at {place}"),
        ),
        (ProofBundle { proof: change(&bundle.proof), ..bundle.clone() }, format!("a changed proof at {place}")),
    ];
    if let Some(value) = &bundle.value {
        let value = Some(change(value));
        changed.push((ProofBundle { value, ..bundle.clone() }, format!("a changed value at {place}")));
    }
    changed
}

/// Every receipt that a client was given is there after a restart, by name and by height.
#[test]
fn receipts_survive_restarts() {
    run(6, |context| async move {
        let mut venue = Venue::new(context).await;
        let mut given = Vec::new();
        for step in 0..6u8 {
            let name = PEOPLE[usize::from(step) % PEOPLE.len()];
            let (id, outcome) = venue.act(usize::from(step % 3), name, order(Side::Buy, 50, 1, Some(step))).await;
            given.push((id, outcome));
        }
        for seat in [0, 3] {
            venue.kill(seat).await;
            venue.context.sleep(Duration::from_millis(300)).await;
            venue.start(seat).await;
            let api = &venue.node(seat).api;
            for (id, outcome) in &given {
                let receipt = api.receipt(*id, WAIT_MS).await.expect("the receipt is still there");
                assert_eq!(receipt.receipt.outcome, *outcome);
                let block = api.block(receipt.height, 0).await.expect("its block too");
                assert_eq!(block.receipts[receipt.index as usize].action, *id);
                let actions = api.block_actions(receipt.height).await.expect("and its actions");
                assert!(actions.iter().any(|action| action.id() == *id));
            }
            let request = ProofRequest::Receipt { action: given[0].0 };
            let (_, value) = venue.prove(seat, request).await;
            assert!(matches!(value, ProvenValue::Receipt { .. }));
        }
        let after = venue.act(0, "dave", order(Side::Sell, 150, 1, None)).await;
        assert!(matches!(after.1, Outcome::Orders { .. }));
    });
}

/// Names of receipts were once kept in memory only, for the newest 300,000 actions and, after a start, of the newest
/// 100,000 blocks: memory grew for hours and what was older could not be asked for by name.
#[test]
fn receipts_of_old_blocks_are_found_by_name() {
    run(9, |context| async move {
        let mut venue = Venue::new(context).await;
        let mut given = Vec::new();
        for step in 0..6u8 {
            let name = PEOPLE[usize::from(step) % PEOPLE.len()];
            given.push(venue.act(usize::from(step % 3), name, order(Side::Buy, 50, 1, Some(step))).await);
        }
        // Past a commit of the index, and past the blocks whose names stay in memory.
        let height = Height::new(300);
        for api in venue.nodes.iter().flatten().map(|node| &node.api) {
            while api.block(height, WAIT_MS).await.is_err() {}
        }
        for restarted in [false, true] {
            if restarted {
                venue.kill(3).await;
                venue.start(3).await;
            }
            for seat in [0, 3] {
                let api = &venue.node(seat).api;
                for (id, outcome) in &given {
                    let receipt = api.receipt(*id, 0).await.expect("the receipt is found by name");
                    assert_eq!((receipt.receipt.action, &receipt.receipt.outcome), (*id, outcome));
                }
                let unknown = api.receipt(ActionId([7; 32]), 0).await;
                assert!(matches!(unknown, Err(ApiError::NotFound { .. })), "{unknown:?}");
                let (_, value) = venue.prove(seat, ProofRequest::Receipt { action: given[0].0 }).await;
                assert!(matches!(value, ProvenValue::Receipt { .. }));
            }
        }
    });
}

/// Actions that the mempools hold while a node proposes on unfinalized blocks are included once, whatever the order.
#[test]
fn a_burst_is_included_whole_and_once() {
    run(7, |context| async move {
        let mut venue = Venue::new(context).await;
        let mut sent: Vec<SignedAction> = Vec::new();
        for step in 0..200usize {
            let name = PEOPLE[step % PEOPLE.len()];
            let action = venue.signers.sign(name, order(Side::Buy, 50, 1, None));
            venue.node(step % 4).api.submit(action.clone()).await.expect("admissible");
            sent.push(action);
        }
        for action in &sent {
            venue.node(0).api.receipt(action.id(), WAIT_MS).await.expect("a receipt");
        }
        let status = venue.node(0).api.status().await.expect("running");
        let mut receipts = 0;
        for height in 1..=status.height.get() {
            receipts += venue.node(0).api.block(Height::new(height), 0).await.expect("stored").receipts.len();
        }
        assert_eq!(receipts, sent.len());
        venue.context.sleep(Duration::from_millis(500)).await;
        for seat in 0..4 {
            assert_eq!(venue.node(seat).mempool.load().actions, 0, "nothing is left at seat {seat}");
        }
        assert!(status.voting && status.seat == Some(0) && status.seat_count == 4 && !status.chain_halted);
    });
}

/// An action on which every engine panics is left out and forgotten; everyone else's are executed.
#[test]
fn a_poisoned_action_stops_nobody() {
    run(8, |context| async move {
        let mut venue = Venue::new(context).await;
        venue.place(0, "alice", Side::Buy, 50, 1, 1).await;
        let poison = venue.signers.sign("bob", order(Side::Buy, 50, 1, None));
        crate::engine_cache::poison::set(Some(poison.id()));
        venue.node(1).api.submit(poison.clone()).await.expect("nothing is wrong with it in itself");
        let mut others = Vec::new();
        for step in 0..12usize {
            let action = venue.signers.sign(["alice", "carol", "dave"][step % 3], order(Side::Buy, 50, 1, None));
            others.push(venue.node(step % 4).api.submit(action).await.expect("admissible"));
        }
        for action in others {
            venue.node(2).api.receipt(action, WAIT_MS).await.expect("a receipt");
        }
        venue.context.sleep(Duration::from_secs(5)).await;
        let none = venue.node(0).api.receipt(poison.id(), 0).await;
        assert!(matches!(none, Err(ApiError::NotFound { .. })), "{none:?}");
        for seat in 0..4 {
            let api = &venue.node(seat).api;
            assert_eq!(venue.node(seat).mempool.load().actions, 0, "seat {seat} has put it in quarantine");
            assert!(api.status().await.expect("running").voting);
        }
        let again = venue.node(0).api.submit(poison).await;
        assert!(matches!(again, Err(ApiError::InvalidRequest { .. })), "{again:?}");
        crate::engine_cache::poison::set(None);
        venue.place(3, "bob", Side::Buy, 50, 1, 2).await;
    });
}
