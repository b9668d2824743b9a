//! Keys and values are consensus: their bytes are pinned.

use super::*;
use crate::{
    ids::MarketId,
    numbers::{Price, Size},
    order::{Side, TimeInForce},
    time::TimeMs,
};

fn balance_id() -> BalanceId {
    BalanceId { account: AccountId([0x11; 20]), universe: UniverseId::new(1), asset: AssetId::new(7) }
}

fn order() -> OrderRecord {
    let order = OpenOrder {
        id: OrderId::new(42),
        account: AccountId([0x22; 20]),
        market: MarketId::new(10_000),
        side: Side::Sell,
        price: Price::new(100),
        remaining: Size::new(3),
        original: Size::new(4),
        reduce_only: false,
        time_in_force: TimeInForce::Gtc,
        client_order_id: None,
        priority: 42,
        placed_at_ms: TimeMs::new(1),
    };
    OrderRecord { order, notional_usd: Usd::new(300), hold: None }
}

fn decode_balance(bytes: &[u8]) -> Result<(BalanceId, Amount), RecordError> {
    decode_record(Table::Balance, bytes)
}

#[test]
fn a_key_is_the_hash_of_tag_and_id() {
    let mut bytes = vec![11u8];
    bytes.extend([0x11; 20]);
    bytes.extend([1, 0, 0, 0, 7, 0, 0, 0]);
    assert_eq!(balance_key(&balance_id()), StateKey(sha256(&[&bytes])));
    assert_eq!(order_key(OrderId::new(42)), StateKey(sha256(&[&[15, 42, 0, 0, 0, 0, 0, 0, 0]])));
    assert_eq!(key_of(Table::Chain, &()), StateKey(sha256(&[&[1]])));
}

#[test]
fn a_balance_is_version_tag_id_and_amount() {
    let expected = format!("010b{}{}{}{}{}", "11".repeat(20), "01000000", "07000000", "fb", "ff".repeat(15));
    let bytes = encode_balance(&balance_id(), Amount::new(-5));
    assert_eq!(hex::encode(&bytes), expected);
    assert_eq!(decode_balance(&bytes), Ok((balance_id(), Amount::new(-5))));
}

#[test]
fn an_order_is_version_tag_id_and_record() {
    let bytes = encode_order(&order());
    assert_eq!(hex::encode(&bytes[..18]), "010f2a000000000000002a00000000000000");
    assert_eq!(decode_record(Table::Order, &bytes), Ok((OrderId::new(42), order())));
}

#[test]
fn a_record_of_another_table_is_named() {
    let error = decode_balance(&encode_order(&order()));
    assert_eq!(error, Err(RecordError::WrongTable { expected: Table::Balance, found: Table::Order }));
}

#[test]
fn damaged_records_are_refused() {
    let bytes = encode_balance(&balance_id(), Amount::new(-5));
    for length in 0..bytes.len() {
        assert!(decode_balance(&bytes[..length]).is_err(), "cut to {length}");
    }
    let mut longer = bytes.clone();
    longer.push(0);
    assert!(decode_balance(&longer).is_err());
    let mut unknown_table = bytes;
    unknown_table[1] = 0xff;
    assert!(decode_balance(&unknown_table).is_err());
    assert!(decode_balance(&vec![1; RECORD_BYTES_MAX + 1]).is_err());
}
