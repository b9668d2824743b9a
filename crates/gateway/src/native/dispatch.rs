//! One call: its frame, its method, its parameters, its answer.

use super::{Native, http::refusal};
use futures::FutureExt as _;
use palisade_client::{
    api::ApiError,
    proof::to_hex,
    rpc::{
        BOOK_DEPTH_MAX, COMBOS_MAX, WAIT_MS_MAX,
        action::{ActionFormError, SubmitParams, vote_from_hex},
        message::{
            ErrorObject, INTERNAL_ERROR, INVALID_PARAMS, INVALID_REQUEST, METHOD_NOT_FOUND, Request, Response, Version,
        },
        method::{
            self, Accepted, AccountParams, BlockActionsParams, BlockParams, BookParams, ComboBookParams, CombosParams,
            MarginParams, MarginQuestionParams, NoParams, OpenOrderParams, OracleVoteParams, OrderIdParams, PoolParams,
            PortfolioMarginParams, PriceParams, ProveParams, ReceiptParams, SignerParams,
        },
    },
};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::value::RawValue;
use std::panic::AssertUnwindSafe;
use tokio::{
    sync::SemaphorePermit,
    time::{Instant, timeout_at},
};

type Answer = Result<Box<RawValue>, ErrorObject>;

/// Answers one call before `deadline`.
pub(super) async fn answer(native: &Native, raw: &RawValue, deadline: Instant) -> Response {
    let request = match read(raw) {
        Ok(request) => request,
        Err(refused) => return *refused,
    };
    let started = Instant::now();
    let call = AssertUnwindSafe(call(native, &request.method, request.params.as_deref())).catch_unwind();
    let answer = match timeout_at(deadline, call).await {
        Ok(Ok(answer)) => answer,
        Ok(Err(_)) => {
            tracing::error!(method = request.method, "a call panicked");
            Err(ErrorObject::protocol(INTERNAL_ERROR, "the server failed on this call"))
        }
        Err(_) => {
            let timeout_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
            Err(ApiError::Timeout { timeout_ms }.into())
        }
    };
    let (result, error) = match answer {
        Ok(result) => (Some(result), None),
        Err(error) => (None, Some(error)),
    };
    Response { jsonrpc: Version, id: Some(request.id), result, error }
}

/// Answers a call without looking at what it asks.
pub(super) fn refuse(raw: &RawValue, error: &ApiError) -> Response {
    match read(raw) {
        Ok(request) => {
            let error = Some(error.clone().into());
            Response { jsonrpc: Version, id: Some(request.id), result: None, error }
        }
        Err(refused) => *refused,
    }
}

fn read(raw: &RawValue) -> Result<Request, Box<Response>> {
    serde_json::from_str(raw.get()).map_err(|error| {
        let message = format!("no JSON-RPC 2.0 request with an id: {error}");
        Box::new(refusal(ErrorObject::protocol(INVALID_REQUEST, message)))
    })
}

async fn call(native: &Native, method: &str, raw: Option<&RawValue>) -> Answer {
    match method {
        method::SUBMIT | method::SUBMIT_ORACLE_VOTE => write(native, method, raw).await,
        method::STATUS | method::GENESIS | method::ASSETS | method::MARKETS | method::SYNTHETICS => {
            let NoParams {} = params(raw)?;
            overview(native, method).await
        }
        method::BLOCK | method::BLOCK_ACTIONS | method::RECEIPT | method::PROVE => history(native, method, raw).await,
        method::MARGIN | method::MARGIN_QUESTION | method::PORTFOLIO_MARGIN | method::PRICE => {
            what_if(native, method, raw).await
        }
        method::DEBTS | method::COMBOS | method::COMBO_BOOK | method::BLOCK_REQUESTS | method::POOL => {
            product(native, method, raw).await
        }
        _ => state(native, method, raw).await,
    }
}

async fn what_if(native: &Native, method: &str, raw: Option<&RawValue>) -> Answer {
    match method {
        method::MARGIN => {
            let MarginParams { question } = params(raw)?;
            result(&native.node.margin(question).await?)
        }
        method::MARGIN_QUESTION => {
            let MarginQuestionParams { account, universe } = params(raw)?;
            result(&native.node.margin_question(account, universe).await?)
        }
        method::PORTFOLIO_MARGIN => {
            let PortfolioMarginParams { question } = params(raw)?;
            result(&native.node.portfolio_margin(question).await?)
        }
        method::PRICE => {
            let PriceParams { questions } = params(raw)?;
            result(&native.node.price(questions).await?)
        }
        _ => Err(unknown(method)),
    }
}

async fn write(native: &Native, method: &str, raw: Option<&RawValue>) -> Answer {
    let invalid = |error: ActionFormError| ErrorObject::protocol(INVALID_PARAMS, error.to_string());
    match method {
        method::SUBMIT => {
            let submitted: SubmitParams = params(raw)?;
            let action = submitted.into_action().map_err(invalid)?;
            result(&native.node.submit(action).await?)
        }
        method::SUBMIT_ORACLE_VOTE => {
            let OracleVoteParams { vote } = params(raw)?;
            native.node.submit_oracle_vote(vote_from_hex(&vote).map_err(invalid)?).await?;
            result(&Accepted { accepted: true })
        }
        _ => Err(unknown(method)),
    }
}

async fn overview(native: &Native, method: &str) -> Answer {
    match method {
        method::STATUS => result(&native.node.status().await?),
        method::GENESIS => result(&*native.node.genesis().await?),
        method::ASSETS => result(&native.node.assets().await?),
        method::MARKETS => result(native.node.markets().await?.as_ref()),
        method::SYNTHETICS => result(&native.node.synthetics().await?),
        _ => Err(unknown(method)),
    }
}

async fn history(native: &Native, method: &str, raw: Option<&RawValue>) -> Answer {
    match method {
        method::BLOCK => {
            let BlockParams { height, wait_ms } = params(raw)?;
            let _permit = wait_permit(native, wait_ms)?;
            result(&*native.node.block(height, wait_ms).await?)
        }
        method::BLOCK_ACTIONS => {
            let BlockActionsParams { height } = params(raw)?;
            let actions = native.node.block_actions(height).await?;
            result(&actions.iter().map(|action| to_hex(&action.encode())).collect::<Vec<_>>())
        }
        method::RECEIPT => {
            let ReceiptParams { action, wait_ms } = params(raw)?;
            let _permit = wait_permit(native, wait_ms)?;
            result(&native.node.receipt(action, wait_ms).await?)
        }
        method::PROVE => {
            let ProveParams { request } = params(raw)?;
            result(&native.node.prove(request).await?)
        }
        _ => Err(unknown(method)),
    }
}

async fn state(native: &Native, method: &str, raw: Option<&RawValue>) -> Answer {
    match method {
        method::BOOK => {
            let BookParams { market, depth } = params(raw)?;
            check_range("depth", depth, BOOK_DEPTH_MAX)?;
            result(&native.node.book(market, depth).await?)
        }
        method::ACCOUNT => {
            let AccountParams { account } = params(raw)?;
            result(&native.node.account(account).await?)
        }
        method::OPEN_ORDERS => {
            let AccountParams { account } = params(raw)?;
            result(&native.node.open_orders(account).await?)
        }
        method::OPEN_ORDER => {
            let OpenOrderParams { account, order } = params(raw)?;
            result(&native.node.open_order(account, order).await?)
        }
        method::OPEN_ORDER_BY_ID => {
            let OrderIdParams { order } = params(raw)?;
            result(&native.node.open_order_by_id(order).await?)
        }
        method::SIGNER_ROLE => {
            let SignerParams { signer } = params(raw)?;
            result(&native.node.signer_role(signer).await?)
        }
        _ => Err(unknown(method)),
    }
}

async fn product(native: &Native, method: &str, raw: Option<&RawValue>) -> Answer {
    match method {
        method::DEBTS => {
            let AccountParams { account } = params(raw)?;
            result(&native.node.debts(account).await?)
        }
        method::COMBOS => {
            let CombosParams { from, limit } = params(raw)?;
            check_range("limit", limit, COMBOS_MAX)?;
            result(&native.node.combos(from, limit).await?)
        }
        method::COMBO_BOOK => {
            let ComboBookParams { combo, depth } = params(raw)?;
            check_range("depth", depth, BOOK_DEPTH_MAX)?;
            result(&native.node.combo_book(combo, depth).await?)
        }
        method::BLOCK_REQUESTS => {
            let AccountParams { account } = params(raw)?;
            result(&native.node.block_requests(account).await?)
        }
        method::POOL => {
            let PoolParams { market } = params(raw)?;
            result(&native.node.pool(market).await?)
        }
        _ => Err(unknown(method)),
    }
}

fn check_range(name: &str, found: u32, maximum: u32) -> Result<(), ErrorObject> {
    if (1..=maximum).contains(&found) {
        return Ok(());
    }
    Err(ErrorObject::protocol(INVALID_PARAMS, format!("{name} must be 1 to {maximum}, found {found}")))
}

/// Longest part of an unknown method's name that is repeated to the caller.
const METHOD_CHARACTERS_SHOWN: usize = 64;

fn unknown(method: &str) -> ErrorObject {
    let shown: String = method.chars().take(METHOD_CHARACTERS_SHOWN).collect();
    ErrorObject::protocol(METHOD_NOT_FOUND, format!("no method {shown:?}"))
}

fn params<P: DeserializeOwned>(raw: Option<&RawValue>) -> Result<P, ErrorObject> {
    let invalid = |message: String| ErrorObject::protocol(INVALID_PARAMS, message);
    let text = raw.map_or("{}", RawValue::get);
    // Derived readers also take arrays, by position; here parameters have names.
    if !text.starts_with('{') {
        return Err(invalid("params must be an object".to_owned()));
    }
    serde_json::from_str(text).map_err(|error| invalid(error.to_string()))
}

fn result(value: &impl Serialize) -> Answer {
    serde_json::value::to_raw_value(value).map_err(|error| {
        tracing::error!(%error, "an answer does not serialize");
        ErrorObject::protocol(INTERNAL_ERROR, "the answer does not serialize")
    })
}

/// The right to wait, for calls that ask for it.
fn wait_permit(native: &Native, wait_ms: u64) -> Result<Option<SemaphorePermit<'_>>, ErrorObject> {
    if wait_ms == 0 {
        return Ok(None);
    }
    if wait_ms > WAIT_MS_MAX {
        let message = format!("wait_ms must be at most {WAIT_MS_MAX}, found {wait_ms}");
        return Err(ErrorObject::protocol(INVALID_PARAMS, message));
    }
    let busy = || ApiError::Unavailable { reason: "too many calls wait at once: try again".to_owned() };
    Ok(Some(native.waits.try_acquire().map_err(|_| busy())?))
}
