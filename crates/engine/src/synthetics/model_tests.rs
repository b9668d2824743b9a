//! A synthetic against a model so plain that its rightness can be seen: lists of people, searched and sorted anew each time.

use super::table::{TOKEN, UNIT, act, check_found, genesis_with, index, run, spec, terms, who};
use crate::{
    state::IndexRecord,
    testing::{BTC, CORE, USDC, Venue, account_of, cases},
};
use palisade_types::{
    address::AccountId,
    numbers::{Price, Rate, Usd},
    receipt::Outcome,
    synthetic::SyntheticSpec,
};
use proptest::{prelude::*, strategy::ValueTree, test_runner::TestRunner};
use std::collections::BTreeMap;

const PEOPLE: [&str; 4] = ["alice", "bob", "carol", "dave"];
const MILLION: i128 = 1_000_000;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Person {
    cash: i128,
    units: i128,
    debt: i128,
    collateral: i128,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Model {
    people: [Person; 4],
    /// Debt and collateral of the synthetic itself.
    own: (i128, i128),
    short: i128,
    fund: i128,
    fund_left: i128,
    fees: i128,
}

fn floor(value: i128, divisor: i128) -> i128 {
    value.div_euclid(divisor)
}

fn ceil(value: i128, divisor: i128) -> i128 {
    -(-value).div_euclid(divisor)
}

#[derive(Clone, Debug)]
enum Operation {
    Mint { who: usize, amount: i128, collateral: i128 },
    Burn { who: usize, amount: i128 },
    Add { who: usize, amount: i128 },
    Take { who: usize, amount: i128 },
    Redeem { who: usize, amount: i128 },
    Send { who: usize, to: usize, amount: i128 },
    Price { cents: i64 },
}

/// Which payer of a redemption: a person, or the synthetic itself.
type Payer = Option<usize>;

impl Model {
    fn new(fund: i128, claim: i128) -> Self {
        let person = Person { cash: 100_000 * UNIT, ..Person::default() };
        Self { people: [person; 4], own: (0, 0), short: 0, fund, fund_left: claim, fees: 0 }
    }

    fn owed(&self) -> i128 {
        self.people.iter().map(|person| person.debt).sum::<i128>() + self.own.0
    }

    fn supply(&self) -> i128 {
        self.people.iter().map(|person| person.units).sum()
    }

    fn enough(debt: i128, collateral: i128, at: i128, ratio: i128) -> bool {
        collateral * UNIT * MILLION >= debt * at * ratio
    }

    /// What every block does first.
    fn block(&mut self, at: i128) {
        for person in &mut self.people {
            if person.debt * at > person.collateral * UNIT {
                self.own = (self.own.0 + person.debt, self.own.1 + person.collateral);
                (person.debt, person.collateral) = (0, 0);
            }
        }
        let nominal = self.own.0 + self.short;
        if nominal == 0 {
            self.fund += self.own.1;
            self.own.1 = 0;
            return;
        }
        let paid = (ceil(nominal * at, UNIT) - self.own.1).min(self.fund).min(self.fund_left).max(0);
        self.fund -= paid;
        self.fund_left -= paid;
        self.own.1 += paid;
        self.own.0 = floor(self.own.1 * UNIT, at).min(nominal);
        self.short = nominal - self.own.0;
    }

    /// The operation, if it is accepted. `worst` is the price of new risk.
    fn run(&mut self, operation: &Operation, at: i128, worst: i128) -> bool {
        match *operation {
            Operation::Mint { who, amount, collateral } => self.mint(who, amount, collateral, at, worst),
            Operation::Burn { who, amount } => self.burn(who, amount),
            Operation::Add { who, amount } => {
                let person = &mut self.people[who];
                let accepted = amount > 0 && person.debt > 0 && person.cash >= amount;
                if accepted {
                    person.cash -= amount;
                    person.collateral += amount;
                }
                accepted
            }
            Operation::Take { who, amount } => {
                let person = &mut self.people[who];
                let left = person.collateral - amount;
                let accepted = amount > 0 && person.debt > 0 && Self::enough(person.debt, left, worst, 1_500_000);
                if accepted {
                    person.cash += amount;
                    person.collateral = left;
                }
                accepted
            }
            Operation::Redeem { who, amount } => self.redeem(who, amount, at),
            Operation::Send { who, to, amount } => {
                let accepted = amount > 0 && who != to && self.people[who].units >= amount;
                if accepted {
                    self.people[who].units -= amount;
                    self.people[to].units += amount;
                }
                accepted
            }
            Operation::Price { .. } => true,
        }
    }

    fn mint(&mut self, who: usize, amount: i128, collateral: i128, at: i128, worst: i128) -> bool {
        let fee = ceil(amount * at * 1_000, UNIT * MILLION);
        let all = self.owed() + amount;
        let short = self.short;
        let person = &mut self.people[who];
        let (debt, backed) = (person.debt + amount, person.collateral + collateral);
        let accepted = amount > 0
            && short == 0
            && all <= 1_000 * UNIT
            && debt >= UNIT
            && Self::enough(debt, backed, worst, 1_500_000)
            && person.cash >= collateral + fee;
        if accepted {
            person.cash -= collateral + fee;
            (person.debt, person.collateral) = (debt, backed);
            person.units += amount;
            self.fees += fee;
        }
        accepted
    }

    fn burn(&mut self, who: usize, amount: i128) -> bool {
        let (owed, supply) = (self.owed(), self.supply());
        let person = &mut self.people[who];
        if amount <= 0 || person.debt == 0 {
            return false;
        }
        let debt = floor(amount * owed, supply);
        let burned = ceil(debt * supply, owed);
        let left = person.debt - debt;
        if debt == 0 || left < 0 || (left > 0 && left < UNIT) || burned > person.units {
            return false;
        }
        person.units -= burned;
        person.debt = left;
        if left == 0 {
            person.cash += person.collateral;
            person.collateral = 0;
        }
        self.short -= burned - debt;
        true
    }

    fn redeem(&mut self, who: usize, amount: i128, at: i128) -> bool {
        let (owed, supply) = (self.owed(), self.supply());
        if amount <= 0 || self.people[who].units < amount {
            return false;
        }
        let mut left = floor(amount * owed, supply);
        let (mut debt, mut paid) = (0, 0);
        let mut after = self.clone();
        for payer in self.payers() {
            let (theirs, backed) = self.standing(payer);
            let taken = match payer {
                _ if left >= theirs => theirs,
                None => left,
                Some(_) => left.min((theirs - UNIT).max(0)),
            };
            let pays = floor(taken * at * 995_000, UNIT * MILLION).min(floor(backed * taken, theirs));
            after.pay(payer, taken, pays);
            (debt, paid, left) = (debt + taken, paid + pays, left - taken);
        }
        if paid <= 0 {
            return false;
        }
        let burned = ceil(debt * supply, owed);
        *self = after;
        self.people[who].units -= burned;
        self.people[who].cash += paid;
        self.short -= burned - debt;
        true
    }

    /// Whoever owes, the least collateral over debt first.
    fn payers(&self) -> Vec<Payer> {
        let mut payers: Vec<Payer> = (0..4).map(Some).chain([None]).collect();
        payers.retain(|payer| self.standing(*payer).0 > 0);
        payers.sort_by(|left, right| {
            let ((debt, backed), (other, other_backed)) = (self.standing(*left), self.standing(*right));
            (backed * other, address(*left)).cmp(&(other_backed * debt, address(*right)))
        });
        payers
    }

    fn standing(&self, payer: Payer) -> (i128, i128) {
        payer.map_or(self.own, |who| (self.people[who].debt, self.people[who].collateral))
    }

    fn pay(&mut self, payer: Payer, taken: i128, pays: i128) {
        let Some(who) = payer else {
            self.own = (self.own.0 - taken, self.own.1 - pays);
            return;
        };
        let person = &mut self.people[who];
        person.debt -= taken;
        person.collateral -= pays;
        if person.debt == 0 {
            person.cash += person.collateral;
            person.collateral = 0;
        }
    }
}

fn address(payer: Payer) -> AccountId {
    payer.map_or(AccountId::synthetic(TOKEN), |who| account_of(PEOPLE[who]))
}

fn operations() -> impl Strategy<Value = Operation> {
    let who = || 0..PEOPLE.len();
    let amount = || prop_oneof![1 => 1i128..30, 1 => UNIT - 2..UNIT + 3, 4 => UNIT..9 * UNIT, 1 => UNIT..300 * UNIT];
    let dollars = || prop_oneof![1 => 0i128..30, 4 => 100 * UNIT..1_600 * UNIT, 1 => 50 * UNIT..60_000 * UNIT];
    let cents =
        prop_oneof![4 => 9_000i64..12_500, 2 => 12_500i64..16_000, 1 => 16_000i64..40_000, 1 => 3_000i64..9_000];
    prop_oneof![
        5 => (who(), amount(), dollars())
            .prop_map(|(who, amount, collateral)| Operation::Mint { who, amount, collateral }),
        3 => (who(), amount()).prop_map(|(who, amount)| Operation::Burn { who, amount }),
        1 => (who(), dollars()).prop_map(|(who, amount)| Operation::Add { who, amount }),
        2 => (who(), dollars()).prop_map(|(who, amount)| Operation::Take { who, amount }),
        4 => (who(), amount()).prop_map(|(who, amount)| Operation::Redeem { who, amount }),
        2 => (who(), who(), amount()).prop_map(|(who, to, amount)| Operation::Send { who, to, amount }),
        3 => cents.prop_map(|cents| Operation::Price { cents }),
    ]
}

/// Whether the engine accepted it.
fn play(venue: &mut Venue, operation: &Operation) -> bool {
    let text = |amount: i128| Usd::new(amount).to_string();
    let (who, words) = match operation {
        Operation::Mint { who, amount, collateral } => {
            (who, format!("mint {} with {}", text(*amount), text(*collateral)))
        }
        Operation::Burn { who, amount } => (who, format!("burn {}", text(*amount))),
        Operation::Add { who, amount } => (who, format!("add {}", text(*amount))),
        Operation::Take { who, amount } => (who, format!("take {}", text(*amount))),
        Operation::Redeem { who, amount } => (who, format!("redeem {} least 0", text(*amount))),
        Operation::Send { who, to, amount } => (who, format!("sends {} {}", PEOPLE[*to], text(*amount))),
        Operation::Price { cents } => {
            // Off every round number, so that everything is rounded.
            venue.set_index(BTC, Price::new(cents * 1_000_000 + 7));
            return true;
        }
    };
    act(venue, PEOPLE[*who], &words) == Outcome::Done
}

/// The engine's standing in the model's words.
fn seen(venue: &Venue) -> Model {
    let state = venue.state();
    let cash = |account| state.balance(account, CORE, USDC).get();
    let standing = |account| {
        let debt = terms(state).debt(state, account);
        (debt.debt.get(), debt.collateral_usd.get())
    };
    let people = PEOPLE.map(|name| {
        let account = who(venue, name);
        let (debt, collateral) = standing(account);
        Person { cash: cash(account), units: state.balance(account, CORE, TOKEN).get(), debt, collateral }
    });
    let record = state.synthetic(TOKEN).expect("a synthetic");
    Model {
        people,
        own: standing(who(venue, "own")),
        short: record.shortfall.get(),
        fund: cash(who(venue, "fund")),
        fund_left: CLAIM - record.fund_claimed_usd.get(),
        fees: cash(who(venue, "fees")),
    }
}

const CLAIM: i128 = 500 * UNIT;

/// Leads to units that nobody owes, with others who owe and hold.
fn short_first() -> Vec<Operation> {
    vec![
        Operation::Mint { who: 0, amount: 10 * UNIT, collateral: 1_500 * UNIT },
        Operation::Send { who: 0, to: 1, amount: 4 * UNIT },
        Operation::Mint { who: 1, amount: 9 * UNIT, collateral: 4_000 * UNIT },
        Operation::Mint { who: 2, amount: 5 * UNIT, collateral: 6_000 * UNIT },
        Operation::Price { cents: 20_000 },
    ]
}

/// Lives a list of operations in both, and says which were accepted, how often, and which of them while units were short.
fn live(list: &[Operation], fund: i128) -> BTreeMap<&'static str, u32> {
    let mut accepted_of = BTreeMap::new();
    let spec = SyntheticSpec { market: None, backstop_share: Rate::ZERO, ..spec() };
    let mut venue = Venue::with(genesis_with(spec, fund, 0));
    let mut model = Model::new(fund * UNIT, CLAIM);
    run(&mut venue, "price 100");
    for operation in list {
        let accepted = play(&mut venue, operation);
        let IndexRecord { price, slow_price, .. } = index(&venue);
        let (at, slow) = (i128::from(price.get()), i128::from(slow_price.get()));
        model.block(at);
        let is_short = model.short > 0;
        let expected = model.run(operation, at, at.max(slow));
        assert_eq!(accepted, expected, "{operation:?} {model:?}");
        assert_eq!(seen(&venue), model, "{operation:?}");
        check_found(venue.state(), price);
        let name = match (operation, is_short) {
            (Operation::Mint { .. }, _) => "mint",
            (Operation::Burn { .. }, false) => "burn",
            (Operation::Burn { .. }, true) => "burn while short",
            (Operation::Add { .. }, _) => "add",
            (Operation::Take { .. }, _) => "take",
            (Operation::Redeem { .. }, false) => "redeem",
            (Operation::Redeem { .. }, true) => "redeem while short",
            (Operation::Send { .. }, _) => "send",
            (Operation::Price { .. }, false) => "price",
            (Operation::Price { .. }, true) => "price while short",
        };
        *accepted_of.entry(name).or_default() += u32::from(accepted);
    }
    accepted_of
}

proptest! {
    #![proptest_config(cases(150))]

    #[test]
    fn the_engine_does_what_the_model_does(
        list in prop::collection::vec(operations(), 1..50),
        fund in prop_oneof![Just(0i128), Just(300), Just(2_000)],
        short in any::<bool>(),
    ) {
        let first = if short { short_first() } else { Vec::new() };
        live(&[first, list].concat(), fund);
    }
}

/// What the comparison is worth: each operation is accepted in it many times, short or not.
#[test]
fn what_is_compared_happens() {
    let mut runner = TestRunner::deterministic();
    let mut accepted: BTreeMap<&'static str, u32> = BTreeMap::new();
    for round in 0..45 {
        let list = prop::collection::vec(operations(), 30..50).new_tree(&mut runner).expect("a list").current();
        let first = if round % 3 == 0 { Vec::new() } else { short_first() };
        for (name, count) in live(&[first, list].concat(), if round % 2 == 0 { 0 } else { 300 }) {
            *accepted.entry(name).or_default() += count;
        }
    }
    assert_eq!(accepted.len(), 10, "{accepted:?}");
    assert!(accepted.values().all(|count| *count >= 3), "{accepted:?}");
}
