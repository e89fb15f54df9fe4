//! The example reader on a real Redis with the access list of the example, beside a server that was
//! built with it: every paid order is printed, and again where its reader did not finish.

#![expect(clippy::unwrap_used, reason = "a test may fail this way")]

use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use serde_json::Value;

const SECRET: &str = "a secret of this test and of nobody else";

/// Ends with the test, whatever its end.
struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn free_address() -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    listener.local_addr().unwrap()
}

fn config(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../config").join(name)
}

fn start_redis(folder: &Path, address: SocketAddr) -> Process {
    let mut command = Command::new("redis-server");
    command.args(["--bind", "127.0.0.1", "--save", "", "--appendonly", "yes"]);
    command.args(["--appendfsync", "always", "--maxmemory-policy", "noeviction"]);
    command.arg("--port").arg(address.port().to_string()).arg("--dir").arg(folder);
    command.arg("--aclfile").arg(config("redis-acl.conf")).stdout(Stdio::null());
    let redis = Process(command.spawn().expect("redis-server is missing"));
    while TcpStream::connect(address).is_err() {
        std::thread::yield_now();
    }
    redis
}

/// Starts a server that knows Redis as its user, and says where it listens.
fn start_hawker(folder: &Path, redis: SocketAddr) -> (Process, String) {
    let program = Path::new(env!("CARGO_BIN_EXE_hawker-load")).with_file_name("hawker");
    assert!(program.is_file(), "run `cargo build -p hawker-server` first");
    let mut command = Command::new(program);
    command.args(["serve", "--config"]).arg(config("load.toml")).current_dir(folder);
    let settings = [
        ("SERVER_LISTEN", "127.0.0.1:0"),
        ("SERVER_ADMIN_LISTEN", "127.0.0.1:0"),
        ("AUTH_SECRET", SECRET),
        ("JOURNAL_KIND", "redis"),
        ("JOURNAL_REDIS_URL", &format!("redis://{redis}/0")),
        ("JOURNAL_REDIS_USER", "hawker"),
        ("JOURNAL_REDIS_PASSWORD", "hawkers-password-of-your-own"),
        ("LOG_FILTER", "warn"),
    ];
    command.envs(settings.map(|(name, value)| (format!("HAWKER_{name}"), value.to_owned())));
    let mut hawker = Process(command.stdout(Stdio::piped()).spawn().unwrap());
    let mut lines = BufReader::new(hawker.0.stdout.take().unwrap()).lines();
    let found = lines.find_map(|line| {
        let line = line.unwrap();
        let rest = line.strip_prefix("listening on http://")?;
        rest.split_once(',').map(|(address, _)| address.to_owned())
    });
    // What it says later must not fill the pipe.
    std::thread::spawn(move || lines.count());
    (hawker, found.unwrap())
}

/// What Redis answers to one line, as one of its users.
fn ask(redis: SocketAddr, user: &str, command: &str) -> String {
    let mut stream = TcpStream::connect(redis).unwrap();
    let lines = format!("AUTH {user} {user}s-password-of-your-own\r\n{command}\r\nBYE\r\n");
    stream.write_all(lines.as_bytes()).unwrap();
    let mut said = Vec::new();
    let mut byte = [0];
    // The third answer is that there is no such command.
    while !String::from_utf8_lossy(&said).contains("unknown command") {
        stream.read_exact(&mut byte).unwrap();
        said.extend(byte);
    }
    String::from_utf8(said).unwrap()
}

fn feed(redis: SocketAddr, shop: &str, group: &str, consumer: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hawker-load"));
    command.args(["feed", "--once", "--claim-after-ms", "0", "--shop", shop]);
    command.args(["--user", "feed", "--password", "feeds-password-of-your-own"]);
    command.args(["--redis", &format!("redis://{redis}/0"), "--group", group]);
    command.args(["--consumer", consumer]);
    command
}

fn lines(output: &Output) -> Vec<Value> {
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}: {said}", output.status);
    let text = String::from_utf8(output.stdout.clone()).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Runs a sale and says how many orders were paid, and of which shop.
fn run_sale(address: &str, redis: SocketAddr) -> (u64, String) {
    let mut sale = Command::new(env!("CARGO_BIN_EXE_hawker-load"));
    sale.args(["flash-sale", "--buyers", "60", "--stock", "20", "--seconds", "3", "--json"]);
    sale.args(["--server", &format!("ws://{address}/v1/ws"), "--secret", SECRET]);
    let report = lines(&sale.output().unwrap()).pop().unwrap();
    let shops = ask(redis, "hawker", "ZRANGEBYLEX hawker:shops - +");
    let shop = shops.lines().find(|line| line.starts_with("drop-")).unwrap();
    (report["sold"].as_u64().unwrap(), shop.trim_end().to_owned())
}

#[test]
fn paid_orders_are_printed_once_and_again_after_a_reader_that_died() {
    let folder = std::env::temp_dir().join(format!("hawker-feed-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let redis_at = free_address();
    let _redis = start_redis(&folder, redis_at);
    let (_hawker, address) = start_hawker(&folder, redis_at);
    let (sold, shop) = run_sale(&address, redis_at);
    assert!(sold > 0);

    // It has taken records, and ends in the middle: nobody hears what it prints.
    let mut dying =
        feed(redis_at, &shop, "warehouse", "one").stdout(Stdio::piped()).spawn().unwrap();
    drop(dying.stdout.take());
    assert!(!dying.wait().unwrap().success());
    let printed = lines(&feed(redis_at, &shop, "warehouse", "two").output().unwrap());
    assert_eq!(printed[0]["again"], true, "what one took: {}", printed[0]);
    let orders: BTreeSet<_> = printed.iter().map(|line| line["order"].to_string()).collect();
    assert_eq!((orders.len(), printed.len()), (sold as usize, sold as usize));
    assert!(printed.iter().all(|line| line["at_ms"].is_i64() && line["late"] == false));
    for consumer in ["one", "two"] {
        let rest = lines(&feed(redis_at, &shop, "warehouse", consumer).output().unwrap());
        assert!(rest.is_empty(), "everything was done: {rest:?}");
    }
    let archive = lines(&feed(redis_at, &shop, "archive", "one").output().unwrap());
    assert_eq!(archive.len(), printed.len(), "another group reads all of it");
    assert!(archive.iter().all(|line| line["again"] == false));

    let none = feed(redis_at, "nobody", "warehouse", "one").output().unwrap();
    assert!(String::from_utf8_lossy(&none.stderr).contains("has no history"), "{none:?}");
    for refused in ["DEL @:journal", "HGETALL @:meta", "XTRIM @:journal MAXLEN 0"] {
        let command = refused.replace('@', &format!("hawker:{{{shop}}}"));
        assert!(ask(redis_at, "feed", &command).contains("NOPERM"), "{refused}");
    }
    std::fs::remove_dir_all(&folder).unwrap();
}
