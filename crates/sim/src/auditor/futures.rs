//! Dated futures and options: the settlement price is the mean of the index over the window, everyone is delivered at it, and what
//! rounding leaves goes to the insurance fund.

use super::{
    Asset, Auditor, Market, Objection, ensure,
    funding::FRESH_MS,
    ledger::{clearing, insurance, purse_of},
    numbers::floor,
    who,
};
use palisade_types::event::Event;
use std::collections::BTreeMap;

/// The window before the expiry, and what of it must have been measured.
const WINDOW_MS: u64 = 1_800_000;
const MEASURED_MIN_MS: u64 = WINDOW_MS / 2;

#[derive(Clone, Copy, Debug)]
pub(super) struct Settlement {
    price: i128,
    delivered: i128,
    lots: i128,
    is_over: bool,
}

pub(super) type Settlements = BTreeMap<Market, Settlement>;

impl Auditor {
    pub(super) fn settled(&mut self, event: &Event) -> Result<(), Objection> {
        match event {
            Event::SettlementPriceFixed { market, price, measured_ms } => {
                self.price_fixed(market.get(), price.get().into(), *measured_ms)
            }
            Event::Delivered { account, market, price, position, payoff_usd } => self.delivered(
                (who(*account), market.get()),
                price.get().into(),
                position.get().into(),
                payoff_usd.get(),
            ),
            Event::MarketSettled { market, dust_usd } => self.market_settled(market.get(), dust_usd.get()),
            _ => Ok(()),
        }
    }

    fn price_fixed(&mut self, market: Market, price: i128, told_ms: u64) -> Result<(), Objection> {
        let terms = self.market(market)?.clone();
        let expiry = terms.expires_at_ms.ok_or_else(|| format!("market {market} never expires"))?;
        let asset = terms.underlying.ok_or_else(|| format!("market {market} follows nothing"))?;
        ensure(terms.contract.is_none(), || format!("market {market} has the price of its expiry"))?;
        self.check_settlement_price(asset, expiry, (price, told_ms))
            .map_err(|objection| format!("market {market}: {objection}"))?;
        self.open_settlement(market, price)
    }

    /// Positions of a market are delivered at what a unit pays, from now on.
    pub(super) fn open_settlement(&mut self, market: Market, price: i128) -> Result<(), Objection> {
        let fixed = Settlement { price, delivered: 0, lots: 0, is_over: false };
        ensure(self.settlements.insert(market, fixed).is_none(), || format!("market {market} is settled twice"))
    }

    /// The mean of the index over what was measured of the window; if that is too little, the first index after the expiry.
    pub(super) fn check_settlement_price(
        &mut self,
        asset: Asset,
        expiry: u64,
        (price, told_ms): (i128, u64),
    ) -> Result<(), Objection> {
        ensure(expiry <= self.now_ms, || "a settlement before the expiry".to_owned())?;
        let (mut integral, mut measured_ms) = (0i128, 0u64);
        let indices = self.indices_of(asset);
        for (place, index) in indices.iter().enumerate() {
            let until = indices.get(place + 1).map_or(self.now_ms, |next| next.set_ms);
            let from = index.set_ms.max(expiry.saturating_sub(WINDOW_MS));
            let to = until.min(expiry).min(index.taken_ms + FRESH_MS);
            let held_ms = to.saturating_sub(from);
            integral += index.price * i128::from(held_ms);
            measured_ms += held_ms;
        }
        ensure(measured_ms == told_ms, || format!("{told_ms} ms of a window were measured, due are {measured_ms}"))?;
        let due = if measured_ms >= MEASURED_MIN_MS {
            self.note("auditor: a settlement at the mean of the window");
            floor(integral, measured_ms.into())
        } else {
            let first = self.fresh_index(asset).filter(|index| index.taken_ms >= expiry);
            self.note("auditor: a settlement at the first index after the expiry");
            first.ok_or("a settlement at no index")?.price
        };
        ensure(price == due, || format!("settled at {price}, due is {due}"))
    }

    fn delivered(&mut self, key: ([u8; 20], Market), price: i128, lots: i128, payoff: i128) -> Result<(), Objection> {
        let (account, market) = key;
        let terms = self.market(market)?.clone();
        let held = self.positions.remove(&key).ok_or_else(|| format!("nothing to deliver in market {market}"))?;
        let settlement = self.settlements.get_mut(&market).filter(|settlement| !settlement.is_over);
        let settlement = settlement.ok_or_else(|| format!("market {market} is delivered without a price"))?;
        ensure((price, lots) == (settlement.price, held.lots), || {
            format!("{lots} lots are delivered at {price}, the position is {held:?}, {settlement:?}")
        })?;
        settlement.delivered += 1;
        settlement.lots += lots;
        let due = floor(price * lots, terms.scale) - held.cost;
        ensure(payoff == due, || format!("{lots} lots at {price} are paid {payoff}, due are {due}"))?;
        let pot = (terms.universe, self.quote_of(terms.universe)?);
        let payee = self.pot_of(account, market);
        self.ledger.pay(clearing(market), payee, pot, payoff);
        if payee != account {
            // What is left of a purse goes back to its owner.
            let left = self.ledger.balance(purse_of(account, market), pot.0, pot.1).max(0);
            self.ledger.pay(payee, account, pot, left);
        }
        Ok(())
    }

    fn market_settled(&mut self, market: Market, dust: i128) -> Result<(), Objection> {
        let universe = self.market(market)?.universe;
        let pot = (universe, self.quote_of(universe)?);
        let settlement = self.settlements.get_mut(&market).filter(|settlement| !settlement.is_over);
        let settlement = settlement.ok_or_else(|| format!("market {market} ends without a price"))?;
        settlement.is_over = true;
        let Settlement { delivered, lots, .. } = *settlement;
        let left = self.positions.keys().filter(|(_, of)| *of == market).count();
        ensure(lots == 0 && left == 0, || format!("{lots} lots were delivered in market {market}, {left} are left"))?;
        let there = self.ledger.balance(clearing(market), pot.0, pot.1);
        ensure(there == dust && dust >= 0 && (dust < delivered || dust == 0), || {
            format!("market {market} ends with {there}, {dust} of {delivered} deliveries are told")
        })?;
        self.ledger.pay(clearing(market), insurance(universe), pot, dust);
        self.forget_option(market);
        Ok(())
    }
}
