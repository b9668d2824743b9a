//! How programs talk to Palisade: the [`api::NodeApi`] trait that every door and agent reads through, its JSON-RPC
//! client, key files, and the light client that believes nothing but a genesis file.

pub mod api;
pub mod keys;
pub mod light_client;
pub mod nonce;
pub mod proof;
pub mod rpc;
pub mod what_if;
