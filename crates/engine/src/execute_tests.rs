use crate::testing::check;

#[test]
fn spot_orders_match_by_price_then_time_at_the_makers_price() {
    check(
        "
        alice sell BTC/USDC 10 @ 101 gtc cloid 1  -> resting 10
        bob   sell BTC/USDC 5 @ 100 gtc cloid 2   -> resting 5
        carol sell BTC/USDC 5 @ 100 gtc cloid 3   -> resting 5
        book BTC/USDC | 5@100 5@100 10@101
        dave  buy BTC/USDC 7 @ 102 gtc            -> filled 7 for 700
        book BTC/USDC | 3@100 10@101
        // the taker paid 700 and 3.5 bp of it, the makers got theirs less 1 bp
        dave  holds USDC 99299.755
        dave  holds BTC 1007
        bob   holds USDC 100499.95
        carol holds USDC 100199.98
        carol holds BTC 998 locked 3
        dave  buy BTC/USDC 20 @ 101 gtc           -> filled 13 for 1310 resting 7
        book BTC/USDC 7@101 |
        ",
    );
}
