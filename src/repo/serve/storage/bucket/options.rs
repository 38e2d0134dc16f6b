//! Which bucket is served, and how its service is reached.
//!
//! Invariant: credentials come from the environment alone; an address with any in it is refused and not shown.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey};
use object_store::path::Path as Key;
use object_store::{BackoffConfig, RetryConfig};

use crate::sys::Host;

/// Longest time after which a request is tried once more.
const RETRY_TIME: Duration = Duration::from_secs(10);

/// The variables that credentials, region and address come from.
const VARIABLES: &[&str] = &[
    "AWS_ACCESS_KEY_ID",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_DEFAULT_REGION",
    "AWS_ENDPOINT_URL",
    "AWS_ENDPOINT_URL_S3",
    "AWS_REGION",
    "AWS_ROLE_ARN",
    "AWS_ROLE_SESSION_NAME",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
];

/// Which bucket, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BucketOptions {
    /// The name of the bucket.
    pub bucket: String,
    /// What stands before all keys, without a slash at its ends; empty for the whole bucket.
    pub prefix: String,
    /// URL of the service; that of AWS, or what the environment says, when there is none.
    pub endpoint: Option<String>,
    /// Region of the bucket; what the environment says when there is none.
    pub region: Option<String>,
}

impl BucketOptions {
    /// Reads `s3://BUCKET[/PREFIX]`.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(address: &str) -> Result<Self, String> {
        let rest = address
            .strip_prefix("s3://")
            .ok_or("the address of a bucket is s3://BUCKET or s3://BUCKET/PREFIX")?;
        let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
        let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '.' | '_');
        if bucket.len() < 3
            || bucket.len() > 63
            || !bucket.chars().all(fits)
            || !bucket.starts_with(char::is_alphanumeric)
        {
            return Err(format!("{bucket:?} is not the name of a bucket"));
        }
        let prefix = prefix.trim_end_matches('/');
        if !prefix.is_empty() && (prefix.starts_with('/') || Key::parse(prefix).is_err()) {
            return Err(format!("{prefix:?} cannot stand before the keys of a bucket"));
        }
        Ok(BucketOptions {
            bucket: bucket.to_string(),
            prefix: prefix.to_string(),
            endpoint: None,
            region: None,
        })
    }
}

impl fmt::Display for BucketOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let slash = if self.prefix.is_empty() { "" } else { "/" };
        write!(f, "s3://{}{slash}{}", self.bucket, self.prefix)
    }
}

/// The options and the environment as object_store takes them.
pub(super) fn builder(host: &Host, options: &BucketOptions) -> Result<AmazonS3Builder, String> {
    let mut builder = AmazonS3Builder::new()
        .with_bucket_name(&options.bucket)
        // One DELETE per object is what every service knows.
        .with_disable_bulk_delete(true)
        .with_retry(RetryConfig {
            backoff: BackoffConfig { max_backoff: Duration::from_secs(1), ..BackoffConfig::default() },
            max_retries: 2,
            retry_timeout: RETRY_TIME,
        });
    for name in VARIABLES {
        if let Some(value) = host.var(name).filter(|value| !value.is_empty()) {
            let key = AmazonS3ConfigKey::from_str(&name.to_lowercase()).map_err(|error| error.to_string())?;
            builder = builder.with_config(key, value);
        }
    }
    let endpoint = options.endpoint.as_deref().or_else(|| {
        ["AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"]
            .iter()
            .find_map(|name| host.var(name))
            .filter(|url| !url.is_empty())
    });
    if let Some(endpoint) = endpoint {
        let rest = endpoint.strip_prefix("http://").or_else(|| endpoint.strip_prefix("https://"));
        let rest = rest.ok_or("the endpoint is not an http:// or https:// URL")?;
        if rest.contains('@') {
            return Err("the endpoint has a user in it; credentials come from the environment".to_string());
        }
        builder = builder
            .with_config(AmazonS3ConfigKey::S3Endpoint, endpoint.trim_end_matches('/'))
            .with_allow_http(endpoint.starts_with("http://"));
    }
    if let Some(region) = &options.region {
        builder = builder.with_region(region);
    }
    Ok(builder)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_name_a_bucket_and_a_prefix() {
        for (address, bucket, prefix) in [
            ("s3://charts", "charts", ""),
            ("s3://charts/", "charts", ""),
            ("s3://my.charts-1/a/b/", "my.charts-1", "a/b"),
        ] {
            let options = BucketOptions::parse(address).unwrap();
            assert_eq!((options.bucket.as_str(), options.prefix.as_str()), (bucket, prefix), "{address}");
            assert_eq!(options.to_string(), address.trim_end_matches('/'));
        }
        for bad in [
            "s3://",
            "s3://a",
            "s3://Charts",
            "s3:charts",
            "s3://cha rts",
            "s3://charts/../x",
            "s3://charts//x",
            "s3://-charts",
            "s3://charts/a//b",
        ] {
            assert!(BucketOptions::parse(bad).is_err(), "{bad}");
        }
    }
}
