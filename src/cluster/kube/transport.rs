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
use reqwest::{Certificate, Client, ClientBuilder, Identity, Proxy, Url};
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};

use super::access::Access;
use super::proxy::Way;
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
    /// The proxy on the way.
    via: Option<String>,
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
        let way = Way::to(&url, access, host)?;
        if let Some(way) = &way {
            let proxy = Proxy::all(way.address()).map_err(|_| "the proxy's address is none".to_string())?;
            builder = builder.proxy(proxy);
        }
        let via = way.map(|way| way.shown());
        let mut base = access.server.clone();
        let name = access.tls_server_name.as_deref().filter(|name| url.host_str() != Some(name));
        match name {
            Some(name) if via.is_none() => {
                (builder, base) = with_server_name(builder, &url, name, &mut headers)?;
            }
            // A proxy is told the server's own name, so that only the check can have the other one.
            Some(name) if !access.insecure => {
                let config = checking_for(name, access)?;
                let client = builder.tls_backend_preconfigured(config).build();
                let client = client.map_err(|error| innermost(&error))?;
                return Ok(Transport { client, base, headers: Arc::new(headers), via });
            }
            _ => {}
        }
        if let Some(identity) = &access.identity {
            let identity = Identity::from_pem(identity.reveal().as_bytes())
                .map_err(|error| unusable_identity(access, &innermost(&error)))?;
            builder = builder.identity(identity);
        }
        builder = trust(builder, access, url.scheme() == "https")?;
        let client = builder.build().map_err(|error| match innermost(&error) {
            reason if access.identity.is_some() => unusable_identity(access, &reason),
            reason => reason,
        })?;
        Ok(Transport { client, base, headers: Arc::new(headers), via })
    }

    /// The proxy on the way to the server, without credentials.
    pub(super) fn via(&self) -> Option<String> {
        self.via.clone()
    }
}

fn unusable_identity(access: &Access, reason: &str) -> String {
    let whose = if access.user.is_empty() { "the user" } else { &access.user };
    format!("{whose}: client certificate and key cannot be used together: {reason}")
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

/// TLS that checks the server's certificate for another name than that of its address.
fn checking_for(name: &str, access: &Access) -> Result<ClientConfig, String> {
    let name = ServerName::try_from(name.to_string());
    let name = name.map_err(|_| "tls-server-name is no name".to_string())?;
    let Some(pem) = &access.authorities else {
        return Err("tls-server-name with a proxy needs the cluster's certificate-authority here".into());
    };
    let unusable = |reason: String| format!("the certificate authority is unusable: {reason}");
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(pem) {
        let certificate = certificate.map_err(|error| unusable(error.to_string()))?;
        roots.add(certificate).map_err(|error| unusable(error.to_string()))?;
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider));
    let inner = verifier.build().map_err(|error| unusable(error.to_string()))?;
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(ForName { name, inner }));
    let mut config = match &access.identity {
        None => builder.with_no_client_auth(),
        Some(identity) => {
            let bytes = identity.reveal().as_bytes();
            let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(bytes).collect();
            let key = PrivateKeyDer::from_pem_slice(bytes);
            let failed = |reason: String| unusable_identity(access, &reason);
            let chain = chain.map_err(|error| failed(error.to_string()))?;
            let key = key.map_err(|error| failed(error.to_string()))?;
            builder.with_client_auth_cert(chain, key).map_err(|error| failed(error.to_string()))?
        }
    };
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(config)
}

/// Checks a certificate as ever, but for its name, which is not that of the address.
#[derive(Debug)]
struct ForName {
    name: ServerName<'static>,
    inner: Arc<WebPkiServerVerifier>,
}

impl ServerCertVerifier for ForName {
    fn verify_server_cert(
        &self,
        end: &CertificateDer<'_>,
        between: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        status: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        self.inner.verify_server_cert(end, between, &self.name, status, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.inner.verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.inner.verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.inner.supported_verify_schemes()
    }
}

/// Makes the certificate be checked against another name: the address gets that name, which leads to the server's own
/// machine, and the `Host` header keeps the server's.
fn with_server_name(
    builder: ClientBuilder,
    url: &Url,
    name: &str,
    headers: &mut HeaderMap,
) -> Result<(ClientBuilder, String), String> {
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
        let Transport { client, base, headers, .. } = self.clone();
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
