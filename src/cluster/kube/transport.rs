//! How bytes reach the API server: the HTTP client below kube-rs.
//!
//! kube-rs takes any service; this one is the HTTP client that the rest of the program has anyway, with its TLS, HTTP/2,
//! proxies and compression, so that the program carries one HTTP client and not two.
//!
//! Invariant: redirects are not followed, and nothing is retried here.

use std::future::Future;
use std::net::{SocketAddr, ToSocketAddrs};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use kube::client::Body;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::header::{HOST, HeaderMap, HeaderName, HeaderValue};
use reqwest::{Certificate, Client, ClientBuilder, Identity, NoProxy, Proxy, Url};

use super::access::Access;
use crate::sys::Host;

/// How the program calls itself.
const USER_AGENT: &str = concat!("bowline/", env!("CARGO_PKG_VERSION"));

/// How long a silent connection is believed in, and how long the other side may take to prove that it is there.
const ALIVE: (Duration, Duration) = (Duration::from_secs(30), Duration::from_secs(15));

type Failure = Box<dyn std::error::Error + Send + Sync>;

/// Sends requests to one server.
#[derive(Debug, Clone)]
pub(super) struct Transport {
    client: Client,
    /// The address that paths are appended to.
    base: String,
    /// Sent with every request; a name may occur several times.
    headers: Arc<HeaderMap>,
}

impl Transport {
    /// A client for that server. Nothing is sent yet.
    pub(super) fn new(access: &Access, host: &Host, connect_timeout: Duration) -> Result<Self, String> {
        // Fails only when a provider is installed already, which is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let url = Url::parse(&access.server).map_err(|error| format!("{}: {error}", access.server))?;
        let mut builder = ClientBuilder::new()
            .user_agent(USER_AGENT)
            .connect_timeout(connect_timeout)
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .referer(false)
            .gzip(access.compressed)
            .http2_keep_alive_interval(ALIVE.0)
            .http2_keep_alive_timeout(ALIVE.1)
            .tcp_nodelay(true)
            .no_proxy();
        let mut headers = HeaderMap::new();
        for (name, value) in &access.impersonation {
            let unusable = || format!("{name} has an unusable value");
            let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| unusable())?;
            headers.append(name, HeaderValue::from_str(value).map_err(|_| unusable())?);
        }
        builder = proxies(builder, access, host, &url)?;
        let mut base = access.server.clone();
        if let Some(name) = access.tls_server_name.as_deref().filter(|name| url.host_str() != Some(name)) {
            (builder, base) = with_server_name(builder, access, &url, name, &mut headers)?;
        }
        if let Some(identity) = &access.identity {
            let identity = Identity::from_pem(identity.reveal().as_bytes())
                .map_err(|error| format!("the client certificate is unusable: {}", innermost(&error)))?;
            builder = builder.identity(identity);
        }
        builder = trust(builder, access, url.scheme() == "https")?;
        let client = builder.build().map_err(|error| innermost(&error))?;
        Ok(Transport { client, base, headers: Arc::new(headers) })
    }
}

fn trust(builder: ClientBuilder, access: &Access, tls: bool) -> Result<ClientBuilder, String> {
    if !tls {
        return Ok(builder.tls_certs_only([]));
    }
    let builder = builder.tls_danger_accept_invalid_certs(access.insecure);
    let Some(pem) = &access.authorities else {
        return Ok(if access.insecure { builder.tls_certs_only([]) } else { builder });
    };
    let roots = Certificate::from_pem_bundle(pem)
        .map_err(|error| format!("the certificate authority is unusable: {}", innermost(&error)))?;
    if roots.is_empty() {
        return Err("the certificate authority has no certificate in PEM form".into());
    }
    Ok(builder.tls_certs_only(roots))
}

/// The cluster's own proxy, else those of the environment.
fn proxies(
    mut builder: ClientBuilder,
    access: &Access,
    host: &Host,
    url: &Url,
) -> Result<ClientBuilder, String> {
    if let Some(address) = &access.proxy {
        let proxy = Proxy::all(address.as_str());
        return proxy.map(|proxy| builder.proxy(proxy)).map_err(|_| "proxy-url is no address".to_string());
    }
    let variable = |name: &str| host.var(name).or_else(|| host.var(&name.to_lowercase()));
    let name = if url.scheme() == "https" { "HTTPS_PROXY" } else { "HTTP_PROXY" };
    if let Some(address) = variable(name) {
        let direct = format!("localhost,127.0.0.0/8,::1,{}", variable("NO_PROXY").unwrap_or_default());
        let proxy = Proxy::all(address).map_err(|_| format!("{name} is no address"))?;
        builder = builder.proxy(proxy.no_proxy(NoProxy::from_string(&direct)));
    }
    Ok(builder)
}

/// Makes the certificate be checked against another name: the address gets that name, which leads to the server's own
/// machine, and the `Host` header keeps the server's.
fn with_server_name(
    builder: ClientBuilder,
    access: &Access,
    url: &Url,
    name: &str,
    headers: &mut HeaderMap,
) -> Result<(ClientBuilder, String), String> {
    if access.proxy.is_some() {
        return Err("tls-server-name and proxy-url cannot be used together here".into());
    }
    if name.parse::<std::net::IpAddr>().is_ok() {
        return Err(format!("tls-server-name {name} is an address and no name"));
    }
    let host = url.host_str().unwrap_or("").to_string();
    let port = url.port_or_known_default().unwrap_or(443);
    let mut renamed = url.clone();
    renamed.set_host(Some(name)).map_err(|_| format!("tls-server-name {name:?} is no name"))?;
    let shown = HeaderValue::from_str(&format!("{host}:{port}"));
    headers.insert(HOST, shown.map_err(|_| "the server's address is unusable")?);
    // HTTP/2 has no Host header apart from the address.
    let builder = builder.http1_only().dns_resolver(Leading { to: Arc::from(host) });
    Ok((builder, renamed.as_str().trim_end_matches('/').to_string()))
}

/// Leads every name to one machine.
struct Leading {
    to: Arc<str>,
}

impl Resolve for Leading {
    fn resolve(&self, _: Name) -> Resolving {
        let host = self.to.trim_matches(['[', ']']).to_string();
        Box::pin(async move {
            let find = move || (host.as_str(), 0).to_socket_addrs().map(Iterator::collect::<Vec<SocketAddr>>);
            let found = tokio::task::spawn_blocking(find).await??;
            Ok(Box::new(found.into_iter()) as Addrs)
        })
    }
}

impl tower_service::Service<http1::Request<Body>> for Transport {
    type Response = http1::Response<reqwest::Body>;
    type Error = Failure;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Failure>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Failure>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http1::Request<Body>) -> Self::Future {
        let Transport { client, base, headers } = self.clone();
        Box::pin(async move {
            let (mut parts, body) = request.into_parts();
            for (name, value) in headers.iter() {
                parts.headers.append(name, value.clone());
            }
            let path = parts.uri.path_and_query().map_or("/", |path| path.as_str());
            let url = Url::parse(&format!("{base}{path}"))?;
            let body = body.collect_bytes().await?;
            let asked = client.request(parts.method, url).headers(parts.headers).body(body);
            Ok(asked.send().await?.into())
        })
    }
}

/// The innermost cause of an error, which says what happened; those around it say where, and that is known.
pub(super) fn innermost(error: &(dyn std::error::Error + 'static)) -> String {
    let mut last = error;
    while let Some(source) = last.source() {
        last = source;
    }
    let text = last.to_string();
    // ` (os error 111)` says nothing to people.
    text.split(" (os error").next().unwrap_or(&text).to_string()
}
