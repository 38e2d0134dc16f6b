//! `/token`: the token service of a registry, for this server and for others.
//!
//! | request | who asks |
//! |---|---|
//! | GET `/token?service=S&scope=A&scope=B[&offline_token=true]` | the user of Basic auth, or nobody |
//! | POST, a form with `grant_type=password`, `username`, `password` | that user |
//! | POST, a form with `grant_type=refresh_token`, `refresh_token` | the user that the token was given to |
//!
//! A form has `service`, `scope` (several apart by a space) and `access_type=offline` for a refresh token. The answer has
//! `token` and `access_token` (the same), `expires_in`, `issued_at` and maybe `refresh_token`. A token gives access to as
//! much of what was asked for as its user may do; to find out that this is too little is the registry's matter.
//! Source: the distribution project's token specification, both of its forms.
//!
//! Invariant: nobody gets a token for more than the same person could do with the password.

use std::net::IpAddr;

use serde_json::json;

use super::access::{Access, Given};
use super::body::{Body, status_of};
use super::issuer::Issuer;
use super::reply::Reply;
use super::request::{Head, Method, pairs};
use super::scopes::Scope;
use crate::data::time::{Time, Zone};
use crate::sys::Secret;

/// Largest form, in bytes.
const FORM_LIMIT: usize = 32 << 10;
/// Most scopes of one request.
const MOST_SCOPES: usize = 64;
/// Most characters of all scopes together: a token has to fit into a header.
const LONGEST_SCOPES: usize = 4 << 10;

/// What is asked for.
struct Asked {
    service: Option<String>,
    scopes: Vec<Scope>,
    /// Whether a refresh token is wanted.
    offline: bool,
    grant: Grant,
}

/// By whom.
enum Grant {
    Given(Given),
    Refresh(Secret),
}

/// The answer to a request for `/token`.
pub(super) fn answer(
    access: &Access,
    issuer: &Issuer,
    peer: IpAddr,
    head: &Head,
    body: &mut Body<'_>,
) -> Reply {
    let asked = match head.method {
        Method::Get | Method::Head => Ok(by_query(head)),
        Method::Post => by_form(head, body),
        _ => return Reply::error(405).with("Allow", "GET, HEAD, POST"),
    };
    let done = asked.and_then(|asked| {
        check(&asked.scopes)?;
        grant(access, issuer, peer, &asked)
    });
    done.unwrap_or_else(|refusal| refusal).with("Cache-Control", "no-store")
}

fn by_query(head: &Head) -> Asked {
    Asked {
        service: head.query("service").map(str::to_string),
        scopes: head.queries("scope").flat_map(scopes).collect(),
        offline: head.query("offline_token") == Some("true"),
        grant: Grant::Given(Given::of(head)),
    }
}

fn by_form(head: &Head, body: &mut Body<'_>) -> Result<Asked, Reply> {
    let kind = head.header("content-type").unwrap_or_default();
    if !kind.split(';').next().unwrap_or("").trim().eq_ignore_ascii_case("application/x-www-form-urlencoded")
    {
        return Err(refused(415, "invalid_request", "a form is expected: application/x-www-form-urlencoded"));
    }
    let bytes = body
        .read_small(FORM_LIMIT)
        .map_err(|error| refused(status_of(&error), "invalid_request", "the form cannot be read"))?;
    let text = Secret::new(String::from_utf8(bytes).unwrap_or_default());
    let fields: Vec<(String, Secret)> =
        pairs(text.reveal()).into_iter().map(|(name, value)| (name, Secret::new(value))).collect();
    let field = |name: &str| fields.iter().find(|(key, _)| key == name).map(|(_, value)| value);
    let given = |name: &str| field(name).map(Secret::reveal).unwrap_or_default();
    let grant = match given("grant_type") {
        "password" => {
            Grant::Given(Given::Password(given("username").to_string(), Secret::new(given("password"))))
        }
        "refresh_token" => Grant::Refresh(Secret::new(given("refresh_token"))),
        _ => {
            return Err(refused(
                400,
                "unsupported_grant_type",
                "the grant type is to be password or refresh_token",
            ));
        }
    };
    Ok(Asked {
        service: field("service").map(|value| value.reveal().to_string()),
        scopes: fields
            .iter()
            .filter(|(name, _)| name == "scope")
            .flat_map(|(_, value)| scopes(value.reveal()))
            .collect(),
        offline: given("access_type") == "offline",
        grant,
    })
}

/// The scopes of a list. What cannot be read is left out: it gives access to nothing.
fn scopes(list: &str) -> impl Iterator<Item = Scope> {
    list.split(' ').filter_map(Scope::parse)
}

fn check(scopes: &[Scope]) -> Result<(), Reply> {
    let length: usize = scopes.iter().map(|scope| scope.to_string().len()).sum();
    if scopes.len() > MOST_SCOPES || length > LONGEST_SCOPES {
        return Err(refused(400, "invalid_scope", "too much is asked for at once"));
    }
    Ok(())
}

/// Finds out who asks, and gives what they may have.
fn grant(access: &Access, issuer: &Issuer, peer: IpAddr, asked: &Asked) -> Result<Reply, Reply> {
    let Some(service) = issuer.service(asked.service.as_deref()) else {
        return Err(refused(400, "invalid_request", "no tokens are given for this service"));
    };
    let user = match &asked.grant {
        Grant::Given(given) => access.user(given, peer).map_err(|refusal| match refusal.status {
            401 => wrong(&asked.grant),
            _ => refusal,
        })?,
        Grant::Refresh(token) => {
            let (user, state) =
                issuer.refreshed(token.reveal(), service).ok_or_else(|| wrong(&asked.grant))?;
            // A user who is gone or has another password has to say so anew.
            let is_same = access.state(&user).is_some_and(|now| now == state);
            Some(if is_same { user } else { return Err(wrong(&asked.grant)) })
        }
    };
    if user.is_none() && !access.has_open() {
        return Err(wrong(&asked.grant));
    }
    let own = issuer.is_own(service);
    let granted: Vec<Scope> =
        asked.scopes.iter().filter_map(|scope| access.granted(user.as_deref(), scope, own)).collect();
    let failed = |_: String| refused(500, "server_error", "no token can be made");
    let made = issuer.token(user.as_deref().unwrap_or(""), service, &granted).map_err(failed)?;
    let issued = Time::from_unix(made.issued, 0, Zone::Utc).rfc3339_nano();
    let mut answer = json!({
        "token": made.token, "access_token": made.token, "expires_in": made.lifetime, "issued_at": issued,
    });
    if let Some((user, state)) = user.filter(|_| asked.offline).and_then(|user| {
        let state = access.state(&user)?;
        Some((user, state))
    }) {
        answer["refresh_token"] = json!(issuer.refresh_token(&user, &state, service).map_err(failed)?);
    }
    Ok(Reply::json(200, &answer))
}

/// Who asks is not who they say.
fn wrong(grant: &Grant) -> Reply {
    match grant {
        Grant::Refresh(_) => refused(401, "invalid_grant", "the refresh token is not valid any more"),
        Grant::Given(Given::Nobody) => {
            refused(401, "invalid_grant", "tell who you are").with("WWW-Authenticate", super::access::BASIC)
        }
        Grant::Given(_) => refused(401, "invalid_grant", "user or password is wrong")
            .with("WWW-Authenticate", super::access::BASIC),
    }
}

/// A refusal in both forms: as registries say it, and as OAuth 2 does.
fn refused(status: u16, code: &str, message: &str) -> Reply {
    let name = if status == 401 { "UNAUTHORIZED" } else { "DENIED" };
    Reply::json(
        status,
        &json!({ "errors": [{ "code": name, "message": message }], "error": code, "error_description": message }),
    )
}
