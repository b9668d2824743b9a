//! The channels between validators.
//!
//! Consensus does not care who carries its messages: [`Network`] is a bundle of channels with a directory
//! of peers and a way to block one. In production it is an authenticated, encrypted, fully connected
//! network over TCP ([`connect`]); in tests it is simulated, with latency, loss and partitions.
//!
//! Rules: one message size limit for all channels, computed from the largest payload of each, because
//! sending more panics; a peer that sends what does not decode is blocked and nothing else happens.

use crate::{
    block::{Digest, NodeBlock, consensus_namespace},
    config::NodeConfig,
    node::StartError,
    wiring::Scheme,
};
use commonware_consensus::{marshal, marshal::standard::Standard, simplex};
use commonware_cryptography::{ChaCha20Poly1305, Signer as _, ed25519};
use commonware_p2p::{
    Address, AddressableManager as _, Blocker, Provider, Receiver, Sender,
    authenticated::lookup::{self, Oracle},
    max_message_size,
};
use commonware_runtime::{Clock, Handle, Metrics, Network as RuntimeNetwork, Quota, Resolver, Spawner};
use commonware_stream::{
    cups::{self, Cups},
    sake::{self, Sake},
};
use commonware_utils::{NZU32, NZUsize, ordered::Map};
use rand_core_next::CryptoRng;
use std::{num::NonZeroUsize, time::Duration};

/// Largest message of the gossip channels: a batch of actions or oracle votes.
pub const GOSSIP_BYTES_MAX: usize = 128 * 1024;

/// A sending and a receiving end.
pub type ChannelPair<Tx, Rx> = (Tx, Rx);

/// Numbers and rates of the channels, in the order of [`Network`]'s fields.
pub fn channels() -> [(u64, Quota); 7] {
    [
        (0, Quota::per_second(NZU32!(512))),
        (1, Quota::per_second(NZU32!(512))),
        (2, Quota::per_second(NZU32!(128))),
        (3, Quota::per_second(NZU32!(256))),
        (4, Quota::per_second(NZU32!(128))),
        (5, Quota::per_second(NZU32!(512))),
        (6, Quota::per_second(NZU32!(64))),
    ]
}

/// Everything a node needs to talk to its peers.
pub struct Network<Tx, Rx, P, B> {
    /// Votes of simplex.
    pub votes: ChannelPair<Tx, Rx>,
    /// Certificates of simplex.
    pub certificates: ChannelPair<Tx, Rx>,
    /// Requests of simplex for missing certificates.
    pub certificate_fetch: ChannelPair<Tx, Rx>,
    /// Requests of marshal for missing blocks.
    pub block_fetch: ChannelPair<Tx, Rx>,
    /// Whole blocks from their proposers.
    pub blocks: ChannelPair<Tx, Rx>,
    /// Who is a peer.
    pub directory: P,
    /// Cuts off who misbehaves.
    pub blocker: B,
}

/// The gossip channels, which consensus does not use.
pub struct Gossip<Tx, Rx> {
    /// Actions on their way to a proposer.
    pub actions: ChannelPair<Tx, Rx>,
    /// Oracle votes.
    pub oracle: ChannelPair<Tx, Rx>,
}

/// What a channel's ends and the directory must be; written once, for the bounds of the wiring.
pub trait Transport: 'static {
    /// The sending end.
    type Tx: Sender<PublicKey = ed25519::PublicKey>;
    /// The receiving end.
    type Rx: Receiver<PublicKey = ed25519::PublicKey>;
    /// The directory.
    type Directory: Provider<PublicKey = ed25519::PublicKey>;
    /// The blocker.
    type Blocker: Blocker<PublicKey = ed25519::PublicKey>;
}

/// The network of a [`Transport`].
pub type NetworkOf<T> =
    Network<<T as Transport>::Tx, <T as Transport>::Rx, <T as Transport>::Directory, <T as Transport>::Blocker>;

/// The largest payload that any channel of a committee of `seats` carries.
pub fn message_bytes_max(seats: usize) -> u32 {
    let participants = u32::try_from(seats).unwrap_or(u32::MAX);
    max_message_size(&[
        simplex::max_payload_size::<Scheme, Digest>(participants),
        marshal::max_payload_size::<Standard<NodeBlock>, Scheme>(participants, &()),
        GOSSIP_BYTES_MAX,
    ])
}

/// The authenticated network over a runtime's TCP.
pub struct Authenticated<E>(std::marker::PhantomData<E>);

impl<E: Spawner + Clock + CryptoRng + RuntimeNetwork + Resolver + Metrics> Transport for Authenticated<E> {
    type Tx = lookup::Sender<ed25519::PublicKey, E>;
    type Rx = lookup::Receiver<ed25519::PublicKey>;
    type Directory = Oracle<ed25519::PublicKey>;
    type Blocker = Oracle<ed25519::PublicKey>;
}

/// A running authenticated network.
pub struct Connected<E: Spawner + Clock + CryptoRng + RuntimeNetwork + Resolver + Metrics> {
    /// The channels of consensus.
    pub network: NetworkOf<Authenticated<E>>,
    /// The channels of the mempool.
    pub gossip: Gossip<lookup::Sender<ed25519::PublicKey, E>, lookup::Receiver<ed25519::PublicKey>>,
    /// Ends when the network does.
    pub task: Handle<()>,
}

/// Listens, and dials the peers of `config`.
pub async fn connect<E>(context: E, config: &NodeConfig) -> Result<Connected<E>, StartError>
where
    E: Spawner + Clock + CryptoRng + RuntimeNetwork + Resolver + Metrics,
{
    // The listener's own task would only panic; asking first gives the operator one clear line.
    let listen = config.listen;
    let probe = context.bind(listen).await.map_err(|error| StartError::Listen { listen, reason: error.to_string() })?;
    drop(probe);
    let (mut network, mut oracle) = lookup::Network::new(context.child("p2p"), p2p_config(config));
    let own_key = config.vote_key.public_key();
    let others = config.peers.iter().filter(|peer| peer.key != own_key);
    let mut peers: Vec<(ed25519::PublicKey, Address)> =
        others.map(|peer| (peer.key.clone(), peer.address.into())).collect();
    peers.push((own_key, listen.into()));
    let _ = oracle.track(0, Map::from_iter_dedup(peers));

    let [votes, certificates, certificate_fetch, block_fetch, blocks, actions, oracle_votes] =
        channels().map(|(channel, quota)| network.register(channel, quota));
    let task = network.start();
    Ok(Connected {
        network: Network {
            votes,
            certificates,
            certificate_fetch,
            block_fetch,
            blocks,
            directory: oracle.clone(),
            blocker: oracle,
        },
        gossip: Gossip { actions, oracle: oracle_votes },
        task,
    })
}

fn p2p_config(config: &NodeConfig) -> lookup::Config<Cups<Sake<ed25519::PrivateKey>, ChaCha20Poly1305>> {
    const MAILBOX_SIZE: NonZeroUsize = NZUsize!(1_024);
    let seats = config.genesis.seats.len();
    let handshake = Cups::<_, ChaCha20Poly1305>::new(
        Sake {
            signer: config.vote_key.clone(),
            synchrony_bound: Duration::from_secs(5),
            max_handshake_age: Duration::from_secs(10),
            version: sake::Version::V1,
        },
        cups::Version::V1,
    );
    let peers_max = NonZeroUsize::new(seats.max(config.peers.len()).saturating_add(1)).unwrap_or(NonZeroUsize::MIN);
    let namespace = consensus_namespace(&config.genesis.hash());
    let mut p2p =
        lookup::Config::local(handshake, &namespace, config.listen, peers_max, message_bytes_max(seats), MAILBOX_SIZE);
    // Addresses that are not public are dialled and accepted only where the operator configured one.
    p2p.allow_private_ips = config.peers.iter().any(|peer| !is_public(peer.address));
    p2p
}

const fn is_public(address: std::net::SocketAddr) -> bool {
    match address.ip() {
        std::net::IpAddr::V4(ip) => !(ip.is_private() || ip.is_loopback() || ip.is_link_local()),
        std::net::IpAddr::V6(ip) => !(ip.is_loopback() || ip.is_unique_local() || ip.is_unicast_link_local()),
    }
}

#[cfg(test)]
mod tests;
