//! Who the client is when proxies stand in front. Owns the reading of `X-Forwarded-For`,
//! `Forwarded` and the PROXY protocol; believes only trusted proxies and never a client.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::str::FromStr;

use http::{HeaderMap, HeaderName};

/// How a proxy names the client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Forwarding {
    None,
    XForwardedFor,
    Forwarded,
    ProxyV2,
}

#[derive(Debug, Clone)]
pub struct Options {
    pub forwarding: Forwarding,
    pub trusted: Vec<Network>,
    /// How many of our own proxies append to the header: the client is that many from the end.
    pub hops: usize,
}

impl Options {
    /// Nobody stands in front.
    pub fn none() -> Self {
        Self { forwarding: Forwarding::None, trusted: Vec::new(), hops: 1 }
    }

    pub fn trusts(&self, peer: IpAddr) -> bool {
        let peer = peer.to_canonical();
        self.trusted.iter().any(|network| network.contains(peer))
    }
}

/// An address, or an address and how many of its bits count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Network {
    address: IpAddr,
    prefix: u32,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a network is an address or address/bits, not {0:?}")]
pub struct NoNetwork(pub String);

impl FromStr for Network {
    type Err = NoNetwork;

    fn from_str(text: &str) -> Result<Self, NoNetwork> {
        let wrong = || NoNetwork(text.to_owned());
        let (address, prefix) = match text.split_once('/') {
            None => (text, None),
            Some((address, bits)) => (address, Some(bits.parse::<u32>().map_err(|_| wrong())?)),
        };
        let address: IpAddr = address.parse().map_err(|_| wrong())?;
        let bits = if address.is_ipv4() { 32 } else { 128 };
        let prefix = prefix.unwrap_or(bits);
        if prefix <= bits { Ok(Self { address, prefix }) } else { Err(wrong()) }
    }
}

impl Network {
    pub fn contains(&self, address: IpAddr) -> bool {
        let bits = |address: IpAddr| match address {
            IpAddr::V4(address) => u128::from(address.to_bits()) << 96,
            IpAddr::V6(address) => address.to_bits(),
        };
        let same_kind = self.address.is_ipv4() == address.is_ipv4();
        let mask = u128::MAX.checked_shl(128 - self.prefix).unwrap_or(0);
        same_kind && (bits(self.address) ^ bits(address)) & mask == 0
    }
}

/// A trusted proxy that did not say who the client is: better no answer than its own address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the proxy did not say who the client is")]
pub struct Unknown;

/// The client's address: the peer's, unless the peer is a proxy we trust.
pub fn client(options: &Options, peer: IpAddr, headers: &HeaderMap) -> Result<IpAddr, Unknown> {
    let peer = peer.to_canonical();
    if !options.trusts(peer) {
        return Ok(peer);
    }
    match options.forwarding {
        Forwarding::None | Forwarding::ProxyV2 => Ok(peer),
        Forwarding::XForwardedFor => {
            let header = HeaderName::from_static("x-forwarded-for");
            let entry = entry(headers, &header, options.hops).ok_or(Unknown)?;
            node(&entry).ok_or(Unknown)
        }
        Forwarding::Forwarded => {
            let entry = entry(headers, &http::header::FORWARDED, options.hops).ok_or(Unknown)?;
            node(forwarded_for(&entry).ok_or(Unknown)?).ok_or(Unknown)
        }
    }
}

/// The entry `hops` from the end; what stands further left was written by the client.
fn entry(headers: &HeaderMap, name: &HeaderName, hops: usize) -> Option<String> {
    let mut entries = Vec::new();
    for line in headers.get_all(name) {
        entries.extend(line.to_str().ok()?.split(',').map(|entry| entry.trim().to_owned()));
    }
    let index = entries.len().checked_sub(hops)?;
    entries.into_iter().nth(index)
}

/// The `for` of a `Forwarded` element.
fn forwarded_for(element: &str) -> Option<&str> {
    element.split(';').find_map(|pair| {
        let (name, value) = pair.trim().split_once('=')?;
        name.eq_ignore_ascii_case("for").then(|| value.trim_matches('"'))
    })
}

/// An address as proxies write it: with or without a port, IPv6 with or without brackets.
fn node(text: &str) -> Option<IpAddr> {
    let address: Option<IpAddr> = text.parse().ok();
    let with_port = || text.parse::<SocketAddr>().ok().map(|socket| socket.ip());
    let bracketed = || text.strip_prefix('[')?.strip_suffix(']')?.parse().ok();
    address.or_else(with_port).or_else(bracketed).map(|address| address.to_canonical())
}

/// What counts as one client where limits are per address: whoever has an IPv6 address has the
/// whole /64 around it.
pub fn limit_key(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => IpAddr::V4(address),
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() >> 64 << 64)),
    }
}

const V2_SIGNATURE: [u8; 12] = *b"\r\n\r\n\0\r\nQUIT\n";

/// The fixed part of a PROXY v2 header.
pub const V2_HEAD_BYTES: usize = 16;

/// Addresses and the extensions that load balancers add; nobody sends more.
const V2_BODY_BYTES_MAX: usize = 2_048;

/// A fixed part that was read: what is said in it, and how long the rest is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct V2Head {
    family: u8,
    local: bool,
    pub body_bytes: usize,
}

impl V2Head {
    pub fn parse(head: &[u8; V2_HEAD_BYTES]) -> Result<Self, Unknown> {
        let body_bytes = usize::from(u16::from_be_bytes([head[14], head[15]]));
        let local = match head[12] {
            0x20 => true,
            0x21 => false,
            _ => return Err(Unknown),
        };
        let fits = head[..12] == V2_SIGNATURE && body_bytes <= V2_BODY_BYTES_MAX;
        if fits { Ok(Self { family: head[13], local, body_bytes }) } else { Err(Unknown) }
    }

    /// The client's address; the peer's where the proxy speaks for itself (its health checks).
    pub fn client(self, body: &[u8], peer: IpAddr) -> Result<IpAddr, Unknown> {
        if self.local {
            return Ok(peer.to_canonical());
        }
        let address = match self.family {
            0x11 => body.first_chunk::<4>().map(|bytes| IpAddr::V4(Ipv4Addr::from(*bytes))),
            0x21 => body.first_chunk::<16>().map(|bytes| IpAddr::V6(Ipv6Addr::from(*bytes))),
            _ => None,
        };
        address.map(|address| address.to_canonical()).ok_or(Unknown)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    const PROXY: &str = "10.0.0.7";
    const STRANGER: &str = "203.0.113.9";

    fn options(forwarding: Forwarding, hops: usize) -> Options {
        let trusted = ["10.0.0.0/8", "fd00::/8"].map(|text| text.parse().unwrap()).to_vec();
        Options { forwarding, trusted, hops }
    }

    fn resolve(options: &Options, peer: &str, name: &'static str, lines: &[&str]) -> String {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(name, HeaderValue::from_str(line).unwrap());
        }
        match client(options, peer.parse().unwrap(), &headers) {
            Ok(address) => address.to_string(),
            Err(Unknown) => "unknown".to_owned(),
        }
    }

    #[test]
    fn a_strangers_header_is_ignored() {
        let options = options(Forwarding::XForwardedFor, 1);
        assert_eq!(resolve(&options, STRANGER, "x-forwarded-for", &["198.51.100.1"]), STRANGER);
        let options = super::Options { forwarding: Forwarding::Forwarded, ..options };
        assert_eq!(resolve(&options, STRANGER, "forwarded", &["for=198.51.100.1"]), STRANGER);
    }

    #[test]
    fn what_a_client_writes_into_the_header_is_left_of_what_our_proxy_appends() {
        let spoofed = &["1.2.3.4, 127.0.0.1, 198.51.100.1"];
        let one = options(Forwarding::XForwardedFor, 1);
        assert_eq!(resolve(&one, PROXY, "x-forwarded-for", spoofed), "198.51.100.1");
        let two = options(Forwarding::XForwardedFor, 2);
        let chain = &["1.2.3.4, 198.51.100.1", "10.0.0.9"];
        assert_eq!(resolve(&two, PROXY, "x-forwarded-for", chain), "198.51.100.1");
    }

    #[test]
    fn a_proxy_that_does_not_name_the_client_is_an_error_not_a_shared_address() {
        let two = options(Forwarding::XForwardedFor, 2);
        assert_eq!(resolve(&two, PROXY, "x-forwarded-for", &["198.51.100.1"]), "unknown");
        assert_eq!(resolve(&two, PROXY, "x-forwarded-for", &[]), "unknown");
        assert_eq!(resolve(&two, PROXY, "x-forwarded-for", &["unknown, 10.0.0.9"]), "unknown");
        let one = options(Forwarding::Forwarded, 1);
        assert_eq!(resolve(&one, PROXY, "forwarded", &["for=_hidden"]), "unknown");
        assert_eq!(resolve(&one, PROXY, "forwarded", &["by=10.0.0.7"]), "unknown");
    }

    #[test]
    fn addresses_are_read_with_ports_brackets_and_quotes() {
        let xff = options(Forwarding::XForwardedFor, 1);
        let cases = [
            ("198.51.100.1:4711", "198.51.100.1"),
            ("2001:db8::1", "2001:db8::1"),
            ("[2001:db8::1]", "2001:db8::1"),
            ("[2001:db8::1]:4711", "2001:db8::1"),
            ("::ffff:198.51.100.1", "198.51.100.1"),
        ];
        for (sent, address) in cases {
            assert_eq!(resolve(&xff, PROXY, "x-forwarded-for", &[sent]), address);
        }
        let forwarded = options(Forwarding::Forwarded, 1);
        let line = &["for=1.2.3.4, for=\"[2001:db8::1]:4711\";proto=https;by=10.0.0.7"];
        assert_eq!(resolve(&forwarded, PROXY, "forwarded", line), "2001:db8::1");
        assert_eq!(
            resolve(&forwarded, PROXY, "forwarded", &["proto=https;For=1.2.3.4"]),
            "1.2.3.4"
        );
    }

    #[test]
    fn a_mapped_ipv4_peer_is_the_ipv4_proxy() {
        let xff = options(Forwarding::XForwardedFor, 1);
        let peer = "::ffff:10.0.0.7";
        assert_eq!(resolve(&xff, peer, "x-forwarded-for", &["198.51.100.1"]), "198.51.100.1");
    }

    #[test]
    fn networks_count_their_bits() {
        let network: Network = "10.1.2.0/23".parse().unwrap();
        assert!(network.contains("10.1.3.255".parse().unwrap()));
        assert!(!network.contains("10.1.4.0".parse().unwrap()));
        assert!(!network.contains("::ffff:10.1.3.1".parse().unwrap()));
        let all: Network = "0.0.0.0/0".parse().unwrap();
        assert!(all.contains("203.0.113.9".parse().unwrap()));
        assert!(!all.contains("::1".parse().unwrap()));
        for text in ["10.0.0.0/33", "10.0.0/8", "::/129", "10.0.0.0/", "proxy"] {
            assert!(text.parse::<Network>().is_err(), "{text}");
        }
    }

    #[test]
    fn an_ipv6_client_is_counted_by_its_64_bits_of_network() {
        let key = |text: &str| limit_key(text.parse().unwrap()).to_string();
        assert_eq!(key("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::");
        assert_eq!(key("::ffff:198.51.100.1"), "198.51.100.1");
    }

    fn v2(command: u8, family: u8, body: &[u8]) -> Result<String, Unknown> {
        let mut head = [0; V2_HEAD_BYTES];
        head[..12].copy_from_slice(&V2_SIGNATURE);
        head[12] = command;
        head[13] = family;
        head[14..].copy_from_slice(&(body.len() as u16).to_be_bytes());
        let head = V2Head::parse(&head)?;
        assert_eq!(head.body_bytes, body.len());
        head.client(body, PROXY.parse().unwrap()).map(|address| address.to_string())
    }

    #[test]
    fn the_proxy_protocol_names_the_client_or_nobody() {
        let ipv4 = [198, 51, 100, 1, 10, 0, 0, 7, 0x12, 0x34, 0x1f, 0x90];
        assert_eq!(v2(0x21, 0x11, &ipv4), Ok("198.51.100.1".to_owned()));
        let ipv6: Vec<u8> = [0x20, 1, 0x0d, 0xb8].into_iter().chain([0; 32]).collect();
        assert_eq!(v2(0x21, 0x21, &ipv6), Ok("2001:db8::".to_owned()));
        assert_eq!(v2(0x20, 0x00, &[]), Ok(PROXY.to_owned()));
        assert_eq!(v2(0x21, 0x11, &ipv4[..3]), Err(Unknown));
        assert_eq!(v2(0x21, 0x31, &[0; 216]), Err(Unknown));
        assert_eq!(v2(0x11, 0x11, &ipv4), Err(Unknown));
        assert_eq!(v2(0x21, 0x11, &[0; 4_000]), Err(Unknown));
        let plain = V2Head::parse(b"GET / HTTP/1.1\r\n");
        assert_eq!(plain, Err(Unknown));
    }
}
