//! Places for connections. Owns the counts: all, those who have not said who they are, those of
//! one address; closes nothing, it only refuses a place.

use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use dashmap::DashMap;

use super::proxy::limit_key;

#[derive(Debug, Clone, Copy)]
pub struct Options {
    pub total_max: usize,
    /// Of these, so many may not have said who they are.
    pub strangers_max: usize,
    pub per_address_max: usize,
}

/// Why there is no place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Full {
    #[error("this node has all the connections it takes")]
    Total,
    #[error("too many connections have not said who they are")]
    Strangers,
    #[error("this address has all the connections it may have")]
    Address,
}

impl Full {
    /// A short word for metrics and records.
    pub fn label(self) -> &'static str {
        match self {
            Self::Total => "total",
            Self::Strangers => "strangers",
            Self::Address => "address",
        }
    }
}

#[derive(Debug)]
struct Shared {
    options: Options,
    total: AtomicUsize,
    strangers: AtomicUsize,
    addresses: DashMap<IpAddr, usize>,
}

/// All places of this node. Clones count the same ones.
#[derive(Debug, Clone)]
pub struct Seats(Arc<Shared>);

impl Seats {
    pub fn new(options: Options) -> Self {
        let (total, strangers) = (AtomicUsize::new(0), AtomicUsize::new(0));
        Self(Arc::new(Shared { options, total, strangers, addresses: DashMap::new() }))
    }

    /// A place for a new connection, a stranger until it says who it is.
    pub fn take(&self) -> Result<Seat, Full> {
        let options = &self.0.options;
        grow(&self.0.total, options.total_max).map_err(|()| Full::Total)?;
        if grow(&self.0.strangers, options.strangers_max).is_err() {
            self.0.total.fetch_sub(1, Ordering::Relaxed);
            return Err(Full::Strangers);
        }
        let (address, known) = (OnceLock::new(), AtomicBool::new(false));
        Ok(Seat { seats: self.clone(), address, known })
    }

    pub fn total(&self) -> usize {
        self.0.total.load(Ordering::Relaxed)
    }

    pub fn strangers(&self) -> usize {
        self.0.strangers.load(Ordering::Relaxed)
    }

    fn enter(&self, address: IpAddr) -> Result<(), Full> {
        let mut count = self.0.addresses.entry(address).or_insert(0);
        if *count >= self.0.options.per_address_max {
            return Err(Full::Address);
        }
        *count += 1;
        Ok(())
    }

    fn leave(&self, address: IpAddr) {
        self.0.addresses.entry(address).and_modify(|count| *count = count.saturating_sub(1));
        self.0.addresses.remove_if(&address, |_, count| *count == 0);
    }
}

fn grow(count: &AtomicUsize, max: usize) -> Result<(), ()> {
    let more = |count| (count < max).then_some(count + 1);
    count.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more).map(drop).map_err(drop)
}

/// A connection's place, given back when it is dropped. It travels in the extensions of each
/// request as an `Arc`: who takes a socket over keeps it for as long as the socket lives.
#[derive(Debug)]
pub struct Seat {
    seats: Seats,
    address: OnceLock<IpAddr>,
    known: AtomicBool,
}

impl Seat {
    /// Counts the connection as one of `address`: once, further calls change nothing. Behind a
    /// proxy the address is known only with the first request.
    pub fn bind_address(&self, address: IpAddr) -> Result<(), Full> {
        if self.address.get().is_some() {
            return Ok(());
        }
        let address = limit_key(address);
        self.seats.enter(address)?;
        if self.address.set(address).is_err() {
            self.seats.leave(address);
        }
        Ok(())
    }

    /// The connection has said who it is: a stranger's place becomes free.
    pub fn authenticated(&self) {
        if !self.known.swap(true, Ordering::Relaxed) {
            self.seats.0.strangers.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.authenticated();
        self.seats.0.total.fetch_sub(1, Ordering::Relaxed);
        if let Some(address) = self.address.get() {
            self.seats.leave(*address);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seats() -> Seats {
        Seats::new(Options { total_max: 4, strangers_max: 2, per_address_max: 2 })
    }

    #[test]
    fn strangers_never_crowd_out_those_who_said_who_they_are() {
        let seats = seats();
        let first = seats.take().unwrap();
        let second = seats.take().unwrap();
        assert_eq!(seats.take().unwrap_err(), Full::Strangers);
        first.authenticated();
        first.authenticated();
        second.authenticated();
        let _more = [seats.take().unwrap(), seats.take().unwrap()];
        assert_eq!(seats.take().unwrap_err(), Full::Total);
        drop(first);
        assert_eq!(seats.take().unwrap_err(), Full::Strangers);
        assert_eq!((seats.total(), seats.strangers()), (3, 2));
    }

    #[test]
    fn an_address_has_its_places_and_gives_them_back() {
        let seats = seats();
        let address: IpAddr = "198.51.100.1".parse().unwrap();
        let known = || {
            let seat = seats.take().unwrap();
            seat.authenticated();
            seat
        };
        let (first, second, third) = (known(), known(), known());
        assert_eq!(first.bind_address(address), Ok(()));
        assert_eq!(first.bind_address(address), Ok(()), "counted once");
        assert_eq!(second.bind_address(address), Ok(()));
        assert_eq!(third.bind_address(address), Err(Full::Address));
        assert_eq!(third.bind_address("198.51.100.2".parse().unwrap()), Ok(()));
        drop(first);
        assert_eq!(known().bind_address(address), Ok(()));
        drop((second, third));
        assert!(seats.0.addresses.is_empty());
        assert_eq!((seats.total(), seats.strangers()), (0, 0));
    }
}
