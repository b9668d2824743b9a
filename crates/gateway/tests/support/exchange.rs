//! Orders, matching and blocks of the node in memory.

use super::{CHAIN_ID, markets, time_at};
use palisade_client::api::{Book, BookLevel, FinalizedBlock, ReceiptInfo, SignerRole};
use palisade_types::{
    action::CancelRequest,
    address::{AccountId, SignerId},
    agent::{Agent, AgentScope},
    block::{ConsensusContext, Header, OperationsRange},
    envelope::{HyperliquidUserAction, SignedAction},
    event::{CancelReason, Event, Trade, TradeSide},
    hash::{ActionId, BlockDigest},
    hyperliquid::{L1Action, Modify, Order, Request as HyperliquidRequest},
    ids::{Height, MarketId, Nonce, OrderId, TradeId},
    numbers::{Position, Size, Usd},
    order::{OpenOrder, OrderReference, OrderRequest, Side, TimeInForce},
    receipt::{CancelResult, OrderResult, Outcome, Receipt},
    rejection::{Inadmissible, Rejection},
    request::Request,
    signing::verify,
    time::TimeMs,
};
use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

/// Of the first market.
const MAXIMUM_LEVERAGE: u32 = 40;

/// Everything the node knows.
pub struct Exchange {
    roles: HashMap<SignerId, SignerRole>,
    nonces: HashSet<(SignerId, Nonce)>,
    orders: Vec<OpenOrder>,
    blocks: Vec<Arc<FinalizedBlock>>,
    receipts: HashMap<ActionId, ReceiptInfo>,
    next_order: u64,
    next_trade: u64,
    /// While set, accepted actions never get a receipt.
    pub silent: bool,
}

impl Exchange {
    pub fn new(accounts: &[AccountId]) -> Self {
        let role = SignerRole::Account { hyperliquid_compatible: true };
        Self {
            roles: accounts.iter().map(|account| (SignerId::Address(*account), role.clone())).collect(),
            nonces: HashSet::new(),
            orders: Vec::new(),
            blocks: Vec::new(),
            receipts: HashMap::new(),
            next_order: 1,
            next_trade: 1,
            silent: false,
        }
    }

    pub fn height(&self) -> Height {
        Height::new(self.blocks.len() as u64)
    }

    pub fn time(&self) -> TimeMs {
        time_at(self.height().get())
    }

    pub fn block(&self, height: Height) -> Option<Arc<FinalizedBlock>> {
        self.blocks.get(height.get().checked_sub(1)? as usize).cloned()
    }

    pub fn receipt(&self, action: ActionId) -> Option<ReceiptInfo> {
        self.receipts.get(&action).cloned()
    }

    pub fn role(&self, signer: SignerId) -> SignerRole {
        self.roles.get(&signer).cloned().unwrap_or(SignerRole::Unknown)
    }

    pub fn retire(&mut self, agent: AccountId) {
        self.roles.insert(SignerId::Address(agent), SignerRole::Retired);
    }

    pub fn agents(&self, account: AccountId) -> Vec<(SignerId, Agent)> {
        let agent_of = |(signer, role): (&SignerId, &SignerRole)| match role {
            SignerRole::Agent { agent } if agent.account == account => Some((*signer, agent.clone())),
            _ => None,
        };
        self.roles.iter().filter_map(agent_of).collect()
    }

    pub fn open_orders(&self, account: AccountId) -> Vec<OpenOrder> {
        self.orders.iter().filter(|order| order.account == account).copied().collect()
    }

    pub fn book(&self, market: MarketId) -> Book {
        let side = |side: Side| {
            let mut orders: Vec<_> =
                self.orders.iter().filter(|order| order.market == market && order.side == side).collect();
            orders.sort_by_key(|order| if side == Side::Buy { -order.price.get() } else { order.price.get() });
            let level = |order: &&OpenOrder| BookLevel { price: order.price, size: order.remaining, orders: 1 };
            orders.iter().map(level).collect()
        };
        Book { market, height: self.height(), time_ms: self.time(), bids: side(Side::Buy), asks: side(Side::Sell) }
    }

    /// Verifies, executes and puts into a block of its own.
    pub fn submit(&mut self, signed: SignedAction) -> Result<(ActionId, Height), Inadmissible> {
        let verified = verify(signed)?;
        let envelope = verified.envelope().clone();
        let (signer, account) = (envelope.signer, envelope.account);
        if envelope.chain_id != CHAIN_ID {
            return Err(Inadmissible::WrongChain { expected: CHAIN_ID, found: envelope.chain_id });
        }
        match self.role(signer) {
            SignerRole::Account { .. } if signer == SignerId::Address(account) => {}
            SignerRole::Agent { agent } if agent.account == account => {}
            SignerRole::Retired => return Err(Inadmissible::AgentRetired { signer }),
            _ => return Err(Inadmissible::UnknownSigner { signer, account }),
        }
        if !self.nonces.insert((signer, envelope.nonce)) {
            return Err(Inadmissible::NonceUsed { nonce: envelope.nonce });
        }
        let Request::Hyperliquid(request) = verified.request().clone() else {
            return Err(Inadmissible::Malformed { reason: "this node knows Hyperliquid's format only".into() });
        };
        let mut events = Vec::new();
        let outcome = self.execute(account, verified.id(), request, &mut events);
        let receipt = Receipt { action: verified.id(), signer, account, nonce: envelope.nonce, outcome };
        Ok((verified.id(), self.seal(Some(receipt), events)))
    }

    /// Puts a block on the chain.
    pub fn seal(&mut self, receipt: Option<Receipt>, events: Vec<Event>) -> Height {
        let height = Height::new(self.blocks.len() as u64 + 1);
        let time_ms = time_at(height.get());
        let header = Header {
            chain_id: CHAIN_ID,
            protocol_version: 1,
            height,
            parent: BlockDigest::default(),
            context: ConsensusContext {
                epoch: 0,
                view: height.get(),
                leader: Default::default(),
                parent_view: 0,
                parent: BlockDigest::default(),
            },
            time_ms,
            body_root: Default::default(),
            oracle_bundle_root: Default::default(),
            state_root: Default::default(),
            operations_root: Default::default(),
            operations_range: OperationsRange { start: 0, end: 0 },
            receipts_root: Default::default(),
            events_root: Default::default(),
            genesis_hash: Default::default(),
            beacon: Vec::new(),
        };
        if let Some(receipt) = receipt.clone().filter(|_| !self.silent) {
            self.receipts.insert(receipt.action, ReceiptInfo { height, time_ms, index: 0, receipt });
        }
        let receipts = receipt.into_iter().collect();
        self.blocks.push(Arc::new(FinalizedBlock { digest: header.digest(), header, receipts, events }));
        height
    }

    fn execute(
        &mut self,
        account: AccountId,
        action: ActionId,
        request: HyperliquidRequest,
        events: &mut Vec<Event>,
    ) -> Outcome {
        match request {
            HyperliquidRequest::L1(L1Action::Order { orders, .. }) => Outcome::Orders {
                results: orders.iter().map(|order| self.place(account, action, order, events)).collect(),
            },
            HyperliquidRequest::L1(L1Action::Cancel { cancels } | L1Action::CancelByCloid { cancels }) => {
                let results = cancels.iter().map(|cancel| self.cancel(account, cancel, events)).collect();
                Outcome::Cancels { results }
            }
            HyperliquidRequest::L1(L1Action::Modify { modify }) => {
                Outcome::Orders { results: vec![self.modify(account, action, &modify, events)] }
            }
            HyperliquidRequest::L1(L1Action::BatchModify { modifies }) => Outcome::Orders {
                results: modifies.iter().map(|modify| self.modify(account, action, modify, events)).collect(),
            },
            HyperliquidRequest::L1(L1Action::UpdateLeverage { leverage, .. }) if leverage > MAXIMUM_LEVERAGE => {
                let rejection = Rejection::LeverageOutOfRange { leverage, maximum: MAXIMUM_LEVERAGE };
                Outcome::Rejected { rejection }
            }
            HyperliquidRequest::User(HyperliquidUserAction::ApproveAgent { agent_address, agent_name }) => {
                let agent = Agent {
                    account,
                    name: agent_name,
                    scope: AgentScope::Trade,
                    expires_at_ms: None,
                    approved_natively: false,
                    retired: false,
                };
                self.roles.insert(SignerId::Address(agent_address), SignerRole::Agent { agent });
                Outcome::Done
            }
            _ => Outcome::Done,
        }
    }

    fn place(&mut self, account: AccountId, action: ActionId, order: &Order, events: &mut Vec<Event>) -> OrderResult {
        match self.check(order) {
            Ok(request) => self.matched(account, action, request, events),
            Err(rejection) => OrderResult::Rejected { rejection },
        }
    }

    fn check(&self, order: &Order) -> Result<OrderRequest, Rejection> {
        let spec = markets().into_iter().find(|spec| spec.id == order.market);
        let spec = spec.ok_or(Rejection::UnknownMarket { market: order.market })?;
        let request = order.to_order_request(spec.size_decimals)?;
        if request.price.get() % spec.tick.get() != 0 {
            return Err(Rejection::OffTick { price: request.price, tick: spec.tick });
        }
        if request.size.is_zero() {
            return Err(Rejection::ZeroSize);
        }
        Ok(request)
    }

    fn matched(
        &mut self,
        account: AccountId,
        action: ActionId,
        request: OrderRequest,
        events: &mut Vec<Event>,
    ) -> OrderResult {
        let mut order = OpenOrder {
            id: OrderId::new(self.next_order),
            account,
            market: request.market,
            side: request.side,
            price: request.price,
            remaining: request.size,
            original: request.size,
            reduce_only: request.reduce_only,
            time_in_force: request.time_in_force,
            client_order_id: request.client_order_id,
            priority: self.next_order,
            placed_at_ms: time_at(self.blocks.len() as u64 + 1),
        };
        self.next_order += 1;
        let immediate_or_cancel = request.time_in_force == TimeInForce::Ioc;
        events.push(Event::OrderAccepted { order, action, immediate_or_cancel });
        let (mut filled, mut quote) = (0u64, 0i128);
        while let Some(index) = self.best_match(&order) {
            let (traded, value) = self.trade(&mut order, index, events);
            filled += traded;
            quote += value;
        }
        let result = |resting: Size, remainder_canceled| OrderResult::Accepted {
            order: order.id,
            client_order_id: order.client_order_id,
            filled: Size::new(filled),
            filled_quote_usd: Usd::new(quote),
            resting,
            remainder_canceled,
        };
        if order.remaining.is_zero() {
            events.push(Event::OrderFilled { order });
            return result(Size::ZERO, None);
        }
        if immediate_or_cancel {
            let reason = CancelReason::ImmediateOrCancel;
            events.push(Event::OrderCanceled { order, reason });
            return result(Size::ZERO, Some(reason));
        }
        self.orders.push(order);
        events.push(Event::OrderRested { order });
        result(order.remaining, None)
    }

    fn best_match(&self, order: &OpenOrder) -> Option<usize> {
        let crosses = |other: &OpenOrder| match order.side {
            Side::Buy => other.price <= order.price,
            Side::Sell => other.price >= order.price,
        };
        let candidates = self.orders.iter().enumerate().filter(|(_, other)| {
            other.market == order.market && other.side != order.side && crosses(other) && !order.remaining.is_zero()
        });
        let rank = |other: &OpenOrder| {
            (if order.side == Side::Buy { other.price.get() } else { -other.price.get() }, other.id)
        };
        candidates.min_by_key(|(_, other)| rank(other)).map(|(index, _)| index)
    }

    fn trade(&mut self, taker: &mut OpenOrder, index: usize, events: &mut Vec<Event>) -> (u64, i128) {
        let maker = &mut self.orders[index];
        let size = maker.remaining.min(taker.remaining);
        let spec = markets().into_iter().find(|spec| spec.id == maker.market).expect("a listed market");
        let lots_per_unit = 10i128.pow(u32::from(spec.size_decimals));
        let quote = i128::from(maker.price.get()) * i128::from(size.get()) / lots_per_unit;
        let side = |order: &OpenOrder, fee: i128| TradeSide {
            account: order.account,
            order: order.id,
            client_order_id: order.client_order_id,
            fee_usd: Usd::new(fee),
            start_position: Position::ZERO,
            closed_pnl_usd: Usd::ZERO,
        };
        events.push(Event::Traded(Trade {
            id: TradeId::new(self.next_trade),
            market: maker.market,
            price: maker.price,
            size,
            quote_usd: Usd::new(quote),
            taker_side: taker.side,
            maker: side(maker, 1),
            taker: side(taker, 2),
        }));
        self.next_trade += 1;
        taker.remaining = taker.remaining.checked_sub(size).expect("the smaller of both");
        maker.remaining = maker.remaining.checked_sub(size).expect("the smaller of both");
        if maker.remaining.is_zero() {
            let order = self.orders.remove(index);
            events.push(Event::OrderFilled { order });
        }
        (size.get(), quote)
    }

    fn cancel(&mut self, account: AccountId, cancel: &CancelRequest, events: &mut Vec<Event>) -> CancelResult {
        match self.take(account, cancel.order) {
            Some(order) => {
                events.push(Event::OrderCanceled { order, reason: CancelReason::Requested });
                CancelResult::Canceled { order: order.id }
            }
            None => CancelResult::Rejected { rejection: Rejection::OrderNotOpen },
        }
    }

    fn modify(
        &mut self,
        account: AccountId,
        action: ActionId,
        modify: &Modify,
        events: &mut Vec<Event>,
    ) -> OrderResult {
        let request = match self.check(&modify.replacement) {
            Ok(request) => request,
            Err(rejection) => return OrderResult::Rejected { rejection },
        };
        let Some(order) = self.take(account, modify.order) else {
            return OrderResult::Rejected { rejection: Rejection::OrderNotOpen };
        };
        events.push(Event::OrderCanceled { order, reason: CancelReason::Modified });
        self.matched(account, action, request, events)
    }

    fn take(&mut self, account: AccountId, reference: OrderReference) -> Option<OpenOrder> {
        let index = self.orders.iter().position(|order| {
            order.account == account
                && match reference {
                    OrderReference::Id(id) => order.id == id,
                    OrderReference::Client(client) => order.client_order_id == Some(client),
                }
        })?;
        Some(self.orders.remove(index))
    }
}
