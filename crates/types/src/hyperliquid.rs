//! Actions signed in Hyperliquid's format, so that its clients work here with only another URL.
//!
//! A block carries such an action as the client signed it: as msgpack in the key order received, which every
//! verifier hashes again and decodes here. Rules:
//! - **Hash as received, decode strictly.** Unknown keys stay in the hash. Only those on an allow-list are
//!   ignored (today `f`, "fast cancel"); any other is refused by name, since to ignore an order's key could
//!   change what its sender meant.
//! - **No floats.** Floats are carried as their 64 bits, for the hash alone; no field that counts here is one.
//! - Prices and sizes stay text until the market, and so the lot, is known: [`Order::to_order_request`].
//! - Actions that Hyperliquid knows and this chain does not decode to [`L1Action::Unsupported`], so that their
//!   sender gets a receipt that says so; a name that Hyperliquid does not know is malformed.

use crate::{
    action::{CancelRequest, ExecutionClass, MarginMode},
    address::AccountId,
    envelope::HyperliquidUserAction,
    ids::{ClientOrderId, MarketId},
    numbers::Usd,
    order::OrderReference,
    rejection::Rejection,
    time::TimeMs,
};

mod decode;
pub mod l1_hash;
pub mod msgpack;
mod order_request;
mod user_action;
pub mod user_signed;

pub use crate::trigger::TriggerPurpose;
pub use decode::{DecodeError, decode_l1, decode_value};
pub use msgpack::Value;
pub use user_action::UNIFIED_ACCOUNT;

/// How `agentSetAbstraction` writes [`UNIFIED_ACCOUNT`].
const UNIFIED_WIRE: &str = "u";

/// A decoded action in one of Hyperliquid's forms.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    /// Signed by way of a phantom agent.
    L1(L1Action),
    /// Signed as typed data by the account's own key.
    User(HyperliquidUserAction),
}

/// A decoded L1 action. Asset ids are market ids.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum L1Action {
    /// `order`.
    Order {
        /// The orders; each succeeds or fails alone.
        orders: Vec<Order>,
        /// How they belong together.
        grouping: Grouping,
        /// Who asks for a share of the fee.
        builder: Option<Builder>,
    },
    /// `cancel`: by order id.
    Cancel {
        /// Which.
        cancels: Vec<CancelRequest>,
    },
    /// `cancelByCloid`: by client order id.
    CancelByCloid {
        /// Which.
        cancels: Vec<CancelRequest>,
    },
    /// `modify`: one order.
    Modify {
        /// Which, and what takes its place.
        modify: Modify,
    },
    /// `batchModify`.
    BatchModify {
        /// Which, and what takes their places.
        modifies: Vec<Modify>,
    },
    /// `scheduleCancel`.
    ScheduleCancel {
        /// When; `None` switches it off.
        at_ms: Option<TimeMs>,
    },
    /// `updateLeverage`.
    UpdateLeverage {
        /// The market.
        market: MarketId,
        /// The leverage.
        leverage: u32,
        /// Cross or isolated.
        margin_mode: MarginMode,
    },
    /// `updateIsolatedMargin`: collateral into or out of an isolated position.
    UpdateIsolatedMargin {
        /// The market.
        market: MarketId,
        /// `ntli`: what goes in; negative for what comes out.
        change_usd: Usd,
    },
    /// `twapOrder`: an order in slices over time.
    TwapOrder {
        /// The order.
        twap: Twap,
    },
    /// `twapCancel`.
    TwapCancel {
        /// `a`.
        market: MarketId,
        /// `t`: its number.
        twap: u64,
    },
    /// `createSubAccount`.
    CreateSubAccount {
        /// Its name.
        name: String,
    },
    /// `subAccountTransfer`: collateral to or from a sub-account.
    SubAccountTransfer {
        /// `subAccountUser`.
        sub_account: AccountId,
        /// Whether it goes to the sub-account.
        is_deposit: bool,
        /// `usd`.
        amount_usd: Usd,
    },
    /// `subAccountSpotTransfer`: any asset to or from a sub-account.
    SubAccountSpotTransfer {
        /// `subAccountUser`.
        sub_account: AccountId,
        /// Whether it goes to the sub-account.
        is_deposit: bool,
        /// `NAME:0x…`, as sent.
        token: String,
        /// A decimal amount, as sent.
        amount: String,
    },
    /// `vaultTransfer`: collateral into or out of a vault.
    VaultTransfer {
        /// `vaultAddress`.
        vault: AccountId,
        /// Whether it goes into the vault.
        is_deposit: bool,
        /// `usd`.
        amount_usd: Usd,
    },
    /// `createVault`.
    CreateVault {
        /// Its name.
        name: String,
        /// What its leader says of it.
        description: String,
        /// `initialUsd`: what its leader puts in.
        initial_usd: Usd,
        /// Equal to the nonce that is signed.
        nonce: u64,
    },
    /// `agentEnableDexAbstraction`: collateral moves between venues by itself.
    AgentEnableDexAbstraction,
    /// `agentSetAbstraction`: how spot and perpetual balances belong together.
    AgentSetAbstraction {
        /// `i`, `u` or `p`, as sent.
        abstraction: String,
    },
    /// `noop`: uses up a nonce.
    Noop,
    /// An action that Hyperliquid knows and this chain does not.
    Unsupported {
        /// Its type.
        feature: &'static str,
    },
}

/// An order as sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Order {
    /// `a`.
    pub market: MarketId,
    /// `b`.
    pub is_buy: bool,
    /// `p`, as sent.
    pub price: String,
    /// `s`, as sent.
    pub size: String,
    /// `r`.
    pub reduce_only: bool,
    /// `t`.
    pub kind: OrderKind,
    /// `c`.
    pub client_order_id: Option<ClientOrderId>,
}

/// Whether an order works at once or waits for a price.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OrderKind {
    /// Works at once.
    Limit {
        /// How long.
        time_in_force: LimitTimeInForce,
    },
    /// Waits for a price.
    Trigger {
        /// Whether it becomes a market order.
        is_market: bool,
        /// The price it waits for, as sent.
        trigger_price: String,
        /// `tpsl`: `tp` or `sl`.
        purpose: TriggerPurpose,
    },
}

/// How long a limit order works.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LimitTimeInForce {
    /// `Gtc`.
    Gtc,
    /// `Ioc`.
    Ioc,
    /// `Alo`.
    Alo,
    /// `FrontendMarket`: what the venue's own page sends for market orders; works like `Ioc`.
    FrontendMarket,
}

/// How the orders of an action belong together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Grouping {
    /// `na`: not at all.
    Na,
    /// `normalTpsl`: an order with its take-profit and stop-loss.
    NormalTpsl,
    /// `positionTpsl`: take-profit and stop-loss of a position.
    PositionTpsl,
    /// `{"p": number}`: a priority fee.
    Priority {
        /// The number.
        number: u64,
    },
}

/// Who asks for a share of the fee.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Builder {
    /// `b`.
    pub address: AccountId,
    /// `f`, in tenths of a basis point.
    pub fee_tenths_of_basis_point: u64,
}

/// An order in slices over time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Twap {
    /// `a`.
    pub market: MarketId,
    /// `b`.
    pub is_buy: bool,
    /// `s`, as sent.
    pub size: String,
    /// `r`.
    pub reduce_only: bool,
    /// `m`: how long it runs.
    pub minutes: u32,
    /// `t`: whether its slices come at irregular times.
    pub randomize: bool,
}

/// An order to replace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Modify {
    /// `oid`: a number, or a client order id.
    pub order: OrderReference,
    /// `order`.
    pub replacement: Order,
}

impl Order {
    /// Whether it can only add liquidity.
    const fn is_post_only(&self) -> bool {
        matches!(self.kind, OrderKind::Limit { time_in_force: LimitTimeInForce::Alo })
    }

    /// Whether it waits for a price.
    pub const fn is_trigger(&self) -> bool {
        matches!(self.kind, OrderKind::Trigger { .. })
    }

    const fn execution_class(&self) -> ExecutionClass {
        if self.is_trigger() {
            // It neither adds nor takes liquidity when it is placed.
            ExecutionClass::A
        } else if self.is_post_only() {
            ExecutionClass::B
        } else {
            ExecutionClass::C
        }
    }
}

impl L1Action {
    /// The action's `type`.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Order { .. } => "order",
            Self::Cancel { .. } => "cancel",
            Self::CancelByCloid { .. } => "cancelByCloid",
            Self::Modify { .. } => "modify",
            Self::BatchModify { .. } => "batchModify",
            Self::ScheduleCancel { .. } => "scheduleCancel",
            Self::UpdateLeverage { .. } => "updateLeverage",
            Self::UpdateIsolatedMargin { .. } => "updateIsolatedMargin",
            Self::TwapOrder { .. } => "twapOrder",
            Self::TwapCancel { .. } => "twapCancel",
            Self::CreateSubAccount { .. } => "createSubAccount",
            Self::SubAccountTransfer { .. } => "subAccountTransfer",
            Self::SubAccountSpotTransfer { .. } => "subAccountSpotTransfer",
            Self::VaultTransfer { .. } => "vaultTransfer",
            Self::CreateVault { .. } => "createVault",
            Self::AgentEnableDexAbstraction => "agentEnableDexAbstraction",
            Self::AgentSetAbstraction { .. } => "agentSetAbstraction",
            Self::Noop => "noop",
            Self::Unsupported { feature } => feature,
        }
    }

    /// Whether clients hash this action without a vault even where the body names one.
    pub fn is_hashed_without_vault(&self) -> bool {
        l1_hash::is_hashed_without_vault(self.kind())
    }

    /// Why the action as a whole cannot be done here, if so; its orders are not looked at then.
    pub fn refusal(&self) -> Option<Rejection> {
        let unsupported = |feature: &str| Some(Rejection::Unsupported { feature: feature.to_owned() });
        match self {
            Self::Unsupported { feature } => unsupported(feature),
            Self::AgentSetAbstraction { abstraction } if abstraction != UNIFIED_WIRE => {
                unsupported("agentSetAbstraction to anything but u (unifiedAccount)")
            }
            Self::Order { grouping: Grouping::Priority { .. }, .. } => unsupported("grouping by priority fee"),
            // A builder that asks for nothing changes nothing; some clients always name one.
            Self::Order { builder: Some(builder), .. } if builder.fee_tenths_of_basis_point > 0 => {
                unsupported("builder fee")
            }
            _ => None,
        }
    }
}

impl Request {
    /// The class of its most aggressive part; a modify is classed by its new order.
    pub fn execution_class(&self) -> ExecutionClass {
        match self {
            Self::L1(L1Action::Order { orders, .. }) => {
                orders.iter().map(Order::execution_class).max().unwrap_or(ExecutionClass::A)
            }
            Self::L1(L1Action::Modify { modify }) => modify.replacement.execution_class(),
            Self::L1(L1Action::BatchModify { modifies }) => {
                modifies.iter().map(|modify| modify.replacement.execution_class()).max().unwrap_or(ExecutionClass::A)
            }
            _ => ExecutionClass::A,
        }
    }

    /// Its share of the block's weight: 1 for the action, 2 per order, 1 per cancel, 3 per modify, as in
    /// the native form.
    pub fn weight(&self) -> u64 {
        let parts = self.batch_length() as u64;
        1u64.saturating_add(match self {
            Self::L1(L1Action::Order { .. }) => parts.saturating_mul(2),
            Self::L1(L1Action::Modify { .. } | L1Action::BatchModify { .. }) => parts.saturating_mul(3),
            _ => parts,
        })
    }

    /// Whether it only cancels.
    pub const fn is_cancel(&self) -> bool {
        matches!(
            self,
            Self::L1(
                L1Action::Cancel { .. }
                    | L1Action::CancelByCloid { .. }
                    | L1Action::ScheduleCancel { .. }
                    | L1Action::TwapCancel { .. }
            )
        )
    }

    /// How many orders, cancels or modifies its batch holds: 0 for an empty one, 1 for what is no batch.
    pub const fn batch_length(&self) -> usize {
        match self {
            Self::L1(L1Action::Order { orders, .. }) => orders.len(),
            Self::L1(L1Action::Cancel { cancels } | L1Action::CancelByCloid { cancels }) => cancels.len(),
            Self::L1(L1Action::BatchModify { modifies }) => modifies.len(),
            _ => 1,
        }
    }

    /// Hyperliquid's name of the action.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::L1(action) => action.kind(),
            Self::User(action) => action.kind(),
        }
    }
}
