//! Faults planted on purpose, so that the simulation can show that it would find them.
//!
//! A build without the feature `mutants`, which is every build but the campaign's own, has none of them:
//! [`is_planted`] is then the constant `false`. With the feature a process plants at most one, for good.

/// A fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mutant {
    /// The maker of a fill pays no fee.
    SkipFeePosting,
    /// A nonce may be used again.
    AcceptUsedNonce,
    /// Turning a block back leaves its first change in place (I7).
    DropUndoEntry,
    /// The results of a sibling stand in for those of a block.
    ReadForkState,
    /// A header's roots are not compared with what executing the block gave.
    AcceptBadRoot,
    /// Receipts are put into their archive without waiting until they are on disk.
    LoseUnsyncedWrite,
    /// Actions are executed in the order in which the proposer wrote them.
    LaneOrderByProposer,
    /// One vote below the quorum is enough for prices.
    BundleBelowQuorum,
    /// A rejected action costs no budget.
    RejectionCostsNothing,
    /// Receipts are put into their archive some time after the state is applied, instead of before.
    ReceiptAfterApply,
    /// A liquidation box spans more than the account can lose.
    BoxTooWide,
    /// The backstop vault puts more into a market than its share.
    BackstopUnfenced,
    /// The insurance fund pays beyond a market's claim cap.
    FundUncapped,
    /// Winners pay the deficit twice.
    DeleverageTwice,
    /// A settlement of three postings or more leaves its last one out (I1).
    DropOnePosting,
    /// A position that is handed over does not arrive (I2).
    LosePosition,
    /// What a fill realises is rounded in favour of the account (I3).
    RoundToTheAccount,
    /// Profit that nobody has paid in can be taken out (I4).
    ProfitCanLeave,
    /// Profit that clearing has paid and not received can be taken out (I4).
    UnreceivedCanLeave,
    /// The maker of a fill is not asked whether it affords it (I5).
    MakerUnasked,
    /// Funds move in and out of a universe with an unallocated loss.
    SkipTheGate,
    /// A loss that the mark has forgotten and the slow mark has not lets cash go (I4).
    ForgottenLossCanLeave,
    /// What a short option has lost, and a wick of the index hides, lets cash go (I4).
    ShortsLossCanLeave,
    /// The same of a portfolio.
    PortfoliosLossCanLeave,
    /// Positions are liquidated on old prices.
    ActOnOldPrices,
    /// Funding of an hour is due in full, however little of it was measured.
    FundUnmeasuredTime,
    /// An option pays a dollar per unit more than its intrinsic value.
    SettleAboveIntrinsic,
    /// What a delivery pays is rounded in favour of the account (I3).
    RoundPayoffUp,
    /// The buyer of an option does not pay the premium.
    PremiumUnpaid,
    /// A portfolio's requirement leaves out the tails of the grid.
    TailsForgotten,
    /// A box has no edge at the forward of an expiry with shorts.
    ForwardUnwatched,
    /// A synthetic is minted above its debt ceiling.
    MintBeyondTheCeiling,
    /// Redeeming costs no fee.
    RedeemWithoutFee,
    /// A unit stands for a whole debt though some are owed by nobody.
    UnitsAtPar,
    /// The price of a trade with a pool is rounded in favour of the taker (I9).
    PoolRoundsToTheTaker,
    /// Shares of a pool count at the reserves as they are, which a trade can move.
    SharesAtThePoolsPrice,
    /// A trade of several legs leaves its last one out.
    LastLegMissing,
}

impl Mutant {
    /// Those that the clearing tests find.
    pub const CLEARING: [Self; 28] = [
        Self::BoxTooWide,
        Self::BackstopUnfenced,
        Self::FundUncapped,
        Self::DeleverageTwice,
        Self::DropOnePosting,
        Self::LosePosition,
        Self::RoundToTheAccount,
        Self::ProfitCanLeave,
        Self::UnreceivedCanLeave,
        Self::MakerUnasked,
        Self::SkipTheGate,
        Self::ForgottenLossCanLeave,
        Self::ShortsLossCanLeave,
        Self::PortfoliosLossCanLeave,
        Self::ActOnOldPrices,
        Self::DropUndoEntry,
        Self::FundUnmeasuredTime,
        Self::SettleAboveIntrinsic,
        Self::RoundPayoffUp,
        Self::PremiumUnpaid,
        Self::TailsForgotten,
        Self::ForwardUnwatched,
        Self::MintBeyondTheCeiling,
        Self::RedeemWithoutFee,
        Self::UnitsAtPar,
        Self::PoolRoundsToTheTaker,
        Self::SharesAtThePoolsPrice,
        Self::LastLegMissing,
    ];

    /// Those that the simulation of whole clusters finds.
    pub const ALL: [Self; 10] = [
        Self::SkipFeePosting,
        Self::AcceptUsedNonce,
        Self::DropUndoEntry,
        Self::ReadForkState,
        Self::AcceptBadRoot,
        Self::LoseUnsyncedWrite,
        Self::LaneOrderByProposer,
        Self::BundleBelowQuorum,
        Self::RejectionCostsNothing,
        Self::ReceiptAfterApply,
    ];

    /// Its name on the command line and in reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::SkipFeePosting => "skip-fee-posting",
            Self::AcceptUsedNonce => "accept-used-nonce",
            Self::DropUndoEntry => "drop-undo-entry",
            Self::ReadForkState => "read-fork-state",
            Self::AcceptBadRoot => "accept-bad-root",
            Self::LoseUnsyncedWrite => "lose-unsynced-write",
            Self::LaneOrderByProposer => "lane-order-by-proposer",
            Self::BundleBelowQuorum => "bundle-below-quorum",
            Self::RejectionCostsNothing => "rejection-costs-nothing",
            Self::ReceiptAfterApply => "receipt-after-apply",
            Self::BoxTooWide => "box-too-wide",
            Self::BackstopUnfenced => "backstop-unfenced",
            Self::FundUncapped => "fund-uncapped",
            Self::DeleverageTwice => "deleverage-twice",
            Self::DropOnePosting => "drop-one-posting",
            Self::LosePosition => "lose-position",
            Self::RoundToTheAccount => "round-to-the-account",
            Self::ProfitCanLeave => "profit-can-leave",
            Self::UnreceivedCanLeave => "unreceived-can-leave",
            Self::MakerUnasked => "maker-unasked",
            Self::SkipTheGate => "skip-the-gate",
            Self::ForgottenLossCanLeave => "forgotten-loss-can-leave",
            Self::ShortsLossCanLeave => "shorts-loss-can-leave",
            Self::PortfoliosLossCanLeave => "portfolios-loss-can-leave",
            Self::ActOnOldPrices => "act-on-old-prices",
            Self::FundUnmeasuredTime => "fund-unmeasured-time",
            Self::SettleAboveIntrinsic => "settle-above-intrinsic",
            Self::RoundPayoffUp => "round-payoff-up",
            Self::PremiumUnpaid => "premium-unpaid",
            Self::TailsForgotten => "tails-forgotten",
            Self::ForwardUnwatched => "forward-unwatched",
            Self::MintBeyondTheCeiling => "mint-beyond-the-ceiling",
            Self::RedeemWithoutFee => "redeem-without-fee",
            Self::UnitsAtPar => "units-at-par",
            Self::PoolRoundsToTheTaker => "pool-rounds-to-the-taker",
            Self::SharesAtThePoolsPrice => "shares-at-the-pools-price",
            Self::LastLegMissing => "last-leg-missing",
        }
    }
}

#[cfg(feature = "mutants")]
static PLANTED: std::sync::OnceLock<Mutant> = std::sync::OnceLock::new();

/// Plants a fault in this process. The first one stays; whether it is the one given is the answer.
#[cfg(feature = "mutants")]
pub fn plant(mutant: Mutant) -> bool {
    *PLANTED.get_or_init(|| mutant) == mutant
}

/// Whether the fault was planted.
#[cfg(feature = "mutants")]
pub fn is_planted(mutant: Mutant) -> bool {
    PLANTED.get() == Some(&mutant)
}

/// Whether the fault was planted: never, in this build.
#[cfg(not(feature = "mutants"))]
pub const fn is_planted(_: Mutant) -> bool {
    false
}
