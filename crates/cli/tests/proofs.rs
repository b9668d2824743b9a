//! Proofs of a live devnet: `palisade verify` believes them, and believes no forgery of them.
//!
//! The forger here is strong: it has the vote keys of all seats. What it signs itself must be refused for what it says,
//! not for its signature.

mod support;

use commonware_codec::{Decode as _, DecodeExt as _, Encode as _};
use commonware_consensus::{
    simplex::{
        scheme::ed25519::Scheme,
        types::{Finalize, Proposal},
    },
    types::{Epoch, Round, View},
};
use commonware_cryptography::{Signer as _, certificate::Signers, ed25519::PrivateKey, sha256};
use commonware_parallel::Sequential;
use commonware_utils::{Participant, non_empty, ordered::Set};
use palisade_client::{
    api::NodeApi as _,
    keys::{KeyKind, load_ed25519},
    proof::{Certificate, ProofBundle, ProofRequest, consensus_namespace, from_hex, to_hex},
};
use palisade_types::{
    address::AccountId,
    block::Header,
    codec,
    genesis::Genesis,
    hash::ActionId,
    ids::{AssetId, Height, OrderId, UniverseId},
};
use serde_json::Value;
use std::{fs, path::Path, time::Duration};
use support::{ACCOUNT, Devnet, Folder, KEY, OTHER_ACCOUNT, Remote, run_ok};

/// What the verifier must refuse at least.
const FORGERIES_MIN: usize = 200;
/// Bits flipped in each part of each bundle, spread evenly.
const FLIPS_PER_PART: usize = 12;

/// A forged bundle and what is false about it.
struct Forgery {
    what: String,
    bundle: ProofBundle,
}

/// What a forger does to a header.
type Change = fn(&mut Header);
/// A part of a bundle, if it has it.
type Part = fn(&mut ProofBundle) -> Option<&mut String>;

/// A live chain, honest proofs of it, and the keys of its seats.
struct Chain {
    genesis: Genesis,
    keys: Vec<PrivateKey>,
    remote: Remote,
    order: OrderId,
    action: ActionId,
}

impl Chain {
    /// Trades a little on a running devnet.
    fn of(devnet: &Devnet) -> Self {
        let text = fs::read(devnet.genesis()).expect("the genesis file");
        let genesis: Genesis = serde_json::from_slice(&text).expect("a genesis");
        let seats = (0..genesis.seats.len()).map(|seat| {
            let path = devnet.data.join(format!("node-{seat}")).join("vote.key.json");
            let key = load_ed25519(&path, KeyKind::Vote).expect("a vote key");
            PrivateKey::decode(key.expose_bytes().to_vec()).expect("a seed")
        });
        let keys = seats.collect();
        let url = devnet.url();
        let order = ["--market", "ETH", "--side", "buy", "--price", "3000", "--size", "1", "--key", KEY, "--rpc", &url];
        let placed = run_ok(&[["tx", "order", "--json"].as_slice(), &order].concat());
        let placed: Value = serde_json::from_str(&placed).expect("JSON");
        let action = placed["receipt"]["action"].as_str().expect("an id").parse().expect("an action's id");
        let order = placed["receipt"]["outcome"]["results"][0]["order"].as_u64().expect("an order");
        Self { genesis, keys, remote: Remote::new(&url), order: OrderId::new(order), action }
    }

    fn prove(&self, request: ProofRequest) -> ProofBundle {
        self.remote.block_on(self.remote.api.prove(request)).expect("a proof")
    }

    fn header(&self, height: u64) -> Header {
        let block = self.remote.block_on(self.remote.api.block(Height::new(height), 10_000));
        block.expect("a finalized block").header.clone()
    }

    /// The same proof under the certificate of a later block.
    fn lengthened(&self, bundle: &ProofBundle, headers: u64) -> ProofBundle {
        let first = bundle.height.get();
        let chain: Vec<Header> = (first..first + headers).map(|height| self.header(height)).collect();
        let last = chain.last().expect("at least one header");
        let certificate = self.certify(proposal(last), 0..3);
        let texts = chain.iter().map(|header| to_hex(&header.encode())).collect();
        ProofBundle { headers: texts, certificate, ..bundle.clone() }
    }

    /// A certificate by some of the seats, in order of their keys.
    fn certify(&self, proposal: Proposal<sha256::Digest>, signers: std::ops::Range<usize>) -> String {
        certify(&consensus_namespace(&self.genesis.hash()), &self.keys, proposal, signers)
    }
}

fn certify(
    namespace: &[u8],
    keys: &[PrivateKey],
    proposal: Proposal<sha256::Digest>,
    signers: std::ops::Range<usize>,
) -> String {
    let committee = Set::from_iter_dedup(keys.iter().map(PrivateKey::public_key));
    let vote = |key: &PrivateKey| {
        let scheme = Scheme::signer(namespace, committee.clone(), key.clone()).expect("a seat");
        Finalize::sign(&scheme, proposal.clone()).expect("a vote")
    };
    let votes: Vec<_> = keys[signers].iter().map(vote).collect();
    let scheme = Scheme::verifier(namespace, committee.clone());
    let certificate = Certificate::from_owned_finalizes(&scheme, non_empty![@votes], &Sequential);
    to_hex(&certificate.expect("a quorum").encode())
}

fn proposal(header: &Header) -> Proposal<sha256::Digest> {
    let context = &header.context;
    let round = Round::new(Epoch::new(context.epoch), View::new(context.view));
    Proposal::new(round, View::new(context.parent_view), sha256::Digest::from(header.digest().0))
}

fn header_of(bundle: &ProofBundle, index: usize) -> Header {
    codec::decode(&from_hex(&bundle.headers[index]).expect("hexadecimal"), 1 << 16).expect("a header")
}

fn balance(account: &str) -> ProofRequest {
    let account: AccountId = account.parse().expect("an address");
    ProofRequest::Balance { universe: UniverseId::new(0), account, asset: AssetId::new(0) }
}

/// Values of others, absences for presences, older states.
fn false_statements(chain: &Chain, honest: &[ProofBundle]) -> Vec<Forgery> {
    let mut forgeries = Vec::new();
    let mut add = |what: &str, bundle: ProofBundle| forgeries.push(Forgery { what: what.to_owned(), bundle });
    let [alice, bob, nobody, order, closed, receipt] = honest else { panic!("six honest bundles") };
    add("another account's value", ProofBundle { value: bob.value.clone(), ..alice.clone() });
    add("another account's proof", ProofBundle { request: alice.request.clone(), ..bob.clone() });
    add("another account's absence", ProofBundle { request: alice.request.clone(), ..nobody.clone() });
    add("exclusion for inclusion", ProofBundle { value: None, ..alice.clone() });
    add("inclusion for exclusion", ProofBundle { value: alice.value.clone(), ..nobody.clone() });
    add("an order hidden", ProofBundle { value: None, ..order.clone() });
    add("an order hidden by another's absence", ProofBundle { request: order.request.clone(), ..closed.clone() });
    add("another order", ProofBundle { request: closed.request.clone(), ..order.clone() });
    add("an order for a balance", ProofBundle { request: alice.request.clone(), ..order.clone() });
    add("a receipt for an order", ProofBundle { request: order.request.clone(), ..receipt.clone() });
    add("a receipt withheld", ProofBundle { value: None, ..receipt.clone() });
    let other_action = ProofRequest::Receipt { action: ActionId([5; 32]) };
    add("another action's receipt", ProofBundle { request: other_action, ..receipt.clone() });
    for bundle in [alice, order, receipt] {
        let value = bundle.value.clone().expect("a value");
        let swapped = ProofBundle { value: Some(bundle.proof.clone()), proof: value, ..bundle.clone() };
        add("value and proof swapped", swapped);
        let key = Some(to_hex(&[1; 33]));
        add("a key for a value", ProofBundle { value: key, ..bundle.clone() });
    }
    // The state of an older block, now that a newer one is final.
    for old in &honest[..5] {
        let new = chain.prove(old.request.clone());
        assert!(new.height > old.height, "the chain goes on");
        add("an older root", ProofBundle { proof: old.proof.clone(), value: old.value.clone(), ..new.clone() });
        add("a newer root", ProofBundle { proof: new.proof.clone(), value: new.value.clone(), ..old.clone() });
        add("newer headers", ProofBundle { headers: new.headers.clone(), ..old.clone() });
        add("a newer height", ProofBundle { height: new.height, ..old.clone() });
        add("a newer certificate", ProofBundle { certificate: new.certificate.clone(), ..old.clone() });
    }
    forgeries
}

/// Certificates by too few, by one several times, by strangers, of other rounds, blocks and chains.
fn false_certificates(chain: &Chain, honest: &ProofBundle) -> Vec<Forgery> {
    let mut forgeries = Vec::new();
    let mut add = |what: &str, certificate: String| {
        forgeries.push(Forgery { what: what.to_owned(), bundle: ProofBundle { certificate, ..honest.clone() } });
    };
    let header = header_of(honest, honest.headers.len() - 1);
    let bytes = from_hex(&chain.certify(proposal(&header), 0..4)).expect("hexadecimal");
    let full = Certificate::decode_cfg(bytes, &4).expect("a certificate");
    let by = |signers: &[usize], signatures: &[usize]| {
        let mut certificate = full.clone();
        let signers = signers.iter().map(|signer| Participant::from_usize(*signer));
        certificate.certificate.signers = Signers::new(4, signers).expect("distinct seats");
        let signature = |index: &usize| full.certificate.signatures[*index].clone();
        certificate.certificate.signatures = signatures.iter().map(signature).collect();
        to_hex(&certificate.encode())
    };
    for pair in [[0, 1], [0, 2], [1, 3], [2, 3]] {
        add("a quorum less one", by(&pair, &pair));
    }
    add("one signer", by(&[2], &[2]));
    add("one signature three times", by(&[0, 1, 2], &[0, 0, 0]));
    add("one signature twice", by(&[0, 1, 2], &[0, 1, 1]));
    add("signatures in each other's places", by(&[0, 1, 2], &[1, 0, 2]));
    add("the signature of a seat that is not named", by(&[0, 1, 2], &[0, 1, 3]));
    add("fewer signatures than signers", by(&[0, 1, 2], &[0, 1]));
    add("more signatures than signers", by(&[0, 1, 2], &[0, 1, 2, 3]));
    let namespace = consensus_namespace(&chain.genesis.hash());
    let strangers: Vec<PrivateKey> =
        (1..=8u8).map(|byte| PrivateKey::decode(vec![byte; 32]).expect("a seed")).collect();
    add("strangers", certify(&namespace, &strangers[..4], proposal(&header), 0..4));
    let mixed = [&chain.keys[..2], &strangers[..2]].concat();
    add("half strangers", certify(&namespace, &mixed, proposal(&header), 0..4));
    add(
        "a larger committee",
        certify(&namespace, &[&chain.keys[..], &strangers[..3]].concat(), proposal(&header), 0..7),
    );
    add("a smaller committee", certify(&namespace, &chain.keys[..3], proposal(&header), 0..3));
    let mut other = chain.genesis.clone();
    other.name.push('x');
    let foreign = consensus_namespace(&other.hash());
    add("votes for another genesis", certify(&foreign, &chain.keys, proposal(&header), 0..4));
    add("votes for no genesis", certify(b"palisade/consensus/", &chain.keys, proposal(&header), 0..4));
    let (view, parent) = (header.context.view, header.context.parent_view);
    for (epoch, view, parent) in [(1, view, parent), (0, view + 1, parent), (0, view, parent.wrapping_sub(1))] {
        let round = Round::new(Epoch::new(epoch), View::new(view));
        let proposal = Proposal::new(round, View::new(parent), sha256::Digest::from(header.digest().0));
        add("another epoch or view", chain.certify(proposal, 0..4));
    }
    // The next block and no fixed one: a quick start may prove any low height.
    add("another block", chain.certify(proposal(&chain.header(header.height.get() + 1)), 0..4));
    forgeries
}

/// Headers left out, repeated, exchanged, or truly signed but of another chain, epoch or state.
fn false_headers(chain: &Chain, honest: &ProofBundle) -> Vec<Forgery> {
    let mut forgeries = Vec::new();
    let long = chain.lengthened(honest, 4);
    for picked in
        [&[][..], &[0], &[3], &[0, 3], &[0, 1, 3], &[0, 2, 3], &[1, 2, 3], &[0, 1, 2], &[0, 0, 1, 2, 3], &[3, 2, 1, 0]]
    {
        let headers = picked.iter().map(|index| long.headers[*index].clone()).collect();
        let what = format!("headers {picked:?} of four");
        forgeries.push(Forgery { what, bundle: ProofBundle { headers, ..long.clone() } });
    }
    let changes: [(&str, Change); 6] = [
        ("another epoch", |header| header.context.epoch = 1),
        ("another chain", |header| header.chain_id += 1),
        ("another state", |header| header.state_root.0[0] ^= 1),
        ("a genesis named late", |header| header.genesis_hash.0[0] ^= 1),
        ("another parent in its context", |header| header.context.parent.0[0] ^= 1),
        ("another height", |header| header.height = header.height.next()),
    ];
    for (what, change) in changes {
        let mut header = header_of(honest, 0);
        change(&mut header);
        let (headers, certificate) = (vec![to_hex(&header.encode())], chain.certify(proposal(&header), 0..4));
        let bundle = ProofBundle { headers, certificate, ..honest.clone() };
        forgeries.push(Forgery { what: format!("a header with {what}, truly signed"), bundle });
    }
    forgeries
}

/// Bits flipped all over.
fn flipped(honest: &ProofBundle) -> Vec<Forgery> {
    let parts: [(&str, Part); 4] = [
        ("header", |bundle| bundle.headers.first_mut()),
        ("certificate", |bundle| Some(&mut bundle.certificate)),
        ("value", |bundle| bundle.value.as_mut()),
        ("proof", |bundle| Some(&mut bundle.proof)),
    ];
    let mut forgeries = Vec::new();
    for (name, part) in parts {
        for flip in 0..FLIPS_PER_PART {
            let mut bundle = honest.clone();
            let Some(text) = part(&mut bundle) else { continue };
            let mut bytes = from_hex(text).expect("hexadecimal");
            let at = bytes.len() * flip / FLIPS_PER_PART;
            bytes[at] ^= 1 << (flip % 8);
            *text = to_hex(&bytes);
            forgeries.push(Forgery { what: format!("a flipped bit in byte {at} of the {name}"), bundle });
        }
    }
    forgeries
}

/// The exit code and what is said of a bundle.
fn verdict(folder: &Folder, genesis: &str, bundle: &ProofBundle) -> (Option<i32>, String) {
    let path = folder.join("bundle.json").to_string_lossy().into_owned();
    fs::write(&path, serde_json::to_vec(bundle).expect("JSON")).expect("written");
    let output = support::run(&["verify", "--bundle", &path, "--genesis", genesis]);
    (output.status.code(), support::text(&output.stderr))
}

fn write_other_genesis(genesis: &Genesis, path: &Path) -> String {
    let mut other = genesis.clone();
    other.name.push_str(" of someone else");
    fs::write(path, serde_json::to_vec(&other).expect("JSON")).expect("written");
    path.to_string_lossy().into_owned()
}

#[test]
fn live_proofs_hold_and_two_hundred_forgeries_do_not() {
    let folder = Folder::new("forgeries");
    let devnet = Devnet::start(&folder, &["--no-market-maker"]);
    let (chain, genesis) = (Chain::of(&devnet), devnet.genesis());
    let requests = [
        balance(ACCOUNT),
        balance(OTHER_ACCOUNT),
        balance("0x00000000000000000000000000000000000000aa"),
        ProofRequest::Order { order: chain.order },
        ProofRequest::Order { order: OrderId::new(9_999_999) },
        ProofRequest::Receipt { action: chain.action },
    ];
    let honest: Vec<ProofBundle> = requests.into_iter().map(|request| chain.prove(request)).collect();
    std::thread::sleep(Duration::from_secs(2));
    for bundle in &honest {
        let (code, said) = verdict(&folder, &genesis, bundle);
        assert_eq!(code, Some(0), "{:?}: {said}", bundle.request);
        let (code, said) = verdict(&folder, &genesis, &chain.lengthened(bundle, 4));
        assert_eq!(code, Some(0), "{:?} under a later certificate: {said}", bundle.request);
    }
    let mut forgeries = false_statements(&chain, &honest);
    forgeries.extend(false_certificates(&chain, &honest[0]));
    forgeries.extend(false_headers(&chain, &honest[0]));
    forgeries.extend(honest.iter().flat_map(flipped));
    for Forgery { what, bundle } in &forgeries {
        let (code, said) = verdict(&folder, &genesis, bundle);
        assert_eq!(code, Some(3), "{what}: {said}");
        assert!(said.lines().any(|line| line.starts_with("palisade: ")), "{what} must be named: {said}");
    }
    let other = write_other_genesis(&chain.genesis, &folder.join("other.json"));
    for bundle in &honest {
        let (code, said) = verdict(&folder, &other, bundle);
        assert_eq!(code, Some(3), "another genesis: {said}");
    }
    let refused = forgeries.len() + honest.len();
    eprintln!("{refused} forgeries were refused");
    assert!(refused >= FORGERIES_MIN, "only {refused} forgeries were tried");
}
