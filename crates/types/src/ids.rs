//! Numbers that name things. A value of one type is never accepted where another is meant.

use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};
use std::fmt;

macro_rules! number_id {
    ($(#[$doc:meta])* $name:ident, $inner:ty) => {
        $(#[$doc])*
        #[derive(
            Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default,
            BorshSerialize, BorshDeserialize, Serialize, Deserialize,
        )]
        #[serde(transparent)]
        pub struct $name($inner);

        impl $name {
            /// Wraps the number.
            pub const fn new(number: $inner) -> Self {
                Self(number)
            }

            /// The number.
            pub const fn get(self) -> $inner {
                self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(formatter, "{}", self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(formatter, "{}({})", stringify!($name), self.0)
            }
        }
    };
}

number_id!(
    /// The number of a block; the genesis state has height 0 and the first block height 1.
    Height, u64
);
number_id!(
    /// An asset, numbered in order of listing; 0 is the core universe's collateral, USDC.
    AssetId, u32
);
number_id!(
    /// A market. Perpetuals count from 0, spot markets from [`MarketId::FIRST_SPOT`], futures from
    /// [`MarketId::FIRST_FUTURE`] and options from [`MarketId::FIRST_OPTION`], so the number equals the asset id that Hyperliquid clients use. Positions are
    /// never reused.
    MarketId, u32
);
number_id!(
    /// A unit of risk isolation: one collateral pool with its markets.
    UniverseId, u32
);
number_id!(
    /// An order, numbered in order of acceptance over the whole chain; below 2^53, so that
    /// JavaScript clients keep it exact.
    OrderId, u64
);
number_id!(
    /// A fill, numbered in order of execution over the whole chain.
    TradeId, u64
);
number_id!(
    /// A TWAP: numbered by the same counter as orders.
    TwapId, u64
);
number_id!(
    /// A request for a block trade, and the block trade that comes of it: numbered by the same counter as orders.
    BlockRequestId, u64
);
number_id!(
    /// A quote for a block trade: numbered by the same counter as orders.
    BlockQuoteId, u64
);
number_id!(
    /// A combo: numbered by the same counter as orders.
    ComboId, u64
);
number_id!(
    /// A validator's place in the committee.
    SeatId, u32
);
number_id!(
    /// A signer's nonce: by convention the signing time in milliseconds since 1970.
    Nonce, u64
);

impl MarketId {
    /// The first number of spot markets.
    pub const FIRST_SPOT: u32 = 10_000;

    /// The first number of futures: the first builder dex of Hyperliquid's scheme.
    pub const FIRST_FUTURE: u32 = 110_000;

    /// The number after the last future.
    pub const FUTURES_END: u32 = 120_000;

    /// The first number of options: far from every range of Hyperliquid's scheme, and below 2^32 to the end.
    pub const FIRST_OPTION: u32 = 1_000_000_000;

    /// Whether the number lies in the range of options.
    pub const fn is_option(self) -> bool {
        self.0 >= Self::FIRST_OPTION
    }

    /// Whether the number lies in the range of futures.
    pub const fn is_future(self) -> bool {
        self.0 >= Self::FIRST_FUTURE && self.0 < Self::FUTURES_END
    }

    /// Whether the number lies in the range of spot markets.
    pub const fn is_spot(self) -> bool {
        self.0 >= Self::FIRST_SPOT && self.0 < 100_000
    }
}

impl OrderId {
    /// What a pool trades under: it has no orders, and orders count from 1.
    pub const POOL: Self = Self(0);
}

impl Height {
    /// The height of the next block.
    ///
    /// # Panics
    /// Past 2^64 blocks, which no chain reaches.
    pub const fn next(self) -> Self {
        Self(self.0.checked_add(1).expect("a chain has fewer than 2^64 blocks"))
    }
}

crate::hash::hex_bytes!(
    /// A client's own name for an order: 16 bytes, unique among the account's open orders.
    ClientOrderId,
    16
);
