//! Every method, every refusal, there and back unchanged.

use super::{fake::*, *};
use palisade_client::{
    api::{ApiError, SignerRole},
    proof::ProofRequest,
    rpc::RpcError,
    what_if::{self, PortfolioQuestion, PriceQuestion},
};
use palisade_types::{
    address::{AccountId, SignerId},
    hash::ActionId,
    ids::{AssetId, ClientOrderId, ComboId, Height, MarketId, Nonce, OrderId, SeatId, UniverseId},
    numbers::Price,
    oracle::{OracleEntry, OracleVote},
    order::OrderReference,
    rejection::Inadmissible,
    time::TimeMs,
};

#[tokio::test]
async fn reads_arrive_and_return_unchanged() {
    let server = Server::start().await;
    let (client, fake) = (server.client(), &server.fake);
    assert_eq!(client.status().await, Ok(status()));
    assert_eq!(client.genesis().await, Ok(Arc::new(genesis())));
    assert_eq!(client.assets().await, Ok(vec![asset()]));
    assert_eq!(client.markets().await, Ok(Arc::new(vec![market()])));
    assert_eq!(client.book(MarketId::new(3), 7).await, Ok(book()));
    assert_eq!(fake.last_asked(), "book 3 7");
    let account = AccountId([0xab; 20]);
    assert_eq!(client.account(account).await, Ok(account_info()));
    assert_eq!(fake.last_asked(), format!("account {account}"));
    assert_eq!(client.open_orders(account).await, Ok(vec![order()]));
    for reference in [OrderReference::Id(OrderId::new(5)), OrderReference::Client(ClientOrderId([7; 16]))] {
        assert_eq!(client.open_order(account, reference).await, Ok(order()));
        assert_eq!(fake.last_asked(), format!("open_order {account} {reference:?}"));
    }
    assert_eq!(client.open_order_by_id(OrderId::new(6)).await, Ok(order()));
    assert_eq!(fake.last_asked(), "open_order_by_id 6");
    assert_eq!(client.margin_question(account, UniverseId::new(1)).await, Ok(margin_question()));
    assert_eq!(fake.last_asked(), format!("margin_question {account} 1"));
    assert_eq!(client.margin(margin_question().question).await, Ok(margin_answer()));
    assert_eq!(fake.last_asked(), "margin 0.00000007");
    for signer in [SignerId::Address(account), key().signer_id()] {
        assert_eq!(client.signer_role(signer).await, Ok(SignerRole::Agent { agent: agent() }));
        assert_eq!(fake.last_asked(), format!("signer_role {signer}"));
    }
}

#[tokio::test]
async fn synthetics_combos_blocks_and_pools_arrive_and_return_unchanged() {
    let server = Server::start().await;
    let (client, fake) = (server.client(), &server.fake);
    let account = AccountId([0xab; 20]);
    assert_eq!(client.synthetics().await, Ok(vec![synthetic()]));
    assert_eq!(client.debts(account).await, Ok(debts()));
    assert_eq!(fake.last_asked(), format!("debts {account}"));
    assert_eq!(client.combos(ComboId::new(3), 7).await, Ok(combos()));
    assert_eq!(fake.last_asked(), "combos 3 7");
    assert_eq!(client.combo_book(ComboId::new(4), 7).await, Ok(combo_book()));
    assert_eq!(fake.last_asked(), "combo_book 4 7");
    assert_eq!(client.block_requests(account).await, Ok(block_requests()));
    assert_eq!(fake.last_asked(), format!("block_requests {account}"));
    assert_eq!(client.pool(MarketId::new(10_001)).await, Ok(pool()));
    assert_eq!(fake.last_asked(), "pool 10001");
}

/// A covered call, as the command line's page has it.
const COVERED: &str = r#"{ "size_decimals": 2, "expiries": [ { "forward": "100000", "time_ms": 2592000000 } ],
    "linear": [ { "expiry": null, "price": "100000", "lots": 100 } ],
    "options": [ { "expiry": 0, "kind": "call", "strike": "110000", "volatility": "0.55", "lots": -100 } ] }"#;
const OPTIONS: &str = r#"[
    { "kind": "call", "forward": "100000", "strike": "110000", "time_ms": 2592000000, "volatility": "0.55" },
    { "kind": "put", "forward": "100000", "strike": "90000", "time_ms": 2592000000, "price": "1500" } ]"#;

fn questions() -> Vec<PriceQuestion> {
    serde_json::from_str(OPTIONS).expect("questions")
}

fn covered() -> PortfolioQuestion {
    serde_json::from_str(COVERED).expect("a question")
}

/// Numbers alone are asked: who is asked in process and over a socket says the same, without a state.
#[tokio::test]
async fn options_and_portfolios_are_answered_from_numbers_alone() {
    let server = Server::start().await;
    let client = server.client();
    let prices = what_if::prices(&questions()).expect("in range");
    let off = prices[1].greeks.price.get() - 1_500 * 10i128.pow(18);
    assert!(off.abs() < 2 * 10i128.pow(16), "the volatility that it implies makes it again, to two cents: {off}");
    assert_eq!(client.price(questions()).await, Ok(prices));
    assert_eq!(client.price(Vec::new()).await, Ok(Vec::new()));
    let margin = what_if::portfolio_margin(&covered()).expect("in range");
    assert_eq!(margin.scenarios.len(), 35);
    assert_eq!(client.portfolio_margin(covered()).await, Ok(margin));
    assert_eq!(server.fake.asked.lock().unwrap().len(), 0, "no state is asked");
}

#[tokio::test]
async fn questions_without_an_answer_say_which_and_why() {
    let server = Server::start().await;
    let client = server.client();
    let refused = |reason: &str| ApiError::InvalidRequest { reason: reason.to_owned() };
    let mut both = questions();
    both[1].volatility = both[0].volatility;
    let said = refused("question 1: give either a volatility or a price");
    assert_eq!(client.price(both).await, Err(said));
    let mut cheap = questions();
    cheap[1].price = Some("-1".parse().expect("dollars"));
    let error = client.price(cheap).await.expect_err("no volatility gives it").to_string();
    assert!(error.contains("question 1: a price of -1 is below the intrinsic value"), "{error}");
    let many = vec![questions().remove(0); what_if::PRICES_MAX + 1];
    assert_eq!(client.price(many.clone()).await, Err(refused("1001 questions, the limit of a request is 1000")));
    assert_eq!(client.price(many[1..].to_vec()).await.map(|answers| answers.len()), Ok(what_if::PRICES_MAX));

    let mut nowhere = covered();
    nowhere.options[0].expiry = 3;
    assert_eq!(client.portfolio_margin(nowhere).await, Err(refused("the place of an expiry does not fit its range")));
    let mut legs = covered();
    legs.linear = vec![legs.linear[0]; what_if::LEGS_MAX];
    assert_eq!(client.portfolio_margin(legs).await, Err(refused("1001 legs, the limit of a request is 1000")));
    let mut expiries = covered();
    expiries.expiries = vec![expiries.expiries[0]; what_if::LEGS_MAX + 1];
    assert_eq!(client.portfolio_margin(expiries).await, Err(refused("1001 expiries, the limit of a request is 1000")));
}

#[tokio::test]
async fn history_arrives_and_returns_unchanged() {
    let server = Server::start().await;
    let (client, fake) = (server.client(), &server.fake);
    assert_eq!(client.block(Height::new(5), 250).await, Ok(Arc::new(block())));
    assert_eq!(fake.last_asked(), "block 5 250");
    assert_eq!(client.block_actions(Height::new(5)).await, Ok(vec![action(), action()]));
    let id = ActionId([0xcd; 32]);
    assert_eq!(client.receipt(id, 1_000).await, Ok(receipt_info()));
    assert_eq!(fake.last_asked(), format!("receipt {id} 1000"));
    let account = AccountId([0xab; 20]);
    let requests = [
        ProofRequest::Balance { universe: UniverseId::new(1), account, asset: AssetId::new(2) },
        ProofRequest::Order { order: OrderId::new(3) },
        ProofRequest::Receipt { action: id },
    ];
    for request in requests {
        assert_eq!(client.prove(request.clone()).await, Ok(bundle()));
        assert_eq!(fake.last_asked(), format!("prove {request:?}"));
    }
}

#[tokio::test]
async fn writes_arrive_unchanged() {
    let server = Server::start().await;
    let (client, fake) = (server.client(), &server.fake);
    assert_eq!(client.submit(action()).await, Ok(action().id()));
    assert_eq!(fake.last_asked(), format!("submit {:?}", action()));
    let entries = vec![OracleEntry { asset: AssetId::new(1), price: Price::new(5) }];
    let (seat, time_ms) = (SeatId::new(2), TimeMs::new(4_000));
    let vote = OracleVote { chain_id: 77, epoch: 0, round: 4, seat, time_ms, entries }.sign(&key());
    assert_eq!(client.submit_oracle_vote(vote.clone()).await, Ok(()));
    assert_eq!(fake.last_asked(), format!("submit_oracle_vote {vote:?}"));
}

#[tokio::test]
async fn an_action_may_be_written_as_json() {
    let server = Server::start().await;
    let envelope = serde_json::to_string(&action().envelope).expect("JSON");
    let signature = palisade_client::rpc::action::signature_to_hex(&action().signature);
    let params = format!(r#"{{"envelope":{envelope},"signature":"{signature}"}}"#);
    let body = format!(r#"{{"jsonrpc":"2.0","id":"a","method":"palisade_submit","params":{params}}}"#);
    let (status, answer) = server.post(body).await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(answer["result"], action().id().to_string(), "{answer}");
    assert_eq!(answer["id"], "a");
    assert_eq!(server.fake.last_asked(), format!("submit {:?}", action()));
}

#[tokio::test]
async fn every_refusal_travels_whole() {
    let server = Server::start().await;
    let client = server.client();
    let reason = Inadmissible::NonceTooLow { nonce: Nonce::new(u64::MAX), smallest_kept: Nonce::new(5) };
    let what = "a \"quoted\" thing \u{1f980}".to_owned();
    let refusals = [
        (-32_001, ApiError::InvalidRequest { reason: what.clone() }),
        (-32_002, ApiError::Inadmissible { reason }),
        (-32_003, ApiError::MempoolFull { pending: 5, limit: 5 }),
        (-32_004, ApiError::Pruned { height: Height::new(1), oldest: Height::new(2) }),
        (-32_005, ApiError::NotFound { what: what.clone() }),
        (-32_006, ApiError::Timeout { timeout_ms: 7 }),
        (-32_007, ApiError::Unavailable { reason: what }),
    ];
    for (code, refusal) in refusals {
        server.fake.set(Mood::Refuse(refusal.clone()));
        assert_eq!(client.submit(action()).await, Err(refusal.clone()));
        assert_eq!(client.status().await, Err(refusal.clone()));
        let (status, answer) = server.post(r#"{"jsonrpc":"2.0","id":1,"method":"palisade_status"}"#).await;
        assert_eq!(status, StatusCode::OK);
        assert_eq!(answer["error"]["code"], code);
        assert_eq!(answer["error"]["message"], refusal.to_string());
    }
}

#[tokio::test]
async fn a_panic_inside_is_one_answer() {
    let server = Server::start().await;
    let client = server.client();
    server.fake.set(Mood::Panic);
    let (status, answer) = server.post(r#"{"jsonrpc":"2.0","id":1,"method":"palisade_status"}"#).await;
    assert_eq!((status, &answer["error"]["code"]), (StatusCode::OK, &Value::from(-32_603)));
    assert!(matches!(client.status().await, Err(ApiError::Unavailable { .. })));
    server.fake.set(Mood::Normal);
    assert_eq!(client.status().await, Ok(status_of_fake()));
}

fn status_of_fake() -> palisade_client::api::Status {
    fake::status()
}

#[tokio::test]
async fn an_absent_server_is_named() {
    let url = {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        format!("http://{}", listener.local_addr().expect("a bound socket"))
    };
    let client = RpcClient::new(&url).expect("an address");
    let error = client.status().await.expect_err("nobody listens");
    assert!(matches!(&error, ApiError::Unavailable { reason } if reason.contains(&url)), "{error}");
    for bad in ["", "127.0.0.1:80", "ftp://host", "http://", "not a url"] {
        assert!(matches!(RpcClient::new(bad), Err(RpcError::InvalidUrl { .. })), "{bad}");
    }
    assert!(matches!(RpcClient::new("https://host"), Err(RpcError::TlsUnsupported { .. })));
}

#[tokio::test]
async fn a_server_that_speaks_something_else_is_named() {
    let server = Server::start().await;
    let client = RpcClient::new(&format!("{}/health", server.url)).expect("an address");
    let error = client.status().await.expect_err("no JSON-RPC there");
    assert!(matches!(&error, ApiError::Unavailable { reason } if reason.contains("405")), "{error}");
}
