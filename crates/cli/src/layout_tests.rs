use super::*;
use palisade_types::time::TimeMs;

/// Keys that are the same in every run.
pub fn keys(count: u8) -> Vec<SeatKeys> {
    (0..count).map(|seat| seat_keys(seat + 1)).collect()
}

fn seat_keys(number: u8) -> SeatKeys {
    let key = |byte: u8| Ed25519SecretKey::from_bytes([byte; 32]);
    SeatKeys { vote: key(number), oracle: key(number + 100) }
}

/// Their seats.
pub fn seats(count: u8) -> Vec<Seat> {
    keys(count).iter().zip(0u32..).map(|(keys, id)| keys.seat(SeatId::new(id), format!("seat-{id}"))).collect()
}

fn addresses(count: u16) -> Addresses {
    let list = |base: u16| (base..base + count).map(|port| SocketAddr::from(([127, 0, 0, 1], port))).collect();
    Addresses { peers: list(5_000), rpc: list(6_000) }
}

fn folder(name: &str) -> PathBuf {
    let path = std::env::temp_dir().join(format!("palisade-layout-{name}-{}", std::process::id()));
    let _ = fs::remove_dir_all(&path);
    path
}

fn written(name: &str) -> PathBuf {
    let parent = folder(name);
    let genesis = crate::genesis::devnet_genesis(1, "test", TimeMs::new(1), seats(4));
    write_folders(&parent, &genesis, &keys(4), &addresses(4), 0).expect("written");
    parent
}

fn refusal(path: &Path) -> String {
    crate::failure::one_line(&NodeFolder::open(path).err().expect("must be refused"))
}

#[test]
fn folders_are_read_as_they_were_written() {
    let parent = written("read");
    for (index, seat) in (0..4usize).zip(0u32..) {
        let opened = NodeFolder::open(&node_path(&parent, index)).expect("a node folder");
        assert_eq!(opened.seat, SeatId::new(seat));
        assert_eq!(opened.file.peers.len(), 3);
        assert!(!opened.file.peers.iter().any(|peer| peer.address == opened.file.peer_listen));
    }
    fs::remove_dir_all(parent).expect("removed");
}

#[test]
fn secrets_are_never_overwritten() {
    let parent = written("secret");
    let path = node_path(&parent, 0).join(VOTE_KEY_FILE);
    let before = fs::read(&path).expect("keys");
    SeatKeys::generate().expect("keys").create(&node_path(&parent, 0)).expect_err("a second write must fail");
    assert_eq!(fs::read(&path).expect("keys"), before);
    fs::remove_dir_all(parent).expect("removed");
}

#[test]
fn folders_that_cannot_run_say_why() {
    let parent = written("refuse");
    let node = node_path(&parent, 0);
    assert!(refusal(&parent).contains("is no node folder"));

    let config = fs::read_to_string(node.join(CONFIG_FILE)).expect("text");
    let set = |text: &str| fs::write(node.join(CONFIG_FILE), text).expect("written");

    set(&config.replace("vote.key.json", "absent.json"));
    assert!(refusal(&node).contains("no key file at"));
    set(&config.replace("vote.key.json", "oracle.key.json"));
    assert!(refusal(&node).contains("expected Vote"));
    set(&format!("unknown = 1\n{config}"));
    assert!(refusal(&node).contains("is malformed"));

    let stranger = node.join("stranger");
    create_folder(&stranger).expect("a folder");
    seat_keys(77).create(&stranger).expect("written");
    set(&config.replace("vote.key.json", "stranger/vote.key.json"));
    assert!(refusal(&node).contains("has no seat"));
    set(&config.replace("oracle.key.json", "stranger/oracle.key.json"));
    assert!(refusal(&node).contains("is not that of seat 0"));

    set(&config);
    fs::write(node.join(GENESIS_FILE), "{}").expect("written");
    assert!(refusal(&node).contains("is malformed"));
    fs::remove_dir_all(parent).expect("removed");
}
