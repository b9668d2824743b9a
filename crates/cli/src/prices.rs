//! What the reporters of this process look at.

use crate::{genesis, layout::NodeFolder};
use anyhow::{Context as _, Result};
use clap::Args;
use palisade_agents::{
    clock,
    price::{
        PriceFeed,
        bars::{BarHistory, MINUTE_MS},
        replay::Replay,
    },
    reporter::Reporter,
};
use palisade_client::api::NodeApi;
use palisade_types::{genesis::Genesis, ids::AssetId, limits::ORACLE_ROUND_MS, time::TimeMs};
use serde_json::{Value, json};
use std::{collections::BTreeMap, path::PathBuf, sync::Arc};

/// Where prices come from
#[derive(Args, Clone)]
pub struct PriceArgs {
    /// Replay recorded one-minute bars (CSV or CSV.zst with open_time_ms, venue, symbol, close) for the assets that the
    /// files cover; all others keep their synthetic path
    #[arg(long, value_name = "FILE", num_args = 1..)]
    prices: Vec<PathBuf>,
    /// How long a recorded minute lasts
    #[arg(long, value_name = "MS", default_value_t = MINUTE_MS, value_parser = clap::value_parser!(u64).range(1_000..=3_600_000))]
    price_minute_ms: u64,
    /// When the first recorded minute begins; all seats must agree on it [default: shortly after the start]
    #[arg(long, value_name = "MS SINCE 1970")]
    price_start_ms: Option<u64>,
}

/// A feed, and how to describe it.
pub struct Prices {
    /// What reporters look at.
    pub feed: Arc<PriceFeed>,
    /// For `devnet.json`.
    pub description: Value,
    /// For people.
    pub summary: String,
}

impl PriceArgs {
    /// Reads the files, for a chain whose clock is so far behind. `start_delay_ms` is the time until somebody reports.
    pub fn load(&self, genesis: &Genesis, start_delay_ms: u64, clock_behind_ms: u64) -> Result<Prices> {
        let seed = genesis.hash().as_bytes().iter().take(8).fold(0u64, |seed, byte| (seed << 8) | u64::from(*byte));
        let feed = PriceFeed::synthetic(seed, genesis::price_anchors(genesis));
        if self.prices.is_empty() {
            let summary = "synthetic".into();
            return Ok(Prices { feed: Arc::new(feed), description: json!({ "source": "synthetic" }), summary });
        }
        let history = BarHistory::load(&self.prices)?;
        let symbols: BTreeMap<AssetId, String> = genesis
            .assets
            .iter()
            .filter(|asset| asset.has_index)
            .map(|asset| (asset.id, asset.symbol.to_ascii_uppercase()))
            .collect();
        let start_ms =
            self.price_start_ms.map_or_else(|| next_round(start_delay_ms).saturating_sub(clock_behind_ms), TimeMs::new);
        let replay = Replay::new(&history, &symbols, start_ms, self.price_minute_ms)
            .context("the price files hold no asset that this chain has an index for")?;
        let covered: Vec<&String> = replay.assets().filter_map(|asset| symbols.get(&asset)).collect();
        let schedule = replay.schedule();
        let description = json!({
            "source": "replay",
            "files": self.prices,
            "start_ms": schedule.start_ms,
            "minute_ms": schedule.minute_ms,
            "first_minute_ms": schedule.first_minute_ms,
            "assets": covered,
        });
        let summary = format!(
            "recorded bars for {} (a minute lasts {} ms), synthetic for the rest",
            covered.iter().map(|symbol| symbol.as_str()).collect::<Vec<_>>().join(" "),
            schedule.minute_ms
        );
        Ok(Prices { feed: Arc::new(feed.with_replay(replay)), description, summary })
    }
}

/// The start of an oracle round at least `delay_ms` from now, so that a recorded minute begins with a round.
fn next_round(delay_ms: u64) -> TimeMs {
    let earliest = clock::now().saturating_add(delay_ms).get();
    TimeMs::new(earliest.div_ceil(ORACLE_ROUND_MS).saturating_mul(ORACLE_ROUND_MS))
}

/// The reporter of a seat.
pub fn reporter(folder: &NodeFolder, feed: Arc<PriceFeed>, api: Arc<dyn NodeApi>) -> Reporter {
    let genesis = &folder.genesis;
    Reporter {
        seat: folder.seat,
        key: folder.keys.oracle.clone(),
        chain_id: genesis.chain_id,
        assets: genesis.assets.iter().filter(|asset| asset.has_index).map(|asset| asset.id).collect(),
        feed,
        api,
        clock_behind_ms: folder.file.clock_behind_ms,
    }
}
