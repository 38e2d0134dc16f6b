//! TLS of a server: its certificate and key, read again when their files change, and connections that go on step by step.
//!
//! rustls has a stream of its own for servers; it is not used, since it reads on for as long as bytes trickle in, and a
//! server must be able to lose patience.
//!
//! Invariant: a call of [`TlsStream`] makes at most two system calls, so it returns as soon as the timeouts of the socket
//! say; a broken renewal leaves the certificate that was there.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{RootCertStore, ServerConfig, ServerConnection};

use super::fresh::Fresh;
use super::{Secret, fs};

/// Largest file, in bytes.
const LIMIT: u64 = 4 << 20;
/// The first byte of what a client says that speaks TLS: the type of a handshake record (RFC 8446, 5.1).
pub const FIRST_BYTE: u8 = 0x16;

/// The files of a server.
#[derive(Debug, Clone)]
pub struct TlsFiles {
    /// PEM file with the certificate, and behind it those that lead to its authority.
    pub cert: PathBuf,
    /// PEM file with the private key: RSA, ECDSA (P-256 or P-384) or Ed25519, as PKCS #8, PKCS #1 or SEC 1.
    pub key: PathBuf,
    /// PEM file with the authorities of clients. With it a client without a certificate of theirs is not let in.
    pub client_ca: Option<PathBuf>,
}

/// Why files cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TlsError {
    /// A file cannot be read.
    #[error(transparent)]
    Fs(#[from] fs::FsError),
    /// A file holds something else than it should.
    #[error("cannot use {} for TLS: {reason}", path.display())]
    Unusable {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
        /// What to do.
        hint: &'static str,
    },
}

impl crate::diag::Hint for TlsError {
    fn hints(&self) -> Vec<String> {
        match self {
            TlsError::Fs(error) => error.hints(),
            TlsError::Unusable { hint, .. } => vec![(*hint).to_string()],
        }
    }
}

/// The TLS of a server.
pub struct ServerTls {
    config: Fresh<ServerConfig>,
}

impl ServerTls {
    /// Reads the files. What is wrong with them later, when they changed, is `told`, once.
    ///
    /// # Errors
    /// One of them cannot be read or used, or the key is not that of the certificate.
    pub fn open(files: TlsFiles, told: impl Fn(&TlsError) + Send + Sync + 'static) -> Result<Self, TlsError> {
        let paths = [&files.cert, &files.key].into_iter().chain(&files.client_ca).cloned().collect();
        Ok(ServerTls { config: Fresh::open(paths, move || load(&files), told)? })
    }

    /// Begins a conversation on a connection of which nothing was read yet, with the files as they are now.
    ///
    /// # Errors
    /// TLS cannot be set up, for want of randomness.
    pub fn accept(&self, stream: TcpStream) -> io::Result<TlsStream> {
        let connection = ServerConnection::new(self.config.now()).map_err(io::Error::other)?;
        Ok(TlsStream { connection, stream })
    }
}

const NO_CERTIFICATE: &str =
    "a certificate file has one or more blocks that begin with -----BEGIN CERTIFICATE-----";

fn load(files: &TlsFiles) -> Result<ServerConfig, TlsError> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let certified = certified(files, &provider)?;
    let unusable = |path: &Path, reason: String| TlsError::Unusable {
        path: path.to_path_buf(),
        reason,
        hint: NO_CERTIFICATE,
    };
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(rustls::DEFAULT_VERSIONS)
        .map_err(|error| unusable(&files.cert, error.to_string()))?;
    let builder = match &files.client_ca {
        None => builder.with_no_client_auth(),
        Some(path) => {
            let mut roots = RootCertStore::empty();
            for certificate in certificates(path)? {
                roots.add(certificate).map_err(|error| unusable(path, error.to_string()))?;
            }
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build();
            builder.with_client_cert_verifier(verifier.map_err(|error| unusable(path, error.to_string()))?)
        }
    };
    let mut config = builder.with_cert_resolver(Arc::new(SingleCertAndKey::from(certified)));
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}

/// The certificate with the key that belongs to it.
fn certified(files: &TlsFiles, provider: &CryptoProvider) -> Result<CertifiedKey, TlsError> {
    let bad_key = |reason: String| TlsError::Unusable {
        path: files.key.clone(),
        reason,
        hint: "a key is RSA, ECDSA (P-256 or P-384) or Ed25519, in PEM form and without a passphrase",
    };
    let chain = certificates(&files.cert)?;
    let text = Secret::new(fs::read_text(&files.key, LIMIT)?);
    let key = PrivateKeyDer::from_pem_slice(text.reveal().as_bytes()).map_err(|error| {
        bad_key(match error {
            pem::Error::NoItemsFound if text.reveal().contains("-----BEGIN ENCRYPTED PRIVATE KEY-----") => {
                "the key is protected by a passphrase".to_string()
            }
            pem::Error::NoItemsFound => "it has no private key in PEM form".to_string(),
            other => other.to_string(),
        })
    })?;
    let key = provider.key_provider.load_private_key(key).map_err(|error| bad_key(error.to_string()))?;
    let certified = CertifiedKey::new(chain, key);
    match certified.keys_match() {
        Ok(()) | Err(rustls::Error::InconsistentKeys(rustls::InconsistentKeys::Unknown)) => Ok(certified),
        Err(rustls::Error::InconsistentKeys(_)) => Err(TlsError::Unusable {
            path: files.key.clone(),
            reason: format!("it is not the key of the certificate in {}", files.cert.display()),
            hint: "the first certificate in the file is the server's own; those of authorities follow",
        }),
        Err(error) => Err(TlsError::Unusable {
            path: files.cert.clone(),
            reason: error.to_string(),
            hint: NO_CERTIFICATE,
        }),
    }
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let unusable =
        |reason: String| TlsError::Unusable { path: path.to_path_buf(), reason, hint: NO_CERTIFICATE };
    let bytes = fs::read(path, LIMIT)?;
    let read: Result<Vec<_>, pem::Error> = CertificateDer::pem_slice_iter(&bytes).collect();
    let read = read.map_err(|error| unusable(error.to_string()))?;
    if read.is_empty() {
        return Err(unusable("it has no certificate in PEM form".to_string()));
    }
    Ok(read)
}

/// A connection that is protected by TLS.
#[derive(Debug)]
pub struct TlsStream {
    connection: ServerConnection,
    stream: TcpStream,
}

impl TlsStream {
    /// Goes a step on with the handshake; tells whether it is done.
    ///
    /// # Errors
    /// The socket's own, those of its timeouts among them; `InvalidData` when client and server cannot agree, which the
    /// client is told.
    pub fn handshake(&mut self) -> io::Result<bool> {
        if self.connection.wants_write() {
            self.connection.write_tls(&mut self.stream)?;
        } else if self.connection.is_handshaking() && self.fill()? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(!self.connection.is_handshaking())
    }

    /// As [`TcpStream::set_nonblocking`].
    ///
    /// # Errors
    /// The system refuses.
    pub fn set_nonblocking(&self, on: bool) -> io::Result<()> {
        self.stream.set_nonblocking(on)
    }

    /// Reads once from the socket; the number of bytes, 0 at its end.
    fn fill(&mut self) -> io::Result<usize> {
        let count = self.connection.read_tls(&mut self.stream)?;
        if let Err(error) = self.connection.process_new_packets() {
            // The client is told why, if it still listens.
            let _ = self.connection.write_tls(&mut self.stream);
            return Err(io::Error::new(io::ErrorKind::InvalidData, error));
        }
        Ok(count)
    }

    /// Tells the client that nothing more will come.
    pub fn close(&mut self) {
        self.connection.send_close_notify();
        // A client that is gone needs no goodbye.
        let _ = self.connection.write_tls(&mut self.stream);
        let _ = self.stream.shutdown(Shutdown::Write);
    }

    /// The connection below, to be read to its end when there is nothing more to say.
    pub fn into_inner(self) -> TcpStream {
        self.stream
    }

    /// What was read and is not yet taken.
    fn take(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.connection.reader().read(buffer) {
            // An end without a goodbye; how long a body is, the protocol above knows.
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(0),
            done => done,
        }
    }
}

impl Read for TlsStream {
    /// `WouldBlock` also when something came and no whole record yet.
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.take(buffer) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            done => return done,
        }
        if self.connection.wants_write() {
            self.connection.write_tls(&mut self.stream)?;
        }
        self.fill()?;
        self.take(buffer)
    }
}

impl Write for TlsStream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let taken = self.connection.writer().write(bytes)?;
        let sent = self.connection.write_tls(&mut self.stream);
        match sent {
            // What was taken is sent with the next call; an error that lasts is seen there, too.
            _ if taken > 0 || bytes.is_empty() => Ok(taken),
            Ok(_) => Err(io::ErrorKind::WouldBlock.into()),
            Err(error) => Err(error),
        }
    }

    /// One step; `WouldBlock` while there is more to send.
    fn flush(&mut self) -> io::Result<()> {
        if self.connection.wants_write() {
            self.connection.write_tls(&mut self.stream)?;
        }
        if self.connection.wants_write() { Err(io::ErrorKind::WouldBlock.into()) } else { Ok(()) }
    }
}
