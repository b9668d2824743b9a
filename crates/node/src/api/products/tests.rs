use super::{NAMING_REQUESTS_MAX, block_requests, combo_book, combos, debts, pool, synthetics};
use crate::{
    final_view::{FinalView, View},
    tests::exchange::{BTC, CORE, Chain, PERP, SPOT, Signers, WHOLE, account_of, bundle, genesis, view_after},
};
use palisade_client::api::{BookLevel, DebtInfo, DebtNeeds, ImpliedLevel};
use palisade_types::{
    action::Action,
    genesis::Genesis,
    ids::{AssetId, ComboId, MarketId},
    market::{AssetSpec, MarketSpec},
    multi_leg::{BlockPrice, BlockQuoteTerms, BlockTerms, ComboTimeInForce, Leg},
    numbers::{Amount, Price, Rate, Size, Usd},
    order::{OrderRequest, Side, TimeInForce},
    pool::PoolFee,
    receipt::Outcome,
    rejection::Rejection,
    synthetic::SyntheticSpec,
    time::TimeMs,
};

/// A perpetual like the first.
const NEXT: MarketId = MarketId::new(1);
/// Tracks BTC.
const TOKEN: AssetId = AssetId::new(2);

fn whole(price: i64) -> Price {
    Price::new(price * 100_000_000)
}

fn usd(whole: i128) -> Usd {
    Usd::new(whole * WHOLE)
}

/// The usual exchange with one more perpetual, and a synthetic.
fn products() -> Genesis {
    let mut genesis = genesis();
    let next = MarketSpec { id: NEXT, symbol: "NEXT".to_owned(), ..genesis.markets[0].clone() };
    genesis.markets.insert(1, next);
    genesis.assets.push(AssetSpec {
        id: TOKEN,
        symbol: "pBTC".to_owned(),
        decimals: 8,
        has_index: false,
        collateral: None,
    });
    genesis.synthetics = vec![SyntheticSpec {
        asset: TOKEN,
        tracks: BTC,
        universe: CORE,
        market: None,
        debt_ceiling: Amount::new(1_000 * WHOLE),
        minimum_debt: Amount::new(WHOLE),
        initial_ratio: Rate::new(1_500_000),
        maintenance_ratio: Rate::new(1_250_000),
        liquidation_penalty: Rate::new(80_000),
        mint_fee: Rate::new(1_000),
        redemption_fee: Rate::new(5_000),
        backstop_share: Rate::new(100_000),
        fund_claim_maximum_usd: usd(500),
    }];
    genesis
}

struct Setup {
    view: FinalView,
    chain: Chain,
    signers: Signers,
}

impl Setup {
    /// With BTC at 100.
    fn new() -> Self {
        let (view, chain) = view_after(products());
        let mut setup = Self { view, chain, signers: Signers::default() };
        let time_ms = setup.chain.tip.header().time_ms.saturating_add(1_000);
        setup.chain.finalize(&setup.view, &[], Some(bundle(time_ms, 100)));
        setup
    }

    fn read(&self, reader: impl FnOnce(&View)) {
        self.view.read(reader).expect("loaded");
    }

    /// What became of the actions in a block of their own, in their order.
    fn run(&mut self, actions: &[(&str, Action)]) -> Vec<Outcome> {
        let signed: Vec<_> = actions.iter().map(|(name, action)| self.signers.verified(name, action.clone())).collect();
        let receipts = self.chain.finalize(&self.view, &signed, None).executed.receipts.clone();
        let of = |id| receipts.iter().find(|receipt| receipt.action == id).expect("a receipt").outcome.clone();
        signed.iter().map(|action| of(action.id())).collect()
    }
}

fn place(market: MarketId, side: Side, price: i64, size: u64) -> Action {
    Action::Place {
        orders: vec![OrderRequest {
            market,
            side,
            price: whole(price),
            size: Size::new(size),
            time_in_force: TimeInForce::Gtc,
            reduce_only: false,
            client_order_id: None,
        }],
    }
}

fn legs() -> Vec<Leg> {
    [(PERP, Side::Buy), (NEXT, Side::Sell)].map(|(market, side)| Leg { market, side, ratio: 1 }).to_vec()
}

#[test]
fn a_synthetic_and_a_debt_show_their_sums_and_needs() {
    let mut setup = Setup::new();
    let mint = Action::MintSynthetic { asset: TOKEN, amount: Amount::new(10 * WHOLE), collateral_usd: usd(1_500) };
    assert_eq!(setup.run(&[("alice", mint)]), [Outcome::Done]);
    setup.read(|view| {
        let all = synthetics(view);
        let [info] = all.as_slice() else { panic!("{all:?}") };
        assert_eq!((info.spec.asset, info.spec.debt_ceiling), (TOKEN, Amount::new(1_000 * WHOLE)));
        assert_eq!(
            (info.supply, info.debt, info.shortfall),
            (Amount::new(10 * WHOLE), Amount::new(10 * WHOLE), Amount::ZERO)
        );
        assert_eq!((info.collateral_usd, info.index), (usd(1_500), Some(whole(100))));
        let owed = debts(view, account_of("alice")).expect("numbers");
        assert_eq!(owed.height, view.tip.header.height);
        let needs = DebtNeeds { value_usd: usd(1_000), initial_usd: usd(1_500), maintenance_usd: usd(1_250) };
        let expected =
            DebtInfo { asset: TOKEN, debt: Amount::new(10 * WHOLE), collateral_usd: usd(1_500), needs: Some(needs) };
        assert_eq!(owed.debts, [expected]);
        assert_eq!(debts(view, account_of("bob")).expect("numbers").debts, []);
    });
}

#[test]
fn a_combo_shows_its_own_book_and_that_of_its_legs() {
    let mut setup = Setup::new();
    let outcomes = setup.run(&[
        ("alice", Action::CreateCombo { legs: legs() }),
        ("bob", place(PERP, Side::Sell, 101, 5)),
        ("bob", place(NEXT, Side::Buy, 99, 7)),
    ]);
    let Outcome::Combo { combo, is_mirrored: false } = outcomes[0] else { panic!("{outcomes:?}") };
    let sell = |price, lots| Action::PlaceCombo {
        combo,
        side: Side::Sell,
        price: whole(price),
        lots: Size::new(lots),
        time_in_force: ComboTimeInForce::Gtc,
    };
    setup.run(&[("carol", sell(4, 3)), ("dave", sell(4, 2)), ("carol", sell(5, 1))]);
    setup.read(|view| {
        let book = combo_book(view, combo, 10).expect("registered");
        assert_eq!((book.combo.id, &book.combo.legs), (combo, &legs()));
        let level = |price, size, orders| BookLevel { price: whole(price), size: Size::new(size), orders };
        assert_eq!((&book.bids[..], &book.asks[..]), (&[][..], &[level(4, 5, 2), level(5, 1, 1)][..]));
        let offered = ImpliedLevel { price: whole(2), size: Size::new(5), quote_usd: usd(10) };
        assert_eq!((book.implied_bid, book.implied_ask), (None, Some(offered)), "101 − 99");
        assert_eq!(combo_book(view, combo, 1).expect("registered").asks, [level(4, 5, 2)]);
        let unknown = ComboId::new(9_999);
        assert_eq!(combo_book(view, unknown, 1), Err(Rejection::UnknownCombo { combo: unknown }));
    });
}

#[test]
fn combos_are_listed_page_by_page_with_the_best_of_their_own_books() {
    let mut setup = Setup::new();
    setup.read(|view| assert!(combos(view, ComboId::new(0), 5).combos.is_empty()));
    let both = [PERP, NEXT].map(|market| Leg { market, side: Side::Buy, ratio: 1 }).to_vec();
    let made = [legs(), both].map(|legs| match setup.run(&[("alice", Action::CreateCombo { legs })])[..] {
        [Outcome::Combo { combo, .. }] => combo,
        ref other => panic!("{other:?}"),
    });
    let order = |side, price| Action::PlaceCombo {
        combo: made[0],
        side,
        price: whole(price),
        lots: Size::new(1),
        time_in_force: ComboTimeInForce::Gtc,
    };
    setup.run(&[("bob", order(Side::Buy, -3)), ("bob", order(Side::Buy, -4)), ("carol", order(Side::Sell, 4))]);
    setup.read(|view| {
        let first = combos(view, ComboId::new(0), 1);
        let [info] = first.combos.as_slice() else { panic!("{first:?}") };
        assert_eq!((info.combo.id, &info.combo.legs, first.next), (made[0], &legs(), Some(made[1])));
        assert_eq!((info.best_bid, info.best_ask), (Some(whole(-3)), Some(whole(4))));
        let rest = combos(view, made[1], 10);
        let shown: Vec<_> = rest.combos.iter().map(|info| (info.combo.id, info.best_bid, info.best_ask)).collect();
        assert_eq!((shown, rest.next), (vec![(made[1], None, None)], None));
        assert_eq!(rest.height, view.tip.header.height);
    });
}

#[test]
fn block_requests_show_to_whoever_asks_and_is_asked() {
    let mut setup = Setup::new();
    let expires_at_ms = setup.chain.tip.header().time_ms.saturating_add(60_000);
    let request = |makers: &[&str], expires_at_ms: TimeMs| Action::RequestBlock {
        block: BlockTerms {
            legs: legs(),
            side: None,
            lots: Size::new(1_000),
            makers: makers.iter().map(|maker| account_of(maker)).collect(),
            expires_at_ms,
        },
    };
    let outcomes = setup.run(&[
        ("alice", request(&["bob", "carol"], expires_at_ms)),
        ("dave", request(&["bob"], expires_at_ms)),
        ("dave", request(&[], expires_at_ms)),
    ]);
    let ids: Vec<_> = outcomes
        .iter()
        .map(|outcome| match outcome {
            Outcome::BlockRequested { request } => *request,
            other => panic!("{other:?}"),
        })
        .collect();
    let quote = BlockQuoteTerms {
        request: ids[0],
        side: Side::Sell,
        price: BlockPrice::Net { price: whole(1) },
        lots: Size::new(1_000),
        expires_at_ms,
    };
    let quoted = setup.run(&[("bob", Action::QuoteBlock { quote: quote.clone() })]);
    assert!(matches!(quoted[..], [Outcome::BlockQuoted { .. }]), "{quoted:?}");
    setup.read(|view| {
        let of = |name| block_requests(view, account_of(name));
        let alice = of("alice");
        assert_eq!((alice.made.len(), alice.naming.len()), (1, 0));
        assert_eq!(alice.made[0].request.id, ids[0]);
        let quotes: Vec<_> = alice.made[0].quotes.iter().map(|quote| (quote.account, quote.terms.clone())).collect();
        assert_eq!(quotes, [(account_of("bob"), quote.clone())]);
        let naming: Vec<_> = of("bob").naming.iter().map(|info| (info.request.id, info.quotes.len())).collect();
        let mut expected = vec![(ids[0], 1), (ids[1], 0)];
        expected.sort_unstable_by_key(|(id, _)| std::cmp::Reverse(*id));
        assert_eq!(naming, expected, "the newest first; what names nobody names not bob");
        assert_eq!(of("carol").naming.len(), 1);
        assert_eq!(of("dave").made.len(), 2);
        assert!(of("bob").made.is_empty() && of("carol").naming.len() < NAMING_REQUESTS_MAX);
    });
    let cancel = Action::CancelBlockRequest { request: ids[0] };
    assert_eq!(setup.run(&[("alice", cancel)]), [Outcome::Done]);
    setup.read(|view| assert!(block_requests(view, account_of("carol")).naming.is_empty(), "over for all"));
}

#[test]
fn a_pool_shows_reserves_shares_and_prices() {
    let mut setup = Setup::new();
    let (base, quote) = (Amount::new(10 * WHOLE), Amount::new(1_000 * WHOLE));
    let create = Action::CreatePool { market: SPOT, base, quote, fee: PoolFee::ThirtyBasisPoints };
    assert!(
        matches!(setup.run(&[("alice", create)])[..], [Outcome::AccountCreated { .. }]),
        "of the pool's own account"
    );
    setup.read(|view| {
        let info = pool(view, SPOT).expect("it was made");
        assert_eq!((info.market, info.fee, info.base, info.quote), (SPOT, PoolFee::ThirtyBasisPoints, base, quote));
        let record = view.state.liquidity_pool(SPOT).expect("on record");
        assert_eq!((info.shares, info.created_at_ms), (record.shares, record.created_at_ms));
        // 1000 / 9 / 0.997, and 1000 × 0.997 / 10.997, against the taker on the tick of half a dollar.
        let half = |halves: i64| Some(Price::new(halves * 50_000_000));
        assert_eq!((info.price, info.ask, info.bid), (half(200), half(223), half(181)));
        assert_eq!(pool(view, PERP), None);
    });
}
