//! Private keys and X.509 certificates.
//!
//! Keys are RSA (PKCS #1), ECDSA over P-256 (SEC 1) or Ed25519 (PKCS #8); certificates are signed with SHA-256.
//!
//! Invariant: keys come from the host's randomness and validity from its clock, so a fixed host gives the same bytes.

use std::any::Any;
use std::borrow::Cow;
use std::net::IpAddr;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::gotpl::{ANY_LIST, Ctx, DataForm, Func, FuncError, GoStr, Object, Plainness, Type, Val};
use crate::keys::{self, Algorithm, CertificateRequest, Issuer, PrivateKey, pem};

use super::outside::outside;
use super::{Entry, entry};

type Answer = Result<Val, FuncError>;

const I: Type = Type::Int;
const S: Type = Type::String;
const L: Type = Type::List(&ANY_LIST);
const CERTIFICATE: Type = Type::Object("sprig.certificate");

/// Steps that making a key costs.
const SLOW: u64 = 200_000;

pub(super) static ENTRIES: &[Entry] = &[
    entry(
        Func::new("buildCustomCert", &[S, S], CERTIFICATE, build_custom),
        "A certificate and its key, both given in base64.",
        r#"{{ $c := genCAWithKey "ca" 1 (genPrivateKey "ecdsa") }}{{ eq (buildCustomCert (b64enc $c.Cert) (b64enc $c.Key)).Cert $c.Cert }} → true"#,
    ),
    entry(
        Func::new("genCA", &[S, I], CERTIFICATE, gen_ca),
        "A certificate authority with a new key, valid for so many days: `.Cert` and `.Key`.",
        r#"{{ if false }}{{ (genCA "ca" 365).Cert }}{{ end }} → "#,
    ),
    entry(
        Func::new("genCAWithKey", &[S, I, S], CERTIFICATE, gen_ca),
        "A certificate authority with a given key.",
        r#"{{ (genCAWithKey "ca" 365 (genPrivateKey "ecdsa")).Cert | trunc 27 }} → -----BEGIN CERTIFICATE-----"#,
    ),
    entry(
        Func::new("genPrivateKey", &[S], S, gen_private_key),
        "A new private key in PEM: `rsa`, `dsa`, `ecdsa` or `ed25519`.",
        r#"{{ genPrivateKey "ed25519" | trunc 27 }} → -----BEGIN PRIVATE KEY-----"#,
    ),
    entry(
        Func::new("genSelfSignedCert", &[S, L, L, I], CERTIFICATE, gen_self_signed),
        "A certificate signed by itself, for a name, addresses, host names, and so many days.",
        r#"{{ if false }}{{ (genSelfSignedCert "h" nil (list "h") 365).Key }}{{ end }} → "#,
    ),
    entry(
        Func::new("genSelfSignedCertWithKey", &[S, L, L, I, S], CERTIFICATE, gen_self_signed),
        "A certificate signed by itself, with a given key.",
        r#"{{ (genSelfSignedCertWithKey "h" nil (list "h") 365 (genPrivateKey "ecdsa")).Cert | trunc 27 }} → -----BEGIN CERTIFICATE-----"#,
    ),
    entry(
        Func::new("genSignedCert", &[S, L, L, I, CERTIFICATE], CERTIFICATE, gen_signed),
        "A certificate signed by an authority.",
        r#"{{ if false }}{{ genSignedCert "h" nil (list "h") 365 (genCA "ca" 365) }}{{ end }} → "#,
    ),
    entry(
        Func::new("genSignedCertWithKey", &[S, L, L, I, CERTIFICATE, S], CERTIFICATE, gen_signed),
        "A certificate signed by an authority, with a given key.",
        r#"{{ $k := genPrivateKey "ecdsa" }}{{ (genSignedCertWithKey "h" nil nil 9 (genCAWithKey "ca" 9 $k) $k).Cert | trunc 10 }} → -----BEGIN"#,
    ),
];

/// What the functions give: PEM of the certificate and of its key.
#[derive(Debug)]
struct Certificate {
    cert: GoStr,
    key: GoStr,
}

impl Object for Certificate {
    fn type_name(&self) -> Cow<'static, str> {
        Cow::Borrowed("sprig.certificate")
    }

    fn as_any(&self) -> &dyn Any {
        self
    }

    fn field(&self, name: &str) -> Option<Val> {
        self.fields().into_iter().find(|(field, _)| *field == name).map(|(_, value)| value)
    }

    fn fields(&self) -> Vec<(&'static str, Val)> {
        vec![("Cert", Val::Str(self.cert.clone())), ("Key", Val::Str(self.key.clone()))]
    }

    fn bare(&self, _: Plainness) -> String {
        format!("{{{} {}}}", self.cert, self.key)
    }

    fn equals(&self, other: &dyn Object) -> bool {
        other
            .as_any()
            .downcast_ref::<Self>()
            .is_some_and(|other| self.cert == other.cert && self.key == other.key)
    }

    fn record(&self, form: DataForm) -> Option<Vec<(&'static str, Val)>> {
        let names = if form == DataForm::Yaml { ["cert", "key"] } else { ["Cert", "Key"] };
        Some(names.into_iter().zip(self.fields()).map(|(name, (_, value))| (name, value)).collect())
    }
}

fn failed(what: &str) -> FuncError {
    FuncError::new(what.to_string())
}

fn text(args: &[Val], at: usize) -> Result<&GoStr, FuncError> {
    args.get(at).and_then(Val::as_str).ok_or_else(|| FuncError::arguments("genCA"))
}

fn days(args: &[Val], at: usize) -> Result<i64, FuncError> {
    args.get(at).and_then(Val::as_signed).ok_or_else(|| FuncError::arguments("genCA"))
}

/// A key given as PEM at a position, or a new RSA key.
fn key(ctx: &mut Ctx<'_>, args: &[Val], at: usize) -> Result<PrivateKey, FuncError> {
    ctx.spend(SLOW)?;
    match args.get(at).and_then(Val::as_str) {
        Some(text) => {
            let (label, bytes) = pem::decode(&text.to_text())
                .ok_or_else(|| failed("parsing private key: no PEM data in input"))?;
            PrivateKey::parse(&label, &bytes).map_err(|why| failed(&format!("parsing private key: {why}")))
        }
        None => new_key(ctx, Algorithm::Rsa(2048)),
    }
}

fn new_key(ctx: &mut Ctx<'_>, algorithm: Algorithm) -> Result<PrivateKey, FuncError> {
    ctx.spend(SLOW)?;
    let seed = outside(ctx)?.random(32)?;
    PrivateKey::generate(algorithm, seed)
        .map_err(|why| failed(&format!("error generating private key: {why}")))
}

fn gen_private_key(ctx: &mut Ctx<'_>, args: &[Val]) -> Answer {
    let kind = text(args, 0)?.to_text();
    let algorithm = match &*kind {
        "" | "rsa" => Algorithm::Rsa(4096),
        "ecdsa" => Algorithm::EcdsaP256,
        "ed25519" => Algorithm::Ed25519,
        "dsa" => {
            ctx.spend(SLOW)?;
            let seed = outside(ctx)?.random(32)?;
            return Ok(Val::str(pem::encode("DSA PRIVATE KEY", &keys::dsa_key(seed))));
        }
        other => return Ok(Val::str(format!("Unknown type {other}"))),
    };
    let (label, bytes) = new_key(ctx, algorithm)?.to_der().map_err(|why| failed(&why))?;
    Ok(Val::str(pem::encode(label, &bytes)))
}

fn names<T>(value: Option<&Val>, what: &str, read: impl Fn(&str) -> Option<T>) -> Result<Vec<T>, FuncError> {
    let Some(Val::List(list)) = value else { return Ok(Vec::new()) };
    let read_one = |item: &Val| match item {
        Val::Str(text) => {
            let text = text.to_text();
            read(&text).ok_or_else(|| failed(&format!("error parsing {what}: {text} is not a valid {what}")))
        }
        other => Err(failed(&format!("error parsing {what}: {} is not a string", other.to_display()))),
    };
    list.to_vec().iter().map(read_one).collect()
}

fn request(args: &[Val]) -> Result<(GoStr, Vec<IpAddr>, Vec<String>, i64), FuncError> {
    let addresses = names(args.get(1), "ip", |text| text.parse().ok())?;
    let hosts = names(args.get(2), "alternate dns name", |text| Some(text.to_string()))?;
    Ok((text(args, 0)?.clone(), addresses, hosts, days(args, 3)?))
}

fn gen_ca(ctx: &mut Ctx<'_>, args: &[Val]) -> Answer {
    let name = text(args, 0)?.to_text().into_owned();
    let key = key(ctx, args, 2)?;
    let request = CertificateRequest {
        name: &name,
        addresses: Vec::new(),
        hosts: Vec::new(),
        days: days(args, 1)?,
        authority: true,
    };
    certificate(ctx, &request, &key, None)
}

fn gen_self_signed(ctx: &mut Ctx<'_>, args: &[Val]) -> Answer {
    let (name, addresses, hosts, days) = request(args)?;
    let key = key(ctx, args, 4)?;
    let request = CertificateRequest { name: &name.to_text(), addresses, hosts, days, authority: false };
    certificate(ctx, &request, &key, None)
}

fn gen_signed(ctx: &mut Ctx<'_>, args: &[Val]) -> Answer {
    let (name, addresses, hosts, days) = request(args)?;
    let authority = args.get(4).and_then(Val::downcast::<Certificate>);
    let authority = authority.ok_or_else(|| FuncError::arguments("genSignedCert"))?;
    let (_, parent) =
        pem::decode(&authority.cert.to_text()).ok_or_else(|| failed("unable to decode certificate"))?;
    if !keys::is_certificate(&parent) {
        return Err(failed("error parsing certificate: decodedCert.Bytes: malformed certificate"));
    }
    let (label, bytes) = pem::decode(&authority.key.to_text())
        .ok_or_else(|| failed("parsing private key: no PEM data in input"))?;
    let signer =
        PrivateKey::parse(&label, &bytes).map_err(|why| failed(&format!("parsing private key: {why}")))?;
    let key = key(ctx, args, 5)?;
    let request = CertificateRequest { name: &name.to_text(), addresses, hosts, days, authority: false };
    let issuer = Issuer::new(&parent, &signer);
    let issuer = issuer.map_err(|why| failed(&format!("error creating certificate: {why}")))?;
    certificate(ctx, &request, &key, Some(issuer))
}

/// Makes and signs a certificate; without an issuer it signs itself.
fn certificate(
    ctx: &mut Ctx<'_>,
    request: &CertificateRequest<'_>,
    key: &PrivateKey,
    issuer: Option<Issuer<'_>>,
) -> Answer {
    let world = outside(ctx)?;
    let serial = world.random(16)?;
    let bytes = keys::certificate(request, key, issuer, serial, &world.now()).map_err(|why| failed(&why))?;
    let (label, key) = key.to_der().map_err(|why| failed(&why))?;
    Ok(Val::object(Certificate {
        cert: pem::encode("CERTIFICATE", &bytes).into(),
        key: pem::encode(label, &key).into(),
    }))
}

fn build_custom(_: &mut Ctx<'_>, args: &[Val]) -> Answer {
    let decode = |at: usize, what: &str| {
        STANDARD
            .decode(text(args, at)?.as_bytes())
            .map_err(|_| failed(&format!("unable to decode base64 {what}")))
            .map(GoStr::from)
    };
    let cert = decode(0, "certificate")?;
    let key = decode(1, "private key")?;
    let (_, bytes) = pem::decode(&cert.to_text()).ok_or_else(|| failed("unable to decode certificate"))?;
    if !keys::is_certificate(&bytes) {
        return Err(failed("error parsing certificate: decodedCert.Bytes: malformed certificate"));
    }
    let (label, bytes) = pem::decode(&key.to_text())
        .ok_or_else(|| failed("error parsing private key: no PEM data in input"))?;
    PrivateKey::parse(&label, &bytes).map_err(|why| failed(&format!("error parsing private key: {why}")))?;
    Ok(Val::object(Certificate { cert, key }))
}
