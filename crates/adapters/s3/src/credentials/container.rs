use std::path::Path;

use hyper::header::AUTHORIZATION;
use hyper::{Body, Request};
use restartix_kernel::{ExposeSecret, Secret};

use super::source::Authorization;
use super::{Credentials, CredentialsError, document};
use crate::http::Http;

/// Asks the container's agent.
pub(super) async fn fetch(
    http: &Http,
    url: &str,
    authorization: &Authorization,
) -> Result<Credentials, CredentialsError> {
    let mut request = Request::get(url);
    let token = match authorization {
        Authorization::None => None,
        Authorization::Token(token) => Some(token.clone()),
        Authorization::File(file) => Some(read(file).await?),
    };
    if let Some(token) = token {
        request = request.header(AUTHORIZATION, token.expose_secret());
    }
    let request = request.body(Body::empty()).map_err(|_| CredentialsError::Answer)?;
    document::parse(&super::instance::ask(http, request).await?)
}

async fn read(file: &Path) -> Result<Secret, CredentialsError> {
    let text = super::profile::content(file).await?;
    Ok(Secret::from(text.trim()))
}
