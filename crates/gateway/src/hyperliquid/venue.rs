//! Which of Hyperliquid's venues ("dexs") a market is on, and what each shows.
//!
//! There are two: the main one, named by nothing, with the perpetuals, and `fut` with the dated futures, which has the
//! place and so the asset ids of the first builder's venue. Spot is beside both. An account is one: where a venue is
//! named, only its positions and orders are shown, else all are, since whoever does not know `fut` must still see them.

use super::errors::RequestError;
use crate::json::ValueExt;
use palisade_types::{
    hyperliquid::Value,
    ids::{MarketId, UniverseId},
    market::MarketSpec,
};

/// The universe behind Hyperliquid's venues.
pub const CORE: UniverseId = UniverseId::new(0);
/// The name of the futures' venue.
pub const FUTURES: &str = "fut";

/// Markets that are listed together, in one order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Listing {
    /// Perpetuals.
    Perpetuals,
    /// Spot.
    Spot,
    /// Dated futures.
    Futures,
    /// Options, which are on no venue: see [`super::info`], `optionMeta`.
    Options,
}

impl Listing {
    /// Where a market is listed.
    pub const fn of(market: MarketId) -> Self {
        if market.is_option() {
            Self::Options
        } else if market.is_future() {
            Self::Futures
        } else if market.is_spot() {
            Self::Spot
        } else {
            Self::Perpetuals
        }
    }
}

/// A venue that a request names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Venue {
    /// The main one.
    Main,
    /// That of dated futures.
    Futures,
}

impl Venue {
    /// All of them; places are meaning.
    pub const ALL: [Self; 2] = [Self::Main, Self::Futures];

    /// The venue that `dex` names: the main one is named by an empty text or not at all.
    pub fn named(body: &Value) -> Result<Self, RequestError> {
        match body.field("dex").map(ValueExt::text) {
            None | Some(Some("")) => Ok(Self::Main),
            Some(Some(FUTURES)) => Ok(Self::Futures),
            _ => Err(RequestError::shape("unknown `dex`: this chain has the main one, named \"\", and \"fut\"")),
        }
    }

    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Main => "",
            Self::Futures => FUTURES,
        }
    }

    /// The markets that it lists.
    pub const fn listing(self) -> Listing {
        match self {
            Self::Main => Listing::Perpetuals,
            Self::Futures => Listing::Futures,
        }
    }

    /// Whether an account's positions and orders in a market are shown when this venue is asked for.
    pub const fn shows(self, market: MarketId) -> bool {
        match self {
            Self::Main => true,
            Self::Futures => market.is_future(),
        }
    }

    /// Whether it lists a market.
    pub fn lists(self, spec: &MarketSpec) -> bool {
        self.listing() == Listing::of(spec.id)
    }
}
