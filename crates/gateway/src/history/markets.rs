//! What traded in each market, and the newest blocks.

use super::candles::{CandleSeries, Interval};
use palisade_types::{
    address::AccountId,
    event::Trade,
    hash::{ActionId, BlockDigest},
    ids::{Height, MarketId, TradeId},
    numbers::{FundingIndex, FundingRate, Price, Size, Usd},
    order::Side,
    time::TimeMs,
};
use std::collections::VecDeque;

const DAY_MS: u64 = 24 * 60 * 60 * 1_000;
const DAY_MINUTES: usize = 24 * 60;

/// A trade as everyone sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MarketTrade {
    /// Its number.
    pub id: TradeId,
    /// Where.
    pub market: MarketId,
    /// At what price.
    pub price: Price,
    /// Lots.
    pub size: Size,
    /// What the taker did.
    pub taker_side: Side,
    /// Block time.
    pub time: TimeMs,
    /// The taker's action; zero if no action caused it.
    pub action: ActionId,
    /// Who bought.
    pub buyer: AccountId,
    /// Who sold.
    pub seller: AccountId,
}

/// The last 24 hours of a market.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DayStatistics {
    /// Sum of price × size.
    pub quote_usd: Usd,
    /// Lots traded.
    pub volume: Size,
    /// The last price of 24 hours ago, or the first ever since.
    pub previous_price: Option<Price>,
}

/// A full hour of a market's funding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FundingHour {
    /// When it ended.
    pub time: TimeMs,
    /// What it cost longs; negative: shorts.
    pub rate: FundingRate,
    /// The mean premium that the rate comes from.
    pub premium: FundingRate,
    /// What one lot has paid since listing, this hour included.
    pub index: FundingIndex,
}

/// A stretch of a market's funding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FundingSpan {
    /// The index that it begins at.
    pub from: FundingIndex,
    /// The index that it ends at.
    pub to: FundingIndex,
}

/// A finalized block in a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BlockSummary {
    /// Its height.
    pub height: Height,
    /// Its time.
    pub time: TimeMs,
    /// Its digest.
    pub digest: BlockDigest,
    /// Actions included.
    pub actions: usize,
    /// Trades made.
    pub trades: usize,
}

/// One market's trades and candles.
#[derive(Clone, Debug, Default)]
pub struct MarketHistory {
    pub(super) trades: VecDeque<MarketTrade>,
    pub(super) candles: CandleSeries,
    pub(super) funding: VecDeque<FundingHour>,
}

impl MarketHistory {
    /// Adds a trade.
    pub fn add(&mut self, trade: &MarketTrade, quote_usd: Usd, trades_kept: usize, candles_kept: usize) {
        self.candles.add(trade.market, trade.time, trade.price, trade.size, quote_usd, candles_kept);
        self.trades.push_back(trade.clone());
        while self.trades.len() > trades_kept {
            self.trades.pop_front();
        }
    }

    /// Adds a full hour of funding.
    pub fn add_funding(&mut self, hour: FundingHour, kept: usize) {
        self.funding.push_back(hour);
        while self.funding.len() > kept {
            self.funding.pop_front();
        }
    }

    /// The sum of the rates of the newest hours that make up a span, and how many they are. An hour belongs to it until
    /// one is met that ended at the index where the span begins.
    pub fn funding_over(&self, span: FundingSpan) -> (FundingRate, u32) {
        let (mut sum, mut hours) = (0i64, 0u32);
        for hour in self.funding.iter().rev().skip_while(|hour| hour.index != span.to) {
            if hour.index == span.from {
                break;
            }
            sum = sum.saturating_add(hour.rate.get());
            hours = hours.saturating_add(1);
        }
        (FundingRate::new(sum), hours)
    }

    /// The last 24 hours before `now`, to the minute.
    pub fn day(&self, now: TimeMs) -> DayStatistics {
        let from_ms = Interval::MINUTE.open_ms(now.get().saturating_sub(DAY_MS));
        let minutes = self.candles.range(Interval::MINUTE, from_ms, u64::MAX, DAY_MINUTES + 1);
        let mut statistics = DayStatistics {
            previous_price: match self.candles.last_before(Interval::MINUTE, from_ms) {
                Some(candle) => Some(candle.close),
                None => minutes.first().map(|candle| candle.open),
            },
            ..DayStatistics::default()
        };
        for candle in minutes {
            statistics.quote_usd = statistics.quote_usd.checked_add(candle.quote_usd).unwrap_or(Usd::MAX);
            statistics.volume = statistics.volume.checked_add(candle.volume).unwrap_or(Size::MAX);
        }
        statistics
    }
}

impl MarketTrade {
    /// What everyone sees of a fill.
    pub fn new(trade: &Trade, time: TimeMs, action: ActionId) -> Self {
        let (buyer, seller) = match trade.taker_side {
            Side::Buy => (trade.taker.account, trade.maker.account),
            Side::Sell => (trade.maker.account, trade.taker.account),
        };
        Self {
            id: trade.id,
            market: trade.market,
            price: trade.price,
            size: trade.size,
            taker_side: trade.taker_side,
            time,
            action,
            buyer,
            seller,
        }
    }
}
