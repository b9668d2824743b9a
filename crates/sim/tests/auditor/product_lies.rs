//! Numbers of options, synthetics, pools, blocks and combos, each told wrong by one unit.

use super::{Lie, more};
use palisade_types::{
    event::Event,
    ids::OrderId,
    numbers::{Amount, Price, Shares, Size},
    order::Side,
};

fn one_more(amount: Amount) -> Amount {
    Amount::new(amount.get() + 1)
}

fn dearer(price: Price) -> Price {
    Price::new(price.get() + 1)
}

/// Of options, in the order of what happens to them.
pub(super) const OPTION_LIES: [(&str, Lie); 7] = [
    ("an option's expiry", |event| match event {
        Event::OptionListed { expires_at_ms, .. } => {
            *expires_at_ms = expires_at_ms.saturating_add(1);
            true
        }
        _ => false,
    }),
    ("a forward", |event| match event {
        Event::SurfaceUpdated { forward, .. } => {
            *forward = dearer(*forward);
            true
        }
        _ => false,
    }),
    ("a premium", |event| match event {
        Event::Traded(trade) if trade.market.is_option() => {
            trade.maker.closed_pnl_usd = more(trade.maker.closed_pnl_usd);
            true
        }
        _ => false,
    }),
    ("the fee of an option", |event| match event {
        Event::Traded(trade) if trade.market.is_option() => {
            trade.taker.fee_usd = more(trade.taker.fee_usd);
            true
        }
        _ => false,
    }),
    ("portfolio mode", |event| match event {
        Event::PortfolioModeSet { enabled, .. } => {
            *enabled = !*enabled;
            true
        }
        _ => false,
    }),
    ("the price of an expiry", |event| match event {
        Event::OptionsFixed { price, .. } => {
            *price = dearer(*price);
            true
        }
        _ => false,
    }),
    ("what an option pays", |event| match event {
        Event::Delivered { market, payoff_usd, .. } if market.is_option() => {
            *payoff_usd = more(*payoff_usd);
            true
        }
        _ => false,
    }),
];

/// Of synthetics.
pub(super) const SYNTHETIC_LIES: [(&str, Lie); 7] = [
    ("the fee of a mint", |event| match event {
        Event::SyntheticMinted { fee_usd, .. } => {
            *fee_usd = more(*fee_usd);
            true
        }
        _ => false,
    }),
    ("units minted", |event| match event {
        Event::SyntheticMinted { amount, .. } => {
            *amount = one_more(*amount);
            true
        }
        _ => false,
    }),
    ("a debt burned", |event| match event {
        Event::SyntheticBurned { debt, .. } => {
            *debt = one_more(*debt);
            true
        }
        _ => false,
    }),
    ("what a redemption takes from a position", |event| match event {
        Event::SyntheticRedeemed { debts, paid_usd, .. } => {
            *paid_usd = more(*paid_usd);
            debts[0].paid_usd = more(debts[0].paid_usd);
            true
        }
        _ => false,
    }),
    ("the collateral of a debt that is closed", |event| match event {
        Event::DebtLiquidated(told) => {
            told.collateral_usd = more(told.collateral_usd);
            true
        }
        _ => false,
    }),
    ("what is added to a debt that the vault takes over", |event| match event {
        Event::DebtLiquidated(told) => {
            told.added_usd = more(told.added_usd);
            true
        }
        _ => false,
    }),
    ("a shortfall", |event| match event {
        Event::ShortfallChanged { shortfall, .. } => {
            *shortfall = one_more(*shortfall);
            true
        }
        _ => false,
    }),
];

/// Of pools.
pub(super) const POOL_LIES: [(&str, Lie); 5] = [
    ("what a pool keeps for good", |event| match event {
        Event::PoolCreated { locked, .. } => {
            *locked = Shares::new(locked.get() + 1);
            true
        }
        _ => false,
    }),
    ("shares of a pool", |event| match event {
        Event::PoolDeposited { shares, .. } => {
            *shares = Shares::new(shares.get() + 1);
            true
        }
        _ => false,
    }),
    ("a withdrawal from a pool", |event| match event {
        Event::PoolWithdrawn { base, .. } => {
            *base = one_more(*base);
            true
        }
        _ => false,
    }),
    ("the side of a pool's trade", |event| match event {
        Event::Traded(trade) if trade.maker.order == OrderId::POOL => {
            trade.taker_side = trade.taker_side.opposite();
            true
        }
        _ => false,
    }),
    ("reserves of a pool", |event| match event {
        Event::PoolTraded { quote_reserve, .. } => {
            *quote_reserve = one_more(*quote_reserve);
            true
        }
        _ => false,
    }),
];

/// Of blocks and combos.
pub(super) const STRUCTURE_LIES: [(&str, Lie); 8] = [
    ("who may quote", |event| match event {
        Event::BlockRequested { request } => {
            request.terms.makers = vec![request.account];
            true
        }
        _ => false,
    }),
    ("the side of a quote", |event| match event {
        Event::BlockQuoted { quote } => {
            quote.terms.side = quote.terms.side.opposite();
            true
        }
        _ => false,
    }),
    ("what a block costs", |event| match event {
        Event::BlockTraded(trade) => {
            trade.quote_usd = more(trade.quote_usd);
            true
        }
        _ => false,
    }),
    ("with whom a block trades", |event| match event {
        Event::BlockTraded(trade) => {
            trade.maker = trade.taker;
            true
        }
        _ => false,
    }),
    ("how many legs a block has", |event| match event {
        Event::BlockTraded(trade) => {
            trade.trades += 1;
            true
        }
        _ => false,
    }),
    ("the first leg of a combo", |event| match event {
        Event::ComboCreated { combo, .. } => {
            combo.legs[0].side = Side::Sell;
            true
        }
        _ => false,
    }),
    ("what two combo orders trade for", |event| match event {
        Event::ComboTraded(trade) if trade.maker.is_some() => {
            trade.quote_usd = more(trade.quote_usd);
            true
        }
        _ => false,
    }),
    ("units of a combo in the books of its legs", |event| match event {
        Event::ComboTraded(trade) if trade.maker.is_none() => {
            trade.lots = Size::new(trade.lots.get() + 1);
            true
        }
        _ => false,
    }),
];
