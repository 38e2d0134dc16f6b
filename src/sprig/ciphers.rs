//! Passwords and ciphers.
//!
//! Invariant: salts and vectors come from the host; work that is slow on purpose is charged for.

use aes::Aes256;
use aes::cipher::block_padding::NoPadding;
use aes::cipher::{BlockModeDecrypt, BlockModeEncrypt, KeyIvInit};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::gotpl::{Ctx, Func, FuncError, GoStr, Type, Val};

use super::encoding::decode_base64;
use super::outside::outside;
use super::{Entry, entry};

type Answer = Result<Val, FuncError>;

const S: Type = Type::String;

/// Steps that one slow hash costs: a few hundred of them end a run.
const SLOW: u64 = 100_000;
/// Bytes of an AES block.
const BLOCK: usize = 16;

pub(super) static ENTRIES: &[Entry] = &[
    entry(
        Func::new("bcrypt", &[S], S, bcrypt),
        "The bcrypt hash of a password.",
        r#"{{ bcrypt "pw" | trunc 7 }} → $2a$10$"#,
    ),
    entry(
        Func::new("decryptAES", &[S, S], S, decrypt_aes),
        "The text that `encryptAES` hid with a key.",
        r#"{{ encryptAES "key" "text" | decryptAES "key" }} → text"#,
    ),
    entry(
        Func::new("derivePassword", &[Type::Uint32, S, S, S, S], S, derive_password),
        "The password of a counter, a template, a master password, a user and a site.",
        r#"{{ derivePassword 1 "pin" "p" "u" "s" }} → 2461"#,
    ),
    entry(
        Func::new("encryptAES", &[S, S], S, encrypt_aes),
        "The text hidden with a key (AES-256-CBC, in base64).",
        r#"{{ encryptAES "key" "text" | len }} → 44"#,
    ),
    entry(
        Func::new("htpasswd", &[S, S], S, htpasswd),
        "A line of an htpasswd file for a user and a password.",
        r#"{{ htpasswd "u" "pw" | trunc 9 }} → u:$2a$10$"#,
    ),
];

fn texts<const N: usize>(args: &[Val]) -> Result<[&GoStr; N], FuncError> {
    let texts: Option<Vec<&GoStr>> = args.iter().map(Val::as_str).collect();
    texts.and_then(|texts| texts.try_into().ok()).ok_or_else(|| FuncError::arguments("ciphers"))
}

fn hashed(ctx: &mut Ctx<'_>, password: &GoStr) -> Result<String, FuncError> {
    if password.len() > 72 {
        return Ok(
            "failed to encrypt string with bcrypt: bcrypt: password length exceeds 72 bytes".to_string()
        );
    }
    ctx.spend(SLOW)?;
    let salt = outside(ctx)?.random(16)?;
    let salt: [u8; 16] = salt.try_into().map_err(|_| FuncError::new("no salt"))?;
    match ::bcrypt::hash_with_salt(password.as_bytes(), 10, salt) {
        Ok(parts) => Ok(parts.format_for_version(::bcrypt::Version::TwoA)),
        Err(error) => Ok(format!("failed to encrypt string with bcrypt: {error}")),
    }
}

/// Whether a password has a bcrypt hash. What is no hash matches nothing. The comparison takes the same time wherever they
/// differ.
pub(crate) fn bcrypt_matches(password: &str, hash: &str) -> bool {
    ::bcrypt::verify(password, hash).unwrap_or(false)
}

fn bcrypt(ctx: &mut Ctx<'_>, args: &[Val]) -> Answer {
    let [password] = texts(args)?;
    hashed(ctx, password).map(Val::str)
}

fn htpasswd(ctx: &mut Ctx<'_>, args: &[Val]) -> Answer {
    let [user, password] = texts(args)?;
    let user = user.to_text();
    if user.contains(':') {
        return Ok(Val::str(format!("invalid username: {user}")));
    }
    Ok(Val::str(format!("{user}:{}", hashed(ctx, password)?)))
}

/// A key of 32 bytes: the text cut, or filled with zeros.
fn key(text: &GoStr) -> [u8; 32] {
    let mut key = [0; 32];
    for (place, byte) in key.iter_mut().zip(text.as_bytes()) {
        *place = *byte;
    }
    key
}

fn encrypt_aes(ctx: &mut Ctx<'_>, args: &[Val]) -> Answer {
    let [secret, text] = texts(args)?;
    if text.is_empty() {
        return Ok(Val::Str(GoStr::EMPTY));
    }
    ctx.allow_size(text.len().saturating_mul(2))?;
    let vector = outside(ctx)?.random(BLOCK)?;
    let vector: [u8; BLOCK] = vector.try_into().map_err(|_| FuncError::new("no initial vector"))?;
    let mut data = text.as_bytes().to_vec();
    let padding = BLOCK - data.len() % BLOCK;
    data.resize(data.len() + padding, padding as u8);
    let length = data.len();
    let failed = |_| FuncError::new("the text cannot be encrypted");
    let cipher = cbc::Encryptor::<Aes256>::new(&key(secret).into(), &vector.into());
    let encrypted = cipher.encrypt_padded::<NoPadding>(&mut data, length).map_err(failed)?;
    Ok(Val::str(STANDARD.encode([&vector[..], encrypted].concat())))
}

fn decrypt_aes(ctx: &mut Ctx<'_>, args: &[Val]) -> Answer {
    let [secret, text] = texts(args)?;
    if text.is_empty() {
        return Ok(Val::Str(GoStr::EMPTY));
    }
    ctx.spend(1 + text.len() as u64 / 64)?;
    let mut data = decode_base64(text.as_bytes()).map_err(FuncError::new)?;
    let length = data.len();
    if length < BLOCK {
        // Go makes room for what a text of that length can hold.
        let room = text.len() / 4 * 3;
        let text = format!("runtime error: slice bounds out of range [:{BLOCK}] with capacity {room}");
        return Err(FuncError::panic(text));
    }
    let mut vector = [0; BLOCK];
    vector.copy_from_slice(&data[..BLOCK]);
    let body = &mut data[BLOCK..];
    let cipher = cbc::Decryptor::<Aes256>::new(&key(secret).into(), &vector.into());
    let decrypted = cipher
        .decrypt_padded::<NoPadding>(body)
        .map_err(|_| FuncError::panic("crypto/cipher: input not full blocks"))?;
    let padding = decrypted.last().copied().map_or(0, usize::from);
    let end = decrypted.len().checked_sub(padding);
    let end = end.ok_or_else(|| FuncError::panic("runtime error: slice bounds out of range"))?;
    Ok(Val::Str(GoStr::from(&decrypted[..end])))
}

/// The letters of a password template.
fn letters(class: u8) -> &'static [u8] {
    match class {
        b'V' => b"AEIOU",
        b'C' => b"BCDFGHJKLMNPQRSTVWXYZ",
        b'v' => b"aeiou",
        b'c' => b"bcdfghjklmnpqrstvwxyz",
        b'A' => b"AEIOUBCDFGHJKLMNPQRSTVWXYZ",
        b'a' => b"AEIOUaeiouBCDFGHJKLMNPQRSTVWXYZbcdfghjklmnpqrstvwxyz",
        b'n' => b"0123456789",
        b'o' => b"@&%?,=[]_:-+*$#!'^~;()/.",
        _ => b"AEIOUaeiouBCDFGHJKLMNPQRSTVWXYZbcdfghjklmnpqrstvwxyz0123456789!@#$%^&*()",
    }
}

/// The templates of a kind of password, as the Master Password algorithm has them.
fn templates(kind: &str) -> Option<&'static [&'static str]> {
    Some(match kind {
        "maximum" => &["anoxxxxxxxxxxxxxxxxx", "axxxxxxxxxxxxxxxxxno"],
        "long" => &[
            "CvcvnoCvcvCvcv",
            "CvcvCvcvnoCvcv",
            "CvcvCvcvCvcvno",
            "CvccnoCvcvCvcv",
            "CvccCvcvnoCvcv",
            "CvccCvcvCvcvno",
            "CvcvnoCvccCvcv",
            "CvcvCvccnoCvcv",
            "CvcvCvccCvcvno",
            "CvcvnoCvcvCvcc",
            "CvcvCvcvnoCvcc",
            "CvcvCvcvCvccno",
            "CvccnoCvccCvcv",
            "CvccCvccnoCvcv",
            "CvccCvccCvcvno",
            "CvcvnoCvccCvcc",
            "CvcvCvccnoCvcc",
            "CvcvCvccCvccno",
            "CvccnoCvcvCvcc",
            "CvccCvcvnoCvcc",
            "CvccCvcvCvccno",
        ],
        "medium" => &["CvcnoCvc", "CvcCvcno"],
        "short" => &["Cvcn"],
        "basic" => &["aaanaaan", "aannaaan", "aaannaaa"],
        "pin" => &["nnnn"],
        _ => return None,
    })
}

/// What the algorithm puts before everything it hashes.
const SCOPE: &[u8] = b"com.lyndir.masterpassword";

fn length_and(text: &[u8]) -> Vec<u8> {
    [&(text.len() as u32).to_be_bytes()[..], text].concat()
}

fn derive_password(ctx: &mut Ctx<'_>, args: &[Val]) -> Answer {
    let [counter, rest @ ..] = args else { return Err(FuncError::arguments("derivePassword")) };
    let counter = counter.as_unsigned().ok_or_else(|| FuncError::arguments("derivePassword"))? as u32;
    let [kind, password, user, site] = texts(rest)?;
    let Some(templates) = templates(&kind.to_text()) else {
        return Ok(Val::str(format!("cannot find password template {kind}")));
    };
    ctx.spend(SLOW)?;
    let failed = || FuncError::new("failed to derive password");
    let salt = [SCOPE, &length_and(user.as_bytes())].concat();
    let mut master = [0; 64];
    let parameters = scrypt::Params::new(15, 8, 2).map_err(|_| failed())?;
    scrypt::scrypt(password.as_bytes(), &salt, &parameters, &mut master).map_err(|_| failed())?;
    let mut mac = Hmac::<Sha256>::new_from_slice(&master).map_err(|_| failed())?;
    mac.update(&[SCOPE, &length_and(site.as_bytes()), &counter.to_be_bytes()[..]].concat());
    let seed = mac.finalize().into_bytes();
    let mut seed = seed.iter().map(|byte| usize::from(*byte));
    let template = templates[seed.next().unwrap_or(0) % templates.len()];
    let password = template.bytes().zip(seed).map(|(class, byte)| {
        let letters = letters(class);
        char::from(letters[byte % letters.len()])
    });
    Ok(Val::str(password.collect::<String>()))
}
