//! `palisade query`: synthetics, combos, block trades and pools.

use crate::{
    output::say,
    query::{names, print},
    rpc,
    show::{self, Names},
};
use anyhow::Result;
use clap::Subcommand;
use palisade_client::api::{
    BlockRequestInfo, BlockRequests, ComboBook, Combos, Debts, ImpliedLevel, NodeApi, PoolInfo, SyntheticInfo,
};
use palisade_types::{
    address::AccountId,
    ids::ComboId,
    multi_leg::{BlockPrice, BlockQuote, Leg},
};

/// What to read.
#[derive(Subcommand)]
pub enum ProductCommand {
    /// All synthetics: what there is and is owed of each, and how much may be
    Synthetics,
    /// What an account owes of synthetics, and the collateral that it must have
    Debts {
        /// Its address
        account: AccountId,
    },
    /// Combos in order of number, with the best of their own books
    Combos {
        /// The number to begin at
        #[arg(long, default_value_t = 0)]
        from: u64,
        /// Most combos
        #[arg(long, default_value_t = 100)]
        limit: u32,
    },
    /// A combo's own book, and what the books of its legs offer
    ComboBook {
        /// Its number
        combo: u64,
        /// Levels a side
        #[arg(long, default_value_t = 10)]
        depth: u32,
    },
    /// Open requests for block trades that an account made or that name it, with their quotes
    BlockRequests {
        /// Its address
        account: AccountId,
    },
    /// The liquidity pool of a spot market
    Pool {
        /// Symbol or number
        market: String,
    },
}

/// Asks and prints.
pub async fn query(api: &dyn NodeApi, json: bool, command: ProductCommand) -> Result<()> {
    let names = names(api).await?;
    match command {
        ProductCommand::Synthetics => print(json, &api.synthetics().await?, |synthetics| {
            synthetics.iter().for_each(|synthetic| show_synthetic(synthetic, &names));
        }),
        ProductCommand::Debts { account } => print(json, &api.debts(account).await?, |debts| show_debts(debts, &names)),
        ProductCommand::Combos { from, limit } => {
            print(json, &api.combos(ComboId::new(from), limit).await?, |combos| show_combos(combos, &names))
        }
        ProductCommand::ComboBook { combo, depth } => {
            let book = api.combo_book(ComboId::new(combo), depth).await?;
            print(json, &book, |book| show_combo_book(book, &names))
        }
        ProductCommand::BlockRequests { account } => {
            print(json, &api.block_requests(account).await?, |requests| show_requests(requests, &names))
        }
        ProductCommand::Pool { market } => {
            let spec = rpc::market(api, &market).await?.spec;
            print(json, &api.pool(spec.id).await?, |pool| show_pool(pool, &names))
        }
    }
}

fn show_synthetic(info: &SyntheticInfo, names: &Names) {
    let amount = |amount| names.amount(info.spec.asset, amount);
    say(format_args!("supply      {}, owed by nobody {}", amount(info.supply), amount(info.shortfall)));
    say(format_args!("  debts     {} of at most {}", amount(info.debt), amount(info.spec.debt_ceiling)));
    say(format_args!("  backed by {} USD at index {}", info.collateral_usd, show::price(info.index)));
    say(format_args!("  ratios    {} to mint, {} to stay", info.spec.initial_ratio, info.spec.maintenance_ratio));
}

fn show_debts(debts: &Debts, names: &Names) {
    say(format_args!("account     {} at height {}", debts.account, debts.height));
    for debt in &debts.debts {
        say(format_args!("owes        {} with {} USD", names.amount(debt.asset, debt.debt), debt.collateral_usd));
        match &debt.needs {
            Some(needs) => say(format_args!(
                "  worth     {} USD; needs {} to take more, {} to stay",
                needs.value_usd, needs.initial_usd, needs.maintenance_usd
            )),
            None => say("  worth     unknown: what it tracks has no index"),
        }
    }
}

fn legs(legs: &[Leg], names: &Names) -> String {
    let leg = |leg: &Leg| format!("{} {} x {}", show::side(leg.side), leg.ratio, names.market(leg.market));
    legs.iter().map(leg).collect::<Vec<_>>().join(", ")
}

fn show_combos(combos: &Combos, names: &Names) {
    for info in &combos.combos {
        let [bid, ask] = [info.best_bid, info.best_ask].map(show::price);
        say(format_args!("combo {} bid {bid} ask {ask}: {}", info.combo.id, legs(&info.combo.legs, names)));
    }
    if let Some(next) = combos.next {
        say(format_args!("more from {next}"));
    }
}

fn show_combo_book(book: &ComboBook, names: &Names) {
    say(format_args!("combo {} at height {}: {}", book.combo.id, book.height, legs(&book.combo.legs, names)));
    for level in book.asks.iter().rev() {
        say(format_args!("  ask {:>16} {:>16} in {}", level.price, level.size, level.orders));
    }
    for level in &book.bids {
        say(format_args!("  bid {:>16} {:>16} in {}", level.price, level.size, level.orders));
    }
    let implied = |side: &str, level: &ImpliedLevel| {
        say(format_args!("legs' books {side} {} for {} units", level.price, level.size));
    };
    if let Some(ask) = &book.implied_ask {
        implied("ask", ask);
    }
    if let Some(bid) = &book.implied_bid {
        implied("bid", bid);
    }
}

fn show_requests(requests: &BlockRequests, names: &Names) {
    say(format_args!("account     {} at height {}", requests.account, requests.height));
    requests.made.iter().for_each(|request| show_request("made", request, names));
    requests.naming.iter().for_each(|request| show_request("names it", request, names));
}

fn show_request(how: &str, info: &BlockRequestInfo, names: &Names) {
    let (request, terms) = (&info.request, &info.request.terms);
    let side = terms.side.map_or("two sides of", show::side);
    say(format_args!(
        "request {} ({how}) of {}: {side} {} units until {}: {}",
        request.id,
        request.account,
        terms.lots,
        terms.expires_at_ms,
        legs(&terms.legs, names)
    ));
    info.quotes.iter().for_each(show_quote);
}

fn show_quote(quote: &BlockQuote) {
    let terms = &quote.terms;
    let price = match &terms.price {
        BlockPrice::Net { price } => format!("net {price}"),
        BlockPrice::Legs { prices } => prices.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "),
    };
    let (side, lots, until) = (show::side(terms.side), terms.lots, terms.expires_at_ms);
    say(format_args!("  quote {} of {}: {side} {lots} units at {price} until {until}", quote.id, quote.account));
}

fn show_pool(pool: &PoolInfo, names: &Names) {
    say(format_args!("pool of {} at height {}, fee {}", names.market(pool.market), pool.height, pool.fee.rate()));
    let (base, quote) = names.spot(pool.market);
    let amount = |asset, amount| match asset {
        Some(asset) => names.amount(asset, amount),
        None => amount.to_string(),
    };
    say(format_args!("  reserves {} and {}", amount(base, pool.base), amount(quote, pool.quote)));
    say(format_args!("  shares   {}", pool.shares));
    let [price, bid, ask] = [pool.price, pool.bid, pool.ask].map(show::price);
    say(format_args!("  price    {price}, buys a lot at {bid}, sells one at {ask}"));
}
