//! What the node in memory says of synthetics, combos, block trades and pools.

use palisade_client::api::{
    BlockRequestInfo, BlockRequests, BookLevel, ComboBook, ComboInfo, Combos, DebtInfo, DebtNeeds, Debts, ImpliedLevel,
    PoolInfo, SyntheticInfo,
};
use palisade_types::{
    address::AccountId,
    ids::{AssetId, BlockQuoteId, BlockRequestId, ComboId, Height, MarketId, UniverseId},
    multi_leg::{BlockPrice, BlockQuote, BlockQuoteTerms, BlockRequest, BlockTerms, Combo, Leg},
    numbers::{Amount, Price, Rate, Shares, Size, Usd},
    order::Side,
    pool::PoolFee,
    synthetic::SyntheticSpec,
    time::TimeMs,
};

const HEIGHT: Height = Height::new(12);
const TIME: TimeMs = TimeMs::new(9);

pub fn synthetic() -> SyntheticInfo {
    SyntheticInfo {
        spec: SyntheticSpec {
            asset: AssetId::new(17),
            tracks: AssetId::new(1),
            universe: UniverseId::new(0),
            market: Some(MarketId::new(10_004)),
            debt_ceiling: Amount::new(i128::MAX),
            minimum_debt: Amount::new(1),
            initial_ratio: Rate::new(1_500_000),
            maintenance_ratio: Rate::new(1_250_000),
            liquidation_penalty: Rate::new(100_000),
            mint_fee: Rate::new(1_000),
            redemption_fee: Rate::new(5_000),
            backstop_share: Rate::new(200_000),
            fund_claim_maximum_usd: Usd::new(2),
        },
        supply: Amount::new(3),
        debt: Amount::new(2),
        shortfall: Amount::new(1),
        collateral_usd: Usd::new(4),
        fund_claimed_usd: Usd::new(5),
        index: Some(Price::new(6)),
        index_time_ms: Some(TimeMs::new(7)),
    }
}

pub fn debts() -> Debts {
    let needs = DebtNeeds { value_usd: Usd::new(1), initial_usd: Usd::new(2), maintenance_usd: Usd::new(3) };
    let debt = DebtInfo {
        asset: AssetId::new(17),
        debt: Amount::new(i128::MAX),
        collateral_usd: Usd::new(4),
        needs: Some(needs),
    };
    let unpriced = DebtInfo { asset: AssetId::new(18), needs: None, ..debt.clone() };
    Debts { account: AccountId([1; 20]), height: HEIGHT, time_ms: TIME, debts: vec![debt, unpriced] }
}

fn legs() -> Vec<Leg> {
    let leg = |market, side| Leg { market: MarketId::new(market), side, ratio: 1 };
    vec![leg(0, Side::Buy), leg(110_000, Side::Sell)]
}

pub fn combo_book() -> ComboBook {
    ComboBook {
        combo: Combo {
            id: ComboId::new(4),
            universe: UniverseId::new(0),
            legs: legs(),
            tick: Price::new(10),
            size_decimals: 5,
        },
        height: HEIGHT,
        time_ms: TIME,
        bids: vec![BookLevel { price: Price::new(-20), size: Size::new(6), orders: 7 }],
        asks: Vec::new(),
        implied_bid: None,
        implied_ask: Some(ImpliedLevel { price: Price::new(-10), size: Size::new(u64::MAX), quote_usd: Usd::new(-1) }),
    }
}

pub fn combos() -> Combos {
    let ComboBook { combo, .. } = combo_book();
    let info = ComboInfo { combo, best_bid: Some(Price::new(-20)), best_ask: None };
    Combos { height: HEIGHT, time_ms: TIME, combos: vec![info], next: Some(ComboId::new(u64::MAX)) }
}

pub fn block_requests() -> BlockRequests {
    let request = BlockRequest {
        id: BlockRequestId::new(812),
        account: AccountId([1; 20]),
        terms: BlockTerms {
            legs: legs(),
            side: None,
            lots: Size::new(5),
            makers: vec![AccountId([2; 20])],
            expires_at_ms: TimeMs::new(99),
        },
        placed_at_ms: TIME,
    };
    let quote = BlockQuote {
        id: BlockQuoteId::new(815),
        account: AccountId([2; 20]),
        terms: BlockQuoteTerms {
            request: request.id,
            side: Side::Sell,
            price: BlockPrice::Net { price: Price::new(-150) },
            lots: Size::new(5),
            expires_at_ms: TimeMs::new(98),
        },
        placed_at_ms: TIME,
    };
    let made = BlockRequestInfo { request, quotes: vec![quote] };
    let naming = vec![BlockRequestInfo { quotes: Vec::new(), ..made.clone() }];
    BlockRequests { account: AccountId([1; 20]), height: HEIGHT, time_ms: TIME, made: vec![made], naming }
}

pub fn pool() -> PoolInfo {
    PoolInfo {
        market: MarketId::new(10_001),
        height: HEIGHT,
        time_ms: TIME,
        fee: PoolFee::ThirtyBasisPoints,
        created_at_ms: TimeMs::new(8),
        base: Amount::new(1),
        quote: Amount::new(i128::MAX),
        shares: Shares::new(2),
        price: Some(Price::new(3)),
        bid: None,
        ask: Some(Price::new(4)),
    }
}
