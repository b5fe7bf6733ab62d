//! The rows of the route table, by domain.

mod api_clients;
mod appointment_types;
mod appointments;
mod audit_events;
mod availability;
mod closures;
mod docs;
mod exceptions;
mod files;
mod holds;
mod insights;
mod integrations;
mod me;
mod memberships;
pub(crate) mod operations;
mod organization;
mod people;
mod programs;
mod recordings;
mod rehab;
mod specialists;
mod webhook_deliveries;
mod webhook_endpoints;
mod webhook_events;

use crate::Route;

/// Every route of the API.
pub(crate) fn all() -> Vec<Route> {
    [
        operations::routes(),
        docs::routes(),
        me::routes(),
        organization::routes(),
        people::routes(),
        memberships::routes(),
        appointment_types::routes(),
        specialists::routes(),
        closures::routes(),
        exceptions::routes(),
        availability::routes(),
        holds::routes(),
        appointments::routes(),
        recordings::routes(),
        files::routes(),
        integrations::routes(),
        programs::routes(),
        rehab::routes(),
        insights::routes(),
        audit_events::routes(),
        api_clients::routes(),
        webhook_endpoints::routes(),
        webhook_deliveries::routes(),
        webhook_events::routes(),
    ]
    .into_iter()
    .flatten()
    .collect()
}
