//! What is listed and at what prices: `meta`, `metaAndAssetCtxs`, `allPerpMetas`, `perpDexs`, `spotMeta`,
//! `spotMetaAndAssetCtxs`, `outcomeMeta`, `allMids`, `exchangeStatus`.
//!
//! Positions are meaning: a perpetual's asset id is its place in `universe`, a token's index its place in `tokens`,
//! so nothing is ever left out or reordered.

use super::{Answer, RequestError};
use crate::{
    context::Context,
    history::{DayStatistics, Directory},
    hyperliquid::{
        format::{self, USDC},
        venue::{CORE, Listing, Venue},
    },
};
use palisade_client::api::MarketInfo;
use palisade_types::{
    address::AccountId,
    hyperliquid::Value,
    ids::AssetId,
    market::AssetSpec,
    numbers::{Price, Size},
};
use serde_json::{Map, Value as Json, json};

/// The name under which USDC is known to clients that know it by id.
const USDC_TOKEN_ID: &str = "0x6d1e7cde53ba9467b783cb7c530ce054";
/// Tokens have at most this many decimals on Hyperliquid.
const TOKEN_DECIMALS_MAX: u8 = 8;

pub async fn answer(context: &Context, kind: &str, body: &Value) -> Answer {
    let directory = context.feed.directory();
    match kind {
        "meta" => Ok(venue_meta(context, Venue::named(body)?)),
        "allPerpMetas" => Ok(Venue::ALL.into_iter().map(|venue| venue_meta(context, venue)).collect()),
        "perpDexs" => Ok(venues()),
        "metaAndAssetCtxs" => {
            let venue = Venue::named(body)?;
            let markets = context.node.markets().await?;
            Ok(json!([venue_meta(context, venue), contexts(context, &markets, venue.listing())]))
        }
        "spotMeta" => Ok(spot_meta(&directory)),
        "spotMetaAndAssetCtxs" => {
            let markets = context.node.markets().await?;
            Ok(json!([spot_meta(&directory), contexts(context, &markets, Listing::Spot)]))
        }
        "outcomeMeta" => Ok(json!({ "outcomes": [], "questions": [] })),
        "allMids" => {
            let venue = Venue::named(body)?;
            Ok(all_mids(&context.node.markets().await?, &directory, venue))
        }
        "exchangeStatus" => {
            let status = context.node.status().await?;
            Ok(json!({ "specialStatuses": null, "time": status.time_ms.get() }))
        }
        _ => Err(RequestError::shape("unknown request type")),
    }
}

/// All venues: the main one has no description, and places are meaning.
fn venues() -> Json {
    let described = |venue: Venue| {
        json!({
            "name": venue.name(),
            "fullName": "Dated futures",
            "deployer": AccountId::default().to_string(),
            "oracleUpdater": null,
            "feeRecipient": null,
            "assetToStreamingOiCap": [],
        })
    };
    Venue::ALL.into_iter().map(|venue| if venue == Venue::Main { Json::Null } else { described(venue) }).collect()
}

/// The markets of a venue. A future that has expired stays in its place as delisted; a perpetual whose collateral is not
/// the core universe's is margined by itself.
pub fn venue_meta(context: &Context, venue: Venue) -> Json {
    let now = context.feed.history().time();
    let directory = context.feed.directory();
    let mut tables = Map::new();
    let mut universe = Vec::new();
    for spec in directory.markets().filter(|spec| venue.lists(spec)) {
        let Some(terms) = spec.linear() else { continue };
        tables.entry(terms.maximum_leverage.to_string()).or_insert_with(|| {
            json!([terms.maximum_leverage, {
                "description": "",
                "marginTiers": [{ "lowerBound": "0.0", "maxLeverage": terms.maximum_leverage }],
            }])
        });
        let mut listed = json!({
            "name": directory.coin(spec.id),
            "szDecimals": spec.size_decimals,
            "maxLeverage": terms.maximum_leverage,
            "marginTableId": terms.maximum_leverage,
        });
        let flags = [
            ("onlyIsolated", spec.universe != CORE),
            ("isDelisted", terms.expires_at_ms.is_some_and(|end| end <= now)),
        ];
        for (name, _) in flags.into_iter().filter(|(_, is_set)| *is_set) {
            if let Some(object) = listed.as_object_mut() {
                object.insert(name.to_owned(), true.into());
            }
        }
        universe.push(listed);
    }
    let tables: Vec<Json> = tables.into_iter().map(|(_, table)| table).collect();
    json!({ "universe": universe, "marginTables": tables, "collateralToken": 0 })
}

fn spot_meta(directory: &Directory) -> Json {
    let tokens: Vec<Json> = directory.assets().iter().map(|asset| token(asset, directory)).collect();
    let universe: Vec<Json> = directory
        .markets()
        .filter_map(|spec| {
            let terms = spec.spot()?;
            Some(json!({
                "name": directory.coin(spec.id),
                "tokens": [terms.base.get(), terms.quote.get()],
                "index": format::spot_index(spec.id),
                "isCanonical": true,
            }))
        })
        .collect();
    json!({ "tokens": tokens, "universe": universe })
}

fn token(asset: &AssetSpec, directory: &Directory) -> Json {
    let traded = directory.markets().find(|spec| spec.spot().is_some_and(|terms| terms.base == asset.id));
    let size_decimals = traded.map_or(asset.decimals.min(TOKEN_DECIMALS_MAX), |spec| spec.size_decimals);
    json!({
        "name": asset.symbol,
        "szDecimals": size_decimals,
        "weiDecimals": asset.decimals,
        "index": asset.id.get(),
        "tokenId": token_id(asset),
        "isCanonical": true,
        "evmContract": null,
        "fullName": null,
        "deployerTradingFeeShare": "0.0",
    })
}

/// 16 bytes that name a token: the well-known ones for USDC, the asset's number for others.
fn token_id(asset: &AssetSpec) -> String {
    if asset.id == AssetId::new(0) && asset.symbol == USDC {
        return USDC_TOKEN_ID.to_owned();
    }
    format!("0x{:032x}", asset.id.get())
}

/// The figures of all markets of a listing, aligned with its `universe`.
pub fn contexts(context: &Context, markets: &[MarketInfo], listing: Listing) -> Vec<Json> {
    let history = context.feed.history();
    let directory = context.feed.directory();
    markets
        .iter()
        .filter(|market| Listing::of(market.spec.id) == listing)
        .map(|market| asset_context(market, &history.day(market.spec.id), &directory))
        .collect()
}

/// A market's prices and figures.
///
/// Without a mark the index, the last trade or the middle of the book stands in; without any, zero, because
/// clients take no `null` there. A spot market without a book shows its reference price as its middle, because
/// ccxt derives the price precision from it. Funding is what the running hour would cost as measured so far.
pub fn asset_context(market: &MarketInfo, day: &DayStatistics, directory: &Directory) -> Json {
    let id = market.spec.id;
    let decimals = market.spec.size_decimals;
    let or_zero = |price: Option<Price>| price.map_or_else(|| "0.0".to_owned(), |price| price.to_string());
    let mark = format::reference_price(market);
    let mid = format::mid(market);
    let previous = day.previous_price.or(mark);
    let mut json = json!({
        "prevDayPx": or_zero(previous),
        "dayNtlVlm": day.quote_usd.to_string(),
        "dayBaseVlm": format::size(day.volume, decimals),
        "markPx": or_zero(mark),
        "midPx": mid.map(|price| price.to_string()),
    });
    let Some(object) = json.as_object_mut() else { return json };
    if id.is_spot() {
        object.insert("coin".to_owned(), directory.coin(id).into());
        object.insert("circulatingSupply".to_owned(), format::size(Size::ZERO, decimals).into());
        object.insert("totalSupply".to_owned(), format::size(Size::ZERO, decimals).into());
        object.insert("midPx".to_owned(), mid.or(mark).map(|price| price.to_string()).into());
        return json;
    }
    let impact = market.best_bid.zip(market.best_ask).map(|(bid, ask)| json!([bid.to_string(), ask.to_string()]));
    let funding = market.funding.as_ref();
    object.insert(
        "funding".to_owned(),
        funding.map_or_else(|| "0.0".to_owned(), |funding| funding.rate.to_string()).into(),
    );
    object.insert("openInterest".to_owned(), format::size(market.open_interest, decimals).into());
    object.insert("premium".to_owned(), funding.map(|funding| funding.premium.to_string()).into());
    object.insert("oraclePx".to_owned(), or_zero(market.index.or(mark)).into());
    object.insert("impactPxs".to_owned(), impact.unwrap_or(Json::Null));
    json
}

/// The middle of every book, or the reference price where there is none; the main venue's with those of spot.
pub fn all_mids(markets: &[MarketInfo], directory: &Directory, venue: Venue) -> Json {
    markets
        .iter()
        .filter(|market| match Listing::of(market.spec.id) {
            Listing::Perpetuals | Listing::Spot => venue == Venue::Main,
            Listing::Futures => venue == Venue::Futures,
            Listing::Options => false,
        })
        .filter_map(|market| {
            let price = format::mid(market).or_else(|| format::reference_price(market))?;
            Some((directory.coin(market.spec.id), Json::from(price.to_string())))
        })
        .collect::<Map<_, _>>()
        .into()
}
