//! Values of block trades and combos.

use super::samples::{account, market, price, time};
use palisade_types::{
    action::Action,
    event::Event,
    hash::ActionId,
    ids::{BlockQuoteId, BlockRequestId, ComboId, MarketId, OrderId, TradeId, UniverseId},
    multi_leg::{
        BlockEnd, BlockPrice, BlockQuote, BlockQuoteTerms, BlockRequest, BlockTerms, BlockTrade, Combo, ComboOrder,
        ComboOrderEnd, ComboSide, ComboTimeInForce, ComboTrade, Leg, LegsFault, MakerFault,
    },
    numbers::{Price, Size, Usd},
    order::Side,
    receipt::Outcome,
    rejection::Rejection,
};

fn legs() -> Vec<Leg> {
    vec![
        Leg { market: market(), side: Side::Buy, ratio: 1 },
        Leg { market: MarketId::new(110_000), side: Side::Sell, ratio: 2 },
    ]
}

pub fn block_prices() -> Vec<BlockPrice> {
    vec![
        BlockPrice::Net { price: Price::new(-1_250_000_000) },
        BlockPrice::Legs { prices: vec![price(), Price::new(6_600_000_000_000)] },
    ]
}

pub fn block_request() -> BlockRequest {
    let terms = BlockTerms {
        legs: legs(),
        side: Some(Side::Sell),
        lots: Size::new(2_500),
        makers: vec![account(3), account(4)],
        expires_at_ms: time(),
    };
    BlockRequest { id: BlockRequestId::new(21), account: account(1), terms, placed_at_ms: time() }
}

pub fn block_quote() -> BlockQuote {
    let terms = BlockQuoteTerms {
        request: BlockRequestId::new(21),
        side: Side::Buy,
        price: block_prices().remove(0),
        lots: Size::new(2_000),
        expires_at_ms: time(),
    };
    BlockQuote { id: BlockQuoteId::new(22), account: account(3), terms, placed_at_ms: time() }
}

pub fn combo() -> Combo {
    let (id, universe) = (ComboId::new(23), UniverseId::new(0));
    Combo { id, universe, legs: legs(), tick: Price::new(100_000_000), size_decimals: 5 }
}

pub fn combo_order() -> ComboOrder {
    ComboOrder {
        id: OrderId::new(24),
        account: account(1),
        combo: ComboId::new(23),
        side: Side::Buy,
        price: Price::new(-1_250_000_000),
        remaining: Size::new(3),
        original: Size::new(5),
        placed_at_ms: time(),
    }
}

fn block_trade() -> BlockTrade {
    BlockTrade {
        request: BlockRequestId::new(21),
        quote: BlockQuoteId::new(22),
        taker_side: Side::Sell,
        taker: account(1),
        maker: account(3),
        lots: Size::new(2_000),
        quote_usd: Usd::new(-25_000_000),
        first_trade: TradeId::new(9),
        trades: 2,
    }
}

fn combo_trade() -> ComboTrade {
    ComboTrade {
        combo: ComboId::new(23),
        taker_side: Side::Buy,
        taker: ComboSide { account: account(1), order: OrderId::new(24) },
        maker: Some(ComboSide { account: account(3), order: OrderId::new(20) }),
        lots: Size::new(2),
        quote_usd: Usd::new(-25_000),
        first_trade: TradeId::new(9),
        trades: 2,
    }
}

pub fn actions() -> Vec<Action> {
    vec![
        Action::RequestBlock { block: block_request().terms },
        Action::QuoteBlock { quote: block_quote().terms },
        Action::AcceptBlock { request: BlockRequestId::new(21), quote: BlockQuoteId::new(22) },
        Action::CancelBlockRequest { request: BlockRequestId::new(21) },
        Action::CancelBlockQuote { quote: BlockQuoteId::new(22) },
        Action::CreateCombo { legs: legs() },
        Action::PlaceCombo {
            combo: ComboId::new(23),
            side: Side::Buy,
            price: Price::new(-1_250_000_000),
            lots: Size::new(5),
            time_in_force: ComboTimeInForce::Gtc,
        },
        Action::CancelCombo { order: OrderId::new(24) },
    ]
}

pub fn outcomes() -> Vec<Outcome> {
    vec![
        Outcome::BlockRequested { request: BlockRequestId::new(21) },
        Outcome::BlockQuoted { quote: BlockQuoteId::new(22) },
        Outcome::Combo { combo: ComboId::new(23), is_mirrored: true },
        Outcome::ComboOrder {
            order: OrderId::new(24),
            filled: Size::new(2),
            filled_quote_usd: Usd::new(-25_000),
            resting: Size::ZERO,
            remainder_canceled: Some(ComboOrderEnd::ImmediateOrCancel),
        },
    ]
}

pub fn events() -> Vec<Event> {
    vec![
        Event::BlockRequested { request: block_request() },
        Event::BlockRequestEnded { request: block_request(), reason: BlockEnd::Expired },
        Event::BlockQuoted { quote: block_quote() },
        Event::BlockQuoteEnded { quote: block_quote(), reason: BlockEnd::RequestEnded },
        Event::BlockTraded(block_trade()),
        Event::ComboCreated { combo: combo(), creator: account(1) },
        Event::ComboOrderAccepted { order: combo_order(), action: ActionId([0xac; 32]), immediate_or_cancel: false },
        Event::ComboOrderEnded { order: combo_order(), reason: ComboOrderEnd::Margin },
        Event::ComboTraded(combo_trade()),
        Event::ComboEnded { combo: ComboId::new(23) },
    ]
}

pub fn legs_faults() -> Vec<LegsFault> {
    let market = market();
    vec![
        LegsFault::Count { found: 1, minimum: 2, maximum: 4 },
        LegsFault::Repeated { market },
        LegsFault::OtherUniverse { market },
        LegsFault::NoDerivative { market },
        LegsFault::Prices { found: 1, legs: 2 },
    ]
}

pub fn rejections() -> Vec<Rejection> {
    vec![
        Rejection::BlockRequestNotOpen { request: BlockRequestId::new(21) },
        Rejection::BlockQuoteNotOpen { quote: BlockQuoteId::new(22) },
        Rejection::NotAsked { request: BlockRequestId::new(21) },
        Rejection::InvalidLegs { fault: legs_faults().remove(0) },
        Rejection::SameOwner { account: account(1) },
        Rejection::MakerFails { maker: account(3), fault: MakerFault::Margin },
        Rejection::UnknownCombo { combo: ComboId::new(23) },
        Rejection::LegOutsideBand { market: market(), price: Price::new(1), mark: price() },
        Rejection::WrongQuoteSide { side: Side::Buy },
    ]
}

pub const BLOCK_ENDS: [BlockEnd; 6] = [
    BlockEnd::Traded,
    BlockEnd::Expired,
    BlockEnd::Requested,
    BlockEnd::Scheduled,
    BlockEnd::Replaced,
    BlockEnd::RequestEnded,
];

pub const COMBO_TIMES_IN_FORCE: [ComboTimeInForce; 3] =
    [ComboTimeInForce::Gtc, ComboTimeInForce::Ioc, ComboTimeInForce::Fok];

pub const COMBO_ORDER_ENDS: [ComboOrderEnd; 11] = [
    ComboOrderEnd::Filled,
    ComboOrderEnd::Requested,
    ComboOrderEnd::ImmediateOrCancel,
    ComboOrderEnd::SelfTrade,
    ComboOrderEnd::Margin,
    ComboOrderEnd::Cap,
    ComboOrderEnd::StepLimit,
    ComboOrderEnd::OutsideBand,
    ComboOrderEnd::Scheduled,
    ComboOrderEnd::Delisted,
    ComboOrderEnd::MustReduce,
];

pub const MAKER_FAULTS: [MakerFault; 3] = [MakerFault::Margin, MakerFault::PositionCap, MakerFault::MustReduce];
