//! How a server wants to be told who asks, and how a token service is asked for what it wants: shared by registries and
//! repositories with an index.
//!
//! ```text
//! 401, WWW-Authenticate: Bearer realm=…,service=…,scope=… ─► challenge ─► token: GET or POST at the realm ─► the request again
//! ```
//!
//! Invariant: a token service gets credentials only as safely as the server that names it, and no error shows any.

mod answer;
pub mod challenge;
mod error;
mod fetch;
mod token;

pub use answer::{details, passing, retry_after};
pub use error::AuthError;
pub use fetch::get;
pub use token::{Login, PAUSES, TokenService, basic};
