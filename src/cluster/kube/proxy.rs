//! Which proxy leads to the server, if one does: the cluster's own, else that of the environment.
//!
//! Source: how Go reads `HTTPS_PROXY`, `HTTP_PROXY` and `NO_PROXY`; the machine itself is always reached directly.
//!
//! Invariant: it is decided once, by the server's own address. A proxy that was asked for and cannot be used is an error,
//! never a direct connection.

use std::net::IpAddr;

use reqwest::Url;

use super::access::Access;
use crate::sys::Host;
use crate::sys::secret::redact_url;

/// Kinds of proxies that can be used.
const SCHEMES: [&str; 4] = ["http", "https", "socks5", "socks5h"];

/// A proxy.
#[derive(Debug, Clone)]
pub(super) struct Way {
    /// Its address, which may have a password.
    address: String,
}

impl Way {
    /// The proxy on the way to `server`.
    ///
    /// # Errors
    /// The address of a proxy is none, or of a kind that cannot be used.
    pub(super) fn to(server: &Url, access: &Access, host: &Host) -> Result<Option<Self>, String> {
        if let Some(address) = &access.proxy {
            return Self::of("proxy-url", address).map(Some);
        }
        let variable = |name: &str| host.var(name).or_else(|| host.var(&name.to_lowercase()));
        let name = if server.scheme() == "https" { "HTTPS_PROXY" } else { "HTTP_PROXY" };
        match variable(name) {
            Some(address) if !is_direct(server, variable("NO_PROXY").unwrap_or_default()) => {
                let has_scheme = address.contains("://");
                let address = if has_scheme { address.to_string() } else { format!("http://{address}") };
                Self::of(name, &address).map(Some)
            }
            _ => Ok(None),
        }
    }

    fn of(origin: &str, address: &str) -> Result<Self, String> {
        let url = Url::parse(address).ok().filter(Url::has_host);
        let url = url.ok_or_else(|| format!("{origin} is no address of a proxy"))?;
        if !SCHEMES.contains(&url.scheme()) {
            let known = SCHEMES.join(", ");
            return Err(format!("{origin} has the scheme {:?}, and proxies can be {known}", url.scheme()));
        }
        Ok(Way { address: address.to_string() })
    }

    /// The address as the HTTP client takes it. Names are left to the proxy: those of a cluster may mean nothing here.
    pub(super) fn address(&self) -> String {
        match self.address.strip_prefix("socks5://") {
            Some(rest) => format!("socks5h://{rest}"),
            None => self.address.clone(),
        }
    }

    /// The address without credentials.
    pub(super) fn shown(&self) -> String {
        redact_url(&self.address).trim_end_matches('/').to_string()
    }
}

/// Whether a server is reached without the environment's proxy.
fn is_direct(server: &Url, exceptions: &str) -> bool {
    let host = server.host_str().unwrap_or("").trim_matches(['[', ']']).trim_end_matches('.').to_lowercase();
    let port = server.port_or_known_default().unwrap_or_default();
    let address = host.parse::<IpAddr>().ok();
    if host == "localhost" || address.is_some_and(|address| address.is_loopback()) {
        return true;
    }
    exceptions.split(',').map(|entry| entry.trim().to_lowercase()).any(|entry| {
        if entry == "*" {
            return true;
        }
        if let (Some(address), Some((network, bits))) = (address, entry.split_once('/')) {
            return network.parse().is_ok_and(|network| is_within(address, network, bits));
        }
        let (name, wanted_port) = match entry.rsplit_once(':') {
            // An IPv6 address has colons of its own.
            Some((name, port)) if !name.contains(':') || name.ends_with(']') => (name, Some(port)),
            _ => (entry.as_str(), None),
        };
        if wanted_port.is_some_and(|wanted| wanted.parse() != Ok(port)) {
            return false;
        }
        let name = name.trim_matches(['[', ']']);
        if let Ok(wanted) = name.parse::<IpAddr>() {
            return address == Some(wanted);
        }
        match name.trim_start_matches('*').strip_prefix('.') {
            Some(domain) => host.strip_suffix(domain).is_some_and(|before| before.ends_with('.')),
            None if name.is_empty() => false,
            None => host == name || host.strip_suffix(name).is_some_and(|before| before.ends_with('.')),
        }
    })
}

/// Whether an address is in a network of so many leading bits.
fn is_within(address: IpAddr, network: IpAddr, bits: &str) -> bool {
    let Ok(bits) = bits.parse::<u32>() else { return false };
    let same = |one: u128, other: u128, width: u32| {
        bits <= width && (bits == 0 || one >> (width - bits) == other >> (width - bits))
    };
    match (address, network) {
        (IpAddr::V4(one), IpAddr::V4(other)) => same(one.to_bits().into(), other.to_bits().into(), 32),
        (IpAddr::V6(one), IpAddr::V6(other)) => same(one.to_bits(), other.to_bits(), 128),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exceptions_are_read_as_go_reads_them() {
        for (server, exceptions, direct) in [
            ("https://localhost:6443", "", true),
            ("https://127.0.0.2", "", true),
            ("https://[::1]:6443", "", true),
            ("https://kube.example:6443", "", false),
            ("https://kube.example:6443", "other, *", true),
            ("https://kube.example:6443", "example", true),
            ("https://kube.example:6443", ".example", true),
            ("https://example", ".example", false),
            ("https://example", "*.example", false),
            ("https://a.example", "*.example", true),
            ("https://kubexample", "example", false),
            ("https://kube.example:6443", "kube.example:6443", true),
            ("https://kube.example:6443", "kube.example:443", false),
            ("https://KUBE.example:6443", "Kube.Example", true),
            ("https://10.1.2.3", "10.0.0.0/8", true),
            ("https://11.1.2.3", "10.0.0.0/8,11.1.2.4,x", false),
            ("https://11.1.2.3", "11.1.2.3", true),
            ("https://[fd00::1]", "fd00::/8", true),
            ("https://[fd00::1]", "[fd00::1]:443", true),
            ("https://[fd00::1]", "fd00::2", false),
        ] {
            let url = Url::parse(server).unwrap();
            assert_eq!(is_direct(&url, exceptions), direct, "{server} {exceptions}");
        }
    }

    #[test]
    fn a_proxy_that_cannot_be_used_is_an_error() {
        let way = Way::of("proxy-url", "socks5://u:hush@p:1").unwrap();
        assert_eq!(way.address(), "socks5h://u:hush@p:1");
        assert!(!way.shown().contains("hush"), "{}", way.shown());
        assert_eq!(
            Way::of("proxy-url", "ftp://p").unwrap_err(),
            "proxy-url has the scheme \"ftp\", and proxies can be http, https, socks5, socks5h"
        );
        assert_eq!(Way::of("HTTPS_PROXY", "nothing").unwrap_err(), "HTTPS_PROXY is no address of a proxy");
    }
}
