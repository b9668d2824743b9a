use super::*;

fn price(text: &str) -> Price {
    text.parse().expect("a price")
}

/// Forward · days ahead · step.
#[test]
fn steps_are_round_parts_of_the_forward() {
    for (forward, days, expected) in [
        ("60000", 1, "500"),
        ("60000", 7, "1000"),
        ("60000", 90, "2500"),
        ("100", 1, "1"),
        ("100", 7, "2.5"),
        ("100", 90, "5"),
        ("99", 1, "0.5"),
        ("3000", 1, "25"),
        ("0.5", 1, "0.005"),
        ("0.0000001", 1, "0.00000001"),
        ("50000000000", 1, "500000000"),
    ] {
        assert_eq!(step_of(price(forward), days * DAY_MS), price(expected), "{forward} {days}");
    }
}

/// From a strike in the middle a ladder grows up, then down, until what is wanted is there, and never below one step.
#[test]
fn ladders_grow_without_gaps() {
    let step = price("10");
    let mut ladder = Ladder { step, lowest: price("30"), highest: price("30") };
    let around = |forward: &str| wanted(price(forward), step, 4);
    let mut listed = Vec::new();
    while let Some(next) = ladder.next(&around("26")) {
        listed.push(if next.highest > ladder.highest { next.highest } else { next.lowest }.to_string());
        ladder = next;
    }
    assert_eq!(listed, ["40", "50", "60", "70", "20", "10"]);
    assert_eq!(ladder.count(), 7);
    // Up by two strikes: two more above, none taken away.
    while let Some(next) = ladder.next(&around("46")) {
        ladder = next;
    }
    assert_eq!((ladder.lowest, ladder.highest), (price("10"), price("90")));
    // A forward that is a thousand times higher: no more than the most.
    while let Some(next) = ladder.next(&around("30000")) {
        ladder = next;
    }
    assert_eq!(ladder.count(), STRIKES_MAX);
}

#[test]
fn names_are_deribits() {
    let expires_at_ms = TimeMs::new(1_774_598_400_000);
    for (strike, expected) in
        [("60000", "BTC-27MAR26-60000"), ("0.625", "BTC-27MAR26-0d625"), ("2.5", "BTC-27MAR26-2d5")]
    {
        assert_eq!(name("BTC", expires_at_ms, price(strike)).as_deref(), Some(expected));
    }
}
