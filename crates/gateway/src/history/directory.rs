//! What assets and markets there are and what Hyperliquid clients call them.
//!
//! A perpetual's coin is its symbol. A spot market's coin is its symbol for the first spot market and `@index` for
//! the others, where the index is its number less 10000; clients hard-code this. A future's coin is its symbol with
//! the prefix `fut:`, as of every market on a venue beside the main one. An option's coin is its symbol, which is Deribit's
//! name for it.
//!
//! Options that were settled leave the chain; their names are kept for the fills of before, the newest [`PAST_MAX`] of them. After
//! a start they come from the events of their listing, as far back as history is read.

use palisade_types::{
    ids::{AssetId, MarketId},
    market::{AssetSpec, MarketSpec},
};
use std::collections::{BTreeMap, HashMap};

/// What the coins of futures begin with.
const FUTURES_PREFIX: &str = "fut:";

/// Settled options whose names are kept.
const PAST_MAX: usize = 20_000;

/// Assets and markets by number and by name.
#[derive(Clone, Debug, Default)]
pub struct Directory {
    assets: Vec<AssetSpec>,
    markets: BTreeMap<MarketId, MarketSpec>,
    coins: HashMap<String, MarketId>,
    /// Markets that are gone: symbol and size decimals.
    past: BTreeMap<MarketId, (String, u8)>,
}

impl Directory {
    /// Indexes the node's assets and markets.
    pub fn new(assets: Vec<AssetSpec>, markets: impl IntoIterator<Item = MarketSpec>) -> Self {
        let markets: BTreeMap<_, _> = markets.into_iter().map(|spec| (spec.id, spec)).collect();
        let mut coins = HashMap::new();
        for spec in markets.values() {
            if spec.id.is_spot() {
                coins.insert(spot_index_name(spec.id), spec.id);
            }
            coins.entry(spec.symbol.clone()).or_insert(spec.id);
            coins.entry(coin_of(spec)).or_insert(spec.id);
        }
        Self { assets, markets, coins, past: BTreeMap::new() }
    }

    /// The same with what is gone since an earlier one.
    #[must_use]
    pub fn after(mut self, earlier: &Self) -> Self {
        self.past.clone_from(&earlier.past);
        self.past.retain(|id, _| !self.markets.contains_key(id));
        for spec in earlier.markets.values().filter(|spec| !self.markets.contains_key(&spec.id)) {
            self.past.insert(spec.id, (spec.symbol.clone(), spec.size_decimals));
        }
        self.forget_oldest();
        self
    }

    /// Keeps the name of an option that was listed, unless it is among the markets.
    pub fn learn_option(&mut self, id: MarketId, symbol: &str, size_decimals: u8) {
        if !self.markets.contains_key(&id) {
            self.past.insert(id, (symbol.to_owned(), size_decimals));
            self.forget_oldest();
        }
    }

    fn forget_oldest(&mut self) {
        while self.past.len() > PAST_MAX {
            self.past.pop_first();
        }
    }

    /// All assets in order of number.
    pub fn assets(&self) -> &[AssetSpec] {
        &self.assets
    }

    /// One asset.
    pub fn asset(&self, id: AssetId) -> Option<&AssetSpec> {
        self.assets.get(usize::try_from(id.get()).ok()?)
    }

    /// All markets in order of number: perpetuals, then spot, then futures, then options.
    pub fn markets(&self) -> impl Iterator<Item = &MarketSpec> {
        self.markets.values()
    }

    /// Decimals of the sizes of every market that is known, those that are gone too.
    pub fn all_size_decimals(&self) -> impl Iterator<Item = (MarketId, u8)> {
        let past = self.past.iter().map(|(id, (_, size_decimals))| (*id, *size_decimals));
        past.chain(self.markets.values().map(|spec| (spec.id, spec.size_decimals)))
    }

    /// One market.
    pub fn market(&self, id: MarketId) -> Option<&MarketSpec> {
        self.markets.get(&id)
    }

    /// Which market a coin names.
    pub fn by_coin(&self, coin: &str) -> Option<&MarketSpec> {
        self.markets.get(self.coins.get(coin)?)
    }

    /// What clients call a market.
    pub fn coin(&self, id: MarketId) -> String {
        match (self.markets.get(&id), self.past.get(&id)) {
            (Some(spec), _) => coin_of(spec),
            (None, Some((symbol, _))) => symbol.clone(),
            (None, None) if id.is_option() => format!("#{id}"),
            (None, None) => spot_index_name(id),
        }
    }

    /// Decimals of a market's sizes.
    pub fn size_decimals(&self, id: MarketId) -> u8 {
        let past = || self.past.get(&id).map_or(0, |(_, size_decimals)| *size_decimals);
        self.markets.get(&id).map_or_else(past, |spec| spec.size_decimals)
    }
}

/// What clients call a market.
pub fn coin_of(spec: &MarketSpec) -> String {
    if spec.id.is_spot() && spec.id.get() != MarketId::FIRST_SPOT {
        spot_index_name(spec.id)
    } else if spec.id.is_future() {
        format!("{FUTURES_PREFIX}{}", spec.symbol)
    } else {
        spec.symbol.clone()
    }
}

fn spot_index_name(id: MarketId) -> String {
    format!("@{}", id.get().saturating_sub(MarketId::FIRST_SPOT))
}
