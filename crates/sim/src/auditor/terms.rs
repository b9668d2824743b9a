//! What the auditor knows of assets, universes and markets: from the genesis, and from events that list more.

use super::{Asset, Auditor, Market, Objection, Universe, ensure, numbers::power_of_ten, options::Contract};
use palisade_types::{
    event::Event,
    genesis::Genesis,
    market::{CollateralTerms, MarketSpec},
};
use std::collections::BTreeMap;

/// A market's terms, as far as money depends on them.
#[derive(Clone, Debug)]
pub(super) struct MarketTerms {
    pub universe: Universe,
    /// Lots of one unit of the base.
    pub scale: i128,
    pub maker_fee: i128,
    pub taker_fee: i128,
    /// Base and quote, of a spot market.
    pub spot: Option<(Asset, Asset)>,
    /// What a market with positions follows.
    pub underlying: Option<Asset>,
    /// What an option pays.
    pub contract: Option<Contract>,
    pub maximum_leverage: i128,
    /// Most lots that an account may hold on a side, of a market with positions.
    pub position_maximum: i128,
    /// When a future or an option ends.
    pub expires_at_ms: Option<u64>,
    /// The part of the backstop vault that the market may use, in parts per million.
    pub backstop_share: i128,
    /// Most that the insurance fund pays for the market.
    pub fund_claim_maximum: i128,
}

#[derive(Clone, Debug)]
pub(super) struct AssetTerms {
    pub unit: i128,
    pub collateral: Option<CollateralTerms>,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Terms {
    pub markets: BTreeMap<Market, MarketTerms>,
    pub assets: BTreeMap<Asset, AssetTerms>,
    /// What each universe is paid in.
    pub quotes: BTreeMap<Universe, Asset>,
}

impl MarketTerms {
    fn of(spec: &MarketSpec) -> Self {
        let derivative = spec.derivative();
        Self {
            universe: spec.universe.get(),
            scale: power_of_ten(spec.size_decimals),
            maker_fee: i128::from(spec.maker_fee.get()),
            taker_fee: i128::from(spec.taker_fee.get()),
            spot: spec.spot().map(|spot| (spot.base.get(), spot.quote.get())),
            underlying: derivative.map(|terms| terms.underlying.get()),
            contract: spec.option().as_ref().map(Contract::of),
            maximum_leverage: spec.maximum_leverage().map_or(1, i128::from),
            position_maximum: derivative.map_or(0, |terms| i128::from(terms.position_maximum.get())),
            expires_at_ms: spec.expires_at_ms().map(|at| at.get()),
            backstop_share: derivative.map_or(0, |terms| i128::from(terms.risk.backstop_share.get())),
            fund_claim_maximum: derivative.map_or(0, |terms| terms.risk.fund_claim_maximum_usd.get()),
        }
    }
}

impl Terms {
    pub fn of(genesis: &Genesis) -> Self {
        let asset = |spec: &palisade_types::market::AssetSpec| AssetTerms {
            unit: power_of_ten(spec.decimals),
            collateral: spec.collateral,
        };
        Self {
            markets: genesis.markets.iter().map(|spec| (spec.id.get(), MarketTerms::of(spec))).collect(),
            assets: genesis.assets.iter().map(|spec| (spec.id.get(), asset(spec))).collect(),
            quotes: genesis.universes.iter().map(|spec| (spec.id.get(), spec.collateral.get())).collect(),
        }
    }
}

impl Auditor {
    pub(super) fn market(&self, market: Market) -> Result<&MarketTerms, Objection> {
        self.terms.markets.get(&market).ok_or_else(|| format!("market {market} is nowhere listed"))
    }

    pub(super) fn quote_of(&self, universe: Universe) -> Result<Asset, Objection> {
        self.terms.quotes.get(&universe).copied().ok_or_else(|| format!("universe {universe} was never opened"))
    }

    /// Universes and markets that come after the genesis.
    pub(super) fn listed(&mut self, event: &Event) -> Result<(), Objection> {
        match event {
            Event::UniverseOpened { universe, collateral, .. } => {
                let before = self.terms.quotes.insert(universe.get(), collateral.get());
                ensure(before.is_none(), || format!("universe {universe} is opened twice"))
            }
            Event::MarketListed { market, .. } => self.list(market),
            Event::FutureListed { market, symbol, universe, underlying, expires_at_ms } => {
                let of_rule = self
                    .genesis
                    .future_series
                    .iter()
                    .find(|one| (one.universe, one.underlying) == (*universe, *underlying));
                let series = of_rule.ok_or_else(|| format!("{symbol} is of no series"))?;
                let spec = series.market(*market, symbol.clone(), *expires_at_ms);
                ensure(expires_at_ms.get() > self.now_ms, || format!("{symbol} is listed after its expiry"))?;
                self.list(&spec)
            }
            _ => self.option_listed(event),
        }
    }

    pub(super) fn list(&mut self, spec: &MarketSpec) -> Result<(), Objection> {
        let before = self.terms.markets.insert(spec.id.get(), MarketTerms::of(spec));
        ensure(before.is_none(), || format!("market {} is listed twice", spec.id))
    }
}
