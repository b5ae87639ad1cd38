//! Whom effects may call: hosts by the operator's list, addresses by what they are.
//!
//! The address that is judged is the address that is connected to: the client asks [`Guarded`] for
//! addresses, and nobody asks once more.

use std::{
    error::Error,
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    str::FromStr,
};

use reqwest_tls::dns::{Addrs, Name, Resolve, Resolving};

/// A host that may be called, with its port; without one, at the usual port of http or https.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AllowedHost {
    host: String,
    port: Option<u16>,
}

/// The text names no host.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no host: write HOST or HOST:PORT, as in api.example.com or [::1]:8080")]
pub struct NotAHost(String);

impl FromStr for AllowedHost {
    type Err = NotAHost;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = || NotAHost(text.to_owned());
        let (host, port) = match text.rsplit_once(':') {
            Some((host, port)) if !port.ends_with(']') => {
                (host, Some(port.parse().map_err(|_| wrong())?))
            }
            _ => (text, None),
        };
        let inner = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
        let lawful = match inner {
            Some(address) => address.parse::<Ipv6Addr>().is_ok(),
            None => {
                !host.is_empty()
                    && host
                        .chars()
                        .all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_'))
            }
        };
        if !lawful {
            return Err(wrong());
        }
        Ok(Self { host: host.to_ascii_lowercase(), port })
    }
}

impl AllowedHost {
    /// Whether it is the host and port of this URL.
    pub(super) fn is(&self, url: &reqwest_tls::Url) -> bool {
        let usual = match url.scheme() {
            "http" => 80,
            _ => 443,
        };
        url.host_str().is_some_and(|host| host.eq_ignore_ascii_case(&self.host))
            && url.port_or_known_default() == Some(self.port.unwrap_or(usual))
    }
}

/// A host that has only addresses which may not be called.
#[derive(Debug, Clone)]
pub(super) struct PrivateAddress {
    host: String,
    address: IpAddr,
}

impl fmt::Display for PrivateAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} has the private address {}; declare allow_private: true if it is meant",
            self.host, self.address
        )
    }
}

impl Error for PrivateAddress {}

/// The address, if the URL's host is one and it may not be called.
pub(super) fn private_literal(url: &reqwest_tls::Url) -> Option<PrivateAddress> {
    let host = url.host_str()?;
    let address: IpAddr = host.trim_start_matches('[').trim_end_matches(']').parse().ok()?;
    is_private(address).then(|| PrivateAddress { host: host.to_owned(), address })
}

/// Finds the addresses of a host, and leaves out those that may not be called.
#[derive(Debug, Clone, Copy)]
pub(super) struct Guarded {
    pub(super) allow_private: bool,
}

impl Resolve for Guarded {
    fn resolve(&self, name: Name) -> Resolving {
        let allow_private = self.allow_private;
        Box::pin(async move {
            let host = name.as_str().to_owned();
            let found: Vec<SocketAddr> =
                tokio::net::lookup_host((host.as_str(), 0)).await?.collect();
            let first = found.first().copied();
            let public: Vec<SocketAddr> = found
                .into_iter()
                .filter(|address| allow_private || !is_private(address.ip()))
                .collect();
            match (public.is_empty(), first) {
                (true, Some(first)) => {
                    let refused = PrivateAddress { host, address: first.ip() };
                    Err(Box::new(refused) as Box<dyn Error + Send + Sync>)
                }
                _ => Ok(Box::new(public.into_iter()) as Addrs),
            }
        })
    }
}

/// Whether an address is one of this machine, of its network, or of nobody.
pub(super) fn is_private(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_private_v4(address),
        IpAddr::V6(address) => is_private_v6(address),
    }
}

fn is_private_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    address.is_private()
        || address.is_loopback()
        || address.is_link_local()
        || address.is_multicast()
        || address.is_documentation()
        || a == 0
        || a >= 240
        // Shared by carriers, set aside for protocols, for measurements.
        || (a == 100 && (64..128).contains(&b))
        || (a == 192 && b == 0 && c == 0)
        || (a == 198 && (18..20).contains(&b))
}

fn is_private_v6(address: Ipv6Addr) -> bool {
    let [a, b, c, d, e, f, g, h] = address.segments();
    let inner = |high: u16, low: u16| {
        let [a, b] = high.to_be_bytes();
        let [c, d] = low.to_be_bytes();
        is_private_v4(Ipv4Addr::new(a, b, c, d))
    };
    match (a, b, c, d, e, f) {
        // Addresses of IPv4 in other clothes: mapped, compatible, translated, 6to4.
        (0, 0, 0, 0, 0, 0xffff | 0) | (0x64, 0xff9b, 0, 0, 0, 0) => inner(g, h),
        (0x2002, ..) => inner(b, c),
        _ => {
            address.is_loopback()
                || address.is_unspecified()
                || address.is_multicast()
                || a & 0xfe00 == 0xfc00
                || a & 0xffc0 == 0xfe80
                || a & 0xffc0 == 0xfec0
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn private_addresses_are_known_in_all_their_clothes() {
        for private in [
            "127.0.0.1",
            "10.1.2.3",
            "172.16.0.1",
            "192.168.1.1",
            "169.254.169.254",
            "0.0.0.0",
            "100.64.0.1",
            "255.255.255.255",
            "::1",
            "::",
            "fe80::1",
            "fd00::1",
            "::ffff:127.0.0.1",
            "64:ff9b::10.0.0.1",
            "2002:7f00:1::",
            "::127.0.0.1",
            "ff02::1",
        ] {
            assert!(is_private(private.parse().unwrap()), "{private}");
        }
        for public in ["1.1.1.1", "93.184.215.14", "2606:4700::1111", "::ffff:8.8.8.8"] {
            assert!(!is_private(public.parse().unwrap()), "{public}");
        }
    }

    #[test]
    fn a_host_is_allowed_with_its_port() {
        let is = |allowed: &str, url: &str| {
            allowed.parse::<AllowedHost>().unwrap().is(&url.parse().unwrap())
        };
        assert!(is("api.example.com", "https://API.example.com/x"));
        assert!(is("api.example.com", "http://api.example.com/x"));
        assert!(!is("api.example.com", "https://api.example.com:8443/x"));
        assert!(is("api.example.com:8443", "https://api.example.com:8443/x"));
        assert!(!is("example.com", "https://api.example.com/x"));
        assert!(is("[::1]:80", "http://[::1]/x"));
        for wrong in ["", "a b", "host:port", "http://x", "[::zz]"] {
            assert!(wrong.parse::<AllowedHost>().is_err(), "{wrong}");
        }
    }
}
