//! Deleveraging: winners are closed for exactly what leaves the bankrupt unit with nothing, each for the part of it that the
//! lots are.
//!
//! Which winner gives how many lots is not decided here; what is checked of it is that nobody is taken below maintenance, and that
//! fund and fees gave first.

use super::{
    Auditor, Market, Objection, Who, ensure,
    ledger::fees,
    numbers::{ceil, floor},
    trading::{Change, signed},
    who,
    worth::Unit,
};
use palisade_types::{
    event::{Event, Liquidation},
    order::Side,
};

/// A deleveraging under way: whose position is closed, and for what in all.
#[derive(Clone, Debug)]
pub(super) struct Closing {
    unit: Unit,
    market: Market,
    terms: Option<Terms>,
    /// Lots placed so far.
    placed: i128,
    /// The winner whose part was told and the bankrupt's not yet: lots and quote.
    told: Option<(i128, i128)>,
}

#[derive(Clone, Copy, Debug)]
struct Terms {
    lots: i128,
    quote: i128,
    deficit: i128,
}

/// One winner's part.
struct Part {
    market: Market,
    winner: Who,
    side: Side,
    lots: i128,
    quote: i128,
    profit: i128,
    haircut: i128,
}

impl Auditor {
    /// Whether an event can be within a deleveraging.
    pub(super) fn ends_closing(event: &Event) -> bool {
        !matches!(event, Event::Deleveraged { .. } | Event::Liquidated(_) | Event::FundingPaid { .. })
    }

    /// A deleveraging is over.
    pub(super) fn end_closing(&mut self) -> Result<(), Objection> {
        let told = self.liquidations.closing.take().and_then(|closing| closing.told);
        ensure(told.is_none(), || format!("a winner gave {told:?} to nobody"))
    }

    pub(super) fn deleveraged(&mut self, event: &Event) -> Result<(), Objection> {
        let Event::Deleveraged { market, account, side, size, quote_usd, closed_pnl_usd, haircut_usd, bankrupt } =
            event
        else {
            return Ok(());
        };
        let part = Part {
            market: market.get(),
            winner: who(*account),
            side: *side,
            lots: size.get().into(),
            quote: quote_usd.get(),
            profit: closed_pnl_usd.get(),
            haircut: haircut_usd.get(),
        };
        self.winner_closed(who(*bankrupt), &part)
    }

    fn winner_closed(&mut self, bankrupt: Who, part: &Part) -> Result<(), Objection> {
        let unit = self.unit_of(bankrupt, part.market)?;
        let mut closing = match self.liquidations.closing.take() {
            Some(closing) if (closing.unit, closing.market) == (unit, part.market) => closing,
            _ => self.begin_closing(unit, part.market)?,
        };
        ensure(closing.told.is_none(), || format!("two winners for one part of {unit:?}"))?;
        if closing.check_part(part).is_err() {
            // Once the winners are exhausted, those that the first round has changed are asked again.
            closing = self.begin_closing(unit, part.market)?;
        }
        closing.check_part(part)?;
        if closing.terms.is_some() {
            self.note("auditor: a winner's part of a deficit");
        }
        closing.placed += part.lots;
        closing.told = Some((part.lots, part.quote));
        self.liquidations.closing = Some(closing);
        let lots = signed(part.side, part.lots);
        self.check_closes(part.winner, part.market, lots)?;
        let (account, market, quote) = (part.winner, part.market, signed(part.side, part.quote));
        let winners_unit = self.unit_of(account, market)?;
        let gain = self.change_position(Change { account, market, lots, quote, price: None })?;
        ensure(gain == part.profit, || format!("a winner was told {}, due are {gain}", part.profit))?;
        if let Some(worth) = self.worth(winners_unit) {
            ensure(worth.equity >= worth.maintenance, || format!("a winner is left with {worth:?}"))?;
        }
        self.note("deleveraged: a winner's position");
        Ok(())
    }

    /// What is missing, and what closing everything costs: value at the mark moved by what is missing.
    fn begin_closing(&self, unit: Unit, market: Market) -> Result<Closing, Objection> {
        let held = self.positions.get(&(unit.0, market)).copied();
        let held = held.ok_or_else(|| format!("{unit:?} is closed in market {market} and holds nothing"))?;
        let nothing = Closing { unit, market, terms: None, placed: 0, told: None };
        let Some(worth) = self.worth(unit) else { return Ok(nothing) };
        ensure(worth.equity <= 0, || format!("{unit:?} is closed against winners with {worth:?}"))?;
        let deficit = -worth.equity;
        let mark = self.mark_of(market).ok_or_else(|| format!("market {market} has no mark"))?;
        let lots = held.lots.abs();
        let scale = self.market(market)?.scale;
        let quote =
            if held.lots > 0 { floor(mark * lots, scale) + deficit } else { ceil(mark * lots, scale) - deficit };
        if deficit > 0 {
            self.check_nobody_else_could_pay(unit)
                .map_err(|objection| format!("{objection}, missing are {deficit}"))?;
        }
        Ok(Closing { terms: Some(Terms { lots, quote, deficit }), ..nothing })
    }

    /// The fund gave what one of the unit's markets may have of it, and fees are used up.
    fn check_nobody_else_could_pay(&self, unit: Unit) -> Result<(), Objection> {
        let universe = unit.1;
        let mut rooms = Vec::new();
        for (market, _) in self.positions_of(unit) {
            rooms.push(self.fund_room(universe, Some(market))?);
        }
        let earned = self.ledger.balance(fees(universe), universe, self.quote_of(universe)?);
        ensure(rooms.contains(&0) && earned <= 0, || {
            format!("winners pay for {unit:?}, the fund has {rooms:?} to give and fees are {earned}")
        })
    }

    /// The other side of a winner's part.
    pub(super) fn bankrupt_closed(&mut self, told: &Liquidation) -> Result<(), Objection> {
        let (account, market) = (who(told.account), told.market.get());
        let (lots, quote) = (i128::from(told.size.get()), told.quote_usd.get());
        let closing = self.liquidations.closing.as_mut().ok_or("a position is closed against nobody")?;
        let part = closing.told.take();
        ensure(part == Some((lots, quote)) && (closing.unit.0, closing.market) == (account, market), || {
            format!("{lots} lots are closed for {quote}, the winner says {part:?}")
        })?;
        let (lots, quote) = (signed(told.side, lots), signed(told.side, quote));
        self.check_closes(account, market, lots)?;
        let gain = self.change_position(Change { account, market, lots, quote, price: None })?;
        ensure(gain == told.closed_pnl_usd.get(), || format!("a closing gave {}, due are {gain}", told.closed_pnl_usd))
    }
}

impl Closing {
    /// Cumulative rounding: the parts sum to the whole, to the unit.
    fn check_part(&self, part: &Part) -> Result<(), Objection> {
        let Some(terms) = self.terms else { return Ok(()) };
        let after = self.placed + part.lots;
        ensure(after <= terms.lots, || format!("{after} of {} lots are closed", terms.lots))?;
        let share = |whole: i128| floor(whole * after, terms.lots) - floor(whole * self.placed, terms.lots);
        let due = (share(terms.quote), share(terms.deficit));
        ensure((part.quote, part.haircut) == due, || {
            format!("a winner gave {} and {}, due are {due:?} of {terms:?}", part.quote, part.haircut)
        })
    }
}
