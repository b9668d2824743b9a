use super::*;
use palisade_types::{
    address::{AccountId, SignerId},
    ids::{MarketId, Nonce, OrderId, UniverseId},
    numbers::{Amount, Position, Price, Size, Usd},
    time::TimeMs,
};

const SIGNER: SignerId = SignerId::Address(AccountId([0xab; 20]));
const SIGNER_TEXT: &str = "0xabababababababababababababababababababab";

fn rejections() -> Vec<(Rejection, &'static str)> {
    use Rejection::*;
    let market = MarketId::new(3);
    let (price, usd, lots) = (Price::new(150_000_000), Usd::new(1_000_000_000), Size::new(2));
    let time_ms = TimeMs::new(5);
    vec![
        (UnknownMarket { market }, "Invalid asset: 3."),
        (UnknownAsset { asset: AssetId::new(9) }, "Unknown asset 9."),
        (UnknownUniverse { universe: UniverseId::new(1) }, "Unknown universe 1."),
        (PriceNotPositive { price }, "Order has invalid price."),
        (OffTick { price, tick: price }, "Price must be divisible by tick size."),
        (ZeroSize, "Order has zero size."),
        (InvalidSize { size_decimals: 2 }, "Order has invalid size."),
        (BelowMinimumNotional { notional: Usd::ZERO, minimum: usd }, "Order must have minimum value of $10."),
        (AboveMaximumNotional { notional: usd, maximum: usd }, "Order value 10 is above the maximum of 10."),
        (OutsidePriceBand { price, reference: price }, "Order price too far from oracle"),
        (TooManyOpenOrders { open: 3, limit: 3 }, "3 open orders, the limit of this market is 3."),
        (ClientOrderIdInUse { order: OrderId::new(4) }, "The client order id is in use by open order 4."),
        (WouldMatch { best_opposite: price }, "Post only order would have immediately matched, bbo was 1.5."),
        (NothingToMatch, "Order could not immediately match against any resting orders."),
        (
            NotFillable { wanted: lots, available: Size::ZERO },
            "Fill-or-kill order could not be filled whole: 0 of 2 lots.",
        ),
        (InsufficientMargin { required: usd, available: Usd::ZERO }, "Insufficient margin to place order."),
        (
            InsufficientBalance { asset: AssetId::new(0), required: Amount::new(150_000_000), available: Amount::ZERO },
            "Insufficient spot balance asset=0: 1.5 required, 0 available",
        ),
        (
            InsufficientBalance { asset: AssetId::new(2), required: Amount::new(1), available: Amount::ZERO },
            "Insufficient spot balance asset=2",
        ),
        (ReduceOnlyWouldIncrease { position: Position::new(1) }, "Reduce only order would increase position."),
        (ReduceOnlyOnSpot { market }, "Spot market 3 has no positions to reduce."),
        (OpenInterestCap { market, cap: lots }, "Order would increase open interest while open interest is capped."),
        (PositionCap { cap: lots }, "Order would cause position to exceed margin tier limit at current leverage."),
        (OrderNotOpen, "Order was never placed, already canceled, or filled."),
        (ModifyChangesMarketOrSide, "A modify keeps market and side: cancel and place instead."),
        (
            TimeNotAhead { time_ms, block_time_ms: time_ms, minimum_ahead_ms: 1 },
            "Time 5 ms is not at least 1 ms after block time 5 ms.",
        ),
        (LeverageOutOfRange { leverage: 99, maximum: 50 }, "Invalid leverage value."),
        (NoLeverage { market }, "Market 3 has no leverage."),
        (AgentNotFresh { agent: SIGNER }, "Extra agent already used."),
        (TooManyAgents { limit: 16 }, "Too many extra agents."),
        (InvalidName { limit_bytes: 64 }, "A name has at most 64 printable ASCII characters."),
        (AmountNotPositive { amount: Amount::ZERO }, "Amount 0 must be positive."),
        (NoFaucet { asset: AssetId::new(0) }, "This chain has no faucet for asset 0."),
        (FaucetTooSoon { next_ms: time_ms }, "Faucet may be drawn again at 5 ms."),
        (NoFreshPrice { market }, "Market 3 has no fresh price: only reducing orders are accepted."),
        (UniverseHalted { universe: UniverseId::new(0) }, "Universe 0 is halted: only cancels are accepted."),
        (Overflow, "Arithmetic overflow: the numbers are too large."),
        (InvariantViolated { invariant: "I1".into() }, "Internal invariant violated: I1; the action was reverted."),
        (Unsupported { feature: "noop".into() }, "Noop is not supported."),
        (InvalidNumber { field: "price".into() }, "Price is not a valid decimal number."),
    ]
}

#[test]
fn every_rejection_has_its_words() {
    for (rejection, text) in rejections() {
        assert_eq!(rejection_text(&rejection), text, "{rejection:?}");
    }
}

#[test]
fn every_inadmissible_action_has_its_words() {
    use Inadmissible::*;
    let nonce = Nonce::new(7);
    let time_ms = TimeMs::new(9);
    let account = AccountId([0xab; 20]);
    let no_wallet = format!("User or API Wallet {SIGNER_TEXT} does not exist.");
    let table = [
        (WrongChain { expected: 1, found: 2 }, "Signed for chain 2, this is chain 1.".to_owned()),
        (
            BadSignature { signer: SIGNER },
            format!("User or API Wallet {SIGNER_TEXT} does not exist: the signature does not verify."),
        ),
        (Malformed { reason: "x".into() }, "Malformed action: x.".to_owned()),
        (BatchSize { found: 41, limit: 40 }, "A batch holds 1 to 40 parts, found 41.".to_owned()),
        (UnknownSigner { signer: SIGNER, account }, no_wallet.clone()),
        (AgentRetired { signer: SIGNER }, no_wallet.clone()),
        (UnknownAccount { account }, no_wallet),
        (NonceUsed { nonce }, "Invalid nonce: duplicate nonce 7".to_owned()),
        (
            NonceTooLow { nonce, smallest_kept: Nonce::new(8) },
            "Invalid nonce: 7 is too low, use one above 8".to_owned(),
        ),
        (
            NonceOutOfWindow { nonce, block_time_ms: time_ms },
            "Invalid nonce: 7 is not within 2 days before and 1 day after the block time 9".to_owned(),
        ),
        (
            Expired { expires_after_ms: time_ms, block_time_ms: time_ms },
            "Action expired: expiresAfter 9 is before block time 9".to_owned(),
        ),
        (
            BudgetExhausted { used: 2, cap: 1 },
            "Too many cumulative requests sent (2 > 1). Place taker orders to free up requests, or wait.".to_owned(),
        ),
        (ChainHalted, "The chain is halted: only cancels are accepted.".to_owned()),
        (TooLarge { found_bytes: 2, limit_bytes: 1 }, "2 bytes, more than the 1 that an action may have.".to_owned()),
    ];
    for (reason, text) in table {
        assert_eq!(inadmissible_text(&reason), text, "{reason:?}");
        assert_eq!(submit_text(&ApiError::Inadmissible { reason }), Some(text));
    }
    let refused = inadmissible_text(&HyperliquidFormRefused { signer: SIGNER });
    assert!(refused.contains("approve an agent under the Palisade domain, or opt in"), "{refused}");
}

#[test]
fn states_of_cancelled_orders_are_in_the_closed_list_of_clients() {
    use CancelReason::*;
    let table = [
        (Requested, "canceled"),
        (Modified, "canceled"),
        (ImmediateOrCancel, "canceled"),
        (SelfTrade, "selfTradeCanceled"),
        (Margin, "marginCanceled"),
        (ReduceOnly, "reduceOnlyCanceled"),
        (Expired, "canceled"),
        (Scheduled, "scheduledCancel"),
        (MatchStepLimit, "canceled"),
        (Cap, "openInterestCapCanceled"),
    ];
    for (reason, status) in table {
        assert_eq!(canceled_status(reason), status);
        assert!(remainder_text(Some(reason)).ends_with('.'));
    }
}

#[test]
fn errors_of_the_node_have_a_status() {
    let table = [
        (ApiError::InvalidRequest { reason: "x".into() }, 422, true),
        (ApiError::MempoolFull { pending: 1, limit: 1 }, 429, true),
        (ApiError::NotFound { what: "x".into() }, 404, false),
        (ApiError::Timeout { timeout_ms: 1 }, 504, false),
        (ApiError::Unavailable { reason: "x".into() }, 503, false),
    ];
    for (error, status, business) in table {
        assert_eq!(submit_text(&error).is_some(), business, "{error}");
        assert_eq!(RequestError::from(error).status(), status);
    }
    assert_eq!(RequestError::Json { reason: String::new() }.status(), 400);
    assert_eq!(RequestError::shape("x").status(), 422);
}
