use restartix_kernel::ExposeSecret;
use restartix_tenancy::{ApiClient, Personal, Scopes};
use restartix_workflows::{ClientDraft, Failure, ShownClient};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{ApiClientKey, Id, Instant, invalid};
use crate::View;

/// A program of the organisation's own.
#[derive(Debug, Serialize, ToSchema)]
pub struct ApiClientView {
    /// Its `client_id`.
    id: ApiClientKey,
    name: String,
    scopes: Vec<&'static str>,
    created_at: Instant,
}

/// A program with its secret, which is shown this once.
#[derive(Serialize, ToSchema)]
pub struct ShownApiClientView {
    #[serde(flatten)]
    client: ApiClientView,
    /// Its `client_secret`.
    secret: String,
}

/// The programs of an organisation: there are 20 at most.
#[derive(Debug, Serialize, ToSchema)]
pub struct ApiClientListView {
    items: Vec<ApiClientView>,
    next_cursor: Option<String>,
}

/// A program to be.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ApiClientBody {
    name: String,
    /// One or more of `appointments:read`, `files:read`, `programs:read`, `memberships:read`,
    /// `webhooks:read`.
    #[schema(min_items = 1, example = json!(["appointments:read"]))]
    scopes: Vec<String>,
}

impl View for ApiClientView {}

impl View for ShownApiClientView {
    const SHOWN_ONCE: &'static [&'static str] = &["secret"];

    fn resource(&self) -> Option<String> {
        Some(self.client.id.to_string())
    }
}

impl View for ApiClientListView {}

impl From<ApiClient> for ApiClientView {
    fn from(client: ApiClient) -> Self {
        Self {
            id: Id(client.id),
            name: client.name.expose().to_owned(),
            scopes: client.scopes.names(),
            created_at: client.created_at.into(),
        }
    }
}

impl From<Vec<ApiClient>> for ApiClientListView {
    fn from(clients: Vec<ApiClient>) -> Self {
        Self { items: clients.into_iter().map(Into::into).collect(), next_cursor: None }
    }
}

impl From<ShownClient> for ShownApiClientView {
    fn from(shown: ShownClient) -> Self {
        let secret = shown.secret.expose_secret().to_owned();
        Self { client: shown.client.into(), secret }
    }
}

impl TryFrom<ApiClientBody> for ClientDraft {
    type Error = Failure;

    fn try_from(body: ApiClientBody) -> Result<Self, Failure> {
        let scopes = Scopes::parse(body.scopes.iter().map(String::as_str));
        let scopes = scopes.ok().filter(|scopes| !scopes.is_empty());
        Ok(Self {
            name: Personal::new(&body.name).map_err(|_| invalid("/name", "out_of_range"))?,
            scopes: scopes.ok_or(invalid("/scopes", "unknown_scope"))?,
        })
    }
}
