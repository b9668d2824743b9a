use super::*;
use std::net::Ipv4Addr;

const ADDRESS: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

#[test]
fn an_allowance_runs_out_and_refills_evenly() {
    let mut allowance = Allowance::full(60, 0);
    for _ in 0..60 {
        allowance.take(1, 0).expect("a full minute is there");
    }
    assert_eq!(allowance.take(1, 0), Err(1));
    allowance.take(1, 1_000).expect("one per second comes back");
    assert!(allowance.take(1, 1_000).is_err());
    allowance.refill(10_000_000);
    assert!(allowance.is_full(), "never more than a minute's worth");
    assert_eq!(allowance.left_milli, 60_000);
}

#[test]
fn a_large_request_passes_once_and_is_paid_off() {
    let mut allowance = Allowance::full(60, 0);
    allowance.take(120, 0).expect("something is left");
    assert_eq!(allowance.take(1, 0), Err(61));
    assert!(allowance.take(1, 59_000).is_err());
}

#[test]
fn sockets_and_subscriptions_are_given_back() {
    let limits = Limits { sockets_per_address: 2, subscriptions_per_address: 1, ..Limits::public() };
    let limiter = Arc::new(Limiter::new(limits));
    let mut first = limiter.open_socket(ADDRESS).expect("first socket");
    let mut second = limiter.open_socket(ADDRESS).expect("second socket");
    assert_eq!(limiter.open_socket(ADDRESS).err(), Some(RateError::Sockets { limit: 2 }));
    first.subscribe().expect("first subscription");
    assert_eq!(second.subscribe(), Err(RateError::Subscriptions { limit: 1 }));
    drop(first);
    second.subscribe().expect("freed by the first socket's end");
    second.unsubscribe();
    second.subscribe().expect("freed by itself");
    drop(second);
    limiter.open_socket(ADDRESS).expect("all free again");
}

#[test]
fn weight_is_counted_per_address() {
    let limiter = Limiter::new(Limits { weight_per_minute: 20, ..Limits::public() });
    limiter.spend_weight(ADDRESS, 20).expect("within the allowance");
    assert!(matches!(limiter.spend_weight(ADDRESS, 1), Err(RateError::Weight { per_minute: 20, .. })));
    limiter.spend_weight(IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1)), 1).expect("another address is not affected");
}
