//! The engine's tables and the shared description of them agree: what the light client computes and decodes is
//! what the engine writes.

use palisade_engine::state::{Record, RecordKey};
use palisade_types::{
    address::{AccountId, Ed25519Key, SignerId},
    ids::{AssetId, BlockQuoteId, BlockRequestId, ComboId, MarketId, OrderId, UniverseId},
    numbers::{Amount, Price, Size, Usd},
    order::{OpenOrder, Side, TimeInForce},
    state_key::{
        BalanceId, Hold, OrderRecord, RECORD_BYTES_MAX, Table, balance_key, encode_balance, encode_order, key_of,
        order_key,
    },
    time::TimeMs,
};

const ACCOUNT: AccountId = AccountId([7; 20]);

fn balance() -> BalanceId {
    BalanceId { account: ACCOUNT, universe: UniverseId::new(1), asset: AssetId::new(2) }
}

fn order() -> OrderRecord {
    let order = OpenOrder {
        id: OrderId::new(5),
        account: ACCOUNT,
        market: MarketId::new(10_000),
        side: Side::Sell,
        price: Price::new(100),
        remaining: Size::new(3),
        original: Size::new(4),
        reduce_only: false,
        time_in_force: TimeInForce::Gtc,
        client_order_id: None,
        priority: 5,
        placed_at_ms: TimeMs::new(1),
    };
    let hold = Hold { universe: UniverseId::new(1), asset: AssetId::new(2), amount: Amount::new(300) };
    OrderRecord { order, notional_usd: Usd::new(300), hold: Some(hold) }
}

#[test]
fn keys_are_the_same() {
    let signer = SignerId::Ed25519(Ed25519Key([3; 32]));
    let pairs = [
        (RecordKey::Chain(()), key_of(Table::Chain, &())),
        (RecordKey::Asset(AssetId::new(2)), key_of(Table::Asset, &AssetId::new(2))),
        (RecordKey::Universe(UniverseId::new(2)), key_of(Table::Universe, &UniverseId::new(2))),
        (RecordKey::Market(MarketId::new(2)), key_of(Table::Market, &MarketId::new(2))),
        (RecordKey::MarketState(MarketId::new(2)), key_of(Table::MarketState, &MarketId::new(2))),
        (RecordKey::Index(AssetId::new(2)), key_of(Table::Index, &AssetId::new(2))),
        (RecordKey::Mark(MarketId::new(2)), key_of(Table::Mark, &MarketId::new(2))),
        (RecordKey::Account(ACCOUNT), key_of(Table::Account, &ACCOUNT)),
        (RecordKey::Agent(signer), key_of(Table::Agent, &signer)),
        (RecordKey::Nonces(signer), key_of(Table::Nonces, &signer)),
        (RecordKey::Balance(balance()), balance_key(&balance())),
        (RecordKey::Order(OrderId::new(5)), order_key(OrderId::new(5))),
    ];
    for (ours, shared) in pairs {
        assert_eq!(ours.database_key(), shared.0, "{ours:?}");
    }
}

#[test]
fn values_are_the_same() {
    let ours = Record::Balance { id: balance(), record: Amount::new(9) };
    assert_eq!(ours.encode(), encode_balance(&balance(), Amount::new(9)));
    let ours = Record::Order { id: OrderId::new(5), record: order() };
    assert_eq!(ours.encode(), encode_order(&order()));
    assert_eq!(palisade_engine::state::RECORD_BYTES_MAX, RECORD_BYTES_MAX);
}

/// Tables whose ids have the same bytes differ by their tags alone, so each tag is compared.
#[test]
fn tags_are_the_same() {
    let tag = |key: &RecordKey| borsh::to_vec(key).expect("an id encodes")[0];
    let custody = palisade_engine::state::CustodyId { universe: UniverseId::new(1), asset: AssetId::new(2) };
    let position = palisade_engine::state::PositionId { account: ACCOUNT, market: MarketId::new(1) };
    let claim = palisade_engine::state::FaucetClaimId { account: ACCOUNT, asset: AssetId::new(2) };
    assert_eq!(tag(&RecordKey::Custody(custody)), Table::Custody.tag());
    assert_eq!(tag(&RecordKey::Position(position)), Table::Position.tag());
    assert_eq!(tag(&RecordKey::MarginSetting(position)), Table::MarginSetting.tag());
    assert_eq!(tag(&RecordKey::FaucetClaim(claim)), Table::FaucetClaim.tag());
    assert_eq!(tag(&RecordKey::Funding(MarketId::new(1))), Table::Funding.tag());
    assert_eq!(tag(&RecordKey::SubAccount(ACCOUNT)), Table::SubAccount.tag());
    assert_eq!(tag(&RecordKey::Vault(ACCOUNT)), Table::Vault.tag());
    let share = palisade_engine::state::VaultShareId { vault: ACCOUNT, account: ACCOUNT };
    assert_eq!(tag(&RecordKey::VaultShare(share)), Table::VaultShare.tag());
    let withdrawal = palisade_engine::state::VaultWithdrawalId { vault: ACCOUNT, number: 1 };
    assert_eq!(tag(&RecordKey::VaultWithdrawal(withdrawal)), Table::VaultWithdrawal.tag());
    assert_eq!(tag(&RecordKey::Backstop(UniverseId::new(1))), Table::Backstop.tag());
    let share = palisade_engine::state::BackstopShareId { universe: UniverseId::new(1), account: ACCOUNT };
    assert_eq!(tag(&RecordKey::BackstopShare(share)), Table::BackstopShare.tag());
    assert_eq!(tag(&RecordKey::Listing(UniverseId::new(1))), Table::Listing.tag());
    assert_eq!(tag(&RecordKey::Synthetic(AssetId::new(1))), Table::Synthetic.tag());
    let debt = palisade_engine::state::DebtId { asset: AssetId::new(1), account: ACCOUNT };
    assert_eq!(tag(&RecordKey::Debt(debt)), Table::Debt.tag());
    assert_eq!(tag(&RecordKey::Settlement(MarketId::new(1))), Table::Settlement.tag());
    assert_eq!(tag(&RecordKey::FutureSeries(1)), Table::FutureSeries.tag());
    assert_eq!(tag(&RecordKey::BlockRequest(BlockRequestId::new(1))), Table::BlockRequest.tag());
    assert_eq!(tag(&RecordKey::BlockQuote(BlockQuoteId::new(1))), Table::BlockQuote.tag());
    assert_eq!(tag(&RecordKey::Combo(ComboId::new(1))), Table::Combo.tag());
    assert_eq!(tag(&RecordKey::ComboOrder(OrderId::new(1))), Table::ComboOrder.tag());
}
