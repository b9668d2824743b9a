//! From the words of a command line to an action.

use super::order_reference;
use crate::{failure::UsageError, rpc};
use anyhow::{Context as _, Result, bail};
use clap::{Args, Subcommand, ValueEnum};
use palisade_agents::clock;
use palisade_client::api::NodeApi;
use palisade_types::{
    action::{Action, CancelRequest, MarginMode, ModifyRequest},
    address::{AccountId, SignerId},
    agent::AgentScope,
    decimal::parse_scaled,
    ids::{ClientOrderId, UniverseId},
    numbers::{Amount, Price, Size, Usd},
    order::{OrderReference, OrderRequest, Side, TimeInForce},
    time::TimeMs,
};

/// What to ask of the chain.
#[derive(Subcommand)]
pub enum ActionCommand {
    /// Send an asset to another account
    Transfer {
        /// Who gets it
        #[arg(long)]
        to: AccountId,
        /// Symbol or number
        #[arg(long, default_value = "USDC")]
        asset: String,
        /// How much, in units of the asset
        #[arg(long)]
        amount: String,
        /// Where both balances are
        #[arg(long, default_value_t = 0)]
        universe: u32,
    },
    /// Place an order
    Order(OrderArgs),
    /// Cancel an order
    Cancel {
        /// Symbol or number
        #[arg(long)]
        market: String,
        /// Order number, or client order id (0x and 32 digits)
        #[arg(long, value_parser = order_reference)]
        order: OrderReference,
    },
    /// Replace an open order; keeps the old one if the new one is refused
    Modify {
        /// Order number, or client order id (0x and 32 digits), of the order to replace
        #[arg(long, value_parser = order_reference)]
        order: OrderReference,
        #[command(flatten)]
        replacement: OrderArgs,
    },
    /// Cancel all orders, or all of one market
    CancelAll {
        /// Symbol or number
        #[arg(long)]
        market: Option<String>,
    },
    /// Let another key act for the account
    ApproveAgent {
        /// An address, or ed25519:0x…; one that was never an agent before
        #[arg(long)]
        agent: SignerId,
        /// A name; an older agent of that name is replaced
        #[arg(long, default_value = "")]
        name: String,
        /// What it may do
        #[arg(long, value_enum, default_value_t = Scope::Trade)]
        scope: Scope,
        /// From when on it is no longer accepted [default: never]
        #[arg(long, value_name = "MS SINCE 1970")]
        expires_at_ms: Option<u64>,
    },
    /// End an agent
    RevokeAgent {
        /// An address, or ed25519:0x…
        #[arg(long)]
        agent: SignerId,
    },
    /// Set the leverage of a perpetual market
    Leverage {
        /// Symbol or number
        #[arg(long)]
        market: String,
        /// From 1 to the market's maximum
        #[arg(long)]
        leverage: u32,
        /// Give the position collateral of its own, which is all it can lose
        #[arg(long)]
        isolated: bool,
    },
    /// Add collateral to an isolated position, or take some out (negative)
    IsolatedMargin {
        /// Symbol or number
        #[arg(long)]
        market: String,
        /// In US dollars
        #[arg(long, allow_hyphen_values = true)]
        amount: Usd,
    },
    /// Move funds to another universe of risk
    MoveUniverse {
        /// Number of the universe that they are in
        #[arg(long)]
        from: u32,
        /// Number of the universe that they go to
        #[arg(long)]
        to: u32,
        /// Symbol or number
        #[arg(long, default_value = "USDC")]
        asset: String,
        /// How much, in units of the asset
        #[arg(long)]
        amount: String,
    },
    /// Send any action, written as JSON: {"type": "create_vault", …}
    Json {
        /// A file with the action
        file: std::path::PathBuf,
    },
    /// Draw test funds, where the chain gives any
    Faucet {
        /// Symbol or number
        #[arg(long, default_value = "USDC")]
        asset: String,
    },
    /// Dead man's switch: cancel all orders at a time, unless set anew before
    ScheduleCancel {
        /// From now; without it the switch is off
        #[arg(long, value_name = "MS")]
        in_ms: Option<u64>,
    },
    /// Accept or refuse actions signed in Hyperliquid's format by the account's own key
    HyperliquidCompat {
        /// On or off
        state: Switch,
    },
}

/// An order in words.
#[derive(Args)]
pub struct OrderArgs {
    /// Symbol or number
    #[arg(long)]
    market: String,
    /// Buy or sell
    #[arg(long, value_enum)]
    side: SideWord,
    /// Worst price accepted, in US dollars
    #[arg(long)]
    price: Price,
    /// How much, in units of the base asset
    #[arg(long)]
    size: String,
    /// gtc rests, ioc and fok do not, alo only rests, gtt rests until --expires-at-ms
    #[arg(long, value_enum, default_value_t = Force::Gtc)]
    tif: Force,
    /// For gtt: when the engine cancels it
    #[arg(long, value_name = "MS SINCE 1970", required_if_eq("tif", "gtt"))]
    expires_at_ms: Option<u64>,
    /// Only reduce the position
    #[arg(long)]
    reduce_only: bool,
    /// Own name for the order: 0x and 32 hexadecimal digits
    #[arg(long)]
    cloid: Option<ClientOrderId>,
}

/// Buy or sell.
#[derive(Clone, Copy, ValueEnum)]
pub enum SideWord {
    /// Buy
    Buy,
    /// Sell
    Sell,
}

/// How long an order works.
#[derive(Clone, Copy, ValueEnum)]
pub enum Force {
    /// Good till cancelled
    Gtc,
    /// Immediate or cancel
    Ioc,
    /// Add liquidity only (post-only)
    Alo,
    /// Fill or kill
    Fok,
    /// Good till time
    Gtt,
}

/// What an agent may do.
#[derive(Clone, Copy, ValueEnum)]
pub enum Scope {
    /// Place, modify and cancel orders; set leverage
    Trade,
    /// Cancel only
    CancelOnly,
}

/// On or off.
#[derive(Clone, Copy, ValueEnum)]
pub enum Switch {
    /// Accept them
    On,
    /// Refuse them
    Off,
}

impl ActionCommand {
    /// The action meant. Names are looked up with `api`.
    pub async fn action(self, api: &dyn NodeApi, account: AccountId) -> Result<Action> {
        Ok(match self {
            Self::Transfer { to, asset, amount, universe } => {
                if to == account {
                    bail!(UsageError("a transfer to oneself does nothing".into()));
                }
                let asset = rpc::asset(api, &asset).await?;
                let amount = scaled(&amount, asset.decimals, "amount")?;
                Action::Transfer {
                    universe: UniverseId::new(universe),
                    to,
                    asset: asset.id,
                    amount: Amount::new(amount),
                }
            }
            Self::Order(order) => Action::Place { orders: vec![order.request(api).await?] },
            Self::Cancel { market, order } => {
                let market = rpc::market(api, &market).await?.spec.id;
                Action::Cancel { cancels: vec![CancelRequest { market, order }] }
            }
            Self::Modify { order, replacement } => {
                Action::Modify { modifies: vec![ModifyRequest { order, replacement: replacement.request(api).await? }] }
            }
            Self::CancelAll { market } => {
                let market = match market {
                    Some(name) => Some(rpc::market(api, &name).await?.spec.id),
                    None => None,
                };
                Action::CancelAll { market }
            }
            Self::ApproveAgent { agent, name, scope, expires_at_ms } => Action::ApproveAgent {
                agent,
                name,
                scope: match scope {
                    Scope::Trade => AgentScope::Trade,
                    Scope::CancelOnly => AgentScope::CancelOnly,
                },
                expires_at_ms: expires_at_ms.map(TimeMs::new),
            },
            Self::RevokeAgent { agent } => Action::RevokeAgent { agent },
            Self::Leverage { market, leverage, isolated } => {
                let market = rpc::market(api, &market).await?.spec.id;
                let margin_mode = if isolated { MarginMode::Isolated } else { MarginMode::Cross };
                Action::UpdateLeverage { market, leverage, margin_mode }
            }
            Self::IsolatedMargin { market, amount } => {
                let market = rpc::market(api, &market).await?.spec.id;
                Action::UpdateIsolatedMargin { market, amount_usd: amount }
            }
            Self::MoveUniverse { from, to, asset, amount } => {
                let asset = rpc::asset(api, &asset).await?;
                let amount = Amount::new(scaled(&amount, asset.decimals, "amount")?);
                Action::MoveUniverse { from: UniverseId::new(from), to: UniverseId::new(to), asset: asset.id, amount }
            }
            Self::Json { file } => {
                let shown = file.display();
                let text = std::fs::read_to_string(&file).with_context(|| format!("cannot read {shown}"))?;
                serde_json::from_str(&text).map_err(|error| {
                    UsageError(format!("{shown} is no action: {error}; shapes: crates/types/src/action.rs"))
                })?
            }
            Self::Faucet { asset } => Action::ClaimFaucet { asset: rpc::asset(api, &asset).await?.id },
            Self::ScheduleCancel { in_ms } => {
                Action::ScheduleCancel { at_ms: in_ms.map(|wait_ms| clock::now().saturating_add(wait_ms)) }
            }
            Self::HyperliquidCompat { state } => {
                Action::SetHyperliquidCompatibility { enabled: matches!(state, Switch::On) }
            }
        })
    }
}

impl OrderArgs {
    async fn request(self, api: &dyn NodeApi) -> Result<OrderRequest> {
        let spec = rpc::market(api, &self.market).await?.spec;
        let lots = scaled(&self.size, spec.size_decimals, "size")?;
        let size = u64::try_from(lots).with_context(|| format!("size {} is out of range", self.size))?;
        let expires_at_ms = TimeMs::new(self.expires_at_ms.unwrap_or_default());
        Ok(OrderRequest {
            market: spec.id,
            side: match self.side {
                SideWord::Buy => Side::Buy,
                SideWord::Sell => Side::Sell,
            },
            price: self.price,
            size: Size::new(size),
            time_in_force: match self.tif {
                Force::Gtc => TimeInForce::Gtc,
                Force::Ioc => TimeInForce::Ioc,
                Force::Alo => TimeInForce::Alo,
                Force::Fok => TimeInForce::Fok,
                Force::Gtt => TimeInForce::Gtt { expires_at_ms },
            },
            reduce_only: self.reduce_only,
            client_order_id: self.cloid,
        })
    }
}

fn scaled(text: &str, decimals: u8, what: &str) -> Result<i128> {
    parse_scaled(text, decimals).map_err(|error| UsageError(format!("{what}: {error}")).into())
}
