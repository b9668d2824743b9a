//! What each part of the work costs per action, in microseconds of processor time over all seats: measured by itself on
//! blocks of the run, times the number of times that it is done. Beside each stands its limit: the part of the work that
//! cannot be left out, measured in the same way. What the run took and no part explains is named as such.

use crate::{Counts, Kept, cpu, terms::SEATS};
use commonware_codec::Encode as _;
use commonware_cryptography::{ChaCha20Poly1305, Cipher, Signer as _, Verifier as _, ed25519};
use commonware_glue::stateful::db::DatabaseSet as _;
use commonware_math::algebra::Random as _;
use commonware_runtime::{Runner as _, Supervisor as _, buffer::paged::CacheRef, tokio as production};
use commonware_utils::{NZU16, NZUsize, test_rng};
use palisade_engine::{BlockInput, Engine, Rules, Write};
use palisade_node::{
    block::NodeBlock,
    engine_cache::Executed,
    entropy::Blinding,
    final_view::FinalView,
    gossip,
    repair::RepairSource,
    results::BlockResults,
    status::Status,
    store::{StateStore, StateStoreConfig, database_config},
    wiring::MarshalMailbox,
};
use palisade_types::{
    codec,
    envelope::{Signature, SignedAction},
    genesis::Genesis,
    hash::sha256,
    signing::{VerifiedAction, signing_hash, verify},
};
use secp256k1::{
    Message, SecretKey,
    ecdsa::{RecoverableSignature, RecoveryId},
};
use serde_json::{Value, json};
use std::{
    hint::black_box,
    io::{Read as _, Write as _},
    net::{Ipv4Addr, TcpListener, TcpStream},
    num::NonZeroUsize,
    path::Path,
    sync::Arc,
    thread,
    time::Duration,
};

const SEATS_F: f64 = SEATS as f64;
const PEERS_F: f64 = SEATS_F - 1.0;
/// Signatures that are checked for one figure.
const SIGNATURES: usize = 2_000;
/// As the archives of blocks and results have it.
const ZSTD_LEVEL: i32 = 3;
const PAGE_CACHE_PAGES: NonZeroUsize = NZUsize!(16 * 1024);
/// Votes of a quorum, of two kinds.
const VOTES_PER_BLOCK: f64 = 2.0 * (SEATS_F - 1.0);

/// One part.
pub struct Share {
    pub name: &'static str,
    pub us: f64,
    pub limit_us: f64,
    pub limit_what: &'static str,
}

/// The parts of a phase.
pub fn measure(
    folder: &Path,
    genesis: &Arc<Genesis>,
    marshal: &MarshalMailbox,
    kept: &Kept,
    counts: &Counts,
    idle_block_us: f64,
) -> Vec<Share> {
    let verified = verify_all(kept);
    let signatures: Vec<&SignedAction> =
        verified.iter().flatten().map(|action| action.signed()).take(SIGNATURES).collect();
    vec![
        sign(&signatures, counts),
        recover(&signatures),
        engine(genesis, kept, &verified),
        view(kept),
        qmdb(folder, genesis, marshal, kept),
        encoding(kept),
        compression(kept),
        network(kept),
        consensus(counts, idle_block_us),
    ]
}

/// The shares of what the run took, for the report.
pub fn report(parts: usize, counts: &Counts, shares: &[Share]) -> Value {
    let actions = counts.actions.max(1) as f64;
    let total_us = counts.cpu.as_secs_f64() * 1e6 / actions;
    let trading_us = counts.trading.as_secs_f64() * 1e6 / actions;
    let known_us: f64 = shares.iter().map(|share| share.us).sum::<f64>() + trading_us;
    let rows: Vec<Value> = shares
        .iter()
        .map(|share| {
            json!({
                "part": share.name, "us": share.us, "percent": 100.0 * share.us / total_us,
                "limit_us": share.limit_us, "limit_what": share.limit_what,
            })
        })
        .collect();
    json!({
        "parts_per_action": parts, "total_us": total_us, "traders_us": trading_us, "rest_us": total_us - known_us,
        "processors_used": counts.cpu.as_secs_f64() / counts.seconds, "shares": rows,
    })
}

fn per_action(kept: &Kept, us: f64) -> f64 {
    us / kept.actions().max(1) as f64
}

fn verify_all(kept: &Kept) -> Vec<Vec<Arc<VerifiedAction>>> {
    let one = |signed: &SignedAction| Arc::new(verify(signed.clone()).expect("it was final"));
    kept.blocks.iter().map(|block| block.block.body().actions.iter().map(one).collect()).collect()
}

fn sign(signatures: &[&SignedAction], counts: &Counts) -> Share {
    let key = SecretKey::from_secret_bytes([7; 32]).expect("below the order");
    let hashes: Vec<[u8; 32]> = signatures.iter().map(|signed| signing_hash(&signed.envelope)).collect();
    let bare_us = cpu::thread_us(|| {
        for hash in &hashes {
            black_box(RecoverableSignature::sign_ecdsa_recoverable(Message::from_digest(*hash), &key));
        }
    });
    Share {
        name: "sign (the clients)",
        us: counts.signing.as_secs_f64() * 1e6 / counts.sent.max(1) as f64,
        limit_us: bare_us / hashes.len().max(1) as f64,
        limit_what: "libsecp256k1 sign",
    }
}

/// Every seat checks every signature once.
fn recover(signatures: &[&SignedAction]) -> Share {
    let bare: Vec<(RecoverableSignature, Message)> = signatures.iter().map(|signed| bare_signature(signed)).collect();
    let clones: Vec<SignedAction> = signatures.iter().map(|signed| (*signed).clone()).collect();
    let each = SEATS_F / signatures.len().max(1) as f64;
    let us = cpu::thread_us(|| clones.into_iter().filter_map(|signed| verify(signed).ok()).count());
    let bare_us =
        cpu::thread_us(|| bare.iter().filter(|(signature, hash)| signature.recover_ecdsa(*hash).is_ok()).count());
    Share {
        name: "recover, 4 times",
        us: us * each,
        limit_us: bare_us * each,
        limit_what: "libsecp256k1 recover, 4 times",
    }
}

fn bare_signature(signed: &SignedAction) -> (RecoverableSignature, Message) {
    let Signature::Secp256k1 { compact, recovery_id } = signed.signature else { panic!("the traders have wallets") };
    let recovery_id = if recovery_id == 0 { RecoveryId::Zero } else { RecoveryId::One };
    let signature = RecoverableSignature::from_compact(&compact, recovery_id).expect("it was final");
    (signature, Message::from_digest(signing_hash(&signed.envelope)))
}

/// Every seat executes every block once.
fn engine(genesis: &Arc<Genesis>, kept: &Kept, verified: &[Vec<Arc<VerifiedAction>>]) -> Share {
    let values: Vec<Vec<u8>> = kept.state.records().map(|record| record.encode()).collect();
    let mut engine = Engine::from_records(genesis.clone(), values.into_iter()).expect("own records");
    let rules = Rules::at(1).expect("version 1 is known");
    let mut undo = Vec::new();
    let us = cpu::thread_us(|| {
        for (block, actions) in kept.blocks.iter().zip(verified) {
            let (header, body) = (block.block.header(), block.block.body());
            let input = BlockInput {
                height: header.height,
                time_ms: header.time_ms,
                parent: header.parent,
                oracle_bundle: body.oracle_bundle.as_ref(),
                actions,
            };
            undo.push(engine.execute(&rules, &input).expect("it was final"));
        }
    });
    let agree = undo.iter().zip(&kept.blocks).all(|(outcome, block)| outcome.writes == block.executed.writes);
    assert!(agree, "executing again gives the same writes");
    let writes: Vec<&Write> = kept.blocks.iter().flat_map(|block| &block.executed.writes).collect();
    let records: Vec<_> = writes.iter().filter_map(|write| engine.state().record(&write.name)).collect();
    let bare_us = cpu::thread_us(|| {
        for record in &records {
            black_box((record.key().database_key(), record.encode()));
        }
    });
    Share {
        name: "engine, 4 times",
        us: per_action(kept, us) * SEATS_F,
        limit_us: per_action(kept, bare_us) * SEATS_F,
        limit_what: "key hash and encoding of each write, 4 times",
    }
}

/// Every seat keeps a second state for its readers.
fn view(kept: &Kept) -> Share {
    let view = FinalView::default();
    view.load(kept.tip.clone(), &kept.state);
    let us = cpu::thread_us(|| {
        for block in &kept.blocks {
            view.advance(block.block.block_digest(), block.block.header(), &block.executed);
        }
    });
    let values: Vec<&Vec<u8>> =
        kept.blocks.iter().flat_map(|block| &block.executed.writes).filter_map(|write| write.value.as_ref()).collect();
    let bare_us =
        cpu::thread_us(|| values.iter().filter(|value| palisade_engine::state::Record::decode(value).is_ok()).count());
    Share {
        name: "readers' view, 4 times",
        us: per_action(kept, us) * SEATS_F,
        limit_us: per_action(kept, bare_us) * SEATS_F,
        limit_what: "decoding each write, 4 times",
    }
}

/// Every seat puts every write set into its database, computes the roots and syncs.
fn qmdb(folder: &Path, genesis: &Arc<Genesis>, marshal: &MarshalMailbox, kept: &Kept) -> Share {
    let storage = folder.join(format!("qmdb-{}", kept.tip.header.height));
    let runtime = production::Config::new().with_storage_directory(storage).with_worker_threads(1);
    let repair =
        RepairSource { genesis: genesis.clone(), marshal: marshal.clone(), blinding: Arc::new(Blinding::new([7; 32])) };
    let database = database_config("bench", CacheRef::new(NZU16!(4_096), PAGE_CACHE_PAGES), PAGE_CACHE_PAGES);
    let before = Arc::new(Executed { writes: all_records(kept), receipts: Vec::new(), events: Vec::new() });
    let cpu = production::Runner::new(runtime).start(|context| async move {
        let config = StateStoreConfig { database, repair, status: Status::default() };
        let store = StateStore::init(context.child("store"), config, None).await;
        let mut start = Duration::ZERO;
        let first = (kept.tip.header.height, before);
        let blocks = kept.blocks.iter().map(|block| (block.block.header().height, block.executed.clone()));
        for (number, (height, executed)) in std::iter::once(first).chain(blocks).enumerate() {
            if number == 1 {
                start = cpu::process();
            }
            let sealed = store.new_batches().await.seal(height, executed).await.expect("a sound store");
            black_box((sealed.canonical_root(), sealed.target()));
            store.apply(sealed).await;
            let durable = store.finalize().await.durable().await;
            assert!(durable, "the runtime runs");
        }
        cpu::process() - start
    });
    let writes: Vec<&Write> = kept.blocks.iter().flat_map(|block| &block.executed.writes).collect();
    let bare_us = cpu::thread_us(|| {
        for write in &writes {
            let leaf = sha256(&[&write.key, write.value.as_deref().unwrap_or_default()]);
            black_box(sha256(&[&leaf, &write.key]));
        }
    });
    Share {
        name: "QMDB, 4 times",
        us: per_action(kept, cpu.as_secs_f64() * 1e6) * SEATS_F,
        limit_us: per_action(kept, bare_us) * SEATS_F,
        limit_what: "SHA-256 of each write and of one node above it, 4 times",
    }
}

fn all_records(kept: &Kept) -> Vec<Write> {
    let write = |record: palisade_engine::state::Record| Write {
        key: record.key().database_key(),
        name: record.key(),
        value: Some(record.encode()),
    };
    kept.state.records().map(write).collect()
}

fn results(kept: &Kept) -> Vec<BlockResults> {
    let of = |block: &palisade_node::source::FinalizedBlock| BlockResults {
        height: block.block.header().height,
        digest: block.block.block_digest(),
        receipts: block.executed.receipts.clone(),
        events: block.executed.events.clone(),
    };
    kept.blocks.iter().map(of).collect()
}

/// Blocks are made once and read by three; actions are gossiped by one and read by three; results are encoded and hashed
/// by all.
fn encoding(kept: &Kept) -> Share {
    let results = results(kept);
    let bodies = kept.blocks.iter().map(|block| block.block.block().clone());
    let made = cpu::thread_us(|| bodies.filter(|block| NodeBlock::new(block.clone()).is_ok()).count());
    let read = cpu::thread_us(|| {
        kept.blocks.iter().filter(|block| NodeBlock::from_bytes(block.block.encoded().clone()).is_ok()).count()
    });
    let batches: Vec<Vec<Arc<[u8]>>> = kept
        .blocks
        .iter()
        .map(|block| block.block.body().actions.iter().map(|action| action.encode().into()).collect())
        .collect();
    let mut messages = Vec::new();
    let sent = cpu::thread_us(|| messages = batches.iter().map(|batch| codec::encode(&to_batch(batch))).collect());
    let received = cpu::thread_us(|| messages.iter().map(|message| read_batch(message)).sum::<usize>());
    let archived = cpu::thread_us(|| {
        for result in &results {
            black_box((codec::encode(result), result.receipts_root(), result.events_root()));
        }
    });
    let blocks: Vec<&[u8]> = kept.blocks.iter().map(|block| block.block.encoded().as_ref()).collect();
    let encoded: Vec<Vec<u8>> = results.iter().map(codec::encode).collect();
    let all: Vec<&[u8]> = blocks.into_iter().chain(encoded.iter().map(Vec::as_slice)).collect();
    let hashed = cpu::thread_us(|| all.iter().map(|bytes| sha256(&[bytes])).collect::<Vec<_>>());
    Share {
        name: "codec and roots of blocks, gossip and results",
        us: per_action(kept, made + sent + (read + received) * PEERS_F + archived * SEATS_F),
        limit_us: per_action(kept, hashed * SEATS_F),
        limit_what: "SHA-256 of blocks and results, 4 times",
    }
}

fn to_batch(actions: &[Arc<[u8]>]) -> gossip::Batch {
    actions.iter().map(|action| action.to_vec()).collect()
}

fn read_batch(message: &[u8]) -> usize {
    // The bound of a message would cut a block's actions into several; what they cost is the same.
    let batch: gossip::Batch = codec::decode(message, usize::MAX).expect("own bytes");
    batch.iter().filter(|action| SignedAction::decode(action).is_ok()).count()
}

/// Every seat compresses blocks and results into its archives.
fn compression(kept: &Kept) -> Share {
    let encoded: Vec<Vec<u8>> = results(kept).iter().map(codec::encode).collect();
    let blocks = kept.blocks.iter().map(|block| block.block.encoded().as_ref());
    let all: Vec<&[u8]> = blocks.chain(encoded.iter().map(Vec::as_slice)).collect();
    let compress = |level: i32| {
        cpu::thread_us(|| {
            all.iter()
                .filter_map(|bytes| zstd::bulk::compress(bytes, level).ok())
                .map(|bytes| bytes.len())
                .sum::<usize>()
        })
    };
    let (us, fastest_us) = (compress(ZSTD_LEVEL), compress(-5));
    Share {
        name: "compressing blocks and results, 4 times",
        us: per_action(kept, us) * SEATS_F,
        limit_us: per_action(kept, fastest_us) * SEATS_F,
        limit_what: "zstd at its fastest, 4 times",
    }
}

/// Every action goes to three peers once, and again within a block: sealed, sent, received, opened.
fn network(kept: &Kept) -> Share {
    let blocks = kept.blocks.iter().map(|block| block.block.encoded().to_vec());
    // Gossip carries the same actions, without the header.
    let messages: Vec<Vec<u8>> = blocks.flat_map(|bytes| [bytes.clone(), bytes]).collect();
    let sealing_us = cpu::thread_us(|| {
        let (mut seals, mut opens) = (ChaCha20Poly1305::random(test_rng()), ChaCha20Poly1305::random(test_rng()));
        for message in &messages {
            let mut bytes = message.clone();
            let (sealer, tag) = seals.seal(&[], &mut bytes).expect("few messages");
            opens = opens.open(&[], &mut bytes, &tag).expect("it was sealed with the same key");
            seals = sealer;
        }
    });
    let carrying_us = carry(&messages);
    Share {
        name: "network: sealing and loopback TCP, to 3 peers",
        us: per_action(kept, sealing_us + carrying_us) * PEERS_F,
        limit_us: per_action(kept, carrying_us) * PEERS_F,
        limit_what: "loopback TCP alone",
    }
}

/// Processor time, in microseconds, of sending messages over loopback and reading them.
fn carry(messages: &[Vec<u8>]) -> f64 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    let address = listener.local_addr().expect("an address");
    let lengths: Vec<usize> = messages.iter().map(Vec::len).collect();
    let start = cpu::process();
    let reader = thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("a connection");
        for length in lengths {
            let mut message = vec![0u8; length];
            stream.read_exact(&mut message).expect("the other end writes");
            black_box(message);
        }
    });
    let mut stream = TcpStream::connect(address).expect("the listener is there");
    for message in messages {
        stream.write_all(message).expect("the other end reads");
    }
    reader.join().expect("the reader ended well");
    (cpu::process() - start).as_secs_f64() * 1e6
}

/// What a block costs whatever is in it: votes, certificates, syncs, empty commits.
fn consensus(counts: &Counts, idle_block_us: f64) -> Share {
    let blocks_per_action = counts.blocks as f64 / counts.actions.max(1) as f64;
    let key = ed25519::PrivateKey::from_seed(7);
    let signature = key.sign(b"bench", b"vote");
    let public = key.public_key();
    let verify_us =
        cpu::thread_us(|| (0..SIGNATURES).filter(|_| public.verify(b"bench", black_box(b"vote"), &signature)).count())
            / SIGNATURES as f64;
    black_box(signature.encode());
    Share {
        name: "consensus: what an empty block costs",
        us: idle_block_us * blocks_per_action,
        limit_us: verify_us * VOTES_PER_BLOCK * SEATS_F * blocks_per_action,
        limit_what: "checking a quorum's two rounds of votes, 4 times",
    }
}
