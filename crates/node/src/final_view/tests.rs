use super::{FinalView, NAMED_BLOCKS, ReceiptPlace};
use crate::tests::exchange::{Chain, Signers, account_of, order, view_after_genesis};
use palisade_client::api::FinalizedBlock;
use palisade_types::{ids::Height, order::Side};
use std::sync::Arc;

fn recalled(finalized: &crate::source::FinalizedBlock) -> Arc<FinalizedBlock> {
    Arc::new(FinalizedBlock {
        digest: finalized.block.block_digest(),
        header: finalized.block.header().clone(),
        receipts: finalized.executed.receipts.clone(),
        events: finalized.executed.events.clone(),
    })
}

#[test]
fn readers_see_what_the_engine_has() {
    let (view, mut chain) = view_after_genesis();
    let mut signers = Signers::default();
    for step in 0..10 {
        let name = if step % 2 == 0 { "alice" } else { "bob" };
        let side = if step % 2 == 0 { Side::Buy } else { Side::Sell };
        let action = signers.verified(name, order(side, 100, 1 + step, None));
        let id = action.id();
        chain.finalize(&view, &[action], None);
        let height = chain.tip.header().height;
        view.read(|view| {
            assert_eq!(view.state, *chain.engine.state(), "records and indices");
            assert_eq!(view.tip.header.height, height);
            assert_eq!(view.receipt_place(&id), Some(ReceiptPlace { height, index: 0 }));
            let block = view.block(height).expect("the newest block is kept");
            assert_eq!(block.receipts[0].action, id);
        })
        .expect("the view is loaded");
    }
    assert!(view.read(|view| view.state.account(account_of("alice")).is_some()).expect("loaded"));
}

#[test]
fn a_repeated_block_changes_nothing() {
    let (view, mut chain) = view_after_genesis();
    let block = chain.finalize(&view, &[], None);
    view.advance(block.block.block_digest(), block.block.header(), &block.executed);
    assert_eq!(view.tip(), Some((Height::new(2), chain.tip.header().time_ms)));
}

#[test]
#[should_panic(expected = "without gaps")]
fn a_gap_stops_the_node() {
    let (view, mut chain) = view_after_genesis();
    let elsewhere = FinalView::default();
    elsewhere.load(view.read(|view| view.tip.clone()).expect("loaded"), chain.engine.state());
    chain.finalize(&elsewhere, &[], None);
    chain.finalize(&view, &[], None);
}

#[test]
fn heights_are_announced() {
    let (view, mut chain) = view_after_genesis();
    let mut heights = view.heights();
    assert_eq!(*heights.borrow_and_update(), Some(Height::new(1)));
    chain.finalize(&view, &[], None);
    assert!(heights.has_changed().expect("the view lives"));
    assert_eq!(*heights.borrow_and_update(), Some(Height::new(2)));
}

#[test]
fn a_start_recalls_the_past_newest_first() {
    let (view, mut chain) = view_after_genesis();
    let mut signers = Signers::default();
    let mut blocks = Vec::new();
    for _ in 0..5 {
        let action = signers.verified("carol", order(Side::Buy, 90, 1, None));
        blocks.push(chain.finalize(&view, &[action], None));
    }
    let started = FinalView::default();
    started.load(view.read(|view| view.tip.clone()).expect("loaded"), chain.engine.state());
    for block in blocks.iter().rev() {
        assert!(started.recall(recalled(block)), "there is room");
    }
    started
        .read(|view| {
            for height in (2..7).map(Height::new) {
                assert_eq!(view.block(height).expect("recalled").header.height, height);
            }
            assert_eq!(view.named_from(), Height::new(7), "names of older blocks are the index's");
        })
        .expect("loaded");
    let mut chain: Chain = chain;
    chain.finalize(&started, &[], None);
    assert_eq!(started.tip().map(|(height, _)| height), Some(Height::new(7)));
    assert!(started.read(|view| view.block(Height::new(7))).expect("loaded").is_some());
}

#[test]
fn names_go_once_they_are_indexed_and_not_recent() {
    let (view, mut chain) = view_after_genesis();
    let mut signers = Signers::default();
    let mut names = Vec::new();
    let first = chain.tip.header().height.next();
    for _ in 0..NAMED_BLOCKS + 10 {
        let action = signers.verified("carol", order(Side::Buy, 90, 1, None));
        names.push(action.id());
        chain.finalize(&view, &[action], None);
    }
    let known = |view: &FinalView| {
        view.read(|view| names.iter().filter(|name| view.receipt_place(name).is_some()).count()).expect("loaded")
    };
    assert_eq!(known(&view), names.len(), "nothing is indexed yet");
    view.forget_names(first);
    assert_eq!(known(&view), names.len() - 1);
    assert_eq!(view.read(|view| view.named_from()), Some(first.next()));
    view.forget_names(chain.tip.header().height);
    assert_eq!(known(&view) as u64, NAMED_BLOCKS, "the newest blocks keep their names");
    assert_eq!(
        view.read(|view| view.named_from()),
        Some(Height::new(chain.tip.header().height.get() - NAMED_BLOCKS + 1))
    );
}
