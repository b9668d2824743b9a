//! [`NodeApi`] over JSON-RPC.

use super::{
    RpcError,
    action::{SubmitParams, action_from_hex, vote_to_hex},
    message::{ErrorObject, Request, RequestId, Response, Version},
    method::{
        self, Accepted, AccountParams, BlockActionsParams, BlockParams, BookParams, ComboBookParams, CombosParams,
        MarginParams, MarginQuestionParams, NoParams, OpenOrderParams, OracleVoteParams, OrderIdParams, PoolParams,
        PortfolioMarginParams, PriceParams, ProveParams, ReceiptParams, SignerParams,
    },
    transport::Transport,
};
use crate::{
    api::{
        AccountInfo, ApiError, BlockRequests, Book, ComboBook, Combos, Debts, FinalizedBlock, MarketInfo, NodeApi,
        PoolInfo, ReceiptInfo, SignerRole, Status, SyntheticInfo,
    },
    proof::{ProofBundle, ProofRequest},
    what_if::{MarginQuestion, PortfolioAnswer, PortfolioQuestion, PriceAnswer, PriceQuestion, WhatIf, WhatIfAnswer},
};
use async_trait::async_trait;
use palisade_types::{
    address::{AccountId, SignerId},
    envelope::SignedAction,
    genesis::Genesis,
    hash::ActionId,
    ids::{ComboId, Height, MarketId, OrderId, UniverseId},
    market::AssetSpec,
    oracle::SignedOracleVote,
    order::{OpenOrder, OrderReference},
};
use serde::{Serialize, de::DeserializeOwned};
use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

/// How long a call may take beyond what it asks the node to wait.
const CALL_TIMEOUT: Duration = Duration::from_secs(10);

/// A node somewhere else.
#[derive(Debug)]
pub struct RpcClient {
    transport: Transport,
    next_id: AtomicI64,
}

impl RpcClient {
    /// A client of the node at `url`, for example `http://127.0.0.1:9000`. Nothing is connected yet.
    pub fn new(url: &str) -> Result<Self, RpcError> {
        Ok(Self { transport: Transport::new(url)?, next_id: AtomicI64::new(1) })
    }

    /// Where calls go.
    pub fn url(&self) -> &str {
        self.transport.url()
    }

    /// One call: `params` must be an object, `wait_ms` what they ask the node to wait.
    pub async fn call<P: Serialize + Sync, R: DeserializeOwned>(
        &self,
        method: &str,
        params: &P,
        wait_ms: u64,
    ) -> Result<R, RpcError> {
        let invalid =
            |reason: String| RpcError::InvalidAnswer { url: self.url().to_owned(), method: method.to_owned(), reason };
        let id = RequestId::Number(self.next_id.fetch_add(1, Ordering::Relaxed));
        let params = serde_json::value::to_raw_value(params)
            .map_err(|error| ApiError::InvalidRequest { reason: error.to_string() })?;
        let request = Request { jsonrpc: Version, id: id.clone(), method: method.to_owned(), params: Some(params) };
        let body =
            serde_json::to_vec(&request).map_err(|error| ApiError::InvalidRequest { reason: error.to_string() })?;
        let timeout = CALL_TIMEOUT.saturating_add(Duration::from_millis(wait_ms));
        let answer = self.transport.post(body, timeout).await?;
        let response: Response = serde_json::from_slice(&answer).map_err(|error| invalid(error.to_string()))?;
        match (response.result, response.error) {
            (None, Some(error)) => Err(refusal(error)),
            (Some(_), _) if response.id.as_ref() != Some(&id) => Err(invalid("it has another id".to_owned())),
            (Some(result), None) => serde_json::from_str(result.get()).map_err(|error| invalid(error.to_string())),
            _ => Err(invalid("it has neither or both of result and error".to_owned())),
        }
    }
}

fn refusal(error: ErrorObject) -> RpcError {
    match error.data {
        Some(data) => RpcError::Api(data),
        None => RpcError::Protocol { code: error.code, message: error.message },
    }
}

#[async_trait]
impl NodeApi for RpcClient {
    async fn status(&self) -> Result<Status, ApiError> {
        Ok(self.call(method::STATUS, &NoParams {}, 0).await?)
    }

    async fn genesis(&self) -> Result<Arc<Genesis>, ApiError> {
        let genesis: Genesis = self.call(method::GENESIS, &NoParams {}, 0).await?;
        Ok(Arc::new(genesis))
    }

    async fn block(&self, height: Height, wait_ms: u64) -> Result<Arc<FinalizedBlock>, ApiError> {
        let block: FinalizedBlock = self.call(method::BLOCK, &BlockParams { height, wait_ms }, wait_ms).await?;
        Ok(Arc::new(block))
    }

    async fn block_actions(&self, height: Height) -> Result<Vec<SignedAction>, ApiError> {
        let texts: Vec<String> = self.call(method::BLOCK_ACTIONS, &BlockActionsParams { height }, 0).await?;
        let undecodable = |error| ApiError::Unavailable { reason: format!("{} of the node: {error}", self.url()) };
        texts.iter().map(|text| action_from_hex(text).map_err(undecodable)).collect()
    }

    async fn submit(&self, action: SignedAction) -> Result<ActionId, ApiError> {
        Ok(self.call(method::SUBMIT, &SubmitParams::from_action(&action), 0).await?)
    }

    async fn submit_oracle_vote(&self, vote: SignedOracleVote) -> Result<(), ApiError> {
        let params = OracleVoteParams { vote: vote_to_hex(&vote) };
        let _: Accepted = self.call(method::SUBMIT_ORACLE_VOTE, &params, 0).await?;
        Ok(())
    }

    async fn receipt(&self, action: ActionId, wait_ms: u64) -> Result<ReceiptInfo, ApiError> {
        Ok(self.call(method::RECEIPT, &ReceiptParams { action, wait_ms }, wait_ms).await?)
    }

    async fn assets(&self) -> Result<Vec<AssetSpec>, ApiError> {
        Ok(self.call(method::ASSETS, &NoParams {}, 0).await?)
    }

    async fn markets(&self) -> Result<Arc<Vec<MarketInfo>>, ApiError> {
        let markets: Vec<MarketInfo> = self.call(method::MARKETS, &NoParams {}, 0).await?;
        Ok(Arc::new(markets))
    }

    async fn book(&self, market: MarketId, depth: u32) -> Result<Book, ApiError> {
        Ok(self.call(method::BOOK, &BookParams { market, depth }, 0).await?)
    }

    async fn account(&self, account: AccountId) -> Result<AccountInfo, ApiError> {
        Ok(self.call(method::ACCOUNT, &AccountParams { account }, 0).await?)
    }

    async fn open_orders(&self, account: AccountId) -> Result<Vec<OpenOrder>, ApiError> {
        Ok(self.call(method::OPEN_ORDERS, &AccountParams { account }, 0).await?)
    }

    async fn open_order(&self, account: AccountId, order: OrderReference) -> Result<OpenOrder, ApiError> {
        Ok(self.call(method::OPEN_ORDER, &OpenOrderParams { account, order }, 0).await?)
    }

    async fn open_order_by_id(&self, order: OrderId) -> Result<OpenOrder, ApiError> {
        Ok(self.call(method::OPEN_ORDER_BY_ID, &OrderIdParams { order }, 0).await?)
    }

    async fn signer_role(&self, signer: SignerId) -> Result<SignerRole, ApiError> {
        Ok(self.call(method::SIGNER_ROLE, &SignerParams { signer }, 0).await?)
    }

    async fn margin(&self, question: WhatIf) -> Result<WhatIfAnswer, ApiError> {
        Ok(self.call(method::MARGIN, &MarginParams { question }, 0).await?)
    }

    async fn margin_question(&self, account: AccountId, universe: UniverseId) -> Result<MarginQuestion, ApiError> {
        Ok(self.call(method::MARGIN_QUESTION, &MarginQuestionParams { account, universe }, 0).await?)
    }

    async fn price(&self, questions: Vec<PriceQuestion>) -> Result<Vec<PriceAnswer>, ApiError> {
        Ok(self.call(method::PRICE, &PriceParams { questions }, 0).await?)
    }

    async fn portfolio_margin(&self, question: PortfolioQuestion) -> Result<PortfolioAnswer, ApiError> {
        Ok(self.call(method::PORTFOLIO_MARGIN, &PortfolioMarginParams { question }, 0).await?)
    }

    async fn synthetics(&self) -> Result<Vec<SyntheticInfo>, ApiError> {
        Ok(self.call(method::SYNTHETICS, &NoParams {}, 0).await?)
    }

    async fn debts(&self, account: AccountId) -> Result<Debts, ApiError> {
        Ok(self.call(method::DEBTS, &AccountParams { account }, 0).await?)
    }

    async fn combos(&self, from: ComboId, limit: u32) -> Result<Combos, ApiError> {
        Ok(self.call(method::COMBOS, &CombosParams { from, limit }, 0).await?)
    }

    async fn combo_book(&self, combo: ComboId, depth: u32) -> Result<ComboBook, ApiError> {
        Ok(self.call(method::COMBO_BOOK, &ComboBookParams { combo, depth }, 0).await?)
    }

    async fn block_requests(&self, account: AccountId) -> Result<BlockRequests, ApiError> {
        Ok(self.call(method::BLOCK_REQUESTS, &AccountParams { account }, 0).await?)
    }

    async fn pool(&self, market: MarketId) -> Result<PoolInfo, ApiError> {
        Ok(self.call(method::POOL, &PoolParams { market }, 0).await?)
    }

    async fn prove(&self, request: ProofRequest) -> Result<ProofBundle, ApiError> {
        Ok(self.call(method::PROVE, &ProveParams { request }, 0).await?)
    }
}
