use actix_web::HttpRequest;
use actix_web::http::header;
use serde::de::DeserializeOwned;
use serde_json::Value;
use utoipa::ToSchema;

use super::node::Node;
use super::{Input, Parts};
use crate::{Kind, Problem, Sketch};

/// A JSON body.
#[derive(Debug)]
pub struct Body<T>(pub T);

impl<T: DeserializeOwned + ToSchema> Input for Body<T> {
    const READS_BODY: bool = true;

    fn parse(request: &Parts<'_>) -> Result<Self, Problem> {
        let value: Value = serde_json::from_slice(&request.body)
            .map_err(|error| Problem::from(Kind::MALFORMED_JSON).because(error))?;
        Ok(Self(T::deserialize(Node::new(value))?))
    }

    fn describe(sketch: &mut Sketch) {
        sketch.takes::<T>();
    }
}

/// Refuses a body that does not say that it is JSON, or where that is taken a form.
pub(super) fn check_type(request: &HttpRequest, form: bool) -> Result<(), Problem> {
    let header = request.headers().get(header::CONTENT_TYPE);
    let kind = header.and_then(|value| value.to_str().ok()).unwrap_or_default();
    let essence = kind.split(';').next().unwrap_or_default().trim();
    let wanted = if form { "application/x-www-form-urlencoded" } else { "application/json" };
    if essence.eq_ignore_ascii_case(wanted) {
        return Ok(());
    }
    Err(Kind::UNSUPPORTED_MEDIA_TYPE.into())
}
