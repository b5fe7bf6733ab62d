//! The HTTP contract: the route table, its handlers, and failures as problem+json.
//!
//! Sees the domains and the workflows; knows no adapter: no SQL, Redis, Daily.co or configuration.
//! A handler is four lines: proof, call, convert, answer. Everything else stands in one place each:
//!
//! * [`Route`] declares an operation with its roles, audit class and rate limit; a row without one
//!   of them does not compile, and [`RouteTable`] is the only place that registers routes.
//! * the pipeline (`pipeline.rs`) is what every request goes through: request id, bearer, principal,
//!   role, rate limit, input, handler, audit, answer. Nothing leaves that the audit does not know.
//! * `once.rs` does what makes something once for each `Idempotency-Key`: a route has it by its
//!   output, no handler knows of it.
//! * [`Problem`] is every refusal and failure; `failure.rs` alone turns what services say into one.
//!
//! # How to add an operation
//! Write its wire types in `wire/`, its handler and its [`Declared`] row in `routes/`, and accept
//! the new contract (`INSTA_UPDATE=always cargo test -p restartix-http-api`).
//!
//! Why these crates: `utoipa` makes the OpenAPI document from the types that are on the wire;
//! `utoipa-swagger-ui` carries its page inside (`vendored`), so that it loads nothing from outside;
//! `metrics` is a facade that knows no exporter; `futures-util` and
//! `futures-channel` bound, guard and feed handlers without a runtime.

mod answer;
mod api;
mod failure;
mod input;
pub mod insights;
#[cfg(feature = "mutants")]
mod mutants;
mod network;
mod once;
mod openapi;
mod output;
mod pipeline;
mod problem;
mod route;
mod routes;
mod sketch;
mod table;
mod vitals;
pub mod wire;

/// What a page says of its answer, so that it needs no HTTP library of its own.
pub use actix_web::http::{StatusCode, header};
pub use api::{
    Api, Config, Dependency, Health, JoinCodes, KnownClients, MetricsText, RoomNames, State,
};
pub use input::{
    AppointmentsQuery, Body, DeliveriesQuery, FeedQuery, GroupBy, IfMatch, Input, InsightFormat,
    InsightQuery, PageQuery, Parts, PathId, PathText, ProgramsQuery, PublicId, Slots, Upload,
};
pub use network::{Network, NetworkError};
pub use output::{Accepted, Created, Document, NoContent, Output, Rendered, Reply, Settling, View};
pub use problem::{FieldError, Kind, Problem};
pub use route::{
    AuditClass, Declared, Member, Open, Refusal, Roles, Route, SESSION_COOKIE, SignedIn, Verb,
};
pub use sketch::Sketch;
pub use table::RouteTable;
pub use vitals::vitals;
