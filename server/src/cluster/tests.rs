//! Links over real sockets, and where shops belong.

use std::sync::Mutex;

use tokio::sync::Notify;
use tokio::time::timeout;

use super::*;

/// Far beyond anything that goes well.
const SOON: Duration = Duration::from_secs(10);

/// Nodes that know of each other by hand.
#[derive(Debug, Default)]
struct Book(Mutex<Vec<Member>>);

impl Members for Arc<Book> {
    fn beat<'a>(&'a self, me: &'a Member, _: Duration) -> Pending<'a, Result<Vec<Member>, String>> {
        let mut members = self.0.lock().unwrap();
        members.retain(|member| member.node != me.node);
        members.push(me.clone());
        Box::pin(std::future::ready(Ok(members.clone())))
    }

    fn leave<'a>(&'a self, me: &'a Member) -> Pending<'a, ()> {
        self.0.lock().unwrap().retain(|member| member.node != me.node);
        Box::pin(std::future::ready(()))
    }
}

/// Answers each ask with itself, or never.
#[derive(Debug, Default)]
struct Echo {
    asked: Mutex<Vec<Vec<u8>>>,
    gone: Notify,
}

impl Host for Echo {
    fn on_ask(&self, _: u64, ask: Vec<u8>) -> Pending<'static, Vec<u8>> {
        self.asked.lock().unwrap().push(ask.clone());
        if ask == b"never" {
            return Box::pin(std::future::pending());
        }
        Box::pin(std::future::ready(ask))
    }

    fn on_gone(&self, _: u64) {
        self.gone.notify_one();
    }
}

struct House {
    cluster: Arc<Cluster>,
    host: Arc<Echo>,
    stop: CancellationToken,
}

fn member(node: &str) -> Member {
    Member { node: node.to_owned(), address: "127.0.0.1:1".to_owned(), draining: false }
}

fn shop(number: usize) -> ShopId {
    ShopId::parse(&format!("shop-{number}")).unwrap()
}

/// A node with a door of its own.
fn house(book: &Arc<Book>, node: &str, secret: &[u8]) -> House {
    let key = Key::derive(secret);
    let address = "127.0.0.1:0".parse().unwrap();
    let door = Door::bind(address, node.to_owned(), key.clone()).unwrap();
    let address = door.local_addr().unwrap().to_string();
    let options = Options::new(node.to_owned(), address, Duration::from_secs(10));
    let cluster = Cluster::new(options, Arc::new(book.clone()), key);
    let (host, stop) = (Arc::new(Echo::default()), CancellationToken::new());
    tokio::spawn(door.serve(host.clone(), stop.clone()));
    House { cluster, host, stop }
}

async fn two(secrets: [&[u8]; 2]) -> [House; 2] {
    let book = Arc::default();
    let houses = [house(&book, "a", secrets[0]), house(&book, "b", secrets[1])];
    for _ in 0..2 {
        houses[0].cluster.look().await;
        houses[1].cluster.look().await;
    }
    houses
}

#[tokio::test]
async fn asks_arrive_in_their_order_and_each_is_given_its_own_answer() {
    let [a, b] = two([b"secret", b"secret"]).await;
    let peer = a.cluster.peer_named("b").unwrap();
    let never = peer.ask(b"never".to_vec());
    let asks: Vec<_> = (0..2_000_u32).map(|it| it.to_le_bytes().to_vec()).collect();
    let answers: Vec<_> = asks.iter().map(|ask| peer.ask(ask.clone())).collect();
    peer.tell(b"told".to_vec());
    for (ask, answer) in asks.iter().zip(answers) {
        assert_eq!(timeout(SOON, answer).await.unwrap().as_ref(), Ok(ask));
    }
    assert_eq!(timeout(SOON, peer.ask(b"last".to_vec())).await.unwrap(), Ok(b"last".to_vec()));
    let asked = b.host.asked.lock().unwrap().clone();
    let rest = [b"told".to_vec(), b"last".to_vec()];
    assert_eq!(asked, [vec![b"never".to_vec()], asks, rest.to_vec()].concat());
    // The door closes: what was asked and not answered may have been carried out.
    b.stop.cancel();
    assert_eq!(timeout(SOON, never).await.unwrap(), Err(Lost::Unanswered));
    timeout(SOON, b.host.gone.notified()).await.unwrap();
    assert_eq!(timeout(SOON, peer.ask(b"more".to_vec())).await.unwrap(), Err(Lost::Unreached));
}

#[tokio::test]
async fn a_node_with_another_secret_or_another_name_is_not_spoken_with() {
    let [a, b] = two([b"secret", b"other"]).await;
    let peer = a.cluster.peer_named("b").unwrap();
    assert_eq!(timeout(SOON, peer.ask(vec![1])).await.unwrap(), Err(Lost::Unreached));
    assert!(b.host.asked.lock().unwrap().is_empty());
    let [a, b] = two([b"secret", b"secret"]).await;
    let address = b.cluster.me().address;
    let stranger = Member { node: "c".to_owned(), address, draining: false };
    let peer = a.cluster.peer(&stranger);
    assert_eq!(timeout(SOON, peer.ask(vec![1])).await.unwrap(), Err(Lost::Unreached));
    assert!(b.host.asked.lock().unwrap().is_empty(), "b is not c");
}

/// A node that knows of `others`.
fn knowing(node: &str, others: &[Member]) -> Arc<Cluster> {
    let options = Options::new(node.to_owned(), String::new(), Duration::from_secs(10));
    let cluster = Cluster::new(options, Arc::new(Arc::<Book>::default()), Key::derive(b"secret"));
    cluster.learn(others.to_vec());
    cluster
}

fn home(cluster: &Cluster, shop: &ShopId) -> String {
    match cluster.home(shop) {
        Place::Here => cluster.node().to_owned(),
        Place::There(peer) => peer.node().to_owned(),
    }
}

#[tokio::test]
async fn all_nodes_find_the_same_home_and_one_that_goes_moves_only_its_own_shops() {
    let names = ["a", "b", "c"];
    let members = names.map(member);
    let nodes = names.map(|name| knowing(name, &members));
    let shops: Vec<_> = (0..300).map(shop).collect();
    let homes: Vec<_> = shops.iter().map(|shop| home(&nodes[0], shop)).collect();
    for node in &nodes[1..] {
        let seen: Vec<_> = shops.iter().map(|shop| home(node, shop)).collect();
        assert_eq!(seen, homes);
    }
    for name in names {
        let own = homes.iter().filter(|home| *home == name).count();
        assert!((60..=140).contains(&own), "{name} has {own} of 300");
    }
    let draining = [member("a"), Member { draining: true, ..member("b") }, member("c")];
    nodes[0].learn(draining.to_vec());
    for (shop, before) in shops.iter().zip(&homes) {
        let now = home(&nodes[0], shop);
        assert!(now != "b" && (before == "b" || now == *before), "{shop}: {before} to {now}");
    }
}

#[tokio::test]
async fn a_shop_is_asked_for_where_it_was_met_as_long_as_that_node_lives() {
    let node = knowing("a", &["a", "b", "c"].map(member));
    let shop = shop(1);
    let elsewhere = ["b", "c"].into_iter().find(|name| *name != home(&node, &shop)).unwrap();
    node.note(&shop, elsewhere);
    let Place::There(peer) = node.place(&shop) else { panic!("{elsewhere} has it") };
    assert_eq!(peer.node(), elsewhere);
    node.note(&shop, "a");
    assert!(matches!(node.place(&shop), Place::Here));
    node.note(&shop, elsewhere);
    let left: Vec<_> = ["a", "b", "c"].into_iter().filter(|name| *name != elsewhere).collect();
    node.learn(left.into_iter().map(member).collect());
    let Place::There(peer) = node.place(&shop) else { return };
    assert_ne!(peer.node(), elsewhere);
}

#[tokio::test]
async fn a_node_that_drains_alone_keeps_its_shops() {
    let node = knowing("a", &[member("a")]);
    node.draining.store(true, Ordering::Relaxed);
    assert!(!node.has_successors());
    assert!(matches!(node.home(&shop(1)), Place::Here));
    node.learn(vec![member("a"), member("b")]);
    assert!(matches!(node.home(&shop(1)), Place::There(_)));
}
