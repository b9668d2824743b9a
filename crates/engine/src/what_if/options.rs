//! Options and portfolio mode in questions: what is wrong with them, what they are worth and need, and those of a real account.

use super::WhatIfError;
use crate::{
    margin::Exposure,
    market_math::value_floor_usd,
    options::{
        margin::{HeldOption, OptionsMargin, of_held},
        portfolio::{Asked, PAR, PortfolioNeed, beyond_grid, bounded, lots_at},
    },
    state::{OptionExpiryId, State},
};
use palisade_pricing::{
    OptionTerms,
    portfolio::{
        Expiry, LinearLeg, OptionLeg,
        question::{PortfolioQuestion, answer},
    },
    what_if::{
        WhatIf, WhatIfExpiry, WhatIfExpiryAnswer, WhatIfOption, WhatIfOptionAnswer, WhatIfPortfolioAnswer,
        WhatIfPosition,
    },
};
use palisade_types::{
    ids::AssetId,
    market::MarketSpec,
    numbers::{Position, Price, Usd},
    rejection::Rejection,
    time::TimeMs,
};
use std::collections::{BTreeMap, BTreeSet};

/// An option of a question at its mark.
pub(super) struct Marked<'a> {
    asked: &'a WhatIfOption,
    mark: Price,
}

/// What is wrong with expiries and options, and with what positions say of them.
pub(super) fn check(question: &WhatIf) -> Result<(), WhatIfError> {
    let mut expiries = BTreeSet::new();
    for (place, expiry) in question.expiries.iter().enumerate() {
        if expiry.forward <= Price::ZERO {
            return Err(field(format!("expiry {place}"), "forward", "positive"));
        }
        if expiry.slow_forward.is_some_and(|slow| slow <= Price::ZERO) {
            return Err(field(format!("expiry {place}"), "slow_forward", "positive"));
        }
        if !expiries.insert((&expiry.underlying, expiry.time_ms)) {
            let WhatIfExpiry { underlying, time_ms, .. } = expiry.clone();
            return Err(WhatIfError::ExpiryTwice { underlying, time_ms });
        }
    }
    let mut contracts = BTreeSet::new();
    let mut decimals: BTreeMap<usize, u8> = BTreeMap::new();
    for option in &question.options {
        check_option(question, option)?;
        if !contracts.insert((option.expiry, option.strike, option.kind)) {
            return Err(WhatIfError::Twice { market: option.market.clone() });
        }
        if *decimals.entry(option.expiry).or_insert(option.size_decimals) != option.size_decimals {
            return Err(field(name_of(option), "size_decimals", "the same for all options of an expiry"));
        }
    }
    question.positions.iter().try_for_each(|position| check_position(question, position))
}

fn check_option(question: &WhatIf, option: &WhatIfOption) -> Result<(), WhatIfError> {
    let wrong = |name, expected| Err(field(name_of(option), name, expected));
    expiry_of(question, option)?;
    if option.lots.is_zero() {
        return wrong("lots", "other than zero");
    }
    if option.strike <= Price::ZERO {
        return wrong("strike", "positive");
    }
    if option.size_decimals > 18 {
        return wrong("size_decimals", "at most 18");
    }
    if option.mark.is_some_and(|mark| mark < Price::ZERO) {
        return wrong("mark", "not negative");
    }
    if option.slow_mark.is_some_and(|mark| mark < Price::ZERO) {
        return wrong("slow_mark", "not negative");
    }
    match (option.volatility, option.mark) {
        (None, _) if question.portfolio => wrong("volatility", "given in portfolio mode"),
        (None, None) => wrong("volatility", "given where there is no mark"),
        _ => Ok(()),
    }
}

fn check_position(question: &WhatIf, position: &WhatIfPosition) -> Result<(), WhatIfError> {
    let wrong = |name, expected| Err(field(format!("position in {:?}", position.market), name, expected));
    if question.portfolio && position.underlying.is_none() {
        return wrong("underlying", "given in portfolio mode");
    }
    let Some(place) = position.expiry else { return Ok(()) };
    match question.expiries.get(place) {
        None => wrong("expiry", KNOWN_PLACE),
        Some(expiry) if position.underlying.as_ref().is_some_and(|underlying| *underlying != expiry.underlying) => {
            wrong("expiry", "one of its underlying")
        }
        Some(_) => Ok(()),
    }
}

const KNOWN_PLACE: &str = "the place of one of the expiries, from 0";

fn field(what: String, field: &'static str, expected: &'static str) -> WhatIfError {
    WhatIfError::Field { what, field, expected }
}

fn name_of(option: &WhatIfOption) -> String {
    format!("option {:?}", option.market)
}

fn expiry_of<'a>(question: &'a WhatIf, option: &WhatIfOption) -> Result<&'a WhatIfExpiry, WhatIfError> {
    question.expiries.get(option.expiry).ok_or_else(|| field(name_of(option), "expiry", KNOWN_PLACE))
}

/// The question as it is where cash leaves: at slow forwards and slow marks. What of these is left out is as now; an option follows a slow
/// forward by its volatility.
pub(super) fn at_slow(question: &WhatIf) -> WhatIf {
    let mut slow = question.clone();
    for expiry in &mut slow.expiries {
        expiry.forward = expiry.slow_forward.unwrap_or(expiry.forward);
    }
    for option in &mut slow.options {
        let expiry = question.expiries.get(option.expiry);
        let follows = option.volatility.is_some() && expiry.is_some_and(|expiry| expiry.slow_forward.is_some());
        option.mark = option.slow_mark.or(option.mark.filter(|_| !follows));
    }
    for position in &mut slow.positions {
        position.mark = position.slow_mark.unwrap_or(position.mark);
    }
    slow
}

/// What each expiry needs more, in cash, at slow prices than now.
pub(super) fn unconfirmed_by_expiry(
    now: &BTreeMap<usize, OptionsMargin>,
    slow: &BTreeMap<usize, OptionsMargin>,
) -> Result<BTreeMap<usize, Usd>, Rejection> {
    let more = now.iter().zip(slow.values()).map(|((place, now), slow)| {
        let beyond = |margin: &OptionsMargin| margin.position_initial_usd.checked_sub(margin.value_usd);
        Ok((*place, more_usd(beyond(now), beyond(slow))?))
    });
    more.collect()
}

fn more_usd(now: Option<Usd>, slow: Option<Usd>) -> Result<Usd, Rejection> {
    let more = slow.zip(now).and_then(|(slow, now)| slow.checked_sub(now));
    Ok(more.ok_or(Rejection::Overflow)?.max(Usd::ZERO))
}

/// Every option of a question at its mark, given or made of its volatility.
pub(super) fn marked(question: &WhatIf) -> Result<Vec<Marked<'_>>, WhatIfError> {
    let marked = question.options.iter().map(|asked| {
        let mark = match (asked.mark, asked.volatility) {
            (Some(mark), _) => mark,
            (None, Some(volatility)) => {
                let WhatIfExpiry { forward, time_ms, .. } = *expiry_of(question, asked)?;
                let terms = OptionTerms { kind: asked.kind, forward, strike: asked.strike, time_ms };
                let price = terms.price(volatility).and_then(|price| price.to_price());
                price.map_err(|error| WhatIfError::Pricing { what: name_of(asked), error })?
            }
            (None, None) => return Err(field(name_of(asked), "volatility", "given where there is no mark")),
        };
        Ok(Marked { asked, mark })
    });
    marked.collect()
}

/// What the options of each expiry contribute outside portfolio mode.
pub(super) fn by_expiry(
    question: &WhatIf,
    marked: &[Marked<'_>],
) -> Result<BTreeMap<usize, OptionsMargin>, WhatIfError> {
    let mut expiries: BTreeMap<usize, (Price, u8, Vec<HeldOption>)> = BTreeMap::new();
    for Marked { asked, mark } in marked {
        let forward = expiry_of(question, asked)?.forward;
        let (_, _, held) = expiries.entry(asked.expiry).or_insert_with(|| (forward, asked.size_decimals, Vec::new()));
        held.push(HeldOption { right: asked.kind, strike: asked.strike, mark: *mark, lots: asked.lots.get() });
    }
    let margins = expiries.into_iter().map(|(place, (forward, size_decimals, held))| {
        let margin = of_held(forward, size_decimals, &held)?;
        Ok((place, margin))
    });
    margins.collect()
}

/// What everything on each underlying needs together, by name; `slow` is the question at slow prices.
pub(super) fn portfolios(
    question: &WhatIf,
    exposures: &[(&WhatIfPosition, Exposure)],
    marked: &[Marked<'_>],
    (slow, slow_marked): (&WhatIf, &[Marked<'_>]),
) -> Result<Vec<WhatIfPortfolioAnswer>, WhatIfError> {
    let mut underlyings: BTreeSet<&str> =
        question.positions.iter().filter_map(|position| position.underlying.as_deref()).collect();
    for option in &question.options {
        underlyings.insert(&expiry_of(question, option)?.underlying);
    }
    let answers = underlyings.into_iter().map(|underlying| {
        let beyond = beyond_of(exposures, underlying)?;
        let together = |question: &WhatIf, marked: &[Marked<'_>]| -> Result<_, WhatIfError> {
            let margin = answer(&portfolio(question, underlying)?);
            let what = || format!("the portfolio on {underlying:?}");
            let margin = margin.map_err(|error| WhatIfError::Pricing { what: what(), error })?;
            let of_grid = PortfolioNeed { initial_usd: margin.initial_usd, maintenance_usd: margin.maintenance_usd };
            let need = bounded(of_grid, longs_alone(question, marked, underlying)?, beyond)?;
            let in_cash = need.initial_usd.checked_sub(worth_usd(question, marked, underlying)?);
            Ok((margin, need, in_cash))
        };
        let (margin, need, in_cash) = together(question, marked)?;
        let (_, _, slow_in_cash) = together(slow, slow_marked)?;
        Ok(WhatIfPortfolioAnswer {
            underlying: underlying.to_owned(),
            margin,
            beyond_grid_initial_usd: beyond.initial_usd,
            beyond_grid_maintenance_usd: beyond.maintenance_usd,
            initial_usd: need.initial_usd,
            maintenance_usd: need.maintenance_usd,
            unconfirmed_need_usd: more_usd(in_cash, slow_in_cash)?,
        })
    });
    answers.collect()
}

/// What the markets of the linear legs on an underlying ask beyond the grid.
fn beyond_of(exposures: &[(&WhatIfPosition, Exposure)], underlying: &str) -> Result<PortfolioNeed, Rejection> {
    let mut sum = PortfolioNeed::default();
    for (_, exposure) in exposures.iter().filter(|(position, _)| position.underlying.as_deref() == Some(underlying)) {
        let Exposure { maximum_leverage, market_fraction, depth_usd, depeg_addition, .. } = *exposure;
        let notional_usd = exposure.notional_usd()?;
        let asked = Asked { notional_usd, maximum_leverage, market_fraction, depth_usd, depeg_addition };
        sum = sum.with(beyond_grid(&asked)?)?;
    }
    Ok(sum)
}

/// What the options on an underlying are worth, if they are all that is on it and all long.
fn longs_alone(question: &WhatIf, marked: &[Marked<'_>], underlying: &str) -> Result<Option<Usd>, WhatIfError> {
    let is_linear = |position: &WhatIfPosition| position.underlying.as_deref() == Some(underlying);
    if question.positions.iter().any(is_linear) {
        return Ok(None);
    }
    for Marked { asked, .. } in marked {
        if expiry_of(question, asked)?.underlying == underlying && asked.lots.get() < 0 {
            return Ok(None);
        }
    }
    worth_usd(question, marked, underlying).map(Some)
}

/// What the options on an underlying are worth.
fn worth_usd(question: &WhatIf, marked: &[Marked<'_>], underlying: &str) -> Result<Usd, WhatIfError> {
    let mut worth_usd = Usd::ZERO;
    for Marked { asked, mark } in marked {
        if expiry_of(question, asked)?.underlying == underlying {
            let one = value_floor_usd(*mark, i128::from(asked.lots.get()), asked.size_decimals)?;
            worth_usd = worth_usd.checked_add(one).ok_or(Rejection::Overflow)?;
        }
    }
    Ok(worth_usd)
}

/// What is on one underlying, in lots of its finest step.
fn portfolio(question: &WhatIf, underlying: &str) -> Result<PortfolioQuestion, WhatIfError> {
    let places: Vec<usize> = question
        .expiries
        .iter()
        .enumerate()
        .filter(|(_, expiry)| expiry.underlying == underlying)
        .map(|(place, _)| place)
        .collect();
    let place_of = |place: usize| places.binary_search(&place).ok();
    let positions: Vec<&WhatIfPosition> =
        question.positions.iter().filter(|position| position.underlying.as_deref() == Some(underlying)).collect();
    let options: Vec<(usize, &WhatIfOption)> =
        question.options.iter().filter_map(|option| Some((place_of(option.expiry)?, option))).collect();
    let steps = positions.iter().map(|position| position.size_decimals);
    let finest = steps.chain(options.iter().map(|(_, option)| option.size_decimals)).max().unwrap_or(0);
    let linear = positions.iter().map(|position| {
        let lots = lots_at(position.size_decimals, position.lots.get(), finest)?;
        Ok(LinearLeg { expiry: position.expiry.and_then(place_of), price: position.mark, lots })
    });
    let legs = options.iter().map(|&(expiry, option)| {
        let volatility =
            option.volatility.ok_or_else(|| field(name_of(option), "volatility", "given in portfolio mode"));
        let lots = lots_at(option.size_decimals, option.lots.get(), finest)?;
        Ok(OptionLeg { expiry, kind: option.kind, strike: option.strike, volatility: volatility?, lots })
    });
    let expiries = places.iter().filter_map(|place| question.expiries.get(*place));
    Ok(PortfolioQuestion {
        size_decimals: finest,
        quote_index: question.quote_index.unwrap_or(PAR),
        expiries: expiries.map(|expiry| Expiry { forward: expiry.forward, time_ms: expiry.time_ms }).collect(),
        linear: linear.collect::<Result<_, WhatIfError>>()?,
        options: legs.collect::<Result<_, WhatIfError>>()?,
    })
}

/// What portfolios need in all.
pub(super) fn need_of(portfolios: &[WhatIfPortfolioAnswer]) -> Result<PortfolioNeed, Rejection> {
    portfolios.iter().try_fold(PortfolioNeed::default(), |sum, portfolio| {
        let WhatIfPortfolioAnswer { initial_usd, maintenance_usd, .. } = *portfolio;
        sum.with(PortfolioNeed { initial_usd, maintenance_usd })
    })
}

/// What each option is worth.
pub(super) fn option_answers(marked: &[Marked<'_>]) -> Result<Vec<WhatIfOptionAnswer>, Rejection> {
    let answers = marked.iter().map(|Marked { asked, mark }| {
        let value_usd = value_floor_usd(*mark, i128::from(asked.lots.get()), asked.size_decimals)?;
        Ok(WhatIfOptionAnswer { market: asked.market.clone(), mark: *mark, value_usd })
    });
    answers.collect()
}

/// What each expiry needs.
pub(super) fn expiry_answers(
    margins: &BTreeMap<usize, OptionsMargin>,
    unconfirmed: &BTreeMap<usize, Usd>,
) -> Vec<WhatIfExpiryAnswer> {
    let answers = margins.iter().map(|(place, margin)| WhatIfExpiryAnswer {
        expiry: *place,
        value_usd: margin.value_usd,
        initial_usd: margin.initial_usd,
        maintenance_usd: margin.maintenance_usd,
        unconfirmed_need_usd: unconfirmed.get(place).copied().unwrap_or_default(),
    });
    answers.collect()
}

/// The options and expiries of a real account on their way into a question.
#[derive(Default)]
pub(super) struct Dated {
    names: Vec<(AssetId, TimeMs)>,
    pub expiries: Vec<WhatIfExpiry>,
    pub options: Vec<WhatIfOption>,
}

impl Dated {
    /// The place of an expiry; who asks later says what its forward is: options, which come after futures.
    pub(super) fn place_of(
        &mut self,
        state: &State,
        name: (AssetId, TimeMs),
        (forward, slow): (Price, Price),
        time_ms: u64,
    ) -> Result<usize, Rejection> {
        let asset = name.0;
        let underlying = symbol_of(state, asset)?;
        let slow_forward = (slow != forward).then_some(slow);
        let expiry = WhatIfExpiry { underlying, forward, slow_forward, time_ms };
        if let Some(place) = self.names.iter().position(|known| *known == name)
            && let Some(kept) = self.expiries.get_mut(place)
        {
            *kept = expiry;
            return Ok(place);
        }
        self.names.push(name);
        self.expiries.push(expiry);
        Ok(self.expiries.len().saturating_sub(1))
    }

    /// An option as the engine sees it. Its marks are left out where the volatility makes them, so that they follow what is changed.
    pub(super) fn add(&mut self, state: &State, market: &MarketSpec, lots: i64) -> Result<(), Rejection> {
        let no_price = || Rejection::NoFreshPrice { market: market.id };
        let (Some(id), Some(contract)) = (OptionExpiryId::of(market), market.option()) else {
            return Err(Rejection::UnknownMarket { market: market.id });
        };
        let record = state.option_expiry(id).ok_or_else(no_price)?;
        let slice = record.slice.ok_or_else(no_price)?;
        let mark = state.mark(market.id).ok_or_else(no_price)?;
        let priced = state.priced_option(market);
        let volatility = priced.map(|(_, volatility)| volatility);
        let unless_made = |price: Price, forward: Price| {
            let made = priced.and_then(|(terms, at)| OptionTerms { forward, ..terms }.price(at).ok()?.to_price().ok());
            (made != Some(price)).then_some(price)
        };
        let name = (id.underlying, id.expires_at_ms);
        let expiry = self.place_of(state, name, (record.forward, record.slow_forward), slice.time_ms())?;
        self.options.push(WhatIfOption {
            market: market.symbol.clone(),
            expiry,
            kind: contract.right,
            strike: contract.strike,
            lots: Position::new(lots),
            size_decimals: market.size_decimals,
            volatility,
            mark: unless_made(mark.price, record.forward),
            slow_mark: unless_made(mark.slow_price, record.slow_forward),
        });
        Ok(())
    }
}

/// An asset's name.
pub(super) fn symbol_of(state: &State, asset: AssetId) -> Result<String, Rejection> {
    Ok(state.asset(asset).ok_or(Rejection::UnknownAsset { asset })?.symbol.clone())
}

#[cfg(test)]
#[path = "options_tests.rs"]
mod tests;
